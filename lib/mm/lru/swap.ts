/**
 * LRU batches: folios on their way to a list, 31 at a time on each CPU.
 *
 *   folioAddLru        --> lruAdd       --.
 *   folioActivate      --> activate     --|   full, or lruAddDrain():
 *   folioDeactivate    --> lruDeactivate--+-> folioBatchMoveLru: each folio to its list,
 *   folioMarkLazyfree  --> lruLazyfree  --|   and the batch's hold of it is let go
 *   mlockFolio         --> mlock        --'
 *
 * Taking the lock of a list for every page would be slow, so Linux collects. This can be seen from outside:
 *   - a folio in a batch has one reference more; a copy-on-write fault that finds it drains the batch before it decides
 *     whether it is the last owner, and FADV_DONTNEED cannot drop it until the batches of all CPUs are drained;
 *   - MADV_FREE takes effect (LazyFree in smaps) when the batch is drained;
 *   - a page unmapped while it is in a batch is freed when the batch is drained.
 *
 * Read first: mm_inline.ts. Read next: mm/pages/page_alloc.ts.
 */

import { VM_LOCKED, VM_SPECIAL, type VmAreaStruct } from "../mm_types.js";
import {
  type Folio,
  folioGet,
  folioMapped,
  folioTestAnon,
  PG_active,
  PG_dirty,
  PG_head,
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
  UNEVICTABLE_PGCULLED,
  UNEVICTABLE_PGRESCUED,
} from "../vmstat.js";
import { type CpuFbatches, FOLIO_BATCH_SIZE, thisCpuFbatches } from "./fbatch.js";
import { folioEvictable, mlockFolioBatch, mlockNewFolio } from "./mlock_batch.js";
import { lruvecAddFolio, lruvecDelFolio } from "./mm_inline.js";

type MoveFn = (sys: MemorySystem, folio: Folio) => void;

/** Moves every folio of the batch and lets go of it. Linux mm/swap.c:folio_batch_move_lru() */
function folioBatchMoveLru(sys: MemorySystem, batch: Folio[], move: MoveFn): void {
  const folios = batch.splice(0);
  for (let i = 0; i < folios.length; i++) {
    move(sys, folios[i]!);
    folioPut(sys, folios[i]!);
  }
}

/** Puts the folio in a batch with a hold of its own. Linux mm/swap.c:__folio_batch_add_and_move() */
function folioBatchAddAndMove(
  sys: MemorySystem,
  batch: Folio[],
  folio: Folio,
  move: MoveFn,
  onLru: boolean,
): void {
  if (onLru) {
    if ((folio.flags & PG_lru) === 0) return;
    // Off the list for good while it waits: nobody else may isolate it. Linux only clears PG_lru.
    lruvecDelFolio(sys, folio);
  }
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
  if ((folio.flags & (PG_active | PG_unevictable)) === 0) {
    folio.flags |= PG_active;
    countVmEvents(sys, PGACTIVATE, 1 << folio.order);
  }
  lruvecAddFolio(sys, folio);
}

/** Linux mm/swap.c:lru_deactivate() */
function lruDeactivate(sys: MemorySystem, folio: Folio): void {
  if ((folio.flags & PG_unevictable) === 0 && (folio.flags & (PG_active | PG_referenced)) !== 0) {
    if ((folio.flags & PG_active) !== 0) countVmEvents(sys, PGDEACTIVATE, 1 << folio.order);
    folio.flags &= ~(PG_active | PG_referenced);
  }
  lruvecAddFolio(sys, folio);
}

/** Linux mm/swap.c:lru_deactivate_file() */
function lruDeactivateFile(sys: MemorySystem, folio: Folio): void {
  if ((folio.flags & PG_unevictable) === 0 && !folioMapped(folio)) {
    if ((folio.flags & PG_active) !== 0) countVmEvents(sys, PGDEACTIVATE, 1 << folio.order);
    folio.flags &= ~(PG_active | PG_referenced);
    if ((folio.flags & (PG_writeback | PG_dirty)) !== 0) folio.flags |= PG_reclaim;
  }
  lruvecAddFolio(sys, folio);
}

