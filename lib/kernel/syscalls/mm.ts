/**
 * The memory system calls, as a program makes them: numbers in, a number out, negative for an errno.
 *
 *   sysMmap(kernel, task, addr, len, prot, flags, fd, offset)
 *     1. the task becomes current (its limits and rights count)
 *     2. arguments that only the entry knows: the file behind fd, offset -> page
 *     3. lib/mm does it;  pages to be faulted in at once are (mmPopulate)
 *
 * An argument that no register could hold (a fraction, NaN) is a RangeError: that is a mistake of the caller
 * in JavaScript. Addresses and lengths that Linux reads as huge unsigned numbers may be written as negative
 * ones.
 *
 * Linux mm/mmap.c, mprotect.c, mremap.c, madvise.c, mlock.c, msync.c, mincore.c: SYSCALL_DEFINE.
 *
 * Read first: mm/vma/mmap.ts. Read next: kernel/process.ts.
 */

import { hugetlbFileSetup } from "../../fs/hugetlbfs.js";
import type { Vaddr } from "../../hw/address.js";
import { offsetInPage, PAGE_SIZE } from "../../hw/address.js";
import { EBADF, EFAULT, EINVAL } from "../../mm/errno.js";
import { mmPopulate } from "../../mm/fault/gup.js";
import { hstateSizelog } from "../../mm/hugetlb/hstate.js";
import { type File, fput, type MmStruct } from "../../mm/mm_types.js";
import { doBrk } from "../../mm/vma/brk.js";
import { doMadvise } from "../../mm/vma/madvise.js";
import { doMincore, mincoreArguments } from "../../mm/vma/mincore.js";
import { doMlockall, doMunlock, doMunlockall, mlock2 } from "../../mm/vma/mlock.js";
import { MAP_ANONYMOUS, MAP_HUGE_MASK, MAP_HUGE_SHIFT, MAP_HUGETLB } from "../../mm/vma/mman.js";
import { doMmap } from "../../mm/vma/mmap.js";
import { doMprotect } from "../../mm/vma/mprotect.js";
import { doMremap } from "../../mm/vma/mremap.js";
import { doMsync } from "../../mm/vma/msync.js";
import { doMunmap } from "../../mm/vma/munmap.js";
import { checkArg } from "../errno.js";
import type { Kernel } from "../kernel.js";
import type { Task } from "../task.js";
import { accessOk, copyToUser } from "../uaccess.js";

/** Checks the arguments, makes the task current and gives its mm. */
function enter(kernel: Kernel, task: Task, syscall: string, args: Record<string, number>): MmStruct {
  for (const name in args) checkArg(args[name]!, name, syscall);
  kernel.enter(task);
  return task.mm!;
}

/** Address of the new mapping, or a negative errno. Linux mm/mmap.c:ksys_mmap_pgoff(); man 2 mmap */
export function sysMmap(
  kernel: Kernel,
  task: Task,
  addr: Vaddr,
  len: number,
  prot: number,
  flags: number,
  fd = -1,
  offset = 0,
): number {
  const mm = enter(kernel, task, "mmap", { addr, len, prot, flags, fd, offset });
  if (offsetInPage(offset) !== 0) return -EINVAL;
  const anonymous = (flags & MAP_ANONYMOUS) !== 0;
  const file = anonymous ? undefined : task.files.get(fd);
  if (!anonymous && file === undefined) return -EBADF;
  const hugetlb = (flags & MAP_HUGETLB) !== 0;
  if (anonymous && hugetlb) return mmapHugetlb(mm, addr, len, prot, flags, offset);
  const huge = file?.hugePageSize;
  if (hugetlb && huge === undefined) return -EINVAL; // a file that is not made of huge pages
  const size = huge === undefined ? len : Math.ceil(len / huge) * huge;
  return vmMmapPgoff(mm, file, addr, size, prot, flags, offset);
}

/** Linux mm/util.c:vm_mmap_pgoff() */
function vmMmapPgoff(
  mm: MmStruct,
  file: File | undefined,
  addr: Vaddr,
  len: number,
  prot: number,
  flags: number,
  offset: number,
): number {
  const { addr: mapped, populate } = doMmap(mm, file, addr, len, prot, flags, offset / PAGE_SIZE);
  if (mapped >= 0 && populate > 0) mmPopulate(mm, mapped, populate);
  return mapped;
}

