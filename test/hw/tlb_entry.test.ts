import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { LEVEL_SIZE } from "../../lib/hw/address.js";
import {
  frameWord,
  globalKey,
  highBitsOf,
  isKeyOf,
  keyBase,
  keyOfVpn,
  tagOf,
  unpackEntry,
} from "../../lib/hw/tlb_entry.js";

const LEVELS = [1, 2, 3, 4, 5];
const address = fc.maxSafeInteger().map((n) => n * 8); // 56 bits and a sign

describe("a packed TLB entry", () => {
  it("has by shifts the page numbers that division gives, on every level, in both halves", () => {
    fc.assert(
      fc.property(fc.oneof(address, fc.constantFrom(0, -1, -4096, 2 ** 47, -(2 ** 47))), (va) => {
        const vpn = Math.floor(va / 4096);
        const [lo, hi] = [vpn | 0, Math.floor(vpn / 2 ** 32)];
        for (const level of LEVELS) {
          const page = Math.floor(va / LEVEL_SIZE[level]!);
          expect([level, tagOf(lo, hi, level)]).toEqual([level, page | 0]);
          expect([level, highBitsOf(hi, level)]).toEqual([level, keyOfVpn(page)]);
        }
      }),
    );
  });

  it("is unpacked to what was packed", () => {
    const vpns = fc.integer({ min: -(2 ** 44), max: 2 ** 44 - 1 });
    fc.assert(
      fc.property(
        vpns,
        fc.constantFrom(1, 2, 3),
        fc.nat(4095),
        fc.integer({ min: 0, max: 2 ** 34 - 1 }),
        (vpn, level, pcid, pfn) => {
          const key = keyBase(level, pcid) | keyOfVpn(vpn);
          const word = frameWord(pfn, 6);
          const entry = { vpn, level, pcid, global: false, pfn, rights: 6 };
          expect(unpackEntry(vpn | 0, key, word, Math.floor(pfn / 2 ** 20))).toEqual(entry);
          expect([isKeyOf(pcid, key), isKeyOf(pcid ^ 1, key), isKeyOf(0, 0)]).toEqual([true, false, false]);
          expect(isKeyOf(0, globalKey(key))).toBe(false);
          expect(unpackEntry(vpn | 0, globalKey(key), word, Math.floor(pfn / 2 ** 20))).toEqual({
            ...entry,
            pcid: 0,
            global: true,
          });
        },
      ),
    );
  });
});
