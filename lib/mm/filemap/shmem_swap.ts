/**
 * Shared memory in swap: the place of a page in its file holds a swap entry instead of a folio.
 *
 *   shmemWriteout     file: 3 -> folio      the folio gets a slot and goes from the file to the swap cache;
 *                     file: 3 -> entry      the slot's count is SWAP_MAP_SHMEM: one owner, the file, for good
 *   shmemSwapinFolio  file: 3 -> folio      back, dirty; the slot is given up at once, even if it was only read
 *   shmemUndoSwap     file: 3 -> nothing    the file became shorter, or has a hole now: the slot is free
 *
 * The page tables know nothing of it: reclaim empties their entries as for any file, and the next touch is
 * a fault on the file, which finds the swap entry here. So one slot serves all who map the page, and nothing
 * needs to be counted at fork.
 *
 * A page whose slot cannot be read is lost: its place holds a marker from then on, and who touches it gets
 * SIGBUS, or -EIO from read(2).
 *
 * Files with pages in swap stand in `sys.shmemSwaplist`, where swapoff finds them (shmemUnuse).
 *
 * Left out: large folios; files that may not be swapped (SHM_LOCK, mount option noswap).
 *
 * Linux mm/shmem.c. Read first: shmem.ts, mm/swap/swap_state.ts. Read next: mm/swap/swapfile.ts.
 */

import { PAGE_SIZE } from "../../hw/address.js";
import { EEXIST, EIO, ENOMEM } from "../errno.js";
import { linearPageIndex } from "../fault/rmap.js";
import { splitFolio } from "../huge/folio_split.js";
import { limitGfpMask } from "../huge/shmem_huge.js";
import { thpGfpMask } from "../huge/thp_orders.js";
import { folioMarkDirty } from "../lru/page_writeback.js";
import { folioAddLru, lruAddDrain } from "../lru/swap.js";
import { currentMemcg } from "../memcg/charge.js";
import { countMemcgEvents } from "../memcg/stats.js";
import { memCgroupSwapinCharge } from "../memcg/swap_charge.js";
import type { VmAreaStruct } from "../mm_types.js";
import { outOfSteps, STEP_BUDGET } from "../mmdebug.js";
import {
  type Folio,
  folioNextIndex,
  folioNrPages,
  folioRefAdd,
  PG_dirty,
  PG_locked,
  PG_swapbacked,
  PG_uptodate,
} from "../pages/folio.js";
import { folioPut, folioPutRefs } from "../pages/free_pages.js";
import { allocPages } from "../pages/page_alloc.js";
import { PTE_MARKER_POISONED, SWP_PTE_MARKER, swpEntry, swpType } from "../pgtable/swapops.js";
import { blkFinishPlug, blkStartPlug, swapReadFolio, swapWriteout } from "../swap/page_io.js";
import {
  getSwapDevice,
  swapcacheClear,
  swapcachePrepareNr,
  swapFreeNr,
  swapShmemAlloc,
} from "../swap/swap_map.js";
import { readSwapCacheAsync, swapClusterReadahead, swapUpdateReadahead } from "../swap/swap_readahead.js";
import {
  folioSwap,
  freeSwapAndCacheNr,
  swapCacheDelFolio,
  swapCacheGetFolio,
  swapCacheGetShadow,
} from "../swap/swap_state.js";
import { SWP_SYNCHRONOUS_IO, type SwapInfoStruct, type SwpEntry } from "../swap/swap_types.js";
import { folioAllocSwap } from "../swap/swapfile.js";
import { zswapNeverEnabled } from "../swap/zswap.js";
import type { MemorySystem } from "../system.js";
import { countVmEvent, PGMAJFAULT } from "../vmstat.js";
import { mappingGfpMask, updateCacheStats } from "./address_space.js";
import { folioWaitLocked, folioWaitWriteback } from "./folio_wait.js";
import type { AddressSpace } from "./mapping.js";
import type { ShmemPurpose } from "./shmem_alloc.js";
import { splitSwapOrder, swapOrderOf } from "./shmem_swap_order.js";
import { nodesLose } from "./xa_node.js";

/** In place of a page that could not be read back. Linux include/linux/swapops.h:make_poisoned_swp_entry() */
const LOST: SwpEntry = swpEntry(SWP_PTE_MARKER, PTE_MARKER_POISONED);

// ---------------------------------------------------------------- between file and swap cache

