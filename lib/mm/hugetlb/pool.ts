/**
 * How pages come into a pool, are taken from it, and go back.
 *
 *   buddy allocator --allocFreshHugetlbFolio--> pool: free list --dequeueHugetlbFolio--> in use (refcount 1)
 *                   <---updateAndFree----------                 <----freeHugeFolio------  last reference gone
 *                   <---------------------------- freeHugeFolio: there are surplus pages --
 *
 *   hugetlbAcctMemory(h, +n)   n pages are promised. Not enough free ones: surplus pages are allocated, up to
 *                              nr_overcommit_hugepages; if those cannot be had either, -ENOMEM and nothing happened
 *   hugetlbAcctMemory(h, -n)   n promises are taken back, and as many free surplus pages are given back
 *
 * A page in the pool has refcount 0 and still is a folio: PGTY_hugetlb tells it from a free one. Pages of 2
 * MiB are asked of the buddy allocator with __GFP_RETRY_MAYFAIL, which reclaims and tries again but has
 * nobody killed. 1 GiB is more than it ever has in one piece: such a page is put together of free neighbours
 * (gigantic.ts), or was set aside at boot.
 *
 * Left out: mempolicies and cpusets, poisoned pages, hugetlb cgroups; pages that are charged to a memory
 * cgroup (memory_hugetlb_accounting).
 *
 * Linux mm/hugetlb.c. Read first: hstate.ts, mm/pages/page_alloc.ts. Read next: max_huge_pages.ts.
 */
import { ENOMEM } from "../errno.js";
import { vmBugOn } from "../mmdebug.js";
import { type Folio, folioMapcount, PG_head, PGTY_hugetlb } from "../pages/folio.js";
import { folioPut } from "../pages/free_pages.js";
import {
  __GFP_COMP,
  __GFP_NOWARN,
  __GFP_RETRY_MAYFAIL,
  __GFP_THISNODE,
  GFP_HIGHUSER_MOVABLE,
} from "../pages/gfp.js";
import { allocPages } from "../pages/page_alloc.js";
import type { MemorySystem } from "../system.js";
import {
  countVmEvent,
  HTLB_BUDDY_PGALLOC,
  HTLB_BUDDY_PGALLOC_FAIL,
  modNodePageState,
  NR_HUGETLB,
} from "../vmstat.js";
import { allocGiganticFolio, freeGiganticFolio } from "./gigantic.js";
import { type Hstate, hstateIsGigantic } from "./hstate.js";
import { hugepageSubpoolPutPages } from "./subpool.js";
import { HPG_RESTORE_RESERVE } from "./vma_resv.js";

/** How pages for the pool are asked for. Linux include/linux/hugetlb.h:htlb_alloc_mask() */
const HTLB_ALLOC_MASK = GFP_HIGHUSER_MOVABLE | __GFP_COMP | __GFP_NOWARN;

/** The pool that a huge page is of. Linux include/linux/hugetlb.h:folio_hstate() */
export function folioHstate(sys: MemorySystem, folio: Folio): Hstate<Folio> {
  return sys.hugetlb.hstates.find((h) => h.order === folio.order)!;
}

/** Puts a page on the free list. Linux mm/hugetlb.c:enqueue_hugetlb_folio() */
function enqueueHugetlbFolio(h: Hstate<Folio>, folio: Folio): void {
  vmBugOn(folio.refcount !== 0, `frame ${folio.pfn} goes back to the pool while somebody holds it`);
  h.hugepageFreelist.push(folio);
  h.freeHugePages++;
}

/**
 * A free page, held by the caller; undefined if there is none, or only promised ones and the caller was
 * promised none (`unreserved`). Linux mm/hugetlb.c:dequeue_hugetlb_folio_vma()
 */
export function dequeueHugetlbFolio(h: Hstate<Folio>, unreserved: boolean): Folio | undefined {
  if (unreserved && h.availableHugePages === 0) return undefined;
  const folio = h.hugepageFreelist.pop();
  if (folio === undefined) return undefined;
  h.freeHugePages--;
  folio.refcount = 1;
  return folio;
}

