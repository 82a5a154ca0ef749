/**
 * Waking kcompactd: who wants a block, and whether there is any sense in it.
 *
 *   kswapd goes to sleep, for a request of several pages       --.
 *   kswapd has freed pages because page blocks get mixed up      |--> wakeupKcompactd --> kcompactd.ts
 *   an allocation that may not wait, and memory is not short   --'
 *
 * The largest order and the lowest zone that anybody asked for are kept even when it is not woken: it sees
 * them when it looks by itself, every half a second.
 *
 * This is a file of its own because kswapd stands below the LRU's batches and migration, which kcompactd
 * needs.
 *
 * Linux mm/compaction.c. Read first: suitable.ts, mm/pages/pglist_data.ts. Read next: kcompactd.ts.
 */
import { ALLOC_WMARK_HIGH, ALLOC_WMARK_MIN } from "../pages/alloc_flags.js";
import type { MemorySystem } from "../system.js";
import { COMPACT_CONTINUE } from "./compact_control.js";
import { compactionSuitAllocationOrder } from "./suitable.js";

/** Which mark kcompactd keeps. Linux mm/compaction.c:kcompactd_node_suitable(), kcompactd_do_work() */
export function kcompactdAllocFlags({ sysctl }: MemorySystem): number {
  return sysctl.defragMode === 0 ? ALLOC_WMARK_MIN : ALLOC_WMARK_HIGH;
}

/** Some zone is worth compacting. Linux mm/compaction.c:kcompactd_node_suitable() */
function kcompactdNodeSuitable(sys: MemorySystem): boolean {
  const { kcompactdMaxOrder: order, kcompactdHighestZoneidx: highestZoneidx } = sys.pgdat;
  const allocFlags = kcompactdAllocFlags(sys);
  const request = { order, highestZoneidx, allocFlags, async: false, kcompactd: true };
  return sys.zones.some((zone, i) => {
    if (i > highestZoneidx || zone.presentPages === 0) return false;
    return compactionSuitAllocationOrder(sys, zone, request) === COMPACT_CONTINUE;
  });
}

/**
 * Somebody would like a block of 2^order pages in a zone up to `highestZoneidx`.
 * Linux mm/compaction.c:wakeup_kcompactd()
 */
export function wakeupKcompactd(sys: MemorySystem, order: number, highestZoneidx: number): void {
  const { pgdat } = sys;
  if (order === 0) return;
  pgdat.kcompactdMaxOrder = Math.max(pgdat.kcompactdMaxOrder, order);
  pgdat.kcompactdHighestZoneidx = Math.min(pgdat.kcompactdHighestZoneidx, highestZoneidx);
  const { kcompactd, kcompactdRun: run } = pgdat;
  if (kcompactd === undefined || run.phase !== "asleep" || run.woken) return;
  if (!kcompactdNodeSuitable(sys)) return;
  if (sys.trace.on)
    sys.trace.emit("compaction:mm_compaction_wakeup_kcompactd", {
      nid: 0,
      order,
      classzone_idx: highestZoneidx,
    });
  run.woken = true;
  sys.sched.wakeUp(kcompactd);
}
