/**
 * LRU batches: folios on their way to a list, 31 at a time on each CPU.
 *
 *   folioAddLru        --> lruAdd       --.
 *   folioActivate      --> activate     --|   full, or lruAddDrain():
 *   folioDeactivate    --> lruDeactivate--+-> folioBatchMoveLru: each folio to its list,
 *   folioMarkLazyfree  --> lruLazyfree  --|   and the batch's hold of it is let go
 *   end of writeback   --> lruMoveTail  --|
 *   mlockFolio         --> mlock        --'
 *
 * Taking the lock of a list for every page would be slow, so Linux collects. This can be seen from outside:
 *   - a folio in a batch has one reference more; a copy-on-write fault that finds it drains the batch before it decides
 *     whether it is the last owner, and FADV_DONTNEED cannot drop it until the batches of all CPUs are drained;
 *   - MADV_FREE takes effect (LazyFree in smaps) when the batch is drained;
 *   - a folio that is to be moved stays on its old list until then, where reclaim may find it;
 *   - a page unmapped while it is in a batch is freed when the batch is drained.
 *
 * Read first: mm_inline.ts. Read next: mm/pages/page_alloc.ts.
 */

import { countFolioEvents, folioLruvec } from "../memcg/stats.js";
import { VM_LOCKED, VM_SPECIAL, type VmAreaStruct } from "../mm_types.js";
import {
  type Folio,
  folioGet,
  folioMapped,
  folioTestAnon,
  PG_active,
  PG_dirty,
  PG_head,
  PG_locked,
  PG_lru,
  PG_reclaim,
  PG_referenced,
  PG_swapbacked,
  PG_swapcache,
  PG_unevictable,
  PG_writeback,
} from "../pages/folio.js";
import { folioPut } from "../pages/free_pages.js";
import type { MemorySystem } from "../system.js";
import {
  countVmEvents,
  PGACTIVATE,
  PGDEACTIVATE,
  PGLAZYFREE,
  PGROTATED,
  UNEVICTABLE_PGCULLED,
  UNEVICTABLE_PGRESCUED,
} from "../vmstat.js";
import { type CpuFbatches, FOLIO_BATCH_SIZE, thisCpuFbatches } from "./fbatch.js";
import { lruGenClearRefs, lruGenIncRefs } from "./gen/refs.js";
import { folioEvictable, mlockFolioBatch, mlockNewFolio } from "./mlock_batch.js";
import { lruvecAddFolio, lruvecAddFolioTail, lruvecDelFolio } from "./mm_inline.js";
import { workingsetActivation } from "./workingset.js";

type MoveFn = (sys: MemorySystem, folio: Folio) => void;

/**
 * Moves every folio of the batch, unless it has left its list meanwhile, and lets go of it.
 * Linux mm/swap.c:folio_batch_move_lru()
 */
function folioBatchMoveLru(sys: MemorySystem, batch: Folio[], move: MoveFn): void {
  const folios = batch.splice(0);
  for (let i = 0; i < folios.length; i++) {
    const folio = folios[i]!;
    if (move === lruAdd || (folio.flags & PG_lru) !== 0) move(sys, folio);
    folioPut(sys, folio);
  }
}

/** Puts the folio in a batch with a hold of its own. Linux mm/swap.c:__folio_batch_add_and_move() */
function folioBatchAddAndMove(sys: MemorySystem, batch: Folio[], folio: Folio, move: MoveFn): void {
  folioGet(folio);
  batch.push(folio);
  if (batch.length >= FOLIO_BATCH_SIZE || (folio.flags & PG_head) !== 0) folioBatchMoveLru(sys, batch, move);
}

/** Linux mm/swap.c:lru_add() */
function lruAdd(sys: MemorySystem, folio: Folio): void {
  const nrPages = 1 << folio.order;
  const wasUnevictable = (folio.flags & PG_unevictable) !== 0;
  folio.flags &= ~PG_unevictable;
  if (folioEvictable(folio) || folio.refcount === 0) {
    if (wasUnevictable) countVmEvents(sys, UNEVICTABLE_PGRESCUED, nrPages);
  } else {
    folio.flags = (folio.flags & ~PG_active) | PG_unevictable;
    folio.mlockCount = 0; // whoever locked it may have counted already: rather too few than stuck for ever
    if (!wasUnevictable) countVmEvents(sys, UNEVICTABLE_PGCULLED, nrPages);
  }
  lruvecAddFolio(sys, folio);
}

