/**
 * The zones taken together: what of all free memory is nobody's, and how much a program could still have.
 *
 *   zone   |<- min ->|<- gap ->|<- gap ->|                         |
 *          0        min       low       high                    managed
 *          |<----------------------------------->|
 *            high + the largest lowmem reserve       the zone's part of totalreserve
 *
 *   MemAvailable = free pages - totalreserve + (page cache - what of it should stay)
 *
 * The reserve is what the allocator holds back from programs: the high watermark, and what a zone keeps for
 * requests that only it can serve. Of the page cache, half should stay, or as much as the low watermarks if
 * that is less: dropping more would only make the same pages be read again.
 *
 *   /proc/meminfo --> siMemAvailable --> totalreservePages --> wmark.ts, for each zone
 *
 * Left out: the reclaimable part of slabs (there are none), more nodes than one.
 *
 * Linux mm/show_mem.c, mm/page_alloc.c. Read first: wmark.ts. Read next: mm/oom_kill.ts.
 */

import type { MemorySystem } from "../system.js";
import { globalNodePageState, NR_ACTIVE_FILE, NR_INACTIVE_FILE } from "../vmstat.js";
import { nrFreePages } from "./page_alloc.js";
import { lowmemReserve, zoneWatermarks } from "./wmark.js";

/**
 * Pages of all zones that are kept from programs. Linux mm/page_alloc.c:calculate_totalreserve_pages()
 * Differs from Linux: computed when asked for, not when a setting changes.
 */
export function totalreservePages(sys: MemorySystem): number {
  return sys.zones.reduce((sum, zone, index) => {
    const reserve = Math.max(...lowmemReserve(sys, index)) + zoneWatermarks(sys, zone).high;
    return sum + Math.min(reserve, zone.managedPages);
  }, 0);
}

/** Low watermarks of all zones together, in pages. Linux mm/show_mem.c:si_mem_available(), its first loop */
function lowWmarkPages(sys: MemorySystem): number {
  return sys.zones.reduce((sum, zone) => sum + zoneWatermarks(sys, zone).low, 0);
}

/** Pages that programs could have without swapping, an estimate. Linux mm/show_mem.c:si_mem_available() */
export function siMemAvailable(sys: MemorySystem): number {
  const pagecache = globalNodePageState(sys, NR_ACTIVE_FILE) + globalNodePageState(sys, NR_INACTIVE_FILE);
  const stays = Math.min(Math.floor(pagecache / 2), lowWmarkPages(sys));
  return Math.max(0, nrFreePages(sys) - totalreservePages(sys) + pagecache - stays);
}
