/**
 * Faulting in without an access: MAP_POPULATE, mlock and MADV_POPULATE_*, and the kernel's own reach into
 * user memory.
 *
 *   getUserPages(mm, start, nr, flags)
 *     for each page:  followPage()      what the tables hold now; is it enough for the wanted access?
 *                     faultinPage()     if not: handleMmFault(), as if the process had touched it, and look again
 *
 * A population writes to private writable mappings (so that each page is the process's own) and only reads
 * everywhere else: that maps the zero page in read-only anonymous memory.
 *
 * Left out: pinning pages (FOLL_PIN), reaching into another process with FOLL_FORCE writes.
 *
 * Read first: memory.ts. Read next: mm/vma/mlock.ts, mm/vma/madvise.ts.
 */
import type { Vaddr } from "../../hw/address.js";
import { hex, PAGE_SIZE, pageAlignDown } from "../../hw/address.js";
import type { Pte } from "../../hw/entry.js";
import { EFAULT, EHWPOISON, EINVAL, ENOMEM } from "../errno.js";
import { followHugetlb } from "../hugetlb/huge_pte.js";
import { folioMarkDirty } from "../lru/page_writeback.js";
import { folioMarkAccessed } from "../lru/swap.js";
import {
  type MmStruct,
  VM_ACCESS_FLAGS,
  VM_HUGETLB,
  VM_IO,
  VM_LOCKONFAULT,
  VM_MAYREAD,
  VM_PFNMAP,
  VM_READ,
  VM_SHARED,
  VM_WRITE,
  type VmAreaStruct,
} from "../mm_types.js";
import { outOfSteps, STEP_BUDGET } from "../mmdebug.js";
import { pageFolio, pfnToPage } from "../pages/folio.js";
import {
  pmdLeaf,
  pteDirty,
  pteMkdirty,
  pteMkyoung,
  ptePfn,
  pteProtnone,
  ptepGet,
  pteSpecial,
  pteWrite,
  setPte,
} from "../pgtable/pgtable.js";
import { pmdOffset, pteOffsetPmd } from "../pgtable/pgtable_alloc.js";
import { classifyPte, PTE_KIND_PRESENT } from "../pgtable/swapops.js";
import type { MemorySystem } from "../system.js";
import { handleMmFault } from "./memory.js";
import {
  FAULT_FLAG_ALLOW_RETRY,
  FAULT_FLAG_TRIED,
  FAULT_FLAG_WRITE,
  VM_FAULT_ERROR,
  VM_FAULT_HWPOISON,
  VM_FAULT_OOM,
  VM_FAULT_RETRY,
} from "./vm_fault.js";

/** The page will be written. Linux include/linux/mm_types.h:FOLL_WRITE; so are all FOLL_ names. */
export const FOLL_WRITE = 1 << 0;
/** Mark pages accessed (and dirty with FOLL_WRITE). */
export const FOLL_TOUCH = 1 << 16;
/** Rights that mprotect could give are enough. */
export const FOLL_FORCE = 1 << 4;
/** For MADV_POPULATE_*: its own error numbers. */
export const FOLL_MADV_POPULATE = 1 << 17;

/** Linux mm/gup.c:check_vma_flags() */
function checkVmaFlags(vma: VmAreaStruct, gupFlags: number): number {
  const { vmFlags } = vma;
  if ((vmFlags & (VM_IO | VM_PFNMAP)) !== 0) return -EFAULT;
  if ((gupFlags & FOLL_WRITE) !== 0) return (vmFlags & VM_WRITE) !== 0 ? 0 : -EFAULT;
  if ((vmFlags & VM_READ) !== 0) return 0;
  return (gupFlags & FOLL_FORCE) !== 0 && (vmFlags & VM_MAYREAD) !== 0 ? 0 : -EFAULT;
}

