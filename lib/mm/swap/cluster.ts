/**
 * Clusters: 512 slots each, and which list each cluster is on.
 *
 *   free       all slots free; it has no swap table
 *   nonfull    slots of it were given back: tried first, for its order of folio
 *   frag       partly used and left: tried last
 *   full       nothing to be had
 *   discard    free, but the device shall be told first
 *
 *         takes a slot        relocateCluster        gives one back
 *   free ------------> (off) ---------------> frag ------------------> nonfull
 *                            `--------------> full ------------------> nonfull, or free when it was the last
 *
 * A CPU takes slot after slot from one cluster, so that what is swapped out together lies together, and
 * several CPUs do not get into each other's way. A free cluster costs nothing but its entry here: its swap
 * table, one frame, comes with the first slot and goes with the last.
 *
 * Also here: how many slots are in use, and whether an area is among those that have some free.
 *
 * Differs from Linux: no locks, so a cluster is never "contended".
 *
 * Linux mm/swapfile.c. Read first: swap_types.ts. Read next: swap_map.ts, swapfile.ts.
 */
import { vmBugOn } from "../mmdebug.js";
import type { Folio } from "../pages/folio.js";
import { folioPut } from "../pages/free_pages.js";
import { __GFP_HIGH, __GFP_NOMEMALLOC, __GFP_NOWARN, __GFP_ZERO, GFP_KERNEL } from "../pages/gfp.js";
import { allocPages } from "../pages/page_alloc.js";
import type { MemorySystem } from "../system.js";
import {
  CLUSTER_FLAG_DISCARD,
  CLUSTER_FLAG_FRAG,
  CLUSTER_FLAG_FREE,
  CLUSTER_FLAG_FULL,
  CLUSTER_FLAG_NONE,
  CLUSTER_FLAG_NONFULL,
  SWAPFILE_CLUSTER,
  SWP_PAGE_DISCARD,
  SWP_WRITEOK,
  type SwapClusterInfo,
  type SwapInfoStruct,
} from "./swap_types.js";

/** Kind of the event by which free clusters are discarded. Linux mm/swapfile.c:swap_discard_work() */
export const SWAP_DISCARD_WORK = "swap_discard_work";
/** Kind of the event by which slots are taken from folios. Linux mm/swapfile.c:swap_reclaim_work() */
export const SWAP_RECLAIM_WORK = "swap_reclaim_work";

/** The cluster of slot `offset`. Linux mm/swap.h:__swap_offset_to_cluster() */
export function swapOffsetToCluster(si: SwapInfoStruct, offset: number): SwapClusterInfo {
  return si.clusterInfo[Math.floor(offset / SWAPFILE_CLUSTER)]!;
}

/**
 * More than half of all swap is used: slots are taken from folios in RAM.
 * Linux include/linux/swap.h:vm_swap_full()
 */
export function vmSwapFull(sys: MemorySystem): boolean {
  return sys.nrSwapPages * 2 < sys.totalSwapPages;
}

// ---------------------------------------------------------------- lists

/** The list of clusters with `flags`. */
function listOf(si: SwapInfoStruct, ci: SwapClusterInfo, flags: number): Set<SwapClusterInfo> | undefined {
  if (flags === CLUSTER_FLAG_FREE) return si.freeClusters;
  if (flags === CLUSTER_FLAG_NONFULL) return si.nonfullClusters[ci.order];
  if (flags === CLUSTER_FLAG_FRAG) return si.fragClusters[ci.order];
  if (flags === CLUSTER_FLAG_FULL) return si.fullClusters;
  return flags === CLUSTER_FLAG_DISCARD ? si.discardClusters : undefined;
}

/** The cluster goes to the end of the list that `flags` names. Linux mm/swapfile.c:move_cluster() */
function moveCluster(si: SwapInfoStruct, ci: SwapClusterInfo, flags: number): void {
  listOf(si, ci, ci.flags)?.delete(ci);
  ci.flags = flags;
  listOf(si, ci, flags)?.add(ci);
}

/** No slot of it is in use any more. Linux mm/swapfile.c:free_cluster() */
export function freeCluster(sys: MemorySystem, si: SwapInfoStruct, ci: SwapClusterInfo): void {
  const discards = SWP_WRITEOK | SWP_PAGE_DISCARD;
  if ((si.flags & discards) !== discards) {
    freeClusterNow(sys, si, ci);
    return;
  }
  if (si.discardClusters.size === 0) sys.events.post(sys.clock.nowNs, SWAP_DISCARD_WORK, si);
  moveCluster(si, ci, CLUSTER_FLAG_DISCARD);
}

/** Linux mm/swapfile.c:__free_cluster() */
function freeClusterNow(sys: MemorySystem, si: SwapInfoStruct, ci: SwapClusterInfo): void {
  swapClusterFreeTable(sys, ci);
  moveCluster(si, ci, CLUSTER_FLAG_FREE);
  ci.order = 0;
}

/** A slot was given back, others are in use. Linux mm/swapfile.c:partial_free_cluster() */
export function partialFreeCluster(si: SwapInfoStruct, ci: SwapClusterInfo): void {
  if (ci.flags !== CLUSTER_FLAG_NONFULL) moveCluster(si, ci, CLUSTER_FLAG_NONFULL);
}

/**
 * After slots were taken, or none was found: to the list it belongs to.
 * Linux mm/swapfile.c:relocate_cluster()
 */
