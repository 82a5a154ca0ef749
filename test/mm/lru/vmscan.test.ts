import { describe, expect, it } from "vitest";
import { newScanControl, type ScanControl } from "../../../lib/mm/lru/scan_control.js";
import { folioActivate, lruAddDrainAll } from "../../../lib/mm/lru/swap.js";
import { shrinkLruvec, shrinkNode } from "../../../lib/mm/lru/vmscan.js";
import { PG_dirty, PG_reclaim, PG_writeback } from "../../../lib/mm/pages/folio.js";
import { GFP_KERNEL, GFP_NOIO } from "../../../lib/mm/pages/gfp.js";
import { LRUVEC_NODE_CONGESTED, PGDAT_DIRTY, PGDAT_WRITEBACK } from "../../../lib/mm/pages/pglist_data.js";
import type { MemorySystem } from "../../../lib/mm/system.js";
import { NR_ACTIVE_FILE, NR_FILE_DIRTY, NR_INACTIVE_FILE, PGSCAN_FILE } from "../../../lib/mm/vmstat.js";
import { newKthread } from "../../../lib/mm/wait.js";
import { type FileMachine, PAGE, withFile } from "./isolated.js";

function asKswapd(sys: MemorySystem, act: () => void): void {
  const thread = newKthread("kswapd0", () => 0);
  Object.assign(sys.pgdat, { kswapd: thread });
  sys.currentKthread = thread;
  act();
  sys.currentKthread = undefined;
}

const scanned = (sys: MemorySystem): number => sys.vmStat.events[PGSCAN_FILE]!;

describe("shrinkLruvec", () => {
  it("stops when enough is free, except a task at priority 12, which does all it set out to do", () => {
    const run = (options: Partial<ScanControl>, kswapd = false): number => {
      const { sys } = withFile(512);
      sys.lruvec.lruZoneSize[2] = 512 * 4096; // so that even priority 12 finds 512 pages
      const sc = newScanControl({ gfpMask: GFP_KERNEL, ...options });
      const act = (): void => shrinkLruvec(sys, sys.lruvec, sc);
      if (kswapd) asKswapd(sys, act);
      else act();
      return sc.nrReclaimed;
    };
    expect(run({})).toBe(512);
    expect(run({}, true)).toBe(32);
    expect(run({ priority: 11, nrToReclaim: 64 })).toBe(64);
  });

  it("looks at no list of fewer than 4096 pages at priority 12", () => {
    const { sys } = withFile(64);
    const sc = newScanControl({ gfpMask: GFP_KERNEL });
    shrinkLruvec(sys, sys.lruvec, sc);
    expect([sc.nrScanned, sc.nrReclaimed]).toEqual([0, 0]);
  });

  it("stops with one type when enough is free, and cuts the other in proportion", () => {
    const { sys, alice } = withFile(1000);
    const a = alice.mmap(400 * PAGE);
    alice.touch(a, 400 * PAGE, "w");
    lruAddDrainAll(sys);
    sys.nrSwapPages = 1000;
    sys.totalSwapPages = 1000;
    const sc = newScanControl({ gfpMask: GFP_KERNEL, priority: 0, nrToReclaim: 32 });
    shrinkLruvec(sys, sys.lruvec, sc);
    // The first round frees 32 file pages. Of anonymous memory 368 of 400 are left, 91 %: of the files 9 % were
    // due, 90 pages, so 58 are. One round more, and since anonymous memory is done, that is the end.
    expect(sc.nrReclaimed).toBe(64);
  });
});

