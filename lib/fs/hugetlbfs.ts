/**
 * MAP_HUGETLB: memory made of huge pages from a pool that an administrator fills beforehand.
 *
 *   mmap(MAP_ANONYMOUS | MAP_HUGETLB)  -->  a file "/anon_hugepage (deleted)" without a name, one for each mapping
 *       length   rounded up to whole huge pages
 *       pool     each page is promised when it is mapped: ENOMEM if the pool has too few
 *       MAP_NORESERVE   promises nothing: the mapping is made, and a touch for which there is no page is a SIGBUS
 *
 * The size is 2 MiB unless MAP_HUGE_1GB (log2 of the size, in bits 26 to 31 of the flags) says otherwise. A
 * huge page cannot be split, so munmap and mprotect of a part of one are EINVAL.
 *
 * Left out: the pool itself, which is empty, as on a machine that has just been started (vm.nr_hugepages =
 * 0).
 *
 * Linux mm/hugetlb.c, fs/hugetlbfs/inode.c. Read first: mm/vma/mmap.ts, inode.ts.
 */
import { PAGE_SIZE } from "../hw/address.js";
import { EINVAL, ENOMEM } from "../mm/errno.js";
import { VM_FAULT_SIGBUS } from "../mm/fault/vm_fault.js";
import {
  VM_DONTEXPAND,
  VM_HUGETLB,
  VM_NORESERVE,
  type VmAreaStruct,
  type VmOperationsStruct,
} from "../mm/mm_types.js";
import type { MemorySystem } from "../mm/system.js";
import { MAP_HUGE_MASK, MAP_HUGE_SHIFT } from "../mm/vma/mman.js";
import { type FileSystemOps, Inode, VfsFile } from "./inode.js";

/** log2 of the sizes that the processor has: 2 MiB, the default, and 1 GiB. Linux mm/hugetlb.c:hstates */
const HSTATE_ORDERS: readonly number[] = [21, 30];

/**
 * Bytes of the huge pages that mmap's `flags` ask for; undefined for a size that there is not.
 * Linux include/linux/hugetlb.h:hstate_sizelog()
 */
export function hstateSize(flags: number): number | undefined {
  const sizeLog = (flags >>> MAP_HUGE_SHIFT) & MAP_HUGE_MASK;
  if (sizeLog === 0) return 2 ** HSTATE_ORDERS[0]!;
  return HSTATE_ORDERS.includes(sizeLog) ? 2 ** sizeLog : undefined;
}

/** The file of one mapping. Linux fs/hugetlbfs/inode.c:hugetlbfs_file_operations */
class HugetlbFile extends VfsFile {
  readonly hugePageSize: number;

  constructor(inode: Inode, hugePageSize: number) {
    super(inode, "/anon_hugepage");
    this.hugePageSize = hugePageSize;
  }

  /**
   * 0, -EINVAL for an offset inside a huge page, -ENOMEM. Linux fs/hugetlbfs/inode.c:hugetlbfs_file_mmap()
   */
  override mmapPrepare(vma: VmAreaStruct): number {
    vma.vmFlags |= VM_HUGETLB | VM_DONTEXPAND;
    vma.vmOps = hugetlbVmOps;
    if ((vma.vmPgoff * PAGE_SIZE) % this.hugePageSize !== 0) return -EINVAL;
    return (vma.vmFlags & VM_NORESERVE) !== 0 ? 0 : -ENOMEM;
  }
}

function pagesize(vma: VmAreaStruct): number {
  return vma.vmFile!.hugePageSize!;
}

/** Linux mm/hugetlb.c:hugetlb_vm_ops */
const hugetlbVmOps: VmOperationsStruct = {
  fault: () => VM_FAULT_SIGBUS, // Linux hugetlb_no_page() when the pool has nothing for it
  maySplit: (vma, addr) => (addr % pagesize(vma) === 0 ? 0 : -EINVAL),
  pagesize,
};

/** Linux fs/hugetlbfs/inode.c:hugetlbfs_fs_type */
const hugetlbFs: FileSystemOps = {
  name: "hugetlbfs",
  vmOps: hugetlbVmOps,
  aOps: () => ({ maxFolioOrder: 0, swapBacked: false }),
};

/**
 * A file of `size` bytes without a name, in huge pages of `hugePageSize`.
 * Linux fs/hugetlbfs/inode.c:hugetlb_file_setup()
 */
export function hugetlbFileSetup(sys: MemorySystem, size: number, hugePageSize: number): VfsFile {
  const inode = new Inode(sys, hugetlbFs, sys.nextIno++);
  inode.nlink = 0;
  inode.iSize = size;
  return new HugetlbFile(inode, hugePageSize);
}
