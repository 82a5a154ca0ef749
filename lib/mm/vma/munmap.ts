/**
 * munmap: taking mappings away.
 *
 *   before   |--- A ---|  |--- B ---|--- C ---|
 *   munmap        [ - - - - - - - - - - ]
 *   split    |-A1-|-A2-|  |--- B ---|-C1-|-C2-|     1. cut the VMAs at both ends of the range
 *   take     |-A1-|       .         .    |-C2-|     2. take what lies between out of the store
 *   zap                                             3. page tables: unmapVmas() empties the entries, freePgtables()
 *                                                      frees tables that no VMA needs any more
 *   count                                           4. totals, promises, files
 *
 * mmap with MAP_FIXED, brk and mremap go the same way. The split comes first because it alone can fail, and
 * then nothing has changed.
 *
 * Read first: vma.ts. Read next: mm/fault/zap.ts (3), mm/pgtable/pgtable_alloc.ts.
 */

import { offsetInPage, pageAlign } from "../../hw/address.js";
import { EINVAL, ENOMEM } from "../errno.js";
import { freePgtables, unmapVmas } from "../fault/zap.js";
import { objCgroupUncharge, VMA_BYTES } from "../memcg/objcg.js";
import { fput, type MmStruct, VM_ACCOUNT, VM_LOCKED, type VmAreaStruct, vmaPages } from "../mm_types.js";
import { withGather } from "../pgtable/mmu_gather.js";
import { updateHiwaterRss, updateHiwaterVm, vmStatAccount, vmUnacctMemory } from "./util.js";
import { splitVmaUnchecked } from "./vma.js";

/**
 * Removes all mappings in [start, start + len). 0 or negative errno. Linux mm/vma.c:do_munmap(),
 * do_vmi_munmap()
 */
export function doMunmap(mm: MmStruct, start: number, len: number): number {
  if (offsetInPage(start) !== 0 || start < 0 || start > mm.taskSize) return -EINVAL;
  if (len < 0 || len > mm.taskSize - start) return -EINVAL;
  const end = start + pageAlign(len);
  if (end === start) return -EINVAL;
  if (mm.mmMt.intersection(start, end) === undefined) return 0;
  return doVmiAlignMunmap(mm, start, end);
}

/** The same for a range known to be aligned and in user space. Linux mm/vma.c:do_vmi_align_munmap() */
export function doVmiAlignMunmap(mm: MmStruct, start: number, end: number): number {
  const err = vmsGatherMunmapVmas(mm, start, end);
  if (err !== 0) return err;
  vmsCompleteMunmapVmas(mm, start, end);
  return 0;
}

/** Splits the VMAs at both ends of [start, end). Linux mm/vma.c:vms_gather_munmap_vmas() */
export function vmsGatherMunmapVmas(mm: MmStruct, start: number, end: number): number {
  const first = mm.mmMt.intersection(start, end);
  if (first === undefined) return 0;
  if (start > first.vmStart) {
    if (end < first.vmEnd && mm.mapCount >= mm.sys.sysctl.maxMapCount) return -ENOMEM;
    const err = splitVmaUnchecked(first, start, true);
    if (err !== 0) return err;
  }
  const last = mm.mmMt.lookup(end - 1);
  if (last === undefined || last.vmEnd <= end) return 0;
  return splitVmaUnchecked(last, end, false);
}

/** Takes the gathered VMAs of [start, end) away for good. Linux mm/vma.c:vms_complete_munmap_vmas() */
export function vmsCompleteMunmapVmas(mm: MmStruct, start: number, end: number): void {
  const vmas = mm.mmMt.slice(start, end);
  if (vmas.length === 0) return;
  for (const vma of vmas) {
    mm.mmMt.erase(vma);
    mm.mapCount--;
    if ((vma.vmFlags & VM_LOCKED) !== 0) mm.lockedVm -= vmaPages(vma);
  }
  vmsClearPtes(mm, vmas, start, end);
  updateHiwaterVm(mm);
  for (const vma of vmas) {
    vmStatAccount(mm, vma.vmFlags, -vmaPages(vma));
    if ((vma.vmFlags & VM_ACCOUNT) !== 0) vmUnacctMemory(mm.sys, vmaPages(vma));
    removeVma(vma);
  }
}

/**
 * Empties the page tables under the VMAs and frees the tables no neighbour needs.
 * Linux mm/vma.c:vms_clear_ptes()
 */
function vmsClearPtes(mm: MmStruct, vmas: VmAreaStruct[], start: number, end: number): void {
  const floor = mm.mmMt.prevOf(start)?.vmEnd ?? 0;
  const ceiling = mm.mmMt.find(start)?.vmStart ?? 0;
  updateHiwaterRss(mm);
  withGather(mm, () => {
    unmapVmas(mm, vmas, start, end);
    freePgtables(mm, vmas, floor, ceiling);
  });
}

/** Closes a VMA whose pages are gone. Linux mm/vma.c:remove_vma() */
export function removeVma(vma: VmAreaStruct): void {
  vma.vmOps?.close?.(vma);
  if (vma.vmFile !== undefined) fput(vma.vmFile);
  objCgroupUncharge(vma.vmMm.sys, vma.memcg, VMA_BYTES);
}
