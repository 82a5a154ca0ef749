import { describe, expect, it } from "vitest";
import { Ram } from "../../../lib/hw/ram.js";
import { copyPageRange } from "../../../lib/mm/fault/copy_page_range.js";
import { handleMmFault } from "../../../lib/mm/fault/memory.js";
import { FAULT_FLAG_WRITE, VM_FAULT_OOM, VM_FAULT_SIGSEGV } from "../../../lib/mm/fault/vm_fault.js";
import { freePgtables, unmapVmas } from "../../../lib/mm/fault/zap.js";
import { lruAddDrainAll } from "../../../lib/mm/lru/swap.js";
import { mmInit } from "../../../lib/mm/mm_init.js";
import {
  MM_ANONPAGES,
  MmStruct,
  VM_MAYREAD,
  VM_MAYWRITE,
  VM_READ,
  VM_WRITE,
  VmAreaStruct,
} from "../../../lib/mm/mm_types.js";
import { pageFolio, pfnToPage } from "../../../lib/mm/pages/folio.js";
import { nrUnusedPages } from "../../../lib/mm/pages/page_alloc.js";
import { pteDirty, ptePfn, ptepGet, pteSpecial, pteWrite } from "../../../lib/mm/pgtable/pgtable.js";
import { pgdAlloc, pgdFree, pteOffset } from "../../../lib/mm/pgtable/pgtable_alloc.js";
import { MemorySystem } from "../../../lib/mm/system.js";
import { vmaLink } from "../../../lib/mm/vma/vma.js";

const BASE = 0x1000_0000_0000;
const clock = { nowNs: 0, advance() {} };

function boot(ramBytes = 64 * 2 ** 20): MemorySystem {
  const sys = new MemorySystem(new Ram(ramBytes), clock);
  mmInit(sys);
  return sys;
}

function newMm(sys: MemorySystem): MmStruct {
  const mm = new MmStruct(sys);
  expect(pgdAlloc(mm)).toBe(0);
  return mm;
}

function map(mm: MmStruct, start: number, nrPages: number): VmAreaStruct {
  const vma = new VmAreaStruct(mm);
  vma.vmStart = start;
  vma.vmEnd = start + nrPages * 4096;
  vma.vmPgoff = start / 4096;
  vma.vmFlags = VM_READ | VM_WRITE | VM_MAYREAD | VM_MAYWRITE;
  vmaLink(vma);
  return vma;
}

function pteAt(mm: MmStruct, addr: number): number {
  const ptep = pteOffset(mm, addr);
  return ptep === 0 ? 0 : ptepGet(mm.sys.ram, ptep);
}

function exit(mm: MmStruct): void {
  const vmas = [...mm.mmMt];
  unmapVmas(mm, vmas, 0, mm.taskSize);
  freePgtables(mm, vmas, 0, 0);
  pgdFree(mm);
}

describe("anonymous faults", () => {
  it("map the zero page for a read and a new page for the write after it", () => {
    const sys = boot();
    const mm = newMm(sys);
    const vma = map(mm, BASE, 4);
    expect(handleMmFault(vma, BASE + 5, 0)).toBe(0);
    expect(ptePfn(pteAt(mm, BASE))).toBe(sys.zeroPfn);
    expect(pteSpecial(pteAt(mm, BASE))).toBe(true);
    expect(mm.rssStat[MM_ANONPAGES]).toBe(0);
    expect(mm.pgtablesBytes).toBe(3 * 4096);
    expect(handleMmFault(vma, BASE, FAULT_FLAG_WRITE)).toBe(0);
    const pte = pteAt(mm, BASE);
    expect(ptePfn(pte)).not.toBe(sys.zeroPfn);
    expect([pteWrite(pte), pteDirty(pte), pteSpecial(pte)]).toEqual([true, true, false]);
    expect(mm.rssStat[MM_ANONPAGES]).toBe(1);
  });

  it("give every frame back when the mm is gone", () => {
    const sys = boot();
    const before = nrUnusedPages(sys);
    const mm = newMm(sys);
    const vma = map(mm, BASE, 600);
    for (let i = 0; i < 600; i++) handleMmFault(vma, BASE + i * 4096, FAULT_FLAG_WRITE);
    expect(mm.pgtablesBytes).toBe(4 * 4096);
    exit(mm);
    lruAddDrainAll(sys);
    expect(mm.pgtablesBytes).toBe(0);
    expect(nrUnusedPages(sys)).toBe(before);
  });

  it("end in VM_FAULT_OOM when no frame is left, and change nothing", () => {
    const sys = boot();
    const mm = newMm(sys);
    const vma = map(mm, BASE, 1);
    sys.shouldFailAllocPage = () => true;
    expect(handleMmFault(vma, BASE, FAULT_FLAG_WRITE)).toBe(VM_FAULT_OOM);
    expect(mm.rssStat[MM_ANONPAGES]).toBe(0);
    expect(mm.pgtablesBytes).toBe(0);
  });
});

describe("fork and the write after it", () => {
  it("shares the frame, copies for the first writer and lets the last owner keep it", () => {
    const sys = boot();
    const parent = newMm(sys);
    const vma = map(parent, BASE, 1);
    handleMmFault(vma, BASE, FAULT_FLAG_WRITE);
    const pfn = ptePfn(pteAt(parent, BASE));
    sys.ram.frame(pfn)[0] = 77;
    const child = newMm(sys);
    const childVma = map(child, BASE, 1);
    expect(copyPageRange(childVma, vma)).toBe(0);
    const page = pfnToPage(sys, pfn);
    expect([page.mapcount, page.anonExclusive, pteWrite(pteAt(parent, BASE))]).toEqual([2, false, false]);
    expect(ptePfn(pteAt(child, BASE))).toBe(pfn);

    handleMmFault(vma, BASE, FAULT_FLAG_WRITE);
    const copy = ptePfn(pteAt(parent, BASE));
    expect(copy).not.toBe(pfn);
    expect(sys.ram.frame(copy)[0]).toBe(77);
    expect(page.mapcount).toBe(1);

    handleMmFault(childVma, BASE, FAULT_FLAG_WRITE);
    expect(ptePfn(pteAt(child, BASE))).toBe(pfn);
    expect(pageFolio(page).anonExclusive).toBe(true);
  });
});

describe("markers", () => {
  it("make a guarded page a segmentation fault", async () => {
    const { setPte } = await import("../../../lib/mm/pgtable/pgtable.js");
    const { makePteMarker, PTE_MARKER_GUARD } = await import("../../../lib/mm/pgtable/swapops.js");
    const { pteAlloc } = await import("../../../lib/mm/pgtable/pgtable_alloc.js");
    const sys = boot();
    const mm = newMm(sys);
    const vma = map(mm, BASE, 1);
    setPte(sys.ram, pteAlloc(mm, BASE), makePteMarker(PTE_MARKER_GUARD));
    expect(handleMmFault(vma, BASE, 0)).toBe(VM_FAULT_SIGSEGV);
  });
});
