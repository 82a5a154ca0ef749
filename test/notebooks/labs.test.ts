/** Every lab's notebook: its shape, and a run of all its cells on the course's kernel and on stock tslab. */
import { existsSync, readdirSync } from "node:fs";
import { describe, expect, it } from "vitest";
import { allLabs } from "../../lib/course/exercises/labs.js";
import { checkNotebook } from "../../lib/course/notebooks/check.js";
import { readNotebook } from "../../lib/course/notebooks/nbformat.js";
import { runNotebook } from "../../lib/course/notebooks/run.js";
import { inRepository } from "../../lib/course/paths.js";
import { stockCommand } from "../course/stock_kernel.js";

/** A lab takes some seconds; a busy computer may need many more. */
const RUN = { timeout: 180_000 };

const folder = inRepository("notebooks");
const names = (existsSync(folder) ? readdirSync(folder) : [])
  .filter((name) => name.endsWith(".ipynb"))
  .sort();

it("has a notebook for each lab that has exercises", () => {
  expect(names.map((name) => name.replace(".ipynb", ""))).toEqual(allLabs().map((lab) => lab.name));
});

describe.each(names)("%s", (name) => {
  const path = inRepository("notebooks", name);

  it("has the shape of a lab", () => {
    expect(checkNotebook(path, readNotebook(path))).toEqual([]);
  });

  it("runs from its first cell to its last", RUN, async () => {
    expect((await runNotebook(path, readNotebook(path))).problems).toEqual([]);
  });

  it("runs on stock tslab too", RUN, async () => {
    const notebook = readNotebook(path);
    // Stock tslab gives up the cells that come soon after one that is meant to fail.
    notebook.cells = notebook.cells.filter((cell) => !cell.metadata.tags?.includes("raises-exception"));
    expect((await runNotebook(path, notebook, { command: stockCommand })).problems).toEqual([]);
  });
});
