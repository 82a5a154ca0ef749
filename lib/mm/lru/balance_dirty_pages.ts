/**
 * Slowing writers down, so that they do not dirty pages faster than the disk writes them.
 *
 *   write(2)            --> genericPerformWrite --.
 *   store, shared map   --> faultDirtySharedPage -+--> balanceDirtyPagesRatelimited   one comparison, mostly
 *                                                           every 32 pages or so
 *                                                           v
 *   dirty pages    0 ......... bgThresh ....... freerun ....... setpoint ....... limit
 *                    nothing   |  the flusher   |  the task pauses, longer the      |  it sleeps
 *                              |  is woken      |  more is dirty: 4 to 200 ms       |  until less is
 *
 * The pause is as long as the pages that the task has dirtied should have taken at the speed that is right
 * for it, less the time that they did take. So a task that dirties slowly hardly ever pauses, though the one
 * beside it does: each is held to the same speed, not each to the same pause. If pauses would be very short,
 * the task may dirty more pages until the next; if they would be longer than 200 ms, fewer.
 *
 * The task sleeps as one that waits for a device (state D, iowait); in a drawing of what a program did it is
 * "throttled", since no request is its own. It is not short of memory, and does not count as such.
 *
 * Left out: memory cgroups with a limit of their own; a fatal signal, which ends the wait.
 *
 * Linux mm/page-writeback.c. Read first: dirty_limits.ts, wb_bandwidth.ts. Read next: fs/fs_writeback.ts.
 */
import type { AddressSpace } from "../filemap/mapping.js";
import { HZ, jiffies, NS_PER_JIFFY } from "../jiffies.js";
import { outOfSteps, STEP_BUDGET } from "../mmdebug.js";
import type { MemorySystem } from "../system.js";
import { globalNodePageState, NR_FILE_DIRTY } from "../vmstat.js";
import {
  type DirtyThrottleControl,
  dirtyFreerunCeiling,
  domainDirtyAvail,
  domainDirtyLimits,
  newDirtyThrottleControl,
  wbDirtyLimits,
} from "./dirty_limits.js";
import { wbEstimateIsOld, wbPositionRatio, wbUpdateBandwidth } from "./wb_bandwidth.js";
import type { BdiWriteback, TaskDirty } from "./wb_domain.js";

/** The longest pause, in ticks. Linux mm/page-writeback.c:MAX_PAUSE */
const MAX_PAUSE = HZ / 5;

/** Pages after which a task is looked at, if pauses are not too long then. Linux DIRTY_POLL_THRESH */
const DIRTY_POLL_THRESH = 32;

/** The same while too much is dirty. Linux 32 >> (PAGE_SHIFT - 10) */
const EXCEEDED_POLL_PAGES = 8;

/** Ticks in a second, and an eighth of it, rounded up to a power of two. */
const HZ_POW2 = 2 ** Math.ceil(Math.log2(HZ));
const EIGHTH_POW2 = 2 ** Math.ceil(Math.log2(1 + Math.floor(HZ / 8)));

function ilog2(n: number): number {
  return 31 - Math.clz32(n);
}

/**
 * The current task dirties pages of the file: it is slowed down if it is time to look, and if too much is
 * dirty. Linux mm/page-writeback.c:balance_dirty_pages_ratelimited()
 */
export function balanceDirtyPagesRatelimited(mapping: AddressSpace): void {
  const { sys, wb } = mapping.host;
  const task = sys.current?.dirty;
  if (wb === undefined || task === undefined) return;
  const { bdpRatelimits, dirtyThrottleLeaks, ratelimitPages } = sys.wbDomain;
  const cpu = sys.thisCpu;
  let ratelimit = wb.dirtyExceeded ? Math.min(task.nrDirtiedPause, EXCEEDED_POLL_PAGES) : task.nrDirtiedPause;
  if (task.nrDirtied >= ratelimit) bdpRatelimits[cpu] = 0;
  else if ((bdpRatelimits[cpu] ?? 0) >= ratelimitPages) {
    bdpRatelimits[cpu] = 0;
    ratelimit = 0;
  }
  // What tasks dirtied that ended before they were slowed down, others answer for.
  const leaks = dirtyThrottleLeaks[cpu] ?? 0;
  if (leaks > 0 && task.nrDirtied < ratelimit) {
    const taken = Math.min(leaks, ratelimit - task.nrDirtied);
    dirtyThrottleLeaks[cpu] = leaks - taken;
    task.nrDirtied += taken;
  }
  if (task.nrDirtied >= ratelimit) balanceDirtyPages(sys, wb, task, task.nrDirtied);
}

