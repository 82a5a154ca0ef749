/**
 * The file tree: which path leads to which inode, and the calls that name a file.
 *
 *   /dev/shm/...   files in memory (mm/filemap/shmem.ts)
 *   /dev/zero ...  devices (char_devices.ts)
 *   /proc, /sys    what the kernel says about itself, if procfs/mount.ts has mounted it
 *   anything else  files on the disk (ext4.ts)
 *
 *   open(path, flags) --> VfsFile --> read, write, mmap, ftruncate, fsync, fadvise --> close = fput
 *
 * Paths are followed by namei.ts. An unlinked file lives on until its last user is gone.
 *
 * Read first: inode.ts, namei.ts, ext4.ts.
 */
import { PAGE_SIZE } from "../hw/address.js";
import { BlockDevice } from "../hw/block_device.js";
import {
  EBUSY,
  EEXIST,
  EFBIG,
  EINVAL,
  EISDIR,
  ENOENT,
  ENOMEM,
  ENOTDIR,
  ENOTEMPTY,
  EPERM,
  ETXTBSY,
  errnoName,
} from "../mm/errno.js";
import { POSIX_FADV_DONTNEED } from "../mm/filemap/fadvise.js";
import { FMODE_PATH, FMODE_READ, FMODE_WRITE, fput } from "../mm/mm_types.js";
import type { MemorySystem, WbReason } from "../mm/system.js";
import type { Dentry } from "./dcache.js";
import { directoryFops, directoryFs } from "./directory.js";
import { Ext4 } from "./ext4.js";
import { type FileSystemOps, Inode, inodeSetSize, iput, VfsFile } from "./inode.js";
import { cText, getname, NAME_MAX, type PathKind, textBytes, type WalkedPath, walkPath } from "./namei.js";
import { shmemFileSetup, shmemFs } from "./tmpfs.js";

/** Open for reading only. Linux include/uapi/asm-generic/fcntl.h:O_RDONLY; so are all O_ names. */
export const O_RDONLY = 0;
export const O_WRONLY = 1;
export const O_RDWR = 2;
/** The bits of the three above. With both set the file can neither be read nor written, only asked about. */
export const O_ACCMODE = 3;
/** Make the file if it is missing. */
export const O_CREAT = 0o100;
/** With O_CREAT: fail if it is there. */
export const O_EXCL = 0o200;
/** Cut it to 0 bytes. */
export const O_TRUNC = 0o1000;
/** Every write goes to the end. */
export const O_APPEND = 0o2000;
/** Fail unless it is a directory. */
export const O_DIRECTORY = 0o20_0000;
/** Do not follow a symbolic link at the end of the path; there are none. */
export const O_NOFOLLOW = 0o40_0000;
/** exec closes it. */
export const O_CLOEXEC = 0o200_0000;
/** Only name the place: nothing can be done with the descriptor but close it and copy it. */
export const O_PATH = 0o1000_0000;
/** A file without a name in the directory `path`. Linux __O_TMPFILE | O_DIRECTORY */
export const O_TMPFILE = 0o2020_0000;
/** The bit of O_TMPFILE that no other flag has. Linux __O_TMPFILE */
const TMPFILE_BIT = 0o2000_0000;

/** Longest name of a memfd. Linux mm/memfd.c:MFD_NAME_MAX_LEN */
const MFD_NAME_MAX_LEN = NAME_MAX - "memfd:".length;

/** Directories that are there from the start. */
const FIRST_DIRECTORIES = ["/dev", "/dev/shm", "/proc", "/sys", "/tmp"];

/** FMODE_* for the access mode in `flags`: 3 is neither. Linux include/linux/fs.h:OPEN_FMODE() */
function openFmode(flags: number): number {
  return [FMODE_READ, FMODE_WRITE, FMODE_READ | FMODE_WRITE, 0][flags & O_ACCMODE]!;
}

/**
 * Whether the flags ask for the right to write, as O_TRUNC and access mode 3 do too. Linux acc_mode &
 * MAY_WRITE
 */
function wantsWrite(flags: number): boolean {
  return (flags & O_ACCMODE) !== O_RDONLY || (flags & O_TRUNC) !== 0;
}

/**
 * The flags that count, or -EINVAL for a combination that there is not. Linux fs/open.c:build_open_flags()
 */
function buildOpenFlags(flags: number): number {
  if ((flags & O_PATH) !== 0) return flags & (O_DIRECTORY | O_NOFOLLOW | O_PATH | O_CLOEXEC);
  if ((flags & (O_DIRECTORY | O_CREAT)) === (O_DIRECTORY | O_CREAT)) return -EINVAL;
  if ((flags & TMPFILE_BIT) !== 0 && ((flags & O_DIRECTORY) === 0 || (flags & O_ACCMODE) === O_RDONLY))
    return -EINVAL;
  return flags & 0x7fff_ffff;
}

