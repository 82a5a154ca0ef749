/**
 * Page faults: from "this access failed" to a page-table entry that lets it through.
 *
 *   handleMmFault(vma, address, flags)             tables down to level 2 are made
 *     VMA of huge pages from a pool --> hugetlbFault      mm/hugetlb/hugetlb_fault.ts
 *     handlePteFault
 *       entry empty,  anonymous VMA --> doAnonymousPage     zero page (read) or a new zeroed page (write)
 *       entry empty,  file VMA      --> doFault             doReadFault, doCowFault, doSharedFault (file_fault.ts)
 *       entry there, not present    --> doSwapPage          in swap, or a marker (swap_fault.ts)
 *       entry present, write denied --> doWpPage            copy on write, write notification (wp.ts)
 *       entry present, all allowed  --> accessed and dirty bits, else nothing: somebody was faster
 *
 * A fault that reads memory nobody ever wrote maps the one zero page, read-only and without any count; the
 * later write is a second fault. A fault that writes first costs only one.
 *
 * To have a page the kernel may wait, and meanwhile others take pages away or are faster. So whoever has
 * allocated looks at the entry again (vmfPteChanged) before he sets it; if it is another one, his page goes
 * back, and the access is repeated.
 *
 * What a fault counts as is decided at its end, in mmAccountFault: major when a device had to be waited for,
 * and also after a retry. A failed fault is none.
 *
 * Read first: vm_fault.ts, mm/pgtable/pgtable_alloc.ts. Read next: file_fault.ts, wp.ts, swap_fault.ts.
 */

import type { Vaddr } from "../../hw/address.js";
import { PAGE_SIZE } from "../../hw/address.js";
import { allocAnonFolio, blockPtep, blockStart, pteRangeNone } from "../huge/alloc_anon_folio.js";
import { hugePmdSetAccessed, wpHugePmd } from "../huge/huge_fault.js";
import { thpVmaAllowableOrder } from "../huge/thp_orders.js";
import { HPAGE_PMD_ORDER, modMthpStat } from "../huge/thp_state.js";
import { hugetlbFault } from "../hugetlb/hugetlb_fault.js";
import { vmaHasRecency } from "../lru/mm_inline.js";
import { folioAddLruVma } from "../lru/swap.js";
import { countMemcgEvents } from "../memcg/stats.js";
import {
  addMmCounter,
  MM_ANONPAGES,
  VM_HUGETLB,
  VM_SHARED,
  VM_WRITE,
  type VmAreaStruct,
  type VmFaultResult,
} from "../mm_types.js";
import { folioNrPages, folioRefAdd, PG_uptodate } from "../pages/folio.js";
import { folioPut } from "../pages/free_pages.js";
import {
  maybeMkwrite,
  PAGE_SPECIAL,
  pfnPte,
  pmdLeaf,
  pteMkdirty,
  pteMkyoung,
  ptePresent,
  ptepGet,
  pteWrite,
  setPte,
  vmaPageProt,
} from "../pgtable/pgtable.js";
import { pmdAlloc, pteOffsetPmd, vmfPteAlloc } from "../pgtable/pgtable_alloc.js";
import type { TraceRing } from "../trace.js";
import { countVmEvent, PGFAULT } from "../vmstat.js";
import { anonVmaPrepare } from "./anon_vma.js";
import { doFault } from "./file_fault.js";
import { vmfPteChanged } from "./pte_changed.js";
import { folioAddNewAnonRmap } from "./rmap.js";
import {
  FAULT_FLAG_TRIED,
  FAULT_FLAG_UNSHARE,
  FAULT_FLAG_WRITE,
  VM_FAULT_ERROR,
  VM_FAULT_FALLBACK,
  VM_FAULT_MAJOR,
  VM_FAULT_OOM,
  VM_FAULT_RETRY,
  VM_FAULT_SIGBUS,
  VmFault,
} from "./vm_fault.js";

/**
 * Makes `address` of `vma` accessible for the access that `flags` (FAULT_FLAG_*) describe; the caller has
 * checked that the VMA allows it. Returns VM_FAULT_* bits. Linux mm/memory.c:handle_mm_fault()
 */
