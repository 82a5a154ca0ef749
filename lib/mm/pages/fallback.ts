/**
 * Fallback: a request whose own type has no free block takes one of another type.
 *
 *   rmqueue(zone, order, type)
 *     NORMAL   own lists, smallest block first
 *     CLAIM    the LARGEST foreign block: it, or the page block around it, changes its type if
 *                the block is a whole page block, or
 *                half of the page block is free or already full of pages like the request's
 *     STEAL    the SMALLEST foreign block, just this once; what is left of it keeps its type
 *
 *   A request for one movable page does not claim a small block: such pages do no lasting harm elsewhere. For
 *   page tables and the like it is always tried: one of them in a foreign block spoils all of it.
 *
 * Whoever fills a list with many pages (pcp.ts) goes on where the last page was found: RmqueueMode is kept
 * from page to page. After a claim the own list has pages again.
 *
 * An attempt to claim is a sign that memory gets mixed up, so the zone's watermarks are boosted: kswapd frees
 * more for a while, and then wakes compaction.
 *
 * Left out: CMA.
 *
 * Linux mm/page_alloc.c. Read first: migratetype.ts, buddy.ts. Read next: pcp.ts, highatomic.ts.
 */
import type { Pfn } from "../../hw/address.js";
import type { MemorySystem } from "../system.js";
import { ALLOC_KSWAPD, ALLOC_NOFRAGMENT } from "./alloc_flags.js";
import { MAX_PAGE_ORDER, ZONE_BOOSTED_WATERMARK, type Zone } from "./buddy.js";
import { PG_lru, pfnToPage } from "./folio.js";
import {
  MIGRATE_MOVABLE,
  MIGRATE_RECLAIMABLE,
  MIGRATE_UNMOVABLE,
  PAGEBLOCK_NR_PAGES,
  PAGEBLOCK_ORDER,
} from "./migratetype.js";

/** The types that each type falls back on, best first. Linux mm/page_alloc.c:fallbacks */
const FALLBACKS = [
  [MIGRATE_RECLAIMABLE, MIGRATE_MOVABLE],
  [MIGRATE_RECLAIMABLE, MIGRATE_UNMOVABLE],
  [MIGRATE_UNMOVABLE, MIGRATE_MOVABLE],
];

/** Where the last block was found. Linux mm/page_alloc.c:enum rmqueue_mode */
export const RMQUEUE_NORMAL = 0;
/** On another type's list, which was claimed. */
const RMQUEUE_CLAIM = 1;
/** On another type's list, and only it was taken. */
const RMQUEUE_STEAL = 2;

/** Where to go on looking; its maker sets it to RMQUEUE_NORMAL. Not in Linux: a variable's address there. */
interface RmqueueMode {
  at: number;
}

/**
 * Raises the watermarks by a page block, up to 1.5 times the high mark; false where that would do harm.
 * Linux mm/page_alloc.c:boost_watermark()
 */
function boostWatermark(sys: MemorySystem, zone: Zone): boolean {
  const factor = sys.sysctl.watermarkBoostFactor;
  if (factor === 0 || PAGEBLOCK_NR_PAGES * 4 > zone.managedPages) return false;
  const most = Math.floor((zone.watermark.high * factor) / 10000);
  if (most === 0) return false; // early at boot
  zone.watermarkBoost = Math.min(
    zone.watermarkBoost + PAGEBLOCK_NR_PAGES,
    Math.max(PAGEBLOCK_NR_PAGES, most),
  );
  return true;
}

/** Linux mm/page_alloc.c:should_try_claim_block() */
function shouldTryClaimBlock(order: number, startType: number): boolean {
  return order >= Math.floor(PAGEBLOCK_ORDER / 2) || startType !== MIGRATE_MOVABLE;
}

/**
 * The type whose list of this order has a block for a request of `migratetype`; -1 without one, -2 when a
 * block so small is not worth claiming. Linux mm/page_alloc.c:find_suitable_fallback()
 */
export function findSuitableFallback(
  zone: Zone,
  order: number,
  migratetype: number,
  claimable: boolean,
): number {
  if (claimable && !shouldTryClaimBlock(order, migratetype)) return -2;
  const { head, nrFree } = zone.freeArea[order]!;
  if (nrFree === 0) return -1;
  for (const type of FALLBACKS[migratetype]!) if (head[type]! >= 0) return type;
  return -1;
}

/** First frame of the page block around `pfn`, -1 if not all of it is in the zone. */
function pageblockStart(zone: Zone, pfn: Pfn): number {
  const start = pfn - (pfn % PAGEBLOCK_NR_PAGES);
  return start < zone.zoneStartPfn || start + PAGEBLOCK_NR_PAGES > zone.zoneEndPfn ? -1 : start;
}

/**
 * Frames of a page block that are free, and movable ones in use.
 * Linux mm/page_alloc.c:prep_move_freepages_block()
 */
function countPageblock(sys: MemorySystem, zone: Zone, start: Pfn): { free: number; movable: number } {
  let free = 0;
  let movable = 0;
  for (let pfn = start; pfn < start + PAGEBLOCK_NR_PAGES; ) {
    const order = zone.links.orderPlusOne[pfn]! - 1;
    if (order >= 0) free += 2 ** order;
    else if ((pfnToPage(sys, pfn).head.flags & PG_lru) !== 0) movable++;
    pfn += order >= 0 ? 2 ** order : 1;
  }
  return { free, movable };
}

