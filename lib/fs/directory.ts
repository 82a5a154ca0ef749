/**
 * Open directories: they can be opened and named, and that is all.
 *
 *   open("/data", O_RDONLY) --> directoryFops     read: EISDIR   write: EBADF   mmap: ENODEV   fsync: 0
 *
 * Left out: what is in a directory (getdents), and calls that start from one (openat).
 *
 * Linux fs/libfs.c, fs/read_write.c. Read first: inode.ts. Read next: file_tree.ts.
 */
import { EISDIR } from "../mm/errno.js";
import { VM_FAULT_SIGBUS } from "../mm/fault/vm_fault.js";
import type { FileOperations, FileSystemOps } from "./inode.js";

/** What directories have in common. Linux fs/libfs.c:simple_dir_inode_operations */
export const directoryFs: FileSystemOps = {
  name: "directory",
  vmOps: { fault: () => VM_FAULT_SIGBUS },
  aOps: () => ({ maxFolioOrder: 0, swapBacked: false }),
};

/** What an open directory can do. Linux fs/libfs.c:simple_dir_operations */
export const directoryFops: FileOperations = {
  isRegular: false,
  /** Linux fs/libfs.c:generic_read_dir() */
  read: () => -EISDIR,
  fsync: () => 0,
};
