import { describe, expect, it } from "vitest";
import { shownBy, steppersOf } from "./cells.js";
import { checkPredictions } from "./predictions.js";

checkPredictions("05-reclaim", [
  ["Drop all caches now (drop_caches", 24],
  ["Memory is nearly full of file pa", "kswapd"],
  ["The same program on a machine wi", "more"],
  ["A mapped page of a file was used", "kept"],
  ["A program reads a file that is a", 0],
  ["Under FIFO: can a machine with M", "yes"],
  ["On the loop: do generations read", "more"],
  ["6 MiB are copied to the stick, w", "yes"],
  ["MemAvailable says 30 %. Does the", "no"],
]);

describe("the steppers of lab 05", () => {
  it("show kswapd: used pages stay, what was read once goes first, and a second use makes active", () => {
    const cells = ["imports", "step-machine", "step-fill", "step-kswapd"];
    const [kswapd] = steppersOf("05-reclaim", cells);
    const told = kswapd!.captions.map((caption) => caption.replace(/^[^:]*: /, ""));
    const texts = told.map((_, i) => String(kswapd!.at(i + 1)));
    expect(told[1]).toMatch(/below low: kswapd is woken$/);
    expect(told[2]).toMatch(/^priority \d: \d+ looked at, 0 freed, \d+ kept, 0 made active$/);
    const again = told.findIndex((caption, i) => i > 2 && /kswapd is woken$/.test(caption));
    // Nothing of A and C is freed at first; the second time A has been used again, and is made active.
    const freed = texts.slice(0, again).flatMap((text) => /freed: (.*)/.exec(text)![1]!.split(" "));
    expect(freed.filter((name) => /^[AC]/.test(name))).toEqual([]);
    expect(freed.filter((name) => /^B/.test(name)).length).toBeGreaterThan(5);
    expect(texts[again]).toMatch(/A0\/UR/);
    expect(texts.slice(again).some((text) => /active, tail first: .*A0/.test(text))).toBe(true);
    expect(told[told.length - 1]).not.toMatch(/kswapd is woken/);
  });

  it("shows CLOCK: page 1 is spared when 4 comes, because it was used, and is still there at the end", () => {
    const [clock] = steppersOf("05-reclaim", ["imports", "clock-steps"]);
    expect(clock!.length).toBe(10);
    const told = clock!.captions.map((caption) => caption.replace(/^[^:]*: /, ""));
    expect(told[5]).toBe("page 4 is used: a miss; page 2 has to go");
    expect(told[6]).toBe("page 1 is used: it is there");
    expect(String(clock!.at(clock!.length))).toMatch(/1: hit/);
  });
});

describe("both LRUs of lab 05", () => {
  it("read again what the text says: on the loop generations more, of the hot set less than two lists", () => {
    const cells = ["imports", "step-machine", "gen-work", "gen-play", "gen-run"];
    const shown = shownBy("05-reclaim", cells);
    const { rows } = shown[shown.length - 1] as { rows: Record<string, number>[] };
    const [loop, hot] = rows as [Record<string, number>, Record<string, number>];
    expect(loop.generations!).toBeGreaterThan(loop["two lists"]!);
    expect(loop["two lists"]!).toBeGreaterThan(loop.optimal!);
    expect(loop["exact LRU"]!).toBeGreaterThan(loop.generations!);
    expect(hot.generations!).toBeLessThan(hot["two lists"]! / 2);
    expect(hot["exact LRU"]!).toBeGreaterThan(hot["two lists"]!);
  });
});
