/**
 * Allocation flags: how deep one attempt of the allocator may reach, worked out from the caller's GFP mask.
 *
 *   free pages of a zone
 *   high |------------------------------ ALLOC_WMARK_HIGH  the last look before the OOM killer
 *   low  |------------------------------ ALLOC_WMARK_LOW   the first attempt of everybody
 *   min  |------------------------------ ALLOC_WMARK_MIN   after kswapd has been woken
 *        |   1/2 of min                  ALLOC_MIN_RESERVE (__GFP_HIGH); or ALLOC_OOM, for a victim
 *        |   3/8 of min                  with ALLOC_NON_BLOCK, too: GFP_ATOMIC
 *   0    |------------------------------ ALLOC_NO_WATERMARKS: who frees memory
 *
 *   GFP mask --> gfpToAllocFlags -----> the slow path's flags
 *            --> gfpPfmemallocFlags --> what reclaim itself, or a process that is being killed, may take
 *
 * GFP_NOWAIT may not wait, but does not say that it is urgent: it gets no reserve at all.
 *
 * Left out: cpusets, CMA, real-time tasks.
 *
 * Linux mm/internal.h, mm/page_alloc.c. Read first: gfp.ts, wmark.ts. Read next: watermark_ok.ts.
 */
import type { MemorySystem } from "../system.js";
import type { Zone } from "./buddy.js";
import {
  __GFP_DIRECT_RECLAIM,
  __GFP_HIGH,
  __GFP_KSWAPD_RECLAIM,
  __GFP_MEMALLOC,
  __GFP_NOMEMALLOC,
} from "./gfp.js";

/** Down to the min watermark. Linux mm/internal.h:ALLOC_WMARK_MIN */
export const ALLOC_WMARK_MIN = 0;
/** Down to the low watermark. Linux ALLOC_WMARK_LOW */
export const ALLOC_WMARK_LOW = 1;
/** Down to the high watermark. Linux ALLOC_WMARK_HIGH */
export const ALLOC_WMARK_HIGH = 2;
/** To the last page. Linux ALLOC_NO_WATERMARKS */
export const ALLOC_NO_WATERMARKS = 0x04;
/** The bits that say which watermark. Linux ALLOC_WMARK_MASK */
const ALLOC_WMARK_MASK = 0x03;
/** A process that is being killed: half of what is left below min. Linux ALLOC_OOM */
export const ALLOC_OOM = 0x08;
/** Cannot wait. Linux ALLOC_NON_BLOCK */
export const ALLOC_NON_BLOCK = 0x10;
/** Half of min; the same bit as __GFP_HIGH. Linux ALLOC_MIN_RESERVE */
export const ALLOC_MIN_RESERVE = 0x20;
/** Rather another zone than a page block of another type. Linux ALLOC_NOFRAGMENT */
export const ALLOC_NOFRAGMENT = 0x100;
/** May take from page blocks kept for urgent requests of several pages. Linux ALLOC_HIGHATOMIC */
export const ALLOC_HIGHATOMIC = 0x200;
/** May wake kswapd; the same bit as __GFP_KSWAPD_RECLAIM. Linux ALLOC_KSWAPD */
export const ALLOC_KSWAPD = 0x800;
/** Any of the rights to a part of the reserve below min. Linux ALLOC_RESERVES */
export const ALLOC_RESERVES = ALLOC_NON_BLOCK | ALLOC_MIN_RESERVE | ALLOC_HIGHATOMIC | ALLOC_OOM;

/**
 * The mark that `allocFlags` names, with the boost. Linux include/linux/mmzone.h:wmark_pages()
 */
export function wmarkPages(zone: Zone, allocFlags: number): number {
  const { watermark, watermarkBoost } = zone;
  const which = allocFlags & ALLOC_WMARK_MASK;
  if (which === ALLOC_WMARK_MIN) return watermark.min + watermarkBoost;
  return (which === ALLOC_WMARK_LOW ? watermark.low : watermark.high) + watermarkBoost;
}

/** Whether `allocFlags` names the min mark. Not in Linux: a comparison in zone_watermark_fast() */
export function isWmarkMin(allocFlags: number): boolean {
  return (allocFlags & ALLOC_WMARK_MASK) === ALLOC_WMARK_MIN;
}

/**
 * How deep the slow path may reach for `gfp`. Linux mm/page_alloc.c:gfp_to_alloc_flags()
 * Differs from Linux: no cpusets, no CMA, no real-time tasks.
 */
export function gfpToAllocFlags(sys: MemorySystem, gfp: number, order: number): number {
  let flags = ALLOC_WMARK_MIN | (gfp & (__GFP_HIGH | __GFP_KSWAPD_RECLAIM));
  if ((gfp & (__GFP_DIRECT_RECLAIM | __GFP_NOMEMALLOC)) === 0) {
    flags |= ALLOC_NON_BLOCK;
    if (order > 0 && (flags & ALLOC_MIN_RESERVE) !== 0) flags |= ALLOC_HIGHATOMIC;
  }
  return sys.sysctl.defragMode === 0 ? flags : flags | ALLOC_NOFRAGMENT;
}

/**
 * What of the reserves the one who asks may use because of who he is: ALLOC_NO_WATERMARKS in reclaim,
 * ALLOC_OOM for a process that is being killed, else 0. Linux mm/page_alloc.c:__gfp_pfmemalloc_flags()
 */
export function gfpPfmemallocFlags(sys: MemorySystem, gfp: number): number {
  if ((gfp & __GFP_NOMEMALLOC) !== 0) return 0;
  if ((gfp & __GFP_MEMALLOC) !== 0 || sys.pfMemalloc) return ALLOC_NO_WATERMARKS;
  return sys.current?.oomVictim === true ? ALLOC_OOM : 0;
}