/** Linux mm/swap.c:lru_activate() */
function lruActivate(sys: MemorySystem, folio: Folio): void {
  if ((folio.flags & (PG_active | PG_unevictable)) !== 0) return;
  lruvecDelFolio(sys, folio);
  folio.flags |= PG_active;
  lruvecAddFolio(sys, folio);
  countFolioEvents(sys, folio, PGACTIVATE, 1 << folio.order);
}

/** Linux mm/swap.c:lru_move_tail() */
function lruMoveTail(sys: MemorySystem, folio: Folio): void {
  if ((folio.flags & PG_unevictable) !== 0) return;
  lruvecDelFolio(sys, folio);
  folio.flags &= ~PG_active;
  lruvecAddFolioTail(sys, folio);
  countVmEvents(sys, PGROTATED, 1 << folio.order);
}

/** Linux mm/swap.c:lru_deactivate() */
function lruDeactivate(sys: MemorySystem, folio: Folio): void {
  if ((folio.flags & PG_unevictable) !== 0) return;
  if ((folio.flags & PG_active) === 0 && !sys.lruGen.enabled) return;
  lruvecDelFolio(sys, folio);
  folio.flags &= ~(PG_active | PG_referenced);
  lruvecAddFolio(sys, folio);
  countFolioEvents(sys, folio, PGDEACTIVATE, 1 << folio.order);
}

/** Linux mm/swap.c:lru_deactivate_file() */
function lruDeactivateFile(sys: MemorySystem, folio: Folio): void {
  if ((folio.flags & PG_unevictable) !== 0 || folioMapped(folio)) return;
  const nrPages = 1 << folio.order;
  const wasActive = (folio.flags & PG_active) !== 0 || sys.lruGen.enabled;
  lruvecDelFolio(sys, folio);
  folio.flags &= ~(PG_active | PG_referenced);
  if ((folio.flags & (PG_writeback | PG_dirty)) !== 0) {
    lruvecAddFolio(sys, folio);
    folio.flags |= PG_reclaim;
  } else {
    lruvecAddFolioTail(sys, folio);
    countVmEvents(sys, PGROTATED, nrPages);
  }
  if (wasActive) countFolioEvents(sys, folio, PGDEACTIVATE, nrPages);
}

/** Linux mm/swap.c:lru_lazyfree() */
function lruLazyfree(sys: MemorySystem, folio: Folio): void {
  if (!folioTestAnon(folio)) return;
  if ((folio.flags & (PG_swapbacked | PG_swapcache | PG_unevictable)) !== PG_swapbacked) return;
  lruvecDelFolio(sys, folio);
  // A clean anonymous folio without PG_swapbacked is what "lazily freed" means.
  folio.flags &= ~(PG_active | PG_swapbacked);
  if (!sys.lruGen.enabled) folio.flags &= ~PG_referenced;
  lruvecAddFolio(sys, folio);
  countFolioEvents(sys, folio, PGLAZYFREE, 1 << folio.order);
}

/** A new folio is to go on its LRU list. Linux mm/swap.c:folio_add_lru() */
export function folioAddLru(sys: MemorySystem, folio: Folio): void {
  const { lruGen } = sys;
  if (lruGen.enabled && lruGen.inLruFault && !sys.pfMemalloc && (folio.flags & PG_unevictable) === 0)
    folio.flags |= PG_active; // not the oldest generation
  folioBatchAddAndMove(sys, thisCpuFbatches(sys).lruAdd, folio, lruAdd);
}

/** The same for a folio mapped by `vma`, which may be locked. Linux mm/swap.c:folio_add_lru_vma() */
export function folioAddLruVma(folio: Folio, vma: VmAreaStruct): void {
  if ((vma.vmFlags & (VM_LOCKED | VM_SPECIAL)) === VM_LOCKED) mlockNewFolio(vma.vmMm.sys, folio);
  else folioAddLru(vma.vmMm.sys, folio);
}

/** Moves the folio to the active list. Linux mm/swap.c:folio_activate() */
export function folioActivate(sys: MemorySystem, folio: Folio): void {
  if ((folio.flags & (PG_active | PG_unevictable | PG_lru)) !== PG_lru) return;
  folioBatchAddAndMove(sys, thisCpuFbatches(sys).activate, folio, lruActivate);
}

/**
 * Reclaim has marked the folio to be freed as soon as it is written, and now it is: to the tail, where it is
 * looked at next. Linux mm/swap.c:folio_rotate_reclaimable()
 */
