/**
 * Which slot a folio gets.
 *
 *   folioAllocSwap(folio)
 *     swapAlloc(order)                      replaceable: sys.parts.swapAlloc
 *       fast   this CPU's cluster, from where it stopped
 *       slow   the areas by priority; equal ones take turns, a cluster each
 *                nonfull clusters of this order --> a free one --> (more than half used: take slots from
 *                folios) --> frag clusters --> for a single page: clusters of larger folios
 *     swapCacheAddFolio                     the folio is in the swap cache
 *
 * A search in a cluster goes upwards from where it is told and takes the first gap that fits. So pages that
 * are swapped out one after the other lie next to each other, which readahead makes use of.
 *
 * A CPU stays in its cluster until that is full, even if a better area comes meanwhile: two areas of the same
 * priority alternate by 512 slots, not by one.
 *
 * Linux mm/swapfile.c. Read first: cluster.ts, swap_state.ts. Read next: page_io.ts.
 */
import { memCgroupTryChargeSwap } from "../memcg/swap_charge.js";
import { vmBugOn } from "../mmdebug.js";
import { type Folio, PG_uptodate } from "../pages/folio.js";
import { swpEntry } from "../pgtable/swapops.js";
import type { MemorySystem } from "../system.js";
import {
  clusterIsUsable,
  isolateCluster,
  relocateCluster,
  requeueAvail,
  SWAP_DISCARD_WORK,
  SWAP_RECLAIM_WORK,
  swapDoScheduledDiscard,
  swapOffsetToCluster,
  swapRangeAlloc,
  vmSwapFull,
} from "./cluster.js";
import { putSwapFolio } from "./swap_map.js";
import { swapCacheAddFolio, TTRS_ANYWAY, traceSwap, tryToReclaimSwap } from "./swap_state.js";
import {
  CLUSTER_FLAG_NONE,
  type PercpuSwapCluster,
  SWAP_HAS_CACHE,
  SWAP_NR_ORDERS,
  SWAPFILE_CLUSTER,
  SWP_BLKDEV,
  SWP_PAGE_DISCARD,
  SWP_SOLIDSTATE,
  SWP_WRITEOK,
  type SwapClusterInfo,
  type SwapInfoStruct,
  type SwpEntry,
} from "./swap_types.js";

/** The CPU's place of work. Linux this_cpu_ptr(&percpu_swap_cluster) */
function thisCpuSwapCluster(sys: MemorySystem): PercpuSwapCluster {
  const { percpuSwapCluster } = sys.swap;
  percpuSwapCluster[sys.thisCpu] ??= {
    si: new Array<undefined>(SWAP_NR_ORDERS).fill(undefined),
    offset: new Array<number>(SWAP_NR_ORDERS).fill(0),
  };
  return percpuSwapCluster[sys.thisCpu]!;
}

/**
 * Whether the slots [start, start + nr) are free, or could be taken from folios in RAM: "reclaim".
 * Linux mm/swapfile.c:cluster_scan_range()
 */
function clusterScanRange(
  sys: MemorySystem,
  { swapMap }: SwapInfoStruct,
  ci: SwapClusterInfo,
  start: number,
  nr: number,
): "free" | "reclaim" | "used" {
  if (ci.count === 0) return "free";
  let found: "free" | "reclaim" = "free";
  for (let offset = start; offset < start + nr; offset++) {
    const value = swapMap[offset]!;
    if (value === 0) continue;
    if (value !== SWAP_HAS_CACHE || !vmSwapFull(sys)) return "used";
    found = "reclaim";
  }
  return found;
}

/**
 * Takes the slots from their folios; whether all are free now. Linux mm/swapfile.c:cluster_reclaim_range()
 */
function clusterReclaimRange(sys: MemorySystem, si: SwapInfoStruct, start: number, end: number): boolean {
  for (let offset = start; offset < end; ) {
    if (si.swapMap[offset] === 0) {
      offset++;
      continue;
    }
    if (si.swapMap[offset] !== SWAP_HAS_CACHE) break;
    const nr = tryToReclaimSwap(sys, si, offset, TTRS_ANYWAY);
    if (nr <= 0) break;
    offset += nr;
  }
  for (let offset = start; offset < end; offset++) if (si.swapMap[offset] !== 0) return false;
  return true;
}

/** The slots from `start` on are the folio's. Linux mm/swapfile.c:cluster_alloc_range() */
function clusterAllocRange(
  sys: MemorySystem,
  si: SwapInfoStruct,
  ci: SwapClusterInfo,
  start: number,
  order: number,
): boolean {
  if ((si.flags & SWP_WRITEOK) === 0) return false;
  const nrPages = 1 << order;
  if (ci.count === 0) ci.order = order;
  si.swapMap.fill(SWAP_HAS_CACHE, start, start + nrPages);
  swapRangeAlloc(sys, si, nrPages);
  ci.count += nrPages;
  return true;
}

