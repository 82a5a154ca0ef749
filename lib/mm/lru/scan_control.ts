/**
 * What one attempt to reclaim is told, and what it finds out: passed from the one who needs memory down to
 * the one who looks at a folio.
 *
 *   tryToFreePages, balancePgdat --> sc --> shrinkNode --> shrinkLruvec --> shrinkFolioList
 *        what is wanted, how hard              |                |                 |
 *        to try, what is allowed               +--- nrScanned, nrReclaimed, nr <--+
 *
 * Linux mm/vmscan.c, include/linux/vmstat.h. Read next: mm/lru/vmscan.ts.
 */
import type { MemCgroup } from "../memcg/memcg_types.js";

/**
 * How hard to try at first: lists are scanned by size >> priority.
 * Linux include/linux/mmzone.h:DEF_PRIORITY
 */
export const DEF_PRIORITY = 12;
/** Pages that are taken at once. Linux include/linux/swap.h:SWAP_CLUSTER_MAX */
export const SWAP_CLUSTER_MAX = 32;
/** Attempts without progress before a caller gives up. Linux mm/internal.h:MAX_RECLAIM_RETRIES */
export const MAX_RECLAIM_RETRIES = 16;

/** The active list of anonymous memory may be shortened. Linux mm/vmscan.c:DEACTIVATE_ANON */
export const DEACTIVATE_ANON = 1;
/** The active list of files may be shortened. Linux mm/vmscan.c:DEACTIVATE_FILE */
export const DEACTIVATE_FILE = 2;

/** What was seen in the folios taken, in pages. Linux include/linux/vmstat.h:struct reclaim_stat */
export interface ReclaimStat {
  nrDirty: number;
  nrUnqueuedDirty: number;
  nrCongested: number;
  nrWriteback: number;
  nrImmediate: number;
  nrPageout: number;
  /** Of anonymous memory and of files. */
  nrActivate: [number, number];
  nrRefKeep: number;
  nrUnmapFail: number;
  nrLazyfreeFail: number;
  nrDemoted: number;
}

/** Nothing seen yet. */
export function newReclaimStat(): ReclaimStat {
  return {
    nrDirty: 0,
    nrUnqueuedDirty: 0,
    nrCongested: 0,
    nrWriteback: 0,
    nrImmediate: 0,
    nrPageout: 0,
    nrActivate: [0, 0],
    nrRefKeep: 0,
    nrUnmapFail: 0,
    nrLazyfreeFail: 0,
    nrDemoted: 0,
  };
}

/** Linux mm/vmscan.c:struct scan_control */
export interface ScanControl {
  /**
   * The group that is over its limit, or asked for; undefined: the machine is short of memory. Always a Memcg
   * (lruvec.ts), of whose lists these data need not know; see targetMemcg() in reclaimer.ts.
   */
  targetMemcg: MemCgroup<unknown> | undefined;
  /** Goes through all groups, even if enough was freed before. */
  memcgFullWalk: boolean;
  /** Pages wanted. */
  nrToReclaim: number;
  /** The highest zone that helps. */
  reclaimIdx: number;
  order: number;
  priority: number;
  gfpMask: number;
  mayWritepage: boolean;
  mayUnmap: boolean;
  maySwap: boolean;
  /** DEACTIVATE_ANON, DEACTIVATE_FILE. */
  mayDeactivate: number;
  forceDeactivate: boolean;
  skippedDeactivate: boolean;
  /** Plenty of inactive file pages: nothing else is touched. */
  cacheTrimMode: boolean;
  noCacheTrimMode: boolean;
  cacheTrimModeFailed: boolean;
  /** Hardly any file pages are left: anonymous memory only. */
  fileIsTiny: boolean;
  /** Somebody asked, though memory is not short: memory.reclaim. */
  proactive: boolean;
  /** Swappiness of this attempt instead of vm.swappiness. */
  proactiveSwappiness: number | undefined;
  compactionReady: boolean;
  /** Costs of the lists when the attempt began. */
  anonCost: number;
  fileCost: number;
  nrScanned: number;
  nrReclaimed: number;
  /** What one pass over the node has seen. Linux sc->nr */
  nr: {
    dirty: number;
    unqueuedDirty: number;
    congested: number;
    writeback: number;
    immediate: number;
    fileTaken: number;
    taken: number;
  };
}

/** An attempt that may unmap, and swap, and write; `options` replaces single fields. */
export function newScanControl(options: Partial<ScanControl>): ScanControl {
  return {
    targetMemcg: undefined,
    memcgFullWalk: false,
    nrToReclaim: SWAP_CLUSTER_MAX,
    reclaimIdx: Number.MAX_SAFE_INTEGER,
    order: 0,
    priority: DEF_PRIORITY,
    gfpMask: 0,
    mayWritepage: true,
    mayUnmap: true,
    maySwap: true,
    mayDeactivate: 0,
    forceDeactivate: false,
    skippedDeactivate: false,
    cacheTrimMode: false,
    noCacheTrimMode: false,
    cacheTrimModeFailed: false,
    fileIsTiny: false,
    proactive: false,
    proactiveSwappiness: undefined,
    compactionReady: false,
    anonCost: 0,
    fileCost: 0,
    nrScanned: 0,
    nrReclaimed: 0,
    nr: { dirty: 0, unqueuedDirty: 0, congested: 0, writeback: 0, immediate: 0, fileTaken: 0, taken: 0 },
    ...options,
  };
}