export function folioRotateReclaimable(sys: MemorySystem, folio: Folio): void {
  if ((folio.flags & (PG_locked | PG_dirty | PG_unevictable | PG_lru)) !== PG_lru) return;
  folioBatchAddAndMove(sys, thisCpuFbatches(sys).lruMoveTail, folio, lruMoveTail);
}

/** The folio was used: first time referenced, second time active. Linux mm/swap.c:folio_mark_accessed() */
export function folioMarkAccessed(sys: MemorySystem, folio: Folio): void {
  if (sys.lruGen.enabled) {
    lruGenIncRefs(folio);
    return;
  }
  if ((folio.flags & PG_referenced) === 0) {
    folio.flags |= PG_referenced;
    return;
  }
  if ((folio.flags & (PG_unevictable | PG_active)) !== 0) return;
  if ((folio.flags & PG_lru) !== 0) folioActivate(sys, folio);
  else if (thisCpuFbatches(sys).lruAdd.includes(folio)) folio.flags |= PG_active;
  folio.flags &= ~PG_referenced;
  workingsetActivation(sys, folio);
}

/** MADV_COLD: from the active list to the inactive one. Linux mm/swap.c:folio_deactivate() */
export function folioDeactivate(sys: MemorySystem, folio: Folio): void {
  if ((folio.flags & (PG_unevictable | PG_lru)) !== PG_lru) return;
  if (
    sys.lruGen.enabled
      ? lruGenClearRefs(folioLruvec(sys, folio).lrugen, folio)
      : (folio.flags & PG_active) === 0
  )
    return;
  folioBatchAddAndMove(sys, thisCpuFbatches(sys).lruDeactivate, folio, lruDeactivate);
}

/**
 * A cache folio that could not be dropped goes to the inactive list. Linux mm/swap.c:deactivate_file_folio()
 */
export function deactivateFileFolio(sys: MemorySystem, folio: Folio): void {
  if ((folio.flags & (PG_unevictable | PG_lru)) !== PG_lru) return;
  if (sys.lruGen.enabled && lruGenClearRefs(folioLruvec(sys, folio).lrugen, folio)) return;
  folioBatchAddAndMove(sys, thisCpuFbatches(sys).lruDeactivateFile, folio, lruDeactivateFile);
}

/**
 * MADV_FREE: the folio may be thrown away unless it is written again. Linux mm/swap.c:folio_mark_lazyfree()
 */
export function folioMarkLazyfree(sys: MemorySystem, folio: Folio): void {
  if (!folioTestAnon(folio)) return;
  if ((folio.flags & (PG_swapbacked | PG_lru | PG_swapcache | PG_unevictable)) !== (PG_swapbacked | PG_lru))
    return;
  folioBatchAddAndMove(sys, thisCpuFbatches(sys).lruLazyfree, folio, lruLazyfree);
}

/** Empties the batches of one CPU. Linux mm/swap.c:lru_add_drain_cpu(), mm/mlock.c:mlock_drain_local() */
function lruAddDrainCpu(sys: MemorySystem, batches: CpuFbatches): void {
  if (batches.lruAdd.length > 0) folioBatchMoveLru(sys, batches.lruAdd, lruAdd);
  if (batches.lruMoveTail.length > 0) folioBatchMoveLru(sys, batches.lruMoveTail, lruMoveTail);
  if (batches.lruDeactivateFile.length > 0)
    folioBatchMoveLru(sys, batches.lruDeactivateFile, lruDeactivateFile);
  if (batches.lruDeactivate.length > 0) folioBatchMoveLru(sys, batches.lruDeactivate, lruDeactivate);
  if (batches.lruLazyfree.length > 0) folioBatchMoveLru(sys, batches.lruLazyfree, lruLazyfree);
  if (batches.activate.length > 0) folioBatchMoveLru(sys, batches.activate, lruActivate);
  if (batches.mlock.length > 0) mlockFolioBatch(sys, batches.mlock);
}

/** Empties the batches of this CPU. Linux mm/swap.c:lru_add_drain() */
export function lruAddDrain(sys: MemorySystem): void {
  lruAddDrainCpu(sys, thisCpuFbatches(sys));
}

/** Empties the batches of all CPUs. Linux mm/swap.c:lru_add_drain_all() */
export function lruAddDrainAll(sys: MemorySystem): void {
  for (const batches of sys.cpuFbatches) if (batches !== undefined) lruAddDrainCpu(sys, batches);
}
