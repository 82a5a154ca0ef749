import { describe, expect, it } from "vitest";
import { PageCounter } from "../../../lib/mm/memcg/memcg_types.js";
import {
  pageCounterCharge,
  pageCounterTryCharge,
  pageCounterUncharge,
} from "../../../lib/mm/memcg/page_counter.js";

/** A counter, one below it, and one below that. */
function three(): [PageCounter, PageCounter, PageCounter] {
  const root = new PageCounter(undefined);
  const middle = new PageCounter(root);
  return [root, middle, new PageCounter(middle)];
}

describe("a page counter", () => {
  it("counts in all above it, and remembers the most there was", () => {
    const [root, middle, leaf] = three();
    pageCounterCharge(leaf, 10);
    pageCounterCharge(middle, 5);
    pageCounterUncharge(leaf, 4);
    expect([root, middle, leaf].map(({ usage }) => usage)).toEqual([11, 11, 6]);
    expect([root, middle, leaf].map(({ watermark }) => watermark)).toEqual([15, 15, 10]);
  });

  it("changes nothing when one above it refuses, and says which", () => {
    const [root, middle, leaf] = three();
    middle.max = 7;
    expect(pageCounterTryCharge(leaf, 7)).toBeUndefined();
    expect(pageCounterTryCharge(leaf, 1)).toBe(middle);
    leaf.max = 6;
    expect(pageCounterTryCharge(leaf, 1)).toBe(leaf);
    expect([root, middle, leaf].map(({ usage }) => usage)).toEqual([7, 7, 7]);
  });

  it("cannot give back more than it has", () => {
    const [, , leaf] = three();
    pageCounterCharge(leaf, 1);
    expect(() => pageCounterUncharge(leaf, 2)).toThrow(/gives back more/);
  });
});
