/**
 * zram: a block device whose blocks lie in RAM, compressed. Swap on it trades processor time for memory.
 *
 *   write block 7                                                 mm_stat
 *     the same 8 bytes again and again?  keep those 8 bytes       same_pages + 1, no memory
 *     compress (lz4.ts)
 *       3625 bytes or more               a frame of its own       huge_pages + 1, nothing gained
 *       less                             an object (zsmalloc.ts)  compr_data_size + its length
 *     pool larger than mem_limit?        -ENOMEM: the write fails, and the page stays in memory, dirty
 *
 *   read block 7: those 8 bytes, the frame or the object again; zeros where nothing was written
 *
 * It is done when it returns (synchronous), so a page is read straight into the process, without swap cache
 * and readahead. Nothing may change in a page while it is written (stable writes): what was compressed must
 * be what the page says.
 *
 * `disksize` is what fits in uncompressed, and is not reserved. Whether it pays is seen in mm_stat:
 * orig_data_size against mem_used_total. A slot of swap that is freed gives its memory back at once
 * (slotFreeNotify); other blocks are discarded.
 *
 * Differs from Linux: the table of blocks takes no frames (24 bytes for each of disksize there). One
 * algorithm, lz4: it is the default of the recorded kernel, which has no LZO; elsewhere the default is
 * lzo-rle, which packs most pages a few percent tighter, so compr_data_size and mem_used_total are different
 * there.
 * Left out: several algorithms, recompression, idle pages, a device behind it (writeback).
 *
 * Linux drivers/block/zram/zram_drv.c. Read first: lz4.ts, zsmalloc.ts. Read next: kernel/sysfs_zram.ts.
 */
import type { Pfn } from "../../hw/address.js";
import { PAGE_SIZE } from "../../hw/address.js";
import { EBUSY, EINVAL, EIO, ENOMEM } from "../errno.js";
import { vmBugOn } from "../mmdebug.js";
import { __GFP_HIGHMEM, __GFP_MOVABLE, __GFP_NOWARN, GFP_NOIO } from "../pages/gfp.js";
import type { MemorySystem } from "../system.js";
import { kmapLocalRead, kmapLocalWrite } from "./highmem.js";
import { lz4Compress, lz4Decompress, newLz4Table } from "./lz4.js";
import type { SwapDevice } from "./swap_types.js";
import { zsCompact, zsCreatePool, zsDestroyPool } from "./zs_compact.js";
import {
  zsFree,
  zsGetTotalPages,
  zsHugeClassSize,
  zsMalloc,
  zsObjReadBegin,
  zsObjWrite,
} from "./zsmalloc.js";
import type { ZsPool } from "./zsmalloc_types.js";

/** Bytes of the table for each block in Linux: an address, flags, a time. Linux struct zram_table_entry */
const TABLE_ENTRY_BYTES = 24;
/** Algorithms that it has, the default first. Linux drivers/block/zram/zcomp.c:backends */
const BACKENDS: readonly string[] = ["lz4"];
const WORDS = PAGE_SIZE / 4;

/** What is kept of a block. Linux drivers/block/zram/zram_drv.h:struct zram_table_entry */
interface ZramTableEntry {
  /** Of the object; 0: the page is the 8 bytes `lo`, `hi` again and again. */
  readonly handle: number;
  /** Bytes of the object; a page: not compressed. */
  readonly size: number;
  readonly lo: number;
  readonly hi: number;
}

/** What /sys/block/zram0/mm_stat and io_stat show. Linux drivers/block/zram/zram_drv.h:struct zram_stats */
interface ZramStats {
  /** Bytes of all objects. */
  comprDataSize: number;
  /** Blocks that have something. */
  pagesStored: number;
  samePages: number;
  hugePages: number;
  /** Huge pages ever. */
  hugePagesSince: number;
  /** Frames of the pool at most. */
  maxUsedPages: number;
  failedReads: number;
  failedWrites: number;
  /** Blocks that were freed because nobody needed them. */
  notifyFree: number;
}

function newStats(): ZramStats {
  const sizes = { comprDataSize: 0, pagesStored: 0, samePages: 0, hugePages: 0, hugePagesSince: 0 };
  return { ...sizes, maxUsedPages: 0, failedReads: 0, failedWrites: 0, notifyFree: 0 };
}

/** One device. Linux drivers/block/zram/zram_drv.h:struct zram */
export class Zram implements SwapDevice {
  readonly name: string;
  readonly rotational = false;
  readonly synchronous = true;
  readonly stableWrites = true;
  /** Bytes that fit in, uncompressed; 0 until it is set up. */
  disksize = 0;
  /** Frames that the pool may take, 0: any number. */
  limitPages = 0;
  compAlgorithm = BACKENDS[0]!;
  stats: ZramStats = newStats();
  private readonly sys: MemorySystem;
  private readonly table = new Map<number, ZramTableEntry>();
  private pool: ZsPool | undefined = undefined;
  /** What a page is compressed into: never more than two. Linux struct zcomp_strm */
  private readonly buffer = new Uint8Array(2 * PAGE_SIZE);
  private readonly workmem = newLz4Table();
  private streamTaken = false;

