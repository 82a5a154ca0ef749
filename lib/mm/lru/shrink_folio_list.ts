/**
 * What becomes of each folio that reclaim has taken off a list: freed, kept, or made active.
 *
 *   shrinkFolioList(folios), for each, in this order; the first that fits decides
 *     locked by somebody                          keep
 *     held by mlock                               activate        (goes to the unevictable list)
 *     mapped, and nothing may be unmapped         keep
 *     on its way to the device                    activate, marked PG_reclaim: freed when written
 *     used since the last look                    keep, or activate when used twice      folioCheckReferences
 *     anonymous, no place in swap                 activate
 *     could not be unmapped everywhere            activate
 *     dirty, of a file                            activate, marked PG_reclaim: the flusher writes it,
 *                                                 reclaim does not
 *     dirty, anonymous                            written to its slot (pageout): keep, it is freed when
 *                                                 it has arrived; or free, where that takes no time
 *     free to be dropped (MADV_FREE)              free
 *     clean, held by the cache alone              free, a shadow in its place           removeMapping
 *     held by somebody else                       keep
 *
 *   "activate" need not mean that it was used: it only gets out of the way of the scan.
 *
 * A page that is unmapped but stays costs a minor fault at its next use. Freed folios are collected, 31 at a
 * time, so that other processors are interrupted once for all of them, before any frame is free.
 *
 * Replaceable: sys.parts.shrinkFolioList.
 *
 * Left out: splitting large anonymous folios, demotion to slower memory, pages pinned
 * for a device, file systems that keep something of their own in a page.
 *
 * Linux mm/vmscan.c. Read first: isolate.ts, mm/fault/rmap_referenced.ts, mm/fault/rmap_unmap.ts,
 * workingset.ts. Read next: shrink_lists.ts.
 */
import { folioReferenced } from "../fault/rmap_referenced.js";
import {
  newTlbflushUnmapBatch,
  type TlbflushUnmapBatch,
  tryToUnmap,
  tryToUnmapFlush,
  tryToUnmapFlushDirty,
} from "../fault/rmap_unmap.js";
import { filemapRemoveFolio } from "../filemap/address_space.js";
import { folioIsLocked, folioIsWriteback } from "../filemap/folio_wait.js";
import { shmemWriteout } from "../filemap/shmem_swap.js";
import { splitFolio } from "../huge/folio_split.js";
import { HPAGE_PMD_ORDER, modMthpStat } from "../huge/thp_state.js";
import { countFolioEvents, countMemcgEvents } from "../memcg/stats.js";
import { memCgroupSwapFull } from "../memcg/swap_full.js";
import { VM_EXEC, VM_LOCKED } from "../mm_types.js";
import { vmBugOnPage } from "../mmdebug.js";
import {
  type Folio,
  folioMapcount,
  folioMapped,
  folioNrPages,
  folioTestAnon,
  PG_active,
  PG_dirty,
  PG_mlocked,
  PG_partially_mapped,
  PG_reclaim,
  PG_referenced,
  PG_swapbacked,
  PG_swapcache,
} from "../pages/folio.js";
import { folioPutRefs } from "../pages/free_pages.js";
import { __GFP_FS, __GFP_IO } from "../pages/gfp.js";
import { PGDAT_DIRTY, PGDAT_WRITEBACK } from "../pages/pglist_data.js";
import { blkFinishPlug, blkStartPlug, swapWriteout } from "../swap/page_io.js";
import { folioFreeSwap, swapCacheDelFolio } from "../swap/swap_state.js";
import { folioAllocSwap } from "../swap/swapfile.js";
import type { MemorySystem } from "../system.js";
import {
  countVmEvents,
  modNodePageState,
  NR_VMSCAN_IMMEDIATE,
  NR_VMSCAN_WRITE,
  PGACTIVATE,
  PGLAZYFREED,
  THP_SWPOUT_FALLBACK,
} from "../vmstat.js";
import { FOLIO_BATCH_SIZE } from "./fbatch.js";
import { lruGenSetRefs } from "./gen/refs.js";
import type { Memcg } from "./lruvec.js";
import { folioEvictable } from "./mlock_batch.js";
import { folioIsFileLru } from "./mm_inline.js";
import { currentIsKswapd, targetMemcg } from "./reclaimer.js";
import type { ReclaimStat, ScanControl } from "./scan_control.js";
import { workingsetEviction } from "./workingset.js";

