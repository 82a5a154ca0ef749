/**
 * Who reclaims: kswapd in the background, or a task that needs memory itself.
 *
 *   kswapd    pgscan_kswapd, pgsteal_kswapd    may not be throttled by other reclaimers; sets the node's flags
 *   a task    pgscan_direct, pgsteal_direct    direct reclaim
 *   asked     pgscan_proactive, ...            memory is not short: somebody wants pages out
 *
 * Linux mm/vmscan.c, include/linux/swap.h. Read next: shrink_lists.ts.
 */
import { countMemcgEvents } from "../memcg/stats.js";
import type { MemorySystem } from "../system.js";
import { countVmEvents, PGSTEAL_DIRECT, PGSTEAL_KSWAPD, PGSTEAL_PROACTIVE } from "../vmstat.js";
import type { Memcg } from "./lruvec.js";
import type { ScanControl } from "./scan_control.js";

/** Whether the thread of the node works now. Linux include/linux/swap.h:current_is_kswapd() */
export function currentIsKswapd(sys: MemorySystem): boolean {
  return sys.currentKthread !== undefined && sys.currentKthread === sys.pgdat.kswapd;
}

/** The group that is to shrink; undefined: all. */
export function targetMemcg(sc: ScanControl): Memcg | undefined {
  return sc.targetMemcg as Memcg | undefined;
}

/** Whether all groups are meant. Linux mm/vmscan.c:root_reclaim() */
export function rootReclaim(sc: ScanControl): boolean {
  return sc.targetMemcg?.parent === undefined;
}

/**
 * Counts `nr` events in the machine, unless a group is to shrink: that is its own affair; and in the group
 * whose pages they are about. Linux: a part of shrink_inactive_list(), scan_folios(), evict_folios()
 */
export function countReclaimEvents(
  sys: MemorySystem,
  memcg: Memcg | undefined,
  sc: ScanControl,
  item: number,
  nr: number,
): void {
  if (sc.targetMemcg === undefined) countVmEvents(sys, item, nr);
  countMemcgEvents(memcg, item, nr);
}

/** What to add to PGSCAN_KSWAPD and PGSTEAL_KSWAPD. Linux mm/vmscan.c:reclaimer_offset() */
export function reclaimerOffset(sys: MemorySystem, sc: ScanControl): number {
  if (currentIsKswapd(sys)) return 0;
  return (sc.proactive ? PGSTEAL_PROACTIVE : PGSTEAL_DIRECT) - PGSTEAL_KSWAPD;
}
