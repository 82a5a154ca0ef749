/**
 * The file tree: which path leads to which inode, and the calls that name a file.
 *
 *   /dev/shm/...   files in memory (mm/shmem.ts)
 *   /dev/zero ...  devices (char_devices.ts)
 *   /proc, /sys    what the kernel says about itself, if procfs/mount.ts has mounted it
 *   anything else  files on the disk (ext4.ts)
 *
 *   open(path, flags) --> VfsFile --> read, write, mmap, ftruncate, fsync, fadvise --> close = fput
 *
 * There are no directories: a path is a name. An unlinked file lives on until its last user is gone.
 *
 * Read first: mm/inode.ts, ext4.ts.
 */
import { Disk } from "../hw/disk.js";
import { EEXIST, EINVAL, ENOENT, EPERM } from "../mm/errno.js";
import { fadviseDontneed } from "../mm/fadvise.js";
import { type FileSystemOps, Inode, inodeSetSize, iput, VfsFile } from "../mm/inode.js";
import { FMODE_READ, FMODE_WRITE, fput } from "../mm/mm_types.js";
import { shmemFileSetup, shmemFs } from "../mm/shmem.js";
import type { MemorySystem } from "../mm/system.js";
import { Ext4 } from "./ext4.js";

/** Open for reading only. Linux include/uapi/asm-generic/fcntl.h:O_RDONLY; so are all O_ names. */
export const O_RDONLY = 0;
export const O_WRONLY = 1;
export const O_RDWR = 2;
/** Make the file if it is missing. */
export const O_CREAT = 0o100;
/** With O_CREAT: fail if it is there. */
export const O_EXCL = 0o200;
/** Cut it to 0 bytes. */
export const O_TRUNC = 0o1000;

const ACCESS_MODES = [FMODE_READ, FMODE_WRITE, FMODE_READ | FMODE_WRITE];

/** A file system whose files are made when they are opened. Linux include/linux/fs.h:struct file_system_type */
export interface PseudoFs {
  /** The open file, a negative errno, or undefined for a path that is none of its own. `fMode` has what `flags` ask for. */
  open(path: string, flags: number, fMode: number): VfsFile | number | undefined;
}

/** All files of a machine. Linux: the dentry cache and mounts */
export class FileTree {
  readonly sys: MemorySystem;
  readonly disk: Disk;
  private readonly ext4: Ext4;
  private readonly inodes = new Map<string, Inode>();
  /** Pseudo file systems by the folder they are mounted on. Linux fs/namespace.c:do_add_mount() */
  readonly mounts = new Map<string, PseudoFs>();

  constructor(sys: MemorySystem, disk: Disk = new Disk(sys.clock)) {
    this.sys = sys;
    this.disk = disk;
    this.ext4 = new Ext4(disk);
  }

  /** Opens a file of a mounted pseudo file system; undefined where `path` is none. */
  private openMounted(path: string, flags: number, fMode: number): VfsFile | number | undefined {
    for (const [dir, fs] of this.mounts)
      if (path === dir || path.startsWith(`${dir}/`)) return fs.open(path, flags, fMode);
    return undefined;
  }

  /** The file at `path`. Linux fs/namei.c:filename_lookup() */
  lookup(path: string): Inode | undefined {
    return this.inodes.get(path);
  }

  /** Paths of all files, in order of creation. */
  paths(): string[] {
    return [...this.inodes.keys()];
  }

  /** Every file on the disk that a name or an open file leads to, and every named one in memory. Linux iterate_supers(), s_inodes */
  allInodes(): Set<Inode> {
    return new Set([...this.ext4.inodes, ...this.inodes.values()]);
  }

  private fsOf(path: string): FileSystemOps {
    return path.startsWith("/dev/shm/") ? shmemFs : this.ext4;
  }

  /** Opens `path`: an open file, or a negative errno. man 2 open */
  open(path: string, flags: number = O_RDWR): VfsFile | number {
    const mode = ACCESS_MODES[flags & 3];
    if (mode === undefined) return -EINVAL;
    const mounted = this.openMounted(path, flags, mode);
    if (mounted !== undefined) return mounted;
    let inode = this.inodes.get(path);
    if (inode === undefined) {
      if ((flags & O_CREAT) === 0) return -ENOENT;
      inode = new Inode(this.sys, this.fsOf(path), this.sys.nextIno++);
      this.inodes.set(path, inode);
    } else if ((flags & (O_CREAT | O_EXCL)) === (O_CREAT | O_EXCL)) return -EEXIST;
    if ((flags & O_TRUNC) !== 0) inodeSetSize(inode, 0);
    return new VfsFile(inode, path, mode);
  }

  /** What a mounted file system has cannot be taken away. Linux fs/namei.c:vfs_unlink() without i_op->unlink */
  private unlinkMounted(path: string): number {
    const file = this.openMounted(path, O_RDONLY, 0) ?? -ENOENT;
    if (typeof file === "number") return file;
    fput(file);
    return -EPERM;
  }

  /** Takes the name away; 0 or a negative errno. man 2 unlink */
  unlink(path: string): number {
    const inode = this.inodes.get(path);
    if (inode === undefined) return this.unlinkMounted(path);
    this.inodes.delete(path);
    inode.nlink--;
    iput(inode);
    return 0;
  }

  /**
   * Makes the file `path` with `bytes` in it, written in pieces of `pieceBytes` and synced: on the disk, and in the cache too. With the
   * usual 4096 the cache gets a folio for each page. Not in Linux: open, write and fsync.
   */
  writeFile(path: string, bytes: Uint8Array, pieceBytes = 4096): void {
    const file = this.open(path, O_RDWR | O_CREAT | O_TRUNC);
    if (typeof file === "number") throw new RangeError(`${path} cannot be opened (errno ${-file})`);
    for (let pos = 0; pos < bytes.length; pos += pieceBytes)
      file.write(pos, bytes.subarray(pos, pos + pieceBytes));
    file.fsync();
    fput(file);
  }

  /** An open file in memory without a name. man 2 memfd_create */
  memfdCreate(name: string): VfsFile {
    return shmemFileSetup(this.sys, `memfd:${name}`, 0);
  }
}

/** Sets the size of an open file; 0 or a negative errno. man 2 ftruncate */
export function ftruncate(file: VfsFile, length: number): number {
  if (length < 0 || (file.fMode & FMODE_WRITE) === 0) return -EINVAL;
  return file.fOp.setSize?.(file, length) ?? -EINVAL;
}

/** Drops the cached pages of bytes [offset, offset + len) that nobody uses; len 0: to the end. man 2 posix_fadvise, POSIX_FADV_DONTNEED */
export function fadviseDrop(file: VfsFile, offset: number, len: number): number {
  if (len < 0) return -EINVAL;
  fadviseDontneed(file.fMapping, offset, len);
  return 0;
}
