/**
 * What it costs to take pages of a type: how reclaim decides between files and anonymous memory.
 *
 *   scanned and not freed         1 each        shrink_lists.ts
 *   written while reclaiming     32 each
 *   wanted back soon             32 each        workingset.ts
 *                                  |
 *                                  v
 *   lruvec.anonCost, fileCost    halved when both together pass a quarter of the lists: what was long ago
 *                                counts less
 *                                  |
 *                                  v
 *   scan_count.ts: each type is scanned in inverse proportion to its cost, times swappiness
 *
 * Linux mm/swap.c. Read first: lruvec.ts. Read next: scan_count.ts.
 */
import { folioLruvec, lruvecPageState, parentLruvec } from "../memcg/stats.js";
import { type Folio, folioNrPages } from "../pages/folio.js";
import type { MemorySystem } from "../system.js";
import { NR_ACTIVE_ANON, NR_ACTIVE_FILE, NR_INACTIVE_ANON, NR_INACTIVE_FILE } from "../vmstat.js";
import type { Lruvec } from "./lruvec.js";
import { folioIsFileLru } from "./mm_inline.js";
import { SWAP_CLUSTER_MAX } from "./scan_control.js";

/**
 * `nrIo` pages of the type were read or written, `nrRotated` were looked at in vain: for the group and all
 * above it.
 * Linux mm/swap.c:lru_note_cost_unlock_irq()
 */
export function lruNoteCost(
  sys: MemorySystem,
  lruvec: Lruvec,
  file: boolean,
  nrIo: number,
  nrRotated: number,
): void {
  const cost = nrIo * SWAP_CLUSTER_MAX + nrRotated;
  if (cost === 0) return;
  for (let one: Lruvec | undefined = lruvec; one !== undefined; one = parentLruvec(one)) {
    if (file) one.fileCost += cost;
    else one.anonCost += cost;
    if (one.fileCost + one.anonCost <= Math.floor(sizeOf(sys, one) / 4)) continue;
    one.fileCost = Math.floor(one.fileCost / 2);
    one.anonCost = Math.floor(one.anonCost / 2);
  }
}

/** Pages on all evictable lists of a group and those below it. */
function sizeOf(sys: MemorySystem, lruvec: Lruvec): number {
  let size = 0;
  for (const item of [NR_INACTIVE_ANON, NR_ACTIVE_ANON, NR_INACTIVE_FILE, NR_ACTIVE_FILE])
    size += lruvecPageState(sys, lruvec, item);
  return size;
}

/** The folio had to be read again. Linux mm/swap.c:lru_note_cost_refault() */
export function lruNoteCostRefault(sys: MemorySystem, folio: Folio): void {
  lruNoteCost(sys, folioLruvec(sys, folio), folioIsFileLru(folio), folioNrPages(folio), 0);
}