/** The folio takes the places of its swap entries. Linux mm/shmem.c:shmem_add_to_page_cache() */
function shmemAddToPageCache(mapping: AddressSpace, folio: Folio, index: number): void {
  const { sys } = mapping.host;
  const nrPages = folioNrPages(folio);
  for (let i = index; i < index + nrPages; i++) {
    mapping.swapOrders.delete(i);
    mapping.swapEntries.delete(i);
    mapping.pages.set(i, folio);
  }
  if (mapping.swapEntries.size === 0) sys.shmemSwaplist.delete(mapping);
  folioRefAdd(folio, nrPages);
  folio.mapping = mapping;
  folio.index = index;
  folio.flags |= PG_swapbacked;
  updateCacheStats(mapping, folio, nrPages);
}

/** Swap entries take the places of the folio. Linux mm/shmem.c:shmem_delete_from_page_cache() */
function shmemDeleteFromPageCache(mapping: AddressSpace, folio: Folio, entry: SwpEntry): void {
  const { sys } = mapping.host;
  const nrPages = folioNrPages(folio);
  for (let i = 0; i < nrPages; i++) {
    mapping.pages.delete(folio.index + i);
    mapping.swapEntries.set(folio.index + i, entry + i);
  }
  if (folio.order > 0) mapping.swapOrders.set(folio.index, folio.order);
  sys.shmemSwaplist.add(mapping);
  folio.mapping = undefined;
  updateCacheStats(mapping, folio, -nrPages);
  folioPutRefs(sys, folio, nrPages);
}

/** The folio reaches over the end of its file: in swap it could not be cut. */
function crossesEnd({ host }: AddressSpace, folio: Folio): boolean {
  const end = Math.ceil(host.iSize / PAGE_SIZE);
  return folio.order > 0 && end > folio.index && end < folioNextIndex(folio);
}

/** Splits the large folio, whose pages are as dirty as it was; the others go to `list`. */
function splitDirty(sys: MemorySystem, folio: Folio, list: Folio[]): boolean {
  folio.flags |= PG_dirty;
  if (!splitFolio(sys, folio, 1, list)) return false;
  folio.flags &= ~PG_dirty;
  return true;
}

/**
 * Sends a folio that nobody maps, and that is not dirty any more, to swap; the caller holds it. A large one
 * goes as a whole if there are slots side by side; else it is split, and its other pages are put on `list`.
 * False if it has to stay: it is dirty again then. Linux mm/shmem.c:shmem_writeout()
 */
export function shmemWriteout(sys: MemorySystem, folio: Folio, list: Folio[] = []): boolean {
  const mapping = folio.mapping as AddressSpace;
  const maySwap = sys.totalSwapPages !== 0 && (folio.flags & PG_uptodate) !== 0;
  let ready = maySwap && (!crossesEnd(mapping, folio) || splitDirty(sys, folio, list));
  if (ready && !folioAllocSwap(sys, folio))
    ready = folio.order > 0 && splitDirty(sys, folio, list) && folioAllocSwap(sys, folio);
  if (!ready) {
    folioMarkDirty(folio);
    return false;
  }
  const entry = folioSwap(folio);
  for (let i = 0; i < folioNrPages(folio); i++) swapShmemAlloc(sys, entry + i);
  shmemDeleteFromPageCache(mapping, folio, entry);
  swapWriteout(sys, folio);
  return true;
}

// ---------------------------------------------------------------- back

/** A folio with the slot's bytes, maybe still on their way; whether the swap cache was passed by. */
interface SwappedIn {
  readonly folio: Folio;
  readonly direct: boolean;
}

/**
 * Reads the slots of a folio of `order` past the swap cache, without reading ahead; undefined without memory,
 * or if somebody was faster. Linux mm/shmem.c:shmem_swap_alloc_folio()
 */
function shmemSwapAllocFolio(
  sys: MemorySystem,
  entry: SwpEntry,
  gfp: number,
  order: number,
): Folio | undefined {
  const folio = allocPages(sys, gfp, order);
  if (folio === undefined) return undefined;
  if (!memCgroupSwapinCharge(sys, folio, currentMemcg(sys), gfp, entry)) {
    folioPut(sys, folio);
    return undefined;
  }
  if (getSwapDevice(sys, entry) === undefined || swapcachePrepareNr(sys, entry, 1 << order) !== 0) {
    folioPut(sys, folio); // somebody was faster
    return undefined;
  }
  folio.flags |= PG_locked | PG_swapbacked;
  folio.private = entry;
  const shadow = swapCacheGetShadow(sys, entry);
  if (shadow !== undefined) sys.parts.workingsetRefault(sys, folio, shadow);
  folioAddLru(sys, folio);
  swapReadFolio(sys, folio);
  return folio;
}

