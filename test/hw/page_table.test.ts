import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { hex } from "../../lib/hw/address.js";
import { unpackEntry } from "../../lib/hw/entry.js";
import { BareFrames } from "../../lib/hw/frames.js";
import { PageTable, type TableLevels } from "../../lib/hw/page_table.js";
import { Ram } from "../../lib/hw/ram.js";
import { linuxPaging, type Paging } from "../../lib/hw/registers.js";
import { countTables } from "../../lib/hw/table_count.js";
import { walk } from "../../lib/hw/walk.js";

const MIB = 2 ** 20;
const GIB = 2 ** 30;

function newTable(
  levels: TableLevels = 4,
  ramBytes = 16 * MIB,
): { table: PageTable; ram: Ram; frames: BareFrames } {
  const ram = new Ram(ramBytes);
  const frames = new BareFrames(ram);
  return { table: new PageTable(ram, frames, { levels }), ram, frames };
}

function pagingFor(table: PageTable): Paging {
  return linuxPaging(table.rootPfn, { levels: table.levels, smap: false, smep: false, pse: true });
}

/** Where the processor's own walk leads: a physical address, or the error code as text. */
function lookUp(table: PageTable, va: number): number | string {
  const result = walk(table.ram, pagingFor(table), va, 0);
  return "pa" in result ? result.pa : `fault ${result.errorCode}`;
}

