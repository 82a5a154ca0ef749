/**
 * HIGHATOMIC page blocks: kept for urgent requests of several pages, which cannot wait until they are made.
 *
 *   a network card's interrupt needs 4 pages in a row, now
 *     --> got them: the page block around them is kept for the next such request, up to 1 % of the zone
 *     --> when others fail after reclaim, a block is given back; before the OOM killer, all of them
 *
 * Free pages of such blocks do not count for ordinary requests (watermark_ok.ts).
 *
 * Linux mm/page_alloc.c. Read first: migratetype.ts, fallback.ts. Read next: slow_path.ts.
 */
import type { Pfn } from "../../hw/address.js";
import type { MemorySystem } from "../system.js";
import { MAX_PAGE_ORDER, type Zone } from "./buddy.js";
import { moveFreepagesBlock } from "./fallback.js";
import {
  MIGRATE_HIGHATOMIC,
  migratetypeIsMergeable,
  PAGEBLOCK_NR_PAGES,
  PAGEBLOCK_ORDER,
} from "./migratetype.js";

/**
 * Keeps the page block around an urgent request, unless 1 % of the zone is kept already.
 * Linux mm/page_alloc.c:reserve_highatomic_pageblock()
 */
export function reserveHighatomicPageblock(zone: Zone, pfn: Pfn, order: number): void {
  const percent = Math.floor(zone.managedPages / 100);
  if (percent < PAGEBLOCK_NR_PAGES) return;
  const most = Math.ceil(percent / PAGEBLOCK_NR_PAGES) * PAGEBLOCK_NR_PAGES;
  if (zone.nrReservedHighatomic >= most) return;
  const type = zone.pageblockType(pfn);
  if (!migratetypeIsMergeable(type)) return;
  if (order < PAGEBLOCK_ORDER) {
    if (moveFreepagesBlock(zone, pfn, type, MIGRATE_HIGHATOMIC) < 0) return;
  } else zone.changePageblockRange(pfn, order, MIGRATE_HIGHATOMIC);
  zone.nrReservedHighatomic += Math.max(PAGEBLOCK_NR_PAGES, 2 ** order);
}

/** Gives the page block of a free block back, as `migratetype`; whether any page was free in it. */
function unreserve(zone: Zone, pfn: Pfn, order: number, migratetype: number): boolean {
  const size = Math.max(PAGEBLOCK_NR_PAGES, 2 ** order);
  zone.nrReservedHighatomic -= Math.min(size, zone.nrReservedHighatomic);
  if (order < PAGEBLOCK_ORDER) return moveFreepagesBlock(zone, pfn, MIGRATE_HIGHATOMIC, migratetype) > 0;
  zone.moveToFreeList(pfn, order, MIGRATE_HIGHATOMIC, migratetype);
  zone.changePageblockRange(pfn, order, migratetype);
  return true;
}

/**
 * A page block with free pages that was kept is given to requests of `migratetype`; with `force` also the
 * last one of a zone. Whether there was one. Linux mm/page_alloc.c:unreserve_highatomic_pageblock()
 */
export function unreserveHighatomicPageblock(
  sys: MemorySystem,
  highestZoneidx: number,
  migratetype: number,
  force: boolean,
): boolean {
  for (let i = Math.min(highestZoneidx, sys.zones.length - 1); i >= 0; i--) {
    const zone = sys.zones[i]!;
    if (zone.nrReservedHighatomic === 0) continue;
    if (!force && zone.nrReservedHighatomic <= PAGEBLOCK_NR_PAGES) continue;
    for (let order = 0; order <= MAX_PAGE_ORDER; order++) {
      const pfn = zone.freeArea[order]!.head[MIGRATE_HIGHATOMIC]!;
      if (pfn >= 0 && unreserve(zone, pfn, order, migratetype)) return true;
    }
  }
  return false;
}
