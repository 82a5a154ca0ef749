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

// HINT 05.1: Two cases. The page is in a frame (state.pages.indexOf(page) finds it): then nothing moves, only
//   its referenced bit is set.
// HINT 05.1: It is in no frame: the hand looks for a frame. A page that was used since the last look is
//   spared: its bit is taken away and the hand goes on to the next frame, from the last one to frame 0.
// HINT 05.1: At a frame whose bit is clear (a free frame's is) the hand stops: the new page goes there, with
//   the bit clear, and the hand moves on by one more. It must, or the page that has just come would be looked
//   at first.
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
  // SOLUTION BEGIN
  const frame = state.pages.indexOf(page);
  if (frame >= 0) {
    state.referenced[frame] = true;
    return true;
  }
  const next = (): number => (state.hand + 1) % state.pages.length;
  while (state.referenced[state.hand]) {
    state.referenced[state.hand] = false;
    state.hand = next();
  }
  state.pages[state.hand] = page;
  state.hand = next();
  return false;
  // SOLUTION END
}

// HINT 05.2: Keep a list of all pages seen so far, the one used last at the front. The place of a page in it,
//   counted from 1, is its stack distance. Then it moves to the front.
// HINT 05.2: A page that is not in the list yet: Infinity, and it is put in front.
// HINT 05.2: The curve: an access with distance d is a hit with d frames or more, and a miss with fewer. So
//   count how many accesses have each distance, and go through the sizes from 0 upwards: each size has as
//   many hits more as there are accesses with just that distance. The ratio is misses / all accesses.
/**
 * 05.2 Stack distances. How far back was each access's page used? For every access of `trace` the number of
 * different pages used since the last use of the same page, itself included: 1 when it was used just before,
 * Infinity when it was never used before. `trace` is only read.
 *
 * `stackDistances([1, 1, 2, 3, 1])` is [Infinity, 1, Infinity, Infinity, 3]: 2, 3 and 1 itself.
 */
export function stackDistances(trace: readonly number[]): number[] {
  // SOLUTION BEGIN
  const stack: number[] = [];
  return trace.map((page) => {
    const at = stack.indexOf(page);
    if (at >= 0) stack.splice(at, 1);
    stack.unshift(page);
    return at >= 0 ? at + 1 : Infinity;
  });
  // SOLUTION END
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
  // SOLUTION BEGIN
  const hitsAt = new Array<number>(maxFrames + 1).fill(0);
  for (const distance of distances) if (distance <= maxFrames) hitsAt[distance]!++;
  let misses = distances.length;
  return hitsAt.map((hits) => {
    misses -= hits;
    return distances.length === 0 ? 0 : misses / distances.length;
  });
  // SOLUTION END
}

// HINT 05.3: zoneWatermarks: everything is in pages of 4 kB, and every division is rounded down by itself:
//   first min_free_kbytes to pages, then the zone's part of them, pages * managedPages / lowmemPages.
// HINT 05.3: The gap is the larger of two numbers: a quarter of min, and managedPages * watermarkScaleFactor
//   / 10000.
// HINT 05.3: zoneWatermarkOk: three steps. What of freePages is of no use to this request? How far may it go
//   below the mark? Is there a block large enough?
// HINT 05.3: Of no use: a request for a block of 2^order pages may leave 2^order - 1 pages fewer. And
//   zone.nrFreeHighatomic, kept for urgent requests, unless allocFlags & ALLOC_RESERVES is not 0.
// HINT 05.3: Below the mark: ALLOC_MIN_RESERVE takes half of the mark off; only together with it
//   ALLOC_NON_BLOCK takes a quarter of the rest; then ALLOC_OOM half of what is left. What is taken off is
//   rounded down.
// HINT 05.3: What is left of freePages must be MORE than the mark plus zone.lowmemReserve[highestZoneidx].
//   For order 0 that is all. Else some order from `order` to MAX_PAGE_ORDER must have
//   zone.hasFreeBlock(order, highatomic).
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
  // SOLUTION BEGIN
  const { managedPages } = zone;
  const min = Math.floor((Math.floor(minFreeKbytes / 4) * managedPages) / lowmemPages);
  const gap = Math.max(Math.floor(min / 4), Math.floor((managedPages * watermarkScaleFactor) / 10000));
  return { min, low: min + gap, high: min + 2 * gap, promo: min + 3 * gap };
  // SOLUTION END
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
  // SOLUTION BEGIN
  let free = freePages - (2 ** order - 1);
  if ((allocFlags & ALLOC_RESERVES) === 0) free -= zone.nrFreeHighatomic;
  let min = mark;
  if (allocFlags & ALLOC_MIN_RESERVE) {
    min -= Math.floor(min / 2);
    if (allocFlags & ALLOC_NON_BLOCK) min -= Math.floor(min / 4);
  }
  if (allocFlags & ALLOC_OOM) min -= Math.floor(min / 2);
  if (free <= min + zone.lowmemReserve[highestZoneidx]!) return false;
  if (order === 0) return true;
  const highatomic = (allocFlags & (ALLOC_HIGHATOMIC | ALLOC_OOM)) !== 0;
  for (let o = order; o <= MAX_PAGE_ORDER; o++) if (zone.hasFreeBlock(o, highatomic)) return true;
  return false;
  // SOLUTION END
}