  constructor(sys: MemorySystem, name: string) {
    this.sys = sys;
    this.name = name;
  }

  get nrBlocks(): number {
    return this.disksize / PAGE_SIZE;
  }

  // -------------------------------------------------------------- settings

  /**
   * Sets the device up for `bytes`, whole pages; 0, -EINVAL, -EBUSY if it is, -ENOMEM. Linux disksize_store()
   */
  setDisksize(bytes: number): number {
    if (bytes === 0) return -EINVAL;
    if (this.pool !== undefined) return -EBUSY;
    const nrBlocks = Math.ceil(bytes / PAGE_SIZE);
    if ((nrBlocks * TABLE_ENTRY_BYTES) / PAGE_SIZE > this.sys.totalramPages) return -ENOMEM;
    this.pool = zsCreatePool(this.sys, this.name);
    this.disksize = nrBlocks * PAGE_SIZE;
    return 0;
  }

  /** Chooses how to compress, before it is set up; 0, -EINVAL, -EBUSY. Linux __comp_algorithm_store() */
  setCompAlgorithm(name: string): number {
    if (!BACKENDS.includes(name)) return -EINVAL;
    if (this.pool !== undefined) return -EBUSY;
    this.compAlgorithm = name;
    return 0;
  }

  /** The algorithms, the chosen one in brackets. Linux drivers/block/zram/zcomp.c:zcomp_available_show() */
  get algorithms(): string {
    return BACKENDS.map((name) => (name === this.compAlgorithm ? `[${name}] ` : `${name} `)).join("");
  }

  /** mem_used_max begins anew with what is used now. Linux mem_used_max_store() */
  resetUsedMax(): void {
    if (this.pool !== undefined) this.stats.maxUsedPages = zsGetTotalPages(this.pool);
  }

  /** Moves objects together; 0, -EINVAL if it is not set up. Linux compact_store() */
  compact(): number {
    if (this.pool === undefined) return -EINVAL;
    zsCompact(this.sys, this.pool);
    return 0;
  }

  /**
   * Gives everything up, as it was before it was set up; 0, -EBUSY while swap lies on it. Linux reset_store()
   */
  reset(): number {
    if (this.sys.swap.swapInfo.some((si) => si?.bdev === this)) return -EBUSY;
    for (const block of [...this.table.keys()]) this.freePage(block);
    if (this.pool !== undefined) zsDestroyPool(this.sys, this.pool);
    this.pool = undefined;
    this.disksize = 0;
    this.limitPages = 0;
    this.compAlgorithm = BACKENDS[0]!;
    this.stats = newStats();
    return 0;
  }

  /** Frames that the blocks take now. Linux zs_get_total_pages() */
  get memUsedPages(): number {
    return this.pool === undefined ? 0 : zsGetTotalPages(this.pool);
  }

  /** The line of mm_stat. Linux drivers/block/zram/zram_drv.c:mm_stat_show() */
  get mmStat(): string {
    const { stats } = this;
    return [
      stats.pagesStored * PAGE_SIZE,
      stats.comprDataSize,
      this.memUsedPages * PAGE_SIZE,
      this.limitPages * PAGE_SIZE,
      stats.maxUsedPages * PAGE_SIZE,
      stats.samePages,
      this.pool?.pagesCompacted ?? 0,
      stats.hugePages,
      stats.hugePagesSince,
    ]
      .map((value) => String(value).padStart(8))
      .join(" ");
  }

  /** The line of io_stat. Linux drivers/block/zram/zram_drv.c:io_stat_show() */
  get ioStat(): string {
    const pad = (value: number): string => String(value).padStart(8);
    const { failedReads, failedWrites, notifyFree } = this.stats;
    return `${pad(failedReads)} ${pad(failedWrites)} 0 ${pad(notifyFree)}`;
  }

  // -------------------------------------------------------------- blocks

  private checkBlock(block: number): void {
    vmBugOn(!(block >= 0 && block < this.nrBlocks), `${this.name} has no block ${block}`);
  }

  /** Linux drivers/block/zram/zram_drv.c:zram_free_page() */
  private freePage(block: number): void {
    const entry = this.table.get(block);
    if (entry === undefined) return;
    const { stats } = this;
    this.table.delete(block);
    stats.pagesStored--;
    if (entry.handle === 0) {
      stats.samePages--;
      return;
    }
    if (entry.size === PAGE_SIZE) stats.hugePages--;
    stats.comprDataSize -= entry.size;
    zsFree(this.sys, this.pool!, entry.handle);
  }

  slotFreeNotify(block: number): void {
    this.discard(block, 1);
  }

