/**
 * The counters of /proc/vmstat, for each group.
 *
 *   modLruvecState(lists of c, NR_INACTIVE_ANON, 1)    the machine +1    c +1    a (above c) +1
 *   countMemcgEvents(c, PGSCAN_DIRECT, 32)                               c +32   a +32
 *
 * What belongs to the root alone changes the machine's counters only; the root's own are the machine's.
 *
 *   modLruvecState    -----> the counters, as they are
 *                              | every 2 seconds (FLUSH_TIME)
 *   lruvecPageState   <----- what they were then
 *
 * Each CPU counts for itself, and the sums over CPUs and groups are made from time to time only. So what
 * reclaim thinks of its lists is up to 2 seconds old: whether an inactive list is short, whether there are
 * files enough, whether a page that came back could have stayed. A program that fills memory faster is judged
 * by what was there before it. memcgStatsStart() makes a machine do that, too; replays of recorded runs do.
 *
 * Differs from Linux: without it they are exact at any time, and those of groups always are. Left out: who
 * reads memory.stat makes sums, too.
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

type StatsFlush = NonNullable<MemorySystem["memcg"]["statsFlush"]>;

/** Time between two sums. Linux mm/memcontrol.c:FLUSH_TIME */
const FLUSH_TIME_NS = 2e9;

/**
 * From now on sums are made every 2 seconds, or as often as `periodNs` says.
 * Linux mm/memcontrol.c:mem_cgroup_css_online(), of the root
 */
export function memcgStatsStart(sys: MemorySystem, periodNs = FLUSH_TIME_NS): void {
  sys.memcg.statsFlush = { periodNs, nextNs: 0, state: sys.vmStat.nodeStat.slice() };
  flushMemcgStats(sys, sys.memcg.statsFlush);
}

/**
 * The sums of all groups, if it is time. Nothing has changed since that was due: whoever changes a state asks
 * first. Linux mm/memcontrol.c:flush_memcg_stats_dwork()
 */
function flushMemcgStats(sys: MemorySystem, flush: StatsFlush): void {
  if (sys.clock.nowNs < flush.nextNs) return;
  const { periodNs } = flush;
  flush.nextNs = (Math.floor(sys.clock.nowNs / periodNs) + 1) * periodNs;
  flush.state.set(sys.vmStat.nodeStat);
}

/** State `item` of a group and those below it, in pages. Linux mm/memcontrol.c:lruvec_page_state() */
export function lruvecPageState(sys: MemorySystem, { memcg }: Lruvec, item: number): number {
  if (memcg !== undefined) return memcg.state[item]!;
  const { statsFlush: flush } = sys.memcg;
  if (flush === undefined) return globalNodePageState(sys, item);
  flushMemcgStats(sys, flush);
  return flush.state[item]!;
}

/** Changes a state of the machine and of the group. Linux mm/memcontrol.c:__mod_lruvec_state() */
export function modLruvecState(sys: MemorySystem, lruvec: Lruvec, item: number, delta: number): void {
  if (sys.memcg.statsFlush !== undefined) flushMemcgStats(sys, sys.memcg.statsFlush);
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
