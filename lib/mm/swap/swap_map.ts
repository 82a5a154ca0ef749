/**
 * Who has a slot: its count in the swap map, and what happens when the last one lets go.
 *
 *   swapMap[slot]   entries in page tables, up to 62        fork: swapDuplicate (+1)   exit, swap-in: swapFreeNr (-1)
 *                 + 0x40 while a folio in RAM has the bytes (the swap cache)
 *
 *   more than 62 entries: continuation pages, 7 bits for each slot and page, the lowest first
 *
 *       swapMap   0x80 | 0..62         count = 62-ish + 63 * c1 + 63 * 128 * c2 + ...
 *       page 1    0x80 | 0..127 (c1)
 *       page 2           0..127 (c2)
 *
 * A slot of which all is 0 is free: its shadow, its zero bit and what zswap or zram holds for it go, and its
 * cluster may be free, too. Where only the swap cache has it, its folio may give it up at any time.
 *
 * A page of continuations must be there before a count runs over; who counts up under a page-table lock
 * cannot wait for memory, so swapDuplicate answers -ENOMEM, and the caller comes again after
 * addSwapCountContinuation().
 *
 * Replaceable: sys.parts.swapEntryDup, sys.parts.swapEntryPut (a slot's count up and down).
 *
 * Linux mm/swapfile.c. Read first: swap_types.ts, cluster.ts. Read next: swap_state.ts.
 */
import { EEXIST, EINVAL, ENOENT, ENOMEM } from "../errno.js";
import { memCgroupUnchargeSwap } from "../memcg/swap_charge.js";
import { vmBugOn } from "../mmdebug.js";
import { type Folio, folioNrPages } from "../pages/folio.js";
import { folioPut } from "../pages/free_pages.js";
import { __GFP_HIGHMEM, __GFP_ZERO } from "../pages/gfp.js";
import { allocPages } from "../pages/page_alloc.js";
import { swpEntry, swpOffset, swpType } from "../pgtable/swapops.js";
import type { MemorySystem } from "../system.js";
import { freeCluster, partialFreeCluster, swapOffsetToCluster, swapUsageSub } from "./cluster.js";
import {
  COUNT_CONTINUED,
  SWAP_CONT_MAX,
  SWAP_HAS_CACHE,
  SWAP_MAP_BAD,
  SWAP_MAP_MAX,
  SWAP_MAP_SHMEM,
  SWAPFILE_CLUSTER,
  SWP_CONTINUED,
  type SwapInfoStruct,
  type SwpEntry,
} from "./swap_types.js";

/** Slots whose continuations share a page. */
const SLOTS_IN_PAGE = 4096;

/** The area of an entry. Linux mm/swap.h:__swap_entry_to_info() */
export function swapEntryToInfo(sys: MemorySystem, entry: SwpEntry): SwapInfoStruct {
  const si = sys.swap.swapInfo[swpType(entry)];
  vmBugOn(si === undefined, `swap entry ${entry} is of an area that is not there`);
  return si!;
}

/**
 * The area of an entry that may be out of date; undefined if there is no such slot.
 * Linux mm/swapfile.c:get_swap_device()
 */
export function getSwapDevice(sys: MemorySystem, entry: SwpEntry): SwapInfoStruct | undefined {
  const si = sys.swap.swapInfo[swpType(entry)];
  return si !== undefined && swpOffset(entry) < si.max ? si : undefined;
}

/** The slot's count without the swap cache. Linux mm/swapfile.c:swap_count() */
export function swapCount(value: number): number {
  return value & ~SWAP_HAS_CACHE;
}

/** Count of the slot as far as its byte holds it. Linux mm/swapfile.c:__swap_count() */
export function swapEntryCount(sys: MemorySystem, entry: SwpEntry): number {
  return swapCount(swapEntryToInfo(sys, entry).swapMap[swpOffset(entry)]!);
}

/** Somebody but the swap cache has the slot. Linux mm/swapfile.c:swap_entry_swapped() */
export function swapEntrySwapped(si: SwapInfoStruct, offset: number): boolean {
  return swapCount(si.swapMap[offset]!) !== 0;
}

