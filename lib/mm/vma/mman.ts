/**
 * The numbers of the memory system calls: PROT_*, MAP_*, MADV_* and friends, as a program passes them.
 *
 * Linux include/uapi/asm-generic/mman-common.h, mman.h and include/uapi/linux/mman.h; man 2 mmap, madvise,
 * mlock, mremap.
 *
 * Read next: mmap.ts.
 */
import { VM_EXEC, VM_READ, VM_WRITE } from "../mm_types.js";

/** No access. */
export const PROT_NONE = 0x0;
/** Read access. */
export const PROT_READ = 0x1;
/** Write access. */
export const PROT_WRITE = 0x2;
/** Fetch access. */
export const PROT_EXEC = 0x4;
/** Unknown to x86 but accepted: atomic operations. */
export const PROT_SEM = 0x8;
/** mprotect reaches down to the start of a grows-down mapping. */
export const PROT_GROWSDOWN = 0x0100_0000;
/** mprotect reaches up to the end of a grows-up mapping; there are none on x86. */
export const PROT_GROWSUP = 0x0200_0000;

/** Writes reach the file and all who map it. */
export const MAP_SHARED = 0x01;
/** Writes stay in this mapping. */
export const MAP_PRIVATE = 0x02;
/** Like MAP_SHARED, but unknown flags are an error. */
export const MAP_SHARED_VALIDATE = 0x03;
/** Anonymous memory that may be dropped, as zeros, instead of being swapped out. */
export const MAP_DROPPABLE = 0x08;
/** The bits that hold the type of the mapping. */
export const MAP_TYPE = 0x0f;
/** Exactly at this address; what is there goes away. */
export const MAP_FIXED = 0x10;
/** No file behind it. */
export const MAP_ANONYMOUS = 0x20;
/** In the low 2 GiB. */
export const MAP_32BIT = 0x40;
/** Nowhere below 4 GiB. */
export const MAP_ABOVE4G = 0x80;
/** Grows down when touched below. */
export const MAP_GROWSDOWN = 0x0100;
/** Ignored since long. */
export const MAP_DENYWRITE = 0x0800;
/** Ignored since long. */
export const MAP_EXECUTABLE = 0x1000;
/** mlock it at once. */
export const MAP_LOCKED = 0x2000;
/** Promise nothing. */
export const MAP_NORESERVE = 0x4000;
/** Fault all pages in at once. */
export const MAP_POPULATE = 0x8000;
/** With MAP_POPULATE: do not read from files; so do nothing. */
export const MAP_NONBLOCK = 0x1_0000;
/** For a stack: no huge pages. */
export const MAP_STACK = 0x2_0000;
/** From the pool of huge pages. */
export const MAP_HUGETLB = 0x4_0000;
/** Writes are durable at once (DAX). */
export const MAP_SYNC = 0x8_0000;
/** Exactly at this address, but fail if anything is there. */
export const MAP_FIXED_NOREPLACE = 0x10_0000;
/**
 * With MAP_HUGETLB: log2 of the page size in these bits, 0 for the default.
 * Linux include/uapi/asm-generic/hugetlb_encode.h
 */
export const MAP_HUGE_SHIFT = 26;
/** The size's bits, after shifting. */
export const MAP_HUGE_MASK = 0x3f;
/** Huge pages of 2 MiB. */
export const MAP_HUGE_2MB = 0x5400_0000;
/** Huge pages of 1 GiB. */
export const MAP_HUGE_1GB = 0x7800_0000;
/** The flags that MAP_SHARED has always let pass. Linux include/linux/mman.h:LEGACY_MAP_MASK */
export const LEGACY_MAP_MASK =
  MAP_SHARED |
  MAP_PRIVATE |
  MAP_FIXED |
  MAP_ANONYMOUS |
  MAP_DENYWRITE |
  MAP_EXECUTABLE |
  MAP_GROWSDOWN |
  MAP_LOCKED |
  MAP_NORESERVE |
  MAP_POPULATE |
  MAP_NONBLOCK |
  MAP_STACK |
  MAP_HUGETLB |
  MAP_32BIT |
  MAP_ABOVE4G |
  MAP_HUGE_2MB |
  MAP_HUGE_1GB;

/** mremap may move the mapping. */
export const MREMAP_MAYMOVE = 1;
/** mremap moves it exactly there; implies removal of what is there. */
export const MREMAP_FIXED = 2;
/** mremap leaves the old mapping in place, empty. */
export const MREMAP_DONTUNMAP = 4;

/** Pages come in on their first touch, and stay. */
export const MLOCK_ONFAULT = 1;
/** Lock what is mapped now. */
export const MCL_CURRENT = 1;
/** Lock what will be mapped. */
export const MCL_FUTURE = 2;
/** Lock pages as they are touched. */
export const MCL_ONFAULT = 4;

/** msync: start writing. */
export const MS_ASYNC = 1;
/** msync: refuse if locked. */
export const MS_INVALIDATE = 2;
/** msync: write and wait. */
export const MS_SYNC = 4;

/** The advice of madvise by name, as in man 2 madvise without the MADV_ in front. */
export const MADV = {
  NORMAL: 0,
  RANDOM: 1,
  SEQUENTIAL: 2,
  WILLNEED: 3,
  DONTNEED: 4,
  FREE: 8,
  REMOVE: 9,
  DONTFORK: 10,
  DOFORK: 11,
  MERGEABLE: 12,
  UNMERGEABLE: 13,
  HUGEPAGE: 14,
  NOHUGEPAGE: 15,
  DONTDUMP: 16,
  DODUMP: 17,
  WIPEONFORK: 18,
  KEEPONFORK: 19,
  COLD: 20,
  PAGEOUT: 21,
  POPULATE_READ: 22,
  POPULATE_WRITE: 23,
  DONTNEED_LOCKED: 24,
  COLLAPSE: 25,
  GUARD_INSTALL: 102,
  GUARD_REMOVE: 103,
} as const;

/**
 * VM_READ, VM_WRITE, VM_EXEC for PROT_* bits; they are the same numbers.
 * Linux include/linux/mman.h:calc_vm_prot_bits()
 */
export function calcVmProtBits(prot: number): number {
  return prot & (VM_READ | VM_WRITE | VM_EXEC);
}
