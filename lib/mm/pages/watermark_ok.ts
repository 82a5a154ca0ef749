/**
 * The watermark test: may this request take pages from this zone now?
 *
 *   free pages            what the lists hold, per-CPU lists not counted
 *   - unusable            2^order - 1: the block must fit; and pages kept for urgent requests of several pages
 *   must be more than
 *   mark, reduced for the urgent (alloc_flags.ts)
 *   + lowmemReserve[highestZoneidx]     what the zone keeps from requests that a higher zone could serve
 *
 *   order 0    that is all
 *   order > 0  a free block of that order or more must stand on a list that ordinary requests use
 *
 *   getPageFromFreelist --> zoneWatermarkFast ----- plainly enough: true, nobody is asked
 *                                             \---> sys.parts.zoneWatermarkOk
 *
 * Every allocation comes through here, so the fast test is two comparisons. It is only made when the part is
 * Linux's own: a learner's part is asked each time.
 *
 * Left out: CMA.
 *
 * Linux mm/page_alloc.c. Read first: wmark.ts, alloc_flags.ts. Read next: page_alloc.ts.
 */
import type { MemorySystem } from "../system.js";
import {
  ALLOC_HIGHATOMIC,
  ALLOC_MIN_RESERVE,
  ALLOC_NON_BLOCK,
  ALLOC_OOM,
  ALLOC_RESERVES,
  isWmarkMin,
} from "./alloc_flags.js";
import { MAX_PAGE_ORDER, type Zone } from "./buddy.js";

/**
 * Free pages that are of no use to the request. Linux mm/page_alloc.c:__zone_watermark_unusable_free()
 */
function unusableFree(zone: Zone, order: number, allocFlags: number): number {
  const whole = 2 ** order - 1;
  return (allocFlags & ALLOC_RESERVES) === 0 ? whole + zone.nrFreeHighatomic : whole;
}

/** The mark for a request with a right to the reserve. Linux mm/page_alloc.c:__zone_watermark_ok() */
function reducedMark(mark: number, allocFlags: number): number {
  let min = mark;
  if ((allocFlags & ALLOC_MIN_RESERVE) !== 0) {
    min -= Math.floor(min / 2);
    if ((allocFlags & ALLOC_NON_BLOCK) !== 0) min -= Math.floor(min / 4);
  }
  if ((allocFlags & ALLOC_OOM) !== 0) min -= Math.floor(min / 2);
  return min;
}

/** Whether a block of 2^order pages or more is free for such a request. */
function hasSuitableBlock(zone: Zone, order: number, allocFlags: number): boolean {
  const highatomic = (allocFlags & (ALLOC_HIGHATOMIC | ALLOC_OOM)) !== 0;
  for (let current = order; current <= MAX_PAGE_ORDER; current++)
    if (zone.hasFreeBlock(current, highatomic)) return true;
  return false;
}

/**
 * Whether a request for 2^order pages leaves `zone`, with `freePages`, above `mark`.
 * Linux mm/page_alloc.c:__zone_watermark_ok()
 */
export function zoneWatermarkOk(
  _sys: MemorySystem,
  zone: Zone,
  order: number,
  mark: number,
  highestZoneidx: number,
  allocFlags: number,
  freePages: number,
): boolean {
  const free = freePages - unusableFree(zone, order, allocFlags);
  const min = (allocFlags & ALLOC_RESERVES) === 0 ? mark : reducedMark(mark, allocFlags);
  if (free <= min + zone.lowmemReserve[highestZoneidx]!) return false;
  return order === 0 || hasSuitableBlock(zone, order, allocFlags);
}

/**
 * The test with the free pages there are now; without the boost for the urgent at the min mark.
 * Linux mm/page_alloc.c:zone_watermark_fast()
 */
export function zoneWatermarkFast(
  sys: MemorySystem,
  zone: Zone,
  order: number,
  mark: number,
  highestZoneidx: number,
  allocFlags: number,
): boolean {
  const { nrFreePages } = zone;
  const { parts } = sys;
  if (order === 0 && parts.zoneWatermarkOk === zoneWatermarkOk) {
    const reserved = (allocFlags & ALLOC_RESERVES) === 0 ? zone.nrFreeHighatomic : 0;
    if (nrFreePages - reserved > mark + zone.lowmemReserve[highestZoneidx]!) return true;
  }
  if (parts.zoneWatermarkOk(sys, zone, order, mark, highestZoneidx, allocFlags, nrFreePages)) return true;
  const urgent = order === 0 && (allocFlags & ALLOC_MIN_RESERVE) !== 0 && isWmarkMin(allocFlags);
  if (!urgent || zone.watermarkBoost === 0) return false;
  const { min } = zone.watermark;
  return parts.zoneWatermarkOk(sys, zone, order, min, highestZoneidx, allocFlags, nrFreePages);
}
