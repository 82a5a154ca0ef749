/**
 * The system calls on files: open, close, read, write, lseek, ftruncate, fsync, unlink, fadvise,
 * memfd_create.
 *
 *   sysRead(fd, buf, len)   file.read(position) --> kernel buffer --copyToUser--> the process's memory (may fault)
 *   sysWrite(fd, buf, len)  the process's memory --UbufIter--> file.writeIter(position), faulting in what is not at hand
 *
 * Copying goes in pieces, so that a buffer that ends in unmapped memory gives as many bytes as fit; EFAULT
 * only if that is none.
 *
 * Linux fs/read_write.c, fs/open.c, mm/fadvise.c, mm/memfd.c.
 *
 * Read first: fs/fd_table.ts, kernel/uaccess.ts, fs/file_tree.ts.
 */

import { ftruncate, maxBytes, O_APPEND, O_CLOEXEC, O_RDWR } from "../../fs/file_tree.js";
import type { VfsFile } from "../../fs/inode.js";
import { PAGE_SIZE } from "../../hw/address.js";
import { EBADF, EFAULT, EFBIG, EINVAL } from "../../mm/errno.js";
import { FMODE_READ, FMODE_WRITE } from "../../mm/mm_types.js";
import { RLIMIT_NOFILE } from "../../mm/system.js";
import { accountReadCall, accountWriteCall } from "../../mm/task_io.js";
import { checkArg, checkText } from "../errno.js";
import type { Kernel } from "../kernel.js";
import type { Task } from "../task.js";
import { accessOk, copyToUser, UbufIter } from "../uaccess.js";

/** Bytes that are copied at once. */
const PIECE = 16 * PAGE_SIZE;

/** lseek: from the start of the file. man 2 lseek */
export const SEEK_SET = 0;
/** lseek: from where it is. */
export const SEEK_CUR = 1;
/** lseek: from the end of the file. */
export const SEEK_END = 2;

export { POSIX_FADV_DONTNEED, POSIX_FADV_WILLNEED } from "../../mm/filemap/fadvise.js";

/** From where lseek counts, by the names that notebooks use. */
export const SEEK = { set: SEEK_SET, cur: SEEK_CUR, end: SEEK_END } as const;

/** Checks that a register could hold each of the arguments, and makes the task current. */
function enter(kernel: Kernel, task: Task, syscall: string, args: Record<string, number>): void {
  for (const name in args) checkArg(args[name]!, name, syscall);
  kernel.enter(task);
}

/** The open file `fd` if it was opened for `mode`. Linux fs/file.c:fdget() */
function fileOf(task: Task, fd: number, mode: number): VfsFile | undefined {
  const file = task.files.get(fd) as VfsFile | undefined;
  return file !== undefined && (file.fMode & mode) === mode ? file : undefined;
}

/** The new file descriptor, or a negative errno. man 2 open */
export function sysOpen(kernel: Kernel, task: Task, path: string, flags: number = O_RDWR): number {
  checkText(path, "path", "open");
  enter(kernel, task, "open", { flags });
  const err = kernel.files.checkOpen(path, flags);
  if (err !== 0) return err;
  const fd = task.files.getUnusedFd(task.rlimit(RLIMIT_NOFILE));
  if (fd < 0) return fd;
  const file = kernel.files.open(path, flags);
  return typeof file === "number" ? file : task.files.fdInstall(fd, file, (flags & O_CLOEXEC) !== 0);
}

/** man 2 close */
export function sysClose(kernel: Kernel, task: Task, fd: number): number {
  enter(kernel, task, "close", { fd });
  return task.files.close(fd);
}

/** man 2 unlink */
export function sysUnlink(kernel: Kernel, task: Task, path: string): number {
  checkText(path, "path", "unlink");
  kernel.enter(task);
  return kernel.files.unlink(path);
}

/** man 2 memfd_create */
export function sysMemfdCreate(kernel: Kernel, task: Task, name: string): number {
  checkText(name, "name", "memfd_create");
  kernel.enter(task);
  const file = kernel.files.memfdCreate(name);
  if (typeof file === "number") return file;
  return task.files.install(file, task.rlimit(RLIMIT_NOFILE));
}

/** Bytes read into the process's memory at `buf`, or a negative errno. man 2 read */
export function sysRead(kernel: Kernel, task: Task, fd: number, buf: number, len: number): number {
  enter(kernel, task, "read", { fd, buf, len });
  const file = fileOf(task, fd, FMODE_READ);
  if (file === undefined) return -EBADF;
  const done = sysPread(kernel, task, fd, buf, len, file.fPos);
  if (done > 0) file.fPos += done;
  return done;
}

