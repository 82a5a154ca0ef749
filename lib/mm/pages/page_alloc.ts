/**
 * Allocating folios: the one door through which every frame of RAM is handed out and comes back.
 *
 *   allocPages(gfp, order) --> zones of the zonelist, best first --> Zone.rmqueueSmallest (buddy.ts)
 *        |                        ZONE_NORMAL, ZONE_DMA32, ZONE_DMA
 *        +--> prepNewPage: refcount 1, tails point to the head, zeroed if __GFP_ZERO
 *
 *   folioPut() --> refcount 0 --> off the LRU --> freeUnrefPage --> Zone.freeOnePage
 *
 * An allocation may fail (undefined): every caller has an answer for that, -ENOMEM or VM_FAULT_OOM. The GFP mask says how hard
 * the kernel may try and for what the memory is (gfp.ts).
 *
 * Read first: buddy.ts, folio.ts, gfp.ts. Read next: mm/fault/memory.ts.
 */

import type { Pfn } from "../../hw/address.js";
import { lruvecDelFolio } from "../lru/mm_inline.js";
import { vmBugOn } from "../mmdebug.js";
import type { MemorySystem } from "../system.js";
import {
  countVmEvents,
  modNodePageState,
  NR_MLOCK,
  PGALLOC,
  PGFREE,
  UNEVICTABLE_PGCLEARED,
} from "../vmstat.js";
import { FreeLinks, MAX_PAGE_ORDER, Zone } from "./buddy.js";
import {
  type Folio,
  type Page,
  PG_head,
  PG_lru,
  PG_mlocked,
  PG_reserved,
  PG_unevictable,
  PGTY_none,
  pfnToPage,
} from "./folio.js";
import { __GFP_DMA, __GFP_DMA32, __GFP_ZERO, GFP_KERNEL } from "./gfp.js";

const ZONE_DMA_END_PFN = 0x1000;
const ZONE_DMA32_END_PFN = 0x10_0000;
/** Frames below 1 MiB belong to the firmware and are never handed out. */
const FIRST_USABLE_PFN = 0x100;

/** Gives the machine's RAM to the zones; called once at boot. Linux mm/mm_init.c:free_area_init(), memblock_free_all() */
export function initZones(sys: MemorySystem): void {
  const nrFrames = sys.ram.nrFrames;
  const links = new FreeLinks(nrFrames);
  const first = nrFrames > 2 * FIRST_USABLE_PFN ? FIRST_USABLE_PFN : 1;
  const bounds: [string, number, number][] = [
    ["DMA", first, ZONE_DMA_END_PFN],
    ["DMA32", ZONE_DMA_END_PFN, ZONE_DMA32_END_PFN],
    ["Normal", ZONE_DMA32_END_PFN, nrFrames],
  ];
  for (const [name, start, end] of bounds) {
    const stop = Math.min(end, nrFrames);
    if (start < stop) sys.zones.push(bootZone(new Zone(name, start, stop, links)));
  }
  sys.totalramPages = sys.zones.reduce((sum, zone) => sum + zone.managedPages, 0);
  // All RAM has been freed once, by boot. Linux mm/page_alloc.c:__free_pages_core()
  countVmEvents(sys, PGFREE, sys.totalramPages);
}

/** Frees all frames of a new zone in the largest aligned blocks. Linux mm/memblock.c:__free_pages_memory() */
function bootZone(zone: Zone): Zone {
  let pfn = zone.zoneEndPfn;
  // From the top, so that the lowest block ends up at the head of the list and is handed out first.
  while (pfn > zone.zoneStartPfn) {
    let order = MAX_PAGE_ORDER;
    while (pfn % (1 << order) !== 0 || pfn - (1 << order) < zone.zoneStartPfn) order--;
    pfn -= 1 << order;
    zone.freeOnePage(pfn, order);
  }
  zone.managedPages = zone.nrFreePages;
  return zone;
}

/** The zone of frame `pfn`. Linux include/linux/mm.h:page_zone() */
function pageZone(sys: MemorySystem, pfn: Pfn): Zone {
  for (const zone of sys.zones) if (pfn < zone.zoneEndPfn) return zone;
  throw new RangeError(`frame ${pfn} is outside RAM`);
}

