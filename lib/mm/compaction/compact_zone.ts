/**
 * Compaction of a zone: pages in use go to its end, so that free blocks come together at its beginning.
 *
 *   before   a . . b c . | . d . . e . | . . f . . . | . g . . . .        4 page blocks
 *   after    . . . . . . | . . . . . . | . . f . . . | e g d c b a
 *            ^^^^^^^^^^^ a whole block is free         ^^^^^^^^^^^ the free scanner took these
 *
 *   compactZoneBegin     is it worth while? where do the scanners begin: at the ends, or where they stopped
 *   compactZone          one round, again and again until it is not COMPACT_CONTINUE any more
 *     the scanners have met, or a block is free       done                               compactFinished
 *     isolateMigratepages                             up to 32 pages of a page block     fast_find.ts
 *     migratePages                                    into what isolateFreepages finds   migrate.ts
 *     some stayed?                                    the rest of the page block is taken, too, and it is
 *                                                     marked "skip"
 *     an aligned block is through                     what this CPU keeps is given back, so that it can merge
 *   compactZoneEnd       free frames that are left over go back; counters
 *
 * An allocation does all rounds itself (direct_compact.ts); kcompactd makes each of them a batch.
 *
 * Replaceable: sys.parts.compactZone, the round. It may do as much as it likes in one call; the frames that
 * it takes belong on cc.freepages and cc.migratepages, where compactZoneEnd finds what is left over.
 *
 * Left out: stopping early because a lock is contended, another task wants the CPU, or a signal is pending.
 *
 * Linux mm/compaction.c. Read first: compact_control.ts, fast_find.ts, fast_isolate.ts, migrate.ts.
 * Read next: direct_compact.ts, kcompactd.ts.
 */
import type { Pfn } from "../../hw/address.js";
import { ENOMEM } from "../errno.js";
import { lruAddDrain } from "../lru/swap.js";
import { outOfSteps, STEP_BUDGET, vmBugOn } from "../mmdebug.js";
import { MAX_PAGE_ORDER } from "../pages/buddy.js";
import { findSuitableFallback } from "../pages/fallback.js";
import { gfpMigratetype, PAGEBLOCK_NR_PAGES } from "../pages/migratetype.js";
import { drainLocalPages } from "../pages/pcp.js";
import { highWmarkPages } from "../pages/wmark.js";
import type { MemorySystem } from "../system.js";
import { COMPACTFREE_SCANNED, COMPACTMIGRATE_SCANNED, countVmEvents } from "../vmstat.js";
import {
  COMPACT_COMPLETE,
  COMPACT_CONTENDED,
  COMPACT_CONTINUE,
  COMPACT_NO_SUITABLE_PAGE,
  COMPACT_PARTIAL_SKIPPED,
  COMPACT_SUCCESS,
  type CompactControl,
  MIGRATE_ASYNC,
  MIGRATE_SYNC,
  VIA_COMPACT_MEMORY,
} from "./compact_control.js";
import { compactionRestarting } from "./defer.js";
import { ISOLATE_ABORT, ISOLATE_NONE, isolateMigratepages } from "./fast_find.js";
import { COMPACTION_HPAGE_ORDER, fragmentationScoreWmark, fragmentationScoreZone } from "./fragmentation.js";
import { releaseFreeList } from "./free_blocks.js";
import { putbackMovablePages } from "./isolate_migratepages.js";
import { migratePages } from "./migrate.js";
import { pageblockStartPfn, resetCachedPositions, resetZoneIsolation, setCachedMigrate } from "./skip.js";
import { compactionSuitAllocationOrder, traceSuitable } from "./suitable.js";

// ---------------------------------------------------------------- is it done?

/**
 * The free scanner is in the migrate scanner's page block, or below it.
 * Linux mm/compaction.c:compact_scanners_met()
 */
function compactScannersMet({ freePfn, migratePfn }: CompactControl): boolean {
  return pageblockStartPfn(freePfn) <= pageblockStartPfn(migratePfn);
}

/** The next compaction begins anew. */
function scannersHaveMet(cc: CompactControl): number {
  resetCachedPositions(cc.zone);
  if (cc.directCompaction) cc.zone.compact.blockskipFlush = true;
  return cc.wholeZone ? COMPACT_COMPLETE : COMPACT_PARTIAL_SKIPPED;
}

/** Whether few enough free pages are in small blocks. Linux __compact_finished(), proactive_compaction */
function proactiveFinished(sys: MemorySystem, cc: CompactControl): number {
  const { phase } = sys.pgdat.kswapdRun;
  if (sys.pgdat.kswapd !== undefined && phase === "balance") return COMPACT_PARTIAL_SKIPPED;
  const low = fragmentationScoreWmark(sys, true);
  return fragmentationScoreZone(cc.zone) > low ? COMPACT_CONTINUE : COMPACT_SUCCESS;
}

/** A block of the wanted size is free for such a request. Linux mm/compaction.c:__compact_finished() */
function blockIsFree({ zone, order, migratetype }: CompactControl): boolean {
  for (let current = order; current <= MAX_PAGE_ORDER; current++) {
    if (zone.freeArea[current]!.head[migratetype]! >= 0) return true;
    if (findSuitableFallback(zone, current, migratetype, true) >= 0) return true;
  }
  return false;
}

