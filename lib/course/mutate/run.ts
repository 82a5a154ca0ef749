/**
 * A mutation run over one lab: every mutant is tried, survivors are tried again as learners' files are, and
 * what is left is compared with the list of equivalents.
 *
 *     mutantsOf(solution) --tryAll--> dead
 *                                  \\-> alive --listed?--> equivalent
 *                                            \\--gradeAll--> dead after all, or a SURVIVOR
 *
 * Results are kept in .pagewalk/mutate/, so that a run that was stopped goes on where it was (--resume). They
 * count only for the same solution, grader and compiled library.
 *
 * Not in Linux: a tool of the course. Read first: mutants.ts, trial.ts.
 */

import { createHash } from "node:crypto";
import { appendFileSync, existsSync, mkdirSync, readdirSync, readFileSync, rmSync } from "node:fs";
import { join } from "node:path";
import type { Lab } from "../exercises/labs.js";
import { gradeAll } from "../grading/grade.js";
import { equivalentsOf } from "./equivalent.js";
import { type Mutant, mutantsOf } from "./mutants.js";
import { tryAll } from "./pool.js";
import type { Verdict } from "./trial.js";

/** What to run. */
export interface MutationOptions {
  /** Only mutants of this exercise: "04.2". */
  task?: string;
  /** Only mutants whose id contains one of these. */
  only?: readonly string[];
  /** Processes side by side. */
  jobs: number;
  /** Take over the results of a run that was stopped. */
  resume: boolean;
  /** Told of each mutant as it is tried: how many are done, and how many there are. */
  progress: (done: number, all: number, mutant: Mutant, verdict: Verdict) => void;
}

/** A mutant and what became of it. */
export interface Tried {
  mutant: Mutant;
  verdict: Verdict;
  /** Why it is as good as the solution, if the list says so. */
  because?: string;
}

/** What a run found. */
export interface MutationReport {
  lab: Lab;
  tried: Tried[];
  /** Entries of the list of equivalents that are wrong: no such mutant, or it dies. */
  stale: string[];
}

/** Runs the mutants of a lab. Not in Linux: a tool of the course. */
export async function mutate(lab: Lab, options: MutationOptions): Promise<MutationReport> {
  const solution = readFileSync(lab.master, "utf8");
  const all = mutantsOf(solution);
  const reasons = equivalentsOf(lab);
  const wanted = all.filter((mutant) => isWanted(mutant, options));
  const store = new Store(lab, options.resume);
  const verdicts = new Map<string, Verdict>();
  for (const { id } of wanted) if (store.known.has(id)) verdicts.set(id, store.known.get(id)!);
  const open = wanted.filter(({ id }) => !verdicts.has(id));
  await mustAccept(lab, solution, [...new Set(open.map(({ task }) => task))]);
  await tryAll(lab, open, options.jobs, (mutant, verdict) => {
    verdicts.set(mutant.id, verdict);
    store.keep(mutant.id, verdict);
    options.progress(verdicts.size, wanted.length, mutant, verdict);
  });
  await askTheRealGrader(lab, wanted, verdicts, reasons);
  const tried = wanted.map((mutant) => {
    const because = reasons.get(mutant.id);
    return { mutant, verdict: verdicts.get(mutant.id)!, ...(because === undefined ? {} : { because }) };
  });
  const stale = [...reasons.keys()].filter((id) => !all.some((mutant) => mutant.id === id));
  const dead = tried.filter(({ because, verdict }) => because !== undefined && verdict.result !== "survived");
  return { lab, tried, stale: [...stale, ...dead.map(({ mutant }) => mutant.id)] };
}

/** Throws unless the solution itself survives: where that dies, every mutant does. */
async function mustAccept(lab: Lab, solution: string, tasks: readonly string[]): Promise<void> {
  const unchanged = tasks.map(
    (task): Mutant => ({ id: `${task}, unchanged`, task, line: 1, text: solution }),
  );
  await tryAll(lab, unchanged, 1, ({ id }, { result, test, says }) => {
    if (result !== "survived")
      throw new Error(
        `the grader of lab ${lab.number} does not accept the solution (${id}): ${test}: ${says}`,
      );
  });
}

/** The mutants that `options` choose. Not in Linux: a tool of the course. */
export function wantedMutants(lab: Lab, options: Pick<MutationOptions, "task" | "only">): Mutant[] {
  return mutantsOf(readFileSync(lab.master, "utf8")).filter((mutant) => isWanted(mutant, options));
}

function isWanted(mutant: Mutant, { task, only }: Pick<MutationOptions, "task" | "only">): boolean {
  if (task !== undefined && mutant.task !== task) return false;
  return only === undefined || only.some((part) => mutant.id.includes(part));
}

/** How many survivors are graded in one child. */
const BATCH = 10;

/** Survivors that nobody explains are graded as a learner's file is; what it finds counts. */
async function askTheRealGrader(
  lab: Lab,
  mutants: readonly Mutant[],
  verdicts: Map<string, Verdict>,
  reasons: ReadonlyMap<string, string>,
): Promise<void> {
  const alive = mutants.filter(({ id }) => verdicts.get(id)?.result === "survived" && !reasons.has(id));
  for (let at = 0; at < alive.length; at += BATCH) {
    const batch = alive.slice(at, at + BATCH);
    const reports = await gradeAll(batch.map(({ text, task }) => ({ lab, text, tasks: [task] })));
    batch.forEach(({ id }, nr) => {
      const [graded] = reports[nr]!.tasks;
      // "not-run" says nothing: the computer was too busy. Such a mutant stays a survivor.
      if (graded?.state === "failed" || graded?.state === "stopped")
        verdicts.set(id, { result: "killed", says: graded.message ?? "" });
    });
  }
}

/** Results of runs so far, for one state of solution, grader and library. */
class Store {
  readonly known = new Map<string, Verdict>();
  private readonly file: string;

  constructor(lab: Lab, resume: boolean) {
    const folder = join(lab.root, ".pagewalk", "mutate");
    mkdirSync(folder, { recursive: true });
    const name = `${lab.name}-${stateOf(lab)}.jsonl`;
    this.file = join(folder, name);
    for (const old of readdirSync(folder))
      if (old.startsWith(`${lab.name}-`) && !(resume && old === name)) rmSync(join(folder, old));
    if (!existsSync(this.file)) return;
    for (const line of readFileSync(this.file, "utf8").split("\n")) {
      try {
        const { id, verdict } = JSON.parse(line) as { id: string; verdict: Verdict };
        this.known.set(id, verdict);
      } catch {
        // the last line of a run that was stopped, or the empty one at the end
      }
    }
  }

  keep(id: string, verdict: Verdict): void {
    appendFileSync(this.file, `${JSON.stringify({ id, verdict })}\n`);
  }
}

function stateOf(lab: Lab): string {
  const hash = createHash("sha256");
  const dist = join(lab.root, "lib", "dist");
  const compiled = readdirSync(dist, { recursive: true, encoding: "utf8" }).filter((file) =>
    file.endsWith(".js"),
  );
  for (const file of [lab.master, lab.grader, ...compiled.sort().map((name) => join(dist, name))])
    hash.update(readFileSync(file));
  return hash.digest("hex").slice(0, 12);
}
