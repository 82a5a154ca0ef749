import { describe, expect, it } from "vitest";
import { tryToIncMaxSeq } from "../../../../lib/mm/lru/gen/aging.js";
import { lruGenerations, lruGenText } from "../../../../lib/mm/lru/gen/observe.js";
import { PG_active, PG_swapbacked } from "../../../../lib/mm/pages/folio.js";
import { listedFolio, newSystem } from "./generations.js";

describe("the generations", () => {
  it("are listed from the oldest on, with birth, age and sizes", () => {
    const sys = newSystem();
    listedFolio(sys, 0, 1);
    listedFolio(sys, PG_swapbacked);
    sys.clock.advance(1e9);
    tryToIncMaxSeq(sys, sys.lruvec.lrugen, 3, 60, false);
    sys.clock.advance(21e6);
    listedFolio(sys, PG_active);
    expect(lruGenerations(sys)).toEqual([
      { seq: 1, birthMs: 0, ageMs: 1020, anonPages: 0, filePages: 2 },
      { seq: 2, birthMs: 0, ageMs: 1020, anonPages: 1, filePages: 0 },
      { seq: 3, birthMs: 0, ageMs: 1020, anonPages: 0, filePages: 1 },
      { seq: 4, birthMs: 1000, ageMs: 20, anonPages: 0, filePages: 0 },
    ]);
    expect(lruGenText(sys)).toBe(
      "memcg     1 /\n node     0\n" +
        "          1       1020          0           2 \n" +
        "          2       1020          1           0 \n" +
        "          3       1020          0           1 \n" +
        "          4         20          0           0 \n",
    );
  });

  it("count nothing for a type that has no longer the generation", () => {
    const sys = newSystem();
    listedFolio(sys, PG_swapbacked);
    const { lrugen } = sys.lruvec;
    lrugen.minSeq[0] = 3;
    expect(lruGenerations(sys).map(({ seq, anonPages }) => [seq, anonPages])).toEqual([
      [0, 0],
      [1, 0],
      [2, 0],
      [3, 0],
    ]);
  });
});
