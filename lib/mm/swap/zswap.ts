/**
 * zswap: a compressed cache in front of swap. A page on its way to the device is kept in RAM instead, in
 * fewer bytes; the device has its slot, but need not be written to.
 *
 *   swapWriteout --> store    compressed into the pool (zsmalloc.ts): done, no I/O           zswpout
 *                             the pool is full: to the device                                pool_limit_hit
 *   swapReadFolio -> load     decompressed, and gone from the pool: the folio is dirty again zswpin
 *   a slot is freed: invalidate
 *
 *   pool   max_pool_percent of RAM (20) ----------  full: nothing is taken, the worker writes old entries
 *             90 % of that -----------------------  taken again from here on (accept_threshold_percent)
 *          |                                        to the device (zswap_writeback.ts)       zswpwb
 *
 * zram is a device and has nothing behind it; zswap is a cache that always has the device behind it, and uses
 * up a slot there for each page. A slow device is spared, as long as pages come back before they are old.
 *
 * A page that does not get smaller is kept as it is (stored_incompressible_pages): the order in which
 * pages grow old is worth a page. All pages of a folio or none; a refused folio loses its older copies, which
 * would be wrong if they were written later.
 *
 * An entry is new (`referenced`) until the worker has seen it once: it has a second chance.
 *
 * It compresses by LZO, as the recorded kernel does, or by LZ4 (parameter compressor); both are Linux's to
 * the byte. With another compressor there is a new pool, and the old one stays as long as it has pages.
 *
 * Differs from Linux: both compressors take the same time; entries and trees take no frames. Left out: limits
 * of memory cgroups.
 *
 * Linux mm/zswap.c. Read first: lz4.ts, lzo.ts, zsmalloc.ts, page_io.ts. Read next: zswap_writeback.ts.
 */

import { PAGE_SIZE } from "../../hw/address.js";
import { EIO, ENOENT } from "../errno.js";
import { folioMarkDirty } from "../lru/page_writeback.js";
import { countFolioEvents } from "../memcg/stats.js";
import { type Folio, folioNrPages, PG_swapcache } from "../pages/folio.js";
import { __GFP_HIGHMEM, __GFP_MOVABLE, __GFP_NORETRY, GFP_NOWAIT } from "../pages/gfp.js";
import type { MemorySystem } from "../system.js";
import { ZSWPIN, ZSWPOUT } from "../vmstat.js";
import type { Kthread } from "../wait.js";
import { kmapLocalRead, kmapLocalWrite } from "./highmem.js";
import { lz4Compress, lz4Decompress, newLz4Table } from "./lz4.js";
import { lzoCompress, lzoDecompress } from "./lzo.js";
import { folioSwap } from "./swap_state.js";
import type { SwapFolio, SwpEntry, ZswapOperations } from "./swap_types.js";
import { zsCreatePool, zsDestroyPool } from "./zs_compact.js";
import { zsFree, zsGetTotalPages, zsMalloc, zsObjReadBegin, zsObjWrite } from "./zsmalloc.js";
import type { ZsPool } from "./zsmalloc_types.js";

/** A way to compress. Linux include/crypto/acompress.h:struct crypto_acomp */
interface Compressor {
  readonly compress: (src: Uint8Array, dst: Uint8Array, table: Uint16Array) => number;
  readonly decompress: (src: Uint8Array, dst: Uint8Array) => number;
}

/** Compressors by name. */
const COMPRESSORS: Readonly<Record<string, Compressor>> = {
  lzo: { compress: lzoCompress, decompress: lzoDecompress },
  lz4: { compress: lz4Compress, decompress: lz4Decompress },
};

/** What is taken if nothing else is asked for. Linux CONFIG_ZSWAP_COMPRESSOR_DEFAULT */
const COMPRESSOR_DEFAULT = "lzo";

