/**
 * mremap: growing, shrinking and moving mappings.
 *
 *   mremap(addr, oldLen, newLen, flags, newAddr)
 *
 *     newLen < oldLen    the tail is unmapped in place
 *     newLen > oldLen    grow in place if the VMA ends there and the room is free; else move (MAYMOVE)
 *     FIXED              move exactly there: what is there goes first; with equal lengths several VMAs may move, gaps kept
 *     DONTUNMAP          move the pages, leave the VMA behind empty
 *     oldLen == 0        a second mapping of the same shared pages
 *
 *   a move:  copyVma        a VMA at the new place (or a neighbour there grows), linked to the same AnonVmas
 *            movePageTables the entries
 *            doMunmap       the old place
 *
 * Pages keep their page offset: the new VMA starts with the offset of the old one, so the reverse map still
 * finds them. Only a VMA that never had a page takes the offset that fits its new address, which lets it
 * merge there.
 *
 * Left out: userfaultfd.
 *
 * Read first: vma.ts, munmap.ts. Read next: move_page_tables.ts.
 */
import type { Vaddr } from "../../hw/address.js";
import { offsetInPage, PAGE_SIZE, pageAlign } from "../../hw/address.js";
import { EAGAIN, EFAULT, EINVAL, ENOMEM } from "../errno.js";
import { anonVmaClone, unlinkAnonVmas } from "../fault/anon_vma.js";
import { mmPopulate } from "../fault/gup.js";
import { clearVmaResvHugePages } from "../hugetlb/vma_resv.js";
import {
  getFile,
  type MmStruct,
  VM_ACCOUNT,
  VM_DONTEXPAND,
  VM_HUGETLB,
  VM_LOCKED,
  VM_LOCKED_MASK,
  VM_MAYSHARE,
  VM_PFNMAP,
  VM_SHARED,
  type VmAreaStruct,
  vmaIsAnonymous,
} from "../mm_types.js";
import { MAP_FIXED, MAP_SHARED, MREMAP_DONTUNMAP, MREMAP_FIXED, MREMAP_MAYMOVE } from "./mman.js";
import { movePageTables } from "./move_page_tables.js";
import { doMunmap } from "./munmap.js";
import { getUnmappedArea } from "./unmapped_area.js";
import {
  hasHighBits,
  mayExpandVm,
  mlockFutureOk,
  unsignedLong,
  vmAcctMemory,
  vmEnoughMemory,
  vmStatAccount,
  vmUnacctMemory,
} from "./util.js";
import { vmAreaDup, vmaLink, vmaMergeExtend, vmaMergeNewRange, vmgState } from "./vma.js";

/** One request on its way. Linux mm/mremap.c:struct vma_remap_struct */
interface VmaRemapStruct {
  readonly mm: MmStruct;
  addr: Vaddr;
  oldLen: number;
  newLen: number;
  readonly flags: number;
  newAddr: Vaddr;
  vma: VmAreaStruct | undefined;
  /** |newLen - oldLen| */
  delta: number;
  /** Pages promised for it so far. */
  charged: number;
  /** The VMA is locked and grew: fault the new part in. */
  populateExpand: boolean;
}

/** A new address is certain: given by the caller, or searched. Linux mm/mremap.c:vrm_implies_new_addr() */
function vrmImpliesNewAddr(vrm: VmaRemapStruct): boolean {
  return (vrm.flags & (MREMAP_FIXED | MREMAP_DONTUNMAP)) !== 0;
}

