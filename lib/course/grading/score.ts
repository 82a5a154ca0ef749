/**
 * From what is known about a submission to the report that the learner reads.
 */

import { syntaxErrors } from "../exercises/transpile.js";
import { CANARY_COUNT, type Job } from "./jobs.js";
import type { Outcome, Stop } from "./outcome.js";
import type { GradeReport, TaskReport } from "./report.js";
import { findForbidden } from "./scan.js";
import type { ErrorInfo, Printed, TraceEvent } from "./trace.js";

type EndEvent = Extract<TraceEvent, { kind: "end" }>;

/** The report of one settled outcome. Not in Linux: a helper of the course. */
export function scoreOutcome(outcome: Outcome): GradeReport {
  const { job } = outcome;
  const problem = problemOf(outcome);
  const tasks = job.tasks.map((task) => (problem ? notRun(task) : scoreTask(outcome, task)));
  return {
    lab: job.lab.number,
    topic: job.lab.topic,
    file: job.file,
    ...(problem ? { problem } : {}),
    tasks,
    passed: tasks.filter(({ state }) => state === "passed").length,
    total: tasks.length,
  };
}

function notRun({ id, title, tests }: Job["tasks"][number]): TaskReport {
  return { id, title, state: "not-run", passed: 0, tests: tests.length };
}

const FOR_EXERCISES = 'is not for exercises; import what you need from "pagewalk" and "pagewalk/kernel"';

/** Why no task can be scored, in the learner's terms; undefined when all is well. */
function problemOf(outcome: Outcome): string | undefined {
  const { job, events } = outcome;
  const forbidden = findForbidden(job.text);
  if (forbidden) {
    const { line, what, advice = FOR_EXERCISES } = forbidden;
    return `${job.file}:${line}: ${what} ${advice}.`;
  }
  if (outcome.loading) return whileLoading(outcome.loading, job);
  const collected = events.find((event) => event.kind === "collected");
  const exchanged = exchangedBuiltIns(outcome);
  if (exchanged) return exchanged;
  if (collected?.error) return loadError(collected.error, job);
  if (outcome.problem) return `The grader could not finish: ${outcome.problem}`;
  const tests = job.tasks.flatMap((task) => task.tests);
  if (job.tasks.some((task) => task.tests.length === 0))
    return `The grader of lab ${job.lab.number} has no tests for some of these tasks.`;
  const extra = collected?.tests.find(
    (test) => !job.promised.includes(test) && !test.startsWith("canary > "),
  );
  if (extra) return `There is a test "${extra}" that the text of the grader does not show.`;
  const missing = collected ? tests.find((test) => !collected.tests.includes(test)) : tests[0];
  if (missing && outcome.stopped.size < job.tasks.length)
    return `The grader did not find its own test "${missing}".`;
  return cheating(outcome);
}

function exchangedBuiltIns({ events }: Outcome): string | undefined {
  const changed = events.flatMap((event) => ("changed" in event ? event.changed : []));
  if (changed.length === 0) return undefined;
  const names = [...new Set(changed)].slice(0, 3).join(", ");
  return `Your code exchanges built-in functions (${names}). Nothing is scored until it leaves them as they are.`;
}

function cheating({ job, events, stopped }: Outcome): string | undefined {
  if (stopped.size === job.tasks.length) return undefined;
  const canaries = events.filter(
    (event) => event.kind === "end" && event.test.startsWith("canary > "),
  ) as EndEvent[];
  if (canaries.length === CANARY_COUNT && canaries.every(({ passed }) => !passed)) return undefined;
  return "A check that must always fail did not. Your code changes how values are compared; nothing is scored until it does not.";
}

function whileLoading(stop: Stop, job: Job): string {
  const where = place(stop.stack, job);
  const file = job.file;
  if (stop.why === "loop")
    return `${file} did not come back while it was loaded: an endless loop${where ? ` at ${where}` : ""}.`;
  if (stop.why === "memory")
    return `${file} took too much memory while it was loaded${where ? `, at ${where}` : ""}.`;
  return `${file} ended the whole process while it was loaded. Take process.exit and the like out of it.`;
}

function loadError(error: ErrorInfo, job: Job): string {
  const syntax = syntaxErrors(job.text, job.file);
  if (syntax.length > 0) return syntax.join("\n\n");
  const where = place(error.stack, job);
  const { message } = explain(error, job);
  return `${job.file} could not be loaded. ${message}${where ? `\nat ${where}` : ""}`;
}

function scoreTask(outcome: Outcome, task: Job["tasks"][number]): TaskReport {
  const { job, events } = outcome;
  const report: TaskReport = {
    id: task.id,
    title: task.title,
    state: "passed",
    passed: 0,
    tests: task.tests.length,
  };
  const stop = outcome.stopped.get(task.id);
  if (stop) return { ...report, state: "stopped", ...stopDetails(stop, job) };
  const ends = events.filter((event): event is EndEvent => event.kind === "end");
  const results = task.tests.map((test) => ends.filter((end) => end.test === test));
  report.passed = results.filter((found) => found.length === 1 && found[0]!.passed).length;
  const first = results.findIndex((found) => found.length !== 1 || !found[0]!.passed);
  if (first >= 0) return { ...report, ...failure(task, task.tests[first]!, results[first]![0], job) };
  const late = events.find((event) => event.kind === "late" && event.test?.startsWith(`${task.id} `));
  if (late?.kind === "late") return { ...report, ...lateFailure(late, job) };
  return report;
}

