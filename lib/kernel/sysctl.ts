/**
 * /proc/sys/vm: the settings of memory management, one table.
 *
 *   { procname: "swappiness", mode: 0o644, field: "swappiness", min: 0, max: 200, effect: "..." }
 *
 *   write "80\n" --> procVec (kstrtox.ts): numbers in the range? --> sys.sysctl.swappiness = 80 --> changed()
 *   read         <-- the numbers, tabs between them
 *
 * `effect` says what a setting does on this machine today. Most do what Linux does; those that belong to
 * something that the machine does not have yet are kept as written, in Linux's range, and the line says from
 * which lab on they count.
 *
 * Procfs only opens and spells; whatever a setting means is here and in lib/mm.
 *
 * Linux kernel/sysctl.c and the ctl_tables of mm/. Read first: mm/vm_sysctl.ts, kstrtox.ts.
 * Read next: procfs/setting_files.ts.
 */

import { dropCaches } from "../fs/drop_caches.js";
import type { Inode } from "../fs/inode.js";
import { PAGE_SIZE } from "../hw/address.js";
import { compactNodes, triggerProactiveCompaction } from "../mm/compaction/kcompactd.js";
import { EINVAL, EPERM, ERANGE } from "../mm/errno.js";
import type { Hstate } from "../mm/hugetlb/hstate.js";
import { setMaxHugePages } from "../mm/hugetlb/max_huge_pages.js";
import { HZ } from "../mm/jiffies.js";
import { writebackSetRatelimit } from "../mm/lru/dirty_limits.js";
import type { Folio } from "../mm/pages/folio.js";
import { zonePcpUpdate } from "../mm/pages/per_cpu_pages.js";
import { setupPerZoneLowmemReserve, setupPerZoneWmarks } from "../mm/pages/wmark.js";
import { CAP_SYS_ADMIN, CAP_SYS_RAWIO, type MemorySystem } from "../mm/system.js";
import type { VmSysctl, VmSysctlNumber } from "../mm/vm_sysctl.js";
import { intBetween, procVec, ulongBetween } from "./kstrtox.js";

/** What a setting may need when it changes. */
export interface SysctlContext {
  readonly sys: MemorySystem;
  /** Every file that is in use. */
  inodes(): Iterable<Inode>;
}

/** One file of /proc/sys/vm. Linux include/linux/sysctl.h:struct ctl_table */
export interface CtlTable {
  readonly procname: string;
  readonly mode: number;
  /** What it does on this machine today. */
  readonly effect: string;
  /** What reading shows, without the newline. Not called where the mode forbids reading. */
  show(sys: MemorySystem): string;
  /** Takes a written text: characters used up, or a negative errno. */
  store(context: SysctlContext, text: string): number;
}

const INT_MAX = 2 ** 31 - 1;
/** More dirty pages cannot be counted. Linux mm/page-writeback.c:dirty_bytes_handler() */
const MAX_DIRTY_BYTES = (2 ** 32 - 1) * PAGE_SIZE;

/** A CPU keeps at most this part of a zone. Linux MIN_PERCPU_PAGELIST_HIGH_FRACTION */
const LEAST_HIGH_FRACTION = 8;

const NOW = "in effect";
const FROM_08 = "kept; no effect before the OOM killer comes with lab 08";
const FROM_10 = "kept; no effect before lab 10, allocators";
const noEffect = (why: string): string => `kept; no effect: ${why}`;

/** How one number is read and kept. */
interface NumberOptions {
  readonly mode?: number;
  readonly min?: number;
  readonly max?: number;
  /** Capability without which a write is refused with EPERM. */
  readonly cap?: number;
  readonly effect?: string;
  /** The value was set; may refuse it, then `old` comes back. 0 or a negative errno. */
  changed?(context: SysctlContext, sysctl: VmSysctl, old: number): number;
}