/** Whether the tables already give the wanted access at `addr`. Linux mm/gup.c:follow_page_pte() */
function followPage(vma: VmAreaStruct, addr: Vaddr, gupFlags: number): boolean {
  const { vmMm: mm } = vma;
  if ((vma.vmFlags & VM_HUGETLB) !== 0) return followHugetlb(vma, addr, (gupFlags & FOLL_WRITE) !== 0);
  const pmdp = pmdOffset(mm, addr);
  if (pmdp === 0) return false;
  const pmd = ptepGet(mm.sys.ram, pmdp);
  if (pmdLeaf(pmd)) return followHugePmd(vma, pmdp, pmd, gupFlags);
  const ptep = pteOffsetPmd(mm, pmdp, addr);
  if (ptep === 0) return false;
  const pte = ptepGet(mm.sys.ram, ptep);
  if (classifyPte(pte) !== PTE_KIND_PRESENT) return false;
  if (pteProtnone(pte) && (vma.vmFlags & VM_ACCESS_FLAGS) !== 0) return false;
  if ((gupFlags & FOLL_WRITE) !== 0 && !pteWrite(pte)) return false;
  if ((gupFlags & FOLL_TOUCH) !== 0 && !pteSpecial(pte)) {
    const folio = pageFolio(pfnToPage(mm.sys, ptePfn(pte)));
    if ((gupFlags & FOLL_WRITE) !== 0 && !pteDirty(pte)) folioMarkDirty(folio);
    folioMarkAccessed(mm.sys, folio);
  }
  return true;
}

/** The same of a leaf. Linux mm/gup.c:follow_huge_pmd(), mm/huge_memory.c:touch_pmd() */
function followHugePmd(vma: VmAreaStruct, pmdp: number, pmd: Pte, gupFlags: number): boolean {
  const { ram, pageSoftDirty } = vma.vmMm.sys;
  const write = (gupFlags & FOLL_WRITE) !== 0;
  if (pteProtnone(pmd) && (vma.vmFlags & VM_ACCESS_FLAGS) !== 0) return false;
  if (write && !pteWrite(pmd)) return false;
  if ((gupFlags & FOLL_TOUCH) !== 0)
    setPte(ram, pmdp, pteMkyoung(write ? pteMkdirty(pmd, pageSoftDirty) : pmd));
  return true;
}

/** Linux mm/gup.c:faultin_page() and include/linux/mm_types.h:vm_fault_to_errno() */
function faultinPage(vma: VmAreaStruct, addr: Vaddr, gupFlags: number): number {
  const write = (gupFlags & FOLL_WRITE) !== 0 ? FAULT_FLAG_WRITE : 0;
  let ret = handleMmFault(vma, addr, write | FAULT_FLAG_ALLOW_RETRY);
  // The lock was given up to wait for a device. A population of a mapping starts again as if nothing had been
  // tried, MADV_POPULATE_* knows that it was: only there the fault counts as major. Linux __mm_populate(),
  // __get_user_pages_locked()
  if ((ret & VM_FAULT_RETRY) !== 0) {
    const tried = (gupFlags & FOLL_MADV_POPULATE) !== 0 ? FAULT_FLAG_TRIED : 0;
    ret = handleMmFault(vma, addr, write | FAULT_FLAG_ALLOW_RETRY | tried);
    if ((ret & VM_FAULT_RETRY) !== 0) letTimePass(vma.vmMm.sys);
  }
  if ((ret & VM_FAULT_ERROR) === 0) return 0;
  if ((ret & VM_FAULT_OOM) !== 0) return -ENOMEM;
  return (ret & VM_FAULT_HWPOISON) !== 0 && (gupFlags & FOLL_MADV_POPULATE) !== 0 ? -EHWPOISON : -EFAULT;
}

/**
 * Whoever tries again and again, for a page that is just on its way to the device, needs the time for it to
 * arrive. Linux: it goes by while __mm_populate() spins
 */