/**
 * A file system whose files are made when they are opened. Linux include/linux/fs.h:struct file_system_type
 */
export interface PseudoFs {
  /**
   * The open file, a negative errno, or undefined for a path that is none of its own. `fMode` has what
   * `flags` ask for.
   */
  open(path: string, flags: number, fMode: number): VfsFile | number | undefined;
  /** The file at a path. */
  lookup?(path: string): Inode | undefined;
  /** Takes the name away; EPERM where it cannot be. */
  unlink?(path: string): number;
  /** Makes and removes directories, where it has such: 0 or a negative errno. */
  mkdir?(path: string): number;
  rmdir?(path: string): number;
}

/** All files of a machine. Linux: the dentry cache and mounts */
export class FileTree {
  readonly sys: MemorySystem;
  readonly disk: BlockDevice;
  private readonly ext4: Ext4;
  private readonly inodes = new Map<string, Inode>();
  /** Directories by path; each gets an inode when it is opened. */
  private readonly directories = new Map<string, Inode | undefined>();
  /** Pseudo file systems by the folder they are mounted on. Linux fs/namespace.c:do_add_mount() */
  readonly mounts = new Map<string, PseudoFs>();

  constructor(sys: MemorySystem, disk = new BlockDevice(sys.ram, sys.clock, sys.events)) {
    this.sys = sys;
    this.disk = disk;
    this.ext4 = new Ext4(sys, disk);
    for (const path of FIRST_DIRECTORIES) this.directories.set(path, undefined);
  }

  /** Writes all that is dirty and waits for it. Linux fs/sync.c:ksys_sync() */
  sync(): void {
    this.ext4.wb.syncInodes(this.ext4.inodes);
  }

  /** All that is dirty now is written, by and by. Linux fs/fs-writeback.c:wakeup_flusher_threads() */
  wakeupFlusherThreads(reason: WbReason = "vmscan"): void {
    this.ext4.wb.startWriteback(reason);
  }

  /**
   * Opens a file of a mounted pseudo file system, or says why not; undefined where `path` is none of theirs.
   */
  private openMounted(path: string, flags: number): VfsFile | number | undefined {
    const name = getname(path);
    const walked = typeof name === "number" ? name : walkPath(name, () => "directory");
    if (typeof walked === "number" || (flags & TMPFILE_BIT) !== 0) return undefined;
    const mount = [...this.mounts].find(([dir]) => walked.path.startsWith(`${dir}/`));
    const file = mount?.[1].open(walked.path, flags, (flags & O_PATH) !== 0 ? FMODE_PATH : openFmode(flags));
    if (file === undefined || typeof file === "number") return file;
    file.fFlags = flags & ~(O_CREAT | O_EXCL | O_TRUNC);
    if (!walked.trailingSlash && (flags & O_DIRECTORY) === 0) return file;
    fput(file);
    return -ENOTDIR;
  }

  /** The file at `path`. Linux fs/namei.c:filename_lookup() */
  lookup(path: string): Inode | undefined {
    const walked = this.walk(path);
    if (typeof walked === "number") return undefined;
    const inode = this.inodes.get(walked.path);
    if (inode !== undefined) return inode;
    const mount = [...this.mounts].find(([dir]) => walked.path.startsWith(`${dir}/`));
    return mount?.[1].lookup?.(walked.path);
  }

  /** Paths of all files, in order of creation. */
  paths(): string[] {
    return [...this.inodes.keys()];
  }

  /**
   * Every file on the disk that a name or an open file leads to, and every named one in memory.
   * Linux iterate_supers(), s_inodes
   */
  allInodes(): Set<Inode> {
    return new Set([...this.ext4.inodes, ...this.inodes.values()]);
  }

  private fsOf(path: string): FileSystemOps {
    return `${path}/`.startsWith("/dev/shm/") ? shmemFs : this.ext4;
  }

  private kindOf(path: string): PathKind {
    if (this.inodes.has(path)) return "file";
    return path === "/" || this.directories.has(path) ? "directory" : "none";
  }

  private walk(path: string, create = false): WalkedPath | number {
    const name = getname(path);
    return typeof name === "number" ? name : walkPath(name, (place) => this.kindOf(place), create);
  }

  /**
   * What open refuses before it looks for a free descriptor: 0 or a negative errno.
   * Linux fs/open.c:do_sys_openat2()
   */
  checkOpen(path: string, flags: number): number {
    const how = buildOpenFlags(flags);
    if (how < 0) return how;
    const name = getname(path);
    return typeof name === "number" ? name : 0;
  }