/**
 * The same for page `index` of the file: as large as what went to swap there, if that can be. Not where zswap
 * was ever switched on, which has pages one by one.
 */
function shmemSwapDirect(
  mapping: AddressSpace,
  index: number,
  entry: SwpEntry,
  why?: ShmemFaultType,
): Folio | undefined {
  const { sys } = mapping.host;
  const gfp = mappingGfpMask(mapping);
  const order = swapOrderOf(mapping, index);
  if (order > 0 && zswapNeverEnabled(sys)) {
    const hugeGfp = limitGfpMask(thpGfpMask(sys, why?.vmf?.vma), gfp);
    const folio = shmemSwapAllocFolio(sys, entry - (index % 2 ** order), hugeGfp, order);
    if (folio !== undefined) return folio;
  }
  return shmemSwapAllocFolio(sys, entry, gfp, 0);
}

/** Who needs a page; of a fault, whether the page had to be fetched. Linux vm_fault_t *fault_type */
export interface ShmemFaultType extends ShmemPurpose {
  major?: boolean;
}

/** The folio of the slot, with a hold; undefined without memory, or if somebody was faster. */
function findSwapped(
  mapping: AddressSpace,
  index: number,
  si: SwapInfoStruct,
  entry: SwpEntry,
  fault: ShmemFaultType | undefined,
): SwappedIn | undefined {
  const { sys } = mapping.host;
  const cached = swapCacheGetFolio(sys, entry);
  if (cached !== undefined) {
    swapUpdateReadahead(sys, cached, undefined, 0);
    return { folio: cached, direct: false };
  }
  const direct = (si.flags & SWP_SYNCHRONOUS_IO) !== 0;
  const folio = direct
    ? shmemSwapDirect(mapping, index, entry, fault)
    : swapClusterReadahead(sys, entry, mappingGfpMask(mapping));
  if (folio === undefined) return undefined;
  if (fault?.vmf !== undefined) {
    fault.major = true;
    countVmEvent(sys, PGMAJFAULT);
    countMemcgEvents(currentMemcg(sys), PGMAJFAULT, 1);
  }
  return { folio, direct };
}

/** The folio has the slot no more: it is the file's, or nobody's. Undone for one read past the cache. */
function leaveSlot(
  sys: MemorySystem,
  { folio, direct }: SwappedIn,
  si: SwapInfoStruct,
  entry: SwpEntry,
): void {
  if (!direct) swapCacheDelFolio(sys, folio);
  else {
    folio.private = 0;
    for (let i = 0; i < folioNrPages(folio); i++) swapcacheClear(sys, si, entry + i);
  }
}

/** Every page of the folio is still in swap, where it was. Linux mm/shmem.c:shmem_confirm_swap() */
function stillSwapped(mapping: AddressSpace, folio: Folio, first: number, swap: SwpEntry): boolean {
  for (let i = 0; i < folioNrPages(folio); i++)
    if (mapping.swapEntries.get(first + i) !== swap + i) return false;
  return true;
}

/**
 * Brings page `index` back, whose place holds `entry`: 0, or -EEXIST if the place was found changed, -ENOMEM,
 * -EIO. Linux mm/shmem.c:shmem_swapin_folio()
 */
function shmemSwapinFolio(
  mapping: AddressSpace,
  index: number,
  entry: SwpEntry,
  fault: ShmemFaultType | undefined,
): number {
  const { sys } = mapping.host;
  if (entry === LOST) return -EIO;
  const si = getSwapDevice(sys, entry)!;
  const found = findSwapped(mapping, index, si, entry, fault);
  if (found === undefined) return mapping.swapEntries.get(index) === entry ? -ENOMEM : -EEXIST;
  const { folio, direct } = found;
  folioWaitLocked(sys, folio);
  folioWaitWriteback(sys, folio);
  const nrPages = folioNrPages(folio);
  const first = index - (index % nrPages);
  const swap = entry - (index % nrPages);
  let error = 0;
  if (!stillSwapped(mapping, folio, first, swap) || folio.private !== swap) {
    error = -EEXIST;
    if (direct) leaveSlot(sys, found, si, swap);
  } else if ((folio.flags & PG_uptodate) === 0) {
    error = -EIO;
    splitSwapOrder(mapping, index, folio.order);
    // Linux shmem_set_folio_swapin_error()
    for (let i = 0; i < nrPages; i++) mapping.swapEntries.set(first + i, LOST);
    leaveSlot(sys, found, si, swap);
    swapFreeNr(sys, swap, nrPages);
  } else {
    splitSwapOrder(mapping, index, folio.order);
    shmemAddToPageCache(mapping, folio, first);
    leaveSlot(sys, found, si, swap);
    folioMarkDirty(folio);
    swapFreeNr(sys, swap, nrPages);
  }
  folioPut(sys, folio);
  return error;
}

