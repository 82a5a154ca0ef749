import { describe, expect, it } from "vitest";
import { type Answer, seal } from "../../lib/course/predict.js";
import { predictionsOf } from "./predictions.js";

/** Each question of lab 02 by its first words, and its answer. */
const ANSWERS: [question: string, answer: Answer][] = [
  ["A program loads from 0x400000, then", 0],
  ["In a TLB of 2 sets,", 1],
  ["Page 0x400, then page 0x404 is", 1026],
  ["A first-level TLB has 64 entries", 256],
  ["A loop goes over 80 pages", 0],
  ["16 pages, each 16 pages after", 1],
  ["The last walk was for a", 1],
  ["With PCIDs: Alice used 16 pages,", 0],
  ["Two user pages and two global", 2],
  ["The leaf entry in RAM is", "no"],
  ["On a correct kernel: which signal", "SIGSEGV"],
  ["A program unmaps 34 pages with", 0],
  ["A process runs on 8 CPUs.", 7],
];

const { asked, cells } = predictionsOf("02-tlb");

describe("the predictions of lab 02", () => {
  it("are all known here", () => {
    expect(asked).toHaveLength(ANSWERS.length);
    expect(asked).toHaveLength(cells);
  });

  it.each(ANSWERS)("take the right answer to '%s...'", (start, answer) => {
    const prediction = asked.find(({ question }) => question.startsWith(start));
    expect(prediction?.seals.split(" ")).toContain(seal(prediction!.question, answer));
  });
});
