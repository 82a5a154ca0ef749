import { describe, expect, it } from "vitest";
import { steppersOf } from "./cells.js";
import { checkPredictions } from "./predictions.js";

checkPredictions("01-paging", [
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
  ["The page at 0x400000 is mapped", 1],
  ["Is 0x0000800000000000", "no"],
  ["As an ordinary user", 0],
]);

describe("the steppers of lab 01", () => {
  it("walk one address entry by entry, from CR3 to the byte", () => {
    const [walk] = steppersOf("01-paging", ["imports", "machine", "draw-walk"]);
    expect(walk!.length).toBe(5);
    expect(walk!.captions[0]).toMatch(/^step 1 of 5: CR3 names frame 0x1, the table of level 4$/);
    const known = [1, 2, 3, 4, 5].map((step) => walk!.at(step).svg.match(/>not read yet</g)?.length ?? 0);
    expect(known).toEqual([3, 2, 1, 0, 0]);
    expect(walk!.at(5).alt).toContain("physical address 0x");
  });

  it("let a tree of tables grow: 4, 4, 5, 7, 10 frames, and 7 when the last path is given back", () => {
    const [tree] = steppersOf("01-paging", ["imports", "grow"]);
    const frames = tree!.captions.map((_, i) => /(\d+) frames? for tables/.exec(tree!.at(i + 1).svg)![1]);
    expect(frames).toEqual(["1", "4", "4", "5", "7", "10", "7"]);
    expect(tree!.at(3).alt).toMatch(/New: [^.]*0x401000 in frame 0x6/);
    expect(tree!.at(7).svg).toContain('stroke-dasharray="7 5"');
    expect(tree!.at(7).alt).toMatch(/Gone: [^.]*entry 255/);
  });
});
