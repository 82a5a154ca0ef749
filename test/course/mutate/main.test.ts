import { spawnSync } from "node:child_process";
import { join } from "node:path";
import { describe, expect, it } from "vitest";
import { inRepository } from "../../../lib/course/paths.js";

function mutate(...args: string[]): { status: number | null; stdout: string; stderr: string } {
  const file = join(inRepository(), "lib", "dist", "course", "mutate", "main.js");
  return spawnSync(process.execPath, [file, ...args], { encoding: "utf8" });
}

describe("npm run mutate", () => {
  it("says what it can do", () => {
    const { status, stdout } = mutate("--help");
    expect([status, stdout.split("\n")[0]]).toEqual([0, expect.stringContaining("usage: npm run mutate")]);
  });

  it("lists mutants without trying them", () => {
    const { status, stdout } = mutate("--exercise", "03.1", "--only", ">>>", "--list");
    expect(status).toBe(0);
    expect(stdout).toContain(": 03.1 arithmetic: const mid = (lo + hi) [>>> => <<] 1;");
    expect(stdout).not.toContain("03.2");
  });

  it.each([
    [["--jobs", "0"], "--jobs is 0"],
    [["--lab", "77"], 'no lab "77"'],
    [["--exercise", "04"], "--exercise is 04, which is a lab"],
    [["--lap", "04"], "--lap"],
  ])("refuses %j with status 2", (args, says) => {
    const { status, stderr } = mutate(...args);
    expect([status, stderr]).toEqual([2, expect.stringContaining(says)]);
  });
});
