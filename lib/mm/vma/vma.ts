/**
 * VMAs: merging neighbours that mean the same, splitting one where a part changes its meaning.
 *
 * Whether mappings merge is visible in /proc/PID/maps and counts against vm.max_map_count, so the rules are
 * Linux's to the letter. Two neighbours merge when they agree in flags, file and name, when their page
 * offsets run on, and when their AnonVmas are compatible. Two situations differ:
 *
 *   a new range N in a gap (mmap, brk, mremap)      an existing range M changes (mprotect, madvise, mlock)
 *
 *     PPPP NNNN ....   expand P                       PPPP[MMMM]....   expand P, remove M      (M changed whole)
 *     .... NNNN XXXX   expand X downwards             PPPP[MM]mmm..    expand P, shrink m      (M's left part)
 *     PPPP NNNN XXXX   expand P, remove X             ..mmm[MM]XXXX    expand X, shrink m      (M's right part)
 *                                                     PPPP[MMMM]XXXX   expand P, remove M and X
 *                                                     ..mm[MM]mmm..    no merge: split in three
 *
 * vmaMergeNewRange() and vmaMergeExistingRange() decide, commitMerge() does it. They take a VmaMergeStruct
 * that describes the wanted VMA: range, flags, file, offset, AnonVma; `prev`, `middle`, `next` are the VMAs
 * around.
 *
 * AnonVmas: pages of one VMA belong to its AnonVma, so merged VMAs need the same one. If only one side has
 * one, the other takes it over, unless that side inherited pages through fork (several links).
 *
 * Left out: memory policies, userfaultfd contexts, uprobes; locks.
 *
 * Read first: mm/mm_types.ts, mm/fault/anon_vma.ts. Read next: mmap.ts, mprotect.ts.
 */

import type { Vaddr } from "../../hw/address.js";
import { PAGE_SIZE } from "../../hw/address.js";
import { ENOMEM } from "../errno.js";
import { anonVmaClone, anonVmaMerge } from "../fault/anon_vma.js";
import { splitHugePmdIfNeeded, vmaAdjustTransHuge } from "../huge/split_pmd.js";
import { currentMemcg } from "../memcg/charge.js";
import { objCgroupCharge, objCgroupUncharge, VMA_BYTES } from "../memcg/objcg.js";
import {
  type AnonVma,
  type File,
  fput,
  getFile,
  type MmStruct,
  VM_IGNORE_MERGE,
  VM_MAYWRITE,
  VM_SHARED,
  VM_SPECIAL,
  VM_STICKY,
  VmAreaStruct,
  vmaPages,
} from "../mm_types.js";
import { vmBugOn } from "../mmdebug.js";

/** What a merge is wanted for, and what came of it. Linux mm/vma.h:struct vma_merge_struct */
interface VmaMergeStruct {
  mm: MmStruct;
  /** The range in question; grows to the merged range. */
  start: number;
  end: number;
  pgoff: number;
  vmFlags: number;
  file: File | undefined;
  anonVma: AnonVma | undefined;
  anonName: string | undefined;
  prev: VmAreaStruct | undefined;
  /** The VMA whose range changes; undefined for a new range. */
  middle: VmAreaStruct | undefined;
  next: VmAreaStruct | undefined;
  /** The VMA that mremap copies. */
  copiedFrom: VmAreaStruct | undefined;
  /** Only expand prev (brk). */
  justExpand: boolean;
}

/** A merge request for a range in a gap. Linux mm/vma.h:VMG_STATE() */
export function vmgState(
  mm: MmStruct,
  start: number,
  end: number,
  vmFlags: number,
  pgoff: number,
): VmaMergeStruct {
  const index = mm.mmMt.indexOf(start);
  return {
    mm,
    start,
    end,
    pgoff,
    vmFlags,
    file: undefined,
    anonVma: undefined,
    anonName: undefined,
    prev: mm.mmMt.at(index - 1),
    middle: undefined,
    next: mm.mmMt.at(index),
    copiedFrom: undefined,
    justExpand: false,
  };
}

/** A merge request for [start, end) with the attributes of `vma`. Linux mm/vma.h:VMG_VMA_STATE() */
function vmgVmaState(
  prev: VmAreaStruct | undefined,
  vma: VmAreaStruct,
  start: number,
  end: number,
): VmaMergeStruct {
  return {
    mm: vma.vmMm,
    start,
    end,
    pgoff: vma.vmPgoff + (start - vma.vmStart) / PAGE_SIZE,
    vmFlags: vma.vmFlags,
    file: vma.vmFile,
    anonVma: vma.anonVma,
    anonName: vma.anonName,
    prev,
    middle: vma,
    next: undefined,
    copiedFrom: undefined,
    justExpand: false,
  };
}

