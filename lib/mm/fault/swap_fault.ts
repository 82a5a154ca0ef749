/**
 * A fault on a page that is not in RAM: its entry says where it is.
 *
 *   doSwapPage
 *     a marker (guard, poison)                         SIGSEGV, SIGBUS
 *     in the swap cache: a folio has the bytes         minor, unless they are still on their way
 *     a device that is done at once (zram), and        read straight into a new folio: no swap cache, no
 *     nobody else has the slot                         readahead, the slot is free afterwards (swapin_direct.ts)
 *     else: read, with those around it                 major    (swapinReadahead)
 *   then
 *     one entry less has the slot (swapFreeNr)
 *     the slot is given up if it is of no use: more than half of swap used, the page locked, or written now
 *     and nobody else's
 *     the page is mapped; writable at once if it is this mm's alone (E in the entry, or no other hold)
 *     a write that it is not writable for: doWpPage, in the same fault
 *
 * A page that was only read keeps its slot and stays in the swap cache: it may be dropped again without
 * being written. That is why swap stays "used" long after memory is free again.
 *
 * Replaceable: sys.parts.doSwapPage.
 *
 * Left out: KSM, device memory.
 *
 * Linux mm/memory.c. Read first: memory.ts, mm/swap/swap_state.ts, mm/swap/swap_readahead.ts.
 * Read next: swapin_direct.ts, wp.ts.
 */

import { PAGE_SIZE, PMD_SIZE } from "../../hw/address.js";
import { folioIsLocked, folioIsWriteback, folioWaitLocked } from "../filemap/folio_wait.js";
import { lruAddDrain } from "../lru/swap.js";
import { countMemcgEvents } from "../memcg/stats.js";
import { memCgroupSwapFull } from "../memcg/swap_full.js";
import {
  addMmCounter,
  MM_ANONPAGES,
  MM_SWAPENTS,
  VM_LOCKED,
  VM_WRITE,
  type VmAreaStruct,
  type VmFaultResult,
} from "../mm_types.js";
import {
  type Folio,
  folioNrPages,
  folioPage,
  folioRefAdd,
  folioTestAnon,
  PG_lru,
  PG_mlocked,
  PG_swapcache,
  PG_uptodate,
} from "../pages/folio.js";
import { folioPut } from "../pages/free_pages.js";
import { GFP_HIGHUSER_MOVABLE } from "../pages/gfp.js";
import { maybeMkwrite, pfnPte, pteMkdirty, setPte, unknownPte, vmaPageProt } from "../pgtable/pgtable.js";
import { pteMksoftDirty, pteNeedsSoftDirtyWp, pteSwpSoftDirty } from "../pgtable/soft_dirty.js";
import {
  classifyPte,
  PTE_KIND_MARKER,
  PTE_KIND_SWAP,
  PTE_MARKER_GUARD,
  PTE_MARKER_POISONED,
  pteSwpExclusive,
  pteToSwpEntry,
  swpOffset,
} from "../pgtable/swapops.js";
import { getSwapDevice, swapCount, swapcacheClear, swapFreeNr } from "../swap/swap_map.js";
import { swapinReadahead, swapUpdateReadahead } from "../swap/swap_readahead.js";
import {
  folioFreeSwap,
  folioMatchesSwapEntry,
  folioSwap,
  swapCacheGetFolio,
  traceSwap,
} from "../swap/swap_state.js";
import {
  SWP_STABLE_WRITES,
  SWP_SYNCHRONOUS_IO,
  type SwapInfoStruct,
  type SwpEntry,
} from "../swap/swap_types.js";
import type { MemorySystem } from "../system.js";
import { countVmEvent, PGMAJFAULT } from "../vmstat.js";
import { vmfPteChanged } from "./pte_changed.js";
import { folioAddAnonRmapPtes, folioAddNewAnonRmap } from "./rmap.js";
import { readFolioPastCache, swapPtesInOrder } from "./swapin_direct.js";
import {
  FAULT_FLAG_ALLOW_RETRY,
  FAULT_FLAG_TRIED,
  FAULT_FLAG_WRITE,
  VM_FAULT_ERROR,
  VM_FAULT_HWPOISON,
  VM_FAULT_MAJOR,
  VM_FAULT_OOM,
  VM_FAULT_RETRY,
  VM_FAULT_SIGBUS,
  VM_FAULT_SIGSEGV,
  type VmFault,
} from "./vm_fault.js";

/** The folio with the bytes, held; how the fault counts; whether the swap cache was passed by. */
interface Found {
  readonly folio: Folio;
  readonly ret: VmFaultResult;
  readonly direct: boolean;
  /** Pages of the folio; of a direct one they are noted, since it may be gone when it is asked. */
  readonly nr: number;
}

