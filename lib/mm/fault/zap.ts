/**
 * Zapping: taking mappings away from a range of addresses, and tables with them.
 *
 *   munmap, exit    unmapVmas(mm, vmas, start, end)   then freePgtables(mm, vmas, floor, ceiling)
 *   MADV_DONTNEED   zapPageRangeSingle(vma, ...)      a PTE page emptied over its whole 2 MiB is freed at once
 *   truncate        unmapMappingPages(mapping, ...)   every VMA that maps the part of the file
 *        |
 *        +--> zapPteRange: entry -> 0; dirty bit -> folio; rss -1; mapcount -1; reference dropped
 *
 * A page is freed when its last reference goes: private memory usually here, a file's page stays in the
 * cache. Guard markers survive MADV_DONTNEED and go only with the mapping (dropMarkers); the marker of a lost
 * page goes with it.
 *
 * (Linux has this in mm/memory.c; it stands apart here because faults do not need it.)
 *
 * Read first: mm/pgtable/pagewalk.ts, rmap.ts. Read next: copy_page_range.ts.
 */
import type { Vaddr } from "../../hw/address.js";
import { PAGE_SIZE, PMD_SIZE } from "../../hw/address.js";
import { PAGE_ACCESSED, PAGE_DIRTY, type Pte } from "../../hw/entry.js";
import type { AddressSpace } from "../filemap/mapping.js";
import { zapHugePmd } from "../huge/huge_memory.js";
import { unmapHugepageRange } from "../hugetlb/hugetlb_unmap.js";
import { mmCounter } from "../lru/mm_inline.js";
import { folioMarkDirty } from "../lru/page_writeback.js";
import { folioMarkAccessed } from "../lru/swap.js";
import {
  addMmCounter,
  MM_SWAPENTS,
  type MmStruct,
  VM_HUGETLB,
  VM_RAND_READ,
  VM_SEQ_READ,
  type VmAreaStruct,
} from "../mm_types.js";
import { type Folio, folioTestAnon, PG_swapcache, pageFolio, pfnToPage } from "../pages/folio.js";
import { folioPutRefs } from "../pages/free_pages.js";
import { addMmRssTogether } from "../percpu_counter.js";
import { tlbEntryChanged, withGather } from "../pgtable/mmu_gather.js";
import { forEachPmd } from "../pgtable/pagewalk.js";
import {
  leafNotTable,
  pteDirty,
  pteIndex,
  ptePfn,
  ptePresent,
  ptepGet,
  pteSpecial,
  pteYoung,
  setPte,
  unknownPte,
} from "../pgtable/pgtable.js";
import { freePgdRange, freeTableBelow, pteTableEmpty } from "../pgtable/pgtable_alloc.js";
import {
  classifyPte,
  isGuardPte,
  PTE_KIND_MARKER,
  PTE_KIND_SWAP,
  pteToSwpEntry,
} from "../pgtable/swapops.js";
import { freeSwapAndCacheNr, freeSwapCache } from "../swap/swap_state.js";
import { updateHiwaterRss } from "../vma/util.js";
import { unlinkFile } from "../vma/vma.js";
import { unlinkAnonVmas } from "./anon_vma.js";
import { folioPteBatch } from "./pte_batch.js";
import { folioRemoveRmapPtes } from "./rmap.js";

/** What is to be taken and what left. Linux include/linux/mm.h:struct zap_details */
interface ZapDetails {
  /** Also private copies of file pages. Linux even_cows */
  evenCows: boolean;
  /** Free a PTE page that this empties, if its whole range is zapped. Linux reclaim_pt */
  reclaimPt: boolean;
  /** Also guard markers. Linux ZAP_FLAG_DROP_MARKER */
  dropMarkers: boolean;
}

/** munmap and exit: everything goes. */
const ZAP_ALL: ZapDetails = { evenCows: true, reclaimPt: false, dropMarkers: true };
/** MADV_DONTNEED. Linux mm/madvise.c:madvise_dontneed_single_vma() */
export const ZAP_DONTNEED: ZapDetails = { evenCows: true, reclaimPt: true, dropMarkers: false };

