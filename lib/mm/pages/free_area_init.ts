/**
 * Zones: RAM by what it is good for, and how boot hands it to the allocator.
 *
 *   frame      0x1000          0x10_0000
 *   | DMA      | DMA32         | Normal                          |
 *     16 MiB,    below 4 GiB:    everything else                  managed: what the allocator was given
 *     for ISA    for devices of                                   present: what is RAM
 *     cards      32 bits                                          spanned: from the first frame to the last
 *   | DMA      | DMA32         | Normal      | Movable           |
 *                                              at the top, if asked for: only pages that can be moved away
 *
 *   boot --> firmware's map of RAM --> what the kernel keeps (boot_reserve.ts) --> zones
 *        --> the rest is freed, block by block --> ... the kernel starts up ...
 *        --> freeInitmem: its start-up code and the initial file system are freed, too; the zones grow
 *
 * A device may be able to reach only low addresses, so requests for low memory must always find some: a
 * request takes the highest zone that it may, and falls back downwards. ZONE_MOVABLE takes nothing that has
 * to stay where it is, so that large pieces can be made free in it.
 *
 * Two zones of Linux are not here. ZONE_HIGHMEM: on a processor of 32 bits the kernel can address only about
 * 900 MiB of RAM all the time; what lies above is mapped page by page when it is needed, and only programs'
 * pages go there. With 64 bits there is room to map all of RAM at once. ZONE_DEVICE: page structs for memory
 * on a device (persistent memory, a graphics card), so that it can be mapped and passed around like RAM; the
 * allocator never hands it out.
 *
 * A machine with less than 128 MiB has no room for all that a real kernel keeps: of it only the first MiB is
 * kept.
 *
 * Differs from Linux: where the PC leaves the addresses from 3 to 4 GiB to devices, frames are numbered on
 * without the gap.
 *
 * Linux mm/mm_init.c. Read first: memblock.ts, boot_reserve.ts. Read next: buddy.ts, wmark.ts.
 */

import { PAGE_SIZE } from "../../hw/address.js";
import { formatSize } from "../../hw/size.js";
import { type BootPool, PUD_ORDER } from "../hugetlb/hstate.js";
import type { MemorySystem } from "../system.js";
import { countVmEvents, PGFREE } from "../vmstat.js";
import { type BootMemory, firmwareMap, INITRD_BYTES, ramMap, reserveForKernel } from "./boot_reserve.js";
import { FreeLinks, MAX_PAGE_ORDER, Zone } from "./buddy.js";
import { Memblock, type MemblockRegion, wholePages } from "./memblock.js";
import { setupPerZoneLowmemReserve } from "./wmark.js";

/** What boot may be told about memory. Not in Linux: hardware, and the command line. */
export interface MemoryOptions {
  /** Bytes that firmware and kernel keep; as recorded of a real machine unless given. */
  readonly reservedBytes?: number;
  /** Size of ZONE_MOVABLE in bytes. Linux movablecore= */
  readonly movableBytes?: number;
  /** Disks that the firmware has looked at; none unless given. */
  readonly nrDisks?: number;
  /** Size of the initial file system. */
  readonly initrdBytes?: number;
  /** Pools of huge pages that are filled at boot. Linux hugepagesz=, hugepages= */
  readonly hugepages?: readonly BootPool[];
  /** Entries have a soft-dirty bit. Linux CONFIG_MEM_SOFT_DIRTY */
  readonly softDirty?: boolean;
}

const MIB = 2 ** 20;
/** RAM from which on the kernel keeps what a real one keeps. */
const REAL_BYTES = 128 * MIB;
const MAX_ORDER_NR_PAGES = 1 << MAX_PAGE_ORDER;

const ZONE_DMA_END_PFN = 0x1000;
const ZONE_DMA32_END_PFN = 0x10_0000;

/** RAM as it is before the zones, and the ranges that are free once the kernel is up. */
interface EarlyMemory {
  readonly memblock: Memblock;
  readonly later: readonly MemblockRegion[];
}

/** What boot has done with RAM, in frames. Not in Linux: lists and variables there. */
interface FreedAreas {
  /** Ranges that are still to come, for freeInitmem. */
  readonly later: MemblockRegion[];
  /** First frames of the huge pages that were set aside for pools. Linux mm/hugetlb.c:huge_boot_pages */
  readonly gigantic: number[];
}

