import { beforeEach, describe, expect, it } from "vitest";
import { Clock } from "../../../lib/hw/clock.js";
import { Ram } from "../../../lib/hw/ram.js";
import { mmInit } from "../../../lib/mm/mm_init.js";
import { FreeLinks, Zone } from "../../../lib/mm/pages/buddy.js";
import {
  calculateMinFreeKbytes,
  highWmarkPages,
  initWmarkMin,
  lowWmarkPages,
  MAX_NR_ZONES,
  minWmarkPages,
  nrFreeBufferPages,
  setupPerZoneLowmemReserve,
  setupPerZoneWmarks,
} from "../../../lib/mm/pages/wmark.js";
import { MemorySystem } from "../../../lib/mm/system.js";

let sys: MemorySystem;

// 32 MiB without the first: DMA has 3840 frames, DMA32 4096, together 7936.
beforeEach(() => {
  sys = new MemorySystem(new Ram(32 * 2 ** 20), new Clock());
  mmInit(sys);
});

/** Makes the second zone as large as `total` pages with the first, as if no watermark had been set. */
function resize(total: number): void {
  sys.zones[1]!.managedPages = total - 3840;
  for (const zone of sys.zones) zone.watermark = { min: 0, low: 0, high: 0, promo: 0 };
}

describe("min_free_kbytes", () => {
  it("is the square root of 16 times the kilobytes of RAM", () => {
    expect(sys.sysctl.minFreeKbytes).toBe(712); // 712.7
    resize(2 ** 20); // 4 GiB
    calculateMinFreeKbytes(sys);
    expect(sys.sysctl.minFreeKbytes).toBe(2 ** 13);
  });

  it("leaves out what is below the high watermarks that were set before", () => {
    expect(nrFreeBufferPages(sys)).toBe(7936 - 128 - 135);
    calculateMinFreeKbytes(sys);
    expect(sys.sysctl.minFreeKbytes).toBe(700); // of 7673 pages
  });

  it("is never below 128 kB or above 256 MiB", () => {
    resize(200 + 3840);
    sys.zones[0]!.managedPages = 0; // the root is 113
    calculateMinFreeKbytes(sys);
    expect(sys.sysctl.minFreeKbytes).toBe(128);
    resize(2 ** 31); // 8 TiB: the root is 370727
    calculateMinFreeKbytes(sys);
    expect(sys.sysctl.minFreeKbytes).toBe(262144);
  });

  it("stays as somebody has set it, unless more is needed", () => {
    sys.userMinFreeKbytes = 1000;
    sys.sysctl.minFreeKbytes = 1000;
    calculateMinFreeKbytes(sys);
    expect(sys.sysctl.minFreeKbytes).toBe(1000);
    resize(2 ** 20);
    calculateMinFreeKbytes(sys);
    expect(sys.sysctl.minFreeKbytes).toBe(2 ** 13);
  });
});

describe("the reserves", () => {
  it("are a 32nd of what is free, at most 128 MiB for users and 8 MiB for the administrator", () => {
    expect(sys.sysctl).toMatchObject({ userReserveKbytes: 991, adminReserveKbytes: 991 }); // 7935 * 4 / 32
    for (const [kbytes, user, admin] of [
      [32 * 8192, 8192, 8192],
      [32 * 131072 + 3200, 131072, 8192],
    ] as const) {
      sys.zones[0]!.nrFreePages = 0;
      sys.zones[1]!.nrFreePages = kbytes / 4;
      initWmarkMin(sys);
      expect(sys.sysctl).toMatchObject({ userReserveKbytes: user, adminReserveKbytes: admin });
    }
  });
});