/** Takes the entries of [start, end) away in all `vmas` (in order). Linux mm/memory.c:unmap_vmas() */
export function unmapVmas(mm: MmStruct, vmas: readonly VmAreaStruct[], start: number, end: number): void {
  withGather(mm, () => {
    for (const vma of vmas) {
      const from = Math.max(start, vma.vmStart);
      const to = Math.min(end, vma.vmEnd);
      if (from < to) unmapPageRange(vma, from, to, ZAP_ALL);
    }
  });
}

/**
 * Takes the entries of `size` bytes at `address` of one VMA away.
 * Linux mm/memory.c:zap_page_range_single_batched()
 */
export function zapPageRangeSingle(
  vma: VmAreaStruct,
  address: Vaddr,
  size: number,
  details: ZapDetails = ZAP_DONTNEED,
): void {
  updateHiwaterRss(vma.vmMm);
  withGather(vma.vmMm, () => unmapPageRange(vma, address, address + size, details));
}

/**
 * After unmapVmas: takes the VMAs out of the reverse maps and frees tables that nobody needs. `floor` is the
 * end of the VMA below, `ceiling` the start of the one above (0 = none). Linux mm/memory.c:free_pgtables()
 */
export function freePgtables(
  mm: MmStruct,
  vmas: readonly VmAreaStruct[],
  floor: number,
  ceiling: number,
): void {
  for (let i = 0; i < vmas.length; ) {
    const first = vmas[i]!;
    let last = first;
    unlinkOne(first);
    // Neighbours closer than a PTE page are done in one go, so that a table they share is freed.
    while (++i < vmas.length && vmas[i]!.vmStart <= last.vmEnd + PMD_SIZE) {
      last = vmas[i]!;
      unlinkOne(last);
    }
    freePgdRange(mm, first.vmStart, last.vmEnd, floor, vmas[i]?.vmStart ?? ceiling);
  }
}

function unlinkOne(vma: VmAreaStruct): void {
  unlinkAnonVmas(vma);
  unlinkFile(vma);
}

/** Linux mm/memory.c:unmap_page_range(), zap_pmd_range() */
function unmapPageRange(vma: VmAreaStruct, start: number, end: number, details: ZapDetails): void {
  const mm = vma.vmMm;
  const { ram } = mm.sys;
  if ((vma.vmFlags & VM_HUGETLB) !== 0) {
    unmapHugepageRange(vma, start, end);
    return;
  }
  forEachPmd(mm, start, end, (pmdp, from, to) => {
    if (leafNotTable(ptepGet(ram, pmdp))) {
      if (to - from === PMD_SIZE) {
        zapHugePmd(vma, pmdp, from);
        return;
      }
      mm.sys.parts.splitHugePmd(vma, pmdp, from);
    }
    const pmd = ptepGet(ram, pmdp);
    if (pmd === 0) return; // of a file: splitting it has removed it
    const skipped = addMmRssTogether(mm, () => zapPteRange(vma, ptePfn(pmd), from, to, details));
    if (details.reclaimPt && !skipped && to - from >= PMD_SIZE && pteTableEmpty(mm, ptePfn(pmd)))
      freeTableBelow(mm, pmdp);
  });
}

/** Empties the entries of one PTE page; true if some were left. Linux mm/memory.c:zap_pte_range() */
function zapPteRange(
  vma: VmAreaStruct,
  table: number,
  start: number,
  end: number,
  details: ZapDetails,
): boolean {
  const { ram, trace } = vma.vmMm.sys;
  const first = pteIndex(start);
  const last = first + (end - start) / PAGE_SIZE;
  let skipped = false;
  for (let i = first, nr = 1; i < last; i += nr) {
    nr = 1;
    if (ram.entryLo(table, i) === 0 && ram.entryHi(table, i) === 0) continue;
    const ptep = table * 512 + i;
    const pte = ptepGet(ram, ptep);
    if (ptePresent(pte)) {
      const addr = start + (i - first) * PAGE_SIZE;
      const zapped = zapPresentPtes(vma, ptep, pte, last - i, addr, details);
      if (zapped === 0) skipped = true;
      else {
        nr = zapped;
        if (trace.on)
          for (let k = 0; k < nr; k++)
            trace.emit("pagewalk:zap_present_ptes", { addr: addr + k * PAGE_SIZE, pfn: ptePfn(pte) + k });
      }
    } else if (!zapNonpresentPte(vma, ptep, pte, details)) skipped = true;
  }
  return skipped;
}

