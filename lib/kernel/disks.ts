/**
 * The disks that a machine has, as files below /dev.
 *
 *   /dev/vda     its files are on it: nobody else may have it
 *   /dev/vdb     more of them, for swap (swap_disks.ts)
 *   /dev/zram0   compressed memory, of no size before it is given one
 *
 * Linux block/genhd.c, drivers/base/devtmpfs.c. Read first: fs/block_files.ts. Read next: swap.ts.
 */
import { BlockFiles, Disk, Overlay } from "../fs/block_files.js";
import { CharDevices } from "../fs/char_devices.js";
import type { FileTree } from "../fs/file_tree.js";
import type { VfsFile } from "../fs/inode.js";
import type { SwapInfoStruct } from "../mm/swap/swap_types.js";
import { zramDevice } from "../mm/swap/zram.js";
import type { MemorySystem } from "../mm/system.js";

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
    this.files.add("vda", this.root);
    this.files.claimed.add(this.root);
    this.files.add("zram0", zramDevice(sys));
  }
}
