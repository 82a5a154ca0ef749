/**
 * Direct reclaim: an allocation has found nothing, and its caller frees memory himself before he goes on.
 *
 *   allocPages --> nothing free --> sys.parts.tryToFreePages
 *     priority 12, 11, ... 0        shrinkNode, until 32 pages are free
 *     nothing at all?               once more from 12; then once more with active lists shortened by force
 *     0                             nothing can be freed: the OOM killer is next
 *
 * This is the time that a program loses to a shortage of memory: it works, nobody else does it for it. Counted
 * in allocstall_*, pgscan_direct, pgsteal_direct; traced from mm_vmscan_direct_reclaim_begin to ..._end.
 *
 * Left out: cpusets, memory cgroups.
 *
 * Linux mm/vmscan.c. Read first: vmscan.ts. Read next: mm/pages/page_alloc.ts.
 */
import { __GFP_DMA, __GFP_DMA32, __GFP_HIGHMEM, __GFP_MOVABLE } from "../pages/gfp.js";
import type { MemorySystem } from "../system.js";
import { ALLOCSTALL, countVmEvents, globalNodePageState, WORKINGSET_ACTIVATE } from "../vmstat.js";
import { DEF_PRIORITY, newScanControl, type ScanControl, SWAP_CLUSTER_MAX } from "./scan_control.js";
import { shrinkNode } from "./vmscan.js";

const ZONE_DMA = 0;
const ZONE_DMA32 = 1;
const ZONE_NORMAL = 2;
const ZONE_MOVABLE = 3;

/** The highest zone that serves `gfp`. Linux include/linux/gfp.h:gfp_zone() */
function gfpZone(gfp: number): number {
  if ((gfp & __GFP_DMA) !== 0) return ZONE_DMA;
  if ((gfp & __GFP_DMA32) !== 0) return ZONE_DMA32;
  const movable = __GFP_HIGHMEM | __GFP_MOVABLE;
  return (gfp & movable) === movable ? ZONE_MOVABLE : ZONE_NORMAL;
}

/** One pass. Linux mm/vmscan.c:shrink_zones() */
function shrinkZones(sys: MemorySystem, sc: ScanControl): void {
  shrinkNode(sys, sc);
}

/**
 * What has been activated on coming back by now: as long as it is no more, active lists may be left alone.
 * Linux mm/vmscan.c:snapshot_refaults()
 */
export function snapshotRefaults(sys: MemorySystem): void {
  const { refaults } = sys.lruvec;
  refaults[0] = globalNodePageState(sys, WORKINGSET_ACTIVATE);
  refaults[1] = globalNodePageState(sys, WORKINGSET_ACTIVATE + 1);
}

/** From the given priority down to 0, until enough is free; whether it was. */
function reclaimRound(sys: MemorySystem, sc: ScanControl): void {
  countVmEvents(sys, ALLOCSTALL + sc.reclaimIdx, 1);
  for (; sc.priority >= 0; sc.priority--) {
    sc.nrScanned = 0;
    shrinkZones(sys, sc);
    if (sc.nrReclaimed >= sc.nrToReclaim || sc.compactionReady) break;
    if (sc.priority < DEF_PRIORITY - 2) sc.mayWritepage = true;
  }
  snapshotRefaults(sys);
}

/** Pages freed, 0 if nothing could be. Linux mm/vmscan.c:do_try_to_free_pages() */
export function doTryToFreePages(sys: MemorySystem, sc: ScanControl): number {
  const initialPriority = sc.priority;
  for (let memcgFullWalk = false; ; ) {
    reclaimRound(sys, sc);
    if (sc.nrReclaimed > 0) return sc.nrReclaimed;
    if (sc.compactionReady) return 1;
    if (!memcgFullWalk) memcgFullWalk = true;
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
  if (sys.trace.on) sys.trace.emit("vmscan:mm_vmscan_direct_reclaim_begin", { order, gfp_flags: gfp });
  const nrReclaimed = doTryToFreePages(sys, sc);
  if (sys.trace.on) sys.trace.emit("vmscan:mm_vmscan_direct_reclaim_end", { nr_reclaimed: nrReclaimed });
  return nrReclaimed;
}
