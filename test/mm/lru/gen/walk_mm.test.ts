import { beforeEach, describe, expect, it } from "vitest";
import { sysMadvise, sysMlock2 } from "../../../../lib/kernel/syscalls/mm.js";
import { sysExitGroup, sysFork } from "../../../../lib/kernel/syscalls/process.js";
import type { Task } from "../../../../lib/kernel/task.js";
import { handleMmFault } from "../../../../lib/mm/fault/memory.js";
import { FAULT_FLAG_WRITE } from "../../../../lib/mm/fault/vm_fault.js";
import { LRU_GEN_ANON } from "../../../../lib/mm/lru/gen/lru_gen.js";
import { setLruGenCaps } from "../../../../lib/mm/lru/gen/switch.js";
import { walkAllMms } from "../../../../lib/mm/lru/gen/walk_mm.js";
import { lruAddDrainAll } from "../../../../lib/mm/lru/swap.js";
import {
  type Folio,
  PG_dirty,
  PG_referenced,
  PG_swapbacked,
  pfnToPage,
} from "../../../../lib/mm/pages/folio.js";
import {
  pteMkold,
  pteMkyoung,
  ptePfn,
  ptepGet,
  pteYoung,
  setPte,
} from "../../../../lib/mm/pgtable/pgtable.js";
import { pmdOffset, pteOffset } from "../../../../lib/mm/pgtable/pgtable_alloc.js";
import { MAP_SHARED } from "../../../../lib/mm/vma/mman.js";
import { at, kernel, map, mapFile, mm, PAGE, task, useFile } from "../../arena.js";
import { listedFolio, problems } from "./generations.js";

useFile();
beforeEach(() => setLruGenCaps(kernel.sys, 7));

const pteAt = (page: number): number => pteOffset(mm, at(page));
const young = (page: number): boolean => pteYoung(ptepGet(kernel.sys.ram, pteAt(page)));

/** Writes to pages [page, page + nr), and puts them on the LRU. */
function touch(page: number, nr: number): Folio[] {
  const folios: Folio[] = [];
  for (let i = page; i < page + nr; i++) {
    handleMmFault(mm.mmMt.lookup(at(i))!, at(i), FAULT_FLAG_WRITE);
    setPte(kernel.sys.ram, pteAt(i), pteMkyoung(ptepGet(kernel.sys.ram, pteAt(i))));
    folios.push(pfnToPage(kernel.sys, ptePfn(ptepGet(kernel.sys.ram, pteAt(i)))));
  }
  lruAddDrainAll(kernel.sys);
  return folios;
}

function use(page: number): void {
  const { ram } = kernel.sys;
  setPte(ram, pteAt(page), pteMkyoung(ptepGet(ram, pteAt(page))));
  const pmdp = pmdOffset(mm, at(page));
  setPte(ram, pmdp, pteMkyoung(ptepGet(ram, pmdp)));
}

const walk = (swappiness = 60, force = false): void =>
  walkAllMms(kernel.sys, kernel.sys.lruvec.lrugen, swappiness, force);

