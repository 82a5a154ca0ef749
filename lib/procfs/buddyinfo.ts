/**
 * /proc/buddyinfo and pagetypeinfo: the free blocks of each zone, and what kind of page blocks there are.
 *
 *   Node 0, zone   Normal   5820   3823 ...   1105       free blocks of 1, 2, 4, ... 1024 frames
 *   Node    0, zone   Normal, type      Movable ...      the same by migrate type
 *
 * What CPUs keep for themselves is not in these lists.
 *
 * Read first: mm/pages/buddy.ts, mm/pages/migratetype.ts. Read next: zoneinfo.ts.
 */
import { MAX_PAGE_ORDER, type Zone } from "../mm/pages/buddy.js";
import { MIGRATETYPE_NAMES, PAGEBLOCK_NR_PAGES, PAGEBLOCK_ORDER } from "../mm/pages/migratetype.js";
import type { MemorySystem } from "../mm/system.js";

/** Most blocks of a list that are counted. Linux mm/vmstat.c:pagetypeinfo_showfree_print() */
const MOST_COUNTED = 100_000;

/** Zones that have RAM. Linux include/linux/mmzone.h:populated_zone() */
function populatedZones(sys: MemorySystem): Zone[] {
  return sys.zones.filter((zone) => zone.presentPages > 0);
}

/** Numbers as columns. */
function columns(values: readonly (number | string)[], width: number): string {
  return values.map((value) => `${String(value).padStart(width)} `).join("");
}

/** /proc/buddyinfo. Linux mm/vmstat.c:frag_show_print() */
export function buddyinfo(sys: MemorySystem): string[] {
  return populatedZones(sys).map((zone) => {
    const free = zone.freeArea.map(({ nrFree }) => nrFree);
    return `Node 0, zone ${zone.name.padStart(8)} ${columns(free, 6)}\n`;
  });
}

/** Free blocks of each order of one type. Linux mm/vmstat.c:pagetypeinfo_showfree_print() */
function freeOfType(zone: Zone, migratetype: number): string {
  const counts = zone.freeArea.map(({ head }) => {
    let count = 0;
    for (let pfn = head[migratetype]!; pfn >= 0 && count < MOST_COUNTED; pfn = zone.links.next[pfn]!) count++;
    return count < MOST_COUNTED ? count : `>${MOST_COUNTED}`;
  });
  return columns(counts, 6);
}

/** Page blocks of each type. Linux mm/vmstat.c:pagetypeinfo_showblockcount_print() */
function blockCounts(zone: Zone): string {
  const counts = MIGRATETYPE_NAMES.map(() => 0);
  for (let pfn = zone.zoneStartPfn; pfn < zone.zoneEndPfn; pfn += PAGEBLOCK_NR_PAGES)
    counts[zone.pageblockType(pfn)]!++;
  return columns(counts, 12);
}

/** /proc/pagetypeinfo. Linux mm/vmstat.c:pagetypeinfo_show() */
export function pagetypeinfo(sys: MemorySystem): string {
  const orders = columns(
    Array.from({ length: MAX_PAGE_ORDER + 1 }, (_, order) => order),
    6,
  );
  const free = populatedZones(sys).flatMap((zone) =>
    MIGRATETYPE_NAMES.map(
      (name, type) =>
        `Node    0, zone ${zone.name.padStart(8)}, type ${name.padStart(12)} ${freeOfType(zone, type)}\n`,
    ),
  );
  const blocks = populatedZones(sys).map(
    (zone) => `Node 0, zone ${zone.name.padStart(8)} ${blockCounts(zone)}\n`,
  );
  return (
    `Page block order: ${PAGEBLOCK_ORDER}\nPages per block:  ${PAGEBLOCK_NR_PAGES}\n\n` +
    `Free pages count per migrate type at order ${orders}\n${free.join("")}` +
    `\nNumber of blocks type ${columns(MIGRATETYPE_NAMES, 12)}\n${blocks.join("")}`
  );
}
