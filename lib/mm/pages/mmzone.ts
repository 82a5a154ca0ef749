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
 *   /proc/meminfo --> siMemAvailable --> sys.totalreservePages, lowWmarkPages(zone): kept by wmark.ts
 *
 * Of the slabs that can be reclaimed, as much is counted as of the page cache: half, or all but the low
 * marks.
 *
 * Left out: more nodes than one.
 *
 * Linux mm/show_mem.c, mm/page_alloc.c. Read first: wmark.ts. Read next: mm/oom_kill.ts.
 */

import type { MemorySystem } from "../system.js";
import { globalNodePageState, NR_ACTIVE_FILE, NR_INACTIVE_FILE, NR_SLAB_RECLAIMABLE } from "../vmstat.js";
import { nrFreePages } from "./page_alloc.js";
import { LEAST_MOVABLE_MIN, lowWmarkPages, ZONE_MOVABLE } from "./wmark.js";

/** Pages that programs could have without swapping, an estimate. Linux mm/show_mem.c:si_mem_available() */
export function siMemAvailable(sys: MemorySystem): number {
  const marks = sys.zones.reduce((sum, zone) => sum + lowWmarkPages(zone), 0);
  const wmarkLow = marks + (sys.zones.length > ZONE_MOVABLE ? 0 : LEAST_MOVABLE_MIN); // of an empty zone
  const pagecache = globalNodePageState(sys, NR_ACTIVE_FILE) + globalNodePageState(sys, NR_INACTIVE_FILE);
  const reclaimable = globalNodePageState(sys, NR_SLAB_RECLAIMABLE);
  const given = (pages: number): number => pages - Math.min(Math.floor(pages / 2), wmarkLow);
  return Math.max(0, nrFreePages(sys) - sys.totalreservePages + given(pagecache) + given(reclaimable));
}
