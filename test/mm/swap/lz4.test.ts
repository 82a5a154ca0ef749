import { createRequire } from "node:module";
import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { EINVAL } from "../../../lib/mm/errno.js";
import { lz4Compress, lz4Decompress, newLz4Table } from "../../../lib/mm/swap/lz4.js";
import { anyPage, heapPage, randomPage, textPage } from "./page_data.js";

/** Another implementation of the format; an index and a length follow each array. */
interface Lz4js {
  compressBlock(src: Uint8Array, dst: Uint8Array, at: number, length: number, table: Uint32Array): number;
  decompressBlock(src: Uint8Array, dst: Uint8Array, at: number, length: number, dstAt: number): number;
}
const lz4js = createRequire(import.meta.url)("lz4js") as Lz4js;
const PAGE = 4096;
const table = newLz4Table();

function compressed(src: Uint8Array, room = src.length + 100): Uint8Array {
  const dst = new Uint8Array(room);
  return dst.slice(0, lz4Compress(src, dst, table));
}

function decompressed(block: Uint8Array, room = PAGE): Uint8Array | number {
  const dst = new Uint8Array(room);
  const nr = lz4Decompress(block, dst);
  return nr < 0 ? nr : dst.slice(0, nr);
}

/** toEqual() takes its time for each byte. */
function same(found: Uint8Array | number, expected: Uint8Array): void {
  expect(typeof found !== "number" && Buffer.compare(found, expected) === 0).toBe(true);
}

const anyBlock = fc.oneof(
  anyPage,
  fc.uint8Array({ maxLength: 40 }),
  fc.uint8Array({ maxLength: 3000, max: 3 }),
  fc.record({ nr: fc.nat(65536), step: fc.nat(50_000) }).map(({ nr, step }) => {
    return new Uint8Array(nr).map((_, i) => (i * step) >>> 8);
  }),
);

describe("lz4Compress", () => {
  it("and back gives every block again, whatever it holds", () => {
    fc.assert(
      fc.property(anyBlock, (src) => {
        same(decompressed(compressed(src, src.length + 400), src.length), src);
      }),
      { numRuns: 400 },
    );
  });

  it("writes blocks that another decoder reads", () => {
    fc.assert(
      fc.property(anyBlock, (src) => {
        const block = compressed(src, src.length + 400);
        const dst = new Uint8Array(src.length);
        expect(lz4js.decompressBlock(block, dst, 0, block.length, 0)).toBe(src.length);
        same(dst, src);
      }),
      { numRuns: 400 },
    );
  });

  it("ends each block as the format asks: at least 5 literals, no match in the last 12 bytes", () => {
    fc.assert(
      fc.property(anyPage, (src) => {
        const block = compressed(src);
        const { matches, literalsAtEnd } = parse(block);
        if (matches.length > 0) {
          expect(literalsAtEnd).toBeGreaterThanOrEqual(5);
          expect(Math.max(...matches)).toBeLessThanOrEqual(PAGE - 12);
        }
      }),
    );
  });

  it("says 0 exactly where it would need more room than there is, and writes nothing behind it", () => {
    fc.assert(
      fc.property(anyPage, fc.nat(PAGE), (src, room) => {
        const { length } = compressed(src, PAGE + 100);
        const dst = new Uint8Array(PAGE + 100).fill(0xee);
        const nr = lz4Compress(src, dst.subarray(0, room), table);
        // What is asked for at a match is a few bytes more than it takes, in Linux too.
        if (room >= length + 8) expect(nr).toBe(length);
        if (room < length) expect(nr).toBe(0);
        expect(dst.subarray(room).every((byte) => byte === 0xee)).toBe(true);
      }),
    );
  });

  it("needs a page and 18 bytes for bytes without any pattern, few for a pattern", () => {
    expect(compressed(randomPage(1)).length).toBe(PAGE + 18);
    expect(compressed(new Uint8Array(PAGE)).length).toBeLessThan(32);
    expect(compressed(textPage(1)).length).toBeLessThan(PAGE * 0.6);
    expect(compressed(heapPage(1)).length).toBeLessThan(PAGE / 2);
  });

  it("does the same with a table that other pages have used", () => {
    const before = compressed(textPage(3));
    compressed(heapPage(4));
    expect(compressed(textPage(3))).toEqual(before);
    expect(lz4Compress(textPage(3), new Uint8Array(PAGE))).toBe(before.length);
  });

  it("refuses more than 64 KiB", () => {
    expect(() => lz4Compress(new Uint8Array(65537), new Uint8Array(70000))).toThrow(/65537 .* 65536/);
  });
});

describe("lz4Decompress", () => {
  it("reads what another encoder wrote", () => {
    fc.assert(
      fc.property(anyPage, (src) => {
        const dst = new Uint8Array(PAGE + 100);
        const nr = lz4js.compressBlock(src, dst, 0, PAGE, new Uint32Array(65536));
        if (nr > 0) same(decompressed(dst.slice(0, nr)), src);
      }),
      { numRuns: 300 },
    );
  });

  it("makes more of a match than there was when it began", () => {
    const block = Uint8Array.of(0x1f, 65, 1, 0, 3, 0x50, 66, 66, 66, 66, 66);
    expect(decompressed(block)).toEqual(new TextEncoder().encode(`${"A".repeat(23)}BBBBB`));
  });

  it.each([
    ["nothing at all", []],
    ["literals that are not there", [0x50, 1, 2]],
    ["a length without end", [0xf0, 255, 255]],
    ["half an offset", [0x10, 1, 1]],
    ["offset 0", [0x10, 1, 0, 0, 0x10, 1]],
    ["an offset before the beginning", [0x10, 1, 2, 0, 0x10, 1]],
    ["a match at the end, and no literals", [0x10, 1, 1, 0]],
    ["a match length without end", [0x1f, 1, 1, 0, 255]],
    ["more than there is room for", [0x1f, 1, 1, 0, ...new Array<number>(20).fill(255), 1, 0x10, 1]],
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
          const nr = lz4Decompress(block, around.subarray(100, 100 + PAGE));
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
        const nr = lz4Decompress(block, new Uint8Array(PAGE));
        expect(nr >= -EINVAL && nr <= PAGE).toBe(true);
      }),
      { numRuns: 1000 },
    );
  });
});

/** Where each match of a block begins in what it stands for, and the number of literals behind the last. */
function parse(block: Uint8Array): { matches: number[]; literalsAtEnd: number } {
  const matches: number[] = [];
  let at = 0;
  let made = 0;
  const length = (half: number): number => {
    let nr = half;
    if (half === 15)
      do nr += block[at]!;
      while (block[at++] === 255);
    return nr;
  };
  for (;;) {
    const token = block[at++]!;
    const literals = length(token >> 4);
    at += literals;
    made += literals;
    if (at >= block.length) return { matches, literalsAtEnd: literals };
    at += 2;
    matches.push(made);
    made += length(token & 15) + 4;
  }
}
