/**
 * mprotect: other rights for a range.
 *
 *   VMAs     |rrrrrrrrrrrrrrrr|           the range becomes VMAs of its own, or part of neighbours (vma.ts)
 *            |rrrr|wwwwwwww|rrrr|
 *   entries  every present entry gets the new protection at once (changeProtection); empty ones are left to the faults
 *
 * Taking rights away must reach the entries and the TLBs now. Giving write access usually need not: in
 * private memory the page may be shared since a fork, so the entry stays read-only and the first write
 * faults. But if the page is certain to be the process's own (an exclusive anonymous page), the entry is made
 * writable here and the fault is saved.
 *
 * Private memory that becomes writable is promised from now on (VM_ACCOUNT). The promise is taken back only
 * while nothing can have been written: if no AnonVma was ever needed.
 *
 * Left out: protection keys, NUMA hinting.
 *
 * Read first: vma.ts, mm/pgtable/pgtable.ts. Read next: mm/fault/memory.ts (doWpPage).
 */
import type { Vaddr } from "../../hw/address.js";
import { offsetInPage, PAGE_SIZE, PMD_SIZE, pageAlign } from "../../hw/address.js";
import type { Pte } from "../../hw/entry.js";
import { EACCES, EINVAL, ENOMEM } from "../errno.js";
import { populateVmaPageRange } from "../fault/gup.js";
import { changeHugePmd } from "../huge/huge_memory.js";
import { hugetlbChangeProtection } from "../hugetlb/hugetlb_protect.js";
import {
  type MmStruct,
  VM_ACCESS_FLAGS,
  VM_ACCOUNT,
  VM_GROWSDOWN,
  VM_HUGETLB,
  VM_LOCKED,
  VM_NORESERVE,
  VM_SHARED,
  VM_STICKY,
  VM_WRITE,
  type VmAreaStruct,
  vmaIsAnonymous,
} from "../mm_types.js";
import { folioTestAnon, pageFolio, pfnToPage } from "../pages/folio.js";
import { tlbEntryChanged, withGather } from "../pgtable/mmu_gather.js";
import { walkPageRangeVma } from "../pgtable/pagewalk.js";
import {
  pteDirty,
  pteMkwrite,
  pteModify,
  ptePfn,
  pteProtnone,
  pteSpecial,
  pteWrite,
  setPte,
  unknownPte,
  vmaPageProt,
} from "../pgtable/pgtable.js";
import { pteNeedsSoftDirtyWp } from "../pgtable/soft_dirty.js";
import { PTE_KIND_MIGRATION, PTE_KIND_PRESENT } from "../pgtable/swapops.js";
import {
  calcVmProtBits,
  PROT_EXEC,
  PROT_GROWSDOWN,
  PROT_GROWSUP,
  PROT_READ,
  PROT_SEM,
  PROT_WRITE,
} from "./mman.js";
import {
  hasHighBits,
  mayExpandVm,
  rangeWraps,
  vmEnoughMemory,
  vmStatAccount,
  vmUnacctMemory,
} from "./util.js";
import { vmaModifyFlags } from "./vma.js";

/**
 * Whether the write fault on this present entry would do nothing but make it writable.
 * Linux mm/mprotect.c:can_change_pte_writable()
 */
function canChangePteWritable(vma: VmAreaStruct, pte: Pte): boolean {
  if (pteProtnone(pte) || pteNeedsSoftDirtyWp(vma, pte)) return false;
  if ((vma.vmFlags & VM_SHARED) !== 0) return pteDirty(pte);
  if (pteSpecial(pte)) return false;
  const page = pfnToPage(vma.vmMm.sys, ptePfn(pte));
  return folioTestAnon(pageFolio(page)) && page.anonExclusive;
}

/**
 * Whether entries may be made writable one by one. Linux mm/internal.h:vma_wants_manual_pte_write_upgrade()
 * Where shared pages are watched for soft-dirty alone, Linux asks too early: it compares the rights as they
 * were with those that are wanted, and takes the difference for one that a driver has made.
 */