/**
 * The entry is a note of the kernel: a place in swap, or a marker. Throws for a page on the move: nothing
 * makes them yet. Linux mm/memory.c:do_swap_page()
 */
export function doSwapPage(vmf: VmFault): VmFaultResult {
  const kind = classifyPte(vmf.origPte);
  if (kind === PTE_KIND_MARKER) return handlePteMarker(vmf);
  if (kind !== PTE_KIND_SWAP) throw unknownPte(vmf.origPte);
  const { sys } = vmf.vma.vmMm;
  const entry = pteToSwpEntry(vmf.origPte);
  const si = getSwapDevice(sys, entry);
  if (si === undefined) return 0; // swapoff was faster: the access finds the page
  const found = findFolio(sys, vmf, si, entry);
  if (found === undefined) return vmfPteChanged(vmf) ? 0 : VM_FAULT_OOM;
  const ret = mapFolio(sys, vmf, si, entry, found);
  if (found.direct)
    for (let i = 0; i < found.nr; i++) swapcacheClear(sys, si, entry - (entry % found.nr) + i);
  return ret;
}

/** What a marker at vmf.origPte means for who touches it. Linux mm/memory.c:handle_pte_marker() */
export function handlePteMarker(vmf: VmFault): VmFaultResult {
  const marker = swpOffset(pteToSwpEntry(vmf.origPte));
  if ((marker & PTE_MARKER_POISONED) !== 0) return VM_FAULT_HWPOISON;
  return (marker & PTE_MARKER_GUARD) !== 0 ? VM_FAULT_SIGSEGV : VM_FAULT_SIGBUS;
}

/** The folio with the slot's bytes, which may still be on their way; undefined without memory. */
function findFolio(sys: MemorySystem, vmf: VmFault, si: SwapInfoStruct, entry: SwpEntry): Found | undefined {
  const cached = swapCacheGetFolio(sys, entry);
  if (cached !== undefined) {
    if (sys.trace.on) traceSwap(sys, "pagewalk:swap_cache_hit", cached);
    swapUpdateReadahead(sys, cached, vmf.vma, vmf.address);
    return { folio: cached, ret: 0, direct: false, nr: folioNrPages(cached) };
  }
  const direct = (si.flags & SWP_SYNCHRONOUS_IO) !== 0 && swapCount(si.swapMap[swpOffset(entry)]!) === 1;
  const folio = direct
    ? readFolioPastCache(vmf, si, entry)
    : swapinReadahead(sys, entry, GFP_HIGHUSER_MOVABLE, vmf);
  if (folio === undefined) return undefined;
  countVmEvent(sys, PGMAJFAULT);
  countMemcgEvents(vmf.vma.vmMm.memcg, PGMAJFAULT, 1);
  return { folio, ret: VM_FAULT_MAJOR, direct, nr: folioNrPages(folio) };
}

/** Waits for the folio's bytes if need be, and maps it, unless something has changed meanwhile. */
function mapFolio(
  sys: MemorySystem,
  vmf: VmFault,
  si: SwapInfoStruct,
  entry: SwpEntry,
  { folio, ret, direct, nr }: Found,
): VmFaultResult {
  if (folioIsLocked(sys, folio)) {
    folioWaitLocked(sys, folio);
    if ((vmf.flags & (FAULT_FLAG_ALLOW_RETRY | FAULT_FLAG_TRIED)) === FAULT_FLAG_ALLOW_RETRY) {
      folioPut(sys, folio);
      return ret | VM_FAULT_RETRY;
    }
  }
  if (!direct && !folioMatchesSwapEntry(folio, entry)) {
    folioPut(sys, folio);
    return ret;
  }
  // Its place in a batch is a hold: nobody could tell that the folio is this mm's alone.
  if (!direct && (vmf.flags & FAULT_FLAG_WRITE) !== 0 && (folio.flags & PG_lru) === 0) lruAddDrain(sys);
  const gone = vmfPteChanged(vmf) || (direct && entriesToSet(sys, vmf, folio, indexOf(folio, entry)).nr < nr);
  if (gone) {
    folioPut(sys, folio);
    return ret;
  }
  if ((folio.flags & PG_uptodate) === 0) {
    folioPut(sys, folio);
    return VM_FAULT_SIGBUS;
  }
  setSwappedPte(sys, vmf, si, entry, folio, direct);
  if ((vmf.flags & FAULT_FLAG_WRITE) === 0) return ret;
  const wp = sys.parts.doWpPage(vmf);
  return (wp & VM_FAULT_ERROR) !== 0 ? wp & VM_FAULT_ERROR : ret | wp;
}

