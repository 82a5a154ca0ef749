/**
 * The system calls on numbers of open files: dup, dup2, dup3, fcntl; and openat, which names a file by a
 * folder's number.
 *
 *   dup(3)        the lowest free number      both numbers lead to the same open file: one position, one mode
 *   dup2(3, 9)    exactly 9; what was there is closed
 *
 * A number's close-on-exec mark belongs to the number, not to the open file: a copy has its own.
 *
 * Linux fs/file.c, fs/fcntl.c; man 2 dup, fcntl, openat. Read first: fs/fd_table.ts.
 */

import {
  O_ACCMODE,
  O_CLOEXEC,
  O_CREAT,
  O_PATH,
  O_RDONLY,
  O_RDWR,
  O_TRUNC,
  O_WRONLY,
} from "../../fs/file_tree.js";
import type { VfsFile } from "../../fs/inode.js";
import { EBADF, EINVAL, ENOSYS, ENOTDIR } from "../../mm/errno.js";
import { type File, FMODE_READ, FMODE_WRITE, getFile } from "../../mm/mm_types.js";
import { RLIMIT_NOFILE } from "../../mm/system.js";
import type { Kernel } from "../kernel.js";
import type { Task } from "../task.js";
import { getname } from "./define.js";
import { sysOpen, sysUnlink } from "./file.js";

/** Every file of a 64-bit program may be large. */
const O_LARGEFILE = 0o100000;
/** Stands for the current folder. Linux include/uapi/linux/fcntl.h:AT_FDCWD */
export const AT_FDCWD = -100;
/** unlinkat: remove a folder. */
const AT_REMOVEDIR = 0x200;
/**
 * fcntl: the lowest free number from the argument on. Linux include/uapi/asm-generic/fcntl.h; so are all F_
 * names.
 */
const F_DUPFD = 0;
const F_GETFD = 1;
const F_SETFD = 2;
const F_GETFL = 3;
const F_DUPFD_CLOEXEC = 1030;
/** fcntl: exec closes it. Linux include/uapi/asm-generic/fcntl.h:FD_CLOEXEC */
const FD_CLOEXEC = 1;

/** man 2 dup */
export function sysDup(_kernel: Kernel, task: Task, fd: number): number {
  const file = task.files.getRaw(fd);
  return file === undefined ? -EBADF : task.files.install(getFile(file), task.rlimit(RLIMIT_NOFILE));
}

/** man 2 dup2. Linux fs/file.c:dup2() */
export function sysDup2(kernel: Kernel, task: Task, oldfd: number, newfd: number): number {
  if (oldfd === newfd) return task.files.getRaw(oldfd) === undefined ? -EBADF : oldfd;
  return sysDup3(kernel, task, oldfd, newfd, 0);
}

/** man 2 dup3. Linux fs/file.c:ksys_dup3() */
export function sysDup3(_kernel: Kernel, task: Task, oldfd: number, newfd: number, flags: number): number {
  if ((flags & ~O_CLOEXEC) !== 0 || oldfd === newfd) return -EINVAL;
  if (newfd < 0 || newfd >= task.rlimit(RLIMIT_NOFILE)) return -EBADF;
  const file = task.files.getRaw(oldfd);
  return file === undefined ? -EBADF : task.files.replace(newfd, getFile(file), (flags & O_CLOEXEC) !== 0);
}

/** Differs from Linux: locks, leases, seals, pipes and signals are not there (ENOSYS). man 2 fcntl */
export function sysFcntl(_kernel: Kernel, task: Task, fd: number, cmd: number, arg: number): number {
  const file = task.files.getRaw(fd);
  if (file === undefined) return -EBADF;
  switch (cmd) {
    case F_DUPFD:
    case F_DUPFD_CLOEXEC: {
      // The argument is taken as an unsigned 32-bit number.
      const from = arg >>> 0;
      const limit = task.rlimit(RLIMIT_NOFILE);
      if (from >= limit) return -EINVAL;
      return task.files.install(getFile(file), limit, from, cmd === F_DUPFD_CLOEXEC);
    }
    case F_GETFD:
      return task.files.isCloseOnExec(fd) ? FD_CLOEXEC : 0;
    case F_SETFD:
      task.files.setCloseOnExec(fd, (arg & FD_CLOEXEC) !== 0);
      return 0;
    case F_GETFL:
      return statusFlags(file);
    default:
      return cmd >= 0 && (cmd < 17 || (cmd >= 1024 && cmd < 1045)) ? -ENOSYS : -EINVAL;
  }
}

/** How the file was opened, as F_GETFL tells. Linux f_flags */
function statusFlags(file: File): number {
  const flags = (file as VfsFile).fFlags & ~(O_ACCMODE | O_CLOEXEC);
  if ((flags & O_PATH) !== 0) return flags;
  const write = (file.fMode & FMODE_WRITE) !== 0;
  const access = (file.fMode & FMODE_READ) !== 0 ? (write ? O_RDWR : O_RDONLY) : write ? O_WRONLY : O_ACCMODE;
  return O_LARGEFILE | flags | access;
}

/**
 * A path that starts with / needs no folder; of the others the current folder is the only one there is. 0 or
 * negative errno.
 */
function checkFolder(task: Task, dirfd: number, path: string): number {
  if (dirfd === AT_FDCWD || path.startsWith("/")) return 0;
  return task.files.get(dirfd) === undefined ? -EBADF : -ENOTDIR;
}

/**
 * open with a path in user memory, which is read after the flags were looked at.
 * Linux fs/open.c:do_sys_openat2()
 */
export function rawOpen(kernel: Kernel, task: Task, pathArg: number | string, flags: number): number {
  return rawOpenat(kernel, task, AT_FDCWD, pathArg, flags);
}

/** openat with a path in user memory. man 2 openat */
export function rawOpenat(
  kernel: Kernel,
  task: Task,
  dirfd: number,
  pathArg: number | string,
  flags: number,
): number {
  const path = getname(task, pathArg);
  if (typeof path !== "number") return sysOpenat(kernel, task, dirfd, path, flags);
  return kernel.files.checkOpen("", flags) === -EINVAL ? -EINVAL : path;
}

/** man 2 openat */
function sysOpenat(kernel: Kernel, task: Task, dirfd: number, path: string, flags: number): number {
  return checkFolder(task, dirfd, path) || sysOpen(kernel, task, path, flags);
}

/** man 2 creat */
export function sysCreat(kernel: Kernel, task: Task, path: string): number {
  return sysOpen(kernel, task, path, O_CREAT | O_WRONLY | O_TRUNC);
}

/** The flags are looked at before the path is read. man 2 unlinkat; Linux fs/namei.c:unlinkat() */
export function sysUnlinkat(
  kernel: Kernel,
  task: Task,
  dirfd: number,
  pathArg: number | string,
  flags: number,
): number {
  if ((flags & ~AT_REMOVEDIR) !== 0) return -EINVAL;
  const path = getname(task, pathArg);
  if (typeof path === "number") return path;
  const err = checkFolder(task, dirfd, path);
  if (err !== 0) return err;
  if ((flags & AT_REMOVEDIR) === 0) return sysUnlink(kernel, task, path);
  const gone = kernel.files.lookup(path) === undefined;
  return gone ? sysUnlink(kernel, task, path) : -ENOTDIR;
}
