import { beforeEach, describe, expect, it } from "vitest";
import { Clock } from "../../../lib/hw/clock.js";
import { Ram } from "../../../lib/hw/ram.js";
import { mmInit } from "../../../lib/mm/mm_init.js";
import { MmStruct } from "../../../lib/mm/mm_types.js";
import { forEachPmd, nextBoundary, walkPageRange } from "../../../lib/mm/pgtable/pagewalk.js";
import { setPte } from "../../../lib/mm/pgtable/pgtable.js";
import { pgdAlloc, pmdAlloc, pteAlloc, pudAlloc } from "../../../lib/mm/pgtable/pgtable_alloc.js";
import { MemorySystem } from "../../../lib/mm/system.js";

const PAGE = 4096;
const PMD = 2 ** 21;
const GIB = 2 ** 30;
const BASE = 0x1000_0000_0000;
const LEAF = 0x87;

let mm: MmStruct;

beforeEach(() => {
  const sys = new MemorySystem(new Ram(16 * 2 ** 20), new Clock());
  mmInit(sys);
  mm = new MmStruct(sys);
  expect(pgdAlloc(mm)).toBe(0);
});

const put = (addr: number, pfn: number): void => setPte(mm.sys.ram, pteAlloc(mm, addr), pfn * PAGE + 0x25);

/** What a walk of [start, end) finds: entries as "page:frame", leaves as "first page-end page". */
function walked(start: number, end: number): string[] {
  const found: string[] = [];
  walkPageRange(mm, start, end, {
    pteEntry: (pte, addr) => found.push(`${(addr - BASE) / PAGE}:${Math.floor(pte / PAGE)}`),
    pmdEntry: (_pmd, addr, _pmdp, next) => found.push(`${(addr - BASE) / PAGE}-${(next - BASE) / PAGE}`),
  });
  return found;
}

describe("walkPageRange", () => {
  it("visits the entries that are not empty, in order, and none outside the range", () => {
    for (const [page, pfn] of [
      [0, 10],
      [3, 11],
      [511, 12],
      [512, 13],
    ] as const)
      put(BASE + page * PAGE, pfn);
    expect(walked(BASE, BASE + 2 * PMD)).toEqual(["0:10", "3:11", "511:12", "512:13"]);
    expect(walked(BASE + PAGE, BASE + 512 * PAGE)).toEqual(["3:11", "511:12"]);
    expect(walked(BASE + PAGE, BASE + 3 * PAGE)).toEqual([]);
    expect(walked(BASE, BASE)).toEqual([]);
  });

  it("gives pointers that lead to the entries", () => {
    put(BASE + 3 * PAGE, 11);
    let found = 0;
    walkPageRange(mm, BASE, BASE + PMD, {
      pteEntry(_pte, _addr, ptep) {
        found = ptep;
      },
    });
    expect(found).toBe(pteAlloc(mm, BASE + 3 * PAGE));
  });

  it("visits a leaf once, cut to the range, in level 2 and in level 3", () => {
    setPte(mm.sys.ram, pmdAlloc(mm, BASE + PMD), PMD + LEAF);
    setPte(mm.sys.ram, pudAlloc(mm, BASE + GIB), GIB + LEAF);
    put(BASE, 10);
    const gib = GIB / PAGE;
    expect(walked(BASE, BASE + 2 * GIB)).toEqual(["0:10", "512-1024", `${gib}-${2 * gib}`]);
    expect(walked(BASE + PMD + PAGE, BASE + PMD + 5 * PAGE)).toEqual(["513-517"]);
  });

  it("goes from one entry of the top table to the next", () => {
    put(BASE, 10);
    put(BASE + 2 ** 39, 11);
    expect(walked(BASE, BASE + 2 ** 40)).toEqual(["0:10", `${2 ** 27}:11`]);
  });
});

describe("forEachPmd", () => {
  it("gives each table its part of the range and skips empty entries", () => {
    put(BASE, 10);
    put(BASE + 2 * PMD, 11);
    const parts: number[][] = [];
    forEachPmd(mm, BASE + PAGE, BASE + 2 * PMD + 3 * PAGE, (_pmdp, addr, next) =>
      parts.push([(addr - BASE) / PAGE, (next - BASE) / PAGE]),
    );
    expect(parts).toEqual([
      [1, 512],
      [1024, 1027],
    ]);
  });
});

describe("nextBoundary", () => {
  it("is the next multiple, also of a multiple, and never beyond the end", () => {
    expect(nextBoundary(0, PMD, 2 ** 30)).toBe(PMD);
    expect(nextBoundary(PMD - 1, PMD, 2 ** 30)).toBe(PMD);
    expect(nextBoundary(PMD, PMD, 2 ** 30)).toBe(2 * PMD);
    expect(nextBoundary(5, PMD, 100)).toBe(100);
  });
});
