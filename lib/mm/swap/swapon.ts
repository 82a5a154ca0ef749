/**
 * Switching a swap area on.
 *
 *   enableSwap(target, flags)
 *     header.ts            is it a swap area, and how large
 *     swap map, clusters   every slot free, but the header, the bad ones, and what is behind the end of the
 *                          last cluster
 *     priority             as asked for, 0 to 32767; else the next of -2, -3, ...: the first area is the best
 *
 * Where the first page goes: cluster 0 holds the bad slot 0, so it is no free cluster but a nonfull one,
 * which is tried first: slot 1. The last cluster, if it is not whole, is nonfull, too, and comes second.
 *
 * What is kept of the slots is memory of the kernel: 1 byte each for the map, a bit for zeros, 2 bytes for
 * the group that has it, and 32 bytes for a cluster. So 1 GiB of swap costs 1 MiB of RAM, used or not.
 *
 * Linux mm/swapfile.c. Read first: header.ts, cluster.ts. Read next: swapoff.ts, kernel/swap.ts.
 */
import { PAGE_SIZE } from "../../hw/address.js";
import { EINVAL, ENOMEM, EPERM } from "../errno.js";
import type { Folio } from "../pages/folio.js";
import { folioPut } from "../pages/free_pages.js";
import { GFP_KERNEL } from "../pages/gfp.js";
import { allocPages } from "../pages/page_alloc.js";
import { MAX_SWAPFILES } from "../pgtable/swapops.js";
import type { MemorySystem } from "../system.js";
import { addToAvailList, swapClusterAllocTable } from "./cluster.js";
import { MAX_SWAP_BADPAGES, type SwapHeader } from "./header.js";
import {
  CLUSTER_FLAG_FREE,
  CLUSTER_FLAG_NONE,
  CLUSTER_FLAG_NONFULL,
  SWAP_MAP_BAD,
  SWAP_NR_ORDERS,
  SWAPFILE_CLUSTER,
  SWP_AREA_DISCARD,
  SWP_BLKDEV,
  SWP_DISCARDABLE,
  SWP_PAGE_DISCARD,
  SWP_SOLIDSTATE,
  SWP_STABLE_WRITES,
  SWP_SYNCHRONOUS_IO,
  SWP_USED,
  SWP_WRITEOK,
  type SwapClusterInfo,
  type SwapDevice,
  type SwapExtent,
  type SwapInfoStruct,
} from "./swap_types.js";

/** The low bits are a priority. Linux include/linux/swap.h:SWAP_FLAG_PREFER; so are all below. */
export const SWAP_FLAG_PREFER = 0x8000;
export const SWAP_FLAG_PRIO_MASK = 0x7fff;
/** Tell the device what is free: once at swapon, and whenever a cluster becomes free. */
export const SWAP_FLAG_DISCARD = 0x10000;
/** Only once. */
export const SWAP_FLAG_DISCARD_ONCE = 0x20000;
/** Only clusters. */
export const SWAP_FLAG_DISCARD_PAGES = 0x40000;
/** All that swapon understands. */
export const SWAP_FLAGS_VALID =
  SWAP_FLAG_PREFER |
  SWAP_FLAG_PRIO_MASK |
  SWAP_FLAG_DISCARD |
  SWAP_FLAG_DISCARD_ONCE |
  SWAP_FLAG_DISCARD_PAGES;

/** What swapon is about, once the file is open. */
export interface SwapTarget {
  readonly path: string;
  readonly bdev: SwapDevice;
  /** A block device, not a file. */
  readonly isBlkdev: boolean;
  /** Pages of the device or file. */
  readonly nrPages: number;
  /** Where they lie on the device. */
  readonly extents: readonly SwapExtent[];
  readonly header: SwapHeader | undefined;
}

/**
 * Pages that the header allows, slot 0 included; 0 if it cannot be used.
 * Linux mm/swapfile.c:read_swap_header()
 */
