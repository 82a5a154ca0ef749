/**
 * A mounted file system as reclaim sees it: a shrinker for its dentries and inodes.
 *
 *   shrinkSlab --> countObjects    what stands on both lists, times vfs_cache_pressure / vfs_cache_pressure_denom
 *              --> scanObjects     divided between the two as their lists are long: first dentries, which
 *                                  hold inodes, then inodes; one of each at least
 *
 * vfs_cache_pressure 100: they are looked at as often as the page cache would make fair; 200: twice as often;
 * 0: never, and a machine may run out of memory with nothing in it but dentries.
 *
 *   dentry             192 bytes, 21 in a page
 *   ext4_inode_cache   1192 bytes, 27 in 8 pages
 *
 * The first thousand of each take no page: they fit into slabs that the kernel has had since boot, as on a
 * real machine, where those who started it have looked at some thousands of files.
 *
 * Left out: objects of the file system's own (ext4's extents).
 *
 * Linux fs/super.c. Read first: dcache.ts, mm/lru/shrinker.ts. Read next: file_tree.ts.
 */
import { SHRINK_STOP, type ShrinkControl, type Shrinker } from "../mm/lru/shrink_control.js";
import { shrinkerRegister } from "../mm/lru/shrinker.js";
import { __GFP_FS } from "../mm/pages/gfp.js";
import { kmemCacheCreate } from "../mm/pages/slub.js";
import type { MemorySystem } from "../mm/system.js";
import { Dcache } from "./dcache.js";
import { Icache } from "./icache.js";

const DENTRY_BYTES = 192;
const EXT4_INODE_BYTES = 1192;
/** Slabs of 2^3 pages. */
const EXT4_INODE_ORDER = 3;
/** 1008 dentries, and 999 inodes. */
const BOOT_DENTRY_SLABS = 48;
const BOOT_INODE_SLABS = 37;

/** x * n / d, rounded down, without the product. Linux include/linux/math.h:mult_frac() */
function multFrac(x: number, n: number, d: number): number {
  return Math.floor(x / d) * n + Math.floor(((x % d) * n) / d);
}

/** One mounted file system. Linux include/linux/fs.h:struct super_block */
export class SuperBlock implements Shrinker {
  readonly name: string;
  readonly seeks = 2; // Linux include/linux/shrinker.h:DEFAULT_SEEKS
  readonly batch = 1024;
  nrDeferred = 0;
  readonly icache: Icache;
  readonly dcache: Dcache;

  constructor(
    private readonly sys: MemorySystem,
    fsName: string,
  ) {
    this.name = `sb-${fsName}`;
    const inodes = kmemCacheCreate(
      sys,
      `${fsName}_inode_cache`,
      EXT4_INODE_BYTES,
      EXT4_INODE_ORDER,
      BOOT_INODE_SLABS,
    );
    const dentries = kmemCacheCreate(sys, "dentry", DENTRY_BYTES, 0, BOOT_DENTRY_SLABS);
    this.icache = new Icache(sys, inodes);
    this.dcache = new Dcache(sys, dentries, this.icache);
    shrinkerRegister(sys, this);
  }

  /** Linux fs/super.c:super_cache_count() */
  countObjects(): number {
    const { vfsCachePressure, vfsCachePressureDenom } = this.sys.sysctl;
    return multFrac(this.dcache.lru.size + this.icache.lru.size, vfsCachePressure, vfsCachePressureDenom);
  }

  /** Linux fs/super.c:super_cache_scan() */
  scanObjects(sc: ShrinkControl): number {
    if ((sc.gfpMask & __GFP_FS) === 0) return SHRINK_STOP; // it may be held by the caller
    const { dcache, icache } = this;
    const total = Math.max(1, dcache.lru.size + icache.lru.size);
    const dentries = multFrac(sc.nrToScan, dcache.lru.size, total);
    const inodes = multFrac(sc.nrToScan, icache.lru.size, total);
    return dcache.pruneDcache(dentries + 1) + icache.pruneIcache(inodes + 1);
  }
}
