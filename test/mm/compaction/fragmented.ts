/**
 * Zones and machines in pieces, for small cases of compaction.
 *
 *   zoneWith([[0, 0], [4, 2]])     a zone without a machine, 8 page blocks: frame 0 and frames 4 to 7 are free
 *   fragmented()                   a machine of one zone with 8 page blocks: every second page of a process is freed
 */
import { boot, type Machine } from "../../../lib/kernel/machine.js";
import type { Process } from "../../../lib/kernel/process.js";
import { type CompactControl, newCompactControl } from "../../../lib/mm/compaction/compact_control.js";
import { lruAddDrainAll } from "../../../lib/mm/lru/swap.js";
import { FreeLinks, Zone } from "../../../lib/mm/pages/buddy.js";
import { GFP_HIGHUSER_MOVABLE } from "../../../lib/mm/pages/gfp.js";
import { drainAllPages } from "../../../lib/mm/pages/pcp.js";
import { ptePfn, ptepGet } from "../../../lib/mm/pgtable/pgtable.js";
import { pteOffset } from "../../../lib/mm/pgtable/pgtable_alloc.js";
import type { MemorySystem } from "../../../lib/mm/system.js";
import { noPcp } from "../exact_frames.js";

export const PAGE = 4096;

/** A zone of 4096 frames of which these blocks are free: first frame and order. */
export function zoneWith(free: readonly (readonly [number, number])[]): Zone {
  const zone = new Zone("Z", 0, 4096, new FreeLinks(4096));
  zone.managedPages = 4096;
  for (const [pfn, order] of free) zone.freeOnePage(pfn, order);
  return zone;
}

/** A machine of one zone, the process, where its pages are, and the zone. */
export interface Fragmented {
  readonly machine: Machine;
  readonly sys: MemorySystem;
  readonly zone: Zone;
  readonly process: Process;
  readonly at: number;
  readonly pages: number;
}

/**
 * Page i of the process, for odd i only, holds i; nothing lies in batches or is kept by a CPU. Of all other
 * memory only `leave` blocks of 2 MiB are free.
 */
export function fragmented(pages = 1024, leave = 0): Fragmented {
  const machine = boot({ ram: "16 MiB", softDirty: true });
  const { sys } = machine.kernel;
  const [zone] = sys.zones as [Zone];
  const process = machine.spawn("p");
  const at = process.mmap(pages * PAGE);
  for (let i = 0; i < pages; i++) process.store(at + i * PAGE, 8, i);
  noPcp(sys);
  zone.watermark = { min: 0, low: 0, high: 0, promo: 0 };
  for (let i = 0; i < pages; i += 2) process.madvise(at + i * PAGE, PAGE, "DONTNEED");
  lruAddDrainAll(sys);
  drainAllPages(sys);
  takeLargeBlocks(zone, leave);
  return { machine, sys, zone, process, at, pages };
}

/** Free blocks of 2^least pages and more are nobody's from now on, but for `leave` of 2 MiB. */
export function takeLargeBlocks(zone: Zone, leave: number, least = 2): void {
  const kept: number[] = [];
  let left = leave;
  for (let order = 10; order >= least; order--)
    for (const type of [0, 1, 2])
      for (;;) {
        const pfn = zone.freeArea[order]!.head[type]!;
        if (pfn < 0) break;
        zone.delPageFromFreeList(pfn, order, type);
        zone.accountFreepages(-(2 ** order), type);
        if (order < 9 || left === 0) continue;
        left--;
        kept.push(pfn);
      }
  for (const pfn of kept.splice(0)) zone.freeOnePage(pfn, 9);
}

/** Nothing in the zone is free but these frames, and all page blocks are movable. */
export function freeOnly(...pfns: number[]): Fragmented {
  const f = fragmented(2);
  takeLargeBlocks(f.zone, 0, 0);
  f.zone.links.pageblockType.fill(1);
  for (const pfn of pfns) f.zone.freeOnePage(pfn, 0);
  return f;
}

/** A compaction of the zone for a block of 2^order pages by a program, with what else is given. */
export function control(zone: Zone, order: number, more: Partial<CompactControl> = {}): CompactControl {
  return newCompactControl({
    ...{ zone, order, mode: 1, gfpMask: GFP_HIGHUSER_MOVABLE, migratetype: 1, highestZoneidx: 2 },
    ...more,
  });
}

/** Whether the process finds in each odd page what it wrote. */
export function readsItsBytes({ process, at, pages }: Fragmented): boolean {
  for (let i = 1; i < pages; i += 2) if (process.load(at + i * PAGE, 8) !== i) return false;
  return true;
}

/** The entry for page `i` of the process. */
export function entryOf({ process, at, sys }: Fragmented, i: number): number {
  return ptepGet(sys.ram, pteOffset(process.mm, at + i * PAGE));
}

/** Frame of page `i` of the process. */
export function frameOf(f: Fragmented, i: number): number {
  return ptePfn(entryOf(f, i));
}
