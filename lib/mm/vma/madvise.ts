/**
 * madvise: what a process tells the kernel about a range, advice to follow or not, and some orders.
 *
 *   changes the VMA's flags       NORMAL RANDOM SEQUENTIAL DONTFORK DOFORK WIPEONFORK KEEPONFORK DONTDUMP DODUMP
 *   (split and merge follow)      HUGEPAGE NOHUGEPAGE MERGEABLE UNMERGEABLE
 *   changes the pages now         DONTNEED FREE COLD PAGEOUT WILLNEED REMOVE          madvise_pages.ts
 *                                 POPULATE_READ POPULATE_WRITE                        mm/fault/gup.ts
 *                                 GUARD_INSTALL GUARD_REMOVE                          guard.ts
 *
 * The range may hold several VMAs and holes. Holes are skipped, the rest is done, and the call ends with
 * ENOMEM; an error in a VMA ends it there, with what came before done.
 *
 * Left out: the advice that injects memory errors.
 *
 * Read first: vma.ts. Read next: madvise_pages.ts, guard.ts.
 */
import { offsetInPage, PAGE_SIZE, pageAlign } from "../../hw/address.js";
import { EAGAIN, EFAULT, EHWPOISON, EINVAL, ENOMEM } from "../errno.js";
import { faultinPageRange } from "../fault/gup.js";
import { khugepagedEnterVma } from "../huge/khugepaged_mm.js";
import { madviseCollapse } from "../huge/madvise_collapse.js";
import {
  type MmStruct,
  VM_DONTCOPY,
  VM_DONTDUMP,
  VM_DROPPABLE,
  VM_HUGEPAGE,
  VM_HUGETLB,
  VM_IO,
  VM_MAYSHARE,
  VM_MERGEABLE,
  VM_NOHUGEPAGE,
  VM_RAND_READ,
  VM_SEQ_READ,
  VM_SHARED,
  VM_SPECIAL,
  VM_STICKY,
  VM_WIPEONFORK,
  type VmAreaStruct,
} from "../mm_types.js";
import { madviseGuardInstall, madviseGuardRemove } from "./guard.js";
import {
  madviseCold,
  madviseDontneedFree,
  madvisePageout,
  madviseRemove,
  madviseWillneed,
} from "./madvise_pages.js";
import { MADV } from "./mman.js";
import { rangeWraps } from "./util.js";
import { vmaModifyFlags } from "./vma.js";

const KNOWN_ADVICE: ReadonlySet<number> = new Set(Object.values(MADV));

/**
 * Follows `behavior` (MADV.*) for [start, start + len). 0 or negative errno. Linux mm/madvise.c:do_madvise()
 */
export function doMadvise(mm: MmStruct, start: number, lenIn: number, behavior: number): number {
  if (!KNOWN_ADVICE.has(behavior) || offsetInPage(start) !== 0) return -EINVAL;
  const len = pageAlign(lenIn);
  if ((lenIn !== 0 && len === 0) || rangeWraps(start, len)) return -EINVAL;
  if (len === 0) return 0;
  const end = len < 0 ? mm.taskSize + PAGE_SIZE : start + len; // nothing is mapped beyond
  if (behavior === MADV.POPULATE_READ || behavior === MADV.POPULATE_WRITE)
    return madvisePopulate(mm, start, end, behavior === MADV.POPULATE_WRITE);
  return madviseWalkVmas(mm, start, end, (prev, vma, from, to) =>
    madviseVmaBehavior(prev, vma, from, to, behavior),
  );
}

/** Linux mm/madvise.c:madvise_populate() */
function madvisePopulate(mm: MmStruct, start: number, end: number, write: boolean): number {
  for (let at = start; at < end; ) {
    const pages = faultinPageRange(mm, at, end, write);
    if (pages === -EINVAL || pages === -EHWPOISON || pages === -EFAULT) return pages;
    if (pages < 0) return -ENOMEM;
    at += pages * PAGE_SIZE;
  }
  return 0;
}

/**
 * What is done with [start, end), part of `vma`: the VMA that holds it then, or negative errno.
 * Linux mm/madvise.c:madvise_vma_behavior()
 */
type VmaVisitor = (
  prev: VmAreaStruct | undefined,
  vma: VmAreaStruct,
  start: number,
  end: number,
) => VmAreaStruct | number;

/**
 * Visits every VMA of the range; holes are skipped, and make the result -ENOMEM.
 * Linux mm/madvise.c:madvise_walk_vmas()
 */
export function madviseWalkVmas(mm: MmStruct, start: number, end: number, visit: VmaVisitor): number {
  if (start < 0) return -ENOMEM;
  let unmapped = 0;
  let vma = mm.mmMt.find(start);
  let prev = vma !== undefined && start > vma.vmStart ? vma : mm.mmMt.prevOf(start);
  for (let at = start; at < end; ) {
    if (vma === undefined) return -ENOMEM;
    if (at < vma.vmStart) {
      unmapped = -ENOMEM;
      at = vma.vmStart;
      if (at >= end) break;
    }
    const stop = Math.min(vma.vmEnd, end);
    const done = visit(prev, vma, at, stop);
    if (typeof done === "number") return done;
    prev = done;
    at = Math.max(stop, prev.vmEnd);
    vma = mm.mmMt.find(at);
  }
  return unmapped;
}

