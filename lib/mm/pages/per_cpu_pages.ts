/**
 * The free pages that one CPU keeps for itself in one zone, and how many that may be.
 *
 *   CPU 0  list of order 0, Movable     [ 71 ][ 70 ][ 12 ]      taken from and put on at the left,
 *          list of order 0, Unmovable   [ 40 ]                  drained at the right
 *          ... 3 types x orders 0 to 3, and 2 lists of order 9: 14 lists
 *
 *   count                pages on all lists together
 *   batch                pages that go to or come from the zone at once, at least
 *   highMin <= high <= highMax    from `count` = high on, pages go back; high grows with use, and decays
 *
 * Nobody else looks at these lists, so a CPU needs no lock for them, and what it frees it soon takes again
 * while it is still in its cache. They do not count as free: NR_FREE_PAGES is what the zone has.
 *
 * Plain data and sizes only; what is done with the lists is in pcp.ts.
 *
 * Linux include/linux/mmzone.h:struct per_cpu_pages, mm/page_alloc.c. Read first: migratetype.ts.
 * Read next: pcp.ts.
 */
import { PAGE_ALLOC_COSTLY_ORDER } from "./gfp.js";
import { MIGRATE_MOVABLE, MIGRATE_PCPTYPES, PAGEBLOCK_ORDER } from "./migratetype.js";

/** Lists of orders 0 to 3. Linux include/linux/mmzone.h:NR_LOWORDER_PCP_LISTS */
const NR_LOWORDER_PCP_LISTS = MIGRATE_PCPTYPES * (PAGE_ALLOC_COSTLY_ORDER + 1);
/** All lists. Linux include/linux/mmzone.h:NR_PCP_LISTS */
export const NR_PCP_LISTS = NR_LOWORDER_PCP_LISTS + 2;

/** By how many doublings a batch may grow. Linux CONFIG_PCP_BATCH_SCALE_MAX */
export const PCP_BATCH_SCALE_MAX = 5;
/** The largest part of a zone that per-CPU lists may hold is 1/8. Linux MIN_PERCPU_PAGELIST_HIGH_FRACTION */
const MIN_PERCPU_PAGELIST_HIGH_FRACTION = 8;
/** Pages of 1 MiB. */
const MIB_PAGES = 256;

/** Linux include/linux/mmzone.h:struct per_cpu_pages */
export class PerCpuPages {
  /** Pages on all lists. */
  count = 0;
  /** From this many pages on, some go back to the zone. */
  high = 0;
  highMin = 0;
  highMax = 0;
  batch = 1;
  /** log2 of the batches that the next refill takes. */
  allocFactor = 0;
  /** Pages freed lately without any being taken. */
  freeCount = 0;
  /** The page freed last was one of several. Linux PCPF_PREV_FREE_HIGH_ORDER */
  prevFreeHighOrder = false;
  /** First and last block of each list, -1 when it is empty. */
  readonly head: number[] = new Array<number>(NR_PCP_LISTS).fill(-1);
  readonly tail: number[] = new Array<number>(NR_PCP_LISTS).fill(-1);
}

/** Whether blocks of this order are kept per CPU. Linux mm/page_alloc.c:pcp_allowed_order() */
export function pcpAllowedOrder(order: number): boolean {
  return order <= PAGE_ALLOC_COSTLY_ORDER || order === PAGEBLOCK_ORDER;
}

/** Number of the list of a type and an order. Linux mm/page_alloc.c:order_to_pindex() */
export function orderToPindex(migratetype: number, order: number): number {
  if (order <= PAGE_ALLOC_COSTLY_ORDER) return MIGRATE_PCPTYPES * order + migratetype;
  return NR_LOWORDER_PCP_LISTS + (migratetype === MIGRATE_MOVABLE ? 1 : 0);
}

/** Order of the blocks on list `pindex`. Linux mm/page_alloc.c:pindex_to_order() */
export function pindexToOrder(pindex: number): number {
  return pindex >= NR_LOWORDER_PCP_LISTS ? PAGEBLOCK_ORDER : Math.floor(pindex / MIGRATE_PCPTYPES);
}

/**
 * Pages that a zone of `managedPages` moves at once: a power of two less one.
 * Linux mm/page_alloc.c:zone_batchsize()
 */
export function zoneBatchsize(managedPages: number): number {
  const quarter = Math.max(1, Math.floor(Math.min(managedPages >> 10, MIB_PAGES) / 4));
  const size = quarter + Math.floor(quarter / 2);
  return Math.max(1, 2 ** Math.floor(Math.log2(size)) - 1);
}

/** What the sizes of a zone's lists follow from. */
interface SizedZone {
  readonly managedPages: number;
  readonly watermark: { readonly low: number };
  readonly watermarkBoost: number;
  readonly pcps: readonly PerCpuPages[];
}

/**
 * Sets how many pages each CPU may keep of the zone: in all, its pages up to the low watermark at first, 1/8
 * of it at most; or a fraction that somebody has set. Linux mm/page_alloc.c:zone_set_pageset_high_and_batch()
 */
export function zonePcpUpdate(zone: SizedZone, highFraction: number): void {
  const { managedPages, watermark, watermarkBoost, pcps } = zone;
  const batch = zoneBatchsize(managedPages);
  const share = (pages: number): number => Math.max(Math.floor(pages / Math.max(1, pcps.length)), batch * 4);
  const set = highFraction > 0;
  const least = set ? Math.floor(managedPages / highFraction) : watermark.low + watermarkBoost;
  const most = set ? least : Math.floor(managedPages / MIN_PERCPU_PAGELIST_HIGH_FRACTION);
  for (const pcp of pcps) {
    pcp.batch = batch;
    pcp.highMin = share(least);
    pcp.highMax = share(most);
  }
}
