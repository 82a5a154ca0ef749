/**
 * Splitting the entry: a leaf of level 2 becomes 512 entries of level 1. The folio stays one.
 *
 *   before   pmdp --> [ leaf ] ==> folio of order 9          entireMapcount 1, mapcount of each page 0
 *   after    pmdp --> PTE page --> 512 entries ==> the same  entireMapcount 0, mapcount of each page 1
 *
 * So a process may treat parts of a huge page differently: give some pages back, write-protect them, lock
 * them, move them, copy one of them after a fork. No page is copied, and no memory is needed: the PTE page
 * was set aside when the leaf was made.
 *
 *   splitHugePmd(vma, pmdp, address)        one leaf
 *   vmaAdjustTransHuge(vma, start, end)     the leaves that would lie across new borders of a VMA
 *
 * The leaf is taken away and flushed before the table is put in its place: a processor may not hold two
 * entries of different size for one address.
 *
 * A leaf of a file is simply removed; later faults map what is needed.
 *
 * Linux mm/huge_memory.c. Read first: huge_pmd.ts, mm/fault/rmap_pmd.ts. Read next: folio_split.ts.
 */
import type { Vaddr } from "../../hw/address.js";
import { PAGE_SIZE, PMD_SIZE } from "../../hw/address.js";
import type { Pte } from "../../hw/entry.js";
import { folioAddAnonRmapPtes } from "../fault/rmap.js";
import { folioRemoveRmapPmd } from "../fault/rmap_pmd.js";
import { mmCounterFile } from "../lru/mm_inline.js";
import { folioMarkDirty } from "../lru/page_writeback.js";
import { addMmCounter, type VmAreaStruct, vmaIsAnonymous } from "../mm_types.js";
import { folioRefAdd, PG_dirty, PG_referenced, pageFolio, pfnToPage } from "../pages/folio.js";
import { folioPut } from "../pages/free_pages.js";
import {
  PAGE_TABLE,
  pfnPte,
  pmdLeaf,
  pteDirty,
  pteMkdirty,
  pteMkold,
  pteMkspecial,
  pteMkwrite,
  ptePfn,
  ptepGet,
  pteWrite,
  pteYoung,
  setPte,
  vmaPageProt,
} from "../pgtable/pgtable.js";
import { pmdOffset } from "../pgtable/pgtable_alloc.js";
import { pteMksoftDirty, pteSoftDirty } from "../pgtable/soft_dirty.js";
import { flushTlbMmRange } from "../pgtable/tlb.js";
import { countVmEvent, THP_SPLIT_PMD } from "../vmstat.js";
import { isHugeZeroPmd, pgtableTransHugeWithdraw } from "./huge_pmd.js";
import { hugeAlignDown } from "./thp_orders.js";
import { HPAGE_PMD_NR } from "./thp_state.js";

/**
 * Splits the leaf at `pmdp`, which maps the 2 MiB around `address` of `vma`; nothing if it is none.
 * Afterwards the entry points to a table, or, where a file is mapped, is empty. Linux
 * mm/huge_memory.c:__split_huge_pmd()
 */
export function splitHugePmd(vma: VmAreaStruct, pmdp: number, address: Vaddr): void {
  const { vmMm: mm } = vma;
  const { sys } = mm;
  const old = ptepGet(sys.ram, pmdp);
  if (!pmdLeaf(old)) return;
  const haddr = hugeAlignDown(address);
  countVmEvent(sys, THP_SPLIT_PMD);
  setPte(sys.ram, pmdp, 0);
  flushTlbMmRange(mm, haddr, haddr + PMD_SIZE);
  if (!vmaIsAnonymous(vma)) {
    removeFileLeaf(vma, old);
    return;
  }
  const table = pgtableTransHugeWithdraw(mm, pmdp);
  const entry = isHugeZeroPmd(sys, old)
    ? pteMkspecial(pfnPte(sys.zeroPfn, vmaPageProt(vma)))
    : mapPages(vma, old);
  const step = isHugeZeroPmd(sys, old) ? 0 : PAGE_SIZE;
  for (let i = 0; i < HPAGE_PMD_NR; i++) setPte(sys.ram, table * 512 + i, entry + i * step);
  setPte(sys.ram, pmdp, table * PAGE_SIZE + PAGE_TABLE);
}

