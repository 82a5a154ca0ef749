/**
 * Readahead: reading more of a file than was asked for, because what comes next is usually wanted next.
 *
 *   a miss (sync)      |<------------- size ------------->|
 *                      |          |<---- asyncSize ------>|
 *                      start      mark: PG_readahead
 *   a hit on the mark (async): the next window is read while the rest of this one is still being used,
 *                      twice or four times as large, up to the device's limit, and with larger folios (order + 2)
 *
 * A page fault has no history of reads to go by. It reads around the faulting page (start = page - limit/2)
 * until misses outnumber hits by 100; a mapping advised MADV_RANDOM reads one page, MADV_SEQUENTIAL reads
 * ahead as read(2) does.
 *
 * Everything ends in folios added to the cache and one request to the device for each run of them. Nobody
 * waits here: the folios are locked until their bytes have come (folio_wait.ts), and who needs one of them
 * before that waits for it.
 *
 * Read first: address_space.ts. Read next: filemap.ts.
 */

import { PAGE_SIZE } from "../../hw/address.js";
import { folioAddLru } from "../lru/swap.js";
import { type Folio, folioNextIndex, folioNrPages, PG_readahead, PG_writeback } from "../pages/folio.js";
import { folioPut } from "../pages/free_pages.js";
import { allocPages } from "../pages/page_alloc.js";
import { filemapAddFolio, filemapGetFolio, readaheadGfpMask } from "./address_space.js";
import type { FileRaState } from "./file_ra_state.js";
import { type AddressSpace, XA_CHUNK_SIZE } from "./mapping.js";

/**
 * Pages that the device takes in one request: 4 MiB, /sys/block/DEV/queue/max_sectors_kb as measured. Linux
 * io_pages of backing_dev_info
 */
const BDI_IO_PAGES = 1024;

/** Misses of page faults after which reading around stops. Linux mm/internal.h:MMAP_LOTSAMISS */
export const MMAP_LOTSAMISS = 100;

/** Order of the largest power of two that divides `index`. Linux __ffs() */
export function lowestSetBit(index: number): number {
  let order = 0;
  for (let rest = index; rest !== 0 && rest % 2 === 0; rest /= 2) order++;
  return order;
}

/**
 * A new folio at `index` of the cache, allocated with `gfp`; undefined if a page is there already or memory
 * is short.
 * Linux ra_alloc_folio()
 */
export function pageCacheAllocFolio(
  mapping: AddressSpace,
  index: number,
  order: number,
  gfp: number,
): Folio | undefined {
  const { sys } = mapping.host;
  const folio = allocPages(sys, gfp, order);
  if (folio === undefined) return undefined;
  if (!filemapAddFolio(mapping, folio, index, gfp)) {
    folioPut(sys, folio);
    return undefined;
  }
  folioAddLru(sys, folio);
  return folio;
}

/**
 * Sends for new folios, one request for each run without a gap, and lets go of them.
 * Linux mm/readahead.c:read_pages()
 */
function readPages(mapping: AddressSpace, folios: Folio[]): void {
  if (folios.length === 0) return;
  mapping.aOps.readahead?.(folios);
  for (const folio of folios) folioPut(mapping.host.sys, folio);
}

function lastPageOfFile(mapping: AddressSpace): number {
  return Math.ceil(mapping.host.iSize / PAGE_SIZE) - 1;
}

/**
 * Reads `nrToRead` pages from `index` on in single-page folios, leaving out what is there; the page
 * `lookahead` before the end gets the mark. Linux mm/readahead.c:do_page_cache_ra(),
 * page_cache_ra_unbounded()
 */
function doPageCacheRa(mapping: AddressSpace, index: number, nrToRead: number, lookahead: number): void {
  const last = lastPageOfFile(mapping);
  if (index > last) return;
  const end = index + Math.min(nrToRead, last - index + 1);
  const mark = lookahead <= nrToRead ? index + Math.min(nrToRead, last - index + 1) - lookahead : -1;
  const gfp = readaheadGfpMask(mapping);
  let run: Folio[] = [];
  for (let i = index; i < end; ) {
    const folio = mapping.pages.has(i) ? undefined : pageCacheAllocFolio(mapping, i, 0, gfp);
    if (folio === undefined) {
      readPages(mapping, run);
      run = [];
      const present = filemapGetFolio(mapping, i); // since before, or since the allocation
      if (present === undefined) return; // no memory
      i = folioNextIndex(present);
      continue;
    }
    if (i === mark) folio.flags |= PG_readahead;
    run.push(folio);
    i++;
  }
  readPages(mapping, run);
}

