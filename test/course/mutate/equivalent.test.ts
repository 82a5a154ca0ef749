/**
 * The lists of mutants that are no mistakes, and a sample of those that are: each must die. All of them are tried by `npm run mutate`.
 */

import { readFileSync } from "node:fs";
import { beforeAll, describe, expect, it } from "vitest";
import { allLabs, findLab, type Lab, labTasks } from "../../../lib/course/exercises/labs.js";
import { gradeAll } from "../../../lib/course/grading/grade.js";
import type { GradeReport } from "../../../lib/course/grading/report.js";
import { equivalentsOf } from "../../../lib/course/mutate/equivalent.js";
import { type Mutant, mutantsOf } from "../../../lib/course/mutate/mutants.js";
import { tryAll } from "../../../lib/course/mutate/pool.js";
import type { Verdict } from "../../../lib/course/mutate/trial.js";

const PATIENCE_MS = 400_000;
/** Mistakes tried of each lab, and how many of them are also graded as learners' files are. */
const TRIED = 6;
const GRADED = 1;

/** `count` of `all`, evenly spread. */
function sample<T>(all: readonly T[], count: number): T[] {
  return Array.from({ length: count }, (_, at) => all[Math.floor(((at + 0.5) * all.length) / count)]!);
}

async function verdictsOf(lab: Lab, mutants: readonly Mutant[]): Promise<Map<string, Verdict>> {
  const verdicts = new Map<string, Verdict>();
  await tryAll(lab, mutants, 2, ({ id }, verdict) => verdicts.set(id, verdict));
  return verdicts;
}

const samples = allLabs().map((lab) => {
  const mutants = mutantsOf(readFileSync(lab.master, "utf8"));
  const reasons = equivalentsOf(lab);
  const mistakes = sample(
    mutants.filter(({ id }) => !reasons.has(id)),
    TRIED,
  );
  const listed = mutants.filter(({ id }) => reasons.has(id)).slice(0, 1);
  return { lab, mutants, reasons, mistakes, listed, both: [...sample(mistakes, GRADED), ...listed] };
});

/** What the grader of learners' files says to `both` of every lab: one vitest for all of them. */
let reports: Map<Mutant, GradeReport>;

beforeAll(async () => {
  const both = samples.flatMap(({ lab, both }) => both.map((mutant) => ({ lab, mutant })));
  const submissions = both.map(({ lab, mutant: { text, task } }) => ({ lab, text, tasks: [task] }));
  const graded = await gradeAll(submissions, { workers: 2, untilFailure: true, patience: 4 });
  reports = new Map(both.map(({ mutant }, at) => [mutant, graded[at]!]));
}, PATIENCE_MS);

describe.each(samples)(
  "the mutants of lab $lab.name",
  ({ lab, mutants, reasons, mistakes, listed, both }) => {
    let verdicts: Map<string, Verdict>;

    beforeAll(async () => {
      verdicts = await verdictsOf(lab, [...mistakes, ...listed]);
    }, PATIENCE_MS);

    it("are there for every exercise", () => {
      const tasks = [...new Set(mutants.map(({ task }) => task))];
      expect(tasks).toEqual(labTasks(lab).map(({ id }) => id));
    });

    it("include every one that is listed as no mistake", () => {
      const ids = new Set(mutants.map(({ id }) => id));
      expect([...reasons.keys()].filter((id) => !ids.has(id))).toEqual([]);
    });

    it("die, as far as a sample tells", () => {
      expect(mistakes.map(({ id }) => id).filter((id) => verdicts.get(id)?.result !== "killed")).toEqual([]);
    });

    it("get the same verdict from the grader of learners' files", () => {
      const alive = both.map((mutant) => reports.get(mutant)!.tasks[0]!.state === "passed");
      expect(alive).toEqual(both.map((mutant) => listed.includes(mutant)));
      expect(both.map(({ id }) => verdicts.get(id)!.result)).toEqual(
        both.map((mutant) => (listed.includes(mutant) ? "survived" : "killed")),
      );
    });
  },
);

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
