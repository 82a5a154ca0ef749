import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { curveOfDistances, missRatioCurve } from "../../lib/policies/miss_ratio.js";
import { runPolicy } from "../../lib/policies/run_policy.js";
import { FIRST_USE, stackDistances } from "../../lib/policies/stack_distance.js";

const traces = fc.array(fc.oneof(fc.nat(3), fc.nat(30)), { minLength: 1, maxLength: 400 });

/** The place of each page in LRU's list, found by walking it. */
function naiveDistances(trace: readonly number[]): number[] {
  const list: number[] = [];
  return trace.map((page) => {
    const at = list.indexOf(page);
    if (at >= 0) list.splice(at, 1);
    list.unshift(page);
    return at < 0 ? FIRST_USE : at + 1;
  });
}

describe("stack distances", () => {
  it("are the places in LRU's list, also when the times are used up many times over", () => {
    fc.assert(
      fc.property(traces, (trace) => {
        expect([...stackDistances(trace)]).toEqual(naiveDistances(trace));
      }),
      { numRuns: 300 },
    );
  });

  it("are 1 for a page that is used again at once", () => {
    expect([...stackDistances([9, 9, 9])]).toEqual([FIRST_USE, 1, 1]);
  });
});

describe("the miss-ratio curve of LRU", () => {
  it("is what LRU does in each memory", () => {
    fc.assert(
      fc.property(traces, fc.integer({ min: 1, max: 40 }), (trace, capacity) => {
        const { misses, missRatio } = runPolicy("LRU", trace, capacity);
        const curve = missRatioCurve(trace);
        expect(curve.missesAt(capacity)).toBe(misses);
        expect(curve.missRatioAt(capacity)).toBe(missRatio);
      }),
    );
  });

  it("never rises, starts at all accesses and ends at one miss for each page", () => {
    fc.assert(
      fc.property(traces, (trace) => {
        const { misses, nrPages } = missRatioCurve(trace);
        expect([misses[0], misses[nrPages]]).toEqual([trace.length, new Set(trace).size]);
        for (let capacity = 1; capacity <= nrPages; capacity++)
          expect(misses[capacity]).toBeLessThanOrEqual(misses[capacity - 1]!);
      }),
    );
  });

  it("refuses distances that no trace has", () => {
    expect(() => curveOfDistances(new Uint32Array([FIRST_USE, 2]))).toThrow(
      /distance 2 of access 1 is not 1/,
    );
  });
});
