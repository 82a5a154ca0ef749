/**
 * `pagewalk notebooks check|run|strip|new`: what is done with whole notebooks. Without files, all of
 * `notebooks/`.
 *
 * Not in Linux: part of the course, not of the machine.
 */
import { existsSync, mkdirSync, readdirSync } from "node:fs";
import { basename, resolve } from "node:path";
import { valueText } from "../../hw/options.js";
import { checkNotebook } from "../notebooks/check.js";
import { type Notebook, readNotebook, stripped, writeNotebook } from "../notebooks/nbformat.js";
import { runNotebook } from "../notebooks/run.js";
import { newNotebook } from "../notebooks/scaffold.js";
import { inRepository, shortPath } from "../paths.js";
import type { Arguments } from "./arguments.js";
import { CommandFailure, UsageError } from "./errors.js";

/** A lab is named by two digits. */
const LAB = /^\d\d$/;

/** The notebooks named in `args`: as paths, by lab number ("01"), or all. */
export function notebooksNamed(args: readonly string[]): string[] {
  if (args.length > 0 && !args.some((arg) => LAB.test(arg))) return args.map((arg) => resolve(arg));
  const folder = inRepository("notebooks");
  const all = (existsSync(folder) ? readdirSync(folder) : [])
    .filter((name) => name.endsWith(".ipynb"))
    .sort()
    .map((name) => inRepository("notebooks", name));
  if (args.length === 0) return all;
  return args.flatMap((arg) => {
    if (!LAB.test(arg)) return [resolve(arg)];
    const found = all.filter((path) => basename(path).startsWith(`${arg}-`));
    if (found.length === 0) throw new UsageError(`there is no notebook for lab ${arg}`);
    return found;
  });
}

/**
 * Does `act` with each notebook that `args` name; the number of those that failed. One that cannot be read is
 * told and counted, and the others have their turn.
 */
async function each(
  args: Arguments,
  act: (path: string, notebook: Notebook) => Promise<boolean> | boolean,
): Promise<number> {
  let failed = 0;
  for (const path of notebooksNamed(args.words)) {
    let notebook: Notebook;
    try {
      notebook = readNotebook(path);
    } catch (error) {
      if (!(error instanceof CommandFailure || error instanceof RangeError)) throw error;
      console.log(`FAILED  ${shortPath(path)}\n  ${error.message}`);
      failed++;
      continue;
    }
    if (!(await act(path, notebook))) failed++;
  }
  return failed === 0 ? 0 : 1;
}

/**
 * `run [--output DIR] [FILE...]`: executes every cell; with --output keeps the outputs in copies.
 * Not in Linux: a helper of the course.
 */
export async function runAll(args: Arguments): Promise<number> {
  const output = args.value("--output");
  if (output !== undefined) mkdirSync(output, { recursive: true });
  return each(args, async (path, notebook) => {
    const startMs = Date.now();
    const result = await runNotebook(path, notebook);
    const seconds = ((Date.now() - startMs) / 1000).toFixed(1);
    const verdict = result.problems.length === 0 ? "ok" : "FAILED";
    console.log(`${verdict}  ${shortPath(path)}  ${result.cellsRun} cells, ${seconds} s`);
    printProblems(result.problems.map(({ cell, what }) => ({ cell, what: what.replaceAll("\n", "\n    ") })));
    if (output !== undefined) writeNotebook(resolve(output, basename(path)), result.notebook);
    return result.problems.length === 0;
  });
}

function printProblems(problems: readonly { cell?: number | undefined; what: string }[]): void {
  for (const { cell, what } of problems)
    console.log(`  ${cell === undefined ? "" : `cell ${cell}: `}${what}`);
}

/** `strip [FILE...]`: takes the outputs out. Not in Linux: a helper of the course. */
export async function strip(args: Arguments): Promise<number> {
  return each(args, (path, notebook) => {
    writeNotebook(path, stripped(notebook));
    return true;
  });
}

/**
 * `check [FILE...]`: the shape of each, as `course/notebooks/check.ts` has it.
 * Not in Linux: a helper of the course.
 */
export async function check(args: Arguments): Promise<number> {
  return each(args, (path, notebook) => {
    const problems = checkNotebook(path, notebook);
    console.log(`${problems.length === 0 ? "ok" : "FAILED"}  ${shortPath(path)}`);
    printProblems(problems);
    return problems.length === 0;
  });
}

/**
 * `new NN-topic [TITLE]`: a notebook with all the sections of a lab. Not in Linux: a helper of the course.
 */
export async function create({ words: [name = "", title] }: Arguments): Promise<number> {
  const [, number, topic] = /^(\d\d)-([a-z0-9-]+)$/.exec(name) ?? [];
  if (number === undefined || topic === undefined)
    throw new UsageError(`new needs a name such as 05-reclaim, not ${valueText(name)}`);
  const path = inRepository("notebooks", `${name}.ipynb`);
  if (existsSync(path)) throw new CommandFailure(`${shortPath(path)} is already there`);
  const words = topic.replaceAll("-", " ");
  writeNotebook(path, newNotebook(number, title ?? words[0]!.toUpperCase() + words.slice(1)));
  console.log(`wrote ${shortPath(path)}`);
  return 0;
}
