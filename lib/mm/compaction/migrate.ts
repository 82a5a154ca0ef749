/**
 * Moving isolated folios into the free frames that the free scanner finds.
 *
 *   migratePages(cc)
 *     async          all: notes instead of entries; one TLB flush for all; then one after the other is
 *                    copied. What could not be done is tried up to 10 times in all.
 *     sync           the same with up to 3 times, then one by one, waiting where the mode allows it
 *     stays          back to cc.migratepages: the caller puts it back on its list
 *
 *   How many folios stayed, or -ENOMEM when the free scanner found no more frames. Counted in pages:
 *   pgmigrate_success, pgmigrate_fail.
 *
 * A large folio for which no free block is large enough is split, and its pages are moved by themselves; so
 * is one that waits to be split anyway.
 *
 * Linux mm/migrate.c. Read first: migrate_folio.ts. Read next: compact_zone.ts.
 */
import { EAGAIN, ENOMEM } from "../errno.js";
import { newTlbflushUnmapBatch, type TlbflushUnmapBatch, tryToUnmapFlush } from "../fault/rmap_unmap.js";
import { type Folio, folioNrPages, PG_active, PG_partially_mapped, PG_unevictable } from "../pages/folio.js";
import type { MemorySystem } from "../system.js";
import { countVmEvents, PGMIGRATE_FAIL, PGMIGRATE_SUCCESS } from "../vmstat.js";
import { type CompactControl, MIGRATE_ASYNC } from "./compact_control.js";
import {
  migrateFolioDone,
  migrateFolioMove,
  migrateFolioUndo,
  migrateFolioUnmap,
  type UnmappedFolio,
} from "./migrate_folio.js";
import { splitFolioToList } from "./split.js";

/** Tries in all, and those of them that do not wait. Linux mm/migrate.c:NR_MAX_MIGRATE_..._RETRY */
const NR_MAX_MIGRATE_PAGES_RETRY = 10;
const NR_MAX_MIGRATE_ASYNC_RETRY = 3;
const NR_MAX_MIGRATE_SYNC_RETRY = NR_MAX_MIGRATE_PAGES_RETRY - NR_MAX_MIGRATE_ASYNC_RETRY;
/** Pages that are moved together. Linux mm/migrate.c:NR_MAX_BATCHED_MIGRATION */
const NR_MAX_BATCHED_MIGRATION = 512;

/** What becomes of folios that are to be moved. Linux mm/migrate.c: lists and counters of migrate_pages() */
interface Migration {
  readonly sys: MemorySystem;
  readonly cc: CompactControl;
  /** They stay. */
  readonly ret: Folio[];
  /** Parts of large folios. */
  readonly split: Folio[];
  /** In pages. */
  nrSucceeded: number;
  nrFailedPages: number;
}

/** A turn of migratePagesBatch. */
interface Batch {
  readonly mode: number;
  readonly unmapped: UnmappedFolio[];
  /** No free block was large enough for them. */
  readonly tooLarge: Folio[];
  nrFailed: number;
  /** The free scanner has no more. */
  noMemory: boolean;
}

/** A part of the large folio is mapped no more: it is not worth moving as it is. */
function splitsFirst({ order, large, flags }: Folio): boolean {
  return order > 1 && large?.onDeferredList === true && (flags & PG_partially_mapped) !== 0;
}

/** The folio was freed by its owner while it was isolated. */
function freedMeanwhile(migration: Migration, folio: Folio): boolean {
  if (folio.refcount !== 1) return false;
  folio.flags &= ~(PG_active | PG_unevictable);
  migration.nrSucceeded += folioNrPages(folio);
  migrateFolioDone(migration.sys, folio);
  return true;
}

/** Puts notes in place of the entries of one folio; "again" when that may be tried once more. */
function unmapOne(
  migration: Migration,
  batch: Batch,
  folio: Folio,
  flush: TlbflushUnmapBatch,
): "again" | "settled" {
  const { sys, cc, ret, split } = migration;
  if (splitsFirst(folio) && splitFolioToList(sys, folio, split)) {
    batch.nrFailed++;
    return "settled";
  }
  if (freedMeanwhile(migration, folio)) return "settled";
  const unmapped = migrateFolioUnmap(sys, cc, folio, batch.mode, flush);
  if (unmapped === -EAGAIN) return "again";
  if (typeof unmapped !== "number") {
    batch.unmapped.push(unmapped);
    return "settled";
  }
  if (unmapped === -ENOMEM && folio.order > 0) {
    batch.nrFailed++;
    batch.tooLarge.push(folio);
    return "settled";
  }
  fails(migration, batch, [folio]);
  if (unmapped === -ENOMEM) {
    batch.noMemory = true;
    return "again";
  }
  ret.push(folio);
  return "settled";
}

/**
 * Puts notes in place of the entries of all `from`, as far as there are free frames; those to be tried again.
 * Linux mm/migrate.c:migrate_pages_batch(), its first loop
 */
function unmapAll(migration: Migration, batch: Batch, from: readonly Folio[], nrPass: number): Folio[] {
  const flush = newTlbflushUnmapBatch();
  let again = [...from];
  for (let pass = 0; pass < nrPass && again.length > 0 && !batch.noMemory; pass++)
    again = again.filter((folio) => batch.noMemory || unmapOne(migration, batch, folio, flush) === "again");
  tryToUnmapFlush(migration.sys, flush);
  if (!batch.noMemory) fails(migration, batch, again);
  return again;
}

