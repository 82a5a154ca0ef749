/**
 * Swap areas, as data: what is known of each slot, and who has what in it.
 *
 *   SwapState (sys.swap)           SwapInfoStruct: one area (a partition, a file, zram)
 *     swapInfo[type] ----------->    slot      0    1    2    3   ...  511 | 512 ...
 *     availHead: by priority         swapMap   bad  1    2+C  0            |            count, C: in the swap cache
 *     percpuSwapCluster[cpu]         zeromap        0    1                 |            the page was all zeros
 *                                    clusterInfo    [ cluster 0 ---------- ][ 1 ...     512 slots each
 *                                        table      -    fol  shad -                    folio, shadow, or nothing
 *
 *   swapMap[slot]   0            free
 *                   1 .. 0x3e    page-table entries that stand for it
 *                   0x3f         bad: never given out
 *                   | 0x40       a folio in RAM has the same bytes: the swap cache
 *                   | 0x80       the count goes on in a continuation (swap_map.ts)
 *                   0xbf         a file of shared memory has it
 *
 * A slot with 0x40 alone belongs to its folio only, and can be given up at any time.
 *
 * Linux include/linux/swap.h, mm/swap.h, mm/swap_table.h. Read first: mm/pgtable/swapops.ts.
 * Read next: cluster.ts (which slot), swap_map.ts (counts), swap_state.ts (the swap cache), page_io.ts.
 */
import type { Pfn } from "../../hw/address.js";
import type { BlockDevice } from "../../hw/block_device.js";

/** Slots of a cluster: as many as a huge page has pages. Linux mm/swap.h:SWAPFILE_CLUSTER */
export const SWAPFILE_CLUSTER = 512;
/** Orders of folios that can be swapped out whole: 0 to 9. Linux include/linux/swap.h:SWAP_NR_ORDERS */
export const SWAP_NR_ORDERS = 10;

/** A folio in RAM has the slot's bytes. Linux include/linux/swap.h:SWAP_HAS_CACHE; so are all below. */
export const SWAP_HAS_CACHE = 0x40;
/** The count goes on in a continuation page. */
export const COUNT_CONTINUED = 0x80;
/** Highest count in swapMap itself. */
export const SWAP_MAP_MAX = 0x3e;
/** Never given out. */
export const SWAP_MAP_BAD = 0x3f;
/** A file of shared memory has it; never counted up. */
export const SWAP_MAP_SHMEM = 0xbf;
/** Highest count in one continuation. */
export const SWAP_CONT_MAX = 0x7f;

/** The area is in use. Linux include/linux/swap.h:SWP_USED; so are all below. */
export const SWP_USED = 1 << 0;
/** Slots may be given out. */
export const SWP_WRITEOK = 1 << 1;
/** The device can discard. */
export const SWP_DISCARDABLE = 1 << 2;
/** Seeks cost nothing: it does not turn. */
export const SWP_SOLIDSTATE = 1 << 4;
/** Some count has a continuation. */
export const SWP_CONTINUED = 1 << 5;
/** It is a block device, not a file. */
export const SWP_BLKDEV = 1 << 6;
/** swapon has discarded the whole area once. */
export const SWP_AREA_DISCARD = 1 << 9;
/** Clusters are discarded when they become free. */
export const SWP_PAGE_DISCARD = 1 << 10;
/** A page under writeback may not change: zram, checksums. */
export const SWP_STABLE_WRITES = 1 << 11;
/** Reading is done when it returns: zram. */
export const SWP_SYNCHRONOUS_IO = 1 << 12;

/** Which list a cluster is on. Linux mm/swap.h:enum swap_cluster_flags */
export const CLUSTER_FLAG_NONE = 0;
/** All slots free. */
export const CLUSTER_FLAG_FREE = 1;
/** Some slots were given back. */
export const CLUSTER_FLAG_NONFULL = 2;
/** Partly used and left, or a search in it failed. */
export const CLUSTER_FLAG_FRAG = 3;
/** No slot free. */
export const CLUSTER_FLAG_FULL = 4;
/** Free, and to be discarded first. */
export const CLUSTER_FLAG_DISCARD = 5;

/** A place in swap, or another note: type * 2^38 + offset; 0 is none. Linux swp_entry_t */
export type SwpEntry = number;

/** A folio, as far as it matters here: always a Folio (mm/pages/folio.ts), which these data need not know. */
export interface SwapFolio {
  readonly pfn: Pfn;
  readonly order: number;
}

/** What lies in a slot's place of the swap table: a folio, the shadow of one, or nothing. */
export type SwapTableEntry = SwapFolio | number | undefined;

/** 512 slots. Linux mm/swap.h:struct swap_cluster_info */
export interface SwapClusterInfo {
  /** Its first slot / 512. */
  readonly index: number;
  /**
   * Slots that are not free.
   * Invariant: the places of swapMap that are not 0.
   */
  count: number;
  /** CLUSTER_FLAG_*: the list it is on. */
  flags: number;
  /** Order of the folios that it takes. */
  order: number;
  /** The swap table; undefined while the cluster is free. Linux mm/swap_table.h:struct swap_table */
  table: SwapTableEntry[] | undefined;
  /** The frame that the table takes. */
  tablePage: SwapFolio | undefined;
}

/** Neighbouring pages of an area in neighbouring blocks. Linux include/linux/swap.h:struct swap_extent */
export interface SwapExtent {
  readonly startPage: number;
  readonly nrPages: number;
  readonly startBlock: number;
}

/**
 * A device that swap can lie on, in blocks of 4096 bytes. Linux include/linux/blkdev.h:struct block_device
 */