/**
 * Takes huge pages that no allocator could have later, the highest first. Linux
 * mm/hugetlb.c:hugetlb_bootmem_alloc()
 */
function takeGigantic(memblock: Memblock, pools: readonly BootPool[]): number[] {
  const taken: number[] = [];
  for (const { hugePageSize, nr } of pools)
    while (hugePageSize > PAGE_SIZE * MAX_ORDER_NR_PAGES && taken.length < nr) {
      const start = memblock.tryAlloc(hugePageSize, hugePageSize);
      if (start < 0) break;
      taken.push(start / PAGE_SIZE);
    }
  return taken;
}

/** Frames of a pool count as given to the allocator. Linux mm/page_alloc.c:adjust_managed_page_count() */
function adjustManagedPageCount(sys: MemorySystem, pfn: number, count: number): void {
  sys.zones.find(({ zoneEndPfn }) => pfn < zoneEndPfn)!.managedPages += count;
  sys.totalramPages += count;
}

/** A machine so small that only its first MiB is kept, or of less than 2 MiB, only its first page. */
function smallMachine(ramBytes: number): EarlyMemory {
  const start = ramBytes > 2 * MIB ? MIB : PAGE_SIZE;
  return { memblock: new Memblock([{ start, end: ramBytes }]), later: [] };
}

/** A machine of which `reservedBytes` are kept: the first MiB, and the others from the top down. */
function withReserve(boot: BootMemory, reservedBytes: number): EarlyMemory {
  if (reservedBytes < MIB || reservedBytes > boot.ramBytes - MIB)
    throw new RangeError(
      `reserved ${formatSize(reservedBytes)} is not from 1 MiB, which the firmware needs, to 1 MiB less than RAM`,
    );
  // The firmware's part is counted in: the map is that of RAM, without what the firmware takes off.
  const memblock = new Memblock(ramMap(boot.ramBytes, PAGE_SIZE));
  memblock.reserve(0, MIB);
  let left = reservedBytes - MIB;
  for (const { start, end } of memblock.freeRegions().reverse()) {
    const bytes = Math.min(left, end - start);
    if (bytes > 0) memblock.reserve(end - bytes, bytes);
    left -= bytes;
  }
  return { memblock, later: [] };
}

function earlyMemory(
  boot: BootMemory,
  reservedBytes: number | undefined,
  takeEarly: (memblock: Memblock) => void,
): EarlyMemory {
  if (reservedBytes === undefined && boot.ramBytes >= REAL_BYTES) {
    const memblock = new Memblock(firmwareMap(boot));
    return { memblock, later: reserveForKernel(memblock, boot, takeEarly) };
  }
  const early = reservedBytes === undefined ? smallMachine(boot.ramBytes) : withReserve(boot, reservedBytes);
  takeEarly(early.memblock);
  return early;
}

/** Where a zone would lie, in page frame numbers of the PC. */
interface ZoneBounds {
  readonly name: string;
  readonly start: number;
  readonly end: number;
}

/**
 * First frame of ZONE_MOVABLE, which is the end of the highest other zone.
 * Linux mm/mm_init.c:find_zone_movable_pfns_for_nodes()
 */
function movableStartPfn({ start, end }: MemblockRegion, movableBytes: number): number {
  const lowest =
    end > ZONE_DMA32_END_PFN ? ZONE_DMA32_END_PFN : end > ZONE_DMA_END_PFN ? ZONE_DMA_END_PFN : start;
  const wanted = Math.ceil(movableBytes / PAGE_SIZE);
  const first = Math.ceil(Math.max(end - wanted, lowest) / MAX_ORDER_NR_PAGES) * MAX_ORDER_NR_PAGES;
  if (wanted > end - lowest || first >= end)
    throw new RangeError(
      `movable ${formatSize(movableBytes)} is not from 4 MiB to the ${formatSize((end - lowest) * PAGE_SIZE)} of the highest zone`,
    );
  return first;
}

