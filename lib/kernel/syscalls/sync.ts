/**
 * The system calls that have dirty pages written: sync, syncfs, sync_file_range. (fsync is in file.ts, msync
 * in mm.ts.)
 *
 *   sync()                      every dirty file, and waits until all has arrived
 *   syncfs(fd)                  the same for the file system of one file: there is one disk
 *   sync_file_range(fd, ...)    a part of one file; WRITE alone waits for nothing
 *
 * Linux fs/sync.c; man 2 sync, sync_file_range. Read first: file.ts. Read next: fs/fs_writeback.ts.
 */
import type { VfsFile } from "../../fs/inode.js";
import { PAGE_SIZE } from "../../hw/address.js";
import { EBADF, EINVAL, EIO, ESPIPE } from "../../mm/errno.js";
import { filemapFdatawaitRange, filemapFdatawriteRange } from "../../mm/lru/page_writeback.js";
import { checkArg } from "../errno.js";
import type { Kernel } from "../kernel.js";
import type { Task } from "../task.js";

/** Waits for what is on its way before. Linux include/uapi/linux/fs.h:SYNC_FILE_RANGE_WAIT_BEFORE */
const SYNC_FILE_RANGE_WAIT_BEFORE = 1;
/** Sends what is dirty. */
const SYNC_FILE_RANGE_WRITE = 2;
/** Waits for it. */
const SYNC_FILE_RANGE_WAIT_AFTER = 4;
const ALL_FLAGS = SYNC_FILE_RANGE_WAIT_BEFORE | SYNC_FILE_RANGE_WRITE | SYNC_FILE_RANGE_WAIT_AFTER;

/** man 2 sync */
export function sysSync(kernel: Kernel, task: Task): number {
  kernel.enter(task);
  kernel.files.sync();
  return 0;
}

/** man 2 syncfs */
export function sysSyncfs(kernel: Kernel, task: Task, fd: number): number {
  checkArg(fd, "fd", "syncfs");
  kernel.enter(task);
  const file = task.files.get(fd) as VfsFile | undefined;
  if (file === undefined) return -EBADF;
  if (file.inode.wb !== undefined) kernel.files.sync();
  return 0;
}

/** man 2 sync_file_range. Linux fs/sync.c:ksys_sync_file_range() */
export function sysSyncFileRange(
  kernel: Kernel,
  task: Task,
  fd: number,
  offset: number,
  nbytes: number,
  flags: number,
): number {
  for (const [name, value] of Object.entries({ fd, offset, nbytes, flags }))
    checkArg(value, name, "sync_file_range");
  kernel.enter(task);
  const file = task.files.get(fd) as VfsFile | undefined;
  if (file === undefined) return -EBADF;
  if ((flags & ~ALL_FLAGS) !== 0 || offset < 0 || nbytes < 0) return -EINVAL;
  if (!file.isRegular) return -ESPIPE;
  const mapping = file.fMapping;
  const last = nbytes === 0 ? Number.MAX_SAFE_INTEGER : Math.floor((offset + nbytes - 1) / PAGE_SIZE);
  const first = Math.floor(offset / PAGE_SIZE);
  if ((flags & SYNC_FILE_RANGE_WAIT_BEFORE) !== 0) filemapFdatawaitRange(mapping, first, last);
  if ((flags & SYNC_FILE_RANGE_WRITE) !== 0)
    filemapFdatawriteRange(mapping, first, last, flags === ALL_FLAGS);
  if ((flags & SYNC_FILE_RANGE_WAIT_AFTER) !== 0) filemapFdatawaitRange(mapping, first, last);
  if ((flags & ~SYNC_FILE_RANGE_WRITE) === 0 || file.fWbErr === mapping.wbErr) return 0;
  file.fWbErr = mapping.wbErr;
  return -EIO;
}