/** Anonymous memory of huge pages: a file of that size, mapped. Linux mm/mmap.c:ksys_mmap_pgoff() */
function mmapHugetlb(
  mm: MmStruct,
  addr: Vaddr,
  len: number,
  prot: number,
  flags: number,
  offset: number,
): number {
  const h = hstateSizelog(mm.sys.hugetlb, (flags >>> MAP_HUGE_SHIFT) & MAP_HUGE_MASK);
  if (h === undefined) return -EINVAL;
  const size = Math.ceil(len / h.hugePageSize) * h.hugePageSize;
  const file = hugetlbFileSetup(mm.sys, "anon_hugepage", size, h);
  const mapped = vmMmapPgoff(mm, file, addr, size, prot, flags, offset);
  fput(file);
  return mapped;
}

/** man 2 munmap */
export function sysMunmap(kernel: Kernel, task: Task, addr: Vaddr, len: number): number {
  return doMunmap(enter(kernel, task, "munmap", { addr, len }), addr, len);
}

/** man 2 mprotect */
export function sysMprotect(kernel: Kernel, task: Task, addr: Vaddr, len: number, prot: number): number {
  return doMprotect(enter(kernel, task, "mprotect", { addr, len, prot }), addr, len, prot);
}

/** man 2 mremap */
export function sysMremap(
  kernel: Kernel,
  task: Task,
  addr: Vaddr,
  oldLen: number,
  newLen: number,
  flags: number,
  newAddr = 0,
): number {
  const mm = enter(kernel, task, "mremap", { addr, oldLen, newLen, flags, newAddr });
  return doMremap(mm, addr, oldLen, newLen, flags, newAddr);
}

/** man 2 madvise */
export function sysMadvise(kernel: Kernel, task: Task, addr: Vaddr, len: number, advice: number): number {
  return doMadvise(enter(kernel, task, "madvise", { addr, len, advice }), addr, len, advice);
}

/** man 2 mlock, mlock2 */
export function sysMlock2(kernel: Kernel, task: Task, addr: Vaddr, len: number, flags = 0): number {
  return mlock2(enter(kernel, task, "mlock", { addr, len, flags }), addr, len, flags);
}

/** man 2 munlock */
export function sysMunlock(kernel: Kernel, task: Task, addr: Vaddr, len: number): number {
  return doMunlock(enter(kernel, task, "munlock", { addr, len }), addr, len);
}

/** man 2 mlockall */
export function sysMlockall(kernel: Kernel, task: Task, flags: number): number {
  return doMlockall(enter(kernel, task, "mlockall", { flags }), flags);
}

/** man 2 munlockall */
export function sysMunlockall(kernel: Kernel, task: Task): number {
  return doMunlockall(enter(kernel, task, "munlockall", {}));
}

/** man 2 msync */
export function sysMsync(kernel: Kernel, task: Task, addr: Vaddr, len: number, flags: number): number {
  return doMsync(enter(kernel, task, "msync", { addr, len, flags }), addr, len, flags);
}

/** The break after the call, never an errno. man 2 brk */
export function sysBrk(kernel: Kernel, task: Task, brk: number): number {
  return doBrk(enter(kernel, task, "brk", { brk }), brk);
}

/**
 * One byte for each page, bit 0 = in core, written to the process's memory at `vec`. 0 or negative errno.
 * man 2 mincore
 */
export function sysMincore(kernel: Kernel, task: Task, addr: Vaddr, len: number, vec: number): number {
  const mm = enter(kernel, task, "mincore", { addr, len, vec });
  const err = mincoreArguments(mm, addr, len);
  if (err !== 0) return err;
  if (!accessOk(vec, Math.ceil(len / PAGE_SIZE))) return -EFAULT;
  return doMincore(mm, addr, len, (pages, first) => (copyToUser(task, vec + first, pages) > 0 ? -EFAULT : 0));
}

/**
 * The same as a list of bytes, or a negative errno. Not in Linux: for those who have no memory of the process
 * to write to.
 */
export function mincoreList(kernel: Kernel, task: Task, addr: Vaddr, len: number): Uint8Array | number {
  const mm = enter(kernel, task, "mincore", { addr, len });
  const pieces: Uint8Array[] = [];
  const err = doMincore(mm, addr, len, (pages) => {
    pieces.push(pages);
    return 0;
  });
  if (err !== 0) return err;
  const list = new Uint8Array(pieces.reduce((sum, piece) => sum + piece.length, 0));
  let at = 0;
  for (const piece of pieces) {
    list.set(piece, at);
    at += piece.length;
  }
  return list;
}
