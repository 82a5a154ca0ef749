/**
 * How many pages of each list a pass looks at: the balance between files and anonymous memory.
 *
 *   prepareScanControl   once a pass over the node
 *     may active lists be shortened?     the inactive list is short, or pages come back (refaults)
 *     cacheTrimMode                      plenty of inactive file pages, none of which come back
 *     fileIsTiny                         hardly any file pages are left
 *
 *   getScanCount         the first that fits
 *     no swap                            files only
 *     a group is to shrink, swappiness 0 files only
 *     priority 0                         all lists, as they are
 *     fileIsTiny                         anonymous memory only
 *     cacheTrimMode                      files only
 *     else                               a share for each type: swappiness : 200 - swappiness, each divided
 *                                        by what its pages have cost lately
 *
 *   pages of a list = its size >> priority, times the share: at priority 12 a list of 4095 pages gets 0
 *
 * Linux mm/vmscan.c. Read first: scan_control.ts, note_cost.ts. Read next: vmscan.ts.
 */
import { lruvecPageState, memCgroupLruvec } from "../memcg/stats.js";
import { nrFreePages } from "../pages/page_alloc.js";
import { highWmarkPages } from "../pages/wmark.js";
import type { MemorySystem } from "../system.js";
import {
  globalNodePageState,
  NR_ACTIVE_FILE,
  NR_INACTIVE_ANON,
  NR_INACTIVE_FILE,
  WORKINGSET_ACTIVATE,
} from "../vmstat.js";
import {
  LRU_ACTIVE,
  LRU_INACTIVE_ANON,
  LRU_INACTIVE_FILE,
  LRU_UNEVICTABLE,
  type Lruvec,
  type Memcg,
  NR_LRU_LISTS,
} from "./lruvec.js";
import { targetMemcg } from "./reclaimer.js";
import { DEACTIVATE_ANON, DEACTIVATE_FILE, type ScanControl, SWAP_CLUSTER_MAX } from "./scan_control.js";
import { isFileLru } from "./shrink_lists.js";
import { canReclaimAnonPages } from "./swap_space.js";

/** Cost of swapping against that of reading files; 100: the same. Linux mm/vmscan.c:MAX_SWAPPINESS */
const MAX_SWAPPINESS = 200;
/** Anonymous memory only, for who asks for it. Linux include/linux/swap.h:SWAPPINESS_ANON_ONLY */
export const SWAPPINESS_ANON_ONLY = MAX_SWAPPINESS + 1;

/** Pages of 1 GiB. */
const GB_PAGES = 2 ** 18;

/**
 * Whether the inactive list is too short beside the active one: 1 : 1 below 1 GiB, 1 : 3 at 1 GiB, and more
 * with the square root of the size. Linux mm/vmscan.c:inactive_is_low()
 */
export function inactiveIsLow(sys: MemorySystem, inactiveLru: number, lruvec: Lruvec = sys.lruvec): boolean {
  const inactive = lruvecPageState(sys, lruvec, inactiveLru);
  const active = lruvecPageState(sys, lruvec, inactiveLru + LRU_ACTIVE);
  const gb = Math.floor((inactive + active) / GB_PAGES);
  const ratio = gb > 0 ? Math.floor(Math.sqrt(10 * gb)) : 1;
  return inactive * ratio < active;
}

/** Whether the type's active list may be shortened: pages come back, or the inactive list is short. */
function mayDeactivate(sys: MemorySystem, lruvec: Lruvec, type: 0 | 1): boolean {
  const refaults = lruvecPageState(sys, lruvec, WORKINGSET_ACTIVATE + type);
  const inactive = type === 0 ? LRU_INACTIVE_ANON : LRU_INACTIVE_FILE;
  return refaults !== lruvec.refaults[type] || inactiveIsLow(sys, inactive, lruvec);
}

