/**
 * One pass of reclaim over the node's lists.
 *
 *   direct_reclaim.ts, kswapd --> shrinkNode(sc)
 *     prepareScanControl             what the lists look like
 *     shrinkLruvec                   of each group; a machine without groups has one
 *       getScanCount                 so many pages of each list
 *       shrinkList                   32 of each in turn, until all are done or enough is free
 *     what was seen                  all dirty, all on their way: flags of the node, and waiting
 *     shouldContinueReclaim          for a large block: once more
 *
 * How hard a pass tries is sc.priority: at 12 a list is looked at by 1/4096, at 0 from end to end. Whoever
 * calls goes down one by one until enough is free.
 *
 * Left out: groups' memory.low and memory.min; pressure events (vmpressure).
 *
 * Linux mm/vmscan.c. Read first: scan_count.ts, shrink_lists.ts. Read next: direct_reclaim.ts.
 */
import { compactGap, compactionSuitable } from "../compaction/suitable.js";
import { memCgroupIter, sharedIter } from "../memcg/iter.js";
import { memCgroupLruvec } from "../memcg/stats.js";
import { __GFP_IO, PAGE_ALLOC_COSTLY_ORDER } from "../pages/gfp.js";
import { LRUVEC_NODE_CONGESTED, PGDAT_DIRTY, PGDAT_WRITEBACK } from "../pages/pglist_data.js";
import { minWmarkPages } from "../pages/wmark.js";
import type { MemorySystem } from "../system.js";
import { globalNodePageState, NR_INACTIVE_ANON, NR_INACTIVE_FILE } from "../vmstat.js";
import { lruGenShrinkLruvec, lruGenShrinkNode } from "./gen/shrink_node.js";
import {
  LRU_ACTIVE,
  LRU_ACTIVE_ANON,
  LRU_ACTIVE_FILE,
  LRU_FILE,
  LRU_INACTIVE_ANON,
  LRU_INACTIVE_FILE,
  LRU_UNEVICTABLE,
  type Lruvec,
} from "./lruvec.js";
import { currentIsKswapd, rootReclaim, targetMemcg } from "./reclaimer.js";
import { DEF_PRIORITY, type ScanControl, SWAP_CLUSTER_MAX } from "./scan_control.js";
import { inactiveIsLow, prepareScanControl } from "./scan_count.js";
import { shrinkActiveList, shrinkList } from "./shrink_lists.js";
import { flushReclaimState, shrinkSlab } from "./shrinker.js";
import { canAgeAnonPages, canReclaimAnonPages } from "./swap_space.js";
import { reclaimThrottle } from "./throttle.js";

/** Looks at the lists as far as sc says. Linux mm/vmscan.c:shrink_lruvec() */
export function shrinkLruvec(sys: MemorySystem, lruvec: Lruvec, sc: ScanControl): void {
  if (sys.lruGen.enabled) {
    lruGenShrinkLruvec(sys, lruvec, sc);
    return;
  }
  const nr = sys.parts.getScanCount(sys, lruvec, sc);
  const targets = [...nr];
  // A first light pass of a task that needs memory does all it set out to do: kswapd cannot keep up.
  const cgroup = sc.targetMemcg !== undefined;
  const proportional = !cgroup && !currentIsKswapd(sys) && sc.priority === DEF_PRIORITY;
  let nrReclaimed = 0;
  while (nr[LRU_INACTIVE_ANON]! > 0 || nr[LRU_ACTIVE_FILE]! > 0 || nr[LRU_INACTIVE_FILE]! > 0) {
    for (let lru = 0; lru < LRU_UNEVICTABLE; lru++) {
      const nrToScan = Math.min(nr[lru]!, SWAP_CLUSTER_MAX);
      if (nrToScan === 0) continue;
      nr[lru]! -= nrToScan;
      nrReclaimed += shrinkList(sys, lru, nrToScan, lruvec, sc);
    }
    if (nrReclaimed < sc.nrToReclaim || proportional) continue;
    if (!cutToProportion(nr, targets)) break;
  }
  sc.nrReclaimed += nrReclaimed;
  if (canAgeAnonPages(sys) && inactiveIsLow(sys, LRU_INACTIVE_ANON, lruvec))
    shrinkActiveList(sys, SWAP_CLUSTER_MAX, lruvec, sc, LRU_ACTIVE_ANON);
}

/**
 * Enough is free. The type of which less is left to be looked at is done; of the other only as much is, as to
 * be in proportion to what was set out. False when one of them is done already.
 * Linux mm/vmscan.c:shrink_lruvec()
 */
function cutToProportion(nr: number[], targets: readonly number[]): boolean {
  const left = (list: readonly number[], base: number): number => list[base]! + list[base + LRU_ACTIVE]!;
  const nrFile = left(nr, LRU_FILE);
  const nrAnon = left(nr, LRU_INACTIVE_ANON);
  if (nrFile === 0 || nrAnon === 0) return false;
  const smaller = nrFile > nrAnon ? LRU_INACTIVE_ANON : LRU_FILE;
  const percentage = Math.floor((left(nr, smaller) * 100) / (left(targets, smaller) + 1));
  nr[smaller] = 0;
  nr[smaller + LRU_ACTIVE] = 0;
  const other = smaller === LRU_FILE ? LRU_INACTIVE_ANON : LRU_FILE;
  for (const lru of [other, other + LRU_ACTIVE]) {
    const nrScanned = targets[lru]! - nr[lru]!;
    const wanted = Math.floor((targets[lru]! * (100 - percentage)) / 100);
    nr[lru] = Math.max(0, wanted - nrScanned);
  }
  return true;
}