describe("a walk over the page tables", () => {
  it("clears the accessed bits; what is found used for the second time becomes the youngest", () => {
    map(0, 4);
    const folios = touch(0, 4);
    expect(folios.map((folio) => folio.lruGen)).toEqual([2, 2, 2, 2]);
    walk();
    expect([0, 1, 2, 3].map(young)).toEqual([false, false, false, false]);
    expect(folios.every(({ flags, lruGen }) => (flags & PG_referenced) !== 0 && lruGen === 2)).toBe(true);
    use(1);
    use(3);
    walk();
    expect(folios.map((folio) => folio.lruGen)).toEqual([2, 3, 2, 3]);
    expect(problems(kernel.sys)).toEqual([]);
  });

  it("passes over memory that may not be evicted, that is locked, or that is read in order or at random", () => {
    map(0, 2);
    map(10, 2);
    map(20, 2);
    touch(0, 2);
    touch(10, 2);
    touch(20, 2);
    walk(0);
    expect([0, 10, 20].map(young)).toEqual([true, true, true]);
    expect(sysMlock2(kernel, task, at(10), 2 * PAGE, 0)).toBe(0);
    expect(sysMadvise(kernel, task, at(20), 2 * PAGE, 2)).toBe(0);
    walk();
    expect([0, 10, 20].map(young)).toEqual([false, true, true]);
  });

  it("looks at file pages also without swap", () => {
    mapFile(4, MAP_SHARED);
    const folios = touch(0, 2);
    walk(0);
    expect([0, 1].map(young)).toEqual([false, false]);
    const marks = PG_referenced | PG_dirty;
    expect(folios.map((folio) => folio.flags & marks)).toEqual([marks, marks]);
  });

  it("counts one use of a folio of several pages, however many of its entries were used", () => {
    map(0, 4);
    touch(0, 4);
    const { sys } = kernel;
    const big = listedFolio(sys, PG_swapbacked, 2);
    const entries = [0, 1, 2, 3].map((page) => ptepGet(sys.ram, pteAt(page)));
    for (const [i, pte] of entries.entries())
      setPte(sys.ram, pteAt(i), pte + (big.pfn + i - ptePfn(pte)) * PAGE);
    walk();
    expect([big.lruGen, big.flags & PG_referenced, [0, 1, 2, 3].map(young)]).toEqual([
      2,
      PG_referenced,
      [false, false, false, false],
    ]);
    for (const [i, pte] of entries.entries()) setPte(sys.ram, pteAt(i), pte);
  });

  it("skips a table whose own accessed bit is clear, if it may", () => {
    map(0, 2);
    touch(0, 2);
    walk(); // never walked before: everything
    const { mmStats } = kernel.sys.lruvec.lrugen;
    const seen = mmStats.leafTotal;
    const pmdp = pmdOffset(mm, at(0));
    setPte(kernel.sys.ram, pmdp, pteMkold(ptepGet(kernel.sys.ram, pmdp)));
    walk();
    expect(mmStats.leafTotal).toBe(seen);
    setLruGenCaps(kernel.sys, 3);
    walk();
    expect(mmStats.leafTotal).toBe(seen + 2);
  });

  it("clears a table's accessed bit once for two areas under it, and looks at both", () => {
    map(0, 2);
    map(100, 2);
    touch(0, 2);
    touch(100, 2);
    walk();
    use(0);
    use(100);
    walk();
    expect([0, 100].map(young)).toEqual([false, false]);
    expect(pteYoung(ptepGet(kernel.sys.ram, pmdOffset(mm, at(0))))).toBe(false);
  });

  it("is not made where aging may not walk", () => {
    map(0, 2);
    touch(0, 2);
    setLruGenCaps(kernel.sys, 1);
    walk();
    expect(young(0)).toBe(true);
  });
});

describe("the address spaces to walk", () => {
  it("come with fork and exec, and go with the last user", () => {
    const { mmList } = kernel.sys.lruGen;
    const before = mmList.size;
    const child = sysFork(kernel, task) as Task;
    expect([...mmList].slice(-1)).toEqual([child.mm]);
    expect(mmList.size).toBe(before + 1);
    sysExitGroup(kernel, child, 0);
    expect([mmList.size, mmList.has(mm)]).toEqual([before, true]);
  });

  it("are left out if they have not run since the last walk", () => {
    map(0, 1);
    const [folio] = touch(0, 1);
    kernel.enter(kernel.spawn("other"));
    walk(); // never walked before
    use(0);
    for (const cpu of kernel.sys.cpuTlbstate) expect(cpu?.loadedMm === mm).toBe(false);
    walk();
    expect([young(0), folio!.lruGen]).toEqual([true, 2]);
    kernel.enter(task);
    walk();
    expect([young(0), folio!.lruGen]).toEqual([false, 3]);
    expect(kernel.sys.lruvec.lrugen.minSeq[LRU_GEN_ANON]).toBe(0);
  });
});
