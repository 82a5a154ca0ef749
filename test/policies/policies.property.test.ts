import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { NumberedTrace, numberPages } from "../../lib/policies/numbered_trace.js";
import { makePolicy, type PolicyName, runPolicy } from "../../lib/policies/run_policy.js";
import * as naive from "./naive.js";

/** Traces in which some pages come often, as in programs. */
const traces = fc
  .array(fc.oneof(fc.nat(4), fc.nat(12), fc.nat(40)), { minLength: 1, maxLength: 300 })
  .map((trace) => trace);
const capacities = fc.integer({ min: 1, max: 24 });

const MODELS: Partial<Record<PolicyName, naive.Naive>> = {
  FIFO: naive.fifo,
  CLOCK: naive.clock,
  LRU: naive.lru,
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
        expect(contentsAfter(name, trace, capacity).sort((a, b) => a - b)).toEqual(contents);
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
