/** Notebooks as files and as runs: the checker, the runner, what is stored. */
import { spawnSync } from "node:child_process";
import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, describe, expect, it } from "vitest";
import { checkNotebook } from "../../lib/course/notebooks/check.js";
import {
  asLines,
  type Cell,
  type Notebook,
  notebookText,
  readNotebook,
  stripped,
  writeNotebook,
} from "../../lib/course/notebooks/nbformat.js";
import { runNotebook } from "../../lib/course/notebooks/run.js";

const folder = mkdtempSync(join(tmpdir(), "pagewalk-notebooks-"));
afterAll(() => rmSync(folder, { recursive: true, force: true }));

let nextId = 0;

function code(source: string, ...tags: string[]): Cell {
  const metadata = tags.length > 0 ? { tags } : {};
  const id = `cell-${nextId++}`;
  return { cell_type: "code", execution_count: null, id, metadata, outputs: [], source: asLines(source) };
}

function text(source: string): Cell {
  return { cell_type: "markdown", id: `cell-${nextId++}`, metadata: {}, source: asLines(source) };
}

function notebookOf(cells: Cell[]): Notebook {
  return stripped({ cells, metadata: {}, nbformat: 4, nbformat_minor: 5 });
}

describe("the checker", () => {
  mkdirSync(join(folder, "notebooks"));
  mkdirSync(join(folder, "exercises"));
  writeFileSync(join(folder, "exercises", "42-answers.ts"), "/** 42.1 Ask. */\n/**\n * 42.2 Answer.\n */\n");
  writeFileSync(join(folder, "notebooks", "glossary.md"), "# Glossary\n\n## Page frame\n\nA place.\n");
  writeFileSync(join(folder, "notebooks", "frame.png"), "");
  const path = join(folder, "notebooks", "42-answers.ipynb");

  /** The parts of a lab that is as it should be. */
  const parts = {
    title: "# 42 Answers",
    goals: "## What you will be able to do\n\n- ask\n- answer",
    prediction: `predict("which?", 1)`,
    real: "## The real thing\n\nA [page frame](glossary.md#page-frame): ![a drawn frame](frame.png)",
    exercises: "## Exercises\n\n### 42.1 Ask\n\n### 42.2 Answer\n\n[above](#The-real-thing)",
    recap: "## Recap",
    reading: "## Where to read on\n\n[man](https://man7.org/)",
  };

  /** What the checker says when some parts are different. */
  function check(changes: Partial<typeof parts>): string[] {
    const { prediction, ...texts } = { ...parts, ...changes };
    const cells = Object.values(texts)
      .filter((source) => source !== "")
      .map(text);
    cells.splice(2, 0, code(prediction));
    writeNotebook(path, notebookOf(cells));
    return checkNotebook(path, readNotebook(path)).map(({ what }) => what);
  }

  it("finds nothing wrong with a lab that has everything", () => {
    expect(check({})).toEqual([]);
  });

  it.each<[keyof typeof parts, string, RegExp]>([
    ["title", "## 42 Answers", /has 0 titles/],
    ["title", "# 42 Answers\n\n# Twice", /has 2 titles/],
    ["title", "Some words first.\n\n## No title", /has 0 titles/],
    ["title", "# Answers", /does not have the lab's number 42/],
    ["goals", "", /no section .* the goals/],
    ["goals", "## What you will be able to do\n\nMuch.", /goals are not a list/],
    ["prediction", "1 + 1", /has no prediction/],
    ["real", "", /no section .* The real thing/],
    ["exercises", "## Exercises\n\n### 42.1 Ask", /name the exercises 42.1, but .* has 42.1, 42.2/],
    ["exercises", "## Exercises\n\n### 42.1 Ask, 42.2 Answer, 42.3 Rest", /42.3, but/],
    ["recap", "", /no section .* Recap/],
    ["reading", "", /no section .* Where to read on/],
    ["recap", "## Recap\n\n[gone](../gone.md)", /leads to no file/],
    ["recap", "## Recap\n\n[term](glossary.md#page-fault)", /not in the glossary/],
    ["recap", "## Recap\n\n[nowhere](#nowhere)", /no heading here/],
    ["recap", "## Recap\n\n![](frame.png)", /no alt text/],
    ["recap", "## Recap\n\n| from | |\n|---|---|\n| 1 | 2 |", /a column of its table has no heading/],
    ["recap", '## Recap\n\n<img src="frame.png">', /no alt text/],
    ["recap", "## Recap\n\n![a frame](gone.png)", /image gone.png is not there/],
    ["prediction", "predict(1); Date.now()", /host's clock/],
    ["prediction", "predict(Math.random())", /without a seed/],
    ["prediction", `import x from "../lib/x";\npredict(x)`, /by its path/],
    ["prediction", `predict(1);${"\n// line".repeat(30)}`, /has 31 lines; 14 is the most/],
    ["prediction", `predict(1);${"\n// line".repeat(14)}`, /has 15 lines; 14 is the most/],
    ["prediction", `predict(1);\n//${"x".repeat(95)}`, /line 2 has 97 characters; a cell shows 96/],
    ["prediction", `import p from "plotly.js"; predict(p)`, /imports plotly/],
    ["prediction", `const p = require("plotly.js"); predict(p)`, /imports plotly/],
    ["prediction", `predict(new Date())`, /host's clock/],
    ["prediction", `predict(process.cwd())`, /kernel's process/],
  ])("sees what is wrong with %s: %j", (part, source, message) => {
    expect(check({ [part]: source }).join("\n")).toMatch(message);
  });

  it("takes no word of a string or comment for code", () => {
    const words = [
      'import x from "../x";',
      'import("plotly");',
      "Date.now(); Math.random();",
      "process.exit()",
    ];
    const cell = words
      .map((text) => `predict(${JSON.stringify(text)}); // ${text}\n/* ${text} */`)
      .join("\n");
    expect(check({ prediction: cell })).toEqual([]);
  });

  it("sees sections in the wrong order", () => {
    expect(check({ real: parts.recap, recap: parts.real }).join()).toMatch(/comes too early/);
  });

  it("sees outputs that were not taken out", () => {
    const cells = Object.values(parts).map(text);
    const output = { output_type: "stream" as const, name: "stdout" as const, text: ["hello\n"] };
    cells.push({ ...code("predict(1)"), cell_type: "code", execution_count: 1, outputs: [output] });
    const notebook = { ...notebookOf([]), cells };
    writeNotebook(path, notebook);
    expect(checkNotebook(path, notebook).map(({ what }) => what)).toEqual([
      expect.stringMatching(/not as it is kept in git \(outputs/),
    ]);
  });
});

describe("a stored notebook", () => {
  it("is the same text however often it is stripped", () => {
    const once = stripped(notebookOf([text("# T\n\nx"), code("1\n2", "raises-exception")]));
    expect(notebookText(stripped(once))).toBe(notebookText(once));
    expect(notebookText(once)).toContain('"tags": [\n     "raises-exception"\n    ]');
  });

  it("keeps cell ids and tags, and drops everything that a run leaves behind", () => {
    const cell = { ...code("1"), metadata: { scrolled: true, tags: ["a"] }, execution_count: 7 } as Cell;
    const [kept] = stripped({ ...notebookOf([]), cells: [cell] }).cells;
    expect(kept).toEqual({ ...cell, metadata: { tags: ["a"] }, execution_count: null });
  });

  it("is refused when it is not a notebook", () => {
    const path = join(folder, "not.ipynb");
    writeFileSync(path, "{}");
    expect(() => readNotebook(path)).toThrow(RangeError);
  });
});

describe("a run", () => {
  async function problemsOf(...cells: Cell[]): Promise<string[]> {
    const { problems } = await runNotebook(join(folder, "x.ipynb"), notebookOf(cells));
    return problems.map(({ cell, what }) => `${cell ?? "late"}: ${what}`);
  }

  it("finds nothing wrong with cells that work, and with what is meant to fail", async () => {
    const problems = await problemsOf(
      text("# T"),
      code(`import { hex } from "pagewalk";\nconst shown: string = hex(4096);`),
      code(`shown`),
      code(`throw new Error("as announced")`, "raises-exception"),
      code(`console.error("as announced")`, "expect-stderr"),
      code(`shown.length`),
    );
    expect(problems).toEqual([]);
  });

  it("fails on errors, on stderr and on a cell that should have failed, and runs the rest", async () => {
    const problems = await problemsOf(
      text("# T"),
      code(`throw new RangeError("not meant")`),
      code(`const n: number = "s";`),
      code(`console.error("careful")`),
      code(`1`, "raises-exception"),
    );
    expect(problems).toEqual([
      expect.stringMatching(/^2: RangeError: not meant\n.*line 1/),
      expect.stringMatching(/^3: TypeScriptError: /),
      "4: wrote to stderr:\ncareful\n",
      "5: is tagged raises-exception, but ran without an error",
    ]);
  });

  it("fails on a rejection that nobody caught and on an error in a timer, after the last cell too", async () => {
    const problems = await problemsOf(
      code(`const forgotten = (async () => { await null; throw new Error("floating"); })();`),
      code(`await new Promise((resolve) => setTimeout(resolve, 20));`),
      code(`const timer = setTimeout(() => { throw new Error("in a timer"); }, 300);`),
    );
    expect(problems).toEqual([
      expect.stringMatching(/^1: wrote to stderr:\nUnhandledPromiseRejection: Error: floating/),
      expect.stringMatching(/^(3|late): .*\nUncaughtException: Error: in a timer/),
    ]);
  });

  it("fails when the kernel dies, and says so once", async () => {
    const problems = await problemsOf(
      code(`process.kill(process.pid, "SIGKILL"); while (true) {}`),
      code(`1`),
    );
    expect(problems).toEqual(["1: the kernel died (exit status SIGKILL)"]);
  });

  it("stores outputs that nbformat's own schema accepts", async ({ skip }) => {
    const python = "/usr/bin/python3";
    const hasNbformat = spawnSync(python, ["-c", "import nbformat"]).status === 0;
    skip(!hasNbformat, "Debian's python3-nbformat (it comes with jupyter-notebook) is not installed");
    const cells = [
      `console.log("a\\nb")`,
      `[1]`,
      `throw new Error("x")`,
      `import * as t from "tslab"; t.display.html("<b>")`,
    ];
    const path = join(folder, "ran.ipynb");
    const { notebook } = await runNotebook(path, notebookOf(cells.map((source) => code(source))));
    writeNotebook(path, notebook);
    const script = "import nbformat, sys; nbformat.validate(nbformat.read(sys.argv[1], as_version=4))";
    const { status, stderr } = spawnSync(python, ["-c", script, path], { encoding: "utf8" });
    expect({ status, stderr }).toEqual({ status: 0, stderr: "" });
  });
});
