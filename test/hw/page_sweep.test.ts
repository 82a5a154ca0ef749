import { describe, expect, it } from "vitest";
import { sweepPages } from "../../lib/hw/page_sweep.js";

const MIB = 2 ** 20;
const GIB = 2 ** 30;

/** The share of random accesses that walk, in a working set of `sizeBytes`. */
function walks(
  tlb: "nehalem" | "haswell" | "skylake" | "zen2",
  pageBytes: number,
  sizeBytes: number,
): number {
  const [curve] = sweepPages({ tlb, pageBytes: [pageBytes], sizes: [sizeBytes], accesses: 2000 });
  return curve!.points[0]!.walks;
}

describe("a sweep over working sets", () => {
  it("begins to walk where the processor's second level ends, for each size of pages", () => {
    // 1536 entries for 4 KiB and 2 MiB together, 16 and 4 for 1 GiB.
    expect(walks("skylake", 4096, 6 * MIB)).toBeLessThan(0.01);
    expect(walks("skylake", 4096, 12 * MIB)).toBeCloseTo(0.5, 1);
    expect(walks("skylake", 2 * MIB, 3 * GIB)).toBeLessThan(0.01);
    expect(walks("skylake", 2 * MIB, 6 * GIB)).toBeCloseTo(0.5, 1);
    expect(walks("skylake", GIB, 16 * GIB)).toBeLessThan(0.01);
    expect(walks("skylake", GIB, 64 * GIB)).toBeCloseTo(0.75, 1);
  });

  it("knows where a processor has no place for 1 GiB pages behind the first level, or none at all", () => {
    expect(walks("haswell", GIB, 4 * GIB)).toBe(0);
    expect(walks("haswell", GIB, 8 * GIB)).toBeGreaterThan(0.3);
    expect(walks("nehalem", GIB, 128 * MIB)).toBeGreaterThan(0.4);
    expect(walks("nehalem", GIB, 128 * MIB)).toBeCloseTo(walks("nehalem", 2 * MIB, 128 * MIB), 1);
    expect(walks("zen2", GIB, 64 * GIB)).toBe(0);
  });

  it("walks once for each page in turn, so that large pages are seldom walked for", () => {
    const sizes = [64 * MIB, 16 * GIB];
    const [small, large] = sweepPages({ sizes, order: "in turn", pageBytes: [4096, 2 * MIB] });
    expect(small!.points.map((point) => point.walks)).toEqual([1, 1]);
    expect(large!.points[0]!.walks).toBe(0);
    expect(large!.points[1]!.walks).toBeLessThan(0.01);
    expect(small!.points[1]!.nsPerAccess).toBeGreaterThan(large!.points[1]!.nsPerAccess);
  });

  it("goes by strides, and refuses what is no working set", () => {
    const [curve] = sweepPages({
      sizes: [GIB],
      order: "in turn",
      strideBytes: 2 * MIB,
      pageBytes: [2 * MIB],
    });
    expect(curve!.points[0]).toMatchObject({ walks: 0, entriesRead: 0 });
    expect(() => sweepPages({ sizes: [5000] })).toThrow(/multiples of 4096 up to 64 GiB/);
    expect(() => sweepPages({ pageBytes: [8192] })).toThrow(/no pages of 8192 bytes/);
    expect(() => sweepPages({ order: "backwards" as "random" })).toThrow(/"in turn" or "random"/);
  });
});
