/**
 * Is compaction of this zone worth while now?
 *
 *   a block is free already                              COMPACT_SUCCESS: nothing to be done
 *   too few free pages to move others into               COMPACT_SKIPPED: reclaim first
 *     mark + 2 x 2^order  (+ low - min above order 3)
 *   above order 3: memory is short rather than in pieces COMPACT_SKIPPED
 *     fragmentation index from 0 to vm.extfrag_threshold
 *   else                                                 COMPACT_CONTINUE
 *
 * The gap of twice the block is for what compaction itself holds while it works: up to a block of free pages,
 * and it never goes below the min mark for more.
 *
 *   mm/pages/slow_path.ts, compact_zone.ts   may this zone be compacted?
 *   mm/lru                                   may reclaim stop? is kcompactd to wake?
 *
 * Linux mm/compaction.c. Left out: CMA. Read first: fragmentation.ts, mm/pages/watermark_ok.ts.
 * Read next: compact_zone.ts.
 */
import { zoneReclaimablePages } from "../lru/lru_size.js";
import { wmarkPages } from "../pages/alloc_flags.js";
import type { Zone } from "../pages/buddy.js";
import { PAGE_ALLOC_COSTLY_ORDER } from "../pages/gfp.js";
import { lowWmarkPages, minWmarkPages } from "../pages/wmark.js";
import type { MemorySystem } from "../system.js";
import {
  COMPACT_CONTINUE,
  COMPACT_NOT_SUITABLE_ZONE,
  COMPACT_SKIPPED,
  COMPACT_SUCCESS,
} from "./compact_control.js";
import { fragmentationIndex } from "./fragmentation.js";

/** Pages that must be free above the mark. Linux include/linux/compaction.h:compact_gap() */
export function compactGap(order: number): number {
  return 2 * 2 ** order;
}

/** Whether `freePages` are enough to move others into. Linux mm/compaction.c:__compaction_suitable() */
function enoughFree(
  sys: MemorySystem,
  zone: Zone,
  order: number,
  watermark: number,
  highestZoneidx: number,
  freePages: number,
): boolean {
  let mark = watermark + compactGap(order);
  if (order > PAGE_ALLOC_COSTLY_ORDER) mark += lowWmarkPages(zone) - minWmarkPages(zone);
  return sys.parts.zoneWatermarkOk(sys, zone, 0, mark, highestZoneidx, 0, freePages);
}

/** Tells a recording how a zone is doing. Linux include/trace/events/compaction.h */
export function traceSuitable(
  sys: MemorySystem,
  name: "suitable" | "finished",
  zone: Zone,
  order: number,
  ret: number,
): void {
  if (!sys.trace.on) return;
  sys.trace.emit(`compaction:mm_compaction_${name}`, { nid: 0, idx: sys.zones.indexOf(zone), order, ret });
}

/**
 * Whether compaction of `zone` may get somewhere with `watermark` kept.
 * Linux mm/compaction.c:compaction_suitable()
 */
export function compactionSuitable(
  sys: MemorySystem,
  zone: Zone,
  order: number,
  watermark: number,
  highestZoneidx: number,
): boolean {
  let result = COMPACT_SKIPPED;
  if (enoughFree(sys, zone, order, watermark, highestZoneidx, zone.nrFreePages)) {
    result = COMPACT_CONTINUE;
    if (order > PAGE_ALLOC_COSTLY_ORDER) {
      const index = fragmentationIndex(zone, order);
      if (index >= 0 && index <= sys.sysctl.extfragThreshold) result = COMPACT_NOT_SUITABLE_ZONE;
    }
  }
  traceSuitable(sys, "suitable", zone, order, result);
  return result === COMPACT_CONTINUE;
}

/**
 * Whether some zone could be compacted if a part of what is reclaimable were free.
 * Linux mm/compaction.c:compaction_zonelist_suitable()
 */
export function compactionZonelistSuitable(
  sys: MemorySystem,
  order: number,
  highestZoneidx: number,
): boolean {
  for (let i = Math.min(highestZoneidx, sys.zones.length - 1); i >= 0; i--) {
    const zone = sys.zones[i]!;
    if (zone.managedPages === 0) continue;
    const available = Math.floor(zoneReclaimablePages(sys, i) / order) + zone.nrFreePages;
    if (enoughFree(sys, zone, order, minWmarkPages(zone), highestZoneidx, available)) return true;
  }
  return false;
}

/** A request for which a zone might be compacted. Linux: arguments of compaction_suit_allocation_order() */
interface CompactRequest {
  readonly order: number;
  readonly highestZoneidx: number;
  /** ALLOC_WMARK_*, and others. */
  readonly allocFlags: number;
  /** In async mode; by kcompactd. */
  readonly async: boolean;
  readonly kcompactd: boolean;
}

/**
 * COMPACT_SUCCESS where a block is free, COMPACT_SKIPPED where compaction would get nowhere, else
 * COMPACT_CONTINUE. Linux mm/compaction.c:compaction_suit_allocation_order()
 */
export function compactionSuitAllocationOrder(
  sys: MemorySystem,
  zone: Zone,
  request: CompactRequest,
): number {
  const { order, highestZoneidx, allocFlags } = request;
  const { parts } = sys;
  const blocks = request.kcompactd && sys.sysctl.defragMode !== 0;
  const freePages = blocks ? zone.nrFreePagesBlocks : zone.nrFreePages;
  const mark = wmarkPages(zone, allocFlags);
  if (parts.zoneWatermarkOk(sys, zone, order, mark, highestZoneidx, allocFlags, freePages))
    return COMPACT_SUCCESS;
  if (order > PAGE_ALLOC_COSTLY_ORDER && request.async) {
    const least = mark + compactGap(order);
    if (!parts.zoneWatermarkOk(sys, zone, 0, least, highestZoneidx, 0, zone.nrFreePages))
      return COMPACT_SKIPPED;
  }
  return compactionSuitable(sys, zone, order, mark, highestZoneidx) ? COMPACT_CONTINUE : COMPACT_SKIPPED;
}
