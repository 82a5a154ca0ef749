/**
 * Reading swap, and reading ahead of what is asked for.
 *
 *   swapinReadahead(entry)
 *     by VMA       no swap area turns: the pages around the address, wherever in swap they are
 *     by cluster   some area turns: the slots around the slot, whoever has them (the arm is there already)
 *
 *   how many     hits (pages read ahead that were used since) + 2, rounded up to 4, 8, ...; none was used: 1,
 *                or 2 if this is next to the last; at least half of the last window; at most 2^page-cluster
 *
 *   where (VMA)  right after the last fault's page: forwards;  right before it: backwards;  else around it
 *
 * A page that is read ahead has PG_readahead until somebody uses it, which is how hits are counted.
 *
 * Linux mm/swap_state.c. Read first: swap_state.ts, page_io.ts. Read next: mm/fault/swap_fault.ts.
 */
import type { Vaddr } from "../../hw/address.js";
import { PAGE_SIZE, PMD_SIZE } from "../../hw/address.js";
import type { VmFault } from "../fault/vm_fault.js";
import { folioAddLru, lruAddDrain } from "../lru/swap.js";
import { currentMemcg } from "../memcg/charge.js";
import { memCgroupSwapinCharge } from "../memcg/swap_charge.js";
import type { SwapReadaheadInfo, VmAreaStruct } from "../mm_types.js";
import { type Folio, PG_locked, PG_readahead, PG_swapbacked } from "../pages/folio.js";
import { folioPut } from "../pages/free_pages.js";
import { allocPages } from "../pages/page_alloc.js";
import { ptepGet } from "../pgtable/pgtable.js";
import {
  classifyPte,
  PTE_KIND_SWAP,
  pteToSwpEntry,
  swpEntry,
  swpOffset,
  swpType,
} from "../pgtable/swapops.js";
import type { MemorySystem } from "../system.js";
import { countVmEvent, SWAP_RA, SWAP_RA_HIT } from "../vmstat.js";
import { blkFinishPlug, blkStartPlug, swapReadFolio } from "./page_io.js";
import { getSwapDevice, putSwapFolio, swapcachePrepare, swapEntrySwapped } from "./swap_map.js";
import { swapCacheAddFolio, swapCacheGetFolio, traceSwap } from "./swap_state.js";
import type { SwpEntry } from "./swap_types.js";

/** log2 of the largest window of a VMA. Linux mm/swap_state.c:SWAP_RA_ORDER_CEILING */
const SWAP_RA_ORDER_CEILING = 5;
/** Linux mm/swap_state.c:SWAP_RA_HITS_MAX */
const SWAP_RA_HITS_MAX = 63;
/** A VMA in which nothing was read from swap yet. Linux mm/swap_state.c:GET_SWAP_RA_VAL() */
const FIRST: SwapReadaheadInfo = { addr: 0, win: 0, hits: 4 };

/** A folio of the swap cache, and whether it is new: then its bytes must be fetched. */
interface CachedFolio {
  readonly folio: Folio;
  readonly isNew: boolean;
}

/**
 * The folio of the slot, with one more hold; a new one, locked and without bytes, if the swap cache has none.
 * Undefined for a slot that nobody needs, or without memory. With `skipIfExists` also when somebody has begun
 * to read it. Linux mm/swap_state.c:__read_swap_cache_async()
 */
