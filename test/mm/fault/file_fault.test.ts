import { describe, expect, it } from "vitest";
import { doFault } from "../../../lib/mm/fault/file_fault.js";
import { FAULT_FLAG_WRITE, VM_FAULT_OOM, VM_FAULT_SIGBUS, VmFault } from "../../../lib/mm/fault/vm_fault.js";
import { MM_ANONPAGES, MM_FILEPAGES } from "../../../lib/mm/mm_types.js";
import { pteDirty, ptePfn, ptepGet, pteWrite } from "../../../lib/mm/pgtable/pgtable.js";
import { pteOffset } from "../../../lib/mm/pgtable/pgtable_alloc.js";
import { at, file, kernel, mapFile, task, useFile } from "../arena.js";

useFile();

function pteAt(page: number): number {
  const ptep = pteOffset(task.mm!, at(page));
  return ptep === 0 ? 0 : ptepGet(kernel.sys.ram, ptep);
}

const frame = (page: number): number => file.fMapping.pages.get(page)!.pfn;

describe("a read of a mapped file", () => {
  it("maps what is in the cache around it, too, at most as many pages as fault-around has", () => {
    mapFile(4, 0x12);
    expect(task.load(at(1), 1)).toBe(2);
    expect([0, 1, 2, 3].map((page) => ptePfn(pteAt(page)))).toEqual([0, 1, 2, 3].map(frame));
    expect(task.mm!.rssStat[MM_FILEPAGES]).toBe(4);
  });

  it("maps only its own page without fault-around, and only its aligned block with less", () => {
    for (const [pages, mapped] of [
      [1, [false, false, true, false]],
      [2, [false, false, true, true]],
    ] as const) {
      kernel.sys.faultAroundPages = pages;
      mapFile(4, 0x12);
      task.load(at(2), 1);
      expect([0, 1, 2, 3].map((page) => pteAt(page) !== 0)).toEqual(mapped);
    }
  });
});

describe("a write to a mapped file", () => {
  it("that is private maps a copy, and the cache keeps its page", () => {
    mapFile(4, 0x12);
    task.store(at(1), 1, 99);
    expect(ptePfn(pteAt(1))).not.toBe(frame(1));
    expect([pteWrite(pteAt(1)), pteDirty(pteAt(1))]).toEqual([true, true]);
    expect([kernel.sys.ram.frame(frame(1))[0], task.load(at(1) + 1, 1)]).toEqual([2, 2]);
    expect([task.mm!.rssStat[MM_ANONPAGES], pteAt(0)]).toEqual([1, 0]);
  });

  it("that is shared maps the cache's page writable, and the file is dirty", () => {
    mapFile(4, 0x11);
    task.store(at(1), 1, 99);
    expect([ptePfn(pteAt(1)), pteWrite(pteAt(1))]).toEqual([frame(1), true]);
    expect([...file.fMapping.dirtyFolios].map((folio) => folio.index)).toEqual([1]);
    expect([task.mm!.rssStat[MM_FILEPAGES], task.mm!.rssStat[MM_ANONPAGES]]).toEqual([1, 0]);
  });
});

describe("doFault", () => {
  it("is SIGBUS behind the end of the file, for reading and writing", () => {
    const vma = mapFile(6, 0x12);
    expect(() => task.load(at(4), 1)).toThrow(/BUS_ADRERR/);
    const vmf = new VmFault(vma, at(4), FAULT_FLAG_WRITE);
    expect(doFault(vmf)).toBe(VM_FAULT_SIGBUS);
    expect(task.mm!.rssStat[MM_ANONPAGES]).toBe(0);
  });

  it("is out of memory where the copy cannot be had", () => {
    const vma = mapFile(4, 0x12);
    const { refcount } = file.fMapping.pages.get(1)!;
    kernel.sys.shouldFailAllocPage = () => true;
    expect(doFault(new VmFault(vma, at(1), FAULT_FLAG_WRITE))).toBe(VM_FAULT_OOM);
    expect(file.fMapping.pages.get(1)!.refcount).toBe(refcount);
  });
});
