/**
 * How many pages are on each list: of the node, and of each zone.
 *
 *   sys.vmStat.nodeStat[list]       NR_INACTIVE_ANON ...    what /proc/vmstat shows
 *   lruvec.lruZoneSize              by zone and list        for scans that only some zones help
 *
 * Both are of the classic lists' kinds also while pages are kept by generation: the two youngest generations
 * count as active (gen/gen_list.ts).
 *
 * Linux include/linux/mm_inline.h. Read first: lruvec.ts. Read next: mm_inline.ts.
 */

import { forEachLruvec } from "../memcg/iter.js";
import { modLruvecState } from "../memcg/stats.js";
import type { Folio } from "../pages/folio.js";
import type { MemorySystem } from "../system.js";
import {
  LRU_ACTIVE_ANON,
  LRU_ACTIVE_FILE,
  LRU_INACTIVE_ANON,
  LRU_INACTIVE_FILE,
  type Lruvec,
  NR_LRU_LISTS,
} from "./lruvec.js";
import { canReclaimAnonPages } from "./swap_space.js";

/** Number of the zone that the folio lies in. Linux include/linux/mm.h:folio_zonenum() */
export function folioZonenum(sys: MemorySystem, folio: Folio): number {
  const { zones } = sys;
  let zid = 0;
  while (zid < zones.length - 1 && folio.pfn >= zones[zid]!.zoneEndPfn) zid++;
  return zid;
}

/** `list` has `nrPages` more in zone `zid`. Linux include/linux/mm_inline.h:update_lru_size() */
export function updateLruSize(
  sys: MemorySystem,
  lruvec: Lruvec,
  zid: number,
  list: number,
  nrPages: number,
): void {
  lruvec.lruZoneSize[zid * NR_LRU_LISTS + list]! += nrPages;
  modLruvecState(sys, lruvec, list, nrPages);
}

/**
 * Pages of zone `zid` on `list`, whatever group they are of. Linux zone_page_state(NR_ZONE_LRU_BASE + list)
 */
export function zoneLruPages(sys: MemorySystem, zid: number, list: number): number {
  const at = zid * NR_LRU_LISTS + list;
  let pages = 0;
  forEachLruvec(sys, ({ lruZoneSize }) => {
    pages += lruZoneSize[at]!;
  });
  return pages;
}

/**
 * Pages of zone `zid` on lists that reclaim can take from: without free swap, those of files.
 * Linux mm/vmscan.c:zone_reclaimable_pages()
 */
export function zoneReclaimablePages(sys: MemorySystem, zid: number): number {
  const files = zoneLruPages(sys, zid, LRU_INACTIVE_FILE) + zoneLruPages(sys, zid, LRU_ACTIVE_FILE);
  if (!canReclaimAnonPages(sys)) return files;
  return files + zoneLruPages(sys, zid, LRU_INACTIVE_ANON) + zoneLruPages(sys, zid, LRU_ACTIVE_ANON);
}
