/**
 * The swap cache: folios in RAM that have the bytes of a slot.
 *
 *   swap-out   a slot is found, the folio is in the cache        entries say: in swap
 *              it is written, and clean                          a fault now finds it: minor
 *              reclaim frees it; its shadow stays in the table   a fault now reads it: major
 *   swap-in    read into the cache, mapped                       slot and folio have the same bytes:
 *              it may be dropped again without being written     kept as long as nobody writes to it
 *              written, or swap more than half full              the slot is given up: folioFreeSwap
 *
 * Since 6.18 the cache is no tree but a table for each cluster (swap_types.ts): a place for each slot, with
 * a folio, the shadow that reclaim has left, or nothing.
 *
 * folioFreeSwap() is where a slot is given up: never while the folio is being written, and never while some
 * page table still says "in swap".
 *
 * Linux mm/swap_state.c, mm/swapfile.c. Read first: swap_map.ts. Read next: swapfile.ts, page_io.ts.
 */

import { folioIsLocked, folioIsWriteback } from "../filemap/folio_wait.js";
import { folioMarkDirty } from "../lru/page_writeback.js";
import { lruvecStatModFolio } from "../memcg/stats.js";
import { memCgroupSwapFull } from "../memcg/swap_full.js";
import { vmBugOn } from "../mmdebug.js";
import {
  type Folio,
  folioGet,
  folioMapped,
  folioNrPages,
  folioRefAdd,
  PG_swapcache,
} from "../pages/folio.js";
import { folioPut, folioPutRefs } from "../pages/free_pages.js";
import { swpEntry, swpOffset, swpType } from "../pgtable/swapops.js";
import type { MemorySystem } from "../system.js";
import type { TraceFields, TracepointName } from "../trace.js";
import { modNodePageState, NR_FILE_PAGES, NR_SWAPCACHE } from "../vmstat.js";
import { swapOffsetToCluster } from "./cluster.js";
import { putSwapFolio, swapEntrySwapped, swapEntryToInfo, swapOnlyHasCache } from "./swap_map.js";
import { SWAPFILE_CLUSTER, type SwapInfoStruct, type SwapTableEntry, type SwpEntry } from "./swap_types.js";

/** What the swap table has for the slot. */
function swapTableGet(sys: MemorySystem, entry: SwpEntry): SwapTableEntry {
  const si = sys.swap.swapInfo[swpType(entry)];
  const offset = swpOffset(entry);
  return si === undefined ? undefined : swapOffsetToCluster(si, offset).table?.[offset % SWAPFILE_CLUSTER];
}

/**
 * The folio that has the slot's bytes, with one more hold; or undefined.
 * Linux mm/swap_state.c:swap_cache_get_folio()
 */
export function swapCacheGetFolio(sys: MemorySystem, entry: SwpEntry): Folio | undefined {
  const folio = swapTableGet(sys, entry);
  if (typeof folio !== "object") return undefined;
  folioGet(folio as Folio);
  return folio as Folio;
}

/** The shadow of the folio that was there, or undefined. Linux mm/swap_state.c:swap_cache_get_shadow() */
export function swapCacheGetShadow(sys: MemorySystem, entry: SwpEntry): number | undefined {
  const shadow = swapTableGet(sys, entry);
  return typeof shadow === "number" ? shadow : undefined;
}

/** Entry of the folio's first page. Linux folio->swap */
export function folioSwap(folio: Folio): SwpEntry {
  return folio.private;
}

/** A tracepoint about a folio and the slot it has, for who has seen that somebody listens. Not in Linux. */
export function traceSwap(sys: MemorySystem, name: TracepointName, folio: Folio, more?: TraceFields): void {
  const entry = folioSwap(folio);
  sys.trace.emit(name, { pfn: folio.pfn, type: swpType(entry), offset: swpOffset(entry), ...more });
}

