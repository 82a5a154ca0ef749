/**
 * Reading from a device that is done at once (zram), past the swap cache.
 *
 *   nobody else has the slot --> a new page; the slot is marked as if it were in the swap cache, so that a
 *   second thread waits; the bytes are read; when the entry is exchanged, the slot is free
 *
 *   sizes of huge pages are switched on (hugepages-64kB/enabled), and the folio had gone out in one piece:
 *        entries   |s+0|s+1|s+2|s+3|      the notes of an aligned block name slots side by side,
 *        slots     |s+0|s+1|s+2|s+3|      as aligned as the block, none of them in the swap cache:
 *        folio     [ order 2       ]      one folio is read, as large as can be had
 *
 * Never a huge page of 2 MiB; and nothing large once zswap was switched on, which has pages one by one.
 *
 * Linux mm/memory.c. Read first: swap_fault.ts, mm/huge/alloc_anon_folio.ts. Read next: mm/swap/page_io.ts.
 */
import { PAGE_SIZE } from "../../hw/address.js";
import { blockPtep, SMALLER_ORDERS } from "../huge/alloc_anon_folio.js";
import {
  highestOrder,
  thpVmaAllowableOrders,
  thpVmaSuitableOrders,
  vmaThpGfpMask,
} from "../huge/thp_orders.js";
import { modMthpStat } from "../huge/thp_state.js";
import { folioAddLru } from "../lru/swap.js";
import { memCgroupSwapinCharge } from "../memcg/swap_charge.js";
import { type Folio, folioNrPages, PG_locked, PG_swapbacked } from "../pages/folio.js";
import { folioPut } from "../pages/free_pages.js";
import { GFP_HIGHUSER_MOVABLE, GFP_KERNEL } from "../pages/gfp.js";
import { allocPages } from "../pages/page_alloc.js";
import { ptepGet } from "../pgtable/pgtable.js";
import { swpEntryToPte, swpOffset } from "../pgtable/swapops.js";
import { swapReadFolio } from "../swap/page_io.js";
import { swapcachePrepareNr } from "../swap/swap_map.js";
import { swapCacheGetShadow } from "../swap/swap_state.js";
import { SWAP_HAS_CACHE, type SwapInfoStruct, type SwpEntry } from "../swap/swap_types.js";
import { zswapNeverEnabled } from "../swap/zswap.js";
import type { MemorySystem } from "../system.js";
import type { VmFault } from "./vm_fault.js";

/** What the notes for two neighbouring slots differ by. */
const SWP_PTE_STEP = swpEntryToPte(1);

/** `value` rounded down to a multiple of `nr`. */
const alignDown = (value: number, nr: number): number => value - (value % nr);

/**
 * Whether `nr` entries from `ptep` on name slots side by side, the one of index `index` being `pte`.
 * Linux mm/internal.h:swap_pte_batch()
 */
export function swapPtesInOrder(
  sys: MemorySystem,
  ptep: number,
  nr: number,
  pte: number,
  index: number,
): boolean {
  const first = pte - index * SWP_PTE_STEP;
  for (let i = 0; i < nr; i++) if (ptepGet(sys.ram, ptep + i) !== first + i * SWP_PTE_STEP) return false;
  return true;
}

/**
 * Whether the folio of 2^order pages around the fault could be read in one piece.
 * Linux mm/memory.c:can_swapin_thp()
 */
function canSwapinThp(vmf: VmFault, si: SwapInfoStruct, entry: SwpEntry, order: number): boolean {
  const { sys } = vmf.vma.vmMm;
  const nr = 2 ** order;
  const ptep = blockPtep(vmf, order);
  if (!swapPtesInOrder(sys, ptep, nr, vmf.origPte, vmf.ptep - ptep)) return false;
  const first = alignDown(swpOffset(entry), nr);
  for (let slot = first; slot < first + nr; slot++) {
    if (si.zeromap[slot] !== si.zeromap[first]) return false;
    if ((si.swapMap[slot]! & SWAP_HAS_CACHE) !== 0) return false;
  }
  return true;
}

