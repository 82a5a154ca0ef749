/**
 * read(2) and write(2) through the page cache.
 *
 *   filemapRead           page in the cache? copy. Missing? readahead brings it and more; then copy
 *   genericPerformWrite   folio in the cache, or a new one of a size that fits the write; copy, mark dirty.
 *                         The device is written later (mm/lru/page_writeback.ts)
 *
 * A write of 128 KiB at a multiple of 128 KiB makes one folio of 32 pages, if the file system takes large
 * folios; a write of 4 KiB makes a single page. That is how the chunk size in which a file was written shows
 * later in the faults that map it.
 *
 * Read first: address_space.ts, readahead.ts. Read next: filemap_fault.ts.
 */

import { PAGE_SIZE } from "../../hw/address.js";
import { EFAULT, EIO, ENOMEM } from "../errno.js";
import { balanceDirtyPagesRatelimited } from "../lru/balance_dirty_pages.js";
import { folioMarkDirty } from "../lru/page_writeback.js";
import { folioMarkAccessed } from "../lru/swap.js";
import { outOfSteps, STEP_BUDGET } from "../mmdebug.js";
import { type Folio, folioGet, folioNrPages, PG_readahead, PG_uptodate } from "../pages/folio.js";
import { folioPut } from "../pages/free_pages.js";
import { __GFP_NORETRY, __GFP_NOWARN, __GFP_WRITE } from "../pages/gfp.js";
import { filemapGetFolio, mappingGfpMask } from "./address_space.js";
import type { FileRaState } from "./file_ra_state.js";
import { folioIsLocked, folioWaitLocked } from "./folio_wait.js";
import type { AddressSpace } from "./mapping.js";
import { lowestSetBit, pageCacheAllocFolio, pageCacheAsyncRa, pageCacheSyncRa } from "./readahead.js";
import { shmemAllocFolio } from "./shmem_alloc.js";
import { type ShmemFaultType, shmemSwapin } from "./shmem_swap.js";

/**
 * What a new cache folio of `bytes` bytes should be in size, at most.
 * Linux include/linux/pagemap.h:fgf_set_order()
 */
function fgfOrder(bytes: number): number {
  return bytes < 2 * PAGE_SIZE ? 0 : Math.floor(Math.log2(bytes)) - 12;
}

/**
 * The folio of page `index`, for a write: nothing is on its way into it any more. Or a negative errno.
 * Linux mm/filemap.c:__filemap_get_folio() with FGP_WRITEBEGIN
 */
function filemapGetFolioLocked(
  mapping: AddressSpace,
  index: number,
  order: number,
  writeEnd: number,
): Folio | number {
  const { sys } = mapping.host;
  for (let tries = 0; ; tries++) {
    if (tries > STEP_BUDGET) throw outOfSteps(`finding page ${index} of a file (__filemap_get_folio)`);
    const folio = filemapGetFolioCreat(mapping, index, order, writeGfpMask(mapping), { writeEnd });
    if (typeof folio === "number") return folio;
    folioWaitLocked(sys, folio);
    if (folio.mapping === mapping) return folio;
    folioPut(sys, folio);
  }
}

/**
 * The folio of page `index`, made with `gfp` if it is missing, with order at most `order`; with a reference.
 * Else a negative errno: -ENOMEM, or -EIO for shared memory that cannot be fetched from swap. A large folio
 * is only a wish: it is not tried for hard. Linux mm/filemap.c:__filemap_get_folio() with FGP_CREAT
 */
export function filemapGetFolioCreat(
  mapping: AddressSpace,
  index: number,
  order: number,
  gfp: number,
  fault?: ShmemFaultType,
): Folio | number {
  const error = mapping.swapEntries.size === 0 ? 0 : shmemSwapin(mapping, index, fault);
  if (error !== 0) return error;
  const present = filemapGetFolio(mapping, index);
  if (present !== undefined) {
    folioGet(present);
    return present;
  }
  if (mapping.aOps.swapBacked) {
    const made = shmemAllocFolio(mapping, index, gfp, fault);
    return made === "exists" ? filemapGetNewcomer(mapping, index, fault) : made;
  }
  let wanted = Math.min(order, mapping.aOps.maxFolioOrder);
  if (index % 2 ** wanted !== 0) wanted = lowestSetBit(index);
  for (; wanted >= 0; wanted--) {
    const allocGfp = wanted > 0 ? gfp | __GFP_NORETRY | __GFP_NOWARN : gfp;
    const folio = pageCacheAllocFolio(mapping, index, wanted, allocGfp);
    if (folio !== undefined) return folio;
  }
  return filemapGetNewcomer(mapping, index, fault);
}

/**
 * No folio was made for page `index`: because one came there meanwhile, and may be in swap by now, or for
 * want of memory (-ENOMEM). Linux -EEXIST: repeat
 */