function maxPages({ header, nrPages, isBlkdev }: SwapTarget): number {
  if (header === undefined || header.version !== 1 || header.lastPage === 0) return 0;
  const pages = header.lastPage + 1;
  if (pages > nrPages) return 0; // shorter than the header says
  if (header.nrBadpages > 0 && !isBlkdev) return 0;
  return header.nrBadpages > MAX_SWAP_BADPAGES ? 0 : pages;
}

/** The swap map, and how many slots can be used; undefined for a bad page outside. Linux setup_swap_map() */
function setupSwapMap(header: SwapHeader, max: number): { map: Uint8Array; pages: number } | undefined {
  const map = new Uint8Array(max);
  map[0] = SWAP_MAP_BAD;
  let pages = max - 1;
  for (const bad of header.badpages) {
    if (bad === 0 || bad > header.lastPage) return undefined;
    if (bad >= max || map[bad] === SWAP_MAP_BAD) continue;
    map[bad] = SWAP_MAP_BAD;
    pages--;
  }
  return pages === 0 ? undefined : { map, pages };
}

/** Frames that the kernel takes for an area. Linux: vzalloc() and kvmalloc() of sys_swapon() */
function kernelPages(max: number): number {
  const clusters = Math.ceil(max / SWAPFILE_CLUSTER);
  const sizes = [max, Math.ceil(max / 8), max * 2, clusters * 32];
  return sizes.reduce((sum, bytes) => sum + Math.ceil(bytes / PAGE_SIZE), 0);
}

/**
 * Takes `nr` frames for the kernel; undefined, and none is taken, without memory.
 * Linux mm/vmalloc.c:vzalloc()
 */
function vzalloc(sys: MemorySystem, nr: number): Folio[] | undefined {
  if (nr > sys.totalramPages) return undefined;
  const pages: Folio[] = [];
  for (let i = 0; i < nr; i++) {
    const page = allocPages(sys, GFP_KERNEL, 0);
    if (page === undefined) {
      for (const one of pages) folioPut(sys, one);
      return undefined;
    }
    pages.push(page);
  }
  return pages;
}

/**
 * Sorts the clusters into lists; false without memory for their tables. Linux mm/swapfile.c:setup_clusters()
 */
function setupClusters(sys: MemorySystem, si: SwapInfoStruct): boolean {
  const nrClusters = Math.ceil(si.max / SWAPFILE_CLUSTER);
  for (let index = 0; index < nrClusters; index++) {
    const start = index * SWAPFILE_CLUSTER;
    const end = start + SWAPFILE_CLUSTER;
    let count = Math.max(0, end - si.max);
    for (let slot = start; slot < Math.min(end, si.max); slot++) if (si.swapMap[slot] !== 0) count++;
    const none = { flags: CLUSTER_FLAG_NONE, order: 0, table: undefined, tablePage: undefined };
    const ci: SwapClusterInfo = { index, count, ...none };
    si.clusterInfo.push(ci);
    ci.flags = count > 0 ? CLUSTER_FLAG_NONFULL : CLUSTER_FLAG_FREE;
    if (count > 0 && !swapClusterAllocTable(sys, ci)) return false;
    (count > 0 ? si.nonfullClusters[0]! : si.freeClusters).add(ci);
  }
  return true;
}

/** SWP_* bits of the area. */
function areaFlags({ bdev, isBlkdev }: SwapTarget, swapFlags: number): number {
  let flags = SWP_USED | (isBlkdev ? SWP_BLKDEV : 0);
  if (bdev.stableWrites) flags |= SWP_STABLE_WRITES;
  if (bdev.synchronous) flags |= SWP_SYNCHRONOUS_IO;
  if (!bdev.rotational) flags |= SWP_SOLIDSTATE;
  if ((swapFlags & SWAP_FLAG_DISCARD) === 0 || bdev.discard === undefined) return flags;
  flags |= SWP_DISCARDABLE | SWP_AREA_DISCARD | SWP_PAGE_DISCARD;
  if ((swapFlags & SWAP_FLAG_DISCARD_ONCE) !== 0) return flags & ~SWP_PAGE_DISCARD;
  return (swapFlags & SWAP_FLAG_DISCARD_PAGES) !== 0 ? flags & ~SWP_AREA_DISCARD : flags;
}

