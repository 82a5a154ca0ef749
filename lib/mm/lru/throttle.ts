/**
 * Slowing down those who reclaim: freeing memory takes time that only the device, or kswapd, has.
 *
 *   a task reclaims --> throttleDirectReclaim   hardly anything is free: waits until kswapd has freed something
 *                   --> shrinkNode --> reclaimThrottle
 *                         congested    all dirty pages wait for the device      1 tick
 *                         noprogress   nothing was freed, at priority 1         1 tick
 *                         isolated     too many pages are off the lists         HZ/50
 *                         writeback    pages come round before they are written HZ/10
 *
 * Spinning over the lists would find the same pages again. So the task sleeps, for a time that is a guess,
 * and is woken early when there is reason to: enough pages were written (acctReclaimWriteback), somebody else
 * gets on (considerReclaimThrottle).
 *
 * kswapd is slowed down, too, but only for writeback. It does not wait in the middle of a batch: the batch
 * ends, and the next one begins when the time is over. Other kernel threads are never slowed down, since
 * reclaim may need what they do.
 *
 * In a drawing of what a program did, a task that is slowed down here is "throttled": it has nothing to wait
 * for but the clock. A task in throttleDirectReclaim waits for memory that kswapd frees: "reclaim".
 *
 * Left out: the throttle of memory cgroups; a fatal signal, which ends the wait.
 *
 * Linux mm/vmscan.c. Read first: mm/wait.ts, mm/pages/pglist_data.ts. Read next: kswapd.ts.
 */

import { HZ, NS_PER_JIFFY } from "../jiffies.js";
import { type Folio, folioNrPages } from "../pages/folio.js";
import { __GFP_FS } from "../pages/gfp.js";
import type { VmscanThrottleState } from "../pages/pglist_data.js";
import { minWmarkPages } from "../pages/wmark.js";
import type { MemorySystem } from "../system.js";
import {
  countVmEvent,
  globalNodePageState,
  modNodePageState,
  NR_FILE_DIRTY,
  NR_THROTTLED_WRITTEN,
  NR_WRITEBACK,
  PGSCAN_DIRECT_THROTTLE,
} from "../vmstat.js";
import { zoneReclaimablePages } from "./lru_size.js";
import { currentIsKswapd } from "./reclaimer.js";
import { MAX_RECLAIM_RETRIES, type ScanControl, SWAP_CLUSTER_MAX } from "./scan_control.js";

const ZONE_NORMAL = 2;

/** How long each reason slows a task down, in ticks. Linux mm/vmscan.c:reclaim_throttle() */
const TIMEOUT: Readonly<Record<VmscanThrottleState, number>> = {
  writeback: HZ / 10,
  congested: 1,
  noprogress: 1,
  isolated: HZ / 50,
};

/** Numbers of the reasons in the tracepoint. Linux include/linux/mmzone.h:enum vmscan_throttle_state */
const REASON: Readonly<Record<VmscanThrottleState, number>> = {
  writeback: 0,
  isolated: 1,
  noprogress: 2,
  congested: 3,
};

/** The pages on the lists that could be reclaimed, of all zones. */
function reclaimablePages(sys: MemorySystem): number {
  return sys.zones.reduce((sum, _zone, zid) => sum + zoneReclaimablePages(sys, zid), 0);
}

/**
 * Sleeping would not help: kswapd has given up, or the pages that wait for the device are not the reason.
 * Linux mm/vmscan.c:skip_throttle_noprogress()
 */
function skipThrottleNoprogress(sys: MemorySystem): boolean {
  if (sys.pgdat.kswapdFailures >= MAX_RECLAIM_RETRIES) return true;
  const writePending = globalNodePageState(sys, NR_FILE_DIRTY) + globalNodePageState(sys, NR_WRITEBACK);
  return 2 * writePending <= reclaimablePages(sys);
}

/**
 * Slows the one who reclaims down for `reason`, until the time is over or he is woken.
 * Linux mm/vmscan.c:reclaim_throttle()
 * Differs from Linux: kswapd returns at once; its next batch waits (kswapd.ts).
 */
export function reclaimThrottle(sys: MemorySystem, reason: VmscanThrottleState): void {
  const { pgdat, clock } = sys;
  const isKswapd = currentIsKswapd(sys);
  if (!isKswapd && sys.currentKthread !== undefined) return;
  if ((reason === "congested" || reason === "noprogress") && skipThrottleNoprogress(sys)) return;
  if (reason === "writeback" && ++pgdat.nrWritebackThrottled === 1)
    pgdat.nrReclaimStart = globalNodePageState(sys, NR_THROTTLED_WRITTEN);
  const startNs = clock.nowNs;
  const timeoutNs = TIMEOUT[reason] * NS_PER_JIFFY;
  if (isKswapd) {
    pgdat.kswapdRun.throttledUntilNs = startNs + timeoutNs;
    return;
  }
  const before = pgdat.reclaimWakeups[reason];
  sys.sched.waitTimeout("throttled", () => pgdat.reclaimWakeups[reason] !== before, startNs + timeoutNs);
  throttleEnds(sys, reason, startNs);
}