/** read at byte `pos`; the file's own position stays. man 2 pread */
export function sysPread(
  kernel: Kernel,
  task: Task,
  fd: number,
  buf: number,
  len: number,
  pos: number,
): number {
  enter(kernel, task, "pread", { fd, buf, len, pos });
  if (pos < 0) return -EINVAL;
  const file = fileOf(task, fd, FMODE_READ);
  if (file === undefined) return -EBADF;
  if (!accessOk(buf, len)) return -EFAULT;
  if (len > 0 && pos >= 2 ** 63 - len) return -EINVAL;
  return accountReadCall(task, readPieces(file, task, buf, len, pos));
}

/** In pieces of at most 64 KiB. Linux fs/read_write.c:new_sync_read() */
function readPieces(file: VfsFile, task: Task, buf: number, len: number, pos: number): number {
  let done = 0;
  while (done < len) {
    const piece = new Uint8Array(Math.min(PIECE, len - done));
    const nr = file.read(pos + done, piece);
    if (nr <= 0) return done > 0 ? done : nr;
    const left = copyToUser(task, buf + done, piece.subarray(0, nr));
    done += nr - left;
    if (left > 0) return done > 0 ? done : -EFAULT;
    if (nr < piece.length) break;
  }
  return done;
}

/** Bytes written from the process's memory at `buf`, or a negative errno. man 2 write */
export function sysWrite(kernel: Kernel, task: Task, fd: number, buf: number, len: number): number {
  enter(kernel, task, "write", { fd, buf, len });
  const file = fileOf(task, fd, FMODE_WRITE);
  if (file === undefined) return -EBADF;
  if (len > 0 && (file.fFlags & O_APPEND) !== 0) file.fPos = file.inode.iSize;
  const done = sysPwrite(kernel, task, fd, buf, len, file.fPos);
  if (done > 0 && file.fOp.writeKeepsPos !== true) file.fPos += done;
  return done;
}

/** write at byte `pos`; the file's own position stays. man 2 pwrite */
export function sysPwrite(
  kernel: Kernel,
  task: Task,
  fd: number,
  buf: number,
  len: number,
  pos: number,
): number {
  enter(kernel, task, "pwrite", { fd, buf, len, pos });
  if (pos < 0) return -EINVAL;
  const file = fileOf(task, fd, FMODE_WRITE);
  if (file === undefined) return -EBADF;
  if (!accessOk(buf, len)) return -EFAULT;
  if (len > 0 && pos >= 2 ** 63 - len) return -EINVAL;
  const at = (file.fFlags & O_APPEND) !== 0 ? file.inode.iSize : pos;
  // Differs from Linux: files in memory end at 2^53 for writes, as far as a number is exact.
  const room = Math.min(maxBytes(file), 2 ** 53) - at;
  if (len > 0 && room <= 0) return accountWriteCall(task, -EFBIG);
  return accountWriteCall(task, file.writeIter(at, new UbufIter(task, buf, Math.min(len, room))));
}

/** The new position, or a negative errno. man 2 lseek */
export function sysLseek(kernel: Kernel, task: Task, fd: number, offset: number, whence = SEEK_SET): number {
  enter(kernel, task, "lseek", { fd, offset, whence });
  const file = fileOf(task, fd, 0);
  if (file === undefined) return -EBADF;
  if (file.fOp.llseek !== undefined) return file.fOp.llseek(file, offset, whence);
  const from = whence === SEEK_SET ? 0 : whence === SEEK_CUR ? file.fPos : file.inode.iSize;
  if (whence < SEEK_SET || whence > SEEK_END || from + offset < 0) return -EINVAL;
  if (from + offset > maxBytes(file)) return -EINVAL;
  file.fPos = from + offset;
  return file.fPos;
}

/** man 2 ftruncate */
export function sysFtruncate(kernel: Kernel, task: Task, fd: number, length: number): number {
  enter(kernel, task, "ftruncate", { fd, length });
  if (length < 0) return -EINVAL;
  const file = fileOf(task, fd, 0);
  return file === undefined ? -EBADF : ftruncate(file, length);
}

/** man 2 fsync */
export function sysFsync(kernel: Kernel, task: Task, fd: number): number {
  enter(kernel, task, "fsync", { fd });
  const file = fileOf(task, fd, 0);
  return file === undefined ? -EBADF : file.fsync();
}

/** man 2 posix_fadvise */
export function sysFadvise(
  kernel: Kernel,
  task: Task,
  fd: number,
  offset: number,
  len: number,
  advice: number,
): number {
  enter(kernel, task, "posix_fadvise", { fd, offset, len, advice });
  const file = fileOf(task, fd, 0);
  return file === undefined ? -EBADF : file.fadvise(offset, len, advice);
}
