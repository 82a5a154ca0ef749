/**
 * A huge page for a fault: on the promise that the mapping has, or beyond all promises.
 *
 *   promised here?     yes: mapping or file was promised this page. A free page is there for it; Rsvd - 1
 *     |                     (the mount may have promised it instead, min_size: as good)
 *     | no
 *   free - promised > 0?   yes: one of these
 *     | no
 *   surplus allowed?   yes: a fresh page from the buddy allocator (nr_overcommit_hugepages)
 *     | no
 *   -ENOSPC, which the fault makes a SIGBUS
 *
 * A page taken on a promise remembers that (HPG_RESTORE_RESERVE): if it is freed before it has become part of
 * the mapping or file for good, the promise is made again.
 *
 * `cowFromOwner`: the owner of a private mapping writes to a page that it shares with a child. Its promise
 * for this page has been used up by the page itself, so the copy must be found beyond all promises, whatever
 * the map says.
 *
 * Linux mm/hugetlb.c. Read first: pool.ts, vma_resv.ts. Read next: hugetlb_fault.ts.
 */
import type { Vaddr } from "../../hw/address.js";
import { ENOSPC } from "../errno.js";
import type { VmAreaStruct } from "../mm_types.js";
import type { Folio } from "../pages/folio.js";
import { modNodePageState, NR_HUGETLB } from "../vmstat.js";
import type { Hstate } from "./hstate.js";
import { allocSurplusHugetlbFolio, dequeueHugetlbFolio, hugetlbAcctMemory } from "./pool.js";
import { hugepageSubpoolGetPages, hugepageSubpoolPutPages } from "./subpool.js";
import { HPG_RESTORE_RESERVE, hugetlbInode, vmaCommitReservation, vmaNeedsReservation } from "./vma_resv.js";

/** A surplus page, held. Linux mm/hugetlb.c:alloc_buddy_hugetlb_folio_with_mpol() */
function allocSurplusHeld(vma: VmAreaStruct, h: Hstate<Folio>): Folio | undefined {
  const folio = allocSurplusHugetlbFolio(vma.vmMm.sys, h);
  if (folio !== undefined) folio.refcount = 1;
  return folio;
}

/**
 * A page for `addr` of `vma`, not zeroed, refcount 1; or -ENOSPC. Linux mm/hugetlb.c:alloc_hugetlb_folio()
 */
export function allocHugetlbFolio(vma: VmAreaStruct, addr: Vaddr, cowFromOwner: boolean): Folio | number {
  const { sys } = vma.vmMm;
  const { h, spool } = hugetlbInode(vma);
  const needed = cowFromOwner || vmaNeedsReservation(vma, addr) > 0;
  const beyond = needed ? hugepageSubpoolGetPages(spool, 1) : 0;
  if (beyond < 0) return -ENOSPC;
  const folio = dequeueHugetlbFolio(h, beyond > 0) ?? allocSurplusHeld(vma, h);
  if (folio === undefined) {
    // The mount has it back only if it came from what the mount was promised.
    if (needed && beyond === 0) hugetlbAcctMemory(sys, h, -hugepageSubpoolPutPages(spool, 1));
    return -ENOSPC;
  }
  if (beyond === 0) {
    folio.private |= HPG_RESTORE_RESERVE;
    h.resvHugePages--;
  }
  if (spool !== undefined) sys.hugetlb.folioSubpools.set(folio, spool);
  if (!cowFromOwner) vmaCommitReservation(vma, addr);
  modNodePageState(sys, NR_HUGETLB, h.pagesPerHugePage);
  return folio;
}
