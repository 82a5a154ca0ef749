/**
 * The free scanner: finds frames for what the migrate scanner has taken, from the end of the zone downwards.
 *
 *   migrate scanner -->                                              <-- free scanner, by page blocks,
 *   |-----------|-----------|-----------|-----------|-----------|        upwards within each
 *                                        . . a . . .  free blocks, until there are as many as isolated pages
 *
 *   isolateFreepages
 *     fastIsolateFreepages   a few blocks of the free lists first (fast_isolate.ts)
 *     else from cc.freePfn down, but not into the migrate scanner's page block
 *       begins with a free block as large as what is wanted   left alone: it is what we are here for
 *       of another type than movable                          left alone: it would be spoilt
 *       marked "skip"                                         passed by
 *       else                                                  isolateFreepagesBlock
 *
 * In async mode it looks at every 32nd frame only, as long as it finds nothing.
 *
 * Linux mm/compaction.c. Read first: free_blocks.ts, skip.ts. Read next: fast_isolate.ts, migrate.ts.
 */
import type { Pfn } from "../../hw/address.js";
import { MAX_PAGE_ORDER } from "../pages/buddy.js";
import { peekPage } from "../pages/folio.js";
import { MIGRATE_MOVABLE, PAGEBLOCK_NR_PAGES, PAGEBLOCK_ORDER } from "../pages/migratetype.js";
import type { MemorySystem } from "../system.js";
import { COMPACTISOLATED, countVmEvents } from "../vmstat.js";
import { COMPACT_CLUSTER_MAX, type CompactControl, MIGRATE_ASYNC } from "./compact_control.js";
import { isolateFreeBlock } from "./free_blocks.js";
import { isolationSuitable, pageblockEndPfn, pageblockStartPfn, updatePageblockSkip } from "./skip.js";

/** Where a scan of a page block has ended, and what it took. */
interface FreeScan {
  readonly pfn: Pfn;
  readonly nrIsolated: number;
}

/**
 * Frames to step over from `pfn` on, besides this one: a folio that lies within the page block. -1 for no
 * large folio.
 */
function largeFolioAt(sys: MemorySystem, pfn: Pfn, endPfn: Pfn): number {
  const page = peekPage(sys, pfn);
  if (page === undefined || page.head.order === 0) return -1;
  const order = page.head === page ? page.order : 0;
  return order <= MAX_PAGE_ORDER && pfn + 2 ** order <= endPfn ? 2 ** order - 1 : 0;
}

/**
 * Takes free blocks of [startPfn, endPfn), until there are as many pages as are to be moved; looks at every
 * `stride`th frame. Linux mm/compaction.c:isolate_freepages_block()
 */
export function isolateFreepagesBlock(
  sys: MemorySystem,
  cc: CompactControl,
  startPfn: Pfn,
  endPfn: Pfn,
  stride: number,
): FreeScan {
  const { orderPlusOne } = cc.zone.links;
  let nrScanned = 0;
  let nrIsolated = 0;
  let pfn = startPfn;
  for (; pfn < endPfn; pfn += stride) {
    nrScanned++;
    const over = largeFolioAt(sys, pfn, endPfn);
    if (over >= 0) {
      pfn += over;
      nrScanned += over;
      continue;
    }
    const order = orderPlusOne[pfn]! - 1;
    if (order < 0) continue;
    const isolated = isolateFreeBlock(sys, cc, pfn, order);
    if (isolated === 0) break; // the zone has no more to spare
    nrScanned += isolated - 1;
    nrIsolated += isolated;
    if (cc.nrMigratepages <= cc.nrFreepages) {
      pfn += isolated;
      break;
    }
    pfn += isolated - 1;
  }
  pfn = Math.min(pfn, endPfn);
  if (sys.trace.on)
    sys.trace.emit("compaction:mm_compaction_isolate_freepages", {
      start_pfn: startPfn,
      end_pfn: pfn,
      nr_scanned: nrScanned,
      nr_taken: nrIsolated,
    });
  cc.totalFreeScanned += nrScanned;
  sys.clock.advance(nrScanned * sys.costs.compactScanNs);
  countVmEvents(sys, COMPACTISOLATED, nrIsolated);
  return { pfn, nrIsolated };
}

/**
 * Whether frames of the page block that begins at `pfn` may be used.
 * Linux mm/compaction.c:suitable_migration_target()
 */
export function suitableMigrationTarget(cc: CompactControl, pfn: Pfn): boolean {
  const freeOrder = cc.zone.links.orderPlusOne[pfn]! - 1;
  if (freeOrder >= (cc.order > 0 ? cc.order : PAGEBLOCK_ORDER)) return false;
  return cc.ignoreBlockSuitable || cc.zone.pageblockType(pfn) === MIGRATE_MOVABLE;
}

/**
 * Scans page blocks downwards from cc.freePfn until there are as many free pages as are to be moved.
 * Linux mm/compaction.c:isolate_freepages(), behind fast_isolate_freepages()
 */
export function isolateFreepagesLinear(sys: MemorySystem, cc: CompactControl): void {
  const { zone } = cc;
  let start = cc.freePfn;
  let block = pageblockStartPfn(start);
  let end = Math.min(block + PAGEBLOCK_NR_PAGES, zone.zoneEndPfn);
  const lowPfn = pageblockEndPfn(cc.migratePfn);
  let stride = cc.mode === MIGRATE_ASYNC ? COMPACT_CLUSTER_MAX : 1;
  while (block >= lowPfn) {
    if (suitableMigrationTarget(cc, block) && isolationSuitable(cc, block)) {
      const scan = isolateFreepagesBlock(sys, cc, start, end, stride);
      start = scan.pfn;
      if (start === end) updatePageblockSkip(cc, block, block - PAGEBLOCK_NR_PAGES);
      if (cc.nrFreepages >= cc.nrMigratepages) {
        if (start >= end) start = block - PAGEBLOCK_NR_PAGES;
        break;
      }
      if (start < end) break; // no more to be had
      stride = scan.nrIsolated > 0 ? 1 : Math.min(COMPACT_CLUSTER_MAX, stride * 2);
    }
    end = block;
    block -= PAGEBLOCK_NR_PAGES;
    start = block;
  }
  cc.freePfn = start;
}
