/**
 * Groups and swap: a slot remembers who pays, and he pays for the slot as well.
 *
 *   out   folioAllocSwap --> memCgroupTryChargeSwap    memory.swap.current + 1, si.swapCgroup[slot] = id
 *                            over memory.swap.max      the page stays in memory
 *   in    memCgroupSwapinCharge                        the group of the slot pays for the page again, whoever
 *                                                      needs it; if it is gone, who needs it
 *         the slot is free  --> memCgroupUnchargeSwap  memory.swap.current - 1: not before, as the page may
 *                                                      keep its slot while it is in memory
 *
 * The root's number is 0 in a slot: its pages are charged to nobody.
 *
 * Left out: memory.swap.high.
 *
 * Linux mm/memcontrol.c, mm/swap_cgroup.c. Read first: charge.ts. Read next: mm/swap/swapfile.ts.
 */
import type { Memcg } from "../lru/lruvec.js";
import { type Folio, folioNrPages } from "../pages/folio.js";
import { swpOffset, swpType } from "../pgtable/swapops.js";
import type { SwapInfoStruct, SwpEntry } from "../swap/swap_types.js";
import type { MemorySystem } from "../system.js";
import { memCgroupCharge } from "./charge.js";
import { MEMCG_SWAP_FAIL, MEMCG_SWAP_MAX } from "./memcg_types.js";
import { pageCounterTryCharge, pageCounterUncharge } from "./page_counter.js";
import { memCgroupIdPutMany } from "./release.js";
import { memcgMemoryEvent } from "./stats.js";

/**
 * Slots that the group could still get; undefined: anybody.
 * Linux mm/memcontrol.c:mem_cgroup_get_nr_swap_pages()
 */
export function memCgroupGetNrSwapPages(sys: MemorySystem, memcg: Memcg | undefined): number {
  let nr = sys.nrSwapPages;
  for (let one = memcg; one?.parent !== undefined; one = one.parent)
    nr = Math.min(nr, one.swap.max - one.swap.usage);
  return nr;
}

/**
 * The folio has got the slots from `entry` on, 0 for none: its group pays for them; false if it may not have
 * them. Linux mm/memcontrol.c:mem_cgroup_try_charge_swap()
 */
export function memCgroupTryChargeSwap(sys: MemorySystem, folio: Folio, entry: SwpEntry): boolean {
  const { memcg } = folio;
  if (memcg === undefined) return true;
  if (entry === 0) {
    memcgMemoryEvent(memcg, MEMCG_SWAP_FAIL);
    return true;
  }
  const online = onlineAncestor(memcg);
  const nrPages = folioNrPages(folio);
  if (online.parent === undefined) return true;
  if (pageCounterTryCharge(online.swap, nrPages) !== undefined) {
    memcgMemoryEvent(online, MEMCG_SWAP_MAX);
    memcgMemoryEvent(online, MEMCG_SWAP_FAIL);
    return false;
  }
  online.idRefs += nrPages;
  const start = swpOffset(entry);
  sys.swap.swapInfo[swpType(entry)]!.swapCgroup.fill(online.id, start, start + nrPages);
  return true;
}

/**
 * The group, or the first above it that still has its number.
 * Linux mm/memcontrol.c:mem_cgroup_id_get_online()
 */
function onlineAncestor(memcg: Memcg): Memcg {
  let one = memcg;
  while (!one.online) one = one.parent!;
  return one;
}

/** A slot is free: nobody pays for it any more. Linux mm/memcontrol.c:mem_cgroup_uncharge_swap() */
export function memCgroupUnchargeSwap(sys: MemorySystem, si: SwapInfoStruct, offset: number): void {
  const memcg = sys.memcg.byId[si.swapCgroup[offset]!];
  si.swapCgroup[offset] = 0;
  if (memcg === undefined) return;
  pageCounterUncharge(memcg.swap, 1);
  memCgroupIdPutMany(sys, memcg, 1);
}

/**
 * The new folio is for the bytes of slot `entry`: the slot's group pays, or `memcg` if that is gone. False if
 * it has no room. Linux mm/memcontrol.c:mem_cgroup_swapin_charge_folio()
 */
export function memCgroupSwapinCharge(
  sys: MemorySystem,
  folio: Folio,
  memcg: Memcg | undefined,
  gfp: number,
  entry: SwpEntry,
): boolean {
  if (sys.memcg.nrGroups === 0) return true;
  const id = sys.swap.swapInfo[swpType(entry)]!.swapCgroup[swpOffset(entry)]!;
  const owner = sys.memcg.byId[id];
  if (id === 0) return true;
  return memCgroupCharge(sys, folio, owner?.online === true ? owner : memcg, gfp);
}
