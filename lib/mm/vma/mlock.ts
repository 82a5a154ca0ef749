/**
 * mlock: pages that stay in RAM.
 *
 *   mlock(range)   1. VM_LOCKED on the VMAs (split and merged like mprotect), lockedVm counts their pages
 *                  2. pages there already are marked; they leave the reclaim lists for the unevictable one
 *                  3. all others are faulted in (mmPopulate), unless MLOCK_ONFAULT
 *   mlockall(MCL_FUTURE)   sets mm.defFlags: every later mapping is locked, and faulted in, at birth
 *
 * Locks do not count: one munlock undoes any number of mlocks. They are not inherited by fork. munmap ends
 * them.
 *
 * Read first: vma.ts, mm/fault/gup.ts.
 */
import { offsetInPage, PAGE_SIZE, pageAlign, pageAlignDown } from "../../hw/address.js";
import { EAGAIN, EFAULT, EINVAL, ENOMEM, EPERM } from "../errno.js";
import { mmPopulate } from "../fault/gup.js";
import { folioPteBatch } from "../fault/pte_batch.js";
import { mlockFolio, munlockFolio } from "../lru/mlock_batch.js";
import { lruAddDrain } from "../lru/swap.js";
import {
  type MmStruct,
  VM_LOCKED,
  VM_LOCKED_MASK,
  VM_LOCKONFAULT,
  VM_NOMLOCK,
  VM_STICKY,
  type VmAreaStruct,
} from "../mm_types.js";
import { folioNrPages, pageFolio, pfnToPage } from "../pages/folio.js";
import { walkPageRangeVma } from "../pgtable/pagewalk.js";
import { ptePfn, pteSpecial } from "../pgtable/pgtable.js";
import { PTE_KIND_PRESENT } from "../pgtable/swapops.js";
import { CAP_IPC_LOCK, RLIMIT_MEMLOCK } from "../system.js";
import { MCL_CURRENT, MCL_FUTURE, MCL_ONFAULT, MLOCK_ONFAULT } from "./mman.js";
import { canDoMlock, rangeWraps } from "./util.js";
import { vmaModifyFlags } from "./vma.js";

/** Marks or unmarks the pages that are in the range now. Linux mm/mlock.c:mlock_vma_pages_range() */
function mlockVmaPagesRange(vma: VmAreaStruct, start: number, end: number, newflags: number): void {
  const { sys } = vma.vmMm;
  vma.vmFlags = newflags;
  lruAddDrain(sys);
  const locks = (newflags & VM_LOCKED) !== 0;
  const mark = locks ? mlockFolio : munlockFolio;
  let skipTo = start;
  walkPageRangeVma(vma, start, end, {
    pteEntry(pte, addr, ptep, kind) {
      if (kind !== PTE_KIND_PRESENT || pteSpecial(pte)) return;
      const page = pfnToPage(sys, ptePfn(pte));
      const folio = pageFolio(page);
      if (addr < skipTo) return; // a large folio is counted once
      const nr = folio.order > 0 ? folioPteBatch(sys, folio, page, ptep, pte, (end - addr) / PAGE_SIZE) : 1;
      skipTo = addr + nr * PAGE_SIZE;
      if (locks && folio.order > 0 && nr < folioNrPages(folio)) return; // only as a whole
      mark(sys, folio);
    },
    pmdEntry(pmd) {
      if (!pteSpecial(pmd)) mark(sys, pageFolio(pfnToPage(sys, ptePfn(pmd))));
    },
  });
  lruAddDrain(sys);
}

/**
 * Gives [start, end), part of `vma`, the lock bits in `newflags`. The VMA that holds it then, or negative
 * errno. Linux mm/mlock.c:mlock_fixup()
 */
export function mlockFixup(
  prev: VmAreaStruct | undefined,
  vma: VmAreaStruct,
  start: number,
  end: number,
  newflags: number,
): VmAreaStruct | number {
  const { vmMm: mm, vmFlags: oldflags } = vma;
  if (newflags === oldflags || (oldflags & VM_NOMLOCK) !== 0) return vma;
  const changed = vmaModifyFlags(prev, vma, start, end, { vmFlags: newflags });
  if (typeof changed === "number") return changed;
  const nrPages = (end - start) / PAGE_SIZE;
  if ((newflags & VM_LOCKED) === 0) mm.lockedVm -= nrPages;
  else if ((oldflags & VM_LOCKED) === 0) mm.lockedVm += nrPages;
  const flags = newflags | (changed.vmFlags & VM_STICKY);
  if ((newflags & oldflags & VM_LOCKED) !== 0) changed.vmFlags = flags;
  else mlockVmaPagesRange(changed, start, end, flags);
  return changed;
}

/** Linux mm/mlock.c:apply_vma_lock_flags() */
function applyVmaLockFlags(mm: MmStruct, start: number, len: number, flags: number): number {
  const end = start + len;
  if (len === 0) return 0;
  if (rangeWraps(start, len)) return -EINVAL;
  if (start < 0 || start >= mm.taskSize) return -ENOMEM;
  // Nothing is mapped beyond.
  if (len < 0) return applyVmaLockFlags(mm, start, mm.taskSize - start, flags) || -ENOMEM;
  let vma = mm.mmMt.lookup(start);
  if (vma === undefined) return -ENOMEM;
  let prev = start > vma.vmStart ? vma : mm.mmMt.prevOf(start);
  let at = start;
  while (at < end) {
    if (vma === undefined || vma.vmStart > at) return -ENOMEM;
    const newflags = (vma.vmFlags & ~VM_LOCKED_MASK) | flags;
    const changed = mlockFixup(prev, vma, at, Math.min(vma.vmEnd, end), newflags);
    if (typeof changed === "number") return changed;
    prev = changed;
    at = changed.vmEnd;
    vma = mm.mmMt.find(at);
  }
  return 0;
}

