/**
 * What the recorder's own program has in memory, and so every process of a recorded scenario.
 *
 *   0x40_0000          code and constants       206 pages   read, of its file
 *   0x4c_e000          data                       7 pages   of its file, written; the recorder itself has two that
 *                                                           it has only read, so fork copies those of the file
 *   0x4d_5000          zeroed data               43 pages   written
 *   0x50_0000          heap                      34 pages   written; startBrk stays here when a scenario's heap moves
 *   0x2000_0000_0000   channels, shared         384 pages   8 for each process
 *   0x7fff_f7ff_7000   vvar, vdso                 8 pages
 *   0x7fff_fffd_e000   stack                     33 pages   the upper 18 written
 *
 * Before and after each operation the recorder touches these pages, so that none of them faults in between.
 * Most fields of a record leave the recorder out; mlockall, VmLck and the limits do not.
 *
 * Read first: host.ts. Read next: kernel_host.ts.
 */
import { type FileSystemOps, Inode, VfsFile } from "../fs/inode.js";
import { PAGE_SIZE } from "../hw/address.js";
import type { Kernel } from "../kernel/kernel.js";
import { sysClose } from "../kernel/syscalls/file.js";
import { sysMlock2, sysMmap } from "../kernel/syscalls/mm.js";
import type { Task } from "../kernel/task.js";
import { mapVdso } from "../kernel/vdso.js";
import { filemapAddFolio } from "../mm/filemap/address_space.js";
import { filemapFault, filemapMapPages } from "../mm/filemap/filemap_fault.js";
import { PG_uptodate } from "../mm/pages/folio.js";
import { folioPut } from "../mm/pages/free_pages.js";
import { __GFP_ZERO, GFP_KERNEL } from "../mm/pages/gfp.js";
import { allocPages } from "../mm/pages/page_alloc.js";
import type { MemorySystem } from "../mm/system.js";
import {
  MAP_ANONYMOUS,
  MAP_FIXED,
  MAP_PRIVATE,
  MAP_SHARED,
  PROT_EXEC,
  PROT_READ,
  PROT_WRITE,
} from "../mm/vma/mman.js";
import type { Guest } from "./host.js";

const CHANNELS_AT = 0x2000_0000_0000;
const CHANNEL_PAGES = 8;
const NR_CHANNELS = 48;

interface Part {
  addr: number;
  pages: number;
  prot: number;
  /** Touched pages, counted from the end. */
  touched: number;
  /** Page of the program file that it begins with; undefined: anonymous memory. */
  pgoff?: number;
}

const DATA_AT = 0x4c_e000;
/** Pages of its data that the recorder has written. */
const DATA_WRITTEN = 5;

const PARTS: readonly Part[] = [
  { addr: 0x40_0000, pages: 1, prot: PROT_READ, touched: 1, pgoff: 0 },
  { addr: 0x40_1000, pages: 161, prot: PROT_READ | PROT_EXEC, touched: 161, pgoff: 1 },
  { addr: 0x4a_2000, pages: 44, prot: PROT_READ, touched: 44, pgoff: 162 },
  { addr: DATA_AT, pages: 7, prot: PROT_READ | PROT_WRITE, touched: 7, pgoff: 205 },
  { addr: 0x4d_5000, pages: 43, prot: PROT_READ | PROT_WRITE, touched: 43 },
  { addr: 0x50_0000, pages: 34, prot: PROT_READ | PROT_WRITE, touched: 34 },
  { addr: 0x7fff_fffd_e000, pages: 33, prot: PROT_READ | PROT_WRITE, touched: 18 },
];

/** Pages of the program file. */
const FILE_PAGES = 212;

/** The first file system, in memory: its pages are on no list, and never reclaimed. Linux fs/ramfs */
const ramFs: FileSystemOps = {
  name: "rootfs",
  vmOps: { fault: filemapFault, mapPages: filemapMapPages },
  aOps: () => ({ maxFolioOrder: 0, swapBacked: false }),
};