/** Pages that were compressed in one way. Linux mm/zswap.c:struct zswap_pool */
interface ZswapPool {
  readonly tfmName: string;
  readonly zsPool: ZsPool;
  /** Pages in it; without them it goes, unless it is the one in use. */
  entries: number;
}

/** One page in the pool. Linux mm/zswap.c:struct zswap_entry */
export interface ZswapEntry {
  readonly swpentry: SwpEntry;
  readonly pool: ZswapPool;
  /** Bytes of the object; a page: not compressed. */
  readonly length: number;
  readonly handle: number;
  /** The worker has not seen it yet. */
  referenced: boolean;
}

/** The files of /sys/kernel/debug/zswap that only count. Linux mm/zswap.c, statistics */
export interface ZswapStats {
  poolLimitHit: number;
  writtenBackPages: number;
  rejectReclaimFail: number;
  rejectCompressFail: number;
  rejectCompressPoor: number;
  decompressFail: number;
  rejectAllocFail: number;
  rejectKmemcacheFail: number;
}

/** Where a run of the worker is. Linux: local variables of mm/zswap.c:shrink_worker() */
interface ZswapShrinkRun {
  /** Frames of the pool with which it is content. */
  readonly thr: number;
  failures: number;
}

/** The cache of one machine. Linux: the variables of mm/zswap.c */
export class Zswap implements ZswapOperations {
  /** /sys/module/zswap/parameters. */
  enabled = false;
  compressor = COMPRESSOR_DEFAULT;
  maxPoolPercent = 20;
  acceptThrPercent = 90;
  shrinkerEnabled = false;
  /** The one in use first; it is made when zswap is first enabled. Linux zswap_pools */
  readonly pools: ZswapPool[] = [];
  private nrPools = 0;
  /** Pages in the pool, by slot. Linux zswap_trees */
  readonly tree = new Map<SwpEntry, ZswapEntry>();
  /** The same, the oldest first. Linux zswap_list_lru */
  readonly lru = new Set<ZswapEntry>();
  storedIncompressiblePages = 0;
  /**
   * The limit was reached, and the pool has not shrunk to the threshold since. Linux zswap_pool_reached_full
   */
  poolReachedFull = false;
  readonly stats: ZswapStats = {
    ...{ poolLimitHit: 0, writtenBackPages: 0, rejectReclaimFail: 0, rejectCompressFail: 0 },
    ...{ rejectCompressPoor: 0, decompressFail: 0, rejectAllocFail: 0, rejectKmemcacheFail: 0 },
  };
  /**
   * Pages that had to be read from a device, not yet made up for. Linux zswap_lruvec_state.nr_disk_swapins
   */
  nrDiskSwapins = 0;
  /** Writes old entries to the device. Linux zswap_shrink_work */
  worker: Kthread | undefined = undefined;
  /** What it is at. */
  run: ZswapShrinkRun | undefined = undefined;
  private readonly sys: MemorySystem;
  private readonly buffer = new Uint8Array(PAGE_SIZE);
  private readonly workmem = newLz4Table();

  constructor(sys: MemorySystem) {
    this.sys = sys;
  }

  // -------------------------------------------------------------- how large

  /** Frames that the pool takes. Linux mm/zswap.c:zswap_total_pages() */
  get totalPages(): number {
    return this.pools.reduce((sum, { zsPool }) => sum + zsGetTotalPages(zsPool), 0);
  }

  /** Pages in the pool. Linux mm/zswap.c:zswap_stored_pages */
  get storedPages(): number {
    return this.tree.size;
  }

  /** Frames that the pool may take. Linux mm/zswap.c:zswap_max_pages() */
  private get maxPages(): number {
    return Math.floor((this.sys.totalramPages * this.maxPoolPercent) / 100);
  }

  /** Frames from which on a full pool takes pages again. Linux mm/zswap.c:zswap_accept_thr_pages() */
  get acceptThrPages(): number {
    return Math.floor((this.maxPages * this.acceptThrPercent) / 100);
  }

