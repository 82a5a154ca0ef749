import { describe, expect, it } from "vitest";
import type { Kernel } from "../../../lib/kernel/kernel.js";
import { boot } from "../../../lib/kernel/machine.js";
import { sysMmap } from "../../../lib/kernel/syscalls/mm.js";
import { sysExitGroup, sysFork } from "../../../lib/kernel/syscalls/process.js";
import type { Task } from "../../../lib/kernel/task.js";
import { FAULT_FLAG_WRITE, VM_FAULT_OOM, VmFault } from "../../../lib/mm/fault/vm_fault.js";
import { doWpPage, vmNormalPage } from "../../../lib/mm/fault/wp.js";
import { lruAddDrainAll } from "../../../lib/mm/lru/swap.js";
import { MM_ANONPAGES } from "../../../lib/mm/mm_types.js";
import { pfnToPage } from "../../../lib/mm/pages/folio.js";
import { pteDirty, ptePfn, ptepGet, pteWrite } from "../../../lib/mm/pgtable/pgtable.js";
import { pteOffset } from "../../../lib/mm/pgtable/pgtable_alloc.js";
import { PGREUSE } from "../../../lib/mm/vmstat.js";

const BASE = 0x1000_0000_0000;
const PRIVATE = 0x32;
const SHARED = 0x31;

function start(flags: number): { kernel: Kernel; task: Task } {
  const { kernel } = boot({ ram: "64 MiB" });
  const task = kernel.spawn("t");
  expect(sysMmap(kernel, task, BASE, 4096, 3, flags)).toBe(BASE);
  return { kernel, task };
}

function pteAt(task: Task): number {
  return ptepGet(task.mm!.sys.ram, pteOffset(task.mm!, BASE));
}

/** A write fault at BASE that has come as far as doWpPage. */
function writeFault(task: Task): VmFault {
  const vmf = new VmFault(task.mm!.mmMt.lookup(BASE)!, BASE, FAULT_FLAG_WRITE);
  vmf.ptep = pteOffset(task.mm!, BASE);
  vmf.origPte = pteAt(task);
  return vmf;
}

const reuses = (kernel: Kernel): number => kernel.sys.vmStat.events[PGREUSE]!;

describe("a write to a read-only entry", () => {
  it("of the zero page maps a new page of zeros, which counts as resident", () => {
    const { kernel, task } = start(PRIVATE);
    expect(task.load(BASE, 1)).toBe(0);
    const vmf = writeFault(task);
    expect(vmNormalPage(vmf.vma, vmf.origPte)).toBeUndefined();
    expect(doWpPage(vmf)).toBe(0);
    const pte = pteAt(task);
    expect([ptePfn(pte) === kernel.sys.zeroPfn, pteWrite(pte), pteDirty(pte)]).toEqual([false, true, true]);
    expect([...kernel.sys.ram.frame(ptePfn(pte))].every((byte) => byte === 0)).toBe(true);
    expect(task.mm!.rssStat[MM_ANONPAGES]).toBe(1);
    expect(reuses(kernel)).toBe(0);
  });

  it("of a page shared since a fork copies it, bytes and all, and leaves the old one to the child", () => {
    const { kernel, task } = start(PRIVATE);
    task.store(BASE + 9, 1, 77);
    const pfn = ptePfn(pteAt(task));
    const child = sysFork(kernel, task) as Task;
    expect(doWpPage(writeFault(task))).toBe(0);
    const copy = ptePfn(pteAt(task));
    expect(copy).not.toBe(pfn);
    expect(kernel.sys.ram.frame(copy)[9]).toBe(77);
    expect(ptePfn(pteAt(child))).toBe(pfn);
    expect([pfnToPage(kernel.sys, pfn).mapcount, pfnToPage(kernel.sys, copy).mapcount]).toEqual([1, 1]);
    expect([pteWrite(pteAt(task)), pteWrite(pteAt(child))]).toEqual([true, false]);
    expect(task.mm!.rssStat[MM_ANONPAGES]).toBe(1);
  });

  it("of a page whose other owner has left uses it in place", () => {
    const { kernel, task } = start(PRIVATE);
    task.store(BASE, 1, 77);
    const pfn = ptePfn(pteAt(task));
    sysExitGroup(kernel, sysFork(kernel, task) as Task, 0);
    kernel.enter(task);
    expect([pteWrite(pteAt(task)), pfnToPage(kernel.sys, pfn).anonExclusive]).toEqual([false, false]);
    expect(doWpPage(writeFault(task))).toBe(0);
    expect(ptePfn(pteAt(task))).toBe(pfn);
    expect([pteWrite(pteAt(task)), pfnToPage(kernel.sys, pfn).anonExclusive]).toEqual([true, true]);
    expect(reuses(kernel)).toBe(1);
  });

  it("of shared memory uses the page in place, also while a child maps it", () => {
    const { kernel, task } = start(SHARED);
    expect(task.load(BASE, 1)).toBe(0);
    const pfn = ptePfn(pteAt(task));
    const child = sysFork(kernel, task) as Task;
    child.store(BASE, 1, 5);
    expect(ptePfn(pteAt(child))).toBe(pfn);
    expect(task.load(BASE, 1)).toBe(5);
  });

  it("fails without a frame for the copy, and the entry is as before", () => {
    const { kernel, task } = start(PRIVATE);
    task.store(BASE, 1, 77);
    sysFork(kernel, task);
    const before = pteAt(task);
    const page = pfnToPage(kernel.sys, ptePfn(before));
    lruAddDrainAll(kernel.sys); // else the batch's reference goes when the references are counted
    kernel.sys.shouldFailAllocPage = () => true;
    expect(doWpPage(writeFault(task))).toBe(VM_FAULT_OOM);
    expect(pteAt(task)).toBe(before);
    expect([page.refcount, page.mapcount]).toEqual([2, 2]);
  });
});
