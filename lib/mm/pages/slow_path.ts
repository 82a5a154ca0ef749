/**
 * The slow path: what an allocation does when no zone is above its low watermark.
 *
 *   wake kswapd; try again, down to the min mark                      gfpToAllocFlags
 *   an order above 3, or several pages that cannot be moved later: direct compaction (async)
 *     __GFP_NORETRY, above order 3, and it was skipped or deferred -> undefined
 *   +-> wake kswapd; a process that is being killed may use reserves, reclaim itself all of them
 *   |   try again
 *   |   may not wait, or is reclaim itself? ------------------------> undefined
 *   |   direct reclaim: sys.parts.tryToFreePages; try again; what CPUs keep goes back, once more
 *   |   direct compaction: sys.parts.tryToCompactPages, harder from round to round
 *   |   __GFP_NORETRY, or an order above 3? ------------------------> undefined
 *   +-- reclaim got somewhere, or 16 rounds are not over, and all that is reclaimable would do
 *   +-- reclaim got somewhere, and compaction has not been tried as hard as may be
 *   |   the high mark once more: has somebody else freed much?
 *   |   the OOM killer (kernel/oom.ts), which is not asked for an order above 3, with __GFP_RETRY_MAYFAIL,
 *   |   or for low memory
 *   +-- somebody was killed
 *       else -------------------------------------------------------> undefined
 *
 * __GFP_NOFAIL never takes undefined for an answer: it goes round until there is memory.
 *
 * A request ends: each round frees pages, uses up one of 16 tries, or ends a process. What Linux leaves to
 * other tasks that go on meanwhile, this machine cannot wait for, since they stand still: after 16 rounds in
 * which the OOM killer only pretends to have done something, it is asked in the name of the others.
 *
 * Linux mm/page_alloc.c. Read first: freelist.ts, alloc_flags.ts. Read next: mm/lru/vmscan.ts,
 * mm/compaction/direct_compact.ts, kernel/oom.ts.
 */
import {
  COMPACT_DEFERRED,
  COMPACT_PRIO_ASYNC,
  COMPACT_PRIO_SYNC_FULL,
  COMPACT_PRIO_SYNC_LIGHT,
  COMPACT_SKIPPED,
  COMPACT_SUCCESS,
} from "../compaction/compact_control.js";
import { compactionDeferReset } from "../compaction/defer.js";
import { compactionZonelistSuitable } from "../compaction/suitable.js";
import { zoneReclaimablePages } from "../lru/lru_size.js";
import { MAX_RECLAIM_RETRIES } from "../lru/scan_control.js";
import { outOfSteps, STEP_BUDGET } from "../mmdebug.js";
import type { MemorySystem } from "../system.js";
import { COMPACTFAIL, COMPACTSTALL, COMPACTSUCCESS, countVmEvent, OOM_KILL } from "../vmstat.js";
import {
  ALLOC_KSWAPD,
  ALLOC_MIN_RESERVE,
  ALLOC_NO_WATERMARKS,
  ALLOC_NOFRAGMENT,
  ALLOC_OOM,
  ALLOC_WMARK_HIGH,
  gfpPfmemallocFlags,
  gfpToAllocFlags,
} from "./alloc_flags.js";
import type { Folio } from "./folio.js";
import { pageZone } from "./free_pages.js";
import { getPageFromFreelist, prepNewPage } from "./freelist.js";
import {
  __GFP_DIRECT_RECLAIM,
  __GFP_FS,
  __GFP_IO,
  __GFP_NOFAIL,
  __GFP_NOMEMALLOC,
  __GFP_NORETRY,
  __GFP_NOWARN,
  __GFP_RETRY_MAYFAIL,
  __GFP_THISNODE,
  PAGE_ALLOC_COSTLY_ORDER,
} from "./gfp.js";
import { unreserveHighatomicPageblock } from "./highatomic.js";
import { MIGRATE_MOVABLE, PAGEBLOCK_ORDER } from "./migratetype.js";
import { drainAllPages } from "./pcp.js";
import { ZONE_NORMAL } from "./wmark.js";

/** One request on the slow path. Linux mm/internal.h:struct alloc_context, and local variables */
interface Request {
  readonly sys: MemorySystem;
  readonly gfp: number;
  readonly order: number;
  readonly highestZoneidx: number;
  readonly migratetype: number;
  allocFlags: number;
  /** What the last step achieved: pages freed, or 1 for a kill. Linux did_some_progress */
  progress: number;
  noProgressLoops: number;
  /** Times that the OOM killer has killed nobody. Not in Linux. */
  vainKills: number;
  /** How hard compaction is to try, how it ended last, and its successes that were of no use. */
  compactPriority: number;
  compactResult: number;
  compactionRetries: number;
}