  discard(block: number, nr: number): void {
    for (let i = block; i < block + nr; i++) {
      this.stats.notifyFree++;
      this.freePage(i);
    }
  }

  /** Linux drivers/block/zram/zram_drv.c:zram_write_page() */
  writeNow(block: number, pfn: Pfn): number {
    this.checkBlock(block);
    vmBugOn(this.streamTaken, "a page is compressed while another is");
    this.streamTaken = true;
    const result = this.isSameFilled(pfn) ? this.writeSameFilled(block, pfn) : this.writeObject(block, pfn);
    this.streamTaken = false;
    if (result < 0) this.stats.failedWrites++;
    return result;
  }

  /** Linux drivers/block/zram/zram_drv.c:page_same_filled() */
  private isSameFilled(pfn: Pfn): boolean {
    const { ram, clock, costs } = this.sys;
    clock.advance(costs.zeroPageNs);
    const section = ram.sectionOf(pfn);
    if (section === undefined) return true;
    const { words } = section;
    const first = (pfn & 0x3fff) * WORDS;
    const [lo, hi] = [words[first], words[first + 1]];
    if (words[first + WORDS - 2] !== lo || words[first + WORDS - 1] !== hi) return false;
    for (let i = first + 2; i < first + WORDS; i += 2)
      if (words[i] !== lo || words[i + 1] !== hi) return false;
    return true;
  }

  /** Linux drivers/block/zram/zram_drv.c:write_same_filled_page() */
  private writeSameFilled(block: number, pfn: Pfn): number {
    const { ram } = this.sys;
    this.freePage(block);
    this.table.set(block, { handle: 0, size: 0, lo: ram.entryLo(pfn, 0), hi: ram.entryHi(pfn, 0) });
    this.stats.samePages++;
    this.stats.pagesStored++;
    return 0;
  }

  /** Linux zram_write_page(), write_incompressible_page() */
  private writeObject(block: number, pfn: Pfn): number {
    const { sys, stats } = this;
    const pool = this.pool!;
    const page = kmapLocalRead(sys.ram, pfn);
    const length = lz4Compress(page, this.buffer, this.workmem);
    sys.clock.advance(sys.costs.compressPageNs);
    const huge = length >= zsHugeClassSize(pool);
    const size = huge ? PAGE_SIZE : length;
    const handle = zsMalloc(sys, pool, size, GFP_NOIO | __GFP_NOWARN | __GFP_HIGHMEM | __GFP_MOVABLE);
    if (handle < 0) return handle;
    if (!this.canStorePage(pool)) {
      zsFree(sys, pool, handle);
      return -ENOMEM;
    }
    zsObjWrite(sys, pool, handle, huge ? page : this.buffer.subarray(0, length));
    if (huge) sys.clock.advance(sys.costs.copyPageNs);
    this.freePage(block);
    this.table.set(block, { handle, size, lo: 0, hi: 0 });
    stats.pagesStored++;
    stats.comprDataSize += size;
    if (huge) {
      stats.hugePages++;
      stats.hugePagesSince++;
    }
    return 0;
  }

  /** Linux drivers/block/zram/zram_drv.c:zram_can_store_page() */
  private canStorePage(pool: ZsPool): boolean {
    const pages = zsGetTotalPages(pool);
    this.stats.maxUsedPages = Math.max(this.stats.maxUsedPages, pages);
    return this.limitPages === 0 || pages <= this.limitPages;
  }

  /** Linux drivers/block/zram/zram_drv.c:zram_read_from_zspool() */
  readNow(block: number, pfn: Pfn): number {
    this.checkBlock(block);
    const { ram, clock, costs } = this.sys;
    const entry = this.table.get(block);
    if (entry === undefined || entry.handle === 0) {
      clock.advance(costs.zeroPageNs);
      const { lo, hi } = entry ?? { lo: 0, hi: 0 };
      if (lo === 0 && hi === 0) ram.zeroFrame(pfn);
      else for (let i = 0; i < WORDS / 2; i++) ram.setEntry(pfn, i, lo, hi);
      return 0;
    }
    const object = zsObjReadBegin(this.sys, this.pool!, entry.handle, entry.size, this.buffer);
    const page = kmapLocalWrite(ram, pfn);
    if (entry.size === PAGE_SIZE) {
      clock.advance(costs.copyPageNs);
      page.set(object);
      return 0;
    }
    clock.advance(costs.decompressPageNs);
    if (lz4Decompress(object, page) === PAGE_SIZE) return 0;
    this.stats.failedReads++;
    return -EIO;
  }
}

/** Device number `index`, which is always there, and set up by whoever wants it. Linux zram_add() */
export function zramDevice(sys: MemorySystem, index = 0): Zram {
  sys.swap.zram[index] ??= new Zram(sys, `zram${index}`);
  return sys.swap.zram[index] as Zram;
}
