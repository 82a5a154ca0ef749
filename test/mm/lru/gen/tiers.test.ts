import { describe, expect, it } from "vitest";
import { LRU_GEN_ANON, LRU_GEN_FILE, tierIndex } from "../../../../lib/mm/lru/gen/lru_gen.js";
import {
  getTierIdx,
  getTypeToScan,
  lruGenEviction,
  lruGenRefault,
  lruGenTestRecent,
  positiveCtrlErr,
  readCtrlPos,
  resetCtrlPos,
} from "../../../../lib/mm/lru/gen/tiers.js";
import { Lruvec } from "../../../../lib/mm/lru/lruvec.js";
import { PG_referenced, PG_swapbacked, PG_workingset } from "../../../../lib/mm/pages/folio.js";
import {
  globalNodePageState,
  WORKINGSET_ACTIVATE,
  WORKINGSET_REFAULT,
  WORKINGSET_RESTORE,
} from "../../../../lib/mm/vmstat.js";
import { folioWith, newSystem } from "./generations.js";

describe("the controller", () => {
  it("holds one rate of refaults against another, and does not conclude from few", () => {
    const sp = { refaulted: 10, total: 1000, gain: 1 };
    expect(positiveCtrlErr(sp, { refaulted: 63, total: 63, gain: 1 })).toBe(true);
    // 64 x 1064 <= 11 x total
    expect(positiveCtrlErr(sp, { refaulted: 64, total: 6190, gain: 1 })).toBe(false);
    expect(positiveCtrlErr(sp, { refaulted: 64, total: 6191, gain: 1 })).toBe(true);
    expect(positiveCtrlErr(sp, { refaulted: 64, total: 3096, gain: 2 })).toBe(true);
  });

  it("reads one tier, or all of them", () => {
    const lrugen = new Lruvec().lrugen;
    for (const tier of [0, 1, 2, 3]) {
      const at = tierIndex(LRU_GEN_FILE, tier);
      lrugen.avgRefaulted[at] = 1;
      lrugen.refaulted[at] = 10 * (tier + 1);
      lrugen.avgTotal[at] = 2;
      lrugen.protected[at] = 100;
      lrugen.evicted[at] = 1000 * tier;
    }
    expect(readCtrlPos(lrugen, LRU_GEN_FILE, 2, 3)).toEqual({ refaulted: 31, total: 2102, gain: 3 });
    expect(readCtrlPos(lrugen, LRU_GEN_FILE, 4, 1)).toEqual({ refaulted: 104, total: 6408, gain: 1 });
    expect(readCtrlPos(lrugen, LRU_GEN_ANON, 4, 1)).toEqual({ refaulted: 0, total: 0, gain: 1 });
  });

  it("halves what it remembers when a generation ends", () => {
    const lrugen = new Lruvec().lrugen;
    const at = tierIndex(LRU_GEN_ANON, 1);
    Object.assign(lrugen.avgRefaulted, { [at]: 5 });
    Object.assign(lrugen.refaulted, { [at]: 10 });
    Object.assign(lrugen.evicted, { [at]: 20 });
    Object.assign(lrugen.protected, { [at]: 1 });
    resetCtrlPos(lrugen, LRU_GEN_ANON);
    expect([lrugen.avgRefaulted[at], lrugen.avgTotal[at]]).toEqual([7, 10]);
    expect([lrugen.refaulted[at], lrugen.evicted[at], lrugen.protected[at]]).toEqual([0, 0, 0]);
    resetCtrlPos(lrugen, LRU_GEN_ANON);
    expect([lrugen.avgRefaulted[at], lrugen.avgTotal[at]]).toEqual([3, 5]);
  });

  it("protects the tiers from the first on whose pages come back more often than those of tier 0", () => {
    const lrugen = new Lruvec().lrugen;
    const tier = (at: number, refaulted: number, evicted: number): void => {
      lrugen.refaulted[tierIndex(LRU_GEN_FILE, at)] = refaulted;
      lrugen.evicted[tierIndex(LRU_GEN_FILE, at)] = evicted;
    };
    expect(getTierIdx(lrugen, LRU_GEN_FILE)).toBe(3);
    tier(0, 100, 1000);
    tier(1, 100, 1000); // the same rate, and 2 : 3 is left as a margin
    expect(getTierIdx(lrugen, LRU_GEN_FILE)).toBe(3);
    tier(2, 200, 1000);
    expect(getTierIdx(lrugen, LRU_GEN_FILE)).toBe(1);
    tier(1, 200, 1000);
    expect(getTierIdx(lrugen, LRU_GEN_FILE)).toBe(0);
  });

  it("chooses the type that comes back less often, weighed with swappiness", () => {
    const lrugen = new Lruvec().lrugen;
    const rates = (anon: number, file: number): void => {
      lrugen.refaulted[tierIndex(LRU_GEN_ANON, 0)] = anon;
      lrugen.refaulted[tierIndex(LRU_GEN_FILE, 0)] = file;
      lrugen.evicted[tierIndex(LRU_GEN_ANON, 0)] = 1000;
      lrugen.evicted[tierIndex(LRU_GEN_FILE, 0)] = 1000;
    };
    rates(0, 0);
    expect([1, 60, 199, 200].map((one) => getTypeToScan(lrugen, one))).toEqual([1, 1, 1, 0]);
    rates(100, 200);
    expect([0, 60, 100, 160].map((one) => getTypeToScan(lrugen, one))).toEqual([1, 1, 0, 0]);
    rates(200, 100);
    expect([60, 100, 160].map((one) => getTypeToScan(lrugen, one))).toEqual([1, 1, 0]);
  });
});

