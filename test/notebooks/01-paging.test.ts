import { describe, expect, it } from "vitest";
import { type Answer, seal } from "../../lib/course/predict.js";
import { predictionsOf } from "./predictions.js";

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

const { asked, cells } = predictionsOf("01-paging");

describe("the predictions of lab 01", () => {
  it("are all known here", () => {
    expect(asked).toHaveLength(ANSWERS.length);
    expect(asked).toHaveLength(cells);
  });

  it.each(ANSWERS)("take the right answer to '%s...'", (start, answer) => {
    const prediction = asked.find(({ question }) => question.startsWith(start));
    expect(prediction?.seals.split(" ")).toContain(seal(prediction!.question, answer));
  });
});
