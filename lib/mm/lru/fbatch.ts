/**
 * Batches: folios on their way to an LRU list, or to be locked, 31 at a time on each CPU.
 *
 * Only the batches themselves; what becomes of a full one is in swap.ts (the lists) and mlock_batch.ts
 * (locking).
 *
 * Linux mm/swap.c, mm/mlock.c. Read next: swap.ts.
 */
import type { Folio } from "../pages/folio.js";
import type { MemorySystem } from "../system.js";

/** Folios a batch holds. Linux include/linux/folio_batch.h:FOLIO_BATCH_SIZE */
export const FOLIO_BATCH_SIZE = 31;

/** The batches of one CPU. Linux mm/swap.c:struct cpu_fbatches, mm/mlock.c:struct mlock_fbatch */
export class CpuFbatches {
  readonly lruAdd: Folio[] = [];
  readonly lruMoveTail: Folio[] = [];
  readonly lruDeactivateFile: Folio[] = [];
  readonly lruDeactivate: Folio[] = [];
  readonly lruLazyfree: Folio[] = [];
  readonly activate: Folio[] = [];
  readonly mlock: MlockWork[] = [];
}

/** A folio waiting to be locked or unlocked. Linux marks the low bits of the pointer. */
export interface MlockWork {
  folio: Folio;
  what: "lru" | "new" | "unlock";
}

export function thisCpuFbatches(sys: MemorySystem): CpuFbatches {
  const batches = sys.cpuFbatches[sys.thisCpu];
  if (batches !== undefined) return batches;
  const created = new CpuFbatches();
  sys.cpuFbatches[sys.thisCpu] = created;
  return created;
}
