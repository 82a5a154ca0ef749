/**
 * The trace: what the grading child writes down, line by line, while it runs a learner's code.
 *
 *     check(), grade()            child.ts                     runner.ts              watchdog.ts
 *     this process    --spawn-->  vitest's main process  -->   a worker process  +    a thread in it
 *          ^                          |  "verdict"                 |  "start", "end"      |  "stopped"
 *          +------- reads ----------- trace file  <-----------------+----------------------+
 *
 * Why a file, written synchronously: code under test may loop for ever, end the process or eat all memory,
 * and every message still in a queue is lost then. A line that was written stays. Each line carries a number
 * that only this run knows, so that printing something that looks like a line proves nothing.
 */

import { existsSync, readFileSync } from "node:fs";

/** An error of a learner's code or of a grader's comparison. */
export interface ErrorInfo {
  name: string;
  message: string;
  stack: string;
  /** Set when the error compares two things; already written for people. */
  got?: string;
  expected?: string;
}

/** What the code under test printed: the first lines, and how many more there were. */
export interface Printed {
  lines: string[];
  more: number;
}

/** One line of the trace. `job` is the folder of one submission, `test` is "01.1 Title > sentence". */
export type TraceEvent =
  | { kind: "loading"; job: string }
  | { kind: "collected"; job: string; tests: string[]; changed: string[]; error?: ErrorInfo }
  | { kind: "start"; job: string; test: string }
  | { kind: "end"; job: string; test: string; passed: boolean; error?: ErrorInfo; printed?: Printed }
  | { kind: "late"; job: string; test?: string; error: ErrorInfo }
  | {
      kind: "stopped";
      job: string;
      why: "loop" | "memory";
      limitMs: number;
      stack: string;
      locals: string[];
      printed?: Printed;
    }
  | { kind: "done"; job: string; changed: string[] }
  | { kind: "verdict"; job: string; passed: string[] };

/** What the parent tells the child and its workers, through the environment variable PAGEWALK_GRADE. */
export interface Orders {
  /** The file to append the trace to. */
  trace: string;
  /** The number that every line must carry. */
  secret: string;
  /** The folder that holds one folder for each job. */
  folder: string;
  root: string;
  /** For each job: the tasks to run, and the folder that its grader comes from. */
  jobs: Record<string, { tasks: string[]; from: string }>;
  workers: number;
  /** Processor time that one test may take, in milliseconds. */
  limitMs: number;
  /** Memory that one test may take, in MiB. */
  limitMiB: number;
  /** Whether the tests of a task behind the first that fails are left out, and count as failed. */
  untilFailure: boolean;
}

/**
 * The events of a trace file; lines that are cut off or do not carry `secret` are left out.
 * Not in Linux: a helper of the course.
 */
export function readTrace(file: string, secret: string): TraceEvent[] {
  if (!existsSync(file)) return [];
  const events: TraceEvent[] = [];
  for (const line of readFileSync(file, "utf8").split("\n")) {
    if (!line.startsWith(`${secret} `)) continue;
    try {
      events.push(JSON.parse(line.slice(secret.length + 1)) as TraceEvent);
    } catch {
      // the process died in the middle of this line
    }
  }
  return events;
}
