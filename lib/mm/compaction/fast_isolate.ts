/**
 * The free scanner's short cut: a few blocks of the free lists, before page blocks are scanned.
 *
 *   migrate                          free
 *   |--------------------|-----|-----|          distance
 *                      min    low               a block above low (the last quarter) is taken at once;
 *                                               else the highest one above min (the last half)
 *
 *   orders from the last one that had something, downwards, round and round
 *   each list from its end, a few blocks; what was looked at goes to the front of it (freelist_order.ts)
 *
 * When the scan begins, it looks at 256 blocks, so that it starts where free blocks are: from the highest
 * page block seen, or for an allocation at the min mark.
 *
 * Linux mm/compaction.c. Read first: isolate_freepages.ts, freelist_order.ts. Read next: migrate.ts.
 */
import type { Pfn } from "../../hw/address.js";
import { MIGRATE_MOVABLE, PAGEBLOCK_NR_PAGES } from "../pages/migratetype.js";
import type { MemorySystem } from "../system.js";
import { COMPACTISOLATED, countVmEvents } from "../vmstat.js";
import { type CompactControl, MIGRATE_ASYNC } from "./compact_control.js";
import { freelistScanLimit } from "./fast_find.js";
import { isolateFreeBlock } from "./free_blocks.js";
import { moveFreelistHead } from "./freelist_order.js";
import {
  isolateFreepagesBlock,
  isolateFreepagesLinear,
  suitableMigrationTarget,
} from "./isolate_freepages.js";
import { pageblockEndPfn, pageblockStartPfn, setPageblockSkip } from "./skip.js";

/** One search. Linux: local variables of fast_isolate_freepages() */
interface Search {
  readonly lowPfn: Pfn;
  readonly minPfn: Pfn;
  /** Blocks of one list to look at. */
  limit: number;
  nrScanned: number;
  nrIsolated: number;
  /** The highest page block with a block that was looked at. */
  highest: Pfn;
  /** Where a block was found, -1 so far. */
  pfn: Pfn;
}

/** The next order to search, -1 when all were. Linux mm/compaction.c:next_search_order() */
function nextSearchOrder(cc: CompactControl, order: number): number {
  const next = order > 0 ? order - 1 : cc.order - 1;
  if (next !== cc.searchOrder) return next;
  cc.searchOrder = cc.searchOrder > 0 ? cc.searchOrder - 1 : cc.order - 1;
  return -1;
}

/** Looks at one list from its end: the block to take, or -1; blocks looked at. */
function searchList(cc: CompactControl, search: Search, order: number): number {
  const { zone } = cc;
  let scanned = 0;
  let highPfn = 0;
  let at = zone.freeArea[order]!.tail[MIGRATE_MOVABLE]!;
  for (; at >= 0; at = zone.links.prev[at]!) {
    scanned++;
    search.nrScanned++;
    if (at >= search.highest)
      search.highest = Math.max(search.highest, pageblockStartPfn(at), zone.zoneStartPfn);
    if (at >= search.lowPfn) {
      cc.fastSearchFail = 0;
      cc.searchOrder = order;
      search.pfn = at;
      break;
    }
    if (at >= search.minPfn && at > highPfn) {
      highPfn = at;
      search.limit >>= 1;
    }
    if (scanned >= search.limit) break;
  }
  if (search.pfn < 0 && highPfn > 0) {
    search.pfn = highPfn;
    at = highPfn;
  }
  if (at >= 0) moveFreelistHead(zone, order, MIGRATE_MOVABLE, at);
  return scanned;
}

