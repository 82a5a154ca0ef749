import { describe, expect, it } from "vitest";
import {
  evictablePages,
  shouldRunAging,
  tryToIncMaxSeq,
  tryToIncMinSeq,
} from "../../../../lib/mm/lru/gen/aging.js";
import {
  genSize,
  LRU_GEN_ANON,
  LRU_GEN_FILE,
  SWAPPINESS_ANON_ONLY,
  tierIndex,
} from "../../../../lib/mm/lru/gen/lru_gen.js";
import { lruGenIncRefs } from "../../../../lib/mm/lru/gen/refs.js";
import { lruvecDelFolio } from "../../../../lib/mm/lru/mm_inline.js";
import { PG_active, PG_swapbacked } from "../../../../lib/mm/pages/folio.js";
import type { MemorySystem } from "../../../../lib/mm/system.js";
import {
  globalNodePageState,
  NR_ACTIVE_ANON,
  NR_ACTIVE_FILE,
  NR_INACTIVE_ANON,
  NR_INACTIVE_FILE,
} from "../../../../lib/mm/vmstat.js";
import { fromTail, listedFolio, newSystem, problems, standsOn } from "./generations.js";

function age(sys: MemorySystem, swappiness: number): boolean {
  return tryToIncMaxSeq(sys, sys.lruvec.lrugen, sys.lruvec.lrugen.maxSeq, swappiness, false);
}

/** Inactive and active pages of anonymous memory, and of files. */
function sizes(sys: MemorySystem): number[] {
  return [NR_INACTIVE_ANON, NR_ACTIVE_ANON, NR_INACTIVE_FILE, NR_ACTIVE_FILE].map((item) =>
    globalNodePageState(sys, item),
  );
}

describe("a new generation", () => {
  it("begins with the number after the youngest, and ages the others: the third youngest is inactive", () => {
    const sys = newSystem();
    const faulted = listedFolio(sys, PG_active); // generation 2 of 0 to 3
    expect(sizes(sys)).toEqual([0, 0, 0, 1]);
    sys.clock.advance(20e6);
    expect(age(sys, 60)).toBe(true);
    const { lrugen } = sys.lruvec;
    expect([lrugen.maxSeq, lrugen.minSeq, lrugen.timestamps]).toEqual([4, [1, 1], [6, 1, 1, 1]]);
    expect([faulted.lruGen, sizes(sys)]).toEqual([2, [0, 0, 1, 0]]);
    expect(problems(sys)).toEqual([]);
  });

  it("ends the oldest of four: what is left of it moves one on, and counts as protected in its tier", () => {
    const sys = newSystem();
    const [a, b, c] = [listedFolio(sys, 0), listedFolio(sys, 0), listedFolio(sys, 0, 1)];
    for (let use = 0; use < 3; use++) lruGenIncRefs(b);
    age(sys, 60);
    expect([a, b, c].map((folio) => folio.lruGen)).toEqual([1, 1, 1]);
    expect(fromTail(sys, standsOn(a))).toEqual([c, b, a]); // each to the tail: the last one would be evicted first
    // The averages are of the generation that has ended: half of 3 pages in tier 0 and of 1 in tier 2.
    const { avgTotal } = sys.lruvec.lrugen;
    expect([0, 1, 2].map((tier) => avgTotal[tierIndex(LRU_GEN_FILE, tier)])).toEqual([1, 0, 0]);
    expect(problems(sys)).toEqual([]);
  });

  it("does not begin twice for the same number", () => {
    const sys = newSystem();
    const { lrugen } = sys.lruvec;
    expect(tryToIncMaxSeq(sys, lrugen, 3, 60, false)).toBe(true);
    expect(tryToIncMaxSeq(sys, lrugen, 3, 60, false)).toBe(false);
    expect(lrugen.maxSeq).toBe(4);
  });

  it("makes the oldest anonymous memory the youngest when it may not be evicted, and moves none of it", () => {
    const sys = newSystem();
    const folio = listedFolio(sys, PG_swapbacked); // generation 2
    const list = standsOn(folio);
    for (const expected of [
      [1, 0, 0, 0],
      [1, 0, 0, 0],
      [0, 1, 0, 0],
    ]) {
      age(sys, 0);
      expect(sizes(sys)).toEqual(expected);
      expect(problems(sys)).toEqual([]);
    }
    expect([folio.lruGen, standsOn(folio), sys.lruvec.lrugen.maxSeq]).toEqual([2, list, 6]);
    expect(genSize(sys.lruvec.lrugen, 6, LRU_GEN_ANON)).toBe(1);
  });
});

describe("an oldest generation that is empty", () => {
  it("ends, as far as two generations stay", () => {
    const sys = newSystem();
    const { lrugen } = sys.lruvec;
    expect(tryToIncMinSeq(lrugen, 60)).toBe(true);
    expect(lrugen.minSeq).toEqual([2, 2]);
    expect(tryToIncMinSeq(lrugen, 60)).toBe(false);
  });

  it("stays as long as a folio stands on one of its lists, whatever generation that is of", () => {
    const sys = newSystem();
    const { lrugen } = sys.lruvec;
    const folio = listedFolio(sys, 0);
    folio.lruGen = 3;
    expect(tryToIncMinSeq(lrugen, 0)).toBe(false);
    lrugen.nrPages.fill(0);
    folio.lruGen = 0;
    lrugen.nrPages[standsOn(folio)] = 1;
    lruvecDelFolio(sys, folio);
    expect(tryToIncMinSeq(lrugen, 0)).toBe(true);
    expect(lrugen.minSeq).toEqual([0, 2]);
  });

  it("does not run ahead of the other type's by more than one, if both may be evicted", () => {
    const sys = newSystem();
    const { lrugen } = sys.lruvec;
    listedFolio(sys, 0); // the oldest generation of files is not empty, so that of anonymous memory waits
    expect(tryToIncMinSeq(lrugen, 60)).toBe(true);
    expect(lrugen.minSeq).toEqual([1, 0]);
    expect(tryToIncMinSeq(lrugen, SWAPPINESS_ANON_ONLY)).toBe(true);
    expect(lrugen.minSeq).toEqual([2, 0]);
  });
});

describe("aging", () => {
  it("runs when two generations are left, and is advised when there are three", () => {
    const sys = newSystem();
    const { lrugen } = sys.lruvec;
    listedFolio(sys, 0, 2);
    listedFolio(sys, PG_swapbacked);
    expect(shouldRunAging(lrugen, 0)).toEqual({ aging: false, nrToScan: 4 });
    expect(shouldRunAging(lrugen, 60)).toEqual({ aging: false, nrToScan: 5 });
    lrugen.minSeq[LRU_GEN_FILE] = 1;
    expect(shouldRunAging(lrugen, 0).aging).toBe(true);
    expect(shouldRunAging(lrugen, 60).aging).toBe(false);
    lrugen.minSeq[LRU_GEN_FILE] = 2;
    expect(shouldRunAging(lrugen, 0)).toEqual({ aging: true, nrToScan: 0 });
  });

  it("counts what may be evicted over all generations", () => {
    const sys = newSystem();
    for (const flags of [0, PG_active, PG_swapbacked, PG_swapbacked]) listedFolio(sys, flags);
    const { lrugen } = sys.lruvec;
    expect([0, 60, SWAPPINESS_ANON_ONLY].map((one) => evictablePages(lrugen, one))).toEqual([2, 4, 2]);
  });
});
