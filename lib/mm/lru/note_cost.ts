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
import { type Folio, folioNrPages } from "../pages/folio.js";
import type { MemorySystem } from "../system.js";
import {
  globalNodePageState,
  NR_ACTIVE_ANON,
  NR_ACTIVE_FILE,
  NR_INACTIVE_ANON,
  NR_INACTIVE_FILE,
} from "../vmstat.js";
import type { Lruvec } from "./lruvec.js";
import { folioIsFileLru, folioLruvec } from "./mm_inline.js";
import { SWAP_CLUSTER_MAX } from "./scan_control.js";

/**
 * `nrIo` pages of the type were read or written, `nrRotated` were looked at in vain.
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
  if (file) lruvec.fileCost += cost;
  else lruvec.anonCost += cost;
  let size = 0;
  for (const item of [NR_INACTIVE_ANON, NR_ACTIVE_ANON, NR_INACTIVE_FILE, NR_ACTIVE_FILE])
    size += globalNodePageState(sys, item);
  if (lruvec.fileCost + lruvec.anonCost <= Math.floor(size / 4)) return;
  lruvec.fileCost = Math.floor(lruvec.fileCost / 2);
  lruvec.anonCost = Math.floor(lruvec.anonCost / 2);
}

/** The folio had to be read again. Linux mm/swap.c:lru_note_cost_refault() */
export function lruNoteCostRefault(sys: MemorySystem, folio: Folio): void {
  lruNoteCost(sys, folioLruvec(sys, folio), folioIsFileLru(folio), folioNrPages(folio), 0);
}
