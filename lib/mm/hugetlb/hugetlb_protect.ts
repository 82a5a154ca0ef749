/**
 * mprotect of huge pages: every present entry gets the new protection at once.
 *
 *   r  --> rw   private: the entry stays read-only, the first write faults and finds the page its own (hugetlb_wp.ts)
 *               shared: writable at once
 *   rw --> none the entry keeps its page, and lets nobody through
 *
 * The range is whole huge pages: mprotect of a part of one would have to split the VMA inside it, which is
 * EINVAL (hugetlb_vm_ops.ts). For small pages Linux makes private entries writable at once where it can; for
 * huge ones it does not.
 *
 * Linux mm/hugetlb.c. Read first: mm/vma/mprotect.ts, huge_pte.ts.
 */
import type { Vaddr } from "../../hw/address.js";
import type { VmAreaStruct } from "../mm_types.js";
import { withGather } from "../pgtable/mmu_gather.js";
import { pteModify, ptepGet, setPte, vmaPageProt } from "../pgtable/pgtable.js";
import { forEachHugePte } from "./huge_pte.js";
import { hstateVma } from "./vma_resv.js";

/**
 * Gives the entries of [start, end) the protection of `vma`; small pages changed.
 * Linux mm/hugetlb.c:hugetlb_change_protection()
 */
export function hugetlbChangeProtection(vma: VmAreaStruct, start: Vaddr, end: Vaddr): number {
  const { vmMm: mm } = vma;
  const { ram } = mm.sys;
  const h = hstateVma(vma);
  const prot = vmaPageProt(vma);
  let pages = 0;
  withGather(mm, (gather) => {
    forEachHugePte(vma, start, end, (ptep, addr) => {
      const pte = ptepGet(ram, ptep);
      if (pte === 0) return;
      setPte(ram, ptep, pteModify(pte, prot));
      gather.addRange(addr, addr + h.hugePageSize, h.hugePageSize);
      pages += h.pagesPerHugePage;
    });
  });
  return pages;
}
