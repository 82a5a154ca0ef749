/**
 * The inode cache of a file system: what the kernel keeps in RAM about each file it has dealt with.
 *
 *   in use      a path in the dentry cache leads to it, or it is open; or it has pages in the page cache
 *   not in use  it stands on the LRU list, and a shrinker may forget it: the file itself is on the disk
 *
 *   pruneIcache: from the oldest on     in use again     off the list (it comes back when it is not in use)
 *                                       referenced       once more round, without the mark
 *                                       else             forgotten: its object is freed
 *
 * So the pages of a file go first, by the LRU lists of the page cache, and then its inode: never the other
 * way round. Notes about evicted pages (shadows) keep it, too, until their own shrinker forgets them. Only
 * the note about the first page, alone, goes with the inode, and counts as pginodesteal or kswapd_inodesteal.
 *
 * Differs from Linux: to forget an inode takes no time, and neither does reading it again.
 *
 * Linux fs/inode.c. Read first: inode.ts, mm/pages/slub.ts. Read next: dcache.ts.
 */

import { shadowOf } from "../mm/filemap/shadows.js";
import { mappingTryInvalidate } from "../mm/filemap/truncate.js";
import { currentIsKswapd } from "../mm/lru/reclaimer.js";
import { GFP_NOFS } from "../mm/pages/gfp.js";
import type { KmemCache, Slab } from "../mm/pages/kmem_cache.js";
import { kmemCacheAlloc, kmemCacheFree, mmAccountReclaimedPages } from "../mm/pages/slub.js";
import type { MemorySystem } from "../mm/system.js";
import { countVmEvents, KSWAPD_INODESTEAL, PGINODESTEAL } from "../mm/vmstat.js";
import type { Inode } from "./inode.js";

/** An inode in the cache. Linux include/linux/fs.h:struct inode, what of it is about the cache */
export interface CachedInode {
  /** The file; or the path of a directory. */
  readonly key: Inode | string;
  readonly slab: Slab;
  /** Dentries that lead to it. Linux i_count, without open files */
  nrDentries: number;
  /** Linux I_REFERENCED */
  referenced: boolean;
}

/** The inodes of one file system that are in RAM. Linux s_inode_lru, inode_hashtable */
export class Icache {
  /** Those not in use, oldest first. Linux s_inode_lru */
  readonly lru = new Set<CachedInode>();
  private readonly inodes = new Map<Inode | string, CachedInode>();

  constructor(
    private readonly sys: MemorySystem,
    private readonly cache: KmemCache,
  ) {}

  /** Inodes in RAM. */
  get size(): number {
    return this.inodes.size;
  }

  /**
   * The inode of a file, or of the directory at a path; undefined without memory.
   * Linux fs/inode.c:iget_locked()
   */
  iget(key: Inode | string): CachedInode | undefined {
    const there = this.inodes.get(key);
    if (there !== undefined) return there;
    const slab = kmemCacheAlloc(this.sys, this.cache, GFP_NOFS);
    if (slab === undefined) return undefined;
    const cached = { key, slab, nrDentries: 0, referenced: false };
    this.inodes.set(key, cached);
    return cached;
  }

  /** A dentry leads to it no more. Linux fs/inode.c:iput(), iput_final() */
  iput(cached: CachedInode): void {
    cached.nrDentries--;
    this.inodeAddLru(cached, true);
  }

  /** The file's last page is out of the page cache. Linux fs/inode.c:inode_add_lru() */
  unpinned(inode: Inode): void {
    const cached = this.inodes.get(inode);
    if (cached !== undefined) this.inodeAddLru(cached, false);
  }

  /** Linux fs/inode.c:__inode_add_lru() */
  private inodeAddLru(cached: CachedInode, rotate: boolean): void {
    if (inUse(cached)) return;
    if (!this.lru.has(cached)) this.lru.add(cached);
    else if (rotate) cached.referenced = true;
  }

  /** The file is gone. Linux fs/inode.c:evict() */
  evict(inode: Inode): void {
    const cached = this.inodes.get(inode);
    if (cached !== undefined) this.destroy(cached);
  }

  /** What is left of its pages goes, and it. Linux fs/inode.c:dispose_list() */
  private dispose(cached: CachedInode): void {
    const { key } = cached;
    if (typeof key !== "string" && key.mapping.nrShadows > 0) {
      const { dropped } = mappingTryInvalidate(key.mapping, 0, Number.MAX_SAFE_INTEGER - 1);
      countVmEvents(this.sys, currentIsKswapd(this.sys) ? KSWAPD_INODESTEAL : PGINODESTEAL, dropped);
      mmAccountReclaimedPages(this.sys, dropped);
    }
    this.destroy(cached);
  }

  /** Linux fs/inode.c:destroy_inode() */
  private destroy(cached: CachedInode): void {
    this.inodes.delete(cached.key);
    this.lru.delete(cached);
    kmemCacheFree(this.sys, cached.slab);
  }

  /**
   * Looks at `nrToScan` inodes not in use, and forgets those not used since the last time; how many have left
   * the list. Linux fs/inode.c:prune_icache_sb(), inode_lru_isolate()
   */
  pruneIcache(nrToScan: number): number {
    const disposable: CachedInode[] = [];
    let left = 0;
    let nr = nrToScan;
    for (const cached of this.lru) {
      if (nr-- <= 0) break;
      this.lru.delete(cached);
      if (!inUse(cached) && cached.referenced) {
        cached.referenced = false;
        this.lru.add(cached);
        continue;
      }
      left++;
      if (!inUse(cached)) disposable.push(cached);
    }
    for (const cached of disposable) this.dispose(cached);
    return left;
  }
}

/** Somebody needs it, or it has pages. Linux icount_read(), include/linux/pagemap.h:mapping_shrinkable() */
function inUse({ key, nrDentries }: CachedInode): boolean {
  if (nrDentries > 0) return true;
  if (typeof key === "string") return false;
  const { pages, nrShadows } = key.mapping;
  const shrinkable =
    pages.size === 0 && (nrShadows === 0 || (nrShadows === 1 && shadowOf(key.mapping, 0) !== undefined));
  return key.count > 0 || key.nlink === 0 || !shrinkable;
}
