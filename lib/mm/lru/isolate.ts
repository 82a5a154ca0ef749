/**
 * Off the lists and back: reclaim works on folios that nobody else can find there.
 *
 *   list   [tail 1 2 3 4 5 6 7 ... head]
 *   isolateLruFolios(4)  --> 1 2 3 4, each with a hold of the caller's and without PG_lru
 *                            of a zone that does not help: passed over, to the head
 *                            mapped, and nothing may be unmapped: to the head
 *   ... some of them are freed ...
 *   moveFoliosToLru      --> the others to the HEAD of the list that their flags name now
 *
 * What is isolated is counted in nr_isolated_anon and nr_isolated_file by whoever scans; too many at once,
 * and other direct reclaimers must wait.
 *
 * Linux mm/vmscan.c. Read first: mm_inline.ts. Read next: shrink_lists.ts.
 */
import { type Folio, folioGet, folioMapped, folioNrPages, PG_active, PG_lru } from "../pages/folio.js";
import { folioPut } from "../pages/free_pages.js";
import type { MemorySystem } from "../system.js";
import { countVmEvents, PGSKIP } from "../vmstat.js";
import { folioZonenum } from "./lru_size.js";
import type { Lruvec } from "./lruvec.js";
import { folioEvictable } from "./mlock_batch.js";
import { lruvecAddFolio, lruvecDelFolio } from "./mm_inline.js";
import type { ScanControl } from "./scan_control.js";
import { folioAddLru } from "./swap.js";
import { workingsetAgeNonresident } from "./workingset.js";

/** Folios of other zones that one scan passes over at most. Linux mm/vmscan.c:SWAP_CLUSTER_MAX_SKIPPED */
const SWAP_CLUSTER_MAX_SKIPPED = 32 * 1024;

/**
 * Takes the folio off its LRU list with a hold of its own; false if it is on none.
 * Linux mm/vmscan.c:folio_isolate_lru()
 */
export function folioIsolateLru(sys: MemorySystem, folio: Folio): boolean {
  if ((folio.flags & PG_lru) === 0) return false;
  folioGet(folio);
  lruvecDelFolio(sys, folio);
  return true;
}

/** Back to a list, by way of this CPU's batch; the hold is let go. Linux mm/vmscan.c:folio_putback_lru() */
export function folioPutbackLru(sys: MemorySystem, folio: Folio): void {
  folioAddLru(sys, folio);
  folioPut(sys, folio);
}

/** What a scan of a list has taken, in pages. */
interface Isolated {
  nrTaken: number;
  /** Looked at, passed over or taken. */
  nrScanned: number;
  /** The folios of these pages: what the time depends on. Not in Linux. */
  nrFolios: number;
}

/**
 * Takes up to `nrToScan` pages from the tail of list `lru` into `dst`. Folios of zones above sc.reclaimIdx
 * are passed over and do not count as looked at. Linux mm/vmscan.c:isolate_lru_folios()
 */
export function isolateLruFolios(
  sys: MemorySystem,
  nrToScan: number,
  lruvec: Lruvec,
  dst: Folio[],
  sc: ScanControl,
  lru: number,
): Isolated {
  const isolated: Isolated = { nrTaken: 0, nrScanned: 0, nrFolios: 0 };
  const { tail } = lruvec;
  const skipped: Folio[] = [];
  for (let scan = 0; scan < nrToScan; ) {
    const folio = tail[lru];
    if (folio === undefined) break;
    const nrPages = folioNrPages(folio);
    isolated.nrScanned += nrPages;
    isolated.nrFolios++;
    lruvecDelFolio(sys, folio);
    if (skipped.length < SWAP_CLUSTER_MAX_SKIPPED && folioZonenum(sys, folio) > sc.reclaimIdx) {
      skipped.push(folio);
      continue;
    }
    scan += nrPages;
    if (!sc.mayUnmap && folioMapped(folio)) {
      lruvecAddFolio(sys, folio);
      continue;
    }
    folioGet(folio);
    dst.push(folio);
    isolated.nrTaken += nrPages;
  }
  putBackSkipped(sys, skipped);
  return isolated;
}

/** To the head, so that the next scan does not meet them again at once. */
function putBackSkipped(sys: MemorySystem, skipped: readonly Folio[]): void {
  for (const folio of skipped) {
    countVmEvents(sys, PGSKIP + folioZonenum(sys, folio), folioNrPages(folio));
    lruvecAddFolio(sys, folio);
  }
}

/**
 * Puts isolated folios at the head of the lists that their flags name, and lets go of them; pages that are on
 * a list again. Locked ones go the long way, to the unevictable list. Linux mm/vmscan.c:move_folios_to_lru()
 */
export function moveFoliosToLru(sys: MemorySystem, lruvec: Lruvec, folios: readonly Folio[]): number {
  let nrMoved = 0;
  for (let i = 0; i < folios.length; i++) {
    const folio = folios[i]!;
    if (!folioEvictable(folio)) {
      folioPutbackLru(sys, folio);
      continue;
    }
    if (folio.refcount > 1) {
      lruvecAddFolio(sys, folio);
      nrMoved += folioNrPages(folio);
      if ((folio.flags & PG_active) !== 0) workingsetAgeNonresident(lruvec, folioNrPages(folio));
    }
    folioPut(sys, folio);
  }
  return nrMoved;
}
