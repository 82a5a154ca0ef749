/**
 * Counters of the whole machine: what /proc/vmstat shows.
 *
 *   events    only grow: pgfault, pgmajfault, pgalloc_*, pgfree, ...          countVmEvent(sys, PGFAULT)
 *   states    go up and down with what there is: nr_anon_pages, nr_dirty ...  modNodePageState(sys, NR_FILE_DIRTY, 1)
 *
 * Linux keeps both per CPU and adds them up when someone reads /proc/vmstat; here they are exact at any time.
 * The names in the two tables are those of /proc/vmstat.
 *
 * Read first: system.ts.
 */
/**
 * Names of the events, in order of their numbers. Linux mm/vmstat.c:vmstat_text,
 * include/linux/vm_event_item.h
 */
export const VM_EVENT_NAMES = [
  "pgpgin",
  "pgpgout",
  "pswpin",
  "pswpout",
  "pgalloc_dma",
  "pgalloc_dma32",
  "pgalloc_normal",
  "pgalloc_movable",
  "pgfree",
  "pgactivate",
  "pgdeactivate",
  "pglazyfree",
  "pgfault",
  "pgmajfault",
  "pglazyfreed",
  "unevictable_pgs_culled",
  "unevictable_pgs_mlocked",
  "unevictable_pgs_munlocked",
  "unevictable_pgs_cleared",
  "pgreuse",
  "nr_tlb_remote_flush",
  "nr_tlb_remote_flush_received",
  "nr_tlb_local_flush_all",
  "nr_tlb_local_flush_one",
  "pgrotated",
  "unevictable_pgs_rescued",
  "pginodesteal",
  "nr_written",
  "nr_dirtied",
  "oom_kill",
  "drop_pagecache",
  "drop_slab",
  "unevictable_pgs_stranded",
  "allocstall_dma",
  "allocstall_dma32",
  "allocstall_normal",
  "allocstall_movable",
  "pgskip_dma",
  "pgskip_dma32",
  "pgskip_normal",
  "pgskip_movable",
  "pgrefill",
  "pgsteal_kswapd",
  "pgsteal_direct",
  "pgsteal_khugepaged",
  "pgsteal_proactive",
  "pgscan_kswapd",
  "pgscan_direct",
  "pgscan_khugepaged",
  "pgscan_proactive",
  "pgscan_direct_throttle",
  "pgscan_anon",
  "pgscan_file",
  "pgsteal_anon",
  "pgsteal_file",
  "slabs_scanned",
  "kswapd_inodesteal",
  "kswapd_low_wmark_hit_quickly",
  "kswapd_high_wmark_hit_quickly",
  "pageoutrun",
  "swap_ra",
  "swap_ra_hit",
  "swpin_zero",
  "swpout_zero",
  "zswpin",
  "zswpout",
  "zswpwb",
  "pgmigrate_success",
  "pgmigrate_fail",
  "compact_migrate_scanned",
  "compact_free_scanned",
  "compact_isolated",
  "compact_stall",
  "compact_fail",
  "compact_success",
  "compact_daemon_wake",
  "compact_daemon_migrate_scanned",
  "compact_daemon_free_scanned",
  "htlb_buddy_alloc_success",
  "htlb_buddy_alloc_fail",
  "thp_fault_alloc",
  "thp_fault_fallback",
  "thp_fault_fallback_charge",
  "thp_collapse_alloc",
  "thp_collapse_alloc_failed",
  "thp_file_alloc",
  "thp_file_fallback",
  "thp_file_fallback_charge",
  "thp_file_mapped",
  "thp_split_page",
  "thp_split_page_failed",
  "thp_deferred_split_page",
  "thp_underused_split_page",
  "thp_split_pmd",
  "thp_scan_exceed_none_pte",
  "thp_scan_exceed_swap_pte",
  "thp_scan_exceed_share_pte",
  "thp_zero_page_alloc",
  "thp_zero_page_alloc_failed",
  "thp_swpout",
  "thp_swpout_fallback",
] as const;

/** Kilobytes read from disk, in units of 1 KiB. Linux PGPGIN; so are all events below. */
export const PGPGIN = 0;
export const PGPGOUT = 1;
export const PSWPIN = 2;
export const PSWPOUT = 3;
/**
 * Pages handed out, by the zone they are in: PGALLOC + its number. Linux PGALLOC_DMA, PGALLOC_DMA32,
 * PGALLOC_NORMAL, PGALLOC_MOVABLE
 */
