/**
 * Inodes and open files: what stands behind a path, and behind a file descriptor.
 *
 *   VfsFile (one for each open) --inode--> Inode (one for each file) --mapping--> AddressSpace (its pages in RAM)
 *     fRa: readahead state                   iSize, nlink
 *     fMode, fPos
 *
 * A mapping holds the VfsFile, and so the Inode, even after the descriptor is closed and the name is gone.
 * What differs between file systems are the AddressSpaceOperations, the VmOperationsStruct and FileSystemOps:
 * mm/filemap/shmem.ts has those of memory, ext4.ts those of a disk. A file that is no bytes at all but a
 * device, or a view of the kernel, has FileOperations of its own: char_devices.ts (/dev/zero), procfs/file.ts
 * (/proc, /sys).
 *
 * Read first: mm/filemap/address_space.ts. Read next: mm/filemap/shmem.ts.
 */

import { PAGE_SIZE } from "../hw/address.js";
import { EINVAL, EIO, ENODEV, ETXTBSY } from "../mm/errno.js";
import { genericFadvise, POSIX_FADV_WILLNEED } from "../mm/filemap/fadvise.js";
import { FileRaState } from "../mm/filemap/file_ra_state.js";
import { filemapRead, genericPerformWrite, type IovIter, KvecIter } from "../mm/filemap/filemap.js";
import { AddressSpace, type AddressSpaceOperations, type MappingHost } from "../mm/filemap/mapping.js";
import { truncatePagecacheRange, truncateSetsize } from "../mm/filemap/truncate.js";
import type { HugetlbInode } from "../mm/hugetlb/hstate.js";
import { filemapFdatawaitRange, filemapFdatawriteRange } from "../mm/lru/page_writeback.js";
import type { BdiWriteback } from "../mm/lru/wb_domain.js";
import {
  type File,
  FMODE_READ,
  FMODE_WRITE,
  type MmStruct,
  type VmAreaStruct,
  type VmOperationsStruct,
} from "../mm/mm_types.js";
import type { Folio } from "../mm/pages/folio.js";
import type { SwapExtent } from "../mm/swap/swap_types.js";
import type { MemorySystem } from "../mm/system.js";

/**
 * What a file system does its own way. Linux include/linux/fs.h:struct inode_operations, struct
 * file_operations
 */
export interface FileSystemOps {
  readonly name: string;
  /** Number of its device as maps shows it, major * 256 + minor; 0 without one. Linux s_dev */
  readonly dev?: number;
  /** Who writes its dirty pages; undefined for a file system in memory. Linux s_bdi->wb */
  readonly wb?: BdiWriteback;
  readonly vmOps: VmOperationsStruct;
  /**
   * Mappings of 2 MiB and more are placed so that huge pages fit. Linux f_op->get_unmapped_area =
   * thp_get_unmapped_area
   */
  readonly thpUnmappedArea?: boolean;
  /** MAP_SYNC may be asked for. Linux FOP_MMAP_SYNC */
  readonly mmapSync?: boolean;
  /** Size of the largest file in bytes, 2^63 - 1 unless given. Linux s_maxbytes */
  readonly maxBytes?: number;
  /** Refuses a mapping: 0 or a negative errno. Linux f_op->mmap_prepare */
  mmapPrepare?(vma: VmAreaStruct): number;
  /** Cache operations of one inode. */
  aOps(inode: Inode): AddressSpaceOperations;
  /** Changes the size its own way: 0 or a negative errno. Linux inode_operations.setattr */
  setSize?(inode: Inode, newSize: number): number;
  /** The size changed from `oldSize`; the cache is already cut. */
  truncated?(inode: Inode, oldSize: number): void;
  /** Bytes [start, end) became a hole; the cache is already cut. */
  holePunched?(inode: Inode, start: number, end: number): void;
  /**
   * Where the file lies on the device, in order, or -EINVAL if it has holes. Without it swap cannot lie in
   * it. Linux address_space_operations.swap_activate
   */
  swapActivate?(inode: Inode): SwapExtent[] | number;
  /** The last user of an unlinked file is gone. */
  evict?(inode: Inode): void;
  /**
   * A page of the file is dirty, the first. Linux super_operations.dirty_inode,
   * fs/fs-writeback.c:__mark_inode_dirty()
   */
  markInodeDirty?(inode: Inode): void;
  /** The file's last page is out of the page cache. Linux fs/inode.c:inode_add_lru() */
  unpinned?(inode: Inode): void;
}