/**
 * The free blocks of the page block around `pfn` go to another type's lists, and the page block is of that
 * type; how many pages, -1 where the zone's edge is in between. Linux mm/page_alloc.c:move_freepages_block()
 */
export function moveFreepagesBlock(zone: Zone, pfn: Pfn, from: number, to: number): number {
  const start = pageblockStart(zone, pfn);
  if (start < 0) return -1;
  let moved = 0;
  for (let at = start; at < start + PAGEBLOCK_NR_PAGES; ) {
    const order = zone.links.orderPlusOne[at]! - 1;
    if (order >= 0) {
      zone.moveToFreeList(at, order, from, to);
      moved += 2 ** order;
    }
    at += order >= 0 ? 2 ** order : 1;
  }
  zone.changePageblockRange(start, PAGEBLOCK_ORDER, to);
  return moved;
}

/** A free block of another type that might be claimed. */
interface ForeignBlock {
  readonly pfn: Pfn;
  readonly order: number;
  readonly type: number;
}

/**
 * Claims a foreign block, or the page block around it, and takes 2^order frames of it; or -1.
 * Linux mm/page_alloc.c:try_to_claim_block()
 */
function tryToClaimBlock(
  sys: MemorySystem,
  zone: Zone,
  block: ForeignBlock,
  order: number,
  startType: number,
  allocFlags: number,
): number {
  const { pfn } = block;
  if (block.order >= PAGEBLOCK_ORDER) {
    zone.delPageFromFreeList(pfn, block.order, block.type);
    zone.accountFreepages(-(2 ** block.order), block.type);
    zone.changePageblockRange(pfn, block.order, startType);
    zone.expand(pfn, order, block.order, startType);
    zone.accountFreepages(2 ** block.order - 2 ** order, startType);
    return pfn;
  }
  if (boostWatermark(sys, zone) && (allocFlags & ALLOC_KSWAPD) !== 0) zone.flags |= ZONE_BOOSTED_WATERMARK;
  const start = pageblockStart(zone, pfn);
  if (start < 0) return -1;
  const { free, movable } = countPageblock(sys, zone, start);
  const unmovable = block.type === MIGRATE_MOVABLE ? PAGEBLOCK_NR_PAGES - free - movable : 0;
  const alike = startType === MIGRATE_MOVABLE ? movable : unmovable;
  if (free + alike < PAGEBLOCK_NR_PAGES / 2) return -1;
  moveFreepagesBlock(zone, start, block.type, startType);
  return zone.rmqueueSmallest(order, startType);
}

/** Claims from the largest foreign block downwards; or -1. Linux mm/page_alloc.c:__rmqueue_claim() */
function rmqueueClaim(
  sys: MemorySystem,
  zone: Zone,
  order: number,
  startType: number,
  allocFlags: number,
): number {
  const least = (allocFlags & ALLOC_NOFRAGMENT) !== 0 ? Math.max(order, PAGEBLOCK_ORDER) : order;
  for (let current = MAX_PAGE_ORDER; current >= least; current--) {
    const type = findSuitableFallback(zone, current, startType, true);
    if (type === -1) continue;
    if (type === -2) break;
    const block = { pfn: zone.freeArea[current]!.head[type]!, order: current, type };
    const pfn = tryToClaimBlock(sys, zone, block, order, startType, allocFlags);
    if (pfn >= 0) return pfn;
  }
  return -1;
}

/** Takes from the smallest foreign block upwards; or -1. Linux mm/page_alloc.c:__rmqueue_steal() */
function rmqueueSteal(zone: Zone, order: number, startType: number): number {
  for (let current = order; current <= MAX_PAGE_ORDER; current++) {
    const type = findSuitableFallback(zone, current, startType, false);
    if (type < 0) continue;
    const pfn = zone.freeArea[current]!.head[type]!;
    zone.pageDelAndExpand(pfn, order, current, type);
    return pfn;
  }
  return -1;
}

/**
 * A block of 2^order frames for a request of `migratetype`, its first frame or -1; `mode` says where to
 * begin, and where it was found. Linux mm/page_alloc.c:__rmqueue()
 */
export function rmqueue(
  sys: MemorySystem,
  zone: Zone,
  order: number,
  migratetype: number,
  allocFlags: number,
  mode: RmqueueMode,
): number {
  if (mode.at === RMQUEUE_NORMAL) {
    const pfn = zone.rmqueueSmallest(order, migratetype);
    if (pfn >= 0) return pfn;
  }
  if (mode.at <= RMQUEUE_CLAIM) {
    const pfn = rmqueueClaim(sys, zone, order, migratetype, allocFlags);
    if (pfn >= 0) {
      mode.at = RMQUEUE_NORMAL;
      return pfn;
    }
  }
  if ((allocFlags & ALLOC_NOFRAGMENT) !== 0) return -1;
  const pfn = rmqueueSteal(zone, order, migratetype);
  if (pfn >= 0) mode.at = RMQUEUE_STEAL;
  return pfn;
}
