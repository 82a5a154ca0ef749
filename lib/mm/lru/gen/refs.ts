/**
 * How a folio remembers that it was used: two ways, since only one of them leaves an accessed bit.
 *
 *   through a descriptor (read, write)             through a page table
 *   1st   PG_referenced                            1st   PG_referenced, when the accessed bit is found
 *   2..4  lruRefs 1, 2, 3                          2nd   PG_workingset, and to the youngest generation
 *   5th   PG_workingset
 *   6th   to the second oldest generation, when eviction meets it
 *
 * The first accessed bit proves little: the fault that brought the page in has set it. So it takes two
 * looks, with a use between them, to make a page young. Counting uses of a descriptor moves nothing; it costs
 * one write to the folio.
 *
 *   lruGenIncRefs      a use through a descriptor          folioUpdateGen    aging found the accessed bit
 *   lruGenClearRefs    it is advised to be not needed      lruGenSetRefs     the reverse map found it
 *   folioIncGen        eviction moves it one generation on
 *
 * Linux mm/swap.c, mm/vmscan.c. Read first: lru_gen.ts, gen_list.ts. Read next: tiers.ts.
 */
import { vmBugOnPage } from "../../mmdebug.js";
import { type Folio, PG_reclaim, PG_referenced, PG_unevictable, PG_workingset } from "../../pages/folio.js";
import type { MemorySystem } from "../../system.js";
import { folioLruType, type LruGen, lruGenUpdateSize } from "./gen_list.js";
import { LRU_REFS_MAX, lruGenFromSeq, MAX_NR_GENS } from "./lru_gen.js";

/** The folio was used through a descriptor. Linux mm/swap.c:lru_gen_inc_refs() */
export function lruGenIncRefs(folio: Folio): void {
  if ((folio.flags & PG_unevictable) !== 0) return;
  if ((folio.flags & PG_referenced) === 0) {
    folio.lruRefs = 0;
    folio.flags |= PG_referenced;
  } else if (folio.lruRefs < LRU_REFS_MAX) folio.lruRefs++;
  else folio.flags |= PG_workingset;
}

/**
 * Forgets that the folio was used; true if nothing more is to be done, for it is in the oldest generation or
 * in none. Linux mm/swap.c:lru_gen_clear_refs()
 */
export function lruGenClearRefs(lrugen: LruGen, folio: Folio): boolean {
  const gen = folio.lruGen;
  if (gen < 0) return true;
  folio.lruRefs = 0;
  folio.flags &= ~(PG_referenced | PG_workingset);
  return gen === lruGenFromSeq(lrugen.minSeq[folioLruType(folio)]!);
}

/** Whether neither of the two marks of a use is set; then the first is set. */
function firstUse(folio: Folio): boolean {
  if ((folio.flags & (PG_referenced | PG_workingset)) !== 0) return false;
  folio.lruRefs = 0;
  folio.flags |= PG_referenced;
  return true;
}

/**
 * An isolated folio, or a neighbour of one, was found used by the reverse map; whether it is to be activated.
 * Linux mm/vmscan.c:lru_gen_set_refs()
 */
export function lruGenSetRefs(folio: Folio): boolean {
  if (firstUse(folio)) return false;
  folio.lruRefs = 0;
  folio.flags = (folio.flags & ~PG_referenced) | PG_workingset;
  return true;
}

/**
 * Aging found the folio used: from the second time on it belongs to generation `gen`. The generation it
 * comes from, -1 if it stays. It is not moved, and the caller counts. Linux mm/vmscan.c:folio_update_gen()
 */
export function folioUpdateGen(folio: Folio, gen: number): number {
  if (firstUse(folio)) return -1;
  const oldGen = folio.lruGen;
  if (oldGen < 0) return -1;
  folio.lruGen = gen;
  folio.lruRefs = 0;
  folio.flags = (folio.flags & ~PG_referenced) | PG_workingset;
  return oldGen;
}

/**
 * One generation on for a folio of the oldest one; the generation it is in now. `reclaiming`: it waits to be
 * written. The caller moves it. Linux mm/vmscan.c:folio_inc_gen()
 */
export function folioIncGen(sys: MemorySystem, lrugen: LruGen, folio: Folio, reclaiming: boolean): number {
  const oldGen = lruGenFromSeq(lrugen.minSeq[folioLruType(folio)]!);
  vmBugOnPage(folio.lruGen < 0, folio.pfn, "has no generation");
  if (folio.lruGen !== oldGen) return folio.lruGen; // aging was faster
  const newGen = (oldGen + 1) % MAX_NR_GENS;
  folio.lruGen = newGen;
  folio.lruRefs = 0;
  folio.flags &= ~PG_referenced;
  if (reclaiming) folio.flags |= PG_reclaim;
  lruGenUpdateSize(sys, lrugen, folio, oldGen, newGen);
  return newGen;
}
