/**
 * A write to a present but read-only entry: copy on write, reuse, or write notification.
 *
 *   doWpPage --- shared mapping ---> wpPageShared: tell the file (pageMkwrite), make the entry writable, mark dirty
 *           \--- anonymous, ours alone ----------> wpPageReuse: only make the entry writable
 *            \-- anything else (shared after fork, zero page, file page) --> wpPageCopy: new page, copy, new entry
 *
 * "Ours alone" is PageAnonExclusive, or found out now: after a fork the flag is gone, but if the other owners
 * have left, the page has exactly one reference, the entry's own, and may be used in place. References of LRU
 * batches would hide that, so they are drained before counting.
 *
 * Allocating the new page may take long enough for reclaim to unmap the old one. So wpPageCopy holds the old
 * page, and looks at the entry again before it replaces it: if it has changed the copy is thrown away, and
 * the access is repeated.
 *
 * The order in wpPageCopy matters: the old entry is cleared and flushed before the new one is set, so that no
 * other thread can still read the old page while this one writes the new.
 *
 * (Linux has this in mm/memory.c.)
 *
 * Read first: memory.ts, rmap.ts. Read next: copy_page_range.ts.
 */

import type { Pte } from "../../hw/entry.js";
import { folioIsLocked } from "../filemap/folio_wait.js";
import { mmCounterFile } from "../lru/mm_inline.js";
import { faultDirtySharedPage } from "../lru/page_writeback.js";
import { folioAddLruVma, lruAddDrain } from "../lru/swap.js";
import { memCgroupCharge } from "../memcg/charge.js";
import {
  addMmCounter,
  MM_ANONPAGES,
  type MmStruct,
  VM_MAYSHARE,
  VM_SHARED,
  type VmAreaStruct,
  type VmFaultResult,
} from "../mm_types.js";
import {
  type Folio,
  folioGet,
  folioTestAnon,
  type Page,
  PG_lru,
  PG_swapcache,
  PG_uptodate,
  pageFolio,
  pfnToPage,
} from "../pages/folio.js";
import { folioPut } from "../pages/free_pages.js";
import { __GFP_ZERO, GFP_HIGHUSER_MOVABLE, GFP_KERNEL } from "../pages/gfp.js";
import { allocPages } from "../pages/page_alloc.js";
import {
  maybeMkwrite,
  pfnPte,
  pteClear,
  pteMkdirty,
  pteMkyoung,
  ptePfn,
  pteSpecial,
  setPte,
  vmaPageProt,
} from "../pgtable/pgtable.js";
import { pteMksoftDirty, pteSoftDirty } from "../pgtable/soft_dirty.js";
import { flushTlbPage } from "../pgtable/tlb.js";
import { folioFreeSwap, freeFolioAndSwapCache } from "../swap/swap_state.js";
import type { MemorySystem } from "../system.js";
import { countVmEvent, PGREUSE } from "../vmstat.js";
import { anonVmaPrepare } from "./anon_vma.js";
import { folioMaybeMappedShared } from "./large_mapcount.js";
import { vmfPteChanged } from "./pte_changed.js";
import { folioAddNewAnonRmap, folioMoveAnonRmap, folioRemoveRmapPtes } from "./rmap.js";
import {
  FAULT_FLAG_UNSHARE,
  VM_FAULT_ERROR,
  VM_FAULT_NOPAGE,
  VM_FAULT_OOM,
  type VmFault,
} from "./vm_fault.js";

/** Fills a frame that a process will see with zeros. Linux include/linux/highmem.h:clear_user_highpage() */
export function clearUserHighpage(sys: MemorySystem, pfn: number): void {
  sys.ram.zeroFrame(pfn);
  sys.clock.advance(sys.costs.zeroPageNs);
}

/** Copies the bytes of a frame. Linux include/linux/highmem.h:copy_user_highpage() */
export function copyUserHighpage(sys: MemorySystem, toPfn: number, fromPfn: number): void {
  sys.ram.copyFrame(toPfn, fromPfn);
  sys.clock.advance(sys.costs.copyPageNs);
}

