import { describe, expect, it } from "vitest";
import { Clock } from "../../../lib/hw/clock.js";
import { Ram } from "../../../lib/hw/ram.js";
import {
  fragmentationIndex,
  fragmentationScoreNode,
  fragmentationScoreWmark,
  fragmentationScoreZone,
  unusableFreeIndex,
} from "../../../lib/mm/compaction/fragmentation.js";
import { MemorySystem } from "../../../lib/mm/system.js";
import { zoneWith } from "./fragmented.js";

/** 12 pages in 10 blocks. */
const PIECES: [number, number][] = [
  ...[0, 8, 16, 24, 32, 40, 48, 56].map((pfn): [number, number] => [pfn, 0]),
  [64, 1],
  [72, 1],
];

describe("the fragmentation index", () => {
  it("is 1000 - (1000 + pages x 1000 / 2^order) / blocks where no block is large enough", () => {
    const zone = zoneWith(PIECES);
    expect(fragmentationIndex(zone, 3)).toBe(1000 - (1000 + 1500) / 10);
    expect(fragmentationIndex(zone, 2)).toBe(1000 - (1000 + 3000) / 10);
    // 1000 + 12000 / 512 = 1023; / 10 = 102
    expect(fragmentationIndex(zone, 9)).toBe(898);
  });

  it("is -1000 where a block is free, and 0 where nothing is", () => {
    expect(fragmentationIndex(zoneWith(PIECES), 1)).toBe(-1000);
    expect(fragmentationIndex(zoneWith([]), 0)).toBe(0);
  });

  it("is low where memory is short rather than in pieces", () => {
    expect(fragmentationIndex(zoneWith([[0, 8]]), 9)).toBe(1000 - (1000 + 500));
    expect(
      fragmentationIndex(
        zoneWith([
          [0, 2],
          [8, 2],
        ]),
        3,
      ),
    ).toBe(0);
  });
});

describe("the unusable index", () => {
  it("is the part of the free pages in blocks that are too small, in thousandths", () => {
    const zone = zoneWith(PIECES);
    expect([0, 1, 2].map((order) => unusableFreeIndex(zone, order))).toEqual([0, 666, 1000]);
    expect(unusableFreeIndex(zoneWith([]), 0)).toBe(1000);
  });
});

describe("scores", () => {
  it("are percent of pages outside blocks of 2 MiB, weighed by the size of the zones", () => {
    const [small, large] = [
      zoneWith([[0, 0]]),
      zoneWith([
        [0, 9],
        [1024, 8],
      ]),
    ];
    small.presentPages = 1000;
    large.presentPages = 3000;
    expect([fragmentationScoreZone(small), fragmentationScoreZone(large)]).toEqual([100, 33]);
    const sys = new MemorySystem(new Ram(2 ** 24), new Clock());
    sys.zones.push(small, large);
    expect(fragmentationScoreNode(sys)).toBe(Math.floor(100_000 / 4001) + Math.floor(99_000 / 4001));
    expect(fragmentationScoreZone(zoneWith([]))).toBe(0);
  });

  it("have marks that follow from the proactiveness", () => {
    const sys = new MemorySystem(new Ram(2 ** 24), new Clock());
    const marks = [0, 20, 85, 100].map((value) => {
      sys.sysctl.compactionProactiveness = value;
      return [fragmentationScoreWmark(sys, true), fragmentationScoreWmark(sys, false)];
    });
    expect(marks).toEqual([
      [100, 100],
      [80, 90],
      [15, 22],
      [0, 0],
    ]);
  });
});
