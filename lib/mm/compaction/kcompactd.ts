/**
 * kcompactd: the kernel thread that makes large blocks before anybody has to wait for them.
 *
 *   woken (wakeup.ts), or 500 ms over and somebody has asked       compactd_do_work
 *     each zone: is it worth while? compactZone, round by round, until a block is free
 *     in vain: the zone is deferred, as for an allocation (defer.ts)
 *
 *   500 ms over, or vm.compaction_proactiveness was written        proactive compaction
 *     score of the node above the high mark, and kswapd sleeps?
 *     each zone: rounds until its score is at the low mark
 *     the score did not go down: 32 s until the next look
 *
 * A batch of the thread is one round: up to 32 pages are moved. What Linux keeps on the thread's stack
 * between two rounds is in sys.pgdat.kcompactdRun; the frames that it holds meanwhile are nobody's.
 *
 * What it looks at when its time is over, it looks at in the timer's interrupt here, so that no CPU is taken
 * from a program for nothing.
 *
 *   compactNodes   echo 1 > /proc/sys/vm/compact_memory: all zones, in the time of who asks
 *
 * Linux mm/compaction.c. Read first: compact_zone.ts, wakeup.ts. Read next: mm/lru/kswapd.ts.
 */
import { HZ, NS_PER_JIFFY } from "../jiffies.js";
import { lruAddDrainAll } from "../lru/swap.js";
import { GFP_KERNEL } from "../pages/gfp.js";
import { drainZonePages } from "../pages/pcp.js";
import type { MemorySystem } from "../system.js";
import {
  countVmEvent,
  countVmEvents,
  KCOMPACTD_FREE_SCANNED,
  KCOMPACTD_MIGRATE_SCANNED,
  KCOMPACTD_WAKE,
} from "../vmstat.js";
import {
  COMPACT_COMPLETE,
  COMPACT_CONTINUE,
  COMPACT_PARTIAL_SKIPPED,
  COMPACT_SUCCESS,
  type CompactControl,
  MIGRATE_SYNC,
  MIGRATE_SYNC_LIGHT,
  newCompactControl,
  VIA_COMPACT_MEMORY,
} from "./compact_control.js";
import { compactZoneBegin, compactZoneEnd, compactZoneRounds } from "./compact_zone.js";
import {
  COMPACT_MAX_DEFER_SHIFT,
  compactionDeferReset,
  compactionDeferred,
  deferCompaction,
} from "./defer.js";
import { fragmentationScoreNode, fragmentationScoreWmark } from "./fragmentation.js";
import { compactionSuitAllocationOrder } from "./suitable.js";
import { kcompactdAllocFlags } from "./wakeup.js";

/** How often it looks by itself. Linux mm/compaction.c:HPAGE_FRAG_CHECK_INTERVAL_MSEC */
const CHECK_INTERVAL_NS = (HZ / 2) * NS_PER_JIFFY;
/** Kind of the event by which it looks. Linux mm/compaction.c:wait_event_freezable_timeout() */
const KCOMPACTD_TIMEOUT = "kcompactd_timeout";
/** Until it is woken. */
const ASLEEP = Number.POSITIVE_INFINITY;

/** Starts kcompactd; it sleeps at first. Linux mm/compaction.c:kcompactd_run() */
export function kcompactdRun(sys: MemorySystem): void {
  const { pgdat } = sys;
  pgdat.kcompactdMaxOrder = 0;
  pgdat.kcompactdHighestZoneidx = sys.zones.length - 1;
  sys.events.on(KCOMPACTD_TIMEOUT, (object) => {
    timeoutIsOver(object as MemorySystem);
  });
  pgdat.kcompactd = sys.sched.kthreadCreate("kcompactd0", () => kcompactd(sys));
  goToSleep(sys, CHECK_INTERVAL_NS);
}

/** It sleeps for `timeoutNs`, until it is woken without the setting. */
function goToSleep(sys: MemorySystem, timeoutNs: number): number {
  const run = sys.pgdat.kcompactdRun;
  Object.assign(run, { phase: "asleep", woken: false, cc: undefined });
  if (sys.trace.on) sys.trace.emit("compaction:mm_compaction_kcompactd_sleep", { nid: 0 });
  if (run.timeout !== undefined) sys.events.cancel(run.timeout);
  run.timeout =
    sys.sysctl.compactionProactiveness === 0
      ? undefined
      : sys.events.post(sys.clock.nowNs + timeoutNs, KCOMPACTD_TIMEOUT, sys);
  return ASLEEP;
}

/** Somebody has asked it. Linux mm/compaction.c:kcompactd_work_requested() */
function workRequested({ pgdat }: MemorySystem): boolean {
  return pgdat.kcompactdMaxOrder > 0 || pgdat.proactiveCompactTrigger;
}

