/**
 * The page cache of one file: which of its pages are in RAM, by page number.
 *
 *   AddressSpace.pages   0 -> folio A (order 0)   1 -> folio B      4 -> folio C (order 2)
 *                                                                   5 -> folio C, 6 -> C, 7 -> C
 *
 * read(2), write(2), mmap and truncate of a file all meet here: there is one copy of each page, so a store through a
 * mapping is seen by read(2) at once. The cache holds one reference for each page of a folio. A page that no process maps
 * stays here until it is evicted.
 *
 * This file is the lookup only: adding, finding, removing. Reading from disk, faults and readahead are in
 * filemap.ts and readahead.ts, which stand above (Linux has all of it in mm/filemap.c).
 *
 * Differs from Linux: a Map by page number instead of an XArray with multi-index entries.
 *
 * Read first: mm/pages/folio.ts. Read next: filemap.ts.
 */

import type { VmAreaStruct } from "../mm_types.js";
import { vmBugOn } from "../mmdebug.js";
import {
  type Folio,
  folioNextIndex,
  folioNrPages,
  PG_dirty,
  PG_swapbacked,
  PG_writeback,
} from "../pages/folio.js";
import { folioPutRefs } from "../pages/page_alloc.js";
import type { MemorySystem } from "../system.js";
import { modNodePageState, NR_FILE_PAGES, NR_SHMEM } from "../vmstat.js";

/** What the cache must know about the file it belongs to. Linux include/linux/fs.h:struct inode */
export interface MappingHost {
  readonly sys: MemorySystem;
  /** Size of the file in bytes. Linux i_size */
  iSize: number;
  /** Pages of a file in memory that were promised when it was made; they go back with it. Linux mm/shmem.c:shmem_acct_size() */
  accountedPages: number;
}

/** How a file system fills and cleans the cache. Linux include/linux/fs.h:struct address_space_operations */
export interface AddressSpaceOperations {
  /** Reads the folio's bytes from the device; 0 or a negative errno. Without it a missing page is a page of zeros (shmem). */
  readFolio?(folio: Folio): number;
  /** Reads a run of new folios in one request. */
  readahead?(folios: readonly Folio[]): void;
  /** Bytes [from, to) of a new folio will be written: makes the rest of its first and last page valid. 0 or a negative errno. */
  writeBegin?(folio: Folio, from: number, to: number): number;
  /** Writes the folio's bytes to the device; 0 or a negative errno. Without it dirty pages stay (shmem). */
  writeFolio?(folio: Folio): number;
  /** The first folio of a write at byte `pos` is done, behind the end, which was byte `oldSize`. Linux: a part of write_end */
  wroteBehindEnd?(oldSize: number, pos: number): void;
  /** Whether page `index` of the file has no block on the device. */
  isHole?(index: number): boolean;
  /** Largest order of folios that the file system takes in its cache. */
  readonly maxFolioOrder: number;
  /** Pages are backed by swap, not by the file: shmem. */
  readonly swapBacked: boolean;
}

/** The pages of a file in RAM and the VMAs that map it. Linux include/linux/fs.h:struct address_space */
export class AddressSpace {
  /** Tells AddressSpace from AnonVma in folio.mapping. */
  readonly isAnon = false as const;
  readonly host: MappingHost;
  readonly aOps: AddressSpaceOperations;
  /** Folio of each page number in RAM. Linux i_pages */
  readonly pages = new Map<number, Folio>();
  /** Every VMA that maps the file. Linux i_mmap */
  readonly iMmap = new Set<VmAreaStruct>();
  /** How many of them are VM_SHARED and may write. Linux i_mmap_writable */
  iMmapWritable = 0;
  /** Dirty folios: what fsync has to write. Linux PAGECACHE_TAG_DIRTY */
  readonly dirtyFolios = new Set<Folio>();

  constructor(host: MappingHost, aOps: AddressSpaceOperations) {
    this.host = host;
    this.aOps = aOps;
  }

  /** Pages in the cache. Linux nrpages */
  get nrpages(): number {
    return this.pages.size;
  }
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
 * Puts a new folio into the cache at `index` (a multiple of its size); the cache takes a reference for each page. False
 * when a page of the range is there already. Linux mm/filemap.c:__filemap_add_folio()
 */
export function filemapAddFolio(mapping: AddressSpace, folio: Folio, index: number): boolean {
  const nrPages = folioNrPages(folio);
  vmBugOn(index % nrPages !== 0, `folio of order ${folio.order} at page ${index} of a file`);
  for (let i = 0; i < nrPages; i++) if (mapping.pages.has(index + i)) return false;
  for (let i = 0; i < nrPages; i++) mapping.pages.set(index + i, folio);
  folio.refcount += nrPages;
  folio.mapping = mapping;
  folio.index = index;
  const { sys } = mapping.host;
  if (sys.trace.on)
    sys.trace.emit("filemap:mm_filemap_add_to_page_cache", { pfn: folio.pfn, index, order: folio.order });
  modNodePageState(sys, NR_FILE_PAGES, nrPages);
  if (mapping.aOps.swapBacked) {
    folio.flags |= PG_swapbacked;
    modNodePageState(sys, NR_SHMEM, nrPages);
  }
  return true;
}

/**
 * Takes the folio out of the cache; it must be clean of mappings and writeback. The cache's references are dropped, which
 * may free it. Linux mm/filemap.c:filemap_remove_folio()
 */
export function filemapRemoveFolio(folio: Folio): void {
  const mapping = folio.mapping as AddressSpace;
  const nrPages = folioNrPages(folio);
  vmBugOn((folio.flags & PG_writeback) !== 0, "a folio under writeback is removed from the cache");
  for (let i = 0; i < nrPages; i++) mapping.pages.delete(folio.index + i);
  vmBugOn(
    (folio.flags & PG_dirty) !== 0 && mapping.dirtyFolios.has(folio),
    "a dirty folio is removed from the cache",
  );
  const { sys } = mapping.host;
  if (sys.trace.on) {
    const { pfn, index, order } = folio;
    sys.trace.emit("filemap:mm_filemap_delete_from_page_cache", { pfn, index, order });
  }
  modNodePageState(sys, NR_FILE_PAGES, -nrPages);
  if (mapping.aOps.swapBacked) modNodePageState(sys, NR_SHMEM, -nrPages);
  folio.mapping = undefined;
  folioPutRefs(sys, folio, nrPages);
}
