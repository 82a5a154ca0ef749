/**
 * Lab 05, Reclaim: five exercises, three of them parts of the running kernel: how much a zone keeps free,
 * what becomes of the pages at the end of the inactive list, and what happens to a page that comes back too
 * soon.
 *
 * Notebook: notebooks/05-reclaim.ipynb. Check your work there with `await check("05.1")`, or in a terminal
 * with `npx pagewalk grade 05.1`; `npx pagewalk hint 05.1` gives a hint, a second call the next one.
 *
 * 05.1 and 05.2 are about pages and frames on paper: a trace is a list of page numbers, in the order in which
 * they are used. From 05.3 on names are Linux's: zoneWatermarkOk here is __zone_watermark_ok() in the
 * kernel's mm/page_alloc.c.
 */

import { NotWrittenYet } from "pagewalk";
import {
  __GFP_IO,
  ALLOC_HIGHATOMIC,
  ALLOC_MIN_RESERVE,
  ALLOC_NON_BLOCK,
  ALLOC_OOM,
  ALLOC_RESERVES,
  countVmEvents,
  currentIsKswapd,
  FOLIOREF_ACTIVATE,
  FOLIOREF_KEEP,
  FOLIOREF_RECLAIM,
  type Folio,
  folioCheckDirtyWriteback,
  folioCheckReferences,
  folioEvictable,
  folioIsFileLru,
  folioIsLocked,
  folioIsWriteback,
  folioMapped,
  folioNrPages,
  folioPut,
  folioTestAnon,
  globalNodePageState,
  lruNoteCostRefault,
  MAX_PAGE_ORDER,
  type MemorySystem,
  modNodePageState,
  NR_ACTIVE_ANON,
  NR_ACTIVE_FILE,
  NR_INACTIVE_ANON,
  NR_INACTIVE_FILE,
  NR_VMSCAN_IMMEDIATE,
  newTlbflushUnmapBatch,
  PG_active,
  PG_dirty,
  PG_mlocked,
  PG_reclaim,
  PG_swapbacked,
  PG_workingset,
  PGACTIVATE,
  PGDAT_DIRTY,
  PGDAT_WRITEBACK,
  pageout,
  type ReclaimStat,
  removeMapping,
  type ScanControl,
  type TlbflushUnmapBatch,
  tryToUnmap,
  tryToUnmapFlush,
  WORKINGSET_ACTIVATE,
  WORKINGSET_REFAULT,
  WORKINGSET_RESTORE,
  type Zone,
  type ZoneWatermarks,
} from "pagewalk/kernel";

/** What 05.1 works on: as many frames as `pages` is long. */
export interface ClockState {
  /** The page in each frame; undefined where a frame is free. */
  pages: (number | undefined)[];
  /** For each frame: whether its page was used since the hand was last here. */
  referenced: boolean[];
  /** The frame that the hand points to. */
  hand: number;
}

/**
 * 05.1 CLOCK. Page `page` is used: changes `state` as the CLOCK policy does, and returns whether the page was
 * there (true: a hit; false: a miss).
 *
 * - A hit sets the referenced bit of the page's frame. The hand does not move, and no page does.
 * - A miss: the hand looks at one frame after the other, from where it stands. If the frame's bit is set, it
 *   is cleared, and the hand goes on (after the last frame comes frame 0). If it is clear, the new page takes
 *   the frame, and the hand goes on by one.
 * - A free frame's bit is clear. So is the new page's: bringing it in does not count as a use.
 *
 * With pages [1, 2, 3], bits [true, false, true] and the hand at 0, using page 9 is a miss: pages [1, 9, 3],
 * bits [false, false, true], the hand at 2. Page 1 got its second chance.
 */
export function clockAccess(state: ClockState, page: number): boolean {
  throw new NotWrittenYet("05.1");
}

/**
 * 05.2 Stack distances. How far back was each access's page used? For every access of `trace` the number of
 * different pages used since the last use of the same page, itself included: 1 when it was used just before,
 * Infinity when it was never used before. `trace` is only read.
 *
 * `stackDistances([1, 1, 2, 3, 1])` is [Infinity, 1, Infinity, Infinity, 3]: 2, 3 and 1 itself.
 */