/** The zones of a node with the frames [start, end); with ZONE_MOVABLE, empty ones below it as well. */
function zoneBounds(node: MemblockRegion, movableBytes: number): ZoneBounds[] {
  const movable = movableBytes > 0 ? movableStartPfn(node, movableBytes) : node.end;
  const bounds = [
    { name: "DMA", start: node.start, end: Math.min(ZONE_DMA_END_PFN, movable) },
    { name: "DMA32", start: ZONE_DMA_END_PFN, end: Math.min(ZONE_DMA32_END_PFN, movable) },
    { name: "Normal", start: ZONE_DMA32_END_PFN, end: movable },
    { name: "Movable", start: movable, end: node.end },
  ];
  if (movable === node.end) return bounds.filter(({ start, end }) => start < end);
  return bounds.map(({ name, start, end }) => ({ name, start: Math.min(start, end), end }));
}

/** Frames of the ranges that lie in [start, end). */
function framesWithin(ranges: readonly MemblockRegion[], start: number, end: number): number {
  return ranges.reduce((sum, range) => {
    return sum + Math.max(0, Math.min(range.end, end) - Math.max(range.start, start));
  }, 0);
}

/**
 * Gives a range of frames to its zones in the largest aligned blocks.
 * Linux mm/memblock.c:__free_pages_memory()
 */
function freeRange(sys: MemorySystem, { start, end }: MemblockRegion): void {
  for (const zone of sys.zones) {
    const first = Math.max(start, zone.zoneStartPfn);
    let pfn = Math.min(end, zone.zoneEndPfn);
    if (pfn <= first) continue;
    zone.managedPages += pfn - first;
    sys.totalramPages += pfn - first;
    countVmEvents(sys, PGFREE, pfn - first);
    // From the top, so that the lowest block ends up at the head of the list and is handed out first.
    while (pfn > first) {
      let order = MAX_PAGE_ORDER;
      while (pfn % (1 << order) !== 0 || pfn - (1 << order) < first) order--;
      pfn -= 1 << order;
      zone.freeOnePage(pfn, order);
    }
  }
}

/**
 * Makes the zones and gives them all RAM that nobody keeps; called once at boot. Linux
 * mm/mm_init.c:free_area_init(), mm/memblock.c:memblock_free_all()
 */
export function freeAreaInit(sys: MemorySystem, options: MemoryOptions = {}): FreedAreas {
  const { sizeBytes, nrFrames } = sys.ram;
  let gigantic: number[] = [];
  const { memblock, later } = earlyMemory(
    {
      ramBytes: sizeBytes,
      nrCpus: Math.max(1, sys.cpus.length),
      nrDisks: options.nrDisks ?? 0,
      initrdBytes: options.initrdBytes ?? INITRD_BYTES,
    },
    options.reservedBytes,
    (early) => {
      gigantic = takeGigantic(early, options.hugepages ?? []);
    },
  );
  const ram = memblock.memory.map(wholePages);
  const node = { start: ram[0]!.start, end: ram[ram.length - 1]!.end };
  const gap = Math.max(0, node.end - nrFrames); // addresses below 4 GiB that are no RAM
  const frame = (pfn: number): number => (pfn >= ZONE_DMA32_END_PFN ? pfn - gap : pfn);
  const links = new FreeLinks(nrFrames);
  for (const { name, start, end } of zoneBounds(node, options.movableBytes ?? 0)) {
    const zone = new Zone(name, frame(start), frame(end), links);
    zone.core = sys.parts;
    zone.spannedPages = end - start;
    zone.presentPages = framesWithin(ram, start, end);
    sys.zones.push(zone);
  }
  const frames = (regions: readonly MemblockRegion[]): MemblockRegion[] =>
    regions.map(wholePages).map((pages) => ({ start: frame(pages.start), end: frame(pages.end) }));
  sys.totalramPages = 0;
  for (const range of frames(memblock.freeRegions()).reverse()) freeRange(sys, range);
  gigantic = gigantic.map(frame);
  for (const pfn of gigantic) adjustManagedPageCount(sys, pfn, 2 ** PUD_ORDER);
  return { later: frames(later), gigantic };
}

/**
 * Frees what the kernel needed only to start up. The watermarks stay as they are; what zones keep for higher
 * ones follows. Linux mm/init-mm.c, init/main.c:free_initmem(), mm/page_alloc.c:adjust_managed_page_count()
 */
export function freeInitmem(sys: MemorySystem, ranges: readonly MemblockRegion[]): void {
  if (ranges.length === 0) return;
  for (const range of ranges) freeRange(sys, range);
  setupPerZoneLowmemReserve(sys);
}
