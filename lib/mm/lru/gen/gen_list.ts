/**
 * Onto a generation and off it: where a folio enters, and what is counted.
 *
 *   lruvecAddFolio, lruvecDelFolio (mm/lru/mm_inline.ts) --> here while generations are on
 *
 *     enters at            who
 *     maxSeq               PG_active and PG_workingset
 *     maxSeq - 1           PG_active (after a fault); anonymous memory; a page still to be written
 *     maxSeq - 2           PG_workingset, through a descriptor
 *     the oldest           all others: what read(2) brings in
 *
 * Each list has its newest folio at the head. A folio that aging promoted stands where it stood: lruList says
 * on which list, lruGen in which generation it is. The counters of active and inactive pages in /proc/vmstat
 * go by generation: the two youngest are active.
 *
 * Linux include/linux/mm_inline.h. Read first: lru_gen.ts. Read next: refs.ts.
 */
import { vmBugOnPage } from "../../mmdebug.js";
import {
  type Folio,
  PG_active,
  PG_dirty,
  PG_lru,
  PG_reclaim,
  PG_referenced,
  PG_swapbacked,
  PG_swapcache,
  PG_unevictable,
  PG_workingset,
  PG_writeback,
} from "../../pages/folio.js";
import type { MemorySystem } from "../../system.js";
import { folioZonenum, updateLruSize } from "../lru_size.js";
import { LRU_ACTIVE, LRU_FILE, type Lruvec } from "../lruvec.js";
import {
  FIRST_GEN_LIST,
  genList,
  LRU_GEN_ANON,
  LRU_GEN_FILE,
  lruGenFromSeq,
  lruGenIsActive,
  MAX_NR_GENS,
  MIN_NR_GENS,
} from "./lru_gen.js";

/** The generations of one LRU. */
export type LruGen = Lruvec["lrugen"];

/** Of which type the folio is. Linux include/linux/mm_inline.h:folio_is_file_lru() */
export function folioLruType(folio: Folio): number {
  return (folio.flags & PG_swapbacked) === 0 ? LRU_GEN_FILE : LRU_GEN_ANON;
}

/** Uses through descriptors, the first included. Linux include/linux/mm_inline.h:folio_lru_refs() */
export function folioLruRefs(folio: Folio): number {
  return (folio.flags & PG_referenced) === 0 ? 0 : folio.lruRefs + 1;
}

// ---------------------------------------------------------------- one list

/**
 * Puts the folio, which is on no list, at the head or the tail of `list`. Linux list_add(), list_add_tail()
 */
export function genListAdd(lrugen: LruGen, folio: Folio, list: number, atTail: boolean): void {
  const { head, tail } = lrugen;
  const neighbour = atTail ? tail[list] : head[list];
  folio.prev = atTail ? neighbour : undefined;
  folio.next = atTail ? undefined : neighbour;
  if (neighbour === undefined) {
    head[list] = folio;
    tail[list] = folio;
  } else if (atTail) {
    neighbour.next = folio;
    tail[list] = folio;
  } else {
    neighbour.prev = folio;
    head[list] = folio;
  }
  folio.lruList = FIRST_GEN_LIST + list;
}

/** Takes the folio off the list it stands on. Linux list_del() */
export function genListDel(lrugen: LruGen, folio: Folio): void {
  const list = folio.lruList - FIRST_GEN_LIST;
  vmBugOnPage(list < 0, folio.pfn, "has a generation, but is on no list of one");
  const { prev, next } = folio;
  if (prev === undefined) lrugen.head[list] = next;
  else prev.next = next;
  if (next === undefined) lrugen.tail[list] = prev;
  else next.prev = prev;
  folio.prev = undefined;
  folio.next = undefined;
  folio.lruList = -1;
}

/**
 * Moves the folio to the list of its generation, to the head or the tail. Linux list_move(), list_move_tail()
 */
export function moveToItsGen(sys: MemorySystem, lrugen: LruGen, folio: Folio, atTail: boolean): void {
  genListDel(lrugen, folio);
  genListAdd(lrugen, folio, genList(folio.lruGen, folioLruType(folio), folioZonenum(sys, folio)), atTail);
}

