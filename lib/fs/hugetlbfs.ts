/**
 * hugetlbfs: files that consist of huge pages of a pool.
 *
 *   mmap(MAP_ANONYMOUS | MAP_HUGETLB)      a file "/anon_hugepage (deleted)" without a name, one for each mapping
 *   memfd_create(name, MFD_HUGETLB)        the same, with a descriptor
 *   mount -t hugetlbfs -o size=8M none /mnt/huge      files with names, which live until they are unlinked
 *
 * Such a file can be mapped, cut, preallocated (fallocate) and read, but not written to: write is EINVAL. Its
 * size is whole huge pages, and so are all mappings of it: mmap rounds the length up, an offset inside a huge
 * page is EINVAL, and a mapping cannot be cut inside one. Mapped writably beyond its end it grows.
 *
 * The size of the pages is 2 MiB unless MAP_HUGE_1GB (log2 of the size, in bits 26 to 31 of the flags) or the
 * mount says otherwise.
 *
 * Left out: owner, mode and number of files of a mount; seals.
 *
 * Linux fs/hugetlbfs/inode.c; man 2 mmap, memfd_create. Read first: mm/hugetlb/hstate.ts, inode.ts.
 */
import { PAGE_SIZE } from "../hw/address.js";
import { EEXIST, EINVAL, ENOENT, ENOMEM } from "../mm/errno.js";
import { allocHugetlbFolio } from "../mm/hugetlb/alloc_hugetlb_folio.js";
import type { Hstate } from "../mm/hugetlb/hstate.js";
import {
  hugetlbAddToPageCache,
  hugetlbPunchHole,
  hugetlbVmtruncate,
  removeInodeHugepages,
} from "../mm/hugetlb/hugetlb_cache.js";
import { folioZeroUser } from "../mm/hugetlb/hugetlb_fault.js";
import { hugetlbfsFileMmap, hugetlbVmOps } from "../mm/hugetlb/hugetlb_vm_ops.js";
import { hugetlbAcctMemory } from "../mm/hugetlb/pool.js";
import { ResvMap } from "../mm/hugetlb/resv_map.js";
import { hugepageNewSubpool, type Subpool } from "../mm/hugetlb/subpool.js";
import { type MmStruct, VM_HUGETLB, VM_MAYSHARE, VM_SHARED, VmAreaStruct } from "../mm/mm_types.js";
import { type Folio, PG_uptodate } from "../mm/pages/folio.js";
import { folioPut } from "../mm/pages/free_pages.js";
import type { MemorySystem } from "../mm/system.js";
import { O_CREAT, O_EXCL, O_TRUNC, type PseudoFs } from "./file_tree.js";
import { type FileOperations, type FileSystemOps, Inode, iput, notifyChangeSize, VfsFile } from "./inode.js";

/** Bytes of the file from `pos` on; holes are zeros. Linux fs/hugetlbfs/inode.c:hugetlbfs_read_iter() */
function hugetlbfsRead({ inode }: VfsFile, pos: number, to: Uint8Array): number {
  const { h, folios } = inode.hugetlb!;
  const length = Math.max(0, Math.min(to.length, inode.iSize - pos));
  for (let done = 0; done < length; ) {
    const at = pos + done;
    const offset = at % h.hugePageSize;
    const nr = Math.min(length - done, PAGE_SIZE - (at % PAGE_SIZE));
    const folio = folios.get(Math.floor(at / h.hugePageSize));
    if (folio === undefined) to.fill(0, done, done + nr);
    else {
      const frame = inode.sys.ram.frame(folio.pfn + Math.floor(offset / PAGE_SIZE));
      to.set(frame.subarray(offset % PAGE_SIZE, (offset % PAGE_SIZE) + nr), done);
    }
    done += nr;
  }
  return length;
}

/** One more page of the file, zeroed; 0 or a negative errno. */
function allocatePage(file: VfsFile, mm: MmStruct, index: number): number {
  const { sys, mapping, hugetlb } = file.inode;
  if (hugetlb!.folios.has(index)) return 0;
  const pseudo = new VmAreaStruct(mm);
  pseudo.vmFlags = VM_HUGETLB | VM_MAYSHARE | VM_SHARED;
  pseudo.vmFile = file;
  const folio = allocHugetlbFolio(pseudo, index * hugetlb!.h.hugePageSize, false);
  if (typeof folio === "number") return folio;
  folioZeroUser(sys, folio);
  folio.flags |= PG_uptodate;
  hugetlbAddToPageCache(folio, mapping, index);
  folioPut(sys, folio);
  return 0;
}

/**
 * Makes sure that the pages of [offset, offset + len) are there; 0, or -ENOSPC with what could be had.
 * Linux fs/hugetlbfs/inode.c:hugetlbfs_fallocate()
 */
function hugetlbfsFallocate(
  file: VfsFile,
  mm: MmStruct,
  keepSize: boolean,
  offset: number,
  len: number,
): number {
  const { inode } = file;
  const { hugePageSize } = inode.hugetlb!.h;
  const end = Math.ceil((offset + len) / hugePageSize);
  for (let index = Math.floor(offset / hugePageSize); index < end; index++) {
    const err = allocatePage(file, mm, index);
    if (err !== 0) return err;
  }
  if (!keepSize) inode.iSize = Math.max(inode.iSize, offset + len);
  return 0;
}

