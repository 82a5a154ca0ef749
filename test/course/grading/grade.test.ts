/**
 * What grading says about submissions that do their worst. They share few runs, as each costs a second.
 */

import { readFileSync } from "node:fs";
import { fileURLToPath } from "node:url";
import { beforeAll, describe, expect, it } from "vitest";
import { cutOf } from "../../../lib/course/exercises/cut.js";
import { findLab } from "../../../lib/course/exercises/labs.js";
import { gradeAll } from "../../../lib/course/grading/grade.js";
import { allPassed, type GradeReport, reportHtml, reportText } from "../../../lib/course/grading/report.js";
import { plant } from "../../../lib/course/grading/wrong.js";
import { wrongAnswersOf } from "../../exercises/wrong_answers.js";

const { lab } = findLab("99", fileURLToPath(new URL("../fixtures/lab", import.meta.url)));
const solution = readFileSync(lab.master, "utf8");

const inSum = (code: string) => solution.replace("let total = 0;", () => `let total = 0; ${code}`);
const atTop = (code: string) => solution.replace('} from "pagewalk";\n', (found) => `${found}${code}\n`);

/** Submissions by name, graded together once. */
const submissions: Record<string, string> = {
  solution,
  untouched: cutOf(lab),
  loop: inSum('console.log("adding"); const step = 0x5000; for (;;) total += step;'),
  microtasks: inSum("const again = (): void => { Promise.resolve().then(again) }; again();"),
  exit: inSum("process.exit(0);"),
  reallyExit: inSum("(process as any).reallyExit(0);"),
  recursion: inSum("return sum(numbers) + 1;"),
  memory: inSum("const all = []; for (;;) { all.push(new Array(1000).fill(total++)); }"),
  buffers: inSum("const all = []; for (;;) { all.push(Buffer.alloc(1 << 24, 1)); }"),
  flood: inSum('for (let line = 0; line < 300_000; line++) console.log("line", line); return 7;'),
  rejection: inSum('Promise.reject(new TypeError("too late"));'),
  timer: inSum('setTimeout(() => { throw new TypeError("too late"); }, 0);'),
  waiting: solution.replace("export function sum", "export async function other() {}\nexport function total"),
  loopAtTop: atTop("for (;;) {}"),
  exitAtTop: atTop("process.exit(0);"),
  reallyExitAtTop: atTop("(process as any).reallyExit(0);"),
  throwAtTop: atTop('throw new Error("no such luck");'),
  syntax: inSum("total = = 1;"),
  brace: solution.replace("vpn * PAGE_SIZE + offset;", "(vpn * PAGE_SIZE + offset;"),
  importsVitest: atTop('import { expect } from "vitest";'),
  importsNode: atTop('import { writeFileSync } from "node:fs";'),
  importsLater: inSum('void import("node" + ":fs");'),
  mentionsImport: atTop('// to learn more: import "node:fs"'),
  extendsExpect: atTop(
    '(globalThis as any)[Symbol.for("expect-global")]?.extend({ toBe() { return { pass: true, message: () => "" } } });',
  ),
  longMessage: inSum('throw new Error("abc/j1/exercises/".repeat(6000));'),
  longStack: inSum(
    'const e = new Error("m"); e.stack = "Error: m\\n" + "at f (/a/b.ts:1:1)\\n".repeat(1e5); throw e;',
  ),
  longName: inSum('const e = new Error("m"); e.name = "N".repeat(1e5); throw e;'),
  deepError: inSum("const e: any = {}; for (let at = e, i = 0; i < 1e5; i++) at = at.cause = {}; throw e;"),
  longResult: inSum("return Array.from({ length: 1e6 }, (_, i) => i) as any;"),
  longText: inSum('return "y".repeat(5e6) as any;'),
  contains: inSum("const o: any = {}; o.o = o; o.p = [o, o]; return o;"),
  longLine: inSum('console.log("z".repeat(1e7), "\\n".repeat(1e5)); return 7;'),
  colours: inSum(
    'console.log("\\x1b[32mgreen\\x1b[0m a\\x07b"); throw new Error("\\x1b[1mbold\\x1b[0m\\r \\u009b31mred");',
  ),
  mentionsInText: inSum('if (total > 0) throw new Error(\'did you mean import("x") or "y" from "z"?\');'),
  patchesMap: atTop("Array.prototype.map = () => [] as any;"),
  patchesIs: inSum("Object.is = () => true;"),
};

const reports: Record<string, GradeReport> = {};
const text = (name: string) => reportText(reports[name]!);
const states = (name: string) => reports[name]!.tasks.map(({ state }) => state);

