import { describe, expect, it } from "vitest";
import { boot } from "../../../lib/kernel/machine.js";
import { ALLOC_KSWAPD, ALLOC_NOFRAGMENT } from "../../../lib/mm/pages/alloc_flags.js";
import { FreeLinks, ZONE_BOOSTED_WATERMARK, Zone } from "../../../lib/mm/pages/buddy.js";
import { findSuitableFallback, RMQUEUE_NORMAL, rmqueue } from "../../../lib/mm/pages/fallback.js";
import {
  MIGRATE_MOVABLE,
  MIGRATE_RECLAIMABLE,
  MIGRATE_UNMOVABLE,
} from "../../../lib/mm/pages/migratetype.js";
import { checkZone } from "../../../lib/mm/pages/zone_check.js";

const { sys } = boot({ ram: "16 MiB" }).kernel;

/** A zone of 8 page blocks of movable pages; `free` are the blocks [pfn, order] that are free. */
function zoneWith(...free: [number, number][]): Zone {
  const zone = new Zone("Z", 0, 4096, new FreeLinks(4096));
  zone.managedPages = 4096;
  zone.watermark = { min: 100, low: 125, high: 150, promo: 175 };
  for (const [pfn, order] of free) zone.freeOnePage(pfn, order);
  return zone;
}

const take = (zone: Zone, type: number, flags = 0, order = 0, mode = { at: RMQUEUE_NORMAL }): number => {
  const pfn = rmqueue(sys, zone, order, type, flags, mode);
  const problems: string[] = [];
  checkZone(zone, problems);
  expect(problems).toEqual([]);
  return pfn;
};

describe("a request whose type has no free block", () => {
  it("claims the largest foreign block, which changes its type as a whole", () => {
    const zone = zoneWith([5, 0], [1024, 10]);
    expect(take(zone, MIGRATE_UNMOVABLE)).toBe(1024);
    expect([1024, 1536, 0].map((pfn) => zone.pageblockType(pfn))).toEqual([0, 0, MIGRATE_MOVABLE]);
    expect([zone.nrFreePages, zone.watermarkBoost]).toEqual([1024, 0]);
    expect(take(zone, MIGRATE_UNMOVABLE)).toBe(1025); // its own list has the rest
    expect(take(zone, MIGRATE_MOVABLE)).toBe(5);
  });

  it("claims the page block around a smaller one, if half of it is free or like it, and boosts the watermarks", () => {
    const zone = zoneWith([0, 8], [256, 2]);
    expect(take(zone, MIGRATE_UNMOVABLE, ALLOC_KSWAPD)).toBe(256); // the smallest of its own now
    expect(zone.pageblockType(0)).toBe(MIGRATE_UNMOVABLE);
    expect(zone.watermarkBoost).toBe(512);
    expect(zone.flags & ZONE_BOOSTED_WATERMARK).not.toBe(0);
  });

  it("steals the smallest block where it may not claim, and goes on stealing", () => {
    const zone = zoneWith([0, 2], [512, 5]);
    zone.changePageblockRange(0, 9, MIGRATE_UNMOVABLE);
    const movable = zoneWith();
    expect(take(movable, MIGRATE_MOVABLE)).toBe(-1);
    const mine = zoneWith();
    mine.changePageblockRange(0, 10, MIGRATE_UNMOVABLE);
    mine.freeOnePage(0, 2);
    mine.freeOnePage(512, 3);
    const mode = { at: RMQUEUE_NORMAL };
    expect(take(mine, MIGRATE_MOVABLE, 0, 0, mode)).toBe(0);
    expect(mine.pageblockType(0)).toBe(MIGRATE_UNMOVABLE);
    expect(mode.at).toBe(2);
    expect(take(mine, MIGRATE_MOVABLE, 0, 0, mode)).toBe(1);
  });

  it("may not mix page blocks with ALLOC_NOFRAGMENT, unless it gets a whole one", () => {
    expect(take(zoneWith([0, 8]), MIGRATE_UNMOVABLE, ALLOC_NOFRAGMENT)).toBe(-1);
    expect(take(zoneWith([0, 9]), MIGRATE_UNMOVABLE, ALLOC_NOFRAGMENT)).toBe(0);
  });

  it("prefers reclaimable blocks, and says when a block is too small to claim", () => {
    const zone = zoneWith([0, 3], [512, 3]);
    expect(findSuitableFallback(zone, 3, MIGRATE_UNMOVABLE, true)).toBe(MIGRATE_MOVABLE);
    expect(findSuitableFallback(zone, 4, MIGRATE_UNMOVABLE, true)).toBe(-1);
    expect(findSuitableFallback(zone, 3, MIGRATE_MOVABLE, true)).toBe(-2);
    const other = zoneWith();
    other.changePageblockRange(0, 9, MIGRATE_RECLAIMABLE);
    other.freeOnePage(0, 3);
    other.freeOnePage(512, 3);
    expect(findSuitableFallback(other, 3, MIGRATE_UNMOVABLE, true)).toBe(MIGRATE_RECLAIMABLE);
  });
});
