/**
 * A pool of worker processes that try mutants. A mutant that kills its process, or from which nothing is
 * heard, is dead, and the next one gets a new process.
 *
 * Not in Linux: a tool of the course. Read first: trial.ts.
 */

import { type ChildProcess, fork } from "node:child_process";
import { join } from "node:path";
import type { Lab } from "../exercises/labs.js";
import type { Mutant } from "./mutants.js";
import type { Verdict } from "./trial.js";

/** Nothing was heard for so long: not even the limit of a test worked. A busy computer must not reach it. */
const SILENCE_MS = 900_000;

/** Memory of one worker, in MiB, as for learners' code. */
const HEAP_MIB = 1400;

/**
 * Tries `mutants` with `jobs` processes side by side; tells each verdict as it comes. Not in Linux: a tool of
 * the course.
 */
export async function tryAll(
  lab: Lab,
  mutants: readonly Mutant[],
  jobs: number,
  tell: (mutant: Mutant, verdict: Verdict) => void,
): Promise<void> {
  const queue = [...mutants];
  const workers = Array.from({ length: Math.min(jobs, queue.length) }, async () => {
    let worker: ChildProcess | undefined;
    for (let mutant = queue.shift(); mutant !== undefined; mutant = queue.shift()) {
      if (worker === undefined || !worker.connected) worker = await start(lab);
      tell(mutant, await ask(worker, mutant));
    }
    worker?.kill("SIGKILL");
  });
  await Promise.all(workers);
}

function start(lab: Lab): Promise<ChildProcess> {
  const file = join(lab.root, "lib", "dist", "course", "mutate", "worker.js");
  const options = { execArgv: [`--max-old-space-size=${HEAP_MIB}`], silent: true };
  const worker = fork(file, [lab.number], options);
  let stderr = "";
  worker.stdout?.resume();
  worker.stderr?.on("data", (chunk: Buffer) => {
    stderr = (stderr + chunk.toString()).slice(-2000);
  });
  return new Promise((done, fail) => {
    worker.once("message", () => done(worker));
    worker.once("exit", () => fail(new Error(`a worker for lab ${lab.number} could not start:\n${stderr}`)));
  });
}

function ask(worker: ChildProcess, { text, task }: Mutant): Promise<Verdict> {
  return new Promise((done) => {
    const end = (verdict: Verdict): void => {
      clearTimeout(silence);
      worker.removeAllListeners("message").removeAllListeners("exit");
      done(verdict);
    };
    const silence = setTimeout(() => {
      worker.kill("SIGKILL");
      end({ result: "killed", says: "nothing was heard of it" });
    }, SILENCE_MS);
    worker.once("message", (verdict) => end(verdict as Verdict));
    worker.once("exit", () => end({ result: "killed", says: "it ended the process" }));
    worker.send({ text, task });
  });
}
