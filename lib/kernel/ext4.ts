/**
 * A disk file system that behaves like ext4 as far as memory management can tell.
 *
 *   Inode --blocks--> page number -> block of the disk (a page without one is a hole: zeros)
 *         --mapping-> page cache, folios of up to 2 MiB
 *
 * Blocks are allocated when a dirty folio is written (delayed allocation), so a file that was never synced has none. Cutting a
 * file in the middle of a block zeroes the rest of it in the cache and leaves that page dirty. The first store through a shared
 * mapping calls pageMkwrite, which marks the folio dirty.
 *
 * Left out: journal, directories on disk, extents (a Map of blocks instead), permissions.
 *
 * Read first: mm/inode.ts. Read next: fs.ts.
 */
import type { Disk } from "../hw/disk.js";
import type { AddressSpaceOperations } from "../mm/address_space.js";
import { filemapGetFolio } from "../mm/address_space.js";
import { filemapGetFolioCreat, filemapReadFolio } from "../mm/filemap.js";
import { filemapFault, filemapMapPages, filemapPageMkwrite } from "../mm/filemap_fault.js";
import { type Folio, folioNrPages, PG_dirty, PG_uptodate } from "../mm/folio.js";
import type { FileSystemOps, Inode } from "../mm/inode.js";
import type { VmOperationsStruct } from "../mm/mm_types.js";
import { folioPut } from "../mm/page_alloc.js";
import { folioMarkDirty } from "../mm/page_writeback.js";
import { folioZeroRange } from "../mm/truncate.js";
import { countVmEvents, PGPGIN } from "../mm/vmstat.js";

/** Largest folio order: 2 MiB. Linux fs/ext4/inode.c:EXT4_MAX_PAGECACHE_ORDER, bounded by MAX_PAGECACHE_ORDER */
const EXT4_MAX_PAGECACHE_ORDER = 9;

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
  private readonly disk: Disk;
  /** Block of each page of each file. Linux: the extent tree */
  private readonly blocks = new Map<Inode, Map<number, number>>();
  /** Files that still can be reached, by a name or an open file. Linux s_inodes */
  readonly inodes = new Set<Inode>();
  private readonly freeBlocks: number[] = [];
  private nextBlock = 1;

  constructor(disk: Disk) {
    this.disk = disk;
  }

  /** Linux fs/ext4/inode.c:ext4_da_aops */
  aOps(inode: Inode): AddressSpaceOperations {
    this.inodes.add(inode);
    return {
      maxFolioOrder: EXT4_MAX_PAGECACHE_ORDER,
      swapBacked: false,
      readFolio: (folio) => this.readFolios(inode, [folio]),
      readahead: (folios) => {
        this.readFolios(inode, folios);
      },
      // What a mapping left behind the old end must not come to light. Linux fs/ext4/file.c:ext4_write_checks()
      writeBehindEnd: (oldSize) => {
        this.blockTruncatePage(inode, oldSize);
      },
      isHole: (index) => !this.blocksOf(inode).has(index),
      writeFolio: (folio) => this.writeFolio(inode, folio),
    };
  }

  private blocksOf(inode: Inode): Map<number, number> {
    let blocks = this.blocks.get(inode);
    if (blocks === undefined) {
      blocks = new Map();
      this.blocks.set(inode, blocks);
    }
    return blocks;
  }

  /** Fills a run of folios in one request; holes take none. Linux fs/ext4/readpage.c:ext4_mpage_readpages() */
  private readFolios(inode: Inode, folios: readonly Folio[]): number {
    const blocks = this.blocksOf(inode);
    const { ram } = inode.sys;
    let nrBlocks = 0;
    for (const folio of folios) {
      for (let i = 0; i < folioNrPages(folio); i++) {
        const block = blocks.get(folio.index + i);
        if (block === undefined) {
          ram.zeroFrame(folio.pfn + i);
          continue;
        }
        this.disk.read(block, ram.frame(folio.pfn + i));
        nrBlocks++;
      }
      folio.flags |= PG_uptodate;
    }
    if (nrBlocks > 0) this.disk.startRead(nrBlocks);
    countVmEvents(inode.sys, PGPGIN, nrBlocks * 4);
    return 0;
  }

  /** Sends a folio to the disk, what lies beyond the end of the file as zeros. Linux fs/ext4/page-io.c:ext4_bio_write_folio() */
  private writeFolio(inode: Inode, folio: Folio): number {
    const blocks = this.blocksOf(inode);
    const { ram } = inode.sys;
    const end = inode.iSize - folio.index * 4096;
    const size = folioNrPages(folio) * 4096;
    if (end < size) folioZeroRange(inode.mapping, folio, Math.max(0, end), size);
    let nrBlocks = 0;
    for (let i = 0; i < folioNrPages(folio) && i * 4096 < end; i++) {
      const index = folio.index + i;
      const block = blocks.get(index) ?? this.freeBlocks.pop() ?? this.nextBlock++;
      blocks.set(index, block);
      this.disk.write(block, ram.frame(folio.pfn + i));
      nrBlocks++;
    }
    this.disk.startWrite(nrBlocks);
    return 0;
  }

  /** Linux fs/ext4/inode.c:ext4_truncate() */
  truncated(inode: Inode, oldSize: number): void {
    if (inode.iSize > oldSize) this.blockTruncatePage(inode, oldSize); // what a mapping left beyond the old end
    if (inode.iSize >= oldSize) return;
    this.blockTruncatePage(inode, inode.iSize);
    this.freeBlocksFrom(inode, Math.ceil(inode.iSize / 4096), Number.MAX_SAFE_INTEGER);
  }

  /** Zeroes the rest of the block that the new end cuts. Linux fs/ext4/inode.c:ext4_block_truncate_page() */
  private blockTruncatePage(inode: Inode, from: number): void {
    if (from % 4096 === 0) return;
    const index = Math.floor(from / 4096);
    const present = filemapGetFolio(inode.mapping, index);
    // A hole needs no zeros; a dirty page has its block reserved already (delayed allocation).
    if (!this.blocksOf(inode).has(index) && (present === undefined || (present.flags & PG_dirty) === 0))
      return;
    const folio = filemapGetFolioCreat(inode.mapping, index, 0);
    if (folio === undefined) return;
    if ((folio.flags & PG_uptodate) === 0) filemapReadFolio(inode.mapping, folio);
    const offset = from - folio.index * 4096;
    folioZeroRange(inode.mapping, folio, offset, Math.ceil(offset / 4096) * 4096);
    folioMarkDirty(folio);
    folioPut(inode.sys, folio);
  }

  /** Linux fs/ext4/inode.c:ext4_punch_hole() */
  holePunched(inode: Inode, start: number, end: number): void {
    this.freeBlocksFrom(inode, Math.ceil(start / 4096), Math.floor(end / 4096));
  }

  /** Linux fs/ext4/inode.c:ext4_evict_inode() */
  evict(inode: Inode): void {
    this.freeBlocksFrom(inode, 0, Number.MAX_SAFE_INTEGER);
    this.blocks.delete(inode);
    this.inodes.delete(inode);
  }

  private freeBlocksFrom(inode: Inode, first: number, end: number): void {
    const blocks = this.blocksOf(inode);
    for (const [index, block] of blocks) {
      if (index < first || index >= end) continue;
      blocks.delete(index);
      this.disk.discard(block);
      this.freeBlocks.push(block);
    }
  }
}
