/**
 * The multi-generational LRU, as data: pages by the time of their last use, in up to four generations.
 *
 *     oldest                                        youngest
 *     minSeq          minSeq + 1       ...          maxSeq        gen = seq % 4 names the lists
 *   [ gen 1 ]        [ gen 2 ]        [ gen 3 ]    [ gen 0 ]
 *      |                                  |___________|_______ counted as active
 *      +--> evicted from here (eviction.ts), or moved on         new folios after a fault: maxSeq - 1
 *                                                                 seen used twice: maxSeq
 *   one maxSeq for both types, a minSeq for each; a generation has a list for each type and zone
 *
 * The classic LRU has two lists of each type and one pass over the pages; it asks a page for its accessed bit
 * by way of the reverse map, page by page. Here aging walks the page tables of all processes, one table after
 * another, and moves what was used to the youngest generation, then opens a new one: a clock of memory use
 * that goes forward when memory is short. Eviction takes from the oldest generation only. What is read and
 * written through file descriptors leaves no accessed bit; such uses are counted in the folio, and folios
 * with the same count form a tier, which is protected when its pages come back more often than others
 * (tiers.ts).
 *
 * The fields of a folio:
 *   lruGen       its generation's number modulo 4, -1 on no generation; aging writes it without moving the
 *                folio, so the list it stands on may be an older one (sorted when eviction meets it)
 *   lruRefs      uses through descriptors after the first, which is PG_referenced: 0 to 3
 *   PG_workingset  used again after all of these, or evicted too early before
 *   PG_active      never while on a generation; set by a fault to say "not the oldest, please"
 *
 * Left out: the Bloom filters that spare aging the tables with few used entries, the generations of memory
 * cgroups with their random bins (there is one cgroup), more nodes than one, history of the tiers.
 *
 * Linux include/linux/mmzone.h, include/linux/mm_inline.h. Read next: gen_list.ts, refs.ts, tiers.ts,
 * aging.ts, walk_mm.ts, look_around.ts, eviction.ts, shrink_node.ts, switch.ts.
 */
/** Generations that there are always: they count as active. Linux include/linux/mmzone.h:MIN_NR_GENS */
export const MIN_NR_GENS = 2;
/** Linux include/linux/mmzone.h:MAX_NR_GENS */
export const MAX_NR_GENS = 4;
/** Linux include/linux/mmzone.h:MAX_NR_TIERS */
export const MAX_NR_TIERS = 4;
/** Bits that count uses after the first. Linux include/linux/mmzone.h:LRU_REFS_WIDTH */
export const LRU_REFS_WIDTH = MAX_NR_TIERS - 2;
/** The most lruRefs can be. Linux include/linux/mmzone.h:LRU_REFS_MASK */
export const LRU_REFS_MAX = 2 ** LRU_REFS_WIDTH - 1;
/**
 * Pages taken at once, and refaults below which nothing is concluded. Linux
 * include/linux/mmzone.h:MIN_LRU_BATCH
 */
export const MIN_LRU_BATCH = 64;
/** Folios looked at in one go. Linux include/linux/mmzone.h:MAX_LRU_BATCH */
export const MAX_LRU_BATCH = MIN_LRU_BATCH * 64;

/** The two types. Linux include/linux/mmzone.h:LRU_GEN_ANON */
export const LRU_GEN_ANON = 0;
/** Linux include/linux/mmzone.h:LRU_GEN_FILE */
export const LRU_GEN_FILE = 1;
const ANON_AND_FILE = 2;
/** Zones that a list may be of. Linux MAX_NR_ZONES */
export const NR_GEN_ZONES = 5;

/** Swappiness: only files, and only anonymous memory. Linux include/linux/swap.h */
export const MIN_SWAPPINESS = 0;
export const MAX_SWAPPINESS = 200;
export const SWAPPINESS_ANON_ONLY = MAX_SWAPPINESS + 1;

/**
 * folio.lruList of the first list of generations: beyond the numbers of the classic ones (mm/lru/lruvec.ts)
 */
export const FIRST_GEN_LIST = 8;
const NR_GEN_LISTS = MAX_NR_GENS * ANON_AND_FILE * NR_GEN_ZONES;

/** Number of a list of a generation, from 0 on: lruList is FIRST_GEN_LIST more. */
export function genList(gen: number, type: number, zone: number): number {
  return (gen * ANON_AND_FILE + type) * NR_GEN_ZONES + zone;
}

/**
 * What one LRU, of lists L, knows of its generations of folios F.
 * Linux include/linux/mmzone.h:struct lru_gen_folio
 */
