/**
 * Per-CPU lists of free pages: filled from the zone, taken from, put back on, and drained.
 *
 *   allocate  <---- [ list ] <----- free          both at the head: the page freed last is taken first
 *               empty?   | too long?
 *   rmqueueBulk ----^    v---- freePcppagesBulk   many pages at once, at the tail
 *               zone (buddy.ts, fallback.ts)
 *
 *   refill   batch pages, and twice as many each time while nothing is freed in between (allocFactor)
 *   high     grows by what is refilled, up to 1/8 of the zone, as long as the zone is above its high mark
 *   drain    batch pages, or as many as were freed in a row (freeCount), lists in turn, the one just used first
 *   pressure kswapd works: no more than 4 batches; the zone is below its high mark: high shrinks with each free
 *   decay    once a second high falls by an eighth until it is at its minimum again, and what is above goes back
 *
 * The decay is an event of its own, which is there only while there is something to decay.
 *
 * Left out: locks; the larger batch of pages of several frames on processors with a large cache.
 *
 * Linux mm/page_alloc.c. Read first: per_cpu_pages.ts, buddy.ts. Read next: page_alloc.ts, free_pages.ts.
 */
import type { Pfn } from "../../hw/address.js";
import type { MemorySystem } from "../system.js";
import { type FreeLinks, ZONE_BELOW_HIGH, ZONE_RECLAIM_ACTIVE, type Zone } from "./buddy.js";
import { RMQUEUE_NORMAL, rmqueue } from "./fallback.js";
import { PAGE_ALLOC_COSTLY_ORDER } from "./gfp.js";
import { MIGRATE_ISOLATE, MIGRATE_MOVABLE, MIGRATE_PCPTYPES } from "./migratetype.js";
import {
  NR_PCP_LISTS,
  orderToPindex,
  PCP_BATCH_SCALE_MAX,
  type PerCpuPages,
  pindexToOrder,
} from "./per_cpu_pages.js";
import { highWmarkPages, ZONE_MOVABLE } from "./wmark.js";

/** Kind of the event that lets lists decay. Linux mm/vmstat.c:vmstat_update() */
const VMSTAT_UPDATE = "vmstat_update";
const NS_PER_SECOND = 1e9;

/** Puts a block at the head of a list. Linux include/linux/list.h:list_add() */
function listAdd({ next, prev }: FreeLinks, pcp: PerCpuPages, pindex: number, pfn: Pfn): void {
  const first = pcp.head[pindex]!;
  next[pfn] = first;
  prev[pfn] = -1;
  if (first >= 0) prev[first] = pfn;
  else pcp.tail[pindex] = pfn;
  pcp.head[pindex] = pfn;
}

/** Puts a block at the end of a list. Linux include/linux/list.h:list_add_tail() */
function listAddTail({ next, prev }: FreeLinks, pcp: PerCpuPages, pindex: number, pfn: Pfn): void {
  const last = pcp.tail[pindex]!;
  next[pfn] = -1;
  prev[pfn] = last;
  if (last >= 0) next[last] = pfn;
  else pcp.head[pindex] = pfn;
  pcp.tail[pindex] = pfn;
}

/** Takes the first block of a list that has one. */
function takeFirst({ next, prev }: FreeLinks, pcp: PerCpuPages, pindex: number): Pfn {
  const pfn = pcp.head[pindex]!;
  const after = next[pfn]!;
  pcp.head[pindex] = after;
  if (after >= 0) prev[after] = -1;
  else pcp.tail[pindex] = -1;
  return pfn;
}

/** Takes the last block of a list that has one. */
function takeLast({ next, prev }: FreeLinks, pcp: PerCpuPages, pindex: number): Pfn {
  const pfn = pcp.tail[pindex]!;
  const before = prev[pfn]!;
  pcp.tail[pindex] = before;
  if (before >= 0) next[before] = -1;
  else pcp.head[pindex] = -1;
  return pfn;
}

function clamp(value: number, least: number, most: number): number {
  return Math.min(Math.max(value, least), most);
}

// ---------------- taking

/** How many blocks a refill takes. Linux mm/page_alloc.c:nr_pcp_alloc() */
function nrPcpAlloc(zone: Zone, pcp: PerCpuPages, order: number): number {
  const { batch: base, highMin, highMax } = pcp;
  pcp.high = clamp(pcp.high, highMin, highMax);
  if (pcp.high < base) return 1; // early at boot: nothing is kept
  let batch = order > 0 ? base : base << pcp.allocFactor;
  if (highMin !== highMax && (zone.flags & ZONE_BELOW_HIGH) === 0)
    pcp.high = Math.min(pcp.high + batch, highMax);
  if (order === 0) {
    const most = Math.max(pcp.high - pcp.count - base, base);
    if (batch <= most && pcp.allocFactor < PCP_BATCH_SCALE_MAX) pcp.allocFactor++;
    batch = Math.min(batch, most);
  }
  return batch > 1 ? Math.max(batch >> order, 2) : batch;
}

