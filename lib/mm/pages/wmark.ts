/**
 * Watermarks: how many free pages a zone should keep, and from where on reclaim helps.
 *
 *   free pages of a zone
 *   |---------------|-------|-------|-----------------------------> all
 *   0              min     low     high
 *   only the       callers  kswapd  kswapd sleeps
 *   kernel itself  reclaim  works
 *
 *   min      the zone's part of vm.min_free_kbytes, which grows with the square root of RAM
 *   the gap  a quarter of min, or vm.watermark_scale_factor / 10000 of the zone if that is more
 *   boost    all marks are higher by this for a while, after a page block changed its type
 *
 * A zone also keeps some pages free from requests that could use a higher zone: vm.lowmem_reserve_ratio.
 *
 * The marks are stored in the zone, and are computed again only when a setting changes:
 *
 *   boot, huge pages on or off --> calculateMinFreeKbytes --+
 *   write to min_free_kbytes, watermark_scale_factor -------+--> setupPerZoneWmarks --+
 *   write to lowmem_reserve_ratio, a zone gets more pages --> setupPerZoneLowmemReserve +--> totalreserve
 *
 * So a zone that is given pages later keeps the marks of before, but the reserve for it is always current.
 *
 * ZONE_MOVABLE holds nothing that the kernel needs in an emergency, so its min is small; its gaps are as wide
 * as for any other zone, because they are there for kswapd.
 *
 * Linux mm/page_alloc.c. Read first: mm/vm_sysctl.ts, buddy.ts. Read next: mmzone.ts, page_alloc.ts.
 */

import type { MemorySystem } from "../system.js";
import type { Zone, ZoneWatermarks } from "./buddy.js";
import { zonePcpUpdate } from "./per_cpu_pages.js";

/** Zones that a machine could have: DMA, DMA32, Normal, Movable, Device. Linux MAX_NR_ZONES */
export const MAX_NR_ZONES = 5;

/** Index of the zone of all other memory. Linux include/linux/mmzone.h:enum zone_type */
export const ZONE_NORMAL = 2;
/** Index of the zone of memory that can be moved away. Linux include/linux/mmzone.h:enum zone_type */
export const ZONE_MOVABLE = 3;

/** Bounds of min_free_kbytes as it is computed, kB. */
const LEAST_MIN_FREE_KBYTES = 128;
const MOST_MIN_FREE_KBYTES = 262144;

/** Least pages of ZONE_MOVABLE's min watermark, even if the zone is empty. */
export const LEAST_MOVABLE_MIN = 32;
const MOST_MOVABLE_MIN = 128;

/** Free pages below which only the kernel itself gets any. Linux include/linux/mmzone.h:min_wmark_pages() */
export function minWmarkPages(zone: Zone): number {
  return zone.watermark.min + zone.watermarkBoost;
}

/** Free pages below which kswapd is woken. Linux include/linux/mmzone.h:low_wmark_pages() */
export function lowWmarkPages(zone: Zone): number {
  return zone.watermark.low + zone.watermarkBoost;
}

/** Free pages at which kswapd sleeps again. Linux include/linux/mmzone.h:high_wmark_pages() */
export function highWmarkPages(zone: Zone): number {
  return zone.watermark.high + zone.watermarkBoost;
}

/**
 * Pages above the high watermarks of the zones that programs and the page cache's buffers may use.
 * Linux mm/page_alloc.c:nr_free_buffer_pages()
 */
export function nrFreeBufferPages(sys: MemorySystem): number {
  let pages = 0;
  for (let index = 0; index < Math.min(sys.zones.length, ZONE_MOVABLE); index++) {
    const zone = sys.zones[index]!;
    pages += Math.max(0, zone.managedPages - highWmarkPages(zone));
  }
  return pages;
}

/**
 * Computes vm.min_free_kbytes, unless somebody has set it to as much or more.
 * Linux mm/page_alloc.c:calculate_min_free_kbytes()
 */
export function calculateMinFreeKbytes(sys: MemorySystem): void {
  const value = Math.floor(Math.sqrt(nrFreeBufferPages(sys) * 4 * 16));
  if (value <= sys.userMinFreeKbytes) return;
  sys.sysctl.minFreeKbytes = Math.min(MOST_MIN_FREE_KBYTES, Math.max(LEAST_MIN_FREE_KBYTES, value));
}

