/**
 * vm.drop_caches: letting go of the page cache by hand.
 *
 *   1   clean pages of files that nobody maps or holds; dirty ones stay, so `sync` first
 *   2   dentries and inodes that nobody uses, and whatever else a shrinker can give up
 *   4   do not log it
 *
 * A dentry that was used since reclaim last looked, and an inode with pages, stay: with 3 the pages go first,
 * so that their inodes can follow. Slabs come back only where all of their objects are gone.
 *
 * Linux fs/drop_caches.c. Read first: mm/filemap/truncate.ts. Read next: kernel/sysctl.ts.
 */

import { mappingTryInvalidate } from "../mm/filemap/truncate.js";
import { dropSlab } from "../mm/lru/shrinker.js";
import { lruAddDrainAll } from "../mm/lru/swap.js";
import type { MemorySystem } from "../mm/system.js";
import { countVmEvent, DROP_PAGECACHE, DROP_SLAB } from "../mm/vmstat.js";
import type { Inode } from "./inode.js";

/**
 * Drops what `what` says of the caches of `inodes`, all files that are in use.
 * Linux fs/drop_caches.c:drop_caches_sysctl_handler()
 */
export function dropCaches(sys: MemorySystem, inodes: Iterable<Inode>, what: number): void {
  if ((what & 1) !== 0) {
    lruAddDrainAll(sys);
    for (const inode of inodes) mappingTryInvalidate(inode.mapping, 0, Number.MAX_SAFE_INTEGER - 1);
    countVmEvent(sys, DROP_PAGECACHE);
  }
  if ((what & 2) !== 0) {
    dropSlab(sys);
    countVmEvent(sys, DROP_SLAB);
  }
}
