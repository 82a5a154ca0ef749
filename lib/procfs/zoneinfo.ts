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
import { NODE_STAT_LINES, nodeStat } from "./vmstat.js";

/** Watermarks of a zone in pages. Linux include/linux/mmzone.h:enum zone_watermarks */
export interface ZoneWatermarks {
  min: number;
  low: number;
  high: number;
  promo: number;
}

/** vm.watermark_scale_factor: distance of the watermarks in 1/10000 of the zone. */
const WATERMARK_SCALE_FACTOR = 10;

/** vm.min_free_kbytes as computed at boot. Linux mm/page_alloc.c:calculate_min_free_kbytes() */
export function minFreeKbytes(sys: MemorySystem): number {
  const value = Math.floor(Math.sqrt(sys.totalramPages * 4 * 16));
  return Math.min(262144, Math.max(128, value));
}

/** Watermarks of `zone`. Linux mm/page_alloc.c:__setup_per_zone_wmarks() */
export function zoneWatermarks(sys: MemorySystem, zone: Zone): ZoneWatermarks {
  const minPages = Math.floor(minFreeKbytes(sys) / 4);
  const min = Math.floor((minPages * zone.managedPages) / Math.max(1, sys.totalramPages));
  const gap = Math.max(Math.floor(min / 4), Math.floor((zone.managedPages * WATERMARK_SCALE_FACTOR) / 10000));
  return { min, low: min + gap, high: min + 2 * gap, promo: min + 3 * gap };
}

/** Free pages that a request for a higher zone must leave in `zone`. Linux mm/page_alloc.c:setup_per_zone_lowmem_reserve() */
function protection(sys: MemorySystem, index: number): number[] {
  const ratio = index === 0 ? 256 : index === 1 ? 256 : 32;
  const values = [0, 0, 0, 0, 0];
  let above = 0;
  for (let j = index + 1; j < values.length; j++) {
    above += sys.zones[j]?.managedPages ?? 0;
    values[j] = Math.floor(above / ratio);
  }
  return values;
}

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
    `\n        protection: (${protection(sys, index).join(", ")})` +
    zoneStatLines(zone) +
    `\n  pagesets\n    cpu: 0${pageset.map((line) => `\n              ${line}`).join("")}` +
    `\n  vm stats threshold: 0\n  node_unreclaimable:  0\n  start_pfn:           ${zone.zoneStartPfn}\n`
  );
}

/** /proc/zoneinfo. Linux mm/vmstat.c:zoneinfo_op */
export function zoneinfo(sys: MemorySystem): string {
  return sys.zones.map((zone, i) => showZone(sys, zone, i, i === 0)).join("");
}

/** Free blocks of each order as columns. */
function freeColumns(zone: Zone, width: number): string {
  return zone.freeArea.map((area) => `${String(area.nrFree).padStart(width)} `).join("");
}

/** /proc/buddyinfo. Linux mm/vmstat.c:frag_show_print() */
export function buddyinfo(sys: MemorySystem): string {
  return sys.zones.map((zone) => `Node 0, zone ${zone.name.padStart(8)} ${freeColumns(zone, 6)}\n`).join("");
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
