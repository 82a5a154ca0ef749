/**
 * A disk file system that behaves like ext4 as far as memory management can tell.
 *
 *   Inode --blocks--> page number -> block of the disk (a page without one is a hole: zeros)
 *         --mapping-> page cache, folios of up to 2 MiB
 *
 * Blocks are allocated when a dirty folio is written (delayed allocation), so a file that was never synced
 * has none. Cutting a file in the middle of a block zeroes the rest of it in the cache and leaves that page
 * dirty; if it was not in the cache before, it is not valid as a whole afterwards (not PG_uptodate), though
 * its only block is. The first store through a shared mapping calls pageMkwrite, which marks the folio dirty.
 *
 * Left out: journal, directories on disk, extents (a Map of blocks instead), permissions.
 *
 * Read first: inode.ts. Read next: file_tree.ts.
 */
import { PAGE_SIZE } from "../hw/address.js";
import type { BlockDevice, BlockRequest } from "../hw/block_device.js";
import { EINVAL, EIO, EOPNOTSUPP } from "../mm/errno.js";
import { filemapGetFolio, mappingGfpConstraint } from "../mm/filemap/address_space.js";
import { filemapGetFolioCreat } from "../mm/filemap/filemap.js";
import { filemapFault, filemapMapPages, filemapPageMkwrite } from "../mm/filemap/filemap_fault.js";
import { folioWaitLocked } from "../mm/filemap/folio_wait.js";
import type { AddressSpaceOperations } from "../mm/filemap/mapping.js";
import { folioZeroRange } from "../mm/filemap/truncate.js";
import { filemapFdatawriteRange, folioEndWriteback, folioMarkDirty } from "../mm/lru/page_writeback.js";
import { folioMarkAccessed } from "../mm/lru/swap.js";
import { VM_SYNC, type VmAreaStruct, type VmOperationsStruct } from "../mm/mm_types.js";
import { type Folio, folioNrPages, PG_dirty, PG_referenced, PG_uptodate } from "../mm/pages/folio.js";
import { folioPut } from "../mm/pages/free_pages.js";
import { __GFP_FS } from "../mm/pages/gfp.js";
import type { SwapExtent } from "../mm/swap/swap_types.js";
import type { MemorySystem } from "../mm/system.js";
import { taskIoAccountRead } from "../mm/task_io.js";
import { countVmEvents, PGPGIN } from "../mm/vmstat.js";
import { BioQueue, type PageIo } from "./bio.js";
import { BufferHeads } from "./buffer_head.js";
import { Flusher } from "./fs_writeback.js";
import type { FileSystemOps, Inode } from "./inode.js";
import { SuperBlock } from "./super.js";

/**
 * Largest folio order: 2 MiB. Linux fs/ext4/inode.c:EXT4_MAX_PAGECACHE_ORDER, bounded by MAX_PAGECACHE_ORDER
 */
const EXT4_MAX_PAGECACHE_ORDER = 9;

/**
 * In folio.private: its block is valid in it, though the folio is not PG_uptodate.
 * Linux include/linux/buffer_head.h:BH_Uptodate
 */
const BH_UPTODATE = 1;

/** Linux fs/ext4/file.c:ext4_file_vm_ops */
const ext4VmOps: VmOperationsStruct = {
  fault: filemapFault,
  mapPages: filemapMapPages,
  pageMkwrite: filemapPageMkwrite,
};

/** The file system on one disk. Linux fs/ext4/super.c:ext4_fs_type */
export class Ext4 implements FileSystemOps {
  readonly name = "ext4";
  readonly vmOps = ext4VmOps;
  readonly thpUnmappedArea = true;
  readonly mmapSync = true;
  /** 2^32 - 1 blocks of a page. Linux fs/ext4/super.c:ext4_max_size() */
  readonly maxBytes = (2 ** 32 - 1) * PAGE_SIZE;
  private readonly disk: BlockDevice;
  private readonly bios: BioQueue;
  /** Who writes its dirty pages. Linux s_bdi->wb */
  readonly wb: Flusher;
  /** Block of each page of each file. Linux: the extent tree */
  private readonly blocks = new Map<Inode, Map<number, number>>();
  /** Files that still can be reached, by a name or an open file. Linux s_inodes */
  readonly inodes = new Set<Inode>();
  /** Its dentries and inodes in RAM. */
  readonly sb: SuperBlock;
  private readonly buffers: BufferHeads;
  private readonly freeBlocks: number[] = [];
  private nextBlock = 1;

