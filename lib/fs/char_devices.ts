/**
 * The memory devices: files that are no bytes on a disk but a behaviour.
 *
 *   /dev/null      reads nothing, swallows what is written
 *   /dev/zero      reads zeros, swallows; can be mapped:
 *                    MAP_PRIVATE   anonymous memory, which maps shows with the device's name
 *                    MAP_SHARED    shared memory of its own, as MAP_SHARED | MAP_ANONYMOUS makes it
 *   /dev/full      reads zeros, refuses every write with ENOSPC
 *   /dev/random, /dev/urandom   random bytes; what is written stirs the generator
 *
 * Mapping /dev/zero was how programs got anonymous memory before MAP_ANONYMOUS; the kernel still makes the
 * latter out of the former, which is why a shared anonymous mapping is called "/dev/zero (deleted)".
 *
 * Differs from Linux: the random bytes come from a seeded generator, so that a run is the same on every
 * computer. They cannot be unlinked.
 *
 * Linux drivers/char/mem.c, drivers/char/random.c. Read first: inode.ts. Read next: file_tree.ts.
 */
import { Random } from "../hw/random.js";
import { EEXIST, EFAULT, ENOSPC } from "../mm/errno.js";
import type { IovIter } from "../mm/filemap/filemap.js";
import { copyFromIter } from "../mm/filemap/iov_iter.js";
import type { AddressSpaceOperations } from "../mm/filemap/mapping.js";
import { shmemZeroSetup } from "../mm/filemap/shmem.js";
import { VM_SHARED } from "../mm/mm_types.js";
import type { MemorySystem } from "../mm/system.js";
import { O_CREAT, O_EXCL, type PseudoFs } from "./file_tree.js";
import { type FileOperations, type FileSystemOps, Inode, VfsFile } from "./inode.js";

/** Seed of every machine's /dev/random. */
const SEED = 618;

/** A device has nothing in the page cache. */
const noAops: AddressSpaceOperations = { maxFolioOrder: 0, swapBacked: false };

/** Where the device files lie. Linux drivers/base/devtmpfs.c */
const devtmpfs: FileSystemOps = { name: "devtmpfs", dev: 6, vmOps: {}, aOps: () => noAops };

/**
 * The position of a device is always 0. Linux drivers/char/mem.c:null_lseek(), fs/read_write.c:noop_llseek()
 */
function nullLseek(file: VfsFile): number {
  file.fPos = 0;
  return 0;
}

/** Linux drivers/char/mem.c:write_iter_null() */
function writeIterNull(_file: VfsFile, _pos: number, from: IovIter): number {
  const { count } = from;
  from.advance(count);
  return count;
}

/** Linux drivers/char/mem.c:read_iter_zero() */
function readIterZero(_file: VfsFile, _pos: number, to: Uint8Array): number {
  to.fill(0);
  return to.length;
}

const nullFops: FileOperations = {
  isRegular: false,
  llseek: nullLseek,
  read: () => 0,
  writeIter: writeIterNull,
  writeKeepsPos: true,
};

const zeroFops: FileOperations = {
  isRegular: false,
  llseek: nullLseek,
  read: readIterZero,
  writeIter: writeIterNull,
  writeKeepsPos: true,
  /** Without vmOps the mapping is anonymous memory. Linux drivers/char/mem.c:mmap_zero() */
  mmapPrepare: (_file, vma) => ((vma.vmFlags & VM_SHARED) !== 0 ? shmemZeroSetup(vma) : 0),
  thpUnmappedArea: true,
};

const fullFops: FileOperations = {
  isRegular: false,
  llseek: nullLseek,
  read: readIterZero,
  writeIter: () => -ENOSPC,
  writeKeepsPos: true,
};

/** All device files of a machine. Linux drivers/char/mem.c:devlist */
export class CharDevices implements PseudoFs {
  private readonly devices: ReadonlyMap<string, { inode: Inode; fops: FileOperations }>;
  /** The source of random bytes. Linux drivers/char/random.c:base_crng */
  private random = new Random(SEED);

  constructor(sys: MemorySystem) {
    const randomFops: FileOperations = {
      isRegular: false,
      llseek: nullLseek,
      read: (_file, _pos, to) => this.getRandomBytes(to),
      writeIter: (_file, _pos, from) => this.writePool(from),
      writeKeepsPos: true,
    };
    // Inode numbers as devtmpfs gives them at boot.
    const list: [string, number, FileOperations][] = [
      ["null", 3, nullFops],
      ["zero", 4, zeroFops],
      ["full", 5, fullFops],
      ["random", 6, randomFops],
      ["urandom", 7, randomFops],
    ];
    this.devices = new Map(
      list.map(([name, ino, fops]) => [`/dev/${name}`, { inode: new Inode(sys, devtmpfs, ino), fops }]),
    );
  }

  /** Paths of the devices. */
  paths(): string[] {
    return [...this.devices.keys()];
  }

  open(path: string, flags: number, fMode: number): VfsFile | number | undefined {
    const device = this.devices.get(path);
    if (device === undefined) return undefined;
    if ((flags & (O_CREAT | O_EXCL)) === (O_CREAT | O_EXCL)) return -EEXIST;
    return new VfsFile(device.inode, path, fMode, device.fops);
  }

  /** Linux drivers/char/random.c:get_random_bytes_user() */
  private getRandomBytes(to: Uint8Array): number {
    for (let i = 0; i < to.length; i += 4) {
      let word = this.random.u32();
      for (let j = i; j < Math.min(i + 4, to.length); j++) {
        to[j] = word & 0xff;
        word >>>= 8;
      }
    }
    return to.length;
  }

  /** What is written changes what is read next. Linux drivers/char/random.c:write_pool_user() */
  private writePool(from: IovIter): number {
    const bytes = new Uint8Array(from.count);
    const done = copyFromIter(from, bytes);
    if (done === 0 && bytes.length > 0) return -EFAULT;
    let seed = this.random.u32();
    for (const byte of bytes.subarray(0, done)) seed = Math.imul(seed ^ byte, 0x0100_0193);
    this.random = new Random(seed);
    return done;
  }
}
