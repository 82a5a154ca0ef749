import { describe, expect, it } from "vitest";
import { countTables, tableFrames } from "../../lib/hw/table_count.js";

const MIB = 2 ** 20;
const GIB = 2 ** 30;
const page = (va: number): { start: number; end: number } => ({ start: va, end: va + 4096 });

describe("countTables", () => {
  it.each([
    ["nothing", [], [0, 0, 0, 1]],
    ["one page", [page(0x1000)], [1, 1, 1, 1]],
    ["512 pages in one table", [{ start: 0, end: 2 * MIB }], [1, 1, 1, 1]],
    ["two pages across a 2 MiB border", [{ start: 2 * MIB - 4096, end: 2 * MIB + 4096 }], [2, 1, 1, 1]],
    ["two pages across a 1 GiB border", [{ start: GIB - 4096, end: GIB + 4096 }], [2, 2, 1, 1]],
    ["two pages across a 512 GiB border", [{ start: 512 * GIB - 4096, end: 512 * GIB + 4096 }], [2, 2, 2, 1]],
    ["an empty range", [{ start: 0x1000, end: 0x1000 }], [0, 0, 0, 1]],
    ["both halves", [page(0), page(-4096)], [2, 2, 2, 1]],
    [
      "overlapping ranges",
      [{ start: 0, end: 4 * MIB }, { start: 2 * MIB, end: 6 * MIB }, page(0)],
      [3, 1, 1, 1],
    ],
    [
      "ranges inside one another",
      [{ start: 0, end: 64 * MIB }, page(2 * MIB), page(64 * MIB)],
      [33, 1, 1, 1],
    ],
    ["1 TiB", [{ start: 0, end: 1024 * GIB }], [2 ** 19, 1024, 2, 1]],
  ])("counts %s", (_, ranges, [pte, pmd, pud, pgd]) => {
    expect(countTables(ranges)).toEqual({ pte, pmd, pud, pgd, total: pte! + pmd! + pud! + pgd! });
  });

  it("agrees with VmPTE of Linux 6.18, which leaves out the root", () => {
    // Recorded in test/linux/native/i01-pagetables-dense-sparse.json: areas A, B, C at 2^44 + 0, 1, 2 GiB.
    const base = 2 ** 44;
    const vmPteKib = (ranges: { start: number; end: number }[]): number =>
      (countTables(ranges).total - 1) * 4;
    const a = { start: base, end: base + 2 * MIB };
    const b = Array.from({ length: 64 }, (_, i) => page(base + GIB + i * 2 * MIB));
    const c = Array.from({ length: 3 }, (_, i) => page(base + (2 + i) * GIB));
    expect(vmPteKib([a])).toBe(12);
    expect(vmPteKib([a, ...b])).toBe(272);
    expect(vmPteKib([a, ...b, ...c])).toBe(296);
  });

  it("refuses half pages", () => {
    expect(() => countTables([{ start: 1, end: 4096 }])).toThrow(/not made of whole pages/);
  });
});

describe("tableFrames", () => {
  it("needs all of a one-level table, mapped or not", () => {
    const oneLevel = { levels: 1, bits: 20, entryBytes: 4 };
    expect(tableFrames([], oneLevel)).toBe(1024);
    expect(tableFrames([page(0)], oneLevel)).toBe(1024);
  });

  it("needs two frames for one page with two levels, four with four, five with five", () => {
    expect(tableFrames([page(0)], { levels: 2, bits: 10, entryBytes: 4 })).toBe(2);
    expect(tableFrames([page(0)], { levels: 4, bits: 9, entryBytes: 8 })).toBe(4);
    expect(tableFrames([page(0)], { levels: 5, bits: 9, entryBytes: 8 })).toBe(5);
  });

  it("agrees with countTables for four levels", () => {
    const ranges = [page(0), { start: 3 * GIB, end: 5 * GIB }];
    expect(tableFrames(ranges, { levels: 4, bits: 9, entryBytes: 8 })).toBe(countTables(ranges).total);
  });
});
