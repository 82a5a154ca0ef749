/**
 * The migrate scanner in one page block: takes pages that could be moved off their lists.
 *
 *   page block    T  a  a  .  .  f  f  f  f  S  a  .        T page table  S slab  a, f LRU  . free
 *                    ^  ^        ^---------^     ^
 *                    isolated    skipped if the folio is as large as the block that is wanted
 *
 *   isolateMigratepagesBlock, for each frame
 *     first of a page block that is marked "skip"      the page block is passed by
 *     a free block                                     stepped over
 *     a folio at least as large as what is wanted      stepped over
 *     not on the LRU: page table, slab, in a batch     left
 *     held by somebody beside its entries              left             (anonymous, not in swap cache)
 *     no file may be asked (GFP_NOFS)                  files are left
 *     locked by mlock                                  left, with vm.compact_unevictable_allowed = 0
 *     on its way to a device                           left, unless the mode is MIGRATE_SYNC
 *     else                                             off the list, with a hold of ours
 *   until 32 pages are taken, or the page block is done
 *
 * For an allocation in async mode one page that cannot be moved spoils the whole aligned block of the wanted
 * order: what was taken of it goes back, and the scan goes on behind it.
 *
 * Left out: pages of drivers and of zsmalloc that can be moved without being on the LRU.
 *
 * Linux mm/compaction.c. Read first: compact_control.ts, skip.ts, mm/lru/mm_inline.ts.
 * Read next: fast_find.ts.
 */
import type { Pfn } from "../../hw/address.js";
import { EAGAIN } from "../errno.js";
import { folioIsLocked, folioIsWriteback } from "../filemap/folio_wait.js";
import { folioPutbackLru } from "../lru/isolate.js";
import { folioIsFileLru, lruvecDelFolio } from "../lru/mm_inline.js";
import { reclaimThrottle, wakeReclaimThrottle } from "../lru/throttle.js";
import {
  type Folio,
  folioGet,
  folioMapcount,
  folioNrPages,
  folioTestAnon,
  PG_dirty,
  PG_lru,
  PG_swapcache,
  PG_unevictable,
  peekPage,
} from "../pages/folio.js";
import { folioPut } from "../pages/free_pages.js";
import { __GFP_FS } from "../pages/gfp.js";
import { PAGEBLOCK_NR_PAGES, PAGEBLOCK_ORDER } from "../pages/migratetype.js";
import type { MemorySystem } from "../system.js";
import {
  COMPACTISOLATED,
  countVmEvents,
  globalNodePageState,
  modNodePageState,
  NR_ACTIVE_ANON,
  NR_ACTIVE_FILE,
  NR_INACTIVE_ANON,
  NR_INACTIVE_FILE,
  NR_ISOLATED_ANON,
  NR_ISOLATED_FILE,
} from "../vmstat.js";
import {
  COMPACT_CLUSTER_MAX,
  type CompactControl,
  MIGRATE_ASYNC,
  MIGRATE_SYNC,
  VIA_COMPACT_MEMORY,
} from "./compact_control.js";
import { isolationSuitable, setPageblockSkip, testAndSetSkip, updateCachedMigrate } from "./skip.js";

/** More than half of the LRU is off its lists. Linux mm/compaction.c:too_many_isolated() */
function tooManyIsolated(sys: MemorySystem, gfp: number): boolean {
  const state = (item: number): number => globalNodePageState(sys, item);
  const shift = (gfp & __GFP_FS) !== 0 ? 8 : 1;
  const inactive = Math.floor((state(NR_INACTIVE_FILE) + state(NR_INACTIVE_ANON)) / shift);
  const active = Math.floor((state(NR_ACTIVE_FILE) + state(NR_ACTIVE_ANON)) / shift);
  const isolated = state(NR_ISOLATED_FILE) + state(NR_ISOLATED_ANON);
  const tooMany = isolated > Math.floor((inactive + active) / 2);
  if (!tooMany) wakeReclaimThrottle(sys, "isolated");
  return tooMany;
}

/** Waits until fewer pages are isolated; false where that may not be. */
function mayIsolate(sys: MemorySystem, cc: CompactControl): boolean {
  for (let waits = 0; tooManyIsolated(sys, cc.gfpMask); waits++) {
    if (cc.nrMigratepages > 0 || cc.mode === MIGRATE_ASYNC || waits > 0) return false;
    const { capture } = cc.zone;
    cc.zone.capture = undefined; // what others free meanwhile is not for this task
    reclaimThrottle(sys, "isolated");
    cc.zone.capture = capture;
  }
  return true;
}

