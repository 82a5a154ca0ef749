/**
 * Accounting: what an address space may still take, and what the machine has promised in all.
 *
 *   RLIMIT_AS    >= totalVm     every page mapped                          mayExpandVm()
 *   RLIMIT_DATA  >= dataVm      private writable pages, not stacks         mayExpandVm()
 *   RLIMIT_MEMLOCK >= lockedVm  pages of VM_LOCKED VMAs                    mlockFutureOk()
 *   overcommit   >= vmCommittedAs   pages of VM_ACCOUNT VMAs of all mms    vmEnoughMemory()
 *
 * A promise is not a page: private writable memory is promised when it is mapped and paid for when it is
 * touched. What vm.overcommit_memory lets pass: 0 (guess) refuses only a single request larger than RAM and
 * swap together, 1 everything, 2 keeps all promises below CommitLimit.
 *
 * Read first: mm/mm_types.ts. Read next: mmap.ts.
 */

import { PAGE_SIZE } from "../../hw/address.js";
import { ENOMEM } from "../errno.js";
import { hugetlbTotalPages } from "../hugetlb/hstate.js";
import {
  type File,
  getMmRss,
  type MmStruct,
  VM_EXEC,
  VM_LOCKED,
  VM_NORESERVE,
  VM_SHARED,
  VM_STACK,
  VM_WRITE,
} from "../mm_types.js";
import {
  CAP_IPC_LOCK,
  CAP_SYS_ADMIN,
  type MemorySystem,
  OVERCOMMIT_ALWAYS,
  OVERCOMMIT_GUESS,
  RLIMIT_AS,
  RLIMIT_DATA,
  RLIMIT_MEMLOCK,
} from "../system.js";

/** `value` as C's unsigned long has it: a negative number is a huge one. Not in Linux. */
export function unsignedLong(value: number): number {
  return value < 0 ? value + 2 ** 64 : value;
}

/**
 * Whether [start, start + len) would end beyond 2^64, that is before it starts. Linux: `end < start`, in
 * unsigned arithmetic
 */
export function rangeWraps(start: number, len: number): boolean {
  return unsignedLong(start) + unsignedLong(len) >= 2 ** 64;
}

/**
 * Whether a word of flags has bits above the low 32, which JavaScript's operators do not see. Not in Linux.
 */
export function hasHighBits(flags: number): boolean {
  return flags !== (flags | 0) && flags !== flags >>> 0;
}

/** Executable and never written: code. Linux mm/vma.h:is_exec_mapping() */
function isExecMapping(flags: number): boolean {
  return (flags & (VM_EXEC | VM_WRITE | VM_STACK)) === VM_EXEC;
}

/** Grows down. Linux mm/vma.h:is_stack_mapping() */
function isStackMapping(flags: number): boolean {
  return (flags & VM_STACK) === VM_STACK;
}

/** Private and writable, and no stack. Linux mm/vma.h:is_data_mapping() */
function isDataMapping(flags: number): boolean {
  return (flags & (VM_WRITE | VM_SHARED | VM_STACK)) === VM_WRITE;
}

/**
 * Adds `npages` (may be negative) to the totals that a VMA with `flags` belongs to.
 * Linux mm/mmap.c:vm_stat_account()
 */
export function vmStatAccount(mm: MmStruct, flags: number, npages: number): void {
  mm.totalVm += npages;
  if (isExecMapping(flags)) mm.execVm += npages;
  else if (isStackMapping(flags)) mm.stackVm += npages;
  else if (isDataMapping(flags)) mm.dataVm += npages;
}

/**
 * Whether RLIMIT_AS and RLIMIT_DATA leave room for `npages` more with `flags`.
 * Linux mm/mmap.c:may_expand_vm()
 */
export function mayExpandVm(mm: MmStruct, flags: number, npages: number): boolean {
  const { sys } = mm;
  if (mm.totalVm + npages > Math.floor(sys.rlimit(RLIMIT_AS) / PAGE_SIZE)) return false;
  return !isDataMapping(flags) || mm.dataVm + npages <= Math.floor(sys.rlimit(RLIMIT_DATA) / PAGE_SIZE);
}

