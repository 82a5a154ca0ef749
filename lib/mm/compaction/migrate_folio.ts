/**
 * Moving one folio: another frame takes its place everywhere.
 *
 *   migrateFolioUnmap     a free folio of the same size; notes instead of entries (migration_entries.ts)
 *     locked, on its way to the device: waits where the mode allows it, else another time
 *   migrateFolioMove
 *     held by anybody else?             another time       1 (we) + cache + entries is all that may be
 *     bytes                             copied
 *     mapping, index, place in the page cache or the swap cache, flags, who pays
 *     the new one goes to the LRU, its entries come back, the old frame is free
 *
 *   error   -EAGAIN  once more, maybe    -EBUSY  not in this mode    -ENOMEM  no free folio of this size
 *
 * Left out: pages that drivers can move; devices' private memory.
 *
 * Linux mm/migrate.c. Read first: migration_entries.ts, free_blocks.ts. Read next: migrate.ts.
 */
import { EAGAIN, EBUSY, ENOMEM } from "../errno.js";
import type { TlbflushUnmapBatch } from "../fault/rmap_unmap.js";
import {
  folioIsLocked,
  folioIsWriteback,
  folioWaitLocked,
  folioWaitWriteback,
} from "../filemap/folio_wait.js";
import type { AddressSpace } from "../filemap/mapping.js";
import { deferredSplitFolio, folioUnqueueDeferredSplit } from "../huge/deferred_queue.js";
import { modMthpStat } from "../huge/thp_state.js";
import { folioIsFileLru } from "../lru/mm_inline.js";
import { folioAddLru, lruAddDrain } from "../lru/swap.js";
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
  PG_private,
  PG_readahead,
  PG_referenced,
  PG_swapbacked,
  PG_swapcache,
  PG_unevictable,
  PG_uptodate,
  PG_workingset,
} from "../pages/folio.js";
import { folioPut, folioPutRefs } from "../pages/free_pages.js";
import { swapCacheReplaceFolio } from "../swap/swap_state.js";
import type { MemorySystem } from "../system.js";
import { modNodePageState, NR_ISOLATED_ANON } from "../vmstat.js";
import { type CompactControl, MIGRATE_ASYNC, MIGRATE_SYNC, MIGRATE_SYNC_LIGHT } from "./compact_control.js";
import { isolateFreepages } from "./fast_isolate.js";
import { putFreepage, takeFreepage } from "./free_blocks.js";
import { removeMigrationPtes, tryToMigrate } from "./migration_entries.js";

/** A folio whose entries are notes, and the one that will take its place. */
export interface UnmappedFolio {
  readonly src: Folio;
  readonly dst: Folio;
  /** Linux PAGE_WAS_MAPPED, PAGE_WAS_MLOCKED */
  readonly wasMapped: boolean;
  readonly wasMlocked: boolean;
}

/** A free folio as large as `src`. Linux mm/compaction.c:compaction_alloc() */
function compactionAlloc(sys: MemorySystem, cc: CompactControl, { order }: Folio): Folio | undefined {
  const folio = takeFreepage(sys, cc, order);
  if (folio !== undefined) return folio;
  isolateFreepages(sys, cc);
  return takeFreepage(sys, cc, order);
}

/** Whether the folio may be worked on; waits for that where it may. 0 or a negative errno. */
function lockAndSettle(sys: MemorySystem, src: Folio, mode: number): number {
  if (folioIsLocked(sys, src)) {
    // A kernel thread does not wait in the middle of a batch.
    if (mode === MIGRATE_ASYNC || sys.pfMemalloc || sys.currentKthread !== undefined) return -EAGAIN;
    if (mode === MIGRATE_SYNC_LIGHT && (src.flags & PG_uptodate) === 0) return -EAGAIN;
    folioWaitLocked(sys, src);
  }
  if (!folioIsWriteback(sys, src)) return 0;
  if (mode !== MIGRATE_SYNC) return -EBUSY;
  folioWaitWriteback(sys, src);
  return 0;
}

/**
 * Finds a free folio for `src`, and puts notes in place of its entries; or a negative errno.
 * Linux mm/migrate.c:migrate_folio_unmap()
 */
export function migrateFolioUnmap(
  sys: MemorySystem,
  cc: CompactControl,
  src: Folio,
  mode: number,
  batch: TlbflushUnmapBatch,
): UnmappedFolio | number {
  const dst = compactionAlloc(sys, cc, src);
  if (dst === undefined) return -ENOMEM;
  let error = lockAndSettle(sys, src, mode);
  const wasMlocked = (src.flags & PG_mlocked) !== 0;
  const wasMapped = error === 0 && src.mapping !== undefined && folioMapped(src);
  if (wasMapped) tryToMigrate(sys, src, mode === MIGRATE_ASYNC ? batch : undefined);
  if (error === 0 && folioMapped(src)) error = -EAGAIN;
  const unmapped = { src, dst, wasMapped, wasMlocked };
  if (error === 0) return unmapped;
  migrateFolioUndo(sys, cc, unmapped);
  return error;
}

/** Everything is as it was. Linux mm/migrate.c:migrate_folio_undo_src(), migrate_folio_undo_dst() */
export function migrateFolioUndo(
  sys: MemorySystem,
  cc: CompactControl,
  { src, dst, wasMapped }: UnmappedFolio,
): void {
  if (wasMapped) removeMigrationPtes(sys, src, src);
  putFreepage(sys, cc, dst);
}

