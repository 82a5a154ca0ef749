/**
 * Migration entries: what stands in page tables while a page is between two frames.
 *
 *   before        PTE  frame 17, writable, used, written
 *   tryToMigrate  PTE  note "17 is on the move": type W or R or R+exclusive, A and D, soft-dirty
 *                      the processors' old entries are flushed: nobody reaches frame 17 any more
 *   (the bytes are copied to frame 900)
 *   removeMigrationPtes  PTE  frame 900, with what the note says
 *
 * A task that touched the page meanwhile would wait until the note is gone. Here nobody can: between the two
 * steps nothing else runs. Unlike a page in swap, a page on the move still counts as resident.
 *
 * The reverse map of the new folio finds the notes: its mapping and index are those of the old one by then.
 * Where the move failed, the notes go back to the old frame.
 *
 * Left out: entries of level 2, which compaction never moves; the stack of a program that is being started,
 * which nobody can come across here.
 *
 * Linux mm/rmap.c, mm/migrate.c. Read first: mm/fault/rmap.ts, mm/fault/rmap_unmap.ts, mm/pgtable/swapops.ts.
 * Read next: migrate_folio.ts.
 */
import { PAGE_SIZE, type Vaddr } from "../../hw/address.js";
import type { Pte } from "../../hw/entry.js";
import { pageVmaMappedWalk } from "../fault/page_vma_mapped.js";
import { folioAddAnonRmapPte, folioAddFileRmapPtes, folioRemoveRmapPtes, rmapWalk } from "../fault/rmap.js";
import type { TlbflushUnmapBatch } from "../fault/rmap_unmap.js";
import { thisCpuFbatches } from "../lru/fbatch.js";
import { mlockFolioBatch } from "../lru/mlock_batch.js";
import { folioMarkDirty } from "../lru/page_writeback.js";
import { VM_LOCKED, type VmAreaStruct } from "../mm_types.js";
import {
  type Folio,
  folioGet,
  folioMapped,
  folioNrPages,
  folioPage,
  folioTestAnon,
  PG_dirty,
} from "../pages/folio.js";
import { folioPut } from "../pages/free_pages.js";
import { forEachPmd } from "../pgtable/pagewalk.js";
import {
  pfnPte,
  pmdLeaf,
  pteDirty,
  pteIndex,
  pteMkdirty,
  pteMkold,
  pteMkwrite,
  ptePfn,
  ptepGet,
  pteWrite,
  pteYoung,
  setPte,
  vmaPageProt,
} from "../pgtable/pgtable.js";
import { pteMksoftDirty, pteSoftDirty, pteSwpMksoftDirty, pteSwpSoftDirty } from "../pgtable/soft_dirty.js";
import {
  classifyPte,
  isMigrationEntryDirty,
  isMigrationEntryYoung,
  makeMigrationEntry,
  PTE_KIND_MIGRATION,
  pteToSwpEntry,
  SWP_MIGRATION_READ,
  SWP_MIGRATION_READ_EXCLUSIVE,
  SWP_MIGRATION_WRITE,
  swpEntryToPte,
  swpOffsetPfn,
  swpType,
} from "../pgtable/swapops.js";
import { archTlbbatchAddPending, flushTlbPage } from "../pgtable/tlb.js";
import type { MemorySystem } from "../system.js";
import { updateHiwaterRss } from "../vma/util.js";

/** One call of tryToMigrate. */
interface Migrating {
  readonly sys: MemorySystem;
  readonly folio: Folio;
  readonly batch: TlbflushUnmapBatch | undefined;
  vma: VmAreaStruct | undefined;
}

/** What was put off for locked VMAs is done at once. Linux mm/mlock.c:mlock_drain_local() */
function mlockDrainLocal(sys: MemorySystem): void {
  mlockFolioBatch(sys, thisCpuFbatches(sys).mlock);
}

/**
 * Puts a note in place of every entry that maps the folio, which the caller holds; flushes at once, or leaves
 * it to tryToUnmapFlush() of `batch`. Linux mm/rmap.c:try_to_migrate()
 */
export function tryToMigrate(sys: MemorySystem, folio: Folio, batch?: TlbflushUnmapBatch): void {
  rmapWalk(folio, tryToMigrateOne, { sys, folio, batch, vma: undefined });
}

/** Linux mm/rmap.c:try_to_migrate_one() */
function tryToMigrateOne(vma: VmAreaStruct, _address: Vaddr, migrating: Migrating): boolean {
  migrating.vma = vma;
  pageVmaMappedWalk(migrating.folio, vma, migrateEntry, migrating);
  return folioMapped(migrating.folio);
}