/** What the state of the lists means for this pass. Linux mm/vmscan.c:prepare_scan_control() */
export function prepareScanControl(sys: MemorySystem, sc: ScanControl): void {
  const lruvec = memCgroupLruvec(sys, targetMemcg(sc));
  sc.anonCost = lruvec.anonCost;
  sc.fileCost = lruvec.fileCost;
  const anon = sc.forceDeactivate || mayDeactivate(sys, lruvec, 0);
  const file = sc.forceDeactivate || mayDeactivate(sys, lruvec, 1);
  sc.mayDeactivate = (anon ? DEACTIVATE_ANON : 0) | (file ? DEACTIVATE_FILE : 0);
  const inactiveFile = lruvecPageState(sys, lruvec, NR_INACTIVE_FILE);
  sc.cacheTrimMode = inactiveFile >>> sc.priority > 0 && !file && !sc.noCacheTrimMode;
  if (sc.targetMemcg !== undefined) return;
  const cached = globalNodePageState(sys, NR_ACTIVE_FILE) + globalNodePageState(sys, NR_INACTIVE_FILE);
  const high = sys.zones.reduce((sum, zone) => sum + highWmarkPages(zone), 0);
  const inactiveAnon = globalNodePageState(sys, NR_INACTIVE_ANON);
  sc.fileIsTiny = cached + nrFreePages(sys) <= high && !anon && inactiveAnon >>> sc.priority > 0;
}

/** Pages of the list in zones up to `zoneIdx`. Linux mm/vmscan.c:lruvec_lru_size() */
export function lruvecLruSize(sys: MemorySystem, lruvec: Lruvec, lru: number, zoneIdx: number): number {
  let size = 0;
  for (let zid = Math.min(zoneIdx, sys.zones.length - 1); zid >= 0; zid--)
    size += lruvec.lruZoneSize[zid * NR_LRU_LISTS + lru]!;
  return size;
}

/** What of each type is looked at. Linux mm/vmscan.c:enum scan_balance */
type ScanBalance = "EQUAL" | "FRACT" | "ANON" | "FILE";

/** Linux mm/vmscan.c:get_scan_count(), up to its label out */
function scanBalance(
  sys: MemorySystem,
  memcg: Memcg | undefined,
  sc: ScanControl,
  swappiness: number,
): ScanBalance {
  if (!sc.maySwap || !canReclaimAnonPages(sys, memcg)) return "FILE";
  if (sc.targetMemcg !== undefined && swappiness === 0) return "FILE";
  if (swappiness === SWAPPINESS_ANON_ONLY) return "ANON";
  if (sc.priority === 0 && swappiness !== 0) return "EQUAL";
  if (sc.fileIsTiny) return "ANON";
  return sc.cacheTrimMode ? "FILE" : "FRACT";
}

/**
 * Shares of anonymous memory and files: each in inverse proportion to its cost, but at least a third, times
 * swappiness. Linux mm/vmscan.c:calculate_pressure_balance()
 */
export function calculatePressureBalance(sc: ScanControl, swappiness: number): [number, number] {
  const sum = sc.anonCost + sc.fileCost;
  const anonCost = sum + sc.anonCost;
  const fileCost = sum + sc.fileCost;
  const total = anonCost + fileCost;
  const ap = Math.floor((swappiness * (total + 1)) / (anonCost + 1));
  const fp = Math.floor(((MAX_SWAPPINESS - swappiness) * (total + 1)) / (fileCost + 1));
  return [ap, fp];
}

/** Pages of each evictable list to look at in this pass. Linux mm/vmscan.c:get_scan_count() */
export function getScanCount(sys: MemorySystem, lruvec: Lruvec, sc: ScanControl): number[] {
  const swappiness = sc.proactiveSwappiness ?? sys.sysctl.swappiness;
  const { memcg } = lruvec;
  const balance = scanBalance(sys, memcg, sc, swappiness);
  const [ap, fp] = balance === "FRACT" ? calculatePressureBalance(sc, swappiness) : [0, 0];
  const nr: number[] = [];
  for (let lru = 0; lru < LRU_UNEVICTABLE; lru++) {
    const file = isFileLru(lru);
    const size = lruvecLruSize(sys, lruvec, lru, sc.reclaimIdx);
    let scan = size >>> sc.priority;
    // What a removed group has left behind is to go, to the last page.
    const removed = memcg?.online === false;
    if (scan === 0 && removed) scan = Math.min(size, SWAP_CLUSTER_MAX);
    if (balance === "FRACT") {
      const share = (scan * (file ? fp : ap)) / (ap + fp);
      scan = removed ? Math.ceil(share) : Math.floor(share);
    }
    if (balance !== "FRACT" && balance !== "EQUAL" && (balance === "FILE") !== file) scan = 0;
    nr.push(scan);
  }
  return nr;
}
