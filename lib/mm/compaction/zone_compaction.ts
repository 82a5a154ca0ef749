/**
 * What compaction remembers about a zone from one run to the next, as data.
 *
 *   zone  |....|....|XXXX|....|....|....|XXXX|....|      X: marked "skip" (FreeLinks.pageblockSkip)
 *              ^                             ^
 *              cachedMigratePfn              cachedFreePfn      here the scanners go on
 *              [async, sync]
 *
 *   considered, deferShift, orderFailed      how often to leave the zone alone after a failure (defer.ts)
 *
 * Linux include/linux/mmzone.h:struct zone. Read first: mm/pages/buddy.ts. Read next: defer.ts, skip.ts.
 */

/** The fields of a zone that only compaction uses. Linux include/linux/mmzone.h:struct zone */
export interface ZoneCompaction {
  /** Where the free scanner goes on. Linux compact_cached_free_pfn */
  cachedFreePfn: number;
  /** Where the migrate scanner goes on, in async mode and in the others. Linux compact_cached_migrate_pfn */
  readonly cachedMigratePfn: [number, number];
  /** The first and the last page block worth a look, as of the last reset. Linux compact_init_..._pfn */
  initMigratePfn: number;
  initFreePfn: number;
  /** Attempts skipped since the last failure. Linux compact_considered */
  considered: number;
  /** log2 of the attempts to skip. Linux compact_defer_shift */
  deferShift: number;
  /** The lowest order that failed. Linux compact_order_failed */
  orderFailed: number;
  /** A direct compaction went through the whole zone: the skip marks may go. Linux compact_blockskip_flush */
  blockskipFlush: boolean;
}

/** Nothing is known yet. Not in Linux: a zone begins with zeros there. */
export function newZoneCompaction(): ZoneCompaction {
  return {
    cachedFreePfn: 0,
    cachedMigratePfn: [0, 0],
    initMigratePfn: 0,
    initFreePfn: 0,
    considered: 0,
    deferShift: 0,
    orderFailed: 0,
    blockskipFlush: false,
  };
}