describe("a page that goes and comes back", () => {
  it("keeps its uses in its shadow, and is counted in its tier both times", () => {
    const sys = newSystem();
    const { lrugen } = sys.lruvec;
    lrugen.maxSeq = 9;
    lrugen.minSeq[1] = 7;
    const folio = folioWith(sys, PG_referenced, 1);
    folio.lruRefs = 2;
    const token = lruGenEviction(lrugen, folio);
    expect([token, lrugen.evicted[tierIndex(LRU_GEN_FILE, 2)]]).toEqual([7 * 4 + 2, 2]);
    const back = folioWith(sys, 0, 1);
    lruGenRefault(sys, lrugen, back, token, false);
    expect([lrugen.refaulted[tierIndex(LRU_GEN_FILE, 2)], back.lruRefs]).toEqual([2, 2]);
    expect(globalNodePageState(sys, WORKINGSET_REFAULT + 1)).toBe(2);
    expect(globalNodePageState(sys, WORKINGSET_ACTIVATE + 1)).toBe(0);
  });

  it("returns to the working set, at once active when a fault wants it", () => {
    const sys = newSystem();
    const { lrugen } = sys.lruvec;
    const token = lruGenEviction(lrugen, folioWith(sys, PG_swapbacked | PG_workingset));
    expect(lrugen.evicted[tierIndex(LRU_GEN_ANON, 3)]).toBe(1);
    sys.lruGen.inLruFault = true;
    const back = folioWith(sys, PG_swapbacked);
    lruGenRefault(sys, lrugen, back, token, true);
    expect(back.flags & PG_workingset).toBe(PG_workingset);
    expect(
      [WORKINGSET_REFAULT, WORKINGSET_ACTIVATE, WORKINGSET_RESTORE].map((item) =>
        globalNodePageState(sys, item),
      ),
    ).toEqual([1, 1, 1]);
  });

  it("means nothing any more when its generation is long gone", () => {
    const sys = newSystem();
    const { lrugen } = sys.lruvec;
    lrugen.maxSeq = 20;
    expect([16, 17, 20].map((seq) => lruGenTestRecent(lrugen, seq * 4))).toEqual([false, true, true]);
    lruGenRefault(sys, lrugen, folioWith(sys, 0), 16 * 4, true);
    expect(globalNodePageState(sys, WORKINGSET_REFAULT + 1)).toBe(1);
    expect(globalNodePageState(sys, WORKINGSET_RESTORE + 1)).toBe(0);
  });
});