/** Puts `value` in the places of all pages of the folio; the last shadow that was there. */
function setTable(
  sys: MemorySystem,
  folio: Folio,
  entry: SwpEntry,
  value: SwapTableEntry,
): number | undefined {
  const offset = swpOffset(entry);
  const { table } = swapOffsetToCluster(swapEntryToInfo(sys, entry), offset);
  let shadow: number | undefined;
  for (let i = 0; i < folioNrPages(folio); i++) {
    const old = table![(offset % SWAPFILE_CLUSTER) + i];
    if (typeof old === "number") shadow = old;
    table![(offset % SWAPFILE_CLUSTER) + i] = value;
  }
  return shadow;
}

/**
 * The folio has the bytes of the slots from `entry` on, which have SWAP_HAS_CACHE already. The shadow that
 * was there, if any. Linux mm/swap_state.c:swap_cache_add_folio()
 */
export function swapCacheAddFolio(sys: MemorySystem, folio: Folio, entry: SwpEntry): number | undefined {
  vmBugOn((folio.flags & PG_swapcache) !== 0, "a folio is put into the swap cache twice");
  const nrPages = folioNrPages(folio);
  const shadow = setTable(sys, folio, entry, folio);
  folioRefAdd(folio, nrPages);
  folio.flags |= PG_swapcache;
  folio.private = entry;
  modNodePageState(sys, NR_FILE_PAGES, nrPages);
  lruvecStatModFolio(sys, folio, NR_SWAPCACHE, nrPages);
  return shadow;
}

/**
 * Takes the folio out of the table; `shadow` takes its place. Slots and holds are the caller's business.
 * Linux mm/swap_state.c:__swap_cache_del_folio()
 */
function takeOut(sys: MemorySystem, folio: Folio, entry: SwpEntry, shadow: number | undefined): void {
  vmBugOn((folio.flags & PG_swapcache) === 0, "a folio that is not in the swap cache is taken out of it");
  const nrPages = folioNrPages(folio);
  setTable(sys, folio, entry, shadow);
  folio.flags &= ~PG_swapcache;
  folio.private = 0;
  modNodePageState(sys, NR_FILE_PAGES, -nrPages);
  lruvecStatModFolio(sys, folio, NR_SWAPCACHE, -nrPages);
}

/**
 * The folio leaves the cache, and the slot if nobody else has it. Its bytes must be elsewhere: in the slot,
 * or in a folio that is dirty from now on. The caller holds the folio.
 * Linux mm/swap_state.c:swap_cache_del_folio()
 */
export function swapCacheDelFolio(sys: MemorySystem, folio: Folio, shadow?: number): void {
  const entry = folioSwap(folio);
  takeOut(sys, folio, entry, shadow);
  putSwapFolio(sys, folio, entry);
  folioPutRefs(sys, folio, folioNrPages(folio));
}

/**
 * Page `index` of `folio`, which is being split, is `part` from now on, with the slot that it had.
 * Linux mm/swap_state.c:__swap_cache_replace_folio()
 */
export function swapCacheReplaceFolio(sys: MemorySystem, folio: Folio, part: Folio, index: number): void {
  const entry = folioSwap(folio) + index;
  const { table } = swapOffsetToCluster(swapEntryToInfo(sys, entry), swpOffset(entry));
  table![swpOffset(entry) % SWAPFILE_CLUSTER] = part;
  part.private = entry;
}

/** Linux mm/swapfile.c:folio_swapcache_freeable() */
function folioSwapcacheFreeable(sys: MemorySystem, folio: Folio): boolean {
  return (folio.flags & PG_swapcache) !== 0 && !folioIsWriteback(sys, folio);
}

/** Some page table says that a page of the folio is in swap. Linux mm/swapfile.c:folio_swapped() */
function folioSwapped(sys: MemorySystem, folio: Folio): boolean {
  const entry = folioSwap(folio);
  const si = swapEntryToInfo(sys, entry);
  for (let i = 0; i < folioNrPages(folio); i++) if (swapEntrySwapped(si, swpOffset(entry) + i)) return true;
  return false;
}