describe("PageTable", () => {
  it("maps a page so that the processor's walk finds it", () => {
    const { table } = newTable();
    expect(table.map(0x40_1000, 0x123)).toBe(0);
    expect(lookUp(table, 0x40_1abc)).toBe(0x12_3abc);
    expect(lookUp(table, 0x40_2000)).toBe("fault 0");
    expect(table.nrTables).toBe(4);
  });

  it("shares tables between neighbours and spends a new path on a page far away", () => {
    const { table } = newTable();
    table.map(0x40_0000, 1);
    table.map(0x40_1000, 2);
    expect(table.nrTables).toBe(4);
    table.map(0x60_0000, 3);
    expect(table.nrTables).toBe(5);
    table.map(0x7fff_ffff_f000, 4);
    expect(table.nrTables).toBe(8);
  });

  it("clears a new table, whatever the frame held before", () => {
    const { table, ram, frames } = newTable();
    const dirty = [frames.allocFrame()!, frames.allocFrame()!, frames.allocFrame()!];
    for (const pfn of dirty) ram.frame(pfn).fill(0xff);
    for (const pfn of dirty) frames.freeFrame(pfn);
    table.map(0x40_0000, 9);
    expect(table.mappings()).toHaveLength(1);
  });

  it.each([
    [{}, { writable: false, user: false, noExecute: true, global: false }],
    [{ writable: true }, { writable: true, user: false, noExecute: true, global: false }],
    [
      { user: true, executable: true },
      { writable: false, user: true, noExecute: false, global: false },
    ],
    [{ global: true }, { writable: false, user: false, noExecute: true, global: true }],
  ])("puts the flags %j into the leaf", (flags, expected) => {
    const { table } = newTable();
    table.map(0x1000, 7, flags);
    expect(unpackEntry(table.mappings()[0]!.entry)).toMatchObject({ present: true, pfn: 7, ...expected });
  });

  it.each([
    [4, 2 * MIB, 0x4000_0000],
    [4, GIB, 0x4000_0000],
    [5, 2 * MIB, 2 ** 50],
    [5, GIB, 2 ** 50],
    [2, 4 * MIB, 0xc000_0000],
  ] as const)("maps a large leaf: %i levels, %i bytes", (levels, sizeBytes, va) => {
    const { table } = newTable(levels, 2 * GIB);
    const pfn = sizeBytes / 4096;
    expect(table.map(va, pfn, { writable: true }, sizeBytes)).toBe(0);
    expect(lookUp(table, va + sizeBytes - 1)).toBe(2 * sizeBytes - 1);
    expect(table.map(va, pfn)).toBe(-17);
    expect(table.mappings()).toMatchObject([{ va, pfn, sizeBytes }]);
    expect(table.unmap(va + 4096)).toMatchObject({ va, pfn, sizeBytes });
    expect(table.nrTables).toBe(1);
  });

  it("maps the kernel half, also with five levels", () => {
    for (const levels of [4, 5] as const) {
      const { table } = newTable(levels);
      table.map(-0x1000, 5);
      table.map(0x1000, 6);
      expect(lookUp(table, -1)).toBe(0x5fff);
      expect(table.mappings().map((m) => m.va)).toEqual([0x1000, -0x1000]);
    }
  });

  it("uses two levels of 4-byte entries for 32-bit paging", () => {
    const { table, ram } = newTable(2);
    table.map(0x0040_3000, 0x77, { writable: true });
    expect(table.nrTables).toBe(2);
    expect(ram.readUint(table.rootPfn * 4096 + 4, 4) & 7).toBe(7);
    expect(lookUp(table, 0x0040_3210)).toBe(0x7_7210);
  });

  it("answers -EEXIST and leaves the old mapping", () => {
    const { table } = newTable();
    table.map(0x1000, 1);
    expect(table.map(0x1000, 2)).toBe(-17);
    expect(lookUp(table, 0x1000)).toBe(0x1000);
  });

  it("answers -ENOMEM when no frame is left for a table", () => {
    const { table, frames } = newTable(4, 4 * 4096);
    frames.allocFrame();
    expect(table.map(0x1000, 1)).toBe(-12);
    expect(table.mappings()).toEqual([]);
  });

  it("gives back the tables that hold nothing any more, and only those", () => {
    const { table, frames } = newTable();
    const before = frames.nrInUse;
    table.map(0x40_0000, 1);
    table.map(0x60_0000, 2);
    expect(table.unmap(0x40_0000)).toMatchObject({ pfn: 1 });
    expect(table.nrTables).toBe(4);
    expect(lookUp(table, 0x60_0000)).toBe(0x2000);
    table.unmap(0x60_0000);
    expect(table.nrTables).toBe(1);
    expect(frames.nrInUse).toBe(before);
    expect(table.unmap(0x60_0000)).toBeUndefined();
  });

  it("gives everything back when destroyed", () => {
    const { table, frames } = newTable();
    table.map(0x40_0000, 1);
    table.destroy();
    expect(frames.nrInUse).toBe(0);
  });

  it("maps new pages with cleared frames", () => {
    const { table, ram, frames } = newTable();
    const used = frames.allocFrame()!;
    ram.frame(used).fill(0x55);
    frames.freeFrame(used);
    expect(table.mapNew(0x1000, 3, { user: true })).toBe(0);
    for (const mapping of table.mappings())
      expect(ram.frame(mapping.pfn).every((byte) => byte === 0)).toBe(true);
    expect(new Set(table.mappings().map((m) => m.pfn)).size).toBe(3);
    const inUse = frames.nrInUse;
    expect(table.mapNew(0x3000)).toBe(-17);
    expect(frames.nrInUse).toBe(inUse);
  });

  it("uses the part it is given", () => {
    const ram = new Ram(MIB);
    const calls: string[] = [];
    const table = new PageTable(ram, new BareFrames(ram), {
      mapPage: (_ram, rootPfn, va, pfn, flags) => {
        calls.push(`${rootPfn} ${hex(va)} ${pfn} ${JSON.stringify(flags)}`);
        return 0;
      },
    });
    table.map(0x5000, 3, { user: true });
    expect(calls).toEqual(['1 0x5000 3 {"user":true}']);
  });

  it.each([
    [0x1234, 1, 4096, /0x1234 is not a multiple of 0x1000/],
    [2 ** 47, 1, 4096, /not an address that 4 levels can map/],
    [0x1000, 2 ** 30, 4096, /outside RAM/],
    [0x20_0000, 1, 2 * MIB, /frame 1 cannot start a page/],
    [0x1000, 1, 8192, /no leaf has 8192 bytes; with 4 levels there are 4096, 2097152, 1073741824/],
  ])("refuses va %i, frame %i, %i bytes", (va, pfn, sizeBytes, message) => {
    const { table } = newTable();
    expect(() => table.map(va, pfn, {}, sizeBytes)).toThrow(message);
  });

  it("holds exactly what was mapped, in exactly the tables that countTables counts", () => {
    const page = fc.oneof(
      fc.integer({ min: 0, max: 2 ** 11 }),
      fc.integer({ min: -(2 ** 35), max: 2 ** 35 - 1 }),
    );
    fc.assert(
      fc.property(fc.uniqueArray(page, { maxLength: 12 }), (pages) => {
        const { table } = newTable();
        const vas = pages.map((vpn) => vpn * 4096);
        for (const [i, va] of vas.entries()) table.map(va, i + 100);
        for (const [i, va] of vas.entries()) expect(lookUp(table, va)).toBe((i + 100) * 4096);
        const count = countTables(vas.map((start) => ({ start, end: start + 4096 })));
        expect(table.nrTables).toBe(count.total);
        for (const va of vas) table.unmap(va);
        expect(table.nrTables).toBe(1);
      }),
      { numRuns: 60 },
    );
  });
});
