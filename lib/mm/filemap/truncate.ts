/**
 * Taking pages out of the page cache: because the file became shorter, or because they are not wanted any
 * more.
 *
 *   truncateSetsize(mapping, size)      the file ends earlier: pages behind the end go, mapped or dirty or not, also private
 *                                       copies; touching them is SIGBUS from now on. The rest of the last page is zeroed
 *   truncatePagecacheRange(...)         a hole in the middle (MADV_REMOVE): private copies stay
 *   invalidateMappingPages(...)         FADV_DONTNEED: only pages that are clean, unmapped and held by nobody
 *
 * Read first: address_space.ts. Read next: fadvise.ts.
 */

import { PAGE_SIZE } from "../../hw/address.js";
import { unmapMappingPages } from "../fault/zap.js";
import { folioSplit } from "../huge/folio_split.js";
import { folioCancelDirty, folioMarkDirty } from "../lru/page_writeback.js";
import { deactivateFileFolio, lruAddDrain } from "../lru/swap.js";
import {
  type Folio,
  folioGet,
  folioMapped,
  folioNextIndex,
  folioNrPages,
  PG_dirty,
  PG_writeback,
} from "../pages/folio.js";
import { folioPut } from "../pages/free_pages.js";
import { filemapGetFolio, filemapGetFolios, filemapRemoveFolio } from "./address_space.js";
import { folioIsLocked, folioIsWriteback, folioWaitLocked, folioWaitWriteback } from "./folio_wait.js";
import type { AddressSpace } from "./mapping.js";
import { clearShadowEntries } from "./shadows.js";
import { shmemUndoSwap } from "./shmem_swap.js";

/** The file has `newsize` bytes from now on. Linux mm/truncate.c:truncate_setsize() */
export function truncateSetsize(mapping: AddressSpace, newsize: number): void {
  const oldsize = mapping.host.iSize;
  mapping.host.iSize = newsize;
  if (newsize <= oldsize) truncatePagecache(mapping, newsize);
}

/** Drops everything from byte `newsize` on. Linux mm/truncate.c:truncate_pagecache() */
function truncatePagecache(mapping: AddressSpace, newsize: number): void {
  unmapMappingPages(mapping, Math.ceil(newsize / PAGE_SIZE), Number.MAX_SAFE_INTEGER / 2, true);
  truncateInodePagesRange(mapping, newsize, Number.POSITIVE_INFINITY);
}

/**
 * Drops the whole pages of bytes [lstart, lend] and zeroes the rest of it.
 * Linux mm/truncate.c:truncate_pagecache_range()
 */
export function truncatePagecacheRange(mapping: AddressSpace, lstart: number, lend: number): void {
  const first = Math.ceil(lstart / PAGE_SIZE);
  const end = Math.floor((lend + 1) / PAGE_SIZE);
  if (end > first) unmapMappingPages(mapping, first, end - first, false);
  truncateInodePagesRange(mapping, lstart, lend);
}

/** Takes bytes [lstart, lend] out of the cache. Linux mm/truncate.c:truncate_inode_pages_range() */
function truncateInodePagesRange(mapping: AddressSpace, lstart: number, lend: number): void {
  const first = Math.floor(lstart / PAGE_SIZE);
  const last = lend === Number.POSITIVE_INFINITY ? Number.MAX_SAFE_INTEGER : Math.floor(lend / PAGE_SIZE);
  do {
    const folios = [...filemapGetFolios(mapping, first, last)];
    for (const folio of folios)
      if (waitQuiet(mapping, folio)) truncateFolioRange(mapping, folio, lstart, lend);
    // Linux mm/swap.c:__folio_batch_release()
    if (folios.length > 0) lruAddDrain(mapping.host.sys);
    // Who waits finds that others have gone to swap meanwhile: until nothing is there.
  } while (mapping.swapEntries.size > 0 && shmemUndoSwap(mapping, lstart, lend));
  const end = lend === Number.POSITIVE_INFINITY ? last : Math.floor((lend + 1) / PAGE_SIZE) - 1;
  clearShadowEntries(mapping, Math.ceil(lstart / PAGE_SIZE), end);
}

/** Waits until nothing of the folio is on its way; false if it has left the file meanwhile. */
function waitQuiet(mapping: AddressSpace, folio: Folio): boolean {
  const { sys } = mapping.host;
  if (!folioIsLocked(sys, folio) && !folioIsWriteback(sys, folio)) return folio.mapping === mapping;
  folioGet(folio);
  folioWaitLocked(sys, folio);
  folioWaitWriteback(sys, folio);
  const stayed = folio.mapping === mapping;
  folioPut(sys, folio);
  return stayed;
}

