/**
 * `pagewalk notebooks check|run|strip|new`: what is done with whole notebooks. Without files, all of `notebooks/`.
 *
 * Not in Linux: part of the course, not of the machine.
 */
import { mkdirSync, readdirSync } from "node:fs";
import { basename, resolve } from "node:path";
import { type CommandRun, UsageError } from "../cli.js";
import { readNotebook, stripped, writeNotebook } from "../notebooks/nbformat.js";
import { runNotebook } from "../notebooks/run.js";
import { inRepository, shortPath } from "../paths.js";

/** A lab is named by two digits. */
const LAB = /^\d\d$/;

const SUBCOMMANDS: Record<string, CommandRun> = { run: runAll, strip };

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
  const all = readdirSync(inRepository("notebooks"))
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

/** `run [--output DIR] [FILE...]`: executes every cell; with --output keeps the outputs in copies. */
async function runAll(args: string[]): Promise<number> {
  const { output, files } = parseRunArgs(args);
  let failed = 0;
  for (const path of notebooksNamed(files)) {
    const startMs = Date.now();
    const result = await runNotebook(path, readNotebook(path));
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
  for (const path of notebooksNamed(args)) writeNotebook(path, stripped(readNotebook(path)));
  return 0;
}
