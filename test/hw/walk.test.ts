import { describe, expect, it } from "vitest";
import { ACCESS_FETCH, ACCESS_USER, ACCESS_WRITE, PageFault } from "../../lib/hw/fault.js";
import { Ram } from "../../lib/hw/ram.js";
import { linuxPaging } from "../../lib/hw/registers.js";
import type { WalkWatch } from "../../lib/hw/translation.js";
import { walk } from "../../lib/hw/walk.js";
import { Tables } from "./tables.js";

const VA = 0x7f12_3456_7000;
const USER_READ = ACCESS_USER;
const USER_WRITE = ACCESS_USER | ACCESS_WRITE;
const USER_FETCH = ACCESS_USER | ACCESS_FETCH;

function machine(levels = 4): { ram: Ram; tables: Tables } {
  const ram = new Ram(64 * 2 ** 20);
  return { ram, tables: new Tables(ram, 1, levels) };
}

describe("the four-level walk", () => {
  it("finds the frame and keeps the offset, in both halves of the address space", () => {
    const { ram, tables } = machine();
    tables.map(VA, 0x123);
    tables.map(-0x7f00_0000_1000, 0x456, 3);
    expect(walk(ram, linuxPaging(1), VA + 0xabc, USER_READ)).toMatchObject({ pa: 0x123abc, level: 1 });
    expect(walk(ram, linuxPaging(1), -0x7f00_0000_1000 + 8, 0)).toMatchObject({ pa: 0x456008, level: 1 });
  });

  it("maps 2 MiB and 1 GiB with one leaf", () => {
    const { ram, tables } = machine();
    tables.map(0x4000_0000, 0x4_0000, 7, 3);
    tables.map(0x8020_0000, 0x600, 7, 2);
    expect(walk(ram, linuxPaging(1), 0x7fff_ffff, USER_READ)).toMatchObject({ pa: 0x7fff_ffff, level: 3 });
    expect(walk(ram, linuxPaging(1), 0x8033_4567, USER_READ)).toMatchObject({ pa: 0x73_4567, level: 2 });
  });

  it("does not take the PAT bit of a large leaf for an address bit", () => {
    const { ram, tables } = machine();
    tables.map(0x8020_0000, 0x601, 7, 2);
    expect(walk(ram, linuxPaging(1), 0x8020_0004, USER_READ)).toMatchObject({ pa: 0x60_0004 });
  });

  it("sets A on the way, and D in the leaf only for a write", () => {
    const { ram, tables } = machine();
    tables.map(VA, 0x123);
    const leaf = tables.entryPa(VA);
    walk(ram, linuxPaging(1), VA, USER_READ);
    expect(ram.readEntry(leaf)).toBe(0x123027n);
    expect(ram.readEntry(tables.entryPa(VA, 4)) & 0x60n).toBe(0x20n);
    walk(ram, linuxPaging(1), VA, USER_WRITE);
    expect(ram.readEntry(leaf)).toBe(0x123067n);
    expect(ram.readEntry(tables.entryPa(VA, 2)) & 0x60n).toBe(0x20n);
  });

  it("leaves the tables alone in a dry run and reports each entry", () => {
    const { ram, tables } = machine();
    tables.map(VA, 0x123);
    const watch: WalkWatch = { steps: [], dryRun: true };
    walk(ram, linuxPaging(1), VA, USER_WRITE, watch);
    expect(watch.steps.map((s) => [s.level, s.verdict])).toEqual([
      [4, "table"],
      [3, "table"],
      [2, "table"],
      [1, "leaf"],
    ]);
    expect(watch.steps[3]).toMatchObject({ entryPa: tables.entryPa(VA), entry: 0x123007n });
    expect(ram.readEntry(tables.entryPa(VA))).toBe(0x123007n);
    for (const level of [2, 3, 4]) expect(ram.readEntry(tables.entryPa(VA, level)) & 0x60n).toBe(0n);
  });

  it.each([
    ["a missing page", USER_READ, 0x4],
    ["a missing page written", USER_WRITE, 0x6],
    ["a missing page fetched", USER_FETCH, 0x14],
    ["a missing page, supervisor", 0, 0],
  ])("answers P=0 for %s", (_, access, code) => {
    const { ram } = machine();
    expect(walk(ram, linuxPaging(1), VA, access)).toEqual(new PageFault(VA, code));
  });

  it.each([
    ["a write to a read-only page", 5, false, USER_WRITE, 0x7],
    ["user access to a supervisor page", 3, false, USER_READ, 0x5],
    ["a fetch from a no-execute page", 7, true, USER_FETCH, 0x15],
    ["a supervisor fetch from a user page (SMEP)", 7, false, ACCESS_FETCH, 0x11],
    ["a supervisor read of a user page (SMAP)", 7, false, 0, 0x1],
    ["a supervisor write to a read-only page (WP)", 1, false, ACCESS_WRITE, 0x3],
  ])("answers P=1 for %s and does not touch the leaf", (_, flags, nx, access, code) => {
    const { ram, tables } = machine();
    tables.map(VA, 0x123, flags, 1, nx);
    const before = ram.readEntry(tables.entryPa(VA));
    expect(walk(ram, linuxPaging(1), VA, access)).toEqual(new PageFault(VA, code));
    expect(ram.readEntry(tables.entryPa(VA))).toBe(before);
  });

  it("needs R/W and U/S at every level", () => {
    const { ram, tables } = machine();
    tables.map(VA, 0x123);
    const pmd = tables.entryPa(VA, 2);
    ram.writeEntry(pmd, ram.readEntry(pmd) & ~2n);
    expect(walk(ram, linuxPaging(1), VA, USER_WRITE)).toEqual(new PageFault(VA, 7));
    ram.writeEntry(pmd, ram.readEntry(pmd) & ~4n);
    expect(walk(ram, linuxPaging(1), VA, USER_READ)).toEqual(new PageFault(VA, 5));
  });

  it("relaxes the rules with WP, SMAP and SMEP off", () => {
    const { ram, tables } = machine();
    tables.map(VA, 0x123, 5);
    const off = linuxPaging(1, { wp: false, smap: false, smep: false });
    for (const access of [0, ACCESS_WRITE, ACCESS_FETCH])
      expect(walk(ram, off, VA, access)).toMatchObject({ pa: 0x123000 });
    expect(walk(ram, linuxPaging(1, { ac: true }), VA, 0)).toMatchObject({ pa: 0x123000 });
  });

  it("reports I/D only while NXE or SMEP tells fetches apart", () => {
    const { ram } = machine();
    expect(walk(ram, linuxPaging(1, { nxe: false, smep: false }), VA, USER_FETCH)).toEqual(
      new PageFault(VA, 4),
    );
    expect(walk(ram, linuxPaging(1, { nxe: false }), VA, USER_FETCH)).toEqual(new PageFault(VA, 0x14));
  });

  it.each([
    ["an address bit beyond the processor's", 1, 1n << 46n, {}],
    ["an address bit beyond the processor's in a table", 3, 1n << 51n, {}],
    ["NX while NXE is off", 1, 1n << 63n, { nxe: false }],
    ["PS at level 4", 4, 0x80n, {}],
    ["an address bit below a 2 MiB leaf's size", 2, 0x80n | (1n << 13n), {}],
    ["an address bit below a 1 GiB leaf's size", 3, 0x80n | (1n << 21n), {}],
  ])("answers RSVD for %s, before any permission", (_, level, bits, changes) => {
    const { ram, tables } = machine();
    tables.map(VA, 0x123, 1);
    const pa = tables.entryPa(VA, level);
    const clean = level > 1 && bits & 0x80n && level < 4 ? 7n : ram.readEntry(pa);
    ram.writeEntry(pa, clean | bits);
    expect(walk(ram, linuxPaging(1, changes), VA, USER_WRITE)).toEqual(new PageFault(VA, 0xf));
  });

  it("raises #GP for an address that is not canonical", () => {
    const { ram } = machine();
    expect(walk(ram, linuxPaging(1), 2 ** 47, 0)).toMatchObject({ vector: 13, va: 2 ** 47 });
    expect(walk(ram, linuxPaging(1), -(2 ** 47) - 1, 0)).toMatchObject({ vector: 13 });
    expect(walk(ram, linuxPaging(1, { levels: 5 }), 2 ** 47, 0)).toMatchObject({ vector: 14 });
  });

  it("ends in a reserved-bit fault when a table lies outside RAM", () => {
    const { ram, tables } = machine();
    tables.map(VA, 0x123);
    ram.writeEntry(tables.entryPa(VA, 2), 0x3f_ffff_f007n);
    expect(walk(ram, linuxPaging(1), VA, USER_READ)).toEqual(new PageFault(VA, 0xd));
  });
});