/** Successes of compaction after which nothing was to be had. Linux mm/page_alloc.c:MAX_COMPACT_RETRIES */
const MAX_COMPACT_RETRIES = 16;

/** One attempt with `allocFlags`. */
function attempt(request: Request, allocFlags = request.allocFlags, gfp = request.gfp): Folio | undefined {
  const { sys, order, highestZoneidx, migratetype } = request;
  return getPageFromFreelist(sys, gfp, order, allocFlags, highestZoneidx, migratetype);
}

/** Wakes those who free pages in the background. Linux mm/page_alloc.c:wake_all_kswapds() */
function wakeAllKswapds(sys: MemorySystem, gfp: number, order: number, highestZoneidx: number): void {
  const reclaimOrder = sys.sysctl.defragMode === 0 ? order : Math.max(order, PAGEBLOCK_ORDER);
  for (let i = Math.min(highestZoneidx, sys.zones.length - 1); i >= 0; i--) {
    const zone = sys.zones[i]!;
    if (zone.managedPages === 0) continue;
    sys.parts.wakeupKswapd(sys, zone, gfp, reclaimOrder, highestZoneidx);
    return; // all zones are of one node
  }
}

/**
 * The free lists have no block that the request may take: frees memory where it may, and tries again.
 * Undefined when it must do without. Linux mm/page_alloc.c:__alloc_pages_slowpath()
 */
export function allocPagesSlowpath(
  sys: MemorySystem,
  gfp: number,
  order: number,
  highestZoneidx: number,
  migratetype: number,
): Folio | undefined {
  const allocFlags = gfpToAllocFlags(sys, gfp, order);
  if ((allocFlags & ALLOC_KSWAPD) !== 0) wakeAllKswapds(sys, gfp, order, highestZoneidx);
  const first = getPageFromFreelist(sys, gfp, order, allocFlags, highestZoneidx, migratetype);
  if (first !== undefined) return first;
  const request: Request = {
    sys,
    gfp,
    order,
    highestZoneidx,
    migratetype,
    allocFlags,
    progress: 0,
    noProgressLoops: 0,
    vainKills: 0,
    compactPriority: COMPACT_PRIO_SYNC_LIGHT,
    compactResult: COMPACT_SKIPPED,
    compactionRetries: 0,
  };
  let folio: Folio | undefined;
  if (compactsFirst(request)) {
    folio = directCompact(request, COMPACT_PRIO_ASYNC);
    if (folio === undefined && isHopeless(request)) {
      warnAlloc(sys, gfp);
      return undefined;
    }
  }
  folio ??= retry(request);
  if (folio === undefined) warnAlloc(sys, gfp);
  return folio;
}

/** Whether single pages may be moved for the request. Linux include/linux/gfp.h:gfp_compaction_allowed() */
function gfpCompactionAllowed(gfp: number): boolean {
  return (gfp & __GFP_IO) !== 0;
}

/**
 * Whether compaction is tried before reclaim: for a large block there may well be enough single pages; for
 * one that cannot be moved, so that it does not spoil a page block of another type.
 * Linux mm/page_alloc.c:__alloc_pages_slowpath(), before its first __alloc_pages_direct_compact()
 */
function compactsFirst({ sys, gfp, order, migratetype }: Request): boolean {
  if ((gfp & __GFP_DIRECT_RECLAIM) === 0 || !gfpCompactionAllowed(gfp)) return false;
  if (gfpPfmemallocFlags(sys, gfp) !== 0) return false;
  return order > PAGE_ALLOC_COSTLY_ORDER || (order > 0 && migratetype !== MIGRATE_MOVABLE);
}

/**
 * Whether the request would rather fail than reclaim for so large a block, once compaction has not helped; if
 * not, compaction stays gentle. Linux mm/page_alloc.c:__alloc_pages_slowpath(), behind it
 */
function isHopeless(request: Request): boolean {
  const { gfp, order, compactResult } = request;
  if (order <= PAGE_ALLOC_COSTLY_ORDER || (gfp & __GFP_NORETRY) === 0) return false;
  if (compactResult === COMPACT_SKIPPED || compactResult === COMPACT_DEFERRED)
    return (gfp & __GFP_NOFAIL) === 0;
  if ((gfp & __GFP_THISNODE) !== 0) return true;
  request.compactPriority = COMPACT_PRIO_ASYNC;
  return false;
}

/**
 * Compacts, and tries. What it allocates itself never reclaims.
 * Linux mm/page_alloc.c:__alloc_pages_direct_compact()
 */
