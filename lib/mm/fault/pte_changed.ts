/**
 * Whether somebody was faster: what everything that may have waited asks before it sets an entry.
 *
 *   fault: origPte = the entry  -->  allocate, read, copy  -->  vmfPteChanged?
 *                                    (others run meanwhile)       no:  set the entry
 *                                                                 yes: throw away, the access is repeated
 *
 * Linux takes the page-table lock first and looks then; here nothing can come between the look and the store.
 *
 * Read first: vm_fault.ts. Read next: memory.ts.
 */
import { pmdLeaf, ptePfn, ptepGet } from "../pgtable/pgtable.js";
import type { VmFault } from "./vm_fault.js";

/**
 * Whether the entry is not what it was when the fault came: asked after all that may have waited, before the
 * entry is set. Then what was prepared is thrown away, and the access is simply repeated.
 * Linux mm/memory.c:vmf_pte_changed()
 */
export function vmfPteChanged(vmf: VmFault): boolean {
  return vmfTableGone(vmf) || ptepGet(vmf.vma.vmMm.sys.ram, vmf.ptep) !== vmf.origPte;
}

/**
 * Whether the table of the entry is not there any more: 512 pages have become a huge page meanwhile
 * (mm/huge/collapse_pte_mapped.ts). Linux mm/pgtable-generic.c:pte_offset_map_lock(), where it returns NULL
 */
export function vmfTableGone({ vma, pmdp, ptep }: VmFault): boolean {
  if (pmdp === 0 || ptep === 0) return false;
  const pmd = ptepGet(vma.vmMm.sys.ram, pmdp);
  return pmdLeaf(pmd) || ptePfn(pmd) !== Math.floor(ptep / 512);
}
