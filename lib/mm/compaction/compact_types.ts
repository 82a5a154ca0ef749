/**
 * One compaction as data: what is wanted, how far both scanners are, and what they hold.
 *
 *   zone  | scanned | m i g r a t e -->        ...        <-- f r e e | scanned |
 *                   ^ migratePfn                                     ^ freePfn
 *          used pages of low page blocks       free frames of high page blocks
 *                  migratepages  -------- moved into ------->  freepages
 *
 * Everything is a plain value, also what Linux has in local variables of compact_zone(), so that kcompactd
 * can work on it a little at a time, and a snapshot sees all of it.
 *
 * The node (mm/pages/pglist_data.ts) has one of these, so that folios are only named by a letter here.
 *
 * Linux mm/internal.h. Read first: zone_compaction.ts. Read next: compact_control.ts.
 */
import type { Pfn } from "../../hw/address.js";
import type { Zone } from "../pages/buddy.js";

/** One compaction; F is a folio. Linux mm/internal.h:struct compact_control */
export interface CompactControlOf<F> {
  zone: Zone;
  /** First frames of isolated free blocks, by order. */
  readonly freepages: number[][];
  /** Isolated folios; the one taken last is moved first. */
  migratepages: F[];
  /** Pages in both. */
  nrFreepages: number;
  nrMigratepages: number;
  /** Where the scanners are. */
  freePfn: number;
  migratePfn: number;
  /** The lowest page block that the fast search has found: a linear scan begins there. 0: none yet. */
  fastStartPfn: number;
  totalMigrateScanned: number;
  totalFreeScanned: number;
  /** Fast searches in a row that found nothing, and the order at which the next one begins. */
  fastSearchFail: number;
  searchOrder: number;
  readonly gfpMask: number;
  /** Of the block that is wanted; VIA_COMPACT_MEMORY: no block is. */
  readonly order: number;
  /** MIGRATE_* of the request. */
  migratetype: number;
  readonly allocFlags: number;
  readonly highestZoneidx: number;
  readonly mode: number;
  /** Looks at page blocks that are marked "skip", and at those of any type, too. */
  readonly ignoreSkipHint: boolean;
  readonly ignoreBlockSuitable: boolean;
  /** An allocation waits for it. */
  readonly directCompaction: boolean;
  /** kcompactd does it ahead of need. */
  readonly proactiveCompaction: boolean;
  /** It began with the first page block. */
  wholeZone: boolean;
  /** The page block at hand is isolated to its end, though 32 pages would do. */
  finishPageblock: boolean;
  /** The page block of which pages were moved last, 0 for none. Linux: a local variable of compact_zone() */
  lastMigratedPfn: number;
  /** Both cached positions of the migrate scanner go together. Linux: a local variable of compact_zone() */
  updateCached: boolean;
}

/** What came of it: one of COMPACT_, and the first frame of a block that was caught, or -1. */
export interface CompactAttempt {
  readonly result: number;
  readonly captured: Pfn;
}

/** An allocation that needs a block. Linux: arguments of try_to_compact_pages() */
export interface DirectCompact {
  readonly gfp: number;
  readonly order: number;
  readonly allocFlags: number;
  readonly highestZoneidx: number;
  /** COMPACT_PRIO_... */
  readonly prio: number;
}
