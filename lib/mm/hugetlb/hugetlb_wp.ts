/**
 * A write to a huge page that may not be written: in place, to a copy, or to a page taken from a child.
 *
 *   hugetlbWp
 *     shared mapping                       the entry becomes writable
 *     private page, mapped once            the same: nobody else has it
 *     else                                 a copy: 2 MiB (or 1 GiB) are copied for one byte
 *       no page for the copy, and ...
 *         ... this is the owner            unmapRefPrivate: the page is unmapped from everybody else (the children),
 *                                          whose VMAs remember that; now the owner has it alone and writes in place
 *         ... this is a child              SIGBUS
 *
 *   parent (owner)   A B      fork     A B   parent's           parent writes A, the pool is empty:
 *                              -->     A B   child's      -->   parent has A alone, the child has only B
 *                                                               child touches A: SIGBUS
 *
 * The one who called mmap was promised its pages, and shall not die because it has forked. The children were
 * promised nothing. A child that reads A after the theft must not see zeros, which it never wrote: that would
 * be silent corruption, so its VMA is marked, and whatever it touches there without an entry is a SIGBUS,
 * with "PID %d killed due to inadequate hugepage pool" in the kernel's log.
 *
 * Linux mm/hugetlb.c. Read first: hugetlb_fault.ts, mm/fault/wp.ts. Read next: hugetlb_unmap.ts.
 */
import type { Vaddr } from "../../hw/address.js";
import { PAGE_SIZE } from "../../hw/address.js";
import type { Pte } from "../../hw/entry.js";
import { anonVmaPrepare } from "../fault/anon_vma.js";
import { folioMoveAnonRmap, vmaAddress } from "../fault/rmap.js";
import { FAULT_FLAG_UNSHARE, VM_FAULT_SIGBUS, type VmFault } from "../fault/vm_fault.js";
import { VM_MAYSHARE, VM_WRITE, type VmAreaStruct, type VmFaultResult } from "../mm_types.js";
import {
  type Folio,
  folioGet,
  folioMapcount,
  folioNrPages,
  folioTestAnon,
  PG_uptodate,
  pageFolio,
  pfnToPage,
} from "../pages/folio.js";
import { folioPut } from "../pages/free_pages.js";
import { pteMkdirty, pteMkwrite, pteMkyoung, ptePfn, ptepGet, setPte } from "../pgtable/pgtable.js";
import { flushTlbPage } from "../pgtable/tlb.js";
import type { MemorySystem } from "../system.js";
import { allocHugetlbFolio } from "./alloc_hugetlb_folio.js";
import { makeHugePte } from "./huge_pte.js";
import { hugetlbAddNewAnonRmap, hugetlbRemoveRmap } from "./hugetlb_rmap.js";
import { unmapHugepageRange } from "./hugetlb_unmap.js";
import { hstateVma, restoreReserveOnError, vmaResv } from "./vma_resv.js";

/** Copies all bytes of a huge page. Linux mm/memory.c:copy_user_large_folio() */
function copyUserLargeFolio(sys: MemorySystem, to: Folio, from: Folio): void {
  const nr = folioNrPages(from);
  for (let i = 0; i < nr; i++) sys.ram.copyFrame(to.pfn + i, from.pfn + i);
  sys.clock.advance(sys.costs.copyPageNs * nr);
}

/** Lets writes through. Linux mm/hugetlb.c:set_huge_ptep_writable() */
function setHugePtepWritable(vmf: VmFault, pte: Pte): void {
  const { ram, pageSoftDirty } = vmf.vma.vmMm.sys;
  setPte(ram, vmf.ptep, pteMkyoung(pteMkwrite(pteMkdirty(pte, pageSoftDirty))));
}

/**
 * Takes the page away from all private mappings that it was not promised to.
 * Linux mm/hugetlb.c:unmap_ref_private()
 */
function unmapRefPrivate(vma: VmAreaStruct, folio: Folio, address: Vaddr): void {
  const size = hstateVma(vma).hugePageSize;
  const pgoff = (address - vma.vmStart) / PAGE_SIZE + vma.vmPgoff;
  for (const other of vma.vmFile!.fMapping.iMmap) {
    if (other === vma || (other.vmFlags & VM_MAYSHARE) !== 0 || vmaResv(other).owner) continue;
    const at = vmaAddress(other, pgoff, 1);
    if (at !== undefined) unmapHugepageRange(other, at, at + size, folio);
  }
}

/**
 * The entry is present and read-only, the access a write (or must break sharing like one).
 * Linux mm/hugetlb.c:hugetlb_wp()
 */
export function hugetlbWp(vmf: VmFault): VmFaultResult {
  const { vma } = vmf;
  const { sys } = vma.vmMm;
  const pte = ptepGet(sys.ram, vmf.ptep);
  if ((vma.vmFlags & VM_MAYSHARE) !== 0) {
    setHugePtepWritable(vmf, pte);
    return 0;
  }
  const old = pageFolio(pfnToPage(sys, ptePfn(pte)));
  if (reuseAlone(vmf, pte, old)) return 0;
  const owner = vmaResv(vma).owner && folioTestAnon(old);
  folioGet(old);
  const copy = allocHugetlbFolio(vma, vmf.address, owner);
  if (typeof copy !== "number") {
    replaceByCopy(vmf, pte, old, copy);
    folioPut(sys, old);
    return 0;
  }
  folioPut(sys, old);
  if (!owner) return VM_FAULT_SIGBUS;
  unmapRefPrivate(vma, old, vmf.address);
  // To look for a page may have taken so long that the entry is another one now: then all is done.
  return ptepGet(sys.ram, vmf.ptep) === pte ? hugetlbWp(vmf) : 0;
}

/**
 * Private memory that nobody else maps is written where it is. Linux mm/hugetlb.c:hugetlb_wp(),
 * retry_avoidcopy
 */
function reuseAlone(vmf: VmFault, pte: Pte, folio: Folio): boolean {
  const { vma } = vmf;
  if (folioMapcount(folio) !== 1 || !folioTestAnon(folio)) return false;
  if (!folio.anonExclusive) {
    folioMoveAnonRmap(folio, vma);
    folio.anonExclusive = true;
  }
  if ((vmf.flags & FAULT_FLAG_UNSHARE) === 0 && (vma.vmFlags & VM_WRITE) !== 0) setHugePtepWritable(vmf, pte);
  return true;
}

/** The copy takes the old page's place, unless the entry has changed. */
function replaceByCopy(vmf: VmFault, pte: Pte, old: Folio, copy: Folio): void {
  const { vma } = vmf;
  const { sys } = vma.vmMm;
  anonVmaPrepare(vma);
  copyUserLargeFolio(sys, copy, old);
  copy.flags |= PG_uptodate;
  if (ptepGet(sys.ram, vmf.ptep) !== pte) {
    restoreReserveOnError(vma, vmf.address, copy);
    folioPut(sys, copy);
    return;
  }
  setPte(sys.ram, vmf.ptep, 0);
  flushTlbPage(vma.vmMm, vmf.address); // the entry of a huge page goes with any address in it
  hugetlbRemoveRmap(old);
  hugetlbAddNewAnonRmap(copy, vma, vmf.address);
  setPte(sys.ram, vmf.ptep, makeHugePte(vma, copy, (vmf.flags & FAULT_FLAG_UNSHARE) === 0));
  folioPut(sys, old);
}
