/** The predictions that a lab's notebook asks for, read from its cells, and the tests that compare them with the right answers. */
import { readFileSync } from "node:fs";
import { describe, expect, it } from "vitest";
import { inRepository } from "../../lib/course/paths.js";
import { type Answer, seal } from "../../lib/course/predict.js";

/** One call of predict(): its question, and the seals of the answers that are right. */
interface Asked {
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
function predictionsOf(lab: string): { asked: Asked[]; cells: number } {
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

/** The right answer to each question of a notebook, which is known by its first words. */
export type Answers = readonly (readonly [question: string, answer: Answer])[];

/** Declares the tests of one notebook's predictions: every question is known in `answers`, and takes its answer. */
export function checkPredictions(lab: string, answers: Answers): void {
  const { asked, cells } = predictionsOf(lab);

  describe(`the predictions of lab ${lab.slice(0, 2)}`, () => {
    it("are all known here", () => {
      expect(asked).toHaveLength(answers.length);
      expect(asked).toHaveLength(cells);
    });

    it.each(answers)("take the right answer to '%s...'", (start, answer) => {
      const prediction = asked.find(({ question }) => question.startsWith(start));
      expect(prediction?.seals.split(" ")).toContain(seal(prediction!.question, answer));
    });
  });
}
