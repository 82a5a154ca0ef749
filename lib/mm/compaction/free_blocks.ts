/**
 * The free frames that a compaction holds: taken off the lists, cut as needed, and given back at the end.
 *
 *   zone's lists --isolateFreePage--> cc.freepages[order] --takeFreepage--> a folio to move another into
 *                                            ^                                     |
 *                                            '-------------- putFreepage ----------' it was not needed
 *   cc.freepages --releaseFreeList--> this CPU's lists
 *
 * Frames on cc.freepages are in nobody's hands: not counted as free, not on any list, not held.
 *
 * Linux mm/compaction.c, mm/page_alloc.c. Read first: compact_control.ts. Read next: isolate_freepages.ts.
 */
import type { Pfn } from "../../hw/address.js";
import type { Zone } from "../pages/buddy.js";
import { moveFreepagesBlock } from "../pages/fallback.js";
import type { Folio } from "../pages/folio.js";
import { folioPut, freePagesPrepare } from "../pages/free_pages.js";
import { prepNewPage } from "../pages/freelist.js";
import {
  MIGRATE_ISOLATE,
  MIGRATE_MOVABLE,
  migratetypeIsMergeable,
  PAGEBLOCK_NR_PAGES,
  PAGEBLOCK_ORDER,
} from "../pages/migratetype.js";
import type { MemorySystem } from "../system.js";
import type { CompactControl } from "./compact_control.js";

/**
 * Takes the free block at `pfn` off its list, unless the zone would fall below its min mark; whether it did.
 * Its page block counts as movable from now on if that is at least half of it.
 * Linux mm/page_alloc.c:__isolate_free_page()
 */
function isolateFreePage(sys: MemorySystem, zone: Zone, pfn: Pfn, order: number): boolean {
  const migratetype = zone.pageblockType(pfn);
  const mark = zone.watermark.min + 2 ** order;
  if (
    migratetype !== MIGRATE_ISOLATE &&
    !sys.parts.zoneWatermarkOk(sys, zone, 0, mark, 0, 0, zone.nrFreePages)
  )
    return false;
  zone.delPageFromFreeList(pfn, order, migratetype);
  zone.accountFreepages(-(2 ** order), migratetype);
  if (order < PAGEBLOCK_ORDER - 1) return true;
  for (let at = pfn; at < pfn + 2 ** order - 1; at += PAGEBLOCK_NR_PAGES) {
    const type = zone.pageblockType(at);
    if (migratetypeIsMergeable(type)) moveFreepagesBlock(zone, at, type, MIGRATE_MOVABLE);
  }
  return true;
}

/** The free block at `pfn` goes to cc.freepages; its pages, 0 where that may not be. */
export function isolateFreeBlock(sys: MemorySystem, cc: CompactControl, pfn: Pfn, order: number): number {
  if (!isolateFreePage(sys, cc.zone, pfn, order)) return 0;
  cc.freepages[order]!.push(pfn);
  cc.nrFreepages += 2 ** order;
  return 2 ** order;
}

/**
 * A folio of 2^order frames out of cc.freepages, undefined when no block there is large enough.
 * Linux mm/compaction.c:compaction_alloc()
 */
export function takeFreepage(sys: MemorySystem, cc: CompactControl, order: number): Folio | undefined {
  const { freepages } = cc;
  let from = order;
  while (from < freepages.length && freepages[from]!.length === 0) from++;
  if (from === freepages.length) return undefined;
  const pfn = freepages[from]!.shift()!;
  while (from > order) {
    from--;
    freepages[from]!.unshift(pfn + 2 ** from);
  }
  cc.nrFreepages -= 2 ** order;
  cc.nrMigratepages -= 2 ** order;
  return prepNewPage(sys, pfn, order, 0);
}

/** The folio was not needed. Linux mm/compaction.c:compaction_free() */
export function putFreepage(sys: MemorySystem, cc: CompactControl, folio: Folio): void {
  const { pfn, order } = folio;
  if (--folio.refcount === 0) {
    freePagesPrepare(sys, folio);
    cc.freepages[order]!.unshift(pfn);
    cc.nrFreepages += 2 ** order;
  }
  cc.nrMigratepages += 2 ** order;
}

/**
 * All that is left goes back; the highest frame of it, 0 if there was none.
 * Linux mm/compaction.c:release_free_list()
 */
export function releaseFreeList(sys: MemorySystem, cc: CompactControl): Pfn {
  let highPfn = 0;
  for (const [order, blocks] of cc.freepages.entries())
    for (const pfn of blocks.splice(0)) {
      folioPut(sys, prepNewPage(sys, pfn, order, 0));
      highPfn = Math.max(highPfn, pfn);
    }
  cc.nrFreepages = 0;
  return highPfn;
}
