/**
 * Compaction of a pool: objects move together, so that whole zspages get empty.
 *
 *   before   [A . . B . . .]  [C D . E F G H]      two zspages, 3 free objects are no frame
 *   after                     [C D A E F G H]  [. . . B ...   the emptiest give, the fullest take
 *
 * Objects are used by handle, so they can move at any time. It is worth it in a class only as long as all its
 * free objects together would fill a zspage (zsCanCompact). Reclaim calls it as a shrinker, and who writes
 * to /sys/block/zram0/compact.
 *
 * Linux mm/zsmalloc.c. Read first: zsmalloc.ts, mm/lru/shrinker.ts. Read next: zram.ts.
 */
import { SHRINK_STOP, type Shrinker } from "../lru/shrink_control.js";
import { shrinkerRegister } from "../lru/shrinker.js";
import { vmBugOn } from "../mmdebug.js";
import type { MemorySystem } from "../system.js";
import {
  freeZspage,
  getFullnessGroup,
  insertZspage,
  newZsPool,
  objAllocated,
  removeZspage,
  ZS_INUSE_RATIO_10,
  ZS_INUSE_RATIO_99,
  ZS_INUSE_RATIO_100,
  zsObjMove,
} from "./zsmalloc.js";
import type { SizeClass, ZsPool, Zspage } from "./zsmalloc_types.js";

/** Frames that the class would need less without gaps. Linux mm/zsmalloc.c:zs_can_compact() */
function canCompactClass({ objsAllocated, objsInuse, objsPerZspage, pagesPerZspage }: SizeClass): number {
  return Math.floor((objsAllocated - objsInuse) / objsPerZspage) * pagesPerZspage;
}

/** The classes of a pool, the largest objects first, each once. */
function classesOf(pool: ZsPool): SizeClass[] {
  return pool.sizeClass.filter(({ index }, i) => index === i).reverse();
}

/** Frames that the pool would need less without gaps. Linux mm/zsmalloc.c:zs_shrinker_count() */
export function zsCanCompact(pool: ZsPool): number {
  return classesOf(pool).reduce((sum, sizeClass) => sum + canCompactClass(sizeClass), 0);
}

/**
 * Takes the emptiest zspage off its list, or the fullest with room. Linux isolate_src_zspage(), _dst_zspage()
 */
function isolateZspage({ fullnessList }: SizeClass, emptiest: boolean): Zspage | undefined {
  for (let i = ZS_INUSE_RATIO_10; i <= ZS_INUSE_RATIO_99; i++) {
    const zspage = fullnessList[emptiest ? i : ZS_INUSE_RATIO_10 + ZS_INUSE_RATIO_99 - i];
    if (zspage === undefined) continue;
    removeZspage(zspage);
    return zspage;
  }
  return undefined;
}

/** Moves objects from `src` to `dst` until one has no more. Linux mm/zsmalloc.c:migrate_zspage() */
function migrateZspage(sys: MemorySystem, pool: ZsPool, src: Zspage, dst: Zspage): void {
  const { objsPerZspage } = src.sizeClass;
  for (let index = 0; index < objsPerZspage; index++) {
    const handle = objAllocated(sys, src, index);
    if (handle === 0) continue;
    zsObjMove(sys, pool, handle, dst);
    if (dst.inuse === objsPerZspage || src.inuse === 0) return;
  }
}

/** Frames given back by one class. Linux mm/zsmalloc.c:__zs_compact() */
function compactClass(sys: MemorySystem, pool: ZsPool, sizeClass: SizeClass): number {
  let dst: Zspage | undefined;
  let freed = 0;
  while (canCompactClass(sizeClass) > 0) {
    dst ??= isolateZspage(sizeClass, false);
    const src = dst === undefined ? undefined : isolateZspage(sizeClass, true);
    if (dst === undefined || src === undefined) break;
    migrateZspage(sys, pool, src, dst);
    if (src.inuse > 0) insertZspage(src);
    else {
      freed += src.pfns.length;
      freeZspage(sys, pool, src);
    }
    if (getFullnessGroup(dst) !== ZS_INUSE_RATIO_100) continue;
    insertZspage(dst);
    dst = undefined;
  }
  if (dst !== undefined) insertZspage(dst);
  return freed;
}

/** Moves objects together in all classes; frames given back. Linux mm/zsmalloc.c:zs_compact() */
export function zsCompact(sys: MemorySystem, pool: ZsPool): number {
  const freed = classesOf(pool).reduce((sum, sizeClass) => sum + compactClass(sys, pool, sizeClass), 0);
  pool.pagesCompacted += freed;
  return freed;
}

/** Linux mm/zsmalloc.c:zs_register_shrinker() */
class ZspoolShrinker implements Shrinker {
  readonly name: string;
  readonly seeks = 2;
  readonly batch = 0;
  nrDeferred = 0;

  constructor(
    private readonly sys: MemorySystem,
    private readonly pool: ZsPool,
  ) {
    this.name = `mm-zspool:${pool.name}`;
  }

  countObjects(): number {
    return zsCanCompact(this.pool);
  }

  scanObjects(): number {
    return zsCompact(this.sys, this.pool) || SHRINK_STOP;
  }
}

/** A new pool, which reclaim may compact. Linux mm/zsmalloc.c:zs_create_pool() */
export function zsCreatePool(sys: MemorySystem, name: string): ZsPool {
  const pool = newZsPool(name);
  pool.shrinker = new ZspoolShrinker(sys, pool);
  shrinkerRegister(sys, pool.shrinker);
  return pool;
}

/** Ends a pool in which nothing is left. Linux mm/zsmalloc.c:zs_destroy_pool() */
export function zsDestroyPool(sys: MemorySystem, pool: ZsPool): void {
  vmBugOn(pool.pagesAllocated !== 0, `pool ${pool.name} ends with ${pool.pagesAllocated} frames`);
  sys.shrinkers.splice(sys.shrinkers.indexOf(pool.shrinker!), 1);
}
