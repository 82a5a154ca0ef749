/**
 * fork: a second process with the same memory, at the price of its page tables.
 *
 *   copyProcess
 *     copyMm
 *       dupMmap      each VMA:  DONTFORK    left out
 *                               WIPEONFORK  the VMA, without its pages
 *                               else        the VMA; its AnonVmas (anonVmaFork); its entries (copyPageRange), where both
 *                                           sides lose the right to write private pages
 *       flush        the parent's TLBs: it must fault before it writes what it now shares
 *     files, handlers, limits: copied;  locks (mlock) and MCL_FUTURE: not
 *
 *   clone(CLONE_VM)  shares the mm instead: a thread, or with CLONE_VFORK a child that borrows the parent's memory
 *                    until it calls exec or exits
 *
 * Read first: task.ts, mm/fault/copy_page_range.ts..
 */

import { ENOMEM } from "../mm/errno.js";
import { anonVmaFork } from "../mm/fault/anon_vma.js";
import { copyPageRange } from "../mm/fault/copy_page_range.js";
import { khugepagedEnter } from "../mm/huge/khugepaged_mm.js";
import { hugetlbDupVmaPrivate } from "../mm/hugetlb/vma_resv.js";
import { lruGenAddMm } from "../mm/lru/gen/walk_mm.js";
import {
  getFile,
  getMmRss,
  MmStruct,
  VM_ACCOUNT,
  VM_DONTCOPY,
  VM_HUGETLB,
  VM_LOCKED_MASK,
  VM_NOHUGEPAGE,
  VM_WIPEONFORK,
  type VmAreaStruct,
  vmaPages,
} from "../mm/mm_types.js";
import { pgdAlloc } from "../mm/pgtable/pgtable_alloc.js";
import { tlbFlushMm } from "../mm/pgtable/tlb.js";
import { vmEnoughMemory, vmStatAccount } from "../mm/vma/util.js";
import { vmAreaDup, vmaLink } from "../mm/vma/vma.js";
import { exitMmap } from "./exit_mmap.js";

/** Share the address space. Linux include/uapi/linux/sched.h; so are all CLONE_ names. */
export const CLONE_VM = 0x100;
/** Share the table of open files. */
export const CLONE_FILES = 0x400;
/** Share signal handlers. */
export const CLONE_SIGHAND = 0x800;
/** The parent waits until the child calls exec or exits. */
export const CLONE_VFORK = 0x4000;
/** A thread of the same process. */
export const CLONE_THREAD = 0x1_0000;
/** Set the thread's own block (FS base). */
export const CLONE_SETTLS = 0x8_0000;

/**
 * A new address space with the memory of `oldmm`; or -ENOMEM with nothing left behind.
 * Linux kernel/fork.c:dup_mm()
 */
export function dupMm(oldmm: MmStruct): MmStruct | number {
  const mm = new MmStruct(oldmm.sys);
  mm.memcg = oldmm.memcg;
  if (pgdAlloc(mm) !== 0) return -ENOMEM;
  copyLayout(mm, oldmm);
  const err = dupMmap(mm, oldmm);
  if (err !== 0) {
    exitMmap(mm);
    return err;
  }
  if (oldmm.thp.inKhugepaged) khugepagedEnter(mm);
  mm.hiwaterRss = getMmRss(mm);
  mm.hiwaterVm = mm.totalVm;
  lruGenAddMm(mm);
  return mm;
}

/** The places of code, data, heap and stack. Linux kernel/fork.c:dup_mm() copies the whole structure. */
function copyLayout(mm: MmStruct, oldmm: MmStruct): void {
  mm.mmapBase = oldmm.mmapBase;
  mm.taskSize = oldmm.taskSize;
  mm.startCode = oldmm.startCode;
  mm.endCode = oldmm.endCode;
  mm.startData = oldmm.startData;
  mm.endData = oldmm.endData;
  mm.startBrk = oldmm.startBrk;
  mm.brk = oldmm.brk;
  mm.startStack = oldmm.startStack;
  mm.argStart = oldmm.argStart;
  mm.argEnd = oldmm.argEnd;
  mm.envStart = oldmm.envStart;
  mm.envEnd = oldmm.envEnd;
  mm.vdso = oldmm.vdso;
  mm.defFlags = oldmm.defFlags & VM_NOHUGEPAGE;
  mm.thp.disabled = oldmm.thp.disabled;
  mm.totalVm = oldmm.totalVm;
  mm.dataVm = oldmm.dataVm;
  mm.execVm = oldmm.execVm;
  mm.stackVm = oldmm.stackVm;
}

/** Copies the VMAs and their entries. 0 or negative errno. Linux mm/mmap.c:dup_mmap() */
function dupMmap(mm: MmStruct, oldmm: MmStruct): number {
  let err = 0;
  for (const mpnt of [...oldmm.mmMt]) {
    if ((mpnt.vmFlags & VM_DONTCOPY) !== 0) {
      vmStatAccount(mm, mpnt.vmFlags, -vmaPages(mpnt));
      continue;
    }
    err = dupVma(mm, mpnt);
    if (err !== 0) break;
  }
  tlbFlushMm(oldmm);
  return err;
}

function dupVma(mm: MmStruct, mpnt: VmAreaStruct): number {
  if ((mpnt.vmFlags & VM_ACCOUNT) !== 0 && vmEnoughMemory(mm.sys, mpnt.vmMm, vmaPages(mpnt)) < 0)
    return -ENOMEM;
  const tmp = vmAreaDup(mpnt, mm);
  const wipe = (tmp.vmFlags & VM_WIPEONFORK) !== 0;
  if (wipe) tmp.anonVma = undefined;
  else anonVmaFork(tmp, mpnt);
  tmp.vmFlags &= ~VM_LOCKED_MASK;
  if ((tmp.vmFlags & VM_HUGETLB) !== 0) hugetlbDupVmaPrivate(tmp);
  if (tmp.vmFile !== undefined) getFile(tmp.vmFile);
  vmaLink(tmp);
  tmp.vmOps?.open?.(tmp);
  return wipe ? 0 : copyPageRange(tmp, mpnt);
}
