/**
 * How many pages may be dirty: thresholds in parts of the memory that could be.
 *
 *   dirtyable memory = free - what is kept in reserve + file pages on the LRU lists
 *        |             (not RAM: a big program makes the limits small)
 *        |-- dirty_background_ratio 10 % -->  bgThresh   the flusher writes
 *        |                                    freerun    halfway: from here on writers are slowed down
 *        |                                    setpoint   halfway to the limit: where it shall settle
 *        '-- dirty_ratio 20 % ------------->  thresh     the limit: writers stop
 *
 *   dirty_bytes, dirty_background_bytes take the place of the ratios
 *
 * The limit goes up with the threshold at once and comes down slowly (1/32 of the way every 200 ms), so that
 * writers do not stop dead because somebody has allocated much memory.
 *
 * A request for a page that will be written (__GFP_WRITE) passes over a node that has its part of the dirty
 * pages already (nodeDirtyOk).
 *
 * Left out: limits of memory cgroups; min_ratio, max_ratio and strictlimit of a disk.
 *
 * Linux mm/page-writeback.c. Read first: wb_domain.ts, mm/pages/wmark.ts. Read next: wb_bandwidth.ts.
 */
import { PAGE_SIZE } from "../../hw/address.js";
import { HZ, jiffies } from "../jiffies.js";
import type { MemorySystem } from "../system.js";
import {
  globalNodePageState,
  NR_ACTIVE_FILE,
  NR_DIRTIED,
  NR_FILE_DIRTY,
  NR_INACTIVE_FILE,
  NR_WRITEBACK,
  NR_WRITTEN,
} from "../vmstat.js";
import { type BdiWriteback, wbFraction } from "./wb_domain.js";

/** Ticks between two estimates, or two steps of the limit. Linux mm/page-writeback.c:BANDWIDTH_INTERVAL */
export const BANDWIDTH_INTERVAL = HZ / 5;

const UINT_MAX = 2 ** 32 - 1;

/** What one look at the dirty pages finds, in pages. Linux struct dirty_throttle_control */
export interface DirtyThrottleControl {
  /** Memory that could be dirty, and what is. */
  avail: number;
  dirty: number;
  thresh: number;
  bgThresh: number;
  /** The same for the disk. */
  wbDirty: number;
  wbThresh: number;
  /** The limit as it is used. */
  limit: number;
  /** Speed as dirty pages are to be made, relative to the balanced one, in 1/1024. */
  posRatio: number;
}

/** Nothing looked at yet. Linux GDTC_INIT */
export function newDirtyThrottleControl(): DirtyThrottleControl {
  return { avail: 0, dirty: 0, thresh: 0, bgThresh: 0, wbDirty: 0, wbThresh: 0, limit: 0, posRatio: 0 };
}

/** Pages of memory that could be dirty, at least 1. Linux mm/page-writeback.c:global_dirtyable_memory() */
export function globalDirtyableMemory(sys: MemorySystem): number {
  return nodeDirtyableMemory(sys) + 1;
}

/** The same of the node, which is all there is. Linux mm/page-writeback.c:node_dirtyable_memory() */
function nodeDirtyableMemory(sys: MemorySystem): number {
  let free = 0;
  for (let i = 0; i < sys.zones.length; i++) free += sys.zones[i]!.nrFreePages;
  const files = globalNodePageState(sys, NR_INACTIVE_FILE) + globalNodePageState(sys, NR_ACTIVE_FILE);
  return Math.max(0, free - sys.totalreservePages) + files;
}

/** Fills in memory and dirty pages. Linux mm/page-writeback.c:domain_dirty_avail() */
export function domainDirtyAvail(
  sys: MemorySystem,
  dtc: DirtyThrottleControl,
  includeWriteback: boolean,
): void {
  dtc.avail = globalDirtyableMemory(sys);
  dtc.dirty = globalNodePageState(sys, NR_FILE_DIRTY);
  if (includeWriteback) dtc.dirty += globalNodePageState(sys, NR_WRITEBACK);
}

/** `percent` of `avail` pages, as Linux rounds it. */
function partOf(avail: number, percent: number): number {
  const ratio = Math.floor((percent * PAGE_SIZE) / 100);
  return Math.floor((ratio * avail) / PAGE_SIZE);
}

/** Fills in the thresholds for `avail` pages. Linux mm/page-writeback.c:domain_dirty_limits() */
export function domainDirtyLimits(sys: MemorySystem, dtc: DirtyThrottleControl): void {
  const { dirtyBytes, dirtyRatio, dirtyBackgroundBytes, dirtyBackgroundRatio } = sys.sysctl;
  const { avail } = dtc;
  let thresh = dirtyBytes > 0 ? Math.ceil(dirtyBytes / PAGE_SIZE) : partOf(avail, dirtyRatio);
  let bgThresh =
    dirtyBackgroundBytes > 0
      ? Math.ceil(dirtyBackgroundBytes / PAGE_SIZE)
      : partOf(avail, dirtyBackgroundRatio);
  if (sys.current?.rtOrDlTask === true) {
    const more = Math.floor(sys.wbDomain.dirtyLimit / 32);
    bgThresh += Math.floor(bgThresh / 4) + more;
    thresh += Math.floor(thresh / 4) + more;
  }
  thresh = Math.min(thresh, UINT_MAX);
  if (bgThresh >= thresh) bgThresh = Math.floor(thresh / 2);
  dtc.thresh = thresh;
  dtc.bgThresh = bgThresh;
  if (sys.trace.on) traceGlobalDirtyState(sys, bgThresh, thresh);
}

