/** Every lab's notebook: its shape, and a run of all its cells on the course's kernel. */
import { existsSync, readdirSync } from "node:fs";
import { dirname } from "node:path";
import { describe, expect, it } from "vitest";
import { allLabs } from "../../lib/course/exercises/labs.js";
import { checkNotebook } from "../../lib/course/notebooks/check.js";
import { readNotebook, sourceOf } from "../../lib/course/notebooks/nbformat.js";
import { inRepository } from "../../lib/course/paths.js";
import { ranNotebook } from "./ran.js";

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

  it("cites files of the course that exist", () => {
    const lines = readNotebook(path)
      .cells.map(sourceOf)
      .flatMap((source) => source.split("\n"))
      .filter((line) => line.includes("`lib/"));
    const missing = lines.flatMap((line) => {
      let folder = "";
      return [...line.matchAll(/`((?:lib\/)?[\w/]+\.ts)`/g)].flatMap(([, cited]) => {
        // A bare name lies where the one before it does.
        const file = cited!.startsWith("lib/") ? cited! : `${folder}/${cited}`;
        folder = dirname(file);
        return existsSync(inRepository(...file.split("/"))) ? [] : [file];
      });
    });
    expect(lines.length).toBeGreaterThan(0);
    expect(missing).toEqual([]);
  });

  it("runs from its first cell to its last", RUN, async () => {
    expect((await ranNotebook(name)).problems).toEqual([]);
  });
});
