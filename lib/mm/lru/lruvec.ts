/**
 * The LRU lists of a machine, as data.
 *
 *              inactive          active
 *   anon     [tail ... head]   [tail ... head]
 *   file     [tail ... head]   [tail ... head]
 *   unevictable [...]
 *
 * Linux include/linux/mmzone.h. Read next: mm_inline.ts, which puts folios on them.
 */

import type { MemCgroup } from "../memcg/memcg_types.js";
import type { Folio } from "../pages/folio.js";
import { LruGenFolio } from "./gen/lru_gen.js";

/** Numbers of the lists; also of their counters. Linux include/linux/mmzone.h:enum lru_list */
export const LRU_INACTIVE_ANON = 0;

export const LRU_ACTIVE_ANON = 1;

export const LRU_INACTIVE_FILE = 2;

export const LRU_ACTIVE_FILE = 3;

export const LRU_UNEVICTABLE = 4;

export const NR_LRU_LISTS = 5;

/** Active lists are one above the inactive ones. Linux include/linux/mmzone.h:LRU_ACTIVE */
export const LRU_ACTIVE = 1;
/** The lists of files are two above those of anonymous memory. Linux include/linux/mmzone.h:LRU_FILE */
export const LRU_FILE = 2;

/** Zones that a machine could have. Linux include/linux/mmzone.h:MAX_NR_ZONES */
const MAX_NR_ZONES = 5;

/** A group of processes that has such lists of its own (mm/memcg). Linux struct mem_cgroup */
export type Memcg = MemCgroup<Lruvec>;

/** The lists of the machine, or of one group. Linux include/linux/mmzone.h:struct lruvec */
export class Lruvec {
  /** Whose they are; undefined for those of all that belongs to no group. Linux lruvec_memcg() */
  memcg: Memcg | undefined = undefined;
  /** Most recently added folio of each list. */
  readonly head: (Folio | undefined)[] = new Array<Folio | undefined>(NR_LRU_LISTS).fill(undefined);
  /** Oldest folio of each list. */
  readonly tail: (Folio | undefined)[] = new Array<Folio | undefined>(NR_LRU_LISTS).fill(undefined);
  /** Pages on each list in each zone, at zone x 5 + list. Linux mem_cgroup_per_node.lru_zone_size */
  readonly lruZoneSize: Float64Array = new Float64Array(MAX_NR_ZONES * NR_LRU_LISTS);
  /** What reclaiming each type has cost lately: 32 for a page read or written, 1 for one that stayed. */
  anonCost = 0;
  fileCost = 0;
  /** Evictions and activations so far: the clock of refault distances. Linux nonresident_age */
  nonresidentAge = 0;
  /** WORKINGSET_ACTIVATE of anonymous memory and files when reclaim last looked. Linux refaults */
  readonly refaults: [number, number] = [0, 0];
  /**
   * Large folios whose pages may not all be needed: under pressure they are split
   * (mm/huge/deferred_split.ts). Linux deferred_split_queue of the group or node
   */
  readonly deferredSplitQueue = new Set<Folio>();
  /** What shrinkers have put off for this group, by their names. Linux shrinker_info */
  readonly nrDeferred = new Map<string, number>();
  /** The generations; while they are on, the lists above are empty but for the unevictable one. */
  readonly lrugen = new LruGenFolio<Folio, Lruvec>(this);
  /** All dirty pages that reclaim for the group has met wait for the device. Linux LRUVEC_CGROUP_CONGESTED */
  cgroupCongested = false;
}
