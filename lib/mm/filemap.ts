/**
 * read(2) and write(2) through the page cache.
 *
 *   filemapRead           page in the cache? copy. Missing? readahead brings it and more; then copy
 *   genericPerformWrite   folio in the cache, or a new one of a size that fits the write; copy, mark dirty.
 *                         The device is written later (page_writeback.ts)
 *
 * A write of 128 KiB at a multiple of 128 KiB makes one folio of 32 pages, if the file system takes large folios; a write of 4 KiB makes
 * a single page. That is how the chunk size in which a file was written shows later in the faults that map it.
 *
 * Read first: address_space.ts, readahead.ts. Read next: filemap_fault.ts.
 */
import { type AddressSpace, filemapGetFolio } from "./address_space.js";
import { EIO, ENOMEM } from "./errno.js";
import { type Folio, folioNrPages, PG_readahead, PG_uptodate, PG_writeback } from "./folio.js";
import { folioPut } from "./page_alloc.js";
import { folioMarkDirty } from "./page_writeback.js";
import {
  type FileRaState,
  lowestSetBit,
  pageCacheAllocFolio,
  pageCacheAsyncRa,
  pageCacheSyncRa,
} from "./readahead.js";
import { folioMarkAccessed } from "./swap.js";

const PAGE_BYTES = 4096;

/** What a new cache folio of `bytes` bytes should be in size, at most. Linux include/linux/pagemap.h:fgf_set_order() */
function fgfOrder(bytes: number): number {
  return bytes < 2 * PAGE_BYTES ? 0 : Math.floor(Math.log2(bytes)) - 12;
}

/**
 * The folio of page `index`, made if it is missing, with order at most `order`; with a reference. Undefined without memory.
 * Linux mm/filemap.c:__filemap_get_folio() with FGP_CREAT
 */
export function filemapGetFolioCreat(mapping: AddressSpace, index: number, order: number): Folio | undefined {
  const present = filemapGetFolio(mapping, index);
  if (present !== undefined) {
    present.refcount++;
    return present;
  }
  let wanted = Math.min(order, mapping.aOps.maxFolioOrder);
  if (index % 2 ** wanted !== 0) wanted = lowestSetBit(index);
  for (; wanted >= 0; wanted--) {
    const folio = pageCacheAllocFolio(mapping, index, wanted);
    if (folio !== undefined) return folio;
  }
  return undefined;
}

/** Makes the folio's bytes valid by reading them; 0 or a negative errno. Linux mm/filemap.c:filemap_read_folio() */
export function filemapReadFolio(mapping: AddressSpace, folio: Folio): number {
  const { sys } = mapping.host;
  if (mapping.aOps.readFolio === undefined) {
    for (let i = 0; i < folioNrPages(folio); i++) sys.ram.zeroFrame(folio.pfn + i);
    folio.flags |= PG_uptodate;
    return 0;
  }
  const error = mapping.aOps.readFolio(folio);
  if (error !== 0) return error;
  return (folio.flags & PG_uptodate) !== 0 ? 0 : -EIO;
}

/** Copies bytes into the folio from byte `offset` of it on. Linux lib/iov_iter.c:copy_folio_from_iter_atomic() */
function copyToFolio(mapping: AddressSpace, folio: Folio, offset: number, bytes: Uint8Array): void {
  const { ram } = mapping.host.sys;
  for (let done = 0; done < bytes.length; ) {
    const at = (offset + done) % PAGE_BYTES;
    const n = Math.min(PAGE_BYTES - at, bytes.length - done);
    ram.frame(folio.pfn + Math.floor((offset + done) / PAGE_BYTES)).set(bytes.subarray(done, done + n), at);
    done += n;
  }
}

/** Copies bytes out of the folio. Linux lib/iov_iter.c:copy_folio_to_iter() */
function copyFromFolio(mapping: AddressSpace, folio: Folio, offset: number, to: Uint8Array): void {
  const { ram } = mapping.host.sys;
  for (let done = 0; done < to.length; ) {
    const at = (offset + done) % PAGE_BYTES;
    const n = Math.min(PAGE_BYTES - at, to.length - done);
    to.set(ram.frame(folio.pfn + Math.floor((offset + done) / PAGE_BYTES)).subarray(at, at + n), done);
    done += n;
  }
}

/**
 * Writes `bytes` at byte `pos` of the file into the cache; the file grows as needed. Bytes written, or a negative errno if none.
 * Linux mm/filemap.c:generic_perform_write()
 */
