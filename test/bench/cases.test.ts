import { describe, expect, it } from "vitest";
import { BENCH_GROUPS, type BenchCase } from "../../lib/bench/cases.js";
import { measure } from "../../lib/bench/main.js";

describe("bench cases", () => {
  it("run through the machine's public face and agree with the plain loop, with several machines alive", () => {
    const settings = { machines: 2, length: 5000 };
    for (const group of BENCH_GROUPS)
      for (const name of group.names) {
        const row = measure(group.make(name, settings), 2);
        expect(row).toMatchObject({ name, problem: undefined });
        expect(row.millionPerSecond).toBeGreaterThan(0);
      }
  });

  it("say what is wrong when a run counts wrong", () => {
    const broken: BenchCase = {
      name: "broken",
      unit: "things",
      prepare: () => {},
      run: () => 1,
      counters: () => ({ things: 1 }),
      problem: () => "things is 1, must be 2",
    };
    expect(measure(broken, 1)).toMatchObject({
      problem: "things is 1, must be 2",
      ratio: undefined,
      counters: { things: 1 },
    });
  });
});