  /** Opens `path`: an open file, or a negative errno. man 2 open; Linux fs/namei.c:path_openat() */
  open(path: string, flags: number = O_RDWR): VfsFile | number {
    const how = buildOpenFlags(flags);
    if (how < 0) return how;
    const mounted = this.openMounted(path, how);
    if (mounted !== undefined) return mounted;
    const create = (how & O_CREAT) !== 0;
    const walked = this.walk(path, create);
    if (typeof walked === "number") return walked;
    if ((how & TMPFILE_BIT) !== 0) return this.tmpfile(walked, how);
    if (create && walked.trailingSlash) return -EISDIR;
    if (walked.kind === "none") {
      if (create) return this.openNew(walked.path, how);
      this.dget(walked.path, undefined)?.dput();
      return -ENOENT;
    }
    if (create && (how & O_EXCL) !== 0) return -EEXIST;
    if (walked.kind === "directory") return this.openDirectory(walked.path, how);
    if ((how & O_DIRECTORY) !== 0 || walked.trailingSlash) return -ENOTDIR;
    return this.openInode(this.inodes.get(walked.path)!, walked.path, how);
  }

  /** Makes the file and opens it. Linux fs/namei.c:lookup_open() */
  private openNew(path: string, flags: number): VfsFile | number {
    const inode = this.create(path);
    const file = this.openInode(inode, path, flags);
    if (typeof file !== "number") return file;
    this.inodes.delete(path);
    inode.nlink--;
    iput(inode);
    return file;
  }

  /** A new, empty file; the directories on the way to it come to be. */
  private create(path: string): Inode {
    const inode = new Inode(this.sys, this.fsOf(path), this.sys.nextIno++);
    this.inodes.set(path, inode);
    for (let end = path.lastIndexOf("/"); end > 0; end = path.lastIndexOf("/", end - 1)) {
      const directory = path.slice(0, end);
      if (!this.directories.has(directory)) this.directories.set(directory, undefined);
    }
    return inode;
  }

  /**
   * The dentry of a path on the disk, held; undefined without memory, or where the path is elsewhere.
   * Linux fs/namei.c:lookup_fast(), lookup_slow()
   */
  private dget(path: string, leadsTo: Inode | "directory" | undefined): Dentry | undefined {
    return this.fsOf(path) === this.ext4 ? this.ext4.sb.dcache.dget(path, leadsTo) : undefined;
  }

  /** Linux fs/namei.c:do_open() */
  private openInode(inode: Inode, path: string, flags: number): VfsFile | number {
    if (inode.isSwapfile && (flags & O_TRUNC) !== 0) return -ETXTBSY;
    const dentry = this.dget(path, inode);
    if (dentry === undefined && inode.fs === this.ext4) return -ENOMEM;
    const file = this.openHeld(inode, path, flags);
    file.fDentry = dentry;
    return file;
  }

  private openHeld(inode: Inode, path: string, flags: number): VfsFile {
    const onlyPath = (flags & O_PATH) !== 0;
    const file = new VfsFile(inode, path, onlyPath ? FMODE_PATH : openFmode(flags));
    file.fFlags = flags & ~(O_CREAT | O_EXCL | O_TRUNC);
    if ((flags & O_TRUNC) !== 0) inodeSetSize(inode, 0);
    return file;
  }

  private openDirectory(path: string, flags: number): VfsFile | number {
    const onlyPath = (flags & O_PATH) !== 0;
    if (!onlyPath && (wantsWrite(flags) || (flags & O_CREAT) !== 0)) return -EISDIR;
    const inode = this.directories.get(path) ?? new Inode(this.sys, directoryFs, this.sys.nextIno++);
    this.directories.set(path, inode);
    const file = new VfsFile(inode, path, onlyPath ? FMODE_PATH : FMODE_READ, directoryFops);
    file.fDentry = this.dget(path, "directory");
    file.fFlags = flags;
    return file;
  }

  /** Linux fs/namei.c:do_tmpfile() */
  private tmpfile({ path, kind }: WalkedPath, flags: number): VfsFile | number {
    if (kind !== "directory") return kind === "none" ? -ENOENT : -ENOTDIR;
    const inode = new Inode(this.sys, this.fsOf(path), this.sys.nextIno++);
    inode.nlink = 0;
    if (inode.fs === this.ext4 && this.ext4.sb.icache.iget(inode) === undefined) {
      iput(inode);
      return -ENOMEM;
    }
    return this.openHeld(inode, `${path === "/" ? "" : path}/#${inode.ino}`, flags);
  }

  /**
   * What a mounted file system has cannot be taken away; undefined where `path` is none of theirs.
   * Linux fs/namei.c:vfs_unlink() without i_op->unlink
   */
  private unlinkMounted(path: string): number | undefined {
    const file = this.openMounted(path, O_PATH);
    if (file === undefined || typeof file === "number") return file;
    const { name } = file;
    fput(file);
    const mount = [...this.mounts].find(([dir]) => name.startsWith(`${dir}/`));
    return mount?.[1].unlink?.(name) ?? -EPERM;
  }

