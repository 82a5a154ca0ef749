/**
 * A swap area without swapon(2), for cases about what lies above: slot 0 bad, all of a device of its own.
 *
 *   swapArea(kernel, 512)                on an SSD, requests take time
 *   swapArea(kernel, 512, zram)          on a device that is done at once
 */
import { BlockDevice } from "../../../lib/hw/block_device.js";
import type { Kernel } from "../../../lib/kernel/kernel.js";
import { folioIsolateLru } from "../../../lib/mm/lru/isolate.js";
import { reclaimPages } from "../../../lib/mm/lru/reclaim_pages.js";
import { lruAddDrainAll } from "../../../lib/mm/lru/swap.js";
import type { Folio } from "../../../lib/mm/pages/folio.js";
import { addToAvailList, moveCluster, swapClusterAllocTable } from "../../../lib/mm/swap/cluster.js";
import {
  CLUSTER_FLAG_FREE,
  CLUSTER_FLAG_NONE,
  CLUSTER_FLAG_NONFULL,
  SWAP_MAP_BAD,
  SWAP_NR_ORDERS,
  SWAPFILE_CLUSTER,
  SWP_BLKDEV,
  SWP_SOLIDSTATE,
  SWP_STABLE_WRITES,
  SWP_SYNCHRONOUS_IO,
  SWP_USED,
  SWP_WRITEOK,
  type SwapClusterInfo,
  type SwapDevice,
  type SwapInfoStruct,
} from "../../../lib/mm/swap/swap_types.js";

const lists = (): Set<SwapClusterInfo>[] => Array.from({ length: SWAP_NR_ORDERS }, () => new Set());

/** An SSD with `nrBlocks` blocks. */
function ssd({ sys }: Kernel, nrBlocks: number): SwapDevice & { device: BlockDevice } {
  const device = new BlockDevice(sys.ram, sys.clock, sys.events);
  return { nrBlocks, rotational: false, synchronous: false, stableWrites: false, device };
}

/** Reclaims what the swap cache has of the area and needs no writing. */
export function dropSwapCache({ sys }: Kernel, si: SwapInfoStruct): void {
  lruAddDrainAll(sys);
  const folios = si.clusterInfo.flatMap(({ table }) =>
    (table ?? []).filter((place): place is Folio => typeof place === "object"),
  );
  reclaimPages(
    sys,
    folios.filter((folio) => folioIsolateLru(sys, folio)),
  );
}

/** Area `type` with `max` slots on `bdev`, in use from now on. */
export function swapArea(
  kernel: Kernel,
  max: number,
  bdev: SwapDevice = ssd(kernel, max),
  type = 0,
): SwapInfoStruct {
  const { sys } = kernel;
  const flags =
    SWP_USED |
    SWP_WRITEOK |
    SWP_BLKDEV |
    SWP_SOLIDSTATE |
    (bdev.synchronous ? SWP_SYNCHRONOUS_IO : 0) |
    (bdev.stableWrites ? SWP_STABLE_WRITES : 0);
  const nrClusters = Math.ceil(max / SWAPFILE_CLUSTER);
  const si: SwapInfoStruct = {
    type,
    flags,
    prio: --sys.swap.leastPriority,
    max,
    pages: max - 1,
    inusePages: 0,
    swapMap: new Uint8Array(max),
    zeromap: new Uint8Array(max),
    continuations: new Map(),
    clusterInfo: Array.from({ length: nrClusters }, (_, index) => ({
      index,
      count: 0,
      flags: CLUSTER_FLAG_NONE,
      order: 0,
      table: undefined,
      tablePage: undefined,
    })),
    freeClusters: new Set(),
    fullClusters: new Set(),
    discardClusters: new Set(),
    nonfullClusters: lists(),
    fragClusters: lists(),
    globalCluster: undefined,
    extents: [{ startPage: 0, nrPages: max, startBlock: 0 }],
    bdev,
    path: `/dev/swap${type}`,
  };
  si.swapMap[0] = SWAP_MAP_BAD;
  const bad = new Map([[0, 1]]);
  const beyond = nrClusters * SWAPFILE_CLUSTER - max;
  if (beyond > 0) bad.set(nrClusters - 1, (bad.get(nrClusters - 1) ?? 0) + beyond);
  for (const ci of si.clusterInfo) {
    ci.count = bad.get(ci.index) ?? 0;
    if (ci.count > 0) swapClusterAllocTable(sys, ci);
    moveCluster(si, ci, ci.count > 0 ? CLUSTER_FLAG_NONFULL : CLUSTER_FLAG_FREE);
  }
  sys.swap.swapInfo[type] = si;
  sys.totalSwapPages += si.pages;
  sys.nrSwapPages += si.pages;
  addToAvailList(sys, si);
  return si;
}
