import { describe, expect, it } from "vitest";
import { loadTrace } from "../../lib/course/traces.js";
import { readLackey } from "../../lib/hw/lackey.js";
import { pageTrace, syntheticTrace, type TraceKind } from "../../lib/policies/page_traces.js";
import { runPolicy } from "../../lib/policies/run_policy.js";

const LACKEY = ["==1== valgrind", "I  00401ab3,5", " L 00601008,8", " S 00401ab8,4", " M 00602ffc,8"];

describe("page numbers of a recording", () => {
  it("are those of lackey's text, of its Trace and of its stream alike", () => {
    const wanted = [0x401, 0x601, 0x401, 0x602, 0x603];
    const trace = readLackey(LACKEY);
    for (const recording of [LACKEY.join("\n"), trace, trace.stream])
      expect([...pageTrace(recording)]).toEqual(wanted);
  });

  it("are those of addresses, however high", () => {
    expect([...pageTrace([0, 4095, 4096, 0x7fff_ffff_f123])]).toEqual([0, 0, 1, 0x7_ffff_ffff]);
  });

  it("leave out repeated pages where that is wanted", () => {
    expect([...pageTrace([0, 8, 4096, 4100, 0], { distinct: true })]).toEqual([0, 1, 0]);
  });

  it("of the course's trace run under a policy, and the Trace itself does, too", () => {
    const trace = loadTrace("wordsort");
    const result = runPolicy("LRU", trace, 16);
    expect(result.accesses).toBe(trace.stream.length);
    expect(runPolicy("LRU", pageTrace(trace), 16)).toEqual(result);
    // What is left out are hits.
    expect(runPolicy("LRU", pageTrace(trace, { distinct: true }), 16).misses).toBe(result.misses);
  });

  it("are refused for what is no recording", () => {
    expect(() => pageTrace([-1])).toThrow(/number 0 of the recording is -1, not an address/);
  });
});

describe("made-up traces", () => {
  const misses = (policy: "LRU" | "optimal" | "2Q" | "CLOCK", kind: TraceKind, capacity: number) =>
    runPolicy(policy, syntheticTrace(kind, { pages: 64, length: 6400 }), capacity).misses;

  it("are the same for the same seed, have the length wanted and stay below the number of pages", () => {
    for (const kind of ["loop", "scan", "zipf", "phases"] as const) {
      const make = (seed: number) => syntheticTrace(kind, { pages: 64, length: 5000, seed });
      expect(make(5)).toEqual(make(5));
      expect(make(5).length).toBe(5000);
      expect(new Set(make(5)).size, kind).toBe(64);
      if (kind !== "loop") expect(make(5)).not.toEqual(make(6));
    }
  });

  it("show what they are made for", () => {
    expect(misses("LRU", "loop", 63)).toBe(6400);
    expect(misses("optimal", "loop", 63)).toBeLessThan(6400 / 30);
    expect(misses("2Q", "scan", 16)).toBeLessThan(misses("LRU", "scan", 16));
    expect(misses("LRU", "phases", 16)).toBe(8 * 16);
    expect(misses("LRU", "zipf", 16)).toBeLessThan(6400 / 2);
  });
});
