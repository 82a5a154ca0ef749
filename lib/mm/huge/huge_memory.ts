/**
 * Leaves of level 2 on the ways that entries of level 1 go, too: fork, unmapping, mprotect, mremap.
 *
 *   fork       copyHugePmd     both sides get the leaf, read-only; the folio is nobody's alone any more
 *   munmap     zapHugePmd      512 pages are gone at once, with the table set aside for the leaf
 *   mprotect   changeHugePmd   other rights for all 2 MiB
 *   mremap     moveHugePmd     from one entry of level 2 to another
 *
 * Each of these is for a whole leaf. Where only a part of it is meant, the caller splits it first
 * (split_pmd.ts) and goes on with entries of level 1.
 *
 * Linux mm/huge_memory.c. Read first: huge_pmd.ts, mm/fault/rmap_pmd.ts. Read next: split_pmd.ts.
 */
import type { Vaddr } from "../../hw/address.js";
import { PMD_SIZE } from "../../hw/address.js";
import type { Pte } from "../../hw/entry.js";
import { ENOMEM } from "../errno.js";
import { folioRemoveRmapPmd, folioTryDupAnonRmapPmd } from "../fault/rmap_pmd.js";
import { folioIsLocked } from "../filemap/folio_wait.js";
import { mmCounter, vmaHasRecency } from "../lru/mm_inline.js";
import { folioMarkDirty } from "../lru/page_writeback.js";
import { folioMarkAccessed, folioMarkLazyfree } from "../lru/swap.js";
import {
  addMmCounter,
  MM_ANONPAGES,
  VM_DROPPABLE,
  VM_SHARED,
  VM_WRITE,
  type VmAreaStruct,
  vmaIsAnonymous,
} from "../mm_types.js";
import { vmBugOn } from "../mmdebug.js";
import {
  type Folio,
  folioGet,
  folioMapcount,
  folioTestAnon,
  type Page,
  PG_dirty,
  PG_swapbacked,
  pageFolio,
  pfnToPage,
} from "../pages/folio.js";
import { folioPut } from "../pages/free_pages.js";
import { tlbEntryChanged } from "../pgtable/mmu_gather.js";
import {
  pteDirty,
  pteMkclean,
  pteMkold,
  pteMkwrite,
  pteModify,
  ptePfn,
  pteProtnone,
  ptepGet,
  pteWrite,
  pteWrprotect,
  pteYoung,
  setPte,
  vmaPageProt,
} from "../pgtable/pgtable.js";
import { pteAllocOne } from "../pgtable/pgtable_alloc.js";
import { pteMksoftDirty, pteNeedsSoftDirtyWp } from "../pgtable/soft_dirty.js";
import { flushTlbRange } from "../pgtable/tlb.js";
import {
  isHugeZeroPmd,
  mmIncNrPtes,
  pgtableTransHugeDeposit,
  pgtableTransHugeWithdraw,
  zapDepositedTable,
} from "./huge_pmd.js";
import { mmGetHugeZeroFolio } from "./huge_zero.js";
import { HPAGE_PMD_NR } from "./thp_state.js";

/**
 * fork: the child's entry at `dstPmdp` gets the parent's leaf at `srcPmdp`; both lose the right to write. Of
 * a file nothing is copied: a fault finds it again. 0 or -ENOMEM. Linux mm/huge_memory.c:copy_huge_pmd()
 */
export function copyHugePmd(
  dstVma: VmAreaStruct,
  _srcVma: VmAreaStruct,
  dstPmdp: number,
  srcPmdp: number,
): number {
  if (!vmaIsAnonymous(dstVma)) return 0;
  const { vmMm: dst } = dstVma;
  const { sys } = dst;
  const pgtable = pteAllocOne(dst);
  if (pgtable === 0) return -ENOMEM;
  const pmd = ptepGet(sys.ram, srcPmdp);
  if (isHugeZeroPmd(sys, pmd)) mmGetHugeZeroFolio(dst);
  else {
    const folio = pageFolio(pfnToPage(sys, ptePfn(pmd)));
    folioGet(folio);
    folioTryDupAnonRmapPmd(folio, dstVma);
    addMmCounter(dst, MM_ANONPAGES, HPAGE_PMD_NR);
  }
  mmIncNrPtes(dst);
  pgtableTransHugeDeposit(dst, dstPmdp, pgtable);
  setPte(sys.ram, srcPmdp, pteWrprotect(pmd));
  setPte(sys.ram, dstPmdp, pteMkold(pteWrprotect(pmd)));
  return 0;
}

/** Takes the whole leaf away; a gather is open. Linux mm/huge_memory.c:zap_huge_pmd() */
export function zapHugePmd(vma: VmAreaStruct, pmdp: number, addr: Vaddr): void {
  const { vmMm: mm } = vma;
  const { sys } = mm;
  const old = ptepGet(sys.ram, pmdp);
  setPte(sys.ram, pmdp, 0);
  tlbEntryChanged(mm, addr, old, 0, PMD_SIZE);
  if (isHugeZeroPmd(sys, old)) {
    zapDepositedTable(mm, pmdp);
    return;
  }
  const folio = pageFolio(pfnToPage(sys, ptePfn(old)));
  const anon = folioTestAnon(folio);
  if (!anon) noteUse(vma, pfnToPage(sys, ptePfn(old)), old);
  addMmCounter(mm, mmCounter(folio), -HPAGE_PMD_NR);
  folioRemoveRmapPmd(folio, vma);
  if (anon) zapDepositedTable(mm, pmdp);
  folioPut(sys, folio);
}

