/**
 * The page cache of one file: which of its pages are in RAM, by page number.
 *
 *   AddressSpace.pages   0 -> folio A (order 0)   1 -> folio B      4 -> folio C (order 2)
 *                                                                   5 -> folio C, 6 -> C, 7 -> C
 *
 * read(2), write(2), mmap and truncate of a file all meet here: there is one copy of each page, so a store
 * through a mapping is seen by read(2) at once. The cache holds one reference for each page of a folio. A
 * page that no process maps stays here until it is evicted.
 *
 * This file is the lookup only: adding, finding, removing. Reading from disk, faults and readahead are in
 * filemap.ts and readahead.ts, which stand above (Linux has all of it in mm/filemap.c).
 *
 * Differs from Linux: a Map by page number instead of an XArray with multi-index entries.
 *
 * Read first: mm/pages/folio.ts. Read next: filemap.ts.
 */

import { currentMemcg, memCgroupCharge } from "../memcg/charge.js";
import { lruvecStatModFolio } from "../memcg/stats.js";
import { vmBugOn } from "../mmdebug.js";
import {
  type Folio,
  folioNextIndex,
  folioNrPages,
  folioRefAdd,
  folioTestPmdMappable,
  PG_dirty,
  PG_private,
  PG_swapbacked,
  PG_writeback,
} from "../pages/folio.js";
import { folioPutRefs } from "../pages/free_pages.js";
import { __GFP_NORETRY, __GFP_NOWARN, __GFP_WRITE, GFP_KERNEL } from "../pages/gfp.js";
import { NR_FILE_PAGES, NR_FILE_THPS, NR_SHMEM, NR_SHMEM_THPS } from "../vmstat.js";
import type { AddressSpace } from "./mapping.js";
import { storeShadow, takeShadows, updateNodes } from "./shadows.js";
import { nodesGet, nodesLose, xasAlloc, xasDestroy } from "./xa_node.js";

/** How pages of the file are allocated (GFP bits). Linux include/linux/pagemap.h:mapping_gfp_mask() */
export function mappingGfpMask(mapping: AddressSpace): number {
  return mapping.gfpMask;
}

/** The bits of `gfp` that the file allows. Linux include/linux/pagemap.h:mapping_gfp_constraint() */
export function mappingGfpConstraint(mapping: AddressSpace, gfp: number): number {
  return mappingGfpMask(mapping) & gfp;
}

/**
 * How pages are allocated that nobody has asked for yet: not worth much trouble, nor a warning.
 * Linux include/linux/pagemap.h:readahead_gfp_mask()
 */
export function readaheadGfpMask(mapping: AddressSpace): number {
  return mappingGfpMask(mapping) | __GFP_NORETRY | __GFP_NOWARN;
}

/** The folio that holds page `index`, without taking a reference. Linux mm/filemap.c:filemap_get_folio() */
export function filemapGetFolio(mapping: AddressSpace, index: number): Folio | undefined {
  return mapping.pages.get(index);
}

/** Whether any page of [start, last] is in the cache. Linux mm/filemap.c:filemap_range_has_page() */
export function filemapRangeHasPage(mapping: AddressSpace, start: number, last: number): boolean {
  for (let index = start; index <= last; index++) if (mapping.pages.has(index)) return true;
  return false;
}

/** The folios with a page in [start, last], in order. Linux mm/filemap.c:filemap_get_folios() */
export function filemapGetFolios(mapping: AddressSpace, start: number, last: number): Folio[] {
  const found: Folio[] = [];
  if (last - start > mapping.pages.size) {
    const seen = new Set<Folio>();
    for (const [index, folio] of mapping.pages) if (index >= start && index <= last) seen.add(folio);
    return [...seen].sort((a, b) => a.index - b.index);
  }
  for (let index = start; index <= last; ) {
    const folio = mapping.pages.get(index);
    if (folio !== undefined) found.push(folio);
    index = folio === undefined ? index + 1 : folioNextIndex(folio);
  }
  return found;
}

