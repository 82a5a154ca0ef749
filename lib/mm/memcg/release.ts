/**
 * The end of a group: its name goes at once, the rest when nobody needs it.
 *
 *   rmdir a --> memCgroupCssOffline     no name, no stock; its pages stay charged to it, on its lists
 *     its id        free as soon as no slot of swap has it
 *     the group     gone when the last page is: out of the way of reclaim (memCgroupRelease)
 *
 * Linux mm/memcontrol.c. Read first: memcg_types.ts. Read next: memcontrol.ts.
 */
import type { Memcg } from "../lru/lruvec.js";
import type { MemorySystem } from "../system.js";

/** Forgets a group that has no name, no page and no slot. Linux mm/memcontrol.c:mem_cgroup_css_free() */
export function memCgroupRelease(sys: MemorySystem, memcg: Memcg): void {
  const { parent } = memcg;
  if (parent === undefined || memcg.online || memcg.children.length > 0) return;
  if (memcg.memory.usage > 0 || memcg.idRefs > 0) return;
  const at = parent.children.indexOf(memcg);
  if (at < 0) return;
  parent.children.splice(at, 1);
  sys.memcg.nrGroups--;
  // Linux mm/memcontrol.c:invalidate_reclaim_iterators()
  for (let one: Memcg | undefined = memcg; one !== undefined; one = one.parent)
    if (one.iterPosition === memcg) one.iterPosition = undefined;
  memCgroupRelease(sys, parent);
}

/** `nr` slots less have the group's id. Linux mm/memcontrol.c:mem_cgroup_id_put_many() */
export function memCgroupIdPutMany(sys: MemorySystem, memcg: Memcg, nr: number): void {
  memcg.idRefs -= nr;
  if (memcg.online || memcg.idRefs > 0) return;
  sys.memcg.byId[memcg.id] = undefined;
  memcg.id = 0;
  memCgroupRelease(sys, memcg);
}
