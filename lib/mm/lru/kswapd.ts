/**
 * kswapd: the kernel thread that frees memory before anybody has to wait for it.
 *
 *   free pages
 *   high  ......................._______........................ enough: it sleeps
 *         \                     /       \
 *          \                   /         \
 *   low   ..\................./...........\..................... an allocation sees this, and wakes it
 *            \               /  it works
 *             \_____________/
 *   min   ...................................................... below: allocations reclaim themselves, and wait
 *
 * It wakes below low and works until high, so that it has something to do seldom, and much then.
 *
 *   wakeupKswapd --> asleep --> balance: a pass over the lists (shrinkNode), and again, at priority 12, 11, ... 1
 *                       ^         |        until one zone has more than high free, or nothing could be freed
 *                       |         v
 *                       +------  nap of HZ/10, and if memory still suffices, it sleeps until it is woken
 *
 * Each batch of the thread is one pass at most. What Linux keeps on the thread's stack between two passes is
 * in sys.pgdat.kswapdRun.
 *
 * Sixteen runs in a row that freed nothing, and the node is hopeless: kswapd is not woken any more until
 * somebody else's reclaim has freed a page.
 *
 * A zone whose watermarks are boosted (a page block has changed its type) is balanced, too, but gently:
 * without writing and swapping, and not below priority 10.
 *
 * When it goes to sleep after a request for several pages, it wakes kcompactd (mm/compaction): the pages are
 * there, they only have to come together.
 *
 * Left out: more nodes than one; memory cgroups' soft limits; buffer heads.
 *
 * Linux mm/vmscan.c. Read first: mm/pages/wmark.ts, scan_control.ts, throttle.ts. Read next: vmscan.ts.
 */

import { resetIsolationSuitable } from "../compaction/skip.js";
import { compactGap } from "../compaction/suitable.js";
import { wakeupKcompactd } from "../compaction/wakeup.js";
import { HZ, NS_PER_JIFFY } from "../jiffies.js";
import { forEachLruvec } from "../memcg/iter.js";
import { ZONE_RECLAIM_ACTIVE, type Zone } from "../pages/buddy.js";
import { __GFP_DIRECT_RECLAIM, GFP_KERNEL } from "../pages/gfp.js";
import { PAGEBLOCK_ORDER } from "../pages/migratetype.js";
import { LRUVEC_NODE_CONGESTED, NO_ZONE, PGDAT_DIRTY, PGDAT_WRITEBACK } from "../pages/pglist_data.js";
import { highWmarkPages } from "../pages/wmark.js";
import type { MemorySystem } from "../system.js";
import {
  countVmEvent,
  KSWAPD_HIGH_WMARK_HIT_QUICKLY,
  KSWAPD_LOW_WMARK_HIT_QUICKLY,
  PAGEOUTRUN,
} from "../vmstat.js";
import { snapshotRefaults } from "./direct_reclaim.js";
import { lruGenAgeNode } from "./gen/shrink_node.js";
import { LRU_ACTIVE_ANON, LRU_INACTIVE_ANON } from "./lruvec.js";
import {
  DEF_PRIORITY,
  MAX_RECLAIM_RETRIES,
  newScanControl,
  type ScanControl,
  SWAP_CLUSTER_MAX,
} from "./scan_control.js";
import { inactiveIsLow } from "./scan_count.js";
import { shrinkActiveList } from "./shrink_lists.js";
import { canAgeAnonPages } from "./swap_space.js";
import { kswapdThrottleEnds, wakeKswapdWait } from "./throttle.js";

/** A pass over the lists of the node, as sc says. */
type ShrinkNode = (sys: MemorySystem, sc: ScanControl) => void;

/** How long it naps before it sleeps. Linux mm/vmscan.c:kswapd_try_to_sleep() */
const NAP_NS = (HZ / 10) * NS_PER_JIFFY;

/** Until it is woken. */
const ASLEEP = Number.POSITIVE_INFINITY;

/** The zones up to `highestZoneidx`. Linux include/linux/mmzone.h:for_each_managed_zone_pgdat() */
function zonesUpTo(sys: MemorySystem, highestZoneidx: number): Zone[] {
  return sys.zones.filter((zone, i) => i <= highestZoneidx && zone.managedPages > 0);
}

// ---------------------------------------------------------------- is there enough?

/**
 * Whether some zone up to `highestZoneidx` has more than its high watermark free, and a block of 2^order.
 * Linux mm/vmscan.c:pgdat_balanced()
 */