/** Fills an empty list from the zone. Linux mm/page_alloc.c:rmqueue_bulk() */
function rmqueueBulk(
  sys: MemorySystem,
  zone: Zone,
  pcp: PerCpuPages,
  order: number,
  migratetype: number,
  allocFlags: number,
): void {
  const pindex = orderToPindex(migratetype, order);
  const mode = { at: RMQUEUE_NORMAL };
  for (let left = nrPcpAlloc(zone, pcp, order); left > 0; left--) {
    const pfn = rmqueue(sys, zone, order, migratetype, allocFlags, mode);
    if (pfn < 0) break;
    listAddTail(zone.links, pcp, pindex, pfn);
    pcp.count += 2 ** order;
  }
  if (pcp.high > pcp.highMin) startDecay(sys);
}

/**
 * A block of 2^order frames from this CPU's list, which is filled first if it is empty; its first frame or
 * -1. Linux mm/page_alloc.c:rmqueue_pcplist()
 */
export function rmqueuePcplist(
  sys: MemorySystem,
  zone: Zone,
  order: number,
  migratetype: number,
  allocFlags: number,
): number {
  const pcp = zone.pcps[sys.thisCpu]!;
  const pindex = orderToPindex(migratetype, order);
  pcp.freeCount >>= 1;
  if (pcp.head[pindex]! < 0) {
    rmqueueBulk(sys, zone, pcp, order, migratetype, allocFlags);
    if (pcp.head[pindex]! < 0) return -1;
  }
  pcp.count -= 1 << order;
  return takeFirst(zone.links, pcp, pindex);
}

// ---------------- giving back

/** `nrPages` go back to the zone, one list after the other from `pindex` on. Linux free_pcppages_bulk() */
function freePcppagesBulk(zone: Zone, pcp: PerCpuPages, nrPages: number, pindex: number): void {
  let left = Math.min(pcp.count, nrPages);
  for (let list = pindex; left > 0; list = (list + 1) % NR_PCP_LISTS) {
    const order = pindexToOrder(list);
    while (left > 0 && pcp.tail[list]! >= 0) {
      zone.freeOnePage(takeLast(zone.links, pcp, list), order);
      left -= 1 << order;
      pcp.count -= 1 << order;
    }
  }
}

/** From how many pages on some go back. Linux mm/page_alloc.c:nr_pcp_high() */
function nrPcpHigh(zone: Zone, pcp: PerCpuPages, freeHigh: boolean): number {
  const { batch, highMin, highMax } = pcp;
  const high = clamp(pcp.high, highMin, highMax);
  pcp.high = high;
  if (high === 0) return 0;
  if (freeHigh) {
    pcp.high = Math.max(high - (batch << PCP_BATCH_SCALE_MAX), highMin);
    return 0;
  }
  if ((zone.flags & ZONE_RECLAIM_ACTIVE) !== 0) {
    pcp.high = Math.max(high - Math.max(pcp.freeCount, batch), highMin);
    return Math.min(batch * 4, pcp.high);
  }
  if (highMin === highMax) return high;
  if ((zone.flags & ZONE_BELOW_HIGH) !== 0) {
    pcp.high = Math.max(high - Math.max(pcp.freeCount, batch), highMin);
    return Math.max(pcp.count, highMin);
  }
  if (pcp.count >= high && high < pcp.freeCount + batch)
    pcp.high = clamp(pcp.freeCount + batch, highMin, highMax);
  return high;
}

/** How many of them. Linux mm/page_alloc.c:nr_pcp_free() */
function nrPcpFree(pcp: PerCpuPages, high: number, freeHigh: boolean): number {
  const { batch } = pcp;
  if (freeHigh) return Math.min(pcp.count, batch << PCP_BATCH_SCALE_MAX);
  return high < batch ? 1 : Math.min(Math.max(pcp.freeCount, batch), high - batch);
}

/** Whether blocks of several frames pile up, since one after the other is freed. */
function pilesUp(pcp: PerCpuPages, order: number): boolean {
  const several = order > 0 && order <= PAGE_ALLOC_COSTLY_ORDER;
  const piles = several && pcp.prevFreeHighOrder && pcp.freeCount >= pcp.batch + Math.floor(pcp.highMin / 2);
  pcp.prevFreeHighOrder = several;
  return piles;
}

/**
 * Puts a block on this CPU's list; if that is too long then, some go back to the zone.
 * Linux mm/page_alloc.c:free_frozen_page_commit()
 */
