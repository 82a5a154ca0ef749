/**
 * `pagewalk notebooks check|run|strip|new`: what is done with whole notebooks. Without files, all of `notebooks/`.
 *
 * Not in Linux: part of the course, not of the machine.
 */
import { existsSync, mkdirSync, readdirSync } from "node:fs";
import { basename, resolve } from "node:path";
import { CommandFailure, type CommandRun, UsageError } from "../cli.js";
import { checkNotebook } from "../notebooks/check.js";
import { type Notebook, readNotebook, stripped, writeNotebook } from "../notebooks/nbformat.js";
import { runNotebook } from "../notebooks/run.js";
import { newNotebook } from "../notebooks/scaffold.js";
import { inRepository, shortPath } from "../paths.js";

/** A lab is named by two digits. */
const LAB = /^\d\d$/;

const SUBCOMMANDS: Record<string, CommandRun> = { check, run: runAll, strip, new: create };

export const run: CommandRun = async (args) => {
  const [name, ...rest] = args;
  const subcommand = name !== undefined && Object.hasOwn(SUBCOMMANDS, name) ? SUBCOMMANDS[name] : undefined;
  if (subcommand === undefined)
    throw new UsageError(`notebooks what? ${Object.keys(SUBCOMMANDS).join(", ")}`);
  return subcommand(rest);
};

/** The notebooks named in `args`: as paths, by lab number ("01"), or all. */
export function notebooksNamed(args: string[]): string[] {
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

function read(path: string): Notebook {
  if (!existsSync(path)) throw new CommandFailure(`there is no ${shortPath(path)}`);
  try {
    return readNotebook(path);
  } catch (error) {
    throw new CommandFailure((error as Error).message, { cause: error });
  }
}

/** `run [--output DIR] [FILE...]`: executes every cell; with --output keeps the outputs in copies. */
async function runAll(args: string[]): Promise<number> {
  const { output, files } = parseRunArgs(args);
  let failed = 0;
  for (const path of notebooksNamed(files)) {
    const startMs = Date.now();
    const result = await runNotebook(path, read(path));
    const seconds = ((Date.now() - startMs) / 1000).toFixed(1);
    const verdict = result.problems.length === 0 ? "ok" : "FAILED";
    console.log(`${verdict}  ${shortPath(path)}  ${result.cellsRun} cells, ${seconds} s`);
    for (const { cell, what } of result.problems) {
      console.log(`  ${cell === undefined ? "" : `cell ${cell}: `}${what.replaceAll("\n", "\n    ")}`);
    }
    if (result.problems.length > 0) failed++;
    if (output === undefined) continue;
    mkdirSync(output, { recursive: true });
    writeNotebook(resolve(output, basename(path)), result.notebook);
  }
  return failed === 0 ? 0 : 1;
}

function parseRunArgs(args: string[]): { output: string | undefined; files: string[] } {
  const at = args.indexOf("--output");
  if (at < 0) return { output: undefined, files: args };
  const output = args[at + 1];
  if (output === undefined) throw new UsageError("--output needs the folder to write to");
  return { output, files: args.filter((_, index) => index !== at && index !== at + 1) };
}

async function strip(args: string[]): Promise<number> {
  for (const path of notebooksNamed(args)) writeNotebook(path, stripped(read(path)));
  return 0;
}

/** `check [FILE...]`: the shape of each, as `check.ts` has it. */
async function check(args: string[]): Promise<number> {
  let failed = 0;
  for (const path of notebooksNamed(args)) {
    const problems = checkNotebook(path, read(path));
    console.log(`${problems.length === 0 ? "ok" : "FAILED"}  ${shortPath(path)}`);
    for (const { cell, what } of problems)
      console.log(`  ${cell === undefined ? "" : `cell ${cell}: `}${what}`);
    if (problems.length > 0) failed++;
  }
  return failed === 0 ? 0 : 1;
}

/** `new NN-topic [TITLE]`: a notebook with all the sections of a lab. */
async function create(args: string[]): Promise<number> {
  const [name = "", title] = args;
  const [, number, topic] = /^(\d\d)-([a-z0-9-]+)$/.exec(name) ?? [];
  if (number === undefined || topic === undefined)
    throw new UsageError(`new needs a name such as 05-reclaim, not "${name}"`);
  const path = inRepository("notebooks", `${name}.ipynb`);
  if (existsSync(path)) throw new CommandFailure(`${shortPath(path)} is already there`);
  const words = topic.replaceAll("-", " ");
  writeNotebook(path, newNotebook(number, title ?? words[0]!.toUpperCase() + words.slice(1)));
  console.log(`wrote ${shortPath(path)}`);
  return 0;
}
