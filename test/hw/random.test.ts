import { describe, expect, it } from "vitest";
import { Random } from "../../lib/hw/random.js";

describe("Random", () => {
  it("gives the same numbers for the same seed", () => {
    const a = new Random(7);
    const b = new Random(7);
    const draw = (random: Random): number[] => Array.from({ length: 20 }, () => random.u32());
    expect(draw(a)).toEqual(draw(b));
    expect(draw(new Random(8))).not.toEqual(draw(new Random(7)));
  });

  it("starts seed 1 with the numbers that mulberry32 starts with", () => {
    const random = new Random(1);
    expect([random.u32(), random.u32(), random.u32()]).toEqual([2693262067, 11749833, 2265367787]);
  });

  it("stays below the limit and reaches both ends", () => {
    const random = new Random(3);
    const seen = new Set(Array.from({ length: 1000 }, () => random.below(6)));
    expect([...seen].sort()).toEqual([0, 1, 2, 3, 4, 5]);
    for (let i = 0; i < 1000; i++) expect(random.below(2 ** 47)).toBeLessThan(2 ** 47);
    expect(Math.max(...Array.from({ length: 1000 }, () => random.below(2 ** 47)))).toBeGreaterThan(2 ** 46);
  });

  it("includes both ends of between", () => {
    const random = new Random(5);
    const seen = new Set(Array.from({ length: 200 }, () => random.between(-1, 1)));
    expect(seen).toEqual(new Set([-1, 0, 1]));
  });

  it("refuses a limit that leaves nothing to choose", () => {
    expect(() => new Random(1).below(0)).toThrow(RangeError);
    expect(() => new Random(0.5)).toThrow(RangeError);
  });
});
