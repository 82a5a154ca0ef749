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
 * Each order has a list for each migrate type; a block stands on the list of the type of its page block
 * (migratetype.ts). A block whose neighbour is likely to become free soon goes to the end of its list, so
 * that it is taken late and both have time to merge.
 *
 * A zone is a range of frames with lists of its own: ZONE_DMA (below 16 MiB), ZONE_DMA32 (below 4 GiB),
 * ZONE_NORMAL. The lists are linked through two arrays indexed by frame, which the host backs only where they
 * are used. In front of them stand the lists of each CPU (per_cpu_pages.ts).
 *
 * Replaceable: sys.parts.rmqueueSmallest (taking and splitting), sys.parts.freeOnePage (freeing and merging).
 * They move blocks between lists (addToFreeList, delPageFromFreeList); the zone counts the pages itself.
 *
 * While a task compacts the zone for a block (mm/compaction), `capture` is set, and merging hands the block
 * to the task at once, before anybody else can have it.
 *
 * Read first: folio.ts, migratetype.ts. Read next: fallback.ts, pcp.ts, page_alloc.ts.
 */

import type { Pfn } from "../../hw/address.js";
import { newZoneCompaction, type ZoneCompaction } from "../compaction/zone_compaction.js";
import { vmBugOnPage } from "../mmdebug.js";
import {
  MIGRATE_HIGHATOMIC,
  MIGRATE_ISOLATE,
  MIGRATE_MOVABLE,
  MIGRATE_PCPTYPES,
  MIGRATE_TYPES,
  MIGRATE_UNMOVABLE,
  migratetypeIsMergeable,
  PAGEBLOCK_ORDER,
} from "./migratetype.js";
import { type PerCpuPages, pindexToOrder } from "./per_cpu_pages.js";

/** Largest order the buddy allocator hands out. Linux include/linux/mmzone.h:MAX_PAGE_ORDER */
export const MAX_PAGE_ORDER = 10;

/**
 * The links of all free lists of a machine, per-CPU ones included: one slot for each frame; and the migrate
 * type of each page block. Not in Linux: in struct page and the zone's bitmap there.
 */
export class FreeLinks {
  readonly next: Int32Array;
  readonly prev: Int32Array;
  /** order + 1 in the first frame of a free block, else 0. Linux PageBuddy() and buddy_order() */
  readonly orderPlusOne: Uint8Array;
  /** MIGRATE_* of each page block; at first all can be moved. Linux pageblock_flags */
  readonly pageblockType: Uint8Array;
  /** 1 where compaction has lately found nothing in a page block. Linux PB_compact_skip */
  readonly pageblockSkip: Uint8Array;

  constructor(nrFrames: number) {
    this.pageblockType = new Uint8Array((nrFrames >>> PAGEBLOCK_ORDER) + 1).fill(MIGRATE_MOVABLE);
    this.pageblockSkip = new Uint8Array((nrFrames >>> PAGEBLOCK_ORDER) + 1);
    this.next = new Int32Array(nrFrames);
    this.prev = new Int32Array(nrFrames);
    this.orderPlusOne = new Uint8Array(nrFrames);
  }
}

