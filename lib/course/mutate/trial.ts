/**
 * Trials: the tests of a lab's grader on one text, in this process, until the first test fails.
 *
 *     grader (transpiled once) --require--> "vitest"               describe and it that only collect
 *                                           "../../solutions/..."  the text on trial
 *                                           "../../lib/..."        the compiled library
 *
 * Learners' files are graded by gradeAll, in a vitest of their own: half a second each, and more after an
 * endless loop. A thousand mutants need the short way. It runs the same tests on the same library, and a test
 * proves that both ways agree; what survives here is tried again by gradeAll before it is called a survivor.
 *
 * A test may take as much processor time as for learners; then it is interrupted, and the text is dead.
 *
 * Not in Linux: a tool of the course. Read first: course/grading/grade.ts. Read next: pool.ts.
 */

import { readFileSync } from "node:fs";
import { dirname, resolve } from "node:path";
import { pathToFileURL } from "node:url";
import { Script } from "node:vm";
import type { Lab } from "../exercises/labs.js";
import { effort } from "../grading/effort.js";
import { errorInfo } from "../grading/texts.js";
import { ENTRIES } from "../paths.js";
import { ts } from "./operators.js";

/**
 * How a trial ended. "no code": the text is no JavaScript. `says` is the message of the test that failed;
 * `got` and `expected` are what it compared, if it did.
 */
export interface Verdict {
  result: "killed" | "survived" | "no code";
  test?: string;
  says?: string;
  got?: string;
  expected?: string;
}

/** Processor time that one test may take, as in GradeOptions. */
const LIMIT_MS = 2000;

/** However busy the computer is, no test takes longer than this. */
const MAX_TIMEOUT_MS = 240_000;

interface Test {
  task: string;
  name: string;
  run: () => unknown;
}

type Load = (exports: object, require: (name: string) => unknown) => void;

/** One lab's grader, ready to try texts. Not in Linux: a tool of the course. */
export class Trial {
  private constructor(
    private readonly grader: Load,
    private readonly modules: ReadonlyMap<string, unknown>,
  ) {}

  /** Loads the grader of `lab` and what it imports from the compiled library. */
  static async of(lab: Lab): Promise<Trial> {
    const { code } = transpiled(readFileSync(lab.grader, "utf8"));
    const modules = new Map<string, unknown>();
    for (const [, name] of code.matchAll(/\brequire\("([^"]+)"\)/g))
      if (name!.startsWith("../../lib/"))
        modules.set(name!, await import(compiled(resolve(dirname(lab.grader), name!), lab.root)));
    for (const [name, file] of ENTRIES)
      modules.set(
        name,
        await import(compiled(resolve(lab.root, "lib", file.replace(/\.ts$/, ".js")), lab.root)),
      );
    return new Trial(loader(code), modules);
  }

  /** Tries `text` with the tests of `task`. */
  try(text: string, task: string): Verdict {
    const { code, isCode } = transpiled(text);
    if (!isCode) return { result: "no code" };
    effort.shrink = false;
    const tests: Test[] = [];
    const load = { task, name: "the file is loaded", run: () => this.load(loader(code), tests) };
    let failed = runTest(load);
    for (const test of tests) if (failed === undefined && test.task === task) failed = runTest(test);
    return failed ?? { result: "survived" };
  }

  private load(submission: Load, tests: Test[]): void {
    const exported = {};
    submission(exported, (name) => this.modules.get(name));
    let task = "";
    const vitest = {
      describe: (title: string, body: () => void) => {
        task = title.split(" ")[0]!;
        body();
      },
      it: (name: string, run: () => unknown) => tests.push({ task, name, run }),
    };
    this.grader({}, (name) => {
      if (name === "vitest") return vitest;
      return name.startsWith("../../solutions/") ? exported : this.modules.get(name);
    });
  }
}

function compiled(file: string, root: string): string {
  return pathToFileURL(file.replace(resolve(root, "lib"), resolve(root, "lib", "dist"))).href;
}

function transpiled(text: string): { code: string; isCode: boolean } {
  const { outputText, diagnostics = [] } = ts.transpileModule(text, {
    reportDiagnostics: true,
    compilerOptions: { module: ts.ModuleKind.CommonJS, target: ts.ScriptTarget.ES2022 },
  });
  return { code: outputText, isCode: diagnostics.length === 0 };
}

function loader(code: string): Load {
  return new Function("exports", "require", code) as Load;
}

/** What a file that imports only types exports. */
export function evaluated(text: string): object {
  const exported = {};
  loader(transpiled(text).code)(exported, (name) => {
    throw new Error(`this file may import types only, not "${name}"`);
  });
  return exported;
}

const interruptible = new Script('globalThis[Symbol.for("pagewalk.trial")]()');

/** Runs a test; what is wrong with the text, or undefined. */
function runTest({ name, run }: Test): Verdict | undefined {
  const key = Symbol.for("pagewalk.trial");
  (globalThis as Record<symbol, unknown>)[key] = run;
  for (let timeout = LIMIT_MS; ; ) {
    const before = process.cpuUsage();
    try {
      const result = interruptible.runInThisContext({ timeout });
      if (result instanceof Promise) throw new Error("a test of a grader must not be asynchronous");
      return undefined;
    } catch (error) {
      const { user, system } = process.cpuUsage(before);
      const interrupted = (error as { code?: string } | undefined)?.code === "ERR_SCRIPT_EXECUTION_TIMEOUT";
      const used = (user + system) / 1000;
      if (interrupted && used < LIMIT_MS && timeout < MAX_TIMEOUT_MS) {
        // A busy computer gives little processor time in a second: another try, with as much more as it
        // needs.
        timeout = Math.min(MAX_TIMEOUT_MS, Math.ceil((1.2 * timeout * LIMIT_MS) / Math.max(used, 1)));
        continue;
      }
      if (interrupted) return { result: "killed", test: name, says: "it did not come back" };
      const { message, got, expected } = errorInfo(error);
      const compared = got === undefined || expected === undefined ? {} : { got, expected };
      return { result: "killed", test: name, says: message, ...compared };
    }
  }
}