/**
 * Sets what follows from the size of RAM. Linux mm/page_alloc.c:init_per_zone_wmark_min(),
 * mm/mmap.c:init_user_reserve()
 */
export function initWmarkMin(sys: MemorySystem): void {
  const { sysctl } = sys;
  calculateMinFreeKbytes(sys);
  setupPerZoneWmarks(sys);
  setupPerZoneLowmemReserve(sys);
  const freeKbytes = sys.zones.reduce((sum, zone) => sum + zone.nrFreePages, 0) * 4;
  sysctl.userReserveKbytes = Math.min(Math.floor(freeKbytes / 32), 131072);
  sysctl.adminReserveKbytes = Math.min(Math.floor(freeKbytes / 32), 8192);
}

/**
 * The watermarks of a zone with `managedPages`, of `lowmemPages` that share min_free_kbytes.
 * Linux mm/page_alloc.c:__setup_per_zone_wmarks(), its loop
 */
export function zoneWatermarks(
  zone: { readonly managedPages: number },
  minFreeKbytes: number,
  lowmemPages: number,
  watermarkScaleFactor: number,
): ZoneWatermarks {
  const pagesMin = Math.floor(minFreeKbytes / 4);
  const min = Math.floor((pagesMin * zone.managedPages) / Math.max(1, lowmemPages));
  const gap = Math.max(Math.floor(min / 4), Math.floor((zone.managedPages * watermarkScaleFactor) / 10000));
  return { min, low: min + gap, high: min + 2 * gap, promo: min + 3 * gap };
}

/** Moves all marks down or up so that `min` is the one for a zone whose pages can all be moved. */
function forMovableZone(marks: ZoneWatermarks, managedPages: number): ZoneWatermarks {
  const min = Math.floor(managedPages / 1024);
  const shift = Math.min(MOST_MOVABLE_MIN, Math.max(LEAST_MOVABLE_MIN, min)) - marks.min;
  const { low, high, promo } = marks;
  return { min: marks.min + shift, low: low + shift, high: high + shift, promo: promo + shift };
}

/**
 * Computes the marks of all zones from the settings as they are now, and forgets every boost.
 * Linux mm/page_alloc.c:setup_per_zone_wmarks()
 */
export function setupPerZoneWmarks(sys: MemorySystem): void {
  const { minFreeKbytes, watermarkScaleFactor } = sys.sysctl;
  let lowmemPages = 0;
  sys.zones.forEach((zone, index) => {
    if (index < ZONE_MOVABLE) lowmemPages += zone.managedPages;
  });
  sys.zones.forEach((zone, index) => {
    const marks = sys.parts.zoneWatermarks(zone, minFreeKbytes, lowmemPages, watermarkScaleFactor);
    zone.watermark = index === ZONE_MOVABLE ? forMovableZone(marks, zone.managedPages) : marks;
    zone.watermarkBoost = 0;
  });
  calculateTotalreservePages(sys);
  for (const zone of sys.zones) zonePcpUpdate(zone, sys.sysctl.percpuPagelistHighFraction);
}

/**
 * Computes how many pages each zone keeps from requests that a higher zone could serve.
 * Linux mm/page_alloc.c:setup_per_zone_lowmem_reserve()
 */
export function setupPerZoneLowmemReserve(sys: MemorySystem): void {
  sys.zones.forEach((zone, index) => {
    const ratio = sys.sysctl.lowmemReserveRatio[index]!;
    const clear = ratio === 0 || zone.managedPages === 0;
    let above = 0;
    for (let j = index + 1; j < MAX_NR_ZONES; j++) {
      above += sys.zones[j]?.managedPages ?? 0;
      zone.lowmemReserve[j] = clear ? 0 : Math.floor(above / ratio);
    }
  });
  calculateTotalreservePages(sys);
}

/**
 * Adds up what the zones keep from programs: the high watermark, and the most for a higher zone.
 * Linux mm/page_alloc.c:calculate_totalreserve_pages()
 */
function calculateTotalreservePages(sys: MemorySystem): void {
  sys.totalreservePages = sys.zones.reduce((sum, zone) => {
    const reserve = Math.max(...zone.lowmemReserve) + highWmarkPages(zone);
    return sum + Math.min(reserve, zone.managedPages);
  }, 0);
}
