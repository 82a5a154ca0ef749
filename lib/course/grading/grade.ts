/**
 * Grading: runs vitest on submissions in a child process, survives whatever they do, and scores.
 *
 *     gradeAll(submissions)
 *       layOut()            copy each submission and its grader into a fresh folder
 *       runChild()          child.ts: vitest, a worker, a watchdog; what happens is in the trace
 *         again             if code killed the process: without that task, so that the others keep their results
 *       score()             a task passes when all of its tests are known to have passed, twice over
 *
 * A task has passed only if each test that the grader's text promises was started once and passed in the
 * worker's trace, vitest's main process says the same, every canary failed, no built-in function was
 * exchanged, and nothing was thrown later. Everything else is "not passed", so that a killed or confused
 * child can never give marks.
 */

import { spawn } from "node:child_process";
import { randomBytes } from "node:crypto";
import { dirname, join } from "node:path";
import { projectRoot } from "../../replay/root.js";
import { atEnd, endGroup, type TemporaryFolder } from "../temporary.js";
import { layOut, type Submission } from "./jobs.js";
import { Outcome } from "./outcome.js";
import type { GradeReport } from "./report.js";
import { scoreOutcome } from "./score.js";
import { type Orders, readTrace, type TraceEvent } from "./trace.js";

/** Limits of one test; the defaults suit a learner who waits. */
export interface GradeOptions {
  /** Processor time of one test in milliseconds (default 2000). */
  limitMs?: number;
  /** Memory that one test may add, in MiB (default 600). */
  limitMiB?: number;
  /** Worker processes side by side (default 1). */
  workers?: number;
  /** Leave out the tests of a task behind its first that fails: they count as failed (default false). */
  untilFailure?: boolean;
  /**
   * How many times as long as usual a child may take that is still busy, where nobody waits for it (default
   * 1).
   */
  patience?: number;
}

/** Runs that one submission may end before it is given up. */
const MAX_ROUNDS = 8;

/**
 * Grades `submissions`, in order. Never throws because of what a submission does.
 * Not in Linux: a helper of the course.
 */
export async function gradeAll(
  submissions: Submission[],
  options: GradeOptions = {},
): Promise<GradeReport[]> {
  const { folder, jobs } = layOut(submissions, projectRoot());
  try {
    const outcomes = jobs.map((job) => new Outcome(job));
    for (
      let round = 0;
      round < MAX_ROUNDS + jobs.length && outcomes.some(({ settled }) => !settled);
      round++
    ) {
      const open = outcomes.filter(({ settled }) => !settled);
      const { events, problem, late } = await runChild(open, folder, round, options);
      const news = late
        ? []
        : open.filter((outcome) => outcome.learn(events.filter(({ job }) => job === outcome.job.name)));
      if (news.length === 0) {
        for (const outcome of open) outcome.giveUp(problem);
      }
    }
    return outcomes.map(scoreOutcome);
  } finally {
    folder.remove();
  }
}

async function runChild(
  open: Outcome[],
  folder: TemporaryFolder,
  round: number,
  options: GradeOptions,
): Promise<ChildEnd & { events: TraceEvent[] }> {
  const { limitMs = 2000, limitMiB = 600, workers = 1, untilFailure = false, patience = 1 } = options;
  const root = projectRoot();
  const trace = join(folder.path, `trace-${round}`);
  const secret = randomBytes(8).toString("hex");
  const orders: Orders = {
    trace,
    secret,
    folder: folder.path,
    root,
    limitMs,
    limitMiB,
    untilFailure,
    jobs: Object.fromEntries(
      open.map(({ job, tasks }) => [
        job.name,
        { tasks: tasks.map(({ id }) => id), from: dirname(job.lab.grader) },
      ]),
    ),
    workers: Math.min(workers, open.length),
  };
  const usualMs = 30_000 + 4 * limitMs + (open.length * 1500) / orders.workers;
  const ended = await spawnChild(orders, folder, patience * usualMs);
  return { ...ended, events: readTrace(trace, secret) };
}

/**
 * How a child ended: `late` when it had to be killed at its deadline, `problem` when it did not end as it
 * should.
 */
interface ChildEnd {
  late: boolean;
  problem?: string;
}

function spawnChild(orders: Orders, folder: TemporaryFolder, deadlineMs: number): Promise<ChildEnd> {
  const child = spawn(process.execPath, [join(orders.root, "lib", "dist", "course", "grading", "child.js")], {
    cwd: orders.root,
    detached: process.platform !== "win32",
    stdio: ["pipe", "ignore", "pipe"],
    env: childEnvironment(orders),
  });
  let stderr = "";
  child.stderr.on("data", (chunk: Buffer) => {
    stderr = (stderr + chunk.toString()).slice(-4000);
  });
  const kill = () => {
    if (child.pid) endGroup(child.pid, "SIGKILL");
  };
  if (child.pid) folder.owns(child.pid);
  const forget = atEnd(kill);
  return new Promise((resolve) => {
    let late = false;
    // A command that was stopped (Ctrl-Z) finds its deadline over, but maybe also a child that has long
    // ended: that is heard first.
    const deadline = setTimeout(() => {
      setImmediate(() => {
        if (child.exitCode !== null || child.signalCode !== null) return;
        late = true;
        kill();
      });
    }, deadlineMs);
    const end = (problem?: string) => {
      clearTimeout(deadline);
      forget();
      kill(); // whatever the submission may have left running in the group
      resolve({ late, ...(problem ? { problem } : {}) });
    };
    child.on("error", (error) => end(`vitest could not be started: ${error.message}`));
    child.on("close", (code) => {
      if (late) end(`no result within ${Math.round(deadlineMs / 1000)} s; is the computer very busy?`);
      else end(code === 0 ? undefined : stderr.trim() || `vitest ended with status ${code}`);
    });
  });
}

/** The child's environment: what Node needs, and nothing that would change how vitest or Node behave. */
function childEnvironment(orders: Orders): NodeJS.ProcessEnv {
  const kept = Object.entries(process.env).filter(
    ([name]) => !/^(NODE_|VITE|VITEST|npm_|CI$|FORCE_COLOR)/.test(name),
  );
  return {
    ...Object.fromEntries(kept),
    NO_COLOR: "1",
    NODE_COMPILE_CACHE: join(orders.root, "node_modules", ".cache", "pagewalk", "compiled"),
    PAGEWALK_GRADE: JSON.stringify(orders),
  };
}
