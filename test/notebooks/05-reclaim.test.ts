import { describe, expect, it } from "vitest";
import { steppersOf } from "./cells.js";
import { checkPredictions } from "./predictions.js";

checkPredictions("05-reclaim", [
  ["Drop all caches now (drop_caches", 24],
  ["Memory is nearly full of file pa", "kswapd"],
  ["The same program on a machine wi", "more"],
  ["A mapped page of a file was used", "kept"],
  ["A program reads a file that is a", 0],
  ["Under FIFO: can a machine with M", "yes"],
  ["6 MiB are copied to the stick, w", "yes"],
  ["MemAvailable says 31 %. Does the", "no"],
]);

describe("the stepper of lab 05", () => {
  it("shows CLOCK: page 1 is spared when 4 comes, because it was used, and is still there at the end", () => {
    const [clock] = steppersOf("05-reclaim", ["imports", "clock-steps"]);
    expect(clock!.length).toBe(10);
    const told = clock!.captions.map((caption) => caption.replace(/^[^:]*: /, ""));
    expect(told[5]).toBe("page 4 is used: a miss; page 2 has to go");
    expect(told[6]).toBe("page 1 is used: it is there");
    expect(String(clock!.at(clock!.length))).toMatch(/1: hit/);
  });
});
