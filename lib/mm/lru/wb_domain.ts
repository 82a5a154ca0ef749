/**
 * What is known about writing dirty pages: of the whole machine, of one disk, and of one task that dirties.
 *
 *   TaskDirty      pages it has dirtied since it was last looked at         nrDirtied >= nrDirtiedPause: look
 *   WbDomain       the limit of all dirty pages, which follows the threshold
 *   BdiWriteback   one disk: its dirty pages, how fast it writes, and how fast each task may dirty
 *
 * A disk's part of the limit is its part of what was written lately. "Lately" fades: after each period of 3 s
 * all counts are halved (flexible proportions), so that a disk that has become idle loses its part.
 *
 * Plain data, and the proportions; the rules are in the files that follow.
 *
 * Linux include/linux/backing-dev-defs.h, include/linux/writeback.h, lib/flex_proportions.c.
 * Read first: page_writeback.ts. Read next: dirty_limits.ts, wb_bandwidth.ts, balance_dirty_pages.ts.
 */
import { HZ } from "../jiffies.js";

/** Speed that a disk is thought to have at first: 100 MiB/s, in pages. Linux mm/backing-dev.c:INIT_BW */
const INIT_BW = 25_600;

/** Ticks until counts of pages written are halved. Linux mm/page-writeback.c:VM_COMPLETIONS_PERIOD_LEN */
const VM_COMPLETIONS_PERIOD_LEN = 3 * HZ;

/** Kind of the event by which a disk's speed is estimated again. Linux wb_update_bandwidth_workfn() */
export const WB_UPDATE_BANDWIDTH = "wb_update_bandwidth_workfn";

/** A task's dirty pages. Linux include/linux/sched.h:struct task_struct */
export class TaskDirty {
  /** Pages dirtied since the task was last slowed down, or found not to need it. Linux nr_dirtied */
  nrDirtied = 0;
  /** At how many it is looked at again. Linux nr_dirtied_pause */
  nrDirtiedPause = 32;
  /** When its last pause ended, in ticks; 0: never. Linux dirty_paused_when */
  dirtyPausedWhen = 0;
}

/** Pages written, faded. Linux include/linux/flex_proportions.h:struct fprop_local_percpu */
export interface Completions {
  events: number;
  period: number;
}

/** All dirty pages of the machine. Linux include/linux/writeback.h:struct wb_domain */
export class WbDomain {
  /** The limit as it is used: follows the threshold up at once, and down slowly. Pages. */
  dirtyLimit = 0;
  /** When it last followed, in ticks. */
  dirtyLimitTstamp = 0;
  /** Pages that a CPU may dirty until its task is looked at. Linux mm/page-writeback.c:ratelimit_pages */
  ratelimitPages = 32;
  /** Pages dirtied on each CPU since. Linux bdp_ratelimits */
  readonly bdpRatelimits: number[] = [];
  /** Pages of tasks that ended before they were slowed down, by CPU. Linux dirty_throttle_leaks */
  readonly dirtyThrottleLeaks: number[] = [];
  /** Pages written by all disks, faded; 1 at first, so that nobody divides by 0. Linux completions */
  readonly completions: Completions = { events: 1, period: 0 };
  /** When they are halved next, in ticks; 0 while there is nothing to halve. */
  periodTime = 0;
}

/** Who writes one disk's dirty files. Linux include/linux/backing-dev-defs.h:struct bdi_writeback */
export abstract class BdiWriteback {
  /** As tracepoints call it: major and minor number. Linux bdi_dev_name() */
  readonly bdi: string = "8:0";
  /** Dirty pages, and pages on their way. Linux WB_RECLAIMABLE, WB_WRITEBACK */
  reclaimable = 0;
  writeback = 0;
  /** Pages that became dirty, and that were written, so far. Linux WB_DIRTIED, WB_WRITTEN */
  dirtied = 0;
  written = 0;
  /** Files with pages on their way. Linux writeback_inodes */
  writebackInodes = 0;
  /** When the estimates were last made, in ticks, and what was dirtied and written by then. */
  bwTimeStamp = 0;
  dirtiedStamp = 0;
  writtenStamp = 0;
  /** Pages a second: as measured, and smoothed. */
  writeBandwidth = INIT_BW;
  avgWriteBandwidth = INIT_BW;
  /** Pages a second that each task may dirty where all is balanced; and the estimate that it follows. */
  dirtyRatelimit = INIT_BW;
  balancedDirtyRatelimit = INIT_BW;
  /** There were more dirty pages than may be when a task was last slowed down. */
  dirtyExceeded = false;
  /** When a task was last slowed down for it, in ticks; not lately at first. Linux last_bdp_sleep */
  lastBdpSleep = -HZ;
  /** The flusher works. Linux WB_writeback_running */
  running = false;
  /** An estimate is to be made soon. Linux bw_dwork */
  bwUpdatePending = false;
  /** Pages written lately. */
  readonly completions: Completions = { events: 0, period: 0 };

  /** Too much is dirty: the flusher shall work. Linux fs/fs-writeback.c:wb_start_background_writeback() */
  abstract startBackgroundWriteback(): void;
}

/** Halves all counts as often as periods have ended by `now`. Linux mm/page-writeback.c:writeout_period() */
function writeoutPeriod(domain: WbDomain, now: number): void {
  const { periodTime, completions } = domain;
  if (periodTime === 0 || now < periodTime) return;
  const periods = Math.floor((now - periodTime) / VM_COMPLETIONS_PERIOD_LEN) + 1;
  if (completions.events <= 1) {
    domain.periodTime = 0;
    return;
  }
  completions.events = faded(completions.events, periods);
  completions.period += periods;
  domain.periodTime = periodTime + periods * VM_COMPLETIONS_PERIOD_LEN;
}

function faded(events: number, periods: number): number {
  return periods < 64 ? Math.floor(events / 2 ** periods) : 0;
}

/** Brings the disk's count up to the domain's period. Linux fprop_reflect_period_percpu() */
function reflectPeriod(domain: WbDomain, local: Completions): void {
  const periods = domain.completions.period - local.period;
  if (periods <= 0) return;
  local.events = faded(local.events, periods);
  local.period += periods;
}

/** The disk has written `nr` pages. Linux mm/page-writeback.c:__wb_writeout_add() */
export function wbWriteoutAdd(domain: WbDomain, wb: BdiWriteback, nr: number, now: number): void {
  wb.written += nr;
  writeoutPeriod(domain, now);
  reflectPeriod(domain, wb.completions);
  wb.completions.events += nr;
  domain.completions.events += nr;
  if (domain.periodTime === 0) domain.periodTime = now + VM_COMPLETIONS_PERIOD_LEN;
}

/** Which part of what was written lately the disk has written. Linux fprop_fraction_percpu() */
export function wbFraction(domain: WbDomain, wb: BdiWriteback, now: number): [number, number] {
  writeoutPeriod(domain, now);
  reflectPeriod(domain, wb.completions);
  const num = wb.completions.events;
  const den = domain.completions.events;
  return [num, den > num ? den : Math.max(1, num)];
}
