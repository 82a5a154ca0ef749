/**
 * Faults on huge pages: all of the page comes at once, or none of it.
 *
 *   hugetlbFault(vma, address, flags)              tables down to the level of the entry are made
 *     entry empty            hugetlbNoPage
 *       a page was stolen from this VMA     SIGBUS, and a line in the kernel's log    (hugetlb_wp.ts)
 *       the file has the page               it is mapped; read-only in a private mapping
 *       beyond the end of the file          SIGBUS
 *       else                                allocHugetlbFolio: zeroed, and private memory or a page of the file
 *                                           none to be had: SIGBUS, not the OOM killer: no memory is short
 *       a write to a private mapping        and the copy at once (hugetlbWp)
 *     entry present, write denied           hugetlbWp
 *     entry present, all allowed            accessed and dirty bits, else nothing: somebody was faster
 *
 * One fault, and 2 MiB (or 1 GiB) are there: 512 times fewer faults, but each of them zeroes all of the page,
 * and a program that touches one byte in each huge page uses all of it.
 *
 * Left out: userfaultfd, poisoned pages, entries of pages that are being moved.
 *
 * Linux mm/hugetlb.c. Read first: alloc_hugetlb_folio.ts, huge_pte.ts. Read next: hugetlb_wp.ts.
 */
import type { Vaddr } from "../../hw/address.js";
import { anonVmaPrepare } from "../fault/anon_vma.js";
import {
  FAULT_FLAG_UNSHARE,
  FAULT_FLAG_WRITE,
  VM_FAULT_OOM,
  VM_FAULT_SIGBUS,
  VmFault,
} from "../fault/vm_fault.js";
import { VM_MAYSHARE, VM_SHARED, type VmAreaStruct, type VmFaultResult } from "../mm_types.js";
import { type Folio, folioGet, folioNrPages, PG_uptodate } from "../pages/folio.js";
import { folioPut } from "../pages/free_pages.js";
import { pteMkdirty, pteMkyoung, ptepGet, pteWrite, setPte } from "../pgtable/pgtable.js";
import type { MemorySystem } from "../system.js";
import { allocHugetlbFolio } from "./alloc_hugetlb_folio.js";
import { hugeAlignDown, hugePteAlloc, hugetlbCountAdd, makeHugePte } from "./huge_pte.js";
import { hugetlbAddToPageCache } from "./hugetlb_cache.js";
import { hugetlbAddFileRmap, hugetlbAddNewAnonRmap } from "./hugetlb_rmap.js";
import { hugetlbWp } from "./hugetlb_wp.js";
import { hstateVma, hugetlbInode, restoreReserveOnError, vmaHugecacheOffset, vmaResv } from "./vma_resv.js";

/** Fills a huge page with zeros. Linux mm/memory.c:folio_zero_user() */
export function folioZeroUser(sys: MemorySystem, folio: Folio): void {
  const nr = folioNrPages(folio);
  for (let i = 0; i < nr; i++) sys.ram.zeroFrame(folio.pfn + i);
  sys.clock.advance(sys.costs.zeroPageNs * nr);
  if (sys.trace.on) sys.trace.emit("pagewalk:clear_page", { pfn: folio.pfn, order: folio.order });
}

/**
 * Makes the huge page at `address` of `vma` accessible; returns VM_FAULT_* bits. Linux
 * mm/hugetlb.c:hugetlb_fault()
 */
export function hugetlbFault(vma: VmAreaStruct, address: Vaddr, flags: number): VmFaultResult {
  const { ram, pageSoftDirty } = vma.vmMm.sys;
  const size = hstateVma(vma).hugePageSize;
  const vmf = new VmFault(vma, hugeAlignDown(address, size), flags);
  vmf.pgoff = vmaHugecacheOffset(vma, vmf.address);
  vmf.ptep = hugePteAlloc(vma.vmMm, vmf.address, size);
  if (vmf.ptep === 0) return VM_FAULT_OOM;
  vmf.origPte = ptepGet(ram, vmf.ptep);
  if (vmf.origPte === 0) return hugetlbNoPage(vmf);
  const write = (flags & FAULT_FLAG_WRITE) !== 0;
  if ((flags & (FAULT_FLAG_WRITE | FAULT_FLAG_UNSHARE)) !== 0 && !pteWrite(vmf.origPte))
    return hugetlbWp(vmf);
  if (!write) return 0; // whoever reads has set the accessed bit himself
  const entry = pteMkyoung(pteMkdirty(vmf.origPte, pageSoftDirty));
  if (entry !== vmf.origPte) setPte(ram, vmf.ptep, entry);
  return 0;
}

/** Tells of a page that was taken away for the owner's sake. Linux mm/hugetlb.c:hugetlb_no_page() */
function warnStolen(sys: MemorySystem): void {
  sys.kernelLog.push(`PID ${sys.current?.pid ?? 0} killed due to inadequate hugepage pool`);
}

/**
 * A fresh page for the fault, zeroed: private memory, or a page of the file from now on. Or VM_FAULT_* bits.
 */
function newFolio(vmf: VmFault): Folio | number {
  const { vma } = vmf;
  const { sys } = vma.vmMm;
  const shared = (vma.vmFlags & VM_MAYSHARE) !== 0;
  if (!shared) anonVmaPrepare(vma);
  const folio = allocHugetlbFolio(vma, vmf.address, false);
  if (typeof folio === "number") return ptepGet(sys.ram, vmf.ptep) === vmf.origPte ? VM_FAULT_SIGBUS : 0;
  folioZeroUser(sys, folio);
  folio.flags |= PG_uptodate;
  if (shared) hugetlbAddToPageCache(folio, vma.vmFile!.fMapping, vmf.pgoff);
  return folio;
}

/** Nothing is mapped. Linux mm/hugetlb.c:hugetlb_no_page() */
function hugetlbNoPage(vmf: VmFault): VmFaultResult {
  const { vma } = vmf;
  const { sys } = vma.vmMm;
  const { h, folios } = hugetlbInode(vma);
  if (vmaResv(vma).unmapped) {
    warnStolen(sys);
    return VM_FAULT_SIGBUS;
  }
  const cached = folios.get(vmf.pgoff);
  if (cached === undefined) {
    const { host } = vma.vmFile!.fMapping;
    if (vmf.pgoff >= Math.floor(host.iSize / h.hugePageSize)) return VM_FAULT_SIGBUS;
  } else folioGet(cached);
  const folio = cached ?? newFolio(vmf);
  if (typeof folio === "number") return folio;
  const anon = cached === undefined && (vma.vmFlags & VM_MAYSHARE) === 0;
  if (ptepGet(sys.ram, vmf.ptep) !== vmf.origPte) {
    if (anon) restoreReserveOnError(vma, vmf.address, folio);
    folioPut(sys, folio);
    return 0;
  }
  if (anon) hugetlbAddNewAnonRmap(folio, vma, vmf.address);
  else hugetlbAddFileRmap(folio);
  vmf.origPte = makeHugePte(vma, folio, (vma.vmFlags & VM_SHARED) !== 0);
  setPte(sys.ram, vmf.ptep, vmf.origPte);
  hugetlbCountAdd(vma.vmMm, h.pagesPerHugePage);
  const copies = (vmf.flags & FAULT_FLAG_WRITE) !== 0 && (vma.vmFlags & VM_SHARED) === 0;
  return copies ? hugetlbWp(vmf) : 0;
}