/**
 * A page of its own for a process, on the account of `srcMm`; zeroed if it will not be copied into. Undefined
 * without memory. Here the owner of a page is known for the first time. Linux mm/memory.c:folio_prealloc()
 * Differs from Linux: no VMA and address, which choose a node.
 */
export function folioPrealloc(srcMm: MmStruct, needZero: boolean): Folio | undefined {
  const { sys, memcg } = srcMm;
  const folio = allocPages(sys, needZero ? GFP_HIGHUSER_MOVABLE | __GFP_ZERO : GFP_HIGHUSER_MOVABLE, 0);
  if (memcg === undefined || folio === undefined || memCgroupCharge(sys, folio, memcg, GFP_KERNEL))
    return folio;
  folioPut(sys, folio);
  return undefined;
}

/**
 * The page behind a present entry, undefined where no counts are kept (zero page).
 * Linux mm/memory.c:vm_normal_page()
 */
export function vmNormalPage(vma: VmAreaStruct, pte: Pte): Page | undefined {
  return pteSpecial(pte) ? undefined : pfnToPage(vma.vmMm.sys, ptePfn(pte));
}

/** The entry is present and read-only, the access a write. Linux mm/memory.c:do_wp_page() */
export function doWpPage(vmf: VmFault): VmFaultResult {
  const { vma } = vmf;
  vmf.page = vmNormalPage(vma, vmf.origPte);
  const folio = vmf.page === undefined ? undefined : pageFolio(vmf.page);
  if ((vma.vmFlags & (VM_SHARED | VM_MAYSHARE)) !== 0) {
    if (folio === undefined) return wpPageReuse(vmf);
    return wpPageShared(vmf, folio);
  }
  const page = vmf.page;
  if (
    folio !== undefined &&
    folioTestAnon(folio) &&
    (page!.anonExclusive || wpCanReuseAnonFolio(folio, vma))
  ) {
    page!.anonExclusive = true;
    if ((vmf.flags & FAULT_FLAG_UNSHARE) !== 0) return 0;
    return wpPageReuse(vmf);
  }
  if (folio !== undefined) folioGet(folio);
  return wpPageCopy(vmf, folio);
}

/**
 * Whether this entry is the last to use the anonymous folio. If so the folio moves to the VMA's own AnonVma.
 * Linux mm/memory.c:wp_can_reuse_anon_folio()
 */
export function wpCanReuseAnonFolio(folio: Folio, vma: VmAreaStruct): boolean {
  const { sys } = vma.vmMm;
  if (folio.order > 0) return wpCanReuseLargeAnonFolio(folio, sys);
  if (folio.refcount > 3) return false;
  if ((folio.flags & PG_lru) === 0) lruAddDrain(sys);
  const cached = (folio.flags & PG_swapcache) !== 0;
  if (folio.refcount > 1 + (cached ? 1 : 0) || folioIsLocked(sys, folio)) return false;
  if (cached) folioFreeSwap(sys, folio);
  if (folio.refcount !== 1) return false;
  folioMoveAnonRmap(folio, vma);
  return true;
}

/**
 * The same for a large folio: every reference must be an entry of this mm. If only one page of it is mapped
 * it is rather copied, so that the others are freed. Linux mm/memory.c:__wp_can_reuse_large_anon_folio()
 */
function wpCanReuseLargeAnonFolio(folio: Folio, sys: MemorySystem): boolean {
  if (folio.largeMapcount <= 1 || folioMaybeMappedShared(folio)) return false;
  if ((folio.flags & PG_swapcache) !== 0) {
    if (folioIsLocked(sys, folio)) return false;
    folioFreeSwap(sys, folio);
  }
  return folio.largeMapcount === folio.refcount;
}