export function stackDistances(trace: readonly number[]): number[] {
  throw new NotWrittenYet("05.2");
}

/**
 * 05.2 Stack distances. The miss-ratio curve: which share of the accesses misses with 0, 1, 2, ...
 * `maxFrames` frames (maxFrames + 1 values), when the page that was not used for longest has to go (LRU). An
 * access hits if its distance is not more than the number of frames. One pass over `distances` is enough for
 * all sizes.
 *
 * `missRatioCurve([Infinity, 1, Infinity, Infinity, 3], 3)` is [1, 0.8, 0.8, 0.6]. Without accesses every
 * share is 0.
 */
export function missRatioCurve(distances: readonly number[], maxFrames: number): number[] {
  throw new NotWrittenYet("05.2");
}

/**
 * 05.3 Watermarks. The marks of a zone with `managedPages` pages, of all `lowmemPages` that share
 * min_free_kbytes. Linux calls this __setup_per_zone_wmarks().
 *
 * - min: the zone's part of min_free_kbytes, in pages of 4 kB, in proportion to the zone's pages.
 * - low, high and promo lie above it, each by the same gap above the one before: a quarter of min, or
 *   `watermarkScaleFactor` ten-thousandths of the zone's pages, if that is more.
 * - Every division is rounded down at once: first the kB to pages, then the zone's part of them.
 *
 * 60000 of 60000 pages, min_free_kbytes 1797, factor 10: { min: 449, low: 561, high: 673, promo: 785 }.
 */
export function zoneWatermarks(
  zone: { readonly managedPages: number },
  minFreeKbytes: number,
  lowmemPages: number,
  watermarkScaleFactor: number,
): ZoneWatermarks {
  throw new NotWrittenYet("05.3");
}

/**
 * 05.3 Watermarks. May a request for 2^order pages have pages of `zone`, which has `freePages` free? The
 * allocator asks for every zone; where all say no, it reclaims. Linux calls this __zone_watermark_ok().
 *
 * - Of no use to the request: 2^order - 1 pages, so that the block fits; and zone.nrFreeHighatomic, unless
 *   `allocFlags` has at least one of the bits in ALLOC_RESERVES.
 * - The urgent may go below the `mark`: ALLOC_MIN_RESERVE takes half of the mark off, and then, only for
 *   those, ALLOC_NON_BLOCK a quarter of what is left; ALLOC_OOM (a process that is being killed), with or
 *   without the others, takes half of what is left then. What is taken off is rounded down.
 * - What is left of the free pages must be more than the mark and zone.lowmemReserve[highestZoneidx]
 *   together: what the zone keeps from requests that a higher zone could serve. Nothing is taken off that
 *   reserve.
 * - For order > 0 a block must be free, too: zone.hasFreeBlock(o, highatomic) for some o from order to
 *   MAX_PAGE_ORDER; `highatomic` is whether allocFlags has ALLOC_HIGHATOMIC or ALLOC_OOM: they may also take
 *   a block that is kept for urgent requests.
 */
export function zoneWatermarkOk(
  _sys: MemorySystem,
  zone: Zone,
  order: number,
  mark: number,
  highestZoneidx: number,
  allocFlags: number,
  freePages: number,
): boolean {
  throw new NotWrittenYet("05.3");
}

