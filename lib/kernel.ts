/**
 * What a part of the kernel calls, imported from "pagewalk/kernel" by exercises that replace one: Linux's own
 * functions, flags and structures, under Linux's names. They take the kernel's objects as they are and check
 * nothing, as in the kernel.
 *
 *     import { boot } from "pagewalk";
 *     import { folioPut, setPte, type VmFault, type VmFaultResult } from "pagewalk/kernel";
 *
 *     function myDoWpPage(vmf: VmFault): VmFaultResult { ... }
 *     const machine = boot({ parts: { doWpPage: myDoWpPage } });
 *
 * The machine from the outside, the processor, the pictures and the course are in "pagewalk" (index.ts).
 * Inside `lib` a file imports the file it needs, never one of these two.
 */

// ---------------- page-table entries

export {
  maybeMkwrite,
  PAGE_TABLE,
  PTE_NX,
  PTRS_PER_PTE,
  pfnPte,
  pmdLeaf,
  pteClear,
  pteDirty,
  pteIndex,
  pteMkclean,
  pteMkdirty,
  pteMkold,
  pteMkspecial,
  pteMkwrite,
  pteMkyoung,
  ptePfn,
  ptePresent,
  ptepGet,
  pteSpecial,
  pteWrite,
  pteWrprotect,
  pteYoung,
  setPte,
  vmaPageProt,
} from "./mm/pgtable/pgtable.js";
export { pmdOffset, pteAllocOne, pteFree, vmfPteAlloc } from "./mm/pgtable/pgtable_alloc.js";
export {
  pteMksoftDirty,
  pteNeedsSoftDirtyWp,
  pteSoftDirty,
  pteSwpSoftDirty,
} from "./mm/pgtable/soft_dirty.js";
export { isPteMarker, pteSwpExclusive, pteToSwpEntry, swpEntry } from "./mm/pgtable/swapops.js";

// ---------------- TLBs and ASIDs

export {
  flushTlbMmRange,
  flushTlbPage,
  pteNeedsFlush,
  TLB_SINGLE_PAGE_FLUSH_CEILING,
} from "./mm/pgtable/tlb.js";
export { chooseNewAsid, cpuTlbState, kernPcid } from "./mm/pgtable/tlb_switch.js";
export {
  type CatchUp,
  type CpuTlbState,
  type MmuGather,
  type NewAsid,
  type ShootdownCpu,
  TLB_NR_DYN_ASIDS,
  type TlbContext,
} from "./mm/pgtable/tlb_types.js";

// ---------------- page faults, and fork's copy of page tables

export { anonVmaPrepare } from "./mm/fault/anon_vma.js";
export { copyPresentPte, isCowMapping } from "./mm/fault/copy_page_range.js";
export { finishFault } from "./mm/fault/file_fault.js";
export { mmPopulate } from "./mm/fault/gup.js";
export { vmfPteChanged } from "./mm/fault/pte_changed.js";
export {
  folioAddAnonRmapPte,
  folioAddAnonRmapPtes,
  folioAddNewAnonRmap,
  folioDupFileRmapPtes,
  folioMoveAnonRmap,
  folioRemoveRmapPtes,
  folioTryDupAnonRmapPte,
} from "./mm/fault/rmap.js";
export {
  newTlbflushUnmapBatch,
  type TlbflushUnmapBatch,
  tryToUnmap,
  tryToUnmapFlush,
} from "./mm/fault/rmap_unmap.js";
export { handlePteMarker } from "./mm/fault/swap_fault.js";
export { readPastCache } from "./mm/fault/swapin_direct.js";
export {
  FAULT_FLAG_ALLOW_RETRY,
  FAULT_FLAG_TRIED,
  FAULT_FLAG_WRITE,
  type FaultClass,
  VM_FAULT_ERROR,
  VM_FAULT_FALLBACK,
  VM_FAULT_MAJOR,
  VM_FAULT_NOPAGE,
  VM_FAULT_OOM,
  VM_FAULT_RETRY,
  VM_FAULT_SIGBUS,
  type VmFault,
} from "./mm/fault/vm_fault.js";
export {
  clearUserHighpage,
  copyUserHighpage,
  doWpPage,
  vmNormalPage,
  wpPageReuse,
  wpPageShared,
} from "./mm/fault/wp.js";