export function handleMmFault(vma: VmAreaStruct, address: Vaddr, flags: number): VmFaultResult {
  const { sys } = vma.vmMm;
  sys.clock.advance(sys.costs.faultNs);
  const vmf = new VmFault(vma, Math.floor(address / PAGE_SIZE) * PAGE_SIZE, flags);
  const { lruGen } = sys;
  if (lruGen.enabled) lruGen.inLruFault = vmaHasRecency(vma);
  const ret = (vma.vmFlags & VM_HUGETLB) !== 0 ? hugetlbFault(vma, address, flags) : doHandleMmFault(vmf);
  lruGen.inLruFault = false;
  mmAccountFault(vma, flags, ret);
  return ret;
}

/** Linux mm/memory.c:__handle_mm_fault() */
function doHandleMmFault(vmf: VmFault): VmFaultResult {
  const { vmMm } = vmf.vma;
  const pmdp = pmdAlloc(vmMm, vmf.address);
  if (pmdp === 0) return VM_FAULT_OOM;
  vmf.pmdp = pmdp;
  const huge = handleHugePmd(vmf);
  if ((huge & VM_FAULT_FALLBACK) === 0) return huge;
  vmf.ptep = pteOffsetPmd(vmMm, pmdp, vmf.address);
  vmf.origPte = vmf.ptep === 0 ? 0 : ptepGet(vmMm.sys.ram, vmf.ptep);
  const { trace } = vmMm.sys;
  return trace.graph ? traceHandler(trace, vmf) : handlePteFault(vmf);
}

/**
 * The level-2 entry is empty, where a huge page might come, or a leaf; VM_FAULT_FALLBACK if small pages are
 * to be looked at. Linux mm/memory.c:__handle_mm_fault(), the part for PMDs
 */
function handleHugePmd(vmf: VmFault): VmFaultResult {
  const { vma, flags } = vmf;
  const { sys } = vma.vmMm;
  const pmd = ptepGet(sys.ram, vmf.pmdp);
  if (pmd === 0) {
    if (!thpVmaAllowableOrder(vma, "pagefault")) return VM_FAULT_FALLBACK;
    return traced(sys.trace, createName(vma), () => createHugePmd(vmf));
  }
  if (!pmdLeaf(pmd)) return VM_FAULT_FALLBACK;
  if ((flags & (FAULT_FLAG_WRITE | FAULT_FLAG_UNSHARE)) !== 0 && !pteWrite(pmd))
    return traced(sys.trace, "do_huge_pmd_wp_page", () => wpHugePmd(vmf, pmd));
  hugePmdSetAccessed(vmf, pmd);
  return 0;
}

/** Linux mm/memory.c:create_huge_pmd() */
function createHugePmd(vmf: VmFault): VmFaultResult {
  const { vma } = vmf;
  if (vma.vmOps === undefined) return vma.vmMm.sys.parts.doHugePmdAnonymousPage(vmf);
  return vma.vmOps.hugeFault?.(vmf, HPAGE_PMD_ORDER) ?? VM_FAULT_FALLBACK;
}

function createName(vma: VmAreaStruct): string {
  return vma.vmOps === undefined ? "do_huge_pmd_anonymous_page" : "create_huge_pmd";
}

/** Linux mm/memory.c:handle_pte_fault() */
function handlePteFault(vmf: VmFault): VmFaultResult {
  const { vma, origPte } = vmf;
  const { parts, ram, pageSoftDirty } = vma.vmMm.sys;
  if (origPte === 0) return vma.vmOps === undefined ? parts.doAnonymousPage(vmf) : doFault(vmf);
  if (!ptePresent(origPte)) return parts.doSwapPage(vmf);
  if (isWriteProtected(vmf)) return parts.doWpPage(vmf);
  const entry = pteMkyoung(
    (vmf.flags & FAULT_FLAG_WRITE) !== 0 ? pteMkdirty(origPte, pageSoftDirty) : origPte,
  );
  if (entry !== origPte) setPte(ram, vmf.ptep, entry);
  // Else a stale TLB entry caused it: a spurious fault, counted like any other. It has dropped the entry.
  return 0;
}

