/**
 * Taking a large anonymous folio off all entries that map it, and putting its pages back.
 *
 *   unmapFolio   every entry of every process --> empty, and noted: which page, where, what it allowed
 *   ...          the folio becomes 512 folios
 *   remapPage    each entry as it was, of the same frame: but a page of zeros may become the zero page
 *
 * While nobody maps it, nobody can take a new hold of the folio, so its references can be counted.
 *
 * Differs from Linux: an entry is empty meanwhile, and the notes are kept here; Linux leaves a migration
 * entry in the table, at which others wait. Nothing can run in between here.
 *
 * Linux mm/huge_memory.c, mm/migrate.c. Read first: mm/fault/page_vma_mapped.ts. Read next: split_anon.ts.
 */
import type { Vaddr } from "../../hw/address.js";
import { PAGE_SIZE, PMD_SIZE } from "../../hw/address.js";
import type { Pte } from "../../hw/entry.js";
import { pageVmaMappedWalk } from "../fault/page_vma_mapped.js";
import { folioAddAnonRmapPte, folioRemoveRmapPtes, rmapWalk, vmaIsLocked } from "../fault/rmap.js";
import { folioRemoveRmapPmd } from "../fault/rmap_pmd.js";
import { newTlbflushUnmapBatch, tryToUnmapFlush } from "../fault/rmap_unmap.js";
import { thisCpuFbatches } from "../lru/fbatch.js";
import { mlockFolioBatch } from "../lru/mlock_batch.js";
import { addMmCounter, MM_ANONPAGES, type VmAreaStruct } from "../mm_types.js";
import {
  type Folio,
  folioGet,
  type Page,
  PG_dirty,
  PG_mlocked,
  pageFolio,
  pfnToPage,
} from "../pages/folio.js";
import { folioPut } from "../pages/free_pages.js";
import {
  PAGE_TABLE,
  pfnPte,
  pmdLeaf,
  pteDirty,
  pteMkspecial,
  setPte,
  vmaPageProt,
} from "../pgtable/pgtable.js";
import { pteMksoftDirty, pteSoftDirty } from "../pgtable/soft_dirty.js";
import { archTlbbatchAddPending } from "../pgtable/tlb.js";
import type { MemorySystem } from "../system.js";
import { countVmEvent, THP_SPLIT_PMD } from "../vmstat.js";
import { pgtableTransHugeWithdraw } from "./huge_pmd.js";
import { pteOfLeaf } from "./split_pmd.js";
import { HPAGE_PMD_NR } from "./thp_state.js";

/** An entry that mapped a page, and will again. Linux: a migration entry */
interface UnmappedEntry {
  readonly vma: VmAreaStruct;
  readonly ptep: number;
  readonly pte: Pte;
  readonly page: Page;
  readonly exclusive: boolean;
}

/** One call of unmapFolio. */
interface Unmapping {
  readonly folio: Folio;
  vma: VmAreaStruct;
  readonly entries: UnmappedEntry[];
}

/** Empties all entries that map the folio; what they were. Linux mm/huge_memory.c:unmap_folio() */
export function unmapFolio(sys: MemorySystem, folio: Folio): UnmappedEntry[] {
  const entries: UnmappedEntry[] = [];
  const batch = newTlbflushUnmapBatch();
  const unmapOne = (vma: VmAreaStruct): boolean => {
    pageVmaMappedWalk(folio, vma, unmapEntry, { folio, vma, entries });
    archTlbbatchAddPending(batch.cpumask, vma.vmMm);
    if (vmaIsLocked(vma)) mlockDrainLocal(sys);
    return folio.largeMapcount > 0;
  };
  rmapWalk(folio, unmapOne, undefined);
  tryToUnmapFlush(sys, batch);
  return entries;
}

/** What this CPU has noted about locks is done. Linux mm/mlock.c:mlock_drain_local() */
function mlockDrainLocal(sys: MemorySystem): void {
  mlockFolioBatch(sys, thisCpuFbatches(sys).mlock);
}

/** Linux mm/rmap.c:try_to_migrate_one() */
function unmapEntry(_address: Vaddr, ptep: number, pte: Pte, index: number, unmapping: Unmapping): boolean {
  const { folio, vma, entries } = unmapping;
  const { sys } = vma.vmMm;
  if (pteDirty(pte)) folio.flags |= PG_dirty;
  if (pmdLeaf(pte)) {
    unmapLeaf(ptep, pte, unmapping);
    return true;
  }
  const page = pfnToPage(sys, folio.pfn + index);
  entries.push({ vma, ptep, pte, page, exclusive: page.anonExclusive });
  setPte(sys.ram, ptep, 0);
  page.anonExclusive = false;
  folioRemoveRmapPtes(folio, page, 1, vma);
  folioPut(sys, folio);
  return true;
}

/**
 * A leaf: its table takes its place, empty for now. Linux mm/huge_memory.c:__split_huge_pmd_locked(), freeze
 */
function unmapLeaf(pmdp: number, pmd: Pte, { folio, vma, entries }: Unmapping): void {
  const { vmMm: mm } = vma;
  const { sys } = mm;
  countVmEvent(sys, THP_SPLIT_PMD);
  const table = pgtableTransHugeWithdraw(mm, pmdp);
  setPte(sys.ram, pmdp, table * PAGE_SIZE + PAGE_TABLE);
  const exclusive = folio.anonExclusive;
  folio.anonExclusive = false;
  const first = pteOfLeaf(vma, pmd);
  for (let i = 0; i < HPAGE_PMD_NR; i++) {
    const page = pfnToPage(sys, folio.pfn + i);
    entries.push({ vma, ptep: table * HPAGE_PMD_NR + i, pte: first + i * (PMD_SIZE / 512), page, exclusive });
  }
  folioRemoveRmapPmd(folio, vma);
  folioPut(sys, folio);
}

/**
 * Puts the entries back; with `useZeroPage` a page that holds nothing but zeros is replaced by the zero page.
 * Linux mm/huge_memory.c:remap_page(), mm/migrate.c:remove_migration_ptes()
 */
export function remapPage(sys: MemorySystem, entries: readonly UnmappedEntry[], useZeroPage: boolean): void {
  for (const { vma, ptep, pte, page, exclusive } of entries) {
    const folio = pageFolio(page);
    if (useZeroPage && mayUseZeroPage(vma, folio) && sys.ram.isFrameZero(page.pfn)) {
      const zero = pteMkspecial(pfnPte(sys.zeroPfn, vmaPageProt(vma)));
      setPte(sys.ram, ptep, pteSoftDirty(pte) ? pteMksoftDirty(zero) : zero);
      addMmCounter(vma.vmMm, MM_ANONPAGES, -1);
      continue;
    }
    folioGet(folio);
    folioAddAnonRmapPte(folio, page, vma, exclusive);
    setPte(sys.ram, ptep, pte);
    if (vmaIsLocked(vma)) mlockDrainLocal(sys);
  }
}

/** Linux mm/migrate.c:try_to_map_unused_to_zeropage(), its conditions */
function mayUseZeroPage(vma: VmAreaStruct, folio: Folio): boolean {
  return folio.order === 0 && (folio.flags & PG_mlocked) === 0 && !vmaIsLocked(vma);
}
