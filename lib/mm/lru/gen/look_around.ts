/**
 * Looking around: eviction asks one page whether it was used; if it was, its neighbours are asked as well.
 *
 *   folioReferenced(folio) --> entry that maps it: accessed? --no--> evicted
 *                                   | yes
 *        [ . . x . . . x x O x . . x . . ]      up to 64 entries around O, within its table and VMA
 *              ^       ^ ^   ^     ^            accessed ones: bit cleared, folio promoted
 *
 * Finding the entry was the dear part: its table is in the cache now, and programs use memory in clusters.
 * Those neighbours will not have to be found by reverse walks of their own.
 *
 * While aging or kswapd is at work, neighbours are promoted on the spot. A task that reclaims for itself puts
 * them in the batch of folios to be activated.
 *
 * Left out: the hint to the Bloom filter of aging.
 *
 * Linux mm/vmscan.c. Read first: walk_mm.ts, mm/fault/page_vma_mapped.ts. Read next: eviction.ts.
 */
import type { Vaddr } from "../../../hw/address.js";
import { PAGE_SIZE, PMD_SIZE } from "../../../hw/address.js";
import { folioLruvec } from "../../memcg/stats.js";
import { VM_SPECIAL, type VmAreaStruct } from "../../mm_types.js";
import { type Folio, pfnToPage } from "../../pages/folio.js";
import { pteMkold, ptePfn, ptepGet, pteYoung, setPte } from "../../pgtable/pgtable.js";
import type { MemorySystem } from "../../system.js";
import { folioActivate } from "../swap.js";
import { lruGenFromSeq, MIN_LRU_BATCH } from "./lru_gen.js";
import { lruGenSetRefs } from "./refs.js";
import { forEachYoungFolio, promote } from "./walk_mm.js";

const WINDOW = MIN_LRU_BATCH * PAGE_SIZE;

/** Which part of the table around `addr` is looked at, within `vma`: at most 64 pages. */
export function window(
  vma: Pick<VmAreaStruct, "vmStart" | "vmEnd">,
  addr: Vaddr,
): { start: Vaddr; end: Vaddr } {
  const table = Math.floor(addr / PMD_SIZE) * PMD_SIZE;
  const start = Math.max(table, vma.vmStart);
  const end = Math.min(table + PMD_SIZE, vma.vmEnd);
  if (end - start <= WINDOW) return { start, end };
  if (addr - start < WINDOW / 2) return { start, end: start + WINDOW };
  if (end - addr < WINDOW / 2) return { start: end - WINDOW, end };
  return { start: addr - WINDOW / 2, end: addr + WINDOW / 2 };
}

/**
 * Whether the entry at `ptep`, which maps an isolated folio at `addr` of `vma`, was used; clears its accessed
 * bit and, if it was, promotes used neighbours. Linux mm/vmscan.c:lru_gen_look_around()
 */
export function lruGenLookAround(vma: VmAreaStruct, addr: Vaddr, ptep: number): boolean {
  const { sys } = vma.vmMm;
  const { ram } = sys;
  const pte = ptepGet(ram, ptep);
  if (!pteYoung(pte)) return false;
  setPte(ram, ptep, pteMkold(pte));
  if ((vma.vmFlags & VM_SPECIAL) !== 0) return true;
  const { start, end } = window(vma, addr);
  const first = ptep - (addr - start) / PAGE_SIZE;
  const lruvec = folioLruvec(sys, pfnToPage(sys, ptePfn(pte)).head);
  forEachYoungFolio(sys, lruvec, first, (end - start) / PAGE_SIZE, neighbourUsed);
  return true;
}

/**
 * A neighbour was used: it is promoted, or put in the batch of those to be. Linux
 * mm/vmscan.c:walk_update_folio()
 */
function neighbourUsed(sys: MemorySystem, folio: Folio): void {
  if (sys.lruGen.walking) promote(sys, folio);
  else if (lruGenSetRefs(folio) && folio.lruGen !== lruGenFromSeq(folioLruvec(sys, folio).lrugen.maxSeq))
    folioActivate(sys, folio);
}