/**
 * The pages of an anonymous folio are mapped one by one from now on; the entry of the first. What the leaf
 * allowed and knew, each of them allows and knows. Linux mm/huge_memory.c:__split_huge_pmd_locked()
 */
function mapPages(vma: VmAreaStruct, old: Pte): Pte {
  const { sys } = vma.vmMm;
  const page = pfnToPage(sys, ptePfn(old));
  const folio = pageFolio(page);
  if (pteDirty(old)) folio.flags |= PG_dirty;
  folioRefAdd(folio, HPAGE_PMD_NR - 1);
  folioAddAnonRmapPtes(folio, page, HPAGE_PMD_NR, vma, page.anonExclusive);
  folioRemoveRmapPmd(folio, vma);
  return pteOfLeaf(vma, old);
}

/** The entry of level 1 for the first page of what the leaf `old` mapped. */
export function pteOfLeaf(vma: VmAreaStruct, old: Pte): Pte {
  let entry = pfnPte(ptePfn(old), vmaPageProt(vma));
  if (pteWrite(old)) entry = pteMkwrite(entry);
  if (!pteYoung(old)) entry = pteMkold(entry);
  if (pteDirty(old)) entry = pteMkdirty(entry, vma.vmMm.sys.pageSoftDirty);
  return pteSoftDirty(old) ? pteMksoftDirty(entry) : entry;
}

/**
 * A leaf of a file that was taken away: what it knew goes to the folio.
 * Linux mm/huge_memory.c:__split_huge_pmd_locked()
 */
export function removeFileLeaf(vma: VmAreaStruct, old: Pte): void {
  const { sys } = vma.vmMm;
  const folio = pageFolio(pfnToPage(sys, ptePfn(old)));
  if ((folio.flags & PG_dirty) === 0 && pteDirty(old)) folioMarkDirty(folio);
  if (pteYoung(old)) folio.flags |= PG_referenced;
  folioRemoveRmapPmd(folio, vma);
  addMmCounter(vma.vmMm, mmCounterFile(folio), -HPAGE_PMD_NR);
  folioPut(sys, folio);
}

/** Splits the leaf that maps `address`, if one does. Linux mm/huge_memory.c:split_huge_pmd_address() */
export function splitHugePmdAddress(vma: VmAreaStruct, address: Vaddr): void {
  const pmdp = pmdOffset(vma.vmMm, address);
  if (pmdp !== 0) vma.vmMm.sys.parts.splitHugePmd(vma, pmdp, address);
}

/** Splits a leaf that lies across `address`. Linux mm/huge_memory.c:split_huge_pmd_if_needed() */
export function splitHugePmdIfNeeded(vma: VmAreaStruct, address: Vaddr): void {
  const haddr = hugeAlignDown(address);
  if (haddr !== address && haddr >= vma.vmStart && haddr + PMD_SIZE <= vma.vmEnd)
    splitHugePmdAddress(vma, address);
}

/**
 * `vma` is about to have the range [start, end), and `next` to begin at `end`: no leaf may lie across a
 * border. Linux mm/huge_memory.c:vma_adjust_trans_huge()
 */
export function vmaAdjustTransHuge(vma: VmAreaStruct, start: Vaddr, end: Vaddr, next?: VmAreaStruct): void {
  splitHugePmdIfNeeded(vma, start);
  splitHugePmdIfNeeded(vma, end);
  if (next !== undefined) splitHugePmdIfNeeded(next, end);
}
