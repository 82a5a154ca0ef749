import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { Ram } from "../../../lib/hw/ram.js";
import { ptepGet, setPte } from "../../../lib/mm/pgtable/pgtable.js";
import {
  classifyPte,
  PAGE_SWP_EXCLUSIVE,
  pteSwpClearExclusive,
  pteSwpExclusive,
  pteSwpMkexclusive,
  pteToSwpEntry,
  swpEntry,
  swpEntryToPte,
  swpOffset,
  swpType,
} from "../../../lib/mm/pgtable/swapops.js";

const entries = fc
  .tuple(fc.nat(31), fc.nat({ max: 2 ** 38 - 1 }), fc.boolean())
  .filter(([type, offset]) => type + offset > 0);

describe("a place in swap in a page table", () => {
  it("is in RAM what x86-64 has: type from bit 59, the offset inverted from bit 9, E in bit 3", () => {
    fc.assert(
      fc.property(entries, fc.nat(511), ([type, offset, exclusive], index) => {
        const ram = new Ram(1 << 20);
        const pte = swpEntryToPte(swpEntry(type, offset)) + (exclusive ? PAGE_SWP_EXCLUSIVE : 0);
        setPte(ram, 5 * 512 + index, pte);
        const inverted = ~BigInt(offset) & ((1n << 50n) - 1n);
        const expected = (BigInt(type) << 59n) | (inverted << 9n) | (exclusive ? 8n : 0n);
        expect(ram.readEntry((5 * 512 + index) * 8)).toBe(expected);
        expect(ptepGet(ram, 5 * 512 + index)).toBe(pte);
      }),
    );
  });

  it("is 0x07fffffffffffc00 for slot 1 of area 0", () => {
    const ram = new Ram(1 << 20);
    setPte(ram, 512, swpEntryToPte(swpEntry(0, 1)));
    expect(ram.readEntry(4096)).toBe(0x07ff_ffff_ffff_fc00n);
  });

  it("gives back type, offset and whether it was exclusive", () => {
    fc.assert(
      fc.property(entries, ([type, offset]) => {
        const pte = swpEntryToPte(swpEntry(type, offset));
        const entry = pteToSwpEntry(pteSwpMkexclusive(pte));
        expect([swpType(entry), swpOffset(entry)]).toEqual([type, offset]);
        expect([pteSwpExclusive(pte), pteSwpExclusive(pteSwpMkexclusive(pte))]).toEqual([false, true]);
        expect(pteSwpClearExclusive(pteSwpMkexclusive(pte))).toBe(pte);
        expect([pteSwpMkexclusive(pteSwpMkexclusive(pte)), pteSwpClearExclusive(pte)]).toEqual([
          pteSwpMkexclusive(pte),
          pte,
        ]);
      }),
    );
  });

  it("is not taken for one when somebody wrote it without inverting the offset", () => {
    const ram = new Ram(1 << 20);
    ram.writeEntry(4096, 0x200n);
    expect(() => classifyPte(ptepGet(ram, 512))).toThrow(/has no place here/);
  });
});
