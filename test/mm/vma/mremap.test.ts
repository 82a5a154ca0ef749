import { describe, expect, it } from "vitest";
import { MM_ANONPAGES } from "../../../lib/mm/mm_types.js";
import { ptePfn, ptepGet } from "../../../lib/mm/pgtable/pgtable.js";
import { pteOffset } from "../../../lib/mm/pgtable/pgtable_alloc.js";
import { mlock2 } from "../../../lib/mm/vma/mlock.js";
import { MREMAP_DONTUNMAP, MREMAP_FIXED, MREMAP_MAYMOVE } from "../../../lib/mm/vma/mman.js";
import { doMremap } from "../../../lib/mm/vma/mremap.js";
import { doMunmap } from "../../../lib/mm/vma/munmap.js";
import { at, BASE, kernel, map, mm, PAGE, task, useArena, vmas } from "../arena.js";

useArena();

const FIXED = MREMAP_MAYMOVE | MREMAP_FIXED;
const pfnAt = (page: number): number => ptePfn(ptepGet(mm.sys.ram, pteOffset(mm, at(page))));

describe("doMremap", () => {
  it("cuts the tail off in place", () => {
    map(0, 4);
    task.store(at(3), 1, 7);
    expect(doMremap(mm, at(0), 4 * PAGE, 2 * PAGE, 0, 0)).toBe(at(0));
    expect([vmas(), mm.totalVm, mm.rssStat[MM_ANONPAGES]]).toEqual([["0-2"], 2, 0]);
  });

  it("grows in place where there is room, and promises the rest", () => {
    const promised = kernel.sys.vmCommittedAs;
    map(0, 2);
    expect(doMremap(mm, at(0), 2 * PAGE, 5 * PAGE, 0, 0)).toBe(at(0));
    expect([vmas(), mm.totalVm, kernel.sys.vmCommittedAs - promised]).toEqual([["0-5"], 5, 5]);
  });

  it("moves where there is no room, but only if it may", () => {
    map(0, 2);
    map(2, 1, 1);
    task.store(at(1), 1, 7);
    const pfn = pfnAt(1);
    expect(doMremap(mm, at(0), 2 * PAGE, 4 * PAGE, 0, 0)).toBe(-12);
    const to = doMremap(mm, at(0), 2 * PAGE, 4 * PAGE, MREMAP_MAYMOVE, 0);
    expect(to).toBeGreaterThan(at(3));
    expect(ptePfn(ptepGet(mm.sys.ram, pteOffset(mm, to + PAGE)))).toBe(pfn);
    expect(mm.mmMt.lookup(at(0))).toBeUndefined();
    expect([task.load(to + PAGE, 1), task.load(to + 3 * PAGE, 1)]).toEqual([7, 0]);
  });

  it("moves to a fixed place and takes away what is there", () => {
    map(0, 2);
    map(8, 4);
    task.store(at(0), 1, 7);
    task.store(at(9), 1, 8);
    const pfn = pfnAt(0);
    expect(doMremap(mm, at(0), 2 * PAGE, 2 * PAGE, FIXED, at(9))).toBe(at(9));
    expect(vmas()).toEqual(["8-9", "9-11", "11-12"]);
    expect([pfnAt(9), task.load(at(9), 1), mm.rssStat[MM_ANONPAGES]]).toEqual([pfn, 7, 1]);
    expect(mm.mmMt.lookup(at(9))!.vmPgoff).toBe(at(0) / PAGE); // the page keeps its place in the reverse map
  });

  it("gives a VMA that never had a page the offset of its new place, so that it merges there", () => {
    map(0, 2);
    map(8, 2);
    expect(doMremap(mm, at(0), 2 * PAGE, 2 * PAGE, FIXED, at(10))).toBe(at(10));
    expect(vmas()).toEqual(["8-12"]);
  });

  it("moves several VMAs and keeps the gap between them", () => {
    map(0, 1);
    map(2, 1, 1);
    expect(doMremap(mm, at(0), 3 * PAGE, 3 * PAGE, FIXED, at(10))).toBe(at(10));
    expect(vmas()).toEqual(["10-11", "12-13"]);
  });

  it("leaves an empty VMA behind with DONTUNMAP", () => {
    map(0, 2);
    task.store(at(0), 1, 7);
    const to = doMremap(mm, at(0), 2 * PAGE, 2 * PAGE, MREMAP_MAYMOVE | MREMAP_DONTUNMAP, at(20));
    expect(to).toBe(at(20));
    expect(vmas()).toEqual(["0-2", "20-22"]);
    expect([task.load(to, 1), task.load(at(0), 1)]).toEqual([7, 0]);
  });

  it("counts locked pages twice with DONTUNMAP, also when both mappings are gone, as a real 6.18.44 does", () => {
    map(0, 8);
    expect(mlock2(mm, at(0), 8 * PAGE)).toBe(0);
    const seen = [mm.lockedVm];
    const to = doMremap(mm, at(0), 8 * PAGE, 8 * PAGE, MREMAP_MAYMOVE | MREMAP_DONTUNMAP, 0);
    seen.push(mm.lockedVm);
    doMunmap(mm, at(0), 8 * PAGE);
    seen.push(mm.lockedVm);
    doMunmap(mm, to, 8 * PAGE);
    seen.push(mm.lockedVm);
    expect(seen).toEqual([8, 16, 16, 8]);
  });

  it("maps the same shared pages a second time with length 0, and refuses that of private ones", () => {
    map(0, 2, 3, 0x31);
    task.store(at(0), 1, 7);
    const to = doMremap(mm, at(0), 0, 2 * PAGE, MREMAP_MAYMOVE, 0);
    task.store(to, 1, 8);
    expect(task.load(at(0), 1)).toBe(8);
    map(10, 2);
    expect(doMremap(mm, at(10), 0, 2 * PAGE, MREMAP_MAYMOVE, 0)).toBe(-22);
  });

  it("refuses what cannot be meant", () => {
    map(0, 4);
    const one = (...args: [number, number, number, number, number]): number => doMremap(mm, ...args);
    expect(one(at(0), PAGE, PAGE, 8, 0)).toBe(-22); // an unknown flag
    expect(one(at(0) + 1, PAGE, PAGE, 0, 0)).toBe(-22);
    expect(one(at(0), PAGE, 0, 0, 0)).toBe(-22);
    expect(one(at(0), PAGE, PAGE, MREMAP_FIXED, at(9))).toBe(-22); // FIXED without MAYMOVE
    expect(one(at(0), 2 * PAGE, 2 * PAGE, FIXED, at(1))).toBe(-22); // onto itself
    expect(one(at(0), PAGE, 2 * PAGE, MREMAP_MAYMOVE | MREMAP_DONTUNMAP, at(9))).toBe(-22);
    expect(one(at(9), PAGE, 2 * PAGE, MREMAP_MAYMOVE, 0)).toBe(-14); // nothing mapped
    expect(one(at(2), 4 * PAGE, 8 * PAGE, MREMAP_MAYMOVE, 0)).toBe(-14); // beyond the VMA
    expect(vmas()).toEqual(["0-4"]);
  });

  it("puts everything back when a table for the new place cannot be had", () => {
    map(0, 2);
    task.store(at(0), 1, 7);
    const pfn = pfnAt(0);
    kernel.sys.shouldFailAllocPage = () => true;
    expect(doMremap(mm, at(0), 2 * PAGE, 2 * PAGE, FIXED, BASE + 2 ** 40)).toBe(-12);
    kernel.sys.shouldFailAllocPage = undefined;
    expect([vmas(), pfnAt(0), task.load(at(0), 1)]).toEqual([["0-2"], pfn, 7]);
  });
});
