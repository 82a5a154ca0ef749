/**
 * The queue of large folios that may be split when memory is short.
 *
 *   part of it was unmapped      deferredSplitFolio(sys, folio, true)     the rest is still mapped
 *   it is new                    deferredSplitFolio(sys, folio, false)    it may hold little but zeros
 *
 * A folio is freed only as a whole. When a process gives back half of a huge page, that half stays in use
 * until the folio is split, and splitting it at once would cost time that is wasted if the other half goes,
 * too. So it waits here until reclaim needs memory (deferred_split.ts).
 *
 * Linux mm/huge_memory.c. Read first: thp_state.ts. Read next: deferred_split.ts.
 */
import { largeOf } from "../fault/large_mapcount.js";
import { folioLruvec } from "../memcg/stats.js";
import {
  type Folio,
  folioTestAnon,
  folioTestPmdMappable,
  PG_partially_mapped,
  PG_swapcache,
} from "../pages/folio.js";
import type { MemorySystem } from "../system.js";
import { countVmEvent, THP_DEFERRED_SPLIT_PAGE } from "../vmstat.js";
import { modMthpStat } from "./thp_state.js";

/**
 * Puts the folio on the queue; `partiallyMapped`: some of its pages are mapped no more. Once that is so it
 * stays so. Linux mm/huge_memory.c:deferred_split_folio()
 */
export function deferredSplitFolio(sys: MemorySystem, folio: Folio, partiallyMapped: boolean): void {
  if (folio.order <= 1 || (!partiallyMapped && !sys.thp.shrinkUnderused)) return;
  if ((folio.flags & PG_swapcache) !== 0) return;
  if (partiallyMapped && (folio.flags & PG_partially_mapped) === 0) {
    folio.flags |= PG_partially_mapped;
    if (folioTestPmdMappable(folio)) countVmEvent(sys, THP_DEFERRED_SPLIT_PAGE);
    modMthpStat(sys, folio.order, "split_deferred");
    modMthpStat(sys, folio.order, "nr_anon_partially_mapped");
  }
  largeOf(folio).onDeferredList = true;
  folioLruvec(sys, folio).deferredSplitQueue.add(folio);
}

/**
 * Takes the folio off the queue, since it is freed or split; its group must still be known.
 * Linux mm/huge_memory.c:folio_unqueue_deferred_split()
 */
export function folioUnqueueDeferredSplit(sys: MemorySystem, folio: Folio): void {
  const { large } = folio;
  if (large === undefined || !large.onDeferredList) return;
  if ((folio.flags & PG_partially_mapped) !== 0) {
    folio.flags &= ~PG_partially_mapped;
    modMthpStat(sys, folio.order, "nr_anon_partially_mapped", -1);
  }
  large.onDeferredList = false;
  folioLruvec(sys, folio).deferredSplitQueue.delete(folio);
}

/** The large folio is freed. Linux mm/page_alloc.c:__free_pages_prepare(), free_tail_page_prepare() */
export function folioUndoLarge(sys: MemorySystem, folio: Folio): void {
  folioUnqueueDeferredSplit(sys, folio);
  if (folioTestAnon(folio)) modMthpStat(sys, folio.order, "nr_anon", -1);
  folio.large = undefined;
}