/** A setting that is one number, checked by `convert`. */
function numberTable(
  procname: string,
  field: VmSysctlNumber,
  convert: (value: bigint) => number | undefined,
  options: NumberOptions,
): CtlTable {
  return {
    procname,
    mode: options.mode ?? 0o644,
    effect: options.effect ?? NOW,
    show: (sys) => String(sys.sysctl[field]),
    store(context, text) {
      const { sys } = context;
      if (options.cap !== undefined && !sys.capable(options.cap)) return -EPERM;
      if (text === "") return 0;
      const { values, taken, error } = procVec(text, 1, convert);
      if (error !== 0) return error;
      const old = sys.sysctl[field];
      sys.sysctl[field] = values[0]!;
      const refused = options.changed?.(context, sys.sysctl, old) ?? 0;
      if (refused < 0) sys.sysctl[field] = old;
      return refused < 0 ? refused : taken;
    },
  };
}

/** Linux kernel/sysctl.c:proc_dointvec_minmax() */
function int(procname: string, field: VmSysctlNumber, options: NumberOptions = {}): CtlTable {
  return numberTable(procname, field, intBetween(options.min, options.max), options);
}

/** Linux kernel/sysctl.c:proc_doulongvec_minmax() */
function ulong(procname: string, field: VmSysctlNumber, options: NumberOptions = {}): CtlTable {
  return numberTable(procname, field, ulongBetween(options.min, options.max), options);
}

/** A time in seconds. Linux kernel/sysctl.c:proc_dointvec_jiffies() */
function jiffies(procname: string, field: VmSysctlNumber, effect: string): CtlTable {
  const most = Math.floor(INT_MAX / HZ); // seconds are kept in ticks, which must fit an int
  return int(procname, field, { min: -most, max: most, effect });
}

/** Setting one of the pair makes the other 0. */
function clears(other: VmSysctlNumber): NumberOptions["changed"] {
  return (_context, sysctl) => {
    sysctl[other] = 0;
    return 0;
  };
}

/** Linux mm/util.c:util_sysctl_table, mm/mmap.c:mmap_table, security/min_addr.c */
const mapping: readonly CtlTable[] = [
  int("overcommit_memory", "overcommitMemory", { min: 0, max: 2 }),
  int("overcommit_ratio", "overcommitRatio", { changed: clears("overcommitKbytes") }),
  ulong("overcommit_kbytes", "overcommitKbytes", { changed: clears("overcommitRatio") }),
  ulong("user_reserve_kbytes", "userReserveKbytes"),
  ulong("admin_reserve_kbytes", "adminReserveKbytes"),
  int("max_map_count", "maxMapCount", { min: 0 }),
  ulong("mmap_min_addr", "mmapMinAddr", { cap: CAP_SYS_RAWIO }),
  int("legacy_va_layout", "legacyVaLayout", { min: 0, effect: noEffect("mmap always fills from the top") }),
  int("mmap_rnd_bits", "mmapRndBits", {
    mode: 0o600,
    min: 28,
    max: 32,
    effect: noEffect("addresses are the same in every run"),
  }),
  int("mmap_rnd_compat_bits", "mmapRndCompatBits", {
    mode: 0o600,
    min: 8,
    max: 16,
    effect: noEffect("there are no 32-bit programs"),
  }),
  int("memfd_noexec", "memfdNoexec", {
    min: 0,
    max: 2,
    cap: CAP_SYS_ADMIN,
    effect: noEffect("files have no execute bit"),
  }),
  int("unprivileged_userfaultfd", "unprivilegedUserfaultfd", {
    min: 0,
    max: 1,
    effect: noEffect("there is no userfaultfd"),
  }),
];

/**
 * Some numbers are set and others wrong: those that were read count, and the write succeeds.
 * Linux mm/page_alloc.c:lowmem_reserve_ratio_sysctl_handler()
 */
const lowmemReserveRatio: CtlTable = {
  procname: "lowmem_reserve_ratio",
  mode: 0o644,
  effect: NOW,
  show: (sys) => sys.sysctl.lowmemReserveRatio.join("\t"),
  store({ sys }, text) {
    const ratios = sys.sysctl.lowmemReserveRatio;
    const { values, taken } = procVec(text, ratios.length, intBetween());
    values.forEach((value, i) => {
      ratios[i] = Math.max(0, value);
    });
    setupPerZoneLowmemReserve(sys);
    return values.length === 0 ? text.length : taken;
  },
};

