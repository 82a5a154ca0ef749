/**
 * A checker for one zone: recomputes its counters from its lists. mm/debug.ts calls it.
 *
 *   lists of each order and type   == nrFree, nrFreePages, nrFreeHighatomic; a block is of its page block's type
 *   lists of each CPU              == count; no page on them is also in the zone's lists
 *
 * Not in Linux: CONFIG_DEBUG_VM checks piece by piece there. Read first: buddy.ts, pcp.ts.
 */
import type { Zone } from "./buddy.js";
import { MIGRATE_HIGHATOMIC, MIGRATE_ISOLATE, MIGRATE_TYPES, MIGRATETYPE_NAMES } from "./migratetype.js";
import { NR_PCP_LISTS, type PerCpuPages, pindexToOrder } from "./per_cpu_pages.js";

/** Blocks of a list, and whether its links hold together. */
function blocksOf(zone: Zone, head: number, tail: number, name: string, problems: string[]): number[] {
  const { next, prev } = zone.links;
  const blocks: number[] = [];
  let before = -1;
  for (let pfn = head; pfn >= 0 && blocks.length <= zone.managedPages; pfn = next[pfn]!) {
    if (prev[pfn] !== before)
      problems.push(`${name}: frame ${pfn} has ${prev[pfn]} before it, not ${before}`);
    blocks.push(pfn);
    before = pfn;
  }
  if (before !== tail) problems.push(`${name}: ends with frame ${before}, says ${tail}`);
  return blocks;
}

function checkPcp(zone: Zone, pcp: PerCpuPages, name: string, problems: string[]): void {
  let count = 0;
  for (let list = 0; list < NR_PCP_LISTS; list++) {
    const blocks = blocksOf(zone, pcp.head[list]!, pcp.tail[list]!, `${name} list ${list}`, problems);
    count += blocks.length * 2 ** pindexToOrder(list);
    for (const pfn of blocks)
      if (zone.isFreeBlock(pfn)) problems.push(`${name}: frame ${pfn} is in the zone's lists, too`);
  }
  if (count !== pcp.count) problems.push(`${name}: ${count} pages listed, ${pcp.count} counted`);
}

/** Adds to `problems` what does not fit together in `zone`. */
export function checkZone(zone: Zone, problems: string[]): void {
  let free = 0;
  let highatomic = 0;
  zone.freeArea.forEach(({ head, tail, nrFree }, order) => {
    let listed = 0;
    for (let type = 0; type < MIGRATE_TYPES; type++) {
      const name = `zone ${zone.name}, order ${order}, ${MIGRATETYPE_NAMES[type]}`;
      const blocks = blocksOf(zone, head[type]!, tail[type]!, name, problems);
      for (const pfn of blocks)
        if (zone.pageblockType(pfn) !== type || zone.links.orderPlusOne[pfn] !== order + 1)
          problems.push(`${name}: frame ${pfn} does not belong there`);
      listed += blocks.length;
      if (type !== MIGRATE_ISOLATE) free += blocks.length * 2 ** order;
      if (type === MIGRATE_HIGHATOMIC) highatomic += blocks.length * 2 ** order;
    }
    if (listed !== nrFree)
      problems.push(`zone ${zone.name}, order ${order}: ${listed} blocks, says ${nrFree}`);
  });
  if (free !== zone.nrFreePages) problems.push(`zone ${zone.name}: ${free} frames listed as free`);
  if (highatomic !== zone.nrFreeHighatomic)
    problems.push(`zone ${zone.name}: ${highatomic} frames kept for urgent requests are free`);
  zone.pcps.forEach((pcp, cpu) => {
    checkPcp(zone, pcp, `zone ${zone.name}, CPU ${cpu}`, problems);
  });
}
