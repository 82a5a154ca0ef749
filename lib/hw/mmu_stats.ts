/**
 * What an MMU counts, and what it tells of a single access.
 *
 * The counters stand where they are incremented: hits in each TLB by page size, walks in the MMU. `readStats`
 * adds them up into one object, so that `after.walks - before.walks` works in a notebook.
 *
 * Read first: mmu.ts.
 */
import type { Vaddr } from "./address.js";
import type { Fault } from "./fault.js";
import type { Tlb, TlbsByLevel } from "./tlb.js";

/** Where the counters stand: the part of an Mmu that `readStats` looks at. */
interface MmuCounters {
  readonly l1d: TlbsByLevel;
  readonly l1i: TlbsByLevel;
  readonly tlbs: readonly Tlb[];
  readonly walkCaches: TlbsByLevel;
  readonly walks: number;
  readonly walkRefs: number;
  readonly dirtyAssists: number;
  readonly rewalks: number;
  readonly faults: number;
  readonly deniedHits: number;
  readonly untranslated: number;
}

/** Counters of one TLB. Index 1 is 4 KiB pages, 2 is 2 MiB, 3 is 1 GiB. */
export interface TlbStats {
  readonly name: string;
  readonly hits: readonly number[];
  readonly fills: readonly number[];
  readonly evictions: number;
  readonly flushed: number;
  /** Slots in use now, by level. */
  readonly inUse: readonly number[];
  readonly capacity: number;
}

/** Counters of one MMU since boot. */
export interface MmuStats {
  /** Translations asked for: l1Hits + l2Hits + walks + those that faulted before a walk. */
  readonly accesses: number;
  readonly l1Hits: number;
  readonly l2Hits: number;
  /**
   * Walks because no TLB had the page, or (AMD) because what it had forbade the access; those that faulted
   * included.
   */
  readonly walks: number;
  /** Table entries read. */
  readonly walkRefs: number;
  /** Walks that a page-walk cache let start below the top. */
  readonly walkCacheHits: number;
  readonly dirtyAssists: number;
  /** Walks done a second time before a fault was reported (AMD). */
  readonly rewalks: number;
  readonly faults: number;
  /** Each TLB by itself. */
  readonly tlbs: readonly TlbStats[];
}

/** What a trace says about one access. */
export interface AccessRecord {
  readonly va: Vaddr;
  readonly access: number;
  /** Physical address, or -1 after a fault. */
  readonly pa: number;
  readonly source: "L1" | "L2" | "walk" | "fault";
  /** Table entries read. */
  readonly walkRefs: number;
  readonly dirtyAssist: boolean;
  readonly costNs: number;
  readonly fault: Fault | undefined;
}

/** The counters of `mmu` in one object. */
export function readStats(mmu: MmuCounters): MmuStats {
  const first = new Set([...mmu.l1d, ...mmu.l1i]);
  let l1Hits = 0;
  let l2Hits = 0;
  for (const tlb of mmu.tlbs) {
    const hits = tlb.hits.reduce((sum, n) => sum + n, 0);
    if (first.has(tlb)) l1Hits += hits;
    else l2Hits += hits;
  }
  return {
    accesses: l1Hits + l2Hits + mmu.walks + mmu.deniedHits + mmu.untranslated,
    l1Hits,
    l2Hits,
    walks: mmu.walks,
    walkRefs: mmu.walkRefs,
    walkCacheHits: mmu.walkCaches.reduce((sum, c) => sum + (c?.hits.reduce((s, n) => s + n, 0) ?? 0), 0),
    dirtyAssists: mmu.dirtyAssists,
    rewalks: mmu.rewalks,
    faults: mmu.faults,
    tlbs: mmu.tlbs.map(tlbStats),
  };
}

function tlbStats(tlb: Tlb): TlbStats {
  return {
    name: tlb.name,
    hits: [...tlb.hits.subarray(0, 4)],
    fills: [...tlb.fills.subarray(0, 4)],
    evictions: tlb.evictions,
    flushed: tlb.flushed,
    inUse: [...tlb.nrValid.subarray(0, 4)],
    capacity: tlb.capacity,
  };
}
