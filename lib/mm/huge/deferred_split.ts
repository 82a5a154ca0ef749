/**
 * The shrinker that splits huge pages whose memory is not all needed.
 *
 *   queue: [ partly unmapped ] [ new ] [ new ] ...     (deferred_queue.ts)
 *
 *   partly unmapped                     split: the unmapped part is free
 *   whole, and more than max_ptes_none  split: the pages of zeros are replaced by the zero page
 *     of its pages hold only zeros
 *   whole, and used                     off the queue
 *
 * With khugepaged/max_ptes_none at 511, as it is unless somebody changes it, khugepaged would make a huge
 * page of a single small one; so nothing counts as underused.
 *
 * Linux mm/huge_memory.c. Read first: deferred_queue.ts, split_anon.ts.
 */
import type { Memcg } from "../lru/lruvec.js";
import type { ShrinkControl, Shrinker } from "../lru/shrink_control.js";
import { type Folio, folioGet, folioNrPages, PG_mlocked, PG_partially_mapped } from "../pages/folio.js";
import { folioPut } from "../pages/free_pages.js";
import type { MemorySystem } from "../system.js";
import { countVmEvent, THP_UNDERUSED_SPLIT_PAGE } from "../vmstat.js";
import { splitAnonFolio } from "./split_anon.js";
import { HPAGE_PMD_NR } from "./thp_state.js";

/**
 * Whether more of its pages hold only zeros than khugepaged puts up with. Linux
 * mm/huge_memory.c:thp_underused()
 */
export function thpUnderused(sys: MemorySystem, folio: Folio): boolean {
  const { maxPtesNone } = sys.thp.khugepaged;
  if (maxPtesNone === HPAGE_PMD_NR - 1) return false;
  let zeros = 0;
  let filled = 0;
  for (let i = 0; i < folioNrPages(folio); i++) {
    if (!sys.ram.isFrameZero(folio.pfn + i)) filled++;
    else if (++zeros > maxPtesNone) return true;
    if (filled >= HPAGE_PMD_NR - maxPtesNone) return false;
  }
  return false;
}

/** Linux mm/huge_memory.c:deferred_split_shrinker, "thp-deferred_split" */
export class DeferredSplitShrinker implements Shrinker {
  readonly name = "thp-deferred_split";
  readonly seeks = 2;
  readonly memcgAware = true;
  readonly batch = 0;
  nrDeferred = 0;

  constructor(private readonly sys: MemorySystem) {}

  countObjects(sc: ShrinkControl): number {
    return queueOf(this.sys, sc).size;
  }

  /** Linux mm/huge_memory.c:deferred_split_scan() */
  scanObjects(sc: ShrinkControl): number {
    const queue = queueOf(this.sys, sc);
    const folios = [...queue].slice(0, sc.nrToScan);
    for (const folio of folios) {
      folioGet(folio);
      queue.delete(folio);
    }
    let split = 0;
    for (const folio of folios) if (this.scanOne(folio, queue)) split++;
    return split;
  }

  /** One folio, which has been taken off the queue; whether it was split. */
  private scanOne(folio: Folio, queue: Set<Folio>): boolean {
    const { sys } = this;
    const partial = (folio.flags & PG_partially_mapped) !== 0;
    const underused = !partial && (folio.flags & PG_mlocked) === 0 && thpUnderused(sys, folio);
    const done = (partial || underused) && splitAnonFolio(sys, folio, 1);
    if (done && underused) countVmEvent(sys, THP_UNDERUSED_SPLIT_PAGE);
    if (!done && partial) queue.add(folio);
    else if (!done && folio.large !== undefined) folio.large.onDeferredList = false;
    folioPut(sys, folio);
    return done;
  }
}

/** The queue of the group that shrinks, or of the machine. Linux get_deferred_split_queue() */
function queueOf(sys: MemorySystem, sc: ShrinkControl): Set<Folio> {
  return ((sc.memcg as Memcg | undefined)?.lruvec ?? sys.lruvec).deferredSplitQueue;
}
