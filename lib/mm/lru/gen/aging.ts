/**
 * Aging: a new generation begins, and the oldest one may end.
 *
 *   shouldRunAging --> tryToIncMaxSeq
 *                        walkMm for every address space   used pages go to maxSeq (walk_mm.ts)
 *                        incMaxSeq    [1][2][3][4]     incMinSeq: the oldest must end first,
 *                                        [2][3][4][5]             what is left of it moves one on
 *   eviction emptied the oldest generation --> tryToIncMinSeq
 *
 * A generation is only a number: to open one moves no page. What was in the two youngest counts as active;
 * when a new one opens, the third youngest turns inactive all at once.
 *
 * Aging runs when it must: two generations are always kept, so if eviction has come so near that no third one
 * is left, a new one begins. Nothing ages while memory is plenty: the same page may be in the youngest
 * generation for days.
 *
 * A type that may not be evicted (anonymous memory without swap) is not sorted. Its oldest generation simply
 * becomes the youngest when the numbers have gone round.
 *
 * Linux mm/vmscan.c. Read first: refs.ts, tiers.ts. Read next: walk_mm.ts, eviction.ts.
 */
import { jiffies } from "../../jiffies.js";
import { PG_workingset } from "../../pages/folio.js";
import type { MemorySystem } from "../../system.js";
import { updateLruSize } from "../lru_size.js";
import { LRU_ACTIVE, LRU_FILE } from "../lruvec.js";
import { folioLruRefs, type LruGen, moveToItsGen } from "./gen_list.js";
import {
  evictableMinSeq,
  genList,
  genSize,
  getNrGens,
  LRU_GEN_ANON,
  LRU_GEN_FILE,
  LRU_REFS_WIDTH,
  lruGenFromSeq,
  lruTierFromRefs,
  MAX_LRU_BATCH,
  MAX_NR_GENS,
  MAX_SWAPPINESS,
  MIN_NR_GENS,
  maxType,
  minType,
  NR_GEN_ZONES,
  SWAPPINESS_ANON_ONLY,
  tierIndex,
} from "./lru_gen.js";
import { folioIncGen } from "./refs.js";
import { resetCtrlPos } from "./tiers.js";
import { walkAllMms } from "./walk_mm.js";

/**
 * Uses of a folio that is on its way up in any case: it is not counted as protected. Linux:
 * BIT(LRU_REFS_WIDTH) + 1
 */
export const LAZILY_PROMOTED = 2 ** LRU_REFS_WIDTH + 1;

// ---------------------------------------------------------------- the oldest generation ends

/**
 * The oldest generation of `type` ends; its folios go one on. False after MAX_LRU_BATCH folios: call again.
 * Linux mm/vmscan.c:inc_min_seq()
 */
function incMinSeq(sys: MemorySystem, lrugen: LruGen, type: number, swappiness: number): boolean {
  const evictable = type === LRU_GEN_FILE ? swappiness !== SWAPPINESS_ANON_ONLY : swappiness !== 0;
  if (evictable && !moveOldestOn(sys, lrugen, type)) return false;
  resetCtrlPos(lrugen, type);
  lrugen.minSeq[type]!++;
  return true;
}

function moveOldestOn(sys: MemorySystem, lrugen: LruGen, type: number): boolean {
  const gen = lruGenFromSeq(lrugen.minSeq[type]!);
  let remaining = MAX_LRU_BATCH;
  for (let zone = 0; zone < NR_GEN_ZONES; zone++) {
    const list = genList(gen, type, zone);
    for (let folio = lrugen.tail[list]; folio !== undefined; folio = lrugen.tail[list]) {
      const refs = folioLruRefs(folio);
      const workingset = (folio.flags & PG_workingset) !== 0;
      folioIncGen(sys, lrugen, folio, false);
      moveToItsGen(sys, lrugen, folio, true);
      if (refs + Number(workingset) !== LAZILY_PROMOTED)
        lrugen.protected[tierIndex(type, lruTierFromRefs(refs, workingset))]! += 1 << folio.order;
      if (--remaining === 0) return false;
    }
  }
  return true;
}

/** Whether no folio stands on a list of `type` in generation `seq`. */
function isEmpty(lrugen: LruGen, seq: number, type: number): boolean {
  const first = genList(lruGenFromSeq(seq), type, 0);
  for (let list = first; list < first + NR_GEN_ZONES; list++)
    if (lrugen.head[list] !== undefined) return false;
  return true;
}

/** The oldest generation of `type` from minSeq on that is not empty, or that must stay. */
function oldestPopulated(lrugen: LruGen, type: number): number {
  let seq = lrugen.minSeq[type]!;
  while (seq + MIN_NR_GENS <= lrugen.maxSeq && isEmpty(lrugen, seq, type)) seq++;
  return seq;
}

