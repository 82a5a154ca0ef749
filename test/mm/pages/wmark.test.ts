import { beforeEach, describe, expect, it } from "vitest";
import { Clock } from "../../../lib/hw/clock.js";
import { Ram } from "../../../lib/hw/ram.js";
import { mmInit } from "../../../lib/mm/mm_init.js";
import {
  calculateMinFreeKbytes,
  initWmarkMin,
  lowmemReserve,
  MAX_NR_ZONES,
  zoneWatermarks,
} from "../../../lib/mm/pages/wmark.js";
import { MemorySystem } from "../../../lib/mm/system.js";

let sys: MemorySystem;

// 32 MiB without the first: DMA has 3840 frames, DMA32 4096, together 7936.
beforeEach(() => {
  sys = new MemorySystem(new Ram(32 * 2 ** 20), new Clock());
  mmInit(sys);
});

describe("min_free_kbytes", () => {
  it("is the square root of 16 times the kilobytes of RAM", () => {
    expect(calculateMinFreeKbytes(sys)).toBe(712); // 712.7
    sys.totalramPages = 2 ** 20; // 4 GiB
    expect(calculateMinFreeKbytes(sys)).toBe(2 ** 13);
  });

  it("is never below 128 kB or above 256 MiB", () => {
    sys.totalramPages = 200; // the root is 113
    expect(calculateMinFreeKbytes(sys)).toBe(128);
    sys.totalramPages = 2 ** 31; // 8 TiB: the root is 370727
    expect(calculateMinFreeKbytes(sys)).toBe(262144);
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
    expect(zoneWatermarks(sys, sys.zones[0]!)).toEqual({ min: 86, low: 107, high: 128, promo: 149 });
    expect(zoneWatermarks(sys, sys.zones[1]!)).toEqual({ min: 91, low: 113, high: 135, promo: 157 });
  });

  it("stand further apart with watermark_scale_factor, in 1/10000 of the zone", () => {
    sys.sysctl.watermarkScaleFactor = 1000; // a tenth
    expect(zoneWatermarks(sys, sys.zones[0]!)).toEqual({ min: 86, low: 470, high: 854, promo: 1238 });
  });

  it("follow min_free_kbytes at once", () => {
    sys.sysctl.minFreeKbytes = 7936 * 4;
    expect(zoneWatermarks(sys, sys.zones[0]!).min).toBe(3840);
  });
});

describe("lowmemReserve", () => {
  it("keeps a 256th of the higher zones from requests that could go there", () => {
    expect(lowmemReserve(sys, 0)).toEqual([0, 16, 16, 16, 16]); // 4096 / 256
    expect(lowmemReserve(sys, 1)).toEqual([0, 0, 0, 0, 0]); // nothing is above
    expect(lowmemReserve(sys, 0)).toHaveLength(MAX_NR_ZONES);
  });

  it("keeps nothing where the ratio is 0", () => {
    sys.sysctl.lowmemReserveRatio[0] = 0;
    expect(lowmemReserve(sys, 0)).toEqual([0, 0, 0, 0, 0]);
  });
});
