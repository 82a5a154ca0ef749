/**
 * Slabs: memory for the kernel's own objects, which are much smaller than a page.
 *
 *   kmemCacheAlloc --> a slab with room, else a new one: 2^order pages, or a single page where there is no block
 *   kmemCacheFree  --> the object's slab has one less; with the last one its pages are free
 *
 * One object that stays keeps its whole slab: after half of all objects are gone, hardly a page may be free.
 *
 * The kernel has had some slabs since boot. They are part of what it keeps for itself (boot option reserved),
 * and never given back: the first objects of a machine take no page.
 *
 *   NR_SLAB_RECLAIMABLE   pages taken since then: SReclaimable in /proc/meminfo
 *
 * The objects themselves are whatever their owners keep (lib/fs); here is only which slab each one is in.
 *
 * Left out: the lists of each CPU; empty slabs that are kept for the next object (up to 5 of a cache);
 * objects that cannot be reclaimed.
 *
 * Linux mm/slub.c. Read first: kmem_cache.ts, page_alloc.ts. Read next: mm/lru/shrinker.ts.
 */
import type { MemorySystem } from "../system.js";
import { modNodePageState, NR_SLAB_RECLAIMABLE } from "../vmstat.js";
import { PGTY_slab, pfnToPage } from "./folio.js";
import { folioPut } from "./free_pages.js";
import {
  __GFP_DIRECT_RECLAIM,
  __GFP_NOFAIL,
  __GFP_NOMEMALLOC,
  __GFP_NORETRY,
  __GFP_NOWARN,
  __GFP_RECLAIM,
  __GFP_RECLAIMABLE,
} from "./gfp.js";
import { KmemCache, type Slab } from "./kmem_cache.js";
import { allocPages } from "./page_alloc.js";

/** A new kind of object; /proc/slabinfo shows it. Linux mm/slab_common.c:kmem_cache_create() */
export function kmemCacheCreate(
  sys: MemorySystem,
  name: string,
  size: number,
  order: number,
  bootSlabs: number,
): KmemCache {
  const cache = new KmemCache(name, size, order, bootSlabs);
  sys.slabCaches.push(cache);
  return cache;
}

/** A slab with room for an object of `cache`, if need be a new one. Linux mm/slub.c:___slab_alloc() */
function slabWithRoom(sys: MemorySystem, cache: KmemCache, gfp: number): Slab | undefined {
  if (cache.boot.inuse < cache.boot.objects) return cache.boot;
  for (const slab of cache.partial) return slab;
  return newSlab(sys, cache, gfp);
}

/** Linux mm/slub.c:allocate_slab() */
function newSlab(sys: MemorySystem, cache: KmemCache, gfp: number): Slab | undefined {
  let alloc = (gfp | __GFP_RECLAIMABLE | __GFP_NOWARN | __GFP_NORETRY) & ~__GFP_NOFAIL;
  // A block of several pages is welcome, but not worth reclaiming for.
  if (cache.order > 0 && (alloc & __GFP_DIRECT_RECLAIM) !== 0)
    alloc = (alloc | __GFP_NOMEMALLOC) & ~__GFP_RECLAIM;
  const folio =
    allocPages(sys, alloc, cache.order) ??
    (cache.order > 0 || (gfp & __GFP_NOFAIL) !== 0 ? allocPages(sys, gfp | __GFP_RECLAIMABLE, 0) : undefined);
  if (folio === undefined) return undefined;
  folio.pageType = PGTY_slab;
  modNodePageState(sys, NR_SLAB_RECLAIMABLE, 2 ** folio.order);
  const slab = { cache, pfn: folio.pfn, objects: cache.objectsIn(folio.order), inuse: 0 };
  cache.nrSlabs++;
  cache.numObjs += slab.objects;
  cache.partial.add(slab);
  return slab;
}

/**
 * Room for one more object: the slab it is in, or undefined without memory.
 * Linux mm/slub.c:kmem_cache_alloc()
 */
export function kmemCacheAlloc(sys: MemorySystem, cache: KmemCache, gfp: number): Slab | undefined {
  const slab = slabWithRoom(sys, cache, gfp);
  if (slab === undefined) return undefined;
  slab.inuse++;
  cache.activeObjs++;
  if (slab.inuse === slab.objects) cache.partial.delete(slab);
  return slab;
}

/** An object of `slab` is gone; the last one frees its pages. Linux mm/slub.c:kmem_cache_free() */
export function kmemCacheFree(sys: MemorySystem, slab: Slab): void {
  const { cache } = slab;
  slab.inuse--;
  cache.activeObjs--;
  if (slab === cache.boot) return;
  cache.partial.add(slab);
  if (slab.inuse > 0) return;
  cache.partial.delete(slab);
  cache.nrSlabs--;
  cache.numObjs -= slab.objects;
  discardSlab(sys, slab);
}

/** Linux mm/slub.c:__free_slab() */
function discardSlab(sys: MemorySystem, slab: Slab): void {
  const folio = pfnToPage(sys, slab.pfn);
  const nrPages = 2 ** folio.order;
  modNodePageState(sys, NR_SLAB_RECLAIMABLE, -nrPages);
  mmAccountReclaimedPages(sys, nrPages);
  folioPut(sys, folio);
}

/**
 * Whoever reclaims now has freed pages that were on no list.
 * Linux include/linux/swap.h:mm_account_reclaimed_pages()
 */
export function mmAccountReclaimedPages(sys: MemorySystem, pages: number): void {
  if (sys.pfMemalloc) sys.pgdat.reclaimedSlab += pages;
}
