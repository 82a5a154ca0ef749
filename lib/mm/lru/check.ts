/**
 * The LRU lists, against a recount: links both ways, ends, sizes by zone; of the root and of each group.
 *
 * Not in Linux. Read first: lruvec.ts, gen/check.ts. Read next: mm/memcg/check.ts, mm/debug.ts.
 */
import { forEachLruvec } from "../memcg/iter.js";
import { folioLruvec } from "../memcg/stats.js";
import type { Folio } from "../pages/folio.js";
import type { MemorySystem } from "../system.js";
import { checkGenerations } from "./gen/check.js";
import { folioZonenum } from "./lru_size.js";
import { type Lruvec, NR_LRU_LISTS } from "./lruvec.js";

/** One list; its pages, `zoneSize` gets them by zone and list. */
function checkList(
  sys: MemorySystem,
  lruvec: Lruvec,
  list: number,
  problems: string[],
  zoneSize: Float64Array,
): number {
  let pages = 0;
  let prev: Folio | undefined;
  for (let folio = lruvec.head[list]; folio !== undefined; prev = folio, folio = folio.next) {
    pages += 2 ** folio.order;
    zoneSize[folioZonenum(sys, folio) * NR_LRU_LISTS + list]! += 2 ** folio.order;
    if (folio.lruList !== list)
      problems.push(`frame ${folio.pfn} is on LRU list ${list}, says ${folio.lruList}`);
    if (folio.prev !== prev) problems.push(`frame ${folio.pfn} does not know its neighbour on list ${list}`);
    if (folio.refcount === 0) problems.push(`frame ${folio.pfn} is free and on an LRU list`);
    if (folioLruvec(sys, folio) !== lruvec) problems.push(`frame ${folio.pfn} is on another group's list`);
  }
  if (lruvec.tail[list] !== prev) problems.push(`LRU list ${list} does not know its end`);
  return pages;
}

/**
 * Every folio on a list says so, lists are linked both ways and as long as counted; pages by list, of all
 * groups. Not in Linux: see checkInvariants() in mm/debug.ts.
 */
export function checkLists(sys: MemorySystem, problems: string[]): number[] {
  const sums = new Array<number>(NR_LRU_LISTS).fill(0);
  forEachLruvec(sys, (lruvec) => {
    const { lruZoneSize } = lruvec;
    const zoneSize = new Float64Array(lruZoneSize.length);
    const inGens = checkGenerations(sys, problems, zoneSize, lruvec);
    for (let list = 0; list < NR_LRU_LISTS; list++)
      sums[list]! += inGens[list]! + checkList(sys, lruvec, list, problems, zoneSize);
    for (let i = 0; i < zoneSize.length; i++)
      if (zoneSize[i] !== lruZoneSize[i])
        problems.push(
          `zone ${Math.floor(i / NR_LRU_LISTS)}, list ${i % NR_LRU_LISTS}: ${zoneSize[i]}, not ${lruZoneSize[i]}`,
        );
  });
  return sums;
}
