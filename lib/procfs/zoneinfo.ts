/**
 * /proc/zoneinfo, buddyinfo and pagetypeinfo: the zones of RAM and their free blocks.
 *
 *   Node 0, zone   Normal   5820   3823 ...   1105       free blocks of 1, 2, 4, ... 1024 frames
 *   min < low < high                                     watermarks: below low kswapd starts, below min only
 *                                                        the kernel may allocate
 *
 * Read first: mm/pages/buddy.ts, seq_file.ts. Read next: vmstat.ts.
 */
import { NR_LRU_LISTS } from "../mm/lru/lruvec.js";
import { MAX_PAGE_ORDER, type Zone } from "../mm/pages/buddy.js";
import { type Folio, PG_mlocked, PG_writeback } from "../mm/pages/folio.js";
import { highWmarkPages, lowWmarkPages, minWmarkPages } from "../mm/pages/wmark.js";
import type { MemorySystem } from "../mm/system.js";
import { NODE_STAT_LINES, nodeStat, ZONE_STAT_LINES } from "./vmstat.js";

/**
 * Pages of one zone in each state that is kept for the node as a whole. Not in Linux: it counts by zone as
 * well.
 */
function zonePages(sys: MemorySystem, zone: Zone): Map<string, number> {
  const pages = new Map<string, number>();
  const add = (name: string, folio: Folio): void => {
    pages.set(name, (pages.get(name) ?? 0) + (1 << folio.order));
  };
  for (const section of sys.memMap)
    for (const page of section ?? []) {
      if (page === undefined || page.head !== page || page.refcount === 0) continue;
      if (page.pfn < zone.zoneStartPfn || page.pfn >= zone.zoneEndPfn) continue;
      if ((page.flags & PG_mlocked) !== 0) add("nr_mlock", page);
      const { mapping } = page;
      const dirty = mapping !== undefined && !mapping.isAnon && mapping.dirtyFolios.has(page);
      if (dirty || (page.flags & PG_writeback) !== 0) add("nr_zone_write_pending", page);
    }
  const zid = sys.zones.indexOf(zone);
  for (const [list, name] of LRU_NAMES.entries())
    pages.set(name, sys.lruvec.lruZoneSize[zid * NR_LRU_LISTS + list]!);
  return pages;
}

const LRU_NAMES = ["inactive_anon", "active_anon", "inactive_file", "active_file", "unevictable"].map(
  (list) => `nr_zone_${list}`,
);

function zoneStatLines(sys: MemorySystem, zone: Zone): string {
  const pages = zonePages(sys, zone);
  pages.set("nr_free_pages", zone.nrFreePages);
  pages.set("nr_free_pages_blocks", zone.nrFreePagesBlocks);
  pages.set("numa_hit", zone.numaHit);
  pages.set("numa_local", zone.numaHit);
  return ZONE_STAT_LINES.map((name) => `\n      ${name.padEnd(12)} ${pages.get(name) ?? 0}`).join("");
}

/** The lines of one zone. Linux mm/vmstat.c:zoneinfo_show_print() */
function showZone(sys: MemorySystem, zone: Zone, first: boolean): string {
  const node = first
    ? `\n  per-node stats${NODE_STAT_LINES.map((name) => `\n      ${name.padEnd(12)} ${nodeStat(sys, name)}`).join("")}`
    : "";
  const sizes: [string, number][] = [
    ["boost", zone.watermarkBoost],
    ["min", minWmarkPages(zone)],
    ["low", lowWmarkPages(zone)],
    ["high", highWmarkPages(zone)],
    ["promo", zone.watermark.promo + zone.watermarkBoost],
    ["spanned", zone.spannedPages],
    ["present", zone.presentPages],
    ["managed", zone.managedPages],
    ["cma", 0],
  ];
  const pageset = ["count:    0", "high:     0", "batch:    1", "high_min: 0", "high_max: 0"];
  return (
    `Node 0, zone ${zone.name.padStart(8)}${node}\n  pages free     ${zone.nrFreePages}` +
    sizes.map(([name, pages]) => `\n        ${name.padEnd(8)} ${pages}`).join("") +
    `\n        protection: (${zone.lowmemReserve.join(", ")})` +
    zoneStatLines(sys, zone) +
    `\n  pagesets\n    cpu: 0${pageset.map((line) => `\n              ${line}`).join("")}` +
    `\n  vm stats threshold: 0\n  node_unreclaimable:  0\n  start_pfn:           ${zone.zoneStartPfn}\n`
  );
}

/** The blocks of /proc/zoneinfo, one for each zone. Linux mm/vmstat.c:zoneinfo_op */
export function zoneinfo(sys: MemorySystem): string[] {
  return sys.zones.map((zone, i) => showZone(sys, zone, i === 0));
}

/** Free blocks of each order as columns. */
function freeColumns(zone: Zone, width: number): string {
  return zone.freeArea.map((area) => `${String(area.nrFree).padStart(width)} `).join("");
}

/** /proc/buddyinfo. Linux mm/vmstat.c:frag_show_print() */
export function buddyinfo(sys: MemorySystem): string[] {
  return sys.zones.map((zone) => `Node 0, zone ${zone.name.padStart(8)} ${freeColumns(zone, 6)}\n`);
}

const MIGRATE_TYPES = ["Unmovable", "Movable", "Reclaimable", "HighAtomic", "Isolate"];

/**
 * /proc/pagetypeinfo. Linux mm/vmstat.c:pagetypeinfo_show()
 * Differs from Linux: the allocator keeps no migrate types yet, so all blocks are Movable.
 */
export function pagetypeinfo(sys: MemorySystem): string {
  const orders = Array.from(
    { length: MAX_PAGE_ORDER + 1 },
    (_, order) => `${String(order).padStart(6)} `,
  ).join("");
  const free = sys.zones.flatMap((zone) =>
    MIGRATE_TYPES.map((type) => {
      const columns = type === "Movable" ? freeColumns(zone, 6) : "     0 ".repeat(MAX_PAGE_ORDER + 1);
      return `Node    0, zone ${zone.name.padStart(8)}, type ${type.padStart(12)} ${columns}\n`;
    }),
  );
  const blocks = sys.zones.map((zone) => {
    const nr = Math.ceil((zone.zoneEndPfn - zone.zoneStartPfn) / 512);
    const columns = MIGRATE_TYPES.map((type) => `${String(type === "Movable" ? nr : 0).padStart(12)} `).join(
      "",
    );
    return `Node 0, zone ${zone.name.padStart(8)} ${columns}\n`;
  });
  return (
    `Page block order: 9\nPages per block:  512\n\nFree pages count per migrate type at order ${orders}\n${free.join("")}` +
    `\nNumber of blocks type ${MIGRATE_TYPES.map((type) => `${type.padStart(12)} `).join("")}\n${blocks.join("")}`
  );
}
