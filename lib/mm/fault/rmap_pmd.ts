/**
 * Who maps a huge page as a whole: the bookkeeping of entries of level 2.
 *
 *                       entry of level 2             512 entries of level 1
 *   entireMapcount      1                            0
 *   largeMapcount       1                            512
 *   mapcount of each    0  (seen from outside: 1)    1
 *   NR_ANON_MAPPED      512                          512
 *   NR_ANON_THPS        512                          0
 *
 * A page that is mapped both ways is mapped once in the machine's counters: they ask whether anybody maps it.
 *
 * Linux mm/rmap.c, with PGTABLE_LEVEL_PMD. Read first: rmap.ts, large_mapcount.ts. Read next:
 * mm/huge/huge_memory.ts.
 */
import { deferredSplitFolio } from "../huge/deferred_queue.js";
import { mlockFolio, munlockFolio } from "../lru/mlock_batch.js";
import { lruvecStatModFolio } from "../memcg/stats.js";
import type { VmAreaStruct } from "../mm_types.js";
import { vmBugOnPage } from "../mmdebug.js";
import {
  type Folio,
  folioNrPages,
  folioTestAnon,
  PG_partially_mapped,
  PG_swapbacked,
} from "../pages/folio.js";
import type { MemorySystem } from "../system.js";
import {
  modNodePageState,
  NR_ANON_MAPPED,
  NR_ANON_THPS,
  NR_FILE_MAPPED,
  NR_FILE_PMDMAPPED,
  NR_SHMEM_PMDMAPPED,
} from "../vmstat.js";
import { folioAddLargeMapcount, folioSubLargeMapcount } from "./large_mapcount.js";
import { vmaIsLocked } from "./rmap.js";

/** Counts pages as mapped, and as mapped by level 2. Linux mm/rmap.c:__folio_mod_stat() */
export function folioModStat(sys: MemorySystem, folio: Folio, nr: number, nrPmdmapped: number): void {
  const anon = folioTestAnon(folio);
  if (nr !== 0) lruvecStatModFolio(sys, folio, anon ? NR_ANON_MAPPED : NR_FILE_MAPPED, nr);
  if (nrPmdmapped === 0) return;
  if (anon) lruvecStatModFolio(sys, folio, NR_ANON_THPS, nrPmdmapped);
  else {
    const shmem = (folio.flags & PG_swapbacked) !== 0;
    modNodePageState(sys, shmem ? NR_SHMEM_PMDMAPPED : NR_FILE_PMDMAPPED, nrPmdmapped);
  }
}

/** One more entry of level 2 for the folio. Linux mm/rmap.c:__folio_add_rmap() with PGTABLE_LEVEL_PMD */
export function folioAddRmapPmd(folio: Folio, vma: VmAreaStruct): void {
  const { sys } = vma.vmMm;
  if (folio.entireMapcount++ === 0) {
    const nrPages = folioNrPages(folio);
    folioModStat(sys, folio, nrPages - folio.nrPagesMapped, nrPages);
  }
  folioAddLargeMapcount(folio, 1, vma.vmMm);
}

/** The same for a folio of a file. Linux mm/rmap.c:folio_add_file_rmap_pmd() */
export function folioAddFileRmapPmd(folio: Folio, vma: VmAreaStruct): void {
  folioAddRmapPmd(folio, vma);
  if (vmaIsLocked(vma)) mlockFolio(vma.vmMm.sys, folio);
}

/** An entry of level 2 is gone. Linux mm/rmap.c:folio_remove_rmap_pmd() */
export function folioRemoveRmapPmd(folio: Folio, vma: VmAreaStruct): void {
  const { sys } = vma.vmMm;
  vmBugOnPage(folio.entireMapcount <= 0, folio.pfn, "is unmapped as a whole more often than mapped");
  folioSubLargeMapcount(folio, 1, vma.vmMm);
  if (--folio.entireMapcount === 0) {
    const nrPages = folioNrPages(folio);
    const nr = nrPages - folio.nrPagesMapped;
    const partial = nr !== 0 && nr < nrPages;
    if (partial && folioTestAnon(folio) && (folio.flags & PG_partially_mapped) === 0)
      deferredSplitFolio(sys, folio, true);
    folioModStat(sys, folio, -nr, -nrPages);
  }
  if (vmaIsLocked(vma)) munlockFolio(sys, folio);
}

/**
 * fork: one more entry of level 2, of `dstVma`; the folio is shared from now on.
 * Linux include/linux/rmap.h:folio_try_dup_anon_rmap_pmd()
 */
export function folioTryDupAnonRmapPmd(folio: Folio, dstVma: VmAreaStruct): void {
  folio.anonExclusive = false;
  folio.entireMapcount++;
  folioAddLargeMapcount(folio, 1, dstVma.vmMm);
}
