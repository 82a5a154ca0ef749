/**
 * A pool of compressed objects counted from scratch, for tests.
 */
import { expect } from "vitest";
import { PGTY_zsmalloc, pfnToPage } from "../../../lib/mm/pages/folio.js";
import type { ZsPool, Zspage } from "../../../lib/mm/swap/zsmalloc_types.js";
import type { MemorySystem } from "../../../lib/mm/system.js";

/** Every count of the pool is what its zspages and objects say; returns the number of frames. */
export function checkPool(sys: MemorySystem, pool: ZsPool): number {
  const seen = new Set<Zspage>();
  for (const sizeClass of new Set(pool.sizeClass)) {
    let inuse = 0;
    let all = 0;
    for (const [group, first] of sizeClass.fullnessList.entries()) {
      let nr = 0;
      let prev: Zspage | undefined;
      for (let zspage = first; zspage !== undefined; prev = zspage, zspage = zspage.next) {
        expect(zspage.prev).toBe(prev);
        expect(zspage.fullness).toBe(group);
        const percent = (100 * zspage.inuse) / sizeClass.objsPerZspage;
        expect(
          group === 11 ? percent === 100 : percent < Math.max(1, group * 10) + (group === 10 ? 10 : 0),
        ).toBe(true);
        expect(countFree(sys, zspage)).toBe(sizeClass.objsPerZspage - zspage.inuse);
        inuse += zspage.inuse;
        all += sizeClass.objsPerZspage;
        seen.add(zspage);
        nr++;
      }
      expect(sizeClass.nrZspages[group]).toBe(nr);
    }
    expect([sizeClass.objsInuse, sizeClass.objsAllocated]).toEqual([inuse, all]);
  }
  const frames = [...seen].flatMap(({ pfns }) => pfns);
  expect(new Set(frames).size).toBe(frames.length);
  for (const pfn of frames) {
    const page = pfnToPage(sys, pfn);
    expect([page.refcount, page.pageType]).toEqual([1, PGTY_zsmalloc]);
  }
  expect([pool.pagesAllocated, pool.zspages.size]).toEqual([frames.length, frames.length]);
  return frames.length;
}

/** Free objects, as they say themselves in RAM which one is next. */
function countFree({ ram }: MemorySystem, { sizeClass, pfns, freeobj, inuse }: Zspage): number {
  if (sizeClass.objsPerZspage === 1) return 1 - inuse;
  let nr = 0;
  for (let index = freeobj; index >= 0; nr++) {
    const at = index * sizeClass.size;
    const pfn = pfns[Math.floor(at / 4096)]!;
    const word = ram.entryLo(pfn, (at % 4096) / 8);
    expect(word & 1, "a free object says that it is in use").toBe(0);
    index = word >> 1;
  }
  return nr;
}