/** What the use of a folio says should be done with it. Linux mm/vmscan.c:enum folio_references */
export const FOLIOREF_RECLAIM = 0;
/** Reclaim it if it is clean. */
export const FOLIOREF_RECLAIM_CLEAN = 1;
/** Used once: one more trip around the inactive list. */
export const FOLIOREF_KEEP = 2;
export const FOLIOREF_ACTIVATE = 3;

/**
 * Whether the folio was used since the last look, by mappings (accessed bits, which are cleared) or by
 * read(2) and write(2) (PG_referenced): one of FOLIOREF_*. Linux mm/vmscan.c:folio_check_references()
 */
export function folioCheckReferences(sys: MemorySystem, folio: Folio, sc: ScanControl): number {
  const { referenced, vmFlags } = folioReferenced(sys, folio, true, targetMemcg(sc));
  if ((vmFlags & VM_LOCKED) !== 0) return FOLIOREF_ACTIVATE;
  if (sys.lruGen.enabled) {
    if (referenced === 0) return FOLIOREF_RECLAIM;
    return lruGenSetRefs(folio) ? FOLIOREF_ACTIVATE : FOLIOREF_KEEP;
  }
  const wasReferenced = (folio.flags & PG_referenced) !== 0;
  folio.flags &= ~PG_referenced;
  if (referenced > 0) {
    // The fault that mapped it is one use; only the second counts.
    folio.flags |= PG_referenced;
    if (wasReferenced || referenced > 1) return FOLIOREF_ACTIVATE;
    if ((vmFlags & VM_EXEC) !== 0 && folioIsFileLru(folio)) return FOLIOREF_ACTIVATE;
    return FOLIOREF_KEEP;
  }
  return wasReferenced && folioIsFileLru(folio) ? FOLIOREF_RECLAIM_CLEAN : FOLIOREF_RECLAIM;
}

/**
 * Anonymous memory, and nobody waits. Linux include/trace/events/vmscan.h:RECLAIM_WB_ANON | RECLAIM_WB_ASYNC
 */
const RECLAIM_WB_ANON_ASYNC = 0x9;

/** What became of a folio. Linux mm/vmscan.c: the labels free_it, keep_locked and activate_locked */
type Outcome = "free" | "keep" | "activate";

/** One call of shrinkFolioList. */
interface Pass {
  readonly sys: MemorySystem;
  readonly sc: ScanControl;
  readonly stat: ReclaimStat;
  readonly ignoreReferences: boolean;
  /** The other pages of a large folio that was split: they are next, the last one first. */
  readonly parts: Folio[];
  readonly flush: TlbflushUnmapBatch;
}

/**
 * Anonymous, and free to be dropped unless it was written since. Linux: a folio after folio_mark_lazyfree()
 */
function isLazyfree(folio: Folio): boolean {
  return folioTestAnon(folio) && (folio.flags & PG_swapbacked) === 0;
}

/** Whether the file system may be called for the folio. Linux mm/vmscan.c:may_enter_fs() */
function mayEnterFs(folio: Folio, gfp: number): boolean {
  if ((gfp & __GFP_FS) !== 0) return true;
  return (folio.flags & PG_swapcache) !== 0 && (gfp & __GFP_IO) !== 0;
}

/**
 * Counts in `stat` what is dirty or on its way to the device.
 * Linux mm/vmscan.c:folio_check_dirty_writeback(), and the counting behind it in shrink_folio_list()
 */
