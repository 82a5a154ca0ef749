/**
 * Reclaim by generation: how much is evicted, and when aging comes first.
 *
 *   shrinkNode (mm/lru/vmscan.ts), generations on --> lruGenShrinkNode
 *     setInitialPriority      who wants much starts where that much is to be expected
 *     tryToShrinkLruvec       until as many pages were looked at as asked, or enough was freed
 *       getNrToScan           all evictable pages >> priority
 *         aging is due        at the first priority: evict what there is; later: age, and stop
 *       evictFolios           about 64 pages (eviction.ts)
 *
 *   kswapd, each round --> lruGenAgeNode: no generation is older than min_ttl_ms --> somebody is killed
 *
 * The classic LRU's questions (how full is the inactive list, which list costs less, is the cache large
 * enough to take from it alone) are not asked: the oldest generation is evicted, whatever it is.
 *
 * With min_ttl_ms the working set of so many milliseconds is protected: when even the oldest generation is
 * younger, the machine thrashes, and one program less is better than all of them crawling.
 *
 * Left out: the lists of groups by age of their last turn (memcg LRU): they take turns here.
 *
 * Linux mm/vmscan.c. Read first: eviction.ts, aging.ts. Read next: switch.ts.
 */

import { jiffies } from "../../jiffies.js";
import { forEachLruvec, sharedIter } from "../../memcg/iter.js";
import { memCgroupGetNrSwapPages } from "../../memcg/swap_charge.js";
import { highWmarkPages } from "../../pages/wmark.js";
import type { MemorySystem } from "../../system.js";
import { globalNodePageState, NR_INACTIVE_ANON, NR_INACTIVE_FILE } from "../../vmstat.js";
import type { Lruvec, Memcg } from "../lruvec.js";
import { currentIsKswapd, rootReclaim } from "../reclaimer.js";
import { DEF_PRIORITY, type ScanControl } from "../scan_control.js";
import { flushReclaimState, shrinkSlab } from "../shrinker.js";
import { lruAddDrain } from "../swap.js";
import { canReclaimAnonPages } from "../swap_space.js";
import { evictablePages, shouldRunAging, tryToIncMaxSeq } from "./aging.js";
import { evictFolios } from "./eviction.js";
import type { LruGen } from "./gen_list.js";
import { evictableMinSeq, lruGenFromSeq, MIN_LRU_BATCH } from "./lru_gen.js";

/**
 * Swappiness of this attempt; 0 where no swap is to be had, for the group. Linux mm/vmscan.c:get_swappiness()
 */
export function getSwappiness(sys: MemorySystem, sc: ScanControl, memcg?: Memcg): number {
  if (!sc.maySwap || memCgroupGetNrSwapPages(sys, memcg) < MIN_LRU_BATCH) return 0;
  return sc.proactiveSwappiness ?? sys.sysctl.swappiness;
}

/** Bits that `value` has. Linux include/linux/bitops.h:fls_long() */
function fls(value: number): number {
  return value <= 0 ? 0 : Math.floor(Math.log2(value)) + 1;
}

/**
 * Sets the priority at which as much as is wanted should be found, if that is 64 pages or more.
 * Linux mm/vmscan.c:set_initial_priority()
 */
export function setInitialPriority(sys: MemorySystem, sc: ScanControl): void {
  if (sc.priority !== DEF_PRIORITY || sc.nrToReclaim < MIN_LRU_BATCH) return;
  let reclaimable = globalNodePageState(sys, NR_INACTIVE_FILE);
  if (canReclaimAnonPages(sys)) reclaimable += globalNodePageState(sys, NR_INACTIVE_ANON);
  const priority = fls(reclaimable) - 1 - fls(sc.nrToReclaim - 1);
  sc.priority = Math.min(Math.max(priority, DEF_PRIORITY / 2), DEF_PRIORITY);
}

/**
 * Pages to look at; -1 after aging, 0 for none. Linux mm/vmscan.c:get_nr_to_scan()
 */
function getNrToScan(sys: MemorySystem, lrugen: LruGen, sc: ScanControl, swappiness: number): number {
  const { aging, nrToScan } = shouldRunAging(lrugen, swappiness);
  if (nrToScan > 0 && lrugen.lruvec.memcg?.online === false) return nrToScan;
  if (!aging || sc.priority === DEF_PRIORITY) return Math.floor(nrToScan / 2 ** sc.priority);
  if (!tryToIncMaxSeq(sys, lrugen, lrugen.maxSeq, swappiness, false)) return 0;
  if (sys.lruGen.mmWalk) sys.lruGen.walking = true; // Linux: set_mm_walk() by the walk stays until the end
  return -1;
}

