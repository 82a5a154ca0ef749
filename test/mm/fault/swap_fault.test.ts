import { beforeEach, describe, expect, it } from "vitest";
import { SignalError } from "../../../lib/kernel/signal.js";
import { sysMlock2, sysMprotect } from "../../../lib/kernel/syscalls/mm.js";
import { sysFork } from "../../../lib/kernel/syscalls/process.js";
import type { Task } from "../../../lib/kernel/task.js";
import { handleMmFault } from "../../../lib/mm/fault/memory.js";
import { FAULT_FLAG_WRITE, VM_FAULT_OOM } from "../../../lib/mm/fault/vm_fault.js";
import { PG_dirty, PG_swapcache, pfnToPage } from "../../../lib/mm/pages/folio.js";
import { pteDirty, ptePfn, ptepGet, pteWrite, setPte } from "../../../lib/mm/pgtable/pgtable.js";
import { pteOffset } from "../../../lib/mm/pgtable/pgtable_alloc.js";
import {
  makePteMarker,
  PTE_MARKER_GUARD,
  PTE_MARKER_POISONED,
  pteSwpExclusive,
  swpEntry,
  swpEntryToPte,
} from "../../../lib/mm/pgtable/swapops.js";
import type { SwapDevice, SwapInfoStruct } from "../../../lib/mm/swap/swap_types.js";
import { PGMAJFAULT, PGREUSE } from "../../../lib/mm/vmstat.js";
import { at, kernel, map, mm, PAGE, task, useArena } from "../arena.js";
import { swapArea } from "../swap/area.js";
import { counted, evict, folioOf, pageout, pteOf, touch } from "../swap/paged_out.js";

useArena();

let si: SwapInfoStruct;
beforeEach(() => {
  si = swapArea(kernel, 1024);
  kernel.sys.sysctl.pageCluster = 0;
  map(0, 8);
  touch(0, 8);
});

/** Faults of `act`: minor, major, and PGMAJFAULT. */
function faults(act: () => void, who: Task = task): number[] {
  const before = [who.minFlt, who.majFlt, counted(PGMAJFAULT)];
  act();
  return [who.minFlt, who.majFlt, counted(PGMAJFAULT)].map((value, i) => value - before[i]!);
}

const read =
  (page: number): (() => void) =>
  () =>
    expect(task.load(at(page), 1)).toBe(page + 1);

describe("a fault on a page in swap", () => {
  it("is minor while the swap cache has the page, and major when it must be read", () => {
    pageout(0, 2);
    expect(faults(read(0))).toEqual([1, 0, 0]);
    evict(si);
    expect(faults(read(1))).toEqual([0, 1, 1]);
    expect(mm.rssStat).toEqual([0, 7, 1, 0]); // page 0 was evicted once more
  });

  it("waits for a page that is still on its way out no longer than it must: not at all", () => {
    pageout(0, 1, false);
    const before = kernel.sys.clock.nowNs;
    expect(faults(read(0))).toEqual([1, 0, 0]);
    expect(kernel.sys.clock.nowNs - before).toBeLessThan(10_000);
  });

  it("keeps the slot after a read: the page can go again without being written", () => {
    pageout(0, 1);
    evict(si);
    read(0)();
    expect([si.inusePages, folioOf(0).flags & PG_swapcache]).toEqual([1, PG_swapcache]);
    const { writeBlocks } = si.bdev.device!;
    pageout(0, 1);
    evict(si);
    expect(si.bdev.device!.writeBlocks).toBe(writeBlocks);
    read(0)();
  });

  it("gives the slot up for a write, when nobody else has the page", () => {
    pageout(0, 1);
    evict(si);
    task.store(at(0), 1, 50);
    expect([si.inusePages, folioOf(0).flags & PG_swapcache]).toEqual([0, 0]);
    expect([pteWrite(pteOf(0)), pteDirty(pteOf(0)), folioOf(0).flags & PG_dirty]).toEqual([
      true,
      true,
      PG_dirty,
    ]);
  });

  it("gives the slot up for a read, too, when more than half of swap is used or the page is locked", () => {
    pageout(0, 3);
    evict(si);
    const { nrSwapPages } = kernel.sys;
    kernel.sys.nrSwapPages = 400;
    read(0)();
    expect(si.inusePages).toBe(2);
    kernel.sys.nrSwapPages = nrSwapPages + 1;
    expect(sysMlock2(kernel, task, at(1), PAGE)).toBe(0);
    expect(si.inusePages).toBe(1);
    read(2)();
    expect(si.inusePages).toBe(1);
  });

  it("lets a page that is this mm's alone be written at once, also after a read, but not as dirty", () => {
    pageout(0, 1);
    expect(pteSwpExclusive(pteOf(0))).toBe(true);
    evict(si);
    read(0)();
    expect([pteWrite(pteOf(0)), pteDirty(pteOf(0)), folioOf(0).anonExclusive]).toEqual([true, false, true]);
    expect(faults(() => task.store(at(0), 1, 9))).toEqual([0, 0, 0]);
  });

  it("maps a page read-only where the VMA may not write", () => {
    pageout(0, 1);
    expect(sysMprotect(kernel, task, at(0), PAGE, 1)).toBe(0);
    evict(si);
    read(0)();
    expect(pteWrite(pteOf(0))).toBe(false);
  });
});