  /** Whether the pool counts as full. Linux mm/zswap.c:zswap_check_limits() */
  private checkLimits(): boolean {
    const pages = this.totalPages;
    if (pages >= this.maxPages) {
      this.stats.poolLimitHit++;
      this.poolReachedFull = true;
    } else if (this.poolReachedFull && pages <= this.acceptThrPages) this.poolReachedFull = false;
    return this.poolReachedFull;
  }

  /**
   * Sets the compressor; 0, -ENOENT. Before there is a pool any name will do, and is looked at when one is
   * made. Pages that are there stay as they are. Linux mm/zswap.c:zswap_compressor_param_set()
   */
  setCompressor(name: string): number {
    if (this.pools.length > 0 && name !== this.compressor) {
      if (!Object.hasOwn(COMPRESSORS, name)) return -ENOENT;
      const old = this.pools[0]!;
      const at = this.pools.findIndex(({ tfmName }) => tfmName === name);
      this.pools.unshift(at < 0 ? this.newPool(name) : this.pools.splice(at, 1)[0]!);
      this.putPool(old);
    }
    this.compressor = name;
    return 0;
  }

  /** The first pool. Linux mm/zswap.c:__zswap_pool_create_fallback() */
  createPool(): void {
    if (!Object.hasOwn(COMPRESSORS, this.compressor)) this.compressor = COMPRESSOR_DEFAULT;
    this.pools.push(this.newPool(this.compressor));
  }

  /** Linux mm/zswap.c:zswap_pool_create() */
  private newPool(tfmName: string): ZswapPool {
    const zsPool = zsCreatePool(this.sys, `zswap${(++this.nrPools).toString(16)}`);
    return { tfmName, zsPool, entries: 0 };
  }

  /** An empty pool that is not in use goes. Linux mm/zswap.c:__zswap_pool_empty() */
  private putPool(pool: ZswapPool): void {
    if (pool === this.pools[0] || pool.entries > 0) return;
    this.pools.splice(this.pools.indexOf(pool), 1);
    zsDestroyPool(this.sys, pool.zsPool);
  }

  // -------------------------------------------------------------- entries

  /** Linux mm/zswap.c:zswap_entry_free() */
  freeEntry(entry: ZswapEntry): void {
    this.lru.delete(entry);
    zsFree(this.sys, entry.pool.zsPool, entry.handle);
    if (entry.length === PAGE_SIZE) this.storedIncompressiblePages--;
    entry.pool.entries--;
    this.putPool(entry.pool);
  }

  /** Takes the slot's entry out of the tree, and frees it. */
  private erase(swpentry: SwpEntry): void {
    const entry = this.tree.get(swpentry);
    if (entry === undefined) return;
    this.tree.delete(swpentry);
    this.freeEntry(entry);
  }

  /** Room in the pool with the page's bytes; undefined without memory. Linux mm/zswap.c:zswap_compress() */
  private compress(swpentry: SwpEntry, pfn: number): ZswapEntry | undefined {
    const { sys, buffer } = this;
    const pool = this.pools[0]!;
    const page = kmapLocalRead(sys.ram, pfn);
    const nr = COMPRESSORS[pool.tfmName]!.compress(page, buffer, this.workmem);
    sys.clock.advance(sys.costs.compressPageNs);
    const length = nr === 0 ? PAGE_SIZE : nr;
    const gfp = GFP_NOWAIT | __GFP_NORETRY | __GFP_HIGHMEM | __GFP_MOVABLE;
    const handle = zsMalloc(sys, pool.zsPool, length, gfp);
    if (handle < 0) {
      this.stats.rejectAllocFail++;
      return undefined;
    }
    const bytes = length === PAGE_SIZE ? page : buffer.subarray(0, length);
    zsObjWrite(sys, pool.zsPool, handle, bytes);
    return { swpentry, pool, length, handle, referenced: true };
  }

