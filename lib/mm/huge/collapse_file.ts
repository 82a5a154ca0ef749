/**
 * Collapse in the cache of a file in memory: 512 pages become one folio of 2 MiB.
 *
 *   a new folio; without one nothing has changed
 *   pages in swap are fetched
 *   each folio of the range     off its list, off everybody's entries; fails if anybody else holds it
 *   copy                        zeros where the file has a hole: memory is used there from now on
 *   in the cache                the new folio takes the places of all of them
 *   tables                      those that mapped the range only are taken away (retractPageTables), so that the
 *                               next touch of each process can be a leaf
 *   free                        the small pages
 *
 * While the pages are mapped by nobody and off their lists, nobody can find them but through the file.
 *
 * Differs from Linux: pages are fetched from swap before any folio is taken off its list, since others may
 * run meanwhile. There they find the folios locked and wait.
 *
 * Linux mm/khugepaged.c. Read first: collapse_file_scan.ts. Read next: collapse_pte_mapped.ts.
 */
import { newTlbflushUnmapBatch, tryToUnmap, tryToUnmapFlush } from "../fault/rmap_unmap.js";
import { copyUserHighpage } from "../fault/wp.js";
import { folioIsLocked, folioIsWriteback } from "../filemap/folio_wait.js";
import type { AddressSpace } from "../filemap/mapping.js";
import { shmemSwapin } from "../filemap/shmem_swap.js";
import { nodesGet, nodesLose } from "../filemap/xa_node.js";
import { folioIsolateLru, folioPutbackLru } from "../lru/isolate.js";
import { folioMarkDirty } from "../lru/page_writeback.js";
import { folioAddLru, lruAddDrain } from "../lru/swap.js";
import { lruvecStatModFolio } from "../memcg/stats.js";
import type { MmStruct } from "../mm_types.js";
import {
  type Folio,
  folioGet,
  folioMapped,
  folioNextIndex,
  folioNrPages,
  folioRefAdd,
  PG_active,
  PG_swapbacked,
  PG_unevictable,
  PG_uptodate,
} from "../pages/folio.js";
import { folioPut, folioPutRefs } from "../pages/free_pages.js";
import { NR_FILE_PAGES, NR_SHMEM, NR_SHMEM_THPS } from "../vmstat.js";
import { allocChargeFolio } from "./collapse.js";
import { retractPageTables } from "./collapse_pte_mapped.js";
import { isHugeAt } from "./collapse_scan.js";
import { HPAGE_PMD_NR } from "./thp_state.js";
import type { ScanResult } from "./thp_types.js";

/** Fetches what the range has in swap; false if something cannot be had. */
function fetchSwapped(mapping: AddressSpace, start: number): boolean {
  let fetched = false;
  for (let index = start; index < start + HPAGE_PMD_NR; index++) {
    if (!mapping.swapEntries.has(index)) continue;
    if (shmemSwapin(mapping, index) !== 0) return false;
    fetched = true;
  }
  if (fetched) lruAddDrain(mapping.host.sys);
  return true;
}

/** Why the folio cannot be taken, before anything is done to it; undefined if nothing speaks against it. */
function notFit(mapping: AddressSpace, folio: Folio, start: number): ScanResult | undefined {
  const { sys } = mapping.host;
  if (folioIsLocked(sys, folio)) return "page_lock";
  if ((folio.flags & PG_uptodate) === 0) return "fail";
  if (isHugeAt(folio, start)) return "pte_mapped_hugepage";
  return folioIsWriteback(sys, folio) ? "page_count" : undefined;
}

/**
 * Takes the folios of the range off their lists and off all entries, in order; those taken must go back
 * (putBack) unless the result is "succeed". Linux mm/khugepaged.c:collapse_file(), its first loop
 */
