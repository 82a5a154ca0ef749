/**
 * Collapse: 512 small pages become a huge page.
 *
 *   allocChargeFolio     a new huge page; without one nothing has changed
 *   swap in what is not in RAM
 *   the table is unhooked and flushed: nobody can write into the range any more
 *   collapseIsolate      every page off its list; fails if anybody else holds one
 *   copy                 512 pages, zeros where there was none
 *   unmap, free          the small pages
 *   map                  one leaf; the table that is not needed any more is set aside for it
 *
 * Unlike a huge fault it costs 512 copies, but in the background, and a program that has grown in small steps
 * gets huge pages as well. Nothing is freed: rather, where pages were missing, memory is used now.
 *
 * Linux mm/khugepaged.c. Read first: collapse_scan.ts. Read next: khugepaged.ts, madvise_collapse.ts.
 */
import type { Pfn, Vaddr } from "../../hw/address.js";
import { PAGE_SIZE, PMD_SIZE } from "../../hw/address.js";
import { folioMaybeMappedShared } from "../fault/large_mapcount.js";
import { folioPteBatch } from "../fault/pte_batch.js";
import { folioRemoveRmapPtes } from "../fault/rmap.js";
import { VM_FAULT_ERROR, VM_FAULT_RETRY, VmFault } from "../fault/vm_fault.js";
import { clearUserHighpage, copyUserHighpage } from "../fault/wp.js";
import { folioIsLocked } from "../filemap/folio_wait.js";
import { folioIsolateLru, folioPutbackLru } from "../lru/isolate.js";
import { folioIsFileLru } from "../lru/mm_inline.js";
import { lruAddDrain } from "../lru/swap.js";
import { memCgroupCharge } from "../memcg/charge.js";
import { countMemcgEvents } from "../memcg/stats.js";
import { addMmCounter, MM_ANONPAGES, type MmStruct, type VmAreaStruct, vmaIsAnonymous } from "../mm_types.js";
import {
  type Folio,
  folioNrPages,
  PG_referenced,
  PG_uptodate,
  pageFolio,
  pfnToPage,
} from "../pages/folio.js";
import { folioPut, folioPutRefs } from "../pages/free_pages.js";
import { GFP_TRANSHUGE, GFP_TRANSHUGE_LIGHT } from "../pages/gfp.js";
import { allocPages } from "../pages/page_alloc.js";
import { PAGE_TABLE, pmdLeaf, ptePfn, ptePresent, ptepGet, pteYoung, setPte } from "../pgtable/pgtable.js";
import { pmdOffset } from "../pgtable/pgtable_alloc.js";
import { isSwapPte } from "../pgtable/swapops.js";
import { flushTlbRange } from "../pgtable/tlb.js";
import { freeSwapCache } from "../swap/swap_state.js";
import {
  countVmEvent,
  modNodePageState,
  NR_ISOLATED_ANON,
  THP_COLLAPSE_ALLOC,
  THP_COLLAPSE_ALLOC_FAILED,
  THP_SCAN_EXCEED_NONE_PTE,
  THP_SCAN_EXCEED_SHARE_PTE,
} from "../vmstat.js";
import { folioExpectedRefCount, noneOrZero } from "./collapse_scan.js";
import { deferredSplitFolio } from "./deferred_queue.js";
import { mapAnonFolioPmd } from "./huge_fault.js";
import { pgtableTransHugeDeposit } from "./huge_pmd.js";
import { thpVmaAllowableOrder, thpVmaSuitableOrder } from "./thp_orders.js";
import { HPAGE_PMD_NR, HPAGE_PMD_ORDER } from "./thp_state.js";
import type { ScanResult } from "./thp_types.js";

/**
 * A new huge page for `mm`, charged; or why there is none. Linux mm/khugepaged.c:alloc_charge_folio()
 */
export function allocChargeFolio(mm: MmStruct, khugepaged: boolean): Folio | ScanResult {
  const { sys, memcg } = mm;
  const gfp = khugepaged && !sys.thp.khugepaged.defrag ? GFP_TRANSHUGE_LIGHT : GFP_TRANSHUGE;
  const folio = allocPages(sys, gfp, HPAGE_PMD_ORDER);
  if (folio === undefined) {
    countVmEvent(sys, THP_COLLAPSE_ALLOC_FAILED);
    return "alloc_huge_page_fail";
  }
  countVmEvent(sys, THP_COLLAPSE_ALLOC);
  if (memcg !== undefined && !memCgroupCharge(sys, folio, memcg, gfp)) {
    folioPut(sys, folio);
    return "cgroup_charge_fail";
  }
  countMemcgEvents(folio.memcg, THP_COLLAPSE_ALLOC, 1);
  return folio;
}

