import { describe, expect, it } from "vitest";
import type { Kernel } from "../../../lib/kernel/kernel.js";
import { boot } from "../../../lib/kernel/machine.js";
import { sysMadvise, sysMmap } from "../../../lib/kernel/syscalls/mm.js";
import type { Task } from "../../../lib/kernel/task.js";
import { freePgtables, unmapMappingPages, unmapVmas, zapPageRangeSingle } from "../../../lib/mm/fault/zap.js";
import { lruAddDrainAll } from "../../../lib/mm/lru/swap.js";
import { MM_ANONPAGES, MM_SHMEMPAGES, type VmAreaStruct } from "../../../lib/mm/mm_types.js";
import { nrUnusedPages } from "../../../lib/mm/pages/page_alloc.js";
import { ptepGet } from "../../../lib/mm/pgtable/pgtable.js";
import { pmdOffset, pteOffset } from "../../../lib/mm/pgtable/pgtable_alloc.js";
import { isGuardPte } from "../../../lib/mm/pgtable/swapops.js";
import { MADV } from "../../../lib/mm/vma/mman.js";

const BASE = 0x1000_0000_0000;
const PAGE = 4096;
const PMD = 512 * PAGE;

function start(nrPages: number, flags = 0x32): { kernel: Kernel; task: Task; vma: VmAreaStruct } {
  const { kernel } = boot({ ram: "64 MiB" });
  const task = kernel.spawn("t");
  expect(sysMmap(kernel, task, BASE, nrPages * PAGE, 3, flags)).toBe(BASE);
  return { kernel, task, vma: task.mm!.mmMt.lookup(BASE)! };
}

function pteAt(task: Task, page: number): number {
  const ptep = pteOffset(task.mm!, BASE + page * PAGE);
  return ptep === 0 ? 0 : ptepGet(task.mm!.sys.ram, ptep);
}

describe("zapPageRangeSingle", () => {
  it("empties the entries of the range only, and gives their frames back", () => {
    const { kernel, task, vma } = start(4);
    for (let page = 0; page < 4; page++) task.store(BASE + page * PAGE, 1, page + 1);
    lruAddDrainAll(kernel.sys);
    const free = nrUnusedPages(kernel.sys);
    zapPageRangeSingle(vma, BASE + PAGE, 2 * PAGE);
    expect([0, 1, 2, 3].map((page) => pteAt(task, page) !== 0)).toEqual([true, false, false, true]);
    expect(task.mm!.rssStat[MM_ANONPAGES]).toBe(2);
    expect(nrUnusedPages(kernel.sys)).toBe(free + 2);
    expect([0, 1, 2, 3].map((page) => task.load(BASE + page * PAGE, 1))).toEqual([1, 0, 0, 4]);
  });

  it("remembers how much was resident before", () => {
    const { task, vma } = start(4);
    for (let page = 0; page < 4; page++) task.store(BASE + page * PAGE, 1, 1);
    zapPageRangeSingle(vma, BASE, 4 * PAGE);
    expect([task.mm!.hiwaterRss, task.mm!.rssStat[MM_ANONPAGES]]).toEqual([4, 0]);
  });

  it("frees a PTE page only where it empties all of its 2 MiB", () => {
    const { task, vma } = start(1024);
    task.store(BASE, 1, 1);
    task.store(BASE + PMD, 1, 1);
    const tables = task.mm!.pgtablesBytes;
    zapPageRangeSingle(vma, BASE, PMD - PAGE); // the table is empty now, but one page was not asked for
    expect(task.mm!.pgtablesBytes).toBe(tables);
    zapPageRangeSingle(vma, BASE, PMD);
    expect(task.mm!.pgtablesBytes).toBe(tables - PAGE);
    expect(ptepGet(task.mm!.sys.ram, pmdOffset(task.mm!, BASE))).toBe(0);
    expect(pteAt(task, 512)).not.toBe(0);
  });

  it("leaves guard markers, and the PTE page for their sake", () => {
    const { kernel, task, vma } = start(512);
    expect(sysMadvise(kernel, task, BASE + PAGE, PAGE, MADV.GUARD_INSTALL)).toBe(0);
    task.store(BASE, 1, 1);
    zapPageRangeSingle(vma, BASE, PMD);
    expect([pteAt(task, 0), isGuardPte(pteAt(task, 1))]).toEqual([0, true]);
  });
});

describe("unmapVmas and freePgtables", () => {
  it("take guard markers, tables and all", () => {
    const { kernel, task, vma } = start(512);
    expect(sysMadvise(kernel, task, BASE + PAGE, PAGE, MADV.GUARD_INSTALL)).toBe(0);
    task.store(BASE, 1, 1);
    const mm = task.mm!;
    unmapVmas(mm, [vma], BASE, BASE + PMD);
    expect([pteAt(task, 0), pteAt(task, 1)]).toEqual([0, 0]);
    expect(mm.pgtablesBytes).toBe(3 * PAGE);
    freePgtables(mm, [vma], 0, 0);
    expect(mm.pgtablesBytes).toBe(0);
    expect(vma.anonVma).toBeUndefined();
  });

  it("keep the tables that a neighbour in the same 2 MiB may need", () => {
    const { task, vma } = start(4);
    task.store(BASE, 1, 1);
    const mm = task.mm!;
    unmapVmas(mm, [vma], BASE, BASE + 4 * PAGE);
    freePgtables(mm, [vma], 0, BASE + 8 * PAGE);
    expect(mm.pgtablesBytes).toBe(3 * PAGE);
  });
});

describe("unmapMappingPages", () => {
  it("unmaps the pages of a file wherever they are mapped; the cache keeps them", () => {
    const { kernel, task, vma } = start(4, 0x31);
    for (let page = 0; page < 4; page++) task.store(BASE + page * PAGE, 1, page + 1);
    const mapping = vma.vmFile!.fMapping;
    unmapMappingPages(mapping, 2, 1, false);
    expect([0, 1, 2, 3].map((page) => pteAt(task, page) !== 0)).toEqual([true, true, false, true]);
    expect(task.mm!.rssStat[MM_SHMEMPAGES]).toBe(3);
    expect(mapping.nrpages).toBe(4);
    kernel.enter(task);
    expect(task.load(BASE + 2 * PAGE, 1)).toBe(3);
  });
});
