/**
 * The runner inside the worker process: vitest's own, which also writes the trace and guards the process.
 *
 * It is loaded before the learner's code and keeps for itself what it needs (the file to write to, the number
 * of this run, the original built-in functions). It then
 * - skips the tasks that were not asked for;
 * - writes each test's start and end at once;
 * - collects what is printed, up to a limit, instead of passing a flood on;
 * - waits one turn after each test, so that a rejected promise is blamed on the test that left it behind;
 * - looks afterwards whether built-in functions were exchanged.
 */

import { openSync, writeSync } from "node:fs";
import { pathToFileURL } from "node:url";
import { format } from "node:util";
import { Worker } from "node:worker_threads";
import {
  type RunnerTask,
  type RunnerTestCase,
  type RunnerTestFile,
  type RunnerTestSuite,
  TestRunner,
} from "vitest";
import { compiledFile, ENTRIES } from "../paths.js";
import { changedBuiltIns, rememberBuiltIns } from "./builtins.js";
import { effort } from "./effort.js";
import { errorInfo, oneLine } from "./texts.js";
import type { Orders, Printed, TraceEvent } from "./trace.js";
import { asValue, isSmall } from "./values.js";

const MAX_PRINTED_LINES = 12;
const MAX_PRINTED_WIDTH = 300;
const MAX_PRINTED_TEXT = 2 ** 20;

const { stringify } = JSON;
const orders = JSON.parse(process.env.PAGEWALK_GRADE ?? "{}") as Orders;
process.env.PAGEWALK_GRADE = "";
const traceFile = openSync(orders.trace, "a");
const builtIns = rememberBuiltIns();

let job = "";
let running: string | undefined;
let printed: Printed = { lines: [], more: 0 };
/** The tasks in which a test has failed. The canaries, which all must fail, are none. */
const failed = new Set<RunnerTestSuite | undefined>();

function write(event: TraceEvent): void {
  writeSync(traceFile, `${orders.secret} ${stringify(event)}\n`);
}

/**
 * Shared with the watchdog: [0] counts up whenever something new starts; [1] is 1 while learner's code may
 * run.
 */
const pulse = new Int32Array(new SharedArrayBuffer(8));

function watch(on: boolean): void {
  Atomics.add(pulse, 0, 1);
  Atomics.store(pulse, 1, on ? 1 : 0);
}

const watchdog = new Worker(new URL("./watchdog.js", import.meta.url), {
  workerData: {
    pulse,
    limitMs: orders.limitMs,
    limitMiB: orders.limitMiB,
    trace: orders.trace,
    secret: orders.secret,
  },
  execArgv: [],
});
watchdog.unref();

function tellJob(): void {
  watchdog.postMessage(job);
}

/**
 * Takes over everything that prints, so that a million lines cost nothing and the first ones are shown with
 * the result.
 */
function capturePrinting(): void {
  const take = (...args: unknown[]) => {
    if (printed.lines.length >= MAX_PRINTED_LINES) printed.more++;
    else keepLines(format(...args.map(shortened)));
  };
  for (const name of ["log", "info", "warn", "error", "debug", "table", "dir", "trace"] as const)
    console[name] = take;
  process.stdout.write = process.stderr.write = (text: string | Uint8Array) => {
    take(String(text).replace(/\n$/, ""));
    return true;
  };
}

/** A text argument, with no more of it than can be shown. */
function shortened(value: unknown): unknown {
  return typeof value === "string" && value.length > MAX_PRINTED_TEXT
    ? value.slice(0, MAX_PRINTED_TEXT)
    : value;
}

function keepLines(text: string): void {
  for (const line of text.split("\n")) {
    if (printed.lines.length >= MAX_PRINTED_LINES) printed.more++;
    else printed.lines.push(oneLine(line, MAX_PRINTED_WIDTH));
  }
}

function late(thrown: unknown): void {
  if (job) write({ kind: "late", job, ...(running ? { test: running } : {}), error: errorInfo(thrown) });
}

// The library first: the time that it takes on a slow computer is not the learner's.
for (const entry of ENTRIES.values()) await import(pathToFileURL(compiledFile(orders.root, entry)).href);

capturePrinting();
// For the watchdog, which can ask a main thread that hangs for nothing but global things.
Object.defineProperty(globalThis, Symbol.for("pagewalk.printed"), { get: () => printed });
process.on("unhandledRejection", late);
process.on("uncaughtException", late);

