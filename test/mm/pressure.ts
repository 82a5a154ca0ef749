/**
 * A machine without a free frame, for tests: every allocation that may wait has to reclaim first.
 *
 *   allocPages --> nothing is free --> tryToFreePages --> whatever the test wants to happen just now
 *                                                    \--> lets go of one block that was kept from the kernel
 *
 * All free frames are held by the test, and taken again at each allocation. So whoever allocates waits each
 * time, in the real slow path of the allocator, and finds the world changed when he comes back.
 */
import type { Random } from "../../lib/hw/random.js";
import { pageVmaMappedWalk } from "../../lib/mm/fault/page_vma_mapped.js";
import { rmapWalk } from "../../lib/mm/fault/rmap.js";
import { folioIsolateLru } from "../../lib/mm/lru/isolate.js";
import { filemapFdatawriteRange } from "../../lib/mm/lru/page_writeback.js";
import { reclaimPages } from "../../lib/mm/lru/reclaim_pages.js";
import { newScanControl } from "../../lib/mm/lru/scan_control.js";
import { lruAddDrain, lruAddDrainAll } from "../../lib/mm/lru/swap.js";
import { shrinkNode } from "../../lib/mm/lru/vmscan.js";
import { MAX_PAGE_ORDER } from "../../lib/mm/pages/buddy.js";
import { type Folio, PG_lru, PG_unevictable, pfnToPage } from "../../lib/mm/pages/folio.js";
import { folioPut } from "../../lib/mm/pages/free_pages.js";
import { __GFP_DIRECT_RECLAIM, __GFP_MEMALLOC, GFP_KERNEL, GFP_NOWAIT } from "../../lib/mm/pages/gfp.js";
import { allocPages, gfpZone, nrUnusedPages } from "../../lib/mm/pages/page_alloc.js";
import { drainAllPages } from "../../lib/mm/pages/pcp.js";
import { pteMkold, setPte } from "../../lib/mm/pgtable/pgtable.js";
import type { MemorySystem } from "../../lib/mm/system.js";

/** What else happens when an allocation with `gfp` of 2^order frames reclaims. */
export type AtReclaim = (gfp: number, order: number) => void;

/** Holds all free frames, from its making to `end`; each allocation that may wait calls `atReclaim` once. */
export class Pressure {
  private readonly sys: MemorySystem;
  /** What is kept from the kernel, by order. */
  private readonly blocks: Folio[][] = Array.from({ length: MAX_PAGE_ORDER + 1 }, () => []);
  private readonly before: MemorySystem["shouldFailAllocPage"];
  private readonly tryToFreePages: MemorySystem["parts"]["tryToFreePages"];
  private readonly zoneWatermarkOk: MemorySystem["parts"]["zoneWatermarkOk"];
  /** Reclaims so far. */
  nrReclaims = 0;

  constructor(sys: MemorySystem, atReclaim: AtReclaim) {
    this.sys = sys;
    this.before = sys.shouldFailAllocPage;
    this.tryToFreePages = sys.parts.tryToFreePages;
    this.zoneWatermarkOk = sys.parts.zoneWatermarkOk;
    sys.parts.zoneWatermarkOk = (_sys, _zone, order, _mark, _highest, _flags, free) => free >= 2 ** order;
    sys.shouldFailAllocPage = (gfp, order) => {
      const fails = this.before?.(gfp, order) === true;
      if (!fails && !sys.pfMemalloc && (gfp & __GFP_DIRECT_RECLAIM) !== 0) this.takeAll();
      return fails;
    };
    sys.parts.tryToFreePages = (_, gfp, order) => {
      this.nrReclaims++;
      atReclaim(gfp, order);
      return this.giveBack(order);
    };
  }

  /** The frames it holds, for checkInvariants(). */
  get held(): Folio[] {
    return this.blocks.flat();
  }

  private takeAll(): void {
    const { sys } = this;
    const { shouldFailAllocPage } = sys;
    sys.shouldFailAllocPage = undefined;
    drainAllPages(sys);
    for (let order = MAX_PAGE_ORDER; order >= 0 && nrUnusedPages(sys) > 0; ) this.take(order) || order--;
    sys.shouldFailAllocPage = shouldFailAllocPage;
  }

  private take(order: number): boolean {
    const folio = allocPages(this.sys, GFP_NOWAIT | __GFP_MEMALLOC, order);
    if (folio !== undefined) this.blocks[order]!.push(folio);
    return folio !== undefined;
  }

  /** Frees the smallest block that is large enough; how many pages. */
  private giveBack(order: number): number {
    for (let of = order; of <= MAX_PAGE_ORDER; of++) {
      const folio = this.blocks[of]!.pop();
      if (folio === undefined) continue;
      folioPut(this.sys, folio);
      drainAllPages(this.sys);
      return 2 ** of;
    }
    return 0;
  }

