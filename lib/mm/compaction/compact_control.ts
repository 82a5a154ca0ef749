/**
 * One compaction: what its results, modes and priorities are called, and one that has not begun.
 *
 *   zone  | scanned | m i g r a t e -->        ...        <-- f r e e | scanned |
 *                   ^ migratePfn                                     ^ freePfn
 *          used pages of low page blocks       free frames of high page blocks
 *                  migratepages  -------- moved into ------->  freepages
 *
 * Linux mm/internal.h:struct compact_control, include/linux/compaction.h, include/linux/migrate_mode.h.
 * Left out: contended locks and fatal signals, which end a compaction early; alloc_contig and CMA.
 *
 * Read first: compact_types.ts. Read next: compact_zone.ts.
 */
import { MAX_PAGE_ORDER } from "../pages/buddy.js";
import type { Folio } from "../pages/folio.js";
import type { CompactControlOf } from "./compact_types.js";

/** How a compaction ended, the better the higher. Linux include/linux/compaction.h:enum compact_result */
export const COMPACT_NOT_SUITABLE_ZONE = 0;
/** It did not begin: there are not enough free pages, or no need. */
export const COMPACT_SKIPPED = 1;
/** It did not begin, for it has failed too often lately. */
export const COMPACT_DEFERRED = 2;
/** Go on: no block is free yet. Only traces see it. */
export const COMPACT_NO_SUITABLE_PAGE = 3;
/** Go on. */
export const COMPACT_CONTINUE = 4;
/** The scanners have met, and all of the zone was looked at. */
export const COMPACT_COMPLETE = 5;
/** The scanners have met, but not all of the zone was looked at. */
export const COMPACT_PARTIAL_SKIPPED = 6;
/** It had to stop. */
export const COMPACT_CONTENDED = 7;
/** A block is free. */
export const COMPACT_SUCCESS = 8;

/** How long moving a page may take. Linux include/linux/migrate_mode.h: it never waits */
export const MIGRATE_ASYNC = 0;
/** It does not wait for devices. */
export const MIGRATE_SYNC_LIGHT = 1;
/** It waits for whatever there is. */
export const MIGRATE_SYNC = 2;

/** How hard a direct compaction tries, hardest first. Linux include/linux/compaction.h:compact_priority */
export const COMPACT_PRIO_SYNC_FULL = 0;
export const COMPACT_PRIO_SYNC_LIGHT = 1;
export const COMPACT_PRIO_ASYNC = 2;

/** Pages that are isolated before they are moved. Linux include/linux/swap.h:COMPACT_CLUSTER_MAX */
export const COMPACT_CLUSTER_MAX = 32;

/** The order of "as much as you can": nobody waits for a block. Linux is_via_compact_memory() */
export const VIA_COMPACT_MEMORY = -1;

/** In CompactControl.fastStartPfn: it was used. Linux ULONG_MAX */
export const FAST_START_USED = -1;

/** One compaction. Linux mm/internal.h:struct compact_control */
export type CompactControl = CompactControlOf<Folio>;

/** What a compaction is to be like; all else is off. */
type CompactOptions = Partial<CompactControl> & Pick<CompactControl, "zone" | "order" | "mode" | "gfpMask">;

/** A compaction that has not begun. Not in Linux: an initializer there. */
export function newCompactControl(options: CompactOptions): CompactControl {
  return {
    freepages: Array.from({ length: MAX_PAGE_ORDER + 1 }, () => []),
    migratepages: [],
    nrFreepages: 0,
    nrMigratepages: 0,
    freePfn: 0,
    migratePfn: 0,
    fastStartPfn: 0,
    totalMigrateScanned: 0,
    totalFreeScanned: 0,
    fastSearchFail: 0,
    searchOrder: options.order,
    migratetype: 0,
    allocFlags: 0,
    highestZoneidx: 0,
    ignoreSkipHint: false,
    ignoreBlockSuitable: false,
    directCompaction: false,
    proactiveCompaction: false,
    wholeZone: false,
    finishPageblock: false,
    lastMigratedPfn: 0,
    updateCached: false,
    ...options,
  };
}