function directCompact(request: Request, prio: number): Folio | undefined {
  const { sys, gfp, order, allocFlags, highestZoneidx } = request;
  if (order === 0) return undefined;
  const { pfMemalloc } = sys;
  sys.pfMemalloc = true;
  let captured: number;
  try {
    const attempt = sys.parts.tryToCompactPages(sys, { gfp, order, allocFlags, highestZoneidx, prio });
    request.compactResult = attempt.result;
    captured = attempt.captured;
  } finally {
    sys.pfMemalloc = pfMemalloc;
  }
  if (request.compactResult === COMPACT_SKIPPED) return undefined;
  countVmEvent(sys, COMPACTSTALL);
  const folio = captured >= 0 ? prepNewPage(sys, captured, order, gfp) : attempt(request);
  if (folio === undefined) {
    countVmEvent(sys, COMPACTFAIL);
    return undefined;
  }
  const zone = pageZone(sys, folio.pfn);
  zone.compact.blockskipFlush = false;
  compactionDeferReset(sys, zone, order, true);
  countVmEvent(sys, COMPACTSUCCESS);
  return folio;
}

/**
 * Whether another round may help, with compaction trying harder, or once more.
 * Linux mm/page_alloc.c:should_compact_retry()
 */
function shouldCompactRetry(request: Request): boolean {
  const { sys, order, highestZoneidx, compactResult } = request;
  if (order === 0) return false;
  if (compactResult === COMPACT_SKIPPED) return compactionZonelistSuitable(sys, order, highestZoneidx);
  const costly = order > PAGE_ALLOC_COSTLY_ORDER;
  const most = costly ? MAX_COMPACT_RETRIES / 4 : MAX_COMPACT_RETRIES;
  if (compactResult === COMPACT_SUCCESS && ++request.compactionRetries <= most) return true;
  if (request.compactPriority <= (costly ? COMPACT_PRIO_SYNC_LIGHT : COMPACT_PRIO_SYNC_FULL)) return false;
  request.compactPriority--;
  request.compactionRetries = 0;
  return true;
}

/** Round and round. Linux mm/page_alloc.c:__alloc_pages_slowpath(), from its label retry */
function retry(request: Request): Folio | undefined {
  const { order } = request;
  for (let rounds = 0; rounds < STEP_BUDGET; rounds++) {
    const result = oneRound(request);
    if (result !== "again") return result;
  }
  throw outOfSteps(`the reclaim for ${1 << order} pages (try_to_free_pages)`);
}

/** The block, undefined to give up, or "again". */
function oneRound(request: Request): Folio | undefined | "again" {
  const { sys, gfp, order } = request;
  if ((request.allocFlags & ALLOC_KSWAPD) !== 0) wakeAllKswapds(sys, gfp, order, request.highestZoneidx);
  const reserve = gfpPfmemallocFlags(sys, gfp);
  if (reserve !== 0) request.allocFlags = reserve | (request.allocFlags & ALLOC_KSWAPD);
  const folio = attempt(request);
  if (folio !== undefined || (gfp & __GFP_DIRECT_RECLAIM) === 0) return folio;
  if (sys.pfMemalloc) return noPage(request); // reclaim does not reclaim
  const freed = directReclaim(request);
  if (freed !== undefined) return freed;
  const compacted = directCompact(request, request.compactPriority);
  if (compacted !== undefined) return compacted;
  if ((gfp & __GFP_NORETRY) !== 0) return noPage(request);
  const mayCompact = gfpCompactionAllowed(gfp);
  if (order > PAGE_ALLOC_COSTLY_ORDER && (!mayCompact || (gfp & __GFP_RETRY_MAYFAIL) === 0))
    return noPage(request);
  if (shouldReclaimRetry(request)) return "again";
  if (request.progress > 0 && mayCompact && shouldCompactRetry(request)) return "again";
  if ((request.allocFlags & ALLOC_NOFRAGMENT) !== 0 && sys.sysctl.defragMode !== 0) {
    request.allocFlags &= ~ALLOC_NOFRAGMENT;
    return "again";
  }
  const late = mayOom(request);
  if (late !== undefined) return late;
  if (sys.current?.oomVictim === true && dies(request)) return noPage(request);
  if (request.progress === 0) return noPage(request);
  request.noProgressLoops = 0;
  return "again";
}

/** The one who asks is being killed, and has had what he may have. */
function dies({ allocFlags, gfp }: Request): boolean {
  return (allocFlags & ALLOC_OOM) !== 0 || (gfp & __GFP_NOMEMALLOC) !== 0;
}

