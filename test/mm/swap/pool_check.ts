/**
 * A pool of compressed objects counted from scratch, for tests.
 */
import { expect } from "vitest";
import { PGTY_zsmalloc, pfnToPage } from "../../../lib/mm/pages/folio.js";
import type { ZsPool, Zspage } from "../../../lib/mm/swap/zsmalloc_types.js";
import type { MemorySystem } from "../../../lib/mm/system.js";

/** As expect(): said only of what is wrong, there is much to compare. */
function is(found: unknown, expected: unknown, what: string): void {
  if (found !== expected) expect(found, what).toBe(expected);
}

/** Every count of the pool is what its zspages and objects say; returns the number of frames. */
export function checkPool(sys: MemorySystem, pool: ZsPool): number {
  const frames: number[] = [];
  for (const sizeClass of new Set(pool.sizeClass)) {
    let inuse = 0;
    let all = 0;
    for (const [group, first] of sizeClass.fullnessList.entries()) {
      let nr = 0;
      let prev: Zspage | undefined;
      for (let zspage = first; zspage !== undefined; prev = zspage, zspage = zspage.next) {
        checkZspage(sys, zspage, group, prev);
        inuse += zspage.inuse;
        all += sizeClass.objsPerZspage;
        frames.push(...zspage.pfns);
        nr++;
      }
      is(sizeClass.nrZspages[group], nr, "zspages of a group");
    }
    is(sizeClass.objsInuse, inuse, "objects in use");
    is(sizeClass.objsAllocated, all, "room for objects");
  }
  is(new Set(frames).size, frames.length, "different frames");
  is(pool.pagesAllocated, frames.length, "frames of the pool");
  is(pool.zspages.size, frames.length, "frames that know their zspage");
  return frames.length;
}

/** The zspage is where it must be, and its frames are its own. */
function checkZspage(sys: MemorySystem, zspage: Zspage, group: number, prev: Zspage | undefined): void {
  const { sizeClass, inuse } = zspage;
  is(zspage.prev, prev, "the neighbour in the list");
  is(zspage.fullness, group, "the group");
  const percent = (100 * inuse) / sizeClass.objsPerZspage;
  const fits = group === 11 ? percent === 100 : percent < Math.max(1, group * 10) + (group === 10 ? 10 : 0);
  is(fits, true, `${percent} % in group ${group}`);
  is(countFree(sys, zspage), sizeClass.objsPerZspage - inuse, "free objects");
  for (const pfn of zspage.pfns) {
    const page = pfnToPage(sys, pfn);
    is(page.refcount, 1, "holds of a frame");
    is(page.pageType, PGTY_zsmalloc, "the type of a frame");
  }
}

/** Free objects, as they say themselves in RAM which one is next. */
function countFree({ ram }: MemorySystem, { sizeClass, pfns, freeobj, inuse }: Zspage): number {
  if (sizeClass.objsPerZspage === 1) return 1 - inuse;
  let nr = 0;
  for (let index = freeobj; index >= 0; nr++) {
    const at = index * sizeClass.size;
    const pfn = pfns[Math.floor(at / 4096)]!;
    const word = ram.entryLo(pfn, (at % 4096) / 8);
    is(word & 1, 0, "a free object says that it is in use");
    index = word >> 1;
  }
  return nr;
}