function truncateFolioRange(mapping: AddressSpace, folio: Folio, lstart: number, lend: number): void {
  const pos = folio.index * PAGE_SIZE;
  const end = folioNextIndex(folio) * PAGE_SIZE;
  if (pos >= lstart && end - 1 <= lend) truncateInodeFolio(mapping, folio);
  else truncateInodePartialFolio(mapping, folio, Math.max(lstart, pos), Math.min(lend, end - 1));
}

/** Drops the folio, mapped or not. Linux mm/truncate.c:truncate_inode_folio() */
function truncateInodeFolio(mapping: AddressSpace, folio: Folio): void {
  if (folioMapped(folio)) unmapMappingPages(mapping, folio.index, folioNrPages(folio), false);
  folioCancelDirty(folio);
  filemapRemoveFolio(folio);
}

/**
 * Zeroes bytes [from, to] of the folio, and drops what whole pages can be split off.
 * Linux truncate_inode_partial_folio()
 */
function truncateInodePartialFolio(mapping: AddressSpace, folio: Folio, from: number, to: number): void {
  const pos = folio.index * PAGE_SIZE;
  if (mapping.aOps.swapBacked) folioMarkDirty(folio); // Linux mm/shmem.c:shmem_undo_range()
  folioZeroRange(mapping, folio, from - pos, to + 1 - pos);
  if (folio.order === 0) return;
  const nrPages = folioNrPages(folio);
  if (!tryFolioSplitOrUnmap(folio, Math.floor((from - pos) / PAGE_SIZE))) {
    if ((folio.flags & PG_dirty) === 0) truncateInodeFolio(mapping, folio);
    return;
  }
  const beyond = Math.floor((to + 1 - pos) / PAGE_SIZE);
  if (beyond < nrPages) {
    // What lies behind the new end of the file is gone already.
    const tail = filemapGetFolio(mapping, pos / PAGE_SIZE + beyond);
    if (tail !== undefined && tail.order > 0)
      tryFolioSplitOrUnmap(tail, pos / PAGE_SIZE + beyond - tail.index);
  }
  const first = Math.ceil(from / PAGE_SIZE);
  const last = Math.floor((to + 1) / PAGE_SIZE) - 1;
  for (const part of filemapGetFolios(mapping, first, last))
    if (part.index >= first && folioNextIndex(part) - 1 <= last) truncateInodeFolio(mapping, part);
}

/**
 * Splits the folio at its page `at`; where that cannot be, the folio is unmapped, so that the next touch maps
 * it again only as far as the file goes. Whether it was split. Linux mm/truncate.c:try_folio_split_or_unmap()
 */
function tryFolioSplitOrUnmap(folio: Folio, at: number): boolean {
  const mapping = folio.mapping as AddressSpace;
  if (folioSplit(folio, at, 0)) return true;
  if (!mapping.aOps.swapBacked && folioMapped(folio))
    unmapMappingPages(mapping, folio.index, folioNrPages(folio), false);
  return false;
}

/** Zeroes bytes [start, end) of the folio. Linux include/linux/highmem.h:folio_zero_range() */
export function folioZeroRange(mapping: AddressSpace, folio: Folio, start: number, end: number): void {
  const { ram } = mapping.host.sys;
  for (let at = start; at < end; ) {
    const n = Math.min(PAGE_SIZE - (at % PAGE_SIZE), end - at);
    ram.frame(folio.pfn + Math.floor(at / PAGE_SIZE)).fill(0, at % PAGE_SIZE, (at % PAGE_SIZE) + n);
    at += n;
  }
}

/**
 * Drops the folio if it is clean, unmapped and held by the cache alone.
 * Linux mm/truncate.c:mapping_evict_folio()
 */
function mappingEvictFolio(folio: Folio): boolean {
  if ((folio.flags & (PG_dirty | PG_writeback)) !== 0) return false;
  if (folio.refcount > folioNrPages(folio)) return false;
  filemapRemoveFolio(folio);
  return true;
}

/**
 * Drops what can be dropped of pages [start, last]: pages dropped and shadows forgotten, and how many pages
 * stayed.
 * Linux mm/truncate.c:mapping_try_invalidate()
 */
export function mappingTryInvalidate(
  mapping: AddressSpace,
  start: number,
  last: number,
): { dropped: number; failed: number } {
  let dropped = 0;
  let failed = 0;
  for (const folio of filemapGetFolios(mapping, start, last)) {
    if (folio.index < start || folioNextIndex(folio) - 1 > last) continue;
    if (folioIsLocked(mapping.host.sys, folio) || folioIsWriteback(mapping.host.sys, folio)) continue;
    if (mappingEvictFolio(folio)) dropped += folioNrPages(folio);
    else {
      deactivateFileFolio(mapping.host.sys, folio);
      failed++;
    }
  }
  dropped += clearShadowEntries(mapping, start, last);
  return { dropped, failed };
}
