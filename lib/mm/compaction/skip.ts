/**
 * Skip marks: page blocks in which a scanner has lately found nothing, so that the next one passes them by.
 *
 *   page block   0    1    2    3    4    5    6    7
 *   skip              x    x                   x
 *                               ^ cachedMigratePfn  ^ cachedFreePfn
 *
 * A mark is set before a page block is isolated (so that nobody else begins there), and by the free scanner
 * when it has been through one. Marks go when the scanners have met in a direct compaction and kswapd goes to
 * sleep afterwards, or at the first attempt after 63 skipped ones: only from page blocks of which a sample,
 * every 8th page, shows something to be moved or a free page. Both scanners then begin at the outermost of
 * these.
 *
 * Linux mm/compaction.c. Read first: zone_compaction.ts. Read next: isolate_migratepages.ts.
 */
import type { Pfn } from "../../hw/address.js";
import type { Zone } from "../pages/buddy.js";
import { PG_lru, peekPage } from "../pages/folio.js";
import { PAGE_ALLOC_COSTLY_ORDER } from "../pages/gfp.js";
import { MIGRATE_MOVABLE, PAGEBLOCK_NR_PAGES, PAGEBLOCK_ORDER } from "../pages/migratetype.js";
import type { MemorySystem } from "../system.js";
import { type CompactControl, MIGRATE_ASYNC } from "./compact_control.js";

/** First frame of the page block of `pfn`. Linux include/linux/pageblock-flags.h:pageblock_start_pfn() */
export function pageblockStartPfn(pfn: Pfn): Pfn {
  return pfn - (pfn % PAGEBLOCK_NR_PAGES);
}

/** First frame after it. Linux include/linux/pageblock-flags.h:pageblock_end_pfn() */
export function pageblockEndPfn(pfn: Pfn): Pfn {
  return pageblockStartPfn(pfn) + PAGEBLOCK_NR_PAGES;
}

/** Whether the page block of `pfn` is marked. Linux include/linux/pageblock-flags.h:get_pageblock_skip() */
export function getPageblockSkip({ links }: Zone, pfn: Pfn): boolean {
  return links.pageblockSkip[pfn >>> PAGEBLOCK_ORDER] !== 0;
}

/** Marks it. Linux include/linux/pageblock-flags.h:set_pageblock_skip() */
export function setPageblockSkip({ links }: Zone, pfn: Pfn): void {
  links.pageblockSkip[pfn >>> PAGEBLOCK_ORDER] = 1;
}

function clearPageblockSkip({ links }: Zone, pfn: Pfn): void {
  links.pageblockSkip[pfn >>> PAGEBLOCK_ORDER] = 0;
}

/** Whether the page block of `pfn` is to be scanned. Linux mm/compaction.c:isolation_suitable() */
export function isolationSuitable(cc: CompactControl, pfn: Pfn): boolean {
  return cc.ignoreSkipHint || !getPageblockSkip(cc.zone, pfn);
}

/** A huge page fills the page block: nothing can be gained. Linux pageblock_skip_persistent() */
export function pageblockSkipPersistent(sys: MemorySystem, pfn: Pfn): boolean {
  const page = peekPage(sys, pfn);
  return page !== undefined && page.head.order >= PAGEBLOCK_ORDER;
}

/** Marks the page block of `pfn`; whether it was marked. Linux mm/compaction.c:test_and_set_skip() */
export function testAndSetSkip(cc: CompactControl, pfn: Pfn): boolean {
  if (cc.ignoreSkipHint) return false;
  const skip = getPageblockSkip(cc.zone, pfn);
  if (!skip) setPageblockSkip(cc.zone, pfn);
  return skip;
}

/**
 * The migrate scanner is through with the page block of `pfn`: the next one begins behind it.
 * Linux mm/compaction.c:update_cached_migrate()
 */
export function updateCachedMigrate(cc: CompactControl, pfn: Pfn): void {
  const { cachedMigratePfn } = cc.zone.compact;
  const end = pageblockEndPfn(pfn);
  cachedMigratePfn[0] = Math.max(cachedMigratePfn[0], end);
  if (cc.mode !== MIGRATE_ASYNC) cachedMigratePfn[1] = Math.max(cachedMigratePfn[1], end);
}

