/**
 * The advice that acts on pages: DONTNEED, FREE, COLD, PAGEOUT, WILLNEED, REMOVE.
 *
 *   DONTNEED   entries emptied now; private memory is zeros at the next touch, a file is read again
 *   FREE       entries stay, pages are marked clean and lazy: reclaim may drop them; a write in between keeps the page
 *   COLD       pages go to the inactive list and count as not used
 *   PAGEOUT    pages are reclaimed at once where that is possible (mm/lru/reclaim_pages.ts; anonymous ones need swap)
 *   WILLNEED   the file's part is read ahead; of anonymous memory what is in swap
 *   REMOVE     a hole is punched in the shared file: the pages are gone for all who map it
 *
 * DONTNEED, FREE, COLD and PAGEOUT are refused for locked memory; DONTNEED_LOCKED is not.
 *
 * Read first: madvise.ts, mm/fault/zap.ts. Read next: mm/lru/swap.ts.
 */
import type { Vaddr } from "../../hw/address.js";
import { PAGE_SIZE, PMD_SIZE } from "../../hw/address.js";
import type { Pte } from "../../hw/entry.js";
import { EACCES, EINVAL, EOPNOTSUPP } from "../errno.js";
import { folioMaybeMappedShared } from "../fault/large_mapcount.js";
import { folioPteBatch } from "../fault/pte_batch.js";
import { vmNormalPage } from "../fault/wp.js";
import { zapPageRangeSingle } from "../fault/zap.js";
import { folioIsLocked } from "../filemap/folio_wait.js";
import { shmemSwapinRange } from "../filemap/shmem_swap.js";
import { splitFolio } from "../huge/folio_split.js";
import { madviseFreeHugePmd } from "../huge/huge_memory.js";
import { isHugeZeroPmd } from "../huge/huge_pmd.js";
import { folioIsolateLru, folioPutbackLru } from "../lru/isolate.js";
import { reclaimPages } from "../lru/reclaim_pages.js";
import { folioDeactivate, folioMarkLazyfree, lruAddDrain } from "../lru/swap.js";
import {
  addMmCounter,
  MM_SWAPENTS,
  VM_HUGETLB,
  VM_LOCKED,
  VM_MAYWRITE,
  VM_PFNMAP,
  VM_SHARED,
  type VmAreaStruct,
  vmaIsAnonymous,
} from "../mm_types.js";
import {
  type Folio,
  folioMapcount,
  folioNrPages,
  PG_active,
  PG_dirty,
  PG_lru,
  PG_referenced,
  PG_swapcache,
  PG_unevictable,
  PG_workingset,
  pageFolio,
  pfnToPage,
} from "../pages/folio.js";
import { folioPut } from "../pages/free_pages.js";
import { GFP_HIGHUSER_MOVABLE } from "../pages/gfp.js";
import { nextBoundary, walkPageRangeVma } from "../pgtable/pagewalk.js";
import { pteDirty, pteMkclean, pteMkold, ptePfn, ptepGet, pteYoung, setPte } from "../pgtable/pgtable.js";
import {
  classifyPte,
  PTE_KIND_MARKER,
  PTE_KIND_PRESENT,
  PTE_KIND_SWAP,
  PTE_MARKER_POISONED,
  pteToSwpEntry,
  swpOffset,
} from "../pgtable/swapops.js";
import { flushTlbRange } from "../pgtable/tlb.js";
import { blkFinishPlug, blkStartPlug } from "../swap/page_io.js";
import { readSwapCacheAsync } from "../swap/swap_readahead.js";
import { folioFreeSwap, freeSwapAndCacheNr } from "../swap/swap_state.js";
import type { MemorySystem } from "../system.js";
import { MADV } from "./mman.js";
import { updateHiwaterRss } from "./util.js";

/** Linux mm/madvise.c:can_madv_lru_vma() */
function canMadvLruVma(vma: VmAreaStruct): boolean {
  return (vma.vmFlags & (VM_LOCKED | VM_PFNMAP | VM_HUGETLB)) === 0;
}

