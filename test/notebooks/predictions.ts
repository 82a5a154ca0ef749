/** The predictions that a lab's notebook asks for, read from its cells. */
import { readFileSync } from "node:fs";
import { inRepository } from "../../lib/course/paths.js";

/** One call of predict(): its question, and the seals of the answers that are right. */
export interface Asked {
  question: string;
  seals: string;
}

interface CodeCell {
  cell_type: string;
  id: string;
  source: string[];
}

/** A question is one text, or several pieces joined by "+". */
const TEXT = String.raw`"(?:[^"\\]|\\.)*"`;
const CALL = new RegExp(
  String.raw`^predict\(\s*(${TEXT}(?:\s*\+\s*${TEXT})*),\s*undefined,[^\n]*\s*"([^"]*)",?\s*\)`,
);

/** What `lab` asks, in order, and how many of its cells are called "predict-...". */
export function predictionsOf(lab: string): { asked: Asked[]; cells: number } {
  const text = readFileSync(inRepository("notebooks", `${lab}.ipynb`), "utf8");
  const cells = (JSON.parse(text) as { cells: CodeCell[] }).cells;
  const asked = cells.flatMap((cell) => {
    const call = cell.cell_type === "code" ? CALL.exec(cell.source.join("")) : null;
    if (call === null) return [];
    const pieces = call[1]!.match(new RegExp(TEXT, "g"))!;
    return [{ question: pieces.map((piece) => JSON.parse(piece) as string).join(""), seals: call[2]! }];
  });
  return { asked, cells: cells.filter((cell) => cell.id.startsWith("predict-")).length };
}
