import { describe, expect, it } from "vitest";
import { VmaTree, type VmRange } from "../../../lib/mm/vma/vma_tree.js";

const range = (vmStart: number, vmEnd: number): VmRange => ({ vmStart, vmEnd });

/** 10-20, 20-30 and 50-60, put in in another order. */
function tree(): { tree: VmaTree<VmRange>; a: VmRange; b: VmRange; c: VmRange } {
  const [a, b, c] = [range(10, 20), range(20, 30), range(50, 60)] as const;
  const found = new VmaTree<VmRange>();
  for (const entry of [c, a, b]) found.insert(entry);
  return { tree: found, a, b, c };
}

describe("VmaTree", () => {
  it("keeps its ranges in the order of their addresses", () => {
    const { tree: t, a, b, c } = tree();
    expect([...t]).toEqual([a, b, c]);
    expect([t.size, t.at(1), t.at(3)]).toEqual([3, b, undefined]);
  });

  it("finds the first range that ends above an address, whether it holds it or not", () => {
    const { tree: t, a, b, c } = tree();
    expect([0, 10, 19, 20, 29, 30, 49, 59, 60].map((addr) => t.find(addr))).toEqual([
      a,
      a,
      a,
      b,
      b,
      c,
      c,
      c,
      undefined,
    ]);
  });

  it("looks up only what holds the address", () => {
    const { tree: t, a, b } = tree();
    expect([9, 10, 19, 20, 30, 60].map((addr) => t.lookup(addr))).toEqual([
      undefined,
      a,
      a,
      b,
      undefined,
      undefined,
    ]);
  });

  it("finds what overlaps a range, first or all; ranges that only touch do not", () => {
    const { tree: t, a, b, c } = tree();
    expect(t.intersection(30, 50)).toBeUndefined();
    expect(t.intersection(30, 51)).toBe(c);
    expect(t.slice(19, 51)).toEqual([a, b, c]);
    expect(t.slice(20, 50)).toEqual([b]);
    expect(t.slice(60, 100)).toEqual([]);
  });

  it("knows the neighbours", () => {
    const { tree: t, a, b, c } = tree();
    expect([t.prevOf(10), t.prevOf(20), t.prevOf(50), t.prevOf(100)]).toEqual([undefined, a, b, c]);
    expect([t.nextOf(a), t.nextOf(b), t.nextOf(c)]).toEqual([b, c, undefined]);
  });

  it("takes a range out, also after it was found, and says whether it was there", () => {
    const { tree: t, a, b, c } = tree();
    expect(t.find(25)).toBe(b);
    expect(t.erase(b)).toBe(true);
    expect(t.erase(b)).toBe(false);
    expect([t.find(25), t.lookup(25)]).toEqual([c, undefined]);
    expect([...t]).toEqual([a, c]);
    t.insert(b);
    expect(t.find(25)).toBe(b);
  });

  it("gives slices that may be walked while ranges go", () => {
    const { tree: t } = tree();
    for (const entry of t.slice(0, 100)) t.erase(entry);
    expect(t.size).toBe(0);
  });
});
