import { describe, expect, it } from "vitest";
import { BareFrames } from "../../lib/hw/frames.js";
import { dumpTable, hexdump } from "../../lib/hw/hexdump.js";
import { PageTable } from "../../lib/hw/page_table.js";
import { Ram } from "../../lib/hw/ram.js";

describe("hexdump", () => {
  it("shows bytes as hexdump -C does", () => {
    const ram = new Ram(0x4000);
    for (const [i, letter] of [..."Hello, frame 3!\n...."].entries())
      ram.write8(0x3000 + i, letter.charCodeAt(0));
    expect(hexdump(ram, 0x3000, 20)).toBe(
      [
        "0x00003000  48 65 6c 6c 6f 2c 20 66  72 61 6d 65 20 33 21 0a  |Hello, frame 3!.|",
        "0x00003010  2e 2e 2e 2e                                       |....|",
      ].join("\n"),
    );
  });

  it("shrinks equal lines to a star and always shows the last", () => {
    const ram = new Ram(0x4000);
    ram.write8(0x1050, 0xff);
    const lines = hexdump(ram, 0x1000, 0x80).split("\n");
    expect(lines.map((line) => line.slice(0, 10))).toEqual([
      "0x00001000",
      "*",
      "0x00001050",
      "0x00001060",
      "0x00001070",
    ]);
  });

  it("refuses what lies outside RAM and what nobody can read", () => {
    const ram = new Ram(0x4000);
    expect(() => hexdump(ram, 0x3ff0, 32)).toThrow(/outside RAM/);
    expect(() => hexdump(ram, 0, 0)).toThrow(/cannot dump 0 bytes/);
  });
});

describe("dumpTable", () => {
  it("shows each entry with its place, bytes, value and meaning", () => {
    const ram = new Ram(0x10_0000);
    const table = new PageTable(ram, new BareFrames(ram));
    table.map(0x40_1000, 0x55, { user: true, writable: true });
    expect(dumpTable(ram, 4, 1)).toBe(
      [
        "table in frame 0x4, physical address 0x4000, level 1",
        "  [   1] 0x00004008  07 50 05 00 00 00 00 80  0x8000000000055007  pfn 0x55 P RW US NX",
      ].join("\n"),
    );
  });

  it("reads 4-byte entries of 32-bit paging", () => {
    const ram = new Ram(0x10_0000);
    const table = new PageTable(ram, new BareFrames(ram), { levels: 2 });
    table.map(0x3000, 0x55);
    expect(dumpTable(ram, 2, 1, false)).toContain("[   3] 0x0000200c  01 50 05 00  0x00055001");
  });

  it("says when there is nothing", () => {
    expect(dumpTable(new Ram(0x4000), 1, 4)).toContain("all entries are zero");
  });
});