/** Moves or resizes. The new address, or a negative errno. Linux mm/mremap.c:do_mremap() */
export function doMremap(
  mm: MmStruct,
  addr: Vaddr,
  oldLenIn: number,
  newLenIn: number,
  flags: number,
  newAddr: Vaddr,
): number {
  const oldLen = unsignedLong(pageAlign(oldLenIn));
  const newLen = pageAlign(newLenIn);
  const vrm: VmaRemapStruct = {
    mm,
    addr,
    oldLen,
    newLen,
    flags,
    newAddr,
    vma: undefined,
    delta: 0,
    charged: 0,
    populateExpand: false,
  };
  const err = checkMremapParams(vrm);
  if (err !== 0) return err;
  let res: number;
  if ((flags & MREMAP_FIXED) !== 0 && oldLen === newLen) res = remapMove(vrm);
  else {
    vrm.vma = addr < 0 ? undefined : mm.mmMt.lookup(addr);
    res = checkPrepVma(vrm);
    if (res === 0) res = vrmImpliesNewAddr(vrm) ? mremapTo(vrm) : mremapAt(vrm);
  }
  if (res >= 0 && vrm.populateExpand) mmPopulate(mm, vrm.newAddr + vrm.oldLen, vrm.delta);
  return res;
}

/** Linux mm/mremap.c:check_mremap_params() */
function checkMremapParams(vrm: VmaRemapStruct): number {
  const { mm, flags, newLen, newAddr } = vrm;
  if ((flags & ~(MREMAP_FIXED | MREMAP_MAYMOVE | MREMAP_DONTUNMAP)) !== 0 || hasHighBits(flags))
    return -EINVAL;
  if (offsetInPage(vrm.addr) !== 0 || newLen === 0) return -EINVAL;
  if (newLen < 0 || newLen > mm.taskSize) return -EINVAL;
  if (!vrmImpliesNewAddr(vrm)) return 0;
  if (newAddr < 0 || newAddr > mm.taskSize - newLen || offsetInPage(newAddr) !== 0) return -EINVAL;
  if ((flags & MREMAP_MAYMOVE) === 0) return -EINVAL;
  if ((flags & MREMAP_DONTUNMAP) !== 0 && vrm.oldLen !== newLen) return -EINVAL;
  const addr = unsignedLong(vrm.addr);
  if ((addr + vrm.oldLen) % 2 ** 64 > newAddr && newAddr + newLen > addr) return -EINVAL;
  return mm.mapCount + 2 >= mm.sys.sysctl.maxMapCount - 3 ? -ENOMEM : 0;
}

/**
 * Makes the lengths whole huge pages; false where the addresses are not, or for a growth.
 * Linux mm/mremap.c:align_hugetlb()
 */
function alignHugetlb(vrm: VmaRemapStruct, vma: VmAreaStruct): boolean {
  const size = vma.vmOps!.pagesize!(vma);
  vrm.oldLen = Math.ceil(vrm.oldLen / size) * size;
  vrm.newLen = Math.ceil(vrm.newLen / size) * size;
  return vrm.addr % size === 0 && vrm.newAddr % size === 0 && vrm.newLen <= vrm.oldLen;
}

/**
 * Checks what depends on the VMA, and completes `vrm`. 0 or negative errno.
 * Linux mm/mremap.c:check_prep_vma()
 */
function checkPrepVma(vrm: VmaRemapStruct): number {
  const { vma, mm, addr, flags } = vrm;
  if (vma === undefined) return -EFAULT;
  if ((vma.vmFlags & VM_HUGETLB) !== 0 && !alignHugetlb(vrm, vma)) return -EINVAL;
  const { newLen } = vrm;
  vrm.delta = Math.abs(newLen - vrm.oldLen);
  if (!vrmImpliesNewAddr(vrm)) vrm.newAddr = addr;
  if (newLen <= vrm.oldLen && !vrmImpliesNewAddr(vrm)) return 0; // nothing new is mapped
  if (vrm.oldLen === 0 && (vma.vmFlags & (VM_SHARED | VM_MAYSHARE)) === 0) return -EINVAL;
  const fixedSize = (vma.vmFlags & (VM_DONTEXPAND | VM_PFNMAP)) !== 0;
  if ((flags & MREMAP_DONTUNMAP) !== 0 && fixedSize) return -EINVAL;
  // A shrink may cross VMAs, for what is cut off is only unmapped.
  const oldLen = Math.min(vrm.oldLen, newLen < vrm.oldLen ? newLen : vrm.oldLen);
  if (oldLen > vma.vmEnd - addr) return -EFAULT;
  if (newLen === oldLen) return 0;
  if ((vma.vmFlags & VM_LOCKED) !== 0) vrm.populateExpand = true;
  if (fixedSize) return -EFAULT;
  if (!mlockFutureOk(mm, vma.vmFlags, vrm.delta)) return -EAGAIN;
  return mayExpandVm(mm, vma.vmFlags, vrm.delta / PAGE_SIZE) ? 0 : -ENOMEM;
}

