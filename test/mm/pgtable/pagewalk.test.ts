import { beforeEach, describe, expect, it } from "vitest";
import { Clock } from "../../../lib/hw/clock.js";
import { Ram } from "../../../lib/hw/ram.js";
import { mmInit } from "../../../lib/mm/mm_init.js";
import { MmStruct, VM_PFNMAP, VmAreaStruct } from "../../../lib/mm/mm_types.js";
import { VmBug } from "../../../lib/mm/mmdebug.js";
import {
  forEachPmd,
  type MmWalkOps,
  nextBoundary,
  walkPageRange,
  walkPageRangeVma,
} from "../../../lib/mm/pgtable/pagewalk.js";
import { setPte } from "../../../lib/mm/pgtable/pgtable.js";
import { pgdAlloc, pmdAlloc, pteAlloc, pudAlloc } from "../../../lib/mm/pgtable/pgtable_alloc.js";
import {
  makePteMarker,
  PTE_KIND_MARKER,
  PTE_KIND_MIGRATION,
  PTE_KIND_PRESENT,
  PTE_KIND_SWAP,
  PTE_MARKER_GUARD,
  SWP_MIGRATION_READ,
  swpEntry,
  swpEntryToPte,
} from "../../../lib/mm/pgtable/swapops.js";
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

const at = (page: number): number => BASE + page * PAGE;
const pageOf = (addr: number): number => (addr - BASE) / PAGE;
const put = (page: number, pfn: number): void =>
  setPte(mm.sys.ram, pteAlloc(mm, at(page)), pfn * PAGE + 0x25);
const putLeaf = (page: number): void =>
  setPte(mm.sys.ram, pmdAlloc(mm, at(page)), Math.floor(page / 512) * PMD + LEAF);

/** A VMA of pages [start, end). */
function vma(start: number, end: number, vmFlags = 0): VmAreaStruct {
  const area = Object.assign(new VmAreaStruct(mm), { vmStart: at(start), vmEnd: at(end), vmFlags });
  mm.mmMt.insert(area);
  return area;
}

/** What a walk of pages [start, end) finds: entries as "page:frame", leaves as "first page-end page". */
function walked(start: number, end: number, more: MmWalkOps = {}): string[] {
  const found: string[] = [];
  walkPageRange(mm, at(start), at(end), {
    pteEntry(pte, addr) {
      found.push(`${pageOf(addr)}:${Math.floor(pte / PAGE)}`);
    },
    pmdEntry(_pmd, addr, _pmdp, next) {
      found.push(`${pageOf(addr)}-${pageOf(next)}`);
    },
    ...more,
  });
  return found;
}

/** The holes of the walk: "first page-end page depth". */
function holes(start: number, end: number): string[] {
  const found: string[] = [];
  const pteHole = (addr: number, next: number, depth: number): void => {
    found.push(`${pageOf(addr)}-${pageOf(next)} ${depth}`);
  };
  walked(start, end, { pteHole });
  return found;
}

