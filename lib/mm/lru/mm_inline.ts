/**
 * LRU lists: where every page that could be reclaimed stands, in order of use.
 *
 *              inactive          active
 *   anon     [tail ... head]   [tail ... head]       new folios enter at the head,
 *   file     [tail ... head]   [tail ... head]       reclaim takes from the tail
 *   unevictable [...]          locked pages: on no reclaim list
 *
 * A folio is on at most one list (PG_lru). It does not get there at once: swap.ts collects folios in small
 * per-CPU batches first.
 *
 * Read first: mm/pages/folio.ts. Read next: swap.ts.
 */

import { folioLruvec } from "../memcg/stats.js";
import {
  MM_ANONPAGES,
  MM_FILEPAGES,
  MM_SHMEMPAGES,
  VM_RAND_READ,
  VM_SEQ_READ,
  type VmAreaStruct,
} from "../mm_types.js";
import { vmBugOnPage } from "../mmdebug.js";
import {
  type Folio,
  folioTestAnon,
  PG_active,
  PG_lru,
  PG_swapbacked,
  PG_unevictable,
} from "../pages/folio.js";
import type { MemorySystem } from "../system.js";
import { lruGenAddFolio, lruGenDelFolio } from "./gen/gen_list.js";
import { FIRST_GEN_LIST } from "./gen/lru_gen.js";
import { folioZonenum, updateLruSize } from "./lru_size.js";
import { LRU_INACTIVE_ANON, LRU_INACTIVE_FILE, LRU_UNEVICTABLE } from "./lruvec.js";

/** Backed by a file rather than by swap. Linux include/linux/mm_inline.h:folio_is_file_lru() */
export function folioIsFileLru(folio: Folio): boolean {
  return (folio.flags & PG_swapbacked) === 0;
}

/** The list the folio belongs on. Linux include/linux/mm_inline.h:folio_lru_list() */
export function folioLruList(folio: Folio): number {
  if ((folio.flags & PG_unevictable) !== 0) return LRU_UNEVICTABLE;
  return (
    (folioIsFileLru(folio) ? LRU_INACTIVE_FILE : LRU_INACTIVE_ANON) +
    ((folio.flags & PG_active) !== 0 ? 1 : 0)
  );
}

/**
 * Whether a use of the VMA says that its pages are wanted again. Linux
 * include/linux/mm_inline.h:vma_has_recency()
 */
export function vmaHasRecency(vma: VmAreaStruct): boolean {
  return (vma.vmFlags & (VM_SEQ_READ | VM_RAND_READ)) === 0;
}

/**
 * Puts the folio at the head of its list and sets PG_lru. Linux include/linux/mm_inline.h:lruvec_add_folio()
 */
export function lruvecAddFolio(sys: MemorySystem, folio: Folio): void {
  addToLruvec(sys, folio, false);
}

/** The same at the tail: reclaim looks at it next. Linux include/linux/mm_inline.h:lruvec_add_folio_tail() */
export function lruvecAddFolioTail(sys: MemorySystem, folio: Folio): void {
  addToLruvec(sys, folio, true);
}

function addToLruvec(sys: MemorySystem, folio: Folio, atTail: boolean): void {
  const lruvec = folioLruvec(sys, folio);
  if (sys.lruGen.enabled && lruGenAddFolio(sys, lruvec.lrugen, folio, atTail)) return;
  const list = folioLruList(folio);
  const { head, tail } = lruvec;
  vmBugOnPage(folio.lruList >= 0, folio.pfn, "is on an LRU list already");
  const next = atTail ? undefined : head[list];
  const prev = atTail ? tail[list] : undefined;
  folio.next = next;
  folio.prev = prev;
  if (next === undefined) tail[list] = folio;
  else next.prev = folio;
  if (prev === undefined) head[list] = folio;
  else prev.next = folio;
  folio.lruList = list;
  folio.flags |= PG_lru;
  updateLruSize(sys, lruvec, folioZonenum(sys, folio), list, 1 << folio.order);
}

/** Takes the folio off its list and clears PG_lru. Linux include/linux/mm_inline.h:lruvec_del_folio() */
export function lruvecDelFolio(sys: MemorySystem, folio: Folio): void {
  const lruvec = folioLruvec(sys, folio);
  if (folio.lruGen >= 0 && lruGenDelFolio(sys, lruvec.lrugen, folio, false)) return;
  const list = folio.lruList;
  const { prev, next } = folio;
  if (list < 0) {
    folio.flags &= ~PG_lru;
    return;
  }
  const { head, tail } = lruvec;
  if (prev === undefined) head[list] = next;
  else prev.next = next;
  if (next === undefined) tail[list] = prev;
  else next.prev = prev;
  folio.prev = undefined;
  folio.next = undefined;
  folio.lruList = -1;
  folio.flags &= ~PG_lru;
  updateLruSize(sys, lruvec, folioZonenum(sys, folio), list, -(1 << folio.order));
}

/**
 * Puts `part`, which was a page of `folio` until now, beside it on its list: reclaim meets the folio first.
 * The pages are counted there already. Linux mm/huge_memory.c:lru_add_split_folio()
 */
export function lruAddSplitFolio(sys: MemorySystem, folio: Folio, part: Folio): void {
  const { lrugen, head } = folioLruvec(sys, folio);
  const { prev, lruList } = folio;
  part.lruList = lruList;
  part.lruGen = folio.lruGen;
  part.prev = prev;
  part.next = folio;
  folio.prev = part;
  if (prev !== undefined) prev.next = part;
  else if (lruList >= FIRST_GEN_LIST) lrugen.head[lruList - FIRST_GEN_LIST] = part;
  else head[lruList] = part;
  part.flags |= PG_lru;
}

/**
 * Which resident counter of the mm a folio of the page cache counts in.
 * Linux include/linux/mm.h:mm_counter_file()
 */
export function mmCounterFile(folio: Folio): number {
  return (folio.flags & PG_swapbacked) !== 0 ? MM_SHMEMPAGES : MM_FILEPAGES;
}

/** Which resident counter of the mm the folio counts in. Linux include/linux/mm.h:mm_counter() */
export function mmCounter(folio: Folio): number {
  return folioTestAnon(folio) ? MM_ANONPAGES : mmCounterFile(folio);
}