/** Pages of the range that are locked already. Linux mm/mlock.c:count_mm_mlocked_page_nr() */
function countMmMlockedPageNr(mm: MmStruct, start: number, len: number): number {
  let pages = 0;
  for (const vma of mm.mmMt.slice(start, start + len))
    if ((vma.vmFlags & VM_LOCKED) !== 0)
      pages += (Math.min(vma.vmEnd, start + len) - Math.max(vma.vmStart, start)) / PAGE_SIZE;
  return pages;
}

/**
 * Locks every page that [start, start + len) touches. `flags` are the bits that its VMAs get: VM_LOCKED, or
 * VM_LOCKED with VM_LOCKONFAULT. 0 or negative errno. Linux mm/mlock.c:do_mlock()
 */
export function doMlock(mm: MmStruct, startIn: number, lenIn: number, flags: number): number {
  const { sys } = mm;
  if (!canDoMlock(sys)) return -EPERM;
  const len = pageAlign(lenIn + offsetInPage(startIn));
  const start = pageAlignDown(startIn);
  const limit = Math.floor(sys.rlimit(RLIMIT_MEMLOCK) / PAGE_SIZE);
  let locked = (len < 0 ? len + 2 ** 64 : len) / PAGE_SIZE + mm.lockedVm; // a huge unsigned number
  if (locked > limit && !sys.capable(CAP_IPC_LOCK)) {
    locked -= countMmMlockedPageNr(mm, start, len);
    if (locked > limit) return -ENOMEM;
  }
  const err = applyVmaLockFlags(mm, start, len, flags);
  if (err !== 0) return err;
  const populated = mmPopulate(mm, start, len, false);
  if (populated === -EFAULT) return -ENOMEM;
  return populated === -ENOMEM ? -EAGAIN : populated;
}

/** mlock and mlock2, with MLOCK_ONFAULT or 0. 0 or negative errno. Linux mm/mlock.c:mlock2() */
export function mlock2(mm: MmStruct, start: number, len: number, mlockFlags = 0): number {
  if ((mlockFlags & ~MLOCK_ONFAULT) !== 0) return -EINVAL;
  const onfault = (mlockFlags & MLOCK_ONFAULT) !== 0 ? VM_LOCKONFAULT : 0;
  return mm.sys.parts.doMlock(mm, start, len, VM_LOCKED | onfault);
}

/** munlock. 0 or negative errno. Linux mm/mlock.c:munlock() */
export function doMunlock(mm: MmStruct, startIn: number, lenIn: number): number {
  const len = pageAlign(lenIn + offsetInPage(startIn));
  const start = pageAlignDown(startIn);
  return applyVmaLockFlags(mm, start, len, 0);
}

/** Linux mm/mlock.c:apply_mlockall_flags() */
function applyMlockallFlags(mm: MmStruct, flags: number): void {
  const bits = VM_LOCKED | ((flags & MCL_ONFAULT) !== 0 ? VM_LOCKONFAULT : 0);
  mm.defFlags &= ~VM_LOCKED_MASK;
  if ((flags & MCL_FUTURE) !== 0) {
    mm.defFlags |= bits;
    if ((flags & MCL_CURRENT) === 0) return;
  }
  const add = (flags & MCL_CURRENT) !== 0 ? bits : 0;
  let prev: VmAreaStruct | undefined;
  for (let vma = mm.mmMt.at(0); vma !== undefined; ) {
    const end = vma.vmEnd;
    const changed = mlockFixup(prev, vma, vma.vmStart, end, (vma.vmFlags & ~VM_LOCKED_MASK) | add);
    prev = typeof changed === "number" ? vma : changed; // errors are ignored
    vma = mm.mmMt.find(Math.max(end, prev.vmEnd));
  }
}

/** mlockall. 0 or negative errno. Linux mm/mlock.c:mlockall() */
export function doMlockall(mm: MmStruct, flags: number): number {
  const { sys } = mm;
  if (flags === 0 || (flags & ~(MCL_CURRENT | MCL_FUTURE | MCL_ONFAULT)) !== 0 || flags === MCL_ONFAULT)
    return -EINVAL;
  if (!canDoMlock(sys)) return -EPERM;
  const limit = Math.floor(sys.rlimit(RLIMIT_MEMLOCK) / PAGE_SIZE);
  if ((flags & MCL_CURRENT) !== 0 && mm.totalVm > limit && !sys.capable(CAP_IPC_LOCK)) return -ENOMEM;
  applyMlockallFlags(mm, flags);
  if ((flags & MCL_CURRENT) !== 0) mmPopulate(mm, 0, mm.taskSize);
  return 0;
}

/** munlockall: unlocks everything, now and later. Linux mm/mlock.c:munlockall() */
export function doMunlockall(mm: MmStruct): number {
  applyMlockallFlags(mm, 0);
  return 0;
}