describe("walkPageRange", () => {
  it("visits the entries that are not empty, in order, and none outside the range", () => {
    vma(0, 1024);
    put(0, 10);
    put(3, 11);
    put(511, 12);
    put(512, 13);
    expect(walked(0, 1024)).toEqual(["0:10", "3:11", "511:12", "512:13"]);
    expect(walked(1, 512)).toEqual(["3:11", "511:12"]);
    expect(walked(1, 3)).toEqual([]);
    expect(walked(0, 0)).toEqual([]);
  });

  it("gives pointers that lead to the entries, and says once what each is", () => {
    vma(0, 8);
    put(1, 11);
    const notes = [
      swpEntryToPte(swpEntry(2, 7)),
      swpEntryToPte(swpEntry(SWP_MIGRATION_READ, 7)),
      makePteMarker(PTE_MARKER_GUARD),
    ];
    notes.forEach((pte, i) => {
      setPte(mm.sys.ram, pteAlloc(mm, at(2 + i)), pte);
    });
    const kinds: number[] = [];
    walkPageRange(mm, at(0), at(8), {
      pteEntry(_pte, addr, ptep, kind) {
        expect(ptep).toBe(pteAlloc(mm, addr));
        kinds.push(kind);
      },
    });
    expect(kinds).toEqual([PTE_KIND_PRESENT, PTE_KIND_SWAP, PTE_KIND_MIGRATION, PTE_KIND_MARKER]);
  });

  it("throws for an entry of no known kind, at level 1 as at level 2", () => {
    vma(0, 1024);
    setPte(mm.sys.ram, pteAlloc(mm, at(1)), 77 * PAGE + 0x66); // the present bit was forgotten
    expect(() => walked(0, 2)).toThrow(VmBug);
    expect(walked(0, 1)).toEqual([]);
    setPte(mm.sys.ram, pmdAlloc(mm, at(512)), 77 * PAGE + 0x66);
    expect(() => walked(512, 513)).toThrow(VmBug);
  });

  it("visits a leaf of level 2 once, cut to the range", () => {
    vma(0, 2048);
    putLeaf(512);
    put(0, 10);
    expect(walked(0, 1024)).toEqual(["0:10", "512-1024"]);
    expect(walked(513, 517)).toEqual(["513-517"]);
  });

  it("splits a leaf that it has nobody to tell of, or where it is asked to, and throws for one of level 3", () => {
    vma(0, 2 * (GIB / PAGE));
    const split: number[] = [];
    mm.sys.parts.splitHugePmd = (_vma, pmdp, address) => {
      split.push((address - BASE) / PAGE);
      setPte(mm.sys.ram, pmdp, 0);
      put(515, 7);
    };
    putLeaf(512);
    expect(walked(0, 512, { pmdEntry: undefined })).toEqual([]);
    expect([walked(0, 1024, { pmdEntry: undefined }), split]).toEqual([["515:7"], [512]]);
    setPte(mm.sys.ram, pmdAlloc(mm, BASE + 512 * PAGE), 0);
    putLeaf(512);
    expect([walked(0, 1024, { pmdEntry: () => "split" }), split]).toEqual([["515:7"], [512, 512]]);
    setPte(mm.sys.ram, pudAlloc(mm, BASE + GIB), GIB + LEAF);
    expect(() => walked(GIB / PAGE, GIB / PAGE + 1)).toThrow(VmBug);
  });

  it("goes from one entry of the top table to the next", () => {
    vma(0, 2 ** 28);
    put(0, 10);
    put(2 ** 27, 11); // 512 GiB on
    expect(walked(0, 2 ** 28)).toEqual(["0:10", `${2 ** 27}:11`]);
  });

  it("tells of holes at the level that is empty, and of what no VMA covers", () => {
    vma(2, 1030);
    put(4, 10);
    put(1025, 11);
    expect(holes(0, 7)).toEqual(["0-2 -1", "2-3 4", "3-4 4", "5-6 4", "6-7 4"]);
    expect(holes(500, 1025)).toEqual([
      ...Array.from({ length: 12 }, (_, i) => `${500 + i}-${501 + i} 4`),
      "512-1024 3", // no table
      "1024-1025 4",
    ]);
    expect(holes(1029, 1032)).toEqual(["1029-1030 4", "1030-1032 -1"]);
    vma(GIB / PAGE, GIB / PAGE + 600);
    expect(holes(GIB / PAGE, GIB / PAGE + 600)).toEqual([`${GIB / PAGE}-${GIB / PAGE + 600} 2`]);
    vma(2 ** 27, 2 ** 27 + 1);
    expect(holes(2 ** 27, 2 ** 27 + 1)).toEqual([`${2 ** 27}-${2 ** 27 + 1} 0`]);
  });

  it("asks for each VMA whether it is meant, and leaves memory without page structs out by itself", () => {
    vma(0, 2);
    vma(2, 4, VM_PFNMAP);
    vma(6, 8);
    for (let page = 0; page < 8; page++) put(page, 10 + page);
    expect(walked(1, 7)).toEqual(["1:11", "6:16"]);
    expect(holes(1, 7)).toEqual(["2-4 -1", "4-6 -1"]);
    const asked: string[] = [];
    const testWalk = (area: VmAreaStruct, start: number, end: number): boolean => {
      asked.push(`${pageOf(start)}-${pageOf(end)}`);
      return area.vmStart !== at(6);
    };
    expect(walked(1, 7, { testWalk })).toEqual(["1:11", "2:12", "3:13"]);
    expect(asked).toEqual(["1-2", "2-4", "6-7"]);
  });

  it("ends when a callback says so, and tells", () => {
    vma(0, 4);
    vma(5, 8);
    for (let page = 0; page < 8; page++) put(page, 10 + page);
    const found: number[] = [];
    const until = (last: number) => (_pte: number, addr: number) => {
      found.push(pageOf(addr));
      return pageOf(addr) === last;
    };
    expect(walkPageRange(mm, at(0), at(8), { pteEntry: until(2) })).toBe(true);
    expect(found).toEqual([0, 1, 2]);
    expect(walkPageRange(mm, at(3), at(8), { pteEntry: until(4) })).toBe(false);
    expect(found.slice(3)).toEqual([3, 5, 6, 7]);
    expect(walkPageRange(mm, at(0), at(8), { pteHole: () => true })).toBe(true);
  });
});

describe("walkPageRangeVma", () => {
  it("walks its part of the VMA and asks nobody", () => {
    const area = vma(0, 4, VM_PFNMAP);
    for (let page = 0; page < 4; page++) put(page, 10 + page);
    const found: number[] = [];
    walkPageRangeVma(area, at(1), at(3), {
      testWalk: () => false,
      pteEntry(_pte, addr) {
        found.push(pageOf(addr));
      },
    });
    expect(found).toEqual([1, 2]);
  });
});

describe("forEachPmd", () => {
  it("gives each table its part of the range and skips empty entries", () => {
    put(0, 10);
    put(1024, 11);
    const parts: number[][] = [];
    forEachPmd(mm, at(1), at(1027), (_pmdp, addr, next) => {
      parts.push([pageOf(addr), pageOf(next)]);
    });
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