export function folioCheckDirtyWriteback(sys: MemorySystem, folio: Folio, stat: ReclaimStat): void {
  const nrPages = folioNrPages(folio);
  // Only files have somebody who writes them without being asked.
  if (!folioIsFileLru(folio) || isLazyfree(folio)) return;
  const dirty = (folio.flags & PG_dirty) !== 0;
  const writeback = folioIsWriteback(sys, folio);
  if (dirty || writeback) stat.nrDirty += nrPages;
  if (dirty && !writeback) stat.nrUnqueuedDirty += nrPages;
  if (writeback && (folio.flags & PG_reclaim) !== 0) stat.nrCongested += nrPages;
}

/**
 * The folio's bytes are on their way: nobody waits for them here, it is freed when they have arrived. kswapd
 * counts those that it meets a second time.
 */
function shrinkWriteback({ sys, stat }: Pass, folio: Folio, nrPages: number): Outcome {
  const again = (folio.flags & PG_reclaim) !== 0;
  if (currentIsKswapd(sys) && again && (sys.pgdat.flags & PGDAT_WRITEBACK) !== 0) stat.nrImmediate += nrPages;
  else {
    folio.flags |= PG_reclaim;
    stat.nrWriteback += nrPages;
  }
  return "activate";
}

/** Anonymous memory needs a place in swap before it can be unmapped; undefined: go on. */
function addToSwap(pass: Pass, folio: Folio): Outcome | undefined {
  const { sys, sc } = pass;
  if (!folioTestAnon(folio) || (folio.flags & PG_swapbacked) === 0) return undefined;
  if ((folio.flags & PG_swapcache) !== 0) return undefined;
  if ((sc.gfpMask & __GFP_IO) === 0) return "keep";
  if (folio.order > 0) return addLargeToSwap(pass, folio);
  if (!folioAllocSwap(sys, folio)) return "activate";
  folio.flags |= PG_dirty;
  return undefined;
}

/**
 * The same for a large folio. It goes to swap as a whole, if there are slots side by side; else it is split,
 * and so it is at once if a part of it is mapped no more: that part needs no swap.
 */
function addLargeToSwap({ sys, parts }: Pass, folio: Folio): Outcome | undefined {
  const { order } = folio;
  if (folio.refcount !== 1 + folioMapcount(folio)) return "activate";
  const partial = (folio.flags & PG_partially_mapped) !== 0;
  if (partial && !splitFolio(sys, folio, 1, parts)) return "activate";
  if (!folioAllocSwap(sys, folio)) {
    if (folio.order === 0 || !splitFolio(sys, folio, 1, parts)) return "activate";
    if (order === HPAGE_PMD_ORDER) countFolioEvents(sys, folio, THP_SWPOUT_FALLBACK, 1);
    modMthpStat(sys, order, "swpout_fallback");
    if (!folioAllocSwap(sys, folio)) return "activate";
  }
  folio.flags |= PG_dirty;
  return undefined;
}

/** Takes the folio from all who map it; undefined: go on. */
function unmap({ sys, stat, flush }: Pass, folio: Folio, nrPages: number): Outcome | undefined {
  if (!folioMapped(folio)) return undefined;
  const wasSwapbacked = (folio.flags & PG_swapbacked) !== 0;
  tryToUnmap(sys, folio, flush);
  if (!folioMapped(folio)) return undefined;
  stat.nrUnmapFail += nrPages;
  if (!wasSwapbacked && (folio.flags & PG_swapbacked) !== 0) stat.nrLazyfreeFail += nrPages;
  return "activate";
}

/** A dirty folio; what becomes of it. */
function shrinkDirty(pass: Pass, folio: Folio, references: number): Outcome {
  const { sys, sc, stat, flush } = pass;
  const again = (folio.flags & PG_reclaim) !== 0 && (sys.pgdat.flags & PGDAT_DIRTY) !== 0;
  if (folioIsFileLru(folio) && !(currentIsKswapd(sys) && again)) {
    modNodePageState(sys, NR_VMSCAN_IMMEDIATE, folioNrPages(folio));
    folio.flags |= PG_reclaim; // freed as soon as it has been written
    return "activate";
  }
  const nrPages = folioNrPages(folio);
  const outcome = pageout(sys, folio, sc, references, flush, stat, pass.parts);
  if (folioNrPages(folio) < nrPages) sc.nrScanned -= nrPages - 1; // shared memory that was split
  return outcome;
}