export class LruGenFolio<F, L> {
  /** New folios go to the generations; the classic lists are empty. */
  enabled = false;
  maxSeq = MIN_NR_GENS + 1;
  /**
   * Oldest generation of anonymous memory and of files. Invariant: MIN_NR_GENS to MAX_NR_GENS up to maxSeq.
   */
  readonly minSeq: [number, number] = [0, 0];
  /** Birth of each generation, in jiffies; boot is tick 1. */
  readonly timestamps: number[] = new Array<number>(MAX_NR_GENS).fill(1);
  /** Newest and oldest folio of each list, by genList(). Linux folios */
  readonly head: (F | undefined)[] = new Array<F | undefined>(NR_GEN_LISTS).fill(undefined);
  readonly tail: (F | undefined)[] = new Array<F | undefined>(NR_GEN_LISTS).fill(undefined);
  /** Pages by generation, type and zone: what lruGen says, not the lists. */
  readonly nrPages: number[] = new Array<number>(NR_GEN_LISTS).fill(0);
  /** By type and tier (tierIndex): averages over older generations, and counts of the oldest one. */
  readonly avgRefaulted: number[] = newTiers();
  readonly avgTotal: number[] = newTiers();
  readonly protected: number[] = newTiers();
  readonly evicted: number[] = newTiers();
  readonly refaulted: number[] = newTiers();
  /** What aging has met since boot: entries, and used ones among them. Linux lru_gen_mm_state.stats */
  readonly mmStats = { leafTotal: 0, leafYoung: 0 };

  /** `lruvec`: the lists that it is part of. Linux container_of(lrugen, struct lruvec, lrugen) */
  constructor(readonly lruvec: L) {}
}

function newTiers(): number[] {
  return new Array<number>(ANON_AND_FILE * MAX_NR_TIERS).fill(0);
}

/** Index of `tier` of `type` in the counts of tiers. */
export function tierIndex(type: number, tier: number): number {
  return type * MAX_NR_TIERS + tier;
}

/**
 * What is switched on, for the machine, and its address spaces M. Linux mm/vmscan.c:lru_gen_caps,
 * lru_gen_min_ttl, get_mm_list()
 */
export class LruGenState<M> {
  /** The generations are used. Linux LRU_GEN_CORE */
  enabled = false;
  /** Aging walks page tables. Linux LRU_GEN_MM_WALK */
  mmWalk = false;
  /** It skips tables whose own accessed bit is clear. Linux LRU_GEN_NONLEAF_YOUNG */
  nonleafYoung = false;
  /** Age of the oldest generation below which somebody is killed rather than it be evicted, in jiffies. */
  minTtl = 0;
  /** Address spaces, the oldest first. Linux mm/vmscan.c:get_mm_list() */
  readonly mmList = new Set<M>();
  /** A page fault is being served in a VMA whose uses count. Linux current->in_lru_fault */
  inLruFault = false;
  /** The reclaim at work may promote folios at once. Linux current->reclaim_state->mm_walk */
  walking = false;
}

/** The lists of generation `seq`. Linux include/linux/mm_inline.h:lru_gen_from_seq() */
export function lruGenFromSeq(seq: number): number {
  return seq % MAX_NR_GENS;
}

/**
 * Tier of a folio used `refs` times through descriptors. Linux include/linux/mm_inline.h:lru_tier_from_refs()
 */
export function lruTierFromRefs(refs: number, workingset: boolean): number {
  return workingset ? MAX_NR_TIERS - 1 : Math.ceil(Math.log2(Math.max(refs, 1)));
}

/** Whether `gen` counts as active. Linux include/linux/mm_inline.h:lru_gen_is_active() */
export function lruGenIsActive({ maxSeq }: { readonly maxSeq: number }, gen: number): boolean {
  return gen === lruGenFromSeq(maxSeq) || gen === lruGenFromSeq(maxSeq - 1);
}

/** The two numbers of the window of generations. */
type Window = Pick<LruGenFolio<unknown, unknown>, "minSeq" | "maxSeq">;

/** Generations that `type` has. Linux mm/vmscan.c:get_nr_gens() */
export function getNrGens({ minSeq, maxSeq }: Window, type: number): number {
  return maxSeq - minSeq[type]! + 1;
}

/** The first type that may be evicted. Linux mm/vmscan.c:min_type() */
export function minType(swappiness: number): number {
  return swappiness === 0 ? LRU_GEN_FILE : LRU_GEN_ANON;
}

/** The last type that may be evicted. Linux mm/vmscan.c:max_type() */
export function maxType(swappiness: number): number {
  return swappiness < SWAPPINESS_ANON_ONLY ? LRU_GEN_FILE : LRU_GEN_ANON;
}

/** The oldest generation of what may be evicted. Linux mm/vmscan.c:evictable_min_seq() */
export function evictableMinSeq(minSeq: readonly [number, number], swappiness: number): number {
  return Math.min(minSeq[minType(swappiness)]!, minSeq[maxType(swappiness)]!);
}

/** Pages of one type in generation `seq`, all zones. */
export function genSize(lrugen: { readonly nrPages: readonly number[] }, seq: number, type: number): number {
  let size = 0;
  const first = genList(lruGenFromSeq(seq), type, 0);
  for (let list = first; list < first + NR_GEN_ZONES; list++) size += lrugen.nrPages[list]!;
  return size;
}