/**
 * Inherited pages not yet copied may be in it: it has links to several AnonVmas.
 * Linux mm/vma.c:vma_had_uncowed_parents()
 */
function vmaHadUncowedParents(vma: VmAreaStruct | undefined): boolean {
  return vma !== undefined && vma.anonVma !== undefined && vma.anonVmaChain.length !== 1;
}

/** Linux mm/vma.c:is_mergeable_vma() */
function isMergeableVma(vmg: VmaMergeStruct, vma: VmAreaStruct): boolean {
  return (
    ((vma.vmFlags ^ vmg.vmFlags) & ~VM_IGNORE_MERGE) === 0 &&
    vma.vmFile === vmg.file &&
    vma.anonName === vmg.anonName
  );
}

/** Linux mm/vma.c:is_mergeable_anon_vma() */
function isMergeableAnonVma(vmg: VmaMergeStruct, tgt: VmAreaStruct): boolean {
  const src = vmg.middle;
  if (tgt.anonVma === undefined && vmg.anonVma !== undefined)
    return !vmaHadUncowedParents(src) && !vmaHadUncowedParents(vmg.copiedFrom);
  if (tgt.anonVma !== undefined && vmg.anonVma === undefined) return !vmaHadUncowedParents(tgt);
  return tgt.anonVma === vmg.anonVma;
}

/** Linux mm/vma.c:can_vma_merge_left() and can_vma_merge_after() */
function canVmaMergeLeft(vmg: VmaMergeStruct): boolean {
  const { prev } = vmg;
  return (
    prev !== undefined &&
    prev.vmEnd === vmg.start &&
    isMergeableVma(vmg, prev) &&
    isMergeableAnonVma(vmg, prev) &&
    prev.vmPgoff + vmaPages(prev) === vmg.pgoff
  );
}

/** Linux mm/vma.c:can_vma_merge_right() and can_vma_merge_before() */
function canVmaMergeRight(vmg: VmaMergeStruct, canMergeLeft: boolean): boolean {
  const { prev, next } = vmg;
  if (next === undefined || vmg.end !== next.vmStart) return false;
  if (!isMergeableVma(vmg, next) || !isMergeableAnonVma(vmg, next)) return false;
  if (next.vmPgoff !== vmg.pgoff + (vmg.end - vmg.start) / PAGE_SIZE) return false;
  if (!canMergeLeft) return true;
  // Both may fit the range without fitting each other.
  return prev!.anonVma === undefined || next.anonVma === undefined || prev!.anonVma === next.anonVma;
}

/** A VMA that wants to hear of its end is never merged away. Linux mm/vma.c:can_merge_remove_vma() */
function canMergeRemoveVma(vma: VmAreaStruct): boolean {
  return vma.vmOps?.close === undefined;
}

/**
 * The growing `dst` takes over the AnonVma of `src`, whose pages it will hold. Linux mm/vma.c:dup_anon_vma()
 */
function dupAnonVma(dst: VmAreaStruct, src: VmAreaStruct): void {
  if (src.anonVma === undefined || dst.anonVma !== undefined) return;
  dst.anonVma = src.anonVma;
  anonVmaClone(dst, src);
}

/** Takes `vma` out of the store, its file and its AnonVmas; it was merged into `into`. */
function removeMerged(into: VmAreaStruct, vma: VmAreaStruct): void {
  const { vmMm: mm, vmFile } = vma;
  mm.mmMt.erase(vma);
  if (vmFile !== undefined) {
    unlinkFile(vma);
    fput(vmFile);
  }
  if (vma.anonVma !== undefined) anonVmaMerge(into, vma);
  mm.mapCount--;
  objCgroupUncharge(mm.sys, vma.memcg, VMA_BYTES);
}

/**
 * Sets the range; the store stays sorted because ranges only take what their neighbours give.
 * Linux mm/vma.c:vma_set_range()
 */
function vmaSetRange(vma: VmAreaStruct, start: number, end: number, pgoff: number): void {
  vma.vmStart = start;
  vma.vmEnd = end;
  vma.vmPgoff = pgoff;
}

/**
 * Merges the new range of `vmg`, which lies in a gap between vmg.prev and vmg.next, with its neighbours.
 * Returns the VMA that now covers it, or undefined when none can take it: then the caller makes a new one.
 * Linux mm/vma.c:vma_merge_new_range()
 */
export function vmaMergeNewRange(vmg: VmaMergeStruct): VmAreaStruct | undefined {
  const { prev, next, end } = vmg;
  let target: VmAreaStruct | undefined;
  if ((vmg.vmFlags & VM_SPECIAL) !== 0) return undefined;
  const mergeLeft = canVmaMergeLeft(vmg);
  const mergeRight = !vmg.justExpand && canVmaMergeRight(vmg, mergeLeft);
  if (mergeRight) {
    vmg.end = next!.vmEnd;
    target = next;
  }
  if (mergeLeft) {
    vmg.start = prev!.vmStart;
    vmg.pgoff = prev!.vmPgoff;
    target = prev;
    if (mergeRight && !canMergeRemoveVma(next!)) vmg.end = end;
  }
  if (target === undefined) return undefined;
  vmaExpand(vmg, target);
  return target;
}

