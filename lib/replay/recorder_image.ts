/**
 * What the recorder's own program has in memory, and so every process of a recorded scenario.
 *
 *   0x40_0000          code and constants       206 pages   read
 *   0x4c_e000          data                      50 pages   written
 *   0x50_0000          heap                      34 pages   written; startBrk stays here when a scenario's heap moves
 *   0x2000_0000_0000   channels, shared         384 pages   8 for each process
 *   0x7fff_f7ff_7000   vvar, vdso                 8 pages
 *   0x7fff_fffd_e000   stack                     33 pages   the upper 19 written
 *
 * Before and after each operation the recorder touches these pages, so that none of them faults in between.
 * Most fields of a record leave the recorder out; mlockall, VmLck and the limits do not.
 *
 * Differs from Linux: code and constants are anonymous memory instead of a file.
 *
 * Read first: host.ts. Read next: kernel_host.ts.
 */
import { PAGE_SIZE } from "../hw/address.js";
import type { Kernel } from "../kernel/kernel.js";
import { sysMmap } from "../kernel/syscalls/mm.js";
import type { Task } from "../kernel/task.js";
import { mapVdso } from "../kernel/vdso.js";
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
}

const PARTS: readonly Part[] = [
  { addr: 0x40_0000, pages: 1, prot: PROT_READ, touched: 1 },
  { addr: 0x40_1000, pages: 161, prot: PROT_READ | PROT_EXEC, touched: 161 },
  { addr: 0x4a_2000, pages: 44, prot: PROT_READ, touched: 44 },
  { addr: 0x4c_e000, pages: 50, prot: PROT_READ | PROT_WRITE, touched: 50 },
  { addr: 0x50_0000, pages: 34, prot: PROT_READ | PROT_WRITE, touched: 34 },
  { addr: 0x7fff_fffd_e000, pages: 33, prot: PROT_READ | PROT_WRITE, touched: 19 },
];

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
  const put = (addr: number, pages: number, prot: number, flags: number): void => {
    const at = sysMmap(kernel, task, addr, pages * PAGE_SIZE, prot, flags | MAP_ANONYMOUS | MAP_FIXED, -1, 0);
    if (at !== addr) throw new RangeError(`no memory for the recorder's own pages: ${at}`);
  };
  for (const { addr, pages, prot } of PARTS) put(addr, pages, prot, MAP_PRIVATE);
  put(CHANNELS_AT, NR_CHANNELS * CHANNEL_PAGES, PROT_READ | PROT_WRITE, MAP_SHARED);
  mapVdso(task.mm!);
  // Its C library looks the vdso up. fork copies vvar's page table for that (VM_PFNMAP), so every process has
  // one there.
  task.load(task.mm!.vdso, 1);
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

/** Locks those pages in memory, so that reclaim does not count them. Not in Linux. */
export function lockImage(guest: Guest, channel: number): void {
  for (const { addr, pages, touched } of PARTS)
    guest.mlock(addr + (pages - touched) * PAGE_SIZE, touched * PAGE_SIZE);
  guest.mlock(CHANNELS_AT + channel * CHANNEL_PAGES * PAGE_SIZE, CHANNEL_PAGES * PAGE_SIZE);
}