function failure(
  task: Job["tasks"][number],
  test: string,
  end: EndEvent | undefined,
  job: Job,
): Partial<TaskReport> & Pick<TaskReport, "state"> {
  const error = end?.error;
  if (!error) return { state: "failed", test: sentence(test), message: "This check did not run." };
  if (error.name === "NotWrittenYet") return { state: "not-written" };
  const where = place(error.stack, job);
  return {
    state: "failed",
    test: sentence(test),
    ...(notExported(error, task, job) ?? explain(error, job)),
    ...(where ? { where } : {}),
    ...printedPart(end),
  };
}

function lateFailure(
  late: Extract<TraceEvent, { kind: "late" }>,
  job: Job,
): Partial<TaskReport> & Pick<TaskReport, "state"> {
  const where = place(late.error.stack, job);
  return {
    state: "failed",
    test: sentence(late.test ?? ""),
    message: `It passed, but an error came later, from a promise or timer it left behind. ${late.error.name}: ${plain(late.error.message, job)}`,
    ...(where ? { where } : {}),
  };
}

function stopDetails(stop: Stop, job: Job): Partial<TaskReport> {
  const where = place(stop.stack, job);
  const inside = /in (.*)$/.exec(where ?? "")?.[1];
  const there = stop.locals.length > 0 ? ` There, ${stop.locals.join(", ")}.` : "";
  const says = {
    loop: `It did not come back within ${stop.limitMs / 1000} s${inside ? `; it was inside ${inside}` : ""}.${there}`,
    memory: `It took more and more memory and was stopped${inside ? ` inside ${inside}` : ""}.${there}`,
    ended: "It ended the whole process: by leaving it, or by using up all memory at once.",
  };
  return {
    test: sentence(stop.test ?? ""),
    message: says[stop.why],
    ...(where ? { where } : {}),
    ...printedPart(stop),
  };
}

/** "sum is not a function" where the learner's file has lost the function that the task is about. */
function notExported(
  error: ErrorInfo,
  task: Job["tasks"][number],
  job: Job,
): { message: string } | undefined {
  const name = /([\w$]+)\)? is not a (?:function|constructor)/.exec(error.message)?.[1];
  if (!name || !task.declares.includes(name)) return undefined;
  if (new RegExp(`^export .*\\b${name.replaceAll("$", "\\$")}\\b`, "m").test(job.text)) return undefined;
  return { message: `${job.file} has no "export" of ${name} any more; reset ${task.id} brings it back.` };
}

/** An error in the learner's terms: comparisons keep got and expected apart. */
function explain(error: ErrorInfo, job: Job): Partial<TaskReport> {
  const { got, expected } = error;
  if (error.name === "DifferenceError")
    return { message: error.message, ...(got !== undefined ? { got, expected } : {}) };
  if (error.name === "AssertionError") {
    const headline = error.message.split("\n")[0]!.replace(/ \/\/ Object\.is equality$/, "");
    return got !== undefined && !headline.includes(got)
      ? { message: headline, got, expected }
      : { message: headline };
  }
  const message = plain(error.message, job);
  if (/Maximum call stack size exceeded/.test(message))
    return { message: "It called itself without end (the stack is full)." };
  if (/^Test timed out/.test(message))
    return { message: "It did not finish: it waits for a promise that is never resolved." };
  const exit = /^process\.exit unexpectedly called with "(.*)"/.exec(message);
  if (exit) return { message: `It called process.exit(${exit[1]}); an exercise returns or throws instead.` };
  return { message: `It threw ${error.name}: ${message}` };
}

const MAX_FRAME = 1000;
const FRAME = /at (?:async )?(?:(.+?) \()?(?:file:\/\/)?(.*?):(\d+):(\d+)\)?$/;

/** The innermost place in the learner's file that a stack names: "exercises/01-paging.ts:31, in decode()". */
function place(stack: string, job: Job): string | undefined {
  for (const line of stack.split("\n")) {
    if (line.length > MAX_FRAME) continue; // a function may have any name
    const [, name, file, at] = FRAME.exec(line.trim()) ?? [];
    if (/\beval\b/.test(line)) continue; // where the watchdog asked
    if (!file || !/[\\/]j\d+[\\/]exercises[\\/]/.test(file)) continue;
    const called = name?.replace(/^(?:Module|Object|new)\.?\s*/, "").replace(/ \[as .*\]$/, "");
    return `${job.file}:${at}${called && called !== "eval" ? `, in ${called}()` : ""}`;
  }
  return undefined;
}

/** `text` without the paths of the folder that the code was copied to. */
function plain(text: string, job: Job): string {
  return text.replace(/(?:file:\/\/)?[^\s"'(]*[\\/]j\d+[\\/]exercises[\\/][\w.-]+/g, job.file);
}

function sentence(test: string): string {
  return test.split(" > ").slice(1).join(" > ");
}

function printedPart({ printed }: { printed?: Printed }): { printed?: string[] } {
  if (!printed) return {};
  const { lines, more } = printed;
  return { printed: more > 0 ? [...lines, `... and ${more} more lines`] : lines };
}
