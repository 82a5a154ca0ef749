/**
 * Reverse mapping: from a page to the entries that map it.
 *
 *   anonymous   folio.mapping = AnonVma --rbRoot--> chains --> VMAs      address = vmStart + (index - vmPgoff) pages
 *   file        folio.mapping = AddressSpace --iMmap--------> VMAs
 *
 * A page does not list its entries; it names a group of VMAs that may map it, and each VMA says at which
 * address. After a fork the child's VMA is linked to the AnonVmas of all its ancestors, since inherited pages
 * belong to those:
 *
 *   parent's vma ---- AnonVma P <---- page written before the fork
 *   child's vma  --/  AnonVma C <---- page the child wrote after it: the parent need not be asked
 *             \------/
 *
 * Here too is the bookkeeping of who maps what: every entry made for a page goes through folioAddXxxRmap,
 * every entry removed through folioRemoveRmapPtes; they keep mapcount, the counters of mapped pages, and
 * PageAnonExclusive: set as long as one mm alone maps the page, so that a write may use it in place; fork
 * clears it.
 *
 * Read first: mm/pages/folio.ts, anon_vma.ts. Read next: wp.ts, copy_page_range.ts.
 */

import type { Vaddr } from "../../hw/address.js";
import { PAGE_SIZE } from "../../hw/address.js";
import { deferredSplitFolio } from "../huge/deferred_queue.js";
import { modMthpStat } from "../huge/thp_state.js";
import { mlockFolio, munlockFolio } from "../lru/mlock_batch.js";
import { lruvecStatModFolio } from "../memcg/stats.js";
import { type MmStruct, VM_DROPPABLE, VM_LOCKED, VM_SPECIAL, type VmAreaStruct } from "../mm_types.js";
import { vmBugOn, vmBugOnPage } from "../mmdebug.js";
import {
  type Folio,
  folioNrPages,
  folioTestAnon,
  folioTestPmdMappable,
  type Page,
  PG_partially_mapped,
  PG_swapbacked,
  pfnToPage,
} from "../pages/folio.js";
import type { MemorySystem } from "../system.js";
import { NR_ANON_MAPPED, NR_ANON_THPS, NR_FILE_MAPPED } from "../vmstat.js";
import { folioAddLargeMapcount, folioSubLargeMapcount } from "./large_mapcount.js";

/** Page number of `address` in what `vma` maps. Linux include/linux/pagemap.h:linear_page_index() */
export function linearPageIndex(vma: VmAreaStruct, address: Vaddr): number {
  return (address - vma.vmStart) / PAGE_SIZE + vma.vmPgoff;
}

/** Whose counter of mapped pages the folio belongs to. */
function mappedItem(folio: Folio): number {
  return folioTestAnon(folio) ? NR_ANON_MAPPED : NR_FILE_MAPPED;
}

/**
 * Counts `nrPages` more entries of `mm`, one for each page from `page` on. Linux mm/rmap.c:__folio_add_rmap()
 */
function folioAddRmap(
  sys: MemorySystem,
  folio: Folio,
  page: Page,
  nrPages: number,
  mm: MmStruct | undefined,
): void {
  if (folio.order === 0) {
    if (page.mapcount++ === 0) lruvecStatModFolio(sys, folio, mappedItem(folio), 1);
    return;
  }
  let nr = 0;
  for (let i = 0; i < nrPages; i++) {
    const p = i === 0 ? page : pfnToPage(sys, page.pfn + i);
    if (p.mapcount++ !== 0) continue;
    folio.nrPagesMapped++;
    if (folio.entireMapcount === 0) nr++;
  }
  folioAddLargeMapcount(folio, nrPages, mm);
  if (nr !== 0) lruvecStatModFolio(sys, folio, mappedItem(folio), nr);
}

/** Whether pages that the VMA maps are locked. Linux mm/internal.h:mlock_vma_folio(), its test */
export function vmaIsLocked(vma: VmAreaStruct): boolean {
  return (vma.vmFlags & (VM_LOCKED | VM_SPECIAL)) === VM_LOCKED;
}

