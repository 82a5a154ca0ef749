/**
 * `npm run mutate`: plants every small mistake in the solutions and sees whether the graders find it.
 *
 * Exit status 0 when every mutant dies or is listed as equivalent, 1 when one survives or an entry of the
 * list is wrong, 2 when the command was not understood.
 *
 * Not in Linux: a tool of the course. Read first: run.ts.
 */

import { parseArgs } from "node:util";
import { allLabs, findLab, type Lab } from "../exercises/labs.js";
import { type MutationOptions, type MutationReport, mutate, type Tried, wantedMutants } from "./run.js";
import type { Verdict } from "./trial.js";

const HELP = `usage: npm run mutate -- [--lab 04 | --exercise 04.2] [--only PART]... [--jobs N] [--resume] [--show] [--list]

Plants small mistakes in the solutions, one at a time, and runs the graders on each. Those that no check finds must be
listed in test/exercises/equivalent/, with the reason why nothing can show a difference.

  --lab 04         only this lab
  --exercise 04.2  only this exercise
  --only PART      only mutants whose id contains PART; may be repeated
  --jobs N         processes side by side (default 1)
  --resume         go on where a run was stopped
  --show           print for each dead mutant what the grader said
  --list           print the ids, and try nothing
`;

interface Wanted {
  labs: { lab: Lab; task?: string }[];
  only?: string[];
  jobs: number;
  resume: boolean;
  show: boolean;
  list: boolean;
}

function wantedOf(args: string[]): Wanted | undefined {
  const { values } = parseArgs({
    args,
    options: {
      lab: { type: "string" },
      exercise: { type: "string" },
      only: { type: "string", multiple: true },
      jobs: { type: "string", default: "1" },
      resume: { type: "boolean", default: false },
      show: { type: "boolean", default: false },
      list: { type: "boolean", default: false },
      help: { type: "boolean", short: "h", default: false },
    },
  });
  if (values.help) return undefined;
  const jobs = Number(values.jobs);
  if (!Number.isInteger(jobs) || jobs < 1)
    throw new RangeError(`--jobs is ${values.jobs}, not a number from 1 on`);
  const name = values.exercise ?? values.lab;
  const { resume, show, list, only } = values;
  const common = { jobs, resume, show, list, ...(only ? { only } : {}) };
  if (name === undefined) return { ...common, labs: allLabs().map((lab) => ({ lab })) };
  const { lab, task } = findLab(name);
  if (values.exercise !== undefined && task === undefined)
    throw new RangeError(`--exercise is ${name}, which is a lab; an exercise is ${lab.number}.1`);
  return { ...common, labs: [task === undefined ? { lab } : { lab, task: task.id }] };
}

async function main(args: string[]): Promise<number> {
  const wanted = wantedOf(args);
  if (wanted === undefined) {
    process.stdout.write(HELP);
    return 0;
  }
  let status = 0;
  for (const { lab, task } of wanted.labs) {
    const options = { ...wanted, ...(task ? { task } : {}) };
    if (wanted.list) {
      const ids = wantedMutants(lab, options).map(({ id, line }) => `${line}: ${id}`);
      process.stdout.write(`${ids.join("\n")}\n`);
      continue;
    }
    const report = await mutate(lab, { ...options, progress: progressOf(wanted.show) });
    process.stdout.write(reportText(report));
    if (report.stale.length > 0 || report.tried.some(isSurvivor)) status = 1;
  }
  return status;
}

/** A line on the terminal that counts; with `show`, a line for each mutant. */
function progressOf(show: boolean): MutationOptions["progress"] {
  return (done, all, { id }, { result, test, says }) => {
    if (show)
      process.stdout.write(
        `${result}: ${id}\n    [${test ?? ""}] ${(says ?? "").split("\n").join("\n    ")}\n`,
      );
    else if (process.stderr.isTTY) process.stderr.write(`\r${done} of ${all}${done === all ? "\n" : ""}`);
    else if (done % 100 === 0) process.stderr.write(`${done} of ${all}\n`);
  };
}

function isSurvivor({ verdict, because }: Tried): boolean {
  return verdict.result === "survived" && because === undefined;
}

function reportText({ lab, tried, stale }: MutationReport): string {
  const lines = [`${lab.name}            mutants   killed   equivalent   survived   no code`];
  for (const task of [...new Set(tried.map(({ mutant }) => mutant.task))].sort()) {
    const own = tried.filter(({ mutant }) => mutant.task === task);
    const count = (result: Verdict["result"]) =>
      own.filter(({ verdict }) => verdict.result === result).length;
    const survived = own.filter(isSurvivor).length;
    const counts = [own.length, count("killed"), count("survived") - survived, survived, count("no code")];
    const widths = [lab.name.length + 19 - task.length, 9, 13, 11, 10];
    lines.push(`${task}${counts.map((nr, at) => String(nr).padStart(widths[at]!)).join("")}`);
  }
  for (const { mutant } of tried.filter(isSurvivor))
    lines.push(`survived: ${mutant.id}`, `    (line ${mutant.line} of solutions/${lab.name}.ts)`);
  for (const id of stale)
    lines.push(`test/exercises/equivalent/${lab.name}.ts: no such mutant is alive: ${id}`);
  return `${lines.join("\n")}\n`;
}

main(process.argv.slice(2)).then(
  (status) => process.exit(status),
  (error: unknown) => {
    const isUsage = error instanceof RangeError || error instanceof TypeError;
    process.stderr.write(
      isUsage ? `mutate: ${error.message}\n\n${HELP}` : `${String((error as Error).stack)}\n`,
    );
    process.exit(2);
  },
);