/** Whether this entry's mm is the only one that the page belongs to, for certain. */
function isExclusive(
  sys: MemorySystem,
  vmf: VmFault,
  si: SwapInfoStruct,
  folio: Folio,
  direct: boolean,
): boolean {
  if (direct) return true;
  if (!pteSwpExclusive(vmf.origPte)) return false;
  // A page that the device is reading must not change.
  return !(folioIsWriteback(sys, folio) && (si.flags & SWP_STABLE_WRITES) !== 0);
}

/** The slot is of no more use to the folio. Linux mm/memory.c:should_try_to_free_swap() */
function shouldTryToFreeSwap(sys: MemorySystem, folio: Folio, vma: VmAreaStruct, flags: number): boolean {
  if ((folio.flags & PG_swapcache) === 0) return false;
  if (memCgroupSwapFull(sys, folio) || (vma.vmFlags & VM_LOCKED) !== 0 || (folio.flags & PG_mlocked) !== 0)
    return true;
  return (flags & FAULT_FLAG_WRITE) !== 0 && folio.refcount === 1 + folioNrPages(folio);
}

/** Exchanges the entry: the page instead of its place in swap. Linux do_swap_page(), from check_folio on */
function setSwappedPte(
  sys: MemorySystem,
  vmf: VmFault,
  si: SwapInfoStruct,
  entry: SwpEntry,
  folio: Folio,
  direct: boolean,
): void {
  const { vma } = vmf;
  const index = direct ? indexOf(folio, entry) : entry - folioSwap(folio);
  const { first, nr } = entriesToSet(sys, vmf, folio, index);
  const page = folioPage(sys, folio, first);
  const exclusive = isExclusive(sys, vmf, si, folio, direct);
  swapFreeNr(sys, entry - (index - first), nr);
  if (shouldTryToFreeSwap(sys, folio, vma, vmf.flags)) folioFreeSwap(sys, folio);
  addMmCounter(vma.vmMm, MM_ANONPAGES, nr);
  addMmCounter(vma.vmMm, MM_SWAPENTS, -nr);
  let pte = pfnPte(page.pfn, vmaPageProt(vma));
  if (pteSwpSoftDirty(vmf.origPte)) pte = pteMksoftDirty(pte);
  const mine = exclusive || folio.refcount === 1;
  // A write to a page without the mark is a fault of its own: doWpPage is called next.
  if (mine && (vma.vmFlags & VM_WRITE) !== 0 && !pteNeedsSoftDirtyWp(vma, pte)) {
    pte = maybeMkwrite(pte, vma);
    if ((vmf.flags & FAULT_FLAG_WRITE) !== 0) {
      pte = pteMkdirty(pte, sys.pageSoftDirty);
      vmf.flags &= ~FAULT_FLAG_WRITE;
    }
  }
  folioRefAdd(folio, nr - 1);
  if (folioTestAnon(folio)) folioAddAnonRmapPtes(folio, page, nr, vma, mine);
  else folioAddNewAnonRmap(folio, vma, vmf.address - (index - first) * PAGE_SIZE, mine);
  for (let i = 0; i < nr; i++) setPte(sys.ram, vmf.ptep - (index - first) + i, pte + i * PAGE_SIZE);
  vmf.origPte = pte + (index - first) * PAGE_SIZE;
}

/** Which page of a folio that was read past the swap cache has slot `entry`. */
function indexOf(folio: Folio, entry: SwpEntry): number {
  return entry % folioNrPages(folio);
}

/**
 * Which pages of the folio are mapped with page `index`, for which the fault came: all of a large one, if the
 * entries around the fault's name just its slots, in order; else this one alone.
 * Linux do_swap_page(), "folio_test_large(folio) && folio_test_swapcache(folio)"
 */
function entriesToSet(
  sys: MemorySystem,
  { vma, address, ptep, origPte }: VmFault,
  folio: Folio,
  index: number,
): { first: number; nr: number } {
  const alone = { first: index, nr: 1 };
  if (folio.order === 0) return alone;
  const nr = folioNrPages(folio);
  const start = address - index * PAGE_SIZE;
  const table = Math.floor(address / PMD_SIZE) * PMD_SIZE;
  if (start < Math.max(table, vma.vmStart)) return alone;
  if (start + nr * PAGE_SIZE > Math.min(table + PMD_SIZE, vma.vmEnd)) return alone;
  return swapPtesInOrder(sys, ptep - index, nr, origPte, index) ? { first: 0, nr } : alone;
}
