/**
 * The promise that is made when huge pages are mapped, and what is left of it when a file is cut.
 *
 *   mmap(4 pages, MAP_SHARED)    those of the file's 4 pages that no one has mapped before are promised, and stand in
 *                                the file's map from now on
 *   mmap(4 pages, MAP_PRIVATE)   all 4 are promised to this mapping, also where it can only be read: mprotect
 *                                might make it writable. It gets a map of its own, empty
 *   MAP_NORESERVE                nothing is promised
 *
 *   not enough in the pool  -->  -ENOMEM: mmap fails at once, and no program dies later of a page it was promised
 *
 *   truncate, last user gone     hugetlbUnreservePages(start, end, freed): of the pages that leave the map, `freed`
 *                                existed and went back to the pool; the others were promised and not used
 *
 * Linux mm/hugetlb.c. Read first: resv_map.ts, pool.ts. Read next: hugetlb_vm_ops.ts.
 */
import { EINVAL } from "../errno.js";
import type { AddressSpace } from "../filemap/mapping.js";
import { VM_MAYSHARE, VM_NORESERVE, type VmAreaStruct } from "../mm_types.js";
import { hugetlbAcctMemory } from "./pool.js";
import { ResvMap, regionAdd, regionChg, regionDel } from "./resv_map.js";
import { hugepageSubpoolGetPages, hugepageSubpoolPutPages, type Subpool } from "./subpool.js";
import { setVmaResv } from "./vma_resv.js";

/** The promise could not be made: what the mount had given for it goes back. */
function putBack(mapping: AddressSpace, spool: Subpool | undefined, chg: number, fromPool: number): void {
  const { sys, hugetlb } = mapping.host;
  const fromMount = chg - fromPool;
  if (fromMount > 0) hugetlbAcctMemory(sys, hugetlb!.h, -hugepageSubpoolPutPages(spool, fromMount));
  if (fromPool > 0 && spool !== undefined && spool.maxHpages !== -1) spool.usedHpages -= fromPool;
}

/**
 * Promises pages [from, to) of the file, to `vma` if that is private. How many were new, or a negative errno.
 * Linux mm/hugetlb.c:hugetlb_reserve_pages()
 */
export function hugetlbReservePages(
  mapping: AddressSpace,
  from: number,
  to: number,
  vma: VmAreaStruct | undefined,
  vmFlags: number,
): number {
  const { sys, hugetlb } = mapping.host;
  const { h, resvMap, spool } = hugetlb!;
  if ((vmFlags & VM_NORESERVE) !== 0) return 0;
  const shared = vma === undefined || (vma.vmFlags & VM_MAYSHARE) !== 0;
  const chg = shared ? regionChg(resvMap, from, to) : to - from;
  const fromPool = hugepageSubpoolGetPages(spool, chg);
  if (fromPool < 0) return -EINVAL;
  const err = hugetlbAcctMemory(sys, h, fromPool);
  if (err < 0) {
    putBack(mapping, spool, chg, fromPool);
    return -EINVAL;
  }
  if (shared) regionAdd(resvMap, from, to);
  else setVmaResv(vma, { map: new ResvMap(), owner: true });
  return chg;
}

/**
 * Pages [start, end) of the file are not needed any more; `freed` of them existed.
 * Linux mm/hugetlb.c:hugetlb_unreserve_pages()
 */
export function hugetlbUnreservePages(
  mapping: AddressSpace,
  start: number,
  end: number,
  freed: number,
): void {
  const { sys, hugetlb } = mapping.host;
  const { h, resvMap, spool } = hugetlb!;
  const chg = regionDel(resvMap, start, end);
  hugetlbAcctMemory(sys, h, -hugepageSubpoolPutPages(spool, chg - freed));
}
