import { describe, expect, it } from "vitest";
import { VM_ACCOUNT, VM_WRITE } from "../../../lib/mm/mm_types.js";
import { ptePfn, pteProtnone, ptepGet, pteWrite } from "../../../lib/mm/pgtable/pgtable.js";
import { pteOffset } from "../../../lib/mm/pgtable/pgtable_alloc.js";
import { PROT_GROWSDOWN, PROT_GROWSUP } from "../../../lib/mm/vma/mman.js";
import { changeProtection, doMprotect } from "../../../lib/mm/vma/mprotect.js";
import { at, kernel, map, mm, PAGE, PRIVATE, task, useArena, vmas } from "../arena.js";

useArena();

const pteAt = (page: number): number => ptepGet(mm.sys.ram, pteOffset(mm, at(page)));

describe("doMprotect", () => {
  it("splits the VMA, and the pages there lose the right at once", () => {
    map(0, 6);
    for (let page = 0; page < 6; page++) task.store(at(page), 1, page);
    expect(doMprotect(mm, at(2), 2 * PAGE, 1)).toBe(0);
    expect(vmas()).toEqual(["0-2", "2-4", "4-6"]);
    expect([0, 1, 2, 3, 4, 5].map((page) => pteWrite(pteAt(page)))).toEqual([
      true,
      true,
      false,
      false,
      true,
      true,
    ]);
    expect([mm.dataVm, mm.totalVm]).toEqual([4, 6]);
  });

  it("gives the right back to a page of the process's own without a fault, and merges", () => {
    map(0, 4);
    for (let page = 0; page < 4; page++) task.store(at(page), 1, page);
    doMprotect(mm, at(1), PAGE, 1);
    const { minFlt } = task;
    expect(doMprotect(mm, at(1), PAGE, 3)).toBe(0);
    expect(vmas()).toEqual(["0-4"]);
    expect(pteWrite(pteAt(1))).toBe(true);
    task.store(at(1), 1, 9);
    expect(task.minFlt).toBe(minFlt);
  });

  it("leaves the zero page read-only, for the first write must copy", () => {
    map(0, 1, 1);
    task.load(at(0), 1);
    expect(doMprotect(mm, at(0), PAGE, 3)).toBe(0);
    expect(pteWrite(pteAt(0))).toBe(false);
  });

  it("keeps the frame under PROT_NONE", () => {
    map(0, 1);
    task.store(at(0), 1, 7);
    const pfn = ptePfn(pteAt(0));
    expect(doMprotect(mm, at(0), PAGE, 0)).toBe(0);
    expect([pteProtnone(pteAt(0)), ptePfn(pteAt(0))]).toEqual([true, pfn]);
    task.signal.handlers.set("SIGSEGV", () => {});
    expect(() => task.load(at(0), 1)).toThrow(/SEGV_ACCERR/);
    expect(doMprotect(mm, at(0), PAGE, 1)).toBe(0);
    expect(task.load(at(0), 1)).toBe(7);
  });

  it("promises memory that becomes writable, and takes the promise back only while nothing was written", () => {
    const promised = kernel.sys.vmCommittedAs;
    const nr = (): number => kernel.sys.vmCommittedAs - promised;
    map(0, 4, 1);
    expect(nr()).toBe(0);
    doMprotect(mm, at(0), 4 * PAGE, 3);
    expect(nr()).toBe(4);
    doMprotect(mm, at(0), 4 * PAGE, 1);
    expect(nr()).toBe(0);
    doMprotect(mm, at(0), 4 * PAGE, 3);
    task.store(at(0), 1, 1);
    doMprotect(mm, at(0), 4 * PAGE, 1);
    expect(nr()).toBe(4);
    expect(mm.mmMt.lookup(at(0))!.vmFlags & VM_ACCOUNT).toBe(VM_ACCOUNT);
  });

  it("does what comes before a hole, and answers -ENOMEM", () => {
    map(0, 2);
    map(3, 2);
    expect(doMprotect(mm, at(1), 3 * PAGE, 1)).toBe(-12);
    expect([0, 1, 3, 4].map((page) => mm.mmMt.lookup(at(page))!.vmFlags & VM_WRITE)).toEqual([2, 0, 2, 2]);
    expect(doMprotect(mm, at(2), PAGE, 1)).toBe(-12);
  });

  it("checks its arguments in Linux's order", () => {
    map(0, 2);
    expect(doMprotect(mm, at(0), PAGE, PROT_GROWSDOWN | PROT_GROWSUP)).toBe(-22);
    expect(doMprotect(mm, at(0) + 1, PAGE, 1)).toBe(-22);
    expect(doMprotect(mm, at(0), 0, 0x100)).toBe(0); // nothing to do comes before bad rights
    expect(doMprotect(mm, at(0), PAGE, 0x100)).toBe(-22);
    expect(doMprotect(mm, at(0), PAGE, 1 | PROT_GROWSUP)).toBe(-22);
    expect(doMprotect(mm, at(0), PAGE, 1 | PROT_GROWSDOWN)).toBe(-22); // the VMA does not
  });

  it("reaches down to the start of a VMA that grows down", () => {
    map(0, 4, 3, PRIVATE | 0x100);
    expect(doMprotect(mm, at(2), PAGE, 1 | PROT_GROWSDOWN)).toBe(0);
    expect(vmas()).toEqual(["0-3", "3-4"]);
  });
});

describe("changeProtection", () => {
  it("counts the present entries of the range", () => {
    const vma = map(0, 8);
    for (const page of [0, 2, 5]) task.store(at(page), 1, 1);
    expect(changeProtection(vma, at(0), at(8))).toBe(3);
    expect(changeProtection(vma, at(1), at(5))).toBe(1);
  });
});