/**
 * Reads the window of `ra`, from page `start` on, in folios of up to ra.order. Linux mm/readahead.c:
 * page_cache_ra_order()
 */
export function pageCacheRaOrder(mapping: AddressSpace, ra: FileRaState, start = ra.start): void {
  const { maxFolioOrder } = mapping.aOps;
  const { trace } = mapping.host.sys;
  if (trace.on) {
    const { order, size, asyncSize, raPages } = ra;
    const window = { index: start, order, size, async_size: asyncSize, ra_pages: raPages };
    trace.emit("readahead:page_cache_ra_order", window);
  }
  if (maxFolioOrder === 0) {
    ra.order = 0;
    doPageCacheRa(mapping, start, ra.size, ra.asyncSize);
    return;
  }
  const limit = Math.min(lastPageOfFile(mapping), start + ra.size - 1);
  const mark = start + ra.size - ra.asyncSize;
  ra.order = Math.min(maxFolioOrder, ra.order, Math.floor(Math.log2(Math.max(1, ra.size))));
  const gfp = readaheadGfpMask(mapping);
  const run: Folio[] = [];
  let index = start;
  while (index <= limit) {
    let order = ra.order;
    if (index % 2 ** order !== 0) order = lowestSetBit(index);
    while (order > 0 && index + 2 ** order - 1 > limit) order--;
    const folio = pageCacheAllocFolio(mapping, index, order, gfp);
    if (folio === undefined) break;
    if (index === mark - (mark % 2 ** order)) folio.flags |= PG_readahead;
    run.push(folio);
    index += 2 ** order;
  }
  readPages(mapping, run);
  if (index <= limit) doPageCacheRa(mapping, index, ra.size - (index - start), ra.asyncSize);
}

/** Linux mm/readahead.c:get_init_ra_size() */
function getInitRaSize(size: number, max: number): number {
  const rounded = 2 ** Math.ceil(Math.log2(Math.max(1, size)));
  if (rounded <= max / 32) return rounded * 4;
  return rounded <= max / 4 ? rounded * 2 : max;
}

/** Linux mm/readahead.c:get_next_ra_size() */
function getNextRaSize(ra: FileRaState, max: number): number {
  if (ra.size < max / 16) return 4 * ra.size;
  return ra.size <= max / 2 ? 2 * ra.size : max;
}

/**
 * Where the tree of cached pages looks first when asked for `index`: at the head of the folio there. Going on
 * from it page by page, it counts from `index` all the same, and what it answers is wrong by the distance
 * until it comes to another node of the tree. Linux does so too, and windows of readahead show it.
 * Linux lib/xarray.c:xas_descend()
 */
function xasSlot(mapping: AddressSpace, index: number): number {
  const folio = mapping.pages.get(index);
  // A folio that fills nodes has one place for each of them.
  return folio !== undefined && folioNrPages(folio) < XA_CHUNK_SIZE ? folio.index : index;
}

/**
 * First page below or at `index` that is not in the cache, among `max` pages, else the last of them; -1
 * below 0.
 * Linux mm/filemap.c:page_cache_prev_miss(), lib/xarray.c:__xas_prev()
 */
function pageCachePrevMiss(mapping: AddressSpace, index: number, max: number): number {
  let slot = xasSlot(mapping, index);
  for (let i = 0; i < max; i++) {
    if (slot < 0 || !mapping.pages.has(slot)) return index - i;
    const node = Math.floor(slot / XA_CHUNK_SIZE);
    slot--;
    if (slot >= node * XA_CHUNK_SIZE) continue;
    slot = node === 0 ? -1 : (node - 1) * XA_CHUNK_SIZE + ((index - i - 1) % XA_CHUNK_SIZE);
  }
  return index - max + 1;
}