/** The swap cache alone has these slots. Linux mm/swapfile.c:swap_only_has_cache() */
export function swapOnlyHasCache(si: SwapInfoStruct, offset: number, nr: number): boolean {
  for (let i = offset; i < offset + nr; i++) if (si.swapMap[i] !== SWAP_HAS_CACHE) return false;
  return true;
}

/** Entries that stand for the slot, continuations included. Linux mm/swapfile.c:swp_swapcount() */
export function swpSwapcount(sys: MemorySystem, entry: SwpEntry): number {
  const si = getSwapDevice(sys, entry);
  if (si === undefined) return 0;
  const offset = swpOffset(entry);
  const first = swapCount(si.swapMap[offset]!);
  if ((first & COUNT_CONTINUED) === 0) return first;
  let count = first & ~COUNT_CONTINUED;
  let weight = SWAP_MAP_MAX + 1;
  for (const map of continuationsOf(sys, si, offset)) {
    const more = map[offset % SLOTS_IN_PAGE]!;
    count += (more & ~COUNT_CONTINUED) * weight;
    weight *= SWAP_CONT_MAX + 1;
    if ((more & COUNT_CONTINUED) === 0) break;
  }
  return count;
}

// ---------------------------------------------------------------- one more

/**
 * One more who has slot `offset`: an entry (1), the swap cache (SWAP_HAS_CACHE) or a file of shared memory
 * (SWAP_MAP_SHMEM). 0; -ENOENT for a free or bad slot, -EEXIST if the swap cache has it already, -EINVAL if
 * it cannot be counted, -ENOMEM if a continuation is needed. Linux mm/swapfile.c:__swap_duplicate()
 */
export function swapEntryDup(sys: MemorySystem, si: SwapInfoStruct, offset: number, usage: number): number {
  const value = si.swapMap[offset]!;
  const hasCache = value & SWAP_HAS_CACHE;
  const count = swapCount(value);
  if (count === SWAP_MAP_BAD || value === 0) return -ENOENT;
  if (usage === SWAP_HAS_CACHE) {
    if (hasCache !== 0) return -EEXIST;
    si.swapMap[offset] = count | SWAP_HAS_CACHE;
    return 0;
  }
  const base = count & ~COUNT_CONTINUED;
  if (base > SWAP_MAP_MAX) return -EINVAL;
  if (base < SWAP_MAP_MAX) si.swapMap[offset] = (count + usage) | hasCache;
  else if (swapCountContinued(sys, si, offset, count)) si.swapMap[offset] = COUNT_CONTINUED | hasCache;
  else return -ENOMEM;
  return 0;
}

/**
 * One more entry for the slot: 0, or -ENOMEM (addSwapCountContinuation). Linux mm/swapfile.c:swap_duplicate()
 */
export function swapDuplicate(sys: MemorySystem, entry: SwpEntry): number {
  return sys.parts.swapEntryDup(sys, swapEntryToInfo(sys, entry), swpOffset(entry), 1);
}

/** The slot belongs to a file of shared memory. Linux mm/swapfile.c:swap_shmem_alloc() */
export function swapShmemAlloc(sys: MemorySystem, entry: SwpEntry): void {
  sys.parts.swapEntryDup(sys, swapEntryToInfo(sys, entry), swpOffset(entry), SWAP_MAP_SHMEM);
}

/** The swap cache has the slot from now on, or -ENOENT, -EEXIST. Linux mm/swapfile.c:swapcache_prepare() */
export function swapcachePrepare(sys: MemorySystem, entry: SwpEntry): number {
  return sys.parts.swapEntryDup(sys, swapEntryToInfo(sys, entry), swpOffset(entry), SWAP_HAS_CACHE);
}

/**
 * The same for `nr` slots from `entry` on: all, or none of them. Linux mm/swapfile.c:swapcache_prepare()
 */
export function swapcachePrepareNr(sys: MemorySystem, entry: SwpEntry, nr: number): number {
  for (let i = 0; i < nr; i++) {
    const error = swapcachePrepare(sys, entry + i);
    if (error === 0) continue;
    const si = swapEntryToInfo(sys, entry);
    for (let k = 0; k < i; k++) swapcacheClear(sys, si, entry + k);
    return error;
  }
  return 0;
}

// ---------------------------------------------------------------- one less