/** List after list, until a block was taken. Linux mm/compaction.c:fast_isolate_freepages(), its loop */
function searchOrders(sys: MemorySystem, cc: CompactControl, search: Search): void {
  cc.searchOrder = Math.min(cc.order - 1, cc.searchOrder);
  for (let order = cc.searchOrder; search.pfn < 0 && order >= 0; order = nextSearchOrder(cc, order)) {
    if (cc.zone.freeArea[order]!.nrFree === 0) continue;
    const scanned = searchList(cc, search, order);
    if (search.pfn >= 0) {
      const isolated = isolateFreeBlock(sys, cc, search.pfn, order);
      if (isolated > 0) {
        search.nrScanned += isolated - 1;
        search.nrIsolated += isolated;
        countVmEvents(sys, COMPACTISOLATED, isolated);
      } else {
        // The zone has no more to spare: the next step ends the search.
        order = cc.searchOrder + 1;
        search.pfn = -1;
      }
    }
    if (cc.nrFreepages >= cc.nrMigratepages) break;
    if (scanned >= search.limit) search.limit = Math.max(1, search.limit >> 1);
  }
}

/** The scan begins and the search has found nothing: from where on it is to scan. The page block, or -1. */
function startScan(cc: CompactControl, { highest, minPfn }: Search): Pfn {
  if (highest >= minPfn) {
    cc.freePfn = highest;
    return highest;
  }
  if (!cc.directCompaction) return -1;
  cc.freePfn = minPfn;
  return suitableMigrationTarget(cc, minPfn) ? minPfn : -1;
}

/** More free frames of the page block in which one was found. Linux mm/compaction.c:fast_isolate_around() */
function fastIsolateAround(sys: MemorySystem, cc: CompactControl, pfn: Pfn): void {
  if (cc.nrFreepages >= cc.nrMigratepages) return;
  if (cc.directCompaction && cc.mode === MIGRATE_ASYNC) return;
  const start = Math.max(pageblockStartPfn(pfn), cc.zone.zoneStartPfn);
  const end = Math.min(pageblockEndPfn(pfn), cc.zone.zoneEndPfn);
  if (isolateFreepagesBlock(sys, cc, start, end, 1).pfn === end) setPageblockSkip(cc.zone, start);
}

/**
 * Takes a free block of the last part of the zone off the lists, if a short search finds one.
 * Linux mm/compaction.c:fast_isolate_freepages()
 */
function fastIsolateFreepages(sys: MemorySystem, cc: CompactControl): void {
  if (cc.order <= 0) return;
  const { compact } = cc.zone;
  const scanStart = cc.freePfn >= compact.initFreePfn;
  const distance = cc.freePfn - cc.migratePfn;
  const search: Search = {
    lowPfn: pageblockStartPfn(cc.freePfn - Math.floor(distance / 4)),
    minPfn: pageblockStartPfn(cc.freePfn - Math.floor(distance / 2)),
    limit: scanStart ? PAGEBLOCK_NR_PAGES >> 1 : Math.max(1, freelistScanLimit(cc) >> 1),
    nrScanned: 0,
    nrIsolated: 0,
    highest: 0,
    pfn: -1,
  };
  searchOrders(sys, cc, search);
  if (sys.trace.on)
    sys.trace.emit("compaction:mm_compaction_fast_isolate_freepages", {
      start_pfn: search.minPfn,
      end_pfn: cc.freePfn,
      nr_scanned: search.nrScanned,
      nr_taken: search.nrIsolated,
    });
  let around = search.pfn;
  if (around < 0) {
    cc.fastSearchFail++;
    if (scanStart) around = startScan(cc, search);
  }
  if (search.highest > 0 && search.highest >= compact.cachedFreePfn)
    compact.cachedFreePfn = search.highest - PAGEBLOCK_NR_PAGES;
  cc.totalFreeScanned += search.nrScanned;
  sys.clock.advance(search.nrScanned * sys.costs.compactScanNs);
  if (around >= 0) fastIsolateAround(sys, cc, around);
}

/**
 * Free frames for the pages that are to be moved, onto cc.freepages.
 * Linux mm/compaction.c:isolate_freepages()
 */
export function isolateFreepages(sys: MemorySystem, cc: CompactControl): void {
  fastIsolateFreepages(sys, cc);
  if (cc.nrFreepages === 0) isolateFreepagesLinear(sys, cc);
}
