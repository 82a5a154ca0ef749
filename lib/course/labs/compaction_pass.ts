/**
 * The pass of lab 07.6 as the exercise's text describes it: what a learner's pass is compared with.
 *
 *   migrate scanner --> up to 32 pages of a page block --> free scanner: as many frames --> migratePages
 *
 * Simpler than the kernel's own (mm/compaction/compact_zone.ts), which begins where the lists promise most,
 * and keeps in mind where nothing was found.
 *
 * Not in Linux: a helper of the course. Read next: compaction.ts.
 */

import {
  COMPACT_CONTENDED,
  COMPACT_CONTINUE,
  COMPACT_SUCCESS,
  type CompactControl,
  MIGRATE_ASYNC,
} from "../../mm/compaction/compact_control.js";
import { compactFinished } from "../../mm/compaction/compact_zone.js";
import { isolateFreeBlock } from "../../mm/compaction/free_blocks.js";
import { suitableMigrationTarget } from "../../mm/compaction/isolate_freepages.js";
import { isolateMigratepagesBlock, putbackMovablePages } from "../../mm/compaction/isolate_migratepages.js";
import { migratePages } from "../../mm/compaction/migrate.js";
import { pageblockStartPfn } from "../../mm/compaction/skip.js";
import { PAGEBLOCK_NR_PAGES } from "../../mm/pages/migratetype.js";
import { drainLocalPages } from "../../mm/pages/pcp.js";
import type { MemorySystem } from "../../mm/system.js";

/** Compacts cc.zone, from where its scanners stand; how it ended. Not in Linux: a helper of the course. */
export function referenceCompactZone(sys: MemorySystem, cc: CompactControl): number {
  const { zone } = cc;
  for (;;) {
    const result = compactFinished(sys, cc);
    if (result !== COMPACT_CONTINUE) return result;
    const end = Math.min(pageblockStartPfn(cc.migratePfn) + PAGEBLOCK_NR_PAGES, zone.zoneEndPfn);
    const picky = cc.mode === MIGRATE_ASYNC && cc.directCompaction;
    if (picky && zone.pageblockType(cc.migratePfn) !== cc.migratetype) {
      cc.migratePfn = end;
      continue;
    }
    if (isolateMigratepagesBlock(sys, cc, cc.migratePfn, end) !== 0) return COMPACT_CONTENDED;
    if (cc.nrMigratepages > 0) {
      if (!collectFrames(sys, cc)) {
        putbackMovablePages(sys, cc);
        const met = compactFinished(sys, cc);
        return met === COMPACT_CONTINUE ? COMPACT_CONTENDED : met;
      }
      const moved = migratePages(sys, cc);
      cc.nrMigratepages = 0;
      if (moved.result !== 0) putbackMovablePages(sys, cc);
    }
    if (zone.capture !== undefined && zone.capture.pfn >= 0) return COMPACT_SUCCESS;
    if (cc.migratePfn === end) drainLocalPages(sys, zone);
  }
}
function collectFrames(sys: MemorySystem, cc: CompactControl): boolean {
  const { zone } = cc;
  while (cc.nrFreepages < cc.nrMigratepages) {
    const block = pageblockStartPfn(cc.freePfn);
    if (block <= pageblockStartPfn(cc.migratePfn)) return false;
    const end = Math.min(block + PAGEBLOCK_NR_PAGES, zone.zoneEndPfn);
    let pfn = cc.freePfn;
    if (pfn === block && !suitableMigrationTarget(cc, block)) pfn = end;
    while (pfn < end && cc.nrFreepages < cc.nrMigratepages) {
      const order = zone.links.orderPlusOne[pfn]! - 1;
      const taken = order < 0 ? 1 : isolateFreeBlock(sys, cc, pfn, order);
      if (taken === 0) return false;
      pfn += taken;
    }
    cc.freePfn = pfn < end ? pfn : block - PAGEBLOCK_NR_PAGES;
  }
  return true;
}
