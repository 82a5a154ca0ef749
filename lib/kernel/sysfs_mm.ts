/**
 * /sys/kernel/mm: the settings of huge pages, of merging equal pages and of the LRU by generation, one table.
 *
 *   transparent_hugepage/enabled   always [madvise] never      a choice of words; the one in brackets holds
 *   transparent_hugepage/defrag    ...
 *   transparent_hugepage/khugepaged/pages_to_scan   4096       a number
 *   hugepages/hugepages-2048kB/nr_hugepages         0
 *   ksm/run                                         0
 *   lru_gen/enabled                                 0x0000            bits
 *   swap/vma_ra_enabled                             true
 *
 * No huge page is made and no pages are merged on this machine yet: huge pages come with lab 07. What is
 * written is checked and kept as Linux does, and decides what smaps says about THPeligible; apart from that
 * the machine behaves as one on which no memory is free for a huge page, which every program must be prepared
 * for. `effect` says so for each file.
 *
 * On a machine with less than 512 MiB of RAM transparent huge pages start switched off.
 *
 * Left out: damon, mempolicy, numa, 1 GiB pages, statistics of each size.
 *
 * Linux mm/huge_memory.c, mm/khugepaged.c, mm/shmem.c, mm/hugetlb.c, mm/ksm.c. Read first: kstrtox.ts.
 * Read next: procfs/setting_files.ts.
 */
import { PMD_SIZE } from "../hw/address.js";
import { EINVAL } from "../mm/errno.js";
import { startStopKhugepaged, THP_MIN_PAGES, thpEnabled } from "../mm/huge/khugepaged.js";
import { jiffiesToMsecs, msecsToJiffies } from "../mm/jiffies.js";
import { lruGenCaps, setLruGenCaps } from "../mm/lru/gen/switch.js";
import { VM_HUGEPAGE, VM_NOHUGEPAGE, type VmAreaStruct, vmaIsAnonymous } from "../mm/mm_types.js";
import type { MemorySystem } from "../mm/system.js";
import { kstrtobool, kstrtouint, kstrtoul, sysfsStreq } from "./kstrtox.js";

/** One file. Linux include/linux/kobject.h:struct kobj_attribute */
export interface KobjAttribute {
  /** Below /sys/kernel/mm. */
  readonly path: string;
  readonly mode: number;
  /** What it does on this machine today. */
  readonly effect: string;
  /** What reading shows, without the newline. */
  show(sys: MemorySystem): string;
  /** Takes a written text; 0 or a negative errno. Not called where the mode forbids writing. */
  store(sys: MemorySystem, text: string): number;
}

const ELIGIBLE = "decides THPeligible in smaps and min_free_kbytes; no huge page is made before lab 07";
const FROM_07 = "kept; no effect before huge pages come with lab 07";
const KSM = "kept; no effect: this machine merges no pages";
const COUNTER = "counts nothing: it does not happen on this machine";

type Default = string | ((sys: MemorySystem) => string);

function currentValue(sys: MemorySystem, path: string, fallback: Default): string {
  return sys.kernelMm.get(path) ?? (typeof fallback === "string" ? fallback : fallback(sys));
}

/** A choice of words. Linux: sysfs_streq() over the words, the chosen one in brackets */
function words(
  path: string,
  list: string,
  fallback: Default,
  effect: string,
  changed?: (sys: MemorySystem) => void,
): KobjAttribute {
  const all = list.split(" ");
  return {
    path,
    mode: 0o644,
    effect,
    show(sys) {
      const chosen = currentValue(sys, path, fallback);
      return all.map((word) => (word === chosen ? `[${word}]` : word)).join(" ");
    },
    store(sys, text) {
      const word = all.find((one) => sysfsStreq(text, one));
      if (word === undefined) return -EINVAL;
      sys.kernelMm.set(path, word);
      changed?.(sys);
      return 0;
    },
  };
}

/** Range of a number. */
interface Range {
  readonly min?: number;
  readonly max?: number;
  /** An unsigned int is all that counts; else an unsigned long. */
  readonly long?: boolean;
}

/** Linux: kstrtouint() or kstrtoul() in decimal; whatever is wrong with it is EINVAL. */
function number(path: string, fallback: Default, effect: string, range: Range = {}): KobjAttribute {
  return {
    path,
    mode: 0o644,
    effect,
    show: (sys) => currentValue(sys, path, fallback),
    store(sys, text) {
      const { value, error } = (range.long === true ? kstrtoul : kstrtouint)(text, 10);
      if (error !== 0 || value < (range.min ?? 0) || value > (range.max ?? Number.POSITIVE_INFINITY))
        return -EINVAL;
      sys.kernelMm.set(path, String(value));
      return 0;
    },
  };
}

