/**
 * What a shrinker is, as data: somebody who keeps objects that can be made again, and can give some up.
 *
 * Linux include/linux/shrinker.h. Read next: shrinker.ts.
 */

/** What one call of a shrinker is told. Linux include/linux/shrinker.h:struct shrink_control */
export interface ShrinkControl {
  readonly gfpMask: number;
  /** The group that shrinks, a Memcg of lruvec.ts; undefined: all, and what belongs to no group. */
  readonly memcg?: object | undefined;
  /** Objects to look at. */
  nrToScan: number;
  /** Objects that were. */
  nrScanned: number;
}

/** What scanObjects answers when it can do nothing now. Linux include/linux/shrinker.h:SHRINK_STOP */
export const SHRINK_STOP = -1;

/**
 * Somebody who keeps objects that can be made again. Linux include/linux/shrinker.h:struct shrinker
 */
export interface Shrinker {
  readonly name: string;
  /** What it costs to make an object again, in disk seeks; 0: nothing but time. */
  readonly seeks: number;
  /** It keeps what it has by group. Linux SHRINKER_MEMCG_AWARE */
  readonly memcgAware?: boolean;
  /** Objects in one call, 128 if it is 0. */
  readonly batch: number;
  /** Objects that were due to be looked at, and were too few for a call. */
  nrDeferred: number;
  /** Objects that could be given up. */
  countObjects(sc: ShrinkControl): number;
  /** Looks at sc.nrToScan objects; how many were given up, or SHRINK_STOP. */
  scanObjects(sc: ShrinkControl): number;
}
