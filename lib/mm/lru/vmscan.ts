/**
 * Reclaim: taking page frames back from those who use them.
 *
 *   reclaimPages(folios)          what MADV_PAGEOUT has taken off the LRU lists
 *     shrinkFolioList             for each folio:
 *       tryToUnmap                  every entry that maps it is emptied; a dirty entry makes the folio dirty
 *       dirty, of a file            stays: the flusher writes it, reclaim does not
 *       dirty, shared memory        stays: it could only go to swap
 *       anonymous                   stays (swap comes later), unless MADV_FREE or MAP_DROPPABLE made it free to drop
 *       clean, held by the cache    removeMapping: out of the page cache, the frame is free
 *     the others go back           on the active list, since the attempt failed
 *
 *   tryToFreePages                what an allocation calls that finds nothing free (mm/pages/page_alloc.ts)
 *
 * A folio that stays may nevertheless have lost its mappings: the next touch is a minor fault.
 *
 * Left out: choosing folios by age (the scan of the LRU lists), swap, so that a shortage of memory frees
 * nothing.
 *
 * Read first: mm/fault/rmap.ts, mm/fault/page_vma_mapped.ts, swap.ts. Read next: mm/vma/madvise_pages.ts.
 */

import { pageVmaMappedWalk } from "../fault/page_vma_mapped.js";
import { folioRemoveRmapPtes, rmapWalk } from "../fault/rmap.js";
import { filemapRemoveFolio } from "../filemap/address_space.js";
import { folioIsLocked, folioIsWriteback } from "../filemap/folio_wait.js";
import { addMmCounter, VM_DROPPABLE, VM_LOCKED, type VmAreaStruct } from "../mm_types.js";
import {
  type Folio,
  folioGet,
  folioMapped,
  folioNrPages,
  folioTestAnon,
  PG_active,
  PG_dirty,
  PG_lru,
  PG_mlocked,
  PG_reclaim,
  PG_swapbacked,
  PG_unevictable,
  pfnToPage,
} from "../pages/folio.js";
import { folioPut, folioPutRefs } from "../pages/free_pages.js";
import { pteDirty, setPte } from "../pgtable/pgtable.js";
import { flushTlbPage } from "../pgtable/tlb.js";
import type { MemorySystem } from "../system.js";
import { updateHiwaterRss } from "../vma/util.js";
import { countVmEvents, PGACTIVATE, PGLAZYFREED } from "../vmstat.js";
import { folioIsFileLru, lruvecDelFolio, mmCounter } from "./mm_inline.js";
import { folioMarkDirty } from "./page_writeback.js";
import { folioAddLru } from "./swap.js";

/**
 * Takes the folio off its LRU list with a hold of its own; false if it is on none.
 * Linux mm/vmscan.c:folio_isolate_lru()
 */
export function folioIsolateLru(sys: MemorySystem, folio: Folio): boolean {
  if ((folio.flags & PG_lru) === 0) return false;
  folioGet(folio);
  lruvecDelFolio(sys, folio);
  return true;
}

/** Back to a list, by way of this CPU's batch; the hold is let go. Linux mm/vmscan.c:folio_putback_lru() */
export function folioPutbackLru(sys: MemorySystem, folio: Folio): void {
  folioAddLru(sys, folio);
  folioPut(sys, folio);
}

/**
 * Anonymous, and free to be dropped unless it was written since. Linux: a folio after folio_mark_lazyfree()
 */
function isLazyfree(folio: Folio): boolean {
  return folioTestAnon(folio) && (folio.flags & PG_swapbacked) === 0;
}

/** Empties every entry that maps the folio, except where it is locked. Linux mm/rmap.c:try_to_unmap() */
function tryToUnmap(sys: MemorySystem, folio: Folio): void {
  rmapWalk(folio, (vma) => tryToUnmapOne(sys, folio, vma) && folioMapped(folio));
}

