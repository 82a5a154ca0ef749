/**
 * What becomes of a promise when its VMA is copied, cut and closed; and the mapping of a file of huge pages.
 *
 *   mmap     hugetlbfsFileMmap   promises all pages of the mapping, or fails with ENOMEM
 *   split    maySplit            only between huge pages, else EINVAL; the halves share the map (refs + 1)
 *   close    private             what was promised and not taken goes back: pages of the VMA that are not in its map
 *            shared              nothing: the promise is the file's
 *
 * munmap of the second half of a private mapping of 4 pages, 1 touched: Rsvd falls by 2, the promise for the
 * first half stays.
 *
 * Linux mm/hugetlb.c, fs/hugetlbfs/inode.c. Read first: reserve_pages.ts. Read next: fs/hugetlbfs.ts.
 */
import { PAGE_SIZE } from "../../hw/address.js";
import { EINVAL, ENOMEM } from "../errno.js";
import { VM_FAULT_SIGBUS } from "../fault/vm_fault.js";
import {
  VM_DONTEXPAND,
  VM_HUGETLB,
  VM_WRITE,
  type VmAreaStruct,
  type VmOperationsStruct,
} from "../mm_types.js";
import { vmBugOn } from "../mmdebug.js";
import { hugetlbAcctMemory } from "./pool.js";
import { hugetlbReservePages } from "./reserve_pages.js";
import { regionCount } from "./resv_map.js";
import { hugepageSubpoolPutPages } from "./subpool.js";
import { hstateVma, hugetlbInode, vmaHugecacheOffset, vmaResv } from "./vma_resv.js";

/** A copy of the VMA has come to be, which shares the map. Linux mm/hugetlb.c:hugetlb_vm_op_open() */
function hugetlbVmOpOpen(vma: VmAreaStruct): void {
  const { map, owner } = vmaResv(vma);
  if (map !== undefined && owner) map.refs++;
}

/** The VMA is gone, and with it what it was promised. Linux mm/hugetlb.c:hugetlb_vm_op_close() */
function hugetlbVmOpClose(vma: VmAreaStruct): void {
  const { map, owner } = vmaResv(vma);
  if (map === undefined || !owner) return;
  const { h, spool } = hugetlbInode(vma);
  const start = vmaHugecacheOffset(vma, vma.vmStart);
  const end = vmaHugecacheOffset(vma, vma.vmEnd);
  const unused = end - start - regionCount(map, start, end);
  if (unused > 0) hugetlbAcctMemory(vma.vmMm.sys, h, -hugepageSubpoolPutPages(spool, unused));
  map.refs--;
}

/** Linux mm/hugetlb.c:hugetlb_vm_ops */
export const hugetlbVmOps: VmOperationsStruct = {
  fault() {
    vmBugOn(true, "a fault on huge pages went the way of small ones");
    return VM_FAULT_SIGBUS;
  },
  open: hugetlbVmOpOpen,
  close: hugetlbVmOpClose,
  // Linux mm/hugetlb.c:hugetlb_vm_op_split()
  maySplit: (vma, addr) => (addr % hstateVma(vma).hugePageSize === 0 ? 0 : -EINVAL),
  // Linux mm/hugetlb.c:hugetlb_vm_op_pagesize()
  pagesize: (vma) => hstateVma(vma).hugePageSize,
};

/**
 * Makes `vma` a mapping of its file: 0, -EINVAL for an offset inside a huge page, -ENOMEM.
 * Linux fs/hugetlbfs/inode.c:hugetlbfs_file_mmap()
 */
export function hugetlbfsFileMmap(vma: VmAreaStruct): number {
  vma.vmFlags |= VM_HUGETLB | VM_DONTEXPAND;
  vma.vmOps = hugetlbVmOps;
  const { fMapping } = vma.vmFile!;
  const { h } = hugetlbInode(vma);
  if (vma.vmPgoff % h.pagesPerHugePage !== 0) return -EINVAL;
  const first = vma.vmPgoff / h.pagesPerHugePage;
  const end = first + (vma.vmEnd - vma.vmStart) / h.hugePageSize;
  if (hugetlbReservePages(fMapping, first, end, vma, vma.vmFlags) < 0) return -ENOMEM;
  const bytes = vma.vmPgoff * PAGE_SIZE + (vma.vmEnd - vma.vmStart);
  if ((vma.vmFlags & VM_WRITE) !== 0 && fMapping.host.iSize < bytes) fMapping.host.iSize = bytes;
  return 0;
}
