/**
 * The buddy allocator: free frames, kept in blocks of 1, 2, 4 ... 1024 frames.
 *
 *   order 3   [ 0 . . . . . . . ]                 a block of 2^order frames starts at a multiple of 2^order
 *   split     [ 0 . . . ][ 4 . . . ]              two halves are buddies: their frame numbers differ in one bit,
 *   split     [ 0 . ][ 2 . ][ 4 . . . ]           buddy = pfn ^ (1 << order)
 *
 * To allocate, take a block from the smallest order that has one and split it down, putting the upper halves
 * on their lists. To free, look at the buddy: if it is free and of the same order, take it off its list and
 * go on with the double block; else put the block on the list. Both take at most 11 steps however much RAM
 * there is.
 *
 * A zone is a range of frames with lists of its own: ZONE_DMA (below 16 MiB), ZONE_DMA32 (below 4 GiB),
 * ZONE_NORMAL. The lists are linked through two arrays indexed by frame, which the host backs only where they
 * are used.
 *
 * Left out today: migrate types, per-CPU lists, watermarks (they come with reclaim).
 *
 * Read first: folio.ts. Read next: page_alloc.ts, which turns blocks into folios.
 */

import type { Pfn } from "../../hw/address.js";
import { vmBugOnPage } from "../mmdebug.js";

/** Largest order the buddy allocator hands out. Linux include/linux/mmzone.h:MAX_PAGE_ORDER */
export const MAX_PAGE_ORDER = 10;

/** Order of a page block, 2 MiB. Linux include/linux/pageblock-flags.h:pageblock_order */
const PAGEBLOCK_ORDER = 9;

/** The links of all free lists of a machine, one slot for each frame. Not in Linux: in struct page there. */
export class FreeLinks {
  readonly next: Int32Array;
  readonly prev: Int32Array;
  /** order + 1 in the first frame of a free block, else 0. Linux PageBuddy() and buddy_order() */
  readonly orderPlusOne: Uint8Array;

  constructor(nrFrames: number) {
    this.next = new Int32Array(nrFrames);
    this.prev = new Int32Array(nrFrames);
    this.orderPlusOne = new Uint8Array(nrFrames);
  }
}

/** The free blocks of one order. Linux include/linux/mmzone.h:struct free_area */
export interface FreeArea {
  /** First frame of the first block, -1 when empty. */
  head: number;
  /** How many blocks. */
  nrFree: number;
}

/**
 * Watermarks of a zone, in pages, before the boost (wmark.ts).
 * Linux include/linux/mmzone.h:enum zone_watermarks
 */
export interface ZoneWatermarks {
  min: number;
  low: number;
  high: number;
  promo: number;
}

/**
 * In Zone.flags: kswapd works, so per-CPU lists stay short. Linux include/linux/mmzone.h:ZONE_RECLAIM_ACTIVE
 */
export const ZONE_RECLAIM_ACTIVE = 1 << 1;

/** A range of frames with its own free lists. Linux include/linux/mmzone.h:struct zone */
export class Zone {
  readonly name: string;
  readonly zoneStartPfn: Pfn;
  /** First frame after the zone. */
  readonly zoneEndPfn: Pfn;
  readonly freeArea: FreeArea[] = [];
  /** Frames from the first to the last, with gaps. Linux spanned_pages */
  spannedPages: number;
  /** Frames that are RAM. Linux present_pages */
  presentPages: number;
  /** Frames that the allocator was given. Linux managed_pages */
  managedPages = 0;
  /** Frames free now. Linux NR_FREE_PAGES */
  nrFreePages = 0;
  /** Blocks handed out, of any size, to somebody of this node: there is only one. Linux NUMA_HIT */
  numaHit = 0;
  /** Linux _watermark */
  watermark: ZoneWatermarks = { min: 0, low: 0, high: 0, promo: 0 };
  /** Free pages in blocks kept for urgent requests of several pages. Linux nr_free_highatomic */
  nrFreeHighatomic = 0;
  /** Pages that all marks are higher by for a while. Linux watermark_boost */
  watermarkBoost = 0;
  /** Pages that a request for each of the zones from this one up must leave. Linux lowmem_reserve */
  readonly lowmemReserve: number[] = [0, 0, 0, 0, 0];
  /** ZONE_RECLAIM_ACTIVE and such. */
  flags = 0;
  private readonly links: FreeLinks;