/** Linux mm/compaction.c:__compact_finished() */
function isFinished(sys: MemorySystem, cc: CompactControl): number {
  const { zone, order } = cc;
  if (compactScannersMet(cc)) return scannersHaveMet(cc);
  if (cc.proactiveCompaction) return proactiveFinished(sys, cc);
  if (order === VIA_COMPACT_MEMORY) return COMPACT_CONTINUE;
  // A page block that was begun is finished, so that fewer requests fall back on it later.
  if (cc.migratePfn % PAGEBLOCK_NR_PAGES !== 0) return COMPACT_CONTINUE;
  if (sys.sysctl.defragMode !== 0 && !cc.directCompaction) {
    const { highestZoneidx, allocFlags } = cc;
    const mark = highWmarkPages(zone);
    const { nrFreePagesBlocks } = zone;
    return sys.parts.zoneWatermarkOk(sys, zone, order, mark, highestZoneidx, allocFlags, nrFreePagesBlocks)
      ? COMPACT_SUCCESS
      : COMPACT_CONTINUE;
  }
  return blockIsFree(cc) ? COMPACT_SUCCESS : COMPACT_NO_SUITABLE_PAGE;
}

/** Whether to go on: COMPACT_CONTINUE, or how it ended. Linux mm/compaction.c:compact_finished() */
export function compactFinished(sys: MemorySystem, cc: CompactControl): number {
  const ret = isFinished(sys, cc);
  traceSuitable(sys, "finished", cc.zone, cc.order, ret);
  return ret === COMPACT_NO_SUITABLE_PAGE ? COMPACT_CONTINUE : ret;
}

// ---------------------------------------------------------------- one round

/** First frame of the aligned block of 2^order. Linux mm/compaction.c:block_start_pfn() */
function blockStartPfn(pfn: Pfn, order: number): Pfn {
  return pfn - (pfn % 2 ** order);
}

/**
 * The migrate scanner has left the aligned block of which pages were moved: what this CPU keeps of it may
 * merge now. Linux mm/compaction.c:compact_zone(), check_drain
 */
function checkDrain(sys: MemorySystem, cc: CompactControl): void {
  if (cc.order <= 0 || cc.lastMigratedPfn === 0) return;
  if (cc.lastMigratedPfn >= blockStartPfn(cc.migratePfn, cc.order)) return;
  lruAddDrain(sys); // Linux mm/swap.c:lru_add_drain_cpu_zone()
  drainLocalPages(sys, cc.zone);
  cc.lastMigratedPfn = 0;
}

/**
 * Some of the isolated pages stayed. Whether the rest of the page block is to be taken at once, so that it is
 * not begun again and again. Linux mm/compaction.c:compact_zone(), its part behind migrate_pages()
 */
function someStayed(cc: CompactControl): boolean {
  const again =
    cc.migratePfn % PAGEBLOCK_NR_PAGES !== 0 &&
    !cc.ignoreSkipHint &&
    !cc.finishPageblock &&
    cc.mode < MIGRATE_SYNC;
  if (!again) return false;
  cc.finishPageblock = true;
  // What stayed keeps the page block from being free, drained or not.
  if (cc.order === COMPACTION_HPAGE_ORDER) cc.lastMigratedPfn = 0;
  return true;
}

/** Isolates and moves; a result, or undefined to go on; "rescan" to take the rest of the page block. */
function isolateAndMove(sys: MemorySystem, cc: CompactControl): number | "rescan" | undefined {
  const { zone } = cc;
  const { cachedMigratePfn } = zone.compact;
  const isolated = isolateMigratepages(sys, cc);
  if (isolated === ISOLATE_ABORT) {
    putbackMovablePages(sys, cc);
    return COMPACT_CONTENDED;
  }
  if (isolated === ISOLATE_NONE) {
    if (cc.updateCached) cachedMigratePfn[1] = cachedMigratePfn[0];
    return undefined;
  }
  cc.updateCached = false;
  cc.lastMigratedPfn = Math.max(zone.zoneStartPfn, pageblockStartPfn(cc.migratePfn - 1));
  const nrMigratepages = cc.nrMigratepages;
  const { result, nrSucceeded } = migratePages(sys, cc);
  if (sys.trace.on)
    sys.trace.emit("compaction:mm_compaction_migratepages", {
      nr_migrated: nrSucceeded,
      nr_failed: nrMigratepages - nrSucceeded,
    });
  cc.nrMigratepages = 0;
  if (result !== 0) {
    putbackMovablePages(sys, cc);
    if (result === -ENOMEM && !compactScannersMet(cc)) return COMPACT_CONTENDED;
    if (someStayed(cc)) return "rescan";
  }
  return zone.capture !== undefined && zone.capture.pfn >= 0 ? COMPACT_SUCCESS : undefined;
}

/**
 * One round of a compaction: COMPACT_CONTINUE, or how it ended. Linux mm/compaction.c:compact_zone(), its
 * loop
 */
