/**
 * Folios of 16 kB to 1 MiB for a fault in anonymous memory ("multi-size THP"): larger than a page, smaller
 * than what an entry of level 2 maps.
 *
 *   orders that are allowed here, the largest first
 *      the aligned block around the address lies in the VMA      thpVmaSuitableOrders
 *      nothing is mapped in it yet                               else the next smaller order
 *      a free block is to be had, as hard as `defrag` says       else counted, and the next smaller order
 *   else one page
 *
 * One fault then maps 4 to 256 pages by entries of level 1. All orders are off unless somebody writes
 * hugepages-64kB/enabled or its like.
 *
 * (Linux has this in mm/memory.c.) Read first: thp_orders.ts. Read next: mm/fault/memory.ts.
 */
import { PAGE_SIZE, type Vaddr } from "../../hw/address.js";
import type { VmFault } from "../fault/vm_fault.js";
import { folioPrealloc } from "../fault/wp.js";
import { memCgroupCharge } from "../memcg/charge.js";
import type { Folio } from "../pages/folio.js";
import { folioPut } from "../pages/free_pages.js";
import { __GFP_ZERO } from "../pages/gfp.js";
import { allocPages } from "../pages/page_alloc.js";
import { ptepGet } from "../pgtable/pgtable.js";
import type { MemorySystem } from "../system.js";
import { highestOrder, thpVmaAllowableOrders, thpVmaSuitableOrders, vmaThpGfpMask } from "./thp_orders.js";
import { HPAGE_PMD_ORDER, modMthpStat } from "./thp_state.js";

/** Orders below that of a leaf. */
export const SMALLER_ORDERS = (1 << HPAGE_PMD_ORDER) - 1;

/** Start of the aligned block of 2^order pages around `addr`. */
export function blockStart(addr: Vaddr, order: number): Vaddr {
  const size = PAGE_SIZE * 2 ** order;
  return Math.floor(addr / size) * size;
}

/** Whether `nr` entries from `ptep` on are empty. Linux mm/memory.c:pte_range_none() */
export function pteRangeNone(sys: MemorySystem, ptep: number, nr: number): boolean {
  for (let i = 0; i < nr; i++) if (ptepGet(sys.ram, ptep + i) !== 0) return false;
  return true;
}

/** Pointer to the entry of the first page of the block around the fault's. */
export function blockPtep(vmf: VmFault, order: number): number {
  return vmf.ptep - (vmf.address - blockStart(vmf.address, order)) / PAGE_SIZE;
}

/** The orders for which a folio could be mapped around the fault's address now. */
function possibleOrders(vmf: VmFault): number {
  const { vma } = vmf;
  const allowed = thpVmaAllowableOrders(vma, "pagefault", SMALLER_ORDERS);
  let orders = allowed === 0 ? 0 : thpVmaSuitableOrders(vma, vmf.address, allowed);
  while (orders !== 0) {
    const order = highestOrder(orders);
    if (pteRangeNone(vma.vmMm.sys, blockPtep(vmf, order), 2 ** order)) break;
    orders &= ~(1 << order);
  }
  return orders;
}

/**
 * The zeroed folio for a first write at vmf.address, as large as is allowed and to be had; undefined without
 * memory. Linux mm/memory.c:alloc_anon_folio()
 */
export function allocAnonFolio(vmf: VmFault): Folio | undefined {
  const { vmMm: mm } = vmf.vma;
  const { sys, memcg } = mm;
  const gfp = vmaThpGfpMask(vmf.vma);
  for (let orders = possibleOrders(vmf); orders !== 0; ) {
    const order = highestOrder(orders);
    const folio = allocPages(sys, gfp | __GFP_ZERO, order);
    if (folio !== undefined) {
      if (memcg === undefined || memCgroupCharge(sys, folio, memcg, gfp)) return folio;
      modMthpStat(sys, order, "anon_fault_fallback_charge");
      folioPut(sys, folio);
    }
    modMthpStat(sys, order, "anon_fault_fallback");
    orders &= ~(1 << order);
  }
  return folioPrealloc(mm, true);
}