describe("shrinkNode", () => {
  /** All pages of the file are dirty, or on their way; PG_reclaim says that they were seen before. */
  function marked(pages: number, flags: number): FileMachine {
    const all = withFile(pages);
    for (let i = 0; i < pages; i++) all.folio(i).flags |= flags;
    return all;
  }

  const flagsAfter = (flags: number, kswapd: boolean, before = 0): number => {
    const { sys } = marked(32, flags);
    sys.pgdat.flags = before;
    const act = (): void => shrinkNode(sys, newScanControl({ gfpMask: GFP_KERNEL, priority: 0 }));
    if (kswapd) asKswapd(sys, act);
    else act();
    return sys.pgdat.flags;
  };

  it("marks the node when kswapd has seen nothing but writeback, or dirty pages, or a crowd before the device", () => {
    expect(flagsAfter(PG_writeback, true)).toBe(PGDAT_WRITEBACK);
    expect(flagsAfter(PG_dirty, true)).toBe(PGDAT_DIRTY);
    expect(flagsAfter(PG_writeback | PG_reclaim, true)).toBe(PGDAT_WRITEBACK | LRUVEC_NODE_CONGESTED);
    expect(flagsAfter(0, true)).toBe(0);
  });

  it("marks nothing for a task", () => {
    expect(flagsAfter(PG_writeback, false)).toBe(0);
    expect(flagsAfter(PG_dirty, false)).toBe(0);
  });

  it("slows kswapd down when it meets pages a second time before they are written", () => {
    const { sys } = marked(8, PG_writeback | PG_reclaim);
    sys.pgdat.flags = PGDAT_WRITEBACK;
    asKswapd(sys, () => shrinkNode(sys, newScanControl({ gfpMask: GFP_KERNEL, priority: 0 })));
    expect(sys.pgdat.kswapdRun.throttledUntilNs).toBeGreaterThan(sys.clock.nowNs);
  });

  it("slows a task down when the node is congested and much is waiting to be written", () => {
    const { sys, machine, alice } = withFile(64);
    machine.kernel.enter(alice.task);
    sys.pgdat.flags = LRUVEC_NODE_CONGESTED;
    const time = (): number => {
      const before = sys.clock.nowNs;
      shrinkNode(sys, newScanControl({ gfpMask: GFP_KERNEL }));
      return sys.clock.nowNs - before;
    };
    expect(time()).toBe(0);
    sys.vmStat.nodeStat[NR_FILE_DIRTY] = 40; // more than half of what could be reclaimed
    expect(time()).toBeGreaterThanOrEqual(4e6);
  });

  it("gives kswapd hope again when it has freed something; else notes that trimming the cache failed", () => {
    const { sys } = withFile(8);
    sys.pgdat.kswapdFailures = 16;
    shrinkNode(sys, newScanControl({ gfpMask: GFP_KERNEL, priority: 3 }));
    expect(sys.pgdat.kswapdFailures).toBe(0);
    const stuck = marked(8, PG_writeback);
    stuck.sys.pgdat.kswapdFailures = 5;
    const sc = newScanControl({ gfpMask: GFP_KERNEL, priority: 3 });
    shrinkNode(stuck.sys, sc);
    expect([sc.cacheTrimMode, sc.cacheTrimModeFailed, stuck.sys.pgdat.kswapdFailures]).toEqual([
      true,
      true,
      5,
    ]);
  });

  it("goes on for a block of pages as long as it gets on, none is there, and enough is left", () => {
    const passes = (options: Partial<ScanControl>, zoneOk = false): number => {
      const { sys } = withFile(512);
      sys.parts.zoneWatermarkOk = () => zoneOk;
      sys.lruvec.lruZoneSize[2] = 64 * 2 ** 9;
      const sc = newScanControl({ gfpMask: GFP_KERNEL, priority: 9, ...options });
      shrinkNode(sys, sc);
      return Math.round(scanned(sys) / 32);
    };
    expect(passes({})).toBe(1);
    expect(passes({ order: 2 })).toBeGreaterThan(1);
    expect(passes({ order: 2 }, true)).toBe(1);
    expect(passes({ order: 2, priority: 10 })).toBe(1);
    expect(passes({ order: 2, gfpMask: GFP_NOIO })).toBe(1);
    expect(passes({ order: 8 })).toBeLessThanOrEqual(2); // 2 x 256 pages are not left
  });

  it("does not look at active pages as long as the inactive list is long", () => {
    const { sys, folio } = withFile(100);
    for (let i = 0; i < 40; i++) folioActivate(sys, folio(i));
    lruAddDrainAll(sys);
    const sc = newScanControl({ gfpMask: GFP_KERNEL, priority: 0, nrToReclaim: 20 });
    shrinkNode(sys, sc);
    expect([sc.skippedDeactivate, sys.vmStat.nodeStat[NR_ACTIVE_FILE]]).toEqual([true, 40]);
    expect(sys.vmStat.nodeStat[NR_INACTIVE_FILE]).toBeLessThan(60);
  });
});