/**
 * What an open file does when it is used; an operation that is missing is refused with EINVAL unless it says
 * otherwise.
 * Linux include/linux/fs.h:struct file_operations
 */
export interface FileOperations {
  /** False for a device or a directory. Linux S_ISREG() */
  readonly isRegular?: boolean;
  /** Fills `to` from byte `pos` on; bytes read or a negative errno. Linux f_op->read_iter */
  read?(file: VfsFile, pos: number, to: Uint8Array): number;
  /** Takes what `from` holds at byte `pos`; bytes taken or a negative errno. Linux f_op->write_iter */
  writeIter?(file: VfsFile, pos: number, from: IovIter): number;
  /** Writes leave the position of the file where it is: where Linux's write does not use its `ppos`. */
  readonly writeKeepsPos?: boolean;
  /** The new position or a negative errno; without it any position is taken. Linux f_op->llseek */
  llseek?(file: VfsFile, offset: number, whence: number): number;
  /**
   * Makes `vma` a mapping of the file; 0 or a negative errno. Without it: ENODEV. Linux f_op->mmap_prepare
   */
  mmapPrepare?(file: VfsFile, vma: VmAreaStruct): number;
  /**
   * Mappings of 2 MiB and more are placed for huge pages; as the file system says unless given. Linux
   * f_op->get_unmapped_area = thp_get_unmapped_area
   */
  readonly thpUnmappedArea?: boolean;
  /** Writes dirty pages to the device; 0 or a negative errno. Linux f_op->fsync */
  fsync?(file: VfsFile, first: number, last: number): number;
  /**
   * Allocates [offset, offset + len), the size stays or grows; 0 or a negative errno. `mm` is whose call it
   * is. Linux f_op->fallocate
   */
  fallocate?(file: VfsFile, mm: MmStruct, keepSize: boolean, offset: number, len: number): number;
  /** ftruncate; 0 or a negative errno. Linux inode_operations.setattr */
  setSize?(file: VfsFile, length: number): number;
}

/**
 * Files that are bytes in the page cache. Linux fs/ext4/file.c:ext4_file_operations,
 * mm/shmem.c:shmem_file_operations
 */
export const pageCacheFileOps: FileOperations = {
  read: (file, pos, to) => filemapRead(file.fMapping, file.fRa, pos, to),
  writeIter: (file, pos, from) =>
    file.inode.isSwapfile ? -ETXTBSY : genericPerformWrite(file.fMapping, pos, from),
  mmapPrepare(file, vma) {
    vma.vmOps = file.inode.fs.vmOps;
    return file.inode.fs.mmapPrepare?.(vma) ?? 0;
  },
  fsync: (file, first, last) => fileWriteAndWaitRange(file, first, last),
  setSize(file, length) {
    return notifyChangeSize(file.inode, length);
  },
};

/**
 * Writes what is dirty of bytes [first, last] and waits until it has arrived; 0, or -EIO once for each open
 * file after a page of the file could not be written. Linux mm/filemap.c:file_write_and_wait_range(),
 * file_check_and_advance_wb_err()
 */
function fileWriteAndWaitRange(file: VfsFile, first: number, last: number): number {
  const { fMapping } = file;
  const [start, end] = [Math.floor(first / PAGE_SIZE), Math.floor(last / PAGE_SIZE)];
  filemapFdatawriteRange(fMapping, start, end);
  filemapFdatawaitRange(fMapping, start, end);
  if (file.fWbErr === fMapping.wbErr) return 0;
  file.fWbErr = fMapping.wbErr;
  return -EIO;
}

/** One file. Linux include/linux/fs.h:struct inode */
export class Inode implements MappingHost {
  readonly sys: MemorySystem;
  readonly fs: FileSystemOps;
  readonly ino: number;
  readonly mapping: AddressSpace;
  /** Who writes its dirty pages. Linux i_wb */
  readonly wb: BdiWriteback | undefined;
  iSize = 0;
  /** Names that lead to it. Linux i_nlink */
  nlink = 1;
  /** Open files that use it. Linux i_count */
  count = 0;
  /** Pages of a file in memory that were promised when it was made. Linux mm/shmem.c:shmem_acct_size() */
  accountedPages = 0;
  /** Swap lies in it: nobody else may write it. Linux S_SWAPFILE */
  isSwapfile = false;
  /** What a file of huge pages has beside (hugetlbfs.ts). Linux HUGETLBFS_I() */
  hugetlb: HugetlbInode<Folio> | undefined = undefined;