  /** Lets go of `nr` frames, for what happens while somebody reclaims. */
  spare(nr: number): void {
    while (nrUnusedPages(this.sys) < nr && this.giveBack(0) > 0);
  }

  /** Memory is plenty again. */
  end(): void {
    this.sys.shouldFailAllocPage = this.before;
    this.sys.parts.tryToFreePages = this.tryToFreePages;
    this.sys.parts.zoneWatermarkOk = this.zoneWatermarkOk;
    for (const folio of this.held) folioPut(this.sys, folio);
    for (const blocks of this.blocks) blocks.length = 0;
  }
}

/** Takes every free frame of the machine; what was taken. */
export function takeAllPages(sys: MemorySystem): Folio[] {
  const taken: Folio[] = [];
  drainAllPages(sys);
  for (let order = MAX_PAGE_ORDER; order >= 0; order--)
    for (;;) {
      const folio = allocPages(sys, GFP_NOWAIT | __GFP_MEMALLOC, order);
      if (folio === undefined) break;
      taken.push(folio);
    }
  return taken;
}

/**
 * Lets `what` happen while each of the next `times` allocations with `gfp` waits. The function that is
 * returned tells whether there were as many.
 */
export function whileAllocating(sys: MemorySystem, gfp: number, what: () => void, times = 1): () => boolean {
  let left = times;
  const before = sys.shouldFailAllocPage;
  sys.shouldFailAllocPage = (wanted, order) => {
    if (wanted === gfp && left > 0) {
      left--;
      what();
    }
    return before?.(wanted, order) === true;
  };
  return () => left === 0;
}

/** Reclaims all that can be, and what was freed is soon something else's. */
export function reclaimAll(sys: MemorySystem): void {
  lruAddDrainAll(sys);
  reclaimPages(
    sys,
    evictableFolios(sys).filter((folio) => folioIsolateLru(sys, folio)),
  );
  for (let pfn = 1; pfn < sys.ram.nrFrames; pfn++)
    if (pfnToPage(sys, pfn).head.refcount === 0) sys.ram.frame(pfn).fill(0xee);
}

/** Every folio that is on a list where reclaim looks, a classic one or one of a generation. */
function evictableFolios(sys: MemorySystem): Folio[] {
  const folios: Folio[] = [];
  for (const section of sys.memMap)
    for (const page of section ?? [])
      if (page !== undefined && page.head === page && (page.flags & (PG_lru | PG_unevictable)) === PG_lru)
        folios.push(page);
  return folios;
}

/** No process has used the folio since. Linux: what folio_referenced() leaves behind, mm/rmap.c */
function makeOld(sys: MemorySystem, folio: Folio): void {
  rmapWalk(
    folio,
    (vma) =>
      pageVmaMappedWalk(
        folio,
        vma,
        (_address, ptep, pte) => {
          setPte(sys.ram, ptep, pteMkold(pte));
          return true;
        },
        undefined,
      ),
    undefined,
  );
}

/** The flusher writes all dirty pages of the file, which makes them clean and write-protects them. */
function flush({ mapping }: Folio): void {
  if (mapping !== undefined && !mapping.isAnon) filemapFdatawriteRange(mapping, 0, Number.POSITIVE_INFINITY);
}

/**
 * What reclaim and the flusher may do while somebody waits for memory: to all evictable folios, to some, or
 * to none. Pages of files are unmapped and dropped, or written and write-protected; those freed by MADV_FREE
 * are dropped; others become old. Or a real pass over the lists, at any priority.
 */
export function reclaimAtRandom(sys: MemorySystem, random: Random, gfp = GFP_KERNEL, order = 0): void {
  const drain = random.below(3);
  if (drain === 1) lruAddDrain(sys);
  if (drain === 2) lruAddDrainAll(sys);
  const percent = random.pick([0, 10, 40, 100]);
  const chosen = evictableFolios(sys).filter(() => random.chance(percent));
  const done = random.below(6);
  if (done > 3) {
    const { pfMemalloc } = sys;
    sys.pfMemalloc = true; // reclaim does not reclaim
    const reclaimIdx = gfpZone(gfp);
    shrinkNode(sys, newScanControl({ gfpMask: gfp, reclaimIdx, order, priority: random.below(13) }));
    sys.pfMemalloc = pfMemalloc;
    return;
  }
  if (done === 0) for (const folio of chosen) makeOld(sys, folio);
  if (done === 1) for (const folio of chosen) flush(folio);
  if (done !== 0)
    reclaimPages(
      sys,
      chosen.filter((folio) => folioIsolateLru(sys, folio)),
    );
}
