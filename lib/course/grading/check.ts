/**
 * The notebook's face of grading: `await check("01")`.
 *
 * The tests run in a child process, so that nothing a learner's code does reaches the notebook's kernel.
 */

import { readFileSync } from "node:fs";
import { relative } from "node:path";
import { valueText } from "../../hw/options.js";
import { checkArguments } from "../../hw/signature.js";
import { findLab, type Lab, labTasks } from "../exercises/labs.js";
import { readInput } from "../files.js";
import { type GradeOptions, gradeAll } from "./grade.js";
import { expectedTests } from "./jobs.js";
import { allPassed, type GradeReport, inNotebook, reportHtml, reportText } from "./report.js";
import { findForbidden } from "./scan.js";
import { untouchedTasks, withNotWritten } from "./untouched.js";

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
 * Checks the exercises of a lab (`"01"`) or one of them (`"01.2"`). Without `options.file` the learner's own
 * file is taken. Throws a `RangeError` for a lab or exercise that does not exist.
 * Not in Linux: a helper of the course.
 */
export function check(wanted: string, options: { file?: string } = {}): Promise<CheckResult> {
  const result = checkNow(wanted, options);
  // Without `await` a cell shows the promise itself: let it say what is missing.
  const advice = `Write await in front: await check(${valueText(wanted)})`;
  return Object.assign(result, {
    [Symbol.for("Jupyter.display")]: () => ({ "text/plain": advice }),
    [Symbol.for("nodejs.util.inspect.custom")]: () => advice,
  });
}

async function checkNow(wanted: string, options: { file?: string }): Promise<CheckResult> {
  checkArguments("check()", { wanted: "text", options: { file: "text" } }, [wanted, options]);
  const { lab, task } = findLab(wanted);
  return new CheckResult(await gradeLab(lab, { ...options, ...(task ? { tasks: [task.id] } : {}) }));
}

/** What to grade: a file (the learner's by default) or its text, and which tasks ("01.2"; all by default). */
interface GradeRequest {
  file?: string;
  text?: string;
  tasks?: string[];
}

/**
 * Grades one file (the learner's by default) as the exercises of `lab`. Not in Linux: a helper of the course.
 */
export async function gradeLab(
  lab: Lab,
  { file = lab.exercises, text = readInput(file), tasks, ...options }: GradeRequest & GradeOptions = {},
): Promise<GradeReport> {
  const name = relative(lab.root, file).replaceAll("\\", "/");
  const submission = { lab, text, file: name.startsWith("..") ? file : name };
  const tests = expectedTests(readFileSync(lab.grader, "utf8"));
  const wanted = labTasks(lab)
    .filter(({ id }) => !tasks || tasks.includes(id))
    .map(({ id, title }) => ({ id, title, tests: tests.get(id)?.length ?? 0 }));
  const untouched = untouchedTasks(submission.text, readFileSync(lab.master, "utf8"));
  const written = wanted.filter(({ id }) => !untouched.has(id)).map(({ id }) => id);
  if (written.length > 0 || findForbidden(submission.text)) {
    const run = written.length > 0 ? written : wanted.map(({ id }) => id);
    return withNotWritten((await gradeAll([{ ...submission, tasks: run }], options))[0]!, wanted);
  }
  const nothing = {
    lab: lab.number,
    topic: lab.topic,
    file: submission.file,
    tasks: [],
    passed: 0,
    total: 0,
  };
  return withNotWritten(nothing, wanted);
}
