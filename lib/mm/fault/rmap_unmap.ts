/**
 * Taking a folio away from all who map it.
 *
 *   tryToUnmap(folio) --> rmapWalk --> each VMA --> pageVmaMappedWalk --> each entry
 *
 *       the VMA is locked        gives up; the folio is marked as locked, in case that was missed
 *       entry was dirty          the folio is dirty now
 *       file                     entry emptied: the next touch finds the page in the cache
 *       anonymous, in swap       entry says where in swap; one more has the slot
 *       anonymous, MADV_FREE     entry emptied, unless the folio was written since: then it is
 *                                kept, and no longer free to be dropped
 *
 *   TlbflushUnmapBatch   a processor of somebody else may still hold the old entry. Interrupting it for each page
 *                        would be dear: the flush waits until the caller frees what he has collected
 *
 *       a leaf of level 2        split first; after MADV_FREE it is emptied as a whole
 *
 * Left out: pages pinned for a device.
 *
 * Linux mm/rmap.c. Read first: rmap.ts, page_vma_mapped.ts. Read next: mm/lru/shrink_folio_list.ts.
 */
import type { Vaddr } from "../../hw/address.js";
import type { Pte } from "../../hw/entry.js";
import { discardAnonFolioPmd } from "../huge/huge_memory.js";
import { thisCpuFbatches } from "../lru/fbatch.js";
import { mlockFolio, mlockFolioBatch } from "../lru/mlock_batch.js";
import { mmCounter } from "../lru/mm_inline.js";
import { folioMarkDirty } from "../lru/page_writeback.js";
import {
  addMmCounter,
  MM_SWAPENTS,
  type MmStruct,
  VM_DROPPABLE,
  VM_LOCKED,
  VM_SPECIAL,
  type VmAreaStruct,
} from "../mm_types.js";
import {
  type Folio,
  folioMapcount,
  folioMapped,
  folioNrPages,
  folioPage,
  folioTestAnon,
  PG_dirty,
  PG_swapbacked,
  PG_swapcache,
  pfnToPage,
} from "../pages/folio.js";
import { folioPut } from "../pages/free_pages.js";
import { pmdLeaf, pteDirty, setPte } from "../pgtable/pgtable.js";
import { pteSoftDirty, pteSwpMksoftDirty } from "../pgtable/soft_dirty.js";
import { pteSwpMkexclusive, swpEntryToPte } from "../pgtable/swapops.js";
import { archTlbbatchAddPending, archTlbbatchFlush, flushTlbPage } from "../pgtable/tlb.js";
import { swapDuplicate } from "../swap/swap_map.js";
import { folioSwap, traceSwap } from "../swap/swap_state.js";
import type { MemorySystem } from "../system.js";
import { updateHiwaterRss } from "../vma/util.js";
import { pageVmaMappedWalk } from "./page_vma_mapped.js";
import { folioRemoveRmapPtes, rmapWalk } from "./rmap.js";

/**
 * CPUs that may hold entries which are gone from the tables.
 * Linux include/linux/mm_types_task.h:struct tlbflush_unmap_batch
 */
export interface TlbflushUnmapBatch {
  readonly cpumask: Set<number>;
  /** Some of the entries let their page be written. */
  writable: boolean;
}

/** Nothing to be flushed. */
export function newTlbflushUnmapBatch(): TlbflushUnmapBatch {
  return { cpumask: new Set(), writable: false };
}

/** Flushes what was put off. Linux mm/rmap.c:try_to_unmap_flush() */
export function tryToUnmapFlush(sys: MemorySystem, batch: TlbflushUnmapBatch): void {
  if (batch.cpumask.size > 0) archTlbbatchFlush(sys, batch.cpumask);
  batch.writable = false;
}

/** The same, if a page may still be written. Linux mm/rmap.c:try_to_unmap_flush_dirty() */
export function tryToUnmapFlushDirty(sys: MemorySystem, batch: TlbflushUnmapBatch): void {
  if (batch.writable) tryToUnmapFlush(sys, batch);
}

/** Whether a CPU other than this one may hold entries of `mm`. Linux mm/rmap.c:should_defer_flush() */
function shouldDeferFlush(mm: MmStruct): boolean {
  const { mmCpumask } = mm;
  return mmCpumask.size > (mmCpumask.has(mm.sys.thisCpu) ? 1 : 0);
}

/** One call of tryToUnmap. Linux: the locals of try_to_unmap_one() */
interface Unmapping {
  readonly sys: MemorySystem;
  readonly folio: Folio;
  readonly batch: TlbflushUnmapBatch | undefined;
  /** Also where it is locked. Linux TTU_IGNORE_MLOCK */
  readonly ignoreMlock: boolean;
  /** The VMA at hand, and its entries that a lock protects. */
  vma: VmAreaStruct | undefined;
  lockedPtes: number;
  /** A leaf was split: its entries are to be looked at. Linux page_vma_mapped_walk_restart() */
  restart: boolean;
}

/**
 * Empties every entry that maps the folio, except where it is locked, unless `ignoreMlock`; whether any is
 * left the caller must ask (folioMapped). Flushes at once, or leaves it to tryToUnmapFlush() of `batch`.
 * Linux mm/rmap.c:try_to_unmap()
 */