function filemapGetNewcomer(
  mapping: AddressSpace,
  index: number,
  fault: ShmemFaultType | undefined,
): Folio | number {
  const error = shmemSwapin(mapping, index, fault);
  if (error !== 0) return error;
  const folio = filemapGetFolio(mapping, index);
  if (folio === undefined) return -ENOMEM;
  folioGet(folio);
  return folio;
}

/**
 * How pages to be written are allocated. Linux mm/filemap.c:__filemap_get_folio() with FGP_WRITE,
 * mapping_can_writeback()
 */
function writeGfpMask(mapping: AddressSpace): number {
  return mappingGfpMask(mapping) | (mapping.aOps.writepages === undefined ? 0 : __GFP_WRITE);
}

/**
 * Makes the folio's bytes valid: sends for them and waits; 0 or a negative errno.
 * Linux mm/filemap.c:filemap_read_folio()
 */
export function filemapReadFolio(mapping: AddressSpace, folio: Folio): number {
  const { sys } = mapping.host;
  if (mapping.aOps.readFolio === undefined) {
    for (let i = 0; i < folioNrPages(folio); i++) sys.ram.zeroFrame(folio.pfn + i);
    folio.flags |= PG_uptodate;
    return 0;
  }
  mapping.aOps.readFolio(folio);
  folioWaitLocked(sys, folio);
  return (folio.flags & PG_uptodate) !== 0 ? 0 : -EIO;
}

/** Where the bytes of a write come from. Linux include/linux/uio.h:struct iov_iter */
export interface IovIter {
  /** Bytes left. Linux iov_iter_count() */
  readonly count: number;
  /** Fills `to` with the next bytes as far as they are at hand without a page fault; how many. */
  copyAtomic(to: Uint8Array): number;
  /** Goes on by `bytes`, back if negative. Linux iov_iter_advance(), iov_iter_revert() */
  advance(bytes: number): void;
  /**
   * Faults the next `bytes` bytes in; how many could not be.
   * Linux lib/iov_iter.c:fault_in_iov_iter_readable()
   */
  faultIn(bytes: number): number;
}

/** Bytes of the kernel's own: always at hand. Linux lib/iov_iter.c:iov_iter_kvec() */
export class KvecIter implements IovIter {
  private readonly bytes: Uint8Array;
  private done = 0;

  constructor(bytes: Uint8Array) {
    this.bytes = bytes;
  }

  get count(): number {
    return this.bytes.length - this.done;
  }

  copyAtomic(to: Uint8Array): number {
    const part = this.bytes.subarray(this.done, this.done + to.length);
    to.set(part);
    return part.length;
  }

  advance(bytes: number): void {
    this.done += bytes;
  }

  faultIn(): number {
    return 0;
  }
}

/**
 * Copies up to `n` bytes into the folio from byte `offset` of it on; how many.
 * Linux copy_folio_from_iter_atomic()
 */
function copyToFolio(mapping: AddressSpace, folio: Folio, offset: number, n: number, from: IovIter): number {
  const { ram } = mapping.host.sys;
  let done = 0;
  while (done < n) {
    const at = (offset + done) % PAGE_SIZE;
    const wanted = Math.min(PAGE_SIZE - at, n - done);
    const frame = ram.frame(folio.pfn + Math.floor((offset + done) / PAGE_SIZE));
    const copied = from.copyAtomic(frame.subarray(at, at + wanted));
    from.advance(copied);
    done += copied;
    if (copied < wanted) break;
  }
  return done;
}

/** Copies bytes out of the folio. Linux lib/iov_iter.c:copy_folio_to_iter() */
function copyFromFolio(mapping: AddressSpace, folio: Folio, offset: number, to: Uint8Array): void {
  const { ram } = mapping.host.sys;
  for (let done = 0; done < to.length; ) {
    const at = (offset + done) % PAGE_SIZE;
    const n = Math.min(PAGE_SIZE - at, to.length - done);
    to.set(ram.frame(folio.pfn + Math.floor((offset + done) / PAGE_SIZE)).subarray(at, at + n), done);
    done += n;
  }
}

/**
 * Writes what `from` holds at byte `pos` of the file into the cache; the file grows as needed. Bytes written,
 * or a negative errno if none. The bytes are copied without faults first, because a fault could need the very
 * folio that is being written; only if nothing was at hand they are faulted in, and the write starts again.
 * The file may have grown up to `pos` by then, as in Linux.
 * Linux mm/filemap.c:generic_perform_write()
 */
