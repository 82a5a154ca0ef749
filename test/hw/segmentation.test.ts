import { describe, expect, it } from "vitest";
import {
  compareFragmentation,
  internalFragmentation,
  SegmentedMemory,
  SegmentFault,
  translateSegment,
} from "../../lib/hw/segmentation.js";

describe("translateSegment", () => {
  const segment = { name: "editor", base: 0x3000, limitBytes: 0x800 };

  it("adds the base", () => {
    expect(translateSegment(segment, 0)).toBe(0x3000);
    expect(translateSegment(segment, 0x7ff)).toBe(0x37ff);
  });

  it("faults at the limit and below zero", () => {
    expect(() => translateSegment(segment, 0x800)).toThrow(SegmentFault);
    expect(() => translateSegment(segment, 0x800)).toThrow(
      "editor: offset 0x800 is not below the limit 0x800",
    );
    expect(() => translateSegment(segment, -1)).toThrow(SegmentFault);
  });
});

describe("SegmentedMemory", () => {
  /** Builds memory from a picture, one letter for each 10 bytes: "aa.b" is a at 0 to 20, a hole, b at 30. */
  function drawn(picture: string, fit?: "first" | "best" | "worst"): SegmentedMemory {
    const memory = new SegmentedMemory(picture.length * 10, fit);
    const pieces = [...picture.matchAll(/(.)\1*/g)].map(
      (match) => memory.allocate(match[1]!, match[0].length * 10)!,
    );
    for (const piece of pieces) if (piece.name === ".") memory.free(piece);
    return memory;
  }

  it("finds the holes", () => {
    expect(drawn("..aa.b").holes()).toEqual([
      { base: 0, sizeBytes: 20 },
      { base: 40, sizeBytes: 10 },
    ]);
  });

  it("draws itself", () => {
    expect(drawn("..aa.b").toString(6)).toBe("..aa.b");
    expect(drawn("abc...").toString(2)).toBe(":.");
  });

  it.each([
    ["first", 20],
    ["best", 110],
    ["worst", 60],
  ] as const)("puts a segment of 10 bytes into the %s fit", (fit, base) => {
    expect(drawn("aa..bb...ca.c", fit).allocate("x", 10)?.base).toBe(base);
  });

  it("refuses a program although enough bytes are free: external fragmentation", () => {
    const memory = drawn("a.b.c.");
    expect(memory.freeBytes).toBe(30);
    expect(memory.largestHoleBytes).toBe(10);
    expect(memory.externalFragmentation).toBeCloseTo(2 / 3);
    expect(memory.allocate("x", 20)).toBeUndefined();
  });

  it("makes one hole by copying", () => {
    const memory = drawn("a.bb.c");
    expect(memory.compact()).toBe(30);
    expect(memory.toString(6)).toBe("abbc..");
    expect(memory.externalFragmentation).toBe(0);
    expect(memory.allocate("x", 20)?.base).toBe(40);
  });

  it("is not fragmented when full", () => {
    expect(drawn("aab").externalFragmentation).toBe(0);
    expect(drawn("aab").largestHoleBytes).toBe(0);
  });

  it("refuses to free what it does not hold", () => {
    const memory = new SegmentedMemory(100);
    const segment = memory.allocate("a", 10)!;
    memory.free(segment);
    expect(() => memory.free(segment)).toThrow(/a is not in this memory/);
  });
});

describe("internalFragmentation", () => {
  it("is the unused end of each last page", () => {
    expect(internalFragmentation([1, 4096, 4097])).toBe(4095 + 0 + 4095);
    expect(internalFragmentation([100], 128)).toBe(28);
    expect(internalFragmentation([])).toBe(0);
  });
});

describe("compareFragmentation", () => {
  it("gives the same report for the same seed", () => {
    expect(compareFragmentation({ seed: 4 })).toEqual(compareFragmentation({ seed: 4 }));
  });

  it("refuses programs with segments while a tenth of RAM is free, and none with pages", () => {
    for (let seed = 1; seed <= 10; seed++) {
      const report = compareFragmentation({ seed });
      expect(report.arrivals).toBeGreaterThan(100);
      expect(report.refusedBySegments).toBeGreaterThan(0);
      expect(report.refusedByPaging).toBe(0);
      for (const step of report.steps) expect(step.askedBytes).toBeLessThanOrEqual(0.9 * 2 ** 20);
    }
  });

  it("refuses nobody who comes first, and frees what the ones who leave had", () => {
    const [first] = compareFragmentation({ nrSteps: 1 }).steps;
    expect(first?.freeBytes).toBe(2 ** 20 - first!.askedBytes);
  });

  it("wastes more with larger pages", () => {
    const wasted = (pageBytes: number): number =>
      compareFragmentation({ pageBytes, nrSteps: 100 }).steps.reduce(
        (sum, step) => sum + step.internalBytes,
        0,
      );
    expect(wasted(256)).toBeLessThan(wasted(4096));
    expect(wasted(4096)).toBeLessThan(wasted(16384));
  });
});
