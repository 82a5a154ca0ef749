/**
 * The labs on disk: which files belong to lab "01", and which task "01.3" or name "paging" means.
 *
 *     solutions/01-paging.ts                  the master
 *     exercises/01-paging.ts                  cut from it; the learner's
 *     test/exercises/01-paging.grade.ts       its grader
 *     test/exercises/wrong/01-paging.ts       wrong answers that the grader must catch
 */

import { existsSync, readdirSync, readFileSync } from "node:fs";
import { join } from "node:path";
import { valueText } from "../../hw/options.js";
import { checkKind } from "../../hw/signature.js";
import { projectRoot } from "../../replay/root.js";
import { type Task, tasksOf } from "./master.js";

/** One lab's files, absolute; `name` is "01-paging". */
export interface Lab {
  number: string;
  topic: string;
  name: string;
  root: string;
  master: string;
  exercises: string;
  grader: string;
  wrong: string;
}

const LAB_FILE = /^(\d\d)-([\w-]+)\.ts$/;

/** Every lab that has a master, in order. Not in Linux: a helper of the course. */
export function allLabs(root: string = projectRoot()): Lab[] {
  const folder = join(root, "solutions");
  const files = existsSync(folder) ? readdirSync(folder) : [];
  return files
    .filter((file) => LAB_FILE.test(file))
    .sort()
    .map((file) => labOf(root, file));
}

function labOf(root: string, file: string): Lab {
  const [, number, topic] = LAB_FILE.exec(file)!;
  const name = `${number}-${topic}`;
  return {
    number: number!,
    topic: topic!,
    name,
    root,
    master: join(root, "solutions", file),
    exercises: join(root, "exercises", file),
    grader: join(root, "test", "exercises", `${name}.grade.ts`),
    wrong: join(root, "test", "exercises", "wrong", file),
  };
}

/**
 * The lab and task that a learner means: "01", "1", "paging", "01-paging", "exercises/01-paging.ts", "01.3",
 * "1.3". Throws a `RangeError` that lists what there is. Not in Linux: a helper of the course.
 */
export function findLab(wanted: string | number, root?: string): { lab: Lab; task?: Task } {
  checkKind("a lab or exercise", wanted, typeof wanted === "number" ? "number" : "text");
  const labs = allLabs(root);
  const name = String(wanted)
    .trim()
    .replace(/^.*[\\/]/, "")
    .replace(/\.ts$/, "");
  const [, number, taskNumber] = /^(\d{1,2})(?:\.(\d+))?$/.exec(name) ?? [];
  const lab = labs.find((one) =>
    number ? one.number === number.padStart(2, "0") : one.topic === name || one.name === name,
  );
  if (!lab)
    throw new RangeError(
      `There is no lab ${valueText(String(wanted))}; the labs are ${labs.map((one) => one.name).join(", ") || "not there"}`,
    );
  if (!taskNumber) return { lab };
  const tasks = labTasks(lab);
  const task = tasks.find(({ id }) => id === `${lab.number}.${taskNumber}`);
  if (!task)
    throw new RangeError(
      `There is no exercise ${valueText(String(wanted))}; lab ${lab.number} has ${tasks.map(({ id }) => id).join(", ")}`,
    );
  return { lab, task };
}

/** The tasks of a lab, read from its master. Not in Linux: a helper of the course. */
export function labTasks(lab: Lab): Task[] {
  return tasksOf(readFileSync(lab.master, "utf8"));
}
