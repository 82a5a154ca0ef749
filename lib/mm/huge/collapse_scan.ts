/**
 * May the 512 small pages of one range become a huge page, and is it worth it?
 *
 *   hpageCollapseScanPmd(vma, haddr, khugepaged)   each of the 512 entries:
 *      empty or the zero page     at most max_ptes_none
 *      in swap                    at most max_ptes_swap
 *      a page others map, too     at most max_ptes_shared
 *      locked, held by somebody, or not on a list yet   no
 *   and at least one was used lately; with pages in swap, half of them
 *
 * The limits and the use only bind khugepaged, which works unasked; MADV_COLLAPSE is an order.
 *
 * Linux mm/khugepaged.c. Read first: thp_orders.ts. Read next: collapse.ts.
 */
import type { Vaddr } from "../../hw/address.js";
import type { Pte } from "../../hw/entry.js";
import { folioMaybeMappedShared } from "../fault/large_mapcount.js";
import { folioIsLocked } from "../filemap/folio_wait.js";
import type { MmStruct, VmAreaStruct } from "../mm_types.js";
import {
  type Folio,
  folioMapcount,
  folioNrPages,
  folioTestAnon,
  PG_lru,
  PG_referenced,
  PG_swapcache,
  pageFolio,
  pfnToPage,
} from "../pages/folio.js";
import { pmdLeaf, pteIndex, ptePfn, ptePresent, ptepGet, pteSpecial, pteYoung } from "../pgtable/pgtable.js";
import { pmdOffset } from "../pgtable/pgtable_alloc.js";
import type { MemorySystem } from "../system.js";
import {
  countVmEvent,
  THP_SCAN_EXCEED_NONE_PTE,
  THP_SCAN_EXCEED_SHARE_PTE,
  THP_SCAN_EXCEED_SWAP_PTE,
} from "../vmstat.js";
import { HPAGE_PMD_NR, HPAGE_PMD_ORDER } from "./thp_state.js";
import type { ScanResult } from "./thp_types.js";

/** What a look at a range has found. */
interface CollapseScan {
  readonly result: ScanResult;
  /** Entries that were used, and entries in swap. */
  readonly referenced: number;
  readonly unmapped: number;
}

/**
 * The holds of the folio that mappings and the cache account for: that of its file, or of swap. Linux
 * folio_expected_ref_count()
 */
export function folioExpectedRefCount(folio: Folio): number {
  const inFile = folio.mapping !== undefined && !folio.mapping.isAnon;
  const cached = inFile || (folio.flags & PG_swapcache) !== 0;
  return folioMapcount(folio) + (cached ? folioNrPages(folio) : 0);
}

/** The folio is 2 MiB large, and begins at page `start` of the file. */
export function isHugeAt(folio: Folio, start: number): boolean {
  return folio.order === HPAGE_PMD_ORDER && folio.index === start;
}

/**
 * Whether a table stands at level 2 for `address`, and the entry there. Linux mm/khugepaged.c:
 * find_pmd_or_thp_or_none()
 */
export function findPmdOrThpOrNone(mm: MmStruct, address: Vaddr): { result: ScanResult; pmdp: number } {
  const pmdp = pmdOffset(mm, address);
  if (pmdp === 0) return { result: "pmd_null", pmdp };
  const pmd = ptepGet(mm.sys.ram, pmdp);
  if (pmd === 0) return { result: "pmd_none", pmdp };
  return { result: pmdLeaf(pmd) ? "pmd_mapped" : "succeed", pmdp };
}

/** Counts of one scan. */
interface Counts {
  unmapped: number;
  noneOrZero: number;
  shared: number;
  referenced: number;
}

/** An entry that maps nothing, or only zeros. */
export function noneOrZero(sys: MemorySystem, pte: Pte): boolean {
  return pte === 0 || (ptePresent(pte) && pteSpecial(pte) && ptePfn(pte) === sys.zeroPfn);
}

/** One more of a kind that khugepaged puts up with `max` times; whether that is too many, which counts. */
function exceeds(sys: MemorySystem, count: number, max: number, khugepaged: boolean, event: number): boolean {
  if (!khugepaged || count <= max) return false;
  countVmEvent(sys, event);
  return true;
}

/** The entry is empty, in swap or shared: too often? Undefined: go on. */
function scanEntry(vma: VmAreaStruct, pte: Pte, counts: Counts, khugepaged: boolean): ScanResult | undefined {
  const { sys } = vma.vmMm;
  const { maxPtesNone, maxPtesSwap, maxPtesShared } = sys.thp.khugepaged;
  if (pte !== 0 && !ptePresent(pte)) {
    const many = exceeds(sys, ++counts.unmapped, maxPtesSwap, khugepaged, THP_SCAN_EXCEED_SWAP_PTE);
    return many ? "exceed_swap_pte" : undefined;
  }
  if (noneOrZero(sys, pte)) {
    const many = exceeds(sys, ++counts.noneOrZero, maxPtesNone, khugepaged, THP_SCAN_EXCEED_NONE_PTE);
    return many ? "exceed_none_pte" : undefined;
  }
  if (pteSpecial(pte)) return "page_null";
  const folio = pageFolio(pfnToPage(sys, ptePfn(pte)));
  if (!folioTestAnon(folio)) return "page_anon";
  if (folioMaybeMappedShared(folio)) {
    const many = exceeds(sys, ++counts.shared, maxPtesShared, khugepaged, THP_SCAN_EXCEED_SHARE_PTE);
    if (many) return "exceed_shared_pte";
  }
  if ((folio.flags & PG_lru) === 0) return "page_lru";
  if (folioIsLocked(sys, folio)) return "page_lock";
  if (folioExpectedRefCount(folio) !== folio.refcount) return "page_count";
  if (khugepaged && (pteYoung(pte) || (folio.flags & PG_referenced) !== 0)) counts.referenced++;
  return undefined;
}

/**
 * Looks at the range of 2 MiB at `haddr` of anonymous memory. `khugepaged`: its limits hold.
 * Linux mm/khugepaged.c:hpage_collapse_scan_pmd()
 */
export function hpageCollapseScanPmd(vma: VmAreaStruct, haddr: Vaddr, khugepaged: boolean): CollapseScan {
  const { vmMm: mm } = vma;
  const { ram, clock, costs } = mm.sys;
  const counts: Counts = { unmapped: 0, noneOrZero: 0, shared: 0, referenced: 0 };
  const { result: found, pmdp } = findPmdOrThpOrNone(mm, haddr);
  if (found !== "succeed") return { ...counts, result: found };
  const first = ptePfn(ptepGet(ram, pmdp)) * HPAGE_PMD_NR + pteIndex(haddr);
  clock.advance(costs.walkEntryNs * HPAGE_PMD_NR);
  for (let i = 0; i < HPAGE_PMD_NR; i++) {
    const result = scanEntry(vma, ptepGet(ram, first + i), counts, khugepaged);
    if (result !== undefined) return { ...counts, result };
  }
  const unused = counts.referenced === 0 || (counts.unmapped > 0 && counts.referenced < HPAGE_PMD_NR / 2);
  return { ...counts, result: khugepaged && unused ? "lack_referenced_page" : "succeed" };
}
