import { describe, expect, it } from "vitest";
import { referenceHuge, runHuge } from "../../../lib/course/labs/huge.js";
import { hugeOpText, hugeScript, randomHugeOp } from "../../../lib/course/labs/huge_ops.js";
import { hugeMistake, hugeText } from "../../../lib/course/labs/huge_seen.js";
import { Random } from "../../../lib/hw/random.js";

describe("the bench of lab 07", () => {
  it("finds all in order on the reference machine, whatever happens", () => {
    for (const topic of ["fault", "split", "collapse"] as const) {
      const draw = randomHugeOp(topic);
      const random = new Random(11);
      const operations = [...Array.from({ length: 15 }, () => draw(random)), ...hugeScript("end")];
      for (const seen of runHuge({}, operations)) {
        expect(seen.books).toEqual([]);
        expect(seen.moments).toEqual([]);
      }
    }
  });

  it("tells a leaf from entries, and whose they are", () => {
    const seen = referenceHuge(hugeScript("0w1 0f 0w1.5")).map(hugeText);
    expect(seen[0]).toMatch(/one entry for 2 MiB: folio A, writable, dirty, young, soft-dirty, exclusive/);
    expect(seen[2]).toMatch(/P, block 1: page 5: a small page[\s\S]*C1, block 1: one entry for 2 MiB/);
  });

  it("plays another thread that is faster, and a driver that holds a page", () => {
    expect(hugeText(referenceHuge(hugeScript("racew 0w1"))[1]!)).toMatch(/another thread of P/);
    expect(hugeText(referenceHuge(hugeScript("0s1 0hold1 0c1"))[2]!)).toMatch(/page_count/);
  });

  it("says what is wrong where a split does nothing", () => {
    const operations = hugeScript("0w1 0r1.5 0P1.7");
    const lazy: Parameters<typeof runHuge>[0] = { splitHugePmd: () => {} };
    const [mine, right] = [[...runHuge(lazy, operations)], referenceHuge(operations)];
    expect(hugeMistake(mine[2]!, right[2]!)).toMatch(/without a flush|not all of them lie/);
  });

  it("says operations in words", () => {
    expect(hugeScript("0w1.3 0P2.7 nohuge").map(hugeOpText)).toEqual([
      "process 1: write page 3 of block 1",
      "process 1: mprotect page 7 of block 2: it may only be read",
      "during the next operation there is no free block of 2 MiB",
    ]);
    expect(() => hugeScript("0y1")).toThrow(RangeError);
  });
});
