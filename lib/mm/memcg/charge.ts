/**
 * Charging: a page gets a payer before anybody uses it.
 *
 *   first touch, page cache, swap-in, page table --> memCgroupCharge(folio, group)
 *     tryCharge
 *       consumeStock      the CPU has pages that it charged ahead for the group: done
 *       64 at once        within all limits: one for the folio, 63 to the stock       memory.current jumps by 64
 *       exactly one       if 64 are too many
 *       over a limit      reclaim from the group that refused (events: max), try again; give up what CPUs have
 *                         in stock; try again as long as that frees pages, and 16 times more; then one of its
 *                         processes is ended (events: oom)
 *     folio.memcg = group
 *
 *   the last hold is gone --> memCgroupUncharge: exactly the folio's pages; a page table's goes to the stock
 *
 * A CPU keeps such stocks for up to seven groups. While somebody frees memory he may pass the limit: what he
 * needs is little, and soon to be given back.
 *
 * The root is never charged for itself, so that a machine without groups pays nothing here.
 *
 * Left out: memory.high, which slows a group down.
 *
 * Linux mm/memcontrol.c. Read first: memcg_types.ts, page_counter.ts. Read next: memcontrol.ts.
 */
import { PAGE_SIZE } from "../../hw/address.js";
import type { Memcg } from "../lru/lruvec.js";
import { MAX_RECLAIM_RETRIES } from "../lru/scan_control.js";
import { type Folio, folioNrPages, PGTY_none } from "../pages/folio.js";
import {
  __GFP_DIRECT_RECLAIM,
  __GFP_HIGH,
  __GFP_NOFAIL,
  __GFP_NORETRY,
  __GFP_RETRY_MAYFAIL,
  PAGE_ALLOC_COSTLY_ORDER,
} from "../pages/gfp.js";
import type { MemorySystem } from "../system.js";
import { MEMCG_MAX, MEMCG_OOM, type MemcgStock, type ObjStock, type PageCounter } from "./memcg_types.js";
import { pageCounterCharge, pageCounterTryCharge, pageCounterUncharge } from "./page_counter.js";
import { memCgroupRelease } from "./release.js";
import { memcgMemoryEvent } from "./stats.js";

type Stock = MemcgStock<Memcg["lruvec"]>;

/** Pages that a CPU charges ahead. Linux include/linux/memcontrol.h:MEMCG_CHARGE_BATCH */
export const MEMCG_CHARGE_BATCH = 64;
/** Groups for which a CPU does. Linux mm/memcontrol.c:NR_MEMCG_STOCK */
const NR_MEMCG_STOCK = 7;

// ---------------------------------------------------------------- what a CPU has charged ahead

/** The stocks of this CPU. */
function thisCpuStock(sys: MemorySystem): Stock[] {
  const { stock } = sys.memcg;
  let here = stock[sys.thisCpu];
  if (here === undefined) {
    here = [];
    stock[sys.thisCpu] = here;
  }
  return here;
}

/** Takes pages from the stock, if it has as many. Linux mm/memcontrol.c:consume_stock() */
function consumeStock(sys: MemorySystem, memcg: Memcg, nrPages: number): boolean {
  const stock = thisCpuStock(sys).find((one) => one.memcg === memcg);
  if (stock === undefined || stock.nrPages < nrPages) return false;
  stock.nrPages -= nrPages;
  return true;
}

/** Gives a stock back. Linux mm/memcontrol.c:drain_stock() */
function drainStock(sys: MemorySystem, stocks: Stock[], stock: Stock): void {
  stocks.splice(stocks.indexOf(stock), 1);
  uncharge(sys, stock.memcg, stock.nrPages);
}

/** Puts charged pages into the stock. Linux mm/memcontrol.c:refill_stock() */
function refillStock(sys: MemorySystem, memcg: Memcg, nrPages: number): void {
  const stocks = thisCpuStock(sys);
  const stock = stocks.find((one) => one.memcg === memcg);
  if (stock !== undefined) {
    stock.nrPages += nrPages;
    if (stock.nrPages > MEMCG_CHARGE_BATCH) drainStock(sys, stocks, stock);
    return;
  }
  // Differs from Linux: the oldest has to go, not any.
  if (stocks.length === NR_MEMCG_STOCK) drainStock(sys, stocks, stocks[0]!);
  stocks.push({ memcg, nrPages });
}

