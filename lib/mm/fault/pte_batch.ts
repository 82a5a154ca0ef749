/**
 * Neighbouring entries that map neighbouring pages of one large folio: they are dealt with in one go.
 *
 *   entries   [ f+3 ][ f+4 ][ f+5 ][ g ]          batch from the first: 3
 *
 * It is faster, and it can be seen: a folio of which all pages are unmapped at once was never mapped partly,
 * and does not wait to be split.
 *
 * Linux mm/internal.h, mm/util.c. Read first: mm/pages/folio.ts. Read next: zap.ts.
 */
import type { Pte } from "../../hw/entry.js";
import { PAGE_ACCESSED, PAGE_DIRTY, PAGE_RW } from "../../hw/entry.js";
import { type Folio, folioNrPages, type Page } from "../pages/folio.js";
import { ptepGet } from "../pgtable/pgtable.js";
import { PAGE_SOFT_DIRTY } from "../pgtable/soft_dirty.js";
import type { MemorySystem } from "../system.js";

/** What may differ from entry to entry. Linux: neither FPB_RESPECT_DIRTY, nor _SOFT_DIRTY, nor _WRITE */
const IGNORED = PAGE_ACCESSED | PAGE_DIRTY | PAGE_RW | PAGE_SOFT_DIRTY;
const PFN_STEP = 0x1000;

function withoutIgnored(pte: Pte): Pte {
  return pte - (pte & IGNORED);
}

/**
 * How many entries from `ptep` on, at most `maxNr`, map the pages of `folio` from `page` on with the same
 * rights, but for writing; `pte` is the first. Linux mm/util.c:folio_pte_batch()
 */
export function folioPteBatch(
  sys: MemorySystem,
  folio: Folio,
  page: Page,
  ptep: number,
  pte: Pte,
  maxNr: number,
): number {
  const most = Math.min(maxNr, folioNrPages(folio) - (page.pfn - folio.pfn));
  let expected = withoutIgnored(pte) + PFN_STEP;
  let nr = 1;
  while (nr < most && withoutIgnored(ptepGet(sys.ram, ptep + nr)) === expected) {
    nr++;
    expected += PFN_STEP;
  }
  return nr;
}