function freeFrozenPageCommit(sys: MemorySystem, zone: Zone, pfn: Pfn, order: number, type: number): void {
  const pcp = zone.pcps[sys.thisCpu]!;
  const pindex = orderToPindex(type, order);
  pcp.allocFactor >>= 1;
  listAdd(zone.links, pcp, pindex, pfn);
  pcp.count += 1 << order;
  const freeHigh = pilesUp(pcp, order);
  if (pcp.freeCount < pcp.batch << PCP_BATCH_SCALE_MAX) pcp.freeCount += 1 << order;
  const high = nrPcpHigh(zone, pcp, freeHigh);
  if (pcp.count < high) return;
  freePcppagesBulk(zone, pcp, nrPcpFree(pcp, high, freeHigh), pindex);
  if ((zone.flags & ZONE_BELOW_HIGH) === 0) return;
  const mark = highWmarkPages(zone);
  if (sys.parts.zoneWatermarkOk(sys, zone, 0, mark, ZONE_MOVABLE, 0, zone.nrFreePages))
    zone.flags &= ~ZONE_BELOW_HIGH;
}

/**
 * Frees a block of an order that is kept per CPU. Blocks kept for urgent requests count as movable, so that
 * they can be had again. Linux mm/page_alloc.c:__free_frozen_pages()
 */
export function freeToPcp(sys: MemorySystem, zone: Zone, pfn: Pfn, order: number): void {
  const type = zone.pageblockType(pfn);
  if (type === MIGRATE_ISOLATE || zone.pcps.length === 0) zone.freeOnePage(pfn, order);
  else freeFrozenPageCommit(sys, zone, pfn, order, type < MIGRATE_PCPTYPES ? type : MIGRATE_MOVABLE);
}

// ---------------- draining

/** What this CPU keeps of `zone` goes back to it. Linux mm/page_alloc.c:drain_local_pages() */
export function drainLocalPages(sys: MemorySystem, zone: Zone): void {
  const pcp = zone.pcps[sys.thisCpu];
  if (pcp !== undefined) freePcppagesBulk(zone, pcp, pcp.count, 0);
}

/** What all CPUs keep of `zone` goes back to it. Linux mm/page_alloc.c:drain_all_pages() */
export function drainZonePages(zone: Zone): void {
  for (const pcp of zone.pcps) freePcppagesBulk(zone, pcp, pcp.count, 0);
}

/** All pages that CPUs keep go back to their zones. Linux mm/page_alloc.c:drain_all_pages() */
export function drainAllPages(sys: MemorySystem): void {
  for (const zone of sys.zones) drainZonePages(zone);
}

/** Frames that CPUs keep for themselves. Not in Linux: it adds up the lists for /proc/zoneinfo. */
export function nrPcpPages(sys: MemorySystem): number {
  let pages = 0;
  for (const zone of sys.zones) for (const pcp of zone.pcps) pages += pcp.count;
  return pages;
}

/**
 * One second of decay of a list that may be longer than its minimum; whether there is more to do.
 * Linux mm/page_alloc.c:decay_pcp_high()
 */
export function decayPcpHigh(zone: Zone, pcp: PerCpuPages): boolean {
  const { batch, highMin } = pcp;
  let todo = false;
  if (pcp.high > highMin) {
    const drained = pcp.count - (batch << PCP_BATCH_SCALE_MAX);
    pcp.high = Math.max(drained, pcp.high - (pcp.high >> 3), highMin);
    todo = pcp.high > highMin;
  }
  for (let left = pcp.count - pcp.high; left > 0; left -= batch) {
    freePcppagesBulk(zone, pcp, Math.min(left, batch), 0);
    todo = true;
  }
  return todo;
}

/** The lists decay from one second from now on, unless they do already. */
function startDecay(sys: MemorySystem): void {
  if (sys.pcpDecays) return;
  sys.pcpDecays = true;
  sys.events.post(sys.clock.nowNs + sys.sysctl.statInterval * NS_PER_SECOND, VMSTAT_UPDATE, sys);
}

/** Linux mm/vmstat.c:vmstat_update() */
function vmstatUpdate(sys: MemorySystem): void {
  let todo = false;
  for (const zone of sys.zones) for (const pcp of zone.pcps) todo = decayPcpHigh(zone, pcp) || todo;
  sys.pcpDecays = false;
  if (todo) startDecay(sys);
}

/** Says what is done once a second; once for each machine. Linux mm/vmstat.c:init_mm_internals() */
export function initVmstatUpdate(sys: MemorySystem): void {
  sys.events.on(VMSTAT_UPDATE, (object) => {
    vmstatUpdate(object as MemorySystem);
  });
}
