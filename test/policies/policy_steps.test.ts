import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { policySteps } from "../../lib/policies/policy_steps.js";
import { POLICY_NAMES, runPolicy } from "../../lib/policies/run_policy.js";

/** The trace of many textbooks. */
const TEXTBOOK = [7, 0, 1, 2, 0, 3, 0, 4, 2, 3, 0, 3, 2, 1, 2, 0, 1, 7, 0, 1];

describe("a policy step by step", () => {
  it("has the faults that textbooks print for three frames", () => {
    const faults = Object.fromEntries(
      (["FIFO", "LRU", "optimal"] as const).map((name) => [name, policySteps(name, TEXTBOOK, 3).misses]),
    );
    expect(faults).toEqual({ FIFO: 15, LRU: 12, optimal: 9 });
  });

  it("keeps a page in its frame, and puts a new one where the old one was", () => {
    const { steps } = policySteps("FIFO", [7, 0, 1, 2, 0, 3], 3);
    expect(steps.map(({ frames }) => frames)).toEqual([
      [7, undefined, undefined],
      [7, 0, undefined],
      [7, 0, 1],
      [2, 0, 1],
      [2, 0, 1],
      [2, 3, 1],
    ]);
    expect(steps.map(({ evicted }) => evicted)).toEqual([undefined, undefined, undefined, 7, undefined, 0]);
  });

  it("shows CLOCK's bits and its hand", () => {
    const { steps } = policySteps("CLOCK", [1, 2, 1, 3], 2);
    expect(steps.map(({ tags }) => tags)).toEqual([
      ["0", ""],
      [">0", "0"],
      [">1", "0"],
      [">0", "0"],
    ]);
    expect(steps.at(-1)!.frames).toEqual([1, 3]);
  });

  it("agrees with runPolicy, and holds the page just used, for every policy", () => {
    fc.assert(
      fc.property(
        fc.array(fc.nat(9), { minLength: 1, maxLength: 60 }),
        fc.integer({ min: 1, max: 6 }),
        fc.constantFrom(...POLICY_NAMES),
        (trace, capacity, name) => {
          const { steps, misses } = policySteps(name, trace, capacity);
          expect(misses).toBe(runPolicy(name, trace, capacity).misses);
          for (const [i, { page, hit, frames }] of steps.entries()) {
            expect(frames).toContain(page);
            if (hit) expect(frames).toEqual(steps[i - 1]!.frames);
          }
        },
      ),
    );
  });

  it("runs a policy of one's own, as a class and as a function, and says what is missing", () => {
    class Newest {
      private last = -1;
      access(page: number): boolean {
        const hit = page === this.last;
        this.last = page;
        return hit;
      }
    }
    expect(runPolicy(Newest, [1, 1, 2], 1)).toMatchObject({ policy: "Newest", misses: 2 });
    expect(runPolicy(() => new Newest(), [1, 1, 2], 1)).toMatchObject({ policy: "your policy", hits: 1 });
    expect(() => policySteps(Newest, [1], 1)).toThrow(/Newest needs contents\(\)/);
    expect(() => runPolicy(() => ({ access: () => 1 as never }), [1], 1)).toThrow(/true or false, not 1/);
    expect(() => runPolicy("LFU" as never, [1], 1)).toThrow(/no policy "LFU"; did you mean "LRU"/);
  });
});
