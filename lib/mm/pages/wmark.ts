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
 *
 * A zone also keeps some pages free from requests that could use a higher zone: vm.lowmem_reserve_ratio.
 *
 * Everything here is computed from the settings when it is asked for; nothing is kept. Reclaim comes with lab
 * 05: today the marks are shown in /proc/zoneinfo and go into MemAvailable (mmzone.ts).
 *
 * Linux mm/page_alloc.c. Read first: mm/vm_sysctl.ts, buddy.ts. Read next: page_alloc.ts.
 */

import type { MemorySystem } from "../system.js";
import type { Zone } from "./buddy.js";

/** Watermarks of a zone in pages. Linux include/linux/mmzone.h:enum zone_watermarks */
interface ZoneWatermarks {
  min: number;
  low: number;
  high: number;
  promo: number;
}

/** Zones that a machine could have: DMA, DMA32, Normal, Movable, Device. Linux MAX_NR_ZONES */
export const MAX_NR_ZONES = 5;

/** vm.min_free_kbytes for this much RAM. Linux mm/page_alloc.c:calculate_min_free_kbytes() */
export function calculateMinFreeKbytes(sys: MemorySystem): number {
  const value = Math.floor(Math.sqrt(sys.totalramPages * 4 * 16));
  return Math.min(262144, Math.max(128, value));
}

/**
 * Sets what follows from the size of RAM. Linux mm/page_alloc.c:init_per_zone_wmark_min(),
 * mm/mmap.c:init_user_reserve()
 */
export function initWmarkMin(sys: MemorySystem): void {
  const { sysctl } = sys;
  sysctl.minFreeKbytes = calculateMinFreeKbytes(sys);
  const freeKbytes = sys.zones.reduce((sum, zone) => sum + zone.nrFreePages, 0) * 4;
  sysctl.userReserveKbytes = Math.min(Math.floor(freeKbytes / 32), 131072);
  sysctl.adminReserveKbytes = Math.min(Math.floor(freeKbytes / 32), 8192);
}

/** Watermarks of `zone`. Linux mm/page_alloc.c:__setup_per_zone_wmarks() */
export function zoneWatermarks(sys: MemorySystem, zone: Zone): ZoneWatermarks {
  const { minFreeKbytes, watermarkScaleFactor } = sys.sysctl;
  const pagesMin = Math.floor(minFreeKbytes / 4);
  const min = Math.floor((pagesMin * zone.managedPages) / Math.max(1, sys.totalramPages));
  const gap = Math.max(Math.floor(min / 4), Math.floor((zone.managedPages * watermarkScaleFactor) / 10000));
  return { min, low: min + gap, high: min + 2 * gap, promo: min + 3 * gap };
}

/**
 * Free pages that a request for each higher zone must leave in zone `index`.
 * Linux mm/page_alloc.c:setup_per_zone_lowmem_reserve()
 */
export function lowmemReserve(sys: MemorySystem, index: number): number[] {
  const ratio = sys.sysctl.lowmemReserveRatio[index]!;
  const values = new Array<number>(MAX_NR_ZONES).fill(0);
  let above = 0;
  for (let j = index + 1; j < values.length; j++) {
    above += sys.zones[j]?.managedPages ?? 0;
    values[j] = ratio === 0 ? 0 : Math.floor(above / ratio);
  }
  return values;
}
