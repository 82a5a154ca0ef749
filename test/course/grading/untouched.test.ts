import { mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { afterAll, describe, expect, it } from "vitest";
import { cutOf } from "../../../lib/course/exercises/cut.js";
import { findLab } from "../../../lib/course/exercises/labs.js";
import { gradeLab } from "../../../lib/course/grading/check.js";
import { untouchedTasks } from "../../../lib/course/grading/untouched.js";

const { lab } = findLab("99", fileURLToPath(new URL("../fixtures/lab", import.meta.url)));
const master = readFileSync(lab.master, "utf8");
const cut = cutOf(lab);
const folder = mkdtempSync(join(tmpdir(), "pagewalk-untouched-"));
afterAll(() => rmSync(folder, { recursive: true }));

async function states(text: string, tasks?: string[]): Promise<string[]> {
  const file = join(folder, "mine.ts");
  writeFileSync(file, text);
  const report = await gradeLab(lab, { file, ...(tasks ? { tasks } : {}) });
  expect(report.total).toBe(report.tasks.length);
  return report.tasks.map(({ id, state }) => `${id} ${state}`);
}

describe("tasks that are as they were handed out", () => {
  it("are all of the cut, none of the solution", () => {
    expect([...untouchedTasks(cut, master)]).toEqual(["99.1", "99.2", "99.3"]);
    expect([...untouchedTasks(master, master)]).toEqual([]);
  });

  it("are no longer, after one changed character", () => {
    const changed = cut.replace('throw new NotWrittenYet("99.2");', 'throw  new NotWrittenYet("99.2");');
    expect([...untouchedTasks(changed, master)]).toEqual(["99.1", "99.3"]);
  });

  it("are reported as not written, as a run of the grader would", async () => {
    expect(await states(cut)).toEqual(["99.1 not-written", "99.2 not-written", "99.3 not-written"]);
    expect(await states(cut, ["99.2"])).toEqual(["99.2 not-written"]);
  });

  it("leave the results of the others as they are, in the order of the lab", async () => {
    const one = cut.replace('throw new NotWrittenYet("99.2");', "return 1 as never;");
    expect(await states(one)).toEqual(["99.1 not-written", "99.2 failed", "99.3 not-written"]);
  });

  it("do not hide an import that is refused", async () => {
    const file = join(folder, "refused.ts");
    writeFileSync(file, cut.replace("import ", 'import "node:fs";\nimport '));
    expect((await gradeLab(lab, { file })).problem).toMatch(/import of "node:fs" is not for exercises/);
  });
});
