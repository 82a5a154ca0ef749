/**
 * Where things are in a copy of the course. Every path is found from this file's own place, never from the
 * current directory: a notebook's kernel runs in the repository's root, stock tslab in `notebooks/`, a
 * grader in a temporary copy.
 *
 * Not in Linux: part of the course, not of the machine.
 */
import { existsSync } from "node:fs";
import { dirname, join } from "node:path";
import { fileURLToPath } from "node:url";

let root: string | undefined;

/** The repository's root: the nearest folder above this file that has `notebooks/` or `lib/` and a package-lock. */
export function repositoryRoot(): string {
  if (root !== undefined) return root;
  let dir = dirname(fileURLToPath(import.meta.url));
  while (!existsSync(join(dir, "package-lock.json"))) {
    const parent = dirname(dir);
    if (parent === dir) throw new RangeError(`no package-lock.json in any folder above ${import.meta.url}`);
    dir = parent;
  }
  root = dir;
  return dir;
}

/** A path inside the repository, e.g. `inRepository("notebooks", "01-paging.ipynb")`. */
export function inRepository(...parts: string[]): string {
  return join(repositoryRoot(), ...parts);
}

/** A path as a person in `from` (default: the current directory) would type it, if that is shorter. */
export function shortPath(path: string, from: string = process.cwd()): string {
  return path.startsWith(`${from}/`) ? path.slice(from.length + 1) : path;
}
