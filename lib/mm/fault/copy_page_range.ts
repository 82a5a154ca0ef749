/**
 * fork's page tables: what the child gets copied, and what it is left to fault in.
 *
 *   parent's entry        child's entry
 *   writable, private --> read-only in BOTH; mapcount + 1, refcount + 1; no longer exclusive       copy on write
 *   zero page         --> the same
 *   guard marker      --> the same
 *   shared, file only --> nothing: the table is not even made                                  vmaNeedsCopy() is false
 *
 * No page is copied here. The price is one step for each entry, which is why fork of a large process is slow
 * although it copies nothing; and afterwards one fault for each page that either side writes.
 *
 * Write-protecting the parent takes rights away, so the caller (dup_mmap) must flush the parent's TLB entries
 * when all is done: until then a stale entry would let the parent write into pages it shares.
 *
 * (Linux has this in mm/memory.c.)
 *
 * Read first: rmap.ts, mm/pgtable/pagewalk.ts. Read next: wp.ts.
 */

import { PAGE_SIZE, type Vaddr } from "../../hw/address.js";
import type { Pte } from "../../hw/entry.js";
import { ENOMEM } from "../errno.js";
import { copyHugePmd } from "../huge/huge_memory.js";
import { copyHugetlbPageRange } from "../hugetlb/hugetlb_copy.js";
import { mmCounterFile } from "../lru/mm_inline.js";
import {
  addMmCounter,
  MM_ANONPAGES,
  MM_SWAPENTS,
  type MmStruct,
  VM_HUGETLB,
  VM_MAYBE_GUARD,
  VM_MAYWRITE,
  VM_MIXEDMAP,
  VM_PFNMAP,
  VM_SHARED,
  type VmAreaStruct,
} from "../mm_types.js";
import { folioGet, folioTestAnon, pageFolio } from "../pages/folio.js";
import { GFP_KERNEL } from "../pages/gfp.js";
import { addMmRssTogether } from "../percpu_counter.js";
import { forEachPmd, nextBoundary, PGD_BYTES, PUD_BYTES } from "../pgtable/pagewalk.js";
import {
  pmdLeaf,
  pteIndex,
  pteMkclean,
  pteMkold,
  ptePfn,
  ptePresent,
  ptepGet,
  pteWrite,
  pteWrprotect,
  setPte,
  unknownPte,
} from "../pgtable/pgtable.js";
import { pmdAlloc, pmdOffset, pteAlloc, pudAlloc, pudOffset } from "../pgtable/pgtable_alloc.js";
import {
  classifyPte,
  makePteMarker,
  PTE_KIND_MARKER,
  PTE_KIND_SWAP,
  PTE_MARKER_GUARD,
  PTE_MARKER_POISONED,
  pteSwpClearExclusive,
  pteToSwpEntry,
  swpOffset,
} from "../pgtable/swapops.js";
import { addSwapCountContinuation, swapDuplicate } from "../swap/swap_map.js";
import type { SwpEntry } from "../swap/swap_types.js";
import type { MemorySystem } from "../system.js";
import { folioDupFileRmapPtes, folioTryDupAnonRmapPte } from "./rmap.js";
import { vmNormalPage } from "./wp.js";

/** Private and possibly writable: writes go to copies. Linux include/linux/mm.h:is_cow_mapping() */
export function isCowMapping(vmFlags: number): boolean {
  return (vmFlags & (VM_SHARED | VM_MAYWRITE)) === VM_MAYWRITE;
}

/**
 * Mappings whose entries say what a fault could not find out again. Linux include/linux/mm.h:VM_COPY_ON_FORK
 */
const VM_COPY_ON_FORK = VM_PFNMAP | VM_MIXEDMAP | VM_MAYBE_GUARD;

/**
 * Whether faults could not bring back all that the parent's tables hold. Linux mm/memory.c:vma_needs_copy()
 */
export function vmaNeedsCopy(srcVma: VmAreaStruct): boolean {
  if ((srcVma.vmFlags & VM_COPY_ON_FORK) !== 0) return true;
  return srcVma.anonVma !== undefined;
}

/**
 * Copies the parent's entries of `srcVma` to the child's `dstVma` (same range); 0 or -ENOMEM. The parent's
 * TLB entries are not flushed. Linux mm/memory.c:copy_page_range()
 */
export function copyPageRange(dstVma: VmAreaStruct, srcVma: VmAreaStruct): number {
  if (!vmaNeedsCopy(srcVma)) return 0;
  if ((srcVma.vmFlags & VM_HUGETLB) !== 0) return copyHugetlbPageRange(dstVma, srcVma);
  const { ram } = srcVma.vmMm.sys;
  if (!copyUpperTables(dstVma.vmMm, srcVma)) return -ENOMEM;
  let error = 0;
  forEachPmd(srcVma.vmMm, srcVma.vmStart, srcVma.vmEnd, (pmdp, addr, next) => {
    const pmd = ptepGet(ram, pmdp);
    if (pmdLeaf(pmd)) {
      error = copyHugePmd(dstVma, srcVma, pmdOffset(dstVma.vmMm, addr), pmdp);
      srcVma.vmMm.sys.clock.advance(srcVma.vmMm.sys.costs.forkEntryNs);
      return error !== 0;
    }
    error = addMmRssTogether(dstVma.vmMm, () => copyPteRange(dstVma, srcVma, ptePfn(pmd), addr, next));
    return error !== 0;
  });
  return error;
}