/** DONTNEED, DONTNEED_LOCKED and FREE. 0 or negative errno. Linux mm/madvise.c:madvise_dontneed_free() */
export function madviseDontneedFree(vma: VmAreaStruct, start: number, end: number, behavior: number): number {
  if ((vma.vmFlags & VM_HUGETLB) !== 0) return hugetlbDontneed(vma, start, end, behavior);
  const forbidden = VM_PFNMAP | (behavior === MADV.DONTNEED_LOCKED ? 0 : VM_LOCKED);
  if ((vma.vmFlags & forbidden) !== 0) return -EINVAL;
  if (behavior === MADV.FREE) return madviseFree(vma, start, end);
  zapPageRangeSingle(vma, start, end - start);
  return 0;
}

/**
 * DONTNEED of huge pages: from the start of one on, as many as lie in the range whole. 0 or negative errno.
 * Linux mm/madvise.c:madvise_dontneed_free_valid_vma()
 */
function hugetlbDontneed(vma: VmAreaStruct, start: number, end: number, behavior: number): number {
  const size = vma.vmOps!.pagesize!(vma);
  if (behavior === MADV.FREE || start % size !== 0) return -EINVAL;
  const whole = end - (end % size);
  if (whole > start) zapPageRangeSingle(vma, start, whole - start);
  return 0;
}

/** Linux mm/madvise.c:madvise_free_single_vma(), madvise_free_pte_range() */
function madviseFree(vma: VmAreaStruct, start: number, end: number): number {
  if (!vmaIsAnonymous(vma)) return -EINVAL;
  const { vmMm: mm } = vma;
  const { sys } = mm;
  lruAddDrain(sys);
  updateHiwaterRss(mm);
  let skipTo = start; // behind a large folio that was dealt with at its first page
  walkPageRangeVma(vma, start, end, {
    pmdEntry: (pmd, addr, pmdp, next) => freeLeaf(vma, pmd, addr, pmdp, next),
    pteEntry(before, addr, ptep, kindBefore) {
      if (addr < skipTo) return;
      if (kindBefore !== PTE_KIND_PRESENT) {
        freeNonpresentPte(vma, ptep, before, kindBefore);
        return;
      }
      const last = Math.min(end, (Math.floor(addr / PMD_SIZE) + 1) * PMD_SIZE);
      skipTo = addr + freePresentPtes(vma, ptep, (last - addr) / PAGE_SIZE) * PAGE_SIZE;
    },
  });
  flushTlbRange(mm, start, end);
  return 0;
}

/**
 * A leaf: given up as a whole; where only a part of it is meant, its folio is split, and then its entries are
 * looked at. Linux mm/huge_memory.c:madvise_free_huge_pmd()
 */
function freeLeaf(vma: VmAreaStruct, pmd: Pte, addr: Vaddr, pmdp: number, next: Vaddr): "split" | undefined {
  const { sys } = vma.vmMm;
  if (isHugeZeroPmd(sys, pmd)) return undefined;
  const folio = pageFolio(pfnToPage(sys, ptePfn(pmd)));
  if (folioMaybeMappedShared(folio) || folioIsLocked(sys, folio)) return undefined;
  if (next - addr !== PMD_SIZE) return splitFolio(sys, folio, 0) ? "split" : undefined;
  madviseFreeHugePmd(vma, addr, pmdp);
  return undefined;
}

/**
 * Gives up what the present entry at `ptep` maps; of a large folio all of it, if at most `maxNr` entries from
 * here on map it, else it is split first. How many entries are done with.
 * Linux mm/madvise.c:madvise_free_pte_range()
 */
function freePresentPtes(vma: VmAreaStruct, ptep: number, maxNr: number): number {
  const { sys } = vma.vmMm;
  const pte = ptepGet(sys.ram, ptep);
  const page = vmNormalPage(vma, pte);
  if (page === undefined) return 1;
  const folio = pageFolio(page);
  const nr = folio.order > 0 ? folioPteBatch(sys, folio, page, ptep, pte, maxNr) : 1;
  if (nr < folioNrPages(folio)) {
    if (folioMaybeMappedShared(folio) || folioIsLocked(sys, folio)) return 1;
    return splitFolio(sys, folio, 0) ? freePresentPtes(vma, ptep, maxNr) : 1;
  }
  if (!makeFree(sys, folio)) return nr;
  for (let i = ptep; i < ptep + nr; i++) {
    const one = ptepGet(sys.ram, i);
    if (pteYoung(one) || pteDirty(one)) setPte(sys.ram, i, pteMkclean(pteMkold(one)));
  }
  folioMarkLazyfree(sys, folio);
  return nr;
}

