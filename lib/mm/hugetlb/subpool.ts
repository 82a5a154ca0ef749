/**
 * A subpool: the share of a pool that one mounted hugetlbfs may use, or is sure to have.
 *
 *   mount -t hugetlbfs -o size=8M,min_size=4M none /mnt/huge
 *
 *   size      no more than 4 pages for all files of this mount together      maxHpages
 *   min_size  2 pages are promised to the mount as long as it is there       minHpages; rsvHpages of them are not used yet
 *
 *   getPages(n)   somebody needs n pages: how many of them the pool must promise beyond what the mount has
 *   putPages(n)   n pages are not needed any more: how many promises the pool gets back
 *
 * A file of the kernel's own mounts (MAP_HUGETLB, memfd_create) has no subpool: undefined, and every page is
 * the pool's business.
 *
 * Linux mm/hugetlb.c. Read first: hstate.ts. Read next: reserve_pages.ts.
 */
import { ENOMEM } from "../errno.js";

/** Linux include/linux/hugetlb.h:struct hugepage_subpool */
export interface Subpool {
  /** Most pages that may be used; -1 for no limit. */
  readonly maxHpages: number;
  /** Pages in use, promised ones included; counted only where there is a limit. */
  usedHpages: number;
  /** Pages that are always promised; -1 for none. */
  readonly minHpages: number;
  /** Of them those that nobody uses yet. */
  rsvHpages: number;
}

/**
 * A subpool; the pool must have promised `minHpages` pages already.
 * Linux mm/hugetlb.c:hugepage_new_subpool()
 */
export function hugepageNewSubpool(maxHpages: number, minHpages: number): Subpool {
  return { maxHpages, usedHpages: 0, minHpages, rsvHpages: minHpages };
}

/**
 * `delta` pages more: how many the pool itself must promise, or -ENOMEM above the limit.
 * Linux mm/hugetlb.c:hugepage_subpool_get_pages()
 */
export function hugepageSubpoolGetPages(spool: Subpool | undefined, delta: number): number {
  if (spool === undefined) return delta;
  if (spool.maxHpages !== -1) {
    if (spool.usedHpages + delta > spool.maxHpages) return -ENOMEM;
    spool.usedHpages += delta;
  }
  if (spool.minHpages === -1 || spool.rsvHpages === 0) return delta;
  const own = Math.min(delta, spool.rsvHpages);
  spool.rsvHpages -= own;
  return delta - own;
}

/**
 * `delta` pages fewer: how many promises the pool gets back.
 * Linux mm/hugetlb.c:hugepage_subpool_put_pages()
 */
export function hugepageSubpoolPutPages(spool: Subpool | undefined, delta: number): number {
  if (spool === undefined) return delta;
  if (spool.maxHpages !== -1) spool.usedHpages -= delta;
  if (spool.minHpages === -1 || spool.usedHpages >= spool.minHpages) return delta;
  const kept = spool.rsvHpages + delta;
  spool.rsvHpages = Math.min(kept, spool.minHpages);
  return Math.max(0, kept - spool.minHpages);
}