/**
 * Whether RLIMIT_MEMLOCK leaves room to lock `bytes` more, if `flags` has VM_LOCKED.
 * Linux mm/mmap.c:mlock_future_ok()
 */
export function mlockFutureOk(mm: MmStruct, flags: number, bytes: number): boolean {
  if ((flags & VM_LOCKED) === 0 || mm.sys.capable(CAP_IPC_LOCK)) return true;
  return mm.lockedVm + Math.floor(bytes / PAGE_SIZE) <= Math.floor(mm.sys.rlimit(RLIMIT_MEMLOCK) / PAGE_SIZE);
}

/** Whether the current task may lock memory at all. Linux mm/mlock.c:can_do_mlock() */
export function canDoMlock(sys: MemorySystem): boolean {
  return sys.rlimit(RLIMIT_MEMLOCK) !== 0 || sys.capable(CAP_IPC_LOCK);
}

/** Whether a mapping's pages are promised one by one. Linux mm/vma.c:accountable_mapping() */
export function accountableMapping(file: File | undefined, flags: number): boolean {
  if (file?.hugePageSize !== undefined) return false; // the pool has its own account
  return (flags & (VM_NORESERVE | VM_SHARED | VM_WRITE)) === VM_WRITE;
}

/** Counts `pages` as promised without asking. Linux include/linux/mman.h:vm_acct_memory() */
export function vmAcctMemory(sys: MemorySystem, pages: number): void {
  sys.vmCommittedAs += pages;
}

/** Takes a promise of `pages` back. Linux include/linux/mman.h:vm_unacct_memory() */
export function vmUnacctMemory(sys: MemorySystem, pages: number): void {
  sys.vmCommittedAs -= pages;
}

/** All that mode 2 promises, in pages. Linux mm/util.c:vm_commit_limit() */
export function vmCommitLimit(sys: MemorySystem): number {
  const { overcommitKbytes, overcommitRatio } = sys.sysctl;
  const allowed =
    overcommitKbytes !== 0
      ? Math.floor(overcommitKbytes / 4)
      : Math.floor(((sys.totalramPages - hugetlbTotalPages(sys.hugetlb)) * overcommitRatio) / 100);
  return allowed + sys.totalSwapPages;
}

/**
 * Promises `pages` more to `mm`: 0, or -ENOMEM with nothing counted. Linux mm/util.c:__vm_enough_memory()
 */
export function vmEnoughMemory(sys: MemorySystem, mm: MmStruct | undefined, pages: number): number {
  const { sysctl } = sys;
  vmAcctMemory(sys, pages);
  if (sysctl.overcommitMemory === OVERCOMMIT_ALWAYS) return 0;
  if (sysctl.overcommitMemory === OVERCOMMIT_GUESS) {
    if (pages <= sys.totalramPages + sys.totalSwapPages) return 0;
  } else {
    let allowed = vmCommitLimit(sys);
    if (!sys.capable(CAP_SYS_ADMIN)) allowed -= Math.floor(sysctl.adminReserveKbytes / 4);
    if (mm !== undefined)
      allowed -= Math.min(Math.floor(mm.totalVm / 32), Math.floor(sysctl.userReserveKbytes / 4));
    if (sys.vmCommittedAs < allowed) return 0;
  }
  vmUnacctMemory(sys, pages);
  return -ENOMEM;
}

/**
 * Remembers the largest resident set so far, before it shrinks. Linux include/linux/mm.h:update_hiwater_rss()
 */
export function updateHiwaterRss(mm: MmStruct): void {
  const rss = getMmRss(mm);
  if (mm.hiwaterRss < rss) mm.hiwaterRss = rss;
}

/** The most pages that were ever resident. Linux include/linux/mm.h:get_mm_hiwater_rss() */
export function getMmHiwaterRss(mm: MmStruct): number {
  return Math.max(mm.hiwaterRss, getMmRss(mm));
}

/** Remembers the largest size so far, before it shrinks. Linux include/linux/mm.h:update_hiwater_vm() */
export function updateHiwaterVm(mm: MmStruct): void {
  if (mm.hiwaterVm < mm.totalVm) mm.hiwaterVm = mm.totalVm;
}
