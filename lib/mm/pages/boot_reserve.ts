/**
 * What the firmware and the kernel keep for themselves at boot: why a machine of 128 MiB has 80 MiB.
 *
 *   0        1 MiB           16 MiB          66 MiB                               top of RAM
 *   |firmware|... free ......| kernel image  |... free ...| memmap |tables|initrd|firmware|
 *                             code, data, init             64 bytes for each frame
 *
 * The largest pieces, and what they grow with:
 *
 *   kernel image    50 MiB, whatever the machine has
 *   memmap          one struct page of 64 bytes for each frame, in sections of 128 MiB: 2 MiB for each
 *   hash tables     of directory entries and inodes: a power of two of buckets, 1/1024 and 1/2048 of free RAM
 *   bounce buffers  64 MiB, as soon as there is RAM above 4 GiB that old devices cannot reach
 *
 * All is asked for in Linux's order, each piece as high as it fits (memblock.ts), because what is left over
 * beside an aligned piece is used by the next small one: the pages kept come out exactly.
 *
 *   reserveForKernel() --> memblock.reserved --> free_area_init.ts gives the rest to the zones
 *                     \--> later: ranges that are free again once the kernel is up (its own start-up code, the
 *                          initial file system): the zones grow by them
 *
 * Source of the figures: Debian's kernel 6.18.15 (6.18.15+deb13-amd64) with memblock=debug on its command
 * line, in a virtual PC of qemu 7.2 with SeaBIOS, one CPU. With these, the pages of every zone are those that
 * /proc/zoneinfo said on such machines from 128 MiB to 4 GiB. The small items depend on the kernel's
 * configuration; another kernel has others.
 *
 * Left out: the kernel lies at a random place in a real one, which seldom changes a figure, and then by a
 * page.
 *
 * Linux arch/x86/kernel/setup.c:setup_arch(), mm/sparse.c, mm/mm_init.c. Read first: memblock.ts.
 * Read next: free_area_init.ts.
 */

import { PAGE_SIZE } from "../../hw/address.js";
import type { Memblock, MemblockRegion } from "./memblock.js";

const KIB = 2 ** 10;
const MIB = 2 ** 20;
const GIB = 2 ** 30;

/** What a machine is booted with, as far as memory goes. Not in Linux: hardware and command line. */
export interface BootMemory {
  readonly ramBytes: number;
  /** Processors, each with memory of its own for per-CPU variables. */
  readonly nrCpus: number;
  /** Disks that the firmware has looked at, each with a queue in RAM. */
  readonly nrDisks: number;
  /** Size of the initial file system. */
  readonly initrdBytes: number;
}

/** Initial file system of the recorded machines without a disk. */
export const INITRD_BYTES = 940 * KIB;

/** The firmware keeps its tables at the end of RAM, and a queue for each disk that it can boot from. */
const FIRMWARE_BYTES = 128 * KIB;
const DISK_QUEUE_BYTES = 12 * KIB;

/** From so much RAM on the virtual PC puts only 3 GiB below 4 GiB, where devices need addresses too. */
const SPLIT_BYTES = 3.5 * GIB;
const LOW_BYTES = 3 * GIB;
/** First address that 32 bits cannot name. */
const HIGH_START = 4 * GIB;

/** Where the virtual PC has RAM, from `start` on. */
export function ramMap(ramBytes: number, start: number): MemblockRegion[] {
  if (ramBytes < SPLIT_BYTES) return [{ start, end: ramBytes }];
  return [
    { start, end: LOW_BYTES },
    { start: HIGH_START, end: HIGH_START + ramBytes - LOW_BYTES },
  ];
}

/** What of it the firmware leaves to the kernel. SeaBIOS, e820 map */
export function firmwareMap({ ramBytes, nrDisks }: BootMemory): MemblockRegion[] {
  const kept = FIRMWARE_BYTES + nrDisks * DISK_QUEUE_BYTES;
  const [low, ...high] = ramMap(ramBytes, MIB);
  const first = { start: PAGE_SIZE, end: 639 * KIB }; // the first page, and the last KiB of 640, are its own
  return [first, { start: low!.start, end: low!.end - kept }, ...high];
}

