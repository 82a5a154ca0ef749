import { describe, expect, it } from "vitest";
import { touchLoop } from "../../lib/hw/tlb_curves.js";

describe("a loop over memory", () => {
  it("hits as long as the TLB reaches, and never when it is a little larger (LRU)", () => {
    expect(touchLoop({ count: 64 })).toMatchObject({ l1: 1, nsPerAccess: 1.25 });
    expect(touchLoop({ count: 80 })).toMatchObject({ l1: 0, l2: 1, nsPerAccess: 3 });
    expect(touchLoop({ count: 2048 })).toMatchObject({ l1: 0, walks: 1, entriesPerWalk: 1 });
    expect(touchLoop({ count: 2048, tlb: "bench" })).toMatchObject({ walks: 1, entriesPerWalk: 4 });
  });

  it("degrades slowly at random", () => {
    const { l1 } = touchLoop({ count: 128, order: "random" });
    expect(l1).toBeGreaterThan(0.45);
    expect(l1).toBeLessThan(0.55);
  });

  it("crowds into one set at an unlucky stride", () => {
    expect(touchLoop({ count: 16, strideBytes: 15 * 4096 }).l1).toBe(1);
    expect(touchLoop({ count: 16, strideBytes: 16 * 4096 }).l1).toBe(0);
  });

  it("fits again with large pages", () => {
    expect(touchLoop({ count: 16384, pageBytes: 2 ** 21 }).l1).toBeGreaterThan(0.99);
  });

  it("refuses a loop beyond 4 GiB", () => {
    expect(() => touchLoop({ count: 2, strideBytes: 2 ** 32 })).toThrow(/does not fit 4 GiB/);
  });
});
