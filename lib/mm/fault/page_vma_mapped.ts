/**
 * The one reverse walk below a VMA: which of its entries map pages of a folio.
 *
 *   rmapWalk(folio) --> VMA that may map it --> pageVmaMappedWalk(folio, vma, visit, arg)
 *
 *     pages of the file    ... 6 7 [8 9 10 11] 12 ...           folio: pages 8 to 11
 *     VMA, vmPgoff = 9            |. . . . . . . .|             begins at page 9: page 8 lies outside
 *     its entries                  9 -  11                      page 10 is not mapped here
 *                      visit(page 9)    visit(page 11)
 *
 * The reverse map only says where a page would stand. An entry there may be empty, a note of the kernel, or,
 * in a private VMA, name another frame (the copy that a write made); so each is compared with the folio's
 * frame before it is visited. A part without a table is stepped over as a whole.
 *
 * A leaf of level 2 that maps the folio as a whole is visited like an entry; pmdLeaf() tells them apart. One
 * with other frames is stepped over.
 *
 * Left out: entries that say a page is being moved (PVMW_MIGRATION), since nothing moves pages.
 *
 * Read first: rmap.ts, mm/pgtable/pgtable_alloc.ts. Read next: rmap_referenced.ts, rmap_unmap.ts.
 */
import type { Vaddr } from "../../hw/address.js";
import { PAGE_SIZE, PMD_SIZE } from "../../hw/address.js";
import type { Pte } from "../../hw/entry.js";
import type { MmStruct, VmAreaStruct } from "../mm_types.js";
import { type Folio, folioNrPages, folioTestPmdMappable } from "../pages/folio.js";
import { nextBoundary } from "../pgtable/pagewalk.js";
import { pmdLeaf, ptePfn, ptepGet } from "../pgtable/pgtable.js";
import { pmdOffsetPud, pteOffsetPmd, pudOffset } from "../pgtable/pgtable_alloc.js";
import { classifyPte, PTE_KIND_PRESENT } from "../pgtable/swapops.js";
import { vmaAddress } from "./rmap.js";

/**
 * Told of one entry, or leaf, that maps page `index` of the folio (0 is its first): where, what it holds, and
 * of `arg`. It may change the entry, but free no table. False ends the walk. Linux: the body of a caller's
 * loop over page_vma_mapped_walk()
 */
type MappedVisitor<Arg> = (address: Vaddr, ptep: number, pte: Pte, index: number, arg: Arg) => boolean;

/** Whether the leaf `entry` is the folio, whole. Linux mm/page_vma_mapped.c:check_pmd() */
function isItsLeaf(folio: Folio, entry: Pte): boolean {
  return ptePfn(entry) === folio.pfn && folioTestPmdMappable(folio);
}

/**
 * Pointer to the level-1 entry for `address`, or to the leaf of level 2 that maps the folio; undefined where
 * a table is missing or another folio's leaf is above.
 */
function findEntry(folio: Folio, mm: MmStruct, address: Vaddr): number | undefined {
  const { ram } = mm.sys;
  const pudp = pudOffset(mm, address);
  if (pudp === 0 || pmdLeaf(ptepGet(ram, pudp))) return undefined;
  const pmdp = pmdOffsetPud(mm, pudp, address);
  if (pmdp === 0) return undefined;
  const pmd = ptepGet(ram, pmdp);
  if (pmdLeaf(pmd)) return isItsLeaf(folio, pmd) ? pmdp : undefined;
  return pteOffsetPmd(mm, pmdp, address) || undefined;
}

/**
 * Visits each entry of `vma` that maps a page of the folio, lowest first; false when a visitor ended it.
 * Linux mm/page_vma_mapped.c:page_vma_mapped_walk().
 * Differs from Linux: calls a visitor instead of being called again for each entry.
 */
export function pageVmaMappedWalk<Arg>(
  folio: Folio,
  vma: VmAreaStruct,
  visit: MappedVisitor<Arg>,
  arg: Arg,
): boolean {
  const { vmMm: mm } = vma;
  const { ram } = mm.sys;
  const nrPages = folioNrPages(folio);
  let address = vmaAddress(vma, folio.index, nrPages);
  if (address === undefined) return true;
  let index = Math.max(0, vma.vmPgoff - folio.index);
  const end = Math.min(vma.vmEnd, address + (nrPages - index) * PAGE_SIZE);
  while (address < end) {
    const next = nextBoundary(address, PMD_SIZE, end);
    let ptep = findEntry(folio, mm, address);
    const pmd = ptep === undefined ? 0 : ptepGet(ram, ptep);
    if (ptep === undefined || pmdLeaf(pmd)) {
      if (ptep !== undefined && !visit(address, ptep, pmd, index, arg)) return false;
      index += (next - address) / PAGE_SIZE;
      address = next;
      continue;
    }
    for (; address < next; address += PAGE_SIZE, ptep++, index++) {
      const pte = ptepGet(ram, ptep);
      if (classifyPte(pte) !== PTE_KIND_PRESENT || ptePfn(pte) !== folio.pfn + index) continue;
      if (!visit(address, ptep, pte, index, arg)) return false;
    }
  }
  return true;
}