/** 0 or 1, or yes and no in letters. Linux lib/kstrtox.c:kstrtobool() */
function flag(path: string, fallback: Default, effect: string): KobjAttribute {
  return {
    path,
    mode: 0o644,
    effect,
    show: (sys) => currentValue(sys, path, fallback),
    store(sys, text) {
      const yes = kstrtobool(text);
      if (yes === undefined) return -EINVAL;
      sys.kernelMm.set(path, yes ? "1" : "0");
      return 0;
    },
  };
}

/** A file that can only be read. */
function fixed(path: string, value: string, effect: string): KobjAttribute {
  return { path, mode: 0o444, effect, show: () => value, store: () => -EINVAL };
}

const big = (sys: MemorySystem): boolean => sys.totalramPages >= THP_MIN_PAGES;
const thp = "transparent_hugepage";

/** Linux mm/huge_memory.c:hugepage_attr */
const thpFiles: readonly KobjAttribute[] = [
  words(`${thp}/enabled`, "always madvise never", thpEnabled, ELIGIBLE, startStopKhugepaged),
  words(
    `${thp}/defrag`,
    "always defer defer+madvise madvise never",
    (sys) => (big(sys) ? "madvise" : "never"),
    FROM_07,
  ),
  number(`${thp}/use_zero_page`, (sys) => (big(sys) ? "1" : "0"), FROM_07, { max: 1, long: true }),
  fixed(`${thp}/hpage_pmd_size`, String(PMD_SIZE), "the size of a huge page in bytes"),
  words(`${thp}/shmem_enabled`, "always within_size advise never deny force", "never", FROM_07),
  flag(`${thp}/shrink_underused`, "1", FROM_07),
];

/** Sizes of anonymous memory that a folio may have, in kB. Linux THP_ORDERS_ALL_ANON */
const ANON_SIZES = [16, 32, 64, 128, 256, 512, 1024, 2048];

/** Linux mm/huge_memory.c:thpsize_create(), mm/shmem.c:thpsize_shmem_enabled_attr */
const thpSizes: readonly KobjAttribute[] = [8, ...ANON_SIZES].flatMap((kb) => {
  const dir = `${thp}/hugepages-${kb}kB`;
  const fallback = kb === 2048 ? "inherit" : "never";
  const shmem = words(`${dir}/shmem_enabled`, "always inherit within_size advise never", fallback, FROM_07);
  return kb === 8
    ? [shmem]
    : [
        words(`${dir}/enabled`, "always inherit madvise never", fallback, ELIGIBLE, startStopKhugepaged),
        shmem,
      ];
});

const khuge = `${thp}/khugepaged`;
const ptes: Range = { max: 511, long: true };

/** Linux mm/khugepaged.c:khugepaged_attr */
const khugepaged: readonly KobjAttribute[] = [
  number(`${khuge}/defrag`, (sys) => (big(sys) ? "1" : "0"), FROM_07, { max: 1, long: true }),
  number(`${khuge}/max_ptes_none`, "511", FROM_07, ptes),
  number(`${khuge}/max_ptes_swap`, "64", FROM_07, ptes),
  number(`${khuge}/max_ptes_shared`, "256", FROM_07, ptes),
  number(`${khuge}/pages_to_scan`, "4096", FROM_07, { min: 1 }),
  number(`${khuge}/scan_sleep_millisecs`, "10000", FROM_07),
  number(`${khuge}/alloc_sleep_millisecs`, "60000", FROM_07),
  fixed(`${khuge}/pages_collapsed`, "0", COUNTER),
  fixed(`${khuge}/full_scans`, "0", COUNTER),
];

const pool = "hugepages/hugepages-2048kB";
const POOL = "taken, but the pool stays at 0 before lab 07, as if no memory were free for it";

/** The pool is empty and stays so. Linux mm/hugetlb.c:nr_hugepages_store() */
function nrHugepages(name: string): KobjAttribute {
  return {
    path: `${pool}/${name}`,
    mode: 0o644,
    effect: POOL,
    show: () => "0",
    store: (_sys, text) => kstrtoul(text, 10).error,
  };
}

/** The same value as vm.nr_overcommit_hugepages. Linux mm/hugetlb.c:nr_overcommit_hugepages_store() */
const nrOvercommit: KobjAttribute = {
  path: `${pool}/nr_overcommit_hugepages`,
  mode: 0o644,
  effect: FROM_07,
  show: (sys) => String(sys.sysctl.nrOvercommitHugepages),
  store(sys, text) {
    const { value, error } = kstrtoul(text, 10);
    if (error === 0) sys.sysctl.nrOvercommitHugepages = value;
    return error;
  },
};

/** Linux mm/hugetlb.c:hstate_attrs */
const hugetlb: readonly KobjAttribute[] = [
  nrHugepages("nr_hugepages"),
  nrHugepages("nr_hugepages_mempolicy"),
  nrOvercommit,
  fixed(`${pool}/free_hugepages`, "0", COUNTER),
  fixed(`${pool}/resv_hugepages`, "0", COUNTER),
  fixed(`${pool}/surplus_hugepages`, "0", COUNTER),
];

