import { describe, expect, it } from "vitest";
import { PAGE_PSE } from "../../../lib/hw/entry.js";
import { pgtableTransHugeDeposit } from "../../../lib/mm/huge/huge_pmd.js";
import type { VmAreaStruct } from "../../../lib/mm/mm_types.js";
import { VmBug } from "../../../lib/mm/mmdebug.js";
import { PAGE_TABLE, pfnPte, ptePfn, ptepGet, setPte } from "../../../lib/mm/pgtable/pgtable.js";
import { pmdAlloc, pmdOffset, pteAlloc, pteOffset } from "../../../lib/mm/pgtable/pgtable_alloc.js";
import { makePteMarker, PTE_MARKER_GUARD, swpEntry, swpEntryToPte } from "../../../lib/mm/pgtable/swapops.js";
import { movePageTables } from "../../../lib/mm/vma/move_page_tables.js";
import { at, kernel, map, mm, PAGE, task, useArena } from "../arena.js";

useArena();

/** The entry of a page, 0 where there is no table. */
function pteAt(page: number): number {
  const ptep = pteOffset(mm, at(page));
  return ptep === 0 ? 0 : ptepGet(mm.sys.ram, ptep);
}

const pmdAt = (page: number): number => ptepGet(mm.sys.ram, pmdOffset(mm, at(page)));
const entries = (first: number, nr: number): number[] =>
  Array.from({ length: nr }, (_, i) => pteAt(first + i));

/** Moves `nr` pages, and answers how many it says that it has moved. */
function move(from: VmAreaStruct, to: VmAreaStruct, fromPage: number, toPage: number, nr: number): number {
  return movePageTables(from, to, at(fromPage), at(toPage), nr * PAGE) / PAGE;
}

describe("a few pages", () => {
  it("move entry by entry, each as it is, empty ones too", () => {
    const from = map(0, 6);
    const to = map(8, 6);
    task.store(at(0), 1, 10);
    task.store(at(3), 1, 13);
    setPte(mm.sys.ram, pteAlloc(mm, at(4)), makePteMarker(PTE_MARKER_GUARD));
    setPte(mm.sys.ram, pteAlloc(mm, at(5)), swpEntryToPte(swpEntry(1, 5)));
    const before = entries(0, 6);
    expect(move(from, to, 0, 8, 6)).toBe(6);
    expect(entries(8, 6)).toEqual(before);
    expect(entries(0, 6)).toEqual([0, 0, 0, 0, 0, 0]);
    expect(before.map((pte) => pte !== 0)).toEqual([true, false, false, true, true, true]);
  });

  it("are no longer to be had at the old address, whatever the TLBs held", () => {
    const from = map(0, 1);
    const to = map(8, 1);
    task.store(at(0), 1, 77); // the TLB knows the page now
    move(from, to, 0, 8, 1);
    expect([task.load(at(0), 1), task.load(at(8), 1)]).toEqual([0, 77]);
  });

  it("are a part of the mapping if only a part is to be moved", () => {
    const from = map(0, 4);
    const to = map(8, 4);
    for (let page = 0; page < 4; page++) task.store(at(page), 1, page);
    const before = entries(0, 4);
    expect(move(from, to, 1, 9, 2)).toBe(2);
    expect([entries(0, 4), entries(8, 4)]).toEqual([
      [before[0], 0, 0, before[3]],
      [0, before[1], before[2], 0],
    ]);
  });

  it("are none: nothing happens", () => {
    expect(move(map(0, 1), map(8, 1), 0, 8, 0)).toBe(0);
    expect(mm.pgtablesBytes).toBe(0);
  });

  it("never take the place of an entry that is there", () => {
    const from = map(0, 1);
    const to = map(8, 1);
    task.store(at(0), 1, 1);
    task.store(at(8), 1, 2);
    expect(() => move(from, to, 0, 8, 1)).toThrow(VmBug);
  });
});

