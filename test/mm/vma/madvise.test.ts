import { describe, expect, it } from "vitest";
import {
  VM_DONTCOPY,
  VM_HUGEPAGE,
  VM_NOHUGEPAGE,
  VM_RAND_READ,
  VM_SEQ_READ,
  VM_WIPEONFORK,
} from "../../../lib/mm/mm_types.js";
import { pteOffset } from "../../../lib/mm/pgtable/pgtable_alloc.js";
import { doMadvise, madviseWalkVmas } from "../../../lib/mm/vma/madvise.js";
import { MADV } from "../../../lib/mm/vma/mman.js";
import { at, map, mm, PAGE, task, useArena, vmas } from "../arena.js";

useArena();

const flagsAt = (page: number): number => mm.mmMt.lookup(at(page))!.vmFlags;

describe("advice about a range", () => {
  it("splits the VMA where only a part is meant, and merges again", () => {
    map(0, 6);
    expect(doMadvise(mm, at(2), 2 * PAGE, MADV.RANDOM)).toBe(0);
    expect(vmas()).toEqual(["0-2", "2-4", "4-6"]);
    expect(doMadvise(mm, at(2), 2 * PAGE, MADV.NORMAL)).toBe(0);
    expect(vmas()).toEqual(["0-6"]);
  });

  it("replaces the advice that it contradicts", () => {
    map(0, 1);
    const read = VM_RAND_READ | VM_SEQ_READ;
    const huge = VM_HUGEPAGE | VM_NOHUGEPAGE;
    for (const [advice, mask, bits] of [
      [MADV.RANDOM, read, VM_RAND_READ],
      [MADV.SEQUENTIAL, read, VM_SEQ_READ],
      [MADV.NORMAL, read, 0],
      [MADV.HUGEPAGE, huge, VM_HUGEPAGE],
      [MADV.NOHUGEPAGE, huge, VM_NOHUGEPAGE],
      [MADV.DONTFORK, VM_DONTCOPY, VM_DONTCOPY],
      [MADV.DOFORK, VM_DONTCOPY, 0],
    ] as const) {
      expect(doMadvise(mm, at(0), PAGE, advice)).toBe(0);
      expect(flagsAt(0) & mask).toBe(bits);
    }
  });

  it("to wipe at a fork is for private anonymous memory only", () => {
    map(0, 1);
    map(2, 1, 3, 0x31);
    expect(doMadvise(mm, at(0), PAGE, MADV.WIPEONFORK)).toBe(0);
    expect(flagsAt(0) & VM_WIPEONFORK).toBe(VM_WIPEONFORK);
    expect(doMadvise(mm, at(2), PAGE, MADV.WIPEONFORK)).toBe(-22);
  });

  it("skips holes, does the rest and answers -ENOMEM", () => {
    map(0, 2);
    map(3, 2);
    for (const page of [0, 1, 3, 4]) task.store(at(page), 1, 7);
    expect(doMadvise(mm, at(0), 5 * PAGE, MADV.DONTNEED)).toBe(-12);
    expect([0, 1, 3, 4].map((page) => task.load(at(page), 1))).toEqual([0, 0, 0, 0]);
  });

  it("refuses what it does not know, a start within a page, and a length that wraps", () => {
    map(0, 1);
    expect(doMadvise(mm, at(0), PAGE, 7)).toBe(-22);
    expect(doMadvise(mm, at(0) + 1, PAGE, MADV.NORMAL)).toBe(-22);
    expect(doMadvise(mm, at(0), -1, MADV.NORMAL)).toBe(-22);
    expect(doMadvise(mm, at(0) + 1, 0, MADV.NORMAL)).toBe(-22);
    expect(doMadvise(mm, at(5), 0, MADV.NORMAL)).toBe(0);
  });

  it("to populate faults all pages in, for reading or for writing", () => {
    map(0, 4);
    expect(doMadvise(mm, at(0), 2 * PAGE, MADV.POPULATE_READ)).toBe(0);
    expect(mm.rssStat[1]).toBe(0); // the zero page
    expect(pteOffset(mm, at(1))).not.toBe(0);
    expect(doMadvise(mm, at(0), 4 * PAGE, MADV.POPULATE_WRITE)).toBe(0);
    expect(mm.rssStat[1]).toBe(4);
    expect(doMadvise(mm, at(3), 2 * PAGE, MADV.POPULATE_WRITE)).toBe(-12); // a hole
  });
});

describe("madviseWalkVmas", () => {
  it("tells each VMA's part of the range, and the VMA before it", () => {
    const first = map(0, 2);
    const second = map(3, 4, 1);
    const seen: unknown[] = [];
    const result = madviseWalkVmas(mm, at(1), at(5), (prev, vma, start, end) => {
      seen.push([prev, vma, start, end]);
      return vma;
    });
    expect(result).toBe(-12);
    expect(seen).toEqual([
      [first, first, at(1), at(2)],
      [first, second, at(3), at(5)],
    ]);
  });

  it("ends with the first error", () => {
    map(0, 2);
    map(3, 2);
    let visits = 0;
    expect(madviseWalkVmas(mm, at(0), at(5), () => (++visits === 1 ? -13 : 0))).toBe(-13);
    expect(visits).toBe(1);
  });
});
