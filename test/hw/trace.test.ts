import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { readLackey, readLackeyStream } from "../../lib/hw/lackey.js";
import { STREAM_FETCH, STREAM_WRITE } from "../../lib/hw/stream.js";
import type { TlbModelName } from "../../lib/hw/tlb_model.js";
import { Trace, unpackTrace } from "../../lib/hw/trace.js";
import { countsOf } from "./trace_counts.js";

const LOG = `==14350== Lackey, an example Valgrind tool
I  0401ab73,3
 S 1fff000778,8
program output
 L 04a17ffe,4
 M 0421d9b9,4
==14350== `.split("\n");

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

  it("is not read from other bytes", () => {
    const bytes = (text: string) => new TextEncoder().encode(text);
    expect(() => unpackTrace(bytes("no line"))).toThrow(/a line of JSON, then 16 bits/);
    expect(() => unpackTrace(bytes("{}\n123"))).toThrow(/a line of JSON, then 16 bits/);
    expect(() => unpackTrace(bytes("no JSON\n12"))).toThrow('not "no JSON"');
  });
});
