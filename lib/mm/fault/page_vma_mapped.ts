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
 * A leaf of level 2 or 3 with other frames is stepped over. One with frames of the folio is a bug that
 * throws: no visitor can take such an entry apart yet, and to pass it by would leave the folio mapped behind
 * its owner's back.
 *
 * Left out: entries that say a page is being moved (PVMW_MIGRATION), since nothing moves pages.
 *
 * Read first: rmap.ts, mm/pgtable/pgtable_alloc.ts. Read next: rmap_referenced.ts, rmap_unmap.ts.
 */
import type { Vaddr } from "../../hw/address.js";
import { PAGE_SIZE, PMD_SIZE } from "../../hw/address.js";
import type { Pte } from "../../hw/entry.js";
import type { MmStruct, VmAreaStruct } from "../mm_types.js";
import { vmBugOn } from "../mmdebug.js";
import { type Folio, folioNrPages } from "../pages/folio.js";
import { nextBoundary, PUD_BYTES } from "../pgtable/pagewalk.js";
import { pmdLeaf, ptePfn, ptepGet } from "../pgtable/pgtable.js";
import { pmdOffsetPud, pteOffsetPmd, pudOffset } from "../pgtable/pgtable_alloc.js";
import { classifyPte, PTE_KIND_PRESENT } from "../pgtable/swapops.js";
import { vmaAddress } from "./rmap.js";

/**
 * Told of one entry that maps page `index` of the folio (0 is its first): where, what it holds, and of `arg`.
 * It may change the entry, but free no table. False ends the walk. Linux: the body of a caller's loop over
 * page_vma_mapped_walk()
 */
type MappedVisitor<Arg> = (address: Vaddr, ptep: number, pte: Pte, index: number, arg: Arg) => boolean;

/** Throws if the leaf `entry`, which maps `size` bytes, holds frames of the folio. Linux check_pmd() */
function checkLeaf(folio: Folio, entry: Pte, size: number): void {
  const pfn = ptePfn(entry);
  vmBugOn(
    pfn < folio.pfn + folioNrPages(folio) && pfn + size / PAGE_SIZE > folio.pfn,
    `the folio at frame ${folio.pfn} is mapped by a leaf of ${size} bytes, which no reverse walk takes apart`,
  );
}

/**
 * Pointer to the level-1 entry for `address`; undefined where a table is missing or other frames' leaf is
 * above.
 */
function findPtep(folio: Folio, mm: MmStruct, address: Vaddr): number | undefined {
  const pudp = pudOffset(mm, address);
  if (pudp === 0 || isOthersLeaf(folio, mm, pudp, PUD_BYTES)) return undefined;
  const pmdp = pmdOffsetPud(mm, pudp, address);
  if (pmdp === 0 || isOthersLeaf(folio, mm, pmdp, PMD_SIZE)) return undefined;
  return pteOffsetPmd(mm, pmdp, address) || undefined;
}

/**
 * Whether the entry at `entryp`, which maps `size` bytes, is a leaf; throws if it holds frames of the folio.
 */
function isOthersLeaf(folio: Folio, mm: MmStruct, entryp: number, size: number): boolean {
  const entry = ptepGet(mm.sys.ram, entryp);
  if (!pmdLeaf(entry)) return false;
  checkLeaf(folio, entry, size);
  return true;
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
    let ptep = findPtep(folio, mm, address);
    if (ptep === undefined) {
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
