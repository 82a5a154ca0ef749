import { describe, expect, it } from "vitest";
import { boot } from "../../../lib/kernel/machine.js";
import { kswapdRun, wakeupKswapd } from "../../../lib/mm/lru/kswapd.js";
import { updateLruSize } from "../../../lib/mm/lru/lru_size.js";
import { LRU_INACTIVE_FILE } from "../../../lib/mm/lru/lruvec.js";
import { newScanControl, type ScanControl } from "../../../lib/mm/lru/scan_control.js";
import {
  acctReclaimWriteback,
  allowDirectReclaim,
  considerReclaimThrottle,
  reclaimThrottle,
  throttleDirectReclaim,
  wakeReclaimThrottle,
} from "../../../lib/mm/lru/throttle.js";
import type { Folio } from "../../../lib/mm/pages/folio.js";
import { folioPut } from "../../../lib/mm/pages/free_pages.js";
import {
  __GFP_MEMALLOC,
  __GFP_MOVABLE,
  GFP_ATOMIC,
  GFP_KERNEL,
  GFP_NOFS,
} from "../../../lib/mm/pages/gfp.js";
import { allocPages, nrFreePages } from "../../../lib/mm/pages/page_alloc.js";
import { minWmarkPages } from "../../../lib/mm/pages/wmark.js";
import type { MemorySystem } from "../../../lib/mm/system.js";
import { modNodePageState, NR_FILE_DIRTY, PGSCAN_DIRECT_THROTTLE } from "../../../lib/mm/vmstat.js";
import { newKthread } from "../../../lib/mm/wait.js";
import { noPcp } from "../exact_frames.js";

const MS = 1e6;

/** A program at work, and something that happens at a time. */
function working(shrink: (sys: MemorySystem, sc: ScanControl) => void = () => undefined) {
  const machine = boot({ ram: "64 MiB", cpus: 2 });
  const { sys } = machine.kernel;
  kswapdRun(sys, shrink);
  const p = machine.spawn("works");
  machine.kernel.enter(p.task);
  sys.events.on("test", (object) => (object as { act: () => void }).act());
  const at = (ns: number, act: () => void): void => {
    sys.events.post(sys.clock.nowNs + ns, "test", { act });
  };
  const took = (act: () => void): number => {
    const before = sys.clock.nowNs;
    act();
    return sys.clock.nowNs - before;
  };
  return { machine, sys, p, at, took };
}

function takeUntil(sys: MemorySystem, free: number): Folio[] {
  const taken: Folio[] = [];
  noPcp(sys);
  sys.sysctl.watermarkBoostFactor = 0;
  while (nrFreePages(sys) > free) taken.push(allocPages(sys, __GFP_MEMALLOC | __GFP_MOVABLE)!);
  for (const zone of sys.zones) zone.watermarkBoost = 0; // raised by claims
  return taken;
}

describe("a task that reclaims is slowed down", () => {
  it("for a tenth of a second for writeback, a fiftieth for isolated pages", () => {
    const { sys, p, took } = working();
    expect(took(() => reclaimThrottle(sys, "writeback"))).toBe(100 * MS);
    expect(took(() => reclaimThrottle(sys, "isolated"))).toBe(20 * MS);
    expect(p.task.waitNs.throttled).toBe(120 * MS);
    expect(sys.pgdat.nrWritebackThrottled).toBe(0);
  });

  it("for one tick without progress or for congestion, but only if dirty pages are the reason", () => {
    const { sys, took } = working();
    updateLruSize(sys, sys.lruvec, 1, LRU_INACTIVE_FILE, 100);
    modNodePageState(sys, NR_FILE_DIRTY, 50);
    expect(took(() => reclaimThrottle(sys, "noprogress"))).toBe(0);
    modNodePageState(sys, NR_FILE_DIRTY, 1);
    expect(took(() => reclaimThrottle(sys, "noprogress"))).toBe(4 * MS);
    expect(took(() => reclaimThrottle(sys, "congested"))).toBe(4 * MS);
    sys.pgdat.kswapdFailures = 16;
    expect(took(() => reclaimThrottle(sys, "congested"))).toBe(0);
  });

  it("and goes on early when 32 pages for each one that waits have been written", () => {
    const { sys, p, at, took } = working();
    const [folio] = takeUntil(sys, nrFreePages(sys) - 1);
    for (let i = 1; i <= 40; i++) at(i * MS, () => acctReclaimWriteback(sys, folio!));
    expect(took(() => reclaimThrottle(sys, "writeback"))).toBe(33 * MS);
    expect(p.task.waitNs.throttled).toBe(33 * MS);
    expect(took(() => acctReclaimWriteback(sys, folio!))).toBe(0);
  });

  it("and goes on when another one is woken for the same reason, not for another", () => {
    const { sys, at, took } = working();
    at(5 * MS, () => wakeReclaimThrottle(sys, "noprogress"));
    at(9 * MS, () => wakeReclaimThrottle(sys, "isolated"));
    expect(took(() => reclaimThrottle(sys, "isolated"))).toBe(9 * MS);
  });

  it("unless it is a kernel thread other than kswapd", () => {
    const { machine, sys } = working();
    const thread = sys.sched.kthreadCreate("other", () => {
      reclaimThrottle(sys, "writeback");
      return Number.POSITIVE_INFINITY;
    });
    sys.sched.wakeUp(thread);
    machine.idle(MS);
    expect(thread.cpuNs).toBe(0);
  });

  it("with a tracepoint that says how long", () => {
    const { sys, at } = working();
    sys.trace.enable("vmscan:*");
    at(3 * MS, () => wakeReclaimThrottle(sys, "isolated"));
    reclaimThrottle(sys, "isolated");
    expect(sys.trace.events.map(({ fields }) => fields)).toEqual([
      { nid: 0, usec_timeout: 20_000, usec_delayed: 3000, reason: 1 },
    ]);
  });
});

