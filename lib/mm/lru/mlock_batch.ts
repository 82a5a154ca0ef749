/**
 * Locking folios: how a page that mlock covers gets onto the unevictable list, and off it again.
 *
 *   mlockFolio, mlockNewFolio, munlockFolio
 *       PG_mlocked, NR_MLOCK            at once
 *       the list                        when the CPU's batch is full, or drained: mlockFolioBatch
 *
 *   folio.mlockCount   locked VMAs that map it, as far as they were counted on the unevictable list
 *
 * A folio that is off the lists when its turn comes (isolated by somebody) is not counted: the last one to
 * unlock may then unlock it too early, never too late, and the next look at it puts that right.
 *
 * Linux mm/mlock.c. Read first: fbatch.ts, mm_inline.ts. Read next: swap.ts, mm/vma/mlock.ts.
 */

import type { Folio } from "../pages/folio.js";
import { folioGet, PG_active, PG_head, PG_lru, PG_mlocked, PG_unevictable } from "../pages/folio.js";
import { folioPut } from "../pages/free_pages.js";
import type { MemorySystem } from "../system.js";
import {
  countVmEvents,
  modNodePageState,
  NR_MLOCK,
  UNEVICTABLE_PGCULLED,
  UNEVICTABLE_PGMLOCKED,
  UNEVICTABLE_PGMUNLOCKED,
  UNEVICTABLE_PGRESCUED,
  UNEVICTABLE_PGSTRANDED,
} from "../vmstat.js";
import type { MlockWork } from "./fbatch.js";
import { FOLIO_BATCH_SIZE, thisCpuFbatches } from "./fbatch.js";
import { lruvecAddFolio, lruvecDelFolio } from "./mm_inline.js";

/** Whether the folio may lie on a list that reclaim looks through. Linux mm/internal.h:folio_evictable() */
export function folioEvictable(folio: Folio): boolean {
  return (folio.flags & PG_mlocked) === 0;
}

function queueMlock(sys: MemorySystem, folio: Folio, what: MlockWork["what"]): void {
  const { mlock } = thisCpuFbatches(sys);
  folioGet(folio);
  mlock.push({ folio, what });
  if (mlock.length >= FOLIO_BATCH_SIZE || (folio.flags & PG_head) !== 0) mlockFolioBatch(sys, mlock);
}

function setMlocked(sys: MemorySystem, folio: Folio): void {
  if ((folio.flags & PG_mlocked) !== 0) return;
  const nrPages = 1 << folio.order;
  folio.flags |= PG_mlocked;
  modNodePageState(sys, NR_MLOCK, nrPages);
  countVmEvents(sys, UNEVICTABLE_PGMLOCKED, nrPages);
}

/** A folio on the LRU came to be mapped by a locked VMA. Linux mm/mlock.c:mlock_folio() */
export function mlockFolio(sys: MemorySystem, folio: Folio): void {
  setMlocked(sys, folio);
  queueMlock(sys, folio, "lru");
}

/** A new folio is mapped by a locked VMA. Linux mm/mlock.c:mlock_new_folio() */
export function mlockNewFolio(sys: MemorySystem, folio: Folio): void {
  setMlocked(sys, folio);
  queueMlock(sys, folio, "new");
}

/** A locked VMA maps the folio no more. Linux mm/mlock.c:munlock_folio() */
export function munlockFolio(sys: MemorySystem, folio: Folio): void {
  queueMlock(sys, folio, "unlock");
}

/** Linux mm/mlock.c:mlock_folio_batch() */
export function mlockFolioBatch(sys: MemorySystem, batch: MlockWork[]): void {
  for (const { folio, what } of batch.splice(0)) {
    if (what === "unlock") munlockOne(sys, folio);
    else if (what === "new") mlockNewOne(sys, folio);
    else mlockOne(sys, folio);
    folioPut(sys, folio);
  }
}

/**
 * Puts the folio onto the unevictable list, locked once. Linux mm/mlock.c:__mlock_folio(),
 * __mlock_new_folio()
 */
function cullMlocked(sys: MemorySystem, folio: Folio): void {
  folio.flags = (folio.flags & ~PG_active) | PG_unevictable;
  folio.mlockCount = 1;
  countVmEvents(sys, UNEVICTABLE_PGCULLED, 1 << folio.order);
}

/** Takes the folio off the unevictable list, back to where reclaim finds it. */
function rescue(sys: MemorySystem, folio: Folio): void {
  lruvecDelFolio(sys, folio);
  folio.flags &= ~PG_unevictable;
  lruvecAddFolio(sys, folio);
  countVmEvents(sys, UNEVICTABLE_PGRESCUED, 1 << folio.order);
}

/**
 * One locked VMA more maps a folio that is on a list; off the lists nothing can be done.
 * Linux mm/mlock.c:__mlock_folio()
 */
function mlockOne(sys: MemorySystem, folio: Folio): void {
  if ((folio.flags & PG_lru) === 0) return;
  const unevictable = (folio.flags & PG_unevictable) !== 0;
  if (folioEvictable(folio)) {
    if (unevictable) rescue(sys, folio); // unlocked again while it waited in the batch
  } else if (unevictable) folio.mlockCount++;
  else {
    lruvecDelFolio(sys, folio);
    cullMlocked(sys, folio);
    lruvecAddFolio(sys, folio);
  }
}

/** A folio that was on no list yet. Linux mm/mlock.c:__mlock_new_folio() */
function mlockNewOne(sys: MemorySystem, folio: Folio): void {
  if (!folioEvictable(folio)) cullMlocked(sys, folio);
  lruvecAddFolio(sys, folio);
}

/**
 * One locked VMA less maps the folio; after the last one it is unlocked. Off the lists nobody counts, and it
 * is taken for the last.
 * Linux mm/mlock.c:__munlock_folio()
 */
function munlockOne(sys: MemorySystem, folio: Folio): void {
  const nrPages = 1 << folio.order;
  const onLru = (folio.flags & PG_lru) !== 0;
  const unevictable = (folio.flags & PG_unevictable) !== 0;
  if (onLru && unevictable) {
    if (folio.mlockCount > 0) folio.mlockCount--;
    if (folio.mlockCount > 0) return;
  }
  if ((folio.flags & PG_mlocked) !== 0) {
    folio.flags &= ~PG_mlocked;
    modNodePageState(sys, NR_MLOCK, -nrPages);
    countVmEvents(sys, onLru || !unevictable ? UNEVICTABLE_PGMUNLOCKED : UNEVICTABLE_PGSTRANDED, nrPages);
  }
  if (onLru && unevictable) rescue(sys, folio);
}