/**
 * Sends the dirty folio to swap, if that is where it belongs: it is kept until it has arrived, or free at
 * once where that took no time. Files are the flusher's business. `stat` counts what was sent.
 * Linux mm/vmscan.c:pageout(), writeout(), and what is around them in shrink_folio_list()
 */
export function pageout(
  sys: MemorySystem,
  folio: Folio,
  sc: ScanControl,
  references: number,
  flush: TlbflushUnmapBatch,
  stat?: ReclaimStat,
  parts?: Folio[],
): "free" | "keep" | "activate" {
  if (references === FOLIOREF_RECLAIM_CLEAN) return "keep";
  if (!mayEnterFs(folio, sc.gfpMask) || !sc.mayWritepage) return "keep";
  tryToUnmapFlushDirty(sys, flush);
  if (folio.refcount !== 1 + folioNrPages(folio)) return "keep";
  const swapCached = (folio.flags & PG_swapcache) !== 0;
  if (folio.mapping === undefined && !swapCached) return "keep";
  if (folioIsFileLru(folio)) return "activate";
  folio.flags = (folio.flags & ~PG_dirty) | PG_reclaim;
  if (swapCached) swapWriteout(sys, folio);
  else if (!shmemWriteout(sys, folio, parts)) {
    folio.flags &= ~PG_reclaim;
    return "activate";
  }
  if (!folioIsWriteback(sys, folio)) folio.flags &= ~PG_reclaim;
  if (sys.trace.on)
    sys.trace.emit("vmscan:mm_vmscan_write_folio", { pfn: folio.pfn, reclaim_flags: RECLAIM_WB_ANON_ASYNC });
  modNodePageState(sys, NR_VMSCAN_WRITE, folioNrPages(folio));
  if (stat !== undefined) stat.nrPageout += folioNrPages(folio);
  if (folioIsWriteback(sys, folio) || (folio.flags & PG_dirty) !== 0) return "keep";
  return removeMapping(sys, folio, targetMemcg(sc)) ? "free" : "keep";
}

/**
 * Whoever still has a hold of the folio has no name for it any more: the cache gives it up, with a shadow in
 * its place, if it is clean and only the cache and the caller hold it; anonymous memory after MADV_FREE, if
 * only the caller does. Linux mm/vmscan.c:__remove_mapping(), and the lazyfree case of shrink_folio_list()
 */
export function removeMapping(sys: MemorySystem, folio: Folio, target?: Memcg): boolean {
  if (isLazyfree(folio)) {
    if (folio.refcount !== 1) return false;
    countFolioEvents(sys, folio, PGLAZYFREED, folioNrPages(folio));
    return true;
  }
  if (folio.refcount !== 1 + folioNrPages(folio) || (folio.flags & PG_dirty) !== 0) return false;
  if ((folio.flags & PG_swapcache) !== 0) {
    swapCacheDelFolio(sys, folio, workingsetEviction(sys, folio, target));
    return true;
  }
  const { mapping } = folio;
  if (mapping === undefined || mapping.isAnon) return false;
  filemapRemoveFolio(folio, folioIsFileLru(folio) ? workingsetEviction(sys, folio, target) : undefined);
  return true;
}