/** Whether `memcg` is `root` or below it. Linux mm/memcontrol.c:mem_cgroup_is_descendant() */
export function memCgroupIsDescendant(memcg: Memcg | undefined, root: Memcg): boolean {
  if (root.parent === undefined) return true;
  for (let one = memcg; one !== undefined; one = one.parent) if (one === root) return true;
  return false;
}

/** All CPUs give back what they have in stock for the group. Linux mm/memcontrol.c:drain_all_stock() */
export function drainAllStock(sys: MemorySystem, root: Memcg): void {
  for (const stocks of sys.memcg.stock)
    for (const stock of [...(stocks ?? [])])
      if (memCgroupIsDescendant(stock.memcg, root)) drainStock(sys, stocks, stock);
  for (const stock of sys.memcg.objStock)
    if (stock?.memcg !== undefined && memCgroupIsDescendant(stock.memcg, root)) drainObjStock(sys, stock);
}

// ---------------------------------------------------------------- charging

/** Pages that could still be charged to it. Linux mm/memcontrol.c:mem_cgroup_margin() */
export function memCgroupMargin({ memory }: Memcg): number {
  return Math.max(0, memory.max - memory.usage);
}

/** The group, or the one above it, whose counter this is. Linux mm/memcontrol.c:mem_cgroup_from_counter() */
function memCgroupFromCounter(memcg: Memcg, counter: PageCounter): Memcg {
  let one = memcg;
  while (one.memory !== counter) one = one.parent!;
  return one;
}

/** A charge over the limit: what was tried already. */
interface Attempt {
  drained: boolean;
  retriesLeft: number;
  passedOom: boolean;
}

/**
 * The group `over` is full: makes room; whether to try again. Linux mm/memcontrol.c:try_charge_memcg(), from
 * MEMCG_MAX to nomem
 */
function makeRoom(sys: MemorySystem, over: Memcg, gfp: number, nrPages: number, attempt: Attempt): boolean {
  const { operations } = sys.memcg;
  const nrReclaimed = operations?.tryToFreePages(over, nrPages, gfp) ?? 0;
  if (memCgroupMargin(over) >= nrPages) return true;
  if (!attempt.drained) {
    drainAllStock(sys, over);
    attempt.drained = true;
    return true;
  }
  if ((gfp & __GFP_NORETRY) !== 0) return false;
  const many = nrPages > 1 << PAGE_ALLOC_COSTLY_ORDER; // a huge page has small pages to fall back to
  if ((nrReclaimed > 0 && !many) || attempt.retriesLeft-- > 0) return true;
  if (many || (gfp & __GFP_RETRY_MAYFAIL) !== 0) return false;
  if (attempt.passedOom && sys.current?.oomVictim === true) return false;
  memcgMemoryEvent(over, MEMCG_OOM);
  if (operations?.outOfMemory?.(over, gfp) !== true) return false;
  attempt.passedOom = true;
  attempt.retriesLeft = MAX_RECLAIM_RETRIES;
  return true;
}

/**
 * Charges `nrPages` to the group; false if there is no room and none can be made.
 * Linux mm/memcontrol.c:try_charge_memcg()
 */
function tryCharge(sys: MemorySystem, memcg: Memcg, gfp: number, nrPages: number): boolean {
  if (consumeStock(sys, memcg, nrPages)) return true;
  const { memory } = memcg;
  const batch = Math.max(MEMCG_CHARGE_BATCH, nrPages);
  if (pageCounterTryCharge(memory, batch) === undefined) {
    if (batch > nrPages) refillStock(sys, memcg, batch - nrPages);
    return true;
  }
  const attempt: Attempt = { drained: false, retriesLeft: MAX_RECLAIM_RETRIES, passedOom: false };
  const mayWait = !sys.pfMemalloc && (gfp & __GFP_DIRECT_RECLAIM) !== 0;
  const must = sys.pfMemalloc || (gfp & (__GFP_NOFAIL | __GFP_HIGH)) !== 0;
  do {
    const failed = pageCounterTryCharge(memory, nrPages);
    if (failed === undefined) return true;
    const over = memCgroupFromCounter(memcg, failed);
    if (mayWait || must) memcgMemoryEvent(over, MEMCG_MAX);
    if (mayWait && makeRoom(sys, over, gfp, nrPages, attempt)) continue;
    if (must) pageCounterCharge(memory, nrPages);
    return must;
  } while (!consumeStock(sys, memcg, nrPages));
  return true;
}

