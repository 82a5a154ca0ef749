/**
 * A file of /proc or /sys as something that a process can open, read, seek and write.
 *
 *   open(path)  --> ProcFile (the tables: pid_files.ts, root_files.ts, setting_files.ts)
 *               --> procPermission: who may?
 *               --> VfsFile with the FileOperations of the file's family
 *
 *   family   write without a writer   mmap     lseek                     mode holds for root too
 *   pid      EINVAL                   ENODEV   see `seek` of the file    no
 *   root     EIO                      EIO      see `seek`                no
 *   sysctl   cannot be opened         ENODEV   anywhere                  yes
 *   sysfs    cannot be opened         ENODEV   anywhere; 4096 is the end yes
 *
 * Texts are read through a SeqReader, so that a reader that takes them in pieces sees one text.
 *
 * Left out: directories (a path is a name; opening one is EISDIR), poll, ioctl.
 *
 * Linux fs/proc/inode.c, fs/proc/base.c, fs/kernfs/file.c, fs/seq_file.c. Read first: fs/inode.ts,
 * seq_read.ts. Read next: tree.ts.
 */

import { type FileOperations, type FileSystemOps, Inode, VfsFile } from "../fs/inode.js";
import { EACCES, EFAULT, EINVAL, EIO, EPERM } from "../mm/errno.js";
import { copyFromIterFull } from "../mm/filemap/iov_iter.js";
import type { AddressSpaceOperations } from "../mm/filemap/mapping.js";
import { FMODE_READ, FMODE_WRITE } from "../mm/mm_types.js";
import { CAP_DAC_OVERRIDE, CAP_SYS_PTRACE, type MemorySystem } from "../mm/system.js";
import { type MakeRecords, SeqReader } from "./seq_read.js";

/** Families of files, by what they do when asked for what they do not have. */
type ProcFamily = "pid" | "root" | "sysctl" | "sysfs";

/** One file of /proc or /sys. Linux include/linux/proc_fs.h:struct proc_ops, fs/proc/internal.h */
export interface ProcFile {
  readonly family: ProcFamily;
  readonly mode: number;
  /** What writing it does on this machine, where that needs to be said. */
  readonly effect?: string;
  /** Owned by the user who reads: the owner's mode bits count for it. */
  readonly own?: boolean;
  /**
   * Reading it is looking into another process, for which the reader has no right without CAP_SYS_PTRACE.
   * Linux PTRACE_MODE_READ
   */
  readonly ptrace?: boolean;
  /** Opening it fails with this negative errno. */
  readonly openError?: number;
  /** The text, in records; or a negative errno. */
  readonly show?: MakeRecords;
  /** Bytes of a file that is no text: fills `to` from `pos`; bytes or a negative errno. */
  readBytes?(pos: number, to: Uint8Array): number;
  /** Takes a written text at position `pos`: characters used up, or a negative errno. */
  store?(text: string, pos: number): number;
  /** Largest text that one write takes, bytes. */
  readonly maxWrite?: number;
  /** Writes leave the position alone. */
  readonly writeKeepsPos?: boolean;
  /**
   * seq: no end to seek from; mem: 64-bit words; noop: always 0; generic (default): anywhere, counted from
   * `size`.
   */
  readonly seek?: "seq" | "mem" | "noop" | "generic";
}

/** st_size of a file below /sys. Linux fs/sysfs/file.c: PAGE_SIZE */
const SYSFS_SIZE = 4096;

const noAops: AddressSpaceOperations = { maxFolioOrder: 0, swapBacked: false };
const procFs: FileSystemOps = { name: "proc", vmOps: {}, aOps: () => noAops };
const sysFs: FileSystemOps = { name: "sysfs", vmOps: {}, aOps: () => noAops };

/**
 * 0, or why the current task may not open the file for `fMode`. Linux fs/namei.c:generic_permission(),
 * fs/proc/proc_sysctl.c:sysctl_perm()
 */
export function procPermission(sys: MemorySystem, file: ProcFile, fMode: number): number {
  const root = sys.capable(CAP_DAC_OVERRIDE);
  const strict = file.family === "sysctl" || file.family === "sysfs";
  const wanted = ((fMode & FMODE_READ) !== 0 ? 4 : 0) | ((fMode & FMODE_WRITE) !== 0 ? 2 : 0);
  const bits = root || file.own === true ? file.mode >> 6 : file.mode;
  const denied = (wanted & ~bits) !== 0;
  // Root overrides the mode, except for the settings; of /sys reading needs somebody's mode bit.
  const mayRead = file.family === "sysfs" && (file.mode & 0o444) !== 0;
  const overrides = root && (!strict || (mayRead && (wanted & ~bits & 2) === 0));
  if (denied && !overrides) return -EACCES;
  if (file.ptrace === true && !sys.capable(CAP_SYS_PTRACE)) return -EACCES;
  return file.openError ?? 0;
}

/** The file, open. Permission is checked before. Linux fs/proc/inode.c:proc_reg_open() */
export function openProcFile(sys: MemorySystem, file: ProcFile, path: string, fMode: number): VfsFile {
  const inode = new Inode(sys, file.family === "sysfs" ? sysFs : procFs, sys.nextProcIno++);
  if (file.family === "sysfs") inode.iSize = SYSFS_SIZE;
  const open = new VfsFile(inode, path, fMode, fileOps(file));
  open.privateData = new SeqReader();
  return open;
}

/** Text as the kernel sees the bytes of a write. */
function textOf(bytes: Uint8Array): string {
  return String.fromCharCode(...bytes);
}

function fileOps(file: ProcFile): FileOperations {
  return {
    read: readOp(file),
    writeIter(_file, pos, from) {
      if (file.store === undefined) return file.family === "root" ? -EIO : -EINVAL;
      const bytes = copyFromIterFull(from, Math.min(from.count, file.maxWrite ?? 65536));
      return bytes === undefined ? -EFAULT : file.store(textOf(bytes), pos);
    },
    writeKeepsPos: file.writeKeepsPos === true,
    llseek: (open, offset, whence) => procLseek(file, open, offset, whence),
    mmapPrepare: file.family === "root" ? () => -EIO : undefined,
    fsync: file.family === "sysfs" ? () => 0 : undefined,
    setSize: () => 0, // the size of such a file is nothing that could be changed
  };
}

function readOp(file: ProcFile): FileOperations["read"] {
  const { show } = file;
  if (file.readBytes !== undefined) return (_open, pos, to) => file.readBytes!(pos, to);
  if (show === undefined) return undefined;
  // A setting is spelled out as a whole: a read that goes on finds nothing more.
  if (file.family === "sysctl")
    return (_open, pos, to) => (pos === 0 ? new SeqReader().read(0, to, show) : 0);
  return (open, pos, to) => (open.privateData as SeqReader).read(pos, to, show);
}

/**
 * Linux fs/seq_file.c:seq_lseek(), fs/proc/base.c:mem_lseek(), fs/read_write.c:generic_file_llseek(),
 * noop_llseek()
 */
function procLseek(file: ProcFile, open: VfsFile, offset: number, whence: number): number {
  if (file.seek === "noop") return open.fPos;
  if (whence < 0 || whence > 2 || (whence === 2 && (file.seek === "seq" || file.seek === "mem")))
    return -EINVAL;
  const from = whence === 0 ? 0 : whence === 1 ? open.fPos : open.inode.iSize;
  if (from + offset < 0) return file.seek === "mem" && whence === 0 ? -EPERM : -EINVAL;
  open.fPos = from + offset;
  return open.fPos;
}