describe("a zone's watermarks", () => {
  it("are its share of min_free_kbytes, and steps of a quarter of that", () => {
    // 178 pages are to be kept free. DMA's share: 178 * 3840 / 7936 = 86.1, a quarter is 21.
    expect(sys.zones[0]!.watermark).toEqual({ min: 86, low: 107, high: 128, promo: 149 });
    expect(sys.zones[1]!.watermark).toEqual({ min: 91, low: 113, high: 135, promo: 157 });
  });

  it("stand further apart with watermark_scale_factor, in 1/10000 of the zone", () => {
    sys.sysctl.watermarkScaleFactor = 1000; // a tenth
    setupPerZoneWmarks(sys);
    expect(sys.zones[0]!.watermark).toEqual({ min: 86, low: 470, high: 854, promo: 1238 });
  });

  it("are kept until they are set up again, also when the zone grows", () => {
    sys.sysctl.minFreeKbytes = 7936 * 4;
    sys.zones[1]!.managedPages += 100;
    expect(sys.zones[0]!.watermark.min).toBe(86);
    setupPerZoneWmarks(sys);
    expect(sys.zones[0]!.watermark.min).toBe(3792); // 7936 * 3840 / 8036
  });

  it("are all higher by the boost, which a new setup forgets", () => {
    const zone = sys.zones[0]!;
    zone.watermarkBoost = 512;
    expect([minWmarkPages(zone), lowWmarkPages(zone), highWmarkPages(zone)]).toEqual([598, 619, 640]);
    setupPerZoneWmarks(sys);
    expect([minWmarkPages(zone), lowWmarkPages(zone), highWmarkPages(zone)]).toEqual([86, 107, 128]);
  });

  it("come from the part, once for each zone", () => {
    const asked: number[][] = [];
    sys.parts.zoneWatermarks = (zone, ...rest) => {
      asked.push([zone.managedPages, ...rest]);
      return { min: 1, low: 2, high: 3, promo: 4 };
    };
    setupPerZoneWmarks(sys);
    expect(asked).toEqual([
      [3840, 712, 7936, 10],
      [4096, 712, 7936, 10],
    ]);
    expect(sys.zones.map((zone) => zone.watermark.high)).toEqual([3, 3]);
    expect(sys.totalreservePages).toBe(3 + 16 + 3);
  });
});

describe("a zone of movable memory", () => {
  /** Adds an empty ZONE_NORMAL and a ZONE_MOVABLE with `managedPages`. */
  function addMovable(managedPages: number): Zone {
    const links = new FreeLinks(0);
    const movable = Object.assign(new Zone("Movable", 0, 0, links), { managedPages });
    sys.zones.push(new Zone("Normal", 0, 0, links), movable);
    setupPerZoneWmarks(sys);
    return movable;
  }

  it("has a min of a 1024th, from 32 to 128 pages, but gaps as wide as any zone's", () => {
    // min would be 178 * 7936 / 7936
    expect(addMovable(7936).watermark).toEqual({ min: 32, low: 32 + 44, high: 32 + 88, promo: 32 + 132 });
    sys.zones.length = 2;
    expect(addMovable(100 * 1024).watermark.min).toBe(100);
    sys.zones.length = 2;
    expect(addMovable(1000 * 1024).watermark).toMatchObject({ min: 128, low: 128 + 5741 });
  });

  it("takes no part in sharing min_free_kbytes, and is nothing for the kernel's buffers", () => {
    const before = nrFreeBufferPages(sys);
    addMovable(7936);
    expect(sys.zones[0]!.watermark.min).toBe(86);
    expect(nrFreeBufferPages(sys)).toBe(before);
  });

  it("makes the lower zones keep pages for requests that cannot use it", () => {
    addMovable(7936);
    setupPerZoneLowmemReserve(sys);
    expect(sys.zones.map((zone) => zone.lowmemReserve)).toEqual([
      [0, 16, 16, 47, 47], // (4096 + 7936) / 256
      [0, 0, 0, 31, 31],
      [0, 0, 0, 0, 0], // an empty zone
      [0, 0, 0, 0, 0],
    ]);
  });
});

describe("what a zone keeps for requests that only it can serve", () => {
  it("is a 256th of the higher zones", () => {
    expect(sys.zones[0]!.lowmemReserve).toEqual([0, 16, 16, 16, 16]); // 4096 / 256
    expect(sys.zones[1]!.lowmemReserve).toEqual([0, 0, 0, 0, 0]); // nothing is above
    expect(sys.zones[0]!.lowmemReserve).toHaveLength(MAX_NR_ZONES);
  });

  it("is nothing where the ratio is 0", () => {
    sys.sysctl.lowmemReserveRatio[0] = 0;
    setupPerZoneLowmemReserve(sys);
    expect(sys.zones[0]!.lowmemReserve).toEqual([0, 0, 0, 0, 0]);
    expect(sys.totalreservePages).toBe(128 + 135);
  });
});