  constructor(sys: MemorySystem, disk: BlockDevice) {
    this.disk = disk;
    this.wb = new Flusher(sys, disk);
    this.bios = new BioQueue(disk, this.wb);
    this.sb = new SuperBlock(sys, "ext4");
    this.buffers = new BufferHeads(sys);
  }

  /**
   * No writes that are durable at once: that takes persistent memory (DAX).
   * Linux fs/ext4/file.c:ext4_file_mmap_prepare()
   */
  mmapPrepare(vma: VmAreaStruct): number {
    return (vma.vmFlags & VM_SYNC) !== 0 ? -EOPNOTSUPP : 0;
  }

  /** Linux fs/ext4/inode.c:ext4_da_aops */
  aOps(inode: Inode): AddressSpaceOperations {
    this.inodes.add(inode);
    return {
      maxFolioOrder: EXT4_MAX_PAGECACHE_ORDER,
      swapBacked: false,
      readFolio: (folio) => {
        this.readFolios(inode, [folio]);
      },
      readahead: (folios) => {
        this.readFolios(inode, folios);
      },
      // What a mapping left behind the old end must not come to light.
      // Linux fs/ext4/inode.c:ext4_da_do_write_end()
      wroteBehindEnd: (oldSize, pos) => {
        this.zeroPartialBlocks(inode, oldSize, pos);
      },
      writeBegin: (folio, from, to) => this.writeBegin(inode, folio, from, to),
      createEmptyBuffers: (folio) => {
        this.buffers.createEmptyBuffers(folio);
      },
      releaseFolio: (folio) => {
        this.buffers.tryToFreeBuffers(folio);
      },
      migrateFolio: (to, from) => {
        this.buffers.migrateBuffers(to, from);
      },
      isHole: (index) => !this.blocksOf(inode).has(index),
      writepages: (folios) => {
        this.writeFolios(inode, folios);
      },
    };
  }

  /**
   * The file's pages on the disk, neighbours together; -EINVAL for a hole.
   * Linux fs/iomap/swapfile.c:iomap_swapfile_activate()
   */
  swapActivate(inode: Inode): SwapExtent[] | number {
    filemapFdatawriteRange(inode.mapping, 0, Number.MAX_SAFE_INTEGER);
    const blocks = this.blocksOf(inode);
    const extents: SwapExtent[] = [];
    for (let page = 0; page < Math.floor(inode.iSize / PAGE_SIZE); page++) {
      const block = blocks.get(page);
      if (block === undefined) return -EINVAL;
      const last = extents.at(-1);
      if (last !== undefined && last.startBlock + last.nrPages === block)
        extents[extents.length - 1] = { ...last, nrPages: last.nrPages + 1 };
      else extents.push({ startPage: page, nrPages: 1, startBlock: block });
    }
    return extents;
  }

  private blocksOf(inode: Inode): Map<number, number> {
    let blocks = this.blocks.get(inode);
    if (blocks === undefined) {
      blocks = new Map();
      this.blocks.set(inode, blocks);
    }
    return blocks;
  }

  /**
   * Sends for the folios' blocks; a folio of holes only is there at once.
   * Linux fs/ext4/readpage.c:ext4_mpage_readpages()
   */
  private readFolios(inode: Inode, folios: readonly Folio[]): void {
    const pages: PageIo[] = [];
    for (const folio of folios) {
      const before = pages.length;
      if (folio.private !== BH_UPTODATE)
        for (let i = 0; i < folioNrPages(folio); i++) this.addPageToRead(pages, inode, folio, i, folio);
      if (pages.length === before) folio.flags |= PG_uptodate;
    }
    this.submitRead(inode, pages);
  }

