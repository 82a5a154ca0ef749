/**
 * The slow path: what an allocation does when no zone is above its low watermark.
 *
 *   wake kswapd; try again, down to the min mark                      gfpToAllocFlags
 *   +-> wake kswapd; a process that is being killed may use reserves, reclaim itself all of them
 *   |   try again
 *   |   may not wait, or is reclaim itself? ------------------------> undefined
 *   |   direct reclaim: sys.parts.tryToFreePages; try again; what CPUs keep goes back, once more
 *   |   (compaction, with lab 07)
 *   |   __GFP_NORETRY, or an order above 3? ------------------------> undefined
 *   +-- reclaim got somewhere, or 16 rounds are not over, and all that is reclaimable would do
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
 * Linux mm/page_alloc.c. Read first: freelist.ts, alloc_flags.ts. Read next: mm/lru/vmscan.ts, kernel/oom.ts.
 */
import { zoneReclaimablePages } from "../lru/lru_size.js";
import { MAX_RECLAIM_RETRIES } from "../lru/scan_control.js";
import { outOfSteps, STEP_BUDGET } from "../mmdebug.js";
import type { MemorySystem } from "../system.js";
import { OOM_KILL } from "../vmstat.js";
import {
  ALLOC_KSWAPD,
  ALLOC_MIN_RESERVE,
  ALLOC_NO_WATERMARKS,
  ALLOC_OOM,
  ALLOC_WMARK_HIGH,
  gfpPfmemallocFlags,
  gfpToAllocFlags,
} from "./alloc_flags.js";
import type { Folio } from "./folio.js";
import { getPageFromFreelist } from "./freelist.js";
import {
  __GFP_DIRECT_RECLAIM,
  __GFP_FS,
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
}

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
  };
  const folio = compactsOnly(request) ? undefined : retry(request);
  if (folio === undefined) warnAlloc(sys, gfp);
  return folio;
}

/**
 * Whether the request would rather fail than reclaim for so large a block, once compaction has not helped.
 * Linux mm/page_alloc.c:__alloc_pages_slowpath(), at its first __alloc_pages_direct_compact()
 * Differs from Linux: compaction comes with lab 07; until then it is skipped.
 */
function compactsOnly({ sys, gfp, order, migratetype }: Request): boolean {
  if ((gfp & __GFP_DIRECT_RECLAIM) === 0 || gfpPfmemallocFlags(sys, gfp) !== 0) return false;
  const compacts = order > PAGE_ALLOC_COSTLY_ORDER || (order > 0 && migratetype !== MIGRATE_MOVABLE);
  return (
    compacts && order > PAGE_ALLOC_COSTLY_ORDER && (gfp & (__GFP_NORETRY | __GFP_NOFAIL)) === __GFP_NORETRY
  );
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
  if ((gfp & __GFP_NORETRY) !== 0) return noPage(request);
  if (order > PAGE_ALLOC_COSTLY_ORDER && (gfp & __GFP_RETRY_MAYFAIL) === 0) return noPage(request);
  if (shouldReclaimRetry(request)) return "again";
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
