/**
 * The VMA store: all mappings of one address space, sorted by address.
 *
 *   entries   [ 0x400000-0x401000 | 0x600000-0x604000 | 0x7ff0000-0x8000000 ]
 *                                    find(0x500000) = this one: the first that ends above the address
 *
 * Linux keeps them in a maple tree, a B-tree of ranges made for lookups without locks. What memory management
 * asks of it is small: the first range that ends above an address, its neighbours, insert, erase. A sorted
 * array answers that by bisection and can be read in one breath; inserting into the 65530 VMAs that a process
 * may have moves half a megabyte at worst.
 *
 * Read next: vma.ts.
 */

import type { Vaddr } from "../../hw/address.js";
/** Anything with a range: in use always a VmAreaStruct. Not in Linux. */
export interface VmRange {
  vmStart: Vaddr;
  vmEnd: Vaddr;
}

/** A sorted set of ranges that do not overlap. Linux include/linux/maple_tree.h:struct maple_tree */
export class VmaTree<T extends VmRange> {
  private readonly entries: T[] = [];
  /** Position of the last hit: most lookups repeat the one before. */
  private cached = 0;

  get size(): number {
    return this.entries.length;
  }

  /** Position of the first range that ends above `addr`; `size` when there is none. */
  indexOf(addr: Vaddr): number {
    const { entries } = this;
    let hi = entries.length;
    let lo = 0;
    const c = this.cached;
    if (c < hi && addr < entries[c]!.vmEnd && (c === 0 || entries[c - 1]!.vmEnd <= addr)) return c;
    while (lo < hi) {
      const mid = (lo + hi) >>> 1;
      if (entries[mid]!.vmEnd > addr) hi = mid;
      else lo = mid + 1;
    }
    this.cached = lo;
    return lo;
  }

  /** The range at position `index` in address order. */
  at(index: number): T | undefined {
    return this.entries[index];
  }

  /** First range that ends above `addr` (it may start above it too). Linux mm/mmap.c:find_vma() */
  find(addr: Vaddr): T | undefined {
    return this.entries[this.indexOf(addr)];
  }

  /** The range that contains `addr`. Linux include/linux/mm.h:vma_lookup() */
  lookup(addr: Vaddr): T | undefined {
    const entry = this.entries[this.indexOf(addr)];
    return entry !== undefined && entry.vmStart <= addr ? entry : undefined;
  }

  /** First range that overlaps [start, end). Linux include/linux/mm.h:find_vma_intersection() */
  intersection(start: number, end: number): T | undefined {
    const entry = this.find(start);
    return entry !== undefined && entry.vmStart < end ? entry : undefined;
  }

  /** The range right before the one that starts at or after `addr`, whether it touches it or not. */
  prevOf(addr: Vaddr): T | undefined {
    const index = this.indexOf(addr);
    return index === 0 ? undefined : this.entries[index - 1];
  }

  /** The range after `entry`. */
  nextOf(entry: T): T | undefined {
    return this.entries[this.indexOf(entry.vmStart) + 1];
  }

  /** Puts `entry` in; the caller has made sure that nothing overlaps it. */
  insert(entry: T): void {
    this.entries.splice(this.indexOf(entry.vmStart), 0, entry);
  }

  /** Takes `entry` out; false when it is not there. */
  erase(entry: T): boolean {
    const index = this.entries.indexOf(entry, Math.max(0, this.indexOf(entry.vmStart) - 1));
    if (index < 0) return false;
    this.entries.splice(index, 1);
    return true;
  }

  /**
   * All ranges that overlap [start, end), in address order; a copy, so that the caller may insert and erase.
   */
  slice(start: number, end: number): T[] {
    const found: T[] = [];
    for (let i = this.indexOf(start); i < this.entries.length && this.entries[i]!.vmStart < end; i++)
      found.push(this.entries[i]!);
    return found;
  }

  [Symbol.iterator](): IterableIterator<T> {
    return this.entries[Symbol.iterator]();
  }
}