export function folioOfSlot(sys: MemorySystem, entry: SwpEntry, gfp: number): CachedFolio | undefined {
  const cached = swapCacheGetFolio(sys, entry);
  if (cached !== undefined) return { folio: cached, isNew: false };
  const si = getSwapDevice(sys, entry);
  if (si === undefined || !swapEntrySwapped(si, swpOffset(entry))) return undefined;
  const folio = allocPages(sys, gfp, 0);
  if (folio === undefined) return undefined;
  // While memory was found, another may have put the slot into the cache, or let go of it.
  const again = swapCacheGetFolio(sys, entry);
  if (again !== undefined || swapcachePrepare(sys, entry) !== 0) {
    folioPut(sys, folio);
    return again === undefined ? undefined : { folio: again, isNew: false };
  }
  folio.flags |= PG_locked | PG_swapbacked;
  if (!memCgroupSwapinCharge(sys, folio, currentMemcg(sys), gfp, entry)) {
    folio.flags &= ~PG_locked;
    putSwapFolio(sys, folio, entry);
    folioPut(sys, folio);
    return undefined;
  }
  const shadow = swapCacheAddFolio(sys, folio, entry);
  if (shadow !== undefined) sys.parts.workingsetRefault(sys, folio, shadow);
  folioAddLru(sys, folio);
  return { folio, isNew: true };
}

/**
 * Sends for the slot's bytes, unless they are in RAM: the folio with one more hold.
 * Linux read_swap_cache_async()
 */
export function readSwapCacheAsync(sys: MemorySystem, entry: SwpEntry, gfp: number): Folio | undefined {
  const found = folioOfSlot(sys, entry, gfp);
  if (found?.isNew === true) swapReadFolio(sys, found.folio);
  return found?.folio;
}

/** The same ahead of need: nobody holds the folio. */
function readAhead(sys: MemorySystem, entry: SwpEntry, gfp: number, wanted: boolean): void {
  const found = folioOfSlot(sys, entry, gfp);
  if (found === undefined) return;
  if (found.isNew) {
    swapReadFolio(sys, found.folio);
    if (!wanted) {
      found.folio.flags |= PG_readahead;
      countVmEvent(sys, SWAP_RA);
      if (sys.trace.on) traceSwap(sys, "pagewalk:swap_readahead", found.folio);
    }
  }
  folioPut(sys, found.folio);
}

/** The window of a VMA is used: no device turns. Linux mm/swap_state.c:swap_use_vma_readahead() */
function swapUseVmaReadahead(sys: MemorySystem): boolean {
  return sys.swap.vmaRaEnabled && sys.swap.nrRotateSwap === 0;
}

/**
 * The folio was found in the swap cache: if it had been read ahead, that was right.
 * Linux mm/swap_state.c:swap_update_readahead()
 */
export function swapUpdateReadahead(
  sys: MemorySystem,
  folio: Folio,
  vma: VmAreaStruct | undefined,
  addr: Vaddr,
): void {
  if (folio.order > 0) return;
  const readahead = (folio.flags & PG_readahead) !== 0;
  folio.flags &= ~PG_readahead;
  const byVma = swapUseVmaReadahead(sys);
  if (vma !== undefined && byVma) {
    const { win, hits } = vma.swapReadahead ?? FIRST;
    vma.swapReadahead = { addr, win, hits: readahead ? Math.min(hits + 1, SWAP_RA_HITS_MAX) : hits };
  }
  if (!readahead) return;
  countVmEvent(sys, SWAP_RA_HIT);
  if (vma === undefined || !byVma) sys.swap.readaheadHits++;
}

/** Pages of the next window. Linux mm/swap_state.c:__swapin_nr_pages() */
export function swapinNrPages(
  prevOffset: number,
  offset: number,
  hits: number,
  maxPages: number,
  prevWin: number,
): number {
  let pages = 4;
  if (hits === 0) pages = Math.abs(offset - prevOffset) === 1 ? 2 : 1;
  else while (pages < hits + 2) pages *= 2;
  return Math.max(Math.min(pages, maxPages), Math.floor(prevWin / 2));
}