/**
 * The task ends: pages for which it was not slowed down yet, others answer for. Linux kernel/exit.c:do_exit()
 */
export function leakDirtied(sys: MemorySystem, task: TaskDirty): void {
  const { dirtyThrottleLeaks } = sys.wbDomain;
  if (task.nrDirtied > 0)
    dirtyThrottleLeaks[sys.thisCpu] = (dirtyThrottleLeaks[sys.thisCpu] ?? 0) + task.nrDirtied;
  task.nrDirtied = 0;
}

/** Linux mm/page-writeback.c:balance_dirty_pages() */
function balanceDirtyPages(sys: MemorySystem, wb: BdiWriteback, task: TaskDirty, pagesDirtied: number): void {
  const dtc = newDirtyThrottleControl();
  const startTime = jiffies(sys);
  for (let tries = 0; ; tries++) {
    if (tries > STEP_BUDGET) throw outOfSteps("waiting for fewer dirty pages (balance_dirty_pages)");
    domainDirtyAvail(sys, dtc, true);
    domainDirtyLimits(sys, dtc);
    const over = globalNodePageState(sys, NR_FILE_DIRTY) > dtc.bgThresh;
    const freerun = dtc.dirty <= dirtyFreerunCeiling(dtc.thresh, dtc.bgThresh);
    // In laptop mode the disk is left alone until writers have to be slowed down.
    if (!wb.running && (!freerun || (over && sys.sysctl.laptopMode === 0))) wb.startBackgroundWriteback();
    if (freerun) {
      task.dirtyPausedWhen = jiffies(sys);
      task.nrDirtied = 0;
      task.nrDirtiedPause = dtc.thresh > dtc.dirty ? 2 ** (ilog2(dtc.thresh - dtc.dirty) >> 1) : 1;
      return;
    }
    wbDirtyLimits(sys, wb, dtc);
    wb.dirtyExceeded = dtc.wbDirty > dtc.wbThresh && dtc.dirty > dtc.thresh;
    wbPositionRatio(sys, wb, dtc);
    if (wbEstimateIsOld(sys, wb)) wbUpdateBandwidth(sys, wb, dtc);
    if (throttle(sys, wb, task, { dtc, pagesDirtied, startTime })) return;
  }
}

/** What a task is slowed down for. */
interface Throttle {
  readonly dtc: DirtyThrottleControl;
  readonly pagesDirtied: number;
  /** When it came, in ticks. */
  readonly startTime: number;
}

/** Pauses the task if there is need; false if it must be looked at once more. */
function throttle(sys: MemorySystem, wb: BdiWriteback, task: TaskDirty, why: Throttle): boolean {
  const { dtc, pagesDirtied } = why;
  const { dirtyRatelimit } = wb;
  let now = jiffies(sys);
  const taskRatelimit = Math.floor((dirtyRatelimit * dtc.posRatio) / 1024);
  const maxPause = wbMaxPause(wb, dtc.wbDirty);
  const { minPause, nrDirtiedPause } = wbMinPause(wb, maxPause, taskRatelimit, dirtyRatelimit);
  let period = maxPause;
  let pause = maxPause;
  if (taskRatelimit > 0) {
    period = Math.floor((HZ * pagesDirtied) / taskRatelimit);
    pause = period - (task.dirtyPausedWhen > 0 ? now - task.dirtyPausedWhen : 0);
    if (pause < minPause) {
      traceBalance(sys, wb, task, why, { dirtyRatelimit, taskRatelimit, period, pause: Math.min(pause, 0) });
      creditTask(task, pause, period, pagesDirtied, now);
      return true;
    }
    if (pause > maxPause) {
      now += Math.min(pause - maxPause, maxPause);
      pause = maxPause;
    }
  }
  traceBalance(sys, wb, task, why, { dirtyRatelimit, taskRatelimit, period, pause });
  wb.lastBdpSleep = jiffies(sys);
  sys.sched.waitFor("throttled", sys.clock.nowNs + pause * NS_PER_JIFFY);
  task.dirtyPausedWhen = now + pause;
  task.nrDirtied = 0;
  task.nrDirtiedPause = nrDirtiedPause;
  return taskRatelimit > 0 || dtc.wbDirty <= wbStatError(sys);
}

