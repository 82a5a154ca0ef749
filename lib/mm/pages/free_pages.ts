/**
 * Freeing folios: how a frame of RAM comes back.
 *
 *   folioPut() --> refcount 0 --> freeFolio --> off the LRU list --> freeUnrefPage --> this CPU's list (pcp.ts)
 *                                               unlocked             wiped         \--> the zone (buddy.ts)
 *
 * Nobody "frees" a page: everybody lets go of his hold, and the last one to do so pays for the rest. So a
 * frame can come back from anywhere, also from within reclaim, and freeing must not need memory itself. It
 * stands below the LRU's batches, below reclaim and below the allocator:
 *
 *   page_alloc.ts   allocates, and reclaims when there is nothing
 *   mm/lru/         batches, reclaim
 *   free_pages.ts   lets go
 *   pcp.ts, buddy.ts   free lists                     mm/lru/mm_inline.ts   LRU lists
 *
 * (Linux has this in mm/swap.c and mm/page_alloc.c.)
 *
 * Read first: buddy.ts, folio.ts. Read next: page_alloc.ts.
 */

import type { Pfn } from "../../hw/address.js";
import { folioUndoLarge } from "../huge/deferred_queue.js";
import { lruvecDelFolio } from "../lru/mm_inline.js";
import { memCgroupUncharge } from "../memcg/charge.js";
import { vmBugOnPage } from "../mmdebug.js";
import type { MemorySystem } from "../system.js";
import { countVmEvents, modNodePageState, NR_MLOCK, PGFREE, UNEVICTABLE_PGCLEARED } from "../vmstat.js";
import type { Zone } from "./buddy.js";
import { type Folio, folioTestHugetlb, PG_lru, PG_mlocked, PGTY_none, pfnToPage } from "./folio.js";
import { freeToPcp } from "./pcp.js";
import { pcpAllowedOrder } from "./per_cpu_pages.js";

/** The zone of frame `pfn`. Linux include/linux/mm.h:page_zone() */
export function pageZone(sys: MemorySystem, pfn: Pfn): Zone {
  for (const zone of sys.zones) if (pfn < zone.zoneEndPfn) return zone;
  throw new RangeError(`frame ${pfn} is outside RAM`);
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
  vmBugOnPage(folio.refcount !== 0, folio.pfn, "is put more often than got");
  if (folioTestHugetlb(folio)) {
    sys.freeHugeFolio!(folio);
    return;
  }
  if ((folio.flags & PG_lru) !== 0) lruvecDelFolio(sys, folio);
  if ((folio.flags & PG_mlocked) !== 0) {
    // A locked page dies unlocked. Linux mm/page_alloc.c:__free_pages_prepare()
    modNodePageState(sys, NR_MLOCK, -(1 << folio.order));
    countVmEvents(sys, UNEVICTABLE_PGCLEARED, 1 << folio.order);
  }
  if (folio.large !== undefined) folioUndoLarge(sys, folio);
  if (folio.memcg !== undefined) memCgroupUncharge(sys, folio);
  freeUnrefPage(sys, folio);
}

/** Wipes the page structs of a folio that nobody holds. Linux mm/page_alloc.c:free_pages_prepare() */
export function freePagesPrepare(sys: MemorySystem, folio: Folio): void {
  const { pfn, order } = folio;
  if (sys.trace.on) sys.trace.emit("kmem:mm_page_free", { pfn, order });
  for (let i = 0; i < 1 << order; i++) {
    const page = i === 0 ? folio : pfnToPage(sys, pfn + i);
    vmBugOnPage(page.mapcount !== 0, page.pfn, "is freed while mapped");
    page.head = page;
    page.anonExclusive = false;
  }
  vmBugOnPage(
    folio.largeMapcount !== 0 || folio.entireMapcount !== 0,
    pfn,
    "is freed while mapped as a whole",
  );
  folio.flags = 0;
  folio.lruRefs = 0;
  folio.order = 0;
  folio.mapping = undefined;
  folio.index = 0;
  folio.private = 0;
  folio.mlockCount = 0;
  folio.pageType = PGTY_none;
}

/** Wipes the page structs and gives the frames back. Linux mm/page_alloc.c:free_unref_folios() */
function freeUnrefPage(sys: MemorySystem, folio: Folio): void {
  const { pfn, order } = folio;
  freePagesPrepare(sys, folio);
  countVmEvents(sys, PGFREE, 1 << order);
  const zone = pageZone(sys, pfn);
  if (pcpAllowedOrder(order)) freeToPcp(sys, zone, pfn, order);
  else zone.freeOnePage(pfn, order);
}
