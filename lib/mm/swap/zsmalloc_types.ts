/**
 * The pool of compressed pages, as data (zsmalloc.ts).
 *
 *   ZsPool                   SizeClass: objects of 1744 bytes    Zspage: 3 frames, 7 objects
 *     sizeClass[0..254] -->    fullnessList[0..11] ---------->     pfns      [ 811, 94, 2207 ]
 *     handles --> where                                            freeobj   first free object
 *
 * Linux mm/zsmalloc.c. Read next: zsmalloc.ts.
 */
import type { Pfn } from "../../hw/address.js";
import type { Shrinker } from "../lru/shrink_control.js";

/** Some frames that hold objects of one size, one behind the other. Linux mm/zsmalloc.c:struct zspage */
export interface Zspage {
  readonly sizeClass: SizeClass;
  /** Its frames, which need not be neighbours. Linux: a chain of struct zpdesc */
  readonly pfns: readonly Pfn[];
  /** Objects in use. */
  inuse: number;
  /** The first free object, -1 for none; each free object says in its own bytes which is the next. */
  freeobj: number;
  /** The group it is on the list of. */
  fullness: number;
  /** Handle of the object of a huge class, which has no room for it. Linux zpdesc->handle */
  handle: number;
  /** Neighbours on its list. */
  prev: Zspage | undefined;
  next: Zspage | undefined;
}

/** Objects of one size. Linux mm/zsmalloc.c:struct size_class */
export interface SizeClass {
  /** Number of the largest size that it serves. */
  readonly index: number;
  /** Bytes of an object, its handle included. */
  readonly size: number;
  readonly pagesPerZspage: number;
  readonly objsPerZspage: number;
  /** First zspage of each fullness group; the one that came last is first. */
  readonly fullnessList: (Zspage | undefined)[];
  /** Zspages of each group. */
  readonly nrZspages: number[];
  /** Objects in all zspages, and those of them in use. Linux ZS_OBJS_ALLOCATED, ZS_OBJS_INUSE */
  objsAllocated: number;
  objsInuse: number;
}

/** A pool of objects that are a bit smaller than a page. Linux mm/zsmalloc.c:struct zs_pool */
export interface ZsPool {
  readonly name: string;
  /** By size: 32 bytes, 48, 64 ... 4096; neighbours that are cut alike are one class. */
  readonly sizeClass: readonly SizeClass[];
  /** Where the object of each handle is, by handle / 8; 0 for a handle that is free. */
  readonly objects: number[];
  /** Handles that were given back. */
  readonly freeHandles: number[];
  /** The zspage of each frame. Linux zpdesc->zspage */
  readonly zspages: Map<Pfn, Zspage>;
  /** Frames of all zspages. */
  pagesAllocated: number;
  /** Frames that compaction has given back. */
  pagesCompacted: number;
  shrinker: Shrinker | undefined;
}
