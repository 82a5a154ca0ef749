/**
 * Transparent huge pages, as data: the settings, the one huge page of zeros, and what is counted by size.
 *
 *   enabled            who may have huge pages: always, madvise (who asks), never
 *   sizes              the same for each size, or "inherit": as `enabled` says
 *                        order   2    3    4     5     6     7      8     9
 *                        kB     16   32   64   128   256   512   1024  2048
 *   defrag             how hard a fault may try to get one
 *   useZeroPage        a read of untouched memory maps the huge page of zeros
 *   shrinkUnderused    huge pages with hardly anything but zeros are taken apart under pressure
 *   khugepaged         the thread that makes huge pages of small ones (khugepaged.ts)
 *
 * The masks have a bit for each order: what may be allocated is found by a few bit operations in each fault.
 *
 * Linux mm/huge_memory.c: its static variables. Read next: thp_orders.ts.
 */
import type { Kthread } from "../wait.js";

/** log2 of the pages that an entry of level 2 maps: 512 of them, 2 MiB. Linux HPAGE_PMD_ORDER */
export const HPAGE_PMD_ORDER = 9;
/** Those pages. Linux HPAGE_PMD_NR */
export const HPAGE_PMD_NR = 512;
/**
 * Orders that anonymous memory may have: 2 to 9. A folio of two pages has no room for what a large one needs.
 * Linux include/linux/huge_mm.h:THP_ORDERS_ALL_ANON
 */
export const THP_ORDERS_ALL_ANON = 0x3fc;

/**
 * Orders that a folio of a file may have: 1 to 9. Linux include/linux/huge_mm.h:THP_ORDERS_ALL_FILE_DEFAULT
 */
export const THP_ORDERS_ALL_FILE_DEFAULT = 0x3fe;

/** What transparent_hugepage/enabled may say. */
export type ThpWord = "always" | "madvise" | "never";
/** What it may say for one size. */
export type ThpSizeWord = ThpWord | "inherit";
/** When a file system in memory takes large folios. Linux mm/shmem.c:SHMEM_HUGE_NEVER ... */
export type ShmemHuge = "always" | "within_size" | "advise" | "never";
/** What transparent_hugepage/shmem_enabled may say. Linux SHMEM_HUGE_DENY, SHMEM_HUGE_FORCE */
export type ShmemEnabled = ShmemHuge | "deny" | "force";
/** What it may say for one size. */
export type ShmemSizeWord = ShmemHuge | "inherit";
/** What transparent_hugepage/defrag may say. */
export type ThpDefrag = "always" | "defer" | "defer+madvise" | "madvise" | "never";

/** Names of what is counted for each size, in the order of MTHP_STAT_*. Linux enum mthp_stat_item */
export const MTHP_STAT_NAMES = [
  "anon_fault_alloc",
  "anon_fault_fallback",
  "anon_fault_fallback_charge",
  "zswpout",
  "swpin",
  "swpin_fallback",
  "swpin_fallback_charge",
  "swpout",
  "swpout_fallback",
  "shmem_alloc",
  "shmem_fallback",
  "shmem_fallback_charge",
  "split",
  "split_failed",
  "split_deferred",
  "nr_anon",
  "nr_anon_partially_mapped",
] as const;

/** Something that is counted by size. */
export type MthpStat = (typeof MTHP_STAT_NAMES)[number];

/** Settings of khugepaged, under Linux's names. */
export interface KhugepagedSettings {
  defrag: boolean;
  /** Entries of a range that may be empty, in swap, or shared with others, at most. */
  maxPtesNone: number;
  maxPtesSwap: number;
  maxPtesShared: number;
  pagesToScan: number;
  scanSleepMillisecs: number;
  allocSleepMillisecs: number;
}

/** Transparent huge pages of one machine, with folios F. Not in Linux: variables of a file there. */
export class ThpState<F> {
  enabled: ThpWord = "madvise";
  defrag: ThpDefrag = "madvise";
  useZeroPage = true;
  shrinkUnderused = true;
  /** Orders that are always allowed, for who asks, and as `enabled` says. */
  ordersAlways = 0;
  ordersMadvise = 0;
  ordersInherit = 1 << HPAGE_PMD_ORDER;
  /** The same for memory that is shared (shmem_huge.ts): the word for all, and orders by their own word. */
  shmemEnabled: ShmemEnabled = "never";
  shmemOrdersAlways = 0;
  shmemOrdersMadvise = 0;
  shmemOrdersWithinSize = 0;
  shmemOrdersInherit = 1 << HPAGE_PMD_ORDER;
  /** huge= of the kernel's own mount, for memory without a name, and of /dev/shm. Linux shmem_sb_info.huge */
  shmMntHuge: ShmemHuge = "never";
  tmpfsHuge: ShmemHuge = "never";
  /** The huge page of zeros, while anybody has it or had it lately, and how many do. */
  hugeZeroFolio: F | undefined = undefined;
  hugeZeroRefcount = 0;
  readonly khugepaged: KhugepagedSettings = {
    defrag: true,
    maxPtesNone: HPAGE_PMD_NR - 1,
    maxPtesSwap: HPAGE_PMD_NR / 8,
    maxPtesShared: HPAGE_PMD_NR / 2,
    pagesToScan: HPAGE_PMD_NR * 8,
    scanSleepMillisecs: 10_000,
    allocSleepMillisecs: 60_000,
  };
  /** The thread, while there is one. */
  khugepagedThread: Kthread | undefined = undefined;
  /** Linux khugepaged_pages_collapsed, khugepaged_full_scans */
  pagesCollapsed = 0;
  fullScans = 0;
  /** By order: how often each of MTHP_STAT_NAMES. */
  readonly mthpStats: Partial<Record<MthpStat, number>>[] = [];
}

/** Who has such a state: a MemorySystem. */
export interface HasThp {
  readonly thp: Pick<ThpState<unknown>, "mthpStats">;
}

/** The words about shared memory. */
type ShmemSettings = Pick<
  ThpState<unknown>,
  "shmemEnabled" | "shmemOrdersAlways" | "shmemOrdersMadvise" | "shmemOrdersWithinSize" | "shmemOrdersInherit"
>;

/** Whether anybody may get 2 MiB of shared memory at once. Linux mm/shmem.c:shmem_hpage_pmd_enabled() */
export function shmemHpagePmdEnabled({ thp }: { readonly thp: ShmemSettings }): boolean {
  if (thp.shmemEnabled === "deny") return false;
  const own = thp.shmemOrdersAlways | thp.shmemOrdersMadvise | thp.shmemOrdersWithinSize;
  return ((own | (thp.shmemEnabled === "never" ? 0 : thp.shmemOrdersInherit)) & (1 << HPAGE_PMD_ORDER)) !== 0;
}

/** Changes a count of one size. Linux include/linux/huge_mm.h:mod_mthp_stat(), count_mthp_stat() */
export function modMthpStat({ thp }: HasThp, order: number, item: MthpStat, delta = 1): void {
  let stats = thp.mthpStats[order];
  if (stats === undefined) {
    stats = {};
    thp.mthpStats[order] = stats;
  }
  stats[item] = (stats[item] ?? 0) + delta;
}

/** A count of one size. Linux mm/huge_memory.c:sum_mthp_stat() */
export function mthpStat({ thp }: HasThp, order: number, item: MthpStat): number {
  return thp.mthpStats[order]?.[item] ?? 0;
}
