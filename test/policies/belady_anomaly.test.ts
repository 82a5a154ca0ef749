import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { findBeladyAnomaly } from "../../lib/policies/belady_anomaly.js";
import { runPolicy } from "../../lib/policies/run_policy.js";
import * as naive from "./naive.js";

describe("Belady's anomaly", () => {
  it("is found for FIFO: the trace misses more often with one more frame", () => {
    fc.assert(
      fc.property(fc.integer(), fc.constantFrom(3, 4), (seed, frames) => {
        const found = findBeladyAnomaly({ pages: frames + 2, length: 40, frames, seed })!;
        expect(found).toMatchObject({ frames, moreFrames: frames + 1 });
        expect(found.moreMisses).toBeGreaterThan(found.misses);
        expect(naive.fifo(found.trace, frames).misses).toBe(found.misses);
        expect(naive.fifo(found.trace, frames + 1).misses).toBe(found.moreMisses);
      }),
      { numRuns: 10 },
    );
  });

  it("is found again with the same seed", () => {
    expect(findBeladyAnomaly({ seed: 7 })).toEqual(findBeladyAnomaly({ seed: 7 }));
  });

  it("is found in a trace that needs each of its references", () => {
    const { trace, frames } = findBeladyAnomaly({ seed: 3 })!;
    for (let i = 0; i < trace.length; i++) {
      const shorter = trace.filter((_, at) => at !== i);
      const [few, more] = [frames, frames + 1].map((n) => runPolicy("FIFO", shorter, n).misses);
      expect(more).toBeLessThanOrEqual(few!);
    }
  });

  it("is never found for LRU and the optimal policy", () => {
    for (const policy of ["LRU", "optimal"] as const)
      expect(findBeladyAnomaly({ policy, tries: 3000 })).toBeUndefined();
  });
});