export function genericPerformWrite(mapping: AddressSpace, pos: number, from: IovIter): number {
  let chunk = PAGE_SIZE * 2 ** mapping.aOps.maxFolioOrder;
  let at = pos;
  let wanted = from.count;
  for (let tries = 0; wanted > 0; tries++) {
    if (tries > STEP_BUDGET) throw outOfSteps(`the write at byte ${at} (generic_perform_write)`);
    const bytes = Math.min(chunk - (at % chunk), wanted);
    balanceDirtyPagesRatelimited(mapping);
    const result = writeOnce(mapping, at, bytes, from);
    if (typeof result === "number") return at > pos ? at - pos : result;
    at += result.written;
    wanted = from.count;
    if (result.written > 0) {
      tries = 0;
      continue;
    }
    if (chunk > PAGE_SIZE) chunk /= 2;
    if (result.copied > 0) wanted = result.copied;
    else if (from.faultIn(result.bytes) === result.bytes) return at > pos ? at - pos : -EFAULT;
  }
  return at - pos;
}

/**
 * One folio of a write: what was taken, and how many bytes had been copied and were wanted; or a negative
 * errno.
 */
function writeOnce(
  mapping: AddressSpace,
  at: number,
  wanted: number,
  from: IovIter,
): { written: number; copied: number; bytes: number } | number {
  const { host } = mapping;
  const folio = filemapGetFolioLocked(mapping, Math.floor(at / PAGE_SIZE), fgfOrder(wanted), at + wanted);
  if (typeof folio === "number") return folio;
  const offset = at - folio.index * PAGE_SIZE;
  const size = folioNrPages(folio) * PAGE_SIZE;
  const bytes = Math.min(wanted, size - offset);
  const error = prepareWrite(mapping, folio, offset, bytes, size);
  if (error !== 0) {
    folioPut(host.sys, folio);
    return error;
  }
  const copied = copyToFolio(mapping, folio, offset, bytes, from);
  const short = copied < bytes && (folio.flags & PG_uptodate) === 0;
  // A short copy into a folio that is not valid as a whole does not count, except in memory, where the rest
  // is zeros.
  const written = short && !mapping.aOps.swapBacked ? 0 : copied;
  if (written < copied) from.advance(written - copied);
  if (short) zeroRest(mapping, folio, offset + written, bytes - written);
  else if (copied < bytes && fillsHole(mapping, folio, offset + copied)) folioMarkDirty(folio);
  if (written > 0 || (mapping.aOps.swapBacked && short)) {
    folio.flags |= PG_uptodate;
    folioMarkDirty(folio);
  }
  const oldSize = host.iSize;
  if (at + written > oldSize) host.iSize = at + written;
  folioPut(host.sys, folio);
  if (at > oldSize) mapping.aOps.wroteBehindEnd?.(oldSize, at);
  return { written, copied, bytes };
}

/**
 * A block was set aside for the page, and is written though the copy failed.
 * Linux fs/buffer.c:folio_zero_new_buffers()
 */
function fillsHole(mapping: AddressSpace, folio: Folio, offset: number): boolean {
  return mapping.aOps.isHole?.(folio.index + Math.floor(offset / PAGE_SIZE)) === true;
}

/**
 * What a short copy left out of a new folio becomes zeros; on a disk only where the file has a hole.
 * Linux folio_zero_new_buffers()
 */
function zeroRest(mapping: AddressSpace, folio: Folio, offset: number, n: number): void {
  const { aOps, host } = mapping;
  const size = folioNrPages(folio) * PAGE_SIZE;
  const nrHoles = aOps.isHole === undefined ? folioNrPages(folio) : countHoles(mapping, folio);
  if (nrHoles === 0) return;
  if (nrHoles < folioNrPages(folio)) {
    filemapReadFolio(mapping, folio); // what has a block must not be lost when the folio is written
    if (fillsHole(mapping, folio, offset)) folioMarkDirty(folio);
    return;
  }
  for (let at = offset; at < (aOps.swapBacked ? size : offset + n); ) {
    const start = at % PAGE_SIZE;
    const end = Math.min(PAGE_SIZE, start + size - at);
    host.sys.ram.frame(folio.pfn + Math.floor(at / PAGE_SIZE)).fill(0, start, end);
    at += end - start;
  }
  folioMarkDirty(folio);
  if (offset === 0 && n === size) folio.flags |= PG_uptodate;
}

/** How many pages of the folio have no block. */
function countHoles(mapping: AddressSpace, folio: Folio): number {
  let nr = 0;
  for (let i = 0; i < folioNrPages(folio); i++) if (fillsHole(mapping, folio, i * PAGE_SIZE)) nr++;
  return nr;
}

/**
 * Bytes of the folio that are not written must be valid first: of a large folio whose every page is written
 * to, those of the first and last page. Linux fs/ext4/inode.c:ext4_block_write_begin()
 */