export function relocateCluster(sys: MemorySystem, si: SwapInfoStruct, ci: SwapClusterInfo): void {
  if (ci.flags === CLUSTER_FLAG_DISCARD) return;
  if (ci.count === 0) {
    if (ci.flags !== CLUSTER_FLAG_FREE) freeCluster(sys, si, ci);
  } else if (ci.count !== SWAPFILE_CLUSTER) {
    if (ci.flags !== CLUSTER_FLAG_FRAG) moveCluster(si, ci, CLUSTER_FLAG_FRAG);
  } else if (ci.flags !== CLUSTER_FLAG_FULL) moveCluster(si, ci, CLUSTER_FLAG_FULL);
}

/**
 * Takes the first cluster off the list, with a swap table; undefined if the list is empty, or there is no
 * memory for the table. Linux mm/swapfile.c:isolate_lock_cluster()
 */
export function isolateCluster(
  sys: MemorySystem,
  si: SwapInfoStruct,
  list: ReadonlySet<SwapClusterInfo>,
): SwapClusterInfo | undefined {
  for (const ci of list) {
    moveCluster(si, ci, CLUSTER_FLAG_NONE);
    if (ci.table !== undefined || swapClusterAllocTable(sys, ci)) return ci;
    moveCluster(si, ci, CLUSTER_FLAG_FREE);
    return undefined;
  }
  return undefined;
}

/** A folio of `order` may be put there. Linux mm/swapfile.c:cluster_is_usable() */
export function clusterIsUsable(ci: SwapClusterInfo, order: number): boolean {
  if (ci.flags > CLUSTER_FLAG_FRAG || ci.table === undefined) return false;
  return order === 0 || ci.count === 0 || ci.order === order;
}

// ---------------------------------------------------------------- the swap table's memory

/**
 * Gives the cluster an empty swap table; false without memory. First without waiting, then with.
 * Linux mm/swapfile.c:swap_cluster_alloc_table()
 */
export function swapClusterAllocTable(sys: MemorySystem, ci: SwapClusterInfo): boolean {
  const gfp = __GFP_HIGH | __GFP_NOMEMALLOC | __GFP_ZERO;
  const page = allocPages(sys, gfp | __GFP_NOWARN, 0) ?? allocPages(sys, gfp | GFP_KERNEL, 0);
  if (page === undefined) return false;
  ci.tablePage = page;
  ci.table = new Array<undefined>(SWAPFILE_CLUSTER).fill(undefined);
  return true;
}

/** Takes the table of an empty cluster away. Linux mm/swapfile.c:swap_cluster_free_table() */
function swapClusterFreeTable(sys: MemorySystem, ci: SwapClusterInfo): void {
  vmBugOn(ci.count !== 0, "a cluster with slots in use loses its swap table");
  folioPut(sys, ci.tablePage as Folio);
  ci.tablePage = undefined;
  ci.table = undefined;
}

// ---------------------------------------------------------------- how much is in use

/** Which areas come before: higher priority first, among equals who is there already. Linux plist_add() */
function addByPriority(list: SwapInfoStruct[], si: SwapInfoStruct): void {
  const at = list.findIndex((other) => other.prio < si.prio);
  list.splice(at < 0 ? list.length : at, 0, si);
}

/** The area has free slots again, or for the first time. Linux mm/swapfile.c:add_to_avail_list() */
export function addToAvailList(sys: MemorySystem, si: SwapInfoStruct): void {
  const { availHead } = sys.swap;
  if ((si.flags & SWP_WRITEOK) === 0 || availHead.includes(si) || si.inusePages === si.pages) return;
  addByPriority(availHead, si);
}

/** No slot is to be had there. Linux mm/swapfile.c:del_from_avail_list() */
export function delFromAvailList(sys: MemorySystem, si: SwapInfoStruct): void {
  const at = sys.swap.availHead.indexOf(si);
  if (at >= 0) sys.swap.availHead.splice(at, 1);
}

/** The next search begins with another area of the same priority. Linux lib/plist.c:plist_requeue() */
export function requeueAvail(sys: MemorySystem, si: SwapInfoStruct): void {
  delFromAvailList(sys, si);
  addByPriority(sys.swap.availHead, si);
}

/** `nr` more slots are in use. Linux mm/swapfile.c:swap_range_alloc() */
export function swapRangeAlloc(sys: MemorySystem, si: SwapInfoStruct, nr: number): void {
  si.inusePages += nr;
  if (si.inusePages === si.pages) {
    delFromAvailList(sys, si);
    if (vmSwapFull(sys)) sys.events.post(sys.clock.nowNs, SWAP_RECLAIM_WORK, si);
  }
  sys.nrSwapPages -= nr;
}

/** `nr` slots less. Linux mm/swapfile.c:swap_usage_sub() */
export function swapUsageSub(sys: MemorySystem, si: SwapInfoStruct, nr: number): void {
  sys.nrSwapPages += nr;
  si.inusePages -= nr;
  addToAvailList(sys, si);
}

/**
 * Discards the clusters that wait for it; whether there were any.
 * Linux mm/swapfile.c:swap_do_scheduled_discard()
 */
export function swapDoScheduledDiscard(sys: MemorySystem, si: SwapInfoStruct): boolean {
  let any = false;
  for (const ci of si.discardClusters) {
    discardSwapCluster(si, ci.index * SWAPFILE_CLUSTER, SWAPFILE_CLUSTER);
    freeClusterNow(sys, si, ci);
    any = true;
  }
  return any;
}

/** Linux mm/swapfile.c:discard_swap_cluster() */
function discardSwapCluster(si: SwapInfoStruct, start: number, nr: number): void {
  for (const { startPage, nrPages, startBlock } of si.extents) {
    const from = Math.max(start, startPage);
    const to = Math.min(start + nr, startPage + nrPages);
    if (from < to) si.bdev.discard?.(startBlock + from - startPage, to - from);
  }
}
