import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { Arc } from "../../lib/policies/arc.js";
import { NumberedTrace, numberPages } from "../../lib/policies/numbered_trace.js";
import { makePolicy, POLICY_NAMES, type PolicyName, runPolicy } from "../../lib/policies/run_policy.js";
import * as naive from "./naive.js";

/** Traces in which some pages come often, as in programs. */
const traces = fc.array(fc.oneof(fc.nat(4), fc.nat(12), fc.nat(40)), { minLength: 1, maxLength: 300 });
const capacities = fc.integer({ min: 1, max: 24 });

const MODELS: Record<PolicyName, naive.Naive> = {
  FIFO: naive.fifo,
  CLOCK: naive.clock,
  LRU: naive.lru,
  optimal: naive.optimal,
  "2Q": naive.twoQ,
  ARC: naive.arc,
  "S3-FIFO": naive.s3fifo,
  SIEVE: naive.sieve,
};

/** The pages in memory after `trace`, by their own numbers. */
function contentsAfter(policy: PolicyName, trace: readonly number[], capacity: number): number[] {
  const numbered = numberPages(trace);
  const made = makePolicy(policy, numbered, capacity);
  for (const page of numbered.requests) made.access(page);
  return made.contents!().map((page) => numbered.pages[page]!);
}

describe.each(Object.entries(MODELS) as [PolicyName, naive.Naive][])("%s", (name, model) => {
  it("misses as often as its model and holds the same pages", () => {
    fc.assert(
      fc.property(traces, capacities, (trace, capacity) => {
        const { misses, contents } = model(trace, capacity);
        expect(runPolicy(name, trace, capacity).misses).toBe(misses);
        const held = contentsAfter(name, trace, capacity).sort((a, b) => a - b);
        // Among pages that are never used again, any may go.
        if (name === "optimal") expect(held.length).toBe(contents.length);
        else expect(held).toEqual(contents);
      }),
      { numRuns: 400 },
    );
  });

  it("does not care what the pages are called", () => {
    fc.assert(
      fc.property(traces, capacities, (trace, capacity) => {
        const { misses } = runPolicy(name, trace, capacity);
        const far = trace.map((page) => page * 2 ** 40 + 7);
        expect(runPolicy(name, far, capacity).misses).toBe(misses);
        expect(
          runPolicy(
            name,
            Uint32Array.from(trace, (page) => 4095 - page),
            capacity,
          ).misses,
        ).toBe(misses);
      }),
    );
  });

  it("misses each page once when memory has room for all", () => {
    fc.assert(
      fc.property(traces, (trace) => {
        const { nrPages } = numberPages(trace);
        expect(runPolicy(name, trace, nrPages)).toMatchObject({ misses: nrPages, accesses: trace.length });
      }),
    );
  });
});

describe("all policies", () => {
  it("miss at least as often as the optimal one, and hold no more pages than memory has room for", () => {
    fc.assert(
      fc.property(traces, capacities, (trace, capacity) => {
        const least = runPolicy("optimal", trace, capacity).misses;
        for (const name of POLICY_NAMES) {
          expect(runPolicy(name, trace, capacity).misses, name).toBeGreaterThanOrEqual(least);
          const held = contentsAfter(name, trace, capacity);
          expect(held.length, name).toBe(Math.min(capacity, new Set(trace).size));
          expect(new Set(held).size, name).toBe(held.length);
          expect(held, name).toContain(trace.at(-1));
        }
      }),
    );
  });

  it("never miss more often with more memory when they are LRU or optimal", () => {
    fc.assert(
      fc.property(traces, capacities, (trace, capacity) => {
        for (const name of ["LRU", "optimal"] as const)
          expect(runPolicy(name, trace, capacity + 1).misses, name).toBeLessThanOrEqual(
            runPolicy(name, trace, capacity).misses,
          );
      }),
    );
  });

  it("hold with LRU among more frames all that they hold among fewer", () => {
    fc.assert(
      fc.property(traces, capacities, (trace, capacity) => {
        const more = contentsAfter("LRU", trace, capacity + 1);
        for (const page of contentsAfter("LRU", trace, capacity)) expect(more).toContain(page);
      }),
    );
  });
});

describe("ARC", () => {
  it("keeps its target between 0 and the capacity", () => {
    fc.assert(
      fc.property(traces, capacities, (trace, capacity) => {
        const { requests, nrPages } = numberPages(trace);
        const arc = new Arc(capacity, nrPages);
        for (const page of requests) {
          arc.access(page);
          expect(arc.p).toBeGreaterThanOrEqual(0);
          expect(arc.p).toBeLessThanOrEqual(capacity);
        }
      }),
    );
  });
});

describe("numbered traces", () => {
  it("give back the trace they were made from, and are not numbered twice", () => {
    fc.assert(
      fc.property(fc.array(fc.nat(2 ** 45), { minLength: 1 }), (trace) => {
        const numbered = numberPages(trace);
        expect([...numbered.requests].map((page) => numbered.pages[page])).toEqual(trace);
        expect(numbered).toBeInstanceOf(NumberedTrace);
        expect(numberPages(numbered)).toBe(numbered);
      }),
    );
  });
});