function prepareWrite(mapping: AddressSpace, folio: Folio, offset: number, n: number, size: number): number {
  mapping.aOps.createEmptyBuffers?.(folio);
  if ((folio.flags & PG_uptodate) !== 0 || (offset === 0 && n === size)) return 0;
  const { writeBegin } = mapping.aOps;
  const everyPage = offset < PAGE_SIZE && offset + n > size - PAGE_SIZE;
  if (folio.order > 0 && everyPage && writeBegin !== undefined) return writeBegin(folio, offset, offset + n);
  return filemapReadFolio(mapping, folio);
}

/**
 * The folio of page `index`, up to date and with a reference, for a read that wants `reqCount` pages; or a
 * negative errno. What was found may have left the cache while it was waited for: then the search starts
 * again.
 * Linux mm/filemap.c:filemap_get_pages()
 */
function filemapGetPage(
  mapping: AddressSpace,
  ra: FileRaState,
  index: number,
  reqCount: number,
): Folio | number {
  for (let tries = 0; ; tries++) {
    if (tries > STEP_BUDGET) throw outOfSteps(`reading page ${index} of a file (filemap_get_pages)`);
    const folio = filemapFindPage(mapping, ra, index, reqCount);
    if (typeof folio === "number") return folio;
    const error = filemapUpdatePage(mapping, folio);
    if (error === 0 && folio.mapping === mapping) return folio;
    folioPut(mapping.host.sys, folio);
    if (error !== 0) return error;
  }
}

/**
 * The folio of page `index` with a reference, made if it is missing, with all that reading ahead brings; or a
 * negative errno.
 */
function filemapFindPage(
  mapping: AddressSpace,
  ra: FileRaState,
  index: number,
  reqCount: number,
): Folio | number {
  if (filemapGetFolio(mapping, index) === undefined && mapping.aOps.readahead !== undefined)
    pageCacheSyncRa(mapping, ra, index, reqCount);
  const folio = filemapGetFolioCreat(mapping, index, 0, mappingGfpMask(mapping));
  if (typeof folio === "number") return folio;
  // In memory the bit could only be PG_reclaim: nothing is ever read ahead there.
  if ((folio.flags & PG_readahead) !== 0 && !mapping.aOps.swapBacked)
    pageCacheAsyncRa(mapping, ra, folio, index, reqCount);
  return folio;
}

/**
 * Makes the folio's bytes valid, or waits until they are; 0 or a negative errno.
 * Linux mm/filemap.c:filemap_update_page()
 */
function filemapUpdatePage(mapping: AddressSpace, folio: Folio): number {
  const { sys } = mapping.host;
  if ((folio.flags & PG_uptodate) !== 0 && !folioIsLocked(sys, folio)) return 0;
  folioWaitLocked(sys, folio);
  const valid = (folio.flags & PG_uptodate) !== 0 || folio.mapping !== mapping;
  return valid ? 0 : filemapReadFolio(mapping, folio);
}

/** Page `index` of a file in memory was never written, or cut out. */
function isHoleInMemory(mapping: AddressSpace, index: number): boolean {
  return filemapGetFolio(mapping, index) === undefined && !mapping.swapEntries.has(index);
}

/**
 * Reads into `to` from byte `pos` of the file; bytes read (0 at the end), or a negative errno. A hole of a
 * shmem file reads as zeros without a page. Linux mm/filemap.c:filemap_read(),
 * mm/shmem.c:shmem_file_read_iter()
 */
export function filemapRead(mapping: AddressSpace, ra: FileRaState, pos: number, to: Uint8Array): number {
  const count = Math.min(to.length, Math.max(0, mapping.host.iSize - pos));
  let last: Folio | undefined;
  for (let done = 0; done < count; ) {
    const at = pos + done;
    const index = Math.floor(at / PAGE_SIZE);
    if (mapping.aOps.swapBacked && isHoleInMemory(mapping, index)) {
      const n = Math.min(PAGE_SIZE - (at % PAGE_SIZE), count - done);
      to.fill(0, done, done + n);
      done += n;
      continue;
    }
    const folio = filemapGetPage(mapping, ra, index, Math.ceil((pos + count) / PAGE_SIZE) - index);
    if (typeof folio === "number") return done > 0 ? done : folio;
    const offset = at - folio.index * PAGE_SIZE;
    const n = Math.min(folioNrPages(folio) * PAGE_SIZE - offset, count - done);
    if (
      folio !== last &&
      !(
        done === 0 &&
        ra.prevPos >= 0 &&
        filemapGetFolio(mapping, Math.floor((ra.prevPos - 1) / PAGE_SIZE)) === folio
      )
    )
      folioMarkAccessed(mapping.host.sys, folio);
    last = folio;
    copyFromFolio(mapping, folio, offset, to.subarray(done, done + n));
    folioPut(mapping.host.sys, folio);
    done += n;
  }
  if (count > 0) ra.prevPos = pos + count;
  return count;
}