export function pgdatBalanced(sys: MemorySystem, order: number, highestZoneidx: number): boolean {
  const { zones, parts } = sys;
  let managed = false;
  for (let i = 0; i <= highestZoneidx && i < zones.length; i++) {
    const zone = zones[i]!;
    if (zone.managedPages === 0) continue;
    managed = true;
    const mark = highWmarkPages(zone);
    if (parts.zoneWatermarkOk(sys, zone, order, mark, highestZoneidx, 0, zone.nrFreePages)) return true;
  }
  return !managed;
}

/** Linux mm/vmscan.c:pgdat_watermark_boosted() */
function pgdatWatermarkBoosted(sys: MemorySystem, highestZoneidx: number): boolean {
  const { zones } = sys;
  for (let i = 0; i <= highestZoneidx && i < zones.length; i++)
    if (zones[i]!.managedPages > 0 && zones[i]!.watermarkBoost > 0) return true;
  return false;
}

/**
 * Whether kswapd may sleep: enough is free, or it has given up. Linux mm/vmscan.c:prepare_kswapd_sleep()
 * Differs from Linux: who waits in throttleDirectReclaim looks for himself whether he may go on.
 */
function prepareKswapdSleep(sys: MemorySystem, order: number, highestZoneidx: number): boolean {
  const { pgdat } = sys;
  if (pgdat.kswapdFailures >= MAX_RECLAIM_RETRIES) return true;
  if (!pgdatBalanced(sys, order, highestZoneidx)) return false;
  // Linux mm/vmscan.c:clear_pgdat_congested()
  pgdat.flags &= ~(LRUVEC_NODE_CONGESTED | PGDAT_DIRTY | PGDAT_WRITEBACK);
  return true;
}

// ---------------------------------------------------------------- waking it

/** The highest zone that somebody has asked for, or `prev`. Linux mm/vmscan.c:kswapd_highest_zoneidx() */
function kswapdHighestZoneidx(sys: MemorySystem, prev: number): number {
  const { kswapdHighestZoneidx: asked } = sys.pgdat;
  return asked === NO_ZONE ? prev : asked;
}

/**
 * An allocation of 2^order pages with `gfp` has found `zone` low, or its watermarks boosted: kswapd is to
 * work on the zones up to `highestZoneidx`, unless enough is free there or it has given up. Where the
 * allocation may wait, kswapd begins at once if a CPU is free.
 * Linux mm/vmscan.c:wakeup_kswapd()
 */
export function wakeupKswapd(
  sys: MemorySystem,
  zone: Zone,
  gfp: number,
  order: number,
  highestZoneidx: number,
): void {
  const { pgdat } = sys;
  if (zone.managedPages === 0) return;
  const asked = pgdat.kswapdHighestZoneidx;
  if (asked === NO_ZONE || asked < highestZoneidx) pgdat.kswapdHighestZoneidx = highestZoneidx;
  pgdat.kswapdOrder = Math.max(pgdat.kswapdOrder, order);
  if (pgdat.kswapd === undefined) return;
  if (pgdat.kswapdRun.phase === "balance") {
    // It sees what was asked for.
  } else if (!shouldWork(sys, order, highestZoneidx)) {
    // There may be plenty, but in pieces.
    if ((gfp & __GFP_DIRECT_RECLAIM) === 0) wakeupKcompactd(sys, order, highestZoneidx);
  } else {
    if (sys.trace.on)
      sys.trace.emit("vmscan:mm_vmscan_wakeup_kswapd", {
        nid: 0,
        zid: highestZoneidx,
        order,
        gfp_flags: gfp,
      });
    wakeKswapdWait(sys);
  }
  if ((gfp & __GFP_DIRECT_RECLAIM) !== 0 && !sys.pfMemalloc) sys.sched.condResched();
}

/** There is something that kswapd could do. */
function shouldWork(sys: MemorySystem, order: number, highestZoneidx: number): boolean {
  if (sys.pgdat.kswapdFailures >= MAX_RECLAIM_RETRIES) return false;
  return !pgdatBalanced(sys, order, highestZoneidx) || pgdatWatermarkBoosted(sys, highestZoneidx);
}

// ---------------------------------------------------------------- the thread

/**
 * Starts kswapd; it sleeps until it is woken. Linux mm/vmscan.c:kswapd_run()
 * `shrinkNode` frees what it can in one pass over the lists.
 */
export function kswapdRun(sys: MemorySystem, shrinkNode: ShrinkNode): void {
  sys.pgdat.kswapd = sys.sched.kthreadCreate("kswapd0", () => kswapd(sys, shrinkNode));
}

/**
 * One batch: at most one pass. When it goes on, in ns. Linux mm/vmscan.c:kswapd()
 * What it allocates may use the reserves, and never reclaims (PF_MEMALLOC): it is the one who frees memory.
 */
