/**
 * Allocating folios: the one door through which every frame of RAM is handed out.
 *
 *   allocPages(gfp, order)
 *     getPageFromFreelist      zones of the zonelist, best first, down to the low watermark (freelist.ts)
 *     |  all below it?         ZONE_MOVABLE, ZONE_NORMAL, ZONE_DMA32, ZONE_DMA
 *     +-> allocPagesSlowpath   wakes kswapd, reclaims, asks the OOM killer; tries again (slow_path.ts)
 *
 * Reclaim stands above the LRU lists, and those above freeing; the allocator calls reclaim, and everybody
 * calls the allocator. So that this is no circle, freeing is in a file of its own (free_pages.ts), and
 * reclaim is called through the table of parts (mm/parts.ts).
 *
 * An allocation may fail (undefined): every caller has an answer for that, -ENOMEM or VM_FAULT_OOM. The GFP
 * mask says how hard the kernel may try and for what the memory is (gfp.ts).
 *
 * Linux mm/page_alloc.c. Read first: buddy.ts, folio.ts, gfp.ts. Read next: freelist.ts, free_pages.ts.
 */

import { nodeDirtyOk } from "../lru/dirty_limits.js";
import type { MemorySystem } from "../system.js";
import { ALLOC_NOFRAGMENT, ALLOC_WMARK_LOW } from "./alloc_flags.js";
import { type Folio, type Page, PG_reserved } from "./folio.js";
import { getPageFromFreelist } from "./freelist.js";
import {
  __GFP_DMA,
  __GFP_DMA32,
  __GFP_HIGHMEM,
  __GFP_KSWAPD_RECLAIM,
  __GFP_MOVABLE,
  __GFP_WRITE,
  __GFP_ZERO,
  GFP_KERNEL,
} from "./gfp.js";
import { gfpMigratetype, MIGRATE_TYPES, MIGRATE_UNMOVABLE, PAGEBLOCK_NR_PAGES } from "./migratetype.js";
import { initVmstatUpdate, nrPcpPages } from "./pcp.js";
import { PerCpuPages } from "./per_cpu_pages.js";
import { allocPagesSlowpath } from "./slow_path.js";
import { ZONE_MOVABLE, ZONE_NORMAL } from "./wmark.js";

/** Frames free in all zones. Linux global_zone_page_state(NR_FREE_PAGES) */
export function nrFreePages(sys: MemorySystem): number {
  return sys.zones.reduce((sum, zone) => sum + zone.nrFreePages, 0);
}

/**
 * Frames that nobody holds, whether a zone has them or a CPU keeps them for itself. Not in Linux: it counts
 * the latter nowhere together.
 */
export function nrUnusedPages(sys: MemorySystem): number {
  return nrFreePages(sys) + nrPcpPages(sys);
}

/**
 * Gives each CPU lists of its own in each zone, and says whether page blocks are told by type; called once at
 * boot, when there are zones. Linux mm/page_alloc.c:setup_per_cpu_pageset(), build_all_zonelists()
 */
export function setupPerCpuPageset(sys: MemorySystem): void {
  for (const zone of sys.zones)
    for (let cpu = 0; cpu < Math.max(1, sys.cpus.length); cpu++) zone.pcps.push(new PerCpuPages());
  sys.pageGroupByMobilityDisabled = sys.totalramPages < PAGEBLOCK_NR_PAGES * MIGRATE_TYPES;
  if (sys.pageGroupByMobilityDisabled) for (const zone of sys.zones) zone.regroupAsUnmovable();
  initVmstatUpdate(sys);
}

/** Both together allow ZONE_MOVABLE. */
const MOVABLE_ZONE = __GFP_HIGHMEM | __GFP_MOVABLE;

/** Index of the best zone that `gfp` allows. Linux include/linux/gfp.h:gfp_zone() */
export function gfpZone(gfp: number): number {
  if ((gfp & __GFP_DMA) !== 0) return 0;
  if ((gfp & __GFP_DMA32) !== 0) return 1;
  return (gfp & MOVABLE_ZONE) === MOVABLE_ZONE ? ZONE_MOVABLE : ZONE_NORMAL;
}

/**
 * Whether the first attempt should rather take another zone than mix up page blocks.
 * Linux mm/page_alloc.c:alloc_flags_nofragment()
 */
function nofragment(sys: MemorySystem, highestZoneidx: number): number {
  const { zones } = sys;
  const preferNormal =
    zones.length > ZONE_NORMAL &&
    zones[ZONE_NORMAL]!.managedPages > 0 &&
    (highestZoneidx === ZONE_NORMAL || (highestZoneidx > ZONE_NORMAL && zones.length === ZONE_NORMAL + 1));
  return preferNormal || sys.sysctl.defragMode !== 0 ? ALLOC_NOFRAGMENT : 0;
}

/**
 * A block of 2^order frames as one folio with refcount 1, or undefined when there is none. May free memory on
 * the way, where `gfp` allows it: whatever the caller looked at before may have changed when it returns.
 * Linux mm/page_alloc.c:__alloc_pages_noprof()
 */
export function allocPages(sys: MemorySystem, gfp: number, order = 0): Folio | undefined {
  if (sys.shouldFailAllocPage?.(gfp, order) === true) return undefined;
  const highest = gfpZone(gfp);
  const type = sys.pageGroupByMobilityDisabled ? MIGRATE_UNMOVABLE : gfpMigratetype(gfp);
  const flags = ALLOC_WMARK_LOW | (gfp & __GFP_KSWAPD_RECLAIM) | nofragment(sys, highest);
  // A page to be written is not taken at once from a node with its part of dirty pages: kswapd wakes first.
  // Whoever writes from outside is not slowed down for what he dirties, and may have more than his part.
  const folio =
    (gfp & __GFP_WRITE) === 0 || sys.current === undefined || nodeDirtyOk(sys)
      ? getPageFromFreelist(sys, gfp, order, flags, highest, type)
      : undefined;
  return folio ?? allocPagesSlowpath(sys, gfp, order, highest, type);
}

/**
 * Takes one frame for the kernel for good (the zero page, tables of the machine). Not in Linux:
 * memblock_reserve()
 */
export function allocReservedPage(sys: MemorySystem): Page {
  const page = allocPages(sys, GFP_KERNEL | __GFP_ZERO, 0);
  if (page === undefined) throw new RangeError(`RAM of ${sys.ram.sizeBytes} bytes is too small to boot`);
  page.flags |= PG_reserved;
  return page;
}