/**
 * Tells the groups how much of a CPU's rest is in use. Linux mm/memcontrol.c:__account_obj_stock()
 */
export function flushSlabBytes(stock: ObjStock<Memcg["lruvec"]>): void {
  for (let one = stock.memcg; one !== undefined; one = one.parent) one.slabBytes += stock.slabBytes;
  stock.slabBytes = 0;
}

/**
 * A CPU gives up the rest of a page that it has for small objects. Linux mm/memcontrol.c:drain_obj_stock()
 */
export function drainObjStock(sys: MemorySystem, stock: ObjStock<Memcg["lruvec"]>): void {
  const { memcg } = stock;
  if (memcg === undefined) return;
  const nrPages = Math.floor(stock.nrBytes / PAGE_SIZE);
  memcg.nrChargedBytes += stock.nrBytes % PAGE_SIZE;
  flushSlabBytes(stock);
  stock.memcg = undefined;
  stock.nrBytes = 0;
  if (nrPages === 0) return;
  modKmem(memcg, -nrPages);
  uncharge(sys, memcg, nrPages);
}

/**
 * The group pays for the folio from now on, undefined for the root; false if it has no room.
 * Linux mm/memcontrol.c:charge_memcg(), __memcg_kmem_charge_page()
 */
export function memCgroupCharge(
  sys: MemorySystem,
  folio: Folio,
  memcg: Memcg | undefined,
  gfp: number,
): boolean {
  if (memcg === undefined) return true;
  const nrPages = folioNrPages(folio);
  if (!tryCharge(sys, memcg, gfp, nrPages)) return false;
  folio.memcg = memcg;
  if (folio.pageType !== PGTY_none) modKmem(memcg, nrPages);
  return true;
}

/** Charges pages of the kernel's own. Linux mm/memcontrol.c:obj_cgroup_charge_pages() */
export function chargeKmem(sys: MemorySystem, memcg: Memcg, gfp: number, nrPages: number): boolean {
  if (!tryCharge(sys, memcg, gfp, nrPages)) return false;
  modKmem(memcg, nrPages);
  return true;
}

/**
 * Gives such pages back: to the CPU's stock, from where they may go to other uses.
 * Linux mm/memcontrol.c:obj_cgroup_uncharge_pages()
 */
export function unchargeKmem(sys: MemorySystem, memcg: Memcg, nrPages: number): void {
  modKmem(memcg, -nrPages);
  if (memcg.online) refillStock(sys, memcg, nrPages);
  else uncharge(sys, memcg, nrPages);
}

/** Pages of the kernel's own. Linux mm/memcontrol.c:mod_memcg_state(MEMCG_KMEM) */
function modKmem(memcg: Memcg, nrPages: number): void {
  for (let one: Memcg | undefined = memcg; one !== undefined; one = one.parent) one.nrKmem += nrPages;
}

/** Gives pages back; the group may be gone for good then. Linux mm/memcontrol.c:memcg_uncharge() */
function uncharge(sys: MemorySystem, memcg: Memcg, nrPages: number): void {
  pageCounterUncharge(memcg.memory, nrPages);
  if (!memcg.online) memCgroupRelease(sys, memcg);
}

/** The folio is free: nobody pays for it any more. Linux mm/memcontrol.c:__mem_cgroup_uncharge() */
export function memCgroupUncharge(sys: MemorySystem, folio: Folio): void {
  const { memcg } = folio;
  if (memcg === undefined) return;
  folio.memcg = undefined;
  if (folio.pageType !== PGTY_none) unchargeKmem(sys, memcg, folioNrPages(folio));
  else uncharge(sys, memcg, folioNrPages(folio));
}

/**
 * The group that pays for what nobody's address space asks for: the task's that is being served.
 * Linux mm/memcontrol.c:get_mem_cgroup_from_mm(NULL)
 */
export function currentMemcg(sys: MemorySystem): Memcg | undefined {
  return sys.currentKthread === undefined ? sys.current?.memcg : undefined;
}
