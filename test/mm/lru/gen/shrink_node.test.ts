import { describe, expect, it } from "vitest";
import {
  lruGenAgeNode,
  lruGenShrinkNode,
  lruvecIsReclaimable,
  setInitialPriority,
} from "../../../../lib/mm/lru/gen/shrink_node.js";
import { newScanControl, type ScanControl } from "../../../../lib/mm/lru/scan_control.js";
import { PG_active } from "../../../../lib/mm/pages/folio.js";
import { folioPutRefs } from "../../../../lib/mm/pages/free_pages.js";
import { GFP_KERNEL } from "../../../../lib/mm/pages/gfp.js";
import type { MemorySystem } from "../../../../lib/mm/system.js";
import { listedFolio, newSystem, problems } from "./generations.js";

function systemThatFrees(): MemorySystem {
  const sys = newSystem();
  sys.parts.shrinkFolioList = (_sys, folios) => {
    for (const folio of folios) folioPutRefs(sys, folio, folio.refcount);
    return folios.splice(0).length;
  };
  return sys;
}

function shrink(sys: MemorySystem, options: Partial<ScanControl>): ScanControl {
  const sc = newScanControl({ gfpMask: GFP_KERNEL, reclaimIdx: 3, ...options });
  lruGenShrinkNode(sys, sc);
  return sc;
}

function fill(sys: MemorySystem, nr: number, flags = 0): void {
  for (let i = 0; i < nr; i++) listedFolio(sys, flags);
}

describe("a pass over the node", () => {
  it("looks at all evictable pages >> priority", () => {
    const sys = systemThatFrees();
    fill(sys, 600);
    fill(sys, 200, PG_active);
    expect(shrink(sys, { priority: 10 }).nrReclaimed).toBe(0);
    expect(shrink(sys, { priority: 6, nrToReclaim: 1000 }).nrReclaimed).toBe(12);
    expect(shrink(sys, { priority: 2, nrToReclaim: 1000 }).nrReclaimed).toBe(192); // of what is left, each 64
    expect(problems(sys)).toEqual([]);
  });

  it("stops when as many pages are free as were asked for", () => {
    const sys = systemThatFrees();
    fill(sys, 600);
    expect(shrink(sys, { priority: 0 }).nrReclaimed).toBe(64);
  });

  it("ages when nothing else is to be had, but not at the first priority", () => {
    const sys = systemThatFrees();
    const { lrugen } = sys.lruvec;
    fill(sys, 100, PG_active);
    expect([shrink(sys, {}).nrReclaimed, lrugen.maxSeq]).toEqual([0, 3]);
    shrink(sys, { priority: 6 }); // the empty generations end
    expect(lrugen.minSeq[1]).toBe(2);
    shrink(sys, {});
    expect(lrugen.maxSeq).toBe(3);
    expect([shrink(sys, { priority: 11 }).nrReclaimed, lrugen.maxSeq]).toEqual([0, 4]);
    expect(shrink(sys, { priority: 0, nrToReclaim: 1000 }).nrReclaimed).toBe(0); // three left: one more first
    expect(lrugen.maxSeq).toBe(5);
    expect(shrink(sys, { priority: 0, nrToReclaim: 1000 }).nrReclaimed).toBe(100);
    expect(problems(sys)).toEqual([]);
  });

  it("does nothing for one who may not unmap or write", () => {
    const sys = systemThatFrees();
    fill(sys, 100);
    expect(shrink(sys, { priority: 0, mayUnmap: false }).nrReclaimed).toBe(0);
    expect(shrink(sys, { priority: 0, mayWritepage: false }).nrReclaimed).toBe(0);
  });

  it("makes a node that was given up worth another try", () => {
    const sys = systemThatFrees();
    sys.pgdat.kswapdFailures = 16;
    fill(sys, 100);
    shrink(sys, { priority: 0 });
    expect(sys.pgdat.kswapdFailures).toBe(0);
  });
});

describe("the initial priority", () => {
  it("is where as much is to be expected as is wanted, for those who want 64 pages or more", () => {
    const sys = systemThatFrees();
    fill(sys, 2000);
    const priority = (nrToReclaim: number, from = 12): number => {
      const sc = newScanControl({ nrToReclaim, priority: from });
      setInitialPriority(sys, sc);
      return sc.priority;
    };
    // log2 of 2000 pages, rounded down, is 10; log2 of what is wanted, rounded up, is 6 and 9.
    expect([priority(32), priority(64), priority(300), priority(64, 11)]).toEqual([12, 6, 6, 11]);
    fill(sys, 1000);
    sys.vmStat.nodeStat[2]! = 2 ** 20;
    expect([priority(64), priority(65), priority(2 ** 12), priority(2 ** 19)]).toEqual([12, 12, 8, 6]);
  });
});

describe("min_ttl_ms", () => {
  it("wants somebody killed as long as the oldest generation is younger", () => {
    const sys = systemThatFrees();
    const sc = newScanControl({ priority: 0 });
    const { lrugen } = sys.lruvec;
    expect(lruGenAgeNode(sys, sc)).toBe(false);
    sys.lruGen.minTtl = 250; // 1 s
    fill(sys, 10);
    expect([lruGenAgeNode(sys, sc), lruvecIsReclaimable(sys, lrugen, sc, 250)]).toEqual([true, false]);
    sys.clock.advance(1e9);
    expect(lruGenAgeNode(sys, sc)).toBe(true); // exactly as old is not old enough
    sys.clock.advance(4e6);
    expect([lruGenAgeNode(sys, sc), lruvecIsReclaimable(sys, lrugen, sc, 250)]).toEqual([false, true]);
  });

  it("wants it, too, when hardly anything could be evicted", () => {
    const sys = systemThatFrees();
    sys.lruGen.minTtl = 1;
    sys.clock.advance(1e9);
    fill(sys, 100);
    expect(lruGenAgeNode(sys, newScanControl({ priority: 6 }))).toBe(false);
    expect(lruGenAgeNode(sys, newScanControl({ priority: 7 }))).toBe(true);
  });
});