/**
 * The free scanner is through with the page block at `blockPfn`: the next one begins at `pfn`.
 * Linux mm/compaction.c:update_pageblock_skip()
 */
export function updatePageblockSkip(cc: CompactControl, blockPfn: Pfn, pfn: Pfn): void {
  const { compact } = cc.zone;
  setPageblockSkip(cc.zone, blockPfn);
  compact.cachedFreePfn = Math.min(compact.cachedFreePfn, pfn);
}

/** Both scanners begin at their ends of the zone. Linux mm/compaction.c:reset_cached_positions() */
export function resetCachedPositions(zone: Zone): void {
  setCachedMigrate(zone, zone.zoneStartPfn);
  zone.compact.cachedFreePfn = pageblockStartPfn(zone.zoneEndPfn - 1);
}

/** Both modes' migrate scanners begin at `pfn`. */
export function setCachedMigrate({ compact }: Zone, pfn: Pfn): void {
  compact.cachedMigratePfn[0] = pfn;
  compact.cachedMigratePfn[1] = pfn;
}

/**
 * Takes the mark of the page block of `pfn` off if a sample shows a page that could be moved (`checkSource`)
 * or a free block (`checkTarget`); whether it is worth a scan. Linux mm/compaction.c:__reset_isolation_pfn()
 */
function resetIsolationPfn(
  sys: MemorySystem,
  zone: Zone,
  pfn: Pfn,
  checkSource: boolean,
  checkTarget: boolean,
): boolean {
  if (pageblockSkipPersistent(sys, pfn)) return false;
  if (checkSource && checkTarget && !getPageblockSkip(zone, pfn)) return true;
  if (!checkSource && checkTarget && zone.pageblockType(pfn) !== MIGRATE_MOVABLE) return false;
  const last = Math.min(pageblockEndPfn(pfn), zone.zoneEndPfn) - 1;
  const first = Math.max(pageblockStartPfn(pfn), zone.zoneStartPfn);
  for (let at = first; at <= last; at += 1 << PAGE_ALLOC_COSTLY_ORDER) {
    const lru = checkSource && ((peekPage(sys, at)?.head.flags ?? 0) & PG_lru) !== 0;
    if (!lru && !(checkTarget && zone.isFreeBlock(at))) continue;
    clearPageblockSkip(zone, pfn);
    return true;
  }
  return false;
}

/**
 * Takes marks off from both ends of the zone inwards, if a direct compaction has been through all of it.
 * Linux mm/compaction.c:__reset_isolation_suitable()
 */
export function resetZoneIsolation(sys: MemorySystem, zone: Zone): void {
  const { compact } = zone;
  if (!compact.blockskipFlush) return;
  compact.blockskipFlush = false;
  let migratePfn = zone.zoneStartPfn;
  let freePfn = zone.zoneEndPfn - 1;
  let resetMigrate = freePfn;
  let resetFree = migratePfn;
  let sourceSet = false;
  let freeSet = false;
  for (; migratePfn < freePfn; migratePfn += PAGEBLOCK_NR_PAGES, freePfn -= PAGEBLOCK_NR_PAGES) {
    if (resetIsolationPfn(sys, zone, migratePfn, true, sourceSet) && migratePfn < resetMigrate) {
      sourceSet = true;
      resetMigrate = migratePfn;
      compact.initMigratePfn = migratePfn;
      setCachedMigrate(zone, migratePfn);
    }
    if (resetIsolationPfn(sys, zone, freePfn, freeSet, true) && freePfn > resetFree) {
      freeSet = true;
      resetFree = freePfn;
      compact.initFreePfn = freePfn;
      compact.cachedFreePfn = freePfn;
    }
  }
  if (resetMigrate < resetFree) return;
  setCachedMigrate(zone, migratePfn);
  compact.cachedFreePfn = freePfn;
}

/** The same for all zones: kswapd goes to sleep. Linux mm/compaction.c:reset_isolation_suitable() */
export function resetIsolationSuitable(sys: MemorySystem): void {
  for (const zone of sys.zones) if (zone.presentPages > 0) resetZoneIsolation(sys, zone);
}
