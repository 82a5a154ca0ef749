/**
 * The notebook's face of grading: `await check("01")`.
 *
 * The tests run in a child process, so that nothing a learner's code does reaches the notebook's kernel.
 */

import { readFileSync } from "node:fs";
import { relative } from "node:path";
import { findLab, type Lab } from "../exercises/labs.js";
import { type GradeOptions, gradeAll } from "./grade.js";
import { allPassed, type GradeReport, inNotebook, reportHtml, reportText } from "./report.js";

/** What `check` found: shown as a table in a notebook, as text elsewhere. */
export class CheckResult {
  constructor(readonly report: GradeReport) {}

  /** Whether every exercise that was checked passed. */
  get ok(): boolean {
    return allPassed(this.report);
  }

  [Symbol.for("Jupyter.display")](): Record<string, string> {
    return { "text/html": reportHtml(this.report), "text/plain": this.toString() };
  }

  [Symbol.for("nodejs.util.inspect.custom")](): string {
    return this.toString();
  }

  toString(): string {
    return reportText(this.report, inNotebook);
  }
}

/**
 * Checks the exercises of a lab (`"01"`) or one of them (`"01.2"`). Without `options.file` the learner's own file is taken.
 * Throws a `RangeError` for a lab or exercise that does not exist. Not in Linux: a helper of the course.
 */
export function check(wanted: string, options: { file?: string } = {}): Promise<CheckResult> {
  const result = checkNow(wanted, options);
  // Without `await` a cell shows the promise itself: let it say what is missing.
  const advice = `Write await in front: await check("${wanted}")`;
  return Object.assign(result, {
    [Symbol.for("Jupyter.display")]: () => ({ "text/plain": advice }),
    [Symbol.for("nodejs.util.inspect.custom")]: () => advice,
  });
}

async function checkNow(wanted: string, options: { file?: string }): Promise<CheckResult> {
  const { lab, task } = findLab(wanted);
  return new CheckResult(await gradeLab(lab, { ...options, ...(task ? { tasks: [task.id] } : {}) }));
}

/** Grades one file (the learner's by default) as the exercises of `lab`. Not in Linux: a helper of the course. */
export async function gradeLab(
  lab: Lab,
  { file = lab.exercises, tasks, ...options }: { file?: string; tasks?: string[] } & GradeOptions = {},
): Promise<GradeReport> {
  const name = relative(lab.root, file).replaceAll("\\", "/");
  const submission = { lab, text: readFileSync(file, "utf8"), file: name.startsWith("..") ? file : name };
  return (await gradeAll([{ ...submission, ...(tasks ? { tasks } : {}) }], options))[0]!;
}
