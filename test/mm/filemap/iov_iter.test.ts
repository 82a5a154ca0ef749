import { describe, expect, it } from "vitest";
import { type IovIter, KvecIter } from "../../../lib/mm/filemap/filemap.js";
import { copyFromIter, copyFromIterFull } from "../../../lib/mm/filemap/iov_iter.js";

const BYTES = Uint8Array.of(10, 11, 12, 13, 14, 15, 16, 17, 18, 19);

/**
 * A source of ten bytes whose "pages" of four bytes are at hand only after they were faulted in; the last of `pages` is
 * the last that can be.
 */
class PagedIter implements IovIter {
  at = 0;
  readonly faults: number[] = [];
  private readonly pages: number;

  constructor(pages: number) {
    this.pages = pages;
  }

  get count(): number {
    return BYTES.length - this.at;
  }

  copyAtomic(to: Uint8Array): number {
    const page = Math.floor(this.at / 4);
    if (!this.faults.includes(page)) return 0;
    const part = BYTES.subarray(this.at, Math.min(this.at + to.length, (page + 1) * 4));
    to.set(part);
    return part.length;
  }

  advance(bytes: number): void {
    this.at += bytes;
  }

  faultIn(bytes: number): number {
    const page = Math.floor(this.at / 4);
    if (page >= this.pages) return bytes;
    this.faults.push(page);
    return Math.max(0, bytes - 4);
  }
}

describe("copyFromIter", () => {
  it("takes what is at hand, faults the next part in, and goes on", () => {
    const from = new PagedIter(3);
    const to = new Uint8Array(7);
    expect(copyFromIter(from, to)).toBe(7);
    expect([[...to], from.at, from.faults]).toEqual([[10, 11, 12, 13, 14, 15, 16], 7, [0, 1]]);
    expect(copyFromIter(from, to.fill(0))).toBe(3); // what is left
    expect([[...to], from.faults]).toEqual([
      [17, 18, 19, 0, 0, 0, 0],
      [0, 1, 2],
    ]);
  });

  it("ends where nothing more can be faulted in, and says how far it came", () => {
    const from = new PagedIter(1);
    const to = new Uint8Array(10);
    expect(copyFromIter(from, to)).toBe(4);
    expect([[...to], from.at]).toEqual([[10, 11, 12, 13, 0, 0, 0, 0, 0, 0], 4]);
    expect(copyFromIter(new PagedIter(0), to)).toBe(0);
  });

  it("ends with the source", () => {
    expect(copyFromIter(new KvecIter(Uint8Array.of(1, 2)), new Uint8Array(5))).toBe(2);
    expect(copyFromIter(new KvecIter(Uint8Array.of(1, 2)), new Uint8Array(0))).toBe(0);
  });
});

describe("copyFromIterFull", () => {
  it("is the bytes if all could be read, else nothing", () => {
    expect(copyFromIterFull(new PagedIter(3), 9)).toEqual(BYTES.subarray(0, 9));
    expect(copyFromIterFull(new PagedIter(2), 9)).toBeUndefined();
    expect(copyFromIterFull(new KvecIter(Uint8Array.of(1, 2)), 3)).toBeUndefined();
    expect(copyFromIterFull(new KvecIter(Uint8Array.of(1, 2)), 0)).toEqual(new Uint8Array(0));
  });
});
