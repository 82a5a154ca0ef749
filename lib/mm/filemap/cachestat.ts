/**
 * How much of a file is in the page cache, and how much was not long ago: cachestat.
 *
 *   place of the cache    folio                       nrCache; nrDirty, nrWriteback
 *                         shadow (shadows.ts)         nrEvicted
 *                           and would have stayed,    nrRecentlyEvicted: it would be put among the active
 *                           with a little more RAM    pages if it came back now
 *                         nothing                     never read, or dropped for good
 *
 * A program that asks this of its files learns whether its working set fits, before it reads a page again.
 *
 * Left out: shared memory in swap.
 *
 * Linux mm/filemap.c, man 2 cachestat. Read first: shadows.ts, mm/lru/workingset.ts.
 */
import { workingsetTestRecent } from "../lru/workingset.js";
import { PG_writeback } from "../pages/folio.js";
import { type AddressSpace, XA_CHUNK_SIZE } from "./mapping.js";

/** Pages of the cache by state. Linux include/uapi/linux/mman.h:struct cachestat */
interface Cachestat {
  nrCache: number;
  nrDirty: number;
  nrWriteback: number;
  nrEvicted: number;
  nrRecentlyEvicted: number;
}

/**
 * Counts pages [first, last] of the file. Memory of shmem is never dirty in this sense: it has nowhere to be
 * written.
 * Linux mm/filemap.c:filemap_cachestat(), man 2 cachestat
 */
export function filemapCachestat(mapping: AddressSpace, first: number, last: number): Cachestat {
  const stat: Cachestat = { nrCache: 0, nrDirty: 0, nrWriteback: 0, nrEvicted: 0, nrRecentlyEvicted: 0 };
  for (const [index, folio] of mapping.pages) {
    if (index < first || index > last) continue;
    stat.nrCache++;
    if (mapping.dirtyFolios.has(folio)) stat.nrDirty++;
    if ((folio.flags & PG_writeback) !== 0) stat.nrWriteback++;
  }
  countShadows(mapping, first, last, stat);
  return stat;
}

/** Adds the pages that reclaim has taken. */
function countShadows(mapping: AddressSpace, first: number, last: number, stat: Cachestat): void {
  for (const { offset, slots } of mapping.nodes.values())
    for (let i = 0; slots !== undefined && i < XA_CHUNK_SIZE; i++) {
      const index = offset * XA_CHUNK_SIZE + i;
      const shadow = slots[i]!;
      if (shadow < 0 || index < first || index > last) continue;
      stat.nrEvicted++;
      if (workingsetTestRecent(mapping.host.sys, shadow, true)) stat.nrRecentlyEvicted++;
    }
}
