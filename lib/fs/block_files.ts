/**
 * Block devices as files: /dev/vda and its like, whose bytes are the blocks.
 *
 *   /dev/vda     the disk that the file system is on
 *   /dev/vdb ... more disks, which swap can lie on
 *   /dev/zram0   compressed memory (mm/swap/zram.ts), once it has a size
 *
 * mkswap writes the first block of one, and swapon reads it (kernel/swap.ts).
 *
 * Differs from Linux: they have no page cache of their own, so what is written is there at once; they cannot
 * be mapped.
 *
 * Linux block/bdev.c, block/fops.c. Read first: inode.ts, hw/block_device.ts. Read next: file_tree.ts.
 */
import { PAGE_SIZE } from "../hw/address.js";
import type { BlockDevice } from "../hw/block_device.js";
import { EBUSY, EEXIST, EFAULT, ENOMEM, ENOSPC, ETXTBSY } from "../mm/errno.js";
import type { IovIter } from "../mm/filemap/filemap.js";
import { copyFromIter } from "../mm/filemap/iov_iter.js";
import { folioPut } from "../mm/pages/free_pages.js";
import { GFP_KERNEL } from "../mm/pages/gfp.js";
import { allocPages } from "../mm/pages/page_alloc.js";
import type { SwapDevice } from "../mm/swap/swap_types.js";
import type { MemorySystem } from "../mm/system.js";
import { O_CREAT, O_EXCL, type PseudoFs } from "./file_tree.js";
import { type FileOperations, type FileSystemOps, Inode, VfsFile } from "./inode.js";

/** Devices have nothing in the page cache. */
const blockFs: FileSystemOps = {
  name: "devtmpfs",
  dev: 6,
  vmOps: {},
  aOps: () => ({ maxFolioOrder: 0, swapBacked: false }),
};

/** A disk that swap can lie on. Linux include/linux/blkdev.h:struct block_device */
export class Disk implements SwapDevice {
  readonly nrBlocks: number;
  /** /sys/block/DEV/queue/rotational */
  rotational: boolean;
  readonly synchronous = false;
  readonly stableWrites = false;
  readonly device: BlockDevice;

  constructor(device: BlockDevice, nrBlocks: number) {
    this.device = device;
    this.nrBlocks = nrBlocks;
    this.rotational = device.model.arm !== undefined;
  }

  discard(block: number, nr: number): void {
    for (let i = block; i < block + nr; i++) this.device.discard(i);
  }
}

/** Does `act` with the bytes of block `nr`, and writes them back if it says so; 0 or a negative errno. */
function withBlock(
  sys: MemorySystem,
  disk: SwapDevice,
  nr: number,
  act: (bytes: Uint8Array) => boolean,
): number {
  if (disk.device !== undefined) {
    const bytes = new Uint8Array(PAGE_SIZE);
    disk.device.read(nr, bytes);
    if (act(bytes)) disk.device.write(nr, bytes);
    return 0;
  }
  const page = allocPages(sys, GFP_KERNEL, 0);
  if (page === undefined) return -ENOMEM;
  let error = disk.readNow!(nr, page.pfn);
  if (error === 0 && act(sys.ram.frame(page.pfn))) error = disk.writeNow!(nr, page.pfn);
  folioPut(sys, page);
  return error;
}

/** Copies bytes of the device from `pos` on, block by block; how many, or a negative errno. */
function eachBlock(
  sys: MemorySystem,
  disk: SwapDevice,
  pos: number,
  count: number,
  act: (block: Uint8Array, done: number) => boolean,
): number {
  const end = Math.min(pos + count, disk.nrBlocks * PAGE_SIZE);
  for (let at = pos; at < end; ) {
    const from = at % PAGE_SIZE;
    const size = Math.min(PAGE_SIZE - from, end - at);
    const done = at - pos;
    const error = withBlock(sys, disk, (at - from) / PAGE_SIZE, (block) =>
      act(block.subarray(from, from + size), done),
    );
    if (error !== 0) return done > 0 ? done : error;
    at += size;
  }
  return Math.max(0, end - pos);
}

/** What reading and writing one device does. Linux block/fops.c:def_blk_fops */
function blockFops(sys: MemorySystem, disk: SwapDevice): FileOperations {
  return {
    isRegular: false,
    read: (_file, pos, to) =>
      eachBlock(sys, disk, pos, to.length, (block, done) => {
        to.set(block, done);
        return false;
      }),
    writeIter({ inode }, pos, from: IovIter) {
      if (inode.isSwapfile) return -ETXTBSY;
      const bytes = new Uint8Array(from.count);
      if (bytes.length === 0) return 0;
      if (pos >= disk.nrBlocks * PAGE_SIZE) return -ENOSPC;
      if (copyFromIter(from, bytes) === 0) return -EFAULT;
      return eachBlock(sys, disk, pos, bytes.length, (block, done) => {
        block.set(bytes.subarray(done, done + block.length));
        return true;
      });
    },
    fsync: () => 0,
  };
}

/** One device file. */
interface BlockFile {
  readonly inode: Inode;
  readonly disk: SwapDevice;
  readonly fops: FileOperations;
}

/** The device files of block devices. Linux drivers/base/devtmpfs.c */
export class BlockFiles implements PseudoFs {
  private readonly sys: MemorySystem;
  private readonly files = new Map<string, BlockFile>();
  /** Devices that somebody has for himself, a file system or swap. Linux bd_holder */
  readonly claimed = new Set<SwapDevice>();

  constructor(sys: MemorySystem) {
    this.sys = sys;
  }

  /** The device appears as /dev/NAME. Linux block/genhd.c:add_disk() */
  add(name: string, disk: SwapDevice): void {
    const inode = new Inode(this.sys, blockFs, this.sys.nextIno++);
    this.sys.disks.set(name, disk);
    this.files.set(`/dev/${name}`, { inode, disk, fops: blockFops(this.sys, disk) });
  }

  /** The file at `path`; that of a disk which has just come appears now. */
  private find(path: string): BlockFile | undefined {
    const name = path.slice("/dev/".length);
    const disk = this.sys.disks.get(name);
    if (disk !== undefined && path === `/dev/${name}` && !this.files.has(path)) this.add(name, disk);
    return this.files.get(path);
  }

  /** The device at `path`, or undefined. */
  at(path: string): SwapDevice | undefined {
    return this.find(path)?.disk;
  }

  /** Paths of the devices. */
  paths(): string[] {
    return [...this.files.keys()];
  }

  open(path: string, flags: number, fMode: number): VfsFile | number | undefined {
    const found = this.find(path);
    if (found === undefined) return undefined;
    const exclusive = (flags & O_EXCL) !== 0;
    if (exclusive && (flags & O_CREAT) !== 0) return -EEXIST;
    if (exclusive && this.claimed.has(found.disk)) return -EBUSY;
    const file = new VfsFile(found.inode, path, fMode, found.fops);
    file.privateData = found.disk;
    return file;
  }
}

/** Several file systems on one folder: the first that knows the path has it. Not in Linux. */
export class Overlay implements PseudoFs {
  constructor(private readonly layers: readonly PseudoFs[]) {}

  open(path: string, flags: number, fMode: number): VfsFile | number | undefined {
    for (const layer of this.layers) {
      const file = layer.open(path, flags, fMode);
      if (file !== undefined) return file;
    }
    return undefined;
  }
}
