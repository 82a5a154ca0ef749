import { describe, expect, it } from "vitest";
import {
  COMPACT_CONTINUE,
  COMPACT_SKIPPED,
  COMPACT_SUCCESS,
} from "../../../lib/mm/compaction/compact_control.js";
import {
  compactGap,
  compactionSuitAllocationOrder,
  compactionSuitable,
  compactionZonelistSuitable,
} from "../../../lib/mm/compaction/suitable.js";
import { zoneWatermarkOk } from "../../../lib/mm/pages/watermark_ok.js";
import { fragmented } from "./fragmented.js";

/** 513 free single pages, marks of 10, 20 and 30 pages. */
function marked() {
  const f = fragmented();
  f.zone.watermark = { min: 10, low: 20, high: 30, promo: 40 };
  f.sys.parts.zoneWatermarkOk = zoneWatermarkOk;
  expect(f.zone.nrFreePages).toBe(513);
  return f;
}

const request = { highestZoneidx: 0, allocFlags: 0, async: false, kcompactd: false };

describe("whether compaction is worth while", () => {
  it("depends on free pages above the mark: twice the block, and more above order 3", () => {
    const { sys, zone } = marked();
    expect(compactGap(3)).toBe(16);
    const most = (order: number): number => {
      let mark = 0;
      while (compactionSuitable(sys, zone, order, mark, 0)) mark++;
      return mark - 1;
    };
    expect(most(3)).toBe(512 - 16);
    expect(most(4)).toBe(512 - 32 - (20 - 10));
  });

  it("depends on the fragmentation index above order 3", () => {
    const { sys, zone } = marked();
    // 1000 - (1000 + 513000 / 16) / 513
    sys.sysctl.extfragThreshold = 935;
    expect([4, 5].map((order) => compactionSuitable(sys, zone, order, 10, 0))).toEqual([true, true]);
    sys.sysctl.extfragThreshold = 936;
    expect([3, 4, 5].map((order) => compactionSuitable(sys, zone, order, 10, 0))).toEqual([
      true,
      false,
      true,
    ]);
  });

  it("is not where a block is free already", () => {
    const { sys, zone } = marked();
    const suits = (order: number): number => compactionSuitAllocationOrder(sys, zone, { ...request, order });
    expect([0, 1, 5].map(suits)).toEqual([COMPACT_SUCCESS, COMPACT_CONTINUE, COMPACT_CONTINUE]);
    expect(suits(8)).toBe(COMPACT_SKIPPED); // 10 + 512 + 10 pages above the mark
  });

  it("may come to be where some of what can be reclaimed is freed", () => {
    const { sys } = marked();
    expect([5, 8, 9].map((order) => compactionZonelistSuitable(sys, order, 0))).toEqual([true, false, false]);
  });
});
