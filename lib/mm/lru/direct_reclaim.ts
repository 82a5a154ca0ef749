/**
 * Direct reclaim: an allocation has found nothing, and its caller frees memory himself before he goes on.
 *
 *   allocPages --> nothing free --> sys.parts.tryToFreePages
 *     throttleDirectReclaim         hardly anything is free: waits for kswapd first
 *     priority 12, 11, ... 0        shrinkNode, until 32 pages are free
 *     nothing at all?               once more from 12; then once more with active lists shortened by force
 *     0                             nothing can be freed: the OOM killer is next
 *
 * This is the time that a program loses to a shortage of memory: it works, nobody else does it for it.
 * Counted in allocstall_*, for groups in their memory.stat only, pgscan_direct, pgsteal_direct; traced from
 * mm_vmscan_direct_reclaim_begin to ..._end.
 *
 *   memory.max reached --> tryToFreeMemCgroupPages: the same for one group, whose pages alone are looked at
 *   memory.reclaim     --> userProactiveReclaim: somebody wants pages out, though memory is not short
 *
 * Left out: cpusets.
 *
 * Linux mm/vmscan.c. Read first: vmscan.ts. Read next: mm/pages/page_alloc.ts.
 */
import { compactionSuitable } from "../compaction/suitable.js";
import { lruvecPageState, memCgroupLruvec } from "../memcg/stats.js";
import type { Zone } from "../pages/buddy.js";
import { __GFP_IO, PAGE_ALLOC_COSTLY_ORDER } from "../pages/gfp.js";
import { gfpZone } from "../pages/page_alloc.js";
import { highWmarkPages, minWmarkPages } from "../pages/wmark.js";
import type { MemorySystem } from "../system.js";
import { ALLOCSTALL, countVmEvents, WORKINGSET_ACTIVATE } from "../vmstat.js";
import type { Memcg } from "./lruvec.js";
import { targetMemcg } from "./reclaimer.js";
import { DEF_PRIORITY, newScanControl, type ScanControl, SWAP_CLUSTER_MAX } from "./scan_control.js";
import { considerReclaimThrottle, throttleDirectReclaim } from "./throttle.js";
import { shrinkNode } from "./vmscan.js";

/**
 * Whether the zone has a block of this size already, or enough single pages for compaction to make one, so
 * that freeing more would not help. Linux mm/vmscan.c:compaction_ready()
 */
function compactionReady(
  sys: MemorySystem,
  zone: Zone,
  { gfpMask, order, reclaimIdx }: ScanControl,
): boolean {
  if ((gfpMask & __GFP_IO) === 0) return false; // Linux include/linux/gfp.h:gfp_compaction_allowed()
  const mark = minWmarkPages(zone);
  if (sys.parts.zoneWatermarkOk(sys, zone, order, mark, reclaimIdx, 0, zone.nrFreePages)) return true;
  return compactionSuitable(sys, zone, order, highWmarkPages(zone), reclaimIdx);
}

/** One pass over the node, if one of its zones could need it. Linux mm/vmscan.c:shrink_zones() */
function shrinkZones(sys: MemorySystem, sc: ScanControl): void {
  const zones = sys.zones.slice(0, sc.reclaimIdx + 1).filter(({ managedPages }) => managedPages > 0);
  const short = zones.filter((zone) => {
    if (sc.targetMemcg !== undefined) return true; // it is not about blocks of pages
    const ready = sc.order > PAGE_ALLOC_COSTLY_ORDER && compactionReady(sys, zone, sc);
    if (ready) sc.compactionReady = true;
    return !ready;
  });
  if (short.length === 0) return;
  shrinkNode(sys, sc);
  considerReclaimThrottle(sys, sc);
}

/**
 * What has been activated on coming back by now, in the group or in all: as long as it is no more, active
 * lists may be left alone.
 * Linux mm/vmscan.c:snapshot_refaults()
 */
export function snapshotRefaults(sys: MemorySystem, memcg?: Memcg): void {
  const lruvec = memCgroupLruvec(sys, memcg);
  lruvec.refaults[0] = lruvecPageState(sys, lruvec, WORKINGSET_ACTIVATE);
  lruvec.refaults[1] = lruvecPageState(sys, lruvec, WORKINGSET_ACTIVATE + 1);
}

/** From the given priority down to 0, until enough is free; whether it was. */
function reclaimRound(sys: MemorySystem, sc: ScanControl): void {
  if (sc.targetMemcg === undefined) countVmEvents(sys, ALLOCSTALL + sc.reclaimIdx, 1);
  for (; sc.priority >= 0; sc.priority--) {
    sc.nrScanned = 0;
    shrinkZones(sys, sc);
    if (sc.nrReclaimed >= sc.nrToReclaim || sc.compactionReady) break;
    if (sc.priority < DEF_PRIORITY - 2) sc.mayWritepage = true;
  }
  const target = targetMemcg(sc);
  snapshotRefaults(sys, target);
  if (target !== undefined) target.lruvec.cgroupCongested = false;
}

/** Pages freed, 0 if nothing could be. Linux mm/vmscan.c:do_try_to_free_pages() */
export function doTryToFreePages(sys: MemorySystem, sc: ScanControl): number {
  const initialPriority = sc.priority;
  for (;;) {
    reclaimRound(sys, sc);
    if (sc.nrReclaimed > 0) return sc.nrReclaimed;
    if (sc.compactionReady) return 1;
    if (!sc.memcgFullWalk) sc.memcgFullWalk = true;
    else if (sc.skippedDeactivate) {
      sc.forceDeactivate = true;
      sc.skippedDeactivate = false;
    } else return 0;
    sc.priority = initialPriority;
  }
}

/**
 * Direct reclaim: an allocation with `gfp` found no block of 2^order frames. How many pages were freed.
 * Linux mm/vmscan.c:try_to_free_pages()
 */
export function tryToFreePages(sys: MemorySystem, gfp: number, order: number): number {
  const sc = newScanControl({
    nrToReclaim: SWAP_CLUSTER_MAX,
    gfpMask: gfp,
    reclaimIdx: gfpZone(gfp),
    order,
    priority: DEF_PRIORITY,
    mayWritepage: true,
  });
  throttleDirectReclaim(sys, gfp);
  if (sys.trace.on) sys.trace.emit("vmscan:mm_vmscan_direct_reclaim_begin", { order, gfp_flags: gfp });
  const nrReclaimed = doTryToFreePages(sys, sc);
  if (sys.trace.on) sys.trace.emit("vmscan:mm_vmscan_direct_reclaim_end", { nr_reclaimed: nrReclaimed });
  return nrReclaimed;
}