/** Moves every VMA of the range, keeping the gaps between them. Linux mm/mremap.c:remap_move() */
function remapMove(vrm: VmaRemapStruct): number {
  const { mm } = vrm;
  const start = vrm.addr;
  const end = start + vrm.oldLen;
  let target = vrm.newAddr;
  let lastEnd = -1;
  let first = -EFAULT;
  for (let vma = mm.mmMt.intersection(start, end); vma !== undefined && vma.vmStart < end; ) {
    const seen = lastEnd >= 0;
    if (!seen && start < vma.vmStart) return -EFAULT;
    const { vmStart, vmEnd } = vma;
    vrm.vma = vma;
    vrm.addr = Math.max(vmStart, start);
    vrm.newAddr = target + (seen ? vmStart - lastEnd : 0);
    vrm.oldLen = Math.min(end, vmEnd) - vrm.addr;
    vrm.newLen = vrm.oldLen;
    const checked = checkPrepVma(vrm);
    const res = checked === 0 ? mremapTo(vrm) : checked;
    if (res < 0) return res;
    if (!seen) first = res;
    lastEnd = vmEnd;
    target = res + vrm.newLen;
    vma = vmEnd < end ? mm.mmMt.intersection(vmEnd, end) : undefined;
  }
  return first;
}

/** Linux mm/mremap.c:mremap_to() */
function mremapTo(vrm: VmaRemapStruct): number {
  const { mm, flags } = vrm;
  if ((flags & MREMAP_FIXED) !== 0) {
    const err = doMunmap(mm, vrm.newAddr, vrm.newLen);
    if (err !== 0) return err;
    vrm.vma = mm.mmMt.lookup(vrm.addr); // it may have been split
    if (vrm.vma === undefined) return -EFAULT;
  }
  if (vrm.newLen < vrm.oldLen) {
    const err = shrinkVma(vrm);
    if (err !== 0) return err;
    vrm.oldLen = vrm.newLen;
    vrm.vma = mm.mmMt.lookup(vrm.addr);
  }
  if ((flags & MREMAP_DONTUNMAP) !== 0 && !mayExpandVm(mm, vrm.vma!.vmFlags, vrm.oldLen / PAGE_SIZE))
    return -ENOMEM;
  const err = vrmSetNewAddr(vrm);
  return err !== 0 ? err : moveVma(vrm);
}

/** Resizes in place if that is possible, else moves. Linux mm/mremap.c:mremap_at() */
function mremapAt(vrm: VmaRemapStruct): number {
  if (vrm.newLen === vrm.oldLen) return vrm.addr;
  if (vrm.newLen < vrm.oldLen) return shrinkVma(vrm) || vrm.addr;
  if (canExpandInPlace(vrm)) return expandVmaInPlace(vrm) || vrm.addr;
  if ((vrm.flags & MREMAP_MAYMOVE) === 0) return -ENOMEM;
  const err = vrmSetNewAddr(vrm);
  return err !== 0 ? err : moveVma(vrm);
}

/** Linux mm/mremap.c:shrink_vma() */
function shrinkVma(vrm: VmaRemapStruct): number {
  return doMunmap(vrm.mm, vrm.addr + vrm.newLen, vrm.oldLen - vrm.newLen);
}

