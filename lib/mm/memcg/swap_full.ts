/**
 * Whether slots are so scarce that a page that is in memory should give its own up.
 *
 *   machine   more than half of all swap is used
 *   group     it, or one above it, has used half of what it may (memory.swap.max)
 *
 * Linux mm/memcontrol.c. Read first: mm/swap/cluster.ts, swap_charge.ts.
 */
import type { Folio } from "../pages/folio.js";
import { vmSwapFull } from "../swap/cluster.js";
import type { MemorySystem } from "../system.js";

/** Linux mm/memcontrol.c:mem_cgroup_swap_full() */
export function memCgroupSwapFull(sys: MemorySystem, folio: Folio): boolean {
  if (vmSwapFull(sys)) return true;
  for (let { memcg } = folio; memcg?.parent !== undefined; memcg = memcg.parent) {
    const { usage, high, max } = memcg.swap;
    if (usage * 2 >= high || usage * 2 >= max) return true;
  }
  return false;
}