  private submitRead(inode: Inode, pages: readonly PageIo[]): BlockRequest[] {
    countVmEvents(inode.sys, PGPGIN, pages.length * 4);
    taskIoAccountRead(inode.sys, pages.length * PAGE_SIZE);
    return this.bios.submitRead(inode.sys, pages);
  }

  /** Adds page `i` of the folio to `pages`, for `waiter`, if it has a block; else it becomes zeros. */
  private addPageToRead(
    pages: PageIo[],
    inode: Inode,
    folio: Folio,
    i: number,
    waiter: Folio | undefined,
  ): void {
    const block = this.blocksOf(inode).get(folio.index + i);
    const pfn = folio.pfn + i;
    if (block === undefined) inode.sys.ram.zeroFrame(pfn);
    else pages.push({ block, pfn, folio: waiter });
  }

  /**
   * Reads what a write of bytes [from, to) leaves of the folio's first and last page.
   * Linux fs/ext4/inode.c:ext4_block_write_begin()
   */
  private writeBegin(inode: Inode, folio: Folio, from: number, to: number): number {
    const last = folioNrPages(folio) - 1;
    const pages: PageIo[] = [];
    if (from > 0) this.addPageToRead(pages, inode, folio, 0, undefined);
    if (to < (last + 1) * PAGE_SIZE) this.addPageToRead(pages, inode, folio, last, undefined);
    const requests = this.submitRead(inode, pages);
    inode.sys.sched.waitUntil("io", () => requests.every(({ ended }) => ended));
    return requests.some(({ failed }) => failed) ? -EIO : 0;
  }

  /**
   * Writes folios that are marked as under writeback; one that lies behind the end, which somebody is just
   * cutting off, has nothing to write and is done at once.
   * Linux fs/ext4/inode.c:mpage_submit_folio(), fs/ext4/page-io.c:ext4_bio_write_folio()
   */
  private writeFolios(inode: Inode, folios: readonly Folio[]): void {
    const pages: PageIo[] = [];
    for (const folio of folios) {
      const before = pages.length;
      pages.push(...this.pagesToWrite(inode, folio));
      if (pages.length === before) folioEndWriteback(inode.sys, folio);
    }
    this.bios.submitWrite(inode.sys, pages);
  }

  /**
   * The folio's pages, each with a block of its own now; what lies beyond the end of the file becomes zeros.
   * Linux fs/ext4/page-io.c:ext4_bio_write_folio()
   */
  private pagesToWrite(inode: Inode, folio: Folio): PageIo[] {
    const blocks = this.blocksOf(inode);
    const end = inode.iSize - folio.index * PAGE_SIZE;
    const size = folioNrPages(folio) * PAGE_SIZE;
    if (end < size) folioZeroRange(inode.mapping, folio, Math.max(0, end), size);
    const pages: PageIo[] = [];
    for (let i = 0; i < folioNrPages(folio) && i * PAGE_SIZE < end; i++) {
      const index = folio.index + i;
      const block = blocks.get(index) ?? this.freeBlocks.pop() ?? this.nextBlock++;
      blocks.set(index, block);
      pages.push({ block, pfn: folio.pfn + i, folio });
    }
    return pages;
  }

  /** Linux fs/ext4/inode.c:ext4_setattr(), ext4_truncate() */
  truncated(inode: Inode, oldSize: number): void {
    // What a mapping left beyond the old end must not come to light; nor what lies beyond the new one, later.
    this.blockTruncatePage(inode, Math.min(inode.iSize, oldSize));
    if (inode.iSize > oldSize) return;
    this.freeBlocksFrom(inode, Math.ceil(inode.iSize / PAGE_SIZE), Number.MAX_SAFE_INTEGER);
  }

  /** Zeroes the rest of the block that the new end cuts. Linux fs/ext4/inode.c:ext4_block_truncate_page() */
  private blockTruncatePage(inode: Inode, from: number): void {
    if (from % PAGE_SIZE !== 0) this.blockZeroPageRange(inode, from, Math.ceil(from / PAGE_SIZE) * PAGE_SIZE);
  }