  constructor(name: string, startPfn: Pfn, endPfn: Pfn, links: FreeLinks) {
    this.name = name;
    this.zoneStartPfn = startPfn;
    this.zoneEndPfn = endPfn;
    this.spannedPages = endPfn - startPfn;
    this.presentPages = endPfn - startPfn;
    this.links = links;
    for (let order = 0; order <= MAX_PAGE_ORDER; order++) this.freeArea.push({ head: -1, nrFree: 0 });
  }

  /** Free frames in blocks of at least 2 MiB. Linux NR_FREE_PAGES_BLOCKS */
  get nrFreePagesBlocks(): number {
    let pages = 0;
    for (let order = PAGEBLOCK_ORDER; order <= MAX_PAGE_ORDER; order++)
      pages += this.freeArea[order]!.nrFree << order;
    return pages;
  }

  /**
   * Whether `pfn` is the first frame of a free block of this zone.
   * Linux include/linux/page-flags.h:PageBuddy()
   */
  isFreeBlock(pfn: Pfn): boolean {
    return pfn >= this.zoneStartPfn && pfn < this.zoneEndPfn && this.links.orderPlusOne[pfn] !== 0;
  }

  /** Whether a block of exactly this order is free for ordinary requests. Linux free_area_empty() */
  hasFreeBlock(order: number, _highatomic: boolean): boolean {
    return this.freeArea[order]!.nrFree > 0;
  }

  /**
   * Takes a block of 2^order frames; returns its first frame or -1.
   * Linux mm/page_alloc.c:__rmqueue_smallest()
   */
  rmqueueSmallest(order: number): number {
    for (let current = order; current <= MAX_PAGE_ORDER; current++) {
      const pfn = this.freeArea[current]!.head;
      if (pfn < 0) continue;
      this.delPageFromFreeList(pfn, current);
      this.expand(pfn, order, current);
      this.nrFreePages -= 1 << order;
      return pfn;
    }
    return -1;
  }

  /** Gives a block back and merges it with its free buddies. Linux mm/page_alloc.c:__free_one_page() */
  freeOnePage(pfn: Pfn, order: number): void {
    const outside = pfn < this.zoneStartPfn || pfn + (1 << order) > this.zoneEndPfn;
    vmBugOnPage(outside, pfn, "is freed to a zone that it is not in");
    vmBugOnPage(this.links.orderPlusOne[pfn] !== 0, pfn, "is freed twice");
    this.nrFreePages += 1 << order;
    let block = pfn;
    let current = order;
    while (current < MAX_PAGE_ORDER) {
      const buddy = block ^ (1 << current);
      if (buddy < this.zoneStartPfn || buddy >= this.zoneEndPfn) break;
      if (this.links.orderPlusOne[buddy] !== current + 1) break;
      this.delPageFromFreeList(buddy, current);
      block = Math.min(block, buddy);
      current++;
    }
    this.addToFreeList(block, current);
  }

  /** Puts the upper halves of a block of order `high` back, down to `low`. Linux mm/page_alloc.c:expand() */
  private expand(pfn: Pfn, low: number, high: number): void {
    for (let order = high - 1; order >= low; order--) this.addToFreeList(pfn + (1 << order), order);
  }

  private addToFreeList(pfn: Pfn, order: number): void {
    const { next, prev, orderPlusOne } = this.links;
    const area = this.freeArea[order]!;
    next[pfn] = area.head;
    prev[pfn] = -1;
    if (area.head >= 0) prev[area.head] = pfn;
    area.head = pfn;
    area.nrFree++;
    orderPlusOne[pfn] = order + 1;
  }

  private delPageFromFreeList(pfn: Pfn, order: number): void {
    const { next, prev, orderPlusOne } = this.links;
    const area = this.freeArea[order]!;
    const after = next[pfn]!;
    const before = prev[pfn]!;
    if (before >= 0) next[before] = after;
    else area.head = after;
    if (after >= 0) prev[after] = before;
    area.nrFree--;
    orderPlusOne[pfn] = 0;
  }
}