// ---------------- address spaces and their areas

export {
  type AnonVma,
  type AnonVmaChain,
  addMmCounter,
  type File,
  getMmRss,
  MM_ANONPAGES,
  MM_FILEPAGES,
  MM_SHMEMPAGES,
  MM_SWAPENTS,
  type MmStruct,
  VM_EXEC,
  VM_GROWSDOWN,
  VM_LOCKED,
  VM_LOCKED_MASK,
  VM_LOCKONFAULT,
  VM_MAYSHARE,
  VM_MAYWRITE,
  VM_READ,
  VM_SHARED,
  VM_WRITE,
  type VmAreaStruct,
  type VmFaultResult,
  type VmOperationsStruct,
  vmaIsAnonymous,
  vmaPages,
} from "./mm/mm_types.js";
export { mlockFixup } from "./mm/vma/mlock.js";
export type { VmaTree, VmRange } from "./mm/vma/vma_tree.js";

// ---------------- pages, folios, and the lists they are on

export type {
  HasThp,
  KhugepagedSettings,
  MthpStat,
  ShmemEnabled,
  ShmemHuge,
  ThpDefrag,
  ThpState,
  ThpWord,
} from "./mm/huge/thp_state.js";
export type { KhugepagedScan, MmThp, ScanResult, TvaType } from "./mm/huge/thp_types.js";
export type { BootPool, Hstate, HugetlbInode, HugetlbState } from "./mm/hugetlb/hstate.js";
export type { FileRegion, ResvMap } from "./mm/hugetlb/resv_map.js";
export type { Subpool } from "./mm/hugetlb/subpool.js";
export type { CpuFbatches, MlockWork } from "./mm/lru/fbatch.js";
export type { LruGenFolio, LruGenState } from "./mm/lru/gen/lru_gen.js";
export type { Lruvec, Memcg } from "./mm/lru/lruvec.js";
export { folioEvictable } from "./mm/lru/mlock_batch.js";
export { folioIsFileLru, mmCounterFile } from "./mm/lru/mm_inline.js";
export { lruNoteCostRefault } from "./mm/lru/note_cost.js";
export { currentIsKswapd } from "./mm/lru/reclaimer.js";
export type { ReclaimStat, ScanControl } from "./mm/lru/scan_control.js";
export type { ShrinkControl, Shrinker } from "./mm/lru/shrink_control.js";
export {
  FOLIOREF_ACTIVATE,
  FOLIOREF_KEEP,
  FOLIOREF_RECLAIM,
  folioCheckDirtyWriteback,
  folioCheckReferences,
  pageout,
  removeMapping,
} from "./mm/lru/shrink_folio_list.js";
export { folioAddLruVma, lruAddDrain } from "./mm/lru/swap.js";
export type { Cgroup, CgroupState } from "./mm/memcg/cgroup_types.js";
export type {
  MemCgroup,
  MemcgOperations,
  MemcgState,
  MemcgStock,
  ObjStock,
  PageCounter,
} from "./mm/memcg/memcg_types.js";
export {
  ALLOC_HIGHATOMIC,
  ALLOC_MIN_RESERVE,
  ALLOC_NON_BLOCK,
  ALLOC_OOM,
  ALLOC_RESERVES,
} from "./mm/pages/alloc_flags.js";
export {
  type BuddyCore,
  type CaptureControl,
  type FreeArea,
  type FreeLinks,
  freeOnePage,
  MAX_PAGE_ORDER,
  rmqueueSmallest,
  type Zone,
  type ZoneWatermarks,
} from "./mm/pages/buddy.js";
export {
  type Folio,
  folioMapped,
  folioNrPages,
  folioRefAdd,
  folioTestAnon,
  type LargeFolio,
  type Page,
  PG_active,
  PG_dirty,
  PG_lru,
  PG_mlocked,
  PG_reclaim,
  PG_swapbacked,
  PG_uptodate,
  PG_workingset,
  pageFolio,
  pfnToPage,
} from "./mm/pages/folio.js";
export type { MemoryOptions } from "./mm/pages/free_area_init.js";
export { folioPut, folioPutRefs } from "./mm/pages/free_pages.js";
export { __GFP_IO, __GFP_ZERO, GFP_HIGHUSER_MOVABLE } from "./mm/pages/gfp.js";
export type { KmemCache, Slab } from "./mm/pages/kmem_cache.js";
export { MIGRATE_MOVABLE, PAGEBLOCK_NR_PAGES, PAGEBLOCK_ORDER } from "./mm/pages/migratetype.js";
export { allocPages } from "./mm/pages/page_alloc.js";
export type { PerCpuPages } from "./mm/pages/per_cpu_pages.js";
export {
  type KswapdRun,
  PGDAT_DIRTY,
  PGDAT_WRITEBACK,
  type VmscanThrottleState,
} from "./mm/pages/pglist_data.js";

