/**
 * Taking huge pages out of a mapping: munmap, exit, MADV_DONTNEED, truncate, and the theft from a child.
 *
 *   entry -> 0;  dirty bit -> page;  HugetlbPages - 512;  mapcount - 1;  reference dropped
 *
 *   the owner's private page   was taken on a promise. It goes back to the pool, and the promise is made again: the
 *                              page leaves the VMA's map, Rsvd + 1. So memory that was dropped (MADV_DONTNEED) can be
 *                              touched again for certain. With surplus pages about it is not: the page leaves the pool
 *   anybody else's page        only goes back to the pool
 *   page of a file             stays in the file
 *
 * Is the owner's page still mapped by a child, then it does not go back now, but its promise is made again
 * all the same in the VMA's map, and taken back when the VMA is closed: Rsvd is 1 too few (below 0 it shows
 * as 18446744073709551615) until the child lets go of the page. So it is in Linux 6.18.
 *
 * On munmap and exit the promise made again is taken back at once, when the VMA is closed
 * (hugetlb_vm_ops.ts).
 *
 * Linux mm/hugetlb.c. Read first: mm/fault/zap.ts, vma_resv.ts. Read next: hugetlb_cache.ts.
 */
import type { Vaddr } from "../../hw/address.js";
import type { VmAreaStruct } from "../mm_types.js";
import { vmBugOn } from "../mmdebug.js";
import { type Folio, folioTestAnon, PG_dirty, pageFolio, pfnToPage } from "../pages/folio.js";
import { folioPut } from "../pages/free_pages.js";
import { withGather } from "../pgtable/mmu_gather.js";
import { pteDirty, ptePfn, ptepGet, setPte } from "../pgtable/pgtable.js";
import { forEachHugePte, hugetlbCountAdd } from "./huge_pte.js";
import { hugetlbRemoveRmap } from "./hugetlb_rmap.js";
import {
  HPG_RESTORE_RESERVE,
  hstateVma,
  isHugeAligned,
  setVmaResv,
  vmaAddReservation,
  vmaNeedsReservation,
  vmaResv,
} from "./vma_resv.js";

/**
 * Empties the entries of [start, end), whole huge pages; with `only`, the one entry that maps that page,
 * which then counts as stolen. Linux mm/hugetlb.c:unmap_hugepage_range(), __unmap_hugepage_range()
 */
export function unmapHugepageRange(vma: VmAreaStruct, start: Vaddr, end: Vaddr, only?: Folio): void {
  const { vmMm: mm } = vma;
  const { ram } = mm.sys;
  vmBugOn(!isHugeAligned(vma, start, end), "part of a huge page is to be unmapped");
  withGather(mm, (gather) => {
    forEachHugePte(vma, start, end, (ptep, addr) => {
      const pte = ptepGet(ram, ptep);
      if (pte === 0) return false;
      const folio = pageFolio(pfnToPage(mm.sys, ptePfn(pte)));
      if (only !== undefined && folio !== only) return false;
      if (only !== undefined) setVmaResv(vma, { unmapped: true });
      setPte(ram, ptep, 0);
      const size = hstateVma(vma).hugePageSize;
      gather.addRange(addr, addr + size, size);
      if (pteDirty(pte)) folio.flags |= PG_dirty;
      releasePage(vma, addr, folio);
      return only !== undefined;
    });
  });
}

/** One entry less maps the page. */
function releasePage(vma: VmAreaStruct, addr: Vaddr, folio: Folio): void {
  const { vmMm: mm } = vma;
  const h = hstateVma(vma);
  hugetlbCountAdd(mm, -h.pagesPerHugePage);
  hugetlbRemoveRmap(folio);
  if (h.surplusHugePages === 0 && ownsPromises(vma) && folioTestAnon(folio)) {
    folio.private |= HPG_RESTORE_RESERVE;
    if (vmaNeedsReservation(vma, addr) > 0) vmaAddReservation(vma, addr);
  }
  folioPut(mm.sys, folio);
}

/** Linux mm/hugetlb.c:__vma_private_lock() */
function ownsPromises(vma: VmAreaStruct): boolean {
  const { map, owner } = vmaResv(vma);
  return map !== undefined && owner;
}