/**
 * One less who has slot `offset`; what its byte says then, 0 if it is free now.
 * Linux mm/swapfile.c:swap_entry_put_locked()
 */
export function swapEntryPut(sys: MemorySystem, si: SwapInfoStruct, offset: number, usage: number): number {
  const value = si.swapMap[offset]!;
  let hasCache = value & SWAP_HAS_CACHE;
  let count = swapCount(value);
  vmBugOn(value === 0, `slot ${offset} of swap area ${si.type} is given back more often than taken`);
  if (usage === SWAP_HAS_CACHE) {
    vmBugOn(hasCache === 0, `slot ${offset} of swap area ${si.type} is not in the swap cache`);
    hasCache = 0;
  } else if (count === SWAP_MAP_SHMEM) count = 0;
  else if (count === COUNT_CONTINUED)
    count = swapCountContinued(sys, si, offset, count) ? SWAP_MAP_MAX | COUNT_CONTINUED : SWAP_MAP_MAX;
  else if ((count & ~COUNT_CONTINUED) <= SWAP_MAP_MAX) count--;
  const left = count | hasCache;
  if (left !== 0) si.swapMap[offset] = left;
  else swapEntriesFree(sys, si, offset, 1);
  return left;
}

/** The last one has let go of `nr` slots of one cluster. Linux mm/swapfile.c:swap_entries_free() */
export function swapEntriesFree(sys: MemorySystem, si: SwapInfoStruct, offset: number, nr: number): void {
  const ci = swapOffsetToCluster(si, offset);
  if (sys.trace.on) sys.trace.emit("pagewalk:swap_entry_free", { type: si.type, offset });
  vmBugOn(ci.count < nr, `cluster ${ci.index} of swap area ${si.type} has fewer slots in use`);
  ci.count -= nr;
  const first = offset % SWAPFILE_CLUSTER;
  for (let i = 0; i < nr; i++) {
    si.swapMap[offset + i] = 0;
    si.zeromap[offset + i] = 0;
    if (si.swapCgroup[offset + i] !== 0) memCgroupUnchargeSwap(sys, si, offset + i);
    sys.swap.zswap?.invalidate(swpEntry(si.type, offset + i));
    notifyDevice(si, offset + i);
    vmBugOn(typeof ci.table![first + i] === "object", "a slot is free, and its folio is in the swap cache");
    ci.table![first + i] = undefined;
  }
  swapUsageSub(sys, si, nr);
  if (ci.count === 0) freeCluster(sys, si, ci);
  else partialFreeCluster(si, ci);
}

/** zram can free what it holds. Linux block_device_operations.swap_slot_free_notify */
function notifyDevice(si: SwapInfoStruct, offset: number): void {
  if (si.bdev.slotFreeNotify !== undefined) si.bdev.slotFreeNotify(swapBlock(si, offset));
}

/** Block of the device in which slot `offset` lies. Linux mm/swapfile.c:swap_folio_sector() */
export function swapBlock(si: SwapInfoStruct, offset: number): number {
  const { extents } = si;
  let low = 0;
  let high = extents.length - 1;
  while (low < high) {
    const middle = (low + high + 1) >> 1;
    if (extents[middle]!.startPage <= offset) low = middle;
    else high = middle - 1;
  }
  const extent = extents[low]!;
  return extent.startBlock + offset - extent.startPage;
}

/** `nr` entries from `entry` on are gone. Linux mm/swapfile.c:swap_free_nr() */
export function swapFreeNr(sys: MemorySystem, entry: SwpEntry, nr: number): void {
  const si = swapEntryToInfo(sys, entry);
  const offset = swpOffset(entry);
  for (let i = 0; i < nr; i++) sys.parts.swapEntryPut(sys, si, offset + i, 1);
}

/** The swap cache has no folio for the slots any more. Linux mm/swapfile.c:put_swap_folio() */
export function putSwapFolio(sys: MemorySystem, folio: Folio, entry: SwpEntry): void {
  const si = swapEntryToInfo(sys, entry);
  const offset = swpOffset(entry);
  for (let i = 0; i < folioNrPages(folio); i++) sys.parts.swapEntryPut(sys, si, offset + i, SWAP_HAS_CACHE);
}

