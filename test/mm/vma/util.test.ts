import { describe, expect, it } from "vitest";
import { sysPrlimit } from "../../../lib/kernel/syscalls/limits.js";
import {
  VM_EXEC,
  VM_LOCKED,
  VM_NORESERVE,
  VM_READ,
  VM_SHARED,
  VM_STACK,
  VM_WRITE,
} from "../../../lib/mm/mm_types.js";
import { RLIMIT_AS, RLIMIT_DATA, RLIMIT_MEMLOCK } from "../../../lib/mm/system.js";
import * as util from "../../../lib/mm/vma/util.js";
import { at, kernel, map, mm, PAGE, task, useArena } from "../arena.js";

useArena();

const RW = VM_READ | VM_WRITE;

describe("the totals", () => {
  it("count each page once as code, stack or data, or only in all", () => {
    util.vmStatAccount(mm, VM_READ | VM_EXEC, 1);
    util.vmStatAccount(mm, RW | VM_STACK, 2);
    util.vmStatAccount(mm, RW, 4);
    util.vmStatAccount(mm, RW | VM_SHARED, 8);
    util.vmStatAccount(mm, VM_READ, 16);
    util.vmStatAccount(mm, RW | VM_EXEC, 32); // writable: data
    expect([mm.execVm, mm.stackVm, mm.dataVm, mm.totalVm]).toEqual([1, 2, 36, 63]);
    util.vmStatAccount(mm, RW, -4);
    expect([mm.dataVm, mm.totalVm]).toEqual([32, 59]);
  });

  it("remember their highest values before they fall", () => {
    const vma = map(0, 4);
    for (let page = 0; page < 4; page++) task.store(at(page), 1, 1);
    util.updateHiwaterRss(mm);
    util.updateHiwaterVm(mm);
    mm.totalVm = 1;
    mm.rssStat[1] = 2;
    util.updateHiwaterRss(mm);
    util.updateHiwaterVm(mm);
    expect([mm.hiwaterRss, mm.hiwaterVm, util.getMmHiwaterRss(mm)]).toEqual([4, 4, 4]);
    mm.rssStat[1] = 5;
    expect(util.getMmHiwaterRss(mm)).toBe(5);
    expect(vma.vmMm).toBe(mm);
  });
});

describe("the limits", () => {
  it("let in what RLIMIT_AS and RLIMIT_DATA have room for, to the page", () => {
    map(0, 4);
    sysPrlimit(task, RLIMIT_AS, 8 * PAGE + 4095);
    expect([4, 5].map((nr) => util.mayExpandVm(mm, VM_READ, nr))).toEqual([true, false]);
    sysPrlimit(task, RLIMIT_DATA, 6 * PAGE);
    expect([2, 3].map((nr) => util.mayExpandVm(mm, RW, nr))).toEqual([true, false]);
    expect(util.mayExpandVm(mm, RW | VM_SHARED, 3)).toBe(true); // no data
  });

  it("let a task without privilege lock RLIMIT_MEMLOCK bytes, and none at all with 0", () => {
    task.privileged = false;
    sysPrlimit(task, RLIMIT_MEMLOCK, 4 * PAGE);
    mm.lockedVm = 3;
    expect(util.mlockFutureOk(mm, VM_LOCKED, PAGE)).toBe(true);
    expect(util.mlockFutureOk(mm, VM_LOCKED, 2 * PAGE)).toBe(false);
    expect(util.mlockFutureOk(mm, 0, 2 * PAGE)).toBe(true);
    expect(util.canDoMlock(kernel.sys)).toBe(true);
    sysPrlimit(task, RLIMIT_MEMLOCK, 0);
    expect(util.canDoMlock(kernel.sys)).toBe(false);
    task.privileged = true;
    expect([util.canDoMlock(kernel.sys), util.mlockFutureOk(mm, VM_LOCKED, 2 * PAGE)]).toEqual([true, true]);
  });
});

describe("promises", () => {
  it("are kept for private writable memory without MAP_NORESERVE", () => {
    const promised = (flags: number): boolean => util.accountableMapping(undefined, flags);
    expect([RW, VM_READ, RW | VM_SHARED, RW | VM_NORESERVE].map(promised)).toEqual([
      true,
      false,
      false,
      false,
    ]);
  });

  it("may be as large as RAM and swap in mode 0, of any size in mode 1", () => {
    const { sys } = kernel;
    const before = sys.vmCommittedAs;
    expect(util.vmEnoughMemory(sys, mm, sys.totalramPages + 1)).toBe(-12);
    expect(sys.vmCommittedAs).toBe(before);
    expect(util.vmEnoughMemory(sys, mm, sys.totalramPages)).toBe(0);
    expect(util.vmEnoughMemory(sys, mm, sys.totalramPages)).toBe(0); // each request by itself
    sys.sysctl.overcommitMemory = 1;
    expect(util.vmEnoughMemory(sys, mm, 100 * sys.totalramPages)).toBe(0);
    expect(sys.vmCommittedAs).toBe(before + 102 * sys.totalramPages);
  });

  it("stay below the limit in mode 2", () => {
    const { sys } = kernel;
    Object.assign(sys.sysctl, { overcommitMemory: 2, overcommitRatio: 50 });
    expect(util.vmCommitLimit(sys)).toBe(Math.floor(sys.totalramPages / 2));
    sys.sysctl.overcommitKbytes = 4000;
    expect(util.vmCommitLimit(sys)).toBe(1000);
    sys.vmCommittedAs = 900;
    expect(util.vmEnoughMemory(sys, mm, 99)).toBe(0);
    expect(util.vmEnoughMemory(sys, mm, 1)).toBe(-12);
    expect(sys.vmCommittedAs).toBe(999);
    task.privileged = false; // the administrator's reserve is out of reach
    sys.vmCommittedAs = 0;
    sys.sysctl.adminReserveKbytes = 400;
    expect([util.vmEnoughMemory(sys, mm, 900), util.vmEnoughMemory(sys, mm, 899)]).toEqual([-12, 0]);
    mm.totalVm = 320; // a large process leaves 1/32 of its size
    sys.vmCommittedAs = 0;
    expect([util.vmEnoughMemory(sys, mm, 890), util.vmEnoughMemory(sys, mm, 889)]).toEqual([-12, 0]);
  });
});

describe("numbers as C has them", () => {
  it("wrap at 2^64", () => {
    expect([util.unsignedLong(5), util.unsignedLong(-4096)]).toEqual([5, 2 ** 64 - 4096]);
    expect([util.rangeWraps(4096, 4096), util.rangeWraps(-4096, 4096), util.rangeWraps(4096, -4096)]).toEqual(
      [false, true, true],
    );
  });

  it("have flags in 32 bits, signed or not", () => {
    expect([0, -1, 2 ** 31, 2 ** 32 - 1, 2 ** 32, 2 ** 40].map(util.hasHighBits)).toEqual([
      false,
      false,
      false,
      false,
      true,
      true,
    ]);
  });
});