/** Linux mm/swap.c:lru_lazyfree() */
function lruLazyfree(sys: MemorySystem, folio: Folio): void {
  if (
    folioTestAnon(folio) &&
    (folio.flags & (PG_swapbacked | PG_swapcache | PG_unevictable)) === PG_swapbacked
  ) {
    // A clean anonymous folio without PG_swapbacked is what "lazily freed" means.
    folio.flags &= ~(PG_active | PG_referenced | PG_swapbacked);
    countVmEvents(sys, PGLAZYFREE, 1 << folio.order);
  }
  lruvecAddFolio(sys, folio);
}

/** A new folio is to go on its LRU list. Linux mm/swap.c:folio_add_lru() */
export function folioAddLru(sys: MemorySystem, folio: Folio): void {
  folioBatchAddAndMove(sys, thisCpuFbatches(sys).lruAdd, folio, lruAdd, false);
}

/** The same for a folio mapped by `vma`, which may be locked. Linux mm/swap.c:folio_add_lru_vma() */
export function folioAddLruVma(folio: Folio, vma: VmAreaStruct): void {
  if ((vma.vmFlags & (VM_LOCKED | VM_SPECIAL)) === VM_LOCKED) mlockNewFolio(vma.vmMm.sys, folio);
  else folioAddLru(vma.vmMm.sys, folio);
}

/** Moves the folio to the active list. Linux mm/swap.c:folio_activate() */
export function folioActivate(sys: MemorySystem, folio: Folio): void {
  if ((folio.flags & (PG_active | PG_unevictable)) !== 0) return;
  folioBatchAddAndMove(sys, thisCpuFbatches(sys).activate, folio, lruActivate, true);
}

/** The folio was used: first time referenced, second time active. Linux mm/swap.c:folio_mark_accessed() */
export function folioMarkAccessed(sys: MemorySystem, folio: Folio): void {
  if ((folio.flags & PG_referenced) === 0) {
    folio.flags |= PG_referenced;
    return;
  }
  if ((folio.flags & (PG_unevictable | PG_active)) !== 0) return;
  if ((folio.flags & PG_lru) !== 0) folioActivate(sys, folio);
  else if (thisCpuFbatches(sys).lruAdd.includes(folio)) folio.flags |= PG_active;
  folio.flags &= ~PG_referenced;
}

/** MADV_COLD, FADV_NOREUSE: to the inactive list. Linux mm/swap.c:folio_deactivate() */
export function folioDeactivate(sys: MemorySystem, folio: Folio): void {
  if ((folio.flags & PG_unevictable) !== 0 || (folio.flags & (PG_active | PG_referenced)) === 0) return;
  folioBatchAddAndMove(sys, thisCpuFbatches(sys).lruDeactivate, folio, lruDeactivate, true);
}

/**
 * A cache folio that could not be dropped goes to the inactive list. Linux mm/swap.c:deactivate_file_folio()
 */
export function deactivateFileFolio(sys: MemorySystem, folio: Folio): void {
  if ((folio.flags & PG_unevictable) !== 0) return;
  folioBatchAddAndMove(sys, thisCpuFbatches(sys).lruDeactivateFile, folio, lruDeactivateFile, true);
}

/**
 * MADV_FREE: the folio may be thrown away unless it is written again. Linux mm/swap.c:folio_mark_lazyfree()
 */
export function folioMarkLazyfree(sys: MemorySystem, folio: Folio): void {
  if (!folioTestAnon(folio)) return;
  if ((folio.flags & (PG_swapbacked | PG_lru | PG_swapcache | PG_unevictable)) !== (PG_swapbacked | PG_lru))
    return;
  folioBatchAddAndMove(sys, thisCpuFbatches(sys).lruLazyfree, folio, lruLazyfree, true);
}

/** Empties the batches of one CPU. Linux mm/swap.c:lru_add_drain_cpu(), mm/mlock.c:mlock_drain_local() */
function lruAddDrainCpu(sys: MemorySystem, batches: CpuFbatches): void {
  if (batches.lruAdd.length > 0) folioBatchMoveLru(sys, batches.lruAdd, lruAdd);
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
