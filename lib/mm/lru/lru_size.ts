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
import type { Folio } from "../pages/folio.js";
import type { MemorySystem } from "../system.js";
import { modNodePageState } from "../vmstat.js";
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
  modNodePageState(sys, list, nrPages);
}

/**
 * Pages of zone `zid` on lists that reclaim can take from: without free swap, those of files.
 * Linux mm/vmscan.c:zone_reclaimable_pages()
 */
export function zoneReclaimablePages(sys: MemorySystem, zid: number): number {
  const { lruZoneSize } = sys.lruvec;
  const at = zid * NR_LRU_LISTS;
  const files = lruZoneSize[at + LRU_INACTIVE_FILE]! + lruZoneSize[at + LRU_ACTIVE_FILE]!;
  if (!canReclaimAnonPages(sys)) return files;
  return files + lruZoneSize[at + LRU_INACTIVE_ANON]! + lruZoneSize[at + LRU_ACTIVE_ANON]!;
}
