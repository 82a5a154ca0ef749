/**
 * Splitting the folio: a large folio of anonymous memory becomes folios of one page.
 *
 *   one folio of order 9      mapped by leaves and entries of any number of processes
 *      unmapFolio             nobody maps it; its references are those of the swap cache and the caller
 *      512 folios of order 0  flags, group, reverse map and place on the LRU as before
 *      remapPage              mapped as before, by entries of level 1
 *      pages nobody maps      freed: this is what the split is for
 *
 * A page of zeros is not mapped again but replaced by the zero page, so a huge page that was hardly used
 * gives most of its memory back when it is split.
 *
 * It fails, and nothing changes, while anybody else holds the folio: a page that is read or written by the
 * kernel, or stands in a batch of another CPU.
 *
 * Linux mm/huge_memory.c. Read first: unmap_folio.ts. Read next: deferred_split.ts.
 */
import { folioIsLocked, folioIsWriteback } from "../filemap/folio_wait.js";
import { lruAddSplitFolio } from "../lru/mm_inline.js";
import {
  type Folio,
  folioMapcount,
  folioNrPages,
  PG_active,
  PG_dirty,
  PG_head,
  PG_lru,
  PG_mlocked,
  PG_referenced,
  PG_swapbacked,
  PG_swapcache,
  PG_unevictable,
  PG_uptodate,
  PG_workingset,
  pfnToPage,
} from "../pages/folio.js";
import { folioPut } from "../pages/free_pages.js";
import { freeFolioAndSwapCache, swapCacheReplaceFolio } from "../swap/swap_state.js";
import type { MemorySystem } from "../system.js";
import { countVmEvent, THP_SPLIT_PAGE, THP_SPLIT_PAGE_FAILED } from "../vmstat.js";
import { folioUnqueueDeferredSplit } from "./deferred_queue.js";
import { HPAGE_PMD_ORDER, modMthpStat } from "./thp_state.js";
import { remapPage, unmapFolio } from "./unmap_folio.js";

/** What the parts inherit. Linux mm/huge_memory.c:__split_folio_to_order() */
export const INHERITED =
  PG_referenced |
  PG_swapbacked |
  PG_swapcache |
  PG_mlocked |
  PG_uptodate |
  PG_active |
  PG_workingset |
  PG_unevictable |
  PG_dirty;

/**
 * Splits the folio into single pages; false if it cannot be. The caller has `extraRefs` holds of it, which
 * stay on its first page. With `list` the other pages are put there, held, instead of on the LRU: it is being
 * reclaimed. Linux mm/huge_memory.c:split_folio_to_list(), __folio_split()
 */
export function splitAnonFolio(sys: MemorySystem, folio: Folio, extraRefs: number, list?: Folio[]): boolean {
  const { order } = folio;
  const done = trySplit(sys, folio, extraRefs, list);
  if (order === HPAGE_PMD_ORDER) countVmEvent(sys, done ? THP_SPLIT_PAGE : THP_SPLIT_PAGE_FAILED);
  modMthpStat(sys, order, done ? "split" : "split_failed");
  return done;
}

function trySplit(sys: MemorySystem, folio: Folio, extraRefs: number, list: Folio[] | undefined): boolean {
  const cached = (folio.flags & PG_swapcache) !== 0 ? folioNrPages(folio) : 0;
  if (folioIsLocked(sys, folio) || folioIsWriteback(sys, folio)) return false;
  if (folio.refcount !== folioMapcount(folio) + cached + extraRefs) return false;
  folio.refcount++; // while nobody maps it
  const entries = unmapFolio(sys, folio);
  if (folio.refcount !== 1 + cached + extraRefs) {
    remapPage(sys, entries, false);
    folioPut(sys, folio);
    return false;
  }
  folioUnqueueDeferredSplit(sys, folio);
  const parts = splitFolioToPages(sys, folio, list);
  remapPage(sys, entries, true);
  for (const part of parts) freeFolioAndSwapCache(sys, part);
  folioPut(sys, folio);
  return true;
}

/**
 * Makes single pages of the folio, which nobody maps; all but the first, each with a hold for the caller.
 * Linux mm/huge_memory.c:__split_unmapped_folio(), __split_folio_to_order()
 */
function splitFolioToPages(sys: MemorySystem, folio: Folio, list: Folio[] | undefined): Folio[] {
  const nrPages = folioNrPages(folio);
  const cached = (folio.flags & PG_swapcache) !== 0;
  const parts: Folio[] = [];
  modMthpStat(sys, folio.order, "nr_anon", -1);
  if (cached) folio.refcount -= nrPages - 1;
  folio.order = 0;
  folio.large = undefined;
  folio.flags &= ~PG_head;
  for (let i = 1; i < nrPages; i++) {
    const part = pfnToPage(sys, folio.pfn + i);
    part.head = part;
    part.flags = folio.flags & INHERITED;
    part.lruRefs = folio.lruRefs;
    part.mapping = folio.mapping;
    part.index = folio.index + i;
    part.memcg = folio.memcg;
    part.refcount = cached ? 2 : 1;
    part.mlockCount = 0;
    part.anonExclusive = false;
    if (cached) swapCacheReplaceFolio(sys, folio, part, i);
    if (list !== undefined) {
      part.refcount++;
      list.push(part);
    } else if ((folio.flags & PG_lru) !== 0) lruAddSplitFolio(sys, folio, part);
    parts.push(part);
  }
  return parts;
}
