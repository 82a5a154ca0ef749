import { describe, expect, it } from "vitest";
import { ftruncate, O_CREAT, O_RDWR } from "../../../lib/fs/file_tree.js";
import type { VfsFile } from "../../../lib/fs/inode.js";
import { Clock } from "../../../lib/hw/clock.js";
import { Cpu } from "../../../lib/hw/cpu.js";
import { Ram } from "../../../lib/hw/ram.js";
import { Kernel } from "../../../lib/kernel/kernel.js";
import { sysOpen, sysPwrite } from "../../../lib/kernel/syscalls/file.js";
import { sysMmap } from "../../../lib/kernel/syscalls/mm.js";
import type { Task } from "../../../lib/kernel/task.js";
import { filemapCachestat } from "../../../lib/mm/filemap/cachestat.js";
import { filemapFdatawriteRange, folioMkclean } from "../../../lib/mm/lru/page_writeback.js";
import { pteDirty, ptepGet, pteWrite } from "../../../lib/mm/pgtable/pgtable.js";
import { pteOffset } from "../../../lib/mm/pgtable/pgtable_alloc.js";

const BASE = 0x1000_0000_0000;
const SHARED_FIXED = 0x11;

/** A task with a file of 4 pages, on disk and mapped shared. */
function mapped(): {
  kernel: Kernel;
  task: Task;
  file: VfsFile;
  fd: number;
  entry: (page: number) => number;
} {
  const ram = new Ram(32 * 2 ** 20);
  const clock = new Clock();
  const kernel = new Kernel({ ram, clock, cpus: [new Cpu(0, ram, clock)] });
  const task = kernel.spawn("task");
  const fd = sysOpen(kernel, task, "/data", O_RDWR | O_CREAT);
  const file = task.files.get(fd) as VfsFile;
  for (let page = 0; page < 4; page++) file.write(page * 4096, new Uint8Array(4096).fill(page + 1));
  file.fsync();
  expect(sysMmap(kernel, task, BASE, 4 * 4096, 3, SHARED_FIXED, fd, 0)).toBe(BASE);
  const entry = (page: number): number => ptepGet(ram, pteOffset(task.mm!, BASE + page * 4096));
  return { kernel, task, file, fd, entry };
}

function nrDirty(file: VfsFile): number {
  return filemapCachestat(file.fMapping, 0, 100).nrDirty;
}

describe("writeback of a mapped file", () => {
  it("takes the right to write away, so that the next store is noticed", () => {
    const { kernel, task, file, entry } = mapped();
    kernel.store(task, BASE, 1, 9);
    expect([pteWrite(entry(0)), pteDirty(entry(0)), nrDirty(file)]).toEqual([true, true, 1]);
    file.fsync();
    expect([pteWrite(entry(0)), pteDirty(entry(0)), nrDirty(file)]).toEqual([false, false, 0]);
    const { minFlt } = task;
    kernel.store(task, BASE, 1, 10);
    expect([task.minFlt - minFlt, nrDirty(file)]).toEqual([1, 1]);
  });

  it("writes only the pages asked for", () => {
    const { kernel, task, file, entry } = mapped();
    for (const page of [0, 1, 3]) kernel.store(task, BASE + page * 4096, 1, 9);
    filemapFdatawriteRange(file.fMapping, 1, 2);
    expect(nrDirty(file)).toBe(2);
    expect([0, 1, 3].map((page) => pteWrite(entry(page)))).toEqual([true, false, true]);
  });

  it("finds every mapping of a page: folioMkclean says how many entries changed", () => {
    const { kernel, task, file, fd } = mapped();
    const second = 0x1000_4000_0000;
    sysMmap(kernel, task, second, 4 * 4096, 3, SHARED_FIXED, fd, 0);
    for (const at of [BASE, second]) kernel.store(task, at + 4096, 1, 9);
    kernel.load(task, BASE, 1);
    expect(folioMkclean(file.fMapping.pages.get(1)!)).toBe(2);
    expect(folioMkclean(file.fMapping.pages.get(1)!)).toBe(0);
    expect(folioMkclean(file.fMapping.pages.get(0)!)).toBe(0);
  });
});

describe("a write that fails", () => {
  it("leaves the page of a hole dirty, for its block is set aside already, and other pages clean", () => {
    const { kernel, task, file, fd } = mapped();
    ftruncate(file, 2 * 4096);
    ftruncate(file, 4 * 4096); // pages 2 and 3 are holes now
    file.read(0, new Uint8Array(4 * 4096)); // all in the cache
    expect(nrDirty(file)).toBe(0);
    expect(sysPwrite(kernel, task, fd, 0x5000, 4096, 0)).toBe(-14);
    expect(nrDirty(file)).toBe(0);
    expect(sysPwrite(kernel, task, fd, 0x5000, 4096, 3 * 4096)).toBe(-14);
    expect(nrDirty(file)).toBe(1);
  });
});
