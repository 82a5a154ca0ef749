import { describe, expect, it } from "vitest";
import { combineRuns } from "../../lib/course/commands/against.js";
import { checkInvariants } from "../../lib/mm/debug.js";
import { runScenario } from "../../lib/replay/executor.js";
import { generateScenario } from "../../lib/replay/generate.js";
import { newHost } from "../../lib/replay/kernel_host.js";
import { parseScenario } from "../../lib/replay/parse.js";
import type { Recording } from "../../lib/replay/record.js";

/** How many scenarios run here; set PAGEWALK_SCENARIOS=10000 for the long run. */
const NR_SCENARIOS = Number(process.env.PAGEWALK_SCENARIOS ?? 60);
const FIRST_SEED = Number(process.env.PAGEWALK_SEED ?? 0);

/** Runs one random scenario and recomputes every count of the kernel every 20 steps and at the end. */
function runChecked(seed: number): number {
  const text = generateScenario({ seed, steps: 60, files: seed % 2 === 1, thp: seed % 4 > 1 });
  const host = newHost(seed % 4 > 1 ? "128 MiB" : "32 MiB");
  const { kernel } = host;
  const check = (): void => {
    const mms = [...kernel.tasks.values()].flatMap((task) => (task.mm === undefined ? [] : [task.mm]));
    checkInvariants(kernel.sys, [kernel.initMm, ...mms]);
  };
  const run = runScenario(parseScenario(`brief off\n${text}`), host, (step) => {
    if (step.i % 20 === 19) check();
  });
  check();
  return run.steps.length;
}

describe("random scenarios", () => {
  it("are the same for the same seed, and others for another", () => {
    const options = { seed: 3, files: true };
    expect(generateScenario(options)).toBe(generateScenario(options));
    expect(generateScenario({ ...options, seed: 4 })).not.toBe(generateScenario(options));
    expect(() => generateScenario({ seed: 0.5 })).toThrow(RangeError);
  });

  it("have, if asked for, areas that huge pages fit into, with all that is done to them", () => {
    const texts = Array.from({ length: 20 }, (_, seed) => generateScenario({ seed, thp: true })).join("\n");
    for (const advice of ["HUGEPAGE", "NOHUGEPAGE", "COLLAPSE", "DONTNEED", "FREE"])
      expect(texts).toMatch(new RegExp(`madvise A\\d+ \\S+ ${advice}$`, "m"));
    for (const op of ["map", "munmap", "mprotect", "mremap", "mlock"])
      expect(texts).toMatch(new RegExp(`^[A-Z] ${op} A\\d+ .*\\b(512|768|1024|1200)\\b`, "m"));
    expect(texts).toMatch(/^[A-Z] fork [A-Z]$/m);
    expect(generateScenario({ seed: 1 })).toBe(generateScenario({ seed: 1, thp: false }));
  });

  it("use every kind of operation", () => {
    const texts = Array.from({ length: 40 }, (_, seed) => generateScenario({ seed, files: true })).join("\n");
    for (const op of "map munmap mprotect mremap madvise mlock munlock fork exit brk mincore msync probe touch bytes".split(
      " ",
    ))
      expect(texts).toMatch(new RegExp(`^[A-Z] ${op}\\b`, "m"));
  });

  it(`run without an internal error, with every count right (${NR_SCENARIOS} from seed ${FIRST_SEED})`, () => {
    let steps = 0;
    const failed: string[] = [];
    for (let seed = FIRST_SEED; seed < FIRST_SEED + NR_SCENARIOS; seed++) {
      try {
        steps += runChecked(seed);
      } catch (error) {
        failed.push(`seed ${seed}: ${String(error).slice(0, 400)}`);
      }
    }
    expect(failed.slice(0, 5)).toEqual([]);
    expect(steps).toBeGreaterThan(NR_SCENARIOS * 50);
  }, 36_000_000);

  it("give the same records when they run twice", () => {
    const scenario = parseScenario(generateScenario({ seed: 11, files: true }));
    expect(runScenario(scenario, newHost())).toEqual(runScenario(scenario, newHost()));
  });
});

describe("combining runs", () => {
  const run = (steps: object[]): Recording => ({
    scenario: "x",
    script_fnv: "0",
    env: {},
    steps: steps as never,
  });

  it("keeps what is the same in all and marks what is not", () => {
    const combined = combineRuns([
      run([{ i: 0, line: "a", minflt: 3, trace: [[0, 1]], list: [{ a: 1 }, { a: 2 }] }]),
      run([{ i: 0, line: "a", minflt: 4, trace: [[0, 2]], list: [{ a: 1 }, { a: 3 }] }]),
    ]);
    expect(combined.steps[0]).toEqual({
      i: 0,
      line: "a",
      minflt: "~varies",
      trace: "~varies",
      list: [{ a: 1 }, { a: "~varies" }],
    });
  });
});