describe("the five-level walk", () => {
  it("reaches addresses beyond 47 bits", () => {
    const { ram, tables } = machine(5);
    tables.map(2 ** 52, 0x123);
    const paging = linuxPaging(1, { levels: 5 });
    expect(walk(ram, paging, 2 ** 52 + 16, USER_READ)).toMatchObject({ pa: 0x123010 });
    expect(walk(ram, paging, 2 ** 48, USER_READ)).toEqual(new PageFault(2 ** 48, 4));
  });
});

describe("the two-level walk", () => {
  const paging = linuxPaging(1, { levels: 2, nxe: false, smep: false, smap: false, pse: true });

  it("finds a 4 KiB page through 4-byte entries", () => {
    const { ram } = machine();
    ram.setWord(1, 0x300, 0x2007);
    ram.setWord(2, 5, 0x9007);
    expect(walk(ram, paging, 0xc000_5123, USER_WRITE)).toMatchObject({ pa: 0x9123, level: 1 });
    expect(ram.word(1, 0x300)).toBe(0x2027);
    expect(ram.word(2, 5)).toBe(0x9067);
  });

  it("maps 4 MiB with one entry, address bits 39 to 32 included", () => {
    const { ram } = machine();
    ram.setWord(1, 1, 0x0080_2087);
    expect(walk(ram, paging, 0x40_0123, USER_READ)).toMatchObject({ pa: 0x1_0080_0123, level: 2 });
    ram.setWord(1, 1, 0x00a0_0087);
    expect(walk(ram, paging, 0x40_0123, USER_READ)).toEqual(new PageFault(0x40_0123, 0xd));
  });

  it("faults with the same error codes and refuses longer addresses", () => {
    const { ram } = machine();
    expect(walk(ram, paging, 0x1000, USER_FETCH)).toEqual(new PageFault(0x1000, 4));
    ram.setWord(1, 0, 0x2005);
    ram.setWord(2, 1, 0x9007);
    expect(walk(ram, paging, 0x1000, USER_WRITE)).toEqual(new PageFault(0x1000, 7));
    expect(() => walk(ram, paging, 2 ** 32, 0)).toThrow(RangeError);
  });
});
