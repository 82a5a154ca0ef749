/**
 * One batch from one list: 32 pages from the tail of the inactive list are reclaimed, or as many from the
 * tail of the active list become inactive.
 *
 *   active    [tail ......... head]     shrinkActiveList: used or not, they go to the head of the inactive list,
 *      |                                where their use counts. Only code of files that was used stays
 *      v
 *   inactive  [tail ......... head]     shrinkInactiveList: isolate, shrinkFolioList, put the others back
 *      |
 *      v
 *   free
 *
 * A new page enters the inactive list, so that a file that is read once from end to end passes through it and
 * leaves the active pages alone.
 *
 * What a batch has seen is added up in sc.nr, for the decisions of shrinkNode; what it cost, in the list's
 * type (note_cost.ts).
 *
 * Linux mm/vmscan.c. Read first: shrink_folio_list.ts. Read next: scan_count.ts.
 */
import { folioReferenced } from "../fault/rmap_referenced.js";
import { countMemcgEvents } from "../memcg/stats.js";
import { VM_EXEC } from "../mm_types.js";
import { type Folio, folioNrPages, PG_active, PG_workingset } from "../pages/folio.js";
import { __GFP_FS, __GFP_IO } from "../pages/gfp.js";
import type { MemorySystem } from "../system.js";
import {
  countVmEvents,
  globalNodePageState,
  modNodePageState,
  NR_INACTIVE_ANON,
  NR_INACTIVE_FILE,
  NR_ISOLATED_ANON,
  PGDEACTIVATE,
  PGREFILL,
  PGSCAN_ANON,
  PGSCAN_KSWAPD,
  PGSTEAL_ANON,
  PGSTEAL_KSWAPD,
} from "../vmstat.js";
import { folioPutbackLru, isolateLruFolios, moveFoliosToLru } from "./isolate.js";
import { LRU_ACTIVE, LRU_FILE, LRU_UNEVICTABLE, type Lruvec } from "./lruvec.js";
import { folioEvictable } from "./mlock_batch.js";
import { folioIsFileLru } from "./mm_inline.js";
import { lruNoteCost } from "./note_cost.js";
import { countReclaimEvents, currentIsKswapd, reclaimerOffset, targetMemcg } from "./reclaimer.js";
import { newReclaimStat, type ReclaimStat, type ScanControl } from "./scan_control.js";
import { lruAddDrain } from "./swap.js";
import { reclaimThrottle, wakeReclaimThrottle } from "./throttle.js";

/** Whether `lru` is a list of files. Linux include/linux/mmzone.h:is_file_lru() */
export function isFileLru(lru: number): boolean {
  return lru >= LRU_FILE && lru < LRU_UNEVICTABLE;
}

/** Linux include/linux/mmzone.h:is_active_lru() */
function isActiveLru(lru: number): boolean {
  return lru < LRU_UNEVICTABLE && lru % 2 === LRU_ACTIVE;
}

const FLAGS = ["RECLAIM_WB_ANON|RECLAIM_WB_ASYNC", "RECLAIM_WB_FILE|RECLAIM_WB_ASYNC"] as const;

/**
 * One batch of `nrToScan` pages of the list; pages freed. Active lists are left alone as long as the inactive
 * ones are long enough. Linux mm/vmscan.c:shrink_list()
 */
export function shrinkList(
  sys: MemorySystem,
  lru: number,
  nrToScan: number,
  lruvec: Lruvec,
  sc: ScanControl,
): number {
  if (!isActiveLru(lru)) return shrinkInactiveList(sys, nrToScan, lruvec, sc, lru);
  if ((sc.mayDeactivate & (isFileLru(lru) ? 2 : 1)) !== 0) shrinkActiveList(sys, nrToScan, lruvec, sc, lru);
  else sc.skippedDeactivate = true;
  return 0;
}

/**
 * Others have taken so many pages off the list that one more would only find it short.
 * Linux mm/vmscan.c:too_many_isolated()
 */
function tooManyIsolated(sys: MemorySystem, file: boolean, sc: ScanControl): boolean {
  if (currentIsKswapd(sys)) return false;
  const isolated = globalNodePageState(sys, NR_ISOLATED_ANON + (file ? 1 : 0));
  const inactive = globalNodePageState(sys, file ? NR_INACTIVE_FILE : NR_INACTIVE_ANON);
  const ioFs = __GFP_IO | __GFP_FS;
  // Who may do neither I/O nor file systems may take more, so that those who hold the others up get on.
  const tooMany = isolated > ((sc.gfpMask & ioFs) === ioFs ? Math.floor(inactive / 8) : inactive);
  if (!tooMany) wakeReclaimThrottle(sys, "isolated");
  return tooMany;
}