/** The buddy allocator's page of 2 MiB. Linux mm/hugetlb.c:alloc_buddy_hugetlb_folio() */
function allocBuddyHugetlbFolio(
  sys: MemorySystem,
  order: number,
  gfp: number,
  tryHard: boolean,
): Folio | undefined {
  const folio = allocPages(sys, tryHard ? gfp | __GFP_RETRY_MAYFAIL : gfp, order);
  countVmEvent(sys, folio === undefined ? HTLB_BUDDY_PGALLOC_FAIL : HTLB_BUDDY_PGALLOC);
  return folio;
}

/**
 * A fresh page that is in no pool's books yet: refcount 0. `tryHard`: reclaim and try again.
 * Linux mm/hugetlb.c:only_alloc_fresh_hugetlb_folio()
 */
export function allocFreshHugetlbFolio(
  sys: MemorySystem,
  h: Hstate<Folio>,
  tryHard = true,
): Folio | undefined {
  const gfp = HTLB_ALLOC_MASK | __GFP_THISNODE;
  const folio = hstateIsGigantic(h)
    ? allocGiganticFolio(sys, h.order)
    : allocBuddyHugetlbFolio(sys, h.order, gfp, tryHard);
  if (folio !== undefined) initNewHugetlbFolio(folio);
  return folio;
}

/** Makes a fresh block a page of a pool. Linux mm/hugetlb.c:init_new_hugetlb_folio() */
export function initNewHugetlbFolio(folio: Folio): void {
  folio.pageType = PGTY_hugetlb;
  folio.private = 0;
  folio.refcount = 0;
}

/**
 * Takes pages that were allocated, the first last, into the books and onto the free list.
 * Linux mm/hugetlb.c:prep_and_add_allocated_folios()
 */
export function prepAndAddAllocatedFolios(h: Hstate<Folio>, folios: readonly Folio[]): void {
  for (const folio of [...folios].reverse()) {
    h.nrHugePages++;
    enqueueHugetlbFolio(h, folio);
  }
}

/**
 * Takes a page that nobody holds out of the books. Linux mm/hugetlb.c:remove_hugetlb_folio()
 */
function removeHugetlbFolio(h: Hstate<Folio>, folio: Folio, adjustSurplus: boolean): void {
  const at = h.hugepageFreelist.lastIndexOf(folio);
  if (at >= 0) {
    h.hugepageFreelist.splice(at, 1);
    h.freeHugePages--;
  }
  if (adjustSurplus) h.surplusHugePages--;
  h.nrHugePages--;
}

/** Gives a removed page back to the buddy allocator. Linux mm/hugetlb.c:update_and_free_hugetlb_folio() */
export function updateAndFreeHugetlbFolio(sys: MemorySystem, h: Hstate<Folio>, folio: Folio): void {
  folio.pageType = 0;
  folio.private = 0;
  folio.refcount = 1;
  if (hstateIsGigantic(h)) freeGiganticFolio(sys, folio);
  else folioPut(sys, folio);
}

/**
 * Takes the first free page out of the pool for good; undefined where there is none.
 * Linux mm/hugetlb.c:remove_pool_hugetlb_folio()
 */
export function removePoolHugetlbFolio(h: Hstate<Folio>, acctSurplus: boolean): Folio | undefined {
  if (acctSurplus && h.surplusHugePages === 0) return undefined;
  const folio = h.hugepageFreelist.at(-1);
  if (folio !== undefined) removeHugetlbFolio(h, folio, acctSurplus);
  return folio;
}

/**
 * Nobody holds the page any more: it goes back to the pool, or where that has too many, out of it.
 * Linux mm/hugetlb.c:free_huge_folio()
 */
