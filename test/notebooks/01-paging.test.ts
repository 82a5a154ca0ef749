import { readFileSync } from "node:fs";
import { describe, expect, it } from "vitest";
import { inRepository } from "../../lib/course/paths.js";
import { type Answer, seal } from "../../lib/course/predict.js";

/** Each question of lab 01 by its first words, and its answer. */
const ANSWERS: [question: string, answer: Answer][] = [
  ["Alice stores 100", 7],
  ["24 KiB are free", "no"],
  ["A program needs 4097 bytes", 4095],
  ["How many bits does it take", 12],
  ["The program loads one byte", 4],
  ["Alice has stored 42", 42],
  ["Bob, a user program, writes", 7],
  ["The leaf has R/W = 1", "no"],
  ["Nothing is mapped yet", 4],
  ["64 pages are mapped", 130],
  ["Is 0x0000800000000000", "no"],
  ["As an ordinary user", 0],
];

interface CodeCell {
  cell_type: string;
  id: string;
  source: string[];
}

const notebook = JSON.parse(readFileSync(inRepository("notebooks", "01-paging.ipynb"), "utf8")) as {
  cells: CodeCell[];
};
const asked = notebook.cells
  .filter((cell) => cell.cell_type === "code")
  .map((cell) =>
    /^predict\(\s*("(?:[^"\\]|\\.)*"),\s*undefined,[^\n]*\s*"([^"]*)",?\s*\)/.exec(cell.source.join("")),
  )
  .filter((match) => match !== null)
  .map((match) => ({ question: JSON.parse(match[1]!) as string, seals: match[2]! }));

describe("the predictions of lab 01", () => {
  it("are all known here", () => {
    expect(asked).toHaveLength(ANSWERS.length);
    expect(asked).toHaveLength(notebook.cells.filter((cell) => cell.id.startsWith("predict-")).length);
  });

  it.each(ANSWERS)("take the right answer to '%s...'", (start, answer) => {
    const prediction = asked.find(({ question }) => question.startsWith(start));
    expect(prediction?.seals.split(" ")).toContain(seal(prediction!.question, answer));
  });
});
