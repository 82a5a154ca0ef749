import { describe, expect, it } from "vitest";
import {
  isolateFreeBlock,
  putFreepage,
  releaseFreeList,
  takeFreepage,
} from "../../../lib/mm/compaction/free_blocks.js";
import { nrPcpPages } from "../../../lib/mm/pages/pcp.js";
import { PGFREE } from "../../../lib/mm/vmstat.js";
import { control, fragmented } from "./fragmented.js";

describe("the free frames of a compaction", () => {
  it("are counted nowhere while it holds them, and cut as they are needed", () => {
    const { sys, zone } = fragmented(2, 1);
    const free = zone.nrFreePages;
    const pfn = zone.freeArea[9]!.head[1]!;
    const cc = control(zone, 9);
    cc.nrMigratepages = 5;
    expect(isolateFreeBlock(sys, cc, pfn, 9)).toBe(512);
    expect([zone.nrFreePages, cc.nrFreepages, zone.isFreeBlock(pfn)]).toEqual([free - 512, 512, false]);
    const one = takeFreepage(sys, cc, 0)!;
    const four = takeFreepage(sys, cc, 2)!;
    expect([one.pfn, four.pfn, four.order, one.refcount]).toEqual([pfn, pfn + 4, 2, 1]);
    expect([cc.nrFreepages, cc.nrMigratepages]).toEqual([507, 0]);
    expect(cc.freepages.map((blocks) => blocks.length)).toEqual([1, 1, 0, 1, 1, 1, 1, 1, 1, 0, 0]);
    putFreepage(sys, cc, four);
    expect([cc.freepages[2], cc.nrFreepages, cc.nrMigratepages]).toEqual([[pfn + 4], 511, 4]);
    putFreepage(sys, cc, one);
    const freed = sys.vmStat.events[PGFREE]!;
    expect(releaseFreeList(sys, cc)).toBe(pfn + 256);
    expect(sys.vmStat.events[PGFREE]! - freed).toBe(512);
    expect([zone.nrFreePages + nrPcpPages(sys), cc.freepages.flat()]).toEqual([free, []]);
  });

  it("are not taken below the min mark", () => {
    const { sys, zone } = fragmented();
    const cc = control(zone, 9);
    sys.parts.zoneWatermarkOk = (_sys, _zone, _order, mark, _highest, _flags, free) => free > mark;
    zone.watermark.min = zone.nrFreePages - 3;
    const first = (): number => zone.freeArea[0]!.head[1]!;
    expect([1, 2, 3].map(() => isolateFreeBlock(sys, cc, first(), 0))).toEqual([1, 1, 0]);
  });

  it("make their page block movable when they are half of it", () => {
    const { sys, zone } = fragmented(2, 1);
    const pfn = zone.freeArea[9]!.head[1]!;
    zone.moveToFreeList(pfn, 9, 1, 0);
    zone.changePageblockRange(pfn, 9, 0);
    const cc = control(zone, 9);
    isolateFreeBlock(sys, cc, pfn, 9);
    expect(zone.pageblockType(pfn)).toBe(1);
    expect(takeFreepage(sys, cc, 10)).toBeUndefined();
  });
});