/** The orders in which the fault's slot may be read. Linux mm/memory.c:alloc_swap_folio(), its first part */
function swapinOrders(vmf: VmFault, si: SwapInfoStruct, entry: SwpEntry): number {
  const { vma, address } = vmf;
  if (!zswapNeverEnabled(vma.vmMm.sys)) return 0;
  const allowed = thpVmaAllowableOrders(vma, "pagefault", SMALLER_ORDERS);
  let orders = allowed === 0 ? 0 : thpVmaSuitableOrders(vma, address, allowed);
  while (orders !== 0) {
    const order = highestOrder(orders);
    // Linux mm/memory.c:thp_swap_suitable_orders()
    const aligned = Math.floor(address / PAGE_SIZE - swpOffset(entry)) % 2 ** order === 0;
    if (aligned && canSwapinThp(vmf, si, entry, order)) break;
    orders &= ~(1 << order);
  }
  return orders;
}

/** A large folio for the fault's slot and those around it; undefined if there is none to be had. */
function allocLargeSwapFolio(vmf: VmFault, si: SwapInfoStruct, entry: SwpEntry): Folio | undefined {
  const { sys, memcg } = vmf.vma.vmMm;
  let orders = swapinOrders(vmf, si, entry);
  const gfp = orders === 0 ? 0 : vmaThpGfpMask(vmf.vma);
  while (orders !== 0) {
    const order = highestOrder(orders);
    const folio = allocPages(sys, gfp, order);
    if (folio !== undefined) {
      if (memCgroupSwapinCharge(sys, folio, memcg, gfp, entry)) return folio;
      modMthpStat(sys, order, "swpin_fallback_charge");
      folioPut(sys, folio);
    }
    modMthpStat(sys, order, "swpin_fallback");
    orders &= ~(1 << order);
  }
  return undefined;
}

/** Reads the folio's slots into it; undefined, and the folio is gone, if somebody else reads one of them. */
function readInto(sys: MemorySystem, folio: Folio, entry: SwpEntry): Folio | undefined {
  const nr = folioNrPages(folio);
  const first = alignDown(entry, nr);
  if (swapcachePrepareNr(sys, first, nr) !== 0) {
    folioPut(sys, folio);
    return undefined;
  }
  folio.flags |= PG_locked | PG_swapbacked;
  const shadow = swapCacheGetShadow(sys, first);
  if (shadow !== undefined) sys.parts.workingsetRefault(sys, folio, shadow);
  folioAddLru(sys, folio);
  folio.private = first;
  swapReadFolio(sys, folio);
  folio.private = 0;
  return folio;
}

/**
 * Reads the slot into a new page that is not put into the swap cache, but marks the slot as if it were, until
 * swapcacheClear(). Undefined without memory, or if somebody else reads it.
 * Linux do_swap_page(), "skip swapcache"
 */
export function readPastCache({ vma }: VmFault, entry: SwpEntry): Folio | undefined {
  const { sys, memcg } = vma.vmMm;
  const folio = allocPages(sys, GFP_HIGHUSER_MOVABLE, 0);
  if (folio === undefined) return undefined;
  if (!memCgroupSwapinCharge(sys, folio, memcg, GFP_KERNEL, entry)) {
    folioPut(sys, folio);
    return undefined;
  }
  return readInto(sys, folio, entry);
}

/**
 * The same, in a folio as large as the settings allow and memory has. Its slots are marked until
 * swapcacheClear(). Linux mm/memory.c:alloc_swap_folio()
 */
export function readFolioPastCache(vmf: VmFault, si: SwapInfoStruct, entry: SwpEntry): Folio | undefined {
  const large = allocLargeSwapFolio(vmf, si, entry);
  if (large === undefined) return readPastCache(vmf, entry);
  return readInto(vmf.vma.vmMm.sys, large, entry);
}
