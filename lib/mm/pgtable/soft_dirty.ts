/**
 * Soft-dirty: which pages a process has written since somebody last asked, without a list of them.
 *
 *   echo 4 > /proc/PID/clear_refs      every entry loses S and R/W; every VMA loses VM_SOFTDIRTY
 *          |
 *          v          the program goes on; its first write to a page faults, and the entry gets S and R/W back
 *   /proc/PID/pagemap, bit 55          S of the entry, or VM_SOFTDIRTY of its VMA
 *
 * The processor knows nothing of S (bit 11 of an entry; bit 1 where the page is in swap). It sets D by itself
 * wherever it may write, so S can be kept only by taking the right to write away and waiting for the fault.
 * That is why a VMA whose pages are watched (it has no VM_SOFTDIRTY) has its shared mappings read-only at
 * first, and why mprotect leaves an entry without S read-only though it could make it writable at once.
 *
 * VM_SOFTDIRTY says that the mapping itself is new: all of it counts as written, also what was never touched.
 * mmap, brk and exec set it, mremap does not: there each entry that is moved gets S. (A PTE page that is
 * moved as a whole is not looked into: its entries stay as they are.)
 *
 * It was made for saving a running process to disk (CRIU): copy all, clear, copy again what was written
 * meanwhile, until little is left. Not every kernel is built with it (CONFIG_MEM_SOFT_DIRTY): here it is
 * boot({ softDirty: true }), and sys.pageSoftDirty is 0 without.
 *
 * Left out: PAGEMAP_SCAN; leaves of level 2, which nothing makes yet.
 *
 * Linux Documentation/admin-guide/mm/soft-dirty.rst. Read first: pgtable.ts. Read next: procfs/clear_refs.ts.
 */
import type { Pte } from "../../hw/entry.js";
import { type MmStruct, VM_SOFTDIRTY, type VmAreaStruct } from "../mm_types.js";

/**
 * Written, or moved, since the bit was cleared. Linux arch/x86/include/asm/pgtable_types.h:_PAGE_SOFT_DIRTY
 * (_PAGE_BIT_SOFTW3)
 */
export const PAGE_SOFT_DIRTY = 0x800;
/** The same of a page in swap. Linux arch/x86/include/asm/pgtable_types.h:_PAGE_SWP_SOFT_DIRTY */
const PAGE_SWP_SOFT_DIRTY = 0x002;

/** Linux arch/x86/include/asm/pgtable.h:pte_soft_dirty() */
export function pteSoftDirty(pte: Pte): boolean {
  return (pte & PAGE_SOFT_DIRTY) !== 0;
}

/** Linux arch/x86/include/asm/pgtable.h:pte_mksoft_dirty() */
export function pteMksoftDirty(pte: Pte): Pte {
  return pteSoftDirty(pte) ? pte : pte + PAGE_SOFT_DIRTY;
}

/** Linux arch/x86/include/asm/pgtable.h:pte_clear_soft_dirty() */
export function pteClearSoftDirty(pte: Pte): Pte {
  return pteSoftDirty(pte) ? pte - PAGE_SOFT_DIRTY : pte;
}

/**
 * The page was so when it went to swap, or since. Linux arch/x86/include/asm/pgtable.h:pte_swp_soft_dirty()
 */
export function pteSwpSoftDirty(pte: Pte): boolean {
  return (pte & PAGE_SWP_SOFT_DIRTY) !== 0;
}

/** Linux arch/x86/include/asm/pgtable.h:pte_swp_mksoft_dirty() */
export function pteSwpMksoftDirty(pte: Pte): Pte {
  return pteSwpSoftDirty(pte) ? pte : pte + PAGE_SWP_SOFT_DIRTY;
}

/** Linux arch/x86/include/asm/pgtable.h:pte_swp_clear_soft_dirty() */
export function pteSwpClearSoftDirty(pte: Pte): Pte {
  return pteSwpSoftDirty(pte) ? pte - PAGE_SWP_SOFT_DIRTY : pte;
}

/**
 * The flag of a new mapping: VM_SOFTDIRTY, or 0 in a kernel without. Linux include/linux/mm.h:VM_SOFTDIRTY
 */
export function vmSoftdirty(mm: MmStruct): number {
  return mm.sys.pageSoftDirty === 0 ? 0 : VM_SOFTDIRTY;
}

/** Whether the pages of the VMA are watched one by one. Linux mm/internal.h:vma_soft_dirty_enabled() */
export function vmaSoftDirtyEnabled(vma: VmAreaStruct): boolean {
  return vma.vmMm.sys.pageSoftDirty !== 0 && (vma.vmFlags & VM_SOFTDIRTY) === 0;
}

/**
 * The next write through this present entry must fault, to be noticed.
 * Linux mm/internal.h:pte_needs_soft_dirty_wp()
 */
export function pteNeedsSoftDirtyWp(vma: VmAreaStruct, pte: Pte): boolean {
  return vmaSoftDirtyEnabled(vma) && !pteSoftDirty(pte);
}