/** Makes the folio anonymous memory of `vma`. Linux mm/rmap.c:__folio_set_anon() */
export function folioSetAnon(folio: Folio, vma: VmAreaStruct, address: Vaddr, exclusive: boolean): void {
  const anonVma = vma.anonVma;
  vmBugOn(anonVma === undefined, "an anonymous page needs an AnonVma");
  folio.mapping = exclusive ? anonVma : anonVma!.root;
  folio.index = linearPageIndex(vma, address);
}

/** First entry for a new anonymous folio, all of its pages. Linux mm/rmap.c:folio_add_new_anon_rmap() */
export function folioAddNewAnonRmap(
  folio: Folio,
  vma: VmAreaStruct,
  address: Vaddr,
  exclusive: boolean,
): void {
  const { sys } = vma.vmMm;
  const nr = folioNrPages(folio);
  // Others are dropped, never swapped out.
  if ((vma.vmFlags & VM_DROPPABLE) === 0) folio.flags |= PG_swapbacked;
  folioSetAnon(folio, vma, address, exclusive);
  if (nr === 1) {
    folio.mapcount = 1;
    folio.anonExclusive = exclusive;
  } else if (folioTestPmdMappable(folio)) {
    folio.anonExclusive = exclusive;
    folio.entireMapcount = 1;
    folioAddLargeMapcount(folio, 1, vma.vmMm);
    lruvecStatModFolio(sys, folio, NR_ANON_THPS, nr);
  } else {
    for (let i = 0; i < nr; i++) {
      const page = pfnToPage(sys, folio.pfn + i);
      page.mapcount = 1;
      page.anonExclusive = exclusive;
    }
    folio.nrPagesMapped = nr;
    folioAddLargeMapcount(folio, nr, vma.vmMm);
  }
  if (nr > 1) modMthpStat(sys, folio.order, "nr_anon");
  lruvecStatModFolio(sys, folio, NR_ANON_MAPPED, nr);
}

/**
 * One more entry for each of `nrPages` pages of anonymous memory that has its AnonVma already: back from the
 * swap cache, or a huge page that is split. Linux mm/rmap.c:folio_add_anon_rmap_ptes()
 */
export function folioAddAnonRmapPtes(
  folio: Folio,
  page: Page,
  nrPages: number,
  vma: VmAreaStruct,
  exclusive: boolean,
): void {
  const { sys } = vma.vmMm;
  vmBugOn(!folioTestAnon(folio), "a page of a file is mapped as anonymous memory");
  folioAddRmap(sys, folio, page, nrPages, vma.vmMm);
  if (exclusive)
    for (let i = 0; i < nrPages; i++) (i === 0 ? page : pfnToPage(sys, page.pfn + i)).anonExclusive = true;
  if (folio.order === 0 && vmaIsLocked(vma)) mlockFolio(sys, folio);
}

/** The same for one page. Linux include/linux/rmap.h:folio_add_anon_rmap_pte() */
export function folioAddAnonRmapPte(folio: Folio, page: Page, vma: VmAreaStruct, exclusive: boolean): void {
  folioAddAnonRmapPtes(folio, page, 1, vma, exclusive);
}

/** Entries for `nrPages` pages of a cache folio. Linux mm/rmap.c:folio_add_file_rmap_ptes() */
export function folioAddFileRmapPtes(folio: Folio, page: Page, nrPages: number, vma: VmAreaStruct): void {
  const { sys } = vma.vmMm;
  vmBugOn(folioTestAnon(folio), "a file page is anonymous");
  folioAddRmap(sys, folio, page, nrPages, vma.vmMm);
  if ((folio.order === 0 || nrPages === folioNrPages(folio)) && vmaIsLocked(vma)) mlockFolio(sys, folio);
}

/** `nrPages` entries from `page` on are gone. Linux mm/rmap.c:folio_remove_rmap_ptes() */
export function folioRemoveRmapPtes(folio: Folio, page: Page, nrPages: number, vma: VmAreaStruct): void {
  const { sys } = vma.vmMm;
  if (folio.order === 0) {
    vmBugOnPage(page.mapcount <= 0, page.pfn, "is unmapped more often than mapped");
    if (--page.mapcount === 0) lruvecStatModFolio(sys, folio, mappedItem(folio), -1);
  } else folioRemoveRmapLarge(vma.vmMm, folio, page, nrPages);
  if (vmaIsLocked(vma)) munlockFolio(sys, folio);
}

