/**
 * posix_fadvise: what a program says about how it will read a file.
 *
 *   NORMAL SEQUENTIAL RANDOM    size of the readahead window of this open file
 *   WILLNEED                    read into the cache now
 *   DONTNEED                    write what is dirty, then drop what nobody uses
 *
 * Read first: truncate.ts, readahead.ts.
 */
import type { AddressSpace } from "./address_space.js";
import { filemapFdatawriteRange } from "./page_writeback.js";
import { type FileRaState, forcePageCacheRa } from "./readahead.js";
import { lruAddDrain, lruAddDrainAll } from "./swap.js";
import { mappingTryInvalidate } from "./truncate.js";

/** Linux mm/fadvise.c:generic_fadvise(POSIX_FADV_WILLNEED); bytes [offset, offset + len). */
export function fadviseWillneed(mapping: AddressSpace, offset: number, len: number): void {
  if (mapping.aOps.readahead === undefined) return;
  const first = Math.floor(offset / 4096);
  const last = Math.floor((offset + len - 1) / 4096);
  forcePageCacheRa(mapping, first, last - first + 1);
}

/**
 * Drops the clean, unused pages of bytes [offset, offset + len); len 0 means to the end. A page that is only partly in the range stays,
 * unless the file ends in it. Linux mm/fadvise.c:generic_fadvise(POSIX_FADV_DONTNEED)
 */
export function fadviseDontneed(mapping: AddressSpace, offset: number, len: number): void {
  const { sys, iSize } = mapping.host;
  const endbyte = len === 0 ? Number.MAX_SAFE_INTEGER - 1 : offset + len - 1;
  filemapFdatawriteRange(mapping, Math.floor(offset / 4096), Math.floor(endbyte / 4096));
  const first = Math.ceil(offset / 4096);
  let last = Math.floor(endbyte / 4096);
  if (len !== 0 && (endbyte + 1) % 4096 !== 0 && endbyte !== iSize - 1) last--;
  if (last < first) return;
  lruAddDrain(sys);
  if (mappingTryInvalidate(mapping, first, last).failed === 0) return;
  lruAddDrainAll(sys);
  mappingTryInvalidate(mapping, first, last);
}

/** Sets the readahead window: 0 none (RANDOM), twice the device's (SEQUENTIAL), or the device's. Linux generic_fadvise() */
export function fadviseWindow(
  ra: FileRaState,
  deviceRaPages: number,
  advice: "normal" | "sequential" | "random",
): void {
  ra.raPages = advice === "random" ? 0 : advice === "sequential" ? 2 * deviceRaPages : deviceRaPages;
}
