/**
 * Indices of fragmentation: is memory short, or is it only in pieces?
 *
 *   free blocks   1  1  1  1  1  1  1  1  2  2        12 pages in 10 blocks; wanted: one block of 8 (order 3)
 *
 *   fragmentationIndex = 1000 - (1000 + 12 * 1000 / 8) / 10 = 1000 - 250 = 750
 *                        towards 1000: pieces, compaction would help   towards 0: too little
 *                        -1000: such a block is free                     0 too: nothing is free
 *   unusableFreeIndex  = pages in blocks that are too small / free pages, in thousandths: 1000
 *   extfragForOrder    = the same in percent: 100
 *
 * The allocator asks the first whether compaction is worth while (suitable.ts, vm.extfrag_threshold), and
 * kcompactd the last whether to begin before anybody asks: the score of a node is the sum over its zones,
 * each weighed by its size. It works from a score above the high mark down to the low one:
 *
 *   low = 100 - vm.compaction_proactiveness        high = low + the lesser of 10 and low / 2
 *
 * Shown in /sys/kernel/debug/extfrag (kernel/sysfs_extfrag.ts).
 *
 * Linux mm/vmstat.c, mm/compaction.c. Read first: mm/pages/buddy.ts. Read next: suitable.ts.
 */
import type { Zone } from "../pages/buddy.js";
import type { MemorySystem } from "../system.js";

/** Order of the blocks that scores are about: 2 MiB. Linux mm/compaction.c:COMPACTION_HPAGE_ORDER */
export const COMPACTION_HPAGE_ORDER = 9;

/** What of a zone is free. Linux mm/vmstat.c:struct contig_page_info */
interface ContigPageInfo {
  freePages: number;
  freeBlocksTotal: number;
  /** Blocks of the wanted order that could be cut from free ones. */
  freeBlocksSuitable: number;
}

/** Counts the free blocks of `zone`. Linux mm/vmstat.c:fill_contig_page_info() */
function contigPageInfo(zone: Zone, suitableOrder: number): ContigPageInfo {
  const info: ContigPageInfo = { freePages: 0, freeBlocksTotal: 0, freeBlocksSuitable: 0 };
  for (const [order, { nrFree }] of zone.freeArea.entries()) {
    info.freeBlocksTotal += nrFree;
    info.freePages += nrFree * 2 ** order;
    if (order >= suitableOrder) info.freeBlocksSuitable += nrFree * 2 ** (order - suitableOrder);
  }
  return info;
}

/**
 * Why a request for 2^order pages would fail: from 0, memory is short, to 1000, it is in pieces; -1000 where
 * it would not fail. Linux mm/vmstat.c:fragmentation_index()
 */
export function fragmentationIndex(zone: Zone, order: number): number {
  const { freePages, freeBlocksTotal, freeBlocksSuitable } = contigPageInfo(zone, order);
  if (freeBlocksTotal === 0) return 0;
  if (freeBlocksSuitable > 0) return -1000;
  return 1000 - Math.floor((1000 + Math.floor((freePages * 1000) / 2 ** order)) / freeBlocksTotal);
}

/**
 * How much of the free pages is of no use to a request for 2^order pages, in thousandths; all of it where
 * there are none. Linux mm/vmstat.c:unusable_free_index()
 */
export function unusableFreeIndex(zone: Zone, order: number): number {
  const { freePages, freeBlocksSuitable } = contigPageInfo(zone, order);
  if (freePages === 0) return 1000;
  return Math.floor(((freePages - freeBlocksSuitable * 2 ** order) * 1000) / freePages);
}

/** The same in percent, but 0 where nothing is free. Linux mm/vmstat.c:extfrag_for_order() */
function extfragForOrder(zone: Zone, order: number): number {
  const { freePages, freeBlocksSuitable } = contigPageInfo(zone, order);
  if (freePages === 0) return 0;
  return Math.floor(((freePages - freeBlocksSuitable * 2 ** order) * 100) / freePages);
}

/**
 * Percent of the zone's free pages outside of free blocks of 2 MiB.
 * Linux mm/compaction.c:fragmentation_score_zone()
 */
export function fragmentationScoreZone(zone: Zone): number {
  return extfragForOrder(zone, COMPACTION_HPAGE_ORDER);
}

/** The scores of all zones, by their size. Linux mm/compaction.c:fragmentation_score_node() */
export function fragmentationScoreNode({ zones }: MemorySystem): number {
  const nodePresentPages = zones.reduce((sum, { presentPages }) => sum + presentPages, 0);
  const weighted = (zone: Zone): number =>
    Math.floor((zone.presentPages * fragmentationScoreZone(zone)) / (nodePresentPages + 1));
  return zones.filter(({ presentPages }) => presentPages > 0).reduce((sum, zone) => sum + weighted(zone), 0);
}

/**
 * The score above which kcompactd begins, or (`low`) at which it stops.
 * Linux mm/compaction.c:fragmentation_score_wmark()
 */
export function fragmentationScoreWmark({ sysctl }: MemorySystem, low: boolean): number {
  const wmarkLow = 100 - sysctl.compactionProactiveness;
  return low ? wmarkLow : Math.min(wmarkLow + Math.min(10, Math.floor(wmarkLow / 2)), 100);
}