/** He goes on, kswapd too. Linux mm/vmscan.c:reclaim_throttle(), behind schedule_timeout() */
function throttleEnds(sys: MemorySystem, reason: VmscanThrottleState, startNs: number): void {
  if (reason === "writeback") sys.pgdat.nrWritebackThrottled--;
  if (!sys.trace.on) return;
  sys.trace.emit("vmscan:mm_vmscan_throttled", {
    nid: 0,
    usec_timeout: (TIMEOUT[reason] * NS_PER_JIFFY) / 1000,
    usec_delayed: Math.floor((sys.clock.nowNs - startNs) / 1000),
    reason: REASON[reason],
  });
}

/** kswapd, which was slowed down until pages are written, begins its next batch. Not in Linux. */
export function kswapdThrottleEnds(sys: MemorySystem): void {
  const { kswapdRun } = sys.pgdat;
  if (kswapdRun.throttledUntilNs === 0) return;
  const startNs = kswapdRun.throttledUntilNs - TIMEOUT.writeback * NS_PER_JIFFY;
  kswapdRun.throttledUntilNs = 0;
  throttleEnds(sys, "writeback", startNs);
}

/** All who are slowed down for `reason` go on. Linux include/linux/wait.h:wake_up() of reclaim_wait */
export function wakeReclaimThrottle(sys: MemorySystem, reason: VmscanThrottleState): void {
  const { pgdat } = sys;
  pgdat.reclaimWakeups[reason]++;
  const { kswapd, kswapdRun } = pgdat;
  if (reason === "writeback" && kswapd !== undefined && kswapdRun.throttledUntilNs > 0)
    sys.sched.wakeUp(kswapd);
}

/**
 * A folio has been written: when that were 32 pages for each one who waits, all go on.
 * Linux mm/internal.h:acct_reclaim_writeback(), mm/vmscan.c:__acct_reclaim_writeback()
 */
export function acctReclaimWriteback(sys: MemorySystem, folio: Folio): void {
  const { nrWritebackThrottled, nrReclaimStart } = sys.pgdat;
  if (nrWritebackThrottled === 0) return;
  modNodePageState(sys, NR_THROTTLED_WRITTEN, folioNrPages(folio));
  const nrWritten = globalNodePageState(sys, NR_THROTTLED_WRITTEN) - nrReclaimStart;
  if (nrWritten > SWAP_CLUSTER_MAX * nrWritebackThrottled) wakeReclaimThrottle(sys, "writeback");
}

/**
 * After a pass of a task that reclaims: more than an eighth was freed, so others may try again; or it gets
 * nowhere at the last priority but one, and is slowed down. Linux mm/vmscan.c:consider_reclaim_throttle()
 */
export function considerReclaimThrottle(sys: MemorySystem, sc: ScanControl): void {
  if (sc.nrReclaimed > Math.floor(sc.nrScanned / 8)) {
    wakeReclaimThrottle(sys, "noprogress");
    return;
  }
  if (currentIsKswapd(sys)) return;
  if (sc.priority === 1 && sc.nrReclaimed === 0) reclaimThrottle(sys, "noprogress");
}

/**
 * kswapd, if it sleeps, goes on. True if it did sleep.
 * Linux include/linux/wait.h:wake_up_interruptible() of kswapd_wait
 */
export function wakeKswapdWait(sys: MemorySystem): boolean {
  const { kswapd, kswapdRun } = sys.pgdat;
  if (kswapd === undefined || kswapdRun.phase === "balance") return false;
  kswapdRun.woken = true;
  sys.sched.wakeUp(kswapd);
  return true;
}

/**
 * More than half of what the min watermarks keep is free, so that those who free memory have some to work
 * with; or kswapd has given up. If not, kswapd is awake afterwards. Linux mm/vmscan.c:allow_direct_reclaim()
 */
export function allowDirectReclaim(sys: MemorySystem): boolean {
  const { pgdat, zones } = sys;
  if (pgdat.kswapdFailures >= MAX_RECLAIM_RETRIES) return true;
  let reserve = 0;
  let free = 0;
  for (const [zid, zone] of zones.slice(0, ZONE_NORMAL + 1).entries()) {
    if (zone.nrFreePages > 0 && zoneReclaimablePages(sys, zid) === 0) continue;
    reserve += minWmarkPages(zone);
    free += zone.nrFreePages;
  }
  if (reserve === 0 || free > Math.floor(reserve / 2)) return true;
  if (pgdat.kswapdRun.phase !== "balance" && pgdat.kswapdHighestZoneidx > ZONE_NORMAL)
    pgdat.kswapdHighestZoneidx = ZONE_NORMAL;
  wakeKswapdWait(sys);
  return false;
}

/**
 * Before a task reclaims itself: waits while the reserves are so low that it would take what kswapd needs. At
 * most a second if `gfp` says that it is inside a file system, whose locks kswapd might need.
 * Linux mm/vmscan.c:throttle_direct_reclaim()
 */
export function throttleDirectReclaim(sys: MemorySystem, gfp: number): void {
  if (sys.currentKthread !== undefined || sys.pgdat.kswapd === undefined) return;
  if (allowDirectReclaim(sys)) return;
  countVmEvent(sys, PGSCAN_DIRECT_THROTTLE);
  const allowed = (): boolean => allowDirectReclaim(sys);
  if ((gfp & __GFP_FS) === 0) sys.sched.waitTimeout("reclaim", allowed, sys.clock.nowNs + HZ * NS_PER_JIFFY);
  else sys.sched.waitUntil("reclaim", allowed);
}
