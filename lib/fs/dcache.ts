/**
 * The dentry cache of a file system: which path leads to which inode, as far as anybody has asked.
 *
 *   open("/data/a")     "/"  <-- "/data"  <-- "/data/a" --> inode        each holds its parent
 *                                              held by the open file
 *   open("/data/no")    "/data/no" --> nothing: a negative dentry. Asking again needs no look at the disk.
 *
 *   nobody holds it     it stands on the LRU list; used again: referenced
 *   pruneDcache         from the oldest on    held           off the list
 *                                             referenced     once more round, without the mark
 *                                             else           gone; its inode and its parent have one less
 *                                                            that holds them, and a parent that nobody needs
 *                                                            goes with it
 *
 * A dentry keeps its inode in RAM. So a program that looks at a million files, once each, fills memory with
 * what it will never need again: find / does that to a real machine.
 *
 * Left out: dentries of files in memory (tmpfs keeps all of them), of /proc, /sys and /dev; looking up takes
 * no time, cached or not.
 *
 * Linux fs/dcache.c. Read first: icache.ts. Read next: super.ts.
 */
import { GFP_KERNEL } from "../mm/pages/gfp.js";
import type { KmemCache, Slab } from "../mm/pages/kmem_cache.js";
import { kmemCacheAlloc, kmemCacheFree } from "../mm/pages/slub.js";
import type { MemorySystem } from "../mm/system.js";
import type { CachedInode, Icache } from "./icache.js";
import type { Inode } from "./inode.js";

/** One path. Linux include/linux/dcache.h:struct dentry */
export class Dentry {
  /** Who holds it: open files, and dentries below it. Linux d_lockref */
  count = 1;
  /** Used since it is on the list. Linux DCACHE_REFERENCED */
  referenced = false;
  /** Its name is gone: the last one who holds it frees it. Linux d_unhashed() */
  unhashed = false;

  constructor(
    private readonly dcache: Dcache,
    readonly path: string,
    readonly parent: Dentry | undefined,
    readonly slab: Slab,
    /** What it leads to; undefined: there is no such file. Linux d_inode */
    public inode: CachedInode | undefined,
  ) {}

  /** One who holds it less. Linux fs/dcache.c:dput() */
  dput(): void {
    this.dcache.dput(this);
  }
}

/** The dentries of one file system. Linux dentry_hashtable, s_dentry_lru */
export class Dcache {
  /** Those nobody holds, oldest first, and some that are held again. Linux s_dentry_lru */
  readonly lru = new Set<Dentry>();
  private readonly dentries = new Map<string, Dentry>();

  constructor(
    private readonly sys: MemorySystem,
    private readonly cache: KmemCache,
    private readonly icache: Icache,
  ) {}

  /** Dentries in RAM. */
  get size(): number {
    return this.cache.activeObjs;
  }

  /**
   * The dentry of `path`, held once more; `leadsTo` is its file, "directory", or undefined where there is
   * nothing. Undefined without memory. Linux fs/dcache.c:d_lookup(), d_alloc(); fs/namei.c:lookup_slow()
   */
  dget(path: string, leadsTo: Inode | "directory" | undefined): Dentry | undefined {
    const there = this.dentries.get(path);
    if (there !== undefined) {
      there.count++;
      if (there.inode !== undefined || leadsTo === undefined || this.instantiate(there, leadsTo))
        return there;
      there.dput();
      return undefined;
    }
    const dentry = this.alloc(path);
    if (dentry === undefined || leadsTo === undefined || this.instantiate(dentry, leadsTo)) return dentry;
    this.kill(dentry);
    return undefined;
  }

  /** A negative dentry, with its parents. Linux fs/dcache.c:d_alloc() */
  private alloc(path: string): Dentry | undefined {
    const parentPath = path.slice(0, path.lastIndexOf("/")) || "/";
    const parent = path === "/" ? undefined : this.dget(parentPath, "directory");
    if (path !== "/" && parent === undefined) return undefined;
    const slab = kmemCacheAlloc(this.sys, this.cache, GFP_KERNEL);
    if (slab === undefined) {
      parent?.dput();
      return undefined;
    }
    const dentry = new Dentry(this, path, parent, slab, undefined);
    this.dentries.set(path, dentry);
    return dentry;
  }

  /** False without memory. Linux fs/dcache.c:d_instantiate() */
  private instantiate(dentry: Dentry, leadsTo: Inode | "directory"): boolean {
    const inode = this.icache.iget(leadsTo === "directory" ? dentry.path : leadsTo);
    if (inode === undefined) return false;
    inode.nrDentries++;
    dentry.inode = inode;
    return true;
  }

  /** Linux fs/dcache.c:dput(), retain_dentry() */
  dput(dentry: Dentry): void {
    dentry.count--;
    if (dentry.count > 0) return;
    if (dentry.unhashed) this.kill(dentry);
    else if (!this.lru.has(dentry)) this.lru.add(dentry);
    else dentry.referenced = true;
  }

  /**
   * The file's name is taken away: without other users the dentry stays, and says that there is nothing.
   * Linux fs/dcache.c:d_delete()
   */
  dDelete(dentry: Dentry): void {
    if (dentry.count > 1) {
      dentry.unhashed = true;
      this.dentries.delete(dentry.path);
    } else if (dentry.inode !== undefined) {
      this.icache.iput(dentry.inode);
      dentry.inode = undefined;
    }
  }

  /**
   * Frees a dentry that nobody holds, and parents that nobody needs then. Linux fs/dcache.c:__dentry_kill()
   */
  private kill(dentry: Dentry): void {
    for (let victim: Dentry | undefined = dentry; victim !== undefined; ) {
      this.lru.delete(victim);
      if (!victim.unhashed) this.dentries.delete(victim.path);
      if (victim.inode !== undefined) this.icache.iput(victim.inode);
      kmemCacheFree(this.sys, victim.slab);
      const parent: Dentry | undefined = victim.parent;
      if (parent !== undefined) parent.count--;
      victim = parent !== undefined && parent.count === 0 ? parent : undefined;
    }
  }

  /**
   * Looks at `nrToScan` dentries on the list, and forgets those not used since the last time; how many have
   * left the list. Linux fs/dcache.c:prune_dcache_sb(), dentry_lru_isolate()
   */
  pruneDcache(nrToScan: number): number {
    const disposable: Dentry[] = [];
    let left = 0;
    let nr = nrToScan;
    for (const dentry of this.lru) {
      if (nr-- <= 0) break;
      this.lru.delete(dentry);
      if (dentry.count === 0 && dentry.referenced) {
        dentry.referenced = false;
        this.lru.add(dentry);
        continue;
      }
      left++;
      if (dentry.count === 0) disposable.push(dentry);
    }
    for (const dentry of disposable) this.kill(dentry);
    return left;
  }
}
