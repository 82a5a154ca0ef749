/**
 * /proc/zoneinfo, buddyinfo and pagetypeinfo: the zones of RAM and their free blocks.
 *
 *   Node 0, zone   Normal   5820   3823 ...   1105       free blocks of 1, 2, 4, ... 1024 frames
 *   min < low < high                                     watermarks: below low kswapd starts, below min only the kernel may allocate
 *
 * Read first: buddy.ts, seq_file.ts. Read next: vmstat.ts.
 */
import { MAX_PAGE_ORDER, type Zone } from "../mm/buddy.js";
import type { MemorySystem } from "../mm/system.js";
import { lowmemReserve, zoneWatermarks } from "../mm/wmark.js";
import { NODE_STAT_LINES, nodeStat } from "./vmstat.js";

const ZONE_STAT_ZEROS = [
  "nr_zspages",
  "nr_free_cma",
  "numa_hit",
  "numa_miss",
  "numa_foreign",
  "numa_interleave",
  "numa_local",
  "numa_other",
];

function zoneStatLines(zone: Zone): string {
  const line = (name: string, value: number): string => `\n      ${name.padEnd(12)} ${value}`;
  const lists = ["inactive_anon", "active_anon", "inactive_file", "active_file"];
  return (
    line("nr_free_pages", zone.nrFreePages) +
    line("nr_free_pages_blocks", freeBlockPages(zone)) +
    lists.map((name) => line(`nr_zone_${name}`, 0)).join("") +
    line("nr_zone_unevictable", 0) +
    line("nr_zone_write_pending", 0) +
    line("nr_mlock", 0) +
    ZONE_STAT_ZEROS.map((name) => line(name, 0)).join("")
  );
}

/** Free pages in blocks of at least 2 MiB. Linux NR_FREE_PAGES_BLOCKS */
export function freeBlockPages(zone: Zone): number {
  return zone.freeArea.reduce((sum, area, order) => sum + (order < 9 ? 0 : area.nrFree << order), 0);
}

/** The lines of one zone. Linux mm/vmstat.c:zoneinfo_show_print() */
function showZone(sys: MemorySystem, zone: Zone, index: number, first: boolean): string {
  const mark = zoneWatermarks(sys, zone);
  const spanned = zone.zoneEndPfn - zone.zoneStartPfn;
  const node = first
    ? `\n  per-node stats${NODE_STAT_LINES.map((name) => `\n      ${name.padEnd(12)} ${nodeStat(sys, name)}`).join("")}`
    : "";
  const sizes: [string, number][] = [
    ["boost", 0],
    ["min", mark.min],
    ["low", mark.low],
    ["high", mark.high],
    ["promo", mark.promo],
    ["spanned", spanned],
    ["present", spanned],
    ["managed", zone.managedPages],
    ["cma", 0],
  ];
  const pageset = ["count:    0", "high:     0", "batch:    1", "high_min: 0", "high_max: 0"];
  return (
    `Node 0, zone ${zone.name.padStart(8)}${node}\n  pages free     ${zone.nrFreePages}` +
    sizes.map(([name, pages]) => `\n        ${name.padEnd(8)} ${pages}`).join("") +
    `\n        protection: (${lowmemReserve(sys, index).join(", ")})` +
    zoneStatLines(zone) +
    `\n  pagesets\n    cpu: 0${pageset.map((line) => `\n              ${line}`).join("")}` +
    `\n  vm stats threshold: 0\n  node_unreclaimable:  0\n  start_pfn:           ${zone.zoneStartPfn}\n`
  );
}

/** The blocks of /proc/zoneinfo, one for each zone. Linux mm/vmstat.c:zoneinfo_op */
export function zoneinfo(sys: MemorySystem): string[] {
  return sys.zones.map((zone, i) => showZone(sys, zone, i, i === 0));
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