/**
 * Page `index` of the file is not in swap any more when this returns 0: it is in the cache, or nowhere. Else
 * -ENOMEM or -EIO. Linux mm/shmem.c:shmem_get_folio_gfp(), the part about swap
 */
export function shmemSwapin(mapping: AddressSpace, index: number, fault?: ShmemFaultType): number {
  for (let tries = 0; ; tries++) {
    if (tries > STEP_BUDGET) throw outOfSteps(`bringing page ${index} of a file in memory back from swap`);
    const entry = mapping.swapEntries.get(index);
    const error = entry === undefined ? 0 : shmemSwapinFolio(mapping, index, entry, fault);
    if (error !== -EEXIST) return error;
  }
}

/** The indices of [first, end) whose pages are in swap, in order. */
function swappedIn(mapping: AddressSpace, first: number, end: number): number[] {
  const found: number[] = [];
  for (const index of mapping.swapEntries.keys()) if (index >= first && index < end) found.push(index);
  return found.sort((a, b) => a - b);
}

/** Sends for what is in swap of the part that the VMA maps there. Linux mm/madvise.c:shmem_swapin_range() */
export function shmemSwapinRange(vma: VmAreaStruct, start: number, end: number): void {
  const mapping = vma.vmFile!.fMapping;
  const { sys } = mapping.host;
  const plug = blkStartPlug(sys);
  for (const index of swappedIn(mapping, linearPageIndex(vma, start), linearPageIndex(vma, end))) {
    const entry = mapping.swapEntries.get(index);
    if (entry === undefined || entry === LOST) continue;
    const folio = readSwapCacheAsync(sys, entry, mappingGfpMask(mapping));
    if (folio !== undefined) folioPut(sys, folio);
  }
  blkFinishPlug(sys, plug);
  lruAddDrain(sys);
}

// ---------------------------------------------------------------- the file becomes shorter, swapoff, counts

/** The page is gone for good, and its slot. Linux mm/shmem.c:shmem_free_swap() */
function shmemFreeSwap(mapping: AddressSpace, index: number): void {
  const { sys } = mapping.host;
  const entry = mapping.swapEntries.get(index);
  if (entry === undefined) return;
  splitSwapOrder(mapping, index, 0);
  mapping.swapEntries.delete(index);
  if (mapping.swapEntries.size === 0) sys.shmemSwaplist.delete(mapping);
  nodesLose(mapping, index, 1);
  if (entry !== LOST) freeSwapAndCacheNr(sys, entry, 1);
}

/**
 * Bytes [lstart, lend] of the file are cut out: whole pages in swap are gone, the first and last one are
 * brought back if only a part is. Whether there was any; then there may be more in the cache now.
 * Linux mm/shmem.c:shmem_undo_range()
 */
export function shmemUndoSwap(mapping: AddressSpace, lstart: number, lend: number): boolean {
  const first = Math.ceil(lstart / PAGE_SIZE);
  const end = lend === Number.POSITIVE_INFINITY ? lend : Math.floor((lend + 1) / PAGE_SIZE);
  const whole = swappedIn(mapping, first, end);
  for (const index of whole) shmemFreeSwap(mapping, index);
  let back = false;
  for (const at of [lstart, lend]) {
    const index = Math.floor(at / PAGE_SIZE);
    if ((index < first || index >= end) && mapping.swapEntries.has(index))
      back = shmemSwapin(mapping, index) === 0 || back;
  }
  return whole.length > 0 || back;
}

/**
 * Brings back all pages of shared memory that are in swap area `type`; 0, or -ENOMEM. One that cannot be read
 * is lost. Linux mm/shmem.c:shmem_unuse()
 */
export function shmemUnuse(sys: MemorySystem, type: number): number {
  for (const mapping of [...sys.shmemSwaplist])
    for (const [index, entry] of [...mapping.swapEntries])
      if (swpType(entry) === type && shmemSwapin(mapping, index) === -ENOMEM) return -ENOMEM;
  return 0;
}

/** Pages [first, end) of the file that are in swap. Linux mm/shmem.c:shmem_partial_swap_usage(), in bytes */
export function shmemPartialSwapUsage(mapping: AddressSpace, first: number, end: number): number {
  if (mapping.swapEntries.size === 0) return 0;
  return swappedIn(mapping, first, end).length;
}
