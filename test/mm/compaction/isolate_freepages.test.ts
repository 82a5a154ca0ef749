import { describe, expect, it } from "vitest";
import {
  isolateFreepagesBlock,
  isolateFreepagesLinear,
  suitableMigrationTarget,
} from "../../../lib/mm/compaction/isolate_freepages.js";
import { getPageblockSkip } from "../../../lib/mm/compaction/skip.js";
import type { Zone } from "../../../lib/mm/pages/buddy.js";
import { control, type Fragmented, freeOnly } from "./fragmented.js";

/** Every second frame of these page blocks is free. */
function halfFree(...blocks: number[]): { f: Fragmented; zone: Zone } {
  const f = freeOnly();
  for (const block of blocks)
    for (let pfn = 512 * block; pfn < 512 * (block + 1); pfn += 2)
      if (!f.zone.isFreeBlock(pfn)) f.zone.freeOnePage(pfn, 0);
  return { f, zone: f.zone };
}

describe("the free scanner in a page block", () => {
  it("takes free blocks upwards until there are as many pages as are to be moved", () => {
    const { f, zone } = halfFree(6);
    const cc = control(zone, 9);
    cc.nrMigratepages = 10;
    expect(isolateFreepagesBlock(f.sys, cc, 3072, 3584, 1)).toEqual({ pfn: 3091, nrIsolated: 10 });
    expect(cc.freepages[0]).toEqual([0, 2, 4, 6, 8, 10, 12, 14, 16, 18].map((i) => 3072 + i));
    expect([cc.totalFreeScanned, cc.nrFreepages]).toEqual([19, 10]);
  });

  it("looks at every 32nd frame only where it is told to", () => {
    const { f, zone } = halfFree(6);
    const cc = control(zone, 9);
    cc.nrMigratepages = 1000;
    expect(isolateFreepagesBlock(f.sys, cc, 3072, 3584, 32)).toEqual({ pfn: 3584, nrIsolated: 16 });
    expect(cc.totalFreeScanned).toBe(16);
  });
});

describe("the page blocks that the free scanner uses", () => {
  it("are movable ones that do not begin with what is wanted", () => {
    const { zone } = halfFree(6);
    const suits = (order: number, pfn: number): boolean => suitableMigrationTarget(control(zone, order), pfn);
    zone.freeOnePage(2048, 9);
    expect([suits(9, 2048), suits(10, 2048), suits(9, 3072)]).toEqual([false, true, true]);
    zone.links.pageblockType[6] = 0;
    expect([
      suits(9, 3072),
      suitableMigrationTarget(control(zone, 9, { ignoreBlockSuitable: true }), 3072),
    ]).toEqual([false, true]);
  });

  it("are scanned downwards, and marked when they are through", () => {
    const { f, zone } = halfFree(4, 6);
    const cc = control(zone, 9, { migratePfn: 512, freePfn: 3584 });
    zone.compact.cachedFreePfn = 3584;
    cc.nrMigratepages = 300;
    isolateFreepagesLinear(f.sys, cc);
    expect(cc.nrFreepages).toBe(300);
    expect([6, 5, 4].map((block) => getPageblockSkip(zone, 512 * block))).toEqual([true, true, false]);
    expect([cc.freePfn, zone.compact.cachedFreePfn]).toEqual([2048 + 2 * 44 - 1, 2048]);
  });

  it("are not those of the migrate scanner and below", () => {
    const { f, zone } = halfFree(4, 6);
    const cc = control(zone, 9, { migratePfn: 3072, freePfn: 3584 });
    cc.nrMigratepages = 300;
    isolateFreepagesLinear(f.sys, cc);
    expect([cc.nrFreepages, cc.freePfn]).toEqual([0, 3072]);
  });
});
