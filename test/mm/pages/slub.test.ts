import { describe, expect, it } from "vitest";
import { boot } from "../../../lib/kernel/machine.js";
import { PGTY_none, PGTY_slab, pfnToPage } from "../../../lib/mm/pages/folio.js";
import { GFP_KERNEL } from "../../../lib/mm/pages/gfp.js";
import type { Slab } from "../../../lib/mm/pages/kmem_cache.js";
import { nrUnusedPages } from "../../../lib/mm/pages/page_alloc.js";
import {
  kmemCacheAlloc,
  kmemCacheCreate,
  kmemCacheFree,
  mmAccountReclaimedPages,
} from "../../../lib/mm/pages/slub.js";
import { NR_SLAB_RECLAIMABLE } from "../../../lib/mm/vmstat.js";

function withCache(size: number, order: number, bootSlabs = 0) {
  const { sys } = boot({ ram: "16 MiB" }).kernel;
  const cache = kmemCacheCreate(sys, "objects", size, order, bootSlabs);
  const pages = (): number => sys.vmStat.nodeStat[NR_SLAB_RECLAIMABLE]!;
  const make = (nr: number): Slab[] =>
    Array.from({ length: nr }, () => kmemCacheAlloc(sys, cache, GFP_KERNEL)!);
  return { sys, cache, pages, make };
}

describe("a cache of objects", () => {
  it("takes a slab for as many objects as fit, and gives it back with the last of them", () => {
    const { sys, cache, pages, make } = withCache(192, 0);
    const free = nrUnusedPages(sys);
    const objects = make(22);
    expect([cache.objectsPerSlab, cache.nrSlabs, cache.activeObjs, cache.numObjs, pages()]).toEqual([
      21, 2, 22, 42, 2,
    ]);
    expect(nrUnusedPages(sys)).toBe(free - 2);
    expect(pfnToPage(sys, objects[0]!.pfn).pageType).toBe(PGTY_slab);
    for (const slab of objects.slice(0, 20)) kmemCacheFree(sys, slab);
    expect(pages()).toBe(2); // one object holds the page of 21
    kmemCacheFree(sys, objects[20]!);
    expect([pages(), cache.nrSlabs, cache.activeObjs]).toEqual([1, 1, 1]);
    kmemCacheFree(sys, objects[21]!);
    expect([pages(), nrUnusedPages(sys), pfnToPage(sys, objects[0]!.pfn).pageType]).toEqual([
      0,
      free,
      PGTY_none,
    ]);
  });

  it("fills the holes that objects have left before it takes another slab", () => {
    const { sys, cache, make } = withCache(1024, 0);
    const objects = make(12);
    for (const i of [0, 5, 9]) kmemCacheFree(sys, objects[i]!);
    make(3);
    expect(cache.nrSlabs).toBe(3);
    make(1);
    expect(cache.nrSlabs).toBe(4);
  });

  it("uses what it has had since boot first, and never gives that back", () => {
    const { sys, cache, pages, make } = withCache(1192, 3, 2);
    const objects = make(54);
    expect([pages(), cache.nrSlabs, cache.numObjs]).toEqual([0, 2, 54]);
    make(1);
    expect(pages()).toBe(8);
    for (const slab of objects) kmemCacheFree(sys, slab);
    expect([cache.nrSlabs, cache.activeObjs, pages()]).toEqual([3, 1, 8]);
  });

  it("is content with a single page where there is no block, and says so where there is nothing", () => {
    const { sys, cache, pages, make } = withCache(1192, 3);
    sys.shouldFailAllocPage = (_, order) => order > 0;
    make(4);
    expect([cache.nrSlabs, cache.numObjs, pages()]).toEqual([2, 6, 2]);
    sys.shouldFailAllocPage = () => true;
    make(2);
    expect(kmemCacheAlloc(sys, cache, GFP_KERNEL)).toBeUndefined();
    expect(cache.activeObjs).toBe(6);
  });

  it("counts freed pages for the one who reclaims, and for nobody else", () => {
    const { sys, make } = withCache(4096, 0);
    const [one, other] = make(2);
    kmemCacheFree(sys, one!);
    expect(sys.pgdat.reclaimedSlab).toBe(0);
    sys.pfMemalloc = true;
    kmemCacheFree(sys, other!);
    mmAccountReclaimedPages(sys, 3);
    expect(sys.pgdat.reclaimedSlab).toBe(4);
  });
});