  /**
   * Zeroes bytes [from, to) of one block in the cache, and leaves the folio dirty. A folio that was not there
   * is made; its block is read, but the folio is not marked as valid: it is in the cache, yet not "in core",
   * and fault-around passes it by until somebody reads it. Over a hole there is nothing to zero, but the
   * empty folio stays in the cache, too. Without memory nothing is done, and nobody is told.
   * Linux fs/ext4/inode.c:__ext4_block_zero_page_range()
   */
  private blockZeroPageRange(inode: Inode, from: number, to: number): void {
    const { sys, mapping } = inode;
    const index = Math.floor(from / PAGE_SIZE);
    const wasThere = filemapGetFolio(mapping, index) !== undefined;
    const folio = filemapGetFolioCreat(mapping, index, 0, mappingGfpConstraint(mapping, ~__GFP_FS));
    if (typeof folio === "number") return;
    folioWaitLocked(sys, folio);
    this.buffers.createEmptyBuffers(folio);
    if (wasThere) folioMarkAccessed(sys, folio);
    else folio.flags |= PG_referenced;
    // A dirty page without a block has one reserved already (delayed allocation).
    if (this.blocksOf(inode).has(index) || (folio.flags & PG_dirty) !== 0) {
      if (this.readBuffer(inode, folio) !== 0) {
        folioPut(sys, folio);
        return;
      }
      const start = folio.index * PAGE_SIZE;
      folioZeroRange(mapping, folio, from - start, to - start);
      folioMarkDirty(folio);
    }
    folioPut(sys, folio);
  }

  /** Makes the block behind the folio valid in it; 0 or -EIO. Linux fs/ext4/super.c:ext4_read_bh_lock() */
  private readBuffer(inode: Inode, folio: Folio): number {
    folioWaitLocked(inode.sys, folio);
    if ((folio.flags & PG_uptodate) !== 0 || folio.private === BH_UPTODATE) return 0;
    this.readFolios(inode, [folio]);
    folioWaitLocked(inode.sys, folio);
    if ((folio.flags & PG_uptodate) === 0) return -EIO;
    if (folio.order > 0) return 0;
    folio.flags &= ~PG_uptodate;
    folio.private = BH_UPTODATE;
    return 0;
  }

  /**
   * Zeroes what bytes [start, end) have of blocks that are not in the range as a whole.
   * Linux fs/ext4/inode.c:ext4_zero_partial_blocks()
   */
  private zeroPartialBlocks(inode: Inode, start: number, end: number): void {
    const first = Math.ceil(start / PAGE_SIZE) * PAGE_SIZE;
    const last = Math.floor(end / PAGE_SIZE) * PAGE_SIZE;
    if (last < first) this.blockZeroPageRange(inode, start, end);
    else {
      if (start < first) this.blockZeroPageRange(inode, start, first);
      if (last < end) this.blockZeroPageRange(inode, last, end);
    }
  }

  /** Linux fs/ext4/inode.c:ext4_punch_hole() */
  holePunched(inode: Inode, start: number, wantedEnd: number): void {
    if (start >= inode.iSize) return;
    const end = wantedEnd > inode.iSize ? Math.ceil(inode.iSize / PAGE_SIZE) * PAGE_SIZE : wantedEnd;
    this.zeroPartialBlocks(inode, start, end);
    this.freeBlocksFrom(inode, Math.ceil(start / PAGE_SIZE), Math.floor(end / PAGE_SIZE));
  }

  markInodeDirty(inode: Inode): void {
    this.wb.markInodeDirty(inode);
  }

  unpinned(inode: Inode): void {
    this.sb.icache.unpinned(inode);
  }

  /** Linux fs/ext4/inode.c:ext4_evict_inode() */
  evict(inode: Inode): void {
    this.sb.icache.evict(inode);
    this.wb.forget(inode);
    this.freeBlocksFrom(inode, 0, Number.MAX_SAFE_INTEGER);
    this.blocks.delete(inode);
    this.inodes.delete(inode);
  }

  private freeBlocksFrom(inode: Inode, first: number, end: number): void {
    const blocks = this.blocksOf(inode);
    // The last first, so that the next file gets them in order.
    for (const [index, block] of [...blocks].reverse()) {
      if (index < first || index >= end) continue;
      blocks.delete(index);
      this.disk.discard(block);
      this.freeBlocks.push(block);
    }
  }
}