export const PGALLOC = 4;
export const PGFREE = 8;
export const PGACTIVATE = 9;
export const PGDEACTIVATE = 10;
export const PGLAZYFREE = 11;
export const PGFAULT = 12;
export const PGMAJFAULT = 13;
export const PGLAZYFREED = 14;
export const UNEVICTABLE_PGCULLED = 15;
export const UNEVICTABLE_PGMLOCKED = 16;
export const UNEVICTABLE_PGMUNLOCKED = 17;
export const UNEVICTABLE_PGCLEARED = 18;
export const PGREUSE = 19;
export const NR_TLB_REMOTE_FLUSH = 20;
export const NR_TLB_REMOTE_FLUSH_RECEIVED = 21;
export const NR_TLB_LOCAL_FLUSH_ALL = 22;
export const NR_TLB_LOCAL_FLUSH_ONE = 23;
export const PGROTATED = 24;
export const UNEVICTABLE_PGRESCUED = 25;
export const PGINODESTEAL = 26;
export const NR_WRITTEN = 27;
export const NR_DIRTIED = 28;
export const OOM_KILL = 29;
export const DROP_PAGECACHE = 30;
export const DROP_SLAB = 31;
export const UNEVICTABLE_PGSTRANDED = 32;
/** Direct reclaims, by the highest zone asked for: ALLOCSTALL + its number. Linux ALLOCSTALL_DMA ... */
export const ALLOCSTALL = 33;
/**
 * Pages passed over in a scan because their zone is too high: PGSKIP + its number. Linux PGSCAN_SKIP_DMA ...
 */
export const PGSKIP = 37;
export const PGREFILL = 41;
export const PGSTEAL_KSWAPD = 42;
export const PGSTEAL_DIRECT = 43;
export const PGSTEAL_KHUGEPAGED = 44;
export const PGSTEAL_PROACTIVE = 45;
export const PGSCAN_KSWAPD = 46;
export const PGSCAN_DIRECT = 47;
export const PGSCAN_KHUGEPAGED = 48;
export const PGSCAN_PROACTIVE = 49;
export const PGSCAN_DIRECT_THROTTLE = 50;
export const PGSCAN_ANON = 51;
export const PGSCAN_FILE = 52;
export const PGSTEAL_ANON = 53;
export const PGSTEAL_FILE = 54;
export const SLABS_SCANNED = 55;
export const KSWAPD_INODESTEAL = 56;
export const KSWAPD_LOW_WMARK_HIT_QUICKLY = 57;
export const KSWAPD_HIGH_WMARK_HIT_QUICKLY = 58;
export const PAGEOUTRUN = 59;
/** Pages of swap read ahead, and those of them that were used. */
export const SWAP_RA = 60;
export const SWAP_RA_HIT = 61;
/** Pages of zeros, which are not written. */
export const SWPIN_ZERO = 62;
export const SWPOUT_ZERO = 63;
/** Pages that zswap gave back, took, and wrote to the device. */
export const ZSWPIN = 64;
export const ZSWPOUT = 65;
export const ZSWPWB = 66;
/** Pages moved to another frame, and such as could not be. Linux PGMIGRATE_SUCCESS, PGMIGRATE_FAIL */
export const PGMIGRATE_SUCCESS = 67;
export const PGMIGRATE_FAIL = 68;
export const COMPACTMIGRATE_SCANNED = 69;
export const COMPACTFREE_SCANNED = 70;
export const COMPACTISOLATED = 71;
export const COMPACTSTALL = 72;
export const COMPACTFAIL = 73;
export const COMPACTSUCCESS = 74;
export const KCOMPACTD_WAKE = 75;
export const KCOMPACTD_MIGRATE_SCANNED = 76;
export const KCOMPACTD_FREE_SCANNED = 77;
export const HTLB_BUDDY_PGALLOC = 78;
export const HTLB_BUDDY_PGALLOC_FAIL = 79;
export const THP_FAULT_ALLOC = 80;
export const THP_FAULT_FALLBACK = 81;
export const THP_FAULT_FALLBACK_CHARGE = 82;
export const THP_COLLAPSE_ALLOC = 83;
export const THP_COLLAPSE_ALLOC_FAILED = 84;
export const THP_FILE_ALLOC = 85;
export const THP_FILE_FALLBACK = 86;
export const THP_FILE_FALLBACK_CHARGE = 87;
export const THP_FILE_MAPPED = 88;
export const THP_SPLIT_PAGE = 89;
export const THP_SPLIT_PAGE_FAILED = 90;
export const THP_DEFERRED_SPLIT_PAGE = 91;
export const THP_UNDERUSED_SPLIT_PAGE = 92;
export const THP_SPLIT_PMD = 93;
export const THP_SCAN_EXCEED_NONE_PTE = 94;
export const THP_SCAN_EXCEED_SWAP_PTE = 95;
export const THP_SCAN_EXCEED_SHARE_PTE = 96;
export const THP_ZERO_PAGE_ALLOC = 97;
export const THP_ZERO_PAGE_ALLOC_FAILED = 98;
export const THP_SWPOUT = 99;
export const THP_SWPOUT_FALLBACK = 100;