function letTimePass(sys: MemorySystem): void {
  const { nextNs } = sys.events;
  if (nextNs < Number.POSITIVE_INFINITY) sys.sched.waitFor("io", Math.max(nextNs, sys.clock.nowNs));
}

/** The VMA for the next page, or a negative errno. */
function gupVma(mm: MmStruct, addr: Vaddr, gupFlags: number): VmAreaStruct | number {
  const populate = (gupFlags & FOLL_MADV_POPULATE) !== 0;
  const vma = mm.mmMt.lookup(addr);
  if (vma === undefined) return populate ? -ENOMEM : -EFAULT;
  const err = checkVmaFlags(vma, gupFlags);
  return err === 0 ? vma : populate ? -EINVAL : err;
}

/**
 * Faults in up to `nrPages` pages from `start`. Returns how many are there, or a negative errno if not even
 * the first is.
 * Linux mm/gup.c:__get_user_pages()
 */
export function getUserPages(mm: MmStruct, start: number, nrPages: number, gupFlags: number): number {
  let vma: VmAreaStruct | undefined;
  for (let i = 0; i < nrPages; i++) {
    const addr = start + i * PAGE_SIZE;
    if (vma === undefined || addr >= vma.vmEnd) {
      const found = gupVma(mm, addr, gupFlags);
      if (typeof found === "number") return i > 0 ? i : found;
      vma = found;
    }
    for (let tries = 0; !followPage(vma, addr, gupFlags); tries++) {
      if (tries > STEP_BUDGET) throw outOfSteps(`faulting in page ${hex(addr)} (get_user_pages)`);
      const err = faultinPage(vma, addr, gupFlags);
      if (err !== 0) return i > 0 ? i : err;
    }
  }
  return nrPages;
}

/** Faults in [start, end) of `vma`: pages done or negative errno. Linux mm/gup.c:populate_vma_page_range() */
export function populateVmaPageRange(vma: VmAreaStruct, start: number, end: number): number {
  const nrPages = (end - start) / PAGE_SIZE;
  if ((vma.vmFlags & VM_LOCKONFAULT) !== 0) return nrPages;
  let gupFlags = FOLL_TOUCH;
  if ((vma.vmFlags & (VM_WRITE | VM_SHARED)) === VM_WRITE) gupFlags |= FOLL_WRITE;
  if ((vma.vmFlags & VM_ACCESS_FLAGS) !== 0) gupFlags |= FOLL_FORCE;
  return getUserPages(vma.vmMm, start, nrPages, gupFlags);
}

/**
 * Faults in a range over several VMAs, for MADV_POPULATE_*: pages or negative errno.
 * Linux mm/gup.c:faultin_page_range()
 */
export function faultinPageRange(mm: MmStruct, start: number, end: number, write: boolean): number {
  const gupFlags = FOLL_TOUCH | FOLL_MADV_POPULATE | (write ? FOLL_WRITE : 0);
  return getUserPages(mm, start, (end - start) / PAGE_SIZE, gupFlags);
}

/**
 * Faults in all that is mapped in [start, start + len). 0, or the first error unless ignored.
 * Linux mm/gup.c:__mm_populate()
 */
export function mmPopulate(mm: MmStruct, start: number, len: number, ignoreErrors = true): number {
  const end = start + len;
  let at = pageAlignDown(start);
  while (at < end) {
    const vma = mm.mmMt.intersection(at, end);
    if (vma === undefined) break;
    const stop = Math.min(end, vma.vmEnd);
    at = Math.max(at, vma.vmStart);
    if ((vma.vmFlags & (VM_IO | VM_PFNMAP)) !== 0) {
      at = stop;
      continue;
    }
    const ret = populateVmaPageRange(vma, at, stop);
    if (ret < 0 && !ignoreErrors) return ret;
    at = ret < 0 ? stop : at + ret * PAGE_SIZE;
  }
  return 0;
}
