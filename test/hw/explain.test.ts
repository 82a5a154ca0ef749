import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { PAGE_PSE, PAGE_RW, PAGE_USER } from "../../lib/hw/entry.js";
import { addressFields, errorCodeText, explainWalk } from "../../lib/hw/explain.js";
import { ACCESS_FETCH, ACCESS_USER, ACCESS_WRITE } from "../../lib/hw/fault.js";
import { BareFrames } from "../../lib/hw/frames.js";
import { PageTable, type TableLevels } from "../../lib/hw/page_table.js";
import { Ram } from "../../lib/hw/ram.js";
import { linuxPaging, type Paging } from "../../lib/hw/registers.js";
import { walk } from "../../lib/hw/walk.js";

function newTable(levels: TableLevels = 4): { ram: Ram; table: PageTable; paging: Paging } {
  const ram = new Ram(2 ** 24);
  const table = new PageTable(ram, new BareFrames(ram), { levels });
  return { ram, table, paging: linuxPaging(table.rootPfn, { levels, pse: true, nxe: levels !== 2 }) };
}

describe("addressFields", () => {
  it("cuts 64 bits into sign, four indexes and offset", () => {
    const fields = addressFields(0x7f12_3456_789a, 4);
    expect(fields.map((f) => [f.name, f.high, f.low, f.value])).toEqual([
      ["sign", 63, 48, 0],
      ["level 4", 47, 39, 254],
      ["level 3", 38, 30, 72],
      ["level 2", 29, 21, 418],
      ["level 1", 20, 12, 359],
      ["offset", 11, 0, 0x89a],
    ]);
    expect(fields.map((f) => f.bits).join("")).toBe(0x7f12_3456_789an.toString(2).padStart(64, "0"));
  });

  it("shows the sign bits of the kernel half as ones", () => {
    const [sign, top] = addressFields(-4096, 4);
    expect(sign).toMatchObject({ bits: "1".repeat(16) });
    expect(top).toMatchObject({ value: 511 });
  });

  it("has fewer fields and a longer offset for a large page", () => {
    expect(addressFields(0x1234_5678, 4, 2).at(-1)).toMatchObject({ name: "offset", high: 20, low: 0 });
    expect(addressFields(0x1234_5678, 2, 2).map((f) => f.name)).toEqual(["level 2", "offset"]);
  });

  it("cuts 32 bits into 10, 10 and 12", () => {
    expect(addressFields(0xc040_3123, 2).map((f) => f.value)).toEqual([0x301, 3, 0x123]);
  });

  it("keeps five index fields below 7 sign bits with five levels", () => {
    expect(addressFields(-1, 5).map((f) => f.bits.length)).toEqual([7, 9, 9, 9, 9, 9, 12]);
  });
});

