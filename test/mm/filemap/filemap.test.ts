import { describe, expect, it } from "vitest";
import { FileTree, fadviseDrop, ftruncate, O_CREAT, O_RDWR } from "../../../lib/fs/file_tree.js";
import type { VfsFile } from "../../../lib/fs/inode.js";
import { Clock } from "../../../lib/hw/clock.js";
import { Ram } from "../../../lib/hw/ram.js";
import { handleMmFault } from "../../../lib/mm/fault/memory.js";
import {
  FAULT_FLAG_ALLOW_RETRY,
  FAULT_FLAG_TRIED,
  FAULT_FLAG_WRITE,
  VM_FAULT_MAJOR,
  VM_FAULT_RETRY,
  VM_FAULT_SIGBUS,
} from "../../../lib/mm/fault/vm_fault.js";
import { filemapCachestat } from "../../../lib/mm/filemap/cachestat.js";
import { mmInit } from "../../../lib/mm/mm_init.js";
import {
  MM_FILEPAGES,
  MmStruct,
  VM_MAYREAD,
  VM_MAYSHARE,
  VM_MAYWRITE,
  VM_READ,
  VM_SHARED,
  VM_WRITE,
  VmAreaStruct,
} from "../../../lib/mm/mm_types.js";
import { PG_dirty } from "../../../lib/mm/pages/folio.js";
import { pteDirty, ptepGet, pteWrite } from "../../../lib/mm/pgtable/pgtable.js";
import { pgdAlloc, pteOffset } from "../../../lib/mm/pgtable/pgtable_alloc.js";
import { MemorySystem } from "../../../lib/mm/system.js";
import { vmaLink } from "../../../lib/mm/vma/vma.js";

const BASE = 0x1000_0000_0000;

function fileOf(pages: number, chunkPages = 1): { sys: MemorySystem; file: VfsFile } {
  const sys = new MemorySystem(new Ram(64 * 2 ** 20), new Clock());
  mmInit(sys);
  const file = new FileTree(sys).open("/data", O_RDWR | O_CREAT) as VfsFile;
  for (let page = 0; page < pages; page += chunkPages) {
    const bytes = new Uint8Array(chunkPages * 4096);
    for (let i = 0; i < chunkPages; i++) bytes.fill(page + i + 1, i * 4096, (i + 1) * 4096);
    expect(file.write(page * 4096, bytes)).toBe(bytes.length);
  }
  expect(file.fsync()).toBe(0);
  return { sys, file };
}

function mapFile(sys: MemorySystem, file: VfsFile, pages: number): VmAreaStruct {
  const mm = new MmStruct(sys);
  pgdAlloc(mm);
  const vma = new VmAreaStruct(mm);
  vma.vmStart = BASE;
  vma.vmEnd = BASE + pages * 4096;
  vma.vmFlags = VM_READ | VM_WRITE | VM_SHARED | VM_MAYREAD | VM_MAYWRITE | VM_MAYSHARE;
  vma.vmFile = file;
  file.mmapPrepare(vma);
  vmaLink(vma);
  return vma;
}

function pteAt(vma: VmAreaStruct, page: number): number {
  const ptep = pteOffset(vma.vmMm, BASE + page * 4096);
  return ptep === 0 ? 0 : ptepGet(vma.vmMm.sys.ram, ptep);
}

describe("a read fault of a cached file", () => {
  it("maps the aligned 16 pages around it", () => {
    const { sys, file } = fileOf(40);
    const vma = mapFile(sys, file, 40);
    handleMmFault(vma, BASE + 20 * 4096, 0);
    expect(vma.vmMm.rssStat[MM_FILEPAGES]).toBe(16);
    expect([15, 16, 31, 32].map((page) => pteAt(vma, page) !== 0)).toEqual([false, true, true, false]);
  });

  it("maps a large folio whole, but the last of the file only within the 64 KiB", () => {
    const { sys, file } = fileOf(64, 32);
    const vma = mapFile(sys, file, 64);
    handleMmFault(vma, BASE + 5 * 4096, 0);
    expect(vma.vmMm.rssStat[MM_FILEPAGES]).toBe(32);
    handleMmFault(vma, BASE + 40 * 4096, 0);
    expect(vma.vmMm.rssStat[MM_FILEPAGES]).toBe(48);
  });
});

describe("a read fault of a file that is not cached", () => {
  it("reads, asks for another try, and maps what has come in", () => {
    const { sys, file } = fileOf(40);
    expect(fadviseDrop(file, 0, 0)).toBe(0);
    expect(file.fMapping.nrpages).toBe(0);
    const vma = mapFile(sys, file, 40);
    const ret = handleMmFault(vma, BASE, FAULT_FLAG_ALLOW_RETRY);
    expect(ret & (VM_FAULT_MAJOR | VM_FAULT_RETRY)).toBe(VM_FAULT_MAJOR | VM_FAULT_RETRY);
    handleMmFault(vma, BASE, FAULT_FLAG_ALLOW_RETRY | FAULT_FLAG_TRIED);
    expect(vma.vmMm.rssStat[MM_FILEPAGES]).toBe(16);
    expect(file.fMapping.nrpages).toBe(40);
  });
});

describe("a store through a shared mapping", () => {
  it("is noticed once, and again after the page was written back", () => {
    const { sys, file } = fileOf(4);
    const vma = mapFile(sys, file, 4);
    handleMmFault(vma, BASE, 0);
    expect(pteWrite(pteAt(vma, 0))).toBe(false);
    handleMmFault(vma, BASE, FAULT_FLAG_WRITE);
    expect([pteWrite(pteAt(vma, 0)), pteDirty(pteAt(vma, 0))]).toEqual([true, true]);
    expect(filemapCachestat(file.fMapping, 0, 3).nrDirty).toBe(1);
    file.fsync();
    expect([pteWrite(pteAt(vma, 0)), pteDirty(pteAt(vma, 0))]).toEqual([false, false]);
    expect(file.fMapping.pages.get(0)!.flags & PG_dirty).toBe(0);
  });
});

describe("a truncated file", () => {
  it("loses the pages behind its end, also where they are mapped; touching them is SIGBUS", () => {
    const { sys, file } = fileOf(8);
    const vma = mapFile(sys, file, 8);
    handleMmFault(vma, BASE, 0);
    ftruncate(file, 3 * 4096 + 100);
    expect(vma.vmMm.rssStat[MM_FILEPAGES]).toBe(4);
    expect(handleMmFault(vma, BASE + 4 * 4096, 0)).toBe(VM_FAULT_SIGBUS);
    const page = new Uint8Array(4096);
    file.read(3 * 4096, page);
    expect([page[99], page[100]]).toEqual([4, 0]);
    ftruncate(file, 8 * 4096);
    file.read(3 * 4096, page);
    expect([page[99], page[100], page[4095]]).toEqual([4, 0, 0]);
  });

  it("keeps the halves of a large folio that lie before its end", () => {
    const { sys, file } = fileOf(32, 32);
    expect(file.fMapping.pages.get(0)!.order).toBe(5);
    ftruncate(file, 10 * 4096);
    expect(file.fMapping.nrpages).toBe(10);
    expect([0, 8, 9].map((page) => file.fMapping.pages.get(page)!.order)).toEqual([3, 1, 1]);
    expect(sys.vmStat.nodeStat[7]).toBe(10);
  });
});
