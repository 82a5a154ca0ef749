/**
 * Memory before there is an allocator: which addresses are RAM, and which of them are taken already.
 *
 *   memory     |=========|   |=========================================|        what the firmware says is RAM
 *   reserved   |###|           |######|                |##|  |#########|        what somebody has asked for
 *   free           |=====|   |=|      |================|  |==|                  what the zones get in the end
 *
 *   alloc(size, align)     the highest place that fits, so that the low addresses, which few can do without,
 *                          stay free
 *
 * The kernel needs memory before it can count pages: for the page structs themselves, for its first page
 * tables and hash tables. What is left when the zones are ready goes to the buddy allocator
 * (free_area_init.ts); of a page that is taken in part, nothing does.
 *
 * Left out: nodes, mirrored memory, growing from the bottom.
 *
 * Linux mm/memblock.c. Read next: boot_reserve.ts, which asks for all that the kernel keeps.
 */

import { hex, PAGE_SIZE } from "../../hw/address.js";
import { vmBugOn } from "../mmdebug.js";

/** Physical addresses [start, end). Linux include/linux/memblock.h:struct memblock_region */
export interface MemblockRegion {
  start: number;
  end: number;
}

/** The last multiple of `align` that is not above `value`; exact beyond 32 bits. */
function roundDown(value: number, align: number): number {
  return Math.floor(value / align) * align;
}

/** Whole pages of a range, as frames [start, end), which is empty where start is not below end. */
export function wholePages({ start, end }: MemblockRegion): MemblockRegion {
  return { start: Math.ceil(start / PAGE_SIZE), end: Math.floor(end / PAGE_SIZE) };
}

/** The regions of one machine while it boots. Linux include/linux/memblock.h:struct memblock */
export class Memblock {
  /** Taken regions, lowest first; none touches another. */
  readonly reserved: MemblockRegion[] = [];

  constructor(
    /** RAM, lowest first. */
    readonly memory: readonly MemblockRegion[],
  ) {}

  /** Takes [start, start + size), whatever of it was taken before. Linux mm/memblock.c:memblock_reserve() */
  reserve(start: number, size: number): void {
    const joined = { start, end: start + size };
    const others = this.reserved.filter((region) => {
      if (region.end < joined.start || region.start > joined.end) return true;
      joined.start = Math.min(joined.start, region.start);
      joined.end = Math.max(joined.end, region.end);
      return false;
    });
    const at = others.findIndex((region) => region.start > joined.end);
    others.splice(at < 0 ? others.length : at, 0, joined);
    this.reserved.splice(0, this.reserved.length, ...others);
  }

  /** Gives [start, start + size) back. Linux mm/memblock.c:memblock_phys_free() */
  free(start: number, size: number): void {
    const end = start + size;
    const left = this.reserved.flatMap((region) => {
      if (region.end <= start || region.start >= end) return [region];
      const parts = [
        { start: region.start, end: Math.min(region.end, start) },
        { start: Math.max(region.start, end), end: region.end },
      ];
      return parts.filter((part) => part.start < part.end);
    });
    this.reserved.splice(0, this.reserved.length, ...left);
  }

  /** Takes `size` bytes at a multiple of `align` below `max`; the address. Linux memblock_alloc() */
  alloc(size: number, align: number, max = Number.POSITIVE_INFINITY): number {
    const address = this.tryAlloc(size, align, max);
    vmBugOn(address < 0, `no ${size} bytes for the kernel below ${hex(Math.min(max, 2 ** 52))} at boot`);
    return address;
  }

  /**
   * Takes `size` bytes at a multiple of `align` below `max`, as high as they fit; the address, or -1.
   * Linux mm/memblock.c:memblock_alloc_range_nid()
   */
  tryAlloc(size: number, align: number, max = Number.POSITIVE_INFINITY): number {
    for (const { start, end } of this.freeRegions().reverse()) {
      const address = roundDown(Math.min(end, max) - size, align);
      if (address < start) continue;
      this.reserve(address, size);
      return address;
    }
    return -1;
  }

  /** RAM that nobody has taken, lowest first. Linux mm/memblock.c:for_each_free_mem_range() */
  freeRegions(): MemblockRegion[] {
    return this.memory.flatMap(({ start, end }) => {
      const free: MemblockRegion[] = [];
      let at = start;
      for (const taken of this.reserved) {
        if (taken.end <= start || taken.start >= end) continue;
        if (taken.start > at) free.push({ start: at, end: taken.start });
        at = Math.max(at, taken.end);
      }
      if (at < end) free.push({ start: at, end });
      return free;
    });
  }

  /** Whole pages that nobody has taken. Linux mm/mm_init.c:calc_nr_kernel_pages() */
  get nrFreePages(): number {
    const pages = this.freeRegions().map(wholePages);
    return pages.reduce((sum, { start, end }) => sum + Math.max(0, end - start), 0);
  }
}