/** 99.2 failed with `says`; the other exercises kept their results. */
function expectSumFails(name: string, state: string, says: RegExp): void {
  expect(states(name)).toEqual(["passed", state, "passed"]);
  expect(text(name)).toMatch(says);
  expect(allPassed(reports[name]!)).toBe(false);
}

function expectNothingRuns(name: string, says: RegExp): void {
  expect(states(name)).toEqual(["not-run", "not-run", "not-run"]);
  expect(text(name)).toMatch(says);
  expect(reports[name]!.passed).toBe(0);
}

/** These end their worker process or spoil it for others, so each gets a run of its own. */
const ALONE = /^(loop|microtasks|really|memory|buffers|timer|extends|patches)/;

async function gradeNamed(names: string[]): Promise<void> {
  const graded = await gradeAll(
    names.map((name) => ({ lab, text: submissions[name]! })),
    /^(memory|buffers)$/.test(names[0]!) ? { limitMiB: 150 } : { limitMs: 700 },
  );
  names.forEach((name, at) => {
    reports[name] = graded[at]!;
  });
}

beforeAll(async () => {
  const names = Object.keys(submissions);
  const runs = [
    names.filter((name) => !ALONE.test(name)),
    ...names.filter((name) => ALONE.test(name)).map((name) => [name]),
  ];
  const worker = async () => {
    for (let run = runs.shift(); run; run = runs.shift()) await gradeNamed(run);
  };
  await Promise.all([worker(), worker()]);
}, 120_000);

