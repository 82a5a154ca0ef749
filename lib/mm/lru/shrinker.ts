/**
 * Shrinkers: the kernel's own caches give way under pressure, in proportion to the page cache.
 *
 *   shrinkNode --> shrinkSlab, at the same priority as the lists:
 *                    each shrinker: objects >> priority, times 4 / seeks            dentries, inodes
 *                                   half of its objects, where they cost no I/O     nodes of shadows
 *                    in calls of 128; what is left over is kept for the next time (nrDeferred)
 *   drop_caches 2 --> dropSlab: at priority 0, again and again as long as it helps
 *
 * So a pass that looks at 1/4096 of the page cache looks at 2/4096 of the dentries. An object that is given
 * up frees memory only when all others in its slab are gone, too: pages freed count for the one who reclaims
 * (mm/pages/slub.ts, flushReclaimState), objects do not.
 *
 * A group that is over its limit calls only the shrinkers that keep what they have by group.
 *
 * Left out: shrinkers for each node; dentries and inodes by group.
 *
 * Linux mm/shrinker.c. Read first: shrink_control.ts. Read next: mm/pages/slub.ts; the caches of files are in
 * lib/fs.
 */
import { GFP_KERNEL } from "../pages/gfp.js";
import type { MemorySystem } from "../system.js";
import { countVmEvents, SLABS_SCANNED } from "../vmstat.js";
import type { Memcg } from "./lruvec.js";
import type { ScanControl } from "./scan_control.js";
import { SHRINK_STOP, type ShrinkControl, type Shrinker } from "./shrink_control.js";

/** Objects in one call of a shrinker. Linux mm/shrinker.c:SHRINK_BATCH */
const SHRINK_BATCH = 128;

/** Lets reclaim call `shrinker` from now on. Linux mm/shrinker.c:shrinker_register() */
export function shrinkerRegister(sys: MemorySystem, shrinker: Shrinker): void {
  sys.shrinkers.push(shrinker);
}

/** New work for a cache of `freeable` objects at `priority`. */
function newWork(freeable: number, priority: number, seeks: number): number {
  if (seeks === 0) return Math.floor(freeable / 2);
  return Math.floor((Math.floor(freeable / 2 ** priority) * 4) / seeks);
}

/** Calls one shrinker as often as is due; objects given up. Linux mm/shrinker.c:do_shrink_slab() */
function doShrinkSlab(sys: MemorySystem, sc: ShrinkControl, shrinker: Shrinker, priority: number): number {
  const deferred = (sc.memcg as Memcg | undefined)?.lruvec.nrDeferred; // a group has its own leftovers
  const batchSize = shrinker.batch === 0 ? SHRINK_BATCH : shrinker.batch;
  const freeable = shrinker.countObjects(sc);
  if (freeable === 0) return 0;
  const nr = deferred === undefined ? shrinker.nrDeferred : (deferred.get(shrinker.name) ?? 0);
  if (deferred === undefined) shrinker.nrDeferred = 0;
  const delta = newWork(freeable, priority, shrinker.seeks);
  let totalScan = Math.min(Math.floor(nr / 2 ** priority) + delta, 2 * freeable);
  let freed = 0;
  let scanned = 0;
  // Less than a batch waits for the next time, unless it is more than there are objects: memory is tight.
  while (totalScan >= batchSize || totalScan >= freeable) {
    sc.nrToScan = Math.min(batchSize, totalScan);
    sc.nrScanned = sc.nrToScan;
    const gaveUp = shrinker.scanObjects(sc);
    if (gaveUp === SHRINK_STOP) break;
    freed += gaveUp;
    countVmEvents(sys, SLABS_SCANNED, sc.nrScanned);
    totalScan -= sc.nrScanned;
    scanned += sc.nrScanned;
  }
  const left = Math.min(Math.max(nr + delta - scanned, 0), 2 * freeable);
  if (deferred === undefined) shrinker.nrDeferred += left;
  else deferred.set(shrinker.name, left);
  return freed;
}

/**
 * Calls all shrinkers for a caller who may do what `gfp` says, of a group only those who keep something for
 * it; objects given up. Linux mm/shrinker.c:shrink_slab(), shrink_slab_memcg()
 */
export function shrinkSlab(sys: MemorySystem, gfp: number, priority: number, group?: Memcg): number {
  const memcg = group?.parent === undefined ? undefined : group;
  let freed = 0;
  for (const shrinker of sys.shrinkers)
    if (memcg === undefined || shrinker.memcgAware === true)
      freed += doShrinkSlab(sys, { gfpMask: gfp, nrToScan: 0, nrScanned: 0, memcg }, shrinker, priority);
  return freed;
}

/** Gives up all that can be given up, as long as that gets anywhere. Linux mm/vmscan.c:drop_slab() */
export function dropSlab(sys: MemorySystem): void {
  for (let shift = 0; Math.floor(shrinkSlab(sys, GFP_KERNEL, 0) / 2 ** shift) > 1; shift++);
}

/**
 * The pages of slabs that were freed while `sc` was at work are part of what it has reclaimed.
 * Linux mm/vmscan.c:flush_reclaim_state()
 */
export function flushReclaimState(sys: MemorySystem, sc: ScanControl): void {
  sc.nrReclaimed += sys.pgdat.reclaimedSlab;
  sys.pgdat.reclaimedSlab = 0;
}
