/**
 * Open files of a process by number.
 *
 *   fd   0      1      2      3
 *      [    ] [    ] [    ] [ * ]--> File (position, mode) --> inode, page cache
 *
 * open takes the lowest free number. fork copies the table but not the Files: parent and child share the
 * position. Threads share the table itself.
 *
 * Read next: kernel/syscalls/file.ts.
 */
import { EBADF, EMFILE } from "../mm/errno.js";
import { type File, FMODE_PATH, fput, getFile } from "../mm/mm_types.js";

/**
 * Numbers that a process may use unless RLIMIT_NOFILE says otherwise.
 * Linux include/uapi/linux/fs.h:INR_OPEN_CUR
 */
const INR_OPEN_CUR = 1024;

/** Linux include/linux/fdtable.h:struct files_struct */
export class FdTable {
  private readonly fds: (File | undefined)[] = [];
  /** Tasks that share it. Linux count */
  users = 1;

  /** Numbers that exec closes. Linux close_on_exec */
  private readonly closeOnExec = new Set<number>();

  /** The open file `fd`, undefined when there is none, or only a path (O_PATH). Linux fs/file.c:fget() */
  get(fd: number): File | undefined {
    const file = this.getRaw(fd);
    return file !== undefined && (file.fMode & FMODE_PATH) === 0 ? file : undefined;
  }

  /** The open file `fd`, also one that is only a path. Linux fs/file.c:fget_raw() */
  getRaw(fd: number): File | undefined {
    return Number.isInteger(fd) && fd >= 0 ? this.fds[fd] : undefined;
  }

  /**
   * The lowest free number from `from` on and below `limit`, never 0 to 2 (they are taken on every Linux); or
   * -EMFILE.
   * Linux fs/file.c:get_unused_fd_flags()
   */
  getUnusedFd(limit = INR_OPEN_CUR, from = 3): number {
    for (let fd = Math.max(from, 3); fd < limit; fd++) if (this.fds[fd] === undefined) return fd;
    return -EMFILE;
  }

  /** Gives `file` the number `fd`, which is free. Linux fs/file.c:fd_install() */
  fdInstall(fd: number, file: File, closeOnExec = false): number {
    this.fds[fd] = file;
    this.setCloseOnExec(fd, closeOnExec);
    return fd;
  }

  /**
   * Gives `file` the lowest free number as `getUnusedFd` finds it. Without one: -EMFILE, and the hold that
   * the caller passed on is let go. Linux fs/file.c:alloc_fd()
   */
  install(file: File, limit = INR_OPEN_CUR, from = 3, closeOnExec = false): number {
    const fd = this.getUnusedFd(limit, from);
    if (fd >= 0) return this.fdInstall(fd, file, closeOnExec);
    fput(file);
    return fd;
  }

  /** Gives `file` the number `fd`; what had it is closed. Linux fs/file.c:do_dup2() */
  replace(fd: number, file: File, closeOnExec = false): number {
    const old = this.getRaw(fd);
    this.fdInstall(fd, file, closeOnExec);
    if (old !== undefined) fput(old);
    return fd;
  }

  /** Whether exec closes `fd`. Linux fs/file.c:get_close_on_exec() */
  isCloseOnExec(fd: number): boolean {
    return this.closeOnExec.has(fd);
  }

  /** Linux fs/file.c:set_close_on_exec() */
  setCloseOnExec(fd: number, on: boolean): void {
    if (on) this.closeOnExec.add(fd);
    else this.closeOnExec.delete(fd);
  }

  /** Closes what was opened with O_CLOEXEC. Linux fs/file.c:do_close_on_exec() */
  doCloseOnExec(): void {
    for (const fd of this.closeOnExec) this.close(fd);
  }

  /** 0, or -EBADF. Linux fs/file.c:close_fd() */
  close(fd: number): number {
    const file = this.getRaw(fd);
    if (file === undefined) return -EBADF;
    this.fds[fd] = undefined;
    this.closeOnExec.delete(fd);
    fput(file);
    return 0;
  }

  /** Open numbers in order. */
  *open(): IterableIterator<[number, File]> {
    for (const [fd, file] of this.fds.entries()) if (file !== undefined) yield [fd, file];
  }

  /** A copy with the same open files. Linux fs/file.c:dup_fd() */
  dup(): FdTable {
    const copy = new FdTable();
    for (const [fd, file] of this.open()) copy.fdInstall(fd, getFile(file), this.closeOnExec.has(fd));
    return copy;
  }

  /** One task less; the last one closes everything. Linux fs/file.c:exit_files() */
  put(): void {
    if (--this.users > 0) return;
    for (const [fd] of [...this.open()]) this.close(fd);
  }
}