/** The order of zonelists was once a choice. Linux mm/page_alloc.c:numa_zonelist_order_handler() */
const numaZonelistOrder: CtlTable = {
  procname: "numa_zonelist_order",
  mode: 0o644,
  effect: "always Node, as in Linux: a write that asks for it is taken, any other refused",
  show: () => "Node",
  store: (_context, text) => (/^[dDnN]/.test(text) ? text.length : -EINVAL),
};

/** Linux mm/page_alloc.c:page_alloc_sysctl_table */
const pageAlloc: readonly CtlTable[] = [
  int("min_free_kbytes", "minFreeKbytes", {
    min: 0,
    changed({ sys }, sysctl) {
      sys.userMinFreeKbytes = sysctl.minFreeKbytes;
      setupPerZoneWmarks(sys);
      return 0;
    },
  }),
  int("watermark_scale_factor", "watermarkScaleFactor", {
    min: 1,
    max: 3000,
    changed({ sys }) {
      setupPerZoneWmarks(sys);
      return 0;
    },
  }),
  int("watermark_boost_factor", "watermarkBoostFactor", { min: 0 }),
  int("defrag_mode", "defragMode", { min: 0, max: 1, effect: FROM_10 }),
  int("percpu_pagelist_high_fraction", "percpuPagelistHighFraction", {
    min: 0,
    changed({ sys }, { percpuPagelistHighFraction: value }) {
      if (value > 0 && value < LEAST_HIGH_FRACTION) return -EINVAL;
      for (const zone of sys.zones) zonePcpUpdate(zone, value);
      return 0;
    },
  }),
  lowmemReserveRatio,
  numaZonelistOrder,
  int("min_unmapped_ratio", "minUnmappedRatio", { min: 0, max: 100, effect: noEffect("there is one node") }),
  int("min_slab_ratio", "minSlabRatio", { min: 0, max: 100, effect: noEffect("there is one node") }),
  int("zone_reclaim_mode", "zoneReclaimMode", { min: 0, effect: noEffect("there is one node") }),
  int("numa_stat", "numaStat", { min: 0, max: 1, effect: noEffect("there is one node") }),
];

/** Linux mm/page-writeback.c:vm_page_writeback_sysctls, fs/fs-writeback.c */
const writeback: readonly CtlTable[] = [
  int("dirty_background_ratio", "dirtyBackgroundRatio", {
    min: 0,
    max: 100,
    changed: clears("dirtyBackgroundBytes"),
  }),
  ulong("dirty_background_bytes", "dirtyBackgroundBytes", {
    min: 1,
    changed(_context, sysctl) {
      if (sysctl.dirtyBackgroundBytes > MAX_DIRTY_BYTES) return -ERANGE;
      sysctl.dirtyBackgroundRatio = 0;
      return 0;
    },
  }),
  int("dirty_ratio", "dirtyRatio", {
    min: 0,
    max: 100,
    changed({ sys }, sysctl, old) {
      if (sysctl.dirtyRatio === old) return 0;
      sysctl.dirtyBytes = 0;
      writebackSetRatelimit(sys);
      return 0;
    },
  }),
  ulong("dirty_bytes", "dirtyBytes", {
    min: 8192,
    changed({ sys }, sysctl, old) {
      if (sysctl.dirtyBytes === old) return 0;
      if (sysctl.dirtyBytes > MAX_DIRTY_BYTES) return -ERANGE;
      writebackSetRatelimit(sys);
      sysctl.dirtyRatio = 0;
      return 0;
    },
  }),
  int("dirty_expire_centisecs", "dirtyExpireCentisecs", { min: 0 }),
  int("dirty_writeback_centisecs", "dirtyWritebackCentisecs", {
    changed({ sys }, { dirtyWritebackCentisecs: value }, old) {
      if (value !== 0 && value !== old) sys.vfs.wakeupFlusherThreads?.("periodic");
      return 0;
    },
  }),
  int("dirtytime_expire_seconds", "dirtytimeExpireSeconds", {
    min: 0,
    effect: noEffect("no timestamp is written later than its file"),
  }),
  jiffies("laptop_mode", "laptopMode", NOW),
  int("page_lock_unfairness", "pageLockUnfairness", {
    min: 0,
    effect: noEffect("nobody waits for a page lock"),
  }),
  int("vfs_cache_pressure", "vfsCachePressure", { min: 0, effect: FROM_10 }),
  int("vfs_cache_pressure_denom", "vfsCachePressureDenom", { min: 100, effect: FROM_10 }),
  int("drop_caches", "dropCaches", {
    mode: 0o200,
    min: 1,
    max: 4,
    changed(context, sysctl) {
      dropCaches(context.sys, context.inodes(), sysctl.dropCaches);
      return 0;
    },
  }),
];