const KSM_COUNTERS =
  "full_scans general_profit ksm_zero_pages pages_scanned pages_shared pages_sharing pages_skipped pages_unshared pages_volatile stable_node_chains stable_node_dups";

/** Linux mm/ksm.c:ksm_attrs */
const ksm: readonly KobjAttribute[] = [
  number("ksm/run", "0", KSM, { max: 2 }),
  number("ksm/sleep_millisecs", "20", KSM),
  number("ksm/pages_to_scan", "100", KSM),
  number("ksm/merge_across_nodes", "1", KSM, { max: 1, long: true }),
  flag("ksm/use_zero_pages", "0", KSM),
  number("ksm/max_page_sharing", "256", KSM, { min: 2, max: 2 ** 31 - 1 }),
  number("ksm/stable_node_chains_prune_millisecs", "2000", KSM),
  flag("ksm/smart_scan", "1", KSM),
  words("ksm/advisor_mode", "none scan-time", "none", KSM),
  number("ksm/advisor_max_cpu", "70", KSM, { long: true }),
  number("ksm/advisor_min_pages_to_scan", "500", KSM, { long: true }),
  number("ksm/advisor_max_pages_to_scan", "30000", KSM, { long: true }),
  number("ksm/advisor_target_scan_time", "200", KSM, { min: 1, long: true }),
  ...KSM_COUNTERS.split(" ").map((name) => fixed(`ksm/${name}`, "0", COUNTER)),
];

/** All bits of lru_gen/enabled. */
const ALL_CAPS = 2 ** 32 - 1;

/** Linux mm/vmscan.c:lru_gen_attrs */
const lruGen: readonly KobjAttribute[] = [
  {
    path: "lru_gen/min_ttl_ms",
    mode: 0o644,
    effect: "with generations on, somebody is killed rather than a younger page be evicted",
    show: ({ lruGen: { minTtl } }) => String(jiffiesToMsecs(minTtl)),
    store(sys, text) {
      const { value, error } = kstrtouint(text, 0);
      if (error !== 0) return -EINVAL;
      sys.lruGen.minTtl = msecsToJiffies(value);
      return 0;
    },
  },
  {
    path: "lru_gen/enabled",
    mode: 0o644,
    effect: "pages are kept by generation instead of on two lists",
    show: (sys) => `0x${lruGenCaps(sys).toString(16).padStart(4, "0")}`,
    store(sys, text) {
      if (/^[ny]/i.test(text)) setLruGenCaps(sys, /^y/i.test(text) ? ALL_CAPS : 0);
      else {
        const { value, error } = kstrtouint(text, 0);
        if (error !== 0) return -EINVAL;
        setLruGenCaps(sys, value);
      }
      return 0;
    },
  },
];

/** Linux mm/swap_state.c:vma_ra_enabled_attr */
const vmaRaEnabled: KobjAttribute = {
  path: "swap/vma_ra_enabled",
  mode: 0o644,
  effect: "swap is read ahead around the address, not around the slot, unless a device turns",
  show: (sys) => String(sys.swap.vmaRaEnabled),
  store(sys, text) {
    const value = kstrtobool(text);
    if (value === undefined) return -EINVAL;
    sys.swap.vmaRaEnabled = value;
    return 0;
  },
};

/** All files below /sys/kernel/mm, by path. */
export const kernelMmTable: ReadonlyMap<string, KobjAttribute> = new Map(
  [...thpFiles, ...thpSizes, ...khugepaged, ...hugetlb, ...ksm, ...lruGen, vmaRaEnabled].map((one) => [
    one.path,
    one,
  ]),
);

/** The chosen word of a file of words. */
function chosen(sys: MemorySystem, path: string): string {
  return /\[(.*)\]/.exec(kernelMmTable.get(path)!.show(sys))![1]!;
}

/**
 * Whether a huge page of some size could be mapped somewhere in `vma`: THPeligible in smaps.
 * Linux mm/huge_memory.c:__thp_vma_allowable_orders() with TVA_SMAPS
 */
export function thpEligible(sys: MemorySystem, vma: VmAreaStruct): boolean {
  if (!vmaIsAnonymous(vma) || (vma.vmFlags & VM_NOHUGEPAGE) !== 0) return false;
  const advised = (vma.vmFlags & VM_HUGEPAGE) !== 0;
  return ANON_SIZES.some((kb) => {
    const bytes = kb * 1024;
    if (Math.ceil(vma.vmStart / bytes) * bytes + bytes > vma.vmEnd) return false;
    const own = chosen(sys, `${thp}/hugepages-${kb}kB/enabled`);
    const word = own === "inherit" ? chosen(sys, `${thp}/enabled`) : own;
    return word === "always" || (word === "madvise" && advised);
  });
}
