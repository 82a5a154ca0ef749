/**
 * Proves each grader: it accepts the solution, it accepts nothing of the untouched exercises, and it catches every planted
 * mistake of test/exercises/wrong/ with a message that names it.
 *
 * The mistakes are tried as mutants are (course/mutate/trial.ts): the same tests on the same library, without a vitest for
 * each. The first of every task goes the learner's way besides, and so does every one of which a trial does not say enough: only
 * there a counterexample is made short, and the place in the learner's file is told.
 */

import { readFileSync } from "node:fs";
import { beforeAll, describe, expect, it } from "vitest";
import { cutOf } from "../../lib/course/exercises/cut.js";
import { allLabs, type Lab, labTasks } from "../../lib/course/exercises/labs.js";
import { gradeAll } from "../../lib/course/grading/grade.js";
import type { GradeReport, TaskReport } from "../../lib/course/grading/report.js";
import { plant, type WrongAnswer } from "../../lib/course/grading/wrong.js";
import { tryAll } from "../../lib/course/mutate/pool.js";
import type { Verdict } from "../../lib/course/mutate/trial.js";
import { wrongAnswersOf } from "./wrong_answers.js";

/** Processes side by side. */
const WORKERS = 2;
/** Submissions graded by one child: each child has a time limit, which a busy computer must be able to keep. */
const BATCH = 48;
/** Only the first test that fails is looked at. */
const OPTIONS = { workers: WORKERS, untilFailure: true, patience: 4 };

/** What a report or a verdict tells the learner. */
function textOf(told: Partial<TaskReport & Verdict>): string {
  const { test = "", message = "", says = "", got = "", expected = "", where = "" } = told;
  return [test, message, says, got, expected, where].join("\n");
}

async function tried(lab: Lab, wrongs: readonly WrongAnswer[], texts: readonly string[]): Promise<Verdict[]> {
  const verdicts: Verdict[] = [];
  const mutants = wrongs.map(({ task }, at) => ({ id: String(at), task, line: 1, text: texts[at]! }));
  await tryAll(lab, mutants, WORKERS, ({ id }, verdict) => {
    verdicts[Number(id)] = verdict;
  });
  return verdicts;
}

for (const lab of allLabs()) {
  const wrongs = await wrongAnswersOf(lab);

  describe(`the grader of lab ${lab.name}`, () => {
    let solved: GradeReport;
    let unsolved: GradeReport;
    let verdicts: Verdict[];
    /** Reports on those wrong answers that went the learner's way, by their place in the list. */
    const graded = new Map<number, GradeReport>();

    beforeAll(async () => {
      const solution = readFileSync(lab.master, "utf8");
      const texts = wrongs.map((one) => plant(solution, one));
      verdicts = await tried(lab, wrongs, texts);
      const chosen = [...wrongs.keys()].filter(
        (at) => wrongs[at - 1]?.task !== wrongs[at]!.task || !wrongs[at]!.says.test(textOf(verdicts[at]!)),
      );
      const planted = chosen.map((at) => ({ lab, text: texts[at]!, tasks: [wrongs[at]!.task] }));
      const submissions = [{ lab, text: solution }, { lab, text: cutOf(lab) }, ...planted];
      const reports: GradeReport[] = [];
      for (let at = 0; at < submissions.length; at += BATCH)
        reports.push(...(await gradeAll(submissions.slice(at, at + BATCH), OPTIONS)));
      [solved, unsolved] = reports as [GradeReport, GradeReport];
      for (const [i, at] of chosen.entries()) graded.set(at, reports[i + 2]!);
    }, 600_000);

    it("accepts the solution", () => {
      expect(solved.problem).toBeUndefined();
      expect(solved.tasks.filter(({ state }) => state !== "passed")).toEqual([]);
      expect(solved.passed).toBe(solved.total);
    });

    it("says of every untouched exercise that it is not written yet", () => {
      expect(unsolved.problem).toBeUndefined();
      expect(unsolved.tasks.filter(({ state }) => state !== "not-written")).toEqual([]);
      expect(unsolved.passed).toBe(0);
    });

    it("has wrong answers planted in every task", () => {
      const tasks = labTasks(lab).map(({ id }) => id);
      expect(tasks.filter((id) => !wrongs.some(({ task }) => task === id))).toEqual([]);
    });

    it("sees a wrong answer of every task as a learner's file, too", () => {
      const tasks = new Set([...graded.keys()].map((at) => wrongs[at]!.task));
      expect(tasks).toEqual(new Set(labTasks(lab).map(({ id }) => id)));
    });

    wrongs.forEach(({ task: id, name, says }, at) => {
      it(`catches in ${id} an answer that ${name}`, () => {
        expect(verdicts[at]!.result).toBe("killed");
        const report = graded.get(at);
        if (report === undefined) {
          expect(textOf(verdicts[at]!)).toMatch(says);
          return;
        }
        const [task] = report.tasks;
        expect(report.problem).toBeUndefined();
        expect(task!.state).toMatch(/failed|stopped/);
        expect(textOf(task!)).toMatch(says);
      });
    });
  });
}

it("has one lab for each number", () => {
  expect(allLabs().map(({ number }) => number)).toEqual([...new Set(allLabs().map(({ number }) => number))]);
});
