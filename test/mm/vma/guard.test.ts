import { describe, expect, it } from "vitest";
import { VM_MAYBE_GUARD } from "../../../lib/mm/mm_types.js";
import { ptepGet } from "../../../lib/mm/pgtable/pgtable.js";
import { pteOffset } from "../../../lib/mm/pgtable/pgtable_alloc.js";
import { isGuardPte } from "../../../lib/mm/pgtable/swapops.js";
import { madviseGuardInstall, madviseGuardRemove } from "../../../lib/mm/vma/guard.js";
import { at, kernel, map, mm, PAGE, PRIVATE, task, useArena } from "../arena.js";

useArena();

const guards = (nr: number): string =>
  Array.from({ length: nr }, (_, page) => {
    const ptep = pteOffset(mm, at(page));
    return ptep !== 0 && isGuardPte(ptepGet(mm.sys.ram, ptep)) ? "G" : ".";
  }).join("");

describe("guards", () => {
  it("drop what was there, and make each touch a SIGSEGV", () => {
    const vma = map(0, 4);
    for (let page = 0; page < 4; page++) task.store(at(page), 1, page + 1);
    expect(madviseGuardInstall(vma, at(1), at(3))).toBe(0);
    expect([guards(4), mm.rssStat[1], mm.mapCount]).toEqual([".GG.", 2, 1]);
    task.signal.handlers.set("SIGSEGV", () => {});
    expect(() => task.load(at(1), 1)).toThrow(/SIGSEGV/);
    expect(() => task.store(at(2), 1, 1)).toThrow(/SIGSEGV/);
    expect([task.load(at(0), 1), task.load(at(3), 1)]).toEqual([1, 4]);
  });

  it("stand on the pages that were meant, touched before or not", () => {
    const vma = map(0, 4);
    expect(madviseGuardInstall(vma, at(1), at(3))).toBe(0);
    expect(guards(4)).toBe(".GG.");
  });

  it("may be installed twice, and are removed without touching pages", () => {
    const vma = map(0, 4);
    task.store(at(3), 1, 7);
    expect(madviseGuardInstall(vma, at(0), at(2))).toBe(0);
    expect(madviseGuardInstall(vma, at(1), at(3))).toBe(0);
    expect(guards(4)).toBe("GGG.");
    expect(madviseGuardRemove(vma, at(1), at(4))).toBe(0);
    expect(guards(4)).toBe("G...");
    expect([task.load(at(1), 1), task.load(at(3), 1)]).toEqual([0, 7]);
    expect(vma.vmFlags & VM_MAYBE_GUARD).toBe(VM_MAYBE_GUARD); // for good
  });

  it("go into a page table that they make themselves", () => {
    const vma = map(0, 4);
    expect(mm.pgtablesBytes).toBe(0);
    madviseGuardInstall(vma, at(0), at(1));
    expect(mm.pgtablesBytes).toBe(3 * PAGE);
    kernel.sys.shouldFailAllocPage = () => true;
    expect(madviseGuardInstall(map(1024, 1), at(1024), at(1025))).toBe(-12);
  });

  it("are refused in locked memory, but may be removed there", () => {
    const vma = map(0, 4, 3, PRIVATE | 0x2000);
    expect(madviseGuardInstall(vma, at(0), at(1))).toBe(-22);
    expect(madviseGuardRemove(vma, at(0), at(1))).toBe(0);
  });
});
