/**
 * The migrate scanner: which page block is next.
 *
 *   isolateMigratepages
 *     fastFindMigrateblock   a page block that has large free blocks already needs little work: looks at
 *                            a few blocks of the free lists, order 8 down to 3, for one in the first half
 *                            (later: the first eighth) of what lies before the free scanner
 *     not found?             in order, from where it stopped
 *     page block by page block up to the free scanner:
 *       marked "skip"        passed by
 *       of another type      passed by, if an allocation in async mode waits
 *       else                 isolateMigratepagesBlock
 *
 * Each search that finds nothing halves how much the next one looks at.
 *
 * Linux mm/compaction.c. Read first: isolate_migratepages.ts, freelist_order.ts.
 * Read next: isolate_freepages.ts.
 */
import type { Pfn } from "../../hw/address.js";
import { PAGE_ALLOC_COSTLY_ORDER } from "../pages/gfp.js";
import { MIGRATE_MOVABLE, PAGEBLOCK_NR_PAGES } from "../pages/migratetype.js";
import type { MemorySystem } from "../system.js";
import {
  COMPACT_CLUSTER_MAX,
  type CompactControl,
  FAST_START_USED,
  MIGRATE_ASYNC,
} from "./compact_control.js";
import { moveFreelistTail } from "./freelist_order.js";
import { isolateMigratepagesBlock } from "./isolate_migratepages.js";
import {
  getPageblockSkip,
  isolationSuitable,
  pageblockEndPfn,
  pageblockSkipPersistent,
  pageblockStartPfn,
  updateCachedMigrate,
} from "./skip.js";

/** What came of a call. Linux mm/compaction.c:isolate_migrate_t */
export const ISOLATE_ABORT = 0;
/** Nothing was isolated. */
export const ISOLATE_NONE = 1;
export const ISOLATE_SUCCESS = 2;

/** Free blocks that one search looks at. Linux mm/compaction.c:freelist_scan_limit() */
export function freelistScanLimit({ fastSearchFail }: CompactControl): number {
  return (COMPACT_CLUSTER_MAX >> Math.min(31, fastSearchFail)) + 1;
}

/** Linux mm/compaction.c:update_fast_start_pfn() */
function updateFastStartPfn(cc: CompactControl, pfn: Pfn): void {
  if (cc.fastStartPfn === FAST_START_USED) return;
  cc.fastStartPfn = cc.fastStartPfn === 0 ? pfn : Math.min(cc.fastStartPfn, pfn);
}

/** Where the linear scan goes on: once from the lowest place found. Linux reinit_migrate_pfn() */
function reinitMigratePfn(cc: CompactControl): Pfn {
  if (cc.fastStartPfn === 0 || cc.fastStartPfn === FAST_START_USED) return cc.migratePfn;
  cc.migratePfn = cc.fastStartPfn;
  cc.fastStartPfn = FAST_START_USED;
  return cc.migratePfn;
}

/** Whether the free lists are worth a search. Linux fast_find_migrateblock(), its first lines */
function maySearch(cc: CompactControl): boolean {
  const pfn = cc.migratePfn;
  if (cc.ignoreSkipHint || cc.finishPageblock) return false;
  if (pfn !== cc.zone.zoneStartPfn && pfn % PAGEBLOCK_NR_PAGES !== 0) return false; // in the middle of one
  if (cc.order <= PAGE_ALLOC_COSTLY_ORDER) return false;
  return !cc.directCompaction || cc.migratetype === MIGRATE_MOVABLE;
}

/**
 * Looks for a block below `highPfn` on the lists; the first frame of its page block, or -1.
 */
function searchLists(cc: CompactControl, highPfn: Pfn): Pfn {
  const { zone } = cc;
  const limit = freelistScanLimit(cc);
  let nrScanned = 0;
  let found = -1;
  for (
    let order = cc.order - 1;
    order >= PAGE_ALLOC_COSTLY_ORDER && found < 0 && nrScanned < limit;
    order--
  ) {
    for (let pfn = zone.freeArea[order]!.head[MIGRATE_MOVABLE]!; pfn >= 0; pfn = zone.links.next[pfn]!) {
      if (nrScanned++ >= limit) {
        moveFreelistTail(zone, order, MIGRATE_MOVABLE, pfn);
        break;
      }
      if (pfn >= highPfn || getPageblockSkip(zone, pfn)) continue;
      moveFreelistTail(zone, order, MIGRATE_MOVABLE, pfn);
      updateFastStartPfn(cc, pfn);
      cc.fastSearchFail = 0;
      found = Math.max(pageblockStartPfn(pfn), zone.zoneStartPfn);
      break;
    }
  }
  cc.totalMigrateScanned += nrScanned;
  return found;
}

/**
 * Where to begin: a page block with large free blocks, or where the scan stopped.
 * Linux mm/compaction.c:fast_find_migrateblock()
 */
function fastFindMigrateblock(cc: CompactControl): Pfn {
  if (!maySearch(cc)) return cc.migratePfn;
  let distance = Math.floor((cc.freePfn - cc.migratePfn) / 2);
  if (cc.migratePfn !== cc.zone.zoneStartPfn) distance = Math.floor(distance / 4);
  const found = searchLists(cc, pageblockStartPfn(cc.migratePfn + distance));
  if (found >= 0) return found;
  cc.fastSearchFail++;
  return reinitMigratePfn(cc);
}

/**
 * Whether pages of the page block may be moved for such a request.
 * Linux mm/compaction.c:suitable_migration_source()
 */
function suitableMigrationSource(sys: MemorySystem, cc: CompactControl, pfn: Pfn): boolean {
  if (pageblockSkipPersistent(sys, pfn)) return false;
  if (cc.mode !== MIGRATE_ASYNC || !cc.directCompaction) return true;
  return cc.zone.pageblockType(pfn) === cc.migratetype;
}

/**
 * Isolates folios of the first page block from cc.migratePfn on that has some: one of ISOLATE_.
 * Linux mm/compaction.c:isolate_migratepages()
 */
export function isolateMigratepages(sys: MemorySystem, cc: CompactControl): number {
  const { zone } = cc;
  let lowPfn = fastFindMigrateblock(cc);
  let fastFound = lowPfn !== cc.migratePfn && cc.fastSearchFail === 0;
  let end = pageblockEndPfn(lowPfn);
  for (; end <= cc.freePfn; end += PAGEBLOCK_NR_PAGES) {
    const first = lowPfn % PAGEBLOCK_NR_PAGES === 0 || lowPfn === zone.zoneStartPfn;
    const skips = first && !fastFound && !isolationSuitable(cc, lowPfn);
    const suits = !skips && suitableMigrationSource(sys, cc, lowPfn);
    if (suits) {
      if (isolateMigratepagesBlock(sys, cc, lowPfn, end) !== 0) return ISOLATE_ABORT;
      break;
    }
    if (!skips) updateCachedMigrate(cc, end);
    fastFound = false;
    lowPfn = end;
    cc.migratePfn = end;
  }
  return cc.nrMigratepages > 0 ? ISOLATE_SUCCESS : ISOLATE_NONE;
}
