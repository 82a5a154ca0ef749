/**
 * Tiers: which pages of the oldest generation are worth keeping, told from the ones that came back.
 *
 *   uses through descriptors     0, 1    2     3, 4    more, or evicted too early before
 *   tier                          0      1      2      3 (PG_workingset)
 *
 *   lruGenEviction   a folio goes: evicted[tier] += pages        its shadow: (oldest generation, uses)
 *   lruGenRefault    it comes back soon: refaulted[tier] += pages        and gets its uses back
 *
 *   refault rate = refaulted / (evicted + protected), this generation and half of the average before
 *
 *   getTierIdx       tiers above the result are protected: their pages go on to the next generation
 *   getTypeToScan    anonymous memory or files: whose rate, weighed with swappiness, is lower
 *
 * It is a controller: the rate of the first tier is what the others are held against (setpoint), and a tier
 * is protected as long as its pages come back more often. It corrects itself: a tier that is protected
 * without need collects "protected" pages and no refaults, and its rate falls.
 *
 * What is below MIN_LRU_BATCH refaults says nothing yet.
 *
 * Linux mm/vmscan.c, mm/workingset.c. Read first: lru_gen.ts, refs.ts. Read next: aging.ts.
 */
import { modLruvecState } from "../../memcg/stats.js";
import { type Folio, PG_workingset } from "../../pages/folio.js";
import type { MemorySystem } from "../../system.js";
import { WORKINGSET_ACTIVATE, WORKINGSET_REFAULT, WORKINGSET_RESTORE } from "../../vmstat.js";
import { folioLruRefs, folioLruType, type LruGen } from "./gen_list.js";
import {
  LRU_GEN_ANON,
  LRU_GEN_FILE,
  LRU_REFS_WIDTH,
  lruTierFromRefs,
  MAX_NR_GENS,
  MAX_NR_TIERS,
  MAX_SWAPPINESS,
  MIN_LRU_BATCH,
  MIN_SWAPPINESS,
  tierIndex,
} from "./lru_gen.js";

const REFS = 2 ** LRU_REFS_WIDTH;

// ---------------------------------------------------------------- the controller

/**
 * Pages that came back, of how many that went or were kept; and the weight. Linux mm/vmscan.c:struct ctrl_pos
 */
interface CtrlPos {
  refaulted: number;
  total: number;
  gain: number;
}

/** One tier, or all of them for MAX_NR_TIERS. Linux mm/vmscan.c:read_ctrl_pos() */
export function readCtrlPos(lrugen: LruGen, type: number, tier: number, gain: number): CtrlPos {
  const pos = { refaulted: 0, total: 0, gain };
  for (let i = tier % MAX_NR_TIERS; i <= Math.min(tier, MAX_NR_TIERS - 1); i++) {
    const at = tierIndex(type, i);
    pos.refaulted += lrugen.avgRefaulted[at]! + lrugen.refaulted[at]!;
    pos.total += lrugen.avgTotal[at]! + lrugen.protected[at]! + lrugen.evicted[at]!;
  }
  return pos;
}

/**
 * The oldest generation of `type` is used up: its counts go into the averages. Linux
 * mm/vmscan.c:reset_ctrl_pos()
 */
export function resetCtrlPos(lrugen: LruGen, type: number): void {
  for (let tier = 0; tier < MAX_NR_TIERS; tier++) {
    const at = tierIndex(type, tier);
    const { avgRefaulted, avgTotal, refaulted, evicted } = lrugen;
    avgRefaulted[at] = Math.floor((avgRefaulted[at]! + refaulted[at]!) / 2);
    avgTotal[at] = Math.floor((avgTotal[at]! + lrugen.protected[at]! + evicted[at]!) / 2);
    refaulted[at] = 0;
    evicted[at] = 0;
    lrugen.protected[at] = 0;
  }
}

/**
 * Whether `pv` (process variable) has few refaults, or a lower rate than the setpoint `sp`.
 * Linux mm/vmscan.c:positive_ctrl_err()
 */
export function positiveCtrlErr(sp: CtrlPos, pv: CtrlPos): boolean {
  return (
    pv.refaulted < MIN_LRU_BATCH ||
    pv.refaulted * (sp.total + MIN_LRU_BATCH) * sp.gain <= (sp.refaulted + 1) * pv.total * pv.gain
  );
}

/** The highest tier that is not protected. Linux mm/vmscan.c:get_tier_idx() */
export function getTierIdx(lrugen: LruGen, type: number): number {
  const sp = readCtrlPos(lrugen, type, 0, 2);
  let tier = 1;
  while (tier < MAX_NR_TIERS && positiveCtrlErr(sp, readCtrlPos(lrugen, type, tier, 3))) tier++;
  return tier - 1;
}

/** The type to evict from first. Linux mm/vmscan.c:get_type_to_scan() */
export function getTypeToScan(lrugen: LruGen, swappiness: number): number {
  if (swappiness <= MIN_SWAPPINESS + 1) return LRU_GEN_FILE;
  if (swappiness >= MAX_SWAPPINESS) return LRU_GEN_ANON;
  const sp = readCtrlPos(lrugen, LRU_GEN_ANON, MAX_NR_TIERS, swappiness);
  const pv = readCtrlPos(lrugen, LRU_GEN_FILE, MAX_NR_TIERS, MAX_SWAPPINESS - swappiness);
  return positiveCtrlErr(sp, pv) ? LRU_GEN_FILE : LRU_GEN_ANON;
}

// ---------------------------------------------------------------- going and coming back

/**
 * The folio is evicted: what its shadow says, beside PG_workingset: the oldest generation's number and its
 * uses after the first. Linux mm/workingset.c:lru_gen_eviction()
 */
export function lruGenEviction(lrugen: LruGen, folio: Folio): number {
  const type = folioLruType(folio);
  const refs = folioLruRefs(folio);
  const tier = lruTierFromRefs(refs, (folio.flags & PG_workingset) !== 0);
  lrugen.evicted[tierIndex(type, tier)]! += 1 << folio.order;
  return lrugen.minSeq[type]! * REFS + Math.max(refs - 1, 0);
}

/**
 * Whether the generation that `token` was evicted from is not long gone. Linux
 * mm/workingset.c:lru_gen_test_recent()
 */
export function lruGenTestRecent({ maxSeq }: { readonly maxSeq: number }, token: number): boolean {
  return Math.abs(maxSeq - Math.floor(token / REFS)) < MAX_NR_GENS;
}

/**
 * The folio is back that once left `token` and `workingset` behind. Linux mm/workingset.c:lru_gen_refault()
 */
export function lruGenRefault(
  sys: MemorySystem,
  lrugen: LruGen,
  folio: Folio,
  token: number,
  workingset: boolean,
): void {
  const type = folioLruType(folio);
  const delta = 1 << folio.order;
  modLruvecState(sys, lrugen.lruvec, WORKINGSET_REFAULT + type, delta);
  if (!lruGenTestRecent(lrugen, token)) return;
  const refs = (token % REFS) + 1;
  lrugen.refaulted[tierIndex(type, lruTierFromRefs(refs, workingset))]! += delta;
  if (sys.lruGen.inLruFault) modLruvecState(sys, lrugen.lruvec, WORKINGSET_ACTIVATE + type, delta);
  if (workingset) {
    folio.flags |= PG_workingset;
    modLruvecState(sys, lrugen.lruvec, WORKINGSET_RESTORE + type, delta);
  } else folio.lruRefs = refs - 1;
}