function kswapd(sys: MemorySystem, shrinkNode: ShrinkNode): number {
  const run = sys.pgdat.kswapdRun;
  sys.pfMemalloc = true; // the scheduler puts it back after the batch
  kswapdThrottleEnds(sys);
  if (run.phase === "nap" && !napEnds(sys)) return ASLEEP;
  if (run.phase !== "balance") beginBalance(sys);
  if (balanceOnce(sys, run.sc!, shrinkNode)) return Math.max(sys.clock.nowNs, run.throttledUntilNs);
  endBalance(sys, run.sc!);
  return tryToSleep(sys);
}

/**
 * It naps, or there is still something to do and it begins anew. Linux mm/vmscan.c:kswapd_try_to_sleep(), up
 * to schedule_timeout()
 */
function tryToSleep(sys: MemorySystem): number {
  const run = sys.pgdat.kswapdRun;
  run.woken = false;
  if (prepareKswapdSleep(sys, run.reclaimOrder, run.highestZoneidx)) {
    resetIsolationSuitable(sys);
    wakeupKcompactd(sys, run.allocOrder, run.highestZoneidx);
    run.phase = "nap";
    return sys.clock.nowNs + NAP_NS;
  }
  countVmEvent(sys, KSWAPD_HIGH_WMARK_HIT_QUICKLY);
  beginBalance(sys);
  return sys.clock.nowNs;
}

/**
 * The nap is over, or somebody has ended it. Whether it goes on; else it sleeps until it is woken.
 * Linux mm/vmscan.c:kswapd_try_to_sleep(), from schedule_timeout() on
 */
function napEnds(sys: MemorySystem): boolean {
  const { pgdat } = sys;
  const run = pgdat.kswapdRun;
  if (run.woken) {
    pgdat.kswapdHighestZoneidx = kswapdHighestZoneidx(sys, run.highestZoneidx);
    pgdat.kswapdOrder = Math.max(pgdat.kswapdOrder, run.reclaimOrder);
    countVmEvent(sys, KSWAPD_LOW_WMARK_HIT_QUICKLY);
    return true;
  }
  if (prepareKswapdSleep(sys, run.reclaimOrder, run.highestZoneidx)) {
    if (sys.trace.on) sys.trace.emit("vmscan:mm_vmscan_kswapd_sleep", { nid: 0 });
    run.phase = "asleep";
    return false;
  }
  countVmEvent(sys, KSWAPD_HIGH_WMARK_HIT_QUICKLY);
  return true;
}

// ---------------------------------------------------------------- balancing the node

/** Linux mm/vmscan.c:balance_pgdat(), before its loop */
function beginBalance(sys: MemorySystem): void {
  const { pgdat } = sys;
  const run = pgdat.kswapdRun;
  run.phase = "balance";
  run.allocOrder = pgdat.kswapdOrder;
  run.highestZoneidx = kswapdHighestZoneidx(sys, run.highestZoneidx);
  pgdat.kswapdOrder = 0;
  pgdat.kswapdHighestZoneidx = NO_ZONE;
  if (sys.trace.on)
    sys.trace.emit("vmscan:mm_vmscan_kswapd_wake", {
      nid: 0,
      zid: run.highestZoneidx,
      order: run.allocOrder,
    });
  countVmEvent(sys, PAGEOUTRUN);
  run.sc = newScanControl({ gfpMask: GFP_KERNEL, order: run.allocOrder, reclaimIdx: run.highestZoneidx });
  run.zoneBoosts.length = 0;
  for (let i = 0; i <= Math.min(run.highestZoneidx, sys.zones.length - 1); i++)
    run.zoneBoosts[i] = sys.zones[i]!.watermarkBoost;
  run.nrBoostReclaim = run.zoneBoosts.reduce((sum, boost) => sum + boost, 0);
  restart(sys, run.sc);
}

/** Linux mm/vmscan.c:balance_pgdat(), label restart */
function restart(sys: MemorySystem, sc: ScanControl): void {
  for (const zone of zonesUpTo(sys, sys.pgdat.kswapdRun.highestZoneidx)) zone.flags |= ZONE_RECLAIM_ACTIVE;
  sc.priority = DEF_PRIORITY;
}

