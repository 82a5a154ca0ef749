/**
 * Open files of a process by number.
 *
 *   fd   0      1      2      3
 *      [    ] [    ] [    ] [ * ]--> File (position, mode) --> inode, page cache
 *
 * open takes the lowest free number. fork copies the table but not the Files: parent and child share the position. Threads
 * share the table itself.
 *
 * Read next: syscalls/file.ts.
 */
import { EBADF, EMFILE } from "../mm/errno.js";
import { type File, fput, getFile } from "../mm/mm_types.js";

/** Numbers that a process may use. Linux RLIMIT_NOFILE */
export const NR_OPEN = 1024;

/** Linux include/linux/fdtable.h:struct files_struct */
export class FdTable {
  private readonly fds: (File | undefined)[] = [];
  /** Tasks that share it. Linux count */
  users = 1;

  /** The open file `fd`, undefined when there is none. Linux fs/file.c:fget() */
  get(fd: number): File | undefined {
    return Number.isInteger(fd) && fd >= 0 ? this.fds[fd] : undefined;
  }

  /**
   * Gives `file` the lowest free number, from `from` or 3 on (0 to 2 are taken on every Linux). Without one: -EMFILE, and the hold that
   * the caller passed on is let go. Linux fs/file.c:alloc_fd()
   */
  install(file: File, from = 3): number {
    for (let fd = Math.max(from, 3); fd < NR_OPEN; fd++)
      if (this.fds[fd] === undefined) {
        this.fds[fd] = file;
        return fd;
      }
    fput(file);
    return -EMFILE;
  }

  /** Gives `file` the number `fd`; what had it is closed. Linux fs/file.c:do_dup2() */
  replace(fd: number, file: File): number {
    const old = this.get(fd);
    this.fds[fd] = file;
    if (old !== undefined) fput(old);
    return fd;
  }

  /** 0, or -EBADF. Linux fs/file.c:close_fd() */
  close(fd: number): number {
    const file = this.get(fd);
    if (file === undefined) return -EBADF;
    this.fds[fd] = undefined;
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
    for (const [fd, file] of this.open()) copy.fds[fd] = getFile(file);
    return copy;
  }

  /** One task less; the last one closes everything. Linux fs/file.c:exit_files() */
  put(): void {
    if (--this.users > 0) return;
    for (const [fd] of [...this.open()]) this.close(fd);
  }
}
