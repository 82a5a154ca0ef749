/**
 * Groups come and go.
 *
 *   memCgroupCssAlloc(parent)     a number, counters below the parent's, LRU lists of its own
 *   memCgroupCssOffline           no name any more: nothing new is charged to it, and what CPUs had charged
 *                                 ahead is given back; what is charged to it stays until it is freed (release.ts)
 *
 *   memcgOf(sys, id)              by number, as shadows and slots of swap have it
 *
 * What a group is made of is charged to the group above it: making one may cost that a first stock of pages.
 *
 * Left out: what remains of a removed group is not moved to its parent (Linux does so with the kernel's own).
 *
 * Linux mm/memcontrol.c. Read first: memcg_types.ts, charge.ts. Read next: release.ts, limits.ts.
 */
import { Lruvec, type Memcg } from "../lru/lruvec.js";
import type { MemorySystem } from "../system.js";
import { drainAllStock } from "./charge.js";
import { MEM_CGROUP_ID_MAX, MemCgroup } from "./memcg_types.js";
import { memCgroupIdPutMany } from "./release.js";

/** The lowest number that is free, or 0. Linux mm/memcontrol.c:mem_cgroup_alloc(), xa_alloc() */
function freeId(sys: MemorySystem): number {
  const { byId } = sys.memcg;
  for (let id = 1; id <= MEM_CGROUP_ID_MAX; id++) if (byId[id] === undefined) return id;
  return 0;
}

/**
 * A new group below `parent`, `path` for reports; undefined if there are too many.
 * Linux mm/memcontrol.c:mem_cgroup_css_alloc(), mem_cgroup_css_online()
 */
export function memCgroupCssAlloc(sys: MemorySystem, parent: Memcg, path: string): Memcg | undefined {
  const id = freeId(sys);
  if (id === 0) return undefined;
  const lruvec = new Lruvec();
  lruvec.lrugen.enabled = sys.lruGen.enabled;
  const memcg: Memcg = new MemCgroup(parent, path, lruvec);
  lruvec.memcg = memcg;
  memcg.id = id;
  sys.memcg.byId[id] = memcg;
  sys.memcg.nrGroups++;
  parent.children.push(memcg);
  return memcg;
}

/** The group's name is gone. Linux mm/memcontrol.c:mem_cgroup_css_offline() */
export function memCgroupCssOffline(sys: MemorySystem, memcg: Memcg): void {
  drainAllStock(sys, memcg);
  memcg.online = false;
  memCgroupIdPutMany(sys, memcg, 0);
}
