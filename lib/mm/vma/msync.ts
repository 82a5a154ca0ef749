/**
 * msync: writing a mapping's changes to its file.
 *
 *   msync(range, MS_SYNC)   for each shared file mapping in the range: write its dirty pages and wait
 *   MS_ASYNC                does nothing since Linux 2.6.19: the kernel knows by itself which pages are dirty
 *   MS_INVALIDATE           only checks that nothing is locked: mappings and files share one cache anyway
 *
 * Holes in the range are skipped and reported at the end with ENOMEM.
 *
 * Read first: mm/filemap/filemap.ts.
 */
import { offsetInPage, PAGE_SIZE, pageAlign } from "../../hw/address.js";
import { EBUSY, EINVAL, ENOMEM } from "../errno.js";
import { type MmStruct, VM_LOCKED, VM_SHARED, type VmAreaStruct } from "../mm_types.js";
import { MS_ASYNC, MS_INVALIDATE, MS_SYNC } from "./mman.js";

/** 0 or negative errno. Linux mm/msync.c:msync() */
export function doMsync(mm: MmStruct, start: number, lenIn: number, flags: number): number {
  if ((flags & ~(MS_ASYNC | MS_INVALIDATE | MS_SYNC)) !== 0 || offsetInPage(start) !== 0) return -EINVAL;
  if ((flags & MS_ASYNC) !== 0 && (flags & MS_SYNC) !== 0) return -EINVAL;
  const end = start + pageAlign(lenIn);
  if (end < start) return -ENOMEM;
  if (end === start) return 0;
  if (start < 0) return -ENOMEM;
  let unmapped = 0;
  for (let at = start; at < end; ) {
    const vma = mm.mmMt.find(at);
    if (vma === undefined) return -ENOMEM;
    if (at < vma.vmStart) {
      if (flags === MS_ASYNC) return -ENOMEM;
      unmapped = -ENOMEM;
      at = vma.vmStart;
      if (at >= end) break;
    }
    if ((flags & MS_INVALIDATE) !== 0 && (vma.vmFlags & VM_LOCKED) !== 0) return -EBUSY;
    const stop = Math.min(end, vma.vmEnd);
    const err = (flags & MS_SYNC) !== 0 ? syncVma(vma, at, stop) : 0;
    if (err !== 0) return err;
    at = stop;
  }
  return unmapped;
}

/** Writes the file pages behind [start, end) of `vma`. */
function syncVma(vma: VmAreaStruct, start: number, end: number): number {
  if (vma.vmFile === undefined || (vma.vmFlags & VM_SHARED) === 0) return 0;
  const first = start - vma.vmStart + vma.vmPgoff * PAGE_SIZE;
  return vma.vmFile.fsync?.(first, first + (end - start) - 1) ?? 0;
}