/**
 * No pause is due: the time that the task took too much is to its credit, unless that is more than a second.
 */
function creditTask(task: TaskDirty, pause: number, period: number, pagesDirtied: number, now: number): void {
  if (pause < -HZ) {
    task.dirtyPausedWhen = now;
    task.nrDirtied = 0;
  } else if (period > 0) {
    task.dirtyPausedWhen += period;
    task.nrDirtied = 0;
  } else if (task.nrDirtiedPause <= pagesDirtied) task.nrDirtiedPause += pagesDirtied;
}

/** Pages by which a disk's counters may be wrong. Linux include/linux/backing-dev.h:wb_stat_error() */
function wbStatError(sys: MemorySystem): number {
  const cpus = Math.max(1, sys.cpus.length);
  return cpus * 8 * (1 + ilog2(cpus));
}

/**
 * The longest pause in which the disk does not run dry, in ticks. Linux mm/page-writeback.c:wb_max_pause()
 */
function wbMaxPause(wb: BdiWriteback, wbDirty: number): number {
  const pagesAnEighth = Math.floor(wb.avgWriteBandwidth / EIGHTH_POW2);
  return Math.min(Math.floor(wbDirty / (1 + pagesAnEighth)) + 1, MAX_PAUSE);
}

/**
 * The shortest pause worth the trouble, in ticks, and after how many pages the task is looked at again: after
 * as many as take 10 ms, longer where several tasks write, but never more than fit in the longest pause.
 * Linux mm/page-writeback.c:wb_min_pause()
 */
function wbMinPause(
  wb: BdiWriteback,
  maxPause: number,
  taskRatelimit: number,
  dirtyRatelimit: number,
): { minPause: number; nrDirtiedPause: number } {
  let target = Math.max(1, Math.floor(HZ / 100));
  const writers = ilog2(wb.avgWriteBandwidth) - ilog2(wb.dirtyRatelimit);
  if (writers > 0) target += Math.floor((writers * 10 * HZ) / 1024);
  target = Math.min(target, 1 + Math.floor(maxPause / 2));
  let pages = Math.floor((dirtyRatelimit * target) / HZ_POW2);
  if (pages < DIRTY_POLL_THRESH) {
    target = maxPause;
    pages = Math.floor((dirtyRatelimit * target) / HZ_POW2);
    if (pages > DIRTY_POLL_THRESH) {
      pages = DIRTY_POLL_THRESH;
      target = Math.floor((HZ * DIRTY_POLL_THRESH) / dirtyRatelimit);
    }
  }
  if (Math.floor((HZ * pages) / (taskRatelimit + 1)) > maxPause) {
    target = maxPause;
    pages = Math.floor((taskRatelimit * target) / HZ_POW2);
  }
  const minPause = pages >= DIRTY_POLL_THRESH ? 1 + Math.floor(target / 2) : target;
  return { minPause, nrDirtiedPause: pages };
}

/** What the tracepoint says besides. */
interface Rates {
  readonly dirtyRatelimit: number;
  readonly taskRatelimit: number;
  readonly period: number;
  readonly pause: number;
}

function traceBalance(
  sys: MemorySystem,
  wb: BdiWriteback,
  task: TaskDirty,
  why: Throttle,
  rates: Rates,
): void {
  if (!sys.trace.on) return;
  const { dtc, pagesDirtied, startTime } = why;
  const { dirtyRatelimit, taskRatelimit, period, pause } = rates;
  const now = jiffies(sys);
  const ms = 1000 / HZ;
  const freerun = dirtyFreerunCeiling(dtc.thresh, dtc.bgThresh);
  const setpoint = Math.floor((dtc.limit + freerun) / 2);
  sys.trace.emit("writeback:balance_dirty_pages", {
    bdi: wb.bdi,
    limit: dtc.limit,
    setpoint,
    dirty: dtc.dirty,
    wb_setpoint: Math.floor((setpoint * dtc.wbThresh) / (dtc.thresh + 1)),
    wb_dirty: dtc.wbDirty,
    dirty_ratelimit: 4 * dirtyRatelimit,
    task_ratelimit: 4 * taskRatelimit,
    dirtied: pagesDirtied,
    dirtied_pause: task.nrDirtiedPause,
    paused: (now - startTime) * ms,
    pause: pause * ms,
    period: period * ms,
    think: task.dirtyPausedWhen === 0 ? 0 : (now - task.dirtyPausedWhen) * ms,
  });
}
