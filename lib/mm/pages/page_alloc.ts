/**
 * Allocating folios: the one door through which every frame of RAM is handed out.
 *
 *   allocPages(gfp, order)
 *     getPageFromFreelist --> zones of the zonelist, best first --> Zone.rmqueueSmallest (buddy.ts)
 *     |                       ZONE_MOVABLE, ZONE_NORMAL, ZONE_DMA32, ZONE_DMA
 *     |  nothing there?
 *     +-> allocPagesSlowpath     only with __GFP_DIRECT_RECLAIM, and not from within reclaim
 *           sys.parts.tryToFreePages   reclaim: answers how many pages it freed
 *           getPageFromFreelist        again; round and round while reclaim makes progress
 *
 *     prepNewPage: refcount 1, tails point to the head, zeroed if __GFP_ZERO
 *
 * Reclaim stands above the LRU lists, and those above freeing; the allocator calls reclaim, and everybody
 * calls the allocator. So that this is no circle, freeing is in a file of its own (free_pages.ts), and
 * reclaim is called through the table of parts (mm/parts.ts).
 *
 * An allocation may fail (undefined): every caller has an answer for that, -ENOMEM or VM_FAULT_OOM. The GFP
 * mask says how hard the kernel may try and for what the memory is (gfp.ts).
 *
 * Left out: watermarks, kswapd's wake-up, compaction, the OOM killer.
 *
 * Read first: buddy.ts, folio.ts, gfp.ts. Read next: free_pages.ts, mm/fault/memory.ts.
 */

import type { Pfn } from "../../hw/address.js";
import { outOfSteps, STEP_BUDGET } from "../mmdebug.js";
import type { MemorySystem } from "../system.js";
import { countVmEvents, PGALLOC } from "../vmstat.js";
import { type Folio, type Page, PG_head, PG_reserved, pfnToPage } from "./folio.js";
import {
  __GFP_DIRECT_RECLAIM,
  __GFP_DMA,
  __GFP_DMA32,
  __GFP_HIGHMEM,
  __GFP_MOVABLE,
  __GFP_NORETRY,
  __GFP_RETRY_MAYFAIL,
  __GFP_ZERO,
  GFP_KERNEL,
  PAGE_ALLOC_COSTLY_ORDER,
} from "./gfp.js";
import { ZONE_MOVABLE, ZONE_NORMAL } from "./wmark.js";

/** Frames free in all zones. Linux global_zone_page_state(NR_FREE_PAGES) */
export function nrFreePages(sys: MemorySystem): number {
  return sys.zones.reduce((sum, zone) => sum + zone.nrFreePages, 0);
}

/** Both together allow ZONE_MOVABLE. */
const MOVABLE_ZONE = __GFP_HIGHMEM | __GFP_MOVABLE;

/** Index of the best zone that `gfp` allows. Linux include/linux/gfp.h:gfp_zone() */
function gfpZone(gfp: number): number {
  if ((gfp & __GFP_DMA) !== 0) return 0;
  if ((gfp & __GFP_DMA32) !== 0) return 1;
  return (gfp & MOVABLE_ZONE) === MOVABLE_ZONE ? ZONE_MOVABLE : ZONE_NORMAL;
}

/**
 * A block of 2^order frames as one folio with refcount 1, or undefined when there is none. May free memory on
 * the way, where `gfp` allows it: whatever the caller looked at before may have changed when it returns.
 * Linux mm/page_alloc.c:__alloc_pages_noprof()
 */
export function allocPages(sys: MemorySystem, gfp: number, order = 0): Folio | undefined {
  if (sys.shouldFailAllocPage?.(gfp, order) === true) return undefined;
  return getPageFromFreelist(sys, gfp, order) ?? allocPagesSlowpath(sys, gfp, order);
}

/** A block of the best zone that has one. Linux mm/page_alloc.c:get_page_from_freelist() */
function getPageFromFreelist(sys: MemorySystem, gfp: number, order: number): Folio | undefined {
  for (let i = Math.min(gfpZone(gfp), sys.zones.length - 1); i >= 0; i--) {
    const zone = sys.zones[i]!;
    const pfn = zone.rmqueueSmallest(order);
    if (pfn < 0) continue;
    countVmEvents(sys, PGALLOC + i, 1 << order);
    zone.numaHit++;
    if (sys.trace.on) sys.trace.emit("kmem:mm_page_alloc", { pfn, order });
    return prepNewPage(sys, pfn, order, gfp);
  }
  return undefined;
}

/**
 * The free lists have nothing: reclaims and tries again, as long as reclaim gets anywhere.
 * Linux mm/page_alloc.c:__alloc_pages_slowpath()
 * Differs from Linux: gives up at the first reclaim that frees nothing, where Linux tries 16 times and then
 * kills a process.
 */
function allocPagesSlowpath(sys: MemorySystem, gfp: number, order: number): Folio | undefined {
  if ((gfp & __GFP_DIRECT_RECLAIM) === 0 || sys.pfMemalloc) return undefined;
  for (let tries = 0; tries < STEP_BUDGET; tries++) {
    const progress = performReclaim(sys, gfp, order);
    const folio = progress > 0 ? getPageFromFreelist(sys, gfp, order) : undefined;
    if (folio !== undefined || progress === 0 || !mayLoop(gfp, order)) return folio;
  }
  throw outOfSteps(`the reclaim for ${1 << order} pages (try_to_free_pages)`);
}

/**
 * Whether more than one reclaim is worth it. Linux mm/page_alloc.c:__alloc_pages_slowpath(), before
 * should_reclaim_retry()
 */
function mayLoop(gfp: number, order: number): boolean {
  if ((gfp & __GFP_NORETRY) !== 0) return false;
  return order <= PAGE_ALLOC_COSTLY_ORDER || (gfp & __GFP_RETRY_MAYFAIL) !== 0;
}

/**
 * Pages that direct reclaim freed; what it allocates itself never reclaims.
 * Linux mm/page_alloc.c:__perform_reclaim()
 */
function performReclaim(sys: MemorySystem, gfp: number, order: number): number {
  sys.pfMemalloc = true;
  try {
    return sys.parts.tryToFreePages(sys, gfp, order);
  } finally {
    sys.pfMemalloc = false;
  }
}

/** Makes a fresh block a folio. Linux mm/page_alloc.c:prep_new_page(), prep_compound_page() */
function prepNewPage(sys: MemorySystem, pfn: Pfn, order: number, gfp: number): Folio {
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