/** Names of the states, in order of their numbers. Linux include/linux/mmzone.h:enum node_stat_item */
export const NODE_STAT_NAMES = [
  "nr_inactive_anon",
  "nr_active_anon",
  "nr_inactive_file",
  "nr_active_file",
  "nr_unevictable",
  "nr_anon_pages",
  "nr_mapped",
  "nr_file_pages",
  "nr_dirty",
  "nr_writeback",
  "nr_shmem",
  "nr_page_table_pages",
  "nr_mlock",
  "nr_swapcached",
  "nr_slab_reclaimable",
  "nr_slab_unreclaimable",
  "nr_isolated_anon",
  "nr_isolated_file",
  "workingset_nodes",
  "workingset_refault_anon",
  "workingset_refault_file",
  "workingset_activate_anon",
  "workingset_activate_file",
  "workingset_restore_anon",
  "workingset_restore_file",
  "workingset_nodereclaim",
  "nr_vmscan_write",
  "nr_vmscan_immediate_reclaim",
  "nr_throttled_written",
  "nr_kernel_misc_reclaimable",
  "nr_zspages",
  "nr_shmem_hugepages",
  "nr_shmem_pmdmapped",
  "nr_file_hugepages",
  "nr_file_pmdmapped",
  "nr_anon_transparent_hugepages",
  "nr_hugetlb",
] as const;

/** The five LRU lists come first, so that an LRU list's number is also its counter. Linux NR_LRU_BASE */
export const NR_INACTIVE_ANON = 0;
export const NR_ACTIVE_ANON = 1;
export const NR_INACTIVE_FILE = 2;
export const NR_ACTIVE_FILE = 3;
export const NR_UNEVICTABLE = 4;
/** Mapped anonymous pages. Linux NR_ANON_MAPPED */
export const NR_ANON_MAPPED = 5;
/** Mapped page-cache pages. Linux NR_FILE_MAPPED */
export const NR_FILE_MAPPED = 6;
/** Pages in the page cache, shmem included. */
export const NR_FILE_PAGES = 7;
export const NR_FILE_DIRTY = 8;
export const NR_WRITEBACK = 9;
export const NR_SHMEM = 10;
export const NR_PAGETABLE = 11;
export const NR_MLOCK = 12;
export const NR_SWAPCACHE = 13;
export const NR_SLAB_RECLAIMABLE = 14;
export const NR_SLAB_UNRECLAIMABLE = 15;
export const NR_ISOLATED_ANON = 16;
export const NR_ISOLATED_FILE = 17;
export const WORKINGSET_NODES = 18;
/** Of anonymous memory; of files: + 1. Linux WORKINGSET_REFAULT_BASE */
export const WORKINGSET_REFAULT = 19;
/** Of anonymous memory; of files: + 1. Linux WORKINGSET_ACTIVATE_BASE */
export const WORKINGSET_ACTIVATE = 21;
/** Of anonymous memory; of files: + 1. Linux WORKINGSET_RESTORE_BASE */
export const WORKINGSET_RESTORE = 23;
export const WORKINGSET_NODERECLAIM = 25;
export const NR_VMSCAN_WRITE = 26;
export const NR_VMSCAN_IMMEDIATE = 27;
export const NR_THROTTLED_WRITTEN = 28;
export const NR_KERNEL_MISC_RECLAIMABLE = 29;
/** Frames of compressed pages (mm/swap/zsmalloc.ts). Linux counts them by zone. */
export const NR_ZSPAGES = 30;
/** Pages of huge folios of shmem; and those mapped by an entry of level 2. */
export const NR_SHMEM_THPS = 31;
export const NR_SHMEM_PMDMAPPED = 32;
/** The same of files. */
export const NR_FILE_THPS = 33;
export const NR_FILE_PMDMAPPED = 34;
/** Pages of anonymous memory mapped by entries of level 2. */
export const NR_ANON_THPS = 35;
/** Pages of the pools of huge pages. */
export const NR_HUGETLB = 36;

/** The counters of one machine. Not in Linux: per-CPU variables there. */
export class VmStat {
  readonly events: Float64Array = new Float64Array(VM_EVENT_NAMES.length);
  readonly nodeStat: Float64Array = new Float64Array(NODE_STAT_NAMES.length);
}

/** Whoever keeps such counters: a MemorySystem. Not in Linux. */
export interface HasVmStat {
  readonly vmStat: VmStat;
}

/** Counts one event. Linux include/linux/vmstat.h:count_vm_event() */
export function countVmEvent(sys: HasVmStat, item: number): void {
  sys.vmStat.events[item]!++;
}

/** Counts `delta` events. Linux include/linux/vmstat.h:count_vm_events() */
export function countVmEvents(sys: HasVmStat, item: number, delta: number): void {
  sys.vmStat.events[item]! += delta;
}

/** Changes a state by `delta` pages. Linux mm/vmstat.c:mod_node_page_state() */
export function modNodePageState(sys: HasVmStat, item: number, delta: number): void {
  sys.vmStat.nodeStat[item]! += delta;
}

/** A state in pages. Linux mm/vmstat.c:global_node_page_state() */
export function globalNodePageState(sys: HasVmStat, item: number): number {
  return sys.vmStat.nodeStat[item]!;
}
