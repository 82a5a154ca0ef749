import { describe, expect, it } from "vitest";
import { folioLruRefs, lruGenUpdateSize } from "../../../../lib/mm/lru/gen/gen_list.js";
import { lruTierFromRefs } from "../../../../lib/mm/lru/gen/lru_gen.js";
import {
  folioIncGen,
  folioUpdateGen,
  lruGenClearRefs,
  lruGenIncRefs,
  lruGenSetRefs,
} from "../../../../lib/mm/lru/gen/refs.js";
import {
  PG_reclaim,
  PG_referenced,
  PG_swapbacked,
  PG_unevictable,
  PG_workingset,
} from "../../../../lib/mm/pages/folio.js";
import { folioWith, listedFolio, newSystem, problems } from "./generations.js";

describe("a use through a descriptor", () => {
  it("is counted up to four times; the fifth makes the folio part of the working set", () => {
    const sys = newSystem();
    const folio = folioWith(sys, 0);
    const seen: [number, number, boolean][] = [];
    for (let use = 1; use <= 6; use++) {
      lruGenIncRefs(folio);
      const workingset = (folio.flags & PG_workingset) !== 0;
      seen.push([folioLruRefs(folio), lruTierFromRefs(folioLruRefs(folio), workingset), workingset]);
    }
    expect(seen).toEqual([
      [1, 0, false],
      [2, 1, false],
      [3, 2, false],
      [4, 2, false],
      [4, 3, true],
      [4, 3, true],
    ]);
  });

  it("is not counted for locked memory", () => {
    const folio = folioWith(newSystem(), PG_unevictable);
    lruGenIncRefs(folio);
    expect(folio.flags & PG_referenced).toBe(0);
  });

  it("is forgotten when the folio is said to be not needed", () => {
    const sys = newSystem();
    const [old, young] = [listedFolio(sys, 0), listedFolio(sys, PG_swapbacked)];
    for (let use = 0; use < 5; use++) for (const folio of [old, young]) lruGenIncRefs(folio);
    // Nothing more is to be done for the one in the oldest generation; the other has to move.
    expect([old, young].map((folio) => lruGenClearRefs(sys.lruvec.lrugen, folio))).toEqual([true, false]);
    expect(
      [old, young].map((folio) => [folio.flags & (PG_referenced | PG_workingset), folio.lruRefs]),
    ).toEqual([
      [0, 0],
      [0, 0],
    ]);
    expect(lruGenClearRefs(sys.lruvec.lrugen, folioWith(sys, 0))).toBe(true);
  });
});

describe("a use through a page table", () => {
  it("promotes at the second time, for a walk and for the reverse map alike", () => {
    const sys = newSystem();
    const walked = listedFolio(sys, 0);
    const isolated = folioWith(sys, 0);
    expect([folioUpdateGen(walked, 3), lruGenSetRefs(isolated)]).toEqual([-1, false]);
    expect([walked.lruGen, walked.flags & PG_referenced]).toEqual([0, PG_referenced]);
    expect([folioUpdateGen(walked, 3), lruGenSetRefs(isolated)]).toEqual([0, true]);
    for (const folio of [walked, isolated])
      expect(folio.flags & (PG_referenced | PG_workingset)).toBe(PG_workingset);
    expect(walked.lruGen).toBe(3);
  });

  it("does not promote what is isolated", () => {
    const folio = folioWith(newSystem(), PG_referenced);
    expect([folioUpdateGen(folio, 3), folio.lruGen]).toEqual([-1, -1]);
  });
});

describe("going one generation on", () => {
  it("starts the count of uses anew, and is counted", () => {
    const sys = newSystem();
    const folio = listedFolio(sys, 0);
    for (let use = 0; use < 3; use++) lruGenIncRefs(folio);
    expect(folioIncGen(sys, sys.lruvec.lrugen, folio, true)).toBe(1);
    expect([folio.lruGen, folioLruRefs(folio), folio.lruRefs, folio.flags & PG_reclaim]).toEqual([
      1,
      0,
      0,
      PG_reclaim,
    ]);
    expect(problems(sys)).toEqual([]);
  });

  it("leaves a folio that aging has promoted where it is", () => {
    const sys = newSystem();
    const folio = listedFolio(sys, PG_referenced);
    lruGenUpdateSize(sys, sys.lruvec.lrugen, folio, folioUpdateGen(folio, 3), 3);
    expect(folioIncGen(sys, sys.lruvec.lrugen, folio, true)).toBe(3);
    expect(folio.flags & PG_reclaim).toBe(0);
    expect(problems(sys)).toEqual([]);
  });
});