// ---------------------------------------------------------------- counting

/** The counter of active or inactive pages that a folio of `type` in `gen` counts in. */
function counter(lrugen: LruGen, type: number, gen: number): number {
  return type * LRU_FILE + (lruGenIsActive(lrugen, gen) ? LRU_ACTIVE : 0);
}

/**
 * The folio goes from generation `oldGen` to `newGen`; -1 is none. Linux include/linux/mm_inline.h:
 * lru_gen_update_size()
 */
export function lruGenUpdateSize(
  sys: MemorySystem,
  lrugen: LruGen,
  folio: Folio,
  oldGen: number,
  newGen: number,
): void {
  const type = folioLruType(folio);
  const zone = folioZonenum(sys, folio);
  const delta = 1 << folio.order;
  if (oldGen >= 0) {
    lrugen.nrPages[genList(oldGen, type, zone)]! -= delta;
    updateLruSize(sys, lrugen.lruvec, zone, counter(lrugen, type, oldGen), -delta);
  }
  if (newGen >= 0) {
    lrugen.nrPages[genList(newGen, type, zone)]! += delta;
    updateLruSize(sys, lrugen.lruvec, zone, counter(lrugen, type, newGen), delta);
  }
}

// ---------------------------------------------------------------- on and off

/**
 * The generation in which the folio would enter; `reclaiming`: the oldest, unless it was faulted in.
 * Linux include/linux/mm_inline.h:lru_gen_folio_seq()
 */
export function lruGenFolioSeq(lrugen: LruGen, folio: Folio, reclaiming: boolean): number {
  const { flags } = folio;
  const type = folioLruType(folio);
  const workingset = (flags & PG_workingset) !== 0 ? 1 : 0;
  let gen: number;
  if ((flags & PG_active) !== 0) gen = MIN_NR_GENS - workingset;
  else if (reclaiming) gen = MAX_NR_GENS;
  else if (
    (type === LRU_GEN_ANON && (flags & PG_swapcache) === 0) ||
    ((flags & PG_reclaim) !== 0 && (flags & (PG_dirty | PG_writeback)) !== 0)
  )
    gen = MIN_NR_GENS;
  else gen = MAX_NR_GENS - workingset;
  return Math.max(lrugen.maxSeq - gen + 1, lrugen.minSeq[type]!);
}

/**
 * Puts the folio on a generation and sets PG_lru; false if it belongs on a classic list. `reclaiming` puts it
 * at the tail of the oldest. Linux include/linux/mm_inline.h:lru_gen_add_folio()
 */
export function lruGenAddFolio(
  sys: MemorySystem,
  lrugen: LruGen,
  folio: Folio,
  reclaiming: boolean,
): boolean {
  if ((folio.flags & PG_unevictable) !== 0 || !lrugen.enabled) return false;
  vmBugOnPage(folio.lruGen >= 0 || folio.lruList >= 0, folio.pfn, "is on an LRU list already");
  const gen = lruGenFromSeq(lruGenFolioSeq(lrugen, folio, reclaiming));
  folio.lruGen = gen;
  folio.flags = (folio.flags & ~PG_active) | PG_lru;
  lruGenUpdateSize(sys, lrugen, folio, -1, gen);
  genListAdd(lrugen, folio, genList(gen, folioLruType(folio), folioZonenum(sys, folio)), reclaiming);
  return true;
}

/**
 * Takes the folio off its generation and clears PG_lru; false if it was on none. Unless it is taken to be
 * reclaimed, PG_active remembers that it was young. Linux include/linux/mm_inline.h:lru_gen_del_folio()
 */
export function lruGenDelFolio(
  sys: MemorySystem,
  lrugen: LruGen,
  folio: Folio,
  reclaiming: boolean,
): boolean {
  const gen = folio.lruGen;
  if (gen < 0) return false;
  folio.flags &= ~PG_lru;
  if (!reclaiming && lruGenIsActive(lrugen, gen)) folio.flags |= PG_active;
  lruGenUpdateSize(sys, lrugen, folio, gen, -1);
  genListDel(lrugen, folio);
  folio.lruGen = -1;
  return true;
}