  /** Whether `path` is a directory of this tree, not of one that is mounted. */
  isDirectory(path: string): boolean {
    return this.kindOf(path) === "directory";
  }

  /** Makes a directory; 0 or a negative errno. man 2 mkdir; Linux fs/namei.c:do_mkdirat() */
  mkdir(path: string): number {
    return this.changeDir(path, "mkdir", (place, kind) => {
      if (kind !== "none") return -EEXIST;
      this.directories.set(place, undefined);
      return 0;
    });
  }

  /** Removes an empty directory; 0 or a negative errno. man 2 rmdir; Linux fs/namei.c:do_rmdir() */
  rmdir(path: string): number {
    return this.changeDir(path, "rmdir", (place, kind) => {
      if (kind !== "directory") return kind === "file" ? -ENOTDIR : -ENOENT;
      const inIt = [...this.inodes.keys(), ...this.directories.keys()];
      if (this.mounts.has(place)) return -EBUSY;
      if (inIt.some((one) => one.startsWith(`${place}/`))) return -ENOTEMPTY;
      this.directories.delete(place);
      return 0;
    });
  }

  /** What is mounted at the path decides, or this tree does. */
  private changeDir(
    path: string,
    what: "mkdir" | "rmdir",
    here: (place: string, kind: PathKind) => number,
  ): number {
    const name = getname(path);
    const walked = typeof name === "number" ? name : walkPath(name, () => "directory");
    if (typeof walked === "number") return walked;
    const fs = [...this.mounts].find(([dir]) => walked.path.startsWith(`${dir}/`))?.[1];
    if (fs !== undefined) return fs[what]?.(walked.path) ?? -EPERM;
    const place = this.walk(path);
    return typeof place === "number" ? place : here(place.path, place.kind);
  }

  /** Takes the name away; 0 or a negative errno. man 2 unlink; Linux fs/namei.c:do_unlinkat() */
  unlink(path: string): number {
    const mounted = this.unlinkMounted(path);
    if (mounted !== undefined) return mounted;
    const walked = this.walk(path);
    if (typeof walked === "number") return walked;
    if (!walked.norm || walked.kind === "directory") return -EISDIR;
    const inode = this.inodes.get(walked.path);
    if (inode === undefined) return -ENOENT;
    if (walked.trailingSlash) return -ENOTDIR;
    if (inode.isSwapfile) return -EPERM;
    const dentry = this.dget(walked.path, inode);
    this.inodes.delete(walked.path);
    inode.nlink--;
    if (dentry !== undefined) {
      this.ext4.sb.dcache.dDelete(dentry);
      dentry.dput();
    }
    iput(inode);
    return 0;
  }

  /**
   * Makes the file `path` with `bytes` in it, written in pieces of `pieceBytes` and synced: on the disk, and
   * in the cache too. With the usual 4096 the cache gets a folio for each page. Not in Linux: open, write and
   * fsync.
   */
  writeFile(path: string, bytes: Uint8Array, pieceBytes = PAGE_SIZE): void {
    const file = this.open(path, O_RDWR | O_CREAT | O_TRUNC);
    if (typeof file === "number") throw new RangeError(`${path} cannot be opened: ${errnoName(file)}`);
    for (let pos = 0; pos < bytes.length; pos += pieceBytes)
      file.write(pos, bytes.subarray(pos, pos + pieceBytes));
    file.fsync();
    fput(file);
  }

  /**
   * An open file in memory without a name in the tree; -EINVAL for a name of more than 249 bytes.
   * man 2 memfd_create
   */
  memfdCreate(name: string): VfsFile | number {
    const text = cText(name);
    if (textBytes(text) > MFD_NAME_MAX_LEN) return -EINVAL;
    return shmemFileSetup(this.sys, `memfd:${text}`, 0);
  }
}

/** Bytes that the file can have at most. Linux s_maxbytes */
export function maxBytes(file: VfsFile): number {
  return file.inode.fs.maxBytes ?? 2 ** 63;
}

/** Sets the size of an open file; 0 or a negative errno. man 2 ftruncate */
export function ftruncate(file: VfsFile, length: number): number {
  if (length < 0 || length >= 2 ** 63 || (file.fMode & FMODE_WRITE) === 0) return -EINVAL;
  if (length > maxBytes(file)) return -EFBIG;
  return file.fOp.setSize?.(file, length) ?? -EINVAL;
}

/**
 * Drops the cached pages of bytes [offset, offset + len) that nobody uses; len 0: to the end.
 * man 2 posix_fadvise, POSIX_FADV_DONTNEED
 */
export function fadviseDrop(file: VfsFile, offset: number, len: number): number {
  return file.fadvise(offset, len, POSIX_FADV_DONTNEED);
}