/**
 * The first page from `index` on that is not cached, looking at `max` pages; the one behind them if all are.
 * Linux mm/filemap.c:page_cache_next_miss(), lib/xarray.c:__xas_next()
 */
function pageCacheNextMiss(mapping: AddressSpace, index: number, max: number): number {
  let slot = xasSlot(mapping, index);
  for (let i = 0; i < max; i++) {
    if (!mapping.pages.has(slot)) return index + i;
    slot++;
    if (slot % XA_CHUNK_SIZE === 0) slot = index + i + 1;
  }
  return index + max;
}

/** The page `index` is missing and `reqCount` pages are wanted. Linux mm/readahead.c:page_cache_sync_ra() */
export function pageCacheSyncRa(
  mapping: AddressSpace,
  ra: FileRaState,
  index: number,
  reqCount: number,
): void {
  const max = ra.raPages;
  if (max === 0 || ra.random) {
    forcePageCacheRa(mapping, ra, index, max === 0 ? 1 : reqCount);
    return;
  }
  const prevIndex = ra.prevPos < 0 ? -1 : Math.floor(ra.prevPos / PAGE_SIZE);
  const step = ra.prevPos < 0 ? Number.POSITIVE_INFINITY : index - prevIndex;
  if (index === 0 || reqCount > max || step === 0 || step === 1) {
    ra.start = index;
    ra.size = getInitRaSize(reqCount, max);
    ra.asyncSize = ra.size > reqCount ? ra.size - reqCount : Math.floor(ra.size / 2);
  } else {
    const miss = pageCachePrevMiss(mapping, index - 1, max);
    const contig = index - miss - 1;
    if (contig <= reqCount) {
      doPageCacheRa(mapping, index, reqCount, 0);
      return;
    }
    ra.start = index;
    ra.size = Math.min((miss < 0 ? contig * 2 : contig) + reqCount, max);
    ra.asyncSize = 1;
  }
  ra.order = 0;
  pageCacheRaOrder(mapping, ra);
}

/** The window ends where a folio of the new order ends, so that the next one can begin with such a folio. */
function alignEnd(ra: FileRaState, max: number): void {
  const align = 2 ** Math.min(ra.order, lowestSetBit(max));
  const end = ra.start + ra.size;
  const alignedEnd = end - (end % align);
  if (alignedEnd > ra.start) ra.size -= end - alignedEnd;
}

/** A page with the mark was used: read the next window. Linux mm/readahead.c:page_cache_async_ra() */
export function pageCacheAsyncRa(
  mapping: AddressSpace,
  ra: FileRaState,
  folio: Folio,
  index: number,
  reqCount: number,
): void {
  if (ra.raPages === 0 || (folio.flags & PG_writeback) !== 0) return;
  folio.flags &= ~PG_readahead;
  const max = ra.raPages;
  const expected = ra.start + ra.size - ra.asyncSize;
  const nrPages = 2 ** folio.order;
  if (index === expected - (expected % nrPages)) {
    ra.start += ra.size;
    ra.size = Math.max(ra.size, getNextRaSize(ra, max)); // may be larger than the window: MADV_HUGEPAGE
  } else {
    const start = pageCacheNextMiss(mapping, index + 1, max);
    if (start - index > max) return;
    ra.start = start;
    ra.size = start - index + reqCount;
    ra.size = getNextRaSize(ra, max);
  }
  ra.order += 2;
  alignEnd(ra, max);
  ra.asyncSize = ra.size;
  pageCacheRaOrder(mapping, ra);
}

/**
 * Reads `nrToRead` pages whatever the history says, but no more than the window or one request to the device.
 * Linux mm/readahead.c:force_page_cache_ra()
 */
export function forcePageCacheRa(
  mapping: AddressSpace,
  ra: FileRaState,
  index: number,
  nrToRead: number,
): void {
  if (mapping.aOps.readahead === undefined) return;
  const nr = Math.min(nrToRead, Math.max(BDI_IO_PAGES, ra.raPages));
  const chunk = 512;
  for (let done = 0; done < nr; done += chunk)
    doPageCacheRa(mapping, index + done, Math.min(chunk, nr - done), 0);
}
