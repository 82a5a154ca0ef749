/**
 * Shared memory that went to swap as one folio: how large that was, and what is left of it.
 *
 *   order 9 in swap, page 70 comes back alone    [ 0 ... 511 ]
 *      blocks of 64                              [0 ... 63][64 ... 127][128 ... 191] ... [448 ... 511]
 *      the one with the page: halves             [64 ... 95][96 ... 127]
 *      then single pages                         64, 65, ... 95
 *
 * The tree of a file keeps 64 places in a node, so a block is cut by sixths of its height: as deep as needed
 * where the page is, and no deeper elsewhere. What is still whole can come back whole later, from a device
 * that answers at once (zram).
 *
 * Linux mm/shmem.c:shmem_split_large_entry(). Read first: shmem_swap.ts, mapping.ts.
 */
import type { AddressSpace } from "./mapping.js";
import { XA_CHUNK_SIZE } from "./mapping.js";

/** log2 of the places of a node. Linux XA_CHUNK_SHIFT */
const XA_CHUNK_SHIFT = Math.log2(XA_CHUNK_SIZE);

/** log2 of the pages that went to swap together with page `index`. Linux lib/xarray.c:xas_get_order() */
export function swapOrderOf({ swapOrders }: AddressSpace, index: number): number {
  if (swapOrders.size === 0) return 0;
  for (let order = 1; order <= 9; order++)
    if (swapOrders.get(index - (index % 2 ** order)) === order) return order;
  return 0;
}

/**
 * The order of the pieces into which a block of `order` is cut by one step. Linux lib/xarray.c:
 * xas_try_split_min_order()
 */
export function swapSplitOrder(order: number): number {
  const rest = order % XA_CHUNK_SHIFT;
  if (rest > 0) return order - rest;
  return order === 0 ? 0 : order - 1;
}

/**
 * Page `index` leaves swap in a folio of `order`: the block that it is in is cut until one of that size is
 * left, which is forgotten. Linux mm/shmem.c:shmem_split_large_entry()
 */
export function splitSwapOrder(mapping: AddressSpace, index: number, order: number): void {
  const { swapOrders } = mapping;
  for (let current = swapOrderOf(mapping, index); current > order; ) {
    const first = index - (index % 2 ** current);
    const smaller = Math.max(order, swapSplitOrder(current));
    swapOrders.delete(first);
    if (smaller > 0)
      for (let i = first; i < first + 2 ** current; i += 2 ** smaller) swapOrders.set(i, smaller);
    current = smaller;
  }
  if (order > 0) swapOrders.delete(index - (index % 2 ** order));
}