/** Frames free in all zones. Linux global_zone_page_state(NR_FREE_PAGES) */
export function nrFreePages(sys: MemorySystem): number {
  return sys.zones.reduce((sum, zone) => sum + zone.nrFreePages, 0);
}

/** Index of the best zone that `gfp` allows. Linux include/linux/gfp.h:gfp_zone() */
function gfpZone(gfp: number): number {
  if ((gfp & __GFP_DMA) !== 0) return 0;
  return (gfp & __GFP_DMA32) !== 0 ? 1 : 2;
}

/**
 * A block of 2^order frames as one folio with refcount 1, or undefined when there is none.
 * Linux mm/page_alloc.c:__alloc_pages_noprof()
 */
export function allocPages(sys: MemorySystem, gfp: number, order = 0): Folio | undefined {
  if (sys.shouldFailAllocPage?.(gfp, order) === true) return undefined;
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
  return folio;
}

/** Lets go of the folio; the last one frees it. Linux include/linux/mm.h:folio_put() */
export function folioPut(sys: MemorySystem, folio: Folio): void {
  if (--folio.refcount === 0) freeFolio(sys, folio);
}

/** Lets go of the folio `refs` times. Linux include/linux/mm.h:folio_put_refs() */
export function folioPutRefs(sys: MemorySystem, folio: Folio, refs: number): void {
  folio.refcount -= refs;
  if (folio.refcount === 0) freeFolio(sys, folio);
}

/** The last hold is gone. Linux mm/swap.c:__folio_put() */
function freeFolio(sys: MemorySystem, folio: Folio): void {
  vmBugOn(folio.refcount !== 0, `frame ${folio.pfn} has refcount ${folio.refcount}`);
  if ((folio.flags & PG_lru) !== 0) lruvecDelFolio(sys, folio);
  if ((folio.flags & PG_mlocked) !== 0) {
    // A locked page dies unlocked. Linux mm/page_alloc.c:__free_pages_prepare()
    modNodePageState(sys, NR_MLOCK, -(1 << folio.order));
    countVmEvents(sys, UNEVICTABLE_PGCLEARED, 1 << folio.order);
  }
  freeUnrefPage(sys, folio);
}

/** Wipes the page structs and gives the frames back. Linux mm/page_alloc.c:free_unref_folios(), free_pages_prepare() */
function freeUnrefPage(sys: MemorySystem, folio: Folio): void {
  const { pfn, order } = folio;
  if (sys.trace.on) sys.trace.emit("kmem:mm_page_free", { pfn, order });
  for (let i = 0; i < 1 << order; i++) {
    const page = i === 0 ? folio : pfnToPage(sys, pfn + i);
    vmBugOn(page.mapcount !== 0, `frame ${page.pfn} is freed while mapped`);
    page.head = page;
    page.anonExclusive = false;
  }
  vmBugOn(
    folio.largeMapcount !== 0 || folio.entireMapcount !== 0,
    `frame ${pfn} is freed while mapped as a whole`,
  );
  folio.flags = 0;
  folio.order = 0;
  folio.mapping = undefined;
  folio.index = 0;
  folio.private = 0;
  folio.mlockCount = 0;
  folio.pageType = PGTY_none;
  countVmEvents(sys, PGFREE, 1 << order);
  pageZone(sys, pfn).freeOnePage(pfn, order);
}

/** Takes one frame for the kernel for good (the zero page, tables of the machine). Not in Linux: memblock_reserve() */
export function allocReservedPage(sys: MemorySystem): Page {
  const page = allocPages(sys, GFP_KERNEL | __GFP_ZERO, 0);
  if (page === undefined) throw new RangeError(`RAM of ${sys.ram.sizeBytes} bytes is too small to boot`);
  page.flags |= PG_reserved;
  return page;
}

/** Flags that must be gone when a folio is freed. Linux PAGE_FLAGS_CHECK_AT_FREE */
export const PAGE_FLAGS_CHECK_AT_FREE = PG_lru | PG_unevictable;
