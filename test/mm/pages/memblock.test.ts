import { describe, expect, it } from "vitest";
import { Memblock, wholePages } from "../../../lib/mm/pages/memblock.js";

// Two ranges of RAM with a gap between them.
const newMemblock = (): Memblock =>
  new Memblock([
    { start: 0x1000, end: 0x9000 },
    { start: 0x10000, end: 0x20000 },
  ]);

describe("memblock", () => {
  it("takes the highest place that fits, at a multiple of the alignment", () => {
    const memblock = newMemblock();
    expect(memblock.alloc(0x100, 0x40)).toBe(0x1ff00);
    expect(memblock.alloc(0x1000, 0x1000)).toBe(0x1e000); // 0x1f000 is taken in part
    expect(memblock.alloc(0x100, 0x40)).toBe(0x1fe00); // the rest of that page is used first
    expect(memblock.alloc(0x8000, 0x8000)).toBe(0x10000);
    expect(memblock.alloc(0x7000, 0x1000)).toBe(0x2000); // above there is no room: the lower range
  });

  it("stays below a limit", () => {
    expect(newMemblock().alloc(0x1000, 0x1000, 0x18000)).toBe(0x17000);
    expect(newMemblock().alloc(0x1000, 0x1000, 0x10000)).toBe(0x8000);
  });

  it("says so when nothing is left", () => {
    expect(() => newMemblock().alloc(0x20000, 0x1000)).toThrow(/no 131072 bytes for the kernel/);
  });

  it("joins what touches, and can take what is taken already", () => {
    const memblock = newMemblock();
    memblock.reserve(0x12000, 0x1000);
    memblock.reserve(0x14000, 0x1000);
    memblock.reserve(0x13000, 0x1000);
    memblock.reserve(0x11800, 0x1000);
    memblock.reserve(0, 0x100);
    expect(memblock.reserved).toEqual([
      { start: 0, end: 0x100 },
      { start: 0x11800, end: 0x15000 },
    ]);
  });

  it("gives back the middle of a range", () => {
    const memblock = newMemblock();
    memblock.reserve(0x12000, 0x4000);
    memblock.free(0x13000, 0x1000);
    memblock.free(0x15800, 0x10000);
    expect(memblock.reserved).toEqual([
      { start: 0x12000, end: 0x13000 },
      { start: 0x14000, end: 0x15800 },
    ]);
  });

  it("counts whole free pages only", () => {
    const memblock = newMemblock();
    expect(memblock.nrFreePages).toBe(8 + 16);
    memblock.reserve(0x11fff, 2); // one byte of each of two pages
    expect(memblock.freeRegions()).toEqual([
      { start: 0x1000, end: 0x9000 },
      { start: 0x10000, end: 0x11fff },
      { start: 0x12001, end: 0x20000 },
    ]);
    expect(memblock.nrFreePages).toBe(8 + 14);
    expect(wholePages({ start: 0x11fff, end: 0x12001 })).toEqual({ start: 0x12, end: 0x12 });
  });
});
