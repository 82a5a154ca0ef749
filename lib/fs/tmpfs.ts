/**
 * The file system in memory: files whose pages are all there is of them.
 *
 *   /dev/shm/NAME            a file with a name                 shmemFs
 *   memfd_create             a file without one                 shmemFileSetup
 *   MAP_SHARED | MAP_ANONYMOUS   the same, for each mapping     shmemFileSetup, by mm/filemap/shmem.ts
 *
 * The pages, and what a fault does about them, are mm/filemap/shmem.ts. Here is the file: its size, and the
 * promise of memory that was made for it and goes back when nobody can reach it any more. (Linux has both in
 * mm/shmem.c.)
 *
 * Left out: mount options (size=, huge=), limits of the file system.
 *
 * Read first: inode.ts, mm/filemap/shmem.ts. Read next: file_tree.ts.
 */
import { shmemAops, shmemVmOps, shmMntAops } from "../mm/filemap/shmem.js";
import type { MemorySystem } from "../mm/system.js";
import { vmUnacctMemory } from "../mm/vma/util.js";
import { type FileSystemOps, Inode, VfsFile } from "./inode.js";

/** Gives back what was promised to the file. Linux mm/shmem.c:shmem_unacct_size() */
function shmemUnacctSize(inode: Inode): void {
  if (inode.accountedPages > 0) vmUnacctMemory(inode.sys, inode.accountedPages);
}

/** The file system in memory. Linux mm/shmem.c:shmem_fs_type */
export const shmemFs: FileSystemOps = {
  name: "tmpfs",
  vmOps: shmemVmOps,
  aOps: () => shmemAops,
  evict: shmemUnacctSize,
};

/** The kernel's own mount of it, which has no folder. Linux mm/shmem.c:shm_mnt */
const shmMnt: FileSystemOps = { ...shmemFs, aOps: () => shmMntAops };

/** A file in memory without a name, `size` bytes long. Linux mm/shmem.c:shmem_file_setup() */
export function shmemFileSetup(sys: MemorySystem, name: string, size: number): VfsFile {
  const inode = new Inode(sys, shmMnt, sys.nextIno++);
  inode.nlink = 0;
  inode.iSize = size;
  return new VfsFile(inode, `/${name}`);
}
