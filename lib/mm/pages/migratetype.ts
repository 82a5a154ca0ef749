/**
 * Migrate types: what can be done with the pages of a block of 2 MiB, so that like stands with like.
 *
 *   page block 0    page block 1    page block 2
 *   Unmovable       Movable         Movable
 *   [tables, slab]  [a p a f f a ]  [. . . . . .]      a anonymous, p page cache, f free
 *
 *   one page table in the middle of a block, and it can never again become one free block of 512 frames.
 *   So each block has a type, each order has a free list for each type, and a request says of which it is:
 *
 *   __GFP_MOVABLE      pages of programs and of files: another frame could take their place
 *   __GFP_RECLAIMABLE  caches that can be given up: dentries, inodes
 *   neither            all else: page tables, the kernel's own
 *
 * HIGHATOMIC blocks are kept for urgent requests of several pages (highatomic.ts). ISOLATE blocks give
 * nothing out while somebody empties them. When the lists of its own type are empty, a request falls back on
 * another type (fallback.ts).
 *
 * A machine with less than 10 MiB has too few blocks for this: all requests count as UNMOVABLE.
 *
 * Linux include/linux/mmzone.h:enum migratetype. Left out: CMA. Read first: gfp.ts. Read next: buddy.ts.
 */
import { __GFP_MOVABLE, __GFP_RECLAIMABLE } from "./gfp.js";

/** Stays where it is. Linux include/linux/mmzone.h:MIGRATE_UNMOVABLE */
export const MIGRATE_UNMOVABLE = 0;
/** Another frame can take its place. Linux MIGRATE_MOVABLE */
export const MIGRATE_MOVABLE = 1;
/** Can be given up. Linux MIGRATE_RECLAIMABLE */
export const MIGRATE_RECLAIMABLE = 2;
/** Number of types that have per-CPU lists. Linux MIGRATE_PCPTYPES */
export const MIGRATE_PCPTYPES = 3;
/** Kept for urgent requests of several pages. Linux MIGRATE_HIGHATOMIC */
export const MIGRATE_HIGHATOMIC = 3;
/** Gives nothing out. Linux MIGRATE_ISOLATE */
export const MIGRATE_ISOLATE = 4;
/** Number of types. Linux MIGRATE_TYPES */
export const MIGRATE_TYPES = 5;

/** Names of the types, as /proc/pagetypeinfo shows them. Linux mm/page_alloc.c:migratetype_names */
export const MIGRATETYPE_NAMES = ["Unmovable", "Movable", "Reclaimable", "HighAtomic", "Isolate"] as const;

/** Order of a page block, 2 MiB. Linux include/linux/pageblock-flags.h:pageblock_order */
export const PAGEBLOCK_ORDER = 9;
/** Frames of a page block. Linux pageblock_nr_pages */
export const PAGEBLOCK_NR_PAGES = 1 << PAGEBLOCK_ORDER;

/**
 * Position of __GFP_MOVABLE, so that the two bits are the type. Linux include/linux/gfp.h:GFP_MOVABLE_SHIFT
 */
const GFP_MOVABLE_SHIFT = 3;

/** The type that `gfp` asks for. Linux include/linux/gfp.h:gfp_migratetype() */
export function gfpMigratetype(gfp: number): number {
  return (gfp & (__GFP_MOVABLE | __GFP_RECLAIMABLE)) >> GFP_MOVABLE_SHIFT;
}

/**
 * Whether blocks of the type may become one with blocks of other types.
 * Linux include/linux/mmzone.h:migratetype_is_mergeable()
 */
export function migratetypeIsMergeable(migratetype: number): boolean {
  return migratetype < MIGRATE_PCPTYPES;
}