function vmaWantsManualPteWriteUpgrade(vma: VmAreaStruct): boolean {
  if ((vma.vmFlags & VM_WRITE) === 0) return false;
  return (vma.vmFlags & VM_SHARED) === 0 || vma.vmOps?.pageMkwrite !== undefined;
}

/**
 * Gives every present entry of [start, end) the protection of `vma`, which holds the range. Returns the pages
 * changed.
 * Linux mm/mprotect.c:change_protection(), change_pte_range()
 */
export function changeProtection(vma: VmAreaStruct, start: number, end: number): number {
  const { vmMm: mm } = vma;
  if ((vma.vmFlags & VM_HUGETLB) !== 0) return hugetlbChangeProtection(vma, start, end);
  const prot = vmaPageProt(vma);
  const upgrade = vmaWantsManualPteWriteUpgrade(vma);
  let pages = 0;
  const pteEntry = (pte: Pte, addr: Vaddr, ptep: number, kind: number): void => {
    if (kind === PTE_KIND_MIGRATION) throw unknownPte(pte); // it says itself whether it is writable
    if (kind !== PTE_KIND_PRESENT) return;
    let changed = pteModify(pte, prot);
    if (upgrade && !pteWrite(changed) && canChangePteWritable(vma, changed)) changed = pteMkwrite(changed);
    if (changed !== pte) {
      setPte(mm.sys.ram, ptep, changed);
      tlbEntryChanged(mm, addr, pte, changed);
    }
    pages++;
  };
  const pmdEntry = (_pmd: Pte, addr: Vaddr, pmdp: number, next: Vaddr): "split" | undefined => {
    if (next - addr !== PMD_SIZE) return "split";
    changeHugePmd(vma, pmdp, addr, upgrade);
    pages += PMD_SIZE / PAGE_SIZE;
    return undefined;
  };
  withGather(mm, () => walkPageRangeVma(vma, start, end, { pteEntry, pmdEntry }));
  return pages;
}

/**
 * Checks limits and promises for new flags of `vma`: the flags, VM_ACCOUNT adjusted, or negative errno in
 * `err`.
 */
function chargeProtection(
  vma: VmAreaStruct,
  nrPages: number,
  newflags: number,
): { flags: number; err: number } {
  const { vmMm: mm, vmFlags: oldflags } = vma;
  if ((newflags & VM_WRITE) === 0) {
    const untouched = (oldflags & VM_ACCOUNT) !== 0 && vmaIsAnonymous(vma) && vma.anonVma === undefined;
    return { flags: untouched ? newflags & ~VM_ACCOUNT : newflags, err: 0 };
  }
  if (!mayExpandVm(mm, newflags, nrPages) && mayExpandVm(mm, oldflags, nrPages))
    return { flags: 0, err: -ENOMEM };
  if ((oldflags & (VM_ACCOUNT | VM_WRITE | VM_HUGETLB | VM_SHARED | VM_NORESERVE)) !== 0)
    return { flags: newflags, err: 0 };
  if (vmEnoughMemory(mm.sys, mm, nrPages) < 0) return { flags: 0, err: -ENOMEM };
  return { flags: newflags | VM_ACCOUNT, err: 0 };
}

/**
 * Gives [start, end), part of `vma`, the flags `newflags`. Returns the VMA that holds it then, or a negative
 * errno.
 * Linux mm/mprotect.c:mprotect_fixup()
 */
