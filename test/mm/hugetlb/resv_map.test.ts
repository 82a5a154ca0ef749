import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { ResvMap, regionAdd, regionChg, regionCount, regionDel } from "../../../lib/mm/hugetlb/resv_map.js";

describe("a reservation map", () => {
  it("adds, counts and deletes ranges, joining and splitting its regions", () => {
    const map = new ResvMap();
    expect([regionAdd(map, 1, 3), regionAdd(map, 5, 6), regionChg(map, 0, 6)]).toEqual([2, 1, 3]);
    expect(regionAdd(map, 0, 6)).toBe(3);
    expect(map.regions).toEqual([{ from: 0, to: 6 }]);
    expect(regionDel(map, 2, 4)).toBe(2);
    expect(map.regions).toEqual([
      { from: 0, to: 2 },
      { from: 4, to: 6 },
    ]);
    expect([regionCount(map, 1, 5), regionDel(map, 1, Number.POSITIVE_INFINITY)]).toEqual([2, 3]);
  });

  it("is equal to a set of pages", () => {
    const step = fc.tuple(fc.boolean(), fc.nat(12), fc.integer({ min: 1, max: 6 }));
    fc.assert(
      fc.property(fc.array(step, { maxLength: 30 }), (steps) => {
        const map = new ResvMap();
        const set = new Set<number>();
        for (const [add, from, length] of steps) {
          const range = Array.from({ length }, (_, i) => from + i);
          const changed = range.filter((page) => set.has(page) !== add);
          for (const page of changed) add ? set.add(page) : set.delete(page);
          expect((add ? regionAdd : regionDel)(map, from, from + length)).toBe(changed.length);
          expect(regionCount(map, 0, 100)).toBe(set.size);
        }
        for (const [i, region] of map.regions.entries())
          expect(region.from).toBeGreaterThan(map.regions[i - 1]?.to ?? -1);
      }),
      { numRuns: 100 },
    );
  });
});