/** Whether the access is a write, or must break sharing like one, and the present entry does not allow it. */
function isWriteProtected({ flags, origPte }: VmFault): boolean {
  return (flags & (FAULT_FLAG_WRITE | FAULT_FLAG_UNSHARE)) !== 0 && !pteWrite(origPte);
}

/**
 * First touch of private memory without a file: the zero page for a read, a new zeroed page for a write.
 * Linux mm/memory.c:do_anonymous_page()
 */
export function doAnonymousPage(vmf: VmFault): VmFaultResult {
  const { vma } = vmf;
  const { sys } = vma.vmMm;
  if ((vma.vmFlags & VM_SHARED) !== 0) return VM_FAULT_SIGBUS;
  if (!vmfPteAlloc(vmf)) return VM_FAULT_OOM;
  if ((vmf.flags & FAULT_FLAG_WRITE) === 0) {
    if (!vmfPteChanged(vmf)) setPte(sys.ram, vmf.ptep, pfnPte(sys.zeroPfn, vmaPageProt(vma)) + PAGE_SPECIAL);
    return 0;
  }
  anonVmaPrepare(vma);
  const folio = allocAnonFolio(vmf);
  if (folio === undefined) return VM_FAULT_OOM;
  folio.flags |= PG_uptodate;
  const nr = folioNrPages(folio);
  const ptep = blockPtep(vmf, folio.order);
  if (nr === 1 ? vmfPteChanged(vmf) : !pteRangeNone(sys, ptep, nr)) {
    folioPut(sys, folio);
    return 0;
  }
  let entry = pfnPte(folio.pfn, vmaPageProt(vma));
  if ((vma.vmFlags & VM_WRITE) !== 0) entry = maybeMkwrite(pteMkdirty(entry, sys.pageSoftDirty), vma);
  folioRefAdd(folio, nr - 1);
  addMmCounter(vma.vmMm, MM_ANONPAGES, nr);
  if (nr > 1) modMthpStat(sys, folio.order, "anon_fault_alloc");
  folioAddNewAnonRmap(folio, vma, blockStart(vmf.address, folio.order), true);
  folioAddLruVma(folio, vma);
  for (let i = 0; i < nr; i++) setPte(sys.ram, ptep + i, entry + i * PAGE_SIZE);
  return 0;
}

// ---------------------------------------------------------------- counting and tracing

/** Counts the fault for the machine and for the task. Linux mm/memory.c:mm_account_fault() */
function mmAccountFault(vma: VmAreaStruct, flags: number, ret: VmFaultResult): void {
  const { sys } = vma.vmMm;
  if ((ret & VM_FAULT_RETRY) !== 0) return;
  countVmEvent(sys, PGFAULT);
  countMemcgEvents(vma.vmMm.memcg, PGFAULT, 1);
  if ((ret & VM_FAULT_ERROR) !== 0 || sys.current === undefined) return;
  if ((ret & VM_FAULT_MAJOR) !== 0 || (flags & FAULT_FLAG_TRIED) !== 0) sys.current.majFlt++;
  else sys.current.minFlt++;
}

/**
 * The fault between the entry and exit events of its handler. Not in Linux: the compiler's mcount calls do it
 */
function traceHandler(trace: TraceRing, vmf: VmFault): VmFaultResult {
  const func = handlerName(vmf);
  return func === undefined ? handlePteFault(vmf) : traced(trace, func, () => handlePteFault(vmf));
}

function traced(trace: TraceRing, func: string, handler: () => VmFaultResult): VmFaultResult {
  if (!trace.graph) return handler();
  trace.enter(func);
  const ret = handler();
  trace.exit(func, ret);
  return ret;
}

/** Linux's name of the function that handlePteFault will call; undefined where it needs none. */
function handlerName(vmf: VmFault): string | undefined {
  if (vmf.origPte === 0) return vmf.vma.vmOps === undefined ? "do_anonymous_page" : "do_fault";
  if (!ptePresent(vmf.origPte)) return "do_swap_page";
  return isWriteProtected(vmf) ? "do_wp_page" : undefined;
}
