/**
 * The table of calls on files: what each argument is, and who does it. Read first: define.ts, file.ts, fd.ts,
 * space.ts, vector.ts.
 *
 * Modes of new files (0644) are accepted and forgotten: files have no owner here.
 */
import { define, type SyscallDef } from "./define.js";
import * as fds from "./fd.js";
import * as files from "./file.js";
import { memfdCreateRaw } from "./memfd.js";
import * as space from "./space.js";
import * as sync from "./sync.js";
import * as vectors from "./vector.js";

/** Calls on files by Linux's name. Linux arch/x86/entry/syscalls/syscall_64.tbl */
export const FILE_CALLS: Readonly<Record<string, SyscallDef>> = {
  open: define("path: longOrText, flags: int, mode: uint", fds.rawOpen),
  openat: define("dirfd: int, path: longOrText, flags: int, mode: uint", fds.rawOpenat),
  creat: define("path: text, mode: uint", fds.sysCreat),
  close: define("fd: int", files.sysClose),
  read: define("fd: int, buf: long, len: long", files.sysRead),
  write: define("fd: int, buf: long, len: long", files.sysWrite),
  pread64: define("fd: int, buf: long, len: long, pos: long", files.sysPread),
  pwrite64: define("fd: int, buf: long, len: long, pos: long", files.sysPwrite),
  readv: define("fd: int, vec: long, nr: long", vectors.sysReadv),
  writev: define("fd: int, vec: long, nr: long", vectors.sysWritev),
  preadv: define("fd: int, vec: long, nr: long, pos: long", vectors.sysPreadv),
  pwritev: define("fd: int, vec: long, nr: long, pos: long", vectors.sysPwritev),
  lseek: define("fd: int, offset: long, whence: uint", files.sysLseek),
  truncate: define("path: longOrText, length: long", space.rawTruncate),
  ftruncate: define("fd: int, length: long", files.sysFtruncate),
  fallocate: define("fd: int, mode: int, offset: long, len: long", space.sysFallocate),
  fsync: define("fd: int", files.sysFsync),
  fdatasync: define("fd: int", files.sysFsync),
  sync: define("", sync.sysSync),
  syncfs: define("fd: int", sync.sysSyncfs),
  sync_file_range: define("fd: int, offset: long, nbytes: long, flags: uint", sync.sysSyncFileRange),
  fadvise64: define("fd: int, offset: long, len: long, advice: int", files.sysFadvise),
  readahead: define("fd: int, offset: long, count: long", space.sysReadahead),
  unlink: define("path: text", files.sysUnlink),
  unlinkat: define("dirfd: int, path: longOrText, flags: int", fds.sysUnlinkat),
  memfd_create: define("name: longOrText, flags: uint", memfdCreateRaw),
  dup: define("fd: uint", fds.sysDup),
  dup2: define("oldfd: uint, newfd: uint", fds.sysDup2),
  dup3: define("oldfd: uint, newfd: uint, flags: int", fds.sysDup3),
  fcntl: define("fd: uint, cmd: uint, arg: long", fds.sysFcntl),
};
