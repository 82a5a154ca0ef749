import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { EINVAL } from "../../../lib/mm/errno.js";
import { newLz4Table } from "../../../lib/mm/swap/lz4.js";
import { lzoCompress, lzoDecompress } from "../../../lib/mm/swap/lzo.js";
import { anyPage, heapPage, randomPage, textPage } from "./page_data.js";

const PAGE = 4096;
const table = newLz4Table();

function compressed(src: Uint8Array, room = src.length + 500): Uint8Array {
  const dst = new Uint8Array(room);
  return dst.slice(0, lzoCompress(src, dst, table));
}

function decompressed(block: Uint8Array, room = PAGE): Uint8Array | number {
  const dst = new Uint8Array(room);
  const nr = lzoDecompress(block, dst);
  return nr < 0 ? nr : dst.slice(0, nr);
}

/** toEqual() takes its time for each byte. */
function same(found: Uint8Array | number, expected: Uint8Array): void {
  expect(typeof found !== "number" && Buffer.compare(found, expected) === 0).toBe(true);
}

const anyBlock = fc.oneof(
  anyPage,
  fc.uint8Array({ maxLength: 60 }),
  fc.uint8Array({ maxLength: 3000, max: 3 }),
  fc.record({ nr: fc.nat(16384), step: fc.nat(50_000) }).map(({ nr, step }) => {
    return new Uint8Array(nr).map((_, i) => (i * step) >>> 8);
  }),
);

describe("lzoCompress", () => {
  it("and back gives every block again, whatever it holds", () => {
    fc.assert(
      fc.property(anyBlock, (src) => {
        same(decompressed(compressed(src), src.length), src);
      }),
      { numRuns: 600 },
    );
  });

  it("says 0 where it would need more room than there is, and writes nothing behind it", () => {
    fc.assert(
      fc.property(anyPage, fc.nat(PAGE), (src, room) => {
        const { length } = compressed(src);
        const dst = new Uint8Array(PAGE + 100).fill(0xee);
        const nr = lzoCompress(src, dst.subarray(0, room), table);
        if (room >= length + 17) expect(nr).toBe(length);
        if (room < length) expect(nr).toBe(0);
        expect(dst.subarray(room).every((byte) => byte === 0xee)).toBe(true);
      }),
    );
  });

  it("makes a pattern small, and random bytes little larger", () => {
    expect(compressed(randomPage(1)).length).toBeLessThan(PAGE + 32);
    expect(compressed(new Uint8Array(PAGE)).length).toBeLessThan(50);
    expect(compressed(textPage(1)).length).toBeLessThan(PAGE * 0.6);
    expect(compressed(heapPage(1)).length).toBeLessThan(PAGE / 2);
  });

  it("ends each block with a match of 3 bytes from 16 KiB back, which there is not", () => {
    expect([...compressed(new Uint8Array(0))]).toEqual([17, 0, 0]);
    expect([...compressed(Uint8Array.of(1, 2))]).toEqual([19, 1, 2, 17, 0, 0]);
  });

  it("refuses more than 16 KiB", () => {
    expect(() => lzoCompress(new Uint8Array(16385), new Uint8Array(20000), table)).toThrow(/16385 .* 16384/);
  });
});

describe("lzoDecompress", () => {
  it("reads all forms of a match, those too that are not written", () => {
    const text = new TextEncoder();
    const abcd = [21, ...text.encode("abcd")];
    const block = (...bytes: number[]): Uint8Array | number => decompressed(Uint8Array.from(bytes));
    const end = [17, 0, 0];
    expect(block(...abcd, 0b0110_1100, 0, ...end)).toEqual(text.encode("abcdabcd"));
    expect(block(...abcd, 33, 12, 0, ...end)).toEqual(text.encode("abcdabc"));
    expect(block(...abcd, 0b0110_1101, 0, 120, ...end)).toEqual(text.encode("abcdabcdx"));
    expect(block(...abcd, 0b0110_1101, 0, 120, 0b0000_0000, 0, ...end)).toEqual(text.encode("abcdabcdxxx"));
    expect(block(...abcd, 32, 1, 0, 0, ...end)).toEqual(text.encode(`abcd${"d".repeat(34)}`));
  });

  it.each([
    ["nothing at all", []],
    ["no end", [21, 97, 98, 99, 100]],
    ["more behind the end", [18, 97, 17, 0, 0, 0]],
    ["literals that are not there", [100, 1, 2]],
    ["a distance before the beginning", [18, 97, 0b0110_0000, 1, 17, 0, 0]],
    ["half a distance", [21, 97, 98, 99, 100, 33, 12]],
    ["a length without end", [0, 0, 0, 0]],
    [
      "more than there is room for",
      [21, 97, 98, 99, 100, 32, ...new Array<number>(30).fill(0), 1, 0, 0, 17, 0, 0],
    ],
  ])("refuses %s", (_, bytes) => {
    expect(decompressed(Uint8Array.from(bytes))).toBe(-EINVAL);
  });

  it("stays within its arrays, whatever the block holds", () => {
    fc.assert(
      fc.property(
        anyPage,
        fc.array(fc.tuple(fc.nat(5000), fc.nat(255)), { minLength: 1 }),
        (src, changes) => {
          const block = compressed(src);
          for (const [at, value] of changes) block[at % block.length] = value;
          const around = new Uint8Array(PAGE + 200).fill(0xee);
          const nr = lzoDecompress(block, around.subarray(100, 100 + PAGE));
          expect(nr === -EINVAL || (nr >= 0 && nr <= PAGE)).toBe(true);
          expect(around.subarray(0, 100).every((byte) => byte === 0xee)).toBe(true);
          expect(around.subarray(100 + PAGE).every((byte) => byte === 0xee)).toBe(true);
        },
      ),
      { numRuns: 1000 },
    );
  });

  it("of random bytes ends", () => {
    fc.assert(
      fc.property(fc.uint8Array({ maxLength: 300 }), (block) => {
        const nr = lzoDecompress(block, new Uint8Array(PAGE));
        expect(nr >= -EINVAL && nr <= PAGE).toBe(true);
      }),
      { numRuns: 1000 },
    );
  });
});