/** Moving so large a folio would not help, or nothing could take it. Linux skip_isolation_on_order() */
function skipIsolationOnOrder(order: number, targetOrder: number): boolean {
  return (targetOrder !== VIA_COMPACT_MEMORY && order >= targetOrder) || order >= PAGEBLOCK_ORDER;
}

/** Whether a cache holds the folio: a file's, or the swap cache. Linux mm/util.c:folio_mapping() */
function hasMapping(folio: Folio): boolean {
  if ((folio.flags & PG_swapcache) !== 0) return true;
  return folio.mapping !== undefined && !folioTestAnon(folio);
}

/** Whether the folio, which the caller holds, may be taken. Linux isolate_migratepages_block(), its checks */
function mayTake(sys: MemorySystem, cc: CompactControl, folio: Folio): boolean {
  const mapping = hasMapping(folio);
  if (!mapping && folio.refcount - 1 > folioMapcount(folio)) return false;
  if ((cc.gfpMask & __GFP_FS) === 0 && mapping) return false;
  const unevictable = (folio.flags & PG_unevictable) !== 0;
  if (unevictable && sys.sysctl.compactUnevictableAllowed === 0) return false;
  const async = cc.mode !== MIGRATE_SYNC;
  if (async && folioIsWriteback(sys, folio)) return false;
  // Its file must be asked whether it can move it, for which the folio is locked.
  const asks = (async && (folio.flags & PG_dirty) !== 0) || (mapping && unevictable);
  return !(asks && folioIsLocked(sys, folio));
}

/** Puts isolated folios back on their lists. Linux mm/migrate.c:putback_movable_pages() */
export function putbackMovablePages(sys: MemorySystem, cc: CompactControl): void {
  const folios = cc.migratepages;
  cc.migratepages = [];
  cc.nrMigratepages = 0;
  for (let i = folios.length - 1; i >= 0; i--) {
    const folio = folios[i]!;
    const item = NR_ISOLATED_ANON + (folioIsFileLru(folio) ? 1 : 0);
    modNodePageState(sys, item, -folioNrPages(folio));
    folioPutbackLru(sys, folio);
  }
}

/** One call of isolateMigratepagesBlock. Linux: its local variables */
interface Scan {
  readonly sys: MemorySystem;
  readonly cc: CompactControl;
  lowPfn: Pfn;
  readonly endPfn: Pfn;
  nrScanned: number;
  nrIsolated: number;
  /** First frame of the page block, once it was found not to be marked. */
  validPfn: Pfn;
  /** It has been marked by this call. */
  skipUpdated: boolean;
  /** One page that cannot be moved spoils the aligned block that ends at nextSkipPfn. */
  readonly skipOnFailure: boolean;
  nextSkipPfn: Pfn;
}

/** First frame after the aligned block of 2^order around `pfn`. Linux mm/compaction.c:block_end_pfn() */
function blockEndPfn(pfn: Pfn, order: number): Pfn {
  return (Math.floor(pfn / 2 ** order) + 1) * 2 ** order;
}

/** The folio goes to the isolated ones; "stop" when that is enough. */
function take(scan: Scan, folio: Folio): "next" | "stop" | "abort" {
  const { sys, cc } = scan;
  if (!scan.skipUpdated && scan.validPfn >= 0) {
    scan.skipUpdated = true;
    // Somebody else has begun with the page block since.
    if (testAndSetSkip(cc, scan.validPfn) && !cc.finishPageblock) {
      folioPut(sys, folio);
      scan.lowPfn = scan.endPfn;
      return "abort";
    }
  }
  const nrPages = folioNrPages(folio);
  scan.lowPfn += nrPages - 1;
  lruvecDelFolio(sys, folio);
  modNodePageState(sys, NR_ISOLATED_ANON + (folioIsFileLru(folio) ? 1 : 0), nrPages);
  cc.migratepages.push(folio);
  cc.nrMigratepages += nrPages;
  scan.nrIsolated += nrPages;
  scan.nrScanned += nrPages - 1;
  if (cc.nrMigratepages < COMPACT_CLUSTER_MAX || cc.finishPageblock) return "next";
  scan.lowPfn++;
  return "stop";
}

/** Steps over all but the last frame of a block of 2^order frames. */
function stepOver(scan: Scan, order: number): void {
  scan.lowPfn += 2 ** order - 1;
  scan.nrScanned += 2 ** order - 1;
}

