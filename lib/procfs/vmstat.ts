/**
 * /proc/vmstat: every counter of memory management, one a line.
 *
 *   nr_free_pages 2157923         states of the zones         go up and down
 *   nr_anon_pages 6032            states of the node          go up and down
 *   pgfault 6798819               events                      only grow
 *
 * The names and their order are those of Linux 6.18. A name whose mechanism the machine does not have
 * reads 0.
 *
 * Read first: mm/vmstat.ts.
 */
import { HPAGE_PMD_NR } from "../mm/huge/thp_state.js";
import { globalDirtyLimits } from "../mm/lru/dirty_limits.js";
import { nrFreePages } from "../mm/pages/page_alloc.js";
import type { MemorySystem } from "../mm/system.js";
import {
  NODE_STAT_NAMES,
  NR_ANON_THPS,
  NR_FILE_PMDMAPPED,
  NR_FILE_THPS,
  NR_SHMEM_PMDMAPPED,
  NR_SHMEM_THPS,
  VM_EVENT_NAMES,
} from "../mm/vmstat.js";

function words(text: string): readonly string[] {
  return text.trim().split(/\s+/);
}

/** Names of the zones' states, in the order of /proc/vmstat. Linux mm/vmstat.c:vmstat_text */
export const ZONE_STAT_LINES = words(`
  nr_free_pages nr_free_pages_blocks nr_zone_inactive_anon nr_zone_active_anon
  nr_zone_inactive_file nr_zone_active_file nr_zone_unevictable nr_zone_write_pending
  nr_mlock nr_zspages nr_free_cma numa_hit
  numa_miss numa_foreign numa_interleave numa_local
  numa_other
`);

/**
 * Names of the node's states, in the order of /proc/vmstat and /proc/zoneinfo. Linux mm/vmstat.c:vmstat_text
 */
export const NODE_STAT_LINES = words(`
  nr_inactive_anon nr_active_anon nr_inactive_file nr_active_file
  nr_unevictable nr_slab_reclaimable nr_slab_unreclaimable nr_isolated_anon
  nr_isolated_file workingset_nodes workingset_refault_anon workingset_refault_file
  workingset_activate_anon workingset_activate_file workingset_restore_anon workingset_restore_file
  workingset_nodereclaim nr_anon_pages nr_mapped nr_file_pages
  nr_dirty nr_writeback nr_shmem nr_shmem_hugepages
  nr_shmem_pmdmapped nr_file_hugepages nr_file_pmdmapped nr_anon_transparent_hugepages
  nr_vmscan_write nr_vmscan_immediate_reclaim nr_dirtied nr_written
  nr_throttled_written nr_kernel_misc_reclaimable nr_foll_pin_acquired nr_foll_pin_released
  nr_kernel_stack nr_page_table_pages nr_sec_page_table_pages nr_iommu_pages
  nr_swapcached pgpromote_success pgpromote_candidate pgpromote_candidate_nrl
  pgdemote_kswapd pgdemote_direct pgdemote_khugepaged pgdemote_proactive
  nr_hugetlb nr_balloon_pages nr_kernel_file_pages
`);