/**
 * An error that says what `thrown` says, and carries nothing else. vitest's own comparisons keep what they
 * compared, if that is small.
 */
function tamed(thrown: unknown): unknown {
  if (thrown instanceof Error && thrown.name === "AssertionError") {
    const { actual, expected } = thrown as { actual?: unknown; expected?: unknown };
    if (isSmall(actual) && isSmall(expected)) return thrown;
    return Object.assign(new Error(), errorInfo(thrown), { got: asValue(actual), wanted: asValue(expected) });
  }
  const { got, expected, ...info } = errorInfo(thrown);
  return Object.assign(new Error(), info, got === undefined ? {} : { got, wanted: expected });
}

/** "01.1 Split an address > splits a user address" */
function idOf(task: RunnerTask): string {
  const names: string[] = [];
  for (let at: RunnerTask | undefined = task; at && at !== at.file; at = at.suite) names.unshift(at.name);
  return names.join(" > ");
}

function jobOf(file: RunnerTestFile): string {
  return file.filepath.replaceAll("\\", "/").split("/").at(-2)!;
}

function testIds(suite: RunnerTestSuite | RunnerTestFile): string[] {
  return suite.tasks.flatMap((task) => (task.type === "suite" ? testIds(task) : [idOf(task)]));
}

export default class GradingRunner extends TestRunner {
  override onCollectStart(file: RunnerTestFile): void {
    super.onCollectStart(file);
    job = jobOf(file);
    running = undefined;
    printed = { lines: [], more: 0 };
    write({ kind: "loading", job });
    tellJob();
    watch(true);
  }

  onCollected(files: RunnerTestFile[]): void {
    watch(false);
    for (const file of files) {
      const name = jobOf(file);
      const wanted = orders.jobs[name]?.tasks ?? [];
      const error = file.result?.errors?.[0];
      const failure = error ? { error: errorInfo(error) } : {};
      write({
        kind: "collected",
        job: name,
        tests: testIds(file),
        changed: changedBuiltIns(builtIns),
        ...failure,
      });
      for (const suite of file.tasks) {
        const task = suite.name.split(" ")[0]!;
        if (task !== "canary" && !wanted.includes(task)) suite.mode = "skip";
      }
    }
  }

  override async onBeforeRunSuite(suite: RunnerTestSuite | RunnerTestFile): Promise<void> {
    await super.onBeforeRunSuite(suite as RunnerTestSuite);
    effort.shrink = true;
  }

  override async onBeforeRunTask(test: RunnerTask): Promise<void> {
    await super.onBeforeRunTask(test);
    const owner = jobOf(test.file);
    if (owner !== job) {
      job = owner;
      tellJob();
    }
    running = idOf(test);
    printed = { lines: [], more: 0 };
    write({ kind: "start", job, test: running });
    watch(true);
  }

  /**
   * Runs the test's function; what it throws goes on as short plain texts, because vitest walks through all
   * of an error.
   */
  async runTask(test: RunnerTestCase): Promise<void> {
    if (orders.untilFailure && failed.has(test.suite)) throw new Error("left out: a test before it failed");
    try {
      await TestRunner.getTestFn(test)();
    } catch (thrown) {
      throw tamed(thrown);
    }
  }

  override async onAfterRunTask(test: RunnerTask): Promise<void> {
    // Timers of 0 ms that the test left are of the same length, and fire first: their errors are this test's.
    await new Promise((resolve) => setTimeout(resolve, 1));
    await new Promise((resolve) => setImmediate(resolve));
    watch(false);
    super.onAfterRunTask(test);
    const error = test.result?.errors?.[0];
    const passed = test.result?.state === "pass";
    if (!passed) {
      effort.shrink = false;
      if (test.suite?.name !== "canary") failed.add(test.suite);
    }
    const extra = {
      ...(error ? { error: errorInfo(error) } : {}),
      ...(printed.lines.length > 0 ? { printed } : {}),
    };
    write({ kind: "end", job, test: idOf(test), passed, ...extra });
  }

  override async onAfterRunSuite(suite: RunnerTestSuite | RunnerTestFile): Promise<void> {
    await super.onAfterRunSuite(suite);
    if ("filepath" in suite) write({ kind: "done", job: jobOf(suite), changed: changedBuiltIns(builtIns) });
  }
}
