/**
 * One process with nothing mapped, for small cases on ranges of pages.
 *
 *   useArena()          before each test: a new machine, its kernel, a task that is current, and the task's mm
 *   map(2, 3)           three private pages, page 2 of the arena on
 *   vmas()              ["2-5"]: what is mapped, as first and end page of each VMA
 *
 * useFile() does the same with a file of four pages on disk, page i full of i + 1, which mapFile() maps at page 0.
 */
import { beforeEach, expect } from "vitest";
import { O_CREAT, O_RDWR } from "../../lib/fs/file_tree.js";
import type { VfsFile } from "../../lib/fs/inode.js";
import { PAGE_SIZE } from "../../lib/hw/address.js";
import type { Kernel } from "../../lib/kernel/kernel.js";
import { boot } from "../../lib/kernel/machine.js";
import { sysOpen } from "../../lib/kernel/syscalls/file.js";
import { sysMmap } from "../../lib/kernel/syscalls/mm.js";
import type { Task } from "../../lib/kernel/task.js";
import type { MmStruct, VmAreaStruct } from "../../lib/mm/mm_types.js";
import { MAP_ANONYMOUS, MAP_FIXED, MAP_PRIVATE, PROT_READ, PROT_WRITE } from "../../lib/mm/vma/mman.js";

/** Address of page 0 of the arena: the beginning of a page table. */
export const BASE = 0x1000_0000_0000;
export const PAGE = PAGE_SIZE;
/** Flags of a private anonymous mapping at its address. */
export const PRIVATE = MAP_PRIVATE | MAP_ANONYMOUS | MAP_FIXED;

export let kernel: Kernel;
export let task: Task;
export let mm: MmStruct;
export let file: VfsFile;
export let fd: number;

/** Before each test of this file: a new machine with one process. */
export function useArena(): void {
  beforeEach(() => {
    kernel = boot({ ram: "64 MiB" }).kernel;
    task = kernel.spawn("t");
    mm = task.mm!;
    kernel.enter(task);
  });
}

/** The same with a file of 4 pages on disk, page i full of i + 1; a SIGBUS does not end the process. */
export function useFile(): void {
  useArena();
  beforeEach(() => {
    fd = sysOpen(kernel, task, "/data", O_RDWR | O_CREAT);
    file = task.files.get(fd) as VfsFile;
    for (let page = 0; page < 4; page++) file.write(page * PAGE, new Uint8Array(PAGE).fill(page + 1));
    expect(file.fsync()).toBe(0);
    task.signal.handlers.set("SIGBUS", () => {});
  });
}

/** Address of page `page` of the arena. */
export const at = (page: number): number => BASE + page * PAGE;

/** Maps pages [page, page + nrPages), and answers the VMA that they are in. */
export function map(
  page: number,
  nrPages: number,
  prot = PROT_READ | PROT_WRITE,
  flags = PRIVATE,
): VmAreaStruct {
  expect(sysMmap(kernel, task, at(page), nrPages * PAGE, prot, flags)).toBe(at(page));
  return mm.mmMt.lookup(at(page))!;
}

/** Maps the first pages of the file at page 0 of the arena. */
export function mapFile(nrPages: number, flags: number): VmAreaStruct {
  expect(sysMmap(kernel, task, at(0), nrPages * PAGE, PROT_READ | PROT_WRITE, flags, fd)).toBe(at(0));
  return mm.mmMt.lookup(at(0))!;
}

/** The VMAs of the arena: first and end page of each. */
export const vmas = (): string[] =>
  [...mm.mmMt].map(({ vmStart, vmEnd }) => `${(vmStart - BASE) / PAGE}-${(vmEnd - BASE) / PAGE}`);