/** Memory is in pieces, and kswapd sleeps. Linux mm/compaction.c:should_proactive_compact_node() */
function shouldProactiveCompactNode(sys: MemorySystem): boolean {
  if (sys.sysctl.compactionProactiveness === 0 || sys.pgdat.kswapdRun.phase === "balance") return false;
  return fragmentationScoreNode(sys) > fragmentationScoreWmark(sys, false);
}

/** It looks by itself: there is something to do, or it goes on sleeping. */
function timeoutIsOver(sys: MemorySystem): void {
  const { kcompactd: thread, kcompactdRun: run } = sys.pgdat;
  run.timeout = undefined;
  if (run.phase !== "asleep" || run.woken) return;
  if (workRequested(sys) || shouldProactiveCompactNode(sys)) {
    run.woken = true;
    sys.sched.wakeUp(thread!);
  } else goToSleep(sys, CHECK_INTERVAL_NS);
}

/** One batch: one round at most. When it goes on, in ns. Linux mm/compaction.c:kcompactd() */
function kcompactd(sys: MemorySystem): number {
  const { pgdat } = sys;
  const run = pgdat.kcompactdRun;
  if (run.phase === "work") return doWork(sys);
  if (run.phase === "proactive") return compactNodeProactively(sys);
  if (workRequested(sys) && !pgdat.proactiveCompactTrigger) {
    beginWork(sys);
    return sys.clock.nowNs;
  }
  if (shouldProactiveCompactNode(sys)) {
    Object.assign(run, { phase: "proactive", nextZone: 0, begun: false });
    run.prevScore = fragmentationScoreNode(sys);
    run.cc = newNodeControl(sys, true);
    return sys.clock.nowNs;
  }
  pgdat.proactiveCompactTrigger = false;
  return sleepOrWork(sys, CHECK_INTERVAL_NS);
}

/** It sleeps, unless it was asked for something meanwhile. */
function sleepOrWork(sys: MemorySystem, timeoutNs: number): number {
  goToSleep(sys, timeoutNs);
  if (!workRequested(sys)) return ASLEEP;
  sys.pgdat.kcompactdRun.woken = true;
  return sys.clock.nowNs;
}

// ---------------------------------------------------------------- what somebody has asked for

/** Linux mm/compaction.c:kcompactd_do_work(), before its loop */
function beginWork(sys: MemorySystem): void {
  const { kcompactdMaxOrder: order, kcompactdHighestZoneidx: highestZoneidx, kcompactdRun: run } = sys.pgdat;
  run.cc = newCompactControl({
    zone: sys.zones[0]!,
    order,
    highestZoneidx,
    mode: MIGRATE_SYNC_LIGHT,
    gfpMask: GFP_KERNEL,
    allocFlags: kcompactdAllocFlags(sys),
  });
  Object.assign(run, { phase: "work", nextZone: 0, begun: false });
  if (sys.trace.on)
    sys.trace.emit("compaction:mm_compaction_kcompactd_wake", {
      nid: 0,
      order,
      classzone_idx: highestZoneidx,
    });
  countVmEvent(sys, KCOMPACTD_WAKE);
}

/** The next zone that is worth it; false when there is none. Linux kcompactd_do_work(), its loop */
function nextZone(sys: MemorySystem, cc: CompactControl): boolean {
  const run = sys.pgdat.kcompactdRun;
  const { order, allocFlags, highestZoneidx } = cc;
  while (run.nextZone <= highestZoneidx && run.nextZone < sys.zones.length) {
    const zone = sys.zones[run.nextZone]!;
    const request = { order, highestZoneidx: run.nextZone++, allocFlags, async: false, kcompactd: true };
    if (zone.presentPages === 0 || compactionDeferred(sys, zone, order)) continue;
    if (compactionSuitAllocationOrder(sys, zone, request) !== COMPACT_CONTINUE) continue;
    cc.zone = zone;
    return true;
  }
  return false;
}

/** Begins with the next zone, or makes a round in the one at hand. Linux kcompactd_do_work(), its loop */
function doWork(sys: MemorySystem): number {
  const run = sys.pgdat.kcompactdRun;
  const cc = run.cc!;
  if (!run.begun && !nextZone(sys, cc)) return endWork(sys, cc);
  const result = round(sys, cc);
  if (result === COMPACT_CONTINUE) return sys.clock.nowNs;
  const { zone, order } = cc;
  if (result === COMPACT_SUCCESS) compactionDeferReset(sys, zone, order, false);
  else if (result === COMPACT_PARTIAL_SKIPPED || result === COMPACT_COMPLETE) {
    drainZonePages(zone);
    deferCompaction(sys, zone, order);
  }
  countScanned(sys, cc);
  return sys.clock.nowNs;
}