/** One entry that is a note; false if it is left. Linux mm/memory.c:zap_nonpresent_ptes() */
function zapNonpresentPte(vma: VmAreaStruct, ptep: number, pte: Pte, details: ZapDetails): boolean {
  const { sys } = vma.vmMm;
  const kind = classifyPte(pte);
  if (kind !== PTE_KIND_MARKER && kind !== PTE_KIND_SWAP) throw unknownPte(pte); // a page on the move
  if (!(isGuardPte(pte) ? details.dropMarkers : details.evenCows)) return false;
  if (kind === PTE_KIND_SWAP) {
    freeSwapAndCacheNr(sys, pteToSwpEntry(pte), 1);
    addMmCounter(vma.vmMm, MM_SWAPENTS, -1);
  }
  setPte(sys.ram, ptep, 0);
  return true;
}

/**
 * A present entry, and with it those behind it, at most `maxNr` together, that map the next pages of the same
 * large folio: how many are gone, 0 if it is left. Linux mm/memory.c:zap_present_ptes()
 */
function zapPresentPtes(
  vma: VmAreaStruct,
  ptep: number,
  pte: Pte,
  maxNr: number,
  addr: Vaddr,
  details: ZapDetails,
): number {
  const mm = vma.vmMm;
  const { sys } = mm;
  if (pteSpecial(pte)) {
    setPte(sys.ram, ptep, 0);
    tlbEntryChanged(mm, addr, pte, 0);
    return 1;
  }
  const page = pfnToPage(sys, ptePfn(pte));
  const folio = pageFolio(page);
  const anon = folioTestAnon(folio);
  if (anon && !details.evenCows) return 0;
  const nr = folio.order > 0 && maxNr > 1 ? folioPteBatch(sys, folio, page, ptep, pte, maxNr) : 1;
  let seen = 0;
  for (let i = 0; i < nr; i++) {
    const old = i === 0 ? pte : ptepGet(sys.ram, ptep + i);
    seen |= old & (PAGE_DIRTY | PAGE_ACCESSED);
    setPte(sys.ram, ptep + i, 0);
    tlbEntryChanged(mm, addr + i * PAGE_SIZE, old, 0);
  }
  if (!anon) noteUse(vma, folio, seen);
  addMmCounter(mm, mmCounter(folio), -nr);
  folioRemoveRmapPtes(folio, page, nr, vma);
  if ((folio.flags & PG_swapcache) !== 0) freeSwapCache(sys, folio);
  folioPutRefs(sys, folio, nr);
  return nr;
}

/** What the entries knew about a cache page goes to the page. Linux mm/memory.c:zap_present_folio_ptes() */
function noteUse(vma: VmAreaStruct, folio: Folio, pte: Pte): void {
  if (pteDirty(pte)) folioMarkDirty(folio);
  if (pteYoung(pte) && (vma.vmFlags & (VM_SEQ_READ | VM_RAND_READ)) === 0)
    folioMarkAccessed(vma.vmMm.sys, folio);
}

/**
 * Unmaps `nr` pages of the file from page `start` on, wherever they are mapped; private copies only with
 * `evenCows`.
 * Linux mm/memory.c:unmap_mapping_pages()
 */
export function unmapMappingPages(mapping: AddressSpace, start: number, nr: number, evenCows: boolean): void {
  const details: ZapDetails = { evenCows, reclaimPt: false, dropMarkers: false };
  for (const vma of mapping.iMmap) {
    const first = Math.max(start, vma.vmPgoff);
    const end = Math.min(start + nr, vma.vmPgoff + (vma.vmEnd - vma.vmStart) / PAGE_SIZE);
    if (first >= end) continue;
    const address = vma.vmStart + (first - vma.vmPgoff) * PAGE_SIZE;
    zapPageRangeSingle(vma, address, (end - first) * PAGE_SIZE, details);
  }
}