/** Who skipped the swap cache has read the slot. Linux mm/swapfile.c:swapcache_clear() */
export function swapcacheClear(sys: MemorySystem, si: SwapInfoStruct, entry: SwpEntry): void {
  sys.parts.swapEntryPut(sys, si, swpOffset(entry), SWAP_HAS_CACHE);
}

// ---------------------------------------------------------------- counts above 62

/** The bytes of the continuations for the slot's page of the map, the lowest first. */
function continuationsOf(sys: MemorySystem, si: SwapInfoStruct, offset: number): Uint8Array[] {
  const pages = si.continuations.get(Math.floor(offset / SLOTS_IN_PAGE)) ?? [];
  return pages.map((page) => sys.ram.frame(page.pfn));
}

/**
 * Counts up (`count` is SWAP_MAP_MAX) or down (it is COUNT_CONTINUED) in the continuations. Up: false if one
 * more page is needed. Down: whether there is still something to be continued.
 * Linux mm/swapfile.c:swap_count_continued()
 */
export function swapCountContinued(
  sys: MemorySystem,
  si: SwapInfoStruct,
  offset: number,
  count: number,
): boolean {
  const maps = continuationsOf(sys, si, offset);
  const at = offset % SLOTS_IN_PAGE;
  if (maps.length === 0) return false;
  if (count === SWAP_MAP_MAX) {
    maps[0]![at] = 1; // the first time
    return true;
  }
  let i = 0;
  if (count === (SWAP_MAP_MAX | COUNT_CONTINUED)) {
    while (maps[i]![at] === (SWAP_CONT_MAX | COUNT_CONTINUED)) i++;
    if (maps[i]![at] === SWAP_CONT_MAX) {
      if (++i === maps.length) return false;
      maps[i]![at] = 0;
    }
    maps[i]![at]!++;
    while (--i >= 0) maps[i]![at] = COUNT_CONTINUED;
    return true;
  }
  while (maps[i]![at] === COUNT_CONTINUED) i++;
  maps[i]![at]!--;
  let more = maps[i]![at] === 0 ? 0 : COUNT_CONTINUED;
  while (--i >= 0) {
    maps[i]![at] = SWAP_CONT_MAX | more;
    more = COUNT_CONTINUED;
  }
  return more !== 0;
}

/**
 * Makes room for one more count of the slot, if it needs a page; 0 or -ENOMEM. May wait for memory.
 * Linux mm/swapfile.c:add_swap_count_continuation()
 */
export function addSwapCountContinuation(sys: MemorySystem, entry: SwpEntry, gfp: number): number {
  const page = allocPages(sys, gfp | __GFP_HIGHMEM | __GFP_ZERO, 0);
  const si = getSwapDevice(sys, entry);
  const offset = swpOffset(entry);
  if (si === undefined || !needsContinuation(sys, si, offset)) {
    if (page !== undefined) folioPut(sys, page); // somebody was faster, or let go of it
    return 0;
  }
  if (page === undefined) return -ENOMEM;
  const key = Math.floor(offset / SLOTS_IN_PAGE);
  const pages = si.continuations.get(key);
  if (pages === undefined) si.continuations.set(key, [page]);
  else pages.push(page);
  si.flags |= SWP_CONTINUED;
  return 0;
}

/** All places for the slot's count are full. */
function needsContinuation(sys: MemorySystem, si: SwapInfoStruct, offset: number): boolean {
  let count = swapCount(si.swapMap[offset]!);
  if ((count & ~COUNT_CONTINUED) !== SWAP_MAP_MAX) return false;
  for (const map of continuationsOf(sys, si, offset)) {
    if ((count & COUNT_CONTINUED) === 0) return false;
    count = map[offset % SLOTS_IN_PAGE]!;
    if ((count & ~COUNT_CONTINUED) !== SWAP_CONT_MAX) return false;
  }
  return true;
}

/** swapoff: the pages go. Linux mm/swapfile.c:free_swap_count_continuations() */
export function freeSwapCountContinuations(sys: MemorySystem, si: SwapInfoStruct): void {
  for (const pages of si.continuations.values()) for (const page of pages) folioPut(sys, page as Folio);
  si.continuations.clear();
}
