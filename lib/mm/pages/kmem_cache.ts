/**
 * Caches of kernel objects, as data: objects of one size in slabs of a few pages.
 *
 *   dentry, 192 bytes    |o|o|o|o| |o|o|o|o|o|...|    21 in a page
 *                                 ^ free
 *
 * Linux mm/slab.h. Read next: slub.ts.
 */

/** Pages with objects of one size. Linux mm/slab.h:struct slab */
export interface Slab {
  readonly cache: KmemCache;
  /** Its first frame; -1: a slab that the kernel has had since boot. */
  readonly pfn: number;
  /** How many objects fit in, and how many are in use. */
  readonly objects: number;
  inuse: number;
}

/** Objects of one kind. Linux mm/slab.h:struct kmem_cache */
export class KmemCache {
  readonly name: string;
  /** Bytes of an object. Linux size */
  readonly size: number;
  /** Pages of a slab are 2^order. */
  readonly order: number;
  /** What has been there since boot. */
  readonly boot: Slab;
  /** Slabs with room for another object, oldest first, and the number of all. Linux kmem_cache_node */
  readonly partial = new Set<Slab>();
  nrSlabs: number;
  /** Objects in use, and all that fit in. */
  activeObjs = 0;
  numObjs: number;

  /** `bootSlabs`: slabs that the kernel has taken at boot already, from what it keeps for itself. */
  constructor(name: string, size: number, order: number, bootSlabs: number) {
    this.name = name;
    this.size = size;
    this.order = order;
    this.boot = { cache: this, pfn: -1, objects: bootSlabs * this.objectsPerSlab, inuse: 0 };
    this.nrSlabs = bootSlabs;
    this.numObjs = this.boot.objects;
  }

  /** Objects in a slab of 2^order pages. Linux mm/slub.c:order_objects() */
  objectsIn(order: number): number {
    return Math.floor((4096 * 2 ** order) / this.size);
  }

  get objectsPerSlab(): number {
    return this.objectsIn(this.order);
  }
}