// ---------------- huge pages

export { folioPteBatch } from "./mm/fault/pte_batch.js";
export { folioRemoveRmapPmd } from "./mm/fault/rmap_pmd.js";
export {
  allocChargeFolio,
  collapseIsolate,
  collapseRelease,
  collapseSwapin,
  hugepageVmaRevalidate,
  type Isolated,
} from "./mm/huge/collapse.js";
export { noneOrZero } from "./mm/huge/collapse_scan.js";
export { deferredSplitFolio } from "./mm/huge/deferred_queue.js";
export { mapAnonFolioPmd } from "./mm/huge/huge_fault.js";
export {
  isHugeZeroPmd,
  mkHugePmd,
  mmIncNrPtes,
  pgtableTransHugeDeposit,
  pgtableTransHugeWithdraw,
} from "./mm/huge/huge_pmd.js";
export { mmGetHugeZeroFolio } from "./mm/huge/huge_zero.js";
export { khugepagedEnterVma } from "./mm/huge/khugepaged_mm.js";
export { removeFileLeaf } from "./mm/huge/split_pmd.js";
export { vmaThpGfpMask } from "./mm/huge/thp_orders.js";
export { HPAGE_PMD_NR, HPAGE_PMD_ORDER, modMthpStat } from "./mm/huge/thp_state.js";
export { memCgroupCharge } from "./mm/memcg/charge.js";
export { countMemcgEvents } from "./mm/memcg/stats.js";

// ---------------- swap: slots, the swap cache, and what reclaim asks of them

export { lruvecLruSize, SWAPPINESS_ANON_ONLY } from "./mm/lru/scan_count.js";
export { canReclaimAnonPages } from "./mm/lru/swap_space.js";
export { memCgroupSwapFull } from "./mm/memcg/swap_full.js";
export {
  relocateCluster,
  swapClusterAllocTable,
  swapRangeAlloc,
} from "./mm/swap/cluster.js";
export {
  getSwapDevice,
  swapCountContinued,
  swapcacheClear,
  swapEntriesFree,
  swapEntryCount,
  swapFreeNr,
} from "./mm/swap/swap_map.js";
export { swapinReadahead, swapUpdateReadahead } from "./mm/swap/swap_readahead.js";
export { folioFreeSwap, folioMatchesSwapEntry, swapCacheGetFolio } from "./mm/swap/swap_state.js";
export {
  CLUSTER_FLAG_DISCARD,
  COUNT_CONTINUED,
  SWAP_HAS_CACHE,
  SWAP_MAP_BAD,
  SWAP_MAP_MAX,
  SWAP_MAP_SHMEM,
  SWAPFILE_CLUSTER,
  SWP_STABLE_WRITES,
  SWP_SYNCHRONOUS_IO,
} from "./mm/swap/swap_types.js";

// ---------------- compaction: one round, and what it is made of

