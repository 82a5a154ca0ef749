/**
 * Old entries of zswap go to the device.
 *
 *   lru   [ oldest ... newest ]
 *            |
 *            referenced?  not any more; to the other end       its second chance
 *            else         a folio in the swap cache, the page decompressed into it, written to its slot
 *
 *   worker     as soon as the pool was full: one entry at a time, until accept_threshold_percent
 *              16 failures, second chances among them: enough for now
 *   shrinker   when memory is short, and shrinker_enabled: more the worse the pages compress, less for each
 *              page that had to be read from the device: those should not have gone
 *
 * It is the rest of a swap-out that was put off. The slot is there already; what it needs is a frame for a
 * moment, which may be hard to get just then.
 *
 * Linux mm/zswap.c. Read first: zswap.ts, page_io.ts. Read next: mm/lru/shrinker.ts.
 */

import { EEXIST, EIO, ENOMEM } from "../errno.js";
import { MAX_RECLAIM_RETRIES } from "../lru/scan_control.js";
import { SHRINK_STOP, type ShrinkControl, type Shrinker } from "../lru/shrink_control.js";
import { shrinkerRegister } from "../lru/shrinker.js";
import { countFolioEvents } from "../memcg/stats.js";
import { type Folio, PG_locked, PG_reclaim, PG_uptodate } from "../pages/folio.js";
import { folioPut } from "../pages/free_pages.js";
import { __GFP_FS, __GFP_IO, GFP_KERNEL } from "../pages/gfp.js";
import type { MemorySystem } from "../system.js";
import { ZSWPWB } from "../vmstat.js";
import { swapWritepage } from "./page_io.js";
import { folioOfSlot } from "./swap_readahead.js";
import { swapCacheDelFolio } from "./swap_state.js";
import { type Zswap, type ZswapEntry, zswapOf } from "./zswap.js";

/**
 * Decompresses the entry into a folio of the swap cache, and sends that to the device: 0, -EEXIST if the swap
 * cache has the page, -ENOMEM, -EIO. Linux mm/zswap.c:zswap_writeback_entry()
 */
export function zswapWritebackEntry(sys: MemorySystem, zswap: Zswap, entry: ZswapEntry): number {
  const found = folioOfSlot(sys, entry.swpentry, GFP_KERNEL);
  if (found === undefined) return -ENOMEM;
  const { folio, isNew } = found;
  if (!isNew) {
    // Somebody has just read it: not cold at all.
    folioPut(sys, folio);
    return -EEXIST;
  }
  folio.flags &= ~PG_locked;
  // While memory was found, the slot may have got another owner.
  if (zswap.tree.get(entry.swpentry) !== entry) return giveUp(sys, folio, -ENOMEM);
  if (!zswap.decompress(entry, folio.pfn)) return giveUp(sys, folio, -EIO);
  zswap.tree.delete(entry.swpentry);
  countFolioEvents(sys, folio, ZSWPWB, 1);
  zswap.freeEntry(entry);
  folio.flags |= PG_uptodate | PG_reclaim;
  swapWritepage(sys, folio);
  folioPut(sys, folio);
  return 0;
}

function giveUp(sys: MemorySystem, folio: Folio, error: number): number {
  swapCacheDelFolio(sys, folio);
  folioPut(sys, folio);
  return error;
}

/** What became of the oldest entry. Linux include/linux/list_lru.h:enum lru_status */
type LruStatus = "rotated" | "written" | "failed" | "in the swap cache";

/** Looks at the oldest entry; undefined if there is none. Linux mm/zswap.c:shrink_memcg_cb() */
function shrinkOldest(sys: MemorySystem, zswap: Zswap): LruStatus | undefined {
  for (const entry of zswap.lru) {
    // To the other end in any case: if it is written, it leaves the list.
    zswap.lru.delete(entry);
    zswap.lru.add(entry);
    if (entry.referenced) {
      entry.referenced = false;
      return "rotated";
    }
    const error = zswapWritebackEntry(sys, zswap, entry);
    if (error === 0) {
      zswap.stats.writtenBackPages++;
      return "written";
    }
    zswap.stats.rejectReclaimFail++;
    return error === -EEXIST ? "in the swap cache" : "failed";
  }
  return undefined;
}

/**
 * One batch of the worker: one entry. When it goes on, in ns. Linux mm/zswap.c:shrink_worker()
 * Differs from Linux: there is one list of entries; a list for each memory cgroup there, which take turns.
 */
export function shrinkWorker(sys: MemorySystem): number {
  const zswap = zswapOf(sys);
  zswap.run ??= { thr: zswap.acceptThrPages, failures: 0 };
  const { run } = zswap;
  const status = shrinkOldest(sys, zswap);
  if (status !== "written") run.failures++;
  if (run.failures < MAX_RECLAIM_RETRIES && zswap.totalPages > run.thr) return sys.clock.nowNs;
  zswap.run = undefined;
  return Number.POSITIVE_INFINITY;
}

/** Linux mm/zswap.c:zswap_shrinker */
class ZswapShrinker implements Shrinker {
  readonly name = "mm-zswap";
  readonly seeks = 2;
  readonly batch = 0;
  nrDeferred = 0;

  constructor(
    private readonly sys: MemorySystem,
    private readonly zswap: Zswap,
  ) {}

  /** Linux mm/zswap.c:zswap_shrinker_count() */
  countObjects({ gfpMask }: ShrinkControl): number {
    const zswap = this.zswap;
    const mayWait = __GFP_IO | __GFP_FS;
    if (!zswap.shrinkerEnabled || (gfpMask & mayWait) !== mayWait || zswap.lru.size === 0) return 0;
    const swapins = Math.min(zswap.nrDiskSwapins, zswap.lru.size);
    zswap.nrDiskSwapins -= swapins;
    return Math.floor(((zswap.lru.size - swapins) * zswap.totalPages) / zswap.storedPages);
  }

  /** Linux mm/zswap.c:zswap_shrinker_scan() */
  scanObjects(sc: ShrinkControl): number {
    if (!this.zswap.shrinkerEnabled) {
      sc.nrScanned = 0;
      return SHRINK_STOP;
    }
    let written = 0;
    for (let i = 0; i < sc.nrToScan; i++) {
      const status = shrinkOldest(this.sys, this.zswap);
      if (status === undefined) break;
      if (status === "in the swap cache") return SHRINK_STOP;
      if (status === "written") written++;
    }
    return written || SHRINK_STOP;
  }
}

/** Switches it on or off; the first time there is more to do. Linux mm/zswap.c:zswap_enabled_param_set() */
export function zswapEnable(sys: MemorySystem, enabled: boolean): void {
  const zswap = zswapOf(sys);
  if (zswap.pools.length === 0) zswapSetup(sys, zswap);
  zswap.enabled = enabled;
}

/** A pool, the worker and the shrinker. Linux mm/zswap.c:zswap_setup() */
function zswapSetup(sys: MemorySystem, zswap: Zswap): void {
  zswap.worker = sys.sched.kthreadCreate("zswap-shrink", () => shrinkWorker(sys));
  shrinkerRegister(sys, new ZswapShrinker(sys, zswap));
  zswap.createPool();
}