/**
 * Grows `target` to vmg's range; the next VMA disappears where the range covers it.
 * Linux mm/vma.c:vma_expand()
 */
function vmaExpand(vmg: VmaMergeStruct, target: VmAreaStruct): void {
  const { next } = vmg;
  const removeNext = next !== undefined && target !== next && vmg.end === next.vmEnd;
  let sticky = vmg.vmFlags & VM_STICKY;
  if (removeNext) {
    sticky |= next.vmFlags & VM_STICKY;
    dupAnonVma(target, next);
  }
  if (vmg.copiedFrom !== undefined) dupAnonVma(target, vmg.copiedFrom);
  if (removeNext) removeMerged(target, next);
  vmaAdjustTransHuge(target, vmg.start, vmg.end);
  vmaSetRange(target, vmg.start, vmg.end, vmg.pgoff);
  target.vmFlags |= sticky;
}

/**
 * Merges the part [vmg.start, vmg.end) of vmg.middle, whose attributes are about to become those of `vmg`,
 * with the VMAs beside it. Returns the VMA that now covers the part, or undefined without any change.
 * Linux mm/vma.c:vma_merge_existing_range()
 */
function vmaMergeExistingRange(vmg: VmaMergeStruct): VmAreaStruct | undefined {
  const middle = vmg.middle!;
  const leftSide = vmg.start === middle.vmStart;
  const rightSide = vmg.end === middle.vmEnd;
  if ((vmg.vmFlags & VM_SPECIAL) !== 0 || (!leftSide && !rightSide)) return undefined;
  const mergeLeft = leftSide && canVmaMergeLeft(vmg);
  if (rightSide) vmg.next = vmg.mm.mmMt.nextOf(middle);
  let mergeRight = rightSide && canVmaMergeRight(vmg, mergeLeft);
  if (!mergeLeft && !mergeRight) return undefined;
  const removeMiddle = leftSide && rightSide;
  if (removeMiddle && !canMergeRemoveVma(middle)) return undefined;
  if (mergeLeft && mergeRight && !canMergeRemoveVma(vmg.next!)) mergeRight = false;
  let sticky = vmg.vmFlags & VM_STICKY;
  if (mergeRight) sticky |= vmg.next!.vmFlags & VM_STICKY;
  const target = mergeLeft ? vmg.prev! : vmg.next!;
  if (mergeLeft && mergeRight) mergeBoth(vmg.prev!, middle, vmg.next!);
  else if (mergeLeft) mergeIntoPrev(vmg.prev!, middle, vmg.end, removeMiddle);
  else mergeIntoNext(middle, vmg.next!, vmg.start, removeMiddle);
  target.vmFlags |= sticky;
  return target;
}

/** PPPP[MMMM]XXXX becomes PPPPPPPPPPPP. */
function mergeBoth(prev: VmAreaStruct, middle: VmAreaStruct, next: VmAreaStruct): void {
  const { vmEnd } = next;
  dupAnonVma(prev, next.anonVma !== undefined ? next : middle);
  removeMerged(prev, middle);
  removeMerged(prev, next);
  prev.vmEnd = vmEnd;
}

/** PPPP[MM]mm becomes PPPPPPmm, or PPPP[MMMM] becomes PPPPPPPP. */
function mergeIntoPrev(prev: VmAreaStruct, middle: VmAreaStruct, end: number, remove: boolean): void {
  dupAnonVma(prev, middle);
  if (remove) removeMerged(prev, middle);
  else {
    splitHugePmdIfNeeded(middle, end);
    middle.vmPgoff += (end - middle.vmStart) / PAGE_SIZE;
    middle.vmStart = end;
  }
  prev.vmEnd = end;
}

/** mm[MM]XXXX becomes mmXXXXXX, or [MMMM]XXXX becomes XXXXXXXX. */
function mergeIntoNext(middle: VmAreaStruct, next: VmAreaStruct, start: number, remove: boolean): void {
  dupAnonVma(next, middle);
  if (remove) removeMerged(next, middle);
  else {
    splitHugePmdIfNeeded(middle, start);
    middle.vmEnd = start;
  }
  next.vmPgoff -= (next.vmStart - start) / PAGE_SIZE;
  next.vmStart = start;
}

/**
 * The growth of `vma` by `delta` bytes at its end, merged with it and possibly with what follows.
 * Linux mm/vma.c:vma_merge_extend()
 */