/**
 * Gives the folio's slots up, if no page table needs them and it is not being written; whether it did. The
 * folio is dirty then: nothing but RAM has its bytes. Linux mm/swapfile.c:folio_free_swap()
 */
export function folioFreeSwap(sys: MemorySystem, folio: Folio): boolean {
  if (!folioSwapcacheFreeable(sys, folio) || folioSwapped(sys, folio)) return false;
  swapCacheDelFolio(sys, folio);
  folioMarkDirty(folio);
  return true;
}

/**
 * The last one who mapped the folio has gone: no need for its slot. Linux mm/swap_state.c:free_swap_cache()
 */
export function freeSwapCache(sys: MemorySystem, folio: Folio): void {
  if ((folio.flags & PG_swapcache) === 0 || folioMapped(folio) || folioIsLocked(sys, folio)) return;
  folioFreeSwap(sys, folio);
}

/** Lets go of the folio, and of its slot. Linux mm/swap_state.c:free_folio_and_swap_cache() */
export function freeFolioAndSwapCache(sys: MemorySystem, folio: Folio): void {
  freeSwapCache(sys, folio);
  folioPut(sys, folio);
}

/** The folio's slots are those of `entry`. Linux mm/swap.h:folio_matches_swap_entry() */
export function folioMatchesSwapEntry(folio: Folio, entry: SwpEntry): boolean {
  const nrPages = folioNrPages(folio);
  return (folio.flags & PG_swapcache) !== 0 && folioSwap(folio) === Math.floor(entry / nrPages) * nrPages;
}

/** Take the slot from its folio in any case. Linux mm/swapfile.c:TTRS_ANYWAY */
export const TTRS_ANYWAY = 1;
/** If nobody maps the folio. */
export const TTRS_UNMAPPED = 2;
/** If swap is getting full. */
export const TTRS_FULL = 4;

/**
 * A slot that only the swap cache has: takes it from its folio. Pages of the folio, negative if they stay, 0
 * if there is none. Linux mm/swapfile.c:__try_to_reclaim_swap()
 */
export function tryToReclaimSwap(
  sys: MemorySystem,
  si: SwapInfoStruct,
  offset: number,
  flags: number,
): number {
  const folio = swapCacheGetFolio(sys, swpEntry(si.type, offset));
  if (folio === undefined) return 0;
  const nrPages = folioNrPages(folio);
  const wanted =
    (flags & TTRS_ANYWAY) !== 0 ||
    ((flags & TTRS_UNMAPPED) !== 0 && !folioMapped(folio)) ||
    ((flags & TTRS_FULL) !== 0 && memCgroupSwapFull(sys, folio));
  const free =
    wanted &&
    !folioIsLocked(sys, folio) &&
    folioSwapcacheFreeable(sys, folio) &&
    swapOnlyHasCache(si, swpOffset(folioSwap(folio)), nrPages);
  if (free) {
    swapCacheDelFolio(sys, folio);
    folioMarkDirty(folio);
  }
  folioPut(sys, folio);
  return free ? nrPages : -nrPages;
}

/**
 * `nr` entries from `entry` on are gone for good (unmapped, exit): their slots too, and folios that only the
 * swap cache still has. Linux mm/swapfile.c:free_swap_and_cache_nr()
 */
export function freeSwapAndCacheNr(sys: MemorySystem, entry: SwpEntry, nr: number): void {
  const si = swapEntryToInfo(sys, entry);
  const start = swpOffset(entry);
  for (let i = 0; i < nr; i++) sys.parts.swapEntryPut(sys, si, start + i, 1);
  for (let offset = start; offset < start + nr; ) {
    let step = 1;
    if (swapOnlyHasCache(si, offset, 1)) {
      step = Math.max(1, Math.abs(tryToReclaimSwap(sys, si, offset, TTRS_UNMAPPED | TTRS_FULL)));
      step = Math.ceil((offset + 1) / step) * step - offset;
    }
    offset += step;
  }
}
