import { describe, expect, it } from "vitest";
import { boot } from "../../lib/kernel/machine.js";
import { drawTables } from "../../lib/view/draw_tables.js";
import { stepTables, tablesOf } from "../../lib/view/step_tables.js";
import { expectWellFormed } from "./xml.js";

describe("tablesOf", () => {
  it("reads the tree from RAM, entries in use only", () => {
    const table = boot({ ram: "1 MiB" }).newPageTable("t");
    expect(tablesOf(table)).toEqual({ pfn: table.rootPfn, level: 4, entries: [] });
    table.mapNew(0x40_1000, 2);
    const [level3] = tablesOf(table).entries;
    const level1 = level3!.table!.entries[0]!.table!.entries[0]!.table!;
    expect(level1.level).toBe(1);
    expect(level1.entries.map(({ index, page }) => [index, page?.va])).toEqual([
      [1, 0x40_1000],
      [2, 0x40_2000],
    ]);
  });

  it("knows large pages, the kernel's half and two levels", () => {
    const machine = boot({ ram: "64 MiB" });
    const table = machine.newPageTable("t");
    table.map(-0x20_0000, 0x2000, {}, 2 ** 21);
    const page = tablesOf(table).entries[0]!.table!.entries[0]!.table!.entries[0]!.page;
    expect(page).toEqual({ va: -0x20_0000, pfn: 0x2000, sizeBytes: 2 ** 21 });
    const narrow = boot({ ram: "1 MiB", levels: 2 }).newPageTable("n");
    narrow.mapNew(0xc000_0000);
    expect(tablesOf(narrow).entries).toMatchObject([
      { index: 768, table: { level: 1, entries: [{ index: 0, page: { va: 0xc000_0000 } }] } },
    ]);
  });

  it("reads those of a process as well", () => {
    const process = boot({ ram: "16 MiB" }).spawn("p");
    const at = process.mmap("16 KiB", { at: 0x1000_0000, fixed: true });
    process.store(at, 1, 1);
    const shown = stepTables(process.mm, {
      "the next page is touched": () => process.store(at + 4096, 1, 1),
    });
    expect(shown.at(2).alt).toMatch(/New: [^.]*0x10001000 in frame/);
  });
});

describe("drawTables", () => {
  it("draws an empty tree, and refuses one that nobody could read", () => {
    const table = boot({ ram: "4 MiB" }).newPageTable("t");
    const picture = drawTables({ title: "Nothing yet", root: tablesOf(table) });
    expectWellFormed(picture.svg);
    expect(String(picture)).toBe(
      "Nothing yet\n  level 4, table in frame 0x1: empty\n  1 frame for tables (4 KiB), 0 B of pages",
    );
    table.mapNew(0, 100);
    expect(() => drawTables({ title: "t", root: tablesOf(table) })).toThrow(
      /at most 100 entries in use; got 103/,
    );
  });
});