/** Linux fs/hugetlbfs/inode.c:hugetlbfs_file_operations */
const hugetlbfsFileOps: FileOperations = {
  read: hugetlbfsRead,
  mmapPrepare: (_file, vma) => hugetlbfsFileMmap(vma),
  fallocate: hugetlbfsFallocate,
  fsync: () => 0,
  setSize: ({ inode }, length) => notifyChangeSize(inode, length),
};

/** Linux fs/hugetlbfs/inode.c:hugetlbfs_fs_type */
const hugetlbFs: FileSystemOps = {
  name: "hugetlbfs",
  vmOps: hugetlbVmOps,
  aOps: () => ({ maxFolioOrder: 0, swapBacked: false }),
  /** Linux fs/hugetlbfs/inode.c:hugetlbfs_setattr() */
  setSize({ mapping, hugetlb }, size) {
    if (size % hugetlb!.h.hugePageSize !== 0) return -EINVAL;
    hugetlbVmtruncate(mapping, size);
    return 0;
  },
  /** Linux fs/hugetlbfs/inode.c:hugetlbfs_evict_inode() */
  evict(inode) {
    removeInodeHugepages(inode.mapping, 0, Number.POSITIVE_INFINITY);
    inode.sys.hugetlb.inodes.delete(inode.hugetlb!);
  },
};

/** An open file of huge pages. Linux include/linux/hugetlb.h:is_file_hugepages() */
class HugetlbFile extends VfsFile {
  constructor(inode: Inode, name: string, fMode?: number) {
    super(inode, name, fMode, hugetlbfsFileOps);
  }

  get hugePageSize(): number {
    return this.inode.hugetlb!.h.hugePageSize;
  }

  /** Linux fs/hugetlbfs/inode.c:hugetlbfs_punch_hole() */
  override punchHole(offset: number, len: number): number {
    hugetlbPunchHole(this.fMapping, offset, len);
    return 0;
  }
}

/** A new, empty file. Linux fs/hugetlbfs/inode.c:hugetlbfs_get_inode() */
function hugetlbfsGetInode(sys: MemorySystem, h: Hstate<Folio>, spool: Subpool | undefined): Inode {
  const inode = new Inode(sys, hugetlbFs, sys.nextIno++);
  inode.hugetlb = { h, resvMap: new ResvMap(), spool, folios: new Map() };
  sys.hugetlb.inodes.add(inode.hugetlb);
  return inode;
}

/**
 * A file of `size` bytes without a name in the tree, in pages of pool `h`. Nothing is promised before it is
 * mapped. Linux fs/hugetlbfs/inode.c:hugetlb_file_setup()
 */
export function hugetlbFileSetup(sys: MemorySystem, name: string, size: number, h: Hstate<Folio>): VfsFile {
  const inode = hugetlbfsGetInode(sys, h, undefined);
  inode.nlink = 0;
  inode.iSize = size;
  return new HugetlbFile(inode, `/${name}`);
}

/** A mounted hugetlbfs: files by path. Linux fs/hugetlbfs/inode.c:hugetlbfs_fill_super() */
class HugetlbfsMount implements PseudoFs {
  private readonly inodes = new Map<string, Inode>();

  constructor(
    private readonly sys: MemorySystem,
    private readonly h: Hstate<Folio>,
    private readonly spool: Subpool | undefined,
  ) {}

  open(path: string, flags: number, fMode: number): VfsFile | number {
    let inode = this.inodes.get(path);
    if (inode === undefined) {
      if ((flags & O_CREAT) === 0) return -ENOENT;
      inode = hugetlbfsGetInode(this.sys, this.h, this.spool);
      this.inodes.set(path, inode);
    } else if ((flags & (O_CREAT | O_EXCL)) === (O_CREAT | O_EXCL)) return -EEXIST;
    if ((flags & O_TRUNC) !== 0) hugetlbVmtruncate(inode.mapping, 0);
    return new HugetlbFile(inode, path, fMode);
  }

  unlink(path: string): number {
    const inode = this.inodes.get(path);
    if (inode === undefined) return -ENOENT;
    this.inodes.delete(path);
    inode.nlink--;
    iput(inode);
    return 0;
  }

  /** The file at a path. */
  lookup(path: string): Inode | undefined {
    return this.inodes.get(path);
  }
}

/**
 * A mount with pages of pool `h`, at most `maxPages` of them (-1: no limit), and `minPages` promised to it
 * (-1: none); or -ENOMEM. Linux fs/hugetlbfs/inode.c:hugetlbfs_fill_super(),
 * mm/hugetlb.c:hugepage_new_subpool()
 */
export function hugetlbfsFillSuper(
  sys: MemorySystem,
  h: Hstate<Folio>,
  maxPages = -1,
  minPages = -1,
): PseudoFs | number {
  if (maxPages === -1 && minPages === -1) return new HugetlbfsMount(sys, h, undefined);
  if (minPages !== -1 && hugetlbAcctMemory(sys, h, minPages) < 0) return -ENOMEM;
  const spool = hugepageNewSubpool(maxPages, minPages);
  sys.hugetlb.subpools.set(spool, h);
  return new HugetlbfsMount(sys, h, spool);
}
