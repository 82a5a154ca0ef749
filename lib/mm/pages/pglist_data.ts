/**
 * The node: all RAM of one memory controller, and the state of those who reclaim it.
 *
 *   sys.pgdat --- zones (sys.zones)          what reclaim has learnt: flags, kswapdFailures
 *             --- kswapd                     the thread that keeps free pages above the high watermarks
 *             --- sys.lruvec                 the lists it takes from
 *             --- kcompactd                  the thread that makes large blocks of small ones
 *
 * This machine has one node. Plain data only: what it means is in mm/lru/kswapd.ts and mm/lru/vmscan.ts.
 *
 * Linux include/linux/mmzone.h. Read next: mm/lru/lruvec.ts.
 */
import type { EventRecord } from "../../hw/events.js";
import type { CompactControlOf } from "../compaction/compact_types.js";
import type { ScanControl } from "../lru/scan_control.js";
import type { Kthread } from "../wait.js";

/** Reclaim saw nothing but dirty file pages at the end of the list. Linux PGDAT_DIRTY */
export const PGDAT_DIRTY = 1 << 0;
/** Reclaim saw nothing but pages on their way to the device. Linux PGDAT_WRITEBACK */
export const PGDAT_WRITEBACK = 1 << 1;
/** kswapd found the lists full of pages that wait for a congested device. Linux LRUVEC_NODE_CONGESTED */
export const LRUVEC_NODE_CONGESTED = 1 << 2;

/** What kswapd has been asked for when nobody has asked. Linux include/linux/mmzone.h:MAX_NR_ZONES */
export const NO_ZONE = 5;

/** Why a task is slowed down while it reclaims. Linux include/linux/mmzone.h:enum vmscan_throttle_state */
export type VmscanThrottleState = "writeback" | "isolated" | "noprogress" | "congested";

/**
 * How far kswapd is: what its function would have on its stack between two batches.
 * Linux mm/vmscan.c:kswapd(), balance_pgdat(), their variables
 */
export interface KswapdRun {
  /** It sleeps until it is woken, or for a moment, or it balances the node. */
  phase: "asleep" | "nap" | "balance";
  /** While it sleeps: somebody has woken it. Linux remaining */
  woken: boolean;
  /** The order it was asked for, the one it ended with, and the highest zone. */
  allocOrder: number;
  reclaimOrder: number;
  highestZoneidx: number;
  /** The attempt under way. */
  sc: ScanControl | undefined;
  /** Pages to free because of boosted watermarks, and the boost of each zone when it began. */
  nrBoostReclaim: number;
  readonly zoneBoosts: number[];
  /** Until when it lets the device write, in ns. */
  throttledUntilNs: number;
}

/**
 * How far kcompactd is: what its function would have on its stack between two batches.
 * Linux mm/compaction.c:kcompactd(), kcompactd_do_work(), compact_node(), their variables
 */
export interface KcompactdRun<F> {
  /** It sleeps, makes a block that somebody wants, or works ahead of need. */
  phase: "asleep" | "work" | "proactive";
  /** While it sleeps: somebody has woken it. */
  woken: boolean;
  /** The compaction under way, and the zone whose turn is next. */
  cc: CompactControlOf<F> | undefined;
  nextZone: number;
  /** The rounds in cc.zone have begun. */
  begun: boolean;
  /** The score when it began to work ahead. Linux prev_score */
  prevScore: number;
  /** When it looks by itself. */
  timeout: EventRecord | undefined;
}

/** One node; F is a folio. Linux include/linux/mmzone.h:struct pglist_data */
export class PglistData<F> {
  /** PGDAT_* and LRUVEC_NODE_CONGESTED. */
  flags = 0;
  /** The thread, from boot on where there is a kernel. */
  kswapd: Kthread | undefined = undefined;
  /**
   * What it is to be woken for: the largest order, and the highest zone. Linux kswapd_order,
   * kswapd_highest_zoneidx
   */
  kswapdOrder = 0;
  kswapdHighestZoneidx = NO_ZONE;
  /** Its runs in a row that freed nothing; from MAX_RECLAIM_RETRIES on it gives up. Linux kswapd_failures */
  kswapdFailures = 0;
  readonly kswapdRun: KswapdRun = {
    phase: "asleep",
    woken: false,
    allocOrder: 0,
    reclaimOrder: 0,
    highestZoneidx: NO_ZONE - 1,
    sc: undefined,
    nrBoostReclaim: 0,
    zoneBoosts: [],
    throttledUntilNs: 0,
  };
  /** The thread, from boot on where there is a kernel. */
  kcompactd: Kthread | undefined = undefined;
  /** The largest order that it is wanted for, and the highest zone. Linux kcompactd_max_order ... */
  kcompactdMaxOrder = 0;
  kcompactdHighestZoneidx = NO_ZONE - 1;
  /** vm.compaction_proactiveness was written. Linux proactive_compact_trigger */
  proactiveCompactTrigger = false;
  readonly kcompactdRun: KcompactdRun<F> = {
    phase: "asleep",
    woken: false,
    cc: undefined,
    nextZone: 0,
    begun: false,
    prevScore: 0,
    timeout: undefined,
  };
  /** Pages of slabs freed by the one who reclaims now. Linux current->reclaim_state->reclaimed */
  reclaimedSlab = 0;
  /**
   * Those who are slowed down until pages are written, and NR_THROTTLED_WRITTEN when the first of them was.
   * Linux nr_writeback_throttled, nr_reclaim_start
   */
  nrWritebackThrottled = 0;
  nrReclaimStart = 0;
  /** Wake-ups so far of those who are slowed down, by reason. Linux reclaim_wait */
  readonly reclaimWakeups: Record<VmscanThrottleState, number> = {
    writeback: 0,
    isolated: 0,
    noprogress: 0,
    congested: 0,
  };
}
