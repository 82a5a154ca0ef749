/**
 * Setting a limit below what a group uses: it is brought under it before the write returns.
 *
 *   memory.max = 16M, usage 20M --> stocks of CPUs back
 *                                   reclaim, 16 times in vain at most
 *                                   one of its processes is ended, and again, until it is under the limit or
 *                                   nobody is left
 *
 * memory.swap.max only stops more from coming: what is in swap stays.
 *
 * Linux mm/memcontrol.c. Read first: charge.ts, mm/lru/memcg_reclaim.ts. Read next: procfs/memory_files.ts.
 */
import type { Memcg } from "../lru/lruvec.js";
import { tryToFreeMemCgroupPages } from "../lru/memcg_reclaim.js";
import { MAX_RECLAIM_RETRIES } from "../lru/scan_control.js";
import { GFP_KERNEL } from "../pages/gfp.js";
import type { MemorySystem } from "../system.js";
import { drainAllStock } from "./charge.js";
import { MEMCG_OOM } from "./memcg_types.js";
import { memcgMemoryEvent } from "./stats.js";

/** Sets memory.max, in pages. Linux mm/memcontrol.c:memory_max_write() */
export function memoryMaxWrite(sys: MemorySystem, memcg: Memcg, max: number): void {
  const { memory } = memcg;
  memory.max = max;
  if (memory.usage > max) drainAllStock(sys, memcg);
  for (let retries = MAX_RECLAIM_RETRIES; memory.usage > max; ) {
    if (retries > 0) {
      if (tryToFreeMemCgroupPages(sys, memcg, memory.usage - max, GFP_KERNEL) === 0) retries--;
      continue;
    }
    if (sys.current?.oomVictim === true) return; // he was among them
    memcgMemoryEvent(memcg, MEMCG_OOM);
    if (sys.memcg.operations?.outOfMemory?.(memcg, GFP_KERNEL) !== true) return;
  }
}
