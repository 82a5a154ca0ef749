/** Runs some cells of a notebook as they stand, in this process, and gives back what they show: the values, not their HTML. */
import { readFileSync } from "node:fs";
import ts from "typescript";
import { inRepository } from "../../lib/course/paths.js";
import * as pagewalk from "../../lib/index.js";

interface NotebookCell {
  id: string;
  source: string[];
}

/** `source` with its last expression returned, as a kernel takes the last expression of a cell for its value. */
function returningLast(source: string): string {
  const file = ts.createSourceFile("cell.ts", source, ts.ScriptTarget.ES2022, true);
  const last = file.statements.at(-1);
  if (last === undefined || !ts.isExpressionStatement(last)) return source;
  const at = last.getStart(file);
  return `${source.slice(0, at)}return ${source.slice(at)}`;
}

/** What the cells `ids` of `lab` show, in order: what they give to show(), and the last one's value. */
export function shownBy(lab: string, ids: readonly string[]): unknown[] {
  const text = readFileSync(inRepository("notebooks", `${lab}.ipynb`), "utf8");
  const { cells } = JSON.parse(text) as { cells: NotebookCell[] };
  const sources = ids.map((id) => {
    const cell = cells.find((one) => one.id === id);
    if (cell === undefined) throw new RangeError(`lab ${lab} has no cell ${id}`);
    return cell.source.join("");
  });
  const shown: unknown[] = [];
  const index = { ...pagewalk, show: (...values: unknown[]) => void shown.push(...values) };
  const { outputText } = ts.transpileModule(returningLast(sources.join("\n")), {
    compilerOptions: { module: ts.ModuleKind.CommonJS, target: ts.ScriptTarget.ES2022 },
  });
  const value: unknown = new Function("require", "exports", "console", outputText)(
    () => index,
    {},
    {
      log: () => undefined,
    },
  );
  return value === undefined ? shown : [...shown, value];
}

/** The steppers among what the cells show. */
export function steppersOf(lab: string, ids: readonly string[]): pagewalk.Stepper[] {
  return shownBy(lab, ids).filter((value) => value instanceof pagewalk.Stepper);
}
