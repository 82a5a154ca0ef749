/**
 * Where a new mapping goes when the process does not insist: the search for free addresses.
 *
 *   0 ---- mmap_min_addr ---- code data heap ->      <- gaps are searched from here -- mmapBase   stack -- taskSize
 *                                                          |        |   |     |
 *                                                          +--------+   +-----+
 *                                                           mapping      mapping: the highest gap that is large enough wins
 *
 * The search goes top-down from mmapBase, 128 MiB below the end of user space; if nothing is free below it,
 * bottom-up from a third of user space. Below a mapping that grows down a gap of 256 pages stays free (stack
 * guard gap).
 *
 * A hint (address without MAP_FIXED) is taken if the range there is free. Anonymous mappings of whole 2 MiB
 * are placed on a multiple of 2 MiB, so that huge pages fit: the search is for 2 MiB more, and the start is
 * rounded. So are file mappings of at least 2 MiB on file systems that ask for it: there file offset and
 * address must agree modulo 2 MiB.
 *
 * MAP_32BIT searches bottom-up between 1 GiB and 2 GiB instead, and takes a hint only below 2 GiB: for code
 * that keeps addresses in 31 bits. MAP_ABOVE4G never searches below 4 GiB. Files of huge pages
 * (fs/hugetlbfs.ts) lie on multiples of these.
 *
 * Left out: address layout randomization, 5-level page tables, alignment for AMD family 15h.
 *
 * Read first: vma_tree.ts. Read next: mmap.ts.
 */
import type { Vaddr } from "../../hw/address.js";
import { offsetInPage, PAGE_SIZE, PMD_SIZE, pageAlign, pageAlignDown } from "../../hw/address.js";
import { EINVAL, ENOMEM, EPERM } from "../errno.js";
import { shmemHugeAlign } from "../huge/shmem_huge.js";
import { type File, type MmStruct, VM_GROWSDOWN, type VmAreaStruct } from "../mm_types.js";
import { CAP_SYS_RAWIO } from "../system.js";
import { MAP_32BIT, MAP_ABOVE4G, MAP_FIXED, MAP_SHARED } from "./mman.js";

/** The lowest address that a security module allows as a hint. Linux CONFIG_LSM_MMAP_MIN_ADDR */
const LSM_MMAP_MIN_ADDR = 0x1_0000;

/** The lowest address that mmap chooses or takes as a hint. Linux security/min_addr.c:mmap_min_addr */
export function mmapMinAddr(mm: MmStruct): number {
  return Math.max(mm.sys.sysctl.mmapMinAddr, LSM_MMAP_MIN_ADDR);
}

/**
 * First address that may not be used below `vma`: its start, or the guard gap of a stack.
 * Linux include/linux/mm.h:vm_start_gap()
 */
export function vmStartGap(vma: VmAreaStruct): number {
  if ((vma.vmFlags & VM_GROWSDOWN) === 0) return vma.vmStart;
  return Math.max(0, vma.vmStart - vma.vmMm.sys.sysctl.stackGuardGapPages * PAGE_SIZE);
}

/**
 * An address for a mapping of `len` bytes: `addr` itself with MAP_FIXED, else near the hint `addr` or
 * wherever there is room. Returns the address or a negative errno. Linux mm/mmap.c:__get_unmapped_area()
 */
export function getUnmappedArea(
  mm: MmStruct,
  file: File | undefined,
  addr: Vaddr,
  len: number,
  pgoff: number,
  flags: number,
): number {
  if (len > mm.taskSize) return -ENOMEM;
  const found = pickArea(mm, file, addr, len, file === undefined ? 0 : pgoff, flags);
  if (found < 0 && found > -PAGE_SIZE) return found;
  if (found < 0 || found > mm.taskSize - len) return -ENOMEM;
  if (offsetInPage(found) !== 0) return -EINVAL;
  if (found < mm.sys.sysctl.mmapMinAddr && !mm.sys.capable(CAP_SYS_RAWIO)) return -EPERM;
  return found;
}

/** What is searched: a range, and how. Linux include/linux/mm.h:struct vm_unmapped_area_info */
interface UnmappedArea {
  mm: MmStruct;
  len: number;
  pgoff: number;
  flags: number;
  /** The address must be a multiple of it. Linux align_mask */
  align: number;
}

/** Chooses between the plain search and those aligned for huge pages. */
function pickArea(
  mm: MmStruct,
  file: File | undefined,
  addr: Vaddr,
  len: number,
  pgoff: number,
  flags: number,
): number {
  const area = { mm, len, pgoff, flags, align: PAGE_SIZE };
  if (file?.hugePageSize !== undefined) return hugetlbGetUnmappedArea(area, addr, file.hugePageSize);
  if (file === undefined ? (flags & MAP_SHARED) !== 0 : file.fMapping.aOps.swapBacked)
    return shmemGetUnmappedArea(area, addr, shmemHugeAlign(mm.sys, file?.fMapping));
  const anonPrivate = file === undefined && (flags & MAP_SHARED) === 0;
  if (file?.thpUnmappedArea === true || (anonPrivate && addr === 0 && len % PMD_SIZE === 0)) {
    const aligned = thpGetUnmappedArea(area, addr);
    if (aligned !== 0) return aligned;
  }
  return archGetUnmappedAreaTopdown(area, addr);
}

/** A multiple of the huge page's size. Linux fs/hugetlbfs/inode.c:hugetlb_get_unmapped_area() */
function hugetlbGetUnmappedArea(area: UnmappedArea, addr: Vaddr, hugePageSize: number): number {
  if ((area.flags & MAP_FIXED) !== 0 && addr % hugePageSize !== 0) return -EINVAL;
  const hint = Math.ceil(addr / hugePageSize) * hugePageSize;
  return archGetUnmappedAreaTopdown({ ...area, align: hugePageSize }, hint);
}

