/**
 * swapon, swapoff and mkswap: from a path to a swap area, and back.
 *
 *   machine.mkswap("/dev/vdb")      writes the first page of the area     (util-linux, an ordinary program)
 *   machine.swapon("/dev/vdb")      sysSwapon --> enableSwap              mm/swap/swapon.ts
 *   machine.swapoff("/dev/vdb")     sysSwapoff --> disableSwap            mm/swap/swapoff.ts
 *
 * A partition is a whole device for itself; a swap file lies on the device of its file system, in pieces
 * (extents), and must not have holes. As long as it is used nobody else may write it.
 *
 * Linux mm/swapfile.c. Read first: mm/swap/swapon.ts, fs/block_files.ts. Read next: procfs/swaps.ts.
 */
import { O_CREAT, O_EXCL, O_RDWR } from "../fs/file_tree.js";
import type { VfsFile } from "../fs/inode.js";
import { PAGE_SIZE } from "../hw/address.js";
import { valueText } from "../hw/options.js";
import { EBUSY, EINVAL, EPERM, errnoName } from "../mm/errno.js";
import { fput, type MmStruct } from "../mm/mm_types.js";
import { makeSwapHeader, readSwapHeader } from "../mm/swap/header.js";
import { SWP_BLKDEV, type SwapDevice, type SwapExtent, type SwapInfoStruct } from "../mm/swap/swap_types.js";
import { disableSwap } from "../mm/swap/swapoff.js";
import {
  enableSwap,
  freeSwapType,
  SWAP_FLAG_DISCARD,
  SWAP_FLAG_DISCARD_ONCE,
  SWAP_FLAG_DISCARD_PAGES,
  SWAP_FLAG_PREFER,
  SWAP_FLAG_PRIO_MASK,
  SWAP_FLAGS_VALID,
  type SwapTarget,
} from "../mm/swap/swapon.js";
import { CAP_SYS_ADMIN } from "../mm/system.js";
import { checkText } from "./errno.js";
import type { Kernel } from "./kernel.js";
import type { Task } from "./task.js";

/** What the area is about, or a negative errno. Linux mm/swapfile.c:claim_swapfile(), setup_swap_extents() */
function swapTarget(kernel: Kernel, file: VfsFile): SwapTarget | number {
  const page = new Uint8Array(PAGE_SIZE);
  const disk = file.privateData as SwapDevice | undefined;
  const { inode } = file;
  const isBlkdev = kernel.disks.files.at(file.name) === disk && disk !== undefined;
  if (!isBlkdev) {
    if (inode.isSwapfile) return -EBUSY;
    if (!file.isRegular || inode.fs.swapActivate === undefined) return -EINVAL;
  }
  if (file.read(0, page) !== PAGE_SIZE) return -EINVAL;
  const header = readSwapHeader(page);
  const { name: path } = file;
  if (isBlkdev) {
    const { nrBlocks: nrPages } = disk;
    return {
      path,
      bdev: disk,
      isBlkdev,
      nrPages,
      header,
      extents: [{ startPage: 0, nrPages, startBlock: 0 }],
    };
  }
  const extents = inode.fs.swapActivate!(inode);
  if (typeof extents === "number") return extents;
  const nrPages = extents.reduce((sum, extent: SwapExtent) => sum + extent.nrPages, 0);
  return { path, bdev: kernel.disks.root, isBlkdev, nrPages, header, extents };
}

/** Whether `task`, or root where it is none, may administer the machine. Linux capable(CAP_SYS_ADMIN) */
function mayAdmin(kernel: Kernel, task: Task | undefined): boolean {
  return task === undefined || kernel.sys.capable(CAP_SYS_ADMIN);
}

/**
 * Uses the device or file at `path` as swap; 0 or a negative errno. man 2 swapon;
 * Linux mm/swapfile.c:SYSCALL_DEFINE2(swapon)
 */
export function sysSwapon(kernel: Kernel, task: Task | undefined, path: string, swapFlags: number): number {
  checkText(path, "path", "swapon");
  if (task !== undefined) kernel.enter(task);
  if ((swapFlags & ~SWAP_FLAGS_VALID) !== 0) return -EINVAL;
  if (!mayAdmin(kernel, task) || freeSwapType(kernel.sys) === undefined) return -EPERM;
  const file = kernel.files.open(path, O_RDWR | O_EXCL);
  if (typeof file === "number") return file;
  const target = swapTarget(kernel, file);
  const si = typeof target === "number" ? target : enableSwap(kernel.sys, target, swapFlags);
  if (typeof si === "number") {
    fput(file);
    return si;
  }
  kernel.disks.swapFiles.set(si, file);
  if ((si.flags & SWP_BLKDEV) !== 0) kernel.disks.files.claimed.add(si.bdev);
  file.inode.isSwapfile = true;
  return 0;
}