/**
 * The first gap of 2^order slots in the cluster from `from` on, and where to go on after it: 0 for none.
 * Linux mm/swapfile.c:alloc_swap_scan_cluster(), its loop
 */
function scanCluster(
  sys: MemorySystem,
  si: SwapInfoStruct,
  ci: SwapClusterInfo,
  from: number,
  order: number,
): { found: number; next: number } {
  const nrPages = 1 << order;
  const start = ci.index * SWAPFILE_CLUSTER;
  const last = Math.min(start + SWAPFILE_CLUSTER, si.max) - nrPages;
  const nothing = { found: 0, next: 0 };
  if (ci.count + nrPages > SWAPFILE_CLUSTER) return nothing;
  for (let offset = from; offset <= last; offset += nrPages) {
    const state = clusterScanRange(sys, si, ci, offset, nrPages);
    if (state === "used") continue;
    if (state === "reclaim") {
      const free = clusterReclaimRange(sys, si, offset, offset + nrPages);
      if (!clusterIsUsable(ci, order)) return nothing;
      if (ci.count === 0) offset = start;
      if (!free) continue;
    }
    if (!clusterAllocRange(sys, si, ci, offset, order)) return nothing;
    const next = offset + nrPages;
    return { found: offset, next: ci.count < SWAPFILE_CLUSTER && next <= last ? next : 0 };
  }
  return nothing;
}

/**
 * Takes slots of the cluster, which is off its list, and puts it on the one it belongs to then; the CPU (or
 * the device that turns) goes on behind them. The first slot, or 0.
 * Linux mm/swapfile.c:alloc_swap_scan_cluster()
 */
function allocSwapScanCluster(
  sys: MemorySystem,
  si: SwapInfoStruct,
  ci: SwapClusterInfo,
  offset: number,
  order: number,
): number {
  const { found, next } = scanCluster(sys, si, ci, offset, order);
  relocateCluster(sys, si, ci);
  if ((si.flags & SWP_SOLIDSTATE) !== 0) {
    const here = thisCpuSwapCluster(sys);
    here.offset[order] = next;
    here.si[order] = si;
  } else si.globalCluster![order] = next;
  return found;
}

/** Tries the clusters of a list, all or only the first. Linux mm/swapfile.c:alloc_swap_scan_list() */
function allocSwapScanList(
  sys: MemorySystem,
  si: SwapInfoStruct,
  list: ReadonlySet<SwapClusterInfo>,
  order: number,
  scanAll: boolean,
): number {
  for (let tries = list.size; tries > 0; tries--) {
    const ci = isolateCluster(sys, si, list);
    if (ci === undefined) return 0;
    const found = allocSwapScanCluster(sys, si, ci, ci.index * SWAPFILE_CLUSTER, order);
    if (found !== 0 || !scanAll) return found;
  }
  return 0;
}

/**
 * Takes slots that only the swap cache has from folios, in full clusters: in one, or with `force` in as many
 * as the area has in use. Linux mm/swapfile.c:swap_reclaim_full_clusters()
 */
function swapReclaimFullClusters(sys: MemorySystem, si: SwapInfoStruct, force: boolean): void {
  let toScan = force ? Math.floor(si.inusePages / SWAPFILE_CLUSTER) : 1;
  for (;;) {
    const ci = isolateCluster(sys, si, si.fullClusters);
    if (ci === undefined) return;
    toScan--;
    const start = ci.index * SWAPFILE_CLUSTER;
    const end = Math.min(si.max, start + SWAPFILE_CLUSTER);
    for (let offset = start; offset < end; ) {
      const nr =
        si.swapMap[offset] === SWAP_HAS_CACHE ? Math.abs(tryToReclaimSwap(sys, si, offset, TTRS_ANYWAY)) : 0;
      offset += Math.max(1, nr);
    }
    if (ci.flags === CLUSTER_FLAG_NONE) relocateCluster(sys, si, ci);
    if (toScan <= 0) return;
  }
}

