import { beforeEach, describe, expect, it } from "vitest";
import { Clock } from "../../../lib/hw/clock.js";
import { Ram } from "../../../lib/hw/ram.js";
import { linuxMmParts } from "../../../lib/mm/linux_parts.js";
import { FreeLinks, Zone } from "../../../lib/mm/pages/buddy.js";
import { siMemAvailable } from "../../../lib/mm/pages/mmzone.js";
import { setupPerZoneLowmemReserve, setupPerZoneWmarks } from "../../../lib/mm/pages/wmark.js";
import { MemorySystem } from "../../../lib/mm/system.js";
import { NR_ACTIVE_FILE, NR_INACTIVE_FILE, NR_SLAB_RECLAIMABLE } from "../../../lib/mm/vmstat.js";

let sys: MemorySystem;

/** A zone that holds no block, only its totals. */
function zoneOf(name: string, managedPages: number, nrFreePages: number): Zone {
  return Object.assign(new Zone(name, 0, 0, new FreeLinks(0)), { managedPages, nrFreePages });
}

/** What Linux does when settings have changed. */
function setUp(): void {
  setupPerZoneWmarks(sys);
  setupPerZoneLowmemReserve(sys);
}

/** Sets the pages of the two lists of file pages. */
function pagecache(active: number, inactive: number): void {
  sys.vmStat.nodeStat[NR_ACTIVE_FILE] = active;
  sys.vmStat.nodeStat[NR_INACTIVE_FILE] = inactive;
}

// 1000 pages are the machine's min: 1 % of each zone. The gap is a quarter of that.
//            min   low   high   most that is kept for a higher zone
//   DMA       40    50     60   (20000 + 76000) / 256 = 375
//   DMA32    200   250    300            76000 / 256 = 296
//   Normal   760   950   1140                            0
beforeEach(() => {
  sys = new MemorySystem(new Ram(2 ** 20), new Clock());
  sys.zones.push(zoneOf("DMA", 4000, 1000), zoneOf("DMA32", 20000, 5000), zoneOf("Normal", 76000, 14000));
  sys.totalramPages = 100000;
  sys.sysctl.minFreeKbytes = 4000;
  sys.parts = linuxMmParts();
  setUp();
});

describe("totalreserve", () => {
  it("is each zone's high watermark and the most it keeps for a higher zone", () => {
    expect(sys.zones.map((zone) => zone.watermark.high)).toEqual([60, 300, 1140]);
    expect(sys.totalreservePages).toBe(60 + 375 + 300 + 296 + 1140);
  });

  it("has no reserve for higher zones where the ratio is 0", () => {
    sys.sysctl.lowmemReserveRatio[0] = 0;
    setUp();
    expect(sys.totalreservePages).toBe(60 + 300 + 296 + 1140);
  });

  it("takes no more of a zone than there is", () => {
    sys.sysctl.lowmemReserveRatio[0] = 1; // DMA would keep 96000 pages
    setUp();
    expect(sys.totalreservePages).toBe(4000 + 300 + 296 + 1140);
  });
});

describe("a machine with the zones of a running Linux 6.18", () => {
  // As its /proc/zoneinfo said, with min_free_kbytes 67584 and everything else by default.
  beforeEach(() => {
    const managed = { DMA: 3840, DMA32: 772915, Normal: 1441792 };
    sys.zones.splice(0, 3, ...Object.entries(managed).map(([name, pages]) => zoneOf(name, pages, pages)));
    sys.totalramPages = 3840 + 772915 + 1441792;
    sys.sysctl.minFreeKbytes = 67584;
    setUp();
  });

  it("has the same watermarks and the same pages kept for higher zones", () => {
    const marks = sys.zones.map((zone) => zone.watermark);
    expect(marks.map(({ min, low, high }) => [min, low, high])).toEqual([
      [29, 36, 43],
      [5886, 7357, 8828],
      [10980, 13725, 16470],
    ]);
    expect(sys.zones.map((zone) => zone.lowmemReserve)).toEqual([
      [0, 3019, 8651, 8651, 8651],
      [0, 0, 5632, 5632, 5632],
      [0, 0, 0, 0, 0],
    ]);
  });

  it("keeps all of ZONE_DMA from programs", () => {
    expect(sys.totalreservePages).toBe(3840 + (8828 + 5632) + 16470); // 43 + 8651 are more than 3840
  });
});

describe("the memory that is available", () => {
  it("is what is free less the reserve, without a page cache", () => {
    expect(siMemAvailable(sys)).toBe(20000 - 2171);
  });

  it("has half of a small page cache", () => {
    pagecache(400, 601);
    expect(siMemAvailable(sys)).toBe(20000 - 2171 + 1001 - 500);
  });

  it("has all of a large page cache but the low watermarks", () => {
    pagecache(4000, 6000);
    expect(siMemAvailable(sys)).toBe(20000 - 2171 + 10000 - (50 + 250 + 950 + 32)); // 32: an empty Movable zone
  });

  it("counts slabs that can be reclaimed like a page cache of their own", () => {
    pagecache(4000, 6000);
    sys.vmStat.nodeStat[NR_SLAB_RECLAIMABLE] = 301;
    expect(siMemAvailable(sys)).toBe(20000 - 2171 + 10000 - 1282 + 301 - 150);
  });

  it("is never below 0", () => {
    for (const zone of sys.zones) zone.nrFreePages = 700; // 2100, and 2171 are kept
    expect(siMemAvailable(sys)).toBe(0);
  });
});
