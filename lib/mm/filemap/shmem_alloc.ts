/**
 * A missing page of shared memory: a new folio, as large as the settings let it be and memory allows.
 *
 *   orders that are allowed (mm/huge/shmem_huge.ts), the largest first
 *      the block around the page lies in the VMA, aligned there as in the file
 *      no page of the block is in the file yet, nor in swap      else the next smaller order
 *      a free block is to be had, as hard as `defrag` says       else counted, and the next smaller order
 *      the group has room for it                                 else counted, and a single page
 *   a single page
 *
 * thp_file_alloc, thp_file_fallback and thp_file_fallback_charge count those of 2 MiB, as they do nowhere
 * else: folios of files on a disk are not counted.
 *
 * Linux mm/shmem.c. Read first: mm/huge/shmem_huge.ts, address_space.ts. Read next: shmem.ts.
 */
import { ENOMEM } from "../errno.js";
import type { VmFault } from "../fault/vm_fault.js";
import { limitGfpMask, shmemAllowableHugeOrders } from "../huge/shmem_huge.js";
import { highestOrder, thpGfpMask, thpVmaSuitableOrders } from "../huge/thp_orders.js";
import { HPAGE_PMD_ORDER, modMthpStat } from "../huge/thp_state.js";
import { folioAddLru } from "../lru/swap.js";
import { type Folio, folioTestPmdMappable } from "../pages/folio.js";
import { folioPut } from "../pages/free_pages.js";
import { allocPages } from "../pages/page_alloc.js";
import type { MemorySystem } from "../system.js";
import { countVmEvent, THP_FILE_ALLOC, THP_FILE_FALLBACK, THP_FILE_FALLBACK_CHARGE } from "../vmstat.js";
import { filemapAddFolio } from "./address_space.js";
import type { AddressSpace } from "./mapping.js";

/** Who needs the page: a fault, or a write that ends at byte `writeEnd`. */
export interface ShmemPurpose {
  readonly vmf?: VmFault | undefined;
  readonly writeEnd?: number;
}

/** Whether a page, or a place in swap, is in the block of 2^order pages around `index`. */
function blockInUse({ pages, swapEntries }: AddressSpace, index: number, order: number): boolean {
  const first = index - (index % 2 ** order);
  for (let i = first; i < first + 2 ** order; i++) if (pages.has(i) || swapEntries.has(i)) return true;
  return false;
}

/** Those of `orders` whose block could be filled now. Linux mm/shmem.c:shmem_suitable_orders() */
function shmemSuitableOrders(
  mapping: AddressSpace,
  index: number,
  orders: number,
  vmf: VmFault | undefined,
): number {
  let left = vmf === undefined ? orders : thpVmaSuitableOrders(vmf.vma, vmf.address, orders);
  while (left !== 0) {
    const order = highestOrder(left);
    if (!blockInUse(mapping, index, order)) break;
    left &= ~(1 << order);
  }
  return left;
}

/** A large folio could not be had, for want of memory or of room in the group. */
function countFallback(sys: MemorySystem, order: number, charge: boolean): void {
  if (order === HPAGE_PMD_ORDER) countVmEvent(sys, THP_FILE_FALLBACK);
  modMthpStat(sys, order, "shmem_fallback");
  if (!charge) return;
  if (order === HPAGE_PMD_ORDER) countVmEvent(sys, THP_FILE_FALLBACK_CHARGE);
  modMthpStat(sys, order, "shmem_fallback_charge");
}

/**
 * A large folio of one of `orders` in the cache; "exists" if somebody was faster, undefined if there is none.
 * Linux mm/shmem.c:shmem_alloc_and_add_folio()
 */
function shmemAllocLarge(
  mapping: AddressSpace,
  index: number,
  gfp: number,
  orders: number,
  vmf: VmFault | undefined,
): Folio | "exists" | undefined {
  const { sys } = mapping.host;
  for (let left = shmemSuitableOrders(mapping, index, orders, vmf); left !== 0; ) {
    const order = highestOrder(left);
    const folio = allocPages(sys, gfp, order);
    if (folio === undefined) {
      countFallback(sys, order, false);
      left &= ~(1 << order);
      continue;
    }
    if (filemapAddFolio(mapping, folio, index - (index % 2 ** order), gfp)) return folio;
    folioPut(sys, folio);
    if (blockInUse(mapping, index, order)) return "exists";
    countFallback(sys, order, true);
    return undefined;
  }
  return undefined;
}

/**
 * A new folio of the file that has page `index`, not filled yet, with one hold; "exists" if the page came
 * there meanwhile, or -ENOMEM. Linux mm/shmem.c:shmem_get_folio_gfp(), from shmem_allowable_huge_orders() on
 */
export function shmemAllocFolio(
  mapping: AddressSpace,
  index: number,
  gfp: number,
  { vmf, writeEnd }: ShmemPurpose = {},
): Folio | "exists" | number {
  const { sys } = mapping.host;
  const orders = shmemAllowableHugeOrders(mapping, { vma: vmf?.vma, index, writeEnd });
  if (orders !== 0) {
    const hugeGfp = limitGfpMask(thpGfpMask(sys, vmf?.vma), gfp);
    const folio = shmemAllocLarge(mapping, index, hugeGfp, orders, vmf);
    if (folio === "exists") return folio;
    if (folio !== undefined) {
      if (folioTestPmdMappable(folio)) countVmEvent(sys, THP_FILE_ALLOC);
      modMthpStat(sys, folio.order, "shmem_alloc");
      folioAddLru(sys, folio);
      return folio;
    }
  }
  const folio = allocPages(sys, gfp, 0);
  if (folio === undefined) return blockInUse(mapping, index, 0) ? "exists" : -ENOMEM;
  if (filemapAddFolio(mapping, folio, index, gfp)) {
    folioAddLru(sys, folio);
    return folio;
  }
  folioPut(sys, folio);
  return blockInUse(mapping, index, 0) ? "exists" : -ENOMEM;
}
