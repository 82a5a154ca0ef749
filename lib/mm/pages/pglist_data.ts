/**
 * The node: all RAM of one memory controller, and the state of those who reclaim it.
 *
 *   sys.pgdat --- zones (sys.zones)          what reclaim has learnt: flags, kswapdFailures
 *             --- kswapd                     the thread that keeps free pages above the high watermarks
 *             --- sys.lruvec                 the lists it takes from
 *
 * This machine has one node. Plain data only: what it means is in mm/lru/vmscan.ts.
 *
 * Linux include/linux/mmzone.h. Read next: mm/lru/lruvec.ts.
 */
import type { Kthread } from "../wait.js";

/** Reclaim saw nothing but dirty file pages at the end of the list. Linux PGDAT_DIRTY */
export const PGDAT_DIRTY = 1 << 0;
/** Reclaim saw nothing but pages on their way to the device. Linux PGDAT_WRITEBACK */
export const PGDAT_WRITEBACK = 1 << 1;
/** kswapd found the lists full of pages that wait for a congested device. Linux LRUVEC_NODE_CONGESTED */
export const LRUVEC_NODE_CONGESTED = 1 << 2;

/** One node. Linux include/linux/mmzone.h:struct pglist_data */
export class PglistData {
  /** PGDAT_* and LRUVEC_NODE_CONGESTED. */
  flags = 0;
  /** The thread, from boot on where there is a kernel. */
  kswapd: Kthread | undefined = undefined;
  /**
   * What it was woken for: the largest order, and the highest zone. Linux kswapd_order,
   * kswapd_highest_zoneidx
   */
  kswapdOrder = 0;
  kswapdHighestZoneidx = 0;
  /** Its runs in a row that freed nothing; from MAX_RECLAIM_RETRIES on it gives up. Linux kswapd_failures */
  kswapdFailures = 0;
}