/** One pass, if it is needed; false when balancing is over. Linux mm/vmscan.c:balance_pgdat(), its loop */
function balanceOnce(sys: MemorySystem, sc: ScanControl, shrinkNode: ShrinkNode): boolean {
  const run = sys.pgdat.kswapdRun;
  const balanced = pgdatBalanced(sys, sc.order, run.highestZoneidx);
  if (!balanced && run.nrBoostReclaim > 0) {
    run.nrBoostReclaim = 0;
    restart(sys, sc);
  }
  if (balanced && run.nrBoostReclaim === 0) return false;
  const before = sc.nrReclaimed;
  const boosting = run.nrBoostReclaim > 0;
  sc.mayWritepage = (sys.sysctl.laptopMode === 0 && !boosting) || sc.priority < DEF_PRIORITY - 2;
  sc.maySwap = !boosting;
  kswapdAgeNode(sys, sc);
  sc.nrScanned = 0;
  const atLimit = boosting && sc.priority === DEF_PRIORITY - 2;
  const enough = kswapdShrinkNode(sys, sc, shrinkNode);
  const nrReclaimed = sc.nrReclaimed - before;
  run.nrBoostReclaim -= Math.min(run.nrBoostReclaim, nrReclaimed);
  if (run.nrBoostReclaim > 0 && nrReclaimed === 0) return gaveUp(sys, sc);
  if ((!enough && !atLimit) || nrReclaimed === 0) sc.priority--;
  return sc.priority >= 1 || gaveUp(sys, sc);
}

/**
 * Gives anonymous pages a chance to be used before they are reclaimed: active ones become inactive as long as
 * those are too few. Linux mm/vmscan.c:kswapd_age_node()
 */
function kswapdAgeNode(sys: MemorySystem, sc: ScanControl): void {
  if (sys.lruGen.enabled) {
    if (lruGenAgeNode(sys, sc)) sys.outOfMemory?.(sc.gfpMask, sc.order);
    return;
  }
  if (!canAgeAnonPages(sys) || !inactiveIsLow(sys, LRU_INACTIVE_ANON)) return;
  forEachLruvec(sys, (lruvec) => shrinkActiveList(sys, SWAP_CLUSTER_MAX, lruvec, sc, LRU_ACTIVE_ANON));
}

/**
 * The priority is at its end, or the boost is not worth it: one more try without sparing the active lists, if
 * that was the reason; else a failure if nothing was freed. Whether to go on.
 * Linux mm/vmscan.c:balance_pgdat(), behind its loop
 */
function gaveUp(sys: MemorySystem, sc: ScanControl): boolean {
  if (sc.nrReclaimed > 0) return false;
  if (sc.priority < 1 && !sc.noCacheTrimMode && sc.cacheTrimModeFailed) {
    sc.noCacheTrimMode = true;
    restart(sys, sc);
    return true;
  }
  sys.pgdat.kswapdFailures++;
  return false;
}

/**
 * One pass for as many pages as all zones together should keep free. Whether that many were looked at, so
 * that there is no need to look harder. Linux mm/vmscan.c:kswapd_shrink_node()
 */
function kswapdShrinkNode(sys: MemorySystem, sc: ScanControl, shrinkNode: ShrinkNode): boolean {
  const before = sc.nrReclaimed;
  sc.nrToReclaim = 0;
  for (const zone of zonesUpTo(sys, sc.reclaimIdx))
    sc.nrToReclaim += Math.max(highWmarkPages(zone), SWAP_CLUSTER_MAX);
  shrinkNode(sys, sc);
  // Enough for two blocks was freed: if there is still none, that is for compaction.
  if (sc.order > 0 && sc.nrReclaimed >= compactGap(sc.order)) sc.order = 0;
  return Math.max(sc.nrScanned, sc.nrReclaimed - before) >= sc.nrToReclaim;
}

/** Linux mm/vmscan.c:balance_pgdat(), label out; and the end of a turn of kswapd() */
function endBalance(sys: MemorySystem, sc: ScanControl): void {
  const { pgdat } = sys;
  const run = pgdat.kswapdRun;
  for (const zone of zonesUpTo(sys, run.highestZoneidx)) zone.flags &= ~ZONE_RECLAIM_ACTIVE;
  // Only what it has seen when it began: a boost that came meanwhile is for the next time.
  run.zoneBoosts.forEach((boost, i) => {
    const zone = sys.zones[i]!;
    zone.watermarkBoost -= Math.min(zone.watermarkBoost, boost);
  });
  if (run.zoneBoosts.some((boost) => boost > 0)) wakeupKcompactd(sys, PAGEBLOCK_ORDER, run.highestZoneidx);
  snapshotRefaults(sys);
  run.sc = undefined;
  run.reclaimOrder = sc.order;
  if (run.reclaimOrder < run.allocOrder) return;
  run.allocOrder = pgdat.kswapdOrder;
  run.reclaimOrder = pgdat.kswapdOrder;
  run.highestZoneidx = kswapdHighestZoneidx(sys, run.highestZoneidx);
}
