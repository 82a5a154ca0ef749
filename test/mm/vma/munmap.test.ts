import { describe, expect, it } from "vitest";
import { MM_ANONPAGES } from "../../../lib/mm/mm_types.js";
import { doMunmap, vmsGatherMunmapVmas } from "../../../lib/mm/vma/munmap.js";
import { at, kernel, map, mm, PAGE, PRIVATE, task, useArena, vmas } from "../arena.js";

useArena();

describe("doMunmap", () => {
  it("cuts a hole into a VMA and takes the pages there away", () => {
    map(0, 8);
    for (let page = 0; page < 8; page++) task.store(at(page), 1, page);
    expect(doMunmap(mm, at(2), 3 * PAGE)).toBe(0);
    expect(vmas()).toEqual(["0-2", "5-8"]);
    expect([mm.mapCount, mm.totalVm, mm.dataVm, mm.rssStat[MM_ANONPAGES]]).toEqual([2, 5, 5, 5]);
    expect([mm.hiwaterRss, mm.hiwaterVm]).toEqual([8, 8]);
    expect(mm.mmMt.lookup(at(5))!.vmPgoff).toBe(at(5) / PAGE);
  });

  it("takes whole VMAs, and parts of the first and the last", () => {
    map(0, 4);
    map(5, 2);
    map(8, 4);
    expect(doMunmap(mm, at(3), 6 * PAGE)).toBe(0);
    expect(vmas()).toEqual(["0-3", "9-12"]);
  });

  it("rounds the length up, and does not mind that nothing is mapped", () => {
    map(0, 4);
    expect(doMunmap(mm, at(1), 1)).toBe(0);
    expect(vmas()).toEqual(["0-1", "2-4"]);
    expect(doMunmap(mm, at(100), PAGE)).toBe(0);
  });

  it("refuses a start within a page, no length, and what is no user memory", () => {
    map(0, 4);
    for (const [start, len] of [
      [at(0) + 1, PAGE],
      [at(0), 0],
      [at(0), -PAGE],
      [-PAGE, PAGE],
      [mm.taskSize, PAGE],
      [mm.taskSize - PAGE, 2 * PAGE],
    ] as const)
      expect(doMunmap(mm, start, len)).toBe(-22);
    expect(vmas()).toEqual(["0-4"]);
  });

  it("gives back what was promised and what was locked", () => {
    const promised = kernel.sys.vmCommittedAs;
    map(0, 4, 3, PRIVATE | 0x2000);
    expect([kernel.sys.vmCommittedAs - promised, mm.lockedVm]).toEqual([4, 4]);
    expect(doMunmap(mm, at(1), PAGE)).toBe(0);
    expect([kernel.sys.vmCommittedAs - promised, mm.lockedVm]).toEqual([3, 3]);
    expect(doMunmap(mm, at(0), 4 * PAGE)).toBe(0);
    expect([kernel.sys.vmCommittedAs - promised, mm.lockedVm, mm.pgtablesBytes]).toEqual([0, 0, 0]);
  });

  it("lets go of the file when its last VMA is gone", () => {
    const vma = map(0, 4, 3, 0x31);
    const file = vma.vmFile!;
    expect(file.refcount).toBe(1);
    expect(doMunmap(mm, at(1), PAGE)).toBe(0);
    expect(file.refcount).toBe(2); // two VMAs
    expect(file.fMapping.iMmap.size).toBe(2);
    expect(doMunmap(mm, at(0), PAGE)).toBe(0);
    expect([file.refcount, file.fMapping.iMmap.size]).toEqual([1, 1]);
  });

  it("refuses a hole that would make one VMA too many, and changes nothing", () => {
    map(0, 8);
    kernel.sys.sysctl.maxMapCount = mm.mapCount;
    expect(doMunmap(mm, at(2), PAGE)).toBe(-12);
    expect(vmas()).toEqual(["0-8"]);
    expect(doMunmap(mm, at(6), 2 * PAGE)).toBe(0); // the end of a VMA may go
    expect(vmas()).toEqual(["0-6"]);
  });
});

describe("vmsGatherMunmapVmas", () => {
  it("only splits at both ends", () => {
    map(0, 8);
    expect(vmsGatherMunmapVmas(mm, at(2), at(5))).toBe(0);
    expect(vmas()).toEqual(["0-2", "2-5", "5-8"]);
  });
});