/** Linux mm/rmap.c:try_to_migrate_one(), the body of its loop */
function migrateEntry(address: Vaddr, ptep: number, pte: Pte, index: number, migrating: Migrating): boolean {
  const { sys, folio, batch } = migrating;
  const vma = migrating.vma!;
  const mm = vma.vmMm;
  const page = folioPage(sys, folio, index);
  const exclusive = folioTestAnon(folio) && page.anonExclusive;
  setPte(sys.ram, ptep, 0);
  if (batch !== undefined && mm.mmCpumask.size > (mm.mmCpumask.has(sys.thisCpu) ? 1 : 0)) {
    archTlbbatchAddPending(batch.cpumask, mm);
    if (pteDirty(pte)) batch.writable = true;
  } else flushTlbPage(mm, address);
  if (pteDirty(pte)) folioMarkDirty(folio);
  updateHiwaterRss(mm);
  page.anonExclusive = false;
  const readable = exclusive ? SWP_MIGRATION_READ_EXCLUSIVE : SWP_MIGRATION_READ;
  const type = pteWrite(pte) ? SWP_MIGRATION_WRITE : readable;
  const note = swpEntryToPte(makeMigrationEntry(type, page.pfn, pteYoung(pte), pteDirty(pte)));
  setPte(sys.ram, ptep, pteSoftDirty(pte) ? pteSwpMksoftDirty(note) : note);
  if (sys.trace.on)
    sys.trace.emit("migrate:set_migration_pte", { addr: address, pte: note, order: folio.order });
  folioRemoveRmapPtes(folio, page, 1, vma);
  if ((vma.vmFlags & VM_LOCKED) !== 0) mlockDrainLocal(sys);
  folioPut(sys, folio);
  return true;
}

/** One call of removeMigrationPtes. */
interface Removing {
  readonly sys: MemorySystem;
  readonly src: Folio;
  readonly dst: Folio;
}

/**
 * Puts entries for `dst` in place of the notes that name `src`, which it has taken the place of, or which it
 * is. Linux mm/migrate.c:remove_migration_ptes()
 */
export function removeMigrationPtes(sys: MemorySystem, src: Folio, dst: Folio): void {
  rmapWalk(dst, removeMigrationPte, { sys, src, dst });
}

/** Linux mm/migrate.c:remove_migration_pte() */
function removeMigrationPte(vma: VmAreaStruct, address: Vaddr, removing: Removing): boolean {
  const { sys, src, dst } = removing;
  const first = Math.max(0, vma.vmPgoff - dst.index);
  const end = Math.min(vma.vmEnd, address + (folioNrPages(dst) - first) * PAGE_SIZE);
  forEachPmd(vma.vmMm, address, end, (pmdp, from, to) => {
    const pmd = ptepGet(sys.ram, pmdp);
    if (pmdLeaf(pmd)) return;
    let ptep = ptePfn(pmd) * 512 + pteIndex(from);
    for (let at = from; at < to; at += PAGE_SIZE, ptep++) {
      const pte = ptepGet(sys.ram, ptep);
      if (pte === 0 || classifyPte(pte) !== PTE_KIND_MIGRATION) continue;
      const index = first + (at - address) / PAGE_SIZE;
      if (swpOffsetPfn(pteToSwpEntry(pte)) === src.pfn + index)
        restoreEntry(removing, vma, at, ptep, pte, index);
    }
  });
  return true;
}

/** Linux mm/migrate.c:remove_migration_pte(), the body of its loop */
function restoreEntry(
  { sys, dst }: Removing,
  vma: VmAreaStruct,
  address: Vaddr,
  ptep: number,
  old: Pte,
  index: number,
): void {
  const page = folioPage(sys, dst, index);
  const entry = pteToSwpEntry(old);
  const type = swpType(entry);
  folioGet(dst);
  let pte = pfnPte(page.pfn, vmaPageProt(vma));
  if (!isMigrationEntryYoung(entry)) pte = pteMkold(pte);
  if ((dst.flags & PG_dirty) !== 0 && isMigrationEntryDirty(entry)) pte = pteMkdirty(pte);
  if (pteSwpSoftDirty(old)) pte = pteMksoftDirty(pte);
  if (type === SWP_MIGRATION_WRITE) pte = pteMkwrite(pte);
  if (folioTestAnon(dst)) folioAddAnonRmapPte(dst, page, vma, type !== SWP_MIGRATION_READ);
  else folioAddFileRmapPtes(dst, page, 1, vma);
  setPte(sys.ram, ptep, pte);
  if ((vma.vmFlags & VM_LOCKED) !== 0) mlockDrainLocal(sys);
  if (sys.trace.on) sys.trace.emit("migrate:remove_migration_pte", { addr: address, pte, order: dst.order });
}
