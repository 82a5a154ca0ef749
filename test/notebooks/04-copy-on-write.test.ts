import { describe, expect, it } from "vitest";
import { type Answer, seal } from "../../lib/course/predict.js";
import { predictionsOf } from "./predictions.js";

/** Each question of lab 04 by its first words, and its answer. */
const ANSWERS: [question: string, answer: Answer][] = [
  ["Alice has written 4 pages and fo", 0],
  ["Alice writes to page 0. Who has", "bob"],
  ["Now bob writes to page 0 too. Is", "no"],
  ["P, C1 and C2 share page 0. All t", 2],
  ["60 pages are shared by three pro", 79],
  ["Ann forks ben. Ben writes to the", "yes"],
  ["A kernel forgets the flush. Alic", 2],
  ["The database has 2 MiB. How many", 4096],
  ["The child has called exec. The s", 16],
];

const { asked, cells } = predictionsOf("04-copy-on-write");

describe("the predictions of lab 04", () => {
  it("are all known here", () => {
    expect(asked).toHaveLength(ANSWERS.length);
    expect(asked).toHaveLength(cells);
  });

  it.each(ANSWERS)("take the right answer to '%s...'", (start, answer) => {
    const prediction = asked.find(({ question }) => question.startsWith(start));
    expect(prediction?.seals.split(" ")).toContain(seal(prediction!.question, answer));
  });
});
