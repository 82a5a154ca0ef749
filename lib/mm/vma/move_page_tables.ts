/**
 * Moving page-table entries to other addresses, for mremap: the pages stay where they are in RAM.
 *
 *   old  |....PTE page....|....PTE page....|           a whole PTE page (2 MiB on 2 MiB borders) moves by one pointer;
 *             |                 |                      else entry by entry
 *   new  |....PTE page....|....PTE page....|
 *
 * If the range starts inside a PTE page at the same place on both sides, and nothing else is mapped before it
 * there, the start is rounded down so that the whole table can move. A leaf of level 2 moves as a whole too,
 * or is split.
 *
 * Every kind of entry moves as it is: a place in swap, a page on the move and a guard belong to the mapping,
 * not to the address.
 *
 * Left out: userfaultfd. Differs from Linux: level-3 entries are not moved as a whole (the
 * result is the same).
 *
 * Read first: mremap.ts, mm/pgtable/pgtable_alloc.ts.
 */
import type { Vaddr } from "../../hw/address.js";
import { PAGE_SIZE, PMD_SIZE } from "../../hw/address.js";
import type { Pte } from "../../hw/entry.js";
import { moveHugePmd } from "../huge/huge_memory.js";
import { moveHugetlbPageTables } from "../hugetlb/hugetlb_copy.js";
import { VM_HUGETLB, type VmAreaStruct } from "../mm_types.js";
import { vmBugOn } from "../mmdebug.js";
import { pmdLeaf, ptePresent, ptepGet, setPte } from "../pgtable/pgtable.js";
import { pmdAlloc, pmdOffset, pteAllocPmd, pteOffsetPmd } from "../pgtable/pgtable_alloc.js";
import { pteMksoftDirty, pteSwpMksoftDirty } from "../pgtable/soft_dirty.js";
import { classifyPte, PTE_KIND_NONE, PTE_KIND_PRESENT } from "../pgtable/swapops.js";
import { flushTlbRange } from "../pgtable/tlb.js";

/** One move on its way. Linux mm/internal.h:struct pagetable_move_control */
interface PagetableMoveControl {
  old: VmAreaStruct;
  new: VmAreaStruct;
  oldAddr: Vaddr;
  newAddr: Vaddr;
  oldEnd: number;
  lenIn: number;
}

/**
 * Moves the entries of `len` bytes at `oldAddr` of `oldVma` to `newAddr` of `newVma`. Returns the bytes done;
 * less than `len` when a table could not be allocated. Linux mm/mremap.c:move_page_tables()
 */
export function movePageTables(
  oldVma: VmAreaStruct,
  newVma: VmAreaStruct,
  oldAddr: Vaddr,
  newAddr: Vaddr,
  len: number,
): number {
  const pmc = { old: oldVma, new: newVma, oldAddr, newAddr, oldEnd: oldAddr + len, lenIn: len };
  if (len === 0) return 0;
  if ((oldVma.vmFlags & VM_HUGETLB) !== 0) return moveHugetlbPageTables(oldVma, oldAddr, newAddr, len);
  tryRealignAddr(pmc);
  const { vmMm: mm } = oldVma;
  while (pmc.oldAddr < pmc.oldEnd) {
    const extent = getExtent(pmc);
    const oldPmdp = pmdOffset(mm, pmc.oldAddr);
    if (oldPmdp !== 0 && ptepGet(mm.sys.ram, oldPmdp) !== 0 && !movePmd(pmc, oldPmdp, extent)) break;
    pmc.oldAddr += extent;
    pmc.newAddr += extent;
  }
  return Math.max(0, pmc.oldAddr - (pmc.oldEnd - len));
}

/** Up to the next 2 MiB border on either side. Linux mm/mremap.c:get_extent() */
function getExtent({ oldAddr, newAddr, oldEnd }: PagetableMoveControl): number {
  return Math.min(PMD_SIZE - (oldAddr % PMD_SIZE), PMD_SIZE - (newAddr % PMD_SIZE), oldEnd - oldAddr);
}