export function genericPerformWrite(mapping: AddressSpace, pos: number, bytes: Uint8Array): number {
  const { host } = mapping;
  const chunk = PAGE_BYTES * 2 ** mapping.aOps.maxFolioOrder;
  let done = 0;
  while (done < bytes.length) {
    const at = pos + done;
    const wanted = Math.min(chunk - (at % chunk), bytes.length - done);
    const index = Math.floor(at / PAGE_BYTES);
    const folio = filemapGetFolioCreat(mapping, index, fgfOrder(wanted));
    if (folio === undefined) return done > 0 ? done : -ENOMEM;
    const offset = at - folio.index * PAGE_BYTES;
    const size = folioNrPages(folio) * PAGE_BYTES;
    const n = Math.min(wanted, size - offset);
    const error = prepareWrite(mapping, folio, offset, n, size);
    if (error === 0) {
      copyToFolio(mapping, folio, offset, bytes.subarray(done, done + n));
      folio.flags |= PG_uptodate;
      folioMarkDirty(folio);
      if (at + n > host.iSize) host.iSize = at + n;
    }
    folioPut(host.sys, folio);
    if (error !== 0) return done > 0 ? done : error;
    done += n;
  }
  return done;
}

/** Bytes of the folio that are not written must be valid first. Linux fs/buffer.c:__block_write_begin() */
function prepareWrite(mapping: AddressSpace, folio: Folio, offset: number, n: number, size: number): number {
  if ((folio.flags & PG_uptodate) !== 0 || (offset === 0 && n === size)) return 0;
  return filemapReadFolio(mapping, folio);
}

/** The folio of page `index`, up to date, for a read that wants `reqCount` pages; or a negative errno. Linux filemap_get_pages() */
function filemapGetPage(
  mapping: AddressSpace,
  ra: FileRaState,
  index: number,
  reqCount: number,
): Folio | number {
  let folio = filemapGetFolio(mapping, index);
  if (folio === undefined) {
    if (mapping.aOps.readahead !== undefined) pageCacheSyncRa(mapping, ra, index, reqCount);
    folio = filemapGetFolio(mapping, index);
  }
  if (folio === undefined) {
    folio = pageCacheAllocFolio(mapping, index, 0);
    if (folio === undefined) return -ENOMEM;
    folioPut(mapping.host.sys, folio);
  }
  if ((folio.flags & PG_readahead) !== 0) pageCacheAsyncRa(mapping, ra, folio, index, reqCount);
  if ((folio.flags & PG_uptodate) !== 0) return folio;
  const error = filemapReadFolio(mapping, folio);
  return error === 0 ? folio : error;
}

/**
 * Reads into `to` from byte `pos` of the file; bytes read (0 at the end), or a negative errno. A hole of a shmem file reads
 * as zeros without a page. Linux mm/filemap.c:filemap_read(), mm/shmem.c:shmem_file_read_iter()
 */
export function filemapRead(mapping: AddressSpace, ra: FileRaState, pos: number, to: Uint8Array): number {
  const count = Math.min(to.length, Math.max(0, mapping.host.iSize - pos));
  let last: Folio | undefined;
  for (let done = 0; done < count; ) {
    const at = pos + done;
    const index = Math.floor(at / PAGE_BYTES);
    if (mapping.aOps.swapBacked && filemapGetFolio(mapping, index) === undefined) {
      const n = Math.min(PAGE_BYTES - (at % PAGE_BYTES), count - done);
      to.fill(0, done, done + n);
      done += n;
      continue;
    }
    const folio = filemapGetPage(mapping, ra, index, Math.ceil((pos + count) / PAGE_BYTES) - index);
    if (typeof folio === "number") return done > 0 ? done : folio;
    const offset = at - folio.index * PAGE_BYTES;
    const n = Math.min(folioNrPages(folio) * PAGE_BYTES - offset, count - done);
    if (
      folio !== last &&
      !(
        done === 0 &&
        ra.prevPos >= 0 &&
        filemapGetFolio(mapping, Math.floor((ra.prevPos - 1) / PAGE_BYTES)) === folio
      )
    )
      folioMarkAccessed(mapping.host.sys, folio);
    last = folio;
    copyFromFolio(mapping, folio, offset, to.subarray(done, done + n));
    done += n;
  }
  if (count > 0) ra.prevPos = pos + count;
  return count;
}

/** Pages of the cache by state. Linux include/uapi/linux/mman.h:struct cachestat */
export interface Cachestat {
  nrCache: number;
  nrDirty: number;
  nrWriteback: number;
  nrEvicted: number;
}

/**
 * Counts pages [first, last] of the file. Memory of shmem is never dirty in this sense: it has nowhere to be written.
 * Linux mm/filemap.c:filemap_cachestat(), man 2 cachestat
 */
export function filemapCachestat(mapping: AddressSpace, first: number, last: number): Cachestat {
  const stat: Cachestat = { nrCache: 0, nrDirty: 0, nrWriteback: 0, nrEvicted: 0 };
  for (const [index, folio] of mapping.pages) {
    if (index < first || index > last) continue;
    stat.nrCache++;
    if (mapping.dirtyFolios.has(folio)) stat.nrDirty++;
    if ((folio.flags & PG_writeback) !== 0) stat.nrWriteback++;
  }
  return stat;
}