/** The whole area but its header is free: the device may forget it. Linux mm/swapfile.c:discard_swap() */
function discardSwap(si: SwapInfoStruct): void {
  for (const { startPage, nrPages, startBlock } of si.extents) {
    const skip = startPage === 0 ? 1 : 0;
    if (nrPages > skip) si.bdev.discard?.(startBlock + skip, nrPages - skip);
  }
}

function lists(): Set<SwapClusterInfo>[] {
  return Array.from({ length: SWAP_NR_ORDERS }, () => new Set<SwapClusterInfo>());
}

/** The lowest number that no area has, or undefined. Linux mm/swapfile.c:alloc_swap_info() */
export function freeSwapType(sys: MemorySystem): number | undefined {
  for (let type = 0; type < MAX_SWAPFILES; type++) if (sys.swap.swapInfo[type] === undefined) return type;
  return undefined;
}

/**
 * Uses the area from now on: the area, or -EINVAL if it is none, -EPERM if there are too many, -ENOMEM.
 * `swapFlags` are SWAP_FLAG_*. Linux mm/swapfile.c:SYSCALL_DEFINE2(swapon), from the header on
 */
export function enableSwap(sys: MemorySystem, target: SwapTarget, swapFlags = 0): SwapInfoStruct | number {
  const type = freeSwapType(sys);
  if (type === undefined) return -EPERM;
  const max = maxPages(target);
  if (max === 0) return -EINVAL;
  const slots = setupSwapMap(target.header!, max);
  if (slots === undefined) return -EINVAL;
  const kernel = vzalloc(sys, kernelPages(max));
  if (kernel === undefined) return -ENOMEM;
  const { bdev, path, extents } = target;
  const clusters = { clusterInfo: [], freeClusters: new Set<SwapClusterInfo>() };
  const more = { fullClusters: new Set<SwapClusterInfo>(), discardClusters: new Set<SwapClusterInfo>() };
  const si: SwapInfoStruct = {
    ...{ type, path, bdev, extents, max, kernelPages: kernel, pages: slots.pages, inusePages: 0, prio: 0 },
    flags: areaFlags(target, swapFlags),
    swapMap: slots.map,
    ...{ zeromap: new Uint8Array(max), swapCgroup: new Int32Array(max) },
    continuations: new Map(),
    ...{ ...clusters, ...more, nonfullClusters: lists(), fragClusters: lists() },
    globalCluster: bdev.rotational ? new Array<number>(SWAP_NR_ORDERS).fill(0) : undefined,
  };
  if (!setupClusters(sys, si)) {
    freeSwapInfo(sys, si);
    return -ENOMEM;
  }
  if ((si.flags & SWP_AREA_DISCARD) !== 0) discardSwap(si);
  if (bdev.rotational) sys.swap.nrRotateSwap++;
  const asked = (swapFlags & SWAP_FLAG_PREFER) !== 0;
  si.prio = asked ? swapFlags & SWAP_FLAG_PRIO_MASK : --sys.swap.leastPriority;
  sys.swap.swapInfo[type] = si;
  enableSwapInfo(sys, si);
  return si;
}

/** The area's slots may be given out. Linux mm/swapfile.c:_enable_swap_info() */
export function enableSwapInfo(sys: MemorySystem, si: SwapInfoStruct): void {
  si.flags |= SWP_WRITEOK;
  sys.nrSwapPages += si.pages;
  sys.totalSwapPages += si.pages;
  addToAvailList(sys, si);
}

/** Gives the kernel's memory for an area back. Linux mm/swapfile.c:SYSCALL_DEFINE1(swapoff), its end */
export function freeSwapInfo(sys: MemorySystem, si: SwapInfoStruct): void {
  for (const page of si.kernelPages) folioPut(sys, page as Folio);
  for (const { tablePage } of si.clusterInfo) if (tablePage !== undefined) folioPut(sys, tablePage as Folio);
}