export {
  COMPACT_COMPLETE,
  COMPACT_CONTENDED,
  COMPACT_CONTINUE,
  COMPACT_PARTIAL_SKIPPED,
  COMPACT_SUCCESS,
  type CompactControl,
  MIGRATE_ASYNC,
  MIGRATE_SYNC,
  MIGRATE_SYNC_LIGHT,
} from "./mm/compaction/compact_control.js";
export type { CompactAttempt, CompactControlOf, DirectCompact } from "./mm/compaction/compact_types.js";
export { compactFinished, compactZone } from "./mm/compaction/compact_zone.js";
export {
  ISOLATE_ABORT,
  ISOLATE_NONE,
  ISOLATE_SUCCESS,
  isolateMigratepages,
} from "./mm/compaction/fast_find.js";
export { isolateFreepages } from "./mm/compaction/fast_isolate.js";
export { fragmentationIndex, unusableFreeIndex } from "./mm/compaction/fragmentation.js";
export { isolateFreeBlock } from "./mm/compaction/free_blocks.js";
export { suitableMigrationTarget } from "./mm/compaction/isolate_freepages.js";
export { isolateMigratepagesBlock, putbackMovablePages } from "./mm/compaction/isolate_migratepages.js";
export { migratePages } from "./mm/compaction/migrate.js";
export { pageblockStartPfn } from "./mm/compaction/skip.js";
export type { ZoneCompaction } from "./mm/compaction/zone_compaction.js";
export { drainLocalPages } from "./mm/pages/pcp.js";

// ---------------- counters of /proc/vmstat

export {
  countVmEvents,
  globalNodePageState,
  modNodePageState,
  NR_ACTIVE_ANON,
  NR_ACTIVE_FILE,
  NR_INACTIVE_ANON,
  NR_INACTIVE_FILE,
  NR_VMSCAN_IMMEDIATE,
  PGACTIVATE,
  PGMAJFAULT,
  THP_FAULT_ALLOC,
  THP_FAULT_FALLBACK,
  THP_FAULT_FALLBACK_CHARGE,
  THP_SPLIT_PMD,
  WORKINGSET_ACTIVATE,
  WORKINGSET_REFAULT,
  WORKINGSET_RESTORE,
} from "./mm/vmstat.js";

// ---------------- files, and their pages in memory

export type { FdTable } from "./fs/fd_table.js";
export type { FileTree, PseudoFs } from "./fs/file_tree.js";
export type { FileOperations, FileSystemOps, Inode, VfsFile } from "./fs/inode.js";
export type { FileRaState } from "./mm/filemap/file_ra_state.js";
export type { IovIter } from "./mm/filemap/filemap.js";
export { folioIsLocked, folioIsWriteback, folioWaitLocked } from "./mm/filemap/folio_wait.js";
export type {
  AddressSpace,
  AddressSpaceOperations,
  MappingHost,
  XaNode,
} from "./mm/filemap/mapping.js";
export type { BdiWriteback, Completions, TaskDirty, WbDomain } from "./mm/lru/wb_domain.js";

// ---------------- error numbers, and who may do what

export type { Cred } from "./kernel/cred.js";
export { EAGAIN, EEXIST, EFAULT, EINVAL, ENOENT, ENOMEM, EPERM } from "./mm/errno.js";
export { CAP_IPC_LOCK, RLIMIT_MEMLOCK } from "./mm/system.js";

// ---------------- tasks, time and waiting, the kernel as a whole, and its replaceable parts

export type { EventQueue, EventRecord } from "./hw/events.js";
export type { FaultingTask } from "./kernel/fault.js";
export type { Kernel, KernelHardware } from "./kernel/kernel.js";
export type { Sched, Wait } from "./kernel/sched.js";
export type { SwapDisk } from "./kernel/swap_disks.js";
export type { SignalStruct, Task, TaskRunner, TaskState } from "./kernel/task.js";
export type { SwapReadaheadInfo } from "./mm/mm_types.js";
export type { KcompactdRun, PglistData } from "./mm/pages/pglist_data.js";
export type { MmParts } from "./mm/parts.js";
export type { RssLag } from "./mm/percpu_counter.js";
export type {
  PercpuSwapCluster,
  SwapClusterInfo,
  SwapDevice,
  SwapExtent,
  SwapFolio,
  SwapInfoStruct,
  SwapIo,
  SwapState,
  SwapTableEntry,
  SwpEntry,
  ZswapOperations,
} from "./mm/swap/swap_types.js";
export type {
  CurrentTask,
  MemorySystem,
  SystemClock,
  VfsOperations,
  VmSysctl,
  WbReason,
} from "./mm/system.js";
export type { TraceSystem } from "./mm/trace.js";
export type { HasVmStat, VmStat } from "./mm/vmstat.js";
export type { Kthread, KthreadWork, SchedOperations, WaitReason } from "./mm/wait.js";
