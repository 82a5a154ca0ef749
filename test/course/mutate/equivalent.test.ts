/**
 * The lists of mutants that are no mistakes, and a sample of those that are: each must die. All of them are tried by `npm run mutate`.
 */

import { readFileSync } from "node:fs";
import { describe, expect, it } from "vitest";
import { allLabs, findLab, type Lab } from "../../../lib/course/exercises/labs.js";
import { gradeAll } from "../../../lib/course/grading/grade.js";
import { equivalentsOf } from "../../../lib/course/mutate/equivalent.js";
import { type Mutant, mutantsOf } from "../../../lib/course/mutate/mutants.js";
import { tryAll } from "../../../lib/course/mutate/pool.js";
import type { Verdict } from "../../../lib/course/mutate/trial.js";

const PATIENCE_MS = 180_000;

/** `count` of `all`, evenly spread. */
function sample<T>(all: readonly T[], count: number): T[] {
  return Array.from({ length: count }, (_, at) => all[Math.floor(((at + 0.5) * all.length) / count)]!);
}

async function verdictsOf(lab: Lab, mutants: readonly Mutant[]): Promise<Map<string, Verdict>> {
  const verdicts = new Map<string, Verdict>();
  await tryAll(lab, mutants, 1, ({ id }, verdict) => verdicts.set(id, verdict));
  return verdicts;
}

for (const lab of allLabs()) {
  const mutants = mutantsOf(readFileSync(lab.master, "utf8"));
  const reasons = equivalentsOf(lab);
  const mistakes = mutants.filter(({ id }) => !reasons.has(id));

  describe(`the mutants of lab ${lab.name}`, () => {
    it("are there for every exercise", () => {
      const tasks = [...new Set(mutants.map(({ task }) => task))];
      expect(tasks).toEqual([1, 2, 3, 4, 5].map((nr) => `${lab.number}.${nr}`));
    });

    it("include every one that is listed as no mistake", () => {
      const ids = new Set(mutants.map(({ id }) => id));
      expect([...reasons.keys()].filter((id) => !ids.has(id))).toEqual([]);
    });

    it(
      "die, as far as a sample tells",
      async () => {
        const some = sample(mistakes, 12);
        const verdicts = await verdictsOf(lab, some);
        expect(some.map(({ id }) => id).filter((id) => verdicts.get(id)?.result === "survived")).toEqual([]);
      },
      PATIENCE_MS,
    );

    it(
      "get the same verdict from the grader of learners' files",
      async () => {
        const some = sample(mistakes, 3);
        const listed = mutants.filter(({ id }) => reasons.has(id)).slice(0, 1);
        const both = [...some, ...listed];
        const verdicts = await verdictsOf(lab, both);
        const reports = await gradeAll(
          both.map(({ text, task }) => ({ lab, text, tasks: [task] })),
          { untilFailure: true },
        );
        const alive = (at: number): boolean => reports[at]!.tasks[0]!.state === "passed";
        expect(both.map((_, at) => alive(at))).toEqual([false, false, false, ...listed.map(() => true)]);
        for (const { id } of listed) expect(verdicts.get(id)).toEqual({ result: "survived" });
        for (const { id } of some) expect(verdicts.get(id)!.result).toBe("killed");
      },
      PATIENCE_MS,
    );
  });
}

describe("a trial", () => {
  const { lab } = findLab("01");
  const solution = readFileSync(lab.master, "utf8");
  const withBody = (code: string): Mutant => ({
    id: code,
    task: "01.1",
    line: 1,
    text: solution.replace("  const bits = BigInt", `  ${code}\n  const bits = BigInt`),
  });

  it(
    "takes an endless loop, a full memory and a process that ends for dead, and goes on",
    async () => {
      const loop = withBody("for (;;);");
      const memory = withBody("for (const all: unknown[] = []; ; ) all.push(new Array(1e6).fill(7));");
      const exit = withBody("process.exit(0);");
      const good = { ...withBody(";"), id: "good" };
      const verdicts = await verdictsOf(lab, [loop, memory, exit, good]);
      expect(verdicts.get(loop.id)).toMatchObject({ result: "killed", says: "it did not come back" });
      expect(verdicts.get(memory.id)!.result).toBe("killed");
      expect(verdicts.get(exit.id)).toEqual({ result: "killed", says: "it ended the process" });
      expect(verdicts.get("good")).toEqual({ result: "survived" });
    },
    PATIENCE_MS,
  );

  it(
    "tells what is no code",
    async () => {
      const broken = withBody("const const = 1;");
      expect((await verdictsOf(lab, [broken])).get(broken.id)).toEqual({ result: "no code" });
    },
    PATIENCE_MS,
  );
});
