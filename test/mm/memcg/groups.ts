/**
 * Groups for small cases, beside the arena's process.
 *
 *   group("/a")              a group below the root; group("/a/b", a) below another
 *   join(a)                  the arena's process is charged to it from now on
 *   problems()               what the checks of the lists and of the groups find
 */
import type { Memcg } from "../../../lib/mm/lru/lruvec.js";
import { lruAddDrainAll } from "../../../lib/mm/lru/swap.js";
import { checkMemcgs } from "../../../lib/mm/memcg/check.js";
import { memCgroupCssAlloc } from "../../../lib/mm/memcg/memcontrol.js";
import { kernel, mm } from "../arena.js";

export function group(path: string, parent: Memcg = kernel.sys.memcg.root): Memcg {
  return memCgroupCssAlloc(kernel.sys, parent, path)!;
}

export function join(memcg: Memcg | undefined): void {
  mm.memcg = memcg;
}

/** Puts all pages on their lists, and checks. */
export function problems(): string[] {
  lruAddDrainAll(kernel.sys);
  const found: string[] = [];
  checkMemcgs(kernel.sys, found);
  return found;
}
