/**
 * What a task has read and written: the figures of /proc/PID/io.
 *
 *   program --read, write--> page cache --requests--> disk
 *      rchar, wchar, syscr, syscw     read_bytes, write_bytes, cancelled_write_bytes
 *
 *   rchar, wchar   bytes that system calls gave and took, wherever they came from; syscr, syscw: how often
 *   read_bytes     sent for from the disk on the task's behalf, readahead and page faults among them
 *   write_bytes    made dirty by the task, counted then, since nobody knows later who it was
 *   cancelled_...  of what was to be written, made clean by the task without writing it: it cut the file
 *
 * What is read twice counts twice in rchar, but only once in read_bytes if it stayed in the cache: the two side
 * by side tell how well the cache does.
 *
 * Linux include/linux/task_io_accounting.h, include/linux/task_io_accounting_ops.h, man 5 proc_pid_io.
 * Read next: procfs/base.ts.
 */
/** Counts of one task, or of threads that have ended. Linux struct task_io_accounting */
export class TaskIoAccounting {
  /** Bytes that reads gave. */
  rchar = 0;
  /** Bytes that writes took. */
  wchar = 0;
  /** System calls that read. */
  syscr = 0;
  /** System calls that write. */
  syscw = 0;
  /** Bytes sent for from a disk. */
  readBytes = 0;
  /** Bytes of the page cache made dirty. */
  writeBytes = 0;
  /** Bytes made clean again without being written. */
  cancelledWriteBytes = 0;

  /** Linux include/linux/task_io_accounting_ops.h:task_io_accounting_add() */
  add(other: Readonly<TaskIoAccounting>): void {
    this.rchar += other.rchar;
    this.wchar += other.wchar;
    this.syscr += other.syscr;
    this.syscw += other.syscw;
    this.readBytes += other.readBytes;
    this.writeBytes += other.writeBytes;
    this.cancelledWriteBytes += other.cancelledWriteBytes;
  }
}

/** Who works, if anybody does. */
interface Accounted {
  readonly current: { readonly ioac?: TaskIoAccounting } | undefined;
}

/** A system call has read `done` bytes, or failed. Linux fs/read_write.c:vfs_read(), its end */
export function accountReadCall({ ioac }: { readonly ioac: TaskIoAccounting }, done: number): number {
  if (done > 0) ioac.rchar += done;
  ioac.syscr++;
  return done;
}

/** A system call has written `done` bytes, or failed. Linux fs/read_write.c:vfs_write(), its end */
export function accountWriteCall({ ioac }: { readonly ioac: TaskIoAccounting }, done: number): number {
  if (done > 0) ioac.wchar += done;
  ioac.syscw++;
  return done;
}

/** `bytes` are sent for. Linux include/linux/task_io_accounting_ops.h:task_io_account_read() */
export function taskIoAccountRead({ current }: Accounted, bytes: number): void {
  if (current?.ioac !== undefined) current.ioac.readBytes += bytes;
}

/** `bytes` will be written. Linux include/linux/task_io_accounting_ops.h:task_io_account_write() */
export function taskIoAccountWrite({ current }: Accounted, bytes: number): void {
  if (current?.ioac !== undefined) current.ioac.writeBytes += bytes;
}

/** `bytes` need not be written any more. Linux task_io_account_cancelled_write() */
export function taskIoAccountCancelledWrite({ current }: Accounted, bytes: number): void {
  if (current?.ioac !== undefined) current.ioac.cancelledWriteBytes += bytes;
}
