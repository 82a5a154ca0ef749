import { spawnSync } from "node:child_process";
import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, expect, it } from "vitest";
import { cutOf } from "../../../lib/course/exercises/cut.js";
import { findLab } from "../../../lib/course/exercises/labs.js";
import type { GradeReport } from "../../../lib/course/grading/report.js";
import { inRepository } from "../../../lib/course/paths.js";

const folder = mkdtempSync(join(tmpdir(), "page walk "));
afterAll(() => rmSync(folder, { recursive: true }));

function pagewalk(...args: string[]): { status: number | null; stdout: string; stderr: string } {
  const { status, stdout, stderr } = spawnSync(
    process.execPath,
    [inRepository("lib/bin/pagewalk.mjs"), ...args],
    {
      encoding: "utf8",
      cwd: folder,
    },
  );
  return { status, stdout, stderr };
}

it("ends with status 0 and N of N on the solutions", () => {
  const { status, stdout } = pagewalk("grade", "01", "--solutions");
  expect(stdout).toMatch(/\n5 of 5\. Well done\.\n$/);
  expect(status).toBe(0);
});

it("ends with status 1 and 0 of N on untouched exercises, also as JSON", () => {
  const file = join(folder, "mine.ts");
  writeFileSync(file, cutOf(findLab("01").lab));
  const { status, stdout } = pagewalk("grade", "01", "--file", "mine.ts", "--json");
  const [report] = JSON.parse(stdout) as [GradeReport];
  expect([report.passed, report.total]).toEqual([0, 5]);
  expect(status).toBe(1);
});

it("ends with status 2 and one sentence when it was not understood", () => {
  for (const args of [
    ["77"],
    ["01.99"],
    ["--fast"],
    ["01", "--file"],
    ["01", "--file", "none.ts"],
    ["--file", "mine.ts"],
  ]) {
    const { status, stdout, stderr } = pagewalk("grade", ...args);
    expect(status, args.join(" ")).toBe(2);
    expect(stdout).toBe("");
    expect(stderr).toMatch(/^pagewalk: .*\nusage: pagewalk grade .*\n$/);
  }
});
