/**
 * Reclaim from one group: it is over its limit, or somebody wants its pages out.
 *
 *   memory.max reached --> tryToFreeMemCgroupPages     direct reclaim (direct_reclaim.ts), but only the lists of
 *                                                      the group and those below it are looked at
 *   memory.reclaim     --> userProactiveReclaim        a quarter of what is still wanted at a time, until all
 *                                                      is free, or 16 tries have freed nothing: EAGAIN
 *
 * Since memory is not short, who reclaims may take what is free, and never reclaims in turn. Such reclaim
 * counts in memory.stat, not in /proc/vmstat: pgscan_direct and pgsteal_direct of the group, or
 * pgscan_proactive and pgsteal_proactive where somebody asked.
 *
 * Linux mm/vmscan.c. Read first: direct_reclaim.ts, mm/memcg/charge.ts. Read next: mm/memcg/limits.ts.
 */
import { EAGAIN } from "../errno.js";
import { GFP_HIGHUSER_MOVABLE, GFP_KERNEL } from "../pages/gfp.js";
import type { MemorySystem } from "../system.js";
import { doTryToFreePages } from "./direct_reclaim.js";
import type { Memcg } from "./lruvec.js";
import { MAX_RECLAIM_RETRIES, newScanControl, SWAP_CLUSTER_MAX } from "./scan_control.js";
import { lruAddDrainAll } from "./swap.js";

/** What somebody who asks for reclaim wants. Linux MEMCG_RECLAIM_PROACTIVE, proactive_swappiness */
interface Proactive {
  readonly swappiness: number | undefined;
}

/**
 * Frees about `nrPages` of the group, at least 32 unless it is too hard; how many.
 * Linux mm/vmscan.c:try_to_free_mem_cgroup_pages()
 * Differs from Linux: what `gfp` forbids is all that matters of it here.
 */
export function tryToFreeMemCgroupPages(
  sys: MemorySystem,
  memcg: Memcg,
  nrPages: number,
  gfp: number,
  proactive?: Proactive,
): number {
  const sc = newScanControl({
    nrToReclaim: Math.max(nrPages, SWAP_CLUSTER_MAX),
    targetMemcg: memcg,
    gfpMask: gfp | (GFP_HIGHUSER_MOVABLE & ~GFP_KERNEL),
    mayWritepage: sys.sysctl.laptopMode === 0,
    proactive: proactive !== undefined,
    proactiveSwappiness: proactive?.swappiness,
  });
  const { pfMemalloc } = sys;
  sys.pfMemalloc = true;
  const nrReclaimed = doTryToFreePages(sys, sc);
  sys.pfMemalloc = pfMemalloc;
  return nrReclaimed;
}

/**
 * Frees `nrToReclaim` pages of the group; 0, or -EAGAIN if there are not so many to be had. `swappiness`
 * instead of vm.swappiness; 201: anonymous memory only. Linux mm/vmscan.c:user_proactive_reclaim()
 */
export function userProactiveReclaim(
  sys: MemorySystem,
  memcg: Memcg,
  nrToReclaim: number,
  swappiness: number | undefined,
): number {
  let retries = MAX_RECLAIM_RETRIES;
  for (let nrReclaimed = 0; nrReclaimed < nrToReclaim; ) {
    const batch = Math.floor((nrToReclaim - nrReclaimed) / 4);
    if (retries === 0) lruAddDrainAll(sys);
    const reclaimed = tryToFreeMemCgroupPages(sys, memcg, batch, GFP_KERNEL, { swappiness });
    if (reclaimed === 0 && retries-- === 0) return -EAGAIN;
    nrReclaimed += reclaimed;
  }
  return 0;
}