/** Moves what one level-2 entry maps, at most `extent` bytes; false without memory. */
function movePmd(pmc: PagetableMoveControl, oldPmdp: number, extent: number): boolean {
  const { vmMm: mm } = pmc.old;
  const newPmdp = pmdAlloc(mm, pmc.newAddr);
  if (newPmdp === 0) return false;
  if (extent === PMD_SIZE && moveWholePmd(pmc, oldPmdp, newPmdp)) return true;
  const { ram, parts } = mm.sys;
  if (pmdLeaf(ptepGet(ram, oldPmdp))) {
    parts.splitHugePmd(pmc.old, oldPmdp, pmc.oldAddr);
    if (ptepGet(ram, oldPmdp) === 0) return true; // of a file: later faults find it
  }
  const newPtep = pteAllocPmd(mm, newPmdp, pmc.newAddr);
  if (newPtep === 0) return false;
  movePtes(pmc, oldPmdp, newPtep, extent);
  return true;
}

/** Moves a whole PTE page, or a leaf. Linux mm/mremap.c:move_normal_pmd(), move_huge_pmd() */
function moveWholePmd(pmc: PagetableMoveControl, oldPmdp: number, newPmdp: number): boolean {
  const { ram } = pmc.old.vmMm.sys;
  const pmd = ptepGet(ram, oldPmdp);
  if (pmdLeaf(pmd)) return moveHugePmd(pmc.old, pmc.oldAddr, oldPmdp, newPmdp);
  if (ptepGet(ram, newPmdp) !== 0) return false;
  setPte(ram, oldPmdp, 0);
  setPte(ram, newPmdp, pmd);
  flushTlbRange(pmc.old.vmMm, pmc.oldAddr, pmc.oldAddr + PMD_SIZE);
  return true;
}

/**
 * A moved page counts as written: who copies a process must copy it once more.
 * Linux mm/mremap.c:move_soft_dirty_pte()
 */
function moveSoftDirtyPte(pte: Pte): Pte {
  return ptePresent(pte) ? pteMksoftDirty(pte) : pteSwpMksoftDirty(pte);
}

/** Moves entry by entry. Linux mm/mremap.c:move_ptes() */
function movePtes(pmc: PagetableMoveControl, oldPmdp: number, newPtep: number, extent: number): void {
  const { vmMm: mm } = pmc.old;
  const { ram, pageSoftDirty } = mm.sys;
  const oldPtep = pteOffsetPmd(mm, oldPmdp, pmc.oldAddr);
  let flush = false;
  for (let i = 0; i < extent / PAGE_SIZE; i++) {
    const pte = ptepGet(ram, oldPtep + i);
    const kind = classifyPte(pte);
    if (kind === PTE_KIND_NONE) continue;
    if (kind === PTE_KIND_PRESENT) flush = true;
    vmBugOn(ptepGet(ram, newPtep + i) !== 0, "an entry is to be moved to where one is");
    setPte(ram, oldPtep + i, 0);
    setPte(ram, newPtep + i, pageSoftDirty === 0 ? pte : moveSoftDirtyPte(pte));
  }
  if (flush) flushTlbRange(mm, pmc.oldAddr, pmc.oldAddr + extent);
}

/** Linux mm/mremap.c:can_align_down() */
function canAlignDown(vma: VmAreaStruct, addr: Vaddr): boolean {
  if (vma.vmStart !== addr) return false;
  const masked = addr - (addr % PMD_SIZE);
  return vma.vmMm.mmMt.intersection(masked, vma.vmStart) === undefined;
}

/**
 * Rounds the start down to a 2 MiB border where that lets whole tables move.
 * Linux mm/mremap.c:try_realign_addr()
 */
function tryRealignAddr(pmc: PagetableMoveControl): void {
  const align = pmc.oldAddr % PMD_SIZE;
  if (align === 0 || pmc.lenIn < PMD_SIZE - align || align !== pmc.newAddr % PMD_SIZE) return;
  if (!canAlignDown(pmc.old, pmc.oldAddr) || !canAlignDown(pmc.new, pmc.newAddr)) return;
  pmc.oldAddr -= align;
  pmc.newAddr -= align;
}
