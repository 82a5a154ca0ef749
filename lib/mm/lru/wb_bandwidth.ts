/**
 * How fast a disk writes, and how fast its writers may go: estimates, made every 200 ms.
 *
 *   pages written since the last estimate --> writeBandwidth   averaged over 4 s
 *                                         --> avgWriteBandwidth   smoothed once more
 *
 *   pages dirtied since then   tells how many writers there are: N of them, each allowed
 *                              `taskRatelimit`, have dirtied N x taskRatelimit
 *   taskRatelimit x avgWriteBandwidth / dirty rate = what each may have, so that all together dirty
 *                              as much as the disk writes     --> dirtyRatelimit follows it by small steps
 *
 * On top of that comes where the number of dirty pages stands between the free run and the limit:
 *
 *   posRatio   2 |-.                   taskRatelimit = dirtyRatelimit x posRatio
 *              1 |    `-----.          below the setpoint faster than the disk, above it slower: so the
 *              0 |           `-.       number comes back to the setpoint whatever the estimates are
 *                freerun setpoint limit
 *
 * All in whole numbers, cut off where Linux cuts them.
 *
 * Linux mm/page-writeback.c. Read first: dirty_limits.ts. Read next: balance_dirty_pages.ts.
 */

import { HZ, jiffies, NS_PER_JIFFY } from "../jiffies.js";
import type { MemorySystem } from "../system.js";
import {
  BANDWIDTH_INTERVAL,
  type DirtyThrottleControl,
  dirtyFreerunCeiling,
  domainUpdateDirtyLimit,
  hardDirtyLimit,
} from "./dirty_limits.js";
import { type BdiWriteback, WB_UPDATE_BANDWIDTH } from "./wb_domain.js";

/** 1.0 of posRatio. Linux 1 << RATELIMIT_CALC_SHIFT */
const RATELIMIT_ONE = 1024;

/** Ticks over which the speed is averaged: 3 s, rounded up to a power of two. */
const PERIOD = 2 ** Math.ceil(Math.log2(3 * HZ));

/**
 * Position of `dirty` between setpoint and limit as a cubic: 1 at the setpoint, 0 at the limit, 2 at most; in
 * 1/1024. Linux mm/page-writeback.c:pos_ratio_polynom()
 */
function posRatioPolynom(setpoint: number, dirty: number, limit: number): number {
  const x = Math.trunc(((setpoint - dirty) * RATELIMIT_ONE) / ((limit - setpoint) | 1));
  let ratio = Math.floor((x * x) / RATELIMIT_ONE);
  ratio = Math.floor((ratio * x) / RATELIMIT_ONE) + RATELIMIT_ONE;
  return Math.min(Math.max(ratio, 0), 2 * RATELIMIT_ONE);
}

/**
 * Fills in limit and posRatio, of the machine's dirty pages and the disk's. Linux
 * mm/page-writeback.c:wb_position_ratio()
 */
export function wbPositionRatio(sys: MemorySystem, wb: BdiWriteback, dtc: DirtyThrottleControl): void {
  const limit = hardDirtyLimit(sys, dtc.thresh);
  dtc.limit = limit;
  dtc.posRatio = 0;
  if (dtc.dirty >= limit) return;
  const setpoint = Math.floor((dirtyFreerunCeiling(dtc.thresh, dtc.bgThresh) + limit) / 2);
  const ratio = posRatioPolynom(setpoint, dtc.dirty, limit);
  dtc.posRatio = wbPosRatio(wb, dtc, setpoint, ratio);
}

/**
 * The disk's part: a line that is 1 where the disk has its part of the setpoint, and falls over 8 seconds of
 * its speed; and up to 8 times as much while it has so few pages that it might run dry.
 */
function wbPosRatio(wb: BdiWriteback, dtc: DirtyThrottleControl, setpoint: number, global: number): number {
  const { wbDirty } = dtc;
  const wbThresh = Math.min(dtc.wbThresh, dtc.thresh);
  const part = Math.floor((wbThresh * 65536) / (dtc.thresh | 1));
  const wbSetpoint = Math.floor((setpoint * part) / 65536);
  const span = Math.floor(((dtc.thresh - wbThresh + 8 * wb.avgWriteBandwidth) * part) / 65536);
  const xIntercept = wbSetpoint + span;
  let ratio =
    wbDirty < xIntercept - Math.floor(span / 4)
      ? Math.floor((global * (xIntercept - wbDirty)) / ((xIntercept - wbSetpoint) | 1))
      : Math.floor(global / 4);
  const reserve = Math.floor(wbThresh / 2);
  if (wbDirty < reserve) {
    if (wbDirty > Math.floor(reserve / 8)) ratio = Math.floor((ratio * reserve) / wbDirty);
    else ratio *= 8;
  }
  return ratio;
}