function fails(migration: Migration, batch: Batch, folios: readonly Folio[]): void {
  batch.nrFailed += folios.length;
  for (const folio of folios) migration.nrFailedPages += folioNrPages(folio);
}

/** Moves what has notes. Linux mm/migrate.c:migrate_folios_move(), migrate_folios_undo() */
function moveAll(migration: Migration, batch: Batch, nrPass: number): void {
  const { sys, cc, ret } = migration;
  let again = batch.unmapped.splice(0);
  for (let pass = 0; pass < nrPass && again.length > 0; pass++)
    again = again.filter((unmapped) => {
      const nrPages = folioNrPages(unmapped.src);
      const error = migrateFolioMove(sys, unmapped);
      if (error === 0) migration.nrSucceeded += nrPages;
      else if (error !== -EAGAIN) {
        fails(migration, batch, [unmapped.src]);
        migrateFolioUndo(sys, cc, unmapped);
        ret.push(unmapped.src);
      }
      return error === -EAGAIN;
    });
  for (const unmapped of again) {
    fails(migration, batch, [unmapped.src]);
    migrateFolioUndo(sys, cc, unmapped);
    ret.push(unmapped.src);
  }
}

/**
 * Tries to move `from`: how many folios failed, or -ENOMEM; `left` are those that were not got to or may be
 * tried again. Linux mm/migrate.c:migrate_pages_batch()
 */
function migratePagesBatch(
  migration: Migration,
  from: readonly Folio[],
  mode: number,
  nrPass: number,
): { result: number; left: Folio[] } {
  const batch: Batch = { mode, unmapped: [], tooLarge: [], nrFailed: 0, noMemory: false };
  const left = unmapAll(migration, batch, from, nrPass);
  moveAll(migration, batch, nrPass);
  // Now that there are no notes any more, which the unmapping of a file would meet.
  for (const folio of batch.tooLarge) {
    if (splitFolioToList(migration.sys, folio, migration.split)) continue;
    migration.nrFailedPages += folioNrPages(folio);
    migration.ret.push(folio);
  }
  return { result: batch.noMemory ? -ENOMEM : batch.nrFailed, left };
}

/** All at once without waiting; then what is left one by one. Linux mm/migrate.c:migrate_pages_sync() */
function migratePagesSync(migration: Migration, from: readonly Folio[]): { result: number; left: Folio[] } {
  const { cc, ret, split } = migration;
  const kept = ret.splice(0);
  const { nrFailedPages } = migration;
  const first = migratePagesBatch(migration, from, MIGRATE_ASYNC, NR_MAX_MIGRATE_ASYNC_RETRY);
  const late = [...first.left, ...ret.splice(0)];
  ret.push(...kept);
  if (first.result < 0) {
    ret.push(...late);
    return { result: first.result, left: [] };
  }
  migration.nrFailedPages = nrFailedPages; // they are tried again
  let nrFailed = split.length > 0 ? 1 : 0;
  for (const [i, folio] of late.entries()) {
    const { result, left } = migratePagesBatch(migration, [folio], cc.mode, NR_MAX_MIGRATE_SYNC_RETRY);
    ret.push(...left);
    if (result < 0) {
      ret.push(...late.slice(i + 1));
      return { result, left: [] };
    }
    nrFailed += result;
  }
  return { result: nrFailed, left: [] };
}

/** The next up to 512 pages of `from`. */
function takeSome(from: Folio[]): Folio[] {
  let nrPages = 0;
  let taken = 0;
  while (taken < from.length && nrPages < NR_MAX_BATCHED_MIGRATION) nrPages += folioNrPages(from[taken++]!);
  return from.splice(0, taken);
}

/**
 * Moves the folios of cc.migratepages into frames that the free scanner finds; those that stay are left
 * there. How many folios stayed, or -ENOMEM. Linux mm/migrate.c:migrate_pages()
 */
export function migratePages(sys: MemorySystem, cc: CompactControl): { result: number; nrSucceeded: number } {
  const migration: Migration = { sys, cc, ret: [], split: [], nrSucceeded: 0, nrFailedPages: 0 };
  const from = cc.migratepages.reverse();
  cc.migratepages = [];
  let result = 0;
  while (from.length > 0 && result >= 0) {
    const some = takeSome(from);
    const done =
      cc.mode === MIGRATE_ASYNC
        ? migratePagesBatch(migration, some, MIGRATE_ASYNC, NR_MAX_MIGRATE_PAGES_RETRY)
        : migratePagesSync(migration, some);
    migration.ret.push(...done.left);
    if (done.result < 0) {
      result = done.result;
      break;
    }
    const parts = migration.split.splice(0);
    if (parts.length > 0) migration.ret.push(...migratePagesBatch(migration, parts, MIGRATE_ASYNC, 1).left);
    result += done.result;
  }
  const stay = [...migration.ret, ...migration.split, ...from];
  // The last one is put back first.
  cc.migratepages = stay.reverse();
  countVmEvents(sys, PGMIGRATE_SUCCESS, migration.nrSucceeded);
  countVmEvents(sys, PGMIGRATE_FAIL, migration.nrFailedPages);
  if (sys.trace.on)
    sys.trace.emit("migrate:mm_migrate_pages", {
      nr_succeeded: migration.nrSucceeded,
      nr_failed_pages: migration.nrFailedPages,
      mode: cc.mode,
    });
  return { result: stay.length === 0 ? 0 : result, nrSucceeded: migration.nrSucceeded };
}
