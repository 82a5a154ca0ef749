/**
 * The entry of a huge page: a leaf in a table of level 2 or 3, read and written like an entry of level 1.
 *
 *   2 MiB   pgd --> pud --> pmd entry with PS              1 GiB   pgd --> pud entry with PS
 *                           |                                              |
 *                           frame, a multiple of 512                       frame, a multiple of 262144
 *
 * Below such an entry there is no table, so 1 GiB of 2 MiB pages costs one table of 4 KiB instead of 513, and
 * the TLB needs one entry for each 2 MiB. The bits mean what they mean in level 1 (mm/pgtable/pgtable.ts);
 * PS, bit 7, says that it is a leaf. Only the two sizes of huge pages and the walks of their VMAs know which
 * level it is.
 *
 * Left out: tables of level 2 that several processes share (CONFIG_HUGETLB_PMD_PAGE_TABLE_SHARING): in Linux
 * two processes that map the same 1 GiB, on a multiple of 1 GiB, shared and whole, have one table between
 * them.
 *
 * Linux mm/hugetlb.c, arch/x86/mm/hugetlbpage.c. Read first: mm/pgtable/pgtable_alloc.ts.
 * Read next: hugetlb_fault.ts.
 */
import type { Vaddr } from "../../hw/address.js";
import { PMD_SIZE } from "../../hw/address.js";
import { PAGE_PSE, type Pte } from "../../hw/entry.js";
import { type MmStruct, VM_WRITE, type VmAreaStruct } from "../mm_types.js";
import type { Folio } from "../pages/folio.js";
import {
  pfnPte,
  pteMkdirty,
  pteMkwrite,
  pteMkyoung,
  ptePresent,
  pteProtnone,
  ptepGet,
  pteWrite,
  pteWrprotect,
  vmaPageProt,
} from "../pgtable/pgtable.js";
import { pmdAlloc, pmdOffset, pudAlloc, pudOffset } from "../pgtable/pgtable_alloc.js";
import { hstateVma } from "./vma_resv.js";

/** Bytes below one entry of level 3, and below one of the top table. Linux PUD_SIZE, P4D_SIZE */
const PUD_BYTES = 0x4000_0000;
const PGD_BYTES = 0x80_0000_0000;

/**
 * Pointer to the entry for the huge page of `size` bytes at `addr`; 0 where a table is missing.
 * Linux mm/hugetlb.c:huge_pte_offset(), hugetlb_walk()
 */
export function hugePteOffset(mm: MmStruct, addr: Vaddr, size: number): number {
  return size === PMD_SIZE ? pmdOffset(mm, addr) : pudOffset(mm, addr);
}

/** The same, tables made as needed; 0 without memory. Linux mm/hugetlb.c:huge_pte_alloc() */
export function hugePteAlloc(mm: MmStruct, addr: Vaddr, size: number): number {
  return size === PMD_SIZE ? pmdAlloc(mm, addr) : pudAlloc(mm, addr);
}

/**
 * A new entry for `folio`; with `tryMkwrite` it may be written if the VMA may.
 * Linux mm/hugetlb.c:make_huge_pte()
 */
export function makeHugePte(vma: VmAreaStruct, folio: Folio, tryMkwrite: boolean): Pte {
  const { pageSoftDirty } = vma.vmMm.sys;
  const entry = pfnPte(folio.pfn, vmaPageProt(vma)) + PAGE_PSE;
  const writable = tryMkwrite && (vma.vmFlags & VM_WRITE) !== 0;
  return pteMkyoung(writable ? pteMkwrite(pteMkdirty(entry, pageSoftDirty)) : pteWrprotect(entry));
}

/**
 * Calls `visit` for the entry of each huge page of [start, end), empty ones too; where a table is missing all
 * that it would cover is stepped over. A visitor that answers true ends it, and so does the result.
 * Linux: the loop of copy_hugetlb_page_range() and its like, with hugetlb_mask_last_page()
 */
export function forEachHugePte(
  vma: VmAreaStruct,
  start: Vaddr,
  end: Vaddr,
  // biome-ignore lint/suspicious/noConfusingVoidType: a visitor that never ends the loop returns nothing
  visit: (ptep: number, addr: Vaddr) => boolean | void,
): boolean {
  const size = hstateVma(vma).hugePageSize;
  const covered = size === PMD_SIZE ? PUD_BYTES : PGD_BYTES;
  for (let addr = start; addr < end; ) {
    const ptep = hugePteOffset(vma.vmMm, addr, size);
    if (ptep === 0) addr = (Math.floor(addr / covered) + 1) * covered;
    else {
      if (visit(ptep, addr)) return true;
      addr += size;
    }
  }
  return false;
}

/**
 * Told of one huge page's entry, what it holds, and the part [addr, next) of the walk that lies in it. True
 * ends the walk. Linux mm_walk_ops.hugetlb_entry
 */
// biome-ignore lint/suspicious/noConfusingVoidType: a callback that never ends the walk returns nothing
export type HugetlbEntry = (pte: Pte, addr: Vaddr, ptep: number, next: Vaddr) => boolean | void;

/**
 * Walks [start, end) of a VMA of huge pages; it need not begin or end with a whole one.
 * Linux mm/pagewalk.c:walk_hugetlb_range()
 */
export function walkHugetlbRange(
  vma: VmAreaStruct,
  start: Vaddr,
  end: Vaddr,
  entry: HugetlbEntry,
  // biome-ignore lint/suspicious/noConfusingVoidType: a callback that never ends the walk returns nothing
  hole: (addr: Vaddr, next: Vaddr) => boolean | void,
): boolean {
  const { ram } = vma.vmMm.sys;
  const size = hstateVma(vma).hugePageSize;
  for (let addr = start; addr < end; ) {
    const next = Math.min(end, (Math.floor(addr / size) + 1) * size);
    const ptep = hugePteOffset(vma.vmMm, addr, size);
    if ((ptep === 0 ? hole(addr, next) : entry(ptepGet(ram, ptep), addr, ptep, next)) === true) return true;
    addr = next;
  }
  return false;
}

/**
 * Whether the tables give the access at `addr` already: present, and writable if `write`.
 * Linux mm/gup.c:follow_huge_pmd(), follow_huge_pud()
 */
export function followHugetlb(vma: VmAreaStruct, addr: Vaddr, write: boolean): boolean {
  const ptep = hugePteOffset(vma.vmMm, addr, hstateVma(vma).hugePageSize);
  const pte = ptep === 0 ? 0 : ptepGet(vma.vmMm.sys.ram, ptep);
  return ptePresent(pte) && !pteProtnone(pte) && (!write || pteWrite(pte));
}

/** Counts pages mapped in `mm`: HugetlbPages in status. Linux include/linux/hugetlb.h:hugetlb_count_add() */
export function hugetlbCountAdd(mm: MmStruct, nrPages: number): void {
  mm.hugetlbUsage += nrPages;
}

/** The huge page's first address. */
export function hugeAlignDown(addr: Vaddr, size: number): Vaddr {
  return addr - (addr % size);
}
