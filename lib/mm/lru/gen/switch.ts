/**
 * Switching the generations on and off while the machine runs: every folio changes lists.
 *
 *   echo y > /sys/kernel/mm/lru_gen/enabled --> enabledStore --> lruGenChangeState
 *       on    classic lists, each from its tail on   --> active: maxSeq - 1, inactive: the oldest
 *       off   generations, from gen 0 on             --> active if it was one of the two youngest
 *
 *   bit 0   1   the generations
 *   bit 1   2   aging walks page tables
 *   bit 2   4   and skips tables whose own accessed bit is clear
 *
 * Reading gives the bits in hexadecimal, 0x0000 to 0x0007. Writing takes a number, or a word: what begins
 * with y or Y switches all on, n or N all off. The other bits have no effect without the first.
 *
 * Folios in batches or isolated are on no list: they go to where they belong when they come back.
 *
 * Linux mm/vmscan.c. Read first: gen_list.ts. Read next: observe.ts.
 */
import { forEachLruvec } from "../../memcg/iter.js";
import type { MemorySystem } from "../../system.js";
import type { Lruvec } from "../lruvec.js";
import { lruvecAddFolio, lruvecDelFolio } from "../mm_inline.js";
import { lruGenAddFolio, lruGenDelFolio } from "./gen_list.js";

const LRU_GEN_CORE = 1;
const LRU_GEN_MM_WALK = 2;
const LRU_GEN_NONLEAF_YOUNG = 4;
const NR_EVICTABLE_LISTS = 4;

/** Classic lists to generations. Linux mm/vmscan.c:fill_evictable() */
function fillEvictable(sys: MemorySystem, lruvec: Lruvec): void {
  for (let list = 0; list < NR_EVICTABLE_LISTS; list++)
    for (let folio = lruvec.tail[list]; folio !== undefined; folio = lruvec.tail[list]) {
      lruvecDelFolio(sys, folio);
      lruGenAddFolio(sys, lruvec.lrugen, folio, false);
    }
}

/** Generations to classic lists. Linux mm/vmscan.c:drain_evictable() */
function drainEvictable(sys: MemorySystem, lruvec: Lruvec): void {
  const { tail } = lruvec.lrugen;
  for (let list = 0; list < tail.length; list++)
    for (let folio = tail[list]; folio !== undefined; folio = tail[list]) {
      lruGenDelFolio(sys, lruvec.lrugen, folio, false);
      lruvecAddFolio(sys, folio);
    }
}

/** Linux mm/vmscan.c:lru_gen_change_state() */
export function lruGenChangeState(sys: MemorySystem, enabled: boolean): void {
  if (enabled === sys.lruGen.enabled) return;
  sys.lruGen.enabled = enabled;
  forEachLruvec(sys, (lruvec) => {
    lruvec.lrugen.enabled = enabled;
    if (enabled) fillEvictable(sys, lruvec);
    else drainEvictable(sys, lruvec);
  });
}

/** The bits that hold. Linux mm/vmscan.c:enabled_show() */
export function lruGenCaps({ lruGen }: MemorySystem): number {
  return (
    (lruGen.enabled ? LRU_GEN_CORE : 0) |
    (lruGen.mmWalk ? LRU_GEN_MM_WALK : 0) |
    (lruGen.nonleafYoung ? LRU_GEN_NONLEAF_YOUNG : 0)
  );
}

/** Switches each of the three on or off. Linux mm/vmscan.c:enabled_store() */
export function setLruGenCaps(sys: MemorySystem, caps: number): void {
  lruGenChangeState(sys, (caps & LRU_GEN_CORE) !== 0);
  sys.lruGen.mmWalk = (caps & LRU_GEN_MM_WALK) !== 0;
  sys.lruGen.nonleafYoung = (caps & LRU_GEN_NONLEAF_YOUNG) !== 0;
}
