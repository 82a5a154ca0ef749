/**
 * Jobs: one submission each, laid out in a fresh folder that nothing of the learner's has touched.
 *
 *     .pagewalk/grade-1a2b/j0/all.grade.ts             the tests of the grader, then the canaries
 *                             01-paging.grade.ts       the grader, as it is in test/exercises/
 *                             exercises/01-paging.ts   the learner's code, the only thing taken from the learner
 *
 * The canaries are tests that must fail. A submission that makes one of them pass has changed how
 * comparing works, and its other results mean nothing.
 */

import { mkdirSync, readFileSync, writeFileSync } from "node:fs";
import { basename, join } from "node:path";
import { projectRoot } from "../../replay/root.js";
import type { Lab } from "../exercises/labs.js";
import { labTasks } from "../exercises/labs.js";
import { TemporaryFolder } from "../temporary.js";

/**
 * One submission to grade: the text of the learner's file, and the tasks to run ("01.2"); all of them by
 * default.
 */
export interface Submission {
  lab: Lab;
  text: string;
  /** What to call the file in messages: "exercises/01-paging.ts". */
  file?: string;
  tasks?: string[];
}

/** A submission that has been laid out. `tests` are the ids that must pass, by task. */
export interface Job {
  name: string;
  lab: Lab;
  text: string;
  file: string;
  /** Every test of the grader, whichever tasks are run. */
  promised: string[];
  tasks: { id: string; title: string; declares: string[]; tests: string[] }[];
}

const CANARIES = `import "./GRADER";
import { describe, expect, it } from "vitest";
import { expectSame } from "EXPECT";

describe("canary", () => {
  it("toBe", () => expect(1).toBe(2));
  it("toEqual", () => expect({ a: [1] }).toEqual({ a: [2] }));
  it("toStrictEqual", () => expect([1]).toStrictEqual([2]));
  it("toMatchObject", () => expect({ a: 1 }).toMatchObject({ a: 2 }));
  it("toThrow", () => expect(() => 1).toThrow());
  it("toBeTruthy", () => expect(false).toBeTruthy());
  it("toHaveLength", () => expect([1]).toHaveLength(2));
  it("toContain", () => expect([1]).toContain(2));
  it("toBeLessThan", () => expect(2).toBeLessThan(1));
  it("toMatch", () => expect("a").toMatch(/b/));
  it("expectSame", () => expectSame({ a: 1 }, { a: 2 }));
});
`;

/** How many canaries must fail in every job. */
export const CANARY_COUNT = CANARIES.split("\n  it(").length - 1;

/**
 * Lays out `submissions` under a new folder in `.pagewalk/` of `root`. Not in Linux: a helper of the course.
 */
export function layOut(submissions: Submission[], root: string): { folder: TemporaryFolder; jobs: Job[] } {
  const folder = new TemporaryFolder(join(root, ".pagewalk"), "grade-");
  return {
    folder,
    jobs: submissions.map((submission, at) => layOutOne(submission, join(folder.path, `j${at}`))),
  };
}

function layOutOne({ lab, text, file, tasks: wanted }: Submission, folder: string): Job {
  const grader = readFileSync(lab.grader, "utf8");
  const expect = join(projectRoot(), "lib", "dist", "course", "grading", "expect.js").replaceAll("\\", "/");
  const canaries = CANARIES.replace("GRADER", `${lab.name}.grade.js`).replace("EXPECT", expect);
  mkdirSync(join(folder, "exercises"), { recursive: true });
  writeFileSync(join(folder, "exercises", `${lab.name}.ts`), text);
  writeFileSync(join(folder, `${lab.name}.grade.ts`), grader);
  writeFileSync(join(folder, "all.grade.ts"), canaries);
  const tests = expectedTests(grader);
  const promised = [...tests.values()].flat();
  const tasks = labTasks(lab)
    .filter(({ id }) => !wanted || wanted.includes(id))
    .map(({ id, title, parts }) => ({
      id,
      title,
      declares: parts.map((part) => part.declares),
      tests: tests.get(id) ?? [],
    }));
  return { name: basename(folder), lab, text, file: file ?? `exercises/${lab.name}.ts`, promised, tasks };
}

const DESCRIBE = /^describe\("((\d\d\.\d+) [^"]*)", /;
const IT = /^ {2}it\(\s*"((?:[^"\\]|\\.)*)"/;

/**
 * The tests that a grader's text promises, by task: "01.1 Split an address > splits a user address". Read
 * from the text and not from the run, so that no submission can make tests disappear; therefore titles are
 * plain strings in double quotes, one `describe` in column 0 for each task, and `it` directly in it.
 * Not in Linux: a helper of the course.
 */
export function expectedTests(grader: string): Map<string, string[]> {
  const tests = new Map<string, string[]>();
  let current: { title: string; ids: string[] } | undefined;
  const lines = grader.split("\n");
  lines.forEach((line, at) => {
    const task = DESCRIBE.exec(line);
    if (task) {
      const ids = tests.get(task[2]!) ?? [];
      tests.set(task[2]!, ids);
      current = { title: task[1]!, ids };
    }
    const test = IT.exec(line.endsWith("it(") ? `${line}${lines[at + 1]!.trim()}` : line);
    if (test && current) current.ids.push(`${current.title} > ${JSON.parse(`"${test[1]}"`)}`);
  });
  return tests;
}
