/**
 * Paths inside a copy of the course. Every one is found from the place of `replay/root.ts`, never from the
 * current directory: a notebook's kernel runs in the repository's root, stock tslab in `notebooks/`, a grader
 * in a temporary copy.
 *
 * Not in Linux: part of the course, not of the machine.
 */
import { join } from "node:path";
import { projectRoot } from "../replay/root.js";

/** A path inside the repository, e.g. `inRepository("notebooks", "01-paging.ipynb")`. */
export function inRepository(...parts: string[]): string {
  return join(projectRoot(), ...parts);
}

/**
 * What exercises and notebooks import of the library, with the source file in lib that each name stands for.
 */
export const ENTRIES: ReadonlyMap<string, string> = new Map([
  ["pagewalk", "index.ts"],
  ["pagewalk/kernel", "kernel.ts"],
]);

/** The compiled file of a source file of lib ("index.ts", "mm/vmstat.ts") in the repository at `root`. */
export function compiledFile(root: string, source: string): string {
  return join(root, "lib", "dist", source.replace(/\.ts$/, ".js"));
}

/** A path as a person in `from` (default: the current directory) would type it, if that is shorter. */
export function shortPath(path: string, from: string = process.cwd()): string {
  return path.startsWith(`${from}/`) ? path.slice(from.length + 1) : path;
}
