/**
 * The shrinker of shadows: notes about evicted pages are worth something only while they are not too old.
 *
 *   workingset_nodes    nodes of page caches that hold nothing but shadows (mm/filemap/shadows.ts)
 *   more than one for eight pages in RAM: half of what is too much goes at each look, the oldest first
 *
 * Linux mm/workingset.c. Read first: shrinker.ts, workingset.ts, mm/filemap/shadows.ts.
 */
import { countShadowNodes, scanShadowNodes } from "../filemap/shadows.js";
import type { MemorySystem } from "../system.js";
import type { ShrinkControl, Shrinker } from "./shrink_control.js";
import { shrinkerRegister } from "./shrinker.js";

/** Linux mm/workingset.c:workingset_shadow_shrinker */
class ShadowShrinker implements Shrinker {
  readonly name = "mm-shadow";
  readonly seeks = 0; // countObjects reports only what can go
  readonly batch = 0;
  nrDeferred = 0;

  constructor(private readonly sys: MemorySystem) {}

  countObjects(): number {
    return countShadowNodes(this.sys);
  }

  scanObjects(sc: ShrinkControl): number {
    return scanShadowNodes(this.sys, sc.nrToScan);
  }
}

/** Lets reclaim free nodes of shadows. Linux mm/workingset.c:workingset_init() */
export function workingsetInit(sys: MemorySystem): void {
  shrinkerRegister(sys, new ShadowShrinker(sys));
}