function isolateRange(mapping: AddressSpace, start: number): { folios: Folio[]; result: ScanResult } {
  const { sys } = mapping.host;
  const folios: Folio[] = [];
  const batch = newTlbflushUnmapBatch();
  let result: ScanResult = "succeed";
  for (let index = start; index < start + HPAGE_PMD_NR && result === "succeed"; ) {
    const folio = mapping.pages.get(index);
    if (folio === undefined) {
      if (mapping.swapEntries.has(index)) result = "page_count"; // it has gone to swap again
      index++;
      continue;
    }
    result = notFit(mapping, folio, start) ?? isolateOne(mapping, folio);
    if (result !== "succeed") break;
    folios.push(folio);
    index = folioNextIndex(folio);
  }
  tryToUnmapFlush(sys, batch);
  if (result === "succeed" && folios.length === 0) result = "truncated";
  return { folios, result };

  function isolateOne({ host }: AddressSpace, folio: Folio): ScanResult {
    folioGet(folio);
    if (!folioIsolateLru(host.sys, folio)) {
      folioPut(host.sys, folio);
      return "del_page_lru";
    }
    if (folioMapped(folio)) tryToUnmap(host.sys, folio, batch, true);
    if (folio.refcount === 2 + folioNrPages(folio)) return "succeed";
    folioPutbackLru(host.sys, folio);
    folioPut(host.sys, folio);
    return "page_count";
  }
}

/** The folios stay what they were. */
function putBack(mapping: AddressSpace, folios: readonly Folio[]): void {
  const { sys } = mapping.host;
  for (const folio of folios) {
    folioPutbackLru(sys, folio);
    folioPut(sys, folio);
  }
}

/** The bytes of the range; holes are zeros. */
function copyRange(mapping: AddressSpace, start: number, newFolio: Folio): void {
  const { sys } = mapping.host;
  for (let i = 0; i < HPAGE_PMD_NR; i++) {
    const old = mapping.pages.get(start + i);
    if (old !== undefined) copyUserHighpage(sys, newFolio.pfn + i, old.pfn + start + i - old.index);
    else {
      sys.ram.zeroFrame(newFolio.pfn + i);
      sys.clock.advance(sys.costs.zeroPageNs);
    }
  }
}

/** The new folio takes the places of the old ones, and of holes. Linux collapse_file(), its last part */
function replace(mapping: AddressSpace, start: number, newFolio: Folio, folios: readonly Folio[]): void {
  const { sys } = mapping.host;
  let none = HPAGE_PMD_NR;
  for (const folio of folios) {
    none -= folioNrPages(folio);
    nodesLose(mapping, folio.index, folioNrPages(folio));
  }
  newFolio.mapping = mapping;
  newFolio.index = start;
  newFolio.flags |= PG_swapbacked | PG_uptodate;
  for (let i = 0; i < HPAGE_PMD_NR; i++) mapping.pages.set(start + i, newFolio);
  nodesGet(mapping, start, HPAGE_PMD_NR, undefined);
  lruvecStatModFolio(sys, newFolio, NR_SHMEM_THPS, HPAGE_PMD_NR);
  lruvecStatModFolio(sys, newFolio, NR_FILE_PAGES, none);
  lruvecStatModFolio(sys, newFolio, NR_SHMEM, none);
  folioRefAdd(newFolio, HPAGE_PMD_NR - 1);
  folioMarkDirty(newFolio);
  folioAddLru(sys, newFolio);
}

/** Nobody knows the old folios any more. */
function freeOld(mapping: AddressSpace, folios: readonly Folio[]): void {
  for (const folio of folios) {
    folio.mapping = undefined;
    folio.flags &= ~(PG_active | PG_unevictable);
    folioPutRefs(mapping.host.sys, folio, 2 + folioNrPages(folio));
  }
}

/**
 * Makes one folio of the pages [start, start + 512) of a file in memory, which a scan has found fit.
 * "pte_mapped_hugepage" where a mapping is still to be made (MADV_COLLAPSE), or where the folio is there
 * already. Linux mm/khugepaged.c:collapse_file()
 */
export function collapseFile(
  mm: MmStruct,
  mapping: AddressSpace,
  start: number,
  khugepaged: boolean,
): ScanResult {
  const { sys } = mm;
  const newFolio = allocChargeFolio(mm, khugepaged);
  if (typeof newFolio === "string") return newFolio;
  const fetched = fetchSwapped(mapping, start);
  const { folios, result } = fetched
    ? isolateRange(mapping, start)
    : { folios: [], result: "fail" as ScanResult };
  if (result !== "succeed") {
    putBack(mapping, folios);
    folioPut(sys, newFolio);
    return result;
  }
  copyRange(mapping, start, newFolio);
  replace(mapping, start, newFolio, folios);
  retractPageTables(mapping, start);
  freeOld(mapping, folios);
  return khugepaged ? "succeed" : "pte_mapped_hugepage";
}
