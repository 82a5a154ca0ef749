/**
 * posix_fadvise: what a program says about how it will read a file.
 *
 *   NORMAL SEQUENTIAL RANDOM    how much of this open file is read ahead
 *   WILLNEED                    read into the cache now, up to one window
 *   DONTNEED                    write what is dirty, then drop what nobody uses
 *   NOREUSE                     reclaim shall not wait for a second use (no difference here)
 *
 * Files in memory (shmem: /dev/shm, memfd) have no device behind them: all advice is taken and nothing done.
 * Their pages are the only copy there is; DONTNEED must not drop them.
 *
 * Read first: truncate.ts, readahead.ts.
 */

import { PAGE_SIZE } from "../../hw/address.js";
import { EINVAL } from "../errno.js";
import { filemapFdatawriteRange } from "../lru/page_writeback.js";
import { lruAddDrain, lruAddDrainAll } from "../lru/swap.js";
import type { FileRaState } from "./file_ra_state.js";
import type { AddressSpace } from "./mapping.js";
import { forcePageCacheRa } from "./readahead.js";
import { mappingTryInvalidate } from "./truncate.js";

/** As usual. Linux include/uapi/linux/fadvise.h:POSIX_FADV_NORMAL; so are all POSIX_FADV_ names. */
export const POSIX_FADV_NORMAL = 0;
/** In no order. */
export const POSIX_FADV_RANDOM = 1;
/** From the start to the end. */
export const POSIX_FADV_SEQUENTIAL = 2;
/** Read it ahead. */
export const POSIX_FADV_WILLNEED = 3;
/** It may be dropped from the cache. */
export const POSIX_FADV_DONTNEED = 4;
/** Each byte once. */
export const POSIX_FADV_NOREUSE = 5;

/**
 * Bytes [offset, offset + len) of the file are advised; len 0 means to the end. 0 or -EINVAL.
 * Linux mm/fadvise.c:generic_fadvise()
 */
export function genericFadvise(
  mapping: AddressSpace,
  ra: FileRaState,
  offset: number,
  len: number,
  advice: number,
): number {
  if (len < 0 || advice < POSIX_FADV_NORMAL || advice > POSIX_FADV_NOREUSE) return -EINVAL;
  if (mapping.aOps.swapBacked) return 0; // Linux noop_backing_dev_info
  // Linux reads offset and length as unsigned: a range that begins before the file wraps, and ends nowhere.
  const endbyte = len === 0 || offset < 0 ? Number.MAX_SAFE_INTEGER - 1 : offset + len - 1;
  const { readAheadPages } = mapping.host.sys;
  switch (advice) {
    case POSIX_FADV_RANDOM:
      ra.random = true;
      break;
    case POSIX_FADV_NORMAL:
    case POSIX_FADV_SEQUENTIAL:
      ra.random = false;
      ra.raPages = advice === POSIX_FADV_NORMAL ? readAheadPages : 2 * readAheadPages;
      break;
    case POSIX_FADV_WILLNEED: {
      const first = Math.floor(offset / PAGE_SIZE);
      if (first >= 0) forcePageCacheRa(mapping, ra, first, Math.floor(endbyte / PAGE_SIZE) - first + 1);
      break;
    }
    case POSIX_FADV_DONTNEED:
      fadviseDontneed(mapping, offset, endbyte);
      break;
    default:
      break; // NOREUSE
  }
  return 0;
}

/**
 * Drops the clean, unused pages of bytes [offset, endbyte]. A page that is only partly in the range stays,
 * unless the file ends in it.
 * Linux mm/fadvise.c:generic_fadvise(POSIX_FADV_DONTNEED)
 */
function fadviseDontneed(mapping: AddressSpace, offset: number, endbyte: number): void {
  const { sys, iSize } = mapping.host;
  filemapFdatawriteRange(mapping, Math.floor(offset / PAGE_SIZE), Math.floor(endbyte / PAGE_SIZE), false);
  const first = Math.ceil(offset / PAGE_SIZE);
  if (first < 0) return;
  let last = Math.floor(endbyte / PAGE_SIZE);
  if (endbyte < Number.MAX_SAFE_INTEGER - 1 && (endbyte + 1) % PAGE_SIZE !== 0 && endbyte !== iSize - 1)
    last--;
  if (last < first) return;
  lruAddDrain(sys);
  if (mappingTryInvalidate(mapping, first, last).failed === 0) return;
  lruAddDrainAll(sys);
  mappingTryInvalidate(mapping, first, last);
}
