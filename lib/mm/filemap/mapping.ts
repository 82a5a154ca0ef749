/**
 * The page cache of one file, as data: which of its pages are in RAM, who maps it, and how its file system
 * fills and cleans it.
 *
 *   AddressSpace.pages   0 -> folio A (order 0)   1 -> folio B      4 -> folio C (order 2)
 *                                                                   5 -> folio C, 6 -> C, 7 -> C
 *
 * Linux include/linux/fs.h. Read first: mm/pages/folio.ts. Read next: address_space.ts, which looks pages up,
 * adds and removes them.
 */
import type { HugetlbInode } from "../hugetlb/hstate.js";
import type { BdiWriteback } from "../lru/wb_domain.js";
import type { VmAreaStruct } from "../mm_types.js";
import type { Folio } from "../pages/folio.js";
import { GFP_HIGHUSER_MOVABLE } from "../pages/gfp.js";
import type { Slab } from "../pages/kmem_cache.js";
import type { SwpEntry } from "../swap/swap_types.js";
import type { MemorySystem } from "../system.js";

/** Places in a node of the tree. Linux include/linux/xarray.h:XA_CHUNK_SIZE */
export const XA_CHUNK_SIZE = 64;

/**
 * 64 places of a cache: pages, or notes that their page was evicted.
 * Linux include/linux/xarray.h:struct xa_node
 */
export interface XaNode {
  readonly mapping: AddressSpace;
  /** Its first place / 64. */
  readonly offset: number;
  /** Places with a page (or its swap entry), and with a shadow; one of the two is not 0. */
  nrPages: number;
  nrShadows: number;
  /** The shadow in each place, -1 without one; undefined until there is one. */
  slots: Float64Array | undefined;
  /** The slab it is in (xa_node.ts); undefined where it needs no memory, or none was to be had. */
  slab: Slab | undefined;
}

/** What the cache must know about the file it belongs to. Linux include/linux/fs.h:struct inode */
export interface MappingHost {
  readonly sys: MemorySystem;
  /** Size of the file in bytes. Linux i_size */
  iSize: number;
  /**
   * Pages of a file in memory that were promised when it was made; they go back with it.
   * Linux mm/shmem.c:shmem_acct_size()
   */
  accountedPages: number;
  /** Swap lies in it: nobody else may write it. Linux S_SWAPFILE */
  readonly isSwapfile?: boolean;
  /** Who writes its dirty pages; undefined for a file in memory. Linux i_wb */
  readonly wb?: BdiWriteback | undefined;
  /** What a file of huge pages has beside; undefined for all others. */
  readonly hugetlb?: HugetlbInode<Folio> | undefined;
  /** It has a dirty page, the first. Linux fs/fs-writeback.c:__mark_inode_dirty() */
  markDirty?(): void;
  /** The last page is out of the cache, or a node of shadows. Linux fs/inode.c:inode_add_lru() */
  unpinned?(): void;
}

/** How a file system fills and cleans the cache. Linux include/linux/fs.h:struct address_space_operations */
export interface AddressSpaceOperations {
  /**
   * Sends for the folio's bytes; it is locked until they are there. Without it a missing page is a page of
   * zeros (shmem).
   */
  readFolio?(folio: Folio): void;
  /** Sends for the bytes of new folios, neighbours together. */
  readahead?(folios: readonly Folio[]): void;
  /**
   * Bytes [from, to) of a new folio will be written: makes the rest of its first and last page valid. 0 or a
   * negative errno.
   */
  writeBegin?(folio: Folio, from: number, to: number): number;
  /** The folio will be written to: what the file system keeps of each of its blocks. */
  createEmptyBuffers?(folio: Folio): void;
  /** The folio leaves the cache, with what the file system kept of its blocks. */
  releaseFolio?(folio: Folio): void;
  /**
   * `to` takes the place of `from`: what the file system kept of its blocks goes with it. Without it a folio
   * with PG_private stays where it is.
   */
  migrateFolio?(to: Folio, from: Folio): void;
  /**
   * Sends the folios' bytes, in order of index; they are under writeback until they have arrived. Without it
   * dirty pages stay (shmem).
   */
  writepages?(folios: readonly Folio[]): void;
  /**
   * The first folio of a write at byte `pos` is done, behind the end, which was byte `oldSize`. Linux: a part
   * of write_end
   */
  wroteBehindEnd?(oldSize: number, pos: number): void;
  /** Whether page `index` of the file has no block on the device. */
  isHole?(index: number): boolean;
  /** Largest order of folios that the file system takes in its cache. */
  readonly maxFolioOrder: number;
  /** Shared memory of the kernel's own mount, which has no folder. Linux: i_sb is shm_mnt's */
  readonly innerMount?: true;
  /** Pages are backed by swap, not by the file: shmem. */
  readonly swapBacked: boolean;
}

