/**
 * Deferral: what has failed lately is not tried at once again.
 *
 *   failures in a row     0   1   2   3   4   5   6   7 ...
 *   deferShift            0   1   2   3   4   5   6   6
 *   attempts skipped      0   1   3   7  15  31  63  63      then one is made
 *
 * It holds for blocks as large as the smallest that failed, or larger (orderFailed). An allocation that
 * succeeds sets all of it back; a compaction that believes it will only raises orderFailed.
 *
 * Linux mm/compaction.c. Read first: zone_compaction.ts. Read next: direct_compact.ts, kcompactd.ts.
 */
import type { Zone } from "../pages/buddy.js";
import type { MemorySystem } from "../system.js";
import type { TracepointName } from "../trace.js";

/** No more than 63 attempts are skipped. Linux mm/compaction.c:COMPACT_MAX_DEFER_SHIFT */
export const COMPACT_MAX_DEFER_SHIFT = 6;

function traceDefer(sys: MemorySystem, name: TracepointName, zone: Zone, order: number): void {
  if (!sys.trace.on) return;
  const { considered, deferShift, orderFailed } = zone.compact;
  const idx = sys.zones.indexOf(zone);
  sys.trace.emit(name, {
    nid: 0,
    idx,
    order,
    considered,
    defer_shift: deferShift,
    order_failed: orderFailed,
  });
}

/** Compaction of `zone` for a block of 2^order pages has failed. Linux mm/compaction.c:defer_compaction() */
export function deferCompaction(sys: MemorySystem, zone: Zone, order: number): void {
  const { compact } = zone;
  compact.considered = 0;
  compact.deferShift = Math.min(compact.deferShift + 1, COMPACT_MAX_DEFER_SHIFT);
  compact.orderFailed = Math.min(compact.orderFailed, order);
  traceDefer(sys, "compaction:mm_compaction_defer_compaction", zone, order);
}

/** Whether this attempt is to be skipped; it counts. Linux mm/compaction.c:compaction_deferred() */
export function compactionDeferred(sys: MemorySystem, zone: Zone, order: number): boolean {
  const { compact } = zone;
  if (order < compact.orderFailed) return false;
  const limit = 2 ** compact.deferShift;
  if (++compact.considered >= limit) {
    compact.considered = limit;
    return false;
  }
  traceDefer(sys, "compaction:mm_compaction_deferred", zone, order);
  return true;
}

/**
 * A block of 2^order pages is to be had; with `allocSuccess` somebody has got it.
 * Linux mm/compaction.c:compaction_defer_reset()
 */
export function compactionDeferReset(
  sys: MemorySystem,
  zone: Zone,
  order: number,
  allocSuccess: boolean,
): void {
  const { compact } = zone;
  if (allocSuccess) {
    compact.considered = 0;
    compact.deferShift = 0;
  }
  if (order >= compact.orderFailed) compact.orderFailed = order + 1;
  traceDefer(sys, "compaction:mm_compaction_defer_reset", zone, order);
}

/** The attempt after 63 skipped ones: it begins anew. Linux mm/compaction.c:compaction_restarting() */
export function compactionRestarting(zone: Zone, order: number): boolean {
  const { considered, deferShift, orderFailed } = zone.compact;
  if (order < orderFailed) return false;
  return deferShift === COMPACT_MAX_DEFER_SHIFT && considered >= 2 ** deferShift;
}
