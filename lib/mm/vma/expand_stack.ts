/**
 * Grows-down mappings: a touch just below extends them, as the stack of every process does.
 *
 *        prev         guard gap (256 pages)      stack VMA
 *   |----------|.............................|<---|-----------|
 *                                          touch   vmStart
 *
 * The growth stops at the stack limit (RLIMIT_STACK), at the address-space limit, and 256 pages above the
 * next accessible mapping below, so that a stack that runs over hits nothing.
 *
 * Read first: mmap.ts. Read next: kernel/fault.ts, which calls expandStack().
 */
import type { Vaddr } from "../../hw/address.js";
import { PAGE_SIZE, pageAlignDown } from "../../hw/address.js";
import { EFAULT, ENOMEM, EPERM } from "../errno.js";
import { anonVmaPrepare } from "../fault/anon_vma.js";
import { populateVmaPageRange } from "../fault/gup.js";
import { type MmStruct, VM_ACCESS_FLAGS, VM_GROWSDOWN, VM_LOCKED, type VmAreaStruct } from "../mm_types.js";
import { RLIMIT_STACK } from "../system.js";
import { mayExpandVm, mlockFutureOk, vmEnoughMemory, vmStatAccount } from "./util.js";

/** Any access is allowed at all. Linux include/linux/mm.h:vma_is_accessible() */
export function vmaIsAccessible(vma: VmAreaStruct): boolean {
  return (vma.vmFlags & VM_ACCESS_FLAGS) !== 0;
}

/**
 * The VMA that holds `addr`, grown down to it if that is allowed; undefined when nothing maps it.
 * Linux mm/mmap.c:find_extend_vma_locked(), mm/mmap_lock.c:lock_mm_and_find_vma()
 */
export function findExtendVma(mm: MmStruct, addr: Vaddr): VmAreaStruct | undefined {
  const vma = mm.mmMt.find(addr);
  if (vma === undefined || vma.vmStart <= addr) return vma;
  if ((vma.vmFlags & VM_GROWSDOWN) === 0) return undefined;
  return expandDownwards(vma, addr) === 0 ? vma : undefined;
}

/** findExtendVma() for a system call: a locked stack is faulted in at once. Linux mm/mmap.c:expand_stack() */
export function expandStack(mm: MmStruct, addr: Vaddr): VmAreaStruct | undefined {
  const start = mm.mmMt.find(addr)?.vmStart ?? 0;
  const vma = findExtendVma(mm, addr);
  if (vma !== undefined && addr < start && (vma.vmFlags & VM_LOCKED) !== 0)
    populateVmaPageRange(vma, vma.vmStart, start);
  return vma;
}

/**
 * Moves the start of `vma` down to the page of `addr`. 0 or negative errno. Linux mm/vma.c:expand_downwards()
 */
function expandDownwards(vma: VmAreaStruct, addr: Vaddr): number {
  const { vmMm: mm } = vma;
  const { sysctl } = mm.sys;
  if ((vma.vmFlags & VM_GROWSDOWN) === 0) return -EFAULT;
  const address = pageAlignDown(addr);
  if (address < sysctl.mmapMinAddr) return -EPERM;
  const prev = mm.mmMt.prevOf(vma.vmStart);
  if (prev !== undefined && (prev.vmFlags & VM_GROWSDOWN) === 0 && vmaIsAccessible(prev))
    if (address - prev.vmEnd < sysctl.stackGuardGapPages * PAGE_SIZE) return -ENOMEM;
  anonVmaPrepare(vma);
  const grow = (vma.vmStart - address) / PAGE_SIZE;
  if (grow > vma.vmPgoff) return -ENOMEM;
  const err = acctStackGrowth(vma, vma.vmEnd - address, grow);
  if (err !== 0) return err;
  if ((vma.vmFlags & VM_LOCKED) !== 0) mm.lockedVm += grow;
  vmStatAccount(mm, vma.vmFlags, grow);
  vma.vmStart = address;
  vma.vmPgoff -= grow;
  return 0;
}

/** Whether the limits let a stack grow by `grow` pages to `size` bytes. Linux mm/vma.c:acct_stack_growth() */
function acctStackGrowth(vma: VmAreaStruct, size: number, grow: number): number {
  const { vmMm: mm, vmFlags } = vma;
  if (!mayExpandVm(mm, vmFlags, grow)) return -ENOMEM;
  if (size > mm.sys.rlimit(RLIMIT_STACK)) return -ENOMEM;
  if (!mlockFutureOk(mm, vmFlags, grow * PAGE_SIZE)) return -ENOMEM;
  return vmEnoughMemory(mm.sys, mm, grow);
}