/** Linux mm/page-writeback.c:wb_update_write_bandwidth() */
function wbUpdateWriteBandwidth(wb: BdiWriteback, elapsed: number): void {
  const old = wb.writeBandwidth;
  let avg = wb.avgWriteBandwidth;
  let bw = (wb.written - Math.min(wb.written, wb.writtenStamp)) * HZ;
  if (elapsed > PERIOD) {
    bw = Math.floor(bw / elapsed);
    avg = bw;
  } else {
    bw = Math.floor((bw + old * (PERIOD - elapsed)) / PERIOD);
    if (avg > old && old >= bw) avg -= Math.floor((avg - old) / 8);
    if (avg < old && old <= bw) avg += Math.floor((old - avg) / 8);
  }
  wb.writeBandwidth = bw;
  wb.avgWriteBandwidth = Math.max(avg, 1);
}

/**
 * How far the rate may go towards `balanced`: only where the position asks for the same direction, and an
 * eighth of the way, less when it is near.
 */
function ratelimitStep(rate: number, target: number, raise: boolean): number {
  const distance = raise ? target - rate : rate - target;
  if (distance <= 0) return 0;
  const shift = Math.floor(rate / (2 * distance + 1));
  return shift < 64 ? Math.ceil(Math.floor(distance / 2 ** shift) / 8) : 0;
}

/** Linux mm/page-writeback.c:wb_update_dirty_ratelimit() */
function wbUpdateDirtyRatelimit(
  sys: MemorySystem,
  wb: BdiWriteback,
  dtc: DirtyThrottleControl,
  elapsed: number,
): void {
  const limit = hardDirtyLimit(sys, dtc.thresh);
  const setpoint = Math.floor((dirtyFreerunCeiling(dtc.thresh, dtc.bgThresh) + limit) / 2);
  const rate = wb.dirtyRatelimit;
  const dirtyRate = Math.floor(((wb.dirtied - wb.dirtiedStamp) * HZ) / elapsed);
  const taskRatelimit = Math.floor((rate * dtc.posRatio) / RATELIMIT_ONE) + 1;
  const estimate = Math.floor((taskRatelimit * wb.avgWriteBandwidth) / (dirtyRate | 1));
  const balanced = Math.min(estimate, wb.avgWriteBandwidth);
  const raise = dtc.dirty < setpoint;
  const target = raise
    ? Math.min(wb.balancedDirtyRatelimit, balanced, taskRatelimit)
    : Math.max(wb.balancedDirtyRatelimit, balanced, taskRatelimit);
  const step = ratelimitStep(rate, target, raise);
  wb.dirtyRatelimit = Math.max(rate < balanced ? rate + step : rate - step, 1);
  wb.balancedDirtyRatelimit = balanced;
  if (!sys.trace.on) return;
  sys.trace.emit("writeback:bdi_dirty_ratelimit", {
    bdi: wb.bdi,
    write_bw: 4 * wb.writeBandwidth,
    avg_write_bw: 4 * wb.avgWriteBandwidth,
    dirty_rate: 4 * dirtyRate,
    dirty_ratelimit: 4 * wb.dirtyRatelimit,
    task_ratelimit: 4 * taskRatelimit,
    balanced_dirty_ratelimit: 4 * balanced,
  });
}

/**
 * Makes the estimates anew; with `dtc` also what writers may do. Linux
 * mm/page-writeback.c:__wb_update_bandwidth()
 */
export function wbUpdateBandwidth(sys: MemorySystem, wb: BdiWriteback, dtc?: DirtyThrottleControl): void {
  const now = jiffies(sys);
  const elapsed = Math.max(now - wb.bwTimeStamp, 1);
  if (dtc !== undefined) {
    domainUpdateDirtyLimit(sys, dtc, now);
    wbUpdateDirtyRatelimit(sys, wb, dtc, elapsed);
  }
  wbUpdateWriteBandwidth(wb, elapsed);
  stamp(wb, now);
}

function stamp(wb: BdiWriteback, now: number): void {
  wb.dirtiedStamp = wb.dirtied;
  wb.writtenStamp = wb.written;
  wb.bwTimeStamp = now;
}

/** Whether the last estimate is older than 200 ms. */
export function wbEstimateIsOld(sys: MemorySystem, wb: BdiWriteback): boolean {
  return jiffies(sys) > wb.bwTimeStamp + BANDWIDTH_INTERVAL;
}

/**
 * Pages are going to be written: the time in which the disk had nothing to do does not count. Linux
 * mm/page-writeback.c:wb_bandwidth_estimate_start()
 */
export function wbBandwidthEstimateStart(sys: MemorySystem, wb: BdiWriteback): void {
  const now = jiffies(sys);
  if (now - wb.bwTimeStamp > HZ && wb.writebackInodes === 0) stamp(wb, now);
}

/**
 * A file has no page on its way any more: the estimate is made soon. Linux
 * mm/page-writeback.c:wb_inode_writeback_end()
 */
export function wbInodeWritebackEnd(sys: MemorySystem, wb: BdiWriteback): void {
  wb.writebackInodes--;
  if (wb.bwUpdatePending) return;
  wb.bwUpdatePending = true;
  sys.events.post(sys.clock.nowNs + BANDWIDTH_INTERVAL * NS_PER_JIFFY, WB_UPDATE_BANDWIDTH, wb);
}
