import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { Clock } from "../../lib/hw/clock.js";
import { Cpu } from "../../lib/hw/cpu.js";
import { readLackey, readLackeyStream } from "../../lib/hw/lackey.js";
import { Ram } from "../../lib/hw/ram.js";
import { runStream, STREAM_FETCH, STREAM_WRITE } from "../../lib/hw/stream.js";
import { TLB_MODELS, type TlbModelName } from "../../lib/hw/tlb_model.js";
import { loadTrace, Trace, unpackTrace } from "../../lib/hw/trace.js";
import { Tables } from "./tables.js";

const LOG = `==14350== Lackey, an example Valgrind tool
I  0401ab73,3
 S 1fff000778,8
program output
 L 04a17ffe,4
 M 0421d9b9,4
==14350== `.split("\n");

function countsOf(trace: Trace, tlb: TlbModelName) {
  const ram = new Ram(2 ** 28);
  const cpu = new Cpu(0, ram, new Clock(), { tlb });
  const tables = new Tables(ram);
  for (const [i, offset] of trace.pageOffsets.entries()) tables.map(offset, 0x4000 + i);
  cpu.writeCr3(0x1000);
  cpu.cpl = 3;
  runStream(cpu, trace.stream);
  const { walks, walkRefs, l2Hits, dirtyAssists } = cpu.mmu.stats();
  return { walks, walkRefs, l2Hits, dirtyAssists };
}

describe("the lackey reader", () => {
  it("reads fetches, loads, stores and modifies, and both pages of a crossing access", () => {
    const trace = readLackey(LOG);
    expect([...trace.stream]).toEqual([
      0x0401ab70 + STREAM_FETCH,
      0xff000778 + STREAM_WRITE,
      0x04a17ffc,
      0x04a18000,
      0x0421d9b8 + STREAM_WRITE,
    ]);
    expect(trace.counts).toEqual({ fetches: 1, loads: 1, stores: 1, modifies: 1 });
    expect(trace.pageOffsets).toEqual([0x401a000, 0x421d000, 0x4a17000, 0x4a18000, 0xff000000]);
  });

  it("reads the same from an asynchronous source", async () => {
    const lines = (async function* () {
      yield* LOG;
    })();
    expect((await readLackeyStream(lines)).stream).toEqual(readLackey(LOG).stream);
  });

  it("names the line it cannot read", () => {
    expect(() => readLackey(["I  0401ab73,3", " L 12zz,4"])).toThrow(/line 2 .* L 12zz,4/);
    expect(() => readLackey([" L 12,0"])).toThrow(/line 1/);
  });

  it("refuses a trace in which two pages would fall together", () => {
    expect(() => readLackey([" L 1000,4", " L 100001000,4"])).toThrow(/modulo 2\^20/);
  });
});

describe("a trace", () => {
  const accesses = fc.array(
    fc.tuple(fc.integer({ min: 0, max: 9 }), fc.constantFrom(0, 0, STREAM_WRITE, STREAM_FETCH)),
    { maxLength: 400 },
  );
  const counts = { fetches: 0, loads: 0, stores: 0, modifies: 0 };

  it("misses as often when it is reduced", () => {
    fc.assert(
      fc.property(accesses, fc.constantFrom<TlbModelName>("tiny", "skylake", "zen2"), (list, tlb) => {
        const trace = new Trace(
          Uint32Array.from(list, ([page, kind]) => page * 4096 + 64 + kind),
          counts,
          "made up",
        );
        const reduced = trace.reduce();
        expect(reduced.stream.length).toBeLessThanOrEqual(trace.stream.length);
        expect(countsOf(reduced, tlb)).toEqual(countsOf(trace, tlb));
      }),
      { numRuns: 40 },
    );
  });

  it("is the same after packing and unpacking", () => {
    fc.assert(
      fc.property(accesses, (list) => {
        const trace = new Trace(
          Uint32Array.from(list, ([page, kind]) => page * 4096 * 100 + kind),
          counts,
          "made up",
        );
        expect(unpackTrace(trace.pack())).toEqual(trace);
      }),
    );
  });
});

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