/**
 * Puts a new folio into the cache at `index` (a multiple of its size); the cache takes a reference for each
 * page, and the group of the current task pays. False when a page of the range is there already, or in swap,
 * or the group has no room. If reclaim took the page from here not
 * long ago, the folio will be active, unless it is to be written anyway (`gfp`).
 * Linux mm/filemap.c:filemap_add_folio(), before folio_add_lru()
 */
export function filemapAddFolio(mapping: AddressSpace, folio: Folio, index: number, gfp = 0): boolean {
  const nrPages = folioNrPages(folio);
  const { sys } = mapping.host;
  if (!memCgroupCharge(sys, folio, currentMemcg(sys), gfp === 0 ? GFP_KERNEL : gfp)) return false;
  vmBugOn(index % nrPages !== 0, `folio of order ${folio.order} at page ${index} of a file`);
  const room = xasAlloc(mapping, index, nrPages, gfp);
  for (let i = 0; i < nrPages; i++)
    if (mapping.pages.has(index + i) || mapping.swapEntries.has(index + i)) {
      xasDestroy(mapping, room);
      return false;
    }
  for (let i = 0; i < nrPages; i++) mapping.pages.set(index + i, folio);
  nodesGet(mapping, index, nrPages, room);
  const shadow = mapping.nrShadows > 0 ? takeShadows(mapping, index, nrPages) : undefined;
  folioRefAdd(folio, nrPages);
  folio.mapping = mapping;
  folio.index = index;
  if (sys.trace.on)
    sys.trace.emit("filemap:mm_filemap_add_to_page_cache", { pfn: folio.pfn, index, order: folio.order });
  if (mapping.aOps.swapBacked) folio.flags |= PG_swapbacked;
  updateCacheStats(mapping, folio, nrPages);
  if (shadow !== undefined && (gfp & __GFP_WRITE) === 0) sys.parts.workingsetRefault(sys, folio, shadow);
  return true;
}

/**
 * The folio has come into the cache, or left it: its pages count.
 * Linux mm/filemap.c:filemap_unaccount_folio(), mm/shmem.c:shmem_update_stats()
 */
export function updateCacheStats({ aOps, host }: AddressSpace, folio: Folio, nrPages: number): void {
  const { sys } = host;
  lruvecStatModFolio(sys, folio, NR_FILE_PAGES, nrPages);
  if (aOps.swapBacked) lruvecStatModFolio(sys, folio, NR_SHMEM, nrPages);
  if (folioTestPmdMappable(folio))
    lruvecStatModFolio(sys, folio, aOps.swapBacked ? NR_SHMEM_THPS : NR_FILE_THPS, nrPages);
}

/**
 * Takes the folio out of the cache; it must be clean of mappings and writeback. `shadow` stays in its place,
 * if there is one. The cache's references are dropped, which may free it.
 * Linux mm/filemap.c:filemap_remove_folio()
 */
export function filemapRemoveFolio(folio: Folio, shadow?: number): void {
  const mapping = folio.mapping as AddressSpace;
  const nrPages = folioNrPages(folio);
  vmBugOn((folio.flags & PG_writeback) !== 0, "a folio under writeback is removed from the cache");
  if ((folio.flags & PG_private) !== 0) mapping.aOps.releaseFolio?.(folio);
  for (let i = 0; i < nrPages; i++) mapping.pages.delete(folio.index + i);
  if (shadow !== undefined) storeShadow(mapping, folio.index, nrPages, shadow);
  nodesLose(mapping, folio.index, nrPages);
  if (mapping.nrShadows > 0) updateNodes(mapping, folio.index, nrPages);
  if (mapping.pages.size === 0) mapping.host.unpinned?.();
  vmBugOn(
    (folio.flags & PG_dirty) !== 0 && mapping.dirtyFolios.has(folio),
    "a dirty folio is removed from the cache",
  );
  const { sys } = mapping.host;
  if (sys.trace.on) {
    const { pfn, index, order } = folio;
    sys.trace.emit("filemap:mm_filemap_delete_from_page_cache", { pfn, index, order });
  }
  updateCacheStats(mapping, folio, -nrPages);
  folio.mapping = undefined;
  folioPutRefs(sys, folio, nrPages);
}
