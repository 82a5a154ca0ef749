/**
 * The huge fault: 2 MiB at the first touch, one fault for 512 pages.
 *
 *   handleMmFault, level 2 empty, huge pages allowed here --> doHugePmdAnonymousPage
 *       block around the address does not fit the VMA  --> VM_FAULT_FALLBACK: small pages
 *       read                                           --> the huge page of zeros
 *       write   a free block of order 9 (as hard as `defrag` says), zeroed, mapped by one leaf
 *               none to be had                         --> VM_FAULT_FALLBACK
 *
 *   write to a read-only leaf --> doHugePmdWpPage
 *       ours alone                 --> only made writable
 *       huge page of zeros         --> a huge page of its own
 *       shared since a fork        --> the leaf is split, and ONE small page is copied (VM_FAULT_FALLBACK)
 *
 * So after a fork a write costs 4 KiB, not 2 MiB: and the writer has lost his huge page.
 *
 * Differs from Linux: the 2 MiB are zeroed by the allocator, page after page, not the touched one last.
 *
 * Linux mm/huge_memory.c. Read first: thp_orders.ts, huge_pmd.ts. Read next: huge_memory.ts, split_pmd.ts.
 */
import { PMD_SIZE } from "../../hw/address.js";
import type { Pte } from "../../hw/entry.js";
import { anonVmaPrepare } from "../fault/anon_vma.js";
import { folioAddNewAnonRmap, folioMoveAnonRmap } from "../fault/rmap.js";
import {
  FAULT_FLAG_UNSHARE,
  FAULT_FLAG_WRITE,
  VM_FAULT_FALLBACK,
  VM_FAULT_OOM,
  type VmFault,
} from "../fault/vm_fault.js";
import { folioIsLocked } from "../filemap/folio_wait.js";
import { folioAddLruVma } from "../lru/swap.js";
import { memCgroupCharge } from "../memcg/charge.js";
import { countMemcgEvents } from "../memcg/stats.js";
import {
  addMmCounter,
  MM_ANONPAGES,
  VM_MAYSHARE,
  VM_SHARED,
  type VmAreaStruct,
  type VmFaultResult,
  vmaIsAnonymous,
} from "../mm_types.js";
import { type Folio, folioNrPages, PG_swapcache, PG_uptodate, pageFolio, pfnToPage } from "../pages/folio.js";
import { folioPut } from "../pages/free_pages.js";
import { __GFP_ZERO } from "../pages/gfp.js";
import { allocPages } from "../pages/page_alloc.js";
import {
  maybeMkwrite,
  pteMkdirty,
  pteMkspecial,
  pteMkyoung,
  ptePfn,
  ptepGet,
  setPte,
  vmaPageProt,
} from "../pgtable/pgtable.js";
import { pteAllocOne, pteFree } from "../pgtable/pgtable_alloc.js";
import { flushTlbRange } from "../pgtable/tlb.js";
import { folioFreeSwap } from "../swap/swap_state.js";
import { countVmEvent, THP_FAULT_ALLOC, THP_FAULT_FALLBACK, THP_FAULT_FALLBACK_CHARGE } from "../vmstat.js";
import { deferredSplitFolio } from "./deferred_queue.js";
import { isHugeZeroPmd, mkHugePmd, mmIncNrPtes, pgtableTransHugeDeposit } from "./huge_pmd.js";
import { mmGetHugeZeroFolio } from "./huge_zero.js";
import { khugepagedEnterVma } from "./khugepaged_mm.js";
import { hugeAlignDown, vmaThpGfpMask } from "./thp_orders.js";
import { HPAGE_PMD_NR, HPAGE_PMD_ORDER, modMthpStat } from "./thp_state.js";

/**
 * A zeroed huge page for a fault in `vma`, charged; undefined, and counted, if there is none.
 * Linux mm/huge_memory.c:vma_alloc_anon_folio_pmd()
 */