  /** Puts the entry's page into frame `pfn`; whether it could. Linux mm/zswap.c:zswap_decompress() */
  decompress(entry: ZswapEntry, pfn: number): boolean {
    const { sys } = this;
    const object = zsObjReadBegin(sys, entry.pool.zsPool, entry.handle, entry.length, this.buffer);
    const page = kmapLocalWrite(sys.ram, pfn);
    if (entry.length === PAGE_SIZE) {
      sys.clock.advance(sys.costs.copyPageNs);
      page.set(object);
      return true;
    }
    sys.clock.advance(sys.costs.decompressPageNs);
    if (COMPRESSORS[entry.pool.tfmName]!.decompress(object, page) === PAGE_SIZE) return true;
    this.stats.decompressFail++;
    return false;
  }

  // -------------------------------------------------------------- what swap calls

  /** Linux mm/zswap.c:zswap_store_page() */
  private storePage(swpentry: SwpEntry, pfn: number): boolean {
    const entry = this.compress(swpentry, pfn);
    if (entry === undefined) return false;
    // The folio was dirtied since it was stored: that copy is out of date.
    entry.pool.entries++;
    this.erase(swpentry);
    this.tree.set(swpentry, entry);
    this.lru.add(entry);
    if (entry.length === PAGE_SIZE) this.storedIncompressiblePages++;
    return true;
  }

  private storeFolio(folio: Folio): boolean {
    if (this.checkLimits()) return false;
    for (let i = 0; i < folioNrPages(folio); i++)
      if (!this.storePage(folioSwap(folio) + i, folio.pfn + i)) return false;
    countFolioEvents(this.sys, folio, ZSWPOUT, folioNrPages(folio));
    return true;
  }

  store(swapped: SwapFolio): boolean {
    const folio = swapped as Folio;
    if (this.enabled) {
      if (this.storeFolio(folio)) return true;
      if (this.poolReachedFull && this.worker !== undefined) this.sys.sched.wakeUp(this.worker);
    }
    if (this.tree.size > 0) for (let i = 0; i < folioNrPages(folio); i++) this.erase(folioSwap(folio) + i);
    return false;
  }

  load(swapped: SwapFolio): number {
    const folio = swapped as Folio;
    const entry = this.tree.get(folioSwap(folio));
    if (entry === undefined) return -ENOENT;
    if (!this.decompress(entry, folio.pfn)) return -EIO;
    countFolioEvents(this.sys, folio, ZSWPIN, 1);
    // Two copies in RAM are one too many; without the swap cache the page may yet be given up again.
    if ((folio.flags & PG_swapcache) !== 0) {
      folioMarkDirty(folio);
      this.erase(entry.swpentry);
    }
    return 0;
  }

  invalidate(swpentry: SwpEntry): void {
    this.erase(swpentry);
  }

  folioSwapin(): void {
    this.nrDiskSwapins++;
  }
}

/** The machine's zswap, off until somebody enables it. Linux: the variables of mm/zswap.c */
export function zswapOf(sys: MemorySystem): Zswap {
  sys.swap.zswap ??= new Zswap(sys);
  return sys.swap.zswap as Zswap;
}

/** Nobody has ever switched zswap on. Linux mm/zswap.c:zswap_never_enabled() */
export function zswapNeverEnabled(sys: MemorySystem): boolean {
  return sys.swap.zswap === undefined || zswapOf(sys).pools.length === 0;
}

/** Frames that the compressed pages take. Linux mm/zswap.c:zswap_total_pages() */
export function zswapTotalPages(sys: MemorySystem): number {
  return sys.swap.zswap === undefined ? 0 : zswapOf(sys).totalPages;
}

/** Pages that are compressed. Linux mm/zswap.c:zswap_stored_pages */
export function zswapStoredPages(sys: MemorySystem): number {
  return sys.swap.zswap === undefined ? 0 : zswapOf(sys).storedPages;
}