/** Tries to free one isolated folio. Linux mm/vmscan.c:shrink_folio_list(), the body of its loop */
function shrinkFolio(pass: Pass, folio: Folio): Outcome {
  const { sys, sc, stat } = pass;
  if (folioIsLocked(sys, folio)) return "keep";
  vmBugOnPage((folio.flags & PG_active) !== 0, folio.pfn, "is to be reclaimed, and active");
  const nrPages = folioNrPages(folio);
  sc.nrScanned += nrPages;
  if (!folioEvictable(folio)) return "activate";
  if (!sc.mayUnmap && folioMapped(folio)) return "keep";
  folioCheckDirtyWriteback(sys, folio, stat);
  if (folioIsWriteback(sys, folio)) return shrinkWriteback(pass, folio, nrPages);
  const references = pass.ignoreReferences ? FOLIOREF_RECLAIM : folioCheckReferences(sys, folio, sc);
  if (references === FOLIOREF_ACTIVATE) return "activate";
  if (references === FOLIOREF_KEEP) {
    stat.nrRefKeep += nrPages;
    return "keep";
  }
  const noSwap = addToSwap(pass, folio);
  if (folioNrPages(folio) < nrPages) sc.nrScanned -= nrPages - 1; // its other pages come by themselves
  const stays = noSwap ?? unmap(pass, folio, folioNrPages(folio));
  if (stays !== undefined) return stays;
  if ((folio.flags & PG_dirty) !== 0) return shrinkDirty(pass, folio, references);
  return removeMapping(sys, folio, targetMemcg(sc)) ? "free" : "keep";
}

/** It gets out of the way of the scan, unless mlock holds it. A slot that it has is better used by others. */
function setActive(sys: MemorySystem, stat: ReclaimStat, folio: Folio): void {
  if (
    (folio.flags & PG_swapcache) !== 0 &&
    (memCgroupSwapFull(sys, folio) || (folio.flags & PG_mlocked) !== 0)
  )
    folioFreeSwap(sys, folio);
  if ((folio.flags & PG_mlocked) !== 0) return;
  folio.flags |= PG_active;
  stat.nrActivate[folioIsFileLru(folio) ? 1 : 0] += folioNrPages(folio);
  countMemcgEvents(folio.memcg, PGACTIVATE, folioNrPages(folio));
}

/** No processor knows the folios any more: they are freed. Linux mm/page_alloc.c:free_unref_folios() */
function freeFolios(sys: MemorySystem, folios: Folio[], flush: TlbflushUnmapBatch): void {
  tryToUnmapFlush(sys, flush);
  for (let i = 0; i < folios.length; i++) folioPutRefs(sys, folios[i]!, 1);
  folios.length = 0;
}

/**
 * Frees what can be freed of isolated folios; how many pages. Those that stay are left in `folioList`, in
 * order, those of them that shall be active with PG_active. `stat` gets what was seen, sc.nrScanned how much
 * was looked at. With `ignoreReferences` use does not protect. Linux mm/vmscan.c:shrink_folio_list()
 */
export function shrinkFolioList(
  sys: MemorySystem,
  folioList: Folio[],
  sc: ScanControl,
  stat: ReclaimStat,
  ignoreReferences: boolean,
): number {
  const pass: Pass = { sys, sc, stat, ignoreReferences, parts: [], flush: newTlbflushUnmapBatch() };
  const free: Folio[] = [];
  const kept: Folio[] = [];
  let nrReclaimed = 0;
  const plug = blkStartPlug(sys);
  for (let i = 0; i < folioList.length; i++) {
    const folio = folioList[i]!;
    const outcome = shrinkFolio(pass, folio);
    if (pass.parts.length > 0) folioList.splice(i + 1, 0, ...pass.parts.splice(0).reverse());
    if (outcome === "free") {
      nrReclaimed += folioNrPages(folio);
      if (free.push(folio) === FOLIO_BATCH_SIZE) freeFolios(sys, free, pass.flush);
      continue;
    }
    if (outcome === "activate") setActive(sys, stat, folio);
    kept.push(folio);
  }
  blkFinishPlug(sys, plug);
  folioList.splice(0, folioList.length, ...kept);
  freeFolios(sys, free, pass.flush);
  countVmEvents(sys, PGACTIVATE, stat.nrActivate[0] + stat.nrActivate[1]);
  return nrReclaimed;
}