/**
 * Lets generations end that are empty; whether one did. When both types may be evicted, neither runs ahead of
 * the other by more than one. Linux mm/vmscan.c:try_to_inc_min_seq()
 */
export function tryToIncMinSeq(lrugen: LruGen, swappiness: number): boolean {
  const { minSeq, maxSeq } = lrugen;
  const next: [number, number] = [minSeq[0], minSeq[1]];
  for (let type = minType(swappiness); type <= maxType(swappiness); type++)
    next[type] = oldestPopulated(lrugen, type);
  if (swappiness !== 0 && swappiness <= MAX_SWAPPINESS) {
    const seq = maxSeq - MIN_NR_GENS;
    const [anon, file] = next;
    if (anon > seq && file < seq) next[LRU_GEN_ANON] = seq;
    else if (file > seq && anon < seq) next[LRU_GEN_FILE] = seq;
  }
  let success = false;
  for (let type = minType(swappiness); type <= maxType(swappiness); type++) {
    if (next[type]! <= minSeq[type]!) continue;
    resetCtrlPos(lrugen, type);
    minSeq[type] = next[type]!;
    success = true;
  }
  return success;
}

// ---------------------------------------------------------------- a new generation begins

/**
 * Which pages count as active changes when `maxSeq` grows: those of the generation before it no longer do,
 * those already on the new one's lists (of a type that is not evicted) do. Linux: a part of inc_max_seq()
 */
function updateActiveSizes(sys: MemorySystem, lrugen: LruGen): void {
  const { maxSeq, nrPages } = lrugen;
  for (const type of [LRU_GEN_ANON, LRU_GEN_FILE])
    for (let zone = 0; zone < NR_GEN_ZONES; zone++) {
      const older = nrPages[genList(lruGenFromSeq(maxSeq - 1), type, zone)]!;
      const delta = older - nrPages[genList(lruGenFromSeq(maxSeq + 1), type, zone)]!;
      updateLruSize(sys, lrugen.lruvec, zone, type * LRU_FILE, delta);
      updateLruSize(sys, lrugen.lruvec, zone, type * LRU_FILE + LRU_ACTIVE, -delta);
    }
}

/**
 * Opens generation `seq` + 1; false if somebody else did. Linux mm/vmscan.c:inc_max_seq()
 */
function incMaxSeq(sys: MemorySystem, lrugen: LruGen, seq: number, swappiness: number): boolean {
  if (seq !== lrugen.maxSeq) return false;
  for (const type of [LRU_GEN_ANON, LRU_GEN_FILE])
    while (getNrGens(lrugen, type) === MAX_NR_GENS) incMinSeq(sys, lrugen, type, swappiness);
  updateActiveSizes(sys, lrugen);
  lrugen.timestamps[lruGenFromSeq(lrugen.maxSeq + 1)] = jiffies(sys);
  lrugen.maxSeq++;
  return true;
}

/**
 * Ages: looks for used pages in all page tables, if page tables are to be walked, then opens generation
 * `seq` + 1. `forceScan`: also where nothing seems to have been used. Whether it did.
 * Linux mm/vmscan.c:try_to_inc_max_seq()
 */
export function tryToIncMaxSeq(
  sys: MemorySystem,
  lrugen: LruGen,
  seq: number,
  swappiness: number,
  forceScan: boolean,
): boolean {
  if (seq !== lrugen.maxSeq) return false;
  walkAllMms(sys, lrugen, swappiness, forceScan);
  return incMaxSeq(sys, lrugen, seq, swappiness);
}

/**
 * Whether a new generation should begin, and how many pages there are to evict from in all; none if eviction
 * is not possible before. Linux mm/vmscan.c:should_run_aging()
 */
export function shouldRunAging(lrugen: LruGen, swappiness: number): { aging: boolean; nrToScan: number } {
  const { minSeq, maxSeq } = lrugen;
  const oldest = evictableMinSeq(minSeq, swappiness);
  if (oldest + MIN_NR_GENS > maxSeq) return { aging: true, nrToScan: 0 };
  return { aging: oldest + MIN_NR_GENS === maxSeq, nrToScan: evictablePages(lrugen, swappiness) };
}

/**
 * Pages of all generations that may be evicted. Linux: a loop of should_run_aging() and lruvec_is_sizable()
 */
export function evictablePages(lrugen: LruGen, swappiness: number): number {
  let size = 0;
  for (let type = minType(swappiness); type <= maxType(swappiness); type++)
    for (let seq = lrugen.minSeq[type]!; seq <= lrugen.maxSeq; seq++) size += genSize(lrugen, seq, type);
  return size;
}
