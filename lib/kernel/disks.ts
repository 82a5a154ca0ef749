/**
 * The disks of a machine: the one that its files are on, and those that swap lies on.
 *
 * Linux block/genhd.c. Read first: fs/block_files.ts. Read next: swap.ts.
 */
import { BlockFiles, Disk, Overlay } from "../fs/block_files.js";
import { CharDevices } from "../fs/char_devices.js";
import type { FileTree } from "../fs/file_tree.js";
import type { VfsFile } from "../fs/inode.js";
import type { SwapInfoStruct } from "../mm/swap/swap_types.js";
import type { MemorySystem } from "../mm/system.js";
import type { Task } from "./task.js";

/** Blocks of the disk that the file system is on: 512 GiB. */
const ROOT_BLOCKS = 2 ** 27;

/** The disks of one machine. Not in Linux: all gendisks, and swap_info. */
export class Disks {
  /** The disk that the file system is on. */
  readonly root: Disk;
  /** All of them, as files. */
  readonly files: BlockFiles;
  /** The open file of each swap area. Linux swap_info_struct.swap_file */
  readonly swapFiles = new Map<SwapInfoStruct, VfsFile>();

  /** Mounts /dev. Linux drivers/base/devtmpfs.c:devtmpfs_init() */
  constructor(sys: MemorySystem, tree: FileTree) {
    this.root = new Disk(tree.disk, ROOT_BLOCKS);
    this.files = new BlockFiles(sys);
    tree.mounts.set("/dev", new Overlay([new CharDevices(sys), this.files]));
  }
}

/** What swapon and swapoff need of the kernel. */
export interface SwapKernel {
  readonly sys: MemorySystem;
  readonly files: FileTree;
  readonly tasks: ReadonlyMap<number, Task>;
  readonly disks: Disks;
  /** Makes the task current. */
  enter(task: Task): object;
}