/** Names of the limits and events that follow. Linux mm/vmstat.c:vmstat_text */
const EVENT_LINES = words(`
  nr_dirty_threshold nr_dirty_background_threshold nr_memmap_pages nr_memmap_boot_pages
  pgpgin pgpgout pswpin pswpout
  pgalloc_dma pgalloc_dma32 pgalloc_normal pgalloc_movable
  pgalloc_device allocstall_dma allocstall_dma32 allocstall_normal
  allocstall_movable allocstall_device pgskip_dma pgskip_dma32
  pgskip_normal pgskip_movable pgskip_device pgfree
  pgactivate pgdeactivate pglazyfree pgfault
  pgmajfault pglazyfreed pgrefill pgreuse
  pgsteal_kswapd pgsteal_direct pgsteal_khugepaged pgsteal_proactive
  pgscan_kswapd pgscan_direct pgscan_khugepaged pgscan_proactive
  pgscan_direct_throttle pgscan_anon pgscan_file pgsteal_anon
  pgsteal_file zone_reclaim_success zone_reclaim_failed pginodesteal
  slabs_scanned kswapd_inodesteal kswapd_low_wmark_hit_quickly kswapd_high_wmark_hit_quickly
  pageoutrun pgrotated drop_pagecache drop_slab
  oom_kill numa_pte_updates numa_huge_pte_updates numa_hint_faults
  numa_hint_faults_local numa_pages_migrated pgmigrate_success pgmigrate_fail
  thp_migration_success thp_migration_fail thp_migration_split compact_migrate_scanned
  compact_free_scanned compact_isolated compact_stall compact_fail
  compact_success compact_daemon_wake compact_daemon_migrate_scanned compact_daemon_free_scanned
  htlb_buddy_alloc_success htlb_buddy_alloc_fail unevictable_pgs_culled unevictable_pgs_scanned
  unevictable_pgs_rescued unevictable_pgs_mlocked unevictable_pgs_munlocked unevictable_pgs_cleared
  unevictable_pgs_stranded thp_fault_alloc thp_fault_fallback thp_fault_fallback_charge
  thp_collapse_alloc thp_collapse_alloc_failed thp_file_alloc thp_file_fallback
  thp_file_fallback_charge thp_file_mapped thp_split_page thp_split_page_failed
  thp_deferred_split_page thp_underused_split_page thp_split_pmd thp_scan_exceed_none_pte
  thp_scan_exceed_swap_pte thp_scan_exceed_share_pte thp_split_pud thp_zero_page_alloc
  thp_zero_page_alloc_failed thp_swpout thp_swpout_fallback balloon_inflate
  balloon_deflate balloon_migrate swap_ra swap_ra_hit
  swpin_zero swpout_zero ksm_swpin_copy cow_ksm
  zswpin zswpout zswpwb direct_map_level2_splits
  direct_map_level3_splits direct_map_level2_collapses direct_map_level3_collapses nr_unstable
`);

/** States that are shown in huge pages. Linux include/linux/mmzone.h:vmstat_item_print_in_thp() */
const IN_HUGE_PAGES: ReadonlySet<number> = new Set([
  NR_ANON_THPS,
  NR_FILE_THPS,
  NR_SHMEM_THPS,
  NR_SHMEM_PMDMAPPED,
  NR_FILE_PMDMAPPED,
]);

/** Value of the node's state `name`, 0 where the machine keeps none. Not in Linux: an array index there. */
export function nodeStat(sys: MemorySystem, name: string): number {
  const index = (NODE_STAT_NAMES as readonly string[]).indexOf(name);
  if (index < 0) return eventStat(sys, name);
  const pages = sys.vmStat.nodeStat[index]!;
  return IN_HUGE_PAGES.has(index) ? Math.floor(pages / HPAGE_PMD_NR) : pages;
}

function eventStat(sys: MemorySystem, name: string): number {
  const index = (VM_EVENT_NAMES as readonly string[]).indexOf(name);
  return index >= 0 ? sys.vmStat.events[index]! : 0;
}

/** The states of the zones that are no sums of a state of the node. */
function zoneStat(sys: MemorySystem, name: string): number | undefined {
  switch (name) {
    case "nr_free_pages":
      return nrFreePages(sys);
    case "nr_free_pages_blocks":
      return sys.zones.reduce((sum, zone) => sum + zone.nrFreePagesBlocks, 0);
    case "nr_zone_write_pending":
      return nodeStat(sys, "nr_dirty") + nodeStat(sys, "nr_writeback");
    case "nr_dirty_threshold":
      return globalDirtyLimits(sys).thresh;
    case "nr_dirty_background_threshold":
      return globalDirtyLimits(sys).bgThresh;
    case "numa_hit":
    case "numa_local": // one node: everybody is at home
      return sys.zones.reduce((sum, zone) => sum + zone.numaHit, 0);
    default:
      return undefined;
  }
}

/** Value of the line `name` of /proc/vmstat. Not in Linux. */
export function vmstatValue(sys: MemorySystem, name: string): number {
  return zoneStat(sys, name) ?? nodeStat(sys, name.replace(/^nr_zone_/, "nr_"));
}

/** The lines of /proc/vmstat. Linux mm/vmstat.c:vmstat_show() */
export function vmstat(sys: MemorySystem): string[] {
  return [...ZONE_STAT_LINES, ...NODE_STAT_LINES, ...EVENT_LINES].map(
    (name) => `${name} ${vmstatValue(sys, name)}\n`,
  );
}
