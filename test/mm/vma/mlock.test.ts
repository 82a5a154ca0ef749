import { describe, expect, it } from "vitest";
import { sysPrlimit } from "../../../lib/kernel/syscalls/limits.js";
import { lruAddDrainAll } from "../../../lib/mm/lru/swap.js";
import { MM_ANONPAGES, VM_LOCKED, VM_LOCKONFAULT } from "../../../lib/mm/mm_types.js";
import { RLIMIT_MEMLOCK } from "../../../lib/mm/system.js";
import { doMlockall, doMunlock, doMunlockall, mlock2 } from "../../../lib/mm/vma/mlock.js";
import { MCL_CURRENT, MCL_FUTURE, MCL_ONFAULT, MLOCK_ONFAULT } from "../../../lib/mm/vma/mman.js";
import { globalNodePageState, NR_MLOCK, NR_UNEVICTABLE } from "../../../lib/mm/vmstat.js";
import { at, kernel, map, mm, PAGE, task, useArena, vmas } from "../arena.js";

useArena();

const flagsAt = (page: number): number => mm.mmMt.lookup(at(page))!.vmFlags & (VM_LOCKED | VM_LOCKONFAULT);

describe("mlock2", () => {
  it("faults in every page that the range touches, in a VMA of its own", () => {
    map(0, 6);
    expect(mlock2(mm, at(2) + 100, PAGE)).toBe(0);
    expect(vmas()).toEqual(["0-2", "2-4", "4-6"]);
    expect([mm.lockedVm, mm.rssStat[MM_ANONPAGES]]).toEqual([2, 2]);
    expect([flagsAt(1), flagsAt(2), flagsAt(3)]).toEqual([0, VM_LOCKED, VM_LOCKED]);
    lruAddDrainAll(kernel.sys);
    expect(globalNodePageState(kernel.sys, NR_MLOCK)).toBe(2);
    expect(globalNodePageState(kernel.sys, NR_UNEVICTABLE)).toBe(2);
  });

  it("with MLOCK_ONFAULT marks the pages there, and waits for the others", () => {
    map(0, 4);
    task.store(at(1), 1, 7);
    expect(mlock2(mm, at(0), 4 * PAGE, MLOCK_ONFAULT)).toBe(0);
    expect([flagsAt(0), mm.lockedVm, mm.rssStat[MM_ANONPAGES]]).toEqual([VM_LOCKED | VM_LOCKONFAULT, 4, 1]);
    expect(globalNodePageState(kernel.sys, NR_MLOCK)).toBe(1);
    task.store(at(2), 1, 7);
    expect(globalNodePageState(kernel.sys, NR_MLOCK)).toBe(2);
    expect(mlock2(mm, at(0), 4 * PAGE, 2)).toBe(-22);
  });

  it("does not count: the second lock adds nothing, one unlock is enough", () => {
    map(0, 4);
    mlock2(mm, at(0), 4 * PAGE);
    mlock2(mm, at(0), 4 * PAGE);
    expect(mm.lockedVm).toBe(4);
    expect(doMunlock(mm, at(1), PAGE)).toBe(0);
    lruAddDrainAll(kernel.sys);
    expect([mm.lockedVm, globalNodePageState(kernel.sys, NR_MLOCK)]).toEqual([3, 3]);
    expect(doMunlock(mm, at(0), 4 * PAGE)).toBe(0);
    expect([vmas(), mm.lockedVm]).toEqual([["0-4"], 0]);
  });

  it("locks what comes before a hole, and answers -ENOMEM", () => {
    map(0, 2);
    map(3, 1);
    expect(mlock2(mm, at(0), 4 * PAGE)).toBe(-12);
    expect([flagsAt(0), flagsAt(3), mm.lockedVm]).toEqual([VM_LOCKED, 0, 2]);
    expect(mm.rssStat[MM_ANONPAGES]).toBe(0); // nothing is faulted in after an error
  });

  it("obeys RLIMIT_MEMLOCK, and does not count twice what is locked already", () => {
    map(0, 8);
    task.privileged = false;
    sysPrlimit(task, RLIMIT_MEMLOCK, 4 * PAGE);
    expect(mlock2(mm, at(0), 5 * PAGE)).toBe(-12);
    expect(mlock2(mm, at(0), 4 * PAGE)).toBe(0);
    expect(mlock2(mm, at(0), 4 * PAGE)).toBe(0);
    expect(mlock2(mm, at(1), 4 * PAGE)).toBe(-12);
    sysPrlimit(task, RLIMIT_MEMLOCK, 0);
    expect(mlock2(mm, at(0), PAGE)).toBe(-1);
  });
});

describe("doMlockall", () => {
  it("locks what is mapped now, what will be, or both", () => {
    map(0, 2);
    expect(doMlockall(mm, MCL_FUTURE)).toBe(0);
    map(4, 2);
    expect([flagsAt(0), flagsAt(4), mm.rssStat[MM_ANONPAGES]]).toEqual([0, VM_LOCKED, 2]);
    expect(doMlockall(mm, MCL_CURRENT)).toBe(0); // and no more in the future
    map(8, 2);
    expect([flagsAt(0), flagsAt(8), mm.lockedVm]).toEqual([VM_LOCKED, 0, 4]);
    expect(doMunlockall(mm)).toBe(0);
    expect([flagsAt(0), flagsAt(4), mm.lockedVm]).toEqual([0, 0, 0]);
  });

  it("refuses no flag, an unknown one, and ONFAULT alone", () => {
    expect([0, 8, MCL_ONFAULT].map((flags) => doMlockall(mm, flags))).toEqual([-22, -22, -22]);
  });
});
