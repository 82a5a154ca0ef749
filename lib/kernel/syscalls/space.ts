/**
 * The system calls on a file's size and room: truncate, fallocate; and readahead, fdatasync, which are
 * relatives of others.
 *
 *   truncate(path, n)                     the file ends at byte n
 *   fallocate(fd, PUNCH_HOLE | KEEP_SIZE, offset, len)     a hole of zeros; pages mapped there are gone for all
 *
 *   fallocate(fd, 0, offset, len)         room in a file of huge pages (hugetlbfs)
 *
 * Left out: fallocate's other modes, and plain preallocation of other files (EOPNOTSUPP).
 *
 * Linux fs/open.c, mm/readahead.c; man 2 truncate, fallocate, readahead. Read first: file.ts.
 */

import { notifyChangeSize, type VfsFile } from "../../fs/inode.js";
import { EBADF, EFBIG, EINVAL, ENOENT, EOPNOTSUPP, ETXTBSY } from "../../mm/errno.js";
import { FMODE_READ, FMODE_WRITE } from "../../mm/mm_types.js";
import { checkArg, checkText } from "../errno.js";
import type { Kernel } from "../kernel.js";
import type { Task } from "../task.js";
import { getname } from "./define.js";
import { POSIX_FADV_WILLNEED, sysFadvise } from "./file.js";

/** The size stays. Linux include/uapi/linux/falloc.h; so are all FALLOC_FL_ names. */
export const FALLOC_FL_KEEP_SIZE = 0x01;
/** Make a hole. */
export const FALLOC_FL_PUNCH_HOLE = 0x02;
/** All modes that Linux knows. Linux include/uapi/linux/falloc.h:FALLOC_FL_MODE_MASK and KEEP_SIZE */
const FALLOC_FL_KNOWN = 0xfb;

/** man 2 truncate. Linux fs/open.c:do_sys_truncate() */
export function sysTruncate(kernel: Kernel, task: Task, path: string, length: number): number {
  checkText(path, "path", "truncate");
  checkArg(length, "length", "truncate");
  kernel.enter(task);
  if (length < 0) return -EINVAL;
  const inode = kernel.files.lookup(path);
  if (inode === undefined) return -ENOENT;
  return notifyChangeSize(inode, length);
}

/**
 * The same with a path in user memory, which is read only where the length is in order.
 * Linux fs/open.c:ksys_truncate()
 */
export function rawTruncate(kernel: Kernel, task: Task, pathArg: number | string, length: number): number {
  if (length < 0) return -EINVAL;
  const path = getname(task, pathArg);
  return typeof path === "number" ? path : sysTruncate(kernel, task, path, length);
}

/**
 * Differs from Linux: holes only, and room in a file of huge pages. man 2 fallocate. Linux
 * fs/open.c:vfs_fallocate()
 */
export function sysFallocate(
  _kernel: Kernel,
  task: Task,
  fd: number,
  mode: number,
  offset: number,
  len: number,
): number {
  const file = task.files.get(fd) as VfsFile | undefined;
  if (file === undefined) return -EBADF;
  if (offset < 0 || len <= 0) return -EINVAL;
  const punch = (mode & FALLOC_FL_PUNCH_HOLE) !== 0;
  if ((mode & ~FALLOC_FL_KNOWN) !== 0 || (punch && mode !== (FALLOC_FL_PUNCH_HOLE | FALLOC_FL_KEEP_SIZE)))
    return -EOPNOTSUPP;
  if ((file.fMode & FMODE_WRITE) === 0) return -EBADF;
  if (file.inode.isSwapfile) return -ETXTBSY;
  if (offset + len >= 2 ** 63) return -EFBIG;
  if (punch) return file.punchHole(offset, len);
  if ((mode & ~FALLOC_FL_KEEP_SIZE) !== 0) return -EOPNOTSUPP;
  return file.fOp.fallocate?.(file, task.mm!, mode !== 0, offset, len) ?? -EOPNOTSUPP;
}

/** man 2 readahead. Linux mm/readahead.c:ksys_readahead() */
export function sysReadahead(kernel: Kernel, task: Task, fd: number, offset: number, count: number): number {
  const file = task.files.get(fd) as VfsFile | undefined;
  if (file === undefined || (file.fMode & FMODE_READ) === 0) return -EBADF;
  return sysFadvise(kernel, task, fd, offset, count, POSIX_FADV_WILLNEED);
}