describe("pages shared with a child", () => {
  it("are nobody's alone, and a write copies in the same fault", () => {
    pageout(0, 1);
    const child = sysFork(kernel, task, "child") as Task;
    kernel.enter(task);
    expect(pteSwpExclusive(pteOf(0))).toBe(false);
    evict(si);
    expect(faults(() => task.store(at(0), 1, 99))).toEqual([0, 1, 1]);
    expect(child.load(at(0), 1)).toBe(1);
    kernel.enter(task);
    expect(task.load(at(0), 1)).toBe(99);
    expect([mm.rssStat[2], child.mm!.rssStat[2]]).toEqual([0, 0]);
  });

  it("are reused by the last who writes", () => {
    pageout(0, 1);
    const child = sysFork(kernel, task, "child") as Task;
    child.load(at(0), 1);
    kernel.enter(task);
    kernel.kill(child, "SIGKILL");
    kernel.enter(task);
    read(0)();
    const { pfn } = folioOf(0);
    const reused = counted(PGREUSE);
    task.store(at(0), 1, 5);
    expect([folioOf(0).pfn, counted(PGREUSE) - reused, si.inusePages]).toEqual([pfn, 1, 0]);
  });
});

describe("a device that fails", () => {
  it("to read: the access ends with SIGBUS, every time; the entry and the count stay", () => {
    task.signal.handlers.set("SIGBUS", () => {});
    pageout(0, 1);
    evict(si);
    si.bdev.device!.failRequests("read");
    expect(() => task.load(at(0), 1)).toThrow(SignalError);
    expect(() => task.load(at(0), 1)).toThrow(/SIGBUS/);
    expect([mm.rssStat[2], si.swapMap[1]! & 0x3f]).toEqual([1, 1]);
  });
});

describe("a device that is done at once", () => {
  const bytes = new Map<number, Uint8Array>();
  const ram: SwapDevice = {
    nrBlocks: 1024,
    rotational: false,
    synchronous: true,
    stableWrites: true,
    readNow(block, pfn) {
      kernel.sys.ram.frame(pfn).set(bytes.get(block)!);
      return 0;
    },
    writeNow(block, pfn) {
      bytes.set(block, kernel.sys.ram.frame(pfn).slice());
      return 0;
    },
  };

  it("is read past the swap cache: no readahead, and the slot is free afterwards", () => {
    kernel.sys.sysctl.pageCluster = 3;
    const fast = swapArea(kernel, 1024, ram);
    fast.prio = 5;
    kernel.sys.swap.availHead.reverse();
    pageout(0, 4);
    expect(fast.inusePages).toBe(4);
    expect(faults(read(1))).toEqual([0, 1, 1]);
    expect([fast.inusePages, folioOf(1).flags & PG_swapcache, folioOf(1).anonExclusive]).toEqual([
      3,
      0,
      true,
    ]);
    expect(pteWrite(pteOf(1))).toBe(true);
  });
});

describe("other notes", () => {
  it("are markers: guard is SIGSEGV, poison SIGBUS", () => {
    for (const signal of ["SIGSEGV", "SIGBUS"] as const) task.signal.handlers.set(signal, () => {});
    pageout(0, 1); // no TLB has it now
    setPte(kernel.sys.ram, pteOffset(mm, at(0)), makePteMarker(PTE_MARKER_GUARD));
    expect(() => task.load(at(0), 1)).toThrow(/SIGSEGV/);
    setPte(kernel.sys.ram, pteOffset(mm, at(0)), makePteMarker(PTE_MARKER_POISONED));
    expect(() => task.load(at(0), 1)).toThrow(/SIGBUS/);
  });
});

describe("without memory, or too late", () => {
  it("says so, and leaves the page in swap", () => {
    pageout(0, 1);
    evict(si);
    kernel.sys.shouldFailAllocPage = () => true;
    const vma = mm.mmMt.lookup(at(0))!;
    expect(handleMmFault(vma, at(0), FAULT_FLAG_WRITE)).toBe(VM_FAULT_OOM);
    kernel.sys.shouldFailAllocPage = undefined;
    read(0)();
  });

  it("does nothing when the entry has changed meanwhile, or its area is gone", () => {
    pageout(0, 1);
    evict(si);
    const ptep = pteOffset(mm, at(0));
    const vma = mm.mmMt.lookup(at(0))!;
    const pte = ptepGet(mm.sys.ram, ptep);
    setPte(mm.sys.ram, ptep, swpEntryToPte(swpEntry(7, 1)));
    expect(handleMmFault(vma, at(0), 0)).toBe(0);
    setPte(mm.sys.ram, ptep, pte);
    const stop = kernel.sys.parts.workingsetRefault;
    kernel.sys.parts.workingsetRefault = (...args) => {
      stop(...args);
      setPte(mm.sys.ram, ptep, ptepGet(mm.sys.ram, pteOffset(mm, at(1)))); // another was faster
    };
    handleMmFault(vma, at(0), 0);
    expect(ptePfn(ptepGet(mm.sys.ram, ptep))).toBe(folioOf(1).pfn);
    expect([si.swapMap[1]! & 0x3f, pfnToPage(mm.sys, folioOf(1).pfn).mapcount]).toEqual([1, 1]);
    setPte(mm.sys.ram, ptep, pte);
    kernel.sys.parts.workingsetRefault = stop;
    read(0)();
  });
});