/** Holds that can be explained, but for the caller's. Linux include/linux/mm.h:folio_expected_ref_count() */
function folioExpectedRefCount(folio: Folio): number {
  const cached = (folio.flags & PG_swapcache) !== 0 || (folio.mapping !== undefined && !folioTestAnon(folio));
  return (cached ? folioNrPages(folio) : 0) + folioMapcount(folio);
}

/** `dst` takes the place of `src` in its page cache. */
function replaceInCache({ pages, dirtyFolios, aOps }: AddressSpace, src: Folio, dst: Folio): void {
  for (let i = 0; i < folioNrPages(src); i++) pages.set(src.index + i, dst);
  if (dirtyFolios.delete(src)) dirtyFolios.add(dst);
  if ((src.flags & PG_private) !== 0) aOps.migrateFolio?.(dst, src);
}

/** The caches' holds, place and identity go to `dst`. Linux mm/migrate.c:__folio_migrate_mapping() */
function folioMigrateMapping(sys: MemorySystem, src: Folio, dst: Folio): void {
  const nrPages = folioNrPages(src);
  folioUnqueueDeferredSplit(sys, src);
  if (folioTestAnon(src) && src.order > 0) modMthpStat(sys, src.order, "nr_anon", 1);
  dst.index = src.index;
  dst.mapping = src.mapping;
  if ((src.flags & PG_swapbacked) !== 0) dst.flags |= PG_swapbacked;
  const { mapping } = src;
  const inSwap = (src.flags & PG_swapcache) !== 0;
  const inFile = mapping !== undefined && !mapping.isAnon;
  if (!inSwap && !inFile) return;
  if (inSwap) {
    dst.flags |= PG_swapcache;
    for (let i = 0; i < nrPages; i++) swapCacheReplaceFolio(sys, src, dst, i);
    dst.private = src.private;
    src.flags &= ~PG_swapcache;
    src.private = 0;
  } else replaceInCache(mapping as AddressSpace, src, dst);
  dst.refcount += nrPages;
  folioPutRefs(sys, src, nrPages); // never the last: the caller has one
  if (inFile) src.mapping = undefined;
}

/** Flags that go with the bytes. */
const MIGRATED_FLAGS =
  PG_referenced |
  PG_uptodate |
  PG_active |
  PG_unevictable |
  PG_workingset |
  PG_dirty |
  PG_readahead |
  PG_partially_mapped;

/**
 * What is known of the folio, and who pays for it. Linux mm/migrate.c:folio_migrate_flags(),
 * mm/memcontrol.c:mem_cgroup_migrate()
 */
function folioMigrateFlags(sys: MemorySystem, src: Folio, dst: Folio): void {
  dst.flags |= src.flags & MIGRATED_FLAGS;
  src.flags &= ~(PG_active | PG_unevictable | PG_dirty);
  dst.lruRefs = src.lruRefs;
  dst.memcg = src.memcg;
  src.memcg = undefined;
  for (const until of [sys.lockedUntilNs, sys.writebackUntilNs]) {
    const ns = until.get(src);
    if (ns === undefined) continue;
    until.delete(src);
    until.set(dst, ns);
  }
}

/**
 * `dst` becomes what `src` was: 0, or -EAGAIN where somebody else holds it, -EBUSY where its file system
 * cannot do that. Linux mm/migrate.c:move_to_new_folio(), __migrate_folio()
 */
function moveToNewFolio(sys: MemorySystem, src: Folio, dst: Folio): number {
  if (src.refcount !== folioExpectedRefCount(src) + 1) return -EAGAIN;
  const { mapping } = src;
  const keeps = (src.flags & PG_private) !== 0 && mapping !== undefined && !mapping.isAnon;
  if (keeps && mapping.aOps.migrateFolio === undefined) return -EBUSY;
  const nrPages = folioNrPages(src);
  for (let i = 0; i < nrPages; i++) sys.ram.copyFrame(dst.pfn + i, src.pfn + i);
  sys.clock.advance(sys.costs.migrateFolioNs + nrPages * sys.costs.copyPageNs);
  folioMigrateMapping(sys, src, dst);
  folioMigrateFlags(sys, src, dst);
  return 0;
}

/** The old frame is of no more use: the last hold goes. Linux mm/migrate.c:migrate_folio_done() */
export function migrateFolioDone(sys: MemorySystem, src: Folio): void {
  modNodePageState(sys, NR_ISOLATED_ANON + (folioIsFileLru(src) ? 1 : 0), -folioNrPages(src));
  folioPut(sys, src);
}

/**
 * Moves a folio whose entries are notes: 0, or a negative errno; then it is still as it was before.
 * Linux mm/migrate.c:migrate_folio_move()
 */
export function migrateFolioMove(sys: MemorySystem, unmapped: UnmappedFolio): number {
  const { src, dst, wasMapped, wasMlocked } = unmapped;
  const deferred = src.large?.onDeferredList === true;
  const partial = (src.flags & PG_partially_mapped) !== 0;
  const error = moveToNewFolio(sys, src, dst);
  if (error !== 0) return error;
  // Onto its list at once, so that the locked VMAs that map it can be counted there.
  folioAddLru(sys, dst);
  if (wasMlocked) lruAddDrain(sys);
  if (wasMapped) removeMigrationPtes(sys, src, dst);
  if (deferred) deferredSplitFolio(sys, dst, partial);
  folioPut(sys, dst);
  migrateFolioDone(sys, src);
  return 0;
}