/**
 * The VMA at `haddr` of an mm that others may have changed, if a huge page may be there; or why not.
 * Linux mm/khugepaged.c:hugepage_vma_revalidate()
 */
export function hugepageVmaRevalidate(
  mm: MmStruct,
  haddr: Vaddr,
  khugepaged: boolean,
): VmAreaStruct | ScanResult {
  const vma = mm.mmMt.find(haddr);
  if (vma === undefined || !thpVmaSuitableOrder(vma, haddr, HPAGE_PMD_ORDER)) return "address_range";
  return thpVmaAllowableOrder(vma, khugepaged ? "khugepaged" : "forced_collapse") ? vma : "vma_check";
}

/** Brings in what is in swap. Linux mm/khugepaged.c:__collapse_huge_page_swapin() */
export function collapseSwapin(vma: VmAreaStruct, haddr: Vaddr, pmdp: number): ScanResult {
  const { sys } = vma.vmMm;
  const first = ptePfn(ptepGet(sys.ram, pmdp)) * HPAGE_PMD_NR;
  for (let i = 0; i < HPAGE_PMD_NR; i++) {
    const pte = ptepGet(sys.ram, first + i);
    if (!isSwapPte(pte)) continue;
    const vmf = new VmFault(vma, haddr + i * PAGE_SIZE, 0);
    Object.assign(vmf, { pmdp, ptep: first + i, origPte: pte });
    const ret = sys.parts.doSwapPage(vmf);
    if ((ret & VM_FAULT_RETRY) !== 0) return "page_lock";
    if ((ret & VM_FAULT_ERROR) !== 0) return "fail";
  }
  lruAddDrain(sys);
  return "succeed";
}

/** Folios that were taken off their lists. */
export interface Isolated {
  readonly folios: Set<Folio>;
  readonly result: ScanResult;
}

/**
 * Takes every page of the unhooked `table` off its list; those taken must go back (collapseRelease) if not
 * all could be. Linux mm/khugepaged.c:__collapse_huge_page_isolate()
 */
export function collapseIsolate(vma: VmAreaStruct, table: Pfn, khugepaged: boolean): Isolated {
  const { sys } = vma.vmMm;
  const { maxPtesNone, maxPtesShared } = sys.thp.khugepaged;
  const folios = new Set<Folio>();
  let none = 0;
  let shared = 0;
  let referenced = 0;
  for (let i = 0; i < HPAGE_PMD_NR; i++) {
    const pte = ptepGet(sys.ram, table * HPAGE_PMD_NR + i);
    if (noneOrZero(sys, pte)) {
      if (!khugepaged || ++none <= maxPtesNone) continue;
      countVmEvent(sys, THP_SCAN_EXCEED_NONE_PTE);
      return { folios, result: "exceed_none_pte" };
    }
    if (!ptePresent(pte)) return { folios, result: "pte_non_present" };
    const folio = pageFolio(pfnToPage(sys, ptePfn(pte)));
    if (folioMaybeMappedShared(folio) && khugepaged && ++shared > maxPtesShared) {
      countVmEvent(sys, THP_SCAN_EXCEED_SHARE_PTE);
      return { folios, result: "exceed_shared_pte" };
    }
    if (!folios.has(folio)) {
      const result = isolateOne(vma, folio);
      if (result !== "succeed") return { folios, result };
      folios.add(folio);
    }
    if (pteYoung(pte) || (folio.flags & PG_referenced) !== 0) referenced++;
  }
  return { folios, result: khugepaged && referenced === 0 ? "lack_referenced_page" : "succeed" };
}

function isolateOne(vma: VmAreaStruct, folio: Folio): ScanResult {
  const { sys } = vma.vmMm;
  if (folioIsLocked(sys, folio)) return "page_lock";
  if (folioExpectedRefCount(folio) !== folio.refcount) return "page_count";
  if (!folioIsolateLru(sys, folio)) return "del_page_lru";
  modNodePageState(sys, isolatedItem(folio), folioNrPages(folio));
  return "succeed";
}

function isolatedItem(folio: Folio): number {
  return NR_ISOLATED_ANON + (folioIsFileLru(folio) ? 1 : 0);
}