describe("grading", () => {
  it("counts every exercise of a solution", () => {
    expect(reports.solution!.problem).toBeUndefined();
    expect(states("solution")).toEqual(["passed", "passed", "passed"]);
    expect(text("solution")).toMatch(/3 of 3\. Well done\.$/);
    expect(allPassed(reports.solution!)).toBe(true);
  });

  it("counts nothing of untouched exercises, and names the next step", () => {
    expect(states("untouched")).toEqual(["not-written", "not-written", "not-written"]);
    expect(text("untouched")).toMatch(/0 of 3\. Next: 99\.1 .* pagewalk hint 99\.1$/);
  });

  it("names an endless loop with its function, line and variables, and keeps the other results", () => {
    expectSumFails(
      "loop",
      "stopped",
      /did not come back .* inside sum\(\)\. There, total = 0x[\s\S]*99-counting\.ts:35/,
    );
    expect(text("loop")).toMatch(/it printed:\n\s+adding/);
    expectSumFails("microtasks", "stopped", /did not come back .* inside again\(\)/);
  });

  it("survives code that ends the process", () => {
    expectSumFails("exit", "failed", /called process\.exit\(0\)/);
    expectSumFails("reallyExit", "stopped", /ended the whole process/);
  });

  it("names deep recursion and a memory eater", () => {
    expectSumFails("recursion", "failed", /called itself without end[\s\S]*in sum\(\)/);
    expectSumFails("memory", "stopped", /more and more memory|did not come back/);
    expectSumFails("buffers", "stopped", /more and more memory and was stopped/);
  });

  it("shows the first lines of what was printed", () => {
    expectSumFails("flood", "failed", /it printed:\n\s+line 0\n\s+line 1\n[\s\S]*and 299988 more lines/);
  });

  it("reports a message, a stack or a value of any size in a few lines", () => {
    expectSumFails("longMessage", "failed", /It threw Error: .*more characters\)\n/);
    expectSumFails("longStack", "failed", /It threw Error: m\n/);
    expectSumFails("longName", "failed", /It threw N{80}\.\.\. \(99920 more characters\): m/);
    expectSumFails("deepError", "failed", /It threw Error: \[object Object\]/);
    expectSumFails("longResult", "failed", /got: \[[\s\S]*\.\.\. 999976 more/);
    expectSumFails("longText", "failed", /got: "y{400}\.\.\."/);
    expectSumFails("contains", "failed", /got: \{/);
    expectSumFails(
      "longLine",
      "failed",
      /it printed:\n\s+z{300}\.\.\. \(\d+ more characters\)\n[\s\S]*more lines/,
    );
    for (const name of Object.keys(submissions).filter((one) => /^(long|deep|contains)/.test(one)))
      expect(text(name).length, name).toBeLessThan(8000);
  });

  it("shows no colours and no control characters", () => {
    expectSumFails("colours", "failed", /It threw Error: bold\\x0d red[\s\S]*it printed:\n\s+green a\\x07b/);
    // biome-ignore lint/suspicious/noControlCharactersInRegex: that is what must not be shown
    const control = /[\0-\x09\x0b-\x1f\x7f-\x9f]/;
    for (const name of Object.keys(submissions)) expect(text(name)).not.toMatch(control);
  });

  it("blames late errors on a test", () => {
    expectSumFails("rejection", "failed", /an error came later.*too late/);
    expect(reports.timer!.passed).toBe(2);
    expect(text("timer")).toMatch(/an error came later.*too late/);
  });

  it("says which function is missing", () => {
    expectSumFails("waiting", "failed", /has no "export" of sum any more; reset 99\.2/);
  });

  it("tells what is wrong with a file that cannot be loaded", () => {
    expectNothingRuns(
      "loopAtTop",
      /did not come back while it was loaded: an endless loop at .*99-counting\.ts:6/,
    );
    expectNothingRuns("exitAtTop", /called process\.exit\(0\)[\s\S]*99-counting\.ts:6/);
    expectNothingRuns("reallyExitAtTop", /ended the whole process while it was loaded/);
    expectNothingRuns("throwAtTop", /Error: no such luck\n\s+at exercises\/99-counting\.ts:6/);
    expectNothingRuns("syntax", /99-counting\.ts:35:26: syntax error: .*\n\s+35 \| .*= = 1;\n\s+\| {26}\^/);
    expectNothingRuns("brace", /99-counting\.ts:19:\d+: syntax error: '\)' expected/);
  });

  it("refuses imports of anything but the library", () => {
    expectNothingRuns("importsVitest", /99-counting\.ts:6: import of "vitest" is not for exercises/);
    expectNothingRuns("importsNode", /import of "node:fs"/);
    expectNothingRuns("importsLater", /import\(\.\.\.\) is not for exercises/);
    expect(reports.mentionsImport!.passed).toBe(3);
    expect(reports.mentionsInText!.passed).toBe(3);
  });

  it("scores nothing when comparing was tampered with", () => {
    expectNothingRuns("extendsExpect", /must always fail did not/);
    expectNothingRuns("patchesMap", /exchanges built-in functions \(Array\.prototype\.map\)/);
    expectNothingRuns("patchesIs", /exchanges built-in functions \(Object\.is\)/);
  });
});

describe("grading many submissions in one run", () => {
  it("catches each wrong answer, also beside one that has to be stopped", async () => {
    const wrong = await wrongAnswersOf(lab);
    const planted = wrong.map((one) => ({ lab, text: plant(solution, one), tasks: [one.task] }));
    const loop = { lab, text: submissions.loop!, tasks: ["99.2"] };
    const graded = await gradeAll([planted[0]!, loop, ...planted.slice(1), { lab, text: solution }], {
      workers: 2,
      limitMs: 700,
    });
    const [first, stopped, ...rest] = graded;
    expect(stopped!.tasks.map(({ state }) => state)).toEqual(["stopped"]);
    expect([first!, ...rest].map(({ passed, total }) => `${passed} of ${total}`)).toEqual([
      "0 of 1",
      "0 of 1",
      "0 of 1",
      "3 of 3",
    ]);
    wrong.forEach(({ says }, at) => {
      expect(reportText([first!, ...rest][at]!)).toMatch(says);
    });
  });
});

describe("grading up to the first failure", () => {
  const gradeFirst = (texts: string[], untilFailure: boolean) =>
    gradeAll(
      texts.map((text) => ({ lab, text, tasks: ["99.1"] })),
      { limitMs: 700, untilFailure },
    );
  const stateOf = ({ tasks: [task] }: GradeReport) => task!.state;

  it("leaves out the tests behind it", async () => {
    const failsThenHangs = solution.replace(
      "return vpn *",
      "if (vpn === 0) return -1;\n  for (;;);\n  return vpn *",
    );
    const [all, some] = [
      await gradeFirst([failsThenHangs, solution], false),
      await gradeFirst([failsThenHangs, solution], true),
    ];
    expect(all.map(stateOf)).toEqual(["stopped", "passed"]);
    expect(some.map(stateOf)).toEqual(["failed", "passed"]);
    expect(some[0]!.tasks[0]).toMatchObject({ test: "puts the first page at 0", got: "-1", expected: "5" });
  });

  it("leaves out no canary", async () => {
    const [tampered] = await gradeFirst([submissions.extendsExpect!], true);
    expect(stateOf(tampered!)).toBe("not-run");
    expect(tampered!.problem).toMatch(/must always fail did not/);
  });
});

describe("the report as a table", () => {
  it("escapes what comes from the learner and says everything in text as well", () => {
    const html = reportHtml({
      ...reports.untouched!,
      tasks: [
        {
          id: "99.1",
          title: "A <b> title",
          state: "failed",
          passed: 0,
          tests: 1,
          got: "<script>",
          expected: "&",
        },
      ],
    });
    expect(html).toContain("A &lt;b&gt; title");
    expect(html).toContain("&lt;script&gt;");
    expect(html).not.toContain("<script>");
  });
});