/** Whether enough was freed, for whoever asked. Linux mm/vmscan.c:should_abort_scan() */
function shouldAbortScan(sys: MemorySystem, sc: ScanControl): boolean {
  if (!rootReclaim(sc)) return false; // all of a group's groups have their share
  if (sc.nrReclaimed >= Math.max(sc.nrToReclaim, 2 * 2 ** sc.order)) return true;
  if (!currentIsKswapd(sys) || sc.order > 0) return false;
  const zones = sys.zones.slice(0, sc.reclaimIdx + 1);
  return zones.every((zone) => {
    const mark = highWmarkPages(zone) + MIN_LRU_BATCH;
    return sys.parts.zoneWatermarkOk(sys, zone, 0, mark, sc.reclaimIdx, 0, zone.nrFreePages);
  });
}

/** Evicts until enough was looked at or freed. Linux mm/vmscan.c:try_to_shrink_lruvec() */
function tryToShrinkLruvec(sys: MemorySystem, lrugen: LruGen, sc: ScanControl): void {
  const swappiness = getSwappiness(sys, sc, lrugen.lruvec.memcg);
  let scanned = 0;
  for (;;) {
    const nrToScan = getNrToScan(sys, lrugen, sc, swappiness);
    if (nrToScan <= 0) break;
    const delta = evictFolios(sys, lrugen, sc, swappiness, nrToScan);
    if (delta === 0) break;
    scanned += delta;
    if (scanned >= nrToScan || shouldAbortScan(sys, sc)) break;
  }
  const { unqueuedDirty, fileTaken } = sc.nr;
  if (unqueuedDirty > 0 && unqueuedDirty === fileTaken) sys.vfs.wakeupFlusherThreads?.();
}

/**
 * One pass over the lists of a group that is to shrink. Linux mm/vmscan.c:lru_gen_shrink_lruvec()
 */
export function lruGenShrinkLruvec(sys: MemorySystem, lruvec: Lruvec, sc: ScanControl): void {
  lruAddDrain(sys);
  const outer = sys.lruGen.walking;
  sys.lruGen.walking = sc.proactive;
  tryToShrinkLruvec(sys, lruvec.lrugen, sc);
  sys.lruGen.walking = outer;
}

/**
 * The groups one after another, until enough was freed. Linux mm/vmscan.c:shrink_many(), shrink_one()
 * Differs from Linux: in turn, where Linux begins with any and remembers which were young.
 */
function shrinkMany(sys: MemorySystem, sc: ScanControl): void {
  for (const memcg of sharedIter(sys.memcg.root)) {
    tryToShrinkLruvec(sys, memcg.lruvec.lrugen, sc);
    shrinkSlab(sys, sc.gfpMask, sc.priority, memcg);
    flushReclaimState(sys, sc);
    if (shouldAbortScan(sys, sc)) break;
  }
}

/** One pass over the node. Linux mm/vmscan.c:lru_gen_shrink_node() */
export function lruGenShrinkNode(sys: MemorySystem, sc: ScanControl): void {
  const before = sc.nrReclaimed;
  if (sc.mayWritepage && sc.mayUnmap) {
    lruAddDrain(sys);
    const outer = sys.lruGen.walking;
    const kswapd = currentIsKswapd(sys);
    sys.lruGen.walking = kswapd || sc.proactive;
    setInitialPriority(sys, sc);
    if (kswapd) sc.nrReclaimed = 0;
    shrinkMany(sys, sc);
    if (kswapd) sc.nrReclaimed += before;
    sys.lruGen.walking = outer;
  }
  if (sc.nrReclaimed > before) sys.pgdat.kswapdFailures = 0;
}

/** Whether a generation is old enough to be evicted from. Linux mm/vmscan.c:lruvec_is_reclaimable() */
export function lruvecIsReclaimable(
  sys: MemorySystem,
  lrugen: LruGen,
  sc: ScanControl,
  minTtl: number,
): boolean {
  const swappiness = getSwappiness(sys, sc, lrugen.lruvec.memcg);
  if (Math.floor(evictablePages(lrugen, swappiness) / 2 ** sc.priority) === 0) return false;
  const birth = lrugen.timestamps[lruGenFromSeq(evictableMinSeq(lrugen.minSeq, swappiness))]!;
  return birth + minTtl < jiffies(sys);
}

/**
 * kswapd, before each round; true if somebody must be killed, for the working set is younger than min_ttl_ms.
 * Linux mm/vmscan.c:lru_gen_age_node()
 */
export function lruGenAgeNode(sys: MemorySystem, sc: ScanControl): boolean {
  setInitialPriority(sys, sc);
  const { minTtl } = sys.lruGen;
  if (minTtl === 0) return false;
  let reclaimable = false;
  forEachLruvec(sys, ({ lrugen }) => {
    reclaimable ||= lruvecIsReclaimable(sys, lrugen, sc, minTtl);
  });
  return !reclaimable;
}
