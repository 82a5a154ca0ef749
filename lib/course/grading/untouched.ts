/**
 * Which tasks of a learner's file are still as they were handed out. They need no run: the answer is "not
 * written yet", at once instead of after the second that vitest takes to start.
 *
 * The comparison errs on the side of running: a single changed character in any declaration of a task counts
 * as written.
 */

import { cutExercises, partsOf } from "../exercises/master.js";
import type { GradeReport, TaskReport } from "./report.js";

/**
 * The tasks ("01.2") all of whose declarations in `text` are those of the exercises cut from `master`.
 * Not in Linux: a helper of the course.
 */
export function untouchedTasks(text: string, master: string): Set<string> {
  const handedOut = declarations(cutExercises(master));
  const now = declarations(text);
  const untouched = [...handedOut].filter(
    ([task, code]) => now.get(task) === code && code.includes(`throw new NotWrittenYet("${task}");`),
  );
  return new Set(untouched.map(([task]) => task));
}

/** The text of each task's declarations, in order. */
function declarations(text: string): Map<string, string> {
  const lines = text.split("\n");
  const found = new Map<string, string>();
  for (const { task, start, end } of partsOf(text))
    found.set(task, `${found.get(task) ?? ""}${lines.slice(start, end).join("\n")}\n`);
  return found;
}

/**
 * `report` with the tasks that were left out of it put in, as not written, in the order of `all`.
 * Not in Linux: a helper of the course.
 */
export function withNotWritten(
  report: GradeReport,
  all: { id: string; title: string; tests: number }[],
): GradeReport {
  const tasks = all.map(
    ({ id, title, tests }): TaskReport =>
      report.tasks.find((task) => task.id === id) ?? { id, title, state: "not-written", passed: 0, tests },
  );
  return { ...report, tasks, total: tasks.length };
}
