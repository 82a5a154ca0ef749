/**
 * Where a new mapping goes when the process does not insist: the search for free addresses.
 *
 *   0 ---- mmap_min_addr ---- code data heap ->      <- gaps are searched from here -- mmapBase   stack -- taskSize
 *                                                          |        |   |     |
 *                                                          +--------+   +-----+
 *                                                           mapping      mapping: the highest gap that is large enough wins
 *
 * The search goes top-down from mmapBase, 128 MiB below the end of user space; if nothing is free below it, bottom-up
 * from a third of user space. Below a mapping that grows down a gap of 256 pages stays free (stack guard gap).
 *
 * A hint (address without MAP_FIXED) is taken if the range there is free. Anonymous mappings of whole 2 MiB are placed on
 * a multiple of 2 MiB, so that huge pages fit: the search is for 2 MiB more, and the start is rounded. So are file
 * mappings of at least 2 MiB on file systems that ask for it: there file offset and address must agree modulo 2 MiB.
 *
 * Left out: MAP_32BIT, address layout randomization, 5-level page tables, alignment for AMD family 15h.
 *
 * Read first: vma_tree.ts. Read next: mmap.ts.
 */
import { offsetInPage, PAGE_SIZE, PMD_SIZE, pageAlign, pageAlignDown } from "../hw/address.js";
import { EINVAL, ENOMEM, EPERM } from "./errno.js";
import { type File, type MmStruct, VM_GROWSDOWN, type VmAreaStruct } from "./mm_types.js";
import { MAP_FIXED, MAP_SHARED } from "./mman.js";
import { CAP_SYS_RAWIO } from "./system.js";

/** First address that may not be used below `vma`: its start, or the guard gap of a stack. Linux include/linux/mm.h:vm_start_gap() */
export function vmStartGap(vma: VmAreaStruct): number {
  if ((vma.vmFlags & VM_GROWSDOWN) === 0) return vma.vmStart;
  return Math.max(0, vma.vmStart - vma.vmMm.sys.sysctl.stackGuardGapPages * PAGE_SIZE);
}

/**
 * An address for a mapping of `len` bytes: `addr` itself with MAP_FIXED, else near the hint `addr` or wherever there is room.
 * Returns the address or a negative errno. Linux mm/mmap.c:__get_unmapped_area()
 */
export function getUnmappedArea(
  mm: MmStruct,
  file: File | undefined,
  addr: number,
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

/** Chooses between the plain search and the one aligned for huge pages. */
function pickArea(
  mm: MmStruct,
  file: File | undefined,
  addr: number,
  len: number,
  pgoff: number,
  flags: number,
): number {
  const anonPrivate = file === undefined && (flags & MAP_SHARED) === 0;
  if (file?.thpUnmappedArea === true || (anonPrivate && addr === 0 && len % PMD_SIZE === 0)) {
    const aligned = thpGetUnmappedArea(mm, addr, len, pgoff, flags);
    if (aligned !== 0) return aligned;
  }
  return archGetUnmappedAreaTopdown(mm, addr, len, flags);
}

/** An address congruent to the file offset modulo 2 MiB; 0 when that is of no use. Linux mm/huge_memory.c:__thp_get_unmapped_area() */
function thpGetUnmappedArea(mm: MmStruct, addr: number, len: number, pgoff: number, flags: number): number {
  const off = pgoff * PAGE_SIZE;
  const offAlign = Math.ceil(off / PMD_SIZE) * PMD_SIZE;
  if (off + len <= offAlign || off + len - offAlign < PMD_SIZE) return 0;
  const found = archGetUnmappedAreaTopdown(mm, addr, len + PMD_SIZE, flags);
  if (found < 0) return 0;
  if (found === addr) return addr;
  const sub = (((off - found) % PMD_SIZE) + PMD_SIZE) % PMD_SIZE;
  return sub === 0 ? found + PMD_SIZE : found + sub;
}

/** Linux arch/x86/kernel/sys_x86_64.c:arch_get_unmapped_area_topdown() */
function archGetUnmappedAreaTopdown(mm: MmStruct, addr: number, len: number, flags: number): number {
  if (len > mm.taskSize) return -ENOMEM;
  if ((flags & MAP_FIXED) !== 0) return addr;
  if (addr !== 0) {
    const hint = pageAlignDown(addr);
    if (hint >= 0 && hint <= mm.taskSize - len) {
      const vma = mm.mmMt.find(hint);
      if (vma === undefined || hint + len <= vmStartGap(vma)) return hint;
    }
  }
  const found = unmappedAreaTopdown(mm, len, lowestAddress(mm, PAGE_SIZE), mm.mmapBase);
  if (found >= 0) return found;
  return unmappedArea(mm, len, lowestAddress(mm, pageAlign(mm.taskSize / 3)), mm.taskSize);
}

function lowestAddress(mm: MmStruct, low: number): number {
  return Math.max(low, mm.sys.sysctl.mmapMinAddr);
}

/** The highest free range of `len` bytes in [low, high). Linux mm/vma.c:unmapped_area_topdown() */
function unmappedAreaTopdown(mm: MmStruct, len: number, low: number, high: number): number {
  let end = high;
  for (let i = mm.mmMt.indexOf(high - 1); ; i--) {
    // Between the VMA at i-1 (or `low`) and the VMA at i lies a gap that ends at `end`.
    const above = mm.mmMt.at(i);
    if (above !== undefined) end = Math.min(end, vmStartGap(above));
    const below = mm.mmMt.at(i - 1);
    const start = Math.max(low, below?.vmEnd ?? low);
    if (end - start >= len) return end - len;
    if (below === undefined || below.vmEnd <= low) return -ENOMEM;
  }
}

/** The lowest free range of `len` bytes in [low, high). Linux mm/vma.c:unmapped_area() */
function unmappedArea(mm: MmStruct, len: number, low: number, high: number): number {
  let start = low;
  for (let i = mm.mmMt.indexOf(low); ; i++) {
    const next = mm.mmMt.at(i);
    const end = Math.min(high, next === undefined ? high : vmStartGap(next));
    if (end - start >= len) return start;
    if (next === undefined || next.vmEnd >= high) return -ENOMEM;
    start = Math.max(start, next.vmEnd);
  }
}
