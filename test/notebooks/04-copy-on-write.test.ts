import { describe, expect, it } from "vitest";
import { steppersOf } from "./cells.js";
import { checkPredictions } from "./predictions.js";

checkPredictions("04-copy-on-write", [
  ["Alice has written 4 pages and fo", 0],
  ["Alice writes to page 0. Who has", "bob"],
  ["Now bob writes to page 0 too. Is", "no"],
  ["P, C1 and C2 share page 0. All t", 2],
  ["60 pages are shared by three pro", 79],
  ["Ann forks ben. Ben writes to the", "yes"],
  ["A kernel forgets the flush. Alic", 2],
  ["The database has 2 MiB. How many", 4096],
  ["The child has called exec. The s", 16],
]);

describe("the steppers of lab 04", () => {
  it("show a fork entry by entry, copies, reuse and an exit", () => {
    const [film] = steppersOf("04-copy-on-write", ["imports", "film"]);
    const told = film!.captions.map((caption) => caption.replace(/^[^:]*: /, ""));
    expect(
      told.filter((caption) => /^fork: .* is copied for bob, read-only for both$/.test(caption)),
    ).toHaveLength(4);
    expect(told.filter((caption) => /^bob's entry of 0x\w+ is taken away$/.test(caption))).toHaveLength(4);
    const writes = told.filter((caption) => caption.includes("writes"));
    expect(writes.map((caption) => caption.replace(/ 0x\w+/g, ""))).toEqual([
      "alice writes: copied to frame",
      "bob writes: alone with frame, reused in place",
      "alice writes: copied to frame",
      "alice writes: alone with frame, reused in place",
    ]);
    const writable = (step: number) => String(film!.at(step)).match(/\brw\b/g)?.length ?? 0;
    expect([1, 2, 3, 4, 5, 6, 7, 8].map(writable)).toEqual([4, 3, 2, 1, 0, 1, 2, 3]);
  });

  it("show Pss that add up to the frames in use, whatever the family does", () => {
    const [shares] = steppersOf("04-copy-on-write", ["imports", "shares"]);
    const sums = shares!.captions.map((_, i) => {
      const [, rss, pss, frames] = /all +(\S+) kB +(\S+) kB\n.*that is (\S+) kB/.exec(
        String(shares!.at(i + 1)),
      )!;
      expect(pss).toBe(frames);
      return [Number(rss), Number(pss)];
    });
    expect(sums.map(([rss]) => rss)).toEqual([16, 32, 32, 48, 48, 48, 32, 16]);
    expect(sums.map(([, pss]) => pss)).toEqual([16, 16, 20, 20, 24, 28, 28, 16]);
    expect(shares!.at(3).alt).toMatch(/New: [^.]*10 kB/);
  });
});
