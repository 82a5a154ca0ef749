import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { entryText, isLeaf, makeEntry, PAGE_NX, packEntry, unpackEntry } from "../../lib/hw/entry.js";

describe("entries", () => {
  it("packs what it unpacks, for every 64-bit value", () => {
    fc.assert(
      fc.property(fc.bigInt({ min: 0n, max: (1n << 64n) - 1n }), (entry) => {
        const fields = unpackEntry(entry);
        // Protection key and high software bits overlap nowhere, so nothing may be lost.
        expect(packEntry(fields)).toBe(entry);
      }),
    );
  });

  it("gives each bit its own field", () => {
    expect(unpackEntry(1n << 63n)).toMatchObject({ noExecute: true, present: false, pfn: 0 });
    expect(unpackEntry(0x8000_0000_1234_5067n)).toMatchObject({
      present: true,
      writable: true,
      user: true,
      accessed: true,
      dirty: true,
      pageSize: false,
      pfn: 0x12345,
      noExecute: true,
    });
  });

  it("makes an entry from a frame and flags", () => {
    expect(makeEntry(5, 7)).toBe(0x5007n);
    expect(makeEntry(5, 7, true)).toBe(PAGE_NX | 0x5007n);
    expect(() => makeEntry(-1, 7)).toThrow(/pfn -1/);
  });

  it("knows leaves by level and PS", () => {
    expect([1, 2, 3, 4].map((level) => isLeaf(0x81n, level))).toEqual([true, true, true, false]);
    expect([1, 2, 3, 4].map((level) => isLeaf(0x01n, level))).toEqual([true, false, false, false]);
  });

  it("describes an entry in words", () => {
    expect(entryText(0x5067n)).toBe("pfn 0x5 P RW US A D");
    expect(entryText(0n)).toBe("empty");
    expect(entryText(0x1000n)).toBe("not present (0x1000)");
  });
});