/** Linux mm/mremap.c:vrm_can_expand_in_place(), vma_expandable() */
function canExpandInPlace({ vma, mm, addr, oldLen, delta }: VmaRemapStruct): boolean {
  const { vmStart, vmEnd } = vma!;
  if (vmEnd - addr !== oldLen) return false;
  if (mm.mmMt.intersection(vmEnd, vmEnd + delta) !== undefined) return false;
  return getUnmappedArea(mm, undefined, vmStart, vmEnd + delta - vmStart, 0, MAP_FIXED) >= 0;
}

/** Linux mm/mremap.c:expand_vma_in_place() */
function expandVmaInPlace(vrm: VmaRemapStruct): number {
  const { vmFlags } = vrm.vma!;
  if (!vrmCalcCharge(vrm)) return -ENOMEM;
  const vma = vmaMergeExtend(vrm.vma!, vrm.delta);
  if (vma === undefined) {
    vmUnacctMemory(vrm.mm.sys, vrm.charged);
    return -ENOMEM;
  }
  vrm.vma = vma;
  vrmStatAccount(vrm, vmFlags, vrm.delta);
  return 0;
}

/** Finds where to move to. Linux mm/mremap.c:vrm_set_new_addr() */
function vrmSetNewAddr(vrm: VmaRemapStruct): number {
  const vma = vrm.vma!;
  const pgoff = vma.vmPgoff + (vrm.addr - vma.vmStart) / PAGE_SIZE;
  let mapFlags = (vrm.flags & MREMAP_FIXED) !== 0 ? MAP_FIXED : 0;
  if ((vma.vmFlags & VM_MAYSHARE) !== 0) mapFlags |= MAP_SHARED;
  const hint = vrmImpliesNewAddr(vrm) ? vrm.newAddr : 0;
  const res = getUnmappedArea(vrm.mm, vma.vmFile, hint, vrm.newLen, pgoff, mapFlags);
  if (res < 0) return res;
  vrm.newAddr = res;
  return 0;
}

/** Promises what the VMA grows by; all of it where the old one stays. Linux mm/mremap.c:vrm_calc_charge() */
function vrmCalcCharge(vrm: VmaRemapStruct): boolean {
  if ((vrm.vma!.vmFlags & VM_ACCOUNT) === 0) return true;
  const bytes = (vrm.flags & MREMAP_DONTUNMAP) !== 0 ? vrm.newLen : vrm.newLen - vrm.oldLen;
  if (vmEnoughMemory(vrm.mm.sys, vrm.mm, bytes / PAGE_SIZE) < 0) return false;
  vrm.charged = bytes / PAGE_SIZE;
  return true;
}

/** Linux mm/mremap.c:vrm_stat_account() */
function vrmStatAccount({ mm }: VmaRemapStruct, vmFlags: number, bytes: number): void {
  vmStatAccount(mm, vmFlags, bytes / PAGE_SIZE);
  if ((vmFlags & VM_LOCKED) !== 0) mm.lockedVm += bytes / PAGE_SIZE;
}

/** Copies the VMA and its entries to vrm.newAddr, then ends the old one. Linux mm/mremap.c:move_vma() */
function moveVma(vrm: VmaRemapStruct): number {
  const { mm } = vrm;
  const { vmFlags } = vrm.vma!;
  if (mm.mapCount >= mm.sys.sysctl.maxMapCount - 3) return -ENOMEM;
  if (!vrmCalcCharge(vrm)) return -ENOMEM;
  const { newVma, err } = copyVmaAndData(vrm);
  const { hiwaterVm } = mm;
  vrmStatAccount(vrm, vmFlags, vrm.newLen);
  if (err === 0 && (vrm.flags & MREMAP_DONTUNMAP) !== 0) dontunmapComplete(vrm, newVma);
  else unmapSourceVma(vrm);
  mm.hiwaterVm = hiwaterVm;
  return err !== 0 ? err : vrm.newAddr;
}

/**
 * On failure the entries go back, and vrm is turned around so that the new VMA is unmapped.
 * Linux mm/mremap.c:copy_vma_and_data()
 */