/** Every address space that is there. */
function* allMms(kernel: Kernel): Iterable<MmStruct> {
  for (const task of kernel.tasks.values()) if (task.mm !== undefined) yield task.mm;
}

/** The area that lies on the file, or undefined. */
function areaOf(kernel: Kernel, file: VfsFile): SwapInfoStruct | undefined {
  for (const [si, used] of kernel.disks.swapFiles) if (used.inode === file.inode) return si;
  return undefined;
}

/**
 * Whoever asks for all that memory is the first to be ended for it.
 * Linux include/linux/oom.h:set_current_oom_origin()
 */
function asOomOrigin(task: Task | undefined, act: () => number): number {
  if (task === undefined) return act();
  task.signal.oomFlagOrigin = true;
  try {
    return act();
  } finally {
    task.signal.oomFlagOrigin = false;
  }
}

/**
 * Brings back all that is in the swap area at `path`, and uses it no more; 0 or a negative errno.
 * man 2 swapoff; Linux mm/swapfile.c:SYSCALL_DEFINE1(swapoff)
 */
export function sysSwapoff(kernel: Kernel, task: Task | undefined, path: string): number {
  checkText(path, "path", "swapoff");
  if (task !== undefined) kernel.enter(task);
  const { sys } = kernel;
  if (!mayAdmin(kernel, task)) return -EPERM;
  const file = kernel.files.open(path, O_RDWR);
  if (typeof file === "number") return file;
  const si = areaOf(kernel, file);
  fput(file);
  if (si === undefined) return -EINVAL;
  const users = { mms: () => allMms(kernel), interrupted: () => task?.oomVictim === true };
  const error = asOomOrigin(task, () => disableSwap(sys, si, users, task?.mm));
  if (error !== 0) return error;
  const used = kernel.disks.swapFiles.get(si)!;
  kernel.disks.swapFiles.delete(si);
  kernel.disks.files.claimed.delete(si.bdev);
  used.inode.isSwapfile = false;
  fput(used);
  return 0;
}

/**
 * Writes the first page of a swap area of `nrPages` to the device or file at `path`: as many as fit unless
 * given. 0 or a negative errno, -ETXTBSY where swap lies there already. man 8 mkswap, without its own checks
 */
export function mkswap(
  kernel: Kernel,
  path: string,
  nrPages?: number,
  badpages: readonly number[] = [],
): number {
  const file = kernel.files.open(path, O_RDWR);
  if (typeof file === "number") return file;
  try {
    const disk = kernel.disks.files.at(path);
    const pages = nrPages ?? disk?.nrBlocks ?? Math.floor(file.inode.iSize / PAGE_SIZE);
    const header = makeSwapHeader(pages, badpages);
    const done = file.write(0, header);
    return done < 0 ? done : file.fsync();
  } finally {
    fput(file);
  }
}

/** A new file at `path` of `nrPages` pages, all written, to be used as swap. Not in Linux: fallocate, dd. */
export function makeSwapFile(kernel: Kernel, path: string, nrPages: number): void {
  const file = kernel.files.open(path, O_RDWR | O_CREAT);
  if (typeof file === "number") throw new RangeError(`${path} cannot be made: ${errnoName(file)}`);
  const page = new Uint8Array(PAGE_SIZE);
  for (let i = 0; i < nrPages; i++) file.write(i * PAGE_SIZE, page);
  file.fsync();
  fput(file);
}

/** How machine.swapon() is told. */
export interface SwaponOptions {
  /** 0 to 32767, higher is used first; without it each area comes after those that are on. */
  readonly priority?: number;
  /** Tell the device what is free: "once" at swapon, "pages" whenever a cluster is, true: both. */
  readonly discard?: boolean | "once" | "pages";
}

/** SWAP_FLAG_* for the options. RangeError for a priority that there is not. */
export function swapFlags({ priority, discard = false }: SwaponOptions): number {
  if (priority !== undefined && !(Number.isInteger(priority) && priority >= 0 && priority <= 32767))
    throw new RangeError(`swapon: priority ${valueText(priority)} is not a whole number from 0 to 32767`);
  const prio = priority === undefined ? 0 : SWAP_FLAG_PREFER | (priority & SWAP_FLAG_PRIO_MASK);
  if (discard === false) return prio;
  const policy =
    discard === "once" ? SWAP_FLAG_DISCARD_ONCE : discard === "pages" ? SWAP_FLAG_DISCARD_PAGES : 0;
  return prio | SWAP_FLAG_DISCARD | policy;
}