/**
 * One VMA's part of the range. The VMA that holds it then, or negative errno.
 * Linux mm/madvise.c:madvise_vma_behavior()
 */
function madviseVmaBehavior(
  prev: VmAreaStruct | undefined,
  vma: VmAreaStruct,
  start: number,
  end: number,
  behavior: number,
): VmAreaStruct | number {
  switch (behavior) {
    case MADV.REMOVE:
      return madviseRemove(vma, start, end) || vma;
    case MADV.WILLNEED:
      return madviseWillneed(vma, start, end) || vma;
    case MADV.COLD:
      return madviseCold(vma, start, end) || vma;
    case MADV.PAGEOUT:
      return madvisePageout(vma, start, end) || vma;
    case MADV.FREE:
    case MADV.DONTNEED:
    case MADV.DONTNEED_LOCKED:
      return madviseDontneedFree(vma, start, end, behavior) || vma;
    case MADV.GUARD_INSTALL:
      return madviseGuardInstall(vma, start, end) || vma;
    case MADV.GUARD_REMOVE:
      return madviseGuardRemove(vma, start, end) || vma;
    case MADV.COLLAPSE:
      return madviseCollapse(vma, start, end) || (vma.vmMm.mmMt.find(end - PAGE_SIZE) ?? vma);
    case MADV.HUGEPAGE:
      return hugepageAdvised(madviseUpdateVma(prev, vma, start, end, adviceFlags(vma, behavior)));
    default:
      return madviseUpdateVma(prev, vma, start, end, adviceFlags(vma, behavior));
  }
}

/** khugepaged has something to look at, maybe. Linux mm/khugepaged.c:hugepage_madvise() */
function hugepageAdvised(vma: VmAreaStruct | number): VmAreaStruct | number {
  if (typeof vma !== "number") khugepagedEnterVma(vma);
  return vma;
}

/** The VMA's flags after advice that changes only flags; undefined where the advice is refused. */
function adviceFlags(vma: VmAreaStruct, behavior: number): number | undefined {
  const flags = vma.vmFlags;
  switch (behavior) {
    case MADV.NORMAL:
      return flags & ~VM_RAND_READ & ~VM_SEQ_READ;
    case MADV.SEQUENTIAL:
      return (flags & ~VM_RAND_READ) | VM_SEQ_READ;
    case MADV.RANDOM:
      return (flags & ~VM_SEQ_READ) | VM_RAND_READ;
    case MADV.DONTFORK:
      return flags | VM_DONTCOPY;
    case MADV.DOFORK:
      return (flags & VM_IO) !== 0 ? undefined : flags & ~VM_DONTCOPY;
    case MADV.WIPEONFORK:
      return vma.vmFile !== undefined || (flags & VM_SHARED) !== 0 ? undefined : flags | VM_WIPEONFORK;
    case MADV.KEEPONFORK:
      return (flags & VM_DROPPABLE) !== 0 ? undefined : flags & ~VM_WIPEONFORK;
    case MADV.DONTDUMP:
      return flags | VM_DONTDUMP;
    case MADV.DODUMP:
      if ((flags & VM_DROPPABLE) !== 0 || ((flags & VM_HUGETLB) === 0 && (flags & VM_SPECIAL) !== 0))
        return undefined;
      return flags & ~VM_DONTDUMP;
    case MADV.HUGEPAGE:
      return (flags & ~VM_NOHUGEPAGE) | VM_HUGEPAGE;
    case MADV.NOHUGEPAGE:
      return (flags & ~VM_HUGEPAGE) | VM_NOHUGEPAGE;
    case MADV.MERGEABLE:
      return (flags & (VM_SHARED | VM_MAYSHARE | VM_SPECIAL | VM_HUGETLB | VM_DROPPABLE)) !== 0
        ? flags
        : flags | VM_MERGEABLE;
    default:
      return flags & ~VM_MERGEABLE; // UNMERGEABLE
  }
}

/**
 * Gives [start, end), part of `vma`, new flags, or with `naming` a new name.
 * Linux mm/madvise.c:madvise_update_vma()
 */
export function madviseUpdateVma(
  prev: VmAreaStruct | undefined,
  vma: VmAreaStruct,
  start: number,
  end: number,
  flags: number | undefined,
  naming?: { readonly anonName: string | undefined },
): VmAreaStruct | number {
  if (flags === undefined) return -EINVAL;
  if (flags === vma.vmFlags && (naming === undefined || naming.anonName === vma.anonName)) return vma;
  const changed = vmaModifyFlags(prev, vma, start, end, { vmFlags: flags, ...naming });
  if (typeof changed === "number") return changed === -ENOMEM ? -EAGAIN : changed;
  changed.vmFlags = flags | (changed.vmFlags & VM_STICKY);
  if (naming !== undefined) changed.anonName = naming.anonName;
  return changed;
}