/** Makes the entry writable where it is. Linux mm/memory.c:wp_page_reuse() */
export function wpPageReuse(vmf: VmFault): VmFaultResult {
  const { vma } = vmf;
  const { sys } = vma.vmMm;
  // No flush: a right was gained. A page fault has dropped this CPU's stale entry; mlock's and populate's
  // "faults" (gup.ts) are no faults of the processor, so it stays, here as on other CPUs, until the next
  // write: a walk (AMD) or a spurious fault (Intel).
  setPte(sys.ram, vmf.ptep, maybeMkwrite(pteMkdirty(pteMkyoung(vmf.origPte), sys.pageSoftDirty), vma));
  countVmEvent(sys, PGREUSE);
  return 0;
}

/**
 * Gives the writer a page of its own with the old page's bytes (zeros for the zero page). The caller's
 * reference to `oldFolio` is dropped. Linux mm/memory.c:wp_page_copy()
 */
export function wpPageCopy(vmf: VmFault, oldFolio: Folio | undefined): VmFaultResult {
  const { vma } = vmf;
  const { vmMm } = vma;
  const { sys } = vmMm;
  anonVmaPrepare(vma);
  const newFolio = folioPrealloc(vmMm, oldFolio === undefined);
  if (newFolio === undefined) {
    if (oldFolio !== undefined) folioPut(sys, oldFolio);
    return VM_FAULT_OOM;
  }
  if (oldFolio !== undefined) copyUserHighpage(sys, newFolio.pfn, vmf.page!.pfn);
  newFolio.flags |= PG_uptodate;
  if (vmfPteChanged(vmf)) {
    folioPut(sys, newFolio);
    if (oldFolio !== undefined) folioPut(sys, oldFolio);
    return 0;
  }
  if (oldFolio === undefined) addMmCounter(vmMm, MM_ANONPAGES, 1);
  else if (!folioTestAnon(oldFolio)) {
    addMmCounter(vmMm, mmCounterFile(oldFolio), -1);
    addMmCounter(vmMm, MM_ANONPAGES, 1);
  }
  let entry = pfnPte(newFolio.pfn, vmaPageProt(vma));
  if ((vmf.flags & FAULT_FLAG_UNSHARE) === 0) entry = maybeMkwrite(pteMkdirty(entry, sys.pageSoftDirty), vma);
  else if (pteSoftDirty(vmf.origPte)) entry = pteMksoftDirty(entry);
  pteClear(sys.ram, vmf.ptep);
  flushTlbPage(vmMm, vmf.address);
  folioAddNewAnonRmap(newFolio, vma, vmf.address, true);
  folioAddLruVma(newFolio, vma);
  setPte(sys.ram, vmf.ptep, entry);
  if (oldFolio === undefined) return 0;
  folioRemoveRmapPtes(oldFolio, vmf.page!, 1, vma);
  folioPut(sys, oldFolio);
  freeFolioAndSwapCache(sys, oldFolio);
  return 0;
}

/** First write through this entry of a shared mapping. Linux mm/memory.c:wp_page_shared() */
export function wpPageShared(vmf: VmFault, folio: Folio): VmFaultResult {
  const { vma } = vmf;
  const { sys } = vma.vmMm;
  folioGet(folio);
  if (vma.vmOps?.pageMkwrite === undefined) wpPageReuse(vmf);
  else {
    const ret = vma.vmOps.pageMkwrite(vmf);
    if ((ret & (VM_FAULT_ERROR | VM_FAULT_NOPAGE)) !== 0) {
      folioPut(sys, folio);
      return ret;
    }
    // pageMkwrite may have waited: only an entry that is still the same is made writable.
    // Linux finish_mkwrite_fault()
    if (vmfPteChanged(vmf)) {
      folioPut(sys, folio);
      return VM_FAULT_NOPAGE;
    }
    wpPageReuse(vmf);
  }
  faultDirtySharedPage(vmf, folio);
  folioPut(sys, folio);
  return 0;
}
