/**
 * fork and mremap of huge pages.
 *
 *   fork     private pages     the child gets the same entries, and both lose the right to write: mapcount 2, as with small
 *                              pages. No page is taken from the pool now; the first write takes one (hugetlb_wp.ts)
 *            shared pages      nothing is copied: a fault of the child finds them in the file
 *   mremap   entry by entry: the pages keep their place in RAM. The VMA at the new place has the promises
 *
 * One entry for 2 MiB: fork of a process with 1 GiB in huge pages copies 512 entries instead of 262144.
 *
 * Left out: pages pinned for a device, which fork would have to copy at once.
 *
 * Linux mm/hugetlb.c. Read first: mm/fault/copy_page_range.ts, huge_pte.ts. Read next: hugetlb_protect.ts.
 */
import type { Vaddr } from "../../hw/address.js";
import { ENOMEM } from "../errno.js";
import { VM_MAYWRITE, VM_SHARED, type VmAreaStruct } from "../mm_types.js";
import { folioGet, folioTestAnon, pageFolio, pfnToPage } from "../pages/folio.js";
import { withGather } from "../pgtable/mmu_gather.js";
import { ptePfn, ptepGet, pteWrprotect, setPte } from "../pgtable/pgtable.js";
import { forEachHugePte, hugePteAlloc, hugetlbCountAdd } from "./huge_pte.js";
import { hugetlbAddFileRmap, hugetlbTryDupAnonRmap } from "./hugetlb_rmap.js";
import { hstateVma } from "./vma_resv.js";

/**
 * Copies the entries of `srcVma` to the child's `dstVma`; 0 or -ENOMEM. The parent's TLB entries are not
 * flushed. Linux mm/hugetlb.c:copy_hugetlb_page_range()
 */
export function copyHugetlbPageRange(dstVma: VmAreaStruct, srcVma: VmAreaStruct): number {
  const { sys } = srcVma.vmMm;
  const { ram, clock, costs } = sys;
  const h = hstateVma(srcVma);
  const cow = (srcVma.vmFlags & (VM_SHARED | VM_MAYWRITE)) === VM_MAYWRITE;
  const failed = forEachHugePte(srcVma, srcVma.vmStart, srcVma.vmEnd, (srcPtep, addr) => {
    const dstPtep = hugePteAlloc(dstVma.vmMm, addr, h.hugePageSize);
    if (dstPtep === 0) return true;
    const pte = ptepGet(ram, srcPtep);
    if (pte === 0) return false;
    const folio = pageFolio(pfnToPage(sys, ptePfn(pte)));
    folioGet(folio);
    if (folioTestAnon(folio)) hugetlbTryDupAnonRmap(folio);
    else hugetlbAddFileRmap(folio);
    const entry = cow ? pteWrprotect(pte) : pte;
    if (entry !== pte) setPte(ram, srcPtep, entry);
    setPte(ram, dstPtep, entry);
    hugetlbCountAdd(dstVma.vmMm, h.pagesPerHugePage);
    clock.advance(costs.forkEntryNs);
    return false;
  });
  return failed ? -ENOMEM : 0;
}

/**
 * Moves the entries of `len` bytes at `oldAddr` of `oldVma` to `newAddr`. Returns the bytes done;
 * less than `len` when a table could not be allocated. Linux mm/hugetlb.c:move_hugetlb_page_tables()
 */
export function moveHugetlbPageTables(
  oldVma: VmAreaStruct,
  oldAddr: Vaddr,
  newAddr: Vaddr,
  len: number,
): number {
  const { vmMm: mm } = oldVma;
  const { ram } = mm.sys;
  const size = hstateVma(oldVma).hugePageSize;
  let done = len;
  withGather(mm, (gather) => {
    forEachHugePte(oldVma, oldAddr, oldAddr + len, (ptep, addr) => {
      const pte = ptepGet(ram, ptep);
      if (pte === 0) return false;
      const newPtep = hugePteAlloc(mm, newAddr + (addr - oldAddr), size);
      if (newPtep === 0) {
        done = addr - oldAddr;
        return true;
      }
      setPte(ram, ptep, 0);
      setPte(ram, newPtep, pte);
      gather.addRange(addr, addr + size, size);
      return false;
    });
  });
  return done;
}
