/**
 * The values behind /proc/sys/vm, with Linux's defaults.
 *
 *   kernel/sysctl.ts    name, mode and range of each file; writes --> here
 *   lib/mm              reads what it goes by: sys.sysctl.overcommitMemory
 *
 * Whole numbers all, or arrays of them. What a value does today is said in the table of kernel/sysctl.ts.
 *
 * Linux mm/util.c, mm/mmap.c, mm/page_alloc.c, mm/page-writeback.c, mm/vmscan.c and others.
 * Read next: mm/pages/wmark.ts.
 */

/** Overcommit modes. Linux include/uapi/linux/mman.h:OVERCOMMIT_GUESS ... */
export const OVERCOMMIT_GUESS = 0;
/** Every request is granted. */
export const OVERCOMMIT_ALWAYS = 1;
/** No more than CommitLimit is granted. */
export const OVERCOMMIT_NEVER = 2;

/** The settings under /proc/sys/vm, named after the files. man 5 proc_sys_vm */
export interface VmSysctl {
  overcommitMemory: number;
  /** Percent of RAM. */
  overcommitRatio: number;
  overcommitKbytes: number;
  adminReserveKbytes: number;
  userReserveKbytes: number;
  maxMapCount: number;
  /** Bytes. */
  mmapMinAddr: number;
  /** Computed from the size of RAM at boot (mm/pages/wmark.ts). */
  minFreeKbytes: number;
  /** Distance of the watermarks in 1/10000 of a zone. */
  watermarkScaleFactor: number;
  watermarkBoostFactor: number;
  /** For each zone, the part of the higher zones that is kept free in it for requests that need it. */
  readonly lowmemReserveRatio: number[];
  percpuPagelistHighFraction: number;
  defragMode: number;
  numaStat: number;
  zoneReclaimMode: number;
  minUnmappedRatio: number;
  minSlabRatio: number;
  swappiness: number;
  /** log2 of the pages that swap-in reads at once. */
  pageCluster: number;
  vfsCachePressure: number;
  vfsCachePressureDenom: number;
  dirtyRatio: number;
  dirtyBytes: number;
  dirtyBackgroundRatio: number;
  dirtyBackgroundBytes: number;
  dirtyExpireCentisecs: number;
  dirtyWritebackCentisecs: number;
  dirtytimeExpireSeconds: number;
  laptopMode: number;
  panicOnOom: number;
  oomKillAllocatingTask: number;
  oomDumpTasks: number;
  compactMemory: number;
  compactionProactiveness: number;
  compactUnevictableAllowed: number;
  extfragThreshold: number;
  dropCaches: number;
  legacyVaLayout: number;
  mmapRndBits: number;
  mmapRndCompatBits: number;
  memfdNoexec: number;
  statInterval: number;
  pageLockUnfairness: number;
  unprivilegedUserfaultfd: number;
  hugetlbShmGroup: number;
  hugetlbOptimizeVmemmap: number;
  /** stack_guard_gap= on the kernel command line, pages; no file of its own */
  stackGuardGapPages: number;
}

/** Names of the settings that are one number. */
export type VmSysctlNumber = {
  [K in keyof VmSysctl]: VmSysctl[K] extends number ? K : never;
}[keyof VmSysctl];

/** Linux's defaults of VmSysctl. */
export function defaultVmSysctl(): VmSysctl {
  return {
    overcommitMemory: OVERCOMMIT_GUESS,
    overcommitRatio: 50,
    overcommitKbytes: 0,
    adminReserveKbytes: 8192,
    userReserveKbytes: 131072,
    maxMapCount: 65530,
    mmapMinAddr: 65536,
    minFreeKbytes: 0,
    watermarkScaleFactor: 10,
    watermarkBoostFactor: 15000,
    lowmemReserveRatio: [256, 256, 32, 0, 0],
    percpuPagelistHighFraction: 0,
    defragMode: 0,
    numaStat: 1,
    zoneReclaimMode: 0,
    minUnmappedRatio: 1,
    minSlabRatio: 5,
    swappiness: 60,
    pageCluster: 3,
    vfsCachePressure: 100,
    vfsCachePressureDenom: 100,
    ...writebackDefaults(),
    panicOnOom: 0,
    oomKillAllocatingTask: 0,
    oomDumpTasks: 1,
    compactMemory: 0,
    compactionProactiveness: 20,
    compactUnevictableAllowed: 1,
    extfragThreshold: 500,
    dropCaches: 0,
    legacyVaLayout: 0,
    mmapRndBits: 28,
    mmapRndCompatBits: 8,
    memfdNoexec: 0,
    statInterval: 1,
    pageLockUnfairness: 5,
    unprivilegedUserfaultfd: 0,
    hugetlbShmGroup: 0,
    hugetlbOptimizeVmemmap: 0,
    stackGuardGapPages: 256,
  };
}

/** Linux mm/page-writeback.c */
function writebackDefaults() {
  return {
    dirtyRatio: 20,
    dirtyBytes: 0,
    dirtyBackgroundRatio: 10,
    dirtyBackgroundBytes: 0,
    dirtyExpireCentisecs: 3000,
    dirtyWritebackCentisecs: 500,
    dirtytimeExpireSeconds: 43200,
    laptopMode: 0,
  };
}
