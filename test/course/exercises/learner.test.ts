/**
 * What a learner does with an exercise file besides editing it: load, hint, reset. Each test works on a copy of the fixture lab.
 */

import { spawnSync } from "node:child_process";
import { cpSync, existsSync, mkdtempSync, readdirSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { inspect } from "node:util";
import { afterEach, beforeEach, describe, expect, it } from "vitest";
import { hint } from "../../../lib/course/exercises/hint.js";
import { loadFile } from "../../../lib/course/exercises/load.js";
import { reset } from "../../../lib/course/exercises/reset.js";

const fixture = fileURLToPath(new URL("../fixtures/lab", import.meta.url));
let root: string;
let file: string;

beforeEach(() => {
  root = mkdtempSync(join(tmpdir(), "page walk "));
  cpSync(fixture, root, { recursive: true });
  file = join(root, "exercises", "99-counting.ts");
});
afterEach(() => rmSync(root, { recursive: true }));

const read = () => readFileSync(file, "utf8");
const edit = (from: string, to: string) =>
  writeFileSync(
    file,
    read().replace(from, () => to),
  );
const plain = (text: string) => writeFileSync(file, text);

describe("load", () => {
  it("runs the file as it is now, at each call", () => {
    plain("export function answer(x: number): number { return x + 1; }\n");
    expect(loadFile(file).answer(1)).toBe(2);
    plain("export function answer(x: number): number { return x + 2; }\n");
    expect(loadFile(file).answer(1)).toBe(3);
  });

  it("names the line of the .ts file in errors, also after an edit", () => {
    plain(
      "interface Gone {\n  a: number;\n}\n\nexport function fail(): never {\n  throw new Error('here');\n}\n",
    );
    // In a process of its own: vitest maps stacks in its own way. It loads twice, as a notebook does.
    const script = `
      const { loadFile } = await import(${JSON.stringify(new URL("../../../lib/dist/course/exercises/load.js", import.meta.url).href)});
      const { readFileSync, writeFileSync } = await import("node:fs");
      const file = ${JSON.stringify(file)};
      const report = () => { try { loadFile(file).fail(); } catch (error) { console.log(error.stack); } };
      report();
      writeFileSync(file, "\\n\\n" + readFileSync(file, "utf8"));
      report();`;
    const { stdout, stderr } = spawnSync(process.execPath, ["--input-type=module", "-e", script], {
      encoding: "utf8",
    });
    expect(stderr).toBe("");
    expect(stdout.match(/99-counting\.ts:\d+/g)).toEqual(["99-counting.ts:6", "99-counting.ts:8"]);
  });

  it("shows a syntax error with place, line and caret", () => {
    plain("export const a = 1;\nexport const b = = 2;\n");
    expect(() => loadFile(file, "exercises/99-counting.ts")).toThrow(
      "exercises/99-counting.ts:2:18: syntax error: Expression expected.\n  2 | export const b = = 2;\n    |                  ^",
    );
  });
});

describe("hint", () => {
  it("gives one more at each call, then points to the solution", () => {
    expect(hint("99.1", undefined, root).text).toBe(
      "99.1 Put an address together, hint 1 of 2\n  1. How many bytes has a page?",
    );
    expect(hint("99.1", undefined, root).text).toMatch(
      /hint 2 of 2\n {2}1\. .*\n {2}2\. .*\nThat was the last hint\.$/,
    );
    expect(hint("99.1", undefined, root).text).toMatch(/no more hints.*solutions\/99-counting\.ts/);
  });

  it("shows so many as asked for, and starts over after a reset", () => {
    expect(hint("99.1", 2, root).text).toContain("hint 2 of 2");
    expect(hint("99.1", undefined, root).text).toContain("hint 1 of 2");
    edit('throw new NotWrittenYet("99.1")', "return 1");
    reset("99.1", root);
    expect(hint("99.1", undefined, root).text).toContain("hint 1 of 2");
  });

  it("says what it wants", () => {
    expect(() => hint("99", undefined, root)).toThrow('one exercise, such as "99.1"');
    expect(() => hint("99.1", 3, root)).toThrow("hints 1 to 2; got 3");
    expect(hint("99.3", undefined, root).text).toBe("There is no hint for 99.3 A counter.");
  });

  it("is text in a terminal and a paragraph in a notebook", () => {
    const note = hint("99.1", undefined, root);
    expect(inspect(note)).toBe(note.text);
    const display = (note as unknown as Record<symbol, () => Record<string, string>>)[
      Symbol.for("Jupyter.display")
    ]!();
    expect(Object.keys(display)).toEqual(["text/html", "text/plain"]);
  });
});

describe("reset", () => {
  const cut = readFileSync(join(fixture, "exercises", "99-counting.ts"), "utf8");

  it("restores one exercise, leaves the others and the learner's helpers, and keeps a copy", () => {
    edit('throw new NotWrittenYet("99.1")', "return helper(vpn) + offset");
    edit('throw new NotWrittenYet("99.2")', "return 7");
    edit("/**\n * 99.2", "function helper(n: number): number {\n  return n * 4096;\n}\n\n/**\n * 99.2");
    const before = read();
    expect(reset("99.2", root).text).toBe(
      "99.2 Add up is as it was handed out. What you had is in `exercises/saved/99-counting.1.ts.txt`.",
    );
    expect(read()).toBe(before.replace("return 7", 'throw new NotWrittenYet("99.2")'));
    expect(readFileSync(join(root, "exercises", "saved", "99-counting.1.ts.txt"), "utf8")).toBe(before);
  });

  it("never overwrites a copy", () => {
    for (const attempt of [1, 2, 3]) {
      edit('throw new NotWrittenYet("99.1")', `return ${attempt}`);
      reset("99.1", root);
    }
    expect(readdirSync(join(root, "exercises", "saved"))).toHaveLength(3);
    expect(read()).toBe(cut);
    expect(reset("99.1", root).text).toMatch(/nothing to do/);
  });

  it("mends a function with a missing bracket without touching its neighbours", () => {
    edit('  throw new NotWrittenYet("99.1");\n}', "  if (vpn) {\n    return 1;");
    reset("99.1", root);
    expect(read()).toBe(cut);
  });

  it("brings back a deleted function to its place, and the import it needs", () => {
    const start = cut.indexOf("/**\n * 99.2");
    plain(cut.slice(0, start) + cut.slice(cut.indexOf("/** 99.3")).replace(/NotWrittenYet, /, ""));
    edit("NotWrittenYet, ", "");
    reset("99.2", root);
    expect(read()).toBe(cut);
  });

  it("restores a whole lab, also when its file is gone", () => {
    edit('throw new NotWrittenYet("99.3")', "return ''");
    reset("99", root);
    expect(read()).toBe(cut);
    rmSync(file);
    reset("99.1", root);
    expect(read()).toBe(cut);
    expect(existsSync(join(root, "exercises", "saved", "99-counting.2.ts.txt"))).toBe(false);
  });
});
