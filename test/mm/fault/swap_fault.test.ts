import { beforeEach, describe, expect, it } from "vitest";
import { sysMadvise } from "../../../lib/kernel/syscalls/mm.js";
import { sysFork } from "../../../lib/kernel/syscalls/process.js";
import { doSwapPage } from "../../../lib/mm/fault/swap_fault.js";
import { FAULT_FLAG_WRITE, VM_FAULT_OOM, VmFault } from "../../../lib/mm/fault/vm_fault.js";
import { lruAddDrainAll } from "../../../lib/mm/lru/swap.js";
import { MM_SWAPENTS, VM_LOCKED } from "../../../lib/mm/mm_types.js";
import { pteDirty, ptePresent, ptepGet, pteWrite } from "../../../lib/mm/pgtable/pgtable.js";
import { pteOffset } from "../../../lib/mm/pgtable/pgtable_alloc.js";
import type { SwapInfoStruct } from "../../../lib/mm/swap/swap_types.js";
import { MADV } from "../../../lib/mm/vma/mman.js";
import { PGMAJFAULT } from "../../../lib/mm/vmstat.js";
import { at, kernel, map, mm, PAGE, task, useArena } from "../arena.js";
import { dropSwapCache, swapArea } from "../swap/area.js";

useArena();

let si: SwapInfoStruct;
const majors = (): number => kernel.sys.vmStat.events[PGMAJFAULT]!;
const finish = (): void => kernel.sys.sched.waitUntil("io", () => si.bdev.device!.inFlight === 0);
const pte = (page: number): number => ptepGet(mm.sys.ram, pteOffset(mm, at(page)));

/** Pages 0 to 3 go to swap, page i to slot i + 1; their folios stay. */
function pageout(): void {
  lruAddDrainAll(kernel.sys);
  expect(sysMadvise(kernel, task, at(0), 4 * PAGE, MADV.PAGEOUT)).toBe(0);
  finish();
}

beforeEach(() => {
  kernel.sys.sysctl.pageCluster = 0;
  si = swapArea(kernel, 1000);
  map(0, 4);
  for (let page = 0; page < 4; page++) task.store(at(page), 1, page + 1);
  pageout();
  dropSwapCache(kernel, si);
});

/** A fault on page 0 as doSwapPage gets it. */
function fault(flags = 0): VmFault {
  const vmf = new VmFault(mm.mmMt.lookup(at(0))!, at(0), flags);
  vmf.ptep = pteOffset(mm, at(0));
  vmf.origPte = pte(0);
  return vmf;
}

describe("doSwapPage", () => {
  it("is major when the slot must be read; a page that was only read keeps its slot, writable, clean", () => {
    expect(task.load(at(0), 1)).toBe(1);
    expect([majors(), si.swapMap[1]]).toEqual([1, 0x40]);
    expect([pteWrite(pte(0)), pteDirty(pte(0))]).toEqual([true, false]);
    expect(mm.rssStat[MM_SWAPENTS]).toBe(3);
  });

  it("gives the slot up for a write, which makes the page dirty", () => {
    task.store(at(0), 1, 9);
    expect([si.swapMap[1], pteDirty(pte(0)), task.load(at(0), 1)]).toEqual([0, true, 9]);
  });

  it("gives the slot up after a read if more than half is used, or the page is locked", () => {
    mm.mmMt.lookup(at(0))!.vmFlags |= VM_LOCKED;
    task.load(at(0), 1);
    expect(si.swapMap[1]).toBe(0);
    mm.mmMt.lookup(at(0))!.vmFlags &= ~VM_LOCKED;
    const { nrSwapPages } = kernel.sys;
    kernel.sys.nrSwapPages = 10;
    task.load(at(1), 1);
    kernel.sys.nrSwapPages += nrSwapPages - 10;
    expect(si.swapMap[2]).toBe(0);
  });

  it("copies for a write in the same fault what another process has in swap, too", () => {
    expect(sysFork(kernel, task)).toBeDefined();
    expect(si.swapMap[1]).toBe(2);
    task.store(at(0), 1, 50);
    expect([task.load(at(0), 1), si.swapMap[1]! & 0x3f]).toEqual([50, 1]);
  });

  it("is SIGBUS when the slot cannot be read, and the slot stays", () => {
    task.signal.handlers.set("SIGBUS", () => {});
    si.bdev.device!.failRequests("read");
    expect(() => task.load(at(0), 1)).toThrow(/SIGBUS/);
    expect([si.swapMap[1]! & 0x3f, ptePresent(pte(0))]).toEqual([1, false]);
  });

  it("leaves an entry alone that has changed, and fails without memory", () => {
    const vmf = fault(FAULT_FLAG_WRITE);
    task.load(at(0), 1);
    const now = pte(0);
    expect(doSwapPage(vmf)).toBe(0);
    expect([pte(0), ptePresent(now)]).toEqual([now, true]);
    const vmf1 = new VmFault(mm.mmMt.lookup(at(1))!, at(1), 0);
    vmf1.ptep = pteOffset(mm, at(1));
    vmf1.origPte = pte(1);
    kernel.sys.shouldFailAllocPage = () => true;
    expect(doSwapPage(vmf1)).toBe(VM_FAULT_OOM);
  });
});
