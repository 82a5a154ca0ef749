import { describe, expect, it } from "vitest";
import { Clock } from "../../../lib/hw/clock.js";
import { Ram } from "../../../lib/hw/ram.js";
import { linuxMmParts } from "../../../lib/mm/linux_parts.js";
import { freeAreaInit, freeInitmem, type MemoryOptions } from "../../../lib/mm/pages/free_area_init.js";
import { nrFreePages } from "../../../lib/mm/pages/page_alloc.js";
import { initWmarkMin } from "../../../lib/mm/pages/wmark.js";
import { MemorySystem } from "../../../lib/mm/system.js";

const MIB = 2 ** 20;

/** A machine whose zones have been given RAM, and what is still to come. */
function newSystem(mib: number, options: MemoryOptions = {}) {
  const sys = new MemorySystem(new Ram(mib * MIB), new Clock());
  sys.parts = linuxMmParts();
  const { later } = freeAreaInit(sys, options);
  return { sys, later };
}

const shown = (sys: MemorySystem): unknown[] =>
  sys.zones.map((zone) => [zone.name, zone.spannedPages, zone.presentPages, zone.managedPages]);

describe("the zones of a small machine", () => {
  it("have all but the first MiB", () => {
    const { sys, later } = newSystem(32);
    expect(shown(sys)).toEqual([
      ["DMA", 0xf00, 0xf00, 0xf00],
      ["DMA32", 0x1000, 0x1000, 0x1000],
    ]);
    expect([later.length, sys.totalramPages, nrFreePages(sys)]).toEqual([0, 0x1f00, 0x1f00]);
  });

  it("keep only the first page of less than 2 MiB", () => {
    expect(shown(newSystem(1).sys)).toEqual([["DMA", 255, 255, 255]]);
  });
});

describe("the zones of a machine like a PC", () => {
  it("span, have and are given the pages that a recorded Linux of 256 MiB says", () => {
    const { sys, later } = newSystem(256);
    initWmarkMin(sys);
    expect(sys.sysctl.minFreeKbytes).toBe(1797);
    const marks = sys.zones.map((zone) => zone.watermark);
    freeInitmem(sys, later);
    expect(shown(sys)).toEqual([
      ["DMA", 4095, 3998, 3840],
      ["DMA32", 61408, 61408, 48964],
    ]);
    expect(sys.totalramPages).toBe(211216 / 4);
    expect(nrFreePages(sys)).toBe(sys.totalramPages);
    expect(sys.zones.map((zone) => zone.watermark)).toEqual(marks); // of before the zones grew
    expect(sys.zones[0]!.lowmemReserve).toEqual([0, 191, 191, 191, 191]); // of now: 48964 / 256
  });

  it("span the addresses of devices below 4 GiB, which are no frames", () => {
    const { sys } = newSystem(4096);
    expect(shown(sys).map((zone) => (zone as number[]).slice(0, 3))).toEqual([
      ["DMA", 4095, 3998],
      ["DMA32", 1044480, 782304],
      ["Normal", 262144, 262144],
    ]);
    expect(sys.zones.map((zone) => [zone.zoneStartPfn, zone.zoneEndPfn])).toEqual([
      [1, 0x1000],
      [0x1000, 0xc0000],
      [0xc0000, 0x100000],
    ]);
  });
});

describe("a reserve of one's own", () => {
  it("is the first MiB and the rest from the top", () => {
    const { sys } = newSystem(64, { reservedBytes: 40 * MIB });
    expect(sys.totalramPages).toBe(24 * 256);
    expect(shown(sys)).toEqual([
      ["DMA", 4095, 4095, 0xf00],
      ["DMA32", 12288, 12288, 24 * 256 - 0xf00],
    ]);
  });

  it("goes on in the zone below when the highest has no more", () => {
    const { sys } = newSystem(64, { reservedBytes: 60 * MIB });
    expect(sys.zones.map((zone) => zone.managedPages)).toEqual([4 * 256, 0]);
  });

  it("leaves a machine its firmware and something to run on", () => {
    expect(() => newSystem(64, { reservedBytes: 100 })).toThrow(/is not from 1 MiB/);
    expect(() => newSystem(64, { reservedBytes: 64 * MIB })).toThrow(/1 MiB less than RAM/);
  });
});

describe("ZONE_MOVABLE", () => {
  it("has the top of RAM, rounded to blocks of 4 MiB, and empty zones between", () => {
    const { sys } = newSystem(64, { movableBytes: 15 * MIB });
    expect(shown(sys)).toEqual([
      ["DMA", 0xf00, 0xf00, 0xf00],
      ["DMA32", 33 * 256 + 3 * 256, 36 * 256, 36 * 256],
      ["Normal", 0, 0, 0],
      ["Movable", 12 * 256, 12 * 256, 12 * 256],
    ]);
  });

  it("keeps what the kernel needed at boot out of what it is given", () => {
    const { sys, later } = newSystem(1024, { movableBytes: 512 * MIB });
    freeInitmem(sys, later);
    const [, dma32, , movable] = sys.zones;
    expect([dma32!.spannedPages, movable!.spannedPages]).toEqual([126976, 131040]);
    expect(movable!.managedPages).toBeLessThan(131040 - 8 * 512);
    expect(sys.totalramPages).toBe(984208 / 4);
  });

  it("is refused where it would take more than the highest zone", () => {
    expect(() => newSystem(64, { movableBytes: 60 * MIB })).toThrow(/the 48 MiB of the highest zone/);
  });
});
