/** Every lab's notebook runs on stock tslab, too, for those who have a kernel of their own. */
import { describe, expect, it } from "vitest";
import { allLabs } from "../../lib/course/exercises/labs.js";
import { readNotebook } from "../../lib/course/notebooks/nbformat.js";
import { runNotebook } from "../../lib/course/notebooks/run.js";
import { inRepository } from "../../lib/course/paths.js";
import { stockCommand } from "../course/stock_kernel.js";

/** A lab takes some seconds; a busy computer may need many more. */
const RUN = { timeout: 180_000 };

describe.each(allLabs().map(({ name }) => name))("%s", (name) => {
  it("runs on stock tslab from its first cell to its last", RUN, async () => {
    const path = inRepository("notebooks", `${name}.ipynb`);
    const notebook = readNotebook(path);
    // Stock tslab gives up the cells that come soon after one that is meant to fail.
    notebook.cells = notebook.cells.filter((cell) => !cell.metadata.tags?.includes("raises-exception"));
    expect((await runNotebook(path, notebook, { command: stockCommand })).problems).toEqual([]);
  });
});
