/**
 * /proc/zoneinfo: the zones of RAM, their watermarks and their counters.
 *
 *   min < low < high                                     watermarks: below low kswapd starts, below min only
 *                                                        the kernel may allocate
 *
 * Read first: mm/pages/buddy.ts, seq_file.ts. Read next: buddyinfo.ts, vmstat.ts.
 */
import { zoneLruPages } from "../mm/lru/lru_size.js";
import { MAX_RECLAIM_RETRIES } from "../mm/lru/scan_control.js";
import { FreeLinks, Zone } from "../mm/pages/buddy.js";
import { type Folio, PG_mlocked, PG_writeback, PGTY_zsmalloc } from "../mm/pages/folio.js";
import type { PerCpuPages } from "../mm/pages/per_cpu_pages.js";
import { highWmarkPages, LEAST_MOVABLE_MIN, lowWmarkPages, minWmarkPages } from "../mm/pages/wmark.js";
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
      if (page.pageType === PGTY_zsmalloc) add("nr_zspages", page);
      const { mapping } = page;
      const dirty = mapping !== undefined && !mapping.isAnon && mapping.dirtyFolios.has(page);
      if (dirty || (page.flags & PG_writeback) !== 0) add("nr_zone_write_pending", page);
    }
  const zid = sys.zones.indexOf(zone);
  for (const [list, name] of LRU_NAMES.entries()) pages.set(name, zoneLruPages(sys, zid, list));
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

/**
 * How far a CPU's own counter of a zone may be off before it is added up.
 * Linux mm/vmstat.c:calculate_normal_threshold()
 */
function statThreshold(zone: Zone, nrCpus: number): number {
  const fls = (value: number): number => 32 - Math.clz32(value);
  return Math.min(125, 2 * fls(nrCpus) * (1 + fls(zone.managedPages >> 15)));
}

/** The free pages that a CPU keeps for itself (mm/pages/per_cpu_pages.ts). */
function pagesetLines(pcp: PerCpuPages, cpu: number, threshold: number): string {
  const { count, high, batch, highMin, highMax } = pcp;
  const sizes = { count, high, batch, high_min: highMin, high_max: highMax };
  const lines = Object.entries(sizes).map(
    ([name, pages]) => `\n              ${`${name}:`.padEnd(9)} ${pages}`,
  );
  return `\n    cpu: ${cpu}${lines.join("")}\n  vm stats threshold: ${threshold}`;
}

/** Watermarks and sizes, which every zone shows. */
function sizeLines(zone: Zone): string {
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
  const lines = sizes.map(([name, pages]) => `\n        ${name.padEnd(8)} ${pages}`);
  return `\n  pages free     ${zone.nrFreePages}${lines.join("")}\n        protection: (${zone.lowmemReserve.join(", ")})`;
}

/** The lines of one zone that has pages. Linux mm/vmstat.c:zoneinfo_show_print() */
function showZone(sys: MemorySystem, zone: Zone, first: boolean): string {
  const node = NODE_STAT_LINES.map((name) => `\n      ${name.padEnd(12)} ${nodeStat(sys, name)}`);
  const threshold = statThreshold(zone, Math.max(1, sys.cpus.length));
  const pagesets = zone.pcps.map((pcp, cpu) => pagesetLines(pcp, cpu, threshold));
  const unreclaimable = sys.pgdat.kswapdFailures >= MAX_RECLAIM_RETRIES ? 1 : 0;
  return (
    `Node 0, zone ${zone.name.padStart(8)}${first ? `\n  per-node stats${node.join("")}` : ""}` +
    `${sizeLines(zone)}${zoneStatLines(sys, zone)}\n  pagesets${pagesets.join("")}` +
    `\n  node_unreclaimable:  ${unreclaimable}\n  start_pfn:           ${zone.zoneStartPfn}\n`
  );
}

/** What an empty zone shows: of ZONE_MOVABLE the least min, which is above no page at all. */
function showEmptyZone(name: string, zone: Zone | undefined): string {
  const empty = zone ?? new Zone(name, 0, 0, new FreeLinks(0));
  const marks = name === "Movable" ? LEAST_MOVABLE_MIN : 0;
  const shown = Object.assign(empty, { watermark: { min: marks, low: marks, high: marks, promo: marks } });
  return `Node 0, zone ${name.padStart(8)}${sizeLines(shown)}\n`;
}

/**
 * The blocks of /proc/zoneinfo, one for each zone that a machine could have. Linux mm/vmstat.c:zoneinfo_op
 */
export function zoneinfo(sys: MemorySystem): string[] {
  const populated = populatedZones(sys);
  return ZONE_NAMES.map((name) => {
    const zone = sys.zones.find((each) => each.name === name);
    if (zone === undefined || !populated.includes(zone)) return showEmptyZone(name, zone);
    return showZone(sys, zone, zone === populated[0]);
  });
}

/** Linux mm/page_alloc.c:zone_names */
const ZONE_NAMES = ["DMA", "DMA32", "Normal", "Movable", "Device"];

/** Zones that have RAM. Linux include/linux/mmzone.h:populated_zone() */
function populatedZones(sys: MemorySystem): Zone[] {
  return sys.zones.filter((zone) => zone.presentPages > 0);
}
