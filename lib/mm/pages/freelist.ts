/**
 * One attempt of the allocator: the zones of a request, best first, each with its watermark test.
 *
 *   getPageFromFreelist(gfp, order, allocFlags)
 *     zone Normal   above its high mark, or above the mark that allocFlags name?  no --> next zone
 *       |  yes
 *       v
 *     takeFromZone --> this CPU's list (pcp.ts)             orders 0 to 3, and 9
 *                 \--> the zone's lists (fallback.ts)       other orders; or nothing on the list
 *       |
 *     prepNewPage: refcount 1, tails point to the head, zeroed if __GFP_ZERO
 *
 * A zone that is found below its high mark says so from then on (ZONE_BELOW_HIGH), and CPUs keep fewer of its
 * pages.
 *
 * Left out: cpusets, nodes other than the one, spreading of dirty pages over nodes, deferred start-up.
 *
 * Linux mm/page_alloc.c. Read first: watermark_ok.ts, pcp.ts. Read next: page_alloc.ts, slow_path.ts.
 */
import type { Pfn } from "../../hw/address.js";
import type { MemorySystem } from "../system.js";
import { countVmEvents, PGALLOC } from "../vmstat.js";
import {
  ALLOC_HIGHATOMIC,
  ALLOC_KSWAPD,
  ALLOC_NO_WATERMARKS,
  ALLOC_NOFRAGMENT,
  ALLOC_NON_BLOCK,
  ALLOC_OOM,
  wmarkPages,
} from "./alloc_flags.js";
import { ZONE_BELOW_HIGH, ZONE_BOOSTED_WATERMARK, type Zone } from "./buddy.js";
import { RMQUEUE_NORMAL, rmqueue } from "./fallback.js";
import { type Folio, PG_head, pfnToPage } from "./folio.js";
import { __GFP_ZERO } from "./gfp.js";
import { reserveHighatomicPageblock } from "./highatomic.js";
import { MIGRATE_HIGHATOMIC } from "./migratetype.js";
import { rmqueuePcplist } from "./pcp.js";
import { pcpAllowedOrder } from "./per_cpu_pages.js";
import { zoneWatermarkFast } from "./watermark_ok.js";

/** Whether the marks let the request into the zone. Linux get_page_from_freelist(), check_alloc_wmark */
function mayTakeFrom(
  sys: MemorySystem,
  zone: Zone,
  order: number,
  highestZoneidx: number,
  allocFlags: number,
): boolean {
  if ((zone.flags & ZONE_BELOW_HIGH) === 0) {
    const high = zone.watermark.high + zone.watermarkBoost;
    if (zoneWatermarkFast(sys, zone, order, high, highestZoneidx, allocFlags)) return true;
    zone.flags |= ZONE_BELOW_HIGH;
  }
  const mark = wmarkPages(zone, allocFlags);
  if (zoneWatermarkFast(sys, zone, order, mark, highestZoneidx, allocFlags)) return true;
  return (allocFlags & ALLOC_NO_WATERMARKS) !== 0;
}

/** A block from the zone's own lists; or -1. Linux mm/page_alloc.c:rmqueue_buddy() */
function rmqueueBuddy(
  sys: MemorySystem,
  zone: Zone,
  order: number,
  allocFlags: number,
  migratetype: number,
): number {
  if ((allocFlags & ALLOC_HIGHATOMIC) !== 0) {
    const pfn = zone.rmqueueSmallest(order, MIGRATE_HIGHATOMIC);
    if (pfn >= 0) return pfn;
  }
  const pfn = rmqueue(sys, zone, order, migratetype, allocFlags, { at: RMQUEUE_NORMAL });
  if (pfn >= 0 || (allocFlags & (ALLOC_OOM | ALLOC_NON_BLOCK)) === 0) return pfn;
  return zone.rmqueueSmallest(order, MIGRATE_HIGHATOMIC); // failing now is worse than failing them later
}

/** A block from this CPU's list or from the zone's; or -1. Linux mm/page_alloc.c:rmqueue() */
function takeFromZone(
  sys: MemorySystem,
  zone: Zone,
  order: number,
  allocFlags: number,
  migratetype: number,
): number {
  let pfn = -1;
  if (pcpAllowedOrder(order) && zone.pcps.length > 0)
    pfn = rmqueuePcplist(sys, zone, order, migratetype, allocFlags);
  if (pfn < 0) pfn = rmqueueBuddy(sys, zone, order, allocFlags, migratetype);
  if ((zone.flags & ZONE_BOOSTED_WATERMARK) !== 0 && (allocFlags & ALLOC_KSWAPD) !== 0) {
    zone.flags &= ~ZONE_BOOSTED_WATERMARK;
    sys.parts.wakeupKswapd(sys, zone, 0, 0, sys.zones.indexOf(zone));
  }
  return pfn;
}

/**
 * A block of 2^order frames of the best zone, `highestZoneidx` or lower, that may give one; undefined when
 * none may. Linux mm/page_alloc.c:get_page_from_freelist()
 */
export function getPageFromFreelist(
  sys: MemorySystem,
  gfp: number,
  order: number,
  allocFlags: number,
  highestZoneidx: number,
  migratetype: number,
): Folio | undefined {
  const { zones } = sys;
  for (let i = Math.min(highestZoneidx, zones.length - 1); i >= 0; i--) {
    const zone = zones[i]!;
    if (zone.managedPages === 0 || !mayTakeFrom(sys, zone, order, highestZoneidx, allocFlags)) continue;
    const pfn = takeFromZone(sys, zone, order, allocFlags, migratetype);
    if (pfn < 0) continue;
    countVmEvents(sys, PGALLOC + i, 1 << order);
    zone.numaHit++;
    if (sys.trace.on) sys.trace.emit("kmem:mm_page_alloc", { pfn, order });
    const folio = prepNewPage(sys, pfn, order, gfp);
    if ((allocFlags & ALLOC_HIGHATOMIC) !== 0) reserveHighatomicPageblock(zone, pfn, order);
    return folio;
  }
  if ((allocFlags & ALLOC_NOFRAGMENT) === 0 || sys.sysctl.defragMode !== 0) return undefined;
  const mixing = allocFlags & ~ALLOC_NOFRAGMENT; // all zones are mixed up
  return getPageFromFreelist(sys, gfp, order, mixing, highestZoneidx, migratetype);
}

/** Makes a fresh block a folio. Linux mm/page_alloc.c:prep_new_page(), prep_compound_page() */
export function prepNewPage(sys: MemorySystem, pfn: Pfn, order: number, gfp: number): Folio {
  const folio = pfnToPage(sys, pfn);
  folio.refcount = 1;
  folio.order = order;
  if (order > 0) {
    folio.flags = PG_head;
    for (let i = 1; i < 1 << order; i++) pfnToPage(sys, pfn + i).head = folio;
  }
  if ((gfp & __GFP_ZERO) === 0) return folio;
  for (let i = 0; i < 1 << order; i++) sys.ram.zeroFrame(pfn + i);
  sys.clock.advance(sys.costs.zeroPageNs * 2 ** order);
  if (sys.trace.on) sys.trace.emit("pagewalk:clear_page", { pfn, order });
  return folio;
}