function mprotectFixup(
  prev: VmAreaStruct | undefined,
  vma: VmAreaStruct,
  start: number,
  end: number,
  newflags: number,
): VmAreaStruct | number {
  const { vmMm: mm, vmFlags: oldflags } = vma;
  if (newflags === oldflags) return vma;
  const nrPages = (end - start) / PAGE_SIZE;
  const { flags, err } = chargeProtection(vma, nrPages, newflags);
  if (err !== 0) return err;
  const charged = (flags & ~newflags & VM_ACCOUNT) !== 0;
  const changed = vmaModifyFlags(prev, vma, start, end, { vmFlags: flags });
  if (typeof changed === "number") {
    if (charged) vmUnacctMemory(mm.sys, nrPages);
    return changed;
  }
  changed.vmFlags = flags | (changed.vmFlags & VM_STICKY);
  changeProtection(changed, start, end);
  if ((oldflags & VM_ACCOUNT) !== 0 && (flags & VM_ACCOUNT) === 0) vmUnacctMemory(mm.sys, nrPages);
  // A locked private VMA that becomes writable gets its own pages now, not at the first write.
  if ((oldflags & (VM_WRITE | VM_SHARED | VM_LOCKED)) === VM_LOCKED && (flags & VM_WRITE) !== 0)
    populateVmaPageRange(changed, start, end);
  vmStatAccount(mm, oldflags, -nrPages);
  vmStatAccount(mm, flags, nrPages);
  return changed;
}

/**
 * Sets the rights of [start, start + len) to `prot`. 0 or negative errno.
 * Linux mm/mprotect.c:do_mprotect_pkey()
 */
export function doMprotect(mm: MmStruct, start: number, len: number, protIn: number): number {
  const grows = protIn & (PROT_GROWSDOWN | PROT_GROWSUP);
  const prot = protIn & ~(PROT_GROWSDOWN | PROT_GROWSUP);
  if (grows === (PROT_GROWSDOWN | PROT_GROWSUP)) return -EINVAL;
  if (offsetInPage(start) !== 0) return -EINVAL;
  if (len === 0) return 0;
  const size = pageAlign(len);
  if (size === 0 || rangeWraps(start, size)) return -ENOMEM;
  const end = size < 0 ? mm.taskSize + PAGE_SIZE : start + size; // nothing is mapped beyond
  if ((prot & ~(PROT_READ | PROT_WRITE | PROT_EXEC | PROT_SEM)) !== 0 || hasHighBits(protIn)) return -EINVAL;
  const vma = start < 0 ? undefined : mm.mmMt.intersection(start, end);
  if (vma === undefined) return -ENOMEM;
  if ((grows & PROT_GROWSDOWN) !== 0)
    return (vma.vmFlags & VM_GROWSDOWN) === 0 ? -EINVAL : mprotectRange(mm, vma.vmStart, end, prot);
  if (vma.vmStart > start) return -ENOMEM;
  if (grows !== 0) return -EINVAL; // nothing grows up on x86
  return mprotectRange(mm, start, end, prot);
}

/** Goes VMA by VMA; what was done before an error stays done. */
function mprotectRange(mm: MmStruct, start: number, end: number, prot: number): number {
  return withGather(mm, () => protectEachVma(mm, start, end, prot));
}

function protectEachVma(mm: MmStruct, start: number, end: number, prot: number): number {
  let vma = mm.mmMt.find(start);
  let prev = vma !== undefined && start > vma.vmStart ? vma : mm.mmMt.prevOf(start);
  let at = start;
  while (at < end) {
    if (vma === undefined || vma.vmStart > at) return -ENOMEM;
    const newflags = calcVmProtBits(prot) | (vma.vmFlags & ~VM_ACCESS_FLAGS);
    // VM_MAYREAD and its kind are VM_READ and its kind four bits higher.
    if ((newflags & ~(newflags >> 4) & VM_ACCESS_FLAGS) !== 0) return -EACCES;
    const changed = mprotectFixup(prev, vma, at, Math.min(vma.vmEnd, end), newflags);
    if (typeof changed === "number") return changed;
    prev = changed;
    at = changed.vmEnd;
    vma = mm.mmMt.find(at);
  }
  return 0;
}