/**
 * A page in swap is gone, and its slot is given back; a lost page is free to be lost; other notes stay.
 * Linux mm/madvise.c:madvise_free_pte_range() of what is not present
 */
function freeNonpresentPte(vma: VmAreaStruct, ptep: number, pte: Pte, kind: number): void {
  const { sys } = vma.vmMm;
  if (kind === PTE_KIND_SWAP) {
    freeSwapAndCacheNr(sys, pteToSwpEntry(pte), 1);
    addMmCounter(vma.vmMm, MM_SWAPENTS, -1);
    setPte(sys.ram, ptep, 0);
  }
  if (kind === PTE_KIND_MARKER && (swpOffset(pteToSwpEntry(pte)) & PTE_MARKER_POISONED) !== 0)
    setPte(sys.ram, ptep, 0);
}

/**
 * Clears the folio's dirty bit, and takes its slot; false if it is shared or being written, so that it must
 * stay.
 */
function makeFree(sys: MemorySystem, folio: Folio): boolean {
  if ((folio.flags & (PG_swapcache | PG_dirty)) === 0) return true;
  if (folioIsLocked(sys, folio) || folioMapcount(folio) !== folioNrPages(folio)) return false;
  if ((folio.flags & PG_swapcache) !== 0 && !folioFreeSwap(sys, folio)) return false;
  folio.flags &= ~PG_dirty;
  return true;
}

/** Linux mm/madvise.c:madvise_cold() */
export function madviseCold(vma: VmAreaStruct, start: number, end: number): number {
  if (!canMadvLruVma(vma)) return -EINVAL;
  coolRange(vma, start, end, false);
  return 0;
}

/**
 * Differs from Linux: the process owns every file it has open, so all its pages may be pushed out.
 * Linux mm/madvise.c:madvise_pageout()
 */
export function madvisePageout(vma: VmAreaStruct, start: number, end: number): number {
  if (!canMadvLruVma(vma)) return -EINVAL;
  coolRange(vma, start, end, true);
  return 0;
}

function coolRange(vma: VmAreaStruct, start: number, end: number, pageout: boolean): void {
  const { vmMm: mm } = vma;
  lruAddDrain(mm.sys);
  for (let from = start; from < end; ) {
    const next = nextBoundary(from, PMD_SIZE, end);
    const isolated: Folio[] = [];
    let skipTo = from; // behind a large folio that was dealt with at its first page
    walkPageRangeVma(vma, from, next, {
      pmdEntry: (pmd, addr, pmdp, to) => coolLeaf(vma, pmd, addr, pmdp, to, pageout ? isolated : undefined),
      pteEntry(_pte, addr, ptep) {
        if (addr < skipTo) return;
        skipTo = addr + coolPte(vma, addr, next, ptep, pageout ? isolated : undefined) * PAGE_SIZE;
      },
    });
    if (pageout) reclaimPages(mm.sys, isolated);
    from = next;
  }
  flushTlbRange(mm, start, end);
}

/**
 * A leaf that only this address space has: cooled, or isolated to be reclaimed, as a whole; where only a part
 * is meant its folio is split, and then its entries are looked at.
 * Linux mm/madvise.c:madvise_cold_or_pageout_pte_range(), its part for PMDs
 */
function coolLeaf(
  vma: VmAreaStruct,
  pmd: Pte,
  addr: Vaddr,
  pmdp: number,
  next: Vaddr,
  isolated?: Folio[],
): "split" | undefined {
  const { sys } = vma.vmMm;
  if (isHugeZeroPmd(sys, pmd)) return undefined;
  const folio = pageFolio(pfnToPage(sys, ptePfn(pmd)));
  if (folioMaybeMappedShared(folio)) return undefined;
  if (next - addr !== PMD_SIZE) return splitFolio(sys, folio, 0) ? "split" : undefined;
  if (isolated === undefined && pteYoung(pmd)) setPte(sys.ram, pmdp, pteMkold(pmd));
  coolFolio(sys, folio, isolated);
  return undefined;
}

