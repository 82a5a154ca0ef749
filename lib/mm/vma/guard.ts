/**
 * Guard regions: pages that nobody may touch, without a VMA of their own.
 *
 *   MADV_GUARD_INSTALL    entries of the range become guard markers; what was mapped there is dropped
 *                         | page | page | GUARD | GUARD | page |        one VMA; touching GUARD is SIGSEGV
 *   MADV_GUARD_REMOVE     markers become empty entries again: the next touch brings a fresh page
 *
 * A PROT_NONE mapping as a guard costs a VMA and its splits; a marker costs only the entry. MADV_DONTNEED
 * leaves markers, munmap takes them, fork copies them.
 *
 * The VMA is flagged VM_MAYBE_GUARD as a whole and keeps the flag; merging does not look at it (VM_STICKY).
 *
 * Read first: mm/pgtable/pgtable.ts. Read next: mm/fault/zap.ts.
 */
import { PAGE_SIZE } from "../../hw/address.js";
import { EINVAL, ENOMEM } from "../errno.js";
import { anonVmaPrepare } from "../fault/anon_vma.js";
import { ZAP_DONTNEED, zapPageRangeSingle } from "../fault/zap.js";
import {
  VM_HUGETLB,
  VM_LOCKED,
  VM_MAYBE_GUARD,
  VM_SPECIAL,
  type VmAreaStruct,
  vmaIsAnonymous,
} from "../mm_types.js";
import { type MmWalkOps, walkPageRangeVma } from "../pgtable/pagewalk.js";
import { ptepGet, setPte } from "../pgtable/pgtable.js";
import { pteAlloc } from "../pgtable/pgtable_alloc.js";
import { isGuardPte, makePteMarker, PTE_MARKER_GUARD } from "../pgtable/swapops.js";

/** Ends at the first entry that is no guard. Linux mm/madvise.c:guard_install_walk_ops */
const NOTHING_BUT_GUARDS: MmWalkOps = {
  pmdEntry: () => true,
  pteEntry: (pte) => !isGuardPte(pte),
};

/** Linux mm/madvise.c:is_valid_guard_vma() */
function isValidGuardVma(vma: VmAreaStruct, allowLocked: boolean): boolean {
  const disallowed = VM_SPECIAL | VM_HUGETLB | (allowLocked ? 0 : VM_LOCKED);
  return (vma.vmFlags & disallowed) === 0;
}

/**
 * Puts guard markers in [start, end) of `vma`. 0 or negative errno.
 * Linux mm/madvise.c:madvise_guard_install()
 */
export function madviseGuardInstall(vma: VmAreaStruct, start: number, end: number): number {
  if (!isValidGuardVma(vma, false)) return -EINVAL;
  const { vmMm: mm } = vma;
  vma.vmFlags |= VM_MAYBE_GUARD;
  if (vmaIsAnonymous(vma)) anonVmaPrepare(vma);
  if (walkPageRangeVma(vma, start, end, NOTHING_BUT_GUARDS))
    zapPageRangeSingle(vma, start, end - start, { ...ZAP_DONTNEED, reclaimPt: false });
  for (let addr = start; addr < end; addr += PAGE_SIZE) {
    const ptep = pteAlloc(mm, addr);
    if (ptep === 0) return -ENOMEM;
    if (ptepGet(mm.sys.ram, ptep) === 0) setPte(mm.sys.ram, ptep, makePteMarker(PTE_MARKER_GUARD));
  }
  return 0;
}

/**
 * Takes guard markers out of [start, end) of `vma`. 0 or negative errno.
 * Linux mm/madvise.c:madvise_guard_remove()
 */
export function madviseGuardRemove(vma: VmAreaStruct, start: number, end: number): number {
  if (!isValidGuardVma(vma, true)) return -EINVAL;
  const { ram } = vma.vmMm.sys;
  walkPageRangeVma(vma, start, end, {
    pmdEntry: () => false, // a leaf is whole pages: no marker is in it
    pteEntry(pte, _addr, ptep) {
      if (isGuardPte(pte)) setPte(ram, ptep, 0);
    },
  });
  return 0;
}