/**
 * 05.4 Shrink the inactive list. Reclaim has taken up to 32 folios off the end of an inactive list; each is
 * held once for you. What becomes of them? Linux calls this shrink_folio_list(). For each folio go through
 * these rules in order, until one says keep, activate or free. What is counted are pages:
 * folioNrPages(folio).
 *
 * - Locked by somebody (folioIsLocked(sys, folio)): keep. All others count in sc.nrScanned.
 * - Held by mlock (not folioEvictable(folio)): activate.
 * - Mapped (folioMapped(folio)), and sc.mayUnmap forbids to unmap: keep.
 * - folioCheckDirtyWriteback(sys, folio, stat) counts in `stat` what is dirty.
 * - On its way to the device (folioIsWriteback(sys, folio)): set PG_reclaim, so that it is freed as soon as
 *   it has been written; count it in stat.nrWriteback; activate. Only where kswapd works
 *   (currentIsKswapd(sys)), PG_reclaim was set already and sys.pgdat.flags has PGDAT_WRITEBACK, it counts in
 *   stat.nrImmediate, and not in stat.nrWriteback.
 * - Used? references = folioCheckReferences(sys, folio, sc); with `ignoreReferences` nobody is asked, and it
 *   is FOLIOREF_RECLAIM. FOLIOREF_ACTIVATE: activate. FOLIOREF_KEEP: keep, and count it in stat.nrRefKeep.
 * - Anonymous (folioTestAnon(folio)) and PG_swapbacked: there is no swap, so it cannot go: activate, or keep
 *   if sc.gfpMask lacks __GFP_IO.
 * - Mapped: tryToUnmap(sys, folio, flush); `flush` is one newTlbflushUnmapBatch() for all folios. Mapped
 *   still: activate, and count it in stat.nrUnmapFail.
 * - Dirty now (PG_dirty), and of a file (folioIsFileLru(folio)): reclaim does not write; set PG_reclaim,
 *   count it in NR_VMSCAN_IMMEDIATE (modNodePageState(sys, item, pages)), activate. But pageout(sys, folio,
 *   sc, references, flush) says keep or activate for all else that is dirty, and also for a file's folio that
 *   kswapd finds with PG_reclaim set already while sys.pgdat.flags has PGDAT_DIRTY.
 * - removeMapping(sys, folio): true: it is free; false: keep.
 *
 * "Activate" sets PG_active and counts in stat.nrActivate[0] (anonymous, shared memory) or [1] (files:
 * folioIsFileLru), but does nothing to what has PG_mlocked. At the end: tryToUnmapFlush(sys, flush), before
 * any frame is free; then folioPut(sys, folio) once for each free folio, for none that stays; add both
 * stat.nrActivate to the event PGACTIVATE (countVmEvents(sys, event, pages)). `folioList` itself then holds
 * those that stay, in their order. Returns the number of pages freed.
 */
export function shrinkFolioList(
  sys: MemorySystem,
  folioList: Folio[],
  sc: ScanControl,
  stat: ReclaimStat,
  ignoreReferences: boolean,
): number {
  throw new NotWrittenYet("05.4");
}

/**
 * 05.5 Refault activation. `folio` has just been read in again, at the place where reclaim had left `shadow`.
 * Was it taken too early? Linux calls this workingset_refault().
 *
 * - The shadow holds, from the lowest bit up: 1 bit: the page had been active before; 16 bits: a memory
 *   cgroup, of no use here; 36 bits: eviction, what the clock sys.lruvec.nonresidentAge said when the page
 *   went. So shadow = (eviction * 2^16 + cgroup) * 2 + bit: too large for JavaScript's bit operators, which
 *   cut to 32 bits.
 * - The clock counts evictions and activations. What it has counted since is the refault distance: with so
 *   many pages more, the page would still be here. The shadow keeps 36 bits of the clock only, so the
 *   distance is worked out modulo 2^36.
 * - Every refault counts in WORKINGSET_REFAULT + type (modNodePageState(sys, item, pages)); the type is 1 for
 *   a file (folioIsFileLru(folio)), else 0. All counts are in pages: folioNrPages(folio).
 * - If the distance is not more than the workingset size, the page is made active at once: PG_active, the
 *   clock goes on by its pages, and they count in WORKINGSET_ACTIVATE + type.
 * - The size, from globalNodePageState(sys, NR_...): all active file pages; for anonymous memory the inactive
 *   file pages, too; and where there is free swap (sys.nrSwapPages > 0) the active anonymous pages, and for a
 *   file the inactive anonymous ones, too.
 * - If it is made active, and had been active before: PG_workingset, lruNoteCostRefault(sys, folio),
 *   WORKINGSET_RESTORE + type.
 */
export function workingsetRefault(sys: MemorySystem, folio: Folio, shadow: number): void {
  throw new NotWrittenYet("05.5");
}