function copyVmaAndData(vrm: VmaRemapStruct): { newVma: VmAreaStruct; err: number } {
  const { newVma, vma } = copyVma(vrm.vma!, vrm.addr, vrm.newAddr, vrm.newLen);
  vrm.vma = vma;
  const moved = movePageTables(vma, newVma, vrm.addr, vrm.newAddr, vrm.oldLen);
  if ((vma.vmFlags & VM_HUGETLB) !== 0) clearVmaResvHugePages(vma);
  if (moved >= vrm.oldLen) return { newVma, err: 0 };
  movePageTables(newVma, vma, vrm.newAddr, vrm.addr, moved);
  vrm.vma = newVma;
  vrm.oldLen = vrm.newLen;
  vrm.addr = vrm.newAddr;
  return { newVma, err: -ENOMEM };
}

/**
 * A VMA at [newAddr, newAddr + len) for what `vma` has from `addr` on; a neighbour there grows if it can.
 * `vma` in the result is where the source is now: an untouched source may have merged with its own copy.
 * Linux mm/vma.c:copy_vma()
 */
function copyVma(
  vma: VmAreaStruct,
  addr: Vaddr,
  newAddr: Vaddr,
  len: number,
): { newVma: VmAreaStruct; vma: VmAreaStruct } {
  const { vmMm: mm, vmStart } = vma;
  const untouched = vmaIsAnonymous(vma) && vma.anonVma === undefined;
  const pgoff = untouched ? newAddr / PAGE_SIZE : vma.vmPgoff + (addr - vmStart) / PAGE_SIZE;
  const vmg = vmgState(mm, newAddr, newAddr + len, vma.vmFlags, pgoff);
  Object.assign(vmg, { file: vma.vmFile, anonVma: vma.anonVma, anonName: vma.anonName, copiedFrom: vma });
  const merged = vmaMergeNewRange(vmg);
  if (merged !== undefined) {
    const self = vmStart >= merged.vmStart && vmStart < merged.vmEnd;
    return { newVma: merged, vma: self ? merged : vma };
  }
  const newVma = vmAreaDup(vma);
  newVma.vmStart = newAddr;
  newVma.vmEnd = newAddr + len;
  newVma.vmPgoff = pgoff;
  anonVmaClone(newVma, vma);
  if (newVma.vmFile !== undefined) getFile(newVma.vmFile);
  newVma.vmOps?.open?.(newVma);
  vmaLink(newVma);
  return { newVma, vma };
}

/** The old VMA stays, empty and unlocked. Linux mm/mremap.c:dontunmap_complete() */
function dontunmapComplete(vrm: VmaRemapStruct, newVma: VmAreaStruct): void {
  const vma = vrm.vma!;
  vma.vmFlags &= ~VM_LOCKED_MASK;
  if (newVma !== vma && vrm.addr === vma.vmStart && vrm.addr + vrm.oldLen === vma.vmEnd) unlinkAnonVmas(vma);
}

/**
 * Unmaps the source; its promise has moved with the pages, so it is not given back.
 * Linux mm/mremap.c:unmap_source_vma()
 */
function unmapSourceVma(vrm: VmaRemapStruct): void {
  const { mm, addr, oldLen } = vrm;
  const vma = vrm.vma!;
  const { vmStart, vmEnd } = vma;
  const accountable = (vma.vmFlags & VM_ACCOUNT) !== 0 && (vrm.flags & MREMAP_DONTUNMAP) === 0;
  if (accountable) vma.vmFlags &= ~VM_ACCOUNT;
  const err = doMunmap(mm, addr, oldLen);
  if (err !== 0) {
    vmAcctMemory(mm.sys, oldLen / PAGE_SIZE);
    return;
  }
  if (!accountable) return;
  if (vmStart < addr) mm.mmMt.lookup(addr - PAGE_SIZE)!.vmFlags |= VM_ACCOUNT;
  if (vmEnd > addr + oldLen) mm.mmMt.lookup(addr + oldLen)!.vmFlags |= VM_ACCOUNT;
}