/** The end, except for who must not fail. Linux mm/page_alloc.c:__alloc_pages_slowpath(), label nopage */
function noPage(request: Request): Folio | undefined | "again" {
  if ((request.gfp & __GFP_NOFAIL) === 0) return undefined;
  return attempt(request, ALLOC_MIN_RESERVE) ?? "again";
}

/**
 * Reclaims and tries; then once more with what CPUs and urgent requests keep.
 * Linux mm/page_alloc.c:__alloc_pages_direct_reclaim()
 */
function directReclaim(request: Request): Folio | undefined {
  const { sys, gfp, order, highestZoneidx, migratetype } = request;
  request.progress = performReclaim(sys, gfp, order);
  if (request.progress === 0) return undefined;
  const folio = attempt(request);
  if (folio !== undefined) return folio;
  unreserveHighatomicPageblock(sys, highestZoneidx, migratetype, false);
  drainAllPages(sys);
  return attempt(request);
}

/**
 * Pages that direct reclaim freed; what it allocates itself never reclaims.
 * Linux mm/page_alloc.c:__perform_reclaim()
 */
function performReclaim(sys: MemorySystem, gfp: number, order: number): number {
  sys.pfMemalloc = true;
  try {
    return sys.parts.tryToFreePages(sys, gfp, order);
  } finally {
    sys.pfMemalloc = false;
  }
}

/**
 * Whether another round may help: reclaim gets somewhere, and all that could be freed would be enough.
 * Linux mm/page_alloc.c:should_reclaim_retry()
 */
function shouldReclaimRetry(request: Request): boolean {
  const { sys, order, highestZoneidx, migratetype } = request;
  if (request.progress > 0 && order <= PAGE_ALLOC_COSTLY_ORDER) request.noProgressLoops = 0;
  else request.noProgressLoops++;
  if (request.noProgressLoops <= MAX_RECLAIM_RETRIES && wouldSuffice(request)) return true;
  return unreserveHighatomicPageblock(sys, highestZoneidx, migratetype, true);
}

/** Whether a zone would be above its min mark if all that can be reclaimed were free. */
function wouldSuffice({ sys, order, highestZoneidx, allocFlags }: Request): boolean {
  for (let i = Math.min(highestZoneidx, sys.zones.length - 1); i >= 0; i--) {
    const zone = sys.zones[i]!;
    if (zone.managedPages === 0) continue;
    const available = zoneReclaimablePages(sys, i) + zone.nrFreePages;
    const min = zone.watermark.min + zone.watermarkBoost;
    if (sys.parts.zoneWatermarkOk(sys, zone, order, min, highestZoneidx, allocFlags, available)) return true;
  }
  return false;
}

/**
 * Reclaim has failed: somebody's memory is taken. Linux mm/page_alloc.c:__alloc_pages_may_oom()
 * Differs from Linux: who may not call the file system (no __GFP_FS) has nobody killed, and goes round until
 * other tasks have; they stand still here, so after 16 vain rounds the killer is asked as they would ask.
 */
function mayOom(request: Request): Folio | undefined {
  const { sys, gfp, order, highestZoneidx } = request;
  request.progress = 0;
  const folio = attempt(request, ALLOC_WMARK_HIGH, gfp & ~__GFP_DIRECT_RECLAIM);
  if (folio !== undefined) return folio;
  if (order > PAGE_ALLOC_COSTLY_ORDER || (gfp & (__GFP_RETRY_MAYFAIL | __GFP_THISNODE)) !== 0)
    return undefined;
  if (highestZoneidx < ZONE_NORMAL) return undefined;
  const nofail = (gfp & __GFP_NOFAIL) !== 0;
  const kills = sys.vmStat.events[OOM_KILL]!;
  // Whoever may not call the file system goes round until another task's allocation has somebody killed.
  const other = request.vainKills < MAX_RECLAIM_RETRIES ? 0 : __GFP_FS;
  if (sys.outOfMemory?.(gfp | other, order) !== true && !nofail) return undefined;
  if (sys.vmStat.events[OOM_KILL] !== kills) request.vainKills = 0;
  else if (++request.vainKills > 2 * MAX_RECLAIM_RETRIES && !nofail) return undefined;
  request.progress = 1;
  return nofail ? attempt(request, ALLOC_NO_WATERMARKS) : undefined;
}

/** Counts a failure that the kernel's log would show. Linux mm/page_alloc.c:warn_alloc() */
function warnAlloc(sys: MemorySystem, gfp: number): void {
  if ((gfp & __GFP_NOWARN) === 0) sys.nrWarnAlloc++;
}