// HINT 05.4: One folio after the other gets one of three verdicts: free, keep or activate. Write a function
//   for one folio first, with a return for each rule, in the order of the list below.
// HINT 05.4: Before anything is counted: folioIsLocked(sys, folio) means keep. Then sc.nrScanned grows by
//   folioNrPages(folio), and folioCheckDirtyWriteback(sys, folio, stat) counts, after the rules for what
//   cannot be unmapped.
// HINT 05.4: references = ignoreReferences ? FOLIOREF_RECLAIM : folioCheckReferences(sys, folio, sc). Two of
//   its four answers stop here.
// HINT 05.4: Anonymous memory has nowhere to go without swap: it must stop before it is unmapped. Else its
//   only copy would be lost.
// HINT 05.4: tryToUnmap(sys, folio, flush) returns nothing: ask folioMapped(folio) again. flush =
//   newTlbflushUnmapBatch() is made once for all folios, and tryToUnmapFlush(sys, flush) is called once,
//   behind the loop.
// HINT 05.4: Only now look at PG_dirty: tryToUnmap has moved the dirty bits of the entries into it.
// HINT 05.4: Last: removeMapping(sys, folio) says whether the cache gave it up. Collect what is free; flush;
//   then folioPut each: the hold that the caller has given you.
// HINT 05.4: folioList must be changed in place: folioList.splice(0, folioList.length, ...kept).
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
  // SOLUTION BEGIN
  const flush = newTlbflushUnmapBatch();
  const kept: Folio[] = [];
  const free: Folio[] = [];
  for (const folio of folioList) {
    const verdict = verdictOn(sys, folio, sc, stat, ignoreReferences, flush);
    if (verdict === "free") free.push(folio);
    else kept.push(folio);
    if (verdict !== "activate" || folio.flags & PG_mlocked) continue;
    folio.flags |= PG_active;
    stat.nrActivate[folioIsFileLru(folio) ? 1 : 0] += folioNrPages(folio);
  }
  folioList.splice(0, folioList.length, ...kept);
  const nrReclaimed = free.reduce((sum, folio) => sum + folioNrPages(folio), 0);
  tryToUnmapFlush(sys, flush);
  for (const folio of free) folioPut(sys, folio);
  countVmEvents(sys, PGACTIVATE, stat.nrActivate[0] + stat.nrActivate[1]);
  return nrReclaimed;
  // SOLUTION END
}

