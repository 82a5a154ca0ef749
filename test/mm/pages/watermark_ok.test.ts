import { describe, expect, it } from "vitest";
import { boot } from "../../../lib/kernel/machine.js";
import {
  ALLOC_HIGHATOMIC,
  ALLOC_MIN_RESERVE,
  ALLOC_NON_BLOCK,
  ALLOC_OOM,
  ALLOC_WMARK_LOW,
  ALLOC_WMARK_MIN,
} from "../../../lib/mm/pages/alloc_flags.js";
import { FreeLinks, Zone } from "../../../lib/mm/pages/buddy.js";
import { zoneWatermarkFast, zoneWatermarkOk } from "../../../lib/mm/pages/watermark_ok.js";
import type { MemorySystem } from "../../../lib/mm/system.js";

const { sys } = boot({ ram: "1 MiB" }).kernel;

function zoneOf(pages: number): Zone {
  return new Zone("Z", 0, pages, new FreeLinks(pages));
}

/** The fewest free pages with which the request is let through. */
function fewest(zone: Zone, mark: number, flags: number, order = 0, highest = 0): number {
  for (let free = 0; ; free++) if (zoneWatermarkOk(sys, zone, order, mark, highest, flags, free)) return free;
}

describe("zoneWatermarkOk", () => {
  it("lets an ordinary request through above the mark, not at it", () => {
    expect(fewest(zoneOf(1024), 100, ALLOC_WMARK_MIN)).toBe(101);
  });

  it("gives each kind of urgent request its part of the reserve, rounded as C does", () => {
    const zone = zoneOf(1024);
    expect(fewest(zone, 101, ALLOC_MIN_RESERVE)).toBe(101 - 50 + 1);
    expect(fewest(zone, 101, ALLOC_MIN_RESERVE | ALLOC_NON_BLOCK)).toBe(51 - 12 + 1);
    expect(fewest(zone, 101, ALLOC_OOM)).toBe(51 + 1);
    expect(fewest(zone, 101, ALLOC_MIN_RESERVE | ALLOC_OOM)).toBe(51 - 25 + 1);
    expect(fewest(zone, 101, ALLOC_NON_BLOCK)).toBe(102); // may not wait, but is not urgent: no reserve
  });

  it("keeps what the zone has for requests that only it can serve", () => {
    const zone = zoneOf(1024);
    zone.lowmemReserve[2] = 30;
    expect(fewest(zone, 100, 0, 0, 0)).toBe(101);
    expect(fewest(zone, 100, 0, 0, 2)).toBe(131);
    expect(fewest(zone, 100, ALLOC_MIN_RESERVE, 0, 2)).toBe(81); // the mark is halved, the reserve is not
  });

  it("does not count pages kept for urgent requests, except for these", () => {
    const zone = zoneOf(1024);
    zone.nrFreeHighatomic = 64;
    expect(fewest(zone, 100, 0)).toBe(165);
    expect(fewest(zone, 100, ALLOC_HIGHATOMIC)).toBe(101);
  });

  it("wants a free block of the order or a larger one", () => {
    const zone = zoneOf(1024);
    zone.freeOnePage(0, 3);
    expect(zoneWatermarkOk(sys, zone, 3, 100, 0, 0, 500)).toBe(true);
    expect(zoneWatermarkOk(sys, zone, 1, 100, 0, 0, 500)).toBe(true);
    expect(zoneWatermarkOk(sys, zone, 4, 100, 0, 0, 500)).toBe(false);
    expect(zoneWatermarkOk(sys, zone, 3, 100, 0, 0, 107)).toBe(false); // 7 of 8 pages cannot be its first
    expect(zoneWatermarkOk(sys, zone, 3, 100, 0, 0, 108)).toBe(true);
  });
});

describe("zoneWatermarkFast", () => {
  /** A zone with 60 free pages. */
  function zoneWith60(): Zone {
    const zone = zoneOf(1024);
    for (let pfn = 0; pfn < 60; pfn++) zone.freeOnePage(2 * pfn, 0);
    zone.watermark = { min: 50, low: 70, high: 90, promo: 110 };
    return zone;
  }

  it("goes by the pages that are free now", () => {
    expect(zoneWatermarkFast(sys, zoneWith60(), 0, 50, 0, ALLOC_WMARK_MIN)).toBe(true);
    expect(zoneWatermarkFast(sys, zoneWith60(), 0, 70, 0, ALLOC_WMARK_LOW)).toBe(false);
  });

  it("forgets the boost for urgent requests at the min mark only", () => {
    const zone = zoneWith60();
    zone.watermarkBoost = 200;
    expect(zoneWatermarkFast(sys, zone, 0, 250, 0, ALLOC_WMARK_MIN)).toBe(false);
    expect(zoneWatermarkFast(sys, zone, 0, 250, 0, ALLOC_WMARK_MIN | ALLOC_MIN_RESERVE)).toBe(true);
    expect(zoneWatermarkFast(sys, zone, 0, 270, 0, ALLOC_WMARK_LOW | ALLOC_MIN_RESERVE)).toBe(false);
  });

  it("asks a part that is not Linux's own each time", () => {
    const asked: number[] = [];
    const mine: MemorySystem["parts"]["zoneWatermarkOk"] = (_sys, _zone, _order, mark) =>
      asked.push(mark) > 1;
    const { sys: other } = boot({ ram: "1 MiB" }).kernel;
    other.parts.zoneWatermarkOk = mine;
    expect(zoneWatermarkFast(other, zoneWith60(), 0, 10, 0, ALLOC_WMARK_MIN)).toBe(false);
    expect(zoneWatermarkFast(other, zoneWith60(), 0, 20, 0, ALLOC_WMARK_MIN)).toBe(true);
    expect(asked).toEqual([10, 20]);
  });
});