describe("explainWalk", () => {
  it("lists every entry on the way and ends at the physical address", () => {
    const { ram, table, paging } = newTable();
    table.map(0x40_1000, 0x88, { user: true });
    const explained = explainWalk(ram, paging, 0x40_1abc, ACCESS_USER);
    expect(explained.steps.map((s) => [s.level, s.index, s.tablePfn])).toEqual([
      [4, 0, 1],
      [3, 0, 2],
      [2, 2, 3],
      [1, 1, 4],
    ]);
    expect(explained).toMatchObject({ pa: 0x8_8abc, pageBytes: 4096, fault: undefined });
    expect(String(explained)).toBe(
      [
        "user read at 0x0000000000401abc",
        "  000000000 000000000 000000010 000000001 101010111100",
        "  level 4   level 3   level 2   level 1   offset",
        "  0         0         2         1         0xabc",
        "CR3: top table in frame 0x1, physical address 0x1000",
        "level 4: entry 0 at 0x1000 = 0x0000000000002007  pfn 0x2 P RW US",
        "level 3: entry 0 at 0x2000 = 0x0000000000003007  pfn 0x3 P RW US",
        "level 2: entry 2 at 0x3010 = 0x0000000000004007  pfn 0x4 P RW US",
        "level 1: entry 1 at 0x4008 = 0x8000000000088005  pfn 0x88 P RO US NX",
        "all levels together: no write, user, no run",
        "=> physical address 0x88abc",
      ].join("\n"),
    );
  });

  it("changes nothing, not even an A bit", () => {
    const { ram, table, paging } = newTable();
    table.map(0x40_1000, 0x88, { user: true, writable: true });
    const before = [1, 2, 3, 4].map((pfn) => ram.frame(pfn).slice());
    explainWalk(ram, paging, 0x40_1000, ACCESS_USER | ACCESS_WRITE);
    expect([1, 2, 3, 4].map((pfn) => ram.frame(pfn).slice())).toEqual(before);
  });

  it.each([
    ["a missing entry", 0x80_0000, ACCESS_USER, "(U): the entry at level 2 is not present"],
    [
      "a write to a read-only page",
      0x40_1000,
      ACCESS_USER | ACCESS_WRITE,
      "(P W U): a user write is not allowed: R/W is 0 in the entry at level 1",
    ],
    [
      "a fetch",
      0x40_1000,
      ACCESS_USER | ACCESS_FETCH,
      "(P U I): a user fetch is not allowed: NX is 1 in the entry at level 1",
    ],
    [
      "a kernel page",
      0x40_2000,
      ACCESS_USER,
      "(P U): a user read is not allowed: U/S is 0 in the entry at level 1",
    ],
    ["SMAP", 0x40_1000, 0, "SMAP, the supervisor touches no user page"],
    ["SMEP", 0x40_3000, ACCESS_FETCH, "SMEP, the supervisor runs no user page"],
    [
      "a hole between the halves",
      2 ** 47,
      ACCESS_USER,
      "#GP at 0x800000000000: the address is not canonical; no table is read",
    ],
  ])("says why %s faults", (_, va, access, verdict) => {
    const { ram, table, paging } = newTable();
    table.map(0x40_1000, 0x88, { user: true });
    table.map(0x40_2000, 0x89);
    table.map(0x40_3000, 0x8a, { user: true, executable: true });
    const explained = explainWalk(ram, paging, va, access);
    expect(explained.verdict).toContain(verdict);
    expect(explained.pa).toBeUndefined();
  });

  it("names the upper entry that takes a right away", () => {
    const { ram, table, paging } = newTable();
    table.map(0x40_1000, 0x88, { user: true, writable: true });
    ram.writeEntry(0x2000, ram.readEntry(0x2000) & ~BigInt(PAGE_RW));
    expect(explainWalk(ram, paging, 0x40_1000, ACCESS_USER | ACCESS_WRITE).verdict).toContain(
      "R/W is 0 in the entry at level 3",
    );
    ram.writeEntry(0x1000, ram.readEntry(0x1000) & ~BigInt(PAGE_USER));
    expect(explainWalk(ram, paging, 0x40_1000, ACCESS_USER).verdict).toContain(
      "U/S is 0 in the entry at level 4",
    );
  });

  it("names a reserved bit", () => {
    const { ram, table, paging } = newTable();
    table.map(0x40_1000, 0x88);
    ram.writeEntry(0x1000, ram.readEntry(0x1000) | BigInt(PAGE_PSE));
    expect(explainWalk(ram, paging, 0x40_1000).verdict).toBe(
      "page fault, error code 0x9 (P RSVD): the entry at level 4 sets a reserved bit",
    );
  });

  it("explains two and five levels", () => {
    const two = newTable(2);
    two.table.map(0xc000_0000, 3, { user: true });
    expect(explainWalk(two.ram, two.paging, 0xc000_0042, ACCESS_USER)).toMatchObject({
      pa: 0x3042,
      levels: 2,
    });
    const five = newTable(5);
    five.table.map(2 ** 55, 3, { user: true });
    expect(explainWalk(five.ram, five.paging, 2 ** 55, ACCESS_USER).steps).toHaveLength(5);
  });

  it("always ends where the processor's walk ends", () => {
    const { ram, table, paging } = newTable();
    for (let i = 0; i < 8; i++)
      table.map(i * 4096, 200 + i, { user: (i & 1) > 0, writable: (i & 2) > 0, executable: (i & 4) > 0 });
    table.map(0x20_0000, 512, { user: true }, 0x20_0000);
    fc.assert(
      fc.property(
        fc.integer({ min: 0, max: 0x5f_ffff }),
        fc.constantFrom(0, 2, 4, 6, 16, 20),
        (va, access) => {
          const explained = explainWalk(ram, paging, va, access);
          const walked = walk(ram, paging, va, access);
          if ("pa" in walked) expect(explained.pa).toBe(walked.pa);
          else expect(explained.fault).toEqual(walked);
        },
      ),
    );
  });

  it("refuses while paging is off", () => {
    const { ram, paging } = newTable();
    expect(() => explainWalk(ram, { ...paging, levels: 0 }, 0)).toThrow(/paging is off/);
  });

  it("offers itself as HTML with nothing left unescaped", () => {
    const { ram, paging } = newTable();
    const explained = explainWalk(ram, paging, 0) as unknown as Record<symbol, () => Record<string, string>>;
    const html = explained[Symbol.for("Jupyter.display")]!()["text/html"]!;
    expect(html).toContain("=&gt; page fault");
  });
});

describe("errorCodeText", () => {
  it("names the bits", () => {
    expect(errorCodeText(0)).toBe("no bit set");
    expect(errorCodeText(31)).toBe("P W U RSVD I");
  });
});
