/**
 * Where anonymous memory could go: as long as there is no swap, nowhere.
 *
 * The questions that reclaim asks of swap are all here: whether anonymous memory can be taken at all, whether
 * it is worth to keep its lists in order, and a place for one folio. Without swap the answers are no, so that
 * anonymous memory and memory in files of RAM stay, however short memory is.
 *
 * Linux mm/vmscan.c, mm/swapfile.c. Read next: scan_count.ts, shrink_folio_list.ts.
 */
import type { Folio } from "../pages/folio.js";
import type { MemorySystem } from "../system.js";

/** Whether there is room for one page more. Linux mm/vmscan.c:can_reclaim_anon_pages() */
export function canReclaimAnonPages(sys: MemorySystem): boolean {
  return sys.nrSwapPages > 0;
}

/**
 * Whether anonymous pages that are not used should stand apart from those that are.
 * Linux mm/vmscan.c:can_age_anon_pages()
 */
export function canAgeAnonPages(sys: MemorySystem): boolean {
  return sys.totalSwapPages > 0;
}

/**
 * A place in swap for the folio, which is in the swap cache then; false if there is none.
 * Linux mm/swapfile.c:folio_alloc_swap()
 * Differs from Linux: there never is one.
 */
export function folioAllocSwap(_sys: MemorySystem, _folio: Folio): boolean {
  return false;
}
