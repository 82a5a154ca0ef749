/** Each lab's notebook is run once in a run of the tests, by the first that asks; the others take what it found. */
import { existsSync, mkdirSync, readFileSync, renameSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { setTimeout as sleep } from "node:timers/promises";
import { inject } from "vitest";
import { readNotebook } from "../../lib/course/notebooks/nbformat.js";
import { type NotebookRun, runNotebook } from "../../lib/course/notebooks/run.js";
import { inRepository } from "../../lib/course/paths.js";

/** Runs notebooks/`name` on the course's kernel, or waits for the test that does. */
export async function ranNotebook(name: string): Promise<NotebookRun> {
  const folder = join(inject("ranNotebooks"), name);
  const file = join(folder, "run.json");
  if (mkdirSync(folder, { recursive: true }) === undefined) {
    while (!existsSync(file)) await sleep(100);
    return JSON.parse(readFileSync(file, "utf8")) as NotebookRun;
  }
  const path = inRepository("notebooks", name);
  const run = await runNotebook(path, readNotebook(path));
  writeFileSync(`${file}.new`, JSON.stringify(run));
  renameSync(`${file}.new`, file);
  return run;
}