/** The free blocks of one order. Linux include/linux/mmzone.h:struct free_area */
export interface FreeArea {
  /** First frame of the first and of the last block of each migrate type, -1 when there is none. */
  readonly head: number[];
  readonly tail: number[];
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

/** In Zone.flags: a page block has changed its type, kswapd shall look. Linux ZONE_BOOSTED_WATERMARK */
export const ZONE_BOOSTED_WATERMARK = 1 << 0;
/**
 * In Zone.flags: kswapd works, so per-CPU lists stay short. Linux include/linux/mmzone.h:ZONE_RECLAIM_ACTIVE
 */
export const ZONE_RECLAIM_ACTIVE = 1 << 1;
/**
 * In Zone.flags: an allocation has found it below its high mark, so per-CPU lists shrink.
 * Linux include/linux/mmzone.h:ZONE_BELOW_HIGH
 */
export const ZONE_BELOW_HIGH = 1 << 2;

/** The two functions that a learner's own allocator replaces. Not in Linux. */
export interface BuddyCore {
  /**
   * Takes the smallest block of the type that has 2^order frames, and puts what is too much of it back on the
   * lists; its first frame, or -1. Does not count the pages.
   */
  rmqueueSmallest(zone: Zone, order: number, migratetype: number): number;
  /**
   * Puts a block of 2^order frames that nobody holds on the list of its type, merged with its free buddies.
   * Does not count the pages.
   */
  freeOnePage(zone: Zone, pfn: Pfn, order: number, migratetype: number): void;
}

/** A block of this order is wanted as soon as it is free. Linux mm/internal.h:struct capture_control */
export interface CaptureControl {
  readonly order: number;
  readonly migratetype: number;
  /** First frame of the block that was caught, -1 as long as none was. */
  pfn: Pfn;
}

/**
 * Takes a block of 2^order frames of a type; returns its first frame or -1.
 * Linux mm/page_alloc.c:__rmqueue_smallest()
 */
export function rmqueueSmallest(zone: Zone, order: number, migratetype: number): number {
  for (let current = order; current <= MAX_PAGE_ORDER; current++) {
    const pfn = zone.freeArea[current]!.head[migratetype]!;
    if (pfn < 0) continue;
    zone.delPageFromFreeList(pfn, current, migratetype);
    zone.expand(pfn, order, current, migratetype);
    return pfn;
  }
  return -1;
}

/**
 * Merges a block that nobody holds with its free buddies, and puts it on the list of its type.
 * Linux mm/page_alloc.c:__free_one_page()
 */
export function freeOnePage(zone: Zone, pfn: Pfn, order: number, migratetype: number): void {
  const { capture } = zone;
  let block = pfn;
  let current = order;
  while (current < MAX_PAGE_ORDER) {
    if (capture !== undefined && zone.compactionCapture(capture, block, current, migratetype)) return;
    const buddy = block ^ (1 << current);
    if (!zone.isBuddy(buddy, current)) break;
    if (current >= PAGEBLOCK_ORDER && !zone.takeInBlock(buddy, current, migratetype)) break;
    zone.delPageFromFreeList(buddy, current, migratetype);
    block = Math.min(block, buddy);
    current++;
  }
  zone.addToFreeList(block, current, migratetype, zone.buddyMergeLikely(block, current));
}

/** Linux's own. */
const LINUX_BUDDY: BuddyCore = { rmqueueSmallest, freeOnePage };

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
  /** Pages in blocks kept for urgent requests of several pages, free or not. Linux nr_reserved_highatomic */
  nrReservedHighatomic = 0;
  /** What each CPU keeps, by its number. Linux per_cpu_pageset */
  readonly pcps: PerCpuPages[] = [];
  readonly links: FreeLinks;
  /** What compaction has learnt about the zone. */
  readonly compact: ZoneCompaction = newZoneCompaction();
  /** The task that compacts waits for such a block. Linux current->capture_control */
  capture: CaptureControl | undefined = undefined;
  /** Who takes and frees blocks; sys.parts on a machine. */
  core: BuddyCore = LINUX_BUDDY;