describe("considerReclaimThrottle", () => {
  it("wakes the others when more than an eighth of what was looked at was freed", () => {
    const { sys } = working();
    considerReclaimThrottle(sys, newScanControl({ nrScanned: 80, nrReclaimed: 10, priority: 5 }));
    expect(sys.pgdat.reclaimWakeups.noprogress).toBe(0);
    considerReclaimThrottle(sys, newScanControl({ nrScanned: 80, nrReclaimed: 11, priority: 5 }));
    expect(sys.pgdat.reclaimWakeups.noprogress).toBe(1);
  });

  it("waits only at priority 1, with nothing freed", () => {
    const { sys, took } = working();
    modNodePageState(sys, NR_FILE_DIRTY, 1);
    const pass = (priority: number, nrReclaimed: number): number =>
      took(() => considerReclaimThrottle(sys, newScanControl({ nrScanned: 80, nrReclaimed, priority })));
    expect([pass(2, 0), pass(1, 1), pass(0, 0), pass(1, 0)]).toEqual([0, 0, 0, 4 * MS]);
  });
});

describe("kswapd that is slowed down", () => {
  it("ends its batch, and goes on when the time is over, or when pages are written", () => {
    const began: number[] = [];
    const { machine, sys, at } = working((of) => {
      began.push(of.clock.nowNs);
      reclaimThrottle(of, "writeback");
    });
    const [folio] = takeUntil(sys, 10);
    const startNs = sys.clock.nowNs;
    wakeupKswapd(sys, sys.zones[0]!, GFP_ATOMIC, 0, 2);
    machine.idle(150 * MS);
    expect(began.map((ns) => ns - startNs)).toEqual([0, 100 * MS]);
    expect(sys.pgdat.nrWritebackThrottled).toBe(1);
    for (let i = 0; i < 33; i++) at(20 * MS, () => acctReclaimWriteback(sys, folio!));
    machine.idle(30 * MS);
    expect(began.map((ns) => ns - startNs)).toEqual([0, 100 * MS, 170 * MS]);
  });
});

describe("a task that is about to reclaim", () => {
  it("may do so as long as more than half of the min marks is free", () => {
    const { sys } = working();
    const half = Math.floor(sys.zones.reduce((sum, zone) => sum + minWmarkPages(zone), 0) / 2);
    // Zones with something to reclaim count, even if a page is free there.
    for (const zid of sys.zones.keys()) updateLruSize(sys, sys.lruvec, zid, LRU_INACTIVE_FILE, 1);
    const taken = takeUntil(sys, half + 1);
    expect(allowDirectReclaim(sys)).toBe(true);
    taken.push(...takeUntil(sys, half));
    expect(allowDirectReclaim(sys)).toBe(false);
    expect(sys.pgdat.kswapdRun.woken).toBe(true);
    sys.pgdat.kswapdFailures = 16;
    expect(allowDirectReclaim(sys)).toBe(true);
  });

  it("waits until kswapd has freed more, and is counted", () => {
    let taken: Folio[] = [];
    const { sys, p, took } = working((of) => {
      for (const folio of taken.splice(0, 20)) folioPut(of, folio);
      of.clock.advance(MS);
    });
    taken = takeUntil(sys, 10);
    for (const zid of sys.zones.keys()) updateLruSize(sys, sys.lruvec, zid, LRU_INACTIVE_FILE, 1);
    const ns = took(() => throttleDirectReclaim(sys, GFP_KERNEL));
    expect(ns).toBeGreaterThan(MS);
    expect(p.task.waitNs).toMatchObject({ reclaim: ns, throttled: 0 });
    expect(sys.vmStat.events[PGSCAN_DIRECT_THROTTLE]).toBe(1);
    expect(allowDirectReclaim(sys)).toBe(true);
  });

  it("waits until kswapd has given up, if nothing can be freed", () => {
    const { sys, took } = working((of) => of.clock.advance(MS));
    takeUntil(sys, 10);
    expect(took(() => throttleDirectReclaim(sys, GFP_KERNEL))).toBeGreaterThan(16 * 12 * MS - 1);
    expect(sys.pgdat.kswapdFailures).toBe(16);
  });

  it("waits a second at most where it may not enter the file system", () => {
    const { sys, took } = working((of, sc) => {
      of.clock.advance(0.7 * MS);
      sc.nrReclaimed++; // as if others took the pages at once
    });
    takeUntil(sys, 10);
    const ns = took(() => throttleDirectReclaim(sys, GFP_NOFS));
    expect(Math.round(ns / MS)).toBe(1000);
    expect(sys.vmStat.events[PGSCAN_DIRECT_THROTTLE]).toBe(1);
  });

  it("does not wait where it is a kernel thread, which may be what the others wait for", () => {
    const { sys, took } = working();
    takeUntil(sys, 10);
    sys.current = undefined;
    sys.currentKthread = newKthread("kworker/u8:0", () => Number.POSITIVE_INFINITY);
    expect(took(() => throttleDirectReclaim(sys, GFP_KERNEL))).toBe(0);
    expect(sys.vmStat.events[PGSCAN_DIRECT_THROTTLE]).toBe(0);
  });
});