export function compactZone(sys: MemorySystem, cc: CompactControl): number {
  const finished = compactFinished(sys, cc);
  if (finished !== COMPACT_CONTINUE) return finished;
  // A page block whose pages could not all be moved is not begun a third time.
  cc.finishPageblock = pageblockStartPfn(cc.lastMigratedPfn) === pageblockStartPfn(cc.migratePfn);
  let result = isolateAndMove(sys, cc);
  if (result === "rescan") result = isolateAndMove(sys, cc);
  vmBugOn(result === "rescan", "a page block is to be finished, and again");
  if (typeof result === "number") return result;
  checkDrain(sys, cc);
  return COMPACT_CONTINUE;
}

// ---------------------------------------------------------------- all of it

/** Where both scanners begin. */
function setPositions({ zone }: CompactControl, cc: CompactControl): void {
  const { compact, zoneStartPfn: start, zoneEndPfn: end } = zone;
  cc.fastStartPfn = 0;
  if (cc.wholeZone) {
    cc.migratePfn = start;
    cc.freePfn = pageblockStartPfn(end - 1);
    return;
  }
  cc.migratePfn = compact.cachedMigratePfn[cc.mode === MIGRATE_ASYNC ? 0 : 1];
  cc.freePfn = compact.cachedFreePfn;
  if (cc.freePfn < start || cc.freePfn >= end) {
    cc.freePfn = pageblockStartPfn(end - 1);
    compact.cachedFreePfn = cc.freePfn;
  }
  if (cc.migratePfn < start || cc.migratePfn >= end) {
    cc.migratePfn = start;
    setCachedMigrate(zone, start);
  }
  if (cc.migratePfn <= compact.initMigratePfn) cc.wholeZone = true;
}

/** Tells a recording where the scanners are. */
function tracePositions(sys: MemorySystem, cc: CompactControl, status?: number): void {
  if (!sys.trace.on) return;
  const fields = {
    zone_start: cc.zone.zoneStartPfn,
    migrate_pfn: cc.migratePfn,
    free_pfn: cc.freePfn,
    zone_end: cc.zone.zoneEndPfn,
    sync: cc.mode === MIGRATE_ASYNC ? 0 : 1,
  };
  if (status === undefined) sys.trace.emit("compaction:mm_compaction_begin", fields);
  else sys.trace.emit("compaction:mm_compaction_end", { ...fields, status });
}

/**
 * Before the first round: COMPACT_CONTINUE, or why there will be none.
 * Linux mm/compaction.c:compact_zone(), before its loop
 */
export function compactZoneBegin(sys: MemorySystem, cc: CompactControl): number {
  const { zone, order } = cc;
  Object.assign(cc, { totalMigrateScanned: 0, totalFreeScanned: 0, nrMigratepages: 0, nrFreepages: 0 });
  cc.migratetype = gfpMigratetype(cc.gfpMask);
  if (order !== VIA_COMPACT_MEMORY) {
    const { highestZoneidx, allocFlags } = cc;
    const async = cc.mode === MIGRATE_ASYNC;
    const request = { order, highestZoneidx, allocFlags, async, kcompactd: !cc.directCompaction };
    const suits = compactionSuitAllocationOrder(sys, zone, request);
    if (suits !== COMPACT_CONTINUE) return suits;
  }
  if (compactionRestarting(zone, order)) resetZoneIsolation(sys, zone);
  setPositions(cc, cc);
  cc.lastMigratedPfn = 0;
  const { cachedMigratePfn } = zone.compact;
  cc.updateCached = cc.mode === MIGRATE_ASYNC && cachedMigratePfn[0] === cachedMigratePfn[1];
  tracePositions(sys, cc);
  lruAddDrain(sys);
  return COMPACT_CONTINUE;
}

/**
 * After the last round: what is left over goes back. Linux mm/compaction.c:compact_zone(), label out
 */
export function compactZoneEnd(sys: MemorySystem, cc: CompactControl, result: number): void {
  const { compact } = cc.zone;
  putbackMovablePages(sys, cc);
  if (cc.nrFreepages > 0) {
    const freePfn = pageblockStartPfn(releaseFreeList(sys, cc));
    compact.cachedFreePfn = Math.max(compact.cachedFreePfn, freePfn);
  }
  countVmEvents(sys, COMPACTMIGRATE_SCANNED, cc.totalMigrateScanned);
  countVmEvents(sys, COMPACTFREE_SCANNED, cc.totalFreeScanned);
  tracePositions(sys, cc, result);
}

/** All rounds, one after the other; how it ended. Linux mm/compaction.c:compact_zone() */
export function compactZoneRounds(sys: MemorySystem, cc: CompactControl): number {
  const begun = compactZoneBegin(sys, cc);
  if (begun !== COMPACT_CONTINUE) return begun;
  for (let round = 0; round < STEP_BUDGET; round++) {
    const result = sys.parts.compactZone(sys, cc);
    if (result === COMPACT_CONTINUE) continue;
    compactZoneEnd(sys, cc, result);
    return result;
  }
  throw outOfSteps("the compaction of a zone (compact_zone)");
}