/** A new pass has seen nothing yet. */
function clearSeen(sc: ScanControl): void {
  Object.assign(sc.nr, { dirty: 0, unqueuedDirty: 0, congested: 0, writeback: 0, immediate: 0 });
  Object.assign(sc.nr, { fileTaken: 0, taken: 0 });
}

/**
 * Takes pages of the group that sc is about, or of all: each has lists of its own. A task stops when it has
 * enough. The caches of the kernel belong to the root. Linux mm/vmscan.c:shrink_node_memcgs()
 */
function shrinkNodeMemcgs(sys: MemorySystem, sc: ScanControl): void {
  const root = targetMemcg(sc) ?? sys.memcg.root;
  const partial = !currentIsKswapd(sys) && !sc.memcgFullWalk;
  for (const memcg of partial ? sharedIter(root) : memCgroupIter(root)) {
    shrinkLruvec(sys, memcg.lruvec, sc);
    shrinkSlab(sys, sc.gfpMask, sc.priority, memcg);
    if (partial && sc.nrReclaimed >= sc.nrToReclaim) break;
  }
}

/** Takes pages from the node as sc says, and notes what it has seen. Linux mm/vmscan.c:shrink_node() */
export function shrinkNode(sys: MemorySystem, sc: ScanControl): void {
  if (sys.lruGen.enabled && rootReclaim(sc)) {
    clearSeen(sc);
    lruGenShrinkNode(sys, sc);
    return;
  }
  const { pgdat } = sys;
  let reclaimable = false;
  for (;;) {
    const { nrReclaimed } = sc;
    clearSeen(sc);
    if (!sys.lruGen.enabled) prepareScanControl(sys, sc);
    shrinkNodeMemcgs(sys, sc);
    if (rootReclaim(sc)) flushReclaimState(sys, sc);
    const nrNodeReclaimed = sc.nrReclaimed - nrReclaimed;
    if (nrNodeReclaimed > 0) reclaimable = true;
    noteCongestion(sys, sc);
    if (!shouldContinueReclaim(sys, nrNodeReclaimed, sc)) break;
  }
  if (reclaimable) pgdat.kswapdFailures = 0;
  else if (sc.cacheTrimMode) sc.cacheTrimModeFailed = true;
}

/**
 * kswapd marks the node by what the pass has seen, and is slowed down when pages come round before they are
 * written; tasks are when all dirty pages wait for the device. Linux mm/vmscan.c:shrink_node()
 */
function noteCongestion(sys: MemorySystem, sc: ScanControl): void {
  const { pgdat } = sys;
  const { nr } = sc;
  if (!currentIsKswapd(sys)) {
    const congested = nr.dirty > 0 && nr.dirty === nr.congested;
    const target = targetMemcg(sc);
    if (congested && target !== undefined) target.lruvec.cgroupCongested = true;
    const node = memCgroupLruvec(sys, target) === sys.lruvec && (pgdat.flags & LRUVEC_NODE_CONGESTED) !== 0;
    if (node || target?.lruvec.cgroupCongested === true) reclaimThrottle(sys, "congested");
    return;
  }
  if (nr.writeback > 0 && nr.writeback === nr.taken) pgdat.flags |= PGDAT_WRITEBACK;
  if (nr.unqueuedDirty > 0 && nr.unqueuedDirty === nr.fileTaken) pgdat.flags |= PGDAT_DIRTY;
  if (nr.immediate > 0) reclaimThrottle(sys, "writeback");
  if (nr.dirty > 0 && nr.dirty === nr.congested) pgdat.flags |= LRUVEC_NODE_CONGESTED;
}

/**
 * Single pages are freed so that compaction can make a block of them.
 * Linux mm/vmscan.c:in_reclaim_compaction()
 */
function inReclaimCompaction({ gfpMask, order, priority }: ScanControl): boolean {
  const allowed = (gfpMask & __GFP_IO) !== 0; // Linux include/linux/gfp.h:gfp_compaction_allowed()
  return allowed && order > 0 && (order > PAGE_ALLOC_COSTLY_ORDER || priority < DEF_PRIORITY - 2);
}

/**
 * For a block of several pages: whether to go on, as long as that gets anywhere, there is not enough for
 * compaction, and the inactive lists are long enough. Linux mm/vmscan.c:should_continue_reclaim()
 */
function shouldContinueReclaim(sys: MemorySystem, nrReclaimed: number, sc: ScanControl): boolean {
  if (!inReclaimCompaction(sc) || nrReclaimed === 0) return false;
  for (let zid = Math.min(sc.reclaimIdx, sys.zones.length - 1); zid >= 0; zid--)
    if (sys.zones[zid]!.managedPages > 0 && compactionMayGoOn(sys, zid, sc)) return false;
  let inactive = globalNodePageState(sys, NR_INACTIVE_FILE);
  if (canReclaimAnonPages(sys)) inactive += globalNodePageState(sys, NR_INACTIVE_ANON);
  return inactive > compactGap(sc.order);
}

/** Whether the allocation would succeed in the zone now, or compaction would get somewhere. */
function compactionMayGoOn(sys: MemorySystem, zid: number, { order, reclaimIdx }: ScanControl): boolean {
  const zone = sys.zones[zid]!;
  const mark = minWmarkPages(zone);
  if (sys.parts.zoneWatermarkOk(sys, zone, order, mark, reclaimIdx, 0, zone.nrFreePages)) return true;
  return compactionSuitable(sys, zone, order, mark, reclaimIdx);
}
