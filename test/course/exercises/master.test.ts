import { spawnSync } from "node:child_process";
import { readFileSync } from "node:fs";
import { dirname } from "node:path";
import { fileURLToPath } from "node:url";
import { describe, expect, it } from "vitest";
import { outdatedLabs } from "../../../lib/course/exercises/cut.js";
import { allLabs, findLab } from "../../../lib/course/exercises/labs.js";
import { cutExercises, tasksOf } from "../../../lib/course/exercises/master.js";

const fixture = fileURLToPath(new URL("../fixtures/lab", import.meta.url));
const master = readFileSync(`${fixture}/solutions/99-counting.ts`, "utf8");

/** Whether git knows the file with another text: a learner has written into it, which is no mistake. Never so in CI. */
function changedSinceCommit(file: string): boolean {
  const { status } = spawnSync("git", ["diff", "--quiet", "HEAD", "--", file], { cwd: dirname(file) });
  return status === 1;
}

const small = (body: string) => `/** 01.1 A task. It does. */\nexport function f(): number {\n${body}}\n`;

describe("cutting the exercises from the solutions", () => {
  it("puts NotWrittenYet where an answer stood and keeps what is given", () => {
    const cut = cutExercises(
      small("  const given = 1;\n  // SOLUTION BEGIN\n  return given;\n  // SOLUTION END\n"),
    );
    expect(cut).toBe(
      'import { NotWrittenYet } from "pagewalk";\n\n' +
        small('  const given = 1;\n  throw new NotWrittenYet("01.1");\n'),
    );
  });

  it("removes regions in column 0 and hints without a trace", () => {
    const cut = cutExercises(master);
    expect(cut).not.toMatch(/SOLUTION|HINT|isLast|every page before/i);
    expect(cut.match(/throw new NotWrittenYet\("99\.\d"\);/g)).toHaveLength(3);
  });

  it("adds the import in Biome's order and wraps it at 110 columns", () => {
    const names = "PAGE_SHIFT, PAGE_SIZE, PMD_SIZE, PUD_SIZE, pageAlign, pageAlignDown, tableIndex, vpnOf";
    const text = cutExercises(`import { ${names} } from "pagewalk";\n`);
    expect(text.startsWith("import {\n  NotWrittenYet,\n  PAGE_SHIFT,\n")).toBe(true);
    expect(cutExercises('import { hex, type Ram } from "pagewalk";\n')).toBe(
      'import { hex, NotWrittenYet, type Ram } from "pagewalk";\n',
    );
  });

  it("names file and line of marks that do not match", () => {
    expect(() => cutExercises(small("  // SOLUTION BEGIN\n"), "m.ts")).toThrow(
      "m.ts:3: SOLUTION BEGIN without",
    );
    expect(() => cutExercises(small("  // SOLUTION END\n"), "m.ts")).toThrow("m.ts:3: SOLUTION END without");
    expect(() => cutExercises("function f() {\n  // SOLUTION BEGIN\n", "m.ts")).toThrow(
      "m.ts:2: SOLUTION BEGIN outside",
    );
  });

  it("reads titles, hints in order, and all declarations of a task", () => {
    const [first, second, third] = tasksOf(master);
    expect(first).toMatchObject({ id: "99.1", title: "Put an address together" });
    expect(first!.hints).toEqual([
      "How many bytes has a page?",
      "Every page before this one takes PAGE_SIZE bytes.",
    ]);
    expect(second!.parts.map((part) => part.declares)).toEqual(["sum"]);
    expect(third!.parts.map((part) => part.declares)).toEqual(["Counter"]);
  });
});

describe("the labs on disk", () => {
  it("have exercises that are what their solutions give (pagewalk exercises cut)", () => {
    const outdated = outdatedLabs().filter((lab) => process.env.CI || !changedSinceCommit(lab.exercises));
    expect(outdated.map((lab) => lab.name)).toEqual([]);
    expect(outdatedLabs(fixture).map((lab) => lab.name)).toEqual([]);
  });

  it("are found by number, topic, file and task", () => {
    for (const name of ["99", 99, "counting", "99-counting", "exercises/99-counting.ts"])
      expect(findLab(name, fixture).lab.name).toBe("99-counting");
    expect(findLab("99.2", fixture).task?.title).toBe("Add up");
    expect(() => findLab("98", fixture)).toThrow(/no lab "98"; the labs are 99-counting/);
    expect(() => findLab("99.9", fixture)).toThrow(/lab 99 has 99.1, 99.2, 99.3/);
  });

  it("number their tasks 1, 2, 3 and give each at least one hint", () => {
    for (const lab of allLabs()) {
      const tasks = tasksOf(readFileSync(lab.master, "utf8"));
      expect(tasks.map(({ id }) => id)).toEqual(tasks.map((_, at) => `${lab.number}.${at + 1}`));
      for (const task of tasks) expect(task.hints, task.id).not.toEqual([]);
    }
  });
});
