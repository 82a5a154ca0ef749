/**
 * Going through groups: each one before those below it.
 *
 *   root, a, a/b, a/c, d        memCgroupIter(root): all of them
 *         a, a/b, a/c           memCgroupIter(a)
 *
 * Tasks that reclaim share the way: one that has freed enough stops, and the next goes on behind the group
 * where it stopped (sharedIter). So nobody looks at all groups for 32 pages, and each has its turn. kswapd,
 * and whoever found nothing, goes through all of them.
 *
 * Groups that were removed are met as long as pages are charged to them.
 *
 * Linux mm/memcontrol.c. Read first: memcg_types.ts. Read next: mm/lru/vmscan.ts.
 */
import type { Lruvec, Memcg } from "../lru/lruvec.js";
import type { MemorySystem } from "../system.js";

/**
 * The group that comes behind `pos` below `root`; undefined after the last. Linux css_next_descendant_pre()
 */
function nextDescendantPre(pos: Memcg | undefined, root: Memcg): Memcg | undefined {
  if (pos === undefined) return root;
  if (pos.children.length > 0) return pos.children[0];
  for (let one = pos; one !== root && one.parent !== undefined; one = one.parent) {
    const { children } = one.parent;
    const next = children[children.indexOf(one) + 1];
    if (next !== undefined) return next;
  }
  return undefined;
}

/** `root` and all groups below it. Linux mm/memcontrol.c:mem_cgroup_iter() without a cookie */
export function* memCgroupIter(root: Memcg): Generator<Memcg> {
  for (let pos = nextDescendantPre(undefined, root); pos !== undefined; pos = nextDescendantPre(pos, root))
    yield pos;
}

/**
 * The groups from `root` down, from where the last one has stopped to the end of the round; all of them if
 * that was the end. Linux mm/memcontrol.c:mem_cgroup_iter() with a cookie
 */
export function* sharedIter(root: Memcg): Generator<Memcg> {
  let generation = root.iterGeneration;
  for (let first = true; first || root.iterGeneration === generation; ) {
    const next = nextDescendantPre(root.iterPosition, root);
    root.iterPosition = next;
    if (next === undefined) {
      generation = ++root.iterGeneration;
      if (!first) return;
      continue;
    }
    first = false;
    yield next;
  }
}

/** Calls `visit` for the lists of the root and of each group. */
export function forEachLruvec(sys: MemorySystem, visit: (lruvec: Lruvec) => void): void {
  visit(sys.lruvec);
  if (sys.memcg.nrGroups === 0) return;
  for (const { lruvec } of memCgroupIter(sys.memcg.root)) if (lruvec !== sys.lruvec) visit(lruvec);
}
