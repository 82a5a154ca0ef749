import { describe, expect, it } from "vitest";
import { loadTrace } from "../../lib/course/traces.js";
import { TLB_MODELS } from "../../lib/hw/tlb_model.js";
import { countsOf } from "../hw/trace_counts.js";

describe("the trace that comes with the course", () => {
  it("has the accesses its README tells of, and the walks of its pages on a real processor's TLBs", () => {
    const trace = loadTrace("wordsort");
    expect(trace.counts).toEqual({ fetches: 9626102, loads: 2237564, stores: 1401281, modifies: 13482 });
    expect([trace.stream.length, trace.pageOffsets.length]).toEqual([2449610, 238]);
    expect(trace.provenance).toMatch(/wordsort\.c/);
    expect(countsOf(trace, "skylake")).toEqual({ walks: 238, walkRefs: 251, l2Hits: 261, dirtyAssists: 4 });
    expect(TLB_MODELS.skylake.l2[0].ways).toBe(12);
    expect(() => loadTrace("nosuch" as "wordsort")).toThrow(/wordsort/);
  });
});