/**
 * An address congruent to the file offset modulo 2 MiB; 0 when that is of no use.
 * Linux mm/huge_memory.c:__thp_get_unmapped_area()
 */
function thpGetUnmappedArea(area: UnmappedArea, addr: Vaddr): number {
  const { len } = area;
  const off = area.pgoff * PAGE_SIZE;
  const offAlign = Math.ceil(off / PMD_SIZE) * PMD_SIZE;
  // Just below 2^63 rounding up makes the signed offset negative, and both tests pass.
  if (offAlign < 2 ** 63 && (off + len <= offAlign || off + len - offAlign < PMD_SIZE)) return 0;
  const found = archGetUnmappedAreaTopdown({ ...area, len: len + PMD_SIZE }, addr);
  if (found < 0) return 0;
  if (found === addr) return addr;
  const sub = (((off - found) % PMD_SIZE) + PMD_SIZE) % PMD_SIZE;
  return sub === 0 ? found + PMD_SIZE : found + sub;
}

/**
 * Shared memory of `hugeSize` bytes and more (0: never) is placed so that huge pages fit, unless a hint could
 * be followed. Linux mm/shmem.c:shmem_get_unmapped_area()
 */
function shmemGetUnmappedArea(area: UnmappedArea, uaddr: Vaddr, hugeSize: number): number {
  const { mm, len, flags } = area;
  const addr = archGetUnmappedAreaTopdown(area, uaddr);
  if (addr < 0 || hugeSize === 0 || (flags & MAP_FIXED) !== 0 || uaddr === addr) return addr;
  const offset = (area.pgoff * PAGE_SIZE) % hugeSize;
  if (len < hugeSize || (offset !== 0 && offset + len < 2 * hugeSize)) return addr;
  if (addr % hugeSize === offset) return addr;
  const inflated = archGetUnmappedAreaTopdown({ ...area, len: len + hugeSize - PAGE_SIZE, pgoff: 0 }, uaddr);
  if (inflated < 0) return addr;
  const found = inflated - (inflated % hugeSize) + offset + (inflated % hugeSize > offset ? hugeSize : 0);
  return found > mm.taskSize - len ? addr : found;
}

/** The hint `addr` if the range there is free and ends at `end` at the latest. */
function takeHint({ mm, len }: UnmappedArea, addr: Vaddr, end: number): boolean {
  if (addr <= 0 || addr > end - len) return false;
  const vma = mm.mmMt.find(addr);
  return vma === undefined || addr + len <= vmStartGap(vma);
}

/** Linux arch/x86/kernel/sys_x86_64.c:arch_get_unmapped_area_topdown() */
function archGetUnmappedAreaTopdown(area: UnmappedArea, addr: Vaddr): number {
  const { mm, len, flags } = area;
  if (len > mm.taskSize) return -ENOMEM;
  if ((flags & MAP_FIXED) !== 0) return addr;
  if ((flags & MAP_32BIT) === 0) {
    const hint = pageAlignDown(addr);
    if (takeHint(area, hint, mm.taskSize)) return hint;
    const low = (flags & MAP_ABOVE4G) !== 0 ? 2 ** 32 : PAGE_SIZE;
    const found = unmappedAreaTopdown(area, Math.max(low, mmapMinAddr(mm)), mm.mmapBase);
    if (found >= 0) return found;
  }
  return archGetUnmappedArea(area, addr);
}

/**
 * Bottom-up: MAP_32BIT, and where nothing is free further down.
 * Linux arch/x86/kernel/sys_x86_64.c:arch_get_unmapped_area(), find_start_end()
 */
function archGetUnmappedArea(area: UnmappedArea, addr: Vaddr): number {
  const { mm, len, flags } = area;
  const below2G = (flags & MAP_32BIT) !== 0;
  const begin = below2G ? 0x4000_0000 : pageAlign(mm.taskSize / 3);
  const end = below2G ? 0x8000_0000 : mm.taskSize;
  if (len > end) return -ENOMEM;
  const hint = pageAlign(addr);
  if (takeHint(area, hint, end)) return hint;
  return unmappedArea(area, Math.max(begin, mmapMinAddr(mm)), end);
}

/** The highest free range of `len` bytes in [low, high). Linux mm/vma.c:unmapped_area_topdown() */
function unmappedAreaTopdown({ mm, len, align }: UnmappedArea, low: number, high: number): number {
  const room = len + align - PAGE_SIZE;
  let end = high;
  for (let i = mm.mmMt.indexOf(high - 1); ; i--) {
    // Between the VMA at i-1 (or `low`) and the VMA at i lies a gap that ends at `end`.
    const above = mm.mmMt.at(i);
    if (above !== undefined) end = Math.min(end, vmStartGap(above));
    const below = mm.mmMt.at(i - 1);
    const start = Math.max(low, below?.vmEnd ?? low);
    if (end - start >= room) return end - len - ((end - len) % align);
    if (below === undefined || below.vmEnd <= low) return -ENOMEM;
  }
}

/** The lowest free range of `len` bytes in [low, high). Linux mm/vma.c:unmapped_area() */
function unmappedArea({ mm, len, align }: UnmappedArea, low: number, high: number): number {
  const room = len + align - PAGE_SIZE;
  let start = low;
  for (let i = mm.mmMt.indexOf(low); ; i++) {
    const next = mm.mmMt.at(i);
    const end = Math.min(high, next === undefined ? high : vmStartGap(next));
    if (end - start >= room) return Math.ceil(start / align) * align;
    if (next === undefined || next.vmEnd >= high) return -ENOMEM;
    start = Math.max(start, next.vmEnd);
  }
}