/** Slots of one area; the first, or 0. Linux mm/swapfile.c:cluster_alloc_swap_entry() */
function clusterAllocSwapEntry(sys: MemorySystem, si: SwapInfoStruct, order: number): number {
  if (order > 0 && (si.flags & SWP_BLKDEV) === 0) return 0;
  const discards = (si.flags & SWP_PAGE_DISCARD) !== 0;
  const huge = order >= SWAP_NR_ORDERS - 1;
  return (
    continueInCluster(sys, si, si.globalCluster?.[order] ?? 0, order) ||
    // A device that is told of free clusters gets its writes spread over all of them.
    (discards ? allocSwapScanList(sys, si, si.freeClusters, order, false) : 0) ||
    (huge ? 0 : allocSwapScanList(sys, si, si.nonfullClusters[order]!, order, true)) ||
    (discards ? 0 : allocSwapScanList(sys, si, si.freeClusters, order, false)) ||
    scavenge(sys, si, order)
  );
}

/** Goes on in the cluster where the CPU, or the device that turns, has stopped. */
function continueInCluster(sys: MemorySystem, si: SwapInfoStruct, offset: number, order: number): number {
  if (offset === 0) return 0;
  const ci = swapOffsetToCluster(si, offset);
  if (!clusterIsUsable(ci, order)) return 0;
  return allocSwapScanCluster(sys, si, ci, ci.count === 0 ? ci.index * SWAPFILE_CLUSTER : offset, order);
}

/** Neither a free cluster nor one with slots given back: what is left. */
function scavenge(sys: MemorySystem, si: SwapInfoStruct, order: number): number {
  if (vmSwapFull(sys)) swapReclaimFullClusters(sys, si, false);
  if (order < SWAP_NR_ORDERS - 1) {
    // One is enough: a single page finds a gap there, and for others the list goes round.
    const found = allocSwapScanList(sys, si, si.fragClusters[order]!, order, false);
    if (found !== 0 || order > 0) return found;
  }
  if (order > 0) return 0;
  for (let other = 1; other < SWAP_NR_ORDERS; other++) {
    const found =
      allocSwapScanList(sys, si, si.fragClusters[other]!, 0, true) ||
      allocSwapScanList(sys, si, si.nonfullClusters[other]!, 0, true);
    if (found !== 0) return found;
  }
  return 0;
}

/**
 * 2^order neighbouring free slots, marked as the swap cache's: the entry of the first, 0 if there are none.
 * Linux mm/swapfile.c:swap_alloc_fast(), swap_alloc_slow()
 */
export function swapAlloc(sys: MemorySystem, order: number): SwpEntry {
  const { si, offset } = thisCpuSwapCluster(sys);
  const here = si[order];
  if (here !== undefined && sys.swap.swapInfo[here.type] === here) {
    const found = continueInCluster(sys, here, offset[order]!, order);
    if (found !== 0) return swpEntry(here.type, found);
  }
  for (const area of [...sys.swap.availHead]) {
    if (!sys.swap.availHead.includes(area)) continue;
    requeueAvail(sys, area);
    const found = clusterAllocSwapEntry(sys, area, order);
    if (found !== 0) return swpEntry(area.type, found);
    if (order > 0) return 0;
  }
  return 0;
}

/** Discards free clusters now rather than have none. Linux mm/swapfile.c:swap_sync_discard() */
function swapSyncDiscard(sys: MemorySystem): boolean {
  return sys.swap.availHead.some(
    (si) => (si.flags & SWP_PAGE_DISCARD) !== 0 && swapDoScheduledDiscard(sys, si),
  );
}

/** What is put off until nobody waits for it; once for each machine. Linux mm/swapfile.c:swapfile_init() */
export function swapfileInit(sys: MemorySystem): void {
  sys.events.on(SWAP_DISCARD_WORK, (si) => {
    swapDoScheduledDiscard(sys, si as SwapInfoStruct);
  });
  sys.events.on(SWAP_RECLAIM_WORK, (si) => {
    swapReclaimFullClusters(sys, si as SwapInfoStruct, true);
  });
}

/**
 * Finds slots for the folio and puts it into the swap cache; false if there are none.
 * Linux mm/swapfile.c:folio_alloc_swap()
 */
export function folioAllocSwap(sys: MemorySystem, folio: Folio): boolean {
  vmBugOn((folio.flags & PG_uptodate) === 0, "a folio without its bytes is to be swapped out");
  let entry = sys.parts.swapAlloc(sys, folio.order);
  if (entry === 0 && folio.order === 0 && swapSyncDiscard(sys)) entry = sys.parts.swapAlloc(sys, 0);
  if (!memCgroupTryChargeSwap(sys, folio, entry)) {
    putSwapFolio(sys, folio, entry);
    return false;
  }
  if (entry === 0) return false;
  swapCacheAddFolio(sys, folio, entry);
  if (sys.trace.on) traceSwap(sys, "pagewalk:folio_alloc_swap", folio);
  return true;
}
