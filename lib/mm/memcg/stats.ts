/**
 * The counters of /proc/vmstat, for each group.
 *
 *   modLruvecState(lists of c, NR_INACTIVE_ANON, 1)    the machine +1    c +1    a (above c) +1
 *   countMemcgEvents(c, PGSCAN_DIRECT, 32)                               c +32   a +32
 *
 * What belongs to the root alone changes the machine's counters only; the root's own are the machine's.
 *
 * Differs from Linux: they are exact at any time. There, each CPU counts for itself, and the sums over CPUs
 * and groups are made every 2 seconds, so what reclaim thinks of its lists may be as old.
 *
 * Linux mm/memcontrol.c. Read first: memcg_types.ts, mm/vmstat.ts. Read next: charge.ts.
 */
import type { Lruvec, Memcg } from "../lru/lruvec.js";
import type { Folio } from "../pages/folio.js";
import type { MemorySystem } from "../system.js";
import { countVmEvents, globalNodePageState, modNodePageState } from "../vmstat.js";

/** Lists of a group, the root's for undefined. Linux include/linux/memcontrol.h:mem_cgroup_lruvec() */
export function memCgroupLruvec(sys: MemorySystem, memcg: Memcg | undefined): Lruvec {
  return memcg === undefined ? sys.lruvec : memcg.lruvec;
}

/**
 * The lists that the folio stands on or will stand on. Linux include/linux/memcontrol.h:folio_lruvec()
 */
export function folioLruvec(sys: MemorySystem, folio: Folio): Lruvec {
  const { memcg } = folio;
  return memcg === undefined ? sys.lruvec : memcg.lruvec;
}

/** The lists of the group above; undefined for the root's. Linux mm/memcontrol.c:parent_lruvec() */
export function parentLruvec({ memcg }: Lruvec): Lruvec | undefined {
  return memcg?.parent?.lruvec;
}

/** State `item` of a group and those below it, in pages. Linux mm/memcontrol.c:lruvec_page_state() */
export function lruvecPageState(sys: MemorySystem, { memcg }: Lruvec, item: number): number {
  return memcg === undefined ? globalNodePageState(sys, item) : memcg.state[item]!;
}

/** Changes a state of the machine and of the group. Linux mm/memcontrol.c:__mod_lruvec_state() */
export function modLruvecState(sys: MemorySystem, lruvec: Lruvec, item: number, delta: number): void {
  modNodePageState(sys, item, delta);
  for (let memcg = lruvec.memcg; memcg?.parent !== undefined; memcg = memcg.parent)
    memcg.state[item]! += delta;
}

/** The same for the group that pays for the folio. Linux mm/memcontrol.c:__lruvec_stat_mod_folio() */
export function lruvecStatModFolio(sys: MemorySystem, folio: Folio, item: number, delta: number): void {
  modNodePageState(sys, item, delta);
  for (let { memcg } = folio; memcg?.parent !== undefined; memcg = memcg.parent) memcg.state[item]! += delta;
}

/** Counts events of a group. Linux mm/memcontrol.c:count_memcg_events() */
export function countMemcgEvents(memcg: Memcg | undefined, item: number, delta: number): void {
  for (let one = memcg; one?.parent !== undefined; one = one.parent) one.events[item]! += delta;
}

/**
 * Counts events of a folio: in the machine, and in the group that pays for it. Linux
 * include/linux/memcontrol.h:count_memcg_folio_events(), beside count_vm_events()
 */
export function countFolioEvents(sys: MemorySystem, folio: Folio, item: number, delta: number): void {
  countVmEvents(sys, item, delta);
  countMemcgEvents(folio.memcg, item, delta);
}

/**
 * Counts one of MEMCG_LOW ... for memory.events. Linux include/linux/memcontrol.h:memcg_memory_event()
 */
export function memcgMemoryEvent(memcg: Memcg, event: number): void {
  memcg.memoryEventsLocal[event]!++;
  for (let one: Memcg | undefined = memcg; one?.parent !== undefined; one = one.parent)
    one.memoryEvents[event]!++;
}
