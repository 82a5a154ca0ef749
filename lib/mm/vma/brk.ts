/**
 * brk: the heap, one mapping that grows and shrinks at its end.
 *
 *   startBrk                brk (any byte)
 *      |-------- heap --------|....|           brk(new): new > brk maps pages, new < brk unmaps them
 *      +----------------------+----+
 *                             page aligned
 *
 * brk() never reports an errno: it returns the new break, or the old one when nothing was done.
 *
 * Read first: mmap.ts, munmap.ts.
 */
import type { Vaddr } from "../../hw/address.js";
import { PAGE_SIZE, pageAlign } from "../../hw/address.js";
import { ENOMEM } from "../errno.js";
import { mmPopulate } from "../fault/gup.js";
import {
  type MmStruct,
  VM_ACCOUNT,
  VM_LOCKED,
  VM_MAYEXEC,
  VM_MAYREAD,
  VM_MAYWRITE,
  VM_READ,
  VM_WRITE,
  VmAreaStruct,
} from "../mm_types.js";
import { vmSoftdirty } from "../pgtable/soft_dirty.js";
import { RLIMIT_DATA } from "../system.js";
import { MAP_FIXED } from "./mman.js";
import { doVmiAlignMunmap } from "./munmap.js";
import { getUnmappedArea, vmStartGap } from "./unmapped_area.js";
import { mayExpandVm, mlockFutureOk, vmEnoughMemory } from "./util.js";
import { vmaLink, vmaMergeNewRange, vmgState } from "./vma.js";

/**
 * Flags of memory that a program asks for without saying more.
 * Linux arch/x86/include/asm/page_types.h:VM_DATA_DEFAULT_FLAGS
 */
const VM_DATA_DEFAULT_FLAGS = VM_READ | VM_WRITE | VM_MAYREAD | VM_MAYWRITE | VM_MAYEXEC;

/** Moves the end of the heap to `brk` and returns where it is now. Linux mm/mmap.c:brk() */
export function doBrk(mm: MmStruct, brk: number): number {
  if (brk < mm.startBrk || brk > mm.taskSize) return mm.brk;
  if (!dataRlimitOk(mm, brk)) return mm.brk;
  const newBrk = pageAlign(brk);
  const oldBrk = pageAlign(mm.brk);
  if (newBrk !== oldBrk) {
    const err = brk <= mm.brk ? shrinkBrk(mm, newBrk, oldBrk) : growBrk(mm, oldBrk, newBrk);
    if (err !== 0) return mm.brk;
  }
  mm.brk = brk;
  if (newBrk > oldBrk && (mm.defFlags & VM_LOCKED) !== 0) mmPopulate(mm, oldBrk, newBrk - oldBrk);
  return brk;
}

/** Linux include/linux/mm.h:check_data_rlimit() */
function dataRlimitOk(mm: MmStruct, brk: number): boolean {
  return brk - mm.startBrk + (mm.endData - mm.startData) <= mm.sys.rlimit(RLIMIT_DATA);
}

function shrinkBrk(mm: MmStruct, newBrk: number, oldBrk: number): number {
  const vma = mm.mmMt.intersection(newBrk, oldBrk);
  return vma === undefined ? -ENOMEM : doVmiAlignMunmap(mm, newBrk, oldBrk);
}

function growBrk(mm: MmStruct, oldBrk: number, newBrk: number): number {
  if (getUnmappedArea(mm, undefined, oldBrk, newBrk - oldBrk, 0, MAP_FIXED) < 0) return -ENOMEM;
  if (!mlockFutureOk(mm, mm.defFlags, newBrk - oldBrk)) return -ENOMEM;
  const next = mm.mmMt.find(oldBrk);
  if (next !== undefined && newBrk + PAGE_SIZE > vmStartGap(next)) return -ENOMEM;
  const prev = mm.mmMt.prevOf(oldBrk);
  return doBrkFlags(
    mm,
    prev !== undefined && prev.vmEnd > mm.startBrk ? prev : undefined,
    oldBrk,
    newBrk - oldBrk,
  );
}

/**
 * Maps `len` bytes of heap at `addr`, growing `prev` if it ends there. 0 or negative errno.
 * Linux mm/vma.c:do_brk_flags()
 */
export function doBrkFlags(mm: MmStruct, prev: VmAreaStruct | undefined, addr: Vaddr, len: number): number {
  const vmFlags = VM_DATA_DEFAULT_FLAGS | VM_ACCOUNT | mm.defFlags;
  const pages = len / PAGE_SIZE;
  if (!mayExpandVm(mm, vmFlags, pages) || mm.mapCount > mm.sys.sysctl.maxMapCount) return -ENOMEM;
  if (vmEnoughMemory(mm.sys, mm, pages) < 0) return -ENOMEM;
  const vma = expandBrkVma(mm, prev, addr, len, vmFlags) ?? newBrkVma(mm, addr, len, vmFlags);
  vma.vmFlags |= vmSoftdirty(mm);
  mm.totalVm += pages;
  mm.dataVm += pages;
  if ((vmFlags & VM_LOCKED) !== 0) mm.lockedVm += pages;
  return 0;
}

function expandBrkVma(
  mm: MmStruct,
  prev: VmAreaStruct | undefined,
  addr: Vaddr,
  len: number,
  vmFlags: number,
): VmAreaStruct | undefined {
  if (prev === undefined || prev.vmEnd !== addr) return undefined;
  const vmg = vmgState(mm, addr, addr + len, vmFlags, addr / PAGE_SIZE);
  vmg.prev = prev;
  vmg.justExpand = true;
  return vmaMergeNewRange(vmg);
}

function newBrkVma(mm: MmStruct, addr: Vaddr, len: number, vmFlags: number): VmAreaStruct {
  const vma = new VmAreaStruct(mm);
  vma.vmStart = addr;
  vma.vmEnd = addr + len;
  vma.vmPgoff = addr / PAGE_SIZE;
  vma.vmFlags = vmFlags;
  vmaLink(vma);
  return vma;
}