/** Linux mm/compaction.c:vm_compaction */
const compaction: readonly CtlTable[] = [
  int("compact_memory", "compactMemory", {
    mode: 0o200,
    effect: "in effect: 1 compacts all zones, in the time of who writes it; anything else is refused",
    changed({ sys }, { compactMemory }) {
      if (compactMemory !== 1) return -EINVAL;
      compactNodes(sys);
      return 0;
    },
  }),
  int("compaction_proactiveness", "compactionProactiveness", {
    min: 0,
    max: 100,
    changed({ sys }) {
      triggerProactiveCompaction(sys);
      return 0;
    },
  }),
  int("extfrag_threshold", "extfragThreshold", { min: 0, max: 1000 }),
  int("compact_unevictable_allowed", "compactUnevictableAllowed", { min: 0, max: 1 }),
];

/**
 * A setting of the pool of 2 MiB pages. Linux mm/hugetlb.c:hugetlb_sysctl_handler(),
 * hugetlb_overcommit_handler()
 */
function poolTable(
  procname: string,
  show: (h: Hstate<Folio>) => number,
  store: (sys: MemorySystem, h: Hstate<Folio>, value: number) => void,
): CtlTable {
  return {
    procname,
    mode: 0o644,
    effect: NOW,
    show: (sys) => String(show(sys.hugetlb.defaultHstate)),
    store({ sys }, text) {
      if (text === "") return 0;
      const { values, taken, error } = procVec(text, 1, ulongBetween());
      if (error !== 0) return error;
      store(sys, sys.hugetlb.defaultHstate, values[0]!);
      return taken;
    },
  };
}

/** Linux mm/vmscan.c, mm/swap.c, mm/oom_kill.c, mm/hugetlb.c */
const reclaim: readonly CtlTable[] = [
  int("swappiness", "swappiness", { min: 0, max: 200 }),
  int("page-cluster", "pageCluster", { min: 0, max: 31 }),
  int("panic_on_oom", "panicOnOom", { min: 0, max: 2, effect: FROM_08 }),
  int("oom_kill_allocating_task", "oomKillAllocatingTask", { effect: FROM_08 }),
  int("oom_dump_tasks", "oomDumpTasks", { effect: FROM_08 }),
  ...compaction,
  ...["nr_hugepages", "nr_hugepages_mempolicy"].map((name) =>
    poolTable(name, (h) => h.maxHugePages, setMaxHugePages),
  ),
  poolTable(
    "nr_overcommit_hugepages",
    (h) => h.nrOvercommitHugePages,
    (_sys, h, value) => {
      h.nrOvercommitHugePages = value;
    },
  ),
  int("hugetlb_shm_group", "hugetlbShmGroup", { effect: noEffect("there is no shmget") }),
  int("hugetlb_optimize_vmemmap", "hugetlbOptimizeVmemmap", {
    effect: noEffect("page structs of huge pages are kept"),
    changed(_context, sysctl) {
      sysctl.hugetlbOptimizeVmemmap = Math.min(1, Math.abs(sysctl.hugetlbOptimizeVmemmap));
      return 0;
    },
  }),
  jiffies("stat_interval", "statInterval", noEffect("the counters are always exact")),
];

/**
 * Reading and writing it both bring the counters up to date, which they are.
 * Linux mm/vmstat.c:vmstat_refresh()
 */
const statRefresh: CtlTable = {
  procname: "stat_refresh",
  mode: 0o600,
  effect: "nothing to be done: the counters are always exact",
  show: () => "",
  store: (_context, text) => text.length,
};

/** All files of /proc/sys/vm, by name. */
export const vmTable: ReadonlyMap<string, CtlTable> = new Map(
  [...mapping, ...pageAlloc, ...writeback, ...reclaim, statRefresh]
    .sort((a, b) => (a.procname < b.procname ? -1 : 1))
    .map((table) => [table.procname, table]),
);