/** Takes the marks of use from the folio; then it goes to the inactive list, or to `isolated`. */
function coolFolio(sys: MemorySystem, folio: Folio, isolated: Folio[] | undefined): void {
  folio.flags &= ~PG_referenced;
  if ((folio.flags & PG_active) !== 0) folio.flags |= PG_workingset;
  if (isolated === undefined) folioDeactivate(sys, folio);
  else if (folioIsolateLru(sys, folio)) {
    if ((folio.flags & PG_unevictable) !== 0) folioPutbackLru(sys, folio);
    else isolated.push(folio);
  }
}

/**
 * Takes the marks of use from what the entry at `ptep` maps, if only this address space does; then it goes to
 * the inactive list, or to `isolated`, to be reclaimed. A large folio that does not lie in [addr, end) as a
 * whole is split first. Returns the entries that are done with.
 * Linux mm/madvise.c:madvise_cold_or_pageout_pte_range()
 */
function coolPte(vma: VmAreaStruct, addr: Vaddr, end: number, ptep: number, isolated?: Folio[]): number {
  const { sys } = vma.vmMm;
  const { ram } = sys;
  const pte = ptepGet(ram, ptep); // splitting a large folio may have emptied it
  const page = classifyPte(pte) === PTE_KIND_PRESENT ? vmNormalPage(vma, pte) : undefined;
  if (page === undefined) return 1;
  const folio = pageFolio(page);
  const nrPages = folioNrPages(folio);
  const nr = nrPages > 1 ? folioPteBatch(sys, folio, page, ptep, pte, (end - addr) / PAGE_SIZE) : 1;
  if (nr < nrPages) {
    if (folioMaybeMappedShared(folio) || !splitFolio(sys, folio, 0)) return 1;
    return coolPte(vma, addr, end, ptep, isolated);
  }
  if ((folio.flags & PG_lru) === 0 || folioMapcount(folio) !== nrPages) return nr;
  if (isolated === undefined)
    for (let i = ptep; i < ptep + nr; i++) setPte(ram, i, pteMkold(ptepGet(ram, i)));
  coolFolio(sys, folio, isolated);
  return nr;
}

/**
 * Sends for what is in swap; nobody waits for it. Linux mm/madvise.c:swapin_walk_ops,
 * swapin_walk_pmd_entry()
 */
function swapinRange(vma: VmAreaStruct, start: number, end: number): void {
  const { sys } = vma.vmMm;
  const plug = blkStartPlug(sys);
  walkPageRangeVma(vma, start, end, {
    pmdEntry: () => false,
    pteEntry(pte, _addr, _ptep, kind) {
      if (kind !== PTE_KIND_SWAP) return;
      const folio = readSwapCacheAsync(sys, pteToSwpEntry(pte), GFP_HIGHUSER_MOVABLE);
      if (folio !== undefined) folioPut(sys, folio);
    },
  });
  blkFinishPlug(sys, plug);
  lruAddDrain(sys);
}

/**
 * Reads the file's part of the range ahead, or what is in swap. 0 or negative errno.
 * Linux mm/madvise.c:madvise_willneed()
 */
export function madviseWillneed(vma: VmAreaStruct, start: number, end: number): number {
  const file = vma.vmFile;
  if (file === undefined) {
    swapinRange(vma, start, end);
    return 0;
  }
  if (file.fMapping.aOps.swapBacked) {
    shmemSwapinRange(vma, start, end);
    return 0;
  }
  const offset = start - vma.vmStart + vma.vmPgoff * PAGE_SIZE;
  file.fadviseWillneed?.(offset, end - start);
  return 0;
}

/** Punches a hole in the file. 0 or negative errno. Linux mm/madvise.c:madvise_remove() */
export function madviseRemove(vma: VmAreaStruct, start: number, end: number): number {
  if ((vma.vmFlags & VM_LOCKED) !== 0) return -EINVAL;
  const file = vma.vmFile;
  if (file === undefined) return -EINVAL;
  if ((vma.vmFlags & (VM_SHARED | VM_MAYWRITE)) !== (VM_SHARED | VM_MAYWRITE)) return -EACCES;
  const offset = start - vma.vmStart + vma.vmPgoff * PAGE_SIZE;
  return file.punchHole?.(offset, end - start) ?? -EOPNOTSUPP;
}