export function freeHugeFolio(sys: MemorySystem, folio: Folio): void {
  const h = folioHstate(sys, folio);
  vmBugOn(folioMapcount(folio) !== 0, `frame ${folio.pfn} of the pool is freed while mapped`);
  const spool = sys.hugetlb.folioSubpools.get(folio);
  sys.hugetlb.folioSubpools.delete(folio);
  folio.anonExclusive = false;
  folio.mapping = undefined;
  folio.index = 0;
  folio.flags &= PG_head;
  let restore = (folio.private & HPG_RESTORE_RESERVE) !== 0;
  folio.private = 0;
  if (!restore && hugepageSubpoolPutPages(spool, 1) === 0) restore = true;
  modNodePageState(sys, NR_HUGETLB, -h.pagesPerHugePage);
  if (restore) h.resvHugePages++;
  if (h.surplusHugePages > 0) {
    removeHugetlbFolio(h, folio, true);
    updateAndFreeHugetlbFolio(sys, h, folio);
  } else enqueueHugetlbFolio(h, folio);
}

// ---------------------------------------------------------------- promises

/**
 * One page more than the pool should have, if as many are allowed.
 * Linux mm/hugetlb.c:alloc_surplus_hugetlb_folio()
 */
export function allocSurplusHugetlbFolio(sys: MemorySystem, h: Hstate<Folio>): Folio | undefined {
  if (hstateIsGigantic(h) || h.surplusHugePages >= h.nrOvercommitHugePages) return undefined;
  const folio = allocFreshHugetlbFolio(sys, h);
  if (folio === undefined) return undefined;
  h.nrHugePages++;
  h.surplusHugePages++;
  return folio;
}

/**
 * Promises `delta` pages; false if they cannot be had. Linux mm/hugetlb.c:gather_surplus_pages()
 */
function gatherSurplusPages(sys: MemorySystem, h: Hstate<Folio>, delta: number): boolean {
  const folios: Folio[] = [];
  const needed = (): number => h.resvHugePages + delta - h.freeHugePages - folios.length;
  while (needed() > 0) {
    const folio = allocSurplusHugetlbFolio(sys, h);
    if (folio === undefined) {
      for (const one of folios.reverse()) dropSurplus(sys, h, one);
      return false;
    }
    folios.push(folio);
  }
  // To allocate may have taken so long that others have freed pages: what is too much goes back.
  const used = folios.length + needed();
  h.resvHugePages += delta;
  folios.reverse().forEach((folio, i) => {
    if (i < used) enqueueHugetlbFolio(h, folio);
    else dropSurplus(sys, h, folio);
  });
  return true;
}

/** A surplus page that was allocated in vain goes back. */
function dropSurplus(sys: MemorySystem, h: Hstate<Folio>, folio: Folio): void {
  removeHugetlbFolio(h, folio, true);
  updateAndFreeHugetlbFolio(sys, h, folio);
}

/**
 * Takes `unused` promises back, and gives back as many free surplus pages.
 * Linux mm/hugetlb.c:return_unused_surplus_pages()
 */
function returnUnusedSurplusPages(sys: MemorySystem, h: Hstate<Folio>, unused: number): void {
  h.resvHugePages -= unused;
  const removed: Folio[] = [];
  for (let left = Math.min(unused, h.surplusHugePages); left > 0; left--) {
    const folio = removePoolHugetlbFolio(h, true);
    if (folio === undefined) break;
    removed.push(folio);
  }
  for (const folio of removed.reverse()) updateAndFreeHugetlbFolio(sys, h, folio);
}

/**
 * Promises `delta` pages more, or fewer: 0, or -ENOMEM with nothing changed.
 * Linux mm/hugetlb.c:hugetlb_acct_memory()
 */
export function hugetlbAcctMemory(sys: MemorySystem, h: Hstate<Folio>, delta: number): number {
  if (delta > 0) return gatherSurplusPages(sys, h, delta) ? 0 : -ENOMEM;
  if (delta < 0) returnUnusedSurplusPages(sys, h, -delta);
  return 0;
}