/** Pages to read around slot `offset`. Linux mm/swap_state.c:swapin_nr_pages() */
function clusterNrPages(sys: MemorySystem, offset: number): number {
  const { swap } = sys;
  const maxPages = 2 ** sys.sysctl.pageCluster;
  if (maxPages <= 1) return 1;
  const hits = swap.readaheadHits;
  swap.readaheadHits = 0;
  const pages = swapinNrPages(swap.prevOffset, offset, hits, maxPages, swap.lastReadaheadPages);
  if (hits === 0) swap.prevOffset = offset;
  swap.lastReadaheadPages = pages;
  return pages;
}

/**
 * Reads an aligned block of slots around the one of `entry`. Linux mm/swap_state.c:swap_cluster_readahead()
 */
export function swapClusterReadahead(sys: MemorySystem, entry: SwpEntry, gfp: number): Folio | undefined {
  const type = swpType(entry);
  const offset = swpOffset(entry);
  const pages = clusterNrPages(sys, offset);
  if (pages > 1) {
    const start = Math.floor(offset / pages) * pages;
    const last = Math.min(start + pages, getSwapDevice(sys, entry)!.max) - 1;
    const plug = blkStartPlug(sys);
    for (let slot = Math.max(1, start); slot <= last; slot++)
      readAhead(sys, swpEntry(type, slot), gfp, slot === offset);
    blkFinishPlug(sys, plug);
    lruAddDrain(sys);
  }
  return readSwapCacheAsync(sys, entry, gfp);
}

/**
 * The addresses [start, end) to be read with the fault's; undefined for the fault's alone.
 * Linux mm/swap_state.c:swap_vma_ra_win()
 */
function swapVmaRaWin(
  sys: MemorySystem,
  { vma, address }: VmFault,
): { start: Vaddr; end: Vaddr } | undefined {
  const maxWin = 2 ** Math.min(sys.sysctl.pageCluster, SWAP_RA_ORDER_CEILING);
  if (maxWin === 1) return undefined;
  const last = vma.swapReadahead ?? FIRST;
  const win = swapinNrPages(last.addr / PAGE_SIZE, address / PAGE_SIZE, last.hits, maxWin, last.win);
  vma.swapReadahead = { addr: address, win, hits: 0 };
  if (win === 1) return undefined;
  let left = address - Math.floor((win - 1) / 2) * PAGE_SIZE;
  if (address === last.addr + PAGE_SIZE) left = address;
  else if (last.addr === address + PAGE_SIZE) left = address - (win - 1) * PAGE_SIZE;
  const table = Math.floor(address / PMD_SIZE) * PMD_SIZE;
  return {
    start: Math.max(left, vma.vmStart, table),
    end: Math.min(left + win * PAGE_SIZE, vma.vmEnd, table + PMD_SIZE),
  };
}

/** Reads the pages around the fault's address. Linux mm/swap_state.c:swap_vma_readahead() */
function swapVmaReadahead(sys: MemorySystem, entry: SwpEntry, gfp: number, vmf: VmFault): Folio | undefined {
  const win = swapVmaRaWin(sys, vmf);
  if (win !== undefined) {
    const plug = blkStartPlug(sys);
    for (let addr = win.start; addr < win.end; addr += PAGE_SIZE) {
      const pte = ptepGet(sys.ram, vmf.ptep + (addr - vmf.address) / PAGE_SIZE);
      if (classifyPte(pte) !== PTE_KIND_SWAP) continue;
      readAhead(sys, pteToSwpEntry(pte), gfp, addr === vmf.address);
    }
    blkFinishPlug(sys, plug);
    lruAddDrain(sys);
  }
  return readSwapCacheAsync(sys, entry, gfp);
}

/**
 * Sends for the slot and for those that may be asked for next: its folio.
 * Linux mm/swap_state.c:swapin_readahead()
 */
export function swapinReadahead(
  sys: MemorySystem,
  entry: SwpEntry,
  gfp: number,
  vmf: VmFault,
): Folio | undefined {
  return swapUseVmaReadahead(sys)
    ? swapVmaReadahead(sys, entry, gfp, vmf)
    : swapClusterReadahead(sys, entry, gfp);
}
