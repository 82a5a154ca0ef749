/**
 * lib/bin/jupyter.cjs with types. It is loaded by its place in the repository, because it is not compiled: it
 * also runs before anything is.
 *
 * Not in Linux: part of the course, not of the machine.
 */
import { createRequire } from "node:module";
import { inRepository } from "../paths.js";
import type { Candidate, Jupyter } from "./find.js";
import type { InstallWay } from "./install.js";

interface JupyterCjs {
  Missing: new (message: string) => Error;
  administratorCommands(): string[][];
  askJupyter(path: string): Candidate;
  findJupyter(): Jupyter | undefined;
  installCommands(way: InstallWay): string[][];
  installWays(): InstallWay[];
  instructions(ways: InstallWay[]): string;
  jupyterCommands(env?: NodeJS.ProcessEnv): string[];
  jupyterOrInstall(): Promise<Jupyter>;
  shellLine(words: string[]): string;
}

/**
 * The functions of lib/bin/jupyter.cjs, the one copy that `npm start` uses too.
 * Not in Linux: a helper of the course.
 */
export const jupyterCjs = createRequire(import.meta.url)(
  inRepository("lib", "bin", "jupyter.cjs"),
) as JupyterCjs;