function vmaAllocAnonFolioPmd(vma: VmAreaStruct): Folio | undefined {
  const { sys, memcg } = vma.vmMm;
  const gfp = vmaThpGfpMask(vma);
  const folio = allocPages(sys, gfp | __GFP_ZERO, HPAGE_PMD_ORDER);
  if (folio !== undefined && (memcg === undefined || memCgroupCharge(sys, folio, memcg, gfp))) {
    folio.flags |= PG_uptodate;
    return folio;
  }
  countVmEvent(sys, THP_FAULT_FALLBACK);
  modMthpStat(sys, HPAGE_PMD_ORDER, "anon_fault_fallback");
  if (folio === undefined) return undefined;
  folioPut(sys, folio);
  countVmEvent(sys, THP_FAULT_FALLBACK_CHARGE);
  modMthpStat(sys, HPAGE_PMD_ORDER, "anon_fault_fallback_charge");
  return undefined;
}

/** Maps the new huge page at `haddr` of `vma`. Linux mm/huge_memory.c:map_anon_folio_pmd() */
export function mapAnonFolioPmd(folio: Folio, pmdp: number, vma: VmAreaStruct, haddr: number): void {
  const { sys } = vma.vmMm;
  const entry = mkHugePmd(folio.pfn, vmaPageProt(vma));
  folioAddNewAnonRmap(folio, vma, haddr, true);
  folioAddLruVma(folio, vma);
  setPte(sys.ram, pmdp, maybeMkwrite(pteMkdirty(entry, sys.pageSoftDirty), vma));
}

/** The same after a fault, which counts. */
function mapFaulted(folio: Folio, vmf: VmFault): void {
  const { vma } = vmf;
  const { sys } = vma.vmMm;
  mapAnonFolioPmd(folio, vmf.pmdp, vma, hugeAlignDown(vmf.address));
  addMmCounter(vma.vmMm, MM_ANONPAGES, HPAGE_PMD_NR);
  countVmEvent(sys, THP_FAULT_ALLOC);
  modMthpStat(sys, HPAGE_PMD_ORDER, "anon_fault_alloc");
  countMemcgEvents(vma.vmMm.memcg, THP_FAULT_ALLOC, 1);
  deferredSplitFolio(sys, folio, false);
}

/**
 * First touch of anonymous memory where level 2 is empty and huge pages are allowed: vmf.pmdp gets a leaf, or
 * VM_FAULT_FALLBACK. Linux mm/huge_memory.c:do_huge_pmd_anonymous_page()
 */
export function doHugePmdAnonymousPage(vmf: VmFault): VmFaultResult {
  const { vma } = vmf;
  const { sys } = vma.vmMm;
  if (!sys.parts.thpVmaSuitableOrder(vma, vmf.address, HPAGE_PMD_ORDER)) return VM_FAULT_FALLBACK;
  anonVmaPrepare(vma);
  khugepagedEnterVma(vma);
  if ((vmf.flags & FAULT_FLAG_WRITE) === 0 && sys.thp.useZeroPage) return mapHugeZero(vmf);
  const folio = vmaAllocAnonFolioPmd(vma);
  if (folio === undefined) return VM_FAULT_FALLBACK;
  const pgtable = pteAllocOne(vma.vmMm);
  if (pgtable === 0) {
    folioPut(sys, folio);
    return VM_FAULT_OOM;
  }
  if (ptepGet(sys.ram, vmf.pmdp) !== 0) {
    pteFree(vma.vmMm, pgtable); // somebody was faster
    folioPut(sys, folio);
    return 0;
  }
  pgtableTransHugeDeposit(vma.vmMm, vmf.pmdp, pgtable);
  mapFaulted(folio, vmf);
  mmIncNrPtes(vma.vmMm);
  return 0;
}

/** A read: the huge page of zeros. Linux mm/huge_memory.c:set_huge_zero_folio() */
function mapHugeZero(vmf: VmFault): VmFaultResult {
  const { vma } = vmf;
  const { vmMm: mm } = vma;
  const { ram } = mm.sys;
  const pgtable = pteAllocOne(mm);
  if (pgtable === 0) return VM_FAULT_OOM;
  const zero = mmGetHugeZeroFolio(mm);
  if (zero === undefined || ptepGet(ram, vmf.pmdp) !== 0) {
    pteFree(mm, pgtable);
    if (zero !== undefined) return 0;
    countVmEvent(mm.sys, THP_FAULT_FALLBACK);
    return VM_FAULT_FALLBACK;
  }
  pgtableTransHugeDeposit(mm, vmf.pmdp, pgtable);
  setPte(ram, vmf.pmdp, pteMkspecial(mkHugePmd(zero.pfn, vmaPageProt(vma))));
  mmIncNrPtes(mm);
  return 0;
}