/** Isolated folios go back to their lists. Linux mm/khugepaged.c:release_pte_folio() */
export function collapseRelease(vma: VmAreaStruct, folios: Iterable<Folio>): void {
  const { sys } = vma.vmMm;
  for (const folio of folios) {
    modNodePageState(sys, isolatedItem(folio), -folioNrPages(folio));
    freeSwapCache(sys, folio);
    folioPutbackLru(sys, folio);
  }
}

/**
 * Copies what the 512 entries of `table` map into `folio`. Linux mm/khugepaged.c:__collapse_huge_page_copy()
 */
function collapseCopy(vma: VmAreaStruct, table: Pfn, folio: Folio): void {
  const { sys } = vma.vmMm;
  for (let i = 0; i < HPAGE_PMD_NR; i++) {
    const pte = ptepGet(sys.ram, table * HPAGE_PMD_NR + i);
    if (noneOrZero(sys, pte)) clearUserHighpage(sys, folio.pfn + i);
    else copyUserHighpage(sys, folio.pfn + i, ptePfn(pte));
  }
}

/**
 * Empties the entries of `table`, whose pages have been copied, and lets go of the pages. Where nothing was
 * mapped, a page is resident from now on.
 * Linux mm/khugepaged.c:__collapse_huge_page_copy_succeeded()
 */
function collapseUnmap(vma: VmAreaStruct, table: Pfn): void {
  const { sys } = vma.vmMm;
  for (let i = 0, nr = 1; i < HPAGE_PMD_NR; i += nr) {
    nr = 1;
    const ptep = table * HPAGE_PMD_NR + i;
    const pte = ptepGet(sys.ram, ptep);
    if (noneOrZero(sys, pte)) {
      addMmCounter(vma.vmMm, MM_ANONPAGES, 1);
      setPte(sys.ram, ptep, 0);
      continue;
    }
    const page = pfnToPage(sys, ptePfn(pte));
    const folio = pageFolio(page);
    if (folio.order > 0) nr = folioPteBatch(sys, folio, page, ptep, pte, HPAGE_PMD_NR - i);
    for (let k = 0; k < nr; k++) setPte(sys.ram, ptep + k, 0);
    folioRemoveRmapPtes(folio, page, nr, vma);
    folioPutRefs(sys, folio, nr);
  }
}

/**
 * Makes a huge page of what the range at `haddr` maps, which a scan has found fit. The caller must look the
 * VMA up again. Linux mm/khugepaged.c:collapse_huge_page()
 */
export function collapseHugePage(
  mm: MmStruct,
  haddr: Vaddr,
  unmapped: number,
  khugepaged: boolean,
): ScanResult {
  const { sys } = mm;
  const folio = allocChargeFolio(mm, khugepaged);
  if (typeof folio === "string") return folio;
  const result = collapseInto(mm, haddr, unmapped, khugepaged, folio);
  if (result !== "succeed") folioPut(sys, folio);
  return result;
}

/** The same, with the huge page at hand; it stays the caller's unless that succeeds. */
function collapseInto(
  mm: MmStruct,
  haddr: Vaddr,
  unmapped: number,
  khugepaged: boolean,
  folio: Folio,
): ScanResult {
  const { sys } = mm;
  const vma = hugepageVmaRevalidate(mm, haddr, khugepaged);
  if (typeof vma === "string") return vma;
  if (vma.anonVma === undefined || !vmaIsAnonymous(vma)) return "page_anon";
  const pmdp = pmdOffset(mm, haddr);
  const pmd = pmdp === 0 ? 0 : ptepGet(sys.ram, pmdp);
  if (pmd === 0 || pmdLeaf(pmd)) return pmd === 0 ? "pmd_null" : "pmd_mapped";
  if (unmapped > 0) {
    const result = collapseSwapin(vma, haddr, pmdp);
    if (result !== "succeed") return result;
  }
  const table = ptePfn(ptepGet(sys.ram, pmdp));
  setPte(sys.ram, pmdp, 0);
  flushTlbRange(mm, haddr, haddr + PMD_SIZE);
  const { folios, result } = collapseIsolate(vma, table, khugepaged);
  if (result !== "succeed") {
    setPte(sys.ram, pmdp, table * PAGE_SIZE + PAGE_TABLE);
    collapseRelease(vma, folios);
    return result;
  }
  collapseCopy(vma, table, folio);
  collapseUnmap(vma, table);
  collapseRelease(vma, folios);
  folio.flags |= PG_uptodate;
  pgtableTransHugeDeposit(mm, pmdp, table);
  mapAnonFolioPmd(folio, pmdp, vma, haddr);
  deferredSplitFolio(sys, folio, false);
  return "succeed";
}