/** Empties the entries of one VMA; false to give up. Linux mm/rmap.c:try_to_unmap_one() */
function tryToUnmapOne(sys: MemorySystem, folio: Folio, vma: VmAreaStruct): boolean {
  const mm = vma.vmMm;
  return pageVmaMappedWalk(folio, vma, (address, ptep, pte, index) => {
    if ((vma.vmFlags & VM_LOCKED) !== 0) return false;
    if (pteDirty(pte)) folioMarkDirty(folio);
    if (isLazyfree(folio) && (folio.flags & PG_dirty) !== 0 && (vma.vmFlags & VM_DROPPABLE) === 0) {
      folio.flags |= PG_swapbacked; // written after MADV_FREE: it is wanted again
      return false;
    }
    setPte(sys.ram, ptep, 0);
    flushTlbPage(mm, address);
    updateHiwaterRss(mm);
    addMmCounter(mm, mmCounter(folio), -1);
    folioRemoveRmapPtes(folio, pfnToPage(sys, folio.pfn + index), 1, vma);
    folioPut(sys, folio);
    return true;
  });
}

/**
 * The cache gives the folio up, if it is clean and only the cache and the caller hold it.
 * Linux mm/vmscan.c:__remove_mapping()
 */
function removeMapping(folio: Folio): boolean {
  if (folio.refcount !== 1 + folioNrPages(folio) || (folio.flags & PG_dirty) !== 0) return false;
  filemapRemoveFolio(folio);
  return true;
}

/** What became of a folio. Linux mm/vmscan.c: the labels free_it, keep_locked and activate_locked */
type Outcome = "free" | "keep" | "activate";

/** Tries to free one isolated folio. Linux mm/vmscan.c:shrink_folio_list(), the body of its loop */
function shrinkFolio(sys: MemorySystem, folio: Folio): Outcome {
  if (folioIsLocked(sys, folio)) return "keep";
  if ((folio.flags & (PG_mlocked | PG_unevictable)) !== 0 || folioIsWriteback(sys, folio)) return "activate";
  if (folioTestAnon(folio) && (folio.flags & PG_swapbacked) !== 0) return "activate"; // no swap to put it in
  tryToUnmap(sys, folio);
  if (folioMapped(folio)) return "activate";
  if ((folio.flags & PG_dirty) !== 0 && !isLazyfree(folio)) {
    if (folioIsFileLru(folio)) folio.flags |= PG_reclaim; // freed as soon as it has been written
    return "activate";
  }
  if (folioTestAnon(folio)) {
    if (folio.refcount !== 1) return "keep";
    countVmEvents(sys, PGLAZYFREED, folioNrPages(folio));
    return "free";
  }
  return folio.mapping !== undefined && removeMapping(folio) ? "free" : "keep";
}

/**
 * Frees what can be freed of isolated folios and returns the others. Linux mm/vmscan.c:shrink_folio_list()
 */
function shrinkFolioList(sys: MemorySystem, folios: readonly Folio[]): Folio[] {
  const kept: Folio[] = [];
  for (const folio of folios) {
    const outcome = shrinkFolio(sys, folio);
    if (outcome === "free") {
      folioPutRefs(sys, folio, 1);
      continue;
    }
    if (outcome === "activate" && (folio.flags & PG_mlocked) === 0) {
      folio.flags |= PG_active;
      countVmEvents(sys, PGACTIVATE, folioNrPages(folio));
    }
    kept.push(folio);
  }
  return kept;
}

/**
 * Frees what can be freed of isolated folios, used or not; the others go back to the LRU.
 * Linux mm/vmscan.c:reclaim_pages()
 */
export function reclaimPages(sys: MemorySystem, folios: readonly Folio[]): void {
  for (const folio of shrinkFolioList(sys, folios)) folioPutbackLru(sys, folio);
}

/**
 * Direct reclaim: an allocation with `gfp` found no block of 2^order frames. How many pages were freed.
 * Linux mm/vmscan.c:try_to_free_pages()
 * Differs from Linux: frees nothing yet, since folios are not chosen by age here; so the allocation fails.
 */
export function tryToFreePages(_sys: MemorySystem, _gfp: number, _order: number): number {
  return 0;
}