function folioRemoveRmapLarge(mm: MmStruct, folio: Folio, page: Page, nrPages: number): void {
  const { sys } = mm;
  let nr = 0;
  for (let i = 0; i < nrPages; i++) {
    const p = i === 0 ? page : pfnToPage(sys, page.pfn + i);
    vmBugOnPage(p.mapcount <= 0, p.pfn, "is unmapped more often than mapped");
    if (--p.mapcount !== 0) continue;
    folio.nrPagesMapped--;
    if (folio.entireMapcount === 0) nr++;
  }
  folioSubLargeMapcount(folio, nrPages, mm);
  const partial = nr !== 0 && folio.nrPagesMapped > 0;
  if (partial && folioTestAnon(folio) && (folio.flags & PG_partially_mapped) === 0)
    deferredSplitFolio(sys, folio, true);
  if (nr !== 0) lruvecStatModFolio(sys, folio, mappedItem(folio), -nr);
}

/**
 * fork: one more entry for a cache page, of the child's `dstVma`; of a large folio it must be named.
 * Linux include/linux/rmap.h:folio_dup_file_rmap_pte()
 */
export function folioDupFileRmapPtes(
  sys: MemorySystem,
  folio: Folio,
  page: Page,
  nrPages: number,
  dstVma?: VmAreaStruct,
): void {
  folioAddRmap(sys, folio, page, nrPages, dstVma?.vmMm);
}

/**
 * fork: one more entry for an anonymous page, of the child's `dstVma`; it is shared from now on. False if it
 * must be copied at once (pinned for I/O). Of a large folio the child should be named: else nobody ever knows
 * again whose it is alone. Linux include/linux/rmap.h:folio_try_dup_anon_rmap_pte()
 */
export function folioTryDupAnonRmapPte(
  sys: MemorySystem,
  folio: Folio,
  page: Page,
  dstVma?: VmAreaStruct,
): boolean {
  page.anonExclusive = false;
  if (folio.order === 0) page.mapcount++;
  else folioAddRmap(sys, folio, page, 1, dstVma?.vmMm);
  return true;
}

/**
 * The page belongs to `vma` alone from now on: shorter reverse walks. Linux mm/rmap.c:folio_move_anon_rmap()
 */
export function folioMoveAnonRmap(folio: Folio, vma: VmAreaStruct): void {
  folio.mapping = vma.anonVma;
}

/**
 * Where `nrPages` pages from page number `pgoff` on begin in `vma`; undefined when it maps none of them.
 * Linux include/linux/rmap.h:vma_address()
 */
export function vmaAddress(vma: VmAreaStruct, pgoff: number, nrPages: number): number | undefined {
  if (pgoff >= vma.vmPgoff) {
    const address = vma.vmStart + (pgoff - vma.vmPgoff) * PAGE_SIZE;
    return address < vma.vmEnd ? address : undefined;
  }
  return pgoff + nrPages - 1 >= vma.vmPgoff ? vma.vmStart : undefined;
}

/**
 * Told of one VMA that may map a folio, and of `arg`; false ends the walk. Linux rmap_walk_control.rmap_one
 */
type RmapOne<Arg> = (vma: VmAreaStruct, address: Vaddr, arg: Arg) => boolean;

/**
 * Calls `rmapOne` with `arg` for every VMA that may map the folio, until it returns false.
 * Linux mm/rmap.c:rmap_walk()
 */
export function rmapWalk<Arg>(folio: Folio, rmapOne: RmapOne<Arg>, arg: Arg): void {
  const { mapping } = folio;
  if (mapping === undefined) return;
  const nrPages = folioNrPages(folio);
  if (mapping.isAnon) {
    for (const { vma } of mapping.rbRoot) {
      const address = vmaAddress(vma, folio.index, nrPages);
      if (address !== undefined && !rmapOne(vma, address, arg)) return;
    }
    return;
  }
  for (const vma of mapping.iMmap) {
    const address = vmaAddress(vma, folio.index, nrPages);
    if (address !== undefined && !rmapOne(vma, address, arg)) return;
  }
}
