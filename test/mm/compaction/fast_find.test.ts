import { describe, expect, it } from "vitest";
import {
  freelistScanLimit,
  ISOLATE_NONE,
  ISOLATE_SUCCESS,
  isolateMigratepages,
} from "../../../lib/mm/compaction/fast_find.js";
import { setPageblockSkip } from "../../../lib/mm/compaction/skip.js";
import { control, fragmented, frameOf, freeOnly } from "./fragmented.js";

describe("which page block the migrate scanner takes next", () => {
  it("is one of the first half with a large free block, which goes to the end of its list", () => {
    const { sys, zone } = freeOnly();
    for (const pfn of [1024, 1536, 2560]) zone.freeOnePage(pfn, 4);
    const cc = control(zone, 9, { migratePfn: 256, freePfn: 4095 });
    isolateMigratepages(sys, cc);
    expect([cc.fastSearchFail, cc.fastStartPfn, zone.freeArea[4]!.tail[1]]).toEqual([0, 1536, 1536]);
    expect(cc.totalMigrateScanned).toBeGreaterThanOrEqual(2);
    setPageblockSkip(zone, 1024);
    const other = control(zone, 9, { migratePfn: 256, freePfn: 4095 });
    setPageblockSkip(zone, 1536);
    isolateMigratepages(sys, other);
    expect([other.fastSearchFail, other.fastStartPfn]).toEqual([1, 0]);
  });

  it("is the next in order below the free scanner, not marked and of the right type", () => {
    const f = fragmented();
    f.zone.links.pageblockType.fill(1);
    const odd = Array.from({ length: 512 }, (_, i) => 2 * i + 1);
    const blocks = [...new Set(odd.map((i) => Math.floor(frameOf(f, i) / 512)))].sort((a, b) => a - b);
    const [first, second] = blocks as [number, number];
    setPageblockSkip(f.zone, first * 512);
    const cc = control(f.zone, 3, { migratePfn: 256, freePfn: 4095 });
    expect(isolateMigratepages(f.sys, cc)).toBe(ISOLATE_SUCCESS);
    expect(Math.floor(cc.migratepages[0]!.pfn / 512)).toBe(second);
    const none = control(f.zone, 3, { migratePfn: 256, freePfn: 511 });
    expect(isolateMigratepages(f.sys, none)).toBe(ISOLATE_NONE);
    const direct = { directCompaction: true, mode: 0, migratetype: 0 };
    const other = control(f.zone, 3, { migratePfn: 512, freePfn: 4095, ...direct });
    expect(isolateMigratepages(f.sys, other)).toBe(ISOLATE_NONE);
  });

  it("is looked for among fewer and fewer free blocks while nothing is found", () => {
    const cc = control(freeOnly().zone, 9);
    const limits = [0, 1, 2, 5, 6, 40].map((fastSearchFail) => {
      cc.fastSearchFail = fastSearchFail;
      return freelistScanLimit(cc);
    });
    expect(limits).toEqual([33, 17, 9, 2, 1, 1]);
  });
});
