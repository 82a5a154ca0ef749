/**
 * Direct compaction: an allocation finds no block large enough, and its caller makes one before he goes on.
 *
 *   mm/pages/slow_path.ts --> sys.parts.tryToCompactPages(request, prio)
 *     each zone, best first
 *       failed too often lately?       passed by                        defer.ts
 *       compactZone                    until a block is free, or the scanners have met
 *       a block is free                done: the allocator takes it, or it was caught when it merged
 *       nothing, in a sync mode        the zone is deferred
 *
 *   prio   COMPACT_PRIO_ASYNC        first try: waits for nothing, leaves page blocks of other types alone
 *          COMPACT_PRIO_SYNC_LIGHT   after reclaim
 *          COMPACT_PRIO_SYNC_FULL    last try: the whole zone, whatever is marked or of another type
 *
 * The time it takes is the program's: most of it for copying pages.
 *
 * Linux mm/compaction.c. Left out: cpusets; giving up when another task wants the CPU. Read first:
 * compact_zone.ts, defer.ts. Read next: mm/pages/slow_path.ts.
 */
import type { CaptureControl, Zone } from "../pages/buddy.js";
import { __GFP_IO } from "../pages/gfp.js";
import { gfpMigratetype } from "../pages/migratetype.js";
import type { MemorySystem } from "../system.js";
import {
  COMPACT_COMPLETE,
  COMPACT_DEFERRED,
  COMPACT_PARTIAL_SKIPPED,
  COMPACT_PRIO_ASYNC,
  COMPACT_PRIO_SYNC_FULL,
  COMPACT_SKIPPED,
  COMPACT_SUCCESS,
  MIGRATE_ASYNC,
  MIGRATE_SYNC_LIGHT,
  newCompactControl,
} from "./compact_control.js";
import type { CompactAttempt, DirectCompact } from "./compact_types.js";
import { compactZoneRounds } from "./compact_zone.js";
import { compactionDeferReset, compactionDeferred, deferCompaction } from "./defer.js";

/** Compacts one zone. Linux mm/compaction.c:compact_zone_order() */
function compactZoneOrder(sys: MemorySystem, zone: Zone, request: DirectCompact): CompactAttempt {
  const { gfp, order, allocFlags, highestZoneidx, prio } = request;
  const full = prio === COMPACT_PRIO_SYNC_FULL;
  const cc = newCompactControl({
    zone,
    order,
    gfpMask: gfp,
    mode: prio === COMPACT_PRIO_ASYNC ? MIGRATE_ASYNC : MIGRATE_SYNC_LIGHT,
    allocFlags,
    highestZoneidx,
    directCompaction: true,
    wholeZone: full,
    ignoreSkipHint: full,
    ignoreBlockSuitable: full,
  });
  const capture: CaptureControl = { order, migratetype: gfpMigratetype(gfp), pfn: -1 };
  zone.capture = capture;
  let result: number;
  try {
    result = compactZoneRounds(sys, cc);
  } finally {
    zone.capture = undefined;
  }
  return { result: capture.pfn >= 0 ? COMPACT_SUCCESS : result, captured: capture.pfn };
}

/** Compacts one zone after the other until a block is free. Linux mm/compaction.c:try_to_compact_pages() */
export function tryToCompactPages(sys: MemorySystem, request: DirectCompact): CompactAttempt {
  const { gfp, order, highestZoneidx, prio } = request;
  // Linux include/linux/gfp.h:gfp_compaction_allowed()
  if ((gfp & __GFP_IO) === 0) return { result: COMPACT_SKIPPED, captured: -1 };
  if (sys.trace.on)
    sys.trace.emit("compaction:mm_compaction_try_to_compact_pages", { order, gfp_mask: gfp, prio });
  let best = COMPACT_SKIPPED;
  for (let i = Math.min(highestZoneidx, sys.zones.length - 1); i >= 0; i--) {
    const zone = sys.zones[i]!;
    if (zone.managedPages === 0) continue;
    if (prio > COMPACT_PRIO_SYNC_FULL && compactionDeferred(sys, zone, order)) {
      best = Math.max(best, COMPACT_DEFERRED);
      continue;
    }
    const attempt = compactZoneOrder(sys, zone, request);
    const { result } = attempt;
    best = Math.max(best, result);
    if (result === COMPACT_SUCCESS) {
      // It is likely that the allocation succeeds, but not certain.
      compactionDeferReset(sys, zone, order, false);
      return attempt;
    }
    const vain = result === COMPACT_COMPLETE || result === COMPACT_PARTIAL_SKIPPED;
    if (prio !== COMPACT_PRIO_ASYNC && vain) deferCompaction(sys, zone, order);
  }
  return { result: best, captured: -1 };
}