/** Reclaims from the tail of an inactive list; pages freed. Linux mm/vmscan.c:shrink_inactive_list() */
function shrinkInactiveList(
  sys: MemorySystem,
  nrToScan: number,
  lruvec: Lruvec,
  sc: ScanControl,
  lru: number,
): number {
  const file = isFileLru(lru);
  const type = file ? 1 : 0;
  if (tooManyIsolated(sys, file, sc)) {
    reclaimThrottle(sys, "isolated");
    if (tooManyIsolated(sys, file, sc)) return 0;
  }
  sys.sched.interrupts();
  lruAddDrain(sys);
  const folioList: Folio[] = [];
  const { nrTaken, nrScanned, nrFolios } = isolateLruFolios(sys, nrToScan, lruvec, folioList, sc, lru);
  const taken = folioList.length;
  modNodePageState(sys, NR_ISOLATED_ANON + type, nrTaken);
  const offset = reclaimerOffset(sys, sc);
  countReclaimEvents(sys, lruvec.memcg, sc, PGSCAN_KSWAPD + offset, nrScanned);
  countVmEvents(sys, PGSCAN_ANON + type, nrScanned);
  sys.clock.advance(sys.costs.reclaimScanNs * nrFolios);
  if (nrTaken === 0) return 0;
  const stat = newReclaimStat();
  const nrReclaimed = sys.parts.shrinkFolioList(sys, folioList, sc, stat, false);
  sys.clock.advance(sys.costs.reclaimFreeNs * (taken - folioList.length));
  moveFoliosToLru(sys, lruvec, folioList);
  modNodePageState(sys, NR_ISOLATED_ANON + type, -nrTaken);
  countReclaimEvents(sys, lruvec.memcg, sc, PGSTEAL_KSWAPD + offset, nrReclaimed);
  countVmEvents(sys, PGSTEAL_ANON + type, nrReclaimed);
  lruNoteCost(sys, lruvec, file, stat.nrPageout, nrScanned - nrReclaimed);
  // Nothing but dirty pages that nobody has sent yet: the flusher is late.
  if (stat.nrUnqueuedDirty === nrTaken) sys.vfs.wakeupFlusherThreads?.();
  addUp(sc, stat, nrTaken, file);
  if (sys.trace.on) traceInactive(sys, sc, stat, nrScanned, nrReclaimed, type);
  return nrReclaimed;
}

/** Adds what one batch has seen to what the pass over the node has. */
function addUp({ nr }: ScanControl, stat: ReclaimStat, nrTaken: number, file: boolean): void {
  nr.dirty += stat.nrDirty;
  nr.congested += stat.nrCongested;
  nr.unqueuedDirty += stat.nrUnqueuedDirty;
  nr.writeback += stat.nrWriteback;
  nr.immediate += stat.nrImmediate;
  nr.taken += nrTaken;
  if (file) nr.fileTaken += nrTaken;
}

function traceInactive(
  sys: MemorySystem,
  sc: ScanControl,
  stat: ReclaimStat,
  nrScanned: number,
  nrReclaimed: number,
  type: 0 | 1,
): void {
  sys.trace.emit("vmscan:mm_vmscan_lru_shrink_inactive", {
    nr_scanned: nrScanned,
    nr_reclaimed: nrReclaimed,
    nr_dirty: stat.nrDirty,
    nr_writeback: stat.nrWriteback,
    nr_congested: stat.nrCongested,
    nr_immediate: stat.nrImmediate,
    nr_activate_anon: stat.nrActivate[0],
    nr_activate_file: stat.nrActivate[1],
    nr_ref_keep: stat.nrRefKeep,
    nr_unmap_fail: stat.nrUnmapFail,
    priority: sc.priority,
    flags: FLAGS[type],
  });
}

/**
 * Moves pages from the tail of an active list to the inactive list. That they were used does not keep them,
 * unless it is code of a file; but their use is forgotten, so that only what is used again counts.
 * Linux mm/vmscan.c:shrink_active_list()
 */
export function shrinkActiveList(
  sys: MemorySystem,
  nrToScan: number,
  lruvec: Lruvec,
  sc: ScanControl,
  lru: number,
): void {
  const file = isFileLru(lru);
  const isolated = NR_ISOLATED_ANON + (file ? 1 : 0);
  lruAddDrain(sys);
  const hold: Folio[] = [];
  const { nrTaken, nrScanned, nrFolios } = isolateLruFolios(sys, nrToScan, lruvec, hold, sc, lru);
  modNodePageState(sys, isolated, nrTaken);
  countReclaimEvents(sys, lruvec.memcg, sc, PGREFILL, nrScanned);
  sys.clock.advance(sys.costs.reclaimScanNs * nrFolios);
  const active: Folio[] = [];
  const inactive: Folio[] = [];
  let nrRotated = 0;
  for (let i = 0; i < hold.length; i++) {
    const folio = hold[i]!;
    if (!folioEvictable(folio)) folioPutbackLru(sys, folio);
    else if (isUsedCode(sys, folio, sc)) {
      nrRotated += folioNrPages(folio);
      active.push(folio);
    } else {
      folio.flags = (folio.flags & ~PG_active) | PG_workingset;
      inactive.push(folio);
    }
  }
  const nrActive = moveFoliosToLru(sys, lruvec, active);
  const nrDeactivated = moveFoliosToLru(sys, lruvec, inactive);
  countVmEvents(sys, PGDEACTIVATE, nrDeactivated);
  countMemcgEvents(lruvec.memcg, PGDEACTIVATE, nrDeactivated);
  modNodePageState(sys, isolated, -nrTaken);
  lruNoteCost(sys, lruvec, file, 0, nrRotated);
  if (!sys.trace.on) return;
  sys.trace.emit("vmscan:mm_vmscan_lru_shrink_active", {
    ...{ nr_taken: nrTaken, nr_active: nrActive, nr_deactivated: nrDeactivated, nr_referenced: nrRotated },
    ...{ priority: sc.priority, flags: FLAGS[file ? 1 : 0] },
  });
}

/** Whether the folio is code of a file that was run since the last look. */
function isUsedCode(sys: MemorySystem, folio: Folio, sc: ScanControl): boolean {
  const { referenced, vmFlags } = folioReferenced(sys, folio, false, targetMemcg(sc));
  return referenced !== 0 && (vmFlags & VM_EXEC) !== 0 && folioIsFileLru(folio);
}