describe("2 MiB on 2 MiB borders", () => {
  it("move with one pointer: the same table, and no table more", () => {
    const from = map(0, 1024);
    const to = map(2048, 1024);
    task.store(at(700), 1, 70);
    const table = pmdAt(512);
    expect(pmdAt(0)).toBe(0); // pages 0 to 511 were never touched
    const tables = mm.pgtablesBytes;
    expect(move(from, to, 0, 2048, 1024)).toBe(1024);
    expect([pmdAt(2048 + 512), pmdAt(512), mm.pgtablesBytes]).toEqual([table, 0, tables]);
    expect([task.load(at(2048 + 700), 1), task.load(at(700), 1)]).toEqual([70, 0]);
  });

  it("move entry by entry where a table is there already", () => {
    const from = map(0, 512);
    const to = map(1024, 512);
    task.store(at(5), 1, 5);
    const table = pmdAt(0);
    pteAlloc(mm, at(1024));
    expect(move(from, to, 0, 1024, 512)).toBe(512);
    expect(pmdAt(0)).toBe(table);
    expect(task.load(at(1024 + 5), 1)).toBe(5);
  });

  it("move entry by entry to another place in the table", () => {
    const from = map(0, 512);
    const to = map(1025, 512);
    task.store(at(0), 1, 1);
    task.store(at(511), 1, 2);
    const pfns = [0, 511].map((page) => ptePfn(pteAt(page)));
    expect(move(from, to, 0, 1025, 512)).toBe(512);
    expect([1025, 1536].map((page) => ptePfn(pteAt(page)))).toEqual(pfns);
    expect(pmdAt(1536)).not.toBe(pmdAt(1024)); // across a border
  });
});

describe("a range that begins inside a table", () => {
  it("moves with it if nothing else is mapped before it on either side", () => {
    const from = map(200, 312);
    const to = map(1024 + 200, 312);
    task.store(at(300), 1, 3);
    const table = pmdAt(200);
    expect(move(from, to, 200, 1024 + 200, 312)).toBe(312);
    expect([pmdAt(1024), pmdAt(0)]).toEqual([table, 0]);
    expect(task.load(at(1024 + 300), 1)).toBe(3);
  });

  it.each([0, 1024])("moves entry by entry if page %i, before it, is somebody else's", (neighbour) => {
    const from = map(200, 312);
    const to = map(1024 + 200, 312);
    map(neighbour, 1);
    task.store(at(300), 1, 3);
    const table = pmdAt(200);
    expect(move(from, to, 200, 1024 + 200, 312)).toBe(312);
    expect(pmdAt(0)).toBe(table);
    expect(task.load(at(1024 + 300), 1)).toBe(3);
  });
});

describe("without memory for a table", () => {
  it("the move ends at the border, and says how much is done", () => {
    const from = map(510, 4);
    const to = map(4096 + 510, 4);
    for (let page = 510; page < 514; page++) task.store(at(page), 1, page % 256);
    pteAlloc(mm, at(4096 + 510)); // only this side's first table is there
    const left = entries(512, 2);
    kernel.sys.shouldFailAllocPage = () => true;
    expect(move(from, to, 510, 4096 + 510, 4)).toBe(2);
    expect(entries(510, 4)).toEqual([0, 0, ...left]);
    expect(task.load(at(4096 + 511), 1)).toBe(511 % 256);
  });
});

describe("a leaf of level 2", () => {
  const LEAF = pfnPte(512, PAGE_TABLE + PAGE_PSE);

  it("moves as a whole, with the table set aside for it", () => {
    const from = map(0, 512);
    const to = map(1024, 512);
    const pmdp = pmdAlloc(mm, at(0));
    setPte(mm.sys.ram, pmdp, LEAF);
    pgtableTransHugeDeposit(mm, pmdp, 99);
    expect(move(from, to, 0, 1024, 512)).toBe(512);
    expect([pmdAt(0), pmdAt(1024)]).toEqual([0, LEAF]);
  });

  it("is split where only a part of it is to move", () => {
    const from = map(0, 512);
    const to = map(1024, 512);
    const pmdp = pmdAlloc(mm, at(0));
    setPte(mm.sys.ram, pmdp, LEAF);
    const split: number[] = [];
    mm.sys.parts.splitHugePmd = (_vma, where, address) => {
      split.push(where, address);
      setPte(mm.sys.ram, where, 0); // as for a file
    };
    expect(move(from, to, 0, 1024, 511)).toBe(511);
    expect(split).toEqual([pmdp, at(0)]);
  });
});
