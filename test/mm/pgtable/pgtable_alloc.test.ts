import { beforeEach, describe, expect, it } from "vitest";
import { Clock } from "../../../lib/hw/clock.js";
import { Ram } from "../../../lib/hw/ram.js";
import { mmInit } from "../../../lib/mm/mm_init.js";
import { MmStruct } from "../../../lib/mm/mm_types.js";
import { VmBug } from "../../../lib/mm/mmdebug.js";
import { PGTY_table, pfnToPage } from "../../../lib/mm/pages/folio.js";
import { nrUnusedPages } from "../../../lib/mm/pages/page_alloc.js";
import { PAGE_TABLE, ptepGet, setPte } from "../../../lib/mm/pgtable/pgtable.js";
import {
  freePgdRange,
  pgdAlloc,
  pgdFree,
  pmdAlloc,
  pmdOffset,
  pteAlloc,
  pteOffset,
  pteTableEmpty,
  pudOffset,
} from "../../../lib/mm/pgtable/pgtable_alloc.js";
import { MemorySystem } from "../../../lib/mm/system.js";
import { globalNodePageState, NR_PAGETABLE } from "../../../lib/mm/vmstat.js";

const PMD = 2 ** 21;
/** Entries 2, 1, 0, 3 of the four tables. */
const ADDR = 2 * 2 ** 39 + 2 ** 30 + 3 * 4096;

let sys: MemorySystem;
let mm: MmStruct;

beforeEach(() => {
  sys = new MemorySystem(new Ram(16 * 2 ** 20), new Clock());
  mmInit(sys);
  mm = new MmStruct(sys);
  expect(pgdAlloc(mm)).toBe(0);
});

const tables = (): number => mm.pgtablesBytes / 4096;

describe("pteAlloc", () => {
  it("makes the three tables on the way, and none the second time", () => {
    expect([pudOffset(mm, ADDR), pmdOffset(mm, ADDR), pteOffset(mm, ADDR)]).toEqual([0, 0, 0]);
    const ptep = pteAlloc(mm, ADDR);
    expect(ptep % 512).toBe(3);
    expect(tables()).toBe(3);
    expect(globalNodePageState(sys, NR_PAGETABLE)).toBe(4); // with the top one
    expect(pteAlloc(mm, ADDR)).toBe(ptep);
    expect(pteOffset(mm, ADDR)).toBe(ptep);
    expect(pteAlloc(mm, ADDR + 4096)).toBe(ptep + 1);
    expect(tables()).toBe(3);
  });

  it("writes entries that the processor follows from the top table down", () => {
    const ptep = pteAlloc(mm, ADDR);
    let table = mm.pgd;
    for (const index of [2, 1, 0]) {
      const entry = ptepGet(sys.ram, table * 512 + index);
      expect(entry % 4096).toBe(PAGE_TABLE);
      table = Math.floor(entry / 4096);
      expect(pfnToPage(sys, table).pageType).toBe(PGTY_table);
    }
    expect(ptep).toBe(table * 512 + 3);
  });

  it("needs one table more for the next 2 MiB, two for the next 1 GiB, three for the next 512 GiB", () => {
    pteAlloc(mm, ADDR);
    for (const [addr, nr] of [
      [ADDR + PMD, 4],
      [ADDR + 2 ** 30, 6],
      [ADDR + 2 ** 39, 9],
    ] as const) {
      pteAlloc(mm, addr);
      expect(tables()).toBe(nr);
    }
  });

  it("is 0 without memory, and keeps the tables made so far", () => {
    let left = 2;
    sys.shouldFailAllocPage = () => left-- <= 0;
    expect(pteAlloc(mm, ADDR)).toBe(0);
    expect(tables()).toBe(2);
    expect(pmdOffset(mm, ADDR)).not.toBe(0);
    expect(pgdAlloc(new MmStruct(sys))).toBe(-12);
  });

  it("throws below a huge page, which is neither a table nor nothing, and below an entry that is neither", () => {
    const pmdp = pmdAlloc(mm, ADDR);
    for (const pmd of [0x20_0000 + 0xa7, 0x20_0000 + 0x60]) {
      setPte(sys.ram, pmdp, pmd);
      for (const find of [pteAlloc, pteOffset]) expect(() => find(mm, ADDR)).toThrow(VmBug);
      expect(() => freePgdRange(mm, ADDR, ADDR + 4096, 0, 0)).toThrow(VmBug);
    }
    expect([tables(), pmdOffset(mm, ADDR)]).toEqual([2, pmdp]);
  });
});

describe("freePgdRange", () => {
  const start = Math.floor(ADDR / PMD) * PMD;

  it("frees all tables where nothing else is mapped, and every frame is back", () => {
    pgdFree(mm);
    const free = nrUnusedPages(sys);
    pgdAlloc(mm);
    pteAlloc(mm, ADDR);
    freePgdRange(mm, ADDR, ADDR + 4096, 0, 0);
    expect(tables()).toBe(0);
    expect(ptepGet(sys.ram, mm.pgd * 512 + 2)).toBe(0);
    pgdFree(mm);
    expect(nrUnusedPages(sys)).toBe(free);
    expect(globalNodePageState(sys, NR_PAGETABLE)).toBe(0);
  });

  it("keeps what the mapping below or above shares", () => {
    for (const [floor, ceiling, left] of [
      [ADDR, 0, 3], // below in the same 2 MiB
      [0, ADDR + 4096, 3], // above in the same 2 MiB
      [0, start + PMD, 2], // above in the next 2 MiB: the PTE page goes
      [start, 0, 1], // below in the 1 GiB before: only the top entry's table stays
    ] as const) {
      pteAlloc(mm, ADDR);
      freePgdRange(mm, ADDR, ADDR + 4096, floor, ceiling);
      expect([floor, ceiling, tables()]).toEqual([floor, ceiling, left]);
    }
  });
});

describe("pteTableEmpty", () => {
  it("looks at all 512 entries, and at both halves of each", () => {
    const first = pteAlloc(mm, start512());
    const table = Math.floor(first / 512);
    expect(pteTableEmpty(mm, table)).toBe(true);
    for (const [index, pte] of [
      [0, 0x5025],
      [511, 2 ** 47],
    ] as const) {
      setPte(sys.ram, table * 512 + index, pte);
      expect(pteTableEmpty(mm, table)).toBe(false);
      setPte(sys.ram, table * 512 + index, 0);
    }
  });
});

function start512(): number {
  return Math.floor(ADDR / PMD) * PMD;
}