  constructor(name: string, startPfn: Pfn, endPfn: Pfn, links: FreeLinks) {
    this.name = name;
    this.zoneStartPfn = startPfn;
    this.zoneEndPfn = endPfn;
    this.spannedPages = endPfn - startPfn;
    this.presentPages = endPfn - startPfn;
    this.links = links;
    for (let order = 0; order <= MAX_PAGE_ORDER; order++) {
      const none = new Array<number>(MIGRATE_TYPES).fill(-1);
      this.freeArea.push({ head: none, tail: none.slice(), nrFree: 0 });
    }
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

  /** Calls `visit` for each free block, those on per-CPU lists included. Not in Linux. */
  forEachFreeBlock(visit: (pfn: Pfn, order: number) => void): void {
    const { next, orderPlusOne } = this.links;
    for (let pfn = this.zoneStartPfn; pfn < this.zoneEndPfn; pfn++)
      if (orderPlusOne[pfn] !== 0) visit(pfn, orderPlusOne[pfn]! - 1);
    for (const { head } of this.pcps)
      for (let list = 0; list < head.length; list++)
        for (let pfn = head[list]!; pfn >= 0; pfn = next[pfn]!) visit(pfn, pindexToOrder(list));
  }

  /** MIGRATE_* of the page block of `pfn`. Linux mm/page_alloc.c:get_pfnblock_migratetype() */
  pageblockType(pfn: Pfn): number {
    return this.links.pageblockType[pfn >>> PAGEBLOCK_ORDER]!;
  }

  /**
   * All page blocks of a block of 2^order frames are of this type from now on.
   * Linux mm/page_alloc.c:change_pageblock_range()
   */
  changePageblockRange(pfn: Pfn, order: number, migratetype: number): void {
    const first = pfn >>> PAGEBLOCK_ORDER;
    this.links.pageblockType.fill(migratetype, first, first + 2 ** Math.max(0, order - PAGEBLOCK_ORDER));
  }

  /**
   * Whether a block of exactly this order is free for ordinary requests, or kept for urgent ones.
   * Linux include/linux/mmzone.h:free_area_empty()
   */
  hasFreeBlock(order: number, highatomic: boolean): boolean {
    const { head, nrFree } = this.freeArea[order]!;
    if (nrFree === 0) return false;
    for (let type = 0; type < MIGRATE_PCPTYPES; type++) if (head[type]! >= 0) return true;
    return highatomic && head[MIGRATE_HIGHATOMIC]! >= 0;
  }

  /** Takes a block of 2^order frames of a type; returns its first frame or -1. */
  rmqueueSmallest(order: number, migratetype: number = MIGRATE_MOVABLE): number {
    const pfn = this.core.rmqueueSmallest(this, order, migratetype);
    if (pfn >= 0) this.accountFreepages(-(1 << order), migratetype);
    return pfn;
  }

  /** Gives a block back and merges it with its free buddies. */
  freeOnePage(pfn: Pfn, order: number): void {
    const outside = pfn < this.zoneStartPfn || pfn + (1 << order) > this.zoneEndPfn;
    vmBugOnPage(outside, pfn, "is freed to a zone that it is not in");
    vmBugOnPage(this.links.orderPlusOne[pfn] !== 0, pfn, "is freed twice");
    const migratetype = this.pageblockType(pfn);
    this.accountFreepages(1 << order, migratetype);
    this.core.freeOnePage(this, pfn, order, migratetype);
  }

  /** Whether a free block of exactly this order begins at `pfn`. Linux mm/internal.h:page_is_buddy() */
  isBuddy(pfn: Pfn, order: number): boolean {
    if (pfn < this.zoneStartPfn || pfn >= this.zoneEndPfn) return false;
    return this.links.orderPlusOne[pfn] === order + 1;
  }

  /**
   * A free block of whole page blocks gets the type of the one it merges with, if both may; whether it has
   * it. Not in Linux: a part of __free_one_page()
   */
  takeInBlock(pfn: Pfn, order: number, migratetype: number): boolean {
    const before = this.pageblockType(pfn);
    if (before === migratetype) return true;
    if (!migratetypeIsMergeable(before) || !migratetypeIsMergeable(migratetype)) return false;
    this.moveToFreeList(pfn, order, before, migratetype);
    this.changePageblockRange(pfn, order, migratetype);
    return true;
  }

  /**
   * Whether the block would merge again if its buddy were freed: then it is taken as late as can be.
   * Linux mm/page_alloc.c:buddy_merge_likely()
   */
  buddyMergeLikely(pfn: Pfn, order: number): boolean {
    if (order >= MAX_PAGE_ORDER - 1) return false;
    const both = pfn - (pfn & (1 << order));
    return this.isBuddy(both ^ (1 << (order + 1)), order + 1);
  }

  /**
   * Whether the task that compacts takes the block, which is on no list: it has waited for one of this size,
   * and a small block does not spoil a page block of another kind. Linux mm/page_alloc.c:compaction_capture()
   */
  compactionCapture(capture: CaptureControl, pfn: Pfn, order: number, migratetype: number): boolean {
    if (capture.pfn >= 0 || order !== capture.order || migratetype === MIGRATE_ISOLATE) return false;
    const spoils = order < PAGEBLOCK_ORDER && migratetype === MIGRATE_MOVABLE;
    if (spoils && capture.migratetype !== MIGRATE_MOVABLE) return false;
    capture.pfn = pfn;
    this.accountFreepages(-(1 << order), migratetype);
    return true;
  }

  /**
   * Takes a block off its list and puts back what is beyond 2^low frames.
   * Linux mm/page_alloc.c:page_del_and_expand()
   */
  pageDelAndExpand(pfn: Pfn, low: number, high: number, migratetype: number): void {
    this.delPageFromFreeList(pfn, high, migratetype);
    this.expand(pfn, low, high, migratetype);
    this.accountFreepages(-(1 << low), migratetype);
  }

  /** Puts the upper halves of a block of order `high` back, down to `low`. Linux mm/page_alloc.c:expand() */
  expand(pfn: Pfn, low: number, high: number, migratetype: number): void {
    for (let order = high - 1; order >= low; order--)
      this.addToFreeList(pfn + (1 << order), order, migratetype, false);
  }

  /** Counts free pages of a type. Linux mm/page_alloc.c:account_freepages() */
  accountFreepages(nrPages: number, migratetype: number): void {
    if (migratetype === MIGRATE_ISOLATE) return;
    this.nrFreePages += nrPages;
    if (migratetype === MIGRATE_HIGHATOMIC) this.nrFreeHighatomic += nrPages;
  }

  /** A free block goes to the end of another type's list. Linux mm/page_alloc.c:move_to_free_list() */
  moveToFreeList(pfn: Pfn, order: number, from: number, to: number): void {
    this.delPageFromFreeList(pfn, order, from);
    this.addToFreeList(pfn, order, to, true);
    this.accountFreepages(-(1 << order), from);
    this.accountFreepages(1 << order, to);
  }

  /**
   * All page blocks count as unmovable: there are too few to tell them apart. Linux
   * page_group_by_mobility_disabled, mm/page_alloc.c:init_pageblock_migratetype()
   */
  regroupAsUnmovable(): void {
    this.links.pageblockType.fill(MIGRATE_UNMOVABLE);
    for (const { head, tail } of this.freeArea)
      for (const ends of [head, tail]) {
        ends[MIGRATE_UNMOVABLE] = ends[MIGRATE_MOVABLE]!;
        ends[MIGRATE_MOVABLE] = -1;
      }
  }

  /**
   * Puts a block that is in nobody's hands at the head or the end of its list.
   * Linux mm/page_alloc.c:__add_to_free_list()
   */
  addToFreeList(pfn: Pfn, order: number, migratetype: number, toTail: boolean): void {
    const { next, prev, orderPlusOne } = this.links;
    const { head, tail } = this.freeArea[order]!;
    const first = head[migratetype]!;
    this.freeArea[order]!.nrFree++;
    orderPlusOne[pfn] = order + 1;
    if (first < 0) {
      next[pfn] = -1;
      prev[pfn] = -1;
      head[migratetype] = pfn;
      tail[migratetype] = pfn;
    } else if (toTail) {
      const last = tail[migratetype]!;
      next[pfn] = -1;
      prev[pfn] = last;
      next[last] = pfn;
      tail[migratetype] = pfn;
    } else {
      next[pfn] = first;
      prev[pfn] = -1;
      prev[first] = pfn;
      head[migratetype] = pfn;
    }
  }

  /** Takes a block off its list; it is in nobody's hands then. Linux __del_page_from_free_list() */
  delPageFromFreeList(pfn: Pfn, order: number, migratetype: number): void {
    const { next, prev, orderPlusOne } = this.links;
    const area = this.freeArea[order]!;
    const after = next[pfn]!;
    const before = prev[pfn]!;
    if (before >= 0) next[before] = after;
    else area.head[migratetype] = after;
    if (after >= 0) prev[after] = before;
    else area.tail[migratetype] = before;
    area.nrFree--;
    orderPlusOne[pfn] = 0;
  }
}
