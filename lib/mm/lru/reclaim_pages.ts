/**
 * Reclaim of folios that somebody has chosen: MADV_PAGEOUT.
 *
 *   madvise(PAGEOUT) --> off the lists --> reclaimPages --> shrinkFolioList, use does not protect
 *                                                           the others go back by way of the CPU's batch
 *
 * Nothing is scanned here, so nothing counts in pgscan and pgsteal; and since nobody is short of memory, what
 * is allocated on the way may take what is free, but not reclaim in turn.
 *
 * Linux mm/vmscan.c. Read first: shrink_folio_list.ts. Read next: mm/vma/madvise_pages.ts.
 */
import { type Folio, PG_active } from "../pages/folio.js";
import { GFP_KERNEL } from "../pages/gfp.js";
import type { MemorySystem } from "../system.js";
import { folioPutbackLru } from "./isolate.js";
import { newReclaimStat, newScanControl } from "./scan_control.js";

/**
 * Frees what can be freed of isolated folios, used or not; the others go back to the LRU. How many pages were
 * freed. Linux mm/vmscan.c:reclaim_pages()
 */
export function reclaimPages(sys: MemorySystem, folios: readonly Folio[]): number {
  if (folios.length === 0) return 0;
  const { pfMemalloc } = sys;
  sys.pfMemalloc = true;
  try {
    const left = [...folios];
    for (const folio of left) folio.flags &= ~PG_active;
    const sc = newScanControl({ gfpMask: GFP_KERNEL });
    const nrReclaimed = sys.parts.shrinkFolioList(sys, left, sc, newReclaimStat(), true);
    for (const folio of left) folioPutbackLru(sys, folio);
    return nrReclaimed;
  } finally {
    sys.pfMemalloc = pfMemalloc;
  }
}
