/**
 * What is known about one submission while its tests run, over as many runs as it takes.
 *
 * Code under test can end the process. The run that follows leaves out the task that did it and repeats the
 * others, so that in the end one run went through from the loading of the file to vitest's own verdict.
 */

import type { Job } from "./jobs.js";
import { findForbidden } from "./scan.js";
import type { Printed, TraceEvent } from "./trace.js";

/** How a task (or the loading of the file) ended the process. */
export interface Stop {
  why: "loop" | "memory" | "ended";
  limitMs: number;
  /** The test that was running. */
  test?: string;
  stack: string;
  locals: string[];
  printed?: Printed;
}

/** One submission on its way to a result. Not in Linux: a helper of the course. */
export class Outcome {
  /** The events of the latest run. */
  events: TraceEvent[] = [];
  /** The tasks that ended a run, and how. */
  readonly stopped = new Map<string, Stop>();
  /** Set when the file could not even be loaded. */
  loading?: Stop;
  /** Set when the grading machinery itself failed. */
  problem?: string;
  settled: boolean;

  constructor(readonly job: Job) {
    this.settled = findForbidden(job.text) !== undefined;
  }

  /** The tasks that the next run has to try. */
  get tasks(): Job["tasks"] {
    return this.job.tasks.filter(({ id }) => !this.stopped.has(id));
  }

  /** Takes in the events of one run; returns whether they brought anything new. */
  learn(events: TraceEvent[]): boolean {
    this.events = events;
    const collected = events.find((event) => event.kind === "collected");
    if (!collected) {
      if (!events.some(({ kind }) => kind === "loading")) return false;
      this.loading = stopOf(events, undefined);
      this.settled = true;
    } else if (
      collected.error ||
      collected.changed.length > 0 ||
      (events.some(({ kind }) => kind === "done") && this.verdictAgrees())
    ) {
      this.settled = true;
    } else {
      const test = openTest(events);
      if (!test) return false;
      this.stopped.set(test.split(" ")[0]!, stopOf(events, test));
      this.settled = this.tasks.length === 0;
    }
    return true;
  }

  /** No further run would help. */
  giveUp(problem = "the process ended before all results were there"): void {
    this.problem = problem;
    this.settled = true;
  }

  /** Whether vitest's main process counts the same tests as passed as the trace of the worker does. */
  private verdictAgrees(): boolean {
    const verdict = this.events.find((event) => event.kind === "verdict");
    const passed = this.events.flatMap((event) => (event.kind === "end" && event.passed ? [event.test] : []));
    return verdict !== undefined && [...verdict.passed].sort().join("\n") === passed.sort().join("\n");
  }
}

const NOTHING_SEEN = { why: "ended" as const, limitMs: 0, stack: "", locals: [], printed: undefined };

function stopOf(events: TraceEvent[], test: string | undefined): Stop {
  const stopped = events.find((event) => event.kind === "stopped");
  const { why, limitMs, stack, locals, printed } = stopped ?? NOTHING_SEEN;
  return {
    why,
    limitMs,
    stack,
    locals,
    ...(printed?.lines.length ? { printed } : {}),
    ...(test ? { test } : {}),
  };
}

function openTest(events: TraceEvent[]): string | undefined {
  let open: string | undefined;
  for (const event of events) {
    if (event.kind === "start") open = event.test;
    else if (event.kind === "end") open = undefined;
  }
  return open;
}