  constructor(sys: MemorySystem, fs: FileSystemOps, ino: number) {
    this.sys = sys;
    this.fs = fs;
    this.ino = ino;
    this.wb = fs.wb;
    this.mapping = new AddressSpace(this, fs.aOps(this));
  }

  /** Linux fs/fs-writeback.c:__mark_inode_dirty() */
  markDirty(): void {
    this.fs.markInodeDirty?.(this);
  }

  /** Linux fs/inode.c:inode_add_lru() */
  unpinned(): void {
    this.fs.unpinned?.(this);
  }
}

/**
 * A program wants another size: 0, or -ETXTBSY where swap lies in the file, unless it grows.
 * Linux fs/attr.c:notify_change(ATTR_SIZE), inode_newsize_ok()
 */
export function notifyChangeSize(inode: Inode, newSize: number): number {
  if (inode.isSwapfile && newSize <= inode.iSize) return -ETXTBSY;
  if (inode.fs.setSize !== undefined) return inode.fs.setSize(inode, newSize);
  inodeSetSize(inode, newSize);
  return 0;
}

/** Changes the size: cuts the cache, or makes a hole at the end. Linux fs/ext4/inode.c:ext4_setattr() */
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
  readonly fOp: FileOperations;
  fMode: number;
  /** O_APPEND and such, as open was told. Linux f_flags */
  fFlags = 0;
  fPos = 0;
  refcount = 1;
  fRa: FileRaState;
  /** The mapping's wbErr when the file was opened or last synced. Linux f_wb_err */
  fWbErr: number;
  /** The path it was opened by, in the dentry cache. Linux f_path.dentry */
  fDentry: { dput(): void } | undefined = undefined;
  /** For the owner of fOp. Linux private_data */
  privateData: unknown = undefined;

  constructor(
    inode: Inode,
    name: string,
    fMode: number = FMODE_READ | FMODE_WRITE,
    fOp: FileOperations = pageCacheFileOps,
  ) {
    this.inode = inode;
    this.name = name;
    this.fMode = fMode;
    this.fOp = fOp;
    this.fWbErr = inode.mapping.wbErr;
    this.fRa = new FileRaState(inode.sys.readAheadPages);
    inode.count++;
  }

  /** Its name, and whether that has been taken away since. Linux fs/d_path.c:d_path() */
  get path(): string {
    return this.inode.nlink === 0 ? `${this.name} (deleted)` : this.name;
  }

  get mmapSync(): boolean {
    return this.inode.fs.mmapSync === true;
  }

  /** Number of its device. Linux s_dev */
  get dev(): number {
    return this.inode.fs.dev ?? 0;
  }

  /** Inode number. */
  get ino(): number {
    return this.inode.ino;
  }

  get fMapping(): AddressSpace {
    return this.inode.mapping;
  }

  get thpUnmappedArea(): boolean {
    return (this.fOp.thpUnmappedArea ?? this.inode.fs.thpUnmappedArea) === true;
  }

  get isRegular(): boolean {
    return this.fOp.isRegular !== false;
  }

  /** Linux include/linux/fs.h:can_mmap_file() */
  get canMmap(): boolean {
    return this.fOp.mmapPrepare !== undefined;
  }

  /** Linux file_operations.mmap_prepare */
  mmapPrepare(vma: VmAreaStruct): number {
    return this.fOp.mmapPrepare?.(this, vma) ?? -ENODEV;
  }

  /** Reads into `to` at byte `pos`; bytes read or a negative errno. Linux fs/read_write.c:vfs_read() */
  read(pos: number, to: Uint8Array): number {
    return this.fOp.read?.(this, pos, to) ?? -EINVAL;
  }

  /** Writes `bytes` at byte `pos`; bytes written or a negative errno. Linux fs/read_write.c:kernel_write() */
  write(pos: number, bytes: Uint8Array): number {
    return this.writeIter(pos, new KvecIter(bytes));
  }

  /**
   * Writes what `from` holds at byte `pos`; bytes written or a negative errno.
   * Linux fs/read_write.c:vfs_write()
   */
  writeIter(pos: number, from: IovIter): number {
    return this.fOp.writeIter?.(this, pos, from) ?? -EINVAL;
  }

  /** Linux fs/sync.c:vfs_fsync_range() */
  fsync(first = 0, last = Number.MAX_SAFE_INTEGER): number {
    return this.fOp.fsync?.(this, first, last) ?? -EINVAL;
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
    this.fDentry?.dput();
    this.inode.count--;
    iput(this.inode);
  }
}
