/**
 * A swap area made by hand on a device of one's own, for tests of what lies below swapon.
 */
import { BlockDevice } from "../../../lib/hw/block_device.js";
import { addToAvailList } from "../../../lib/mm/swap/cluster.js";
import {
  CLUSTER_FLAG_FREE,
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
import type { MemorySystem } from "../../../lib/mm/system.js";

/** An SSD of `nrBlocks` blocks. */
export function ssd(sys: MemorySystem, nrBlocks: number): SwapDevice & { readonly device: BlockDevice } {
  const device = new BlockDevice(sys.ram, sys.clock, sys.events);
  return { nrBlocks, rotational: false, synchronous: false, stableWrites: false, device };
}

/** Swap on all of `bdev`. */
export function swapOn(sys: MemorySystem, bdev: SwapDevice): SwapInfoStruct {
  const max = bdev.nrBlocks;
  const clusterInfo: SwapClusterInfo[] = Array.from(
    { length: Math.ceil(max / SWAPFILE_CLUSTER) },
    (_, index) => {
      return { index, count: 0, flags: CLUSTER_FLAG_FREE, order: 0, table: undefined, tablePage: undefined };
    },
  );
  const lists = (): Set<SwapClusterInfo>[] => Array.from({ length: SWAP_NR_ORDERS }, () => new Set());
  const si: SwapInfoStruct = {
    type: sys.swap.swapInfo.length,
    flags:
      SWP_USED |
      SWP_WRITEOK |
      SWP_BLKDEV |
      SWP_SOLIDSTATE |
      (bdev.synchronous ? SWP_SYNCHRONOUS_IO : 0) |
      (bdev.stableWrites ? SWP_STABLE_WRITES : 0),
    prio: -2,
    max,
    pages: max - 1,
    inusePages: 0,
    swapMap: new Uint8Array(max),
    zeromap: new Uint8Array(max),
    continuations: new Map(),
    kernelPages: [],
    clusterInfo,
    freeClusters: new Set(clusterInfo.slice(1)),
    fullClusters: new Set(),
    discardClusters: new Set(),
    nonfullClusters: lists(),
    fragClusters: lists(),
    globalCluster: undefined,
    extents: [{ startPage: 0, nrPages: max, startBlock: 0 }],
    bdev,
    path: "/dev/test",
  };
  si.swapMap[0] = SWAP_MAP_BAD;
  clusterInfo[0]!.count = 1;
  clusterInfo[0]!.flags = CLUSTER_FLAG_NONFULL;
  si.nonfullClusters[0]!.add(clusterInfo[0]!);
  // The last cluster may be shorter: what is missing counts as used.
  const missing = clusterInfo.length * SWAPFILE_CLUSTER - max;
  if (missing > 0) {
    const last = clusterInfo[clusterInfo.length - 1]!;
    last.count += missing;
    last.flags = CLUSTER_FLAG_NONFULL;
    si.freeClusters.delete(last);
    si.nonfullClusters[0]!.add(last);
  }
  sys.swap.swapInfo.push(si);
  sys.totalSwapPages += si.pages;
  sys.nrSwapPages += si.pages;
  addToAvailList(sys, si);
  return si;
}