/**
 * Makes the child's tables of levels 3 and 2 where the parent has them, used or not. Linux copy_p4d_range(),
 * copy_pud_range()
 */
function copyUpperTables(dst: MmStruct, srcVma: VmAreaStruct): boolean {
  const src = srcVma.vmMm;
  const { ram } = src.sys;
  for (let addr = srcVma.vmStart; addr < srcVma.vmEnd; ) {
    const pudp = pudOffset(src, addr);
    if (pudp === 0) {
      addr = nextBoundary(addr, PGD_BYTES, srcVma.vmEnd);
      continue;
    }
    if (pudAlloc(dst, addr) === 0) return false;
    const pud = ptepGet(ram, pudp);
    if (pud !== 0 && !pmdLeaf(pud) && pmdAlloc(dst, addr) === 0) return false;
    addr = nextBoundary(addr, PUD_BYTES, srcVma.vmEnd);
  }
  return true;
}

/** Copies the entries of one PTE page. Linux mm/memory.c:copy_pte_range() */
function copyPteRange(
  dstVma: VmAreaStruct,
  srcVma: VmAreaStruct,
  table: number,
  start: number,
  end: number,
): number {
  const { sys } = srcVma.vmMm;
  const { ram, parts, clock, costs, trace } = sys;
  let dstPtep = pteAlloc(dstVma.vmMm, start);
  if (dstPtep === 0) return -ENOMEM;
  let srcPtep = table * 512 + pteIndex(start);
  for (let addr = start; addr < end; addr += PAGE_SIZE, dstPtep++, srcPtep++) {
    const pte = ptepGet(ram, srcPtep);
    if (pte === 0) continue;
    if (ptePresent(pte)) {
      const error = parts.copyPresentPte(dstVma, srcVma, dstPtep, srcPtep, pte);
      if (error !== 0) return error;
      clock.advance(costs.forkEntryNs);
      if (trace.on) traceCopied(sys, addr, pte);
      continue;
    }
    const full = copyNonpresentPte(dstVma, srcVma, dstPtep, srcPtep, pte);
    if (full === 0) continue;
    // The wait for memory may have changed the entry: it is looked at once more.
    if (addSwapCountContinuation(sys, full, GFP_KERNEL) !== 0) return -ENOMEM;
    addr -= PAGE_SIZE;
    dstPtep--;
    srcPtep--;
  }
  return 0;
}

/** Tells a recording of one copied entry. Not in Linux: it has no tracepoint here. */
function traceCopied(sys: MemorySystem, addr: Vaddr, pte: Pte): void {
  sys.trace.emit("pagewalk:copy_present_ptes", { addr, pfn: ptePfn(pte) });
}

/**
 * One present entry: the child gets the same frame; where writes must not be shared, both lose the right to
 * write. 0 or -ENOMEM. Linux mm/memory.c:copy_present_ptes()
 */
export function copyPresentPte(
  dstVma: VmAreaStruct,
  srcVma: VmAreaStruct,
  dstPtep: number,
  srcPtep: number,
  srcPte: Pte,
): number {
  const { sys } = srcVma.vmMm;
  const page = vmNormalPage(srcVma, srcPte);
  if (page !== undefined) {
    const folio = pageFolio(page);
    folioGet(folio);
    if (folioTestAnon(folio)) {
      folioTryDupAnonRmapPte(sys, folio, page, dstVma);
      addMmCounter(dstVma.vmMm, MM_ANONPAGES, 1);
    } else {
      folioDupFileRmapPtes(sys, folio, page, 1, dstVma);
      addMmCounter(dstVma.vmMm, mmCounterFile(folio), 1);
    }
  }
  let pte = srcPte;
  if (isCowMapping(srcVma.vmFlags) && pteWrite(pte)) {
    pte = pteWrprotect(pte);
    setPte(sys.ram, srcPtep, pte);
  }
  if ((srcVma.vmFlags & VM_SHARED) !== 0) pte = pteMkclean(pte);
  setPte(sys.ram, dstPtep, pteMkold(pte));
  return 0;
}

/**
 * Guard and poison markers are inherited; of a place in swap the child has a share, and it is nobody's alone.
 * 0, or the swap entry whose count needs a continuation before it can be copied.
 * Linux mm/memory.c:copy_nonpresent_pte(), copy_pte_marker()
 */
function copyNonpresentPte(
  dstVma: VmAreaStruct,
  srcVma: VmAreaStruct,
  dstPtep: number,
  srcPtep: number,
  pte: Pte,
): SwpEntry {
  const { sys } = srcVma.vmMm;
  const entry = pteToSwpEntry(pte);
  const kind = classifyPte(pte);
  if (kind === PTE_KIND_SWAP) {
    if (swapDuplicate(sys, entry) < 0) return entry;
    const shared = pteSwpClearExclusive(pte);
    if (shared !== pte) setPte(sys.ram, srcPtep, shared);
    setPte(sys.ram, dstPtep, shared);
    addMmCounter(dstVma.vmMm, MM_SWAPENTS, 1);
    return 0;
  }
  if (kind !== PTE_KIND_MARKER) throw unknownPte(pte); // the child would lose the page
  const marker = swpOffset(entry) & (PTE_MARKER_GUARD | PTE_MARKER_POISONED);
  if (marker !== 0) setPte(sys.ram, dstPtep, makePteMarker(marker));
  return 0;
}