export function vmaMergeExtend(vma: VmAreaStruct, delta: number): VmAreaStruct | undefined {
  const vmg = vmgVmaState(vma, vma, vma.vmEnd, vma.vmEnd + delta);
  vmg.next = vma.vmMm.mmMt.nextOf(vma);
  vmg.middle = undefined;
  return vmaMergeNewRange(vmg);
}

/** What vmaModify() may change besides the range. */
interface VmaChange {
  vmFlags?: number;
  anonName?: string | undefined;
}

/**
 * Makes [start, end), part of `vma`, a VMA that can have `change` alone: merged with neighbours that have it
 * already, or split off. The caller then sets the new attributes on the VMA returned. A negative errno when
 * the map is full.
 * Linux mm/vma.c:vma_modify_flags()
 */
export function vmaModifyFlags(
  prev: VmAreaStruct | undefined,
  vma: VmAreaStruct,
  start: number,
  end: number,
  change: VmaChange,
): VmAreaStruct | number {
  const vmg = vmgVmaState(prev, vma, start, end);
  if (change.vmFlags !== undefined) vmg.vmFlags = change.vmFlags;
  if ("anonName" in change) vmg.anonName = change.anonName;
  const merged = vmaMergeExistingRange(vmg);
  if (merged !== undefined) return merged;
  if (vma.vmStart < start) {
    const err = splitVma(vma, start, true);
    if (err !== 0) return err;
  }
  if (vma.vmEnd > end) {
    const err = splitVma(vma, end, false);
    if (err !== 0) return err;
  }
  return vma;
}

/** A second VMA with all of `vma`'s attributes, not yet in any list. Linux kernel/fork.c:vm_area_dup() */
export function vmAreaDup(vma: VmAreaStruct, mm: MmStruct = vma.vmMm): VmAreaStruct {
  const copy = new VmAreaStruct(mm);
  Object.assign(copy, vma);
  copy.vmMm = mm;
  copy.anonVmaChain = [];
  return copy;
}

/**
 * Splits `vma` in two at `addr`; the new VMA is the part below when `newBelow`, else the part above. 0 or
 * negative errno.
 * Linux mm/vma.c:split_vma()
 */
function splitVma(vma: VmAreaStruct, addr: Vaddr, newBelow: boolean): number {
  const { vmMm: mm } = vma;
  if (mm.mapCount >= mm.sys.sysctl.maxMapCount) return -ENOMEM;
  return splitVmaUnchecked(vma, addr, newBelow);
}

/** splitVma() without looking at vm.max_map_count. Linux mm/vma.c:__split_vma() */
export function splitVmaUnchecked(vma: VmAreaStruct, addr: Vaddr, newBelow: boolean): number {
  vmBugOn(!(vma.vmStart < addr && addr < vma.vmEnd), `split at ${addr} outside the VMA`);
  const err = vma.vmOps?.maySplit?.(vma, addr) ?? 0;
  if (err !== 0) return err;
  const added = vmAreaDup(vma);
  const pages = (addr - vma.vmStart) / PAGE_SIZE;
  if (newBelow) added.vmEnd = addr;
  else {
    added.vmStart = addr;
    added.vmPgoff += pages;
  }
  anonVmaClone(added, vma);
  if (added.vmFile !== undefined) getFile(added.vmFile);
  added.vmOps?.open?.(added);
  splitHugePmdIfNeeded(vma, addr);
  if (newBelow) {
    vma.vmStart = addr;
    vma.vmPgoff += pages;
  } else vma.vmEnd = addr;
  vmaLink(added);
  return 0;
}

/** Puts a VMA into the store and into its file's list. Linux mm/vma.c:vma_link() */
export function vmaLink(vma: VmAreaStruct): void {
  const { sys } = vma.vmMm;
  vma.memcg = objCgroupCharge(sys, currentMemcg(sys), VMA_BYTES);
  vma.vmMm.mmMt.insert(vma);
  vma.vmMm.mapCount++;
  linkFile(vma);
}

/** Linux mm/vma.c:vma_link_file() */
function linkFile(vma: VmAreaStruct): void {
  if (vma.vmFile === undefined) return;
  const mapping = vma.vmFile.fMapping;
  if ((vma.vmFlags & (VM_SHARED | VM_MAYWRITE)) === (VM_SHARED | VM_MAYWRITE)) mapping.iMmapWritable++;
  mapping.iMmap.add(vma);
}

/** Takes the VMA out of its file's list. Linux mm/vma.c:unlink_file_vma() */
export function unlinkFile(vma: VmAreaStruct): void {
  if (vma.vmFile === undefined) return;
  const mapping = vma.vmFile.fMapping;
  if ((vma.vmFlags & (VM_SHARED | VM_MAYWRITE)) === (VM_SHARED | VM_MAYWRITE)) mapping.iMmapWritable--;
  mapping.iMmap.delete(vma);
}