/** The level-2 entry is a leaf: accessed, dirty. Linux mm/huge_memory.c:huge_pmd_set_accessed() */
export function hugePmdSetAccessed(vmf: VmFault, pmd: Pte): void {
  const { sys } = vmf.vma.vmMm;
  const write = (vmf.flags & FAULT_FLAG_WRITE) !== 0;
  const entry = pteMkyoung(write ? pteMkdirty(pmd, sys.pageSoftDirty) : pmd);
  if (entry !== pmd) setPte(sys.ram, vmf.pmdp, entry);
}

/**
 * A write to the read-only leaf `pmd`: VM_FAULT_FALLBACK if it was split and the small page must be looked
 * at. Linux mm/memory.c:wp_huge_pmd()
 */
export function wpHugePmd(vmf: VmFault, pmd: Pte): VmFaultResult {
  const { vma } = vmf;
  if (vmaIsAnonymous(vma)) return doHugePmdWpPage(vmf, pmd);
  if ((vma.vmFlags & (VM_SHARED | VM_MAYSHARE)) !== 0 && vma.vmOps?.hugeFault !== undefined) {
    const ret = vma.vmOps.hugeFault(vmf, HPAGE_PMD_ORDER);
    if ((ret & VM_FAULT_FALLBACK) === 0) return ret;
  }
  vma.vmMm.sys.parts.splitHugePmd(vma, vmf.pmdp, vmf.address);
  return VM_FAULT_FALLBACK;
}

/** The same in anonymous memory. Linux mm/huge_memory.c:do_huge_pmd_wp_page() */
function doHugePmdWpPage(vmf: VmFault, pmd: Pte): VmFaultResult {
  const { vma } = vmf;
  const { sys } = vma.vmMm;
  if (isHugeZeroPmd(sys, pmd)) {
    const ret = doHugeZeroWpPmd(vmf, pmd);
    if ((ret & VM_FAULT_FALLBACK) === 0) return ret;
  } else {
    const page = pfnToPage(sys, ptePfn(pmd));
    if (page.anonExclusive || becomesOurs(vma, pageFolio(page))) {
      page.anonExclusive = true;
      if ((vmf.flags & FAULT_FLAG_UNSHARE) !== 0) return 0;
      setPte(sys.ram, vmf.pmdp, maybeMkwrite(pteMkdirty(pteMkyoung(pmd), sys.pageSoftDirty), vma));
      return 0;
    }
  }
  sys.parts.splitHugePmd(vma, vmf.pmdp, vmf.address);
  return VM_FAULT_FALLBACK;
}

/** Whether this leaf is the last to hold the folio; then it is the VMA's own. */
function becomesOurs(vma: VmAreaStruct, folio: Folio): boolean {
  const { sys } = vma.vmMm;
  const cached = (folio.flags & PG_swapcache) !== 0;
  if (folioIsLocked(sys, folio) || folio.refcount > 1 + (cached ? folioNrPages(folio) : 0)) return false;
  if (cached) folioFreeSwap(sys, folio);
  if (folio.refcount !== 1) return false;
  folioMoveAnonRmap(folio, vma);
  return true;
}

/** A write to the huge page of zeros: a huge page of its own. Linux mm/huge_memory.c:do_huge_zero_wp_pmd() */
function doHugeZeroWpPmd(vmf: VmFault, pmd: Pte): VmFaultResult {
  const { vma } = vmf;
  const { sys } = vma.vmMm;
  const folio = vmaAllocAnonFolioPmd(vma);
  if (folio === undefined) return VM_FAULT_FALLBACK;
  if (ptepGet(sys.ram, vmf.pmdp) !== pmd) {
    folioPut(sys, folio);
    return 0;
  }
  const haddr = hugeAlignDown(vmf.address);
  setPte(sys.ram, vmf.pmdp, 0);
  flushTlbRange(vma.vmMm, haddr, haddr + PMD_SIZE);
  mapFaulted(folio, vmf);
  return 0;
}
