/**
 * Proves each grader: it accepts the solution, it accepts nothing of the untouched exercises, and it catches every planted
 * mistake of test/exercises/wrong/ with a message that names it. Many submissions share one vitest child.
 */

import { readFileSync } from "node:fs";
import { beforeAll, describe, expect, it } from "vitest";
import { cutOf } from "../../lib/course/exercises/cut.js";
import { allLabs, labTasks } from "../../lib/course/exercises/labs.js";
import { gradeAll } from "../../lib/course/grading/grade.js";
import type { GradeReport } from "../../lib/course/grading/report.js";
import { plant } from "../../lib/course/grading/wrong.js";
import { wrongAnswersOf } from "./wrong_answers.js";

/** Submissions graded by one child: each child has a time limit, which a busy computer must be able to keep. */
const BATCH = 48;
/** Only the first test that fails is looked at. */
const OPTIONS = { workers: 2, untilFailure: true };

for (const lab of allLabs()) {
  const wrongs = await wrongAnswersOf(lab);

  describe(`the grader of lab ${lab.name}`, () => {
    let solved: GradeReport;
    let unsolved: GradeReport;
    let wrong: GradeReport[];

    beforeAll(async () => {
      const solution = readFileSync(lab.master, "utf8");
      const planted = wrongs.map((one) => ({ lab, text: plant(solution, one), tasks: [one.task] }));
      const submissions = [{ lab, text: solution }, { lab, text: cutOf(lab) }, ...planted];
      const reports: GradeReport[] = [];
      for (let at = 0; at < submissions.length; at += BATCH)
        reports.push(...(await gradeAll(submissions.slice(at, at + BATCH), OPTIONS)));
      [solved, unsolved, ...wrong] = reports as [GradeReport, GradeReport];
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

    wrongs.forEach(({ task: id, name, says }, at) => {
      it(`catches in ${id} an answer that ${name}`, () => {
        const [task] = wrong[at]!.tasks;
        expect(wrong[at]!.problem).toBeUndefined();
        expect(task!.state).toMatch(/failed|stopped/);
        const { message = "", got = "", expected = "", where = "", test = "" } = task!;
        expect([test, message, got, expected, where].join("\n")).toMatch(says);
      });
    });
  });
}

it("has one lab for each number", () => {
  expect(allLabs().map(({ number }) => number)).toEqual([...new Set(allLabs().map(({ number }) => number))]);
});