/** Where the kernel lies unless it is put at a random place. Linux CONFIG_PHYSICAL_START */
const KERNEL_START = 16 * MIB;
/** Code, constants, data, start-up code, variables; 17 pages of early page tables behind it. */
const KERNEL_BYTES = 50 * MIB + 17 * PAGE_SIZE;

/** Parts of the image that are given back when they have done their work, from its start. */
const FREED_BEFORE = { start: 0x2855000, pages: 11 }; // code for more than one CPU: "SMP alternatives"
const FREED_LATER = [
  { start: 0x10f2000, pages: 270 }, // between code and constants
  { start: 0x1f22000, pages: 222 }, // between constants and data
  { start: 0x2400000, pages: 1109 }, // start-up code and data: "initmem"
  { start: 0x2e05000, pages: 507 }, // variables for encrypted guests, of which this is none
];

/** Sections of RAM, each with 2 MiB of page structs. Linux SECTION_SIZE_BITS */
const SECTION_BYTES = 128 * MIB;
const SECTION_MEMMAP_BYTES = 2 * MIB;
/** What is kept for each section beside the page structs. Linux mm/sparse.c:mem_section_usage_size() */
const SECTION_USAGE_BYTES = 88;
/** Struct pglist_data with its zones and lists. */
const NODE_DATA_BYTES = 174848;
const CACHE_LINE = 64;

/** Per-CPU variables: pages for each CPU, and CPUs that share a large page. */
const PERCPU_PAGES = 62;
const PERCPU_SHARE = 8;
/** Small tables about CPUs, bytes. Linux mm/percpu.c:pcpu_setup_first_chunk() */
const PERCPU_TABLES = [8, 8, 4, 8, 368, 200, 256, 264, 64, 200, 896, 904, 224];

/** Bounce buffers for devices that reach 4 GiB only. Linux kernel/dma/swiotlb.c:swiotlb_init_remap() */
const SWIOTLB_BYTES = 64 * MIB;
const SWIOTLB_SLOT_BYTES = 768 * KIB;

/** Page tables that map RAM, beyond those inside the image. Linux arch/x86/mm/init.c:alloc_low_pages() */
function directMapTables(memblock: Memblock): void {
  const top = memblock.memory[memblock.memory.length - 1]!.end;
  if (top <= HIGH_START) return;
  const pages = 1 + Math.ceil((top - HIGH_START) / GIB);
  for (let i = 0; i < pages; i++) memblock.alloc(PAGE_SIZE, PAGE_SIZE);
}

/** The page structs of all RAM, and what belongs to them. Linux mm/sparse.c:sparse_init() */
function memmap(memblock: Memblock): void {
  const sections = memblock.memory.slice(1).reduce((sum, { start, end }) => {
    return sum + Math.ceil(end / SECTION_BYTES) - Math.floor(start / SECTION_BYTES);
  }, 0);
  memblock.alloc(NODE_DATA_BYTES, CACHE_LINE);
  memblock.alloc(2 * MIB, CACHE_LINE); // where to find each group of sections
  memblock.alloc(PAGE_SIZE, CACHE_LINE); // the first group
  memblock.alloc(SECTION_USAGE_BYTES * sections, CACHE_LINE);
  memblock.alloc(SECTION_MEMMAP_BYTES * sections, SECTION_MEMMAP_BYTES);
  const tables = 2 + Math.ceil(sections / 512);
  for (let i = 0; i < tables; i++) memblock.alloc(PAGE_SIZE, PAGE_SIZE);
}

/** Lists of what lies at which address, and two copies of the command line. */
function descriptions(memblock: Memblock): void {
  const high = memblock.memory.length - 2;
  const entries = 7 + high; // RAM, firmware and devices in the firmware's map
  memblock.alloc(73, CACHE_LINE);
  memblock.alloc(75, CACHE_LINE);
  memblock.alloc(64 * (entries + 1), CACHE_LINE);
  for (let i = 0; i < entries; i++) memblock.alloc(104, CACHE_LINE);
  for (let i = 0; i < 2 + high; i++) memblock.alloc(32, CACHE_LINE);
  for (let copy = 0; copy < 2; copy++) memblock.alloc(112, CACHE_LINE);
}