/** The pages of a file in RAM and the VMAs that map it. Linux include/linux/fs.h:struct address_space */
export class AddressSpace {
  /** Tells AddressSpace from AnonVma in folio.mapping. */
  readonly isAnon = false as const;
  readonly host: MappingHost;
  readonly aOps: AddressSpaceOperations;
  /**
   * Folio of each page number in RAM. Linux i_pages
   * Invariant: pages.get(i) is a folio of this mapping with index <= i < folioNextIndex(); each slot holds it
   * once.
   */
  readonly pages = new Map<number, Folio>();
  /**
   * Where in swap the pages of shared memory are that are not in RAM (shmem_swap.ts). Linux: values in
   * i_pages
   * Invariant: no place has a swap entry and a page.
   */
  readonly swapEntries = new Map<number, SwpEntry>();
  /**
   * Of those, the blocks that went to swap as one folio: by their first page number, log2 of their pages
   * (shmem_swap_order.ts). Linux: the order of a value in i_pages
   * Invariant: a block is aligned to its size, and all of its places are in swapEntries, with slots side by
   * side.
   */
  readonly swapOrders = new Map<number, number>();
  /**
   * Places in which reclaim has left a note of when it took the page (mm/lru/workingset.ts). Linux: values in
   * i_pages
   * Invariant: the sum over nodes; no place has a shadow and a page.
   */
  nrShadows = 0;
  /**
   * The nodes of its tree, by index / 64.
   * Invariant: the sum of their nrPages is nrpages, and the places in swap.
   */
  readonly nodes = new Map<number, XaNode>();
  /** How its pages are allocated. Linux gfp_mask, set by fs/inode.c:inode_init_always() */
  gfpMask = GFP_HIGHUSER_MOVABLE;
  /**
   * Every VMA that maps the file. Linux i_mmap
   * Invariant: vma.vmFile.fMapping is this one, for each.
   */
  readonly iMmap = new Set<VmAreaStruct>();
  /**
   * How many of them are VM_SHARED and may write. Linux i_mmap_writable
   * Invariant: the members of iMmap with both VM_SHARED and VM_MAYWRITE.
   */
  iMmapWritable = 0;
  /**
   * Dirty folios: what fsync has to write. Linux PAGECACHE_TAG_DIRTY
   * Invariant: each has PG_dirty.
   */
  readonly dirtyFolios = new Set<Folio>();
  /** Folios on their way to the device. Linux PAGECACHE_TAG_WRITEBACK, counted */
  nrWriteback = 0;
  /** Where the flusher goes on. Linux writeback_index */
  writebackIndex = 0;

  /**
   * How often writing a page of it has failed; each open file has the count it was last told. Linux wb_err,
   * lib/errseq.c
   */
  wbErr = 0;

  constructor(host: MappingHost, aOps: AddressSpaceOperations) {
    this.host = host;
    this.aOps = aOps;
  }

  /** Pages in the cache. Linux nrpages */
  get nrpages(): number {
    return this.pages.size;
  }
}