export function tryToUnmap(
  sys: MemorySystem,
  folio: Folio,
  batch?: TlbflushUnmapBatch,
  ignoreMlock = false,
): void {
  const state = { vma: undefined, lockedPtes: 0, restart: false };
  rmapWalk(folio, tryToUnmapOne, { sys, folio, batch, ignoreMlock, ...state });
  if (ignoreMlock) mlockFolioBatch(sys, thisCpuFbatches(sys).mlock); // Linux mlock_drain_local()
}

/** Empties the entries of one VMA; false to give up. Linux mm/rmap.c:try_to_unmap_one() */
function tryToUnmapOne(vma: VmAreaStruct, _address: Vaddr, unmapping: Unmapping): boolean {
  const { sys, folio } = unmapping;
  unmapping.vma = vma;
  unmapping.lockedPtes = 0;
  let unmapped = pageVmaMappedWalk(folio, vma, unmapEntry, unmapping);
  if (unmapping.restart) {
    unmapping.restart = false;
    unmapped = pageVmaMappedWalk(folio, vma, unmapEntry, unmapping);
  }
  if (unmapping.lockedPtes === 0) return unmapped && folioMapped(folio);
  const whole = unmapping.lockedPtes === folioNrPages(folio);
  if (whole && (vma.vmFlags & VM_SPECIAL) === 0) mlockFolio(sys, folio);
  return false;
}

/** Empties one entry; false where it stays. Linux mm/rmap.c:try_to_unmap_one(), the body of its loop */
function unmapEntry(address: Vaddr, ptep: number, pte: Pte, index: number, unmapping: Unmapping): boolean {
  const { sys, folio, batch } = unmapping;
  const vma = unmapping.vma!;
  const mm = vma.vmMm;
  if ((vma.vmFlags & VM_LOCKED) !== 0 && !unmapping.ignoreMlock) {
    unmapping.lockedPtes = pmdLeaf(pte) ? folioNrPages(folio) : unmapping.lockedPtes + 1;
    return unmapping.lockedPtes < folioNrPages(folio);
  }
  if (pmdLeaf(pte)) return unmapLeaf(address, ptep, unmapping);
  setPte(sys.ram, ptep, 0);
  if (batch !== undefined && shouldDeferFlush(mm)) {
    archTlbbatchAddPending(batch.cpumask, mm);
    if (pteDirty(pte)) batch.writable = true;
  } else flushTlbPage(mm, address);
  if (pteDirty(pte)) folioMarkDirty(folio);
  updateHiwaterRss(mm);
  const swapped = (folio.flags & PG_swapcache) !== 0;
  const stays =
    folioTestAnon(folio) && !(swapped ? setSwapPte(folio, vma, ptep, pte, index) : mayDropAnon(folio, vma));
  if (stays) {
    setPte(sys.ram, ptep, pte);
    return false;
  }
  addMmCounter(mm, mmCounter(folio), -1);
  folioRemoveRmapPtes(folio, pfnToPage(sys, folio.pfn + index), 1, vma);
  folioPut(sys, folio);
  return true;
}

/**
 * A leaf: the folio goes as a whole if it is free to be dropped; else its entries are looked at one by one.
 * False ends the walk.
 */
function unmapLeaf(address: Vaddr, pmdp: number, unmapping: Unmapping): boolean {
  const { sys, folio } = unmapping;
  const vma = unmapping.vma!;
  if (folioTestAnon(folio) && (folio.flags & PG_swapbacked) === 0)
    return discardAnonFolioPmd(vma, address, pmdp, folio);
  sys.parts.splitHugePmd(vma, pmdp, address);
  unmapping.restart = folioTestAnon(folio); // a leaf of a file is gone
  return !unmapping.restart;
}

/**
 * The entry of page `index` of the folio says where in swap it is; false if the slot's count cannot be
 * counted up just now. The page's mark as exclusive goes to the entry, and so does soft-dirty of the `old`
 * one.
 */
function setSwapPte(folio: Folio, vma: VmAreaStruct, ptep: number, old: Pte, index: number): boolean {
  const { sys } = vma.vmMm;
  const entry = folioSwap(folio) + index;
  if (swapDuplicate(sys, entry) < 0) return false;
  const page = folioPage(sys, folio, index);
  let pte = swpEntryToPte(entry);
  if (page.anonExclusive) pte = pteSwpMkexclusive(pte);
  setPte(sys.ram, ptep, pteSoftDirty(old) ? pteSwpMksoftDirty(pte) : pte);
  page.anonExclusive = false;
  addMmCounter(vma.vmMm, MM_SWAPENTS, 1);
  if (sys.trace.on) traceSwap(sys, "pagewalk:set_swap_pte", folio, { index });
  return true;
}

/**
 * Anonymous memory without a place in swap may go only if it was given up (MADV_FREE, MAP_DROPPABLE), not
 * written since, and is held by nobody else.
 */
function mayDropAnon(folio: Folio, vma: VmAreaStruct): boolean {
  if ((folio.flags & PG_swapbacked) !== 0) return false;
  if ((folio.flags & PG_dirty) !== 0 && (vma.vmFlags & VM_DROPPABLE) === 0) {
    folio.flags |= PG_swapbacked; // written after MADV_FREE: it is wanted again
    return false;
  }
  return folio.refcount === 1 + folioMapcount(folio);
}