/** Per-CPU variables; two pages are needed only meanwhile. Linux mm/percpu.c:pcpu_embed_first_chunk() */
function percpu(memblock: Memblock, nrCpus: number): void {
  const meanwhile = [PAGE_SIZE, CACHE_LINE].map((align) => memblock.alloc(PAGE_SIZE, align));
  for (let cpus = nrCpus; cpus > 0; cpus -= PERCPU_SHARE) {
    const at = memblock.alloc(2 * MIB, 2 * MIB);
    const used = PERCPU_PAGES * Math.min(cpus, PERCPU_SHARE) * PAGE_SIZE;
    memblock.free(at + used, 2 * MIB - used);
  }
  for (const bytes of PERCPU_TABLES) memblock.alloc(bytes, CACHE_LINE);
  for (const address of meanwhile) memblock.free(address, PAGE_SIZE);
  for (let i = 0; i < 2; i++) memblock.alloc(8, CACHE_LINE);
}

/** log2 of the bytes of free RAM for each bucket. Linux fs/dcache.c, fs/inode.c */
const DENTRY_HASH_SCALE = 13;
const INODE_HASH_SCALE = 14;
const HASH_BUCKET_BYTES = 8;

/** A hash table over `nrPages` of RAM. Linux mm/mm_init.c:alloc_large_system_hash() */
function largeSystemHash(memblock: Memblock, nrPages: number, scale: number): void {
  const rounded = Math.ceil(nrPages / 256) * 256; // whole MiB
  let bytesShift = scale;
  for (let adapt = (64 * GIB) / PAGE_SIZE; adapt < rounded; adapt *= 4) bytesShift++; // slower above 64 GiB
  const buckets = Math.floor((rounded * PAGE_SIZE) / 2 ** bytesShift);
  memblock.alloc(2 ** Math.ceil(Math.log2(buckets)) * HASH_BUCKET_BYTES, CACHE_LINE);
}

/** Linux kernel/dma/swiotlb.c:swiotlb_init_remap() */
function bounceBuffers(memblock: Memblock): void {
  if (memblock.memory.length < 3) return;
  memblock.alloc(SWIOTLB_BYTES, PAGE_SIZE, HIGH_START);
  memblock.alloc(SWIOTLB_SLOT_BYTES, PAGE_SIZE);
  memblock.alloc(16, CACHE_LINE);
}

/** Puts the kernel and the initial file system where the boot loader does; where the latter lies. */
function loadImages(memblock: Memblock, initrdBytes: number): MemblockRegion {
  memblock.reserve(0, MIB);
  memblock.reserve(KERNEL_START, KERNEL_BYTES);
  const end = Math.floor(memblock.memory[1]!.end / (64 * KIB)) * 64 * KIB;
  const start = Math.floor((end - initrdBytes) / PAGE_SIZE) * PAGE_SIZE;
  if (initrdBytes > 0) memblock.reserve(start, end - start);
  return { start, end: initrdBytes > 0 ? end : start };
}

/**
 * Takes everything that Linux keeps before it has an allocator; the ranges that it gives back when it is up.
 * `takeEarly` takes what the command line sets aside, as early as Linux does.
 * Not in Linux by that name: arch/x86/kernel/setup.c:setup_arch(), init/main.c:start_kernel()
 */
export function reserveForKernel(
  memblock: Memblock,
  boot: BootMemory,
  takeEarly: (memblock: Memblock) => void = () => {},
): MemblockRegion[] {
  const initrd = loadImages(memblock, boot.initrdBytes);
  directMapTables(memblock);
  takeEarly(memblock);
  memmap(memblock);
  const nrPages = memblock.nrFreePages;
  descriptions(memblock);
  percpu(memblock, boot.nrCpus);
  largeSystemHash(memblock, nrPages, DENTRY_HASH_SCALE);
  largeSystemHash(memblock, nrPages, INODE_HASH_SCALE);
  for (let i = 0; i < 3; i++) memblock.alloc(PAGE_SIZE, PAGE_SIZE); // page tables of fixed addresses
  bounceBuffers(memblock);
  memblock.free(KERNEL_START + FREED_BEFORE.start, FREED_BEFORE.pages * PAGE_SIZE);
  const parts = FREED_LATER.map(({ start, pages }) => ({
    start: KERNEL_START + start,
    end: KERNEL_START + start + pages * PAGE_SIZE,
  }));
  return [...parts, initrd].filter(({ start, end }) => start < end);
}
