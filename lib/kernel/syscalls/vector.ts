/**
 * The system calls that read and write several pieces of memory at once: readv, writev, preadv, pwritev.
 *
 *   struct iovec { base, len }     two 64-bit words, an array of them at `vec`
 *
 *   readv(fd, vec, 3)   fills the first piece, then the second, ...   the bytes of all together are answered
 *
 * All pieces are checked before the first is touched. A piece that cannot be done ends the call with what was
 * done before.
 *
 * Linux lib/iov_iter.c:import_iovec(), fs/read_write.c; man 2 readv. Read first: file.ts.
 */
import { EBADF, EFAULT, EINVAL } from "../../mm/errno.js";
import { FMODE_READ, FMODE_WRITE } from "../../mm/mm_types.js";
import type { Kernel } from "../kernel.js";
import type { Task } from "../task.js";
import { accessOk, readUserWord } from "../uaccess.js";
import { sysPread, sysPwrite, sysRead, sysWrite } from "./file.js";

/** Most pieces of one call. Linux include/uapi/linux/uio.h:UIO_MAXIOV */
const UIO_MAXIOV = 1024;

interface Iovec {
  readonly base: number;
  readonly len: number;
}

/** The pieces at `vec`, or a negative errno. Linux lib/iov_iter.c:iovec_from_user() */
function importIovec(task: Task, vec: number, nr: number): Iovec[] | number {
  if (nr < 0 || nr > UIO_MAXIOV) return -EINVAL;
  const pieces: Iovec[] = [];
  for (let i = 0; i < nr; i++) {
    const base = readUserWord(task, vec + i * 16);
    const len = readUserWord(task, vec + i * 16 + 8);
    if (base === undefined || len === undefined) return -EFAULT;
    if (len < 0) return -EINVAL;
    if (!accessOk(base, len)) return -EFAULT;
    pieces.push({ base, len });
  }
  return pieces;
}

/** Does `one` for each piece until one is not done whole. */
function eachPiece(
  task: Task,
  fd: number,
  mode: number,
  vec: number,
  nr: number,
  one: (piece: Iovec, done: number) => number,
): number {
  const calls = mode === FMODE_READ ? "syscr" : "syscw";
  const before = task.ioac[calls];
  const done = allPieces(task, fd, mode, vec, nr, one);
  task.ioac[calls] = before + 1; // one call, however many pieces
  return done;
}

function allPieces(...[task, fd, mode, vec, nr, one]: Parameters<typeof eachPiece>): number {
  const file = task.files.get(fd);
  if (file === undefined || (file.fMode & mode) === 0) return -EBADF;
  const pieces = importIovec(task, vec, nr);
  if (typeof pieces === "number") return pieces;
  let done = 0;
  for (const piece of pieces) {
    const bytes = one(piece, done);
    if (bytes < 0) return done > 0 ? done : bytes;
    done += bytes;
    if (bytes < piece.len) break;
  }
  return done;
}

/** man 2 readv */
export function sysReadv(kernel: Kernel, task: Task, fd: number, vec: number, nr: number): number {
  return eachPiece(task, fd, FMODE_READ, vec, nr, ({ base, len }) => sysRead(kernel, task, fd, base, len));
}

/** man 2 writev */
export function sysWritev(kernel: Kernel, task: Task, fd: number, vec: number, nr: number): number {
  return eachPiece(task, fd, FMODE_WRITE, vec, nr, ({ base, len }) => sysWrite(kernel, task, fd, base, len));
}

/** preadv and pwritev as `what` says: from byte `pos` of the file on, piece by piece. */
function atPosition(mode: number, what: typeof sysPread) {
  return (kernel: Kernel, task: Task, fd: number, vec: number, nr: number, pos: number): number => {
    if (pos < 0) return -EINVAL;
    return eachPiece(task, fd, mode, vec, nr, ({ base, len }, done) =>
      what(kernel, task, fd, base, len, pos + done),
    );
  };
}

/** man 2 preadv */
export const sysPreadv = atPosition(FMODE_READ, sysPread);

/** man 2 pwritev */
export const sysPwritev = atPosition(FMODE_WRITE, sysPwrite);
