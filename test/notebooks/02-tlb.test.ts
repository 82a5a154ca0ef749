import { describe, expect, it } from "vitest";
import type { Stepper } from "../../lib/index.js";
import { steppersOf } from "./cells.js";
import { checkPredictions } from "./predictions.js";

checkPredictions("02-tlb", [
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
]);

describe("the steppers of lab 02", () => {
  it("show a TLB in use: hit, miss, and who gives way", () => {
    const cells = ["imports", "first-machine", "first-run", "sets-draw", "lru-draw"];
    const [used] = steppersOf("02-tlb", cells);
    expect(used!.captions.map((caption) => caption.replace(/^.*: /, ""))).toEqual([
      "before",
      "found in L1",
      "a walk of 4 entries",
      "found in L2",
      "found in L1",
      "a walk of 4 entries",
    ]);
    const gone = used!.captions.map((_, i) => /(0x\w+) gave way/.exec(String(used!.at(i + 1)))?.[1]);
    expect(gone).toEqual([undefined, undefined, "0x402", "0x400", undefined, "0x402"]);
  });

  it("show two processes in turn: four walks in a round without PCIDs, none with them", () => {
    const [without, tagged] = steppersOf("02-tlb", ["imports", "turns"]);
    const walks = (shown: Stepper) =>
      shown.captions.filter((caption) => caption.includes("a walk of")).length;
    expect([walks(without!), walks(tagged!)]).toEqual([4, 0]);
    const dropped = [2, 5].map((step) => String(without!.at(step)).match(/dropped>/g)?.length);
    expect(dropped).toEqual([2, 2]);
    expect(tagged!.captions[4]).toMatch(
      /bob runs now, CR3 is written with PCID \d: nothing has to be dropped/,
    );
    expect(String(tagged!.at(5)).match(/0x401->/g)).toHaveLength(2);
  });
});