// SOLUTION BEGIN
function verdictOn(
  sys: MemorySystem,
  folio: Folio,
  sc: ScanControl,
  stat: ReclaimStat,
  ignoreReferences: boolean,
  flush: TlbflushUnmapBatch,
): "free" | "keep" | "activate" {
  if (folioIsLocked(sys, folio)) return "keep";
  const nrPages = folioNrPages(folio);
  const again = currentIsKswapd(sys) && (folio.flags & PG_reclaim) !== 0;
  sc.nrScanned += nrPages;
  if (!folioEvictable(folio)) return "activate";
  if (!sc.mayUnmap && folioMapped(folio)) return "keep";
  folioCheckDirtyWriteback(sys, folio, stat);
  if (folioIsWriteback(sys, folio)) {
    if (again && sys.pgdat.flags & PGDAT_WRITEBACK) stat.nrImmediate += nrPages;
    else {
      folio.flags |= PG_reclaim;
      stat.nrWriteback += nrPages;
    }
    return "activate";
  }
  const references = ignoreReferences ? FOLIOREF_RECLAIM : folioCheckReferences(sys, folio, sc);
  if (references === FOLIOREF_ACTIVATE) return "activate";
  if (references === FOLIOREF_KEEP) {
    stat.nrRefKeep += nrPages;
    return "keep";
  }
  if (folioTestAnon(folio) && folio.flags & PG_swapbacked) return sc.gfpMask & __GFP_IO ? "activate" : "keep";
  if (folioMapped(folio)) {
    tryToUnmap(sys, folio, flush);
    if (folioMapped(folio)) {
      stat.nrUnmapFail += nrPages;
      return "activate";
    }
  }
  if (folio.flags & PG_dirty) {
    if (!folioIsFileLru(folio) || (again && sys.pgdat.flags & PGDAT_DIRTY))
      return pageout(sys, folio, sc, references, flush);
    modNodePageState(sys, NR_VMSCAN_IMMEDIATE, nrPages);
    folio.flags |= PG_reclaim;
    return "activate";
  }
  return removeMapping(sys, folio) ? "free" : "keep";
}

// SOLUTION END
// HINT 05.5: First take the shadow apart. It is too large for bit operators, which cut to 32 bits: use % and
//   Math.floor(x / y). The lowest bit is shadow % 2.
// HINT 05.5: type = folioIsFileLru(folio) ? 1 : 0. The refault counts in any case: modNodePageState(sys,
//   WORKINGSET_REFAULT + type, pages).
// HINT 05.5: distance = (sys.lruvec.nonresidentAge - eviction + 2 ** 36) % 2 ** 36.
// HINT 05.5: The size to compare with: globalNodePageState(sys, NR_ACTIVE_FILE) for a file; for anonymous
//   memory the inactive file pages, too. What anonymous lists hold counts only where sys.nrSwapPages > 0.
// HINT 05.5: distance <= size: PG_active, sys.lruvec.nonresidentAge += pages, WORKINGSET_ACTIVATE + type. And
//   if the shadow's lowest bit is set: PG_workingset, lruNoteCostRefault(sys, folio), WORKINGSET_RESTORE +
//   type.
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
  // SOLUTION BEGIN
  const wasActive = shadow % 2 === 1;
  const eviction = Math.floor(shadow / 2 ** 17);
  const { lruvec } = sys;
  const distance = (lruvec.nonresidentAge - eviction + 2 ** 36) % 2 ** 36;
  const isFile = folioIsFileLru(folio);
  const type = isFile ? 1 : 0;
  const nrPages = folioNrPages(folio);
  modNodePageState(sys, WORKINGSET_REFAULT + type, nrPages);
  let size = globalNodePageState(sys, NR_ACTIVE_FILE);
  if (!isFile) size += globalNodePageState(sys, NR_INACTIVE_FILE);
  if (sys.nrSwapPages > 0) {
    size += globalNodePageState(sys, NR_ACTIVE_ANON);
    if (isFile) size += globalNodePageState(sys, NR_INACTIVE_ANON);
  }
  if (distance > size) return;
  folio.flags |= PG_active;
  lruvec.nonresidentAge += nrPages;
  modNodePageState(sys, WORKINGSET_ACTIVATE + type, nrPages);
  if (!wasActive) return;
  folio.flags |= PG_workingset;
  lruNoteCostRefault(sys, folio);
  modNodePageState(sys, WORKINGSET_RESTORE + type, nrPages);
  // SOLUTION END
}