function traceGlobalDirtyState(sys: MemorySystem, bgThresh: number, thresh: number): void {
  sys.trace.emit("writeback:global_dirty_state", {
    dirty: globalNodePageState(sys, NR_FILE_DIRTY),
    writeback: globalNodePageState(sys, NR_WRITEBACK),
    bg_thresh: bgThresh,
    thresh,
    limit: sys.wbDomain.dirtyLimit,
    dirtied: sys.vmStat.events[NR_DIRTIED]!,
    written: sys.vmStat.events[NR_WRITTEN]!,
  });
}

/** Both thresholds now, in pages. Linux mm/page-writeback.c:global_dirty_limits() */
export function globalDirtyLimits(sys: MemorySystem): DirtyThrottleControl {
  const dtc = newDirtyThrottleControl();
  dtc.avail = globalDirtyableMemory(sys);
  domainDirtyLimits(sys, dtc);
  return dtc;
}

/** Whether the node has at most its part of the dirty pages. Linux mm/page-writeback.c:node_dirty_ok() */
export function nodeDirtyOk(sys: MemorySystem): boolean {
  const { dirtyBytes, dirtyRatio } = sys.sysctl;
  const memory = nodeDirtyableMemory(sys);
  let limit =
    dirtyBytes > 0
      ? Math.floor((Math.ceil(dirtyBytes / PAGE_SIZE) * memory) / globalDirtyableMemory(sys))
      : Math.floor((dirtyRatio * memory) / 100);
  if (sys.current?.rtOrDlTask === true) limit += Math.floor(limit / 4);
  const dirty = globalNodePageState(sys, NR_FILE_DIRTY) + globalNodePageState(sys, NR_WRITEBACK);
  return dirty <= Math.min(limit, UINT_MAX);
}

/**
 * A setting of the thresholds has changed, or the machine starts: the limit is the threshold, and a CPU is
 * looked at before all together could dirty 1/32 more. Linux mm/page-writeback.c:writeback_set_ratelimit()
 */
export function writebackSetRatelimit(sys: MemorySystem): void {
  const { wbDomain } = sys;
  const { thresh } = globalDirtyLimits(sys);
  wbDomain.dirtyLimit = thresh;
  wbDomain.ratelimitPages = Math.max(16, Math.floor(thresh / (Math.max(1, sys.cpus.length) * 32)));
}

/** Dirty pages up to which nobody is slowed down. Linux mm/page-writeback.c:dirty_freerun_ceiling() */
export function dirtyFreerunCeiling(thresh: number, bgThresh: number): number {
  return Math.floor((thresh + bgThresh) / 2);
}

/** The limit as it is used. Linux mm/page-writeback.c:hard_dirty_limit() */
export function hardDirtyLimit(sys: MemorySystem, thresh: number): number {
  return Math.max(thresh, sys.wbDomain.dirtyLimit);
}

/** The disk's part of `thresh` pages. Linux mm/page-writeback.c:__wb_calc_thresh() */
function wbCalcThresh(sys: MemorySystem, wb: BdiWriteback, dirty: number, thresh: number): number {
  const [num, den] = wbFraction(sys.wbDomain, wb, jiffies(sys));
  let wbThresh = Math.floor((thresh * num) / den);
  // It may be small because the disk has had nothing to do for long: not a reason to stop its writers.
  if (thresh > dirty) wbThresh = Math.max(wbThresh, Math.floor((thresh - dirty) / 8));
  return Math.min(wbThresh, thresh);
}

/** Fills in what the disk may have and has. Linux mm/page-writeback.c:wb_dirty_limits() */
export function wbDirtyLimits(sys: MemorySystem, wb: BdiWriteback, dtc: DirtyThrottleControl): void {
  dtc.wbThresh = wbCalcThresh(sys, wb, dtc.dirty, dtc.thresh);
  dtc.wbDirty = wb.reclaimable + wb.writeback;
}

/**
 * Whether the flusher has to write although nothing is old: of the dirty pages, those on their way do not
 * count. Linux mm/page-writeback.c:wb_over_bg_thresh()
 */
export function wbOverBgThresh(sys: MemorySystem, wb: BdiWriteback): boolean {
  const dtc = newDirtyThrottleControl();
  domainDirtyAvail(sys, dtc, false);
  domainDirtyLimits(sys, dtc);
  if (dtc.dirty > dtc.bgThresh) return true;
  return wb.reclaimable > wbCalcThresh(sys, wb, dtc.dirty, dtc.bgThresh);
}

/** The limit follows the threshold. Linux mm/page-writeback.c:domain_update_dirty_limit() */
export function domainUpdateDirtyLimit(sys: MemorySystem, dtc: DirtyThrottleControl, now: number): void {
  const { wbDomain } = sys;
  if (now < wbDomain.dirtyLimitTstamp + BANDWIDTH_INTERVAL) return;
  wbDomain.dirtyLimitTstamp = now;
  const limit = wbDomain.dirtyLimit;
  if (limit < dtc.thresh) {
    wbDomain.dirtyLimit = dtc.thresh;
    return;
  }
  const target = Math.max(dtc.thresh, dtc.dirty);
  if (limit > target) wbDomain.dirtyLimit = limit - Math.floor((limit - target) / 32);
}