/** One round, or the beginning of the first. */
function round(sys: MemorySystem, cc: CompactControl): number {
  const run = sys.pgdat.kcompactdRun;
  if (!run.begun) {
    const begun = compactZoneBegin(sys, cc);
    run.begun = begun === COMPACT_CONTINUE;
    if (!run.begun) return begun;
  }
  const result = sys.parts.compactZone(sys, cc);
  if (result === COMPACT_CONTINUE) return result;
  run.begun = false;
  compactZoneEnd(sys, cc, result);
  return result;
}

function countScanned(sys: MemorySystem, { totalMigrateScanned, totalFreeScanned }: CompactControl): void {
  countVmEvents(sys, KCOMPACTD_MIGRATE_SCANNED, totalMigrateScanned);
  countVmEvents(sys, KCOMPACTD_FREE_SCANNED, totalFreeScanned);
}

/** What was asked for is done. Linux mm/compaction.c:kcompactd_do_work(), behind its loop */
function endWork(sys: MemorySystem, { order, highestZoneidx }: CompactControl): number {
  const { pgdat } = sys;
  if (pgdat.kcompactdMaxOrder <= order) pgdat.kcompactdMaxOrder = 0;
  if (pgdat.kcompactdHighestZoneidx >= highestZoneidx) pgdat.kcompactdHighestZoneidx = sys.zones.length - 1;
  return sleepOrWork(sys, CHECK_INTERVAL_NS);
}

// ---------------------------------------------------------------- ahead of need, and by hand

/** As much as can be done. Linux mm/compaction.c:compact_node(), its struct compact_control */
function newNodeControl(sys: MemorySystem, proactive: boolean): CompactControl {
  return newCompactControl({
    zone: sys.zones[0]!,
    order: VIA_COMPACT_MEMORY,
    mode: proactive ? MIGRATE_SYNC_LIGHT : MIGRATE_SYNC,
    ignoreSkipHint: true,
    wholeZone: true,
    gfpMask: GFP_KERNEL,
    proactiveCompaction: proactive,
  });
}

/** The next populated zone, or one round in the one at hand. Linux mm/compaction.c:compact_node() */
function compactNodeProactively(sys: MemorySystem): number {
  const run = sys.pgdat.kcompactdRun;
  const cc = run.cc!;
  if (!run.begun) {
    while (sys.zones[run.nextZone]?.presentPages === 0) run.nextZone++;
    const zone = sys.zones[run.nextZone++];
    if (zone === undefined) return endProactive(sys);
    cc.zone = zone;
  }
  if (round(sys, cc) !== COMPACT_CONTINUE) countScanned(sys, cc);
  return sys.clock.nowNs;
}

/** Without success it waits longer until it looks again. Linux mm/compaction.c:kcompactd() */
function endProactive(sys: MemorySystem): number {
  const { pgdat } = sys;
  const vain = fragmentationScoreNode(sys) >= pgdat.kcompactdRun.prevScore;
  pgdat.proactiveCompactTrigger = false;
  return sleepOrWork(sys, vain ? CHECK_INTERVAL_NS * 2 ** COMPACT_MAX_DEFER_SHIFT : CHECK_INTERVAL_NS);
}

/**
 * Compacts all zones as far as it goes, in the time of the one who asks.
 * Linux mm/compaction.c:compact_nodes()
 */
export function compactNodes(sys: MemorySystem): void {
  lruAddDrainAll(sys);
  const cc = newNodeControl(sys, false);
  for (const zone of sys.zones) {
    if (zone.presentPages === 0) continue;
    cc.zone = zone;
    compactZoneRounds(sys, cc);
  }
}

/**
 * vm.compaction_proactiveness was written: kcompactd looks at once.
 * Linux mm/compaction.c:compaction_proactiveness_sysctl_handler()
 */
export function triggerProactiveCompaction(sys: MemorySystem): void {
  const { pgdat } = sys;
  const { kcompactd: thread, kcompactdRun: run } = pgdat;
  if (sys.sysctl.compactionProactiveness === 0 || pgdat.proactiveCompactTrigger || thread === undefined)
    return;
  pgdat.proactiveCompactTrigger = true;
  if (sys.trace.on)
    sys.trace.emit("compaction:mm_compaction_wakeup_kcompactd", {
      nid: 0,
      order: VIA_COMPACT_MEMORY,
      classzone_idx: sys.zones.length - 1,
    });
  if (run.phase !== "asleep") return;
  run.woken = true;
  sys.sched.wakeUp(thread);
}
