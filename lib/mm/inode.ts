/**
 * Inodes and open files: what stands behind a path, and behind a file descriptor.
 *
 *   VfsFile (one for each open) --inode--> Inode (one for each file) --mapping--> AddressSpace (its pages in RAM)
 *     fRa: readahead state                   iSize, nlink
 *     fMode, fPos
 *
 * A mapping holds the VfsFile, and so the Inode, even after the descriptor is closed and the name is gone.
 * What differs between file systems are the AddressSpaceOperations, the VmOperationsStruct and FileSystemOps:
 * shmem.ts has those of memory, kernel/ext4.ts those of a disk.
 *
 * Read first: address_space.ts. Read next: shmem.ts.
 */
import { AddressSpace, type AddressSpaceOperations, type MappingHost } from "./address_space.js";
import { genericFadvise, POSIX_FADV_WILLNEED } from "./fadvise.js";
import { filemapRead, genericPerformWrite, type IovIter, KvecIter } from "./filemap.js";
import {
  type File,
  FMODE_READ,
  FMODE_WRITE,
  type VmAreaStruct,
  type VmOperationsStruct,
} from "./mm_types.js";
import { filemapFdatawriteRange } from "./page_writeback.js";
import { FileRaState } from "./readahead.js";
import type { MemorySystem } from "./system.js";
import { truncatePagecacheRange, truncateSetsize } from "./truncate.js";

/** What a file system does its own way. Linux include/linux/fs.h:struct inode_operations, struct file_operations */
export interface FileSystemOps {
  readonly name: string;
  readonly vmOps: VmOperationsStruct;
  /** Mappings of 2 MiB and more are placed so that huge pages fit. Linux f_op->get_unmapped_area = thp_get_unmapped_area */
  readonly thpUnmappedArea?: boolean;
  /** MAP_SYNC may be asked for. Linux FOP_MMAP_SYNC */
  readonly mmapSync?: boolean;
  /** Size of the largest file in bytes, 2^63 - 1 unless given. Linux s_maxbytes */
  readonly maxBytes?: number;
  /** Refuses a mapping: 0 or a negative errno. Linux f_op->mmap_prepare */
  mmapPrepare?(vma: VmAreaStruct): number;
  /** Cache operations of one inode. */
  aOps(inode: Inode): AddressSpaceOperations;
  /** The size changed from `oldSize`; the cache is already cut. */
  truncated?(inode: Inode, oldSize: number): void;
  /** Bytes [start, end) became a hole; the cache is already cut. */
  holePunched?(inode: Inode, start: number, end: number): void;
  /** The last user of an unlinked file is gone. */
  evict?(inode: Inode): void;
}

/** One file. Linux include/linux/fs.h:struct inode */
export class Inode implements MappingHost {
  readonly sys: MemorySystem;
  readonly fs: FileSystemOps;
  readonly ino: number;
  readonly mapping: AddressSpace;
  iSize = 0;
  /** Names that lead to it. Linux i_nlink */
  nlink = 1;
  /** Open files that use it. Linux i_count */
  count = 0;
  /** Pages of a file in memory that were promised when it was made. Linux mm/shmem.c:shmem_acct_size() */
  accountedPages = 0;

  constructor(sys: MemorySystem, fs: FileSystemOps, ino: number) {
    this.sys = sys;
    this.fs = fs;
    this.ino = ino;
    this.mapping = new AddressSpace(this, fs.aOps(this));
  }
}

/** Changes the size: cuts the cache, or makes a hole at the end. Linux fs/attr.c:notify_change(ATTR_SIZE) */
export function inodeSetSize(inode: Inode, newSize: number): void {
  const oldSize = inode.iSize;
  truncateSetsize(inode.mapping, newSize);
  inode.fs.truncated?.(inode, oldSize);
}

/** Drops the inode's pages when nobody can reach it any more. Linux fs/inode.c:iput(), evict() */
export function iput(inode: Inode): void {
  if (inode.count > 0 || inode.nlink > 0) return;
  truncateSetsize(inode.mapping, 0);
  inode.fs.evict?.(inode);
}

/** An open file. Linux include/linux/fs.h:struct file */
export class VfsFile implements File {
  readonly inode: Inode;
  /** Name that it was opened by. */
  readonly name: string;
  fMode: number;
  /** O_APPEND and such, as open was told. Linux f_flags */
  fFlags = 0;
  fPos = 0;
  refcount = 1;
  fRa: FileRaState;

  constructor(inode: Inode, name: string, fMode: number = FMODE_READ | FMODE_WRITE) {
    this.inode = inode;
    this.name = name;
    this.fMode = fMode;
    this.fRa = new FileRaState(inode.sys.readAheadPages);
    inode.count++;
  }

  /** Its name, and whether that has been taken away since. Linux fs/d_path.c:d_path() */
  get path(): string {
    return this.inode.nlink === 0 ? `${this.name} (deleted)` : this.name;
  }

  get thpUnmappedArea(): boolean {
    return this.inode.fs.thpUnmappedArea === true;
  }

  get mmapSync(): boolean {
    return this.inode.fs.mmapSync === true;
  }

  /** Inode number. */
  get ino(): number {
    return this.inode.ino;
  }

  get fMapping(): AddressSpace {
    return this.inode.mapping;
  }

  /** Linux file_operations.mmap_prepare */
  mmapPrepare(vma: VmAreaStruct): number {
    vma.vmOps = this.inode.fs.vmOps;
    return this.inode.fs.mmapPrepare?.(vma) ?? 0;
  }

  /** Reads into `to` at byte `pos`; bytes read or a negative errno. Linux fs/read_write.c:vfs_read() */
  read(pos: number, to: Uint8Array): number {
    return filemapRead(this.fMapping, this.fRa, pos, to);
  }

  /** Writes `bytes` at byte `pos`; bytes written or a negative errno. Linux fs/read_write.c:kernel_write() */
  write(pos: number, bytes: Uint8Array): number {
    return genericPerformWrite(this.fMapping, pos, new KvecIter(bytes));
  }

  /** Writes what `from` holds at byte `pos`; bytes written or a negative errno. Linux file_operations.write_iter */
  writeIter(pos: number, from: IovIter): number {
    return genericPerformWrite(this.fMapping, pos, from);
  }

  /** Linux file_operations.fsync */
  fsync(first = 0, last = Number.MAX_SAFE_INTEGER): number {
    return filemapFdatawriteRange(this.fMapping, Math.floor(first / 4096), Math.floor(last / 4096));
  }

  /** 0 or a negative errno. Linux mm/fadvise.c:vfs_fadvise() */
  fadvise(offset: number, len: number, advice: number): number {
    return genericFadvise(this.fMapping, this.fRa, offset, len, advice);
  }

  fadviseWillneed(offset: number, len: number): void {
    this.fadvise(offset, len, POSIX_FADV_WILLNEED);
  }

  punchHole(offset: number, len: number): number {
    truncatePagecacheRange(this.fMapping, offset, offset + len - 1);
    this.inode.fs.holePunched?.(this.inode, offset, offset + len);
    return 0;
  }

  release(): void {
    this.inode.count--;
    iput(this.inode);
  }
}
