/**
 * Buffer heads: what a file system on a disk knows of each block that a folio of its cache holds.
 *
 *   folio of 4 pages, written to      folio of 4 pages, only read
 *   |  0  |  1  |  2  |  3  |         |     |     |     |     |      none: it is sent for as a whole
 *      |     |     |     |
 *      bh    bh    bh    bh           104 bytes each, 39 of them in a page of the slab "buffer_head"
 *
 * A folio gets them when somebody writes to it, by write(2) or through a shared mapping, one for each block
 * of 4 KiB, and keeps them until it leaves the cache. So what is written takes 2.7 % more memory than what is
 * read, and /proc/slabinfo of a machine that copies files has them at its top.
 *
 * Left out: what they say of a block (mapped, new, delayed; ext4.ts knows that itself), and that too many of
 * them (10 % of memory) make reclaim strip folios it does not take.
 *
 * Linux fs/buffer.c. Read first: mm/pages/slub.ts. Read next: ext4.ts.
 */
import { type Folio, folioNrPages, PG_private } from "../mm/pages/folio.js";
import { __GFP_NOFAIL, GFP_NOFS } from "../mm/pages/gfp.js";
import type { KmemCache, Slab } from "../mm/pages/kmem_cache.js";
import { kmemCacheAlloc, kmemCacheCreate, kmemCacheFree } from "../mm/pages/slub.js";
import type { MemorySystem } from "../mm/system.js";

/** Linux include/linux/buffer_head.h:sizeof(struct buffer_head) */
const BUFFER_HEAD_BYTES = 104;

/** Slabs of them that the kernel has had since it mounted its disk. */
const BOOT_SLABS = 1;

/** The buffer heads of one file system. Linux fs/buffer.c:bh_cachep */
export class BufferHeads {
  private readonly sys: MemorySystem;
  private readonly cache: KmemCache;
  /**
   * The slab of each page's buffer head. Linux: a ring of them at folio.private
   * Invariant: a folio is in it exactly if it has PG_private.
   */
  private readonly ofFolio = new Map<Folio, Slab[]>();

  constructor(sys: MemorySystem) {
    this.sys = sys;
    this.cache = kmemCacheCreate(sys, "buffer_head", BUFFER_HEAD_BYTES, 0, BOOT_SLABS);
  }

  /**
   * One for each page of the folio, which the caller holds, unless it has some. Linux create_empty_buffers()
   * Differs from Linux: where not even the reserves have a page left, the folio goes without.
   */
  createEmptyBuffers(folio: Folio): void {
    if ((folio.flags & PG_private) !== 0) return;
    const heads: Slab[] = [];
    for (let i = folioNrPages(folio); i > 0; i--) {
      const slab = kmemCacheAlloc(this.sys, this.cache, GFP_NOFS | __GFP_NOFAIL);
      if (slab !== undefined) heads.push(slab);
    }
    // Each may have waited for memory: somebody else may have been faster, or the folio may be out of the
    // cache.
    if ((folio.flags & PG_private) !== 0 || folio.mapping === undefined) this.freeAll(heads);
    else {
      folio.flags |= PG_private;
      this.ofFolio.set(folio, heads);
    }
  }

  /** The folio leaves the cache. Linux try_to_free_buffers() */
  tryToFreeBuffers(folio: Folio): void {
    const heads = this.ofFolio.get(folio);
    if (heads === undefined) return;
    folio.flags &= ~PG_private;
    this.ofFolio.delete(folio);
    this.freeAll(heads);
  }

  /** `to` takes the place of `from` in the cache. Linux mm/migrate.c:buffer_migrate_folio() */
  migrateBuffers(to: Folio, from: Folio): void {
    const heads = this.ofFolio.get(from);
    if (heads === undefined) return;
    from.flags &= ~PG_private;
    this.ofFolio.delete(from);
    to.flags |= PG_private;
    this.ofFolio.set(to, heads);
  }

  private freeAll(heads: readonly Slab[]): void {
    for (const slab of heads) kmemCacheFree(this.sys, slab);
  }
}