export interface SwapDevice {
  readonly nrBlocks: number;
  /** It turns. Linux bdev_rot() */
  rotational: boolean;
  /** readNow() and writeNow() are there, and done when they return. Linux bdev_synchronous() */
  readonly synchronous: boolean;
  /** A page under writeback may not change. Linux bdev_stable_writes() */
  readonly stableWrites: boolean;
  /** Where requests go, unless it is synchronous. */
  readonly device?: BlockDevice;
  /** Reads block `block` into frame `pfn`; 0 or a negative errno. */
  readNow?(block: number, pfn: Pfn): number;
  /** Writes frame `pfn` to block `block`; 0 or a negative errno. */
  writeNow?(block: number, pfn: Pfn): number;
  /** Nobody needs what is in `block` any more. Linux block_device_operations.swap_slot_free_notify */
  slotFreeNotify?(block: number): void;
  /**
   * The contents of `nr` blocks are not wanted any more; undefined if it cannot do that. Linux REQ_OP_DISCARD
   */
  discard?(block: number, nr: number): void;
}

/** One swap area. Linux include/linux/swap.h:struct swap_info_struct */
export interface SwapInfoStruct {
  /** Its number, which is in every entry. */
  readonly type: number;
  /** SWP_* bits. */
  flags: number;
  /** Higher is used first. */
  prio: number;
  /** Slots, the bad ones included. */
  readonly max: number;
  /** Slots that can be used. */
  pages: number;
  /** Slots in use. */
  inusePages: number;
  /** Count and SWAP_HAS_CACHE of each slot. */
  readonly swapMap: Uint8Array;
  /** 1 for each slot whose page was all zeros: it is not on the device. Linux zeromap, a bitmap */
  readonly zeromap: Uint8Array;
  /** Number of the group that pays for each slot, 0: the root. Linux mm/swap_cgroup.c:swap_cgroup_ctrl */
  readonly swapCgroup: Int32Array;
  /**
   * Pages with the continued counts of 4096 slots each (swap_map.ts), by slot / 4096. Linux: a list behind
   * vmalloc_to_page(swap_map)
   */
  readonly continuations: Map<number, SwapFolio[]>;
  /** Frames that the kernel keeps for all this. */
  readonly kernelPages: readonly SwapFolio[];
  readonly clusterInfo: SwapClusterInfo[];
  /** Lists of clusters, the first first. */
  readonly freeClusters: Set<SwapClusterInfo>;
  readonly fullClusters: Set<SwapClusterInfo>;
  readonly discardClusters: Set<SwapClusterInfo>;
  /** By order. */
  readonly nonfullClusters: readonly Set<SwapClusterInfo>[];
  readonly fragClusters: readonly Set<SwapClusterInfo>[];
  /**
   * Where a device that turns goes on, by order, for all CPUs; undefined for others. Linux
   * global_cluster->next
   */
  readonly globalCluster: number[] | undefined;
  /** Where its pages lie on the device, in order of page. */
  readonly extents: readonly SwapExtent[];
  readonly bdev: SwapDevice;
  /** Path, as /proc/swaps shows it. */
  readonly path: string;
}

/** Where a CPU takes its next slot, by order. Linux mm/swapfile.c:struct percpu_swap_cluster */
export interface PercpuSwapCluster {
  readonly si: (SwapInfoStruct | undefined)[];
  /** 0: none. */
  readonly offset: number[];
}

/** A compressed cache in front of the device . Linux include/linux/zswap.h */
export interface ZswapOperations {
  /** Takes the folio's bytes: it need not be written then. Linux mm/zswap.c:zswap_store() */
  store(folio: SwapFolio): boolean;
  /** Fills the folio and forgets its bytes: 0, -ENOENT if it has none of it, -EIO. Linux zswap_load() */
  load(folio: SwapFolio): number;
  /** The slot is free. Linux mm/zswap.c:zswap_invalidate() */
  invalidate(entry: SwpEntry): void;
  /** A page had to be read from the device. Linux mm/zswap.c:zswap_folio_swapin() */
  folioSwapin(): void;
}

/** A folio on its way to or from its slot. Linux struct bio */
export interface SwapIo {
  readonly op: "read" | "write";
  readonly folio: SwapFolio;
  readonly device: BlockDevice;
  readonly block: number;
}

/** All swap of one machine. Linux: the variables of mm/swapfile.c and mm/swap_state.c */
export class SwapState {
  /** Areas by type. */
  readonly swapInfo: (SwapInfoStruct | undefined)[] = [];
  /** Areas with free slots, in order of use. Linux swap_avail_heads */
  readonly availHead: SwapInfoStruct[] = [];
  /** By CPU. */
  readonly percpuSwapCluster: PercpuSwapCluster[] = [];
  /** Priority of the last area that had none given. */
  leastPriority = -1;
  /** Areas that turn. */
  nrRotateSwap = 0;
  /** Readahead pages that were used since the last window (swap_readahead.ts). Linux swapin_readahead_hits */
  readaheadHits = 4;
  /** The last slot that readahead was asked for. Linux swapin_nr_pages(): prev_offset */
  prevOffset = 0;
  /** Pages of the last window. Linux swapin_nr_pages(): last_readahead_pages */
  lastReadaheadPages = 0;
  /** /sys/kernel/mm/swap/vma_ra_enabled */
  vmaRaEnabled = true;
  zswap: ZswapOperations | undefined = undefined;
  /** Compressed devices in RAM, by number: each a Zram (zram.ts), which these data need not know. */
  readonly zram: SwapDevice[] = [];
  /** Pages to be moved that wait for their neighbours (page_io.ts). Linux struct blk_plug */
  plug: SwapIo[] | undefined = undefined;
}