/** What the leaf knew about the use of a file's folio goes to the folio. */
function noteUse(vma: VmAreaStruct, page: Page, old: Pte): void {
  const folio = pageFolio(page);
  if (pteDirty(old)) folioMarkDirty(folio);
  if (pteYoung(old) && vmaHasRecency(vma)) folioMarkAccessed(vma.vmMm.sys, folio);
}

/**
 * Reclaim: empties the leaf of a folio that was given up (MADV_FREE), if it was not written since and nobody
 * else has it; whether it did. Linux mm/huge_memory.c:__discard_anon_folio_pmd_locked()
 */
export function discardAnonFolioPmd(vma: VmAreaStruct, addr: Vaddr, pmdp: number, folio: Folio): boolean {
  const { vmMm: mm } = vma;
  const { sys } = mm;
  if (pteDirty(ptepGet(sys.ram, pmdp))) folio.flags |= PG_dirty;
  if ((folio.flags & PG_dirty) !== 0 && (vma.vmFlags & VM_DROPPABLE) === 0) {
    folio.flags |= PG_swapbacked;
    return false;
  }
  if (folio.refcount !== folioMapcount(folio) + 1) return false;
  setPte(sys.ram, pmdp, 0);
  flushTlbRange(mm, addr, addr + PMD_SIZE);
  folioRemoveRmapPmd(folio, vma);
  zapDepositedTable(mm, pmdp);
  addMmCounter(mm, MM_ANONPAGES, -HPAGE_PMD_NR);
  folioPut(sys, folio);
  return true;
}

/**
 * MADV_FREE of a whole leaf: its folio may be dropped. Linux mm/huge_memory.c:madvise_free_huge_pmd(), of all
 * 2 MiB
 */
export function madviseFreeHugePmd(vma: VmAreaStruct, addr: Vaddr, pmdp: number): void {
  const { vmMm: mm } = vma;
  const { sys } = mm;
  const pmd = ptepGet(sys.ram, pmdp);
  const folio = pageFolio(pfnToPage(sys, ptePfn(pmd)));
  if (folioIsLocked(sys, folio)) return;
  folio.flags &= ~PG_dirty;
  if (pteYoung(pmd) || pteDirty(pmd)) {
    setPte(sys.ram, pmdp, pteMkclean(pteMkold(pmd)));
    flushTlbRange(mm, addr, addr + PMD_SIZE);
  }
  folioMarkLazyfree(sys, folio);
}

/**
 * Whether the write fault on this leaf would do nothing but make it writable. Linux mm/huge_memory.c:
 * can_change_pmd_writable()
 */
function canChangePmdWritable(vma: VmAreaStruct, pmd: Pte): boolean {
  const { sys } = vma.vmMm;
  if (pteProtnone(pmd) || pteNeedsSoftDirtyWp(vma, pmd)) return false;
  if ((vma.vmFlags & VM_SHARED) !== 0) return pteDirty(pmd);
  if (isHugeZeroPmd(sys, pmd)) return false;
  const page = pfnToPage(sys, ptePfn(pmd));
  return folioTestAnon(pageFolio(page)) && page.anonExclusive;
}

/**
 * Gives the whole leaf the protection of `vma`; `upgrade`: it may become writable at once. A gather is open.
 * Linux mm/huge_memory.c:change_huge_pmd()
 */
export function changeHugePmd(vma: VmAreaStruct, pmdp: number, addr: Vaddr, upgrade: boolean): void {
  const { vmMm: mm } = vma;
  const { ram } = mm.sys;
  const old = ptepGet(ram, pmdp);
  let entry = pteModify(old, vmaPageProt(vma));
  const mayWrite = upgrade && (vma.vmFlags & VM_WRITE) !== 0 && !pteWrite(entry);
  if (mayWrite && canChangePmdWritable(vma, entry)) entry = pteMkwrite(entry);
  if (entry === old) return;
  setPte(ram, pmdp, entry);
  tlbEntryChanged(mm, addr, old, entry, PMD_SIZE);
}

/**
 * Moves a leaf to another entry of level 2; false if something is there. Linux mm/huge_memory.c:
 * move_huge_pmd()
 */
export function moveHugePmd(vma: VmAreaStruct, oldAddr: Vaddr, oldPmdp: number, newPmdp: number): boolean {
  const { vmMm: mm } = vma;
  const { ram, pageSoftDirty } = mm.sys;
  const other = ptepGet(ram, newPmdp);
  if (other !== 0) return false;
  const pmd = ptepGet(ram, oldPmdp);
  setPte(ram, oldPmdp, 0);
  if (vmaIsAnonymous(vma)) {
    const pgtable = pgtableTransHugeWithdraw(mm, oldPmdp);
    pgtableTransHugeDeposit(mm, newPmdp, pgtable);
  }
  vmBugOn(ptepGet(ram, newPmdp) !== 0, "a leaf is to be moved to where an entry is");
  setPte(ram, newPmdp, pageSoftDirty === 0 ? pmd : pteMksoftDirty(pmd));
  flushTlbRange(mm, oldAddr, oldAddr + PMD_SIZE);
  return true;
}