/** One frame. "fail": it cannot be moved. */
function scanFrame(scan: Scan): "next" | "fail" | "stop" | "abort" {
  const { sys, cc } = scan;
  const { zone } = cc;
  const pfn = scan.lowPfn;
  scan.nrScanned++;
  if (scan.validPfn < 0 && (pfn % PAGEBLOCK_NR_PAGES === 0 || pfn === zone.zoneStartPfn)) {
    if (!isolationSuitable(cc, pfn)) {
      scan.lowPfn = scan.endPfn;
      return "abort";
    }
    scan.validPfn = pfn;
  }
  const freeOrder = zone.links.orderPlusOne[pfn]! - 1;
  if (freeOrder >= 0) {
    if (freeOrder > 0) stepOver(scan, freeOrder);
    return "next";
  }
  const page = peekPage(sys, pfn);
  if (page === undefined) return "fail";
  // A tail page is only met where a scan begins in the middle of a folio.
  const order = page.head === page ? page.order : 0;
  if (page.head.order > 0 && skipIsolationOnOrder(order, cc.order)) {
    stepOver(scan, order);
    return "fail";
  }
  if ((page.head.flags & PG_lru) === 0 || page.head !== page) return "fail";
  folioGet(page);
  if (mayTake(sys, cc, page)) return take(scan, page);
  folioPut(sys, page);
  return "fail";
}

/** A page of the aligned block stays: so do the others. */
function giveUpBlock(scan: Scan): void {
  const { sys, cc } = scan;
  if (scan.nrIsolated > 0) {
    putbackMovablePages(sys, cc);
    scan.nrIsolated = 0;
  }
  if (scan.lowPfn >= scan.nextSkipPfn) return;
  scan.lowPfn = scan.nextSkipPfn - 1;
  scan.nextSkipPfn += 2 ** cc.order;
}

/** Frame by frame. Linux mm/compaction.c:isolate_migratepages_block(), its loop */
function scanBlock(scan: Scan): void {
  const { cc, endPfn } = scan;
  for (; scan.lowPfn < endPfn; scan.lowPfn++) {
    if (scan.skipOnFailure && scan.lowPfn >= scan.nextSkipPfn) {
      // All of the aligned block before was taken: it is moved now, and will be free.
      if (scan.nrIsolated > 0) break;
      scan.nextSkipPfn = blockEndPfn(scan.lowPfn, cc.order);
    }
    const found = scanFrame(scan);
    if (found === "stop" || found === "abort") break;
    if (found === "fail" && scan.skipOnFailure) giveUpBlock(scan);
  }
  scan.lowPfn = Math.min(scan.lowPfn, endPfn);
}

/**
 * Isolates folios of [lowPfn, endPfn), which lies in one page block, onto cc.migratepages; cc.migratePfn is
 * the next frame to look at. 0, or -EAGAIN where too much is isolated already.
 * Linux mm/compaction.c:isolate_migratepages_block()
 */
export function isolateMigratepagesBlock(
  sys: MemorySystem,
  cc: CompactControl,
  lowPfn: Pfn,
  endPfn: Pfn,
): number {
  cc.migratePfn = lowPfn;
  if (!mayIsolate(sys, cc)) return -EAGAIN;
  const skipOnFailure = cc.directCompaction && cc.mode === MIGRATE_ASYNC;
  const scan: Scan = {
    sys,
    cc,
    lowPfn,
    endPfn,
    nrScanned: 0,
    nrIsolated: 0,
    validPfn: -1,
    skipUpdated: false,
    skipOnFailure,
    nextSkipPfn: skipOnFailure ? blockEndPfn(lowPfn, cc.order) : 0,
  };
  scanBlock(scan);
  if (scan.lowPfn === endPfn && (scan.nrIsolated === 0 || cc.finishPageblock)) {
    if (scan.validPfn >= 0 && !scan.skipUpdated) setPageblockSkip(cc.zone, scan.validPfn);
    updateCachedMigrate(cc, scan.lowPfn);
  }
  const { nrScanned, nrIsolated } = scan;
  if (sys.trace.on)
    sys.trace.emit("compaction:mm_compaction_isolate_migratepages", {
      start_pfn: lowPfn,
      end_pfn: scan.lowPfn,
      nr_scanned: nrScanned,
      nr_taken: nrIsolated,
    });
  cc.totalMigrateScanned += nrScanned;
  countVmEvents(sys, COMPACTISOLATED, nrIsolated);
  sys.clock.advance(nrScanned * sys.costs.compactScanNs);
  cc.migratePfn = scan.lowPfn;
  return 0;
}