/** The program as a file: the kernel has unpacked it when it started. Linux init/initramfs.c */
function programFile(sys: MemorySystem): VfsFile {
  const inode = new Inode(sys, ramFs, sys.nextIno++);
  inode.iSize = FILE_PAGES * PAGE_SIZE;
  for (let index = 0; index < FILE_PAGES; index++) {
    const folio = allocPages(sys, GFP_KERNEL | __GFP_ZERO);
    if (folio === undefined || !filemapAddFolio(inode.mapping, folio, index))
      throw new RangeError("no memory for the recorder's program");
    folio.flags |= PG_uptodate;
    folioPut(sys, folio);
  }
  return new VfsFile(inode, "/init");
}

/** Hands out channel numbers. Not in Linux. */
export class Channels {
  /** Whether each process locks what it keeps present. */
  lockPages = false;
  private next = 0;

  /** The next number; a probe's number is given again to the process after it. */
  take(isProbe: boolean): number {
    return isProbe ? this.next : this.next++;
  }
}

/** Maps the recorder's program into a new process. Not in Linux. */
export function mapImage(kernel: Kernel, task: Task): void {
  const fd = task.files.install(programFile(kernel.sys));
  const put = (addr: number, pages: number, prot: number, flags: number, pgoff?: number): void => {
    const [how, file] = pgoff === undefined ? [flags | MAP_ANONYMOUS, -1] : [flags, fd];
    const offset = (pgoff ?? 0) * PAGE_SIZE;
    const at = sysMmap(kernel, task, addr, pages * PAGE_SIZE, prot, how | MAP_FIXED, file, offset);
    if (at !== addr) throw new RangeError(`no memory for the recorder's own pages: ${at}`);
  };
  for (const { addr, pages, prot, pgoff } of PARTS) put(addr, pages, prot, MAP_PRIVATE, pgoff);
  sysClose(kernel, task, fd);
  put(CHANNELS_AT, NR_CHANNELS * CHANNEL_PAGES, PROT_READ | PROT_WRITE, MAP_SHARED);
  mapVdso(task.mm!);
  // Its C library looks the vdso up. fork copies vvar's page table for that (VM_PFNMAP), so every process has
  // one there.
  task.load(task.mm!.vdso, 1);
  task.load(DATA_AT, 1); // with those around it
  for (let page = 0; page < DATA_WRITTEN; page++) task.store(DATA_AT + page * PAGE_SIZE, 1, 0);
  Object.assign(task.mm!, { startData: 0x4c_e178, endData: 0x4d_4310, startBrk: 0x50_0000, brk: 0x52_2000 });
}

/**
 * Touches the pages that the recorder keeps present in the process with channel number `channel`.
 * Not in Linux.
 */
export function warmImage(guest: Guest, channel: number): void {
  for (const { addr, pages, prot, touched } of PARTS)
    for (let i = pages - touched; i < pages; i++)
      guest.access(addr + i * PAGE_SIZE, (prot & PROT_WRITE) !== 0, 1);
  const first = CHANNELS_AT + channel * CHANNEL_PAGES * PAGE_SIZE;
  for (let i = 0; i < CHANNEL_PAGES; i++) {
    guest.access(first + i * PAGE_SIZE, false, 0);
    guest.access(first + i * PAGE_SIZE, true, 1);
  }
}

/** Locks the recorder's own data in memory. Not in Linux. */
export function lockRecorder(kernel: Kernel, task: Task): void {
  sysMlock2(kernel, task, DATA_AT, DATA_WRITTEN * PAGE_SIZE);
}

/** Locks those pages in memory, so that reclaim does not count them. Not in Linux. */
export function lockImage(guest: Guest, channel: number): void {
  for (const { addr, pages, touched } of PARTS)
    guest.mlock(addr + (pages - touched) * PAGE_SIZE, touched * PAGE_SIZE);
  guest.mlock(CHANNELS_AT + channel * CHANNEL_PAGES * PAGE_SIZE, CHANNEL_PAGES * PAGE_SIZE);
}
