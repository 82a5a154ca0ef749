import { describe, expect, it } from "vitest";
import type { Kernel } from "../../../lib/kernel/kernel.js";
import { boot } from "../../../lib/kernel/machine.js";
import { sysMadvise, sysMmap, sysMprotect } from "../../../lib/kernel/syscalls/mm.js";
import { sysFork } from "../../../lib/kernel/syscalls/process.js";
import type { Task } from "../../../lib/kernel/task.js";
import { isCowMapping, vmaNeedsCopy } from "../../../lib/mm/fault/copy_page_range.js";
import { MM_ANONPAGES, VM_MAYWRITE, VM_READ, VM_SHARED, VM_WRITE } from "../../../lib/mm/mm_types.js";
import { pfnToPage } from "../../../lib/mm/pages/folio.js";
import { pteDirty, ptePfn, ptepGet, pteWrite, pteYoung } from "../../../lib/mm/pgtable/pgtable.js";
import { pteOffset } from "../../../lib/mm/pgtable/pgtable_alloc.js";
import { isGuardPte } from "../../../lib/mm/pgtable/swapops.js";
import { MADV } from "../../../lib/mm/vma/mman.js";

const BASE = 0x1000_0000_0000;
const PAGE = 4096;

function start(flags: number): { kernel: Kernel; task: Task } {
  const { kernel } = boot({ ram: "64 MiB" });
  const task = kernel.spawn("t");
  expect(sysMmap(kernel, task, BASE, 4 * PAGE, 3, flags)).toBe(BASE);
  return { kernel, task };
}

function pteAt(task: Task, page: number): number {
  const ptep = pteOffset(task.mm!, BASE + page * PAGE);
  return ptep === 0 ? 0 : ptepGet(task.mm!.sys.ram, ptep);
}

describe("fork", () => {
  it("takes the right to write from both, and gives the child an entry that was never used", () => {
    const { kernel, task } = start(0x32);
    task.store(BASE + PAGE, 1, 7);
    const pfn = ptePfn(pteAt(task, 1));
    const child = sysFork(kernel, task) as Task;
    const entries = [pteAt(task, 1), pteAt(child, 1)];
    expect(entries.map(ptePfn)).toEqual([pfn, pfn]);
    expect(entries.map(pteWrite)).toEqual([false, false]);
    expect(entries.map(pteYoung)).toEqual([true, false]);
    expect(entries.map(pteDirty)).toEqual([true, true]);
    expect(pfnToPage(kernel.sys, pfn)).toMatchObject({ mapcount: 2, anonExclusive: false });
    expect(child.mm!.rssStat[MM_ANONPAGES]).toBe(1);
  });

  it("copies the entries of the zero page without counting them", () => {
    const { kernel, task } = start(0x32);
    task.store(BASE, 1, 7);
    task.load(BASE + PAGE, 1);
    const child = sysFork(kernel, task) as Task;
    expect(ptePfn(pteAt(child, 1))).toBe(kernel.sys.zeroPfn);
    expect(child.mm!.rssStat[MM_ANONPAGES]).toBe(1);
    expect(pteAt(child, 2)).toBe(0);
  });

  it("copies no table of a mapping that faults can bring back", () => {
    for (const [flags, touch] of [
      [0x31, true],
      [0x32, false],
    ] as const) {
      const { kernel, task } = start(flags);
      if (touch) task.store(BASE, 1, 7);
      expect(vmaNeedsCopy(task.mm!.mmMt.lookup(BASE)!)).toBe(false);
      const child = sysFork(kernel, task) as Task;
      expect(child.mm!.pgtablesBytes).toBe(0);
      expect(child.load(BASE, 1)).toBe(touch ? 7 : 0);
    }
  });

  it("copies guard markers", () => {
    const { kernel, task } = start(0x32);
    expect(sysMadvise(kernel, task, BASE + 2 * PAGE, PAGE, MADV.GUARD_INSTALL)).toBe(0);
    const child = sysFork(kernel, task) as Task;
    expect([0, 1, 2, 3].map((page) => isGuardPte(pteAt(child, page)))).toEqual([false, false, true, false]);
  });

  it("answers -ENOMEM where a table for the child cannot be had", () => {
    const { kernel, task } = start(0x32);
    task.store(BASE, 1, 7);
    let left = 3; // the child's top table, and two of the three below it
    kernel.sys.shouldFailAllocPage = () => left-- <= 0;
    expect(sysFork(kernel, task)).toBe(-12);
    kernel.sys.shouldFailAllocPage = undefined;
    expect(task.load(BASE, 1)).toBe(7);
    expect(pfnToPage(kernel.sys, ptePfn(pteAt(task, 0))).mapcount).toBe(1);
  });
});

describe("isCowMapping", () => {
  it("is true of what is private and may become writable", () => {
    expect(isCowMapping(VM_READ | VM_MAYWRITE)).toBe(true);
    expect(isCowMapping(VM_READ | VM_WRITE | VM_MAYWRITE | VM_SHARED)).toBe(false);
    expect(isCowMapping(VM_READ)).toBe(false);
  });

  it("so a page that is read-only now is shared with the child all the same, and copied once it may be written", () => {
    const { kernel, task } = start(0x32);
    task.store(BASE, 1, 7);
    expect(sysMprotect(kernel, task, BASE, 4 * PAGE, 1)).toBe(0);
    const child = sysFork(kernel, task) as Task;
    expect(sysMprotect(kernel, child, BASE, 4 * PAGE, 3)).toBe(0);
    child.store(BASE, 1, 8);
    expect([task.load(BASE, 1), child.load(BASE, 1)]).toEqual([7, 8]);
  });
});
