/**
 * The size of a pool: echo N > /proc/sys/vm/nr_hugepages, and hugepages=N at boot.
 *
 *   grow     surplus pages become pages of the pool; the rest is allocated one by one, until one cannot be had: then
 *            the pool is as large as it got, and the write succeeds all the same
 *   shrink   free pages that nobody was promised go back to the buddy allocator; what is still too much (in use, or
 *            promised) becomes surplus, and goes back as soon as it is free
 *
 *   nr_hugepages 8, 3 of them in use, 2 promised; write 2:   min 5 stay   Total 5, Surp 3; when all are free: Total 2
 *
 * An allocation that has tried hard (reclaimed) and failed makes the next ones of the same write not try as
 * hard.
 *
 *   demote   a free page of 1 GiB becomes 512 of 2 MiB, which is sure to succeed where no 2 MiB can be found
 *
 * Linux mm/hugetlb.c. Read first: pool.ts. Read next: kernel/sysfs_mm.ts, kernel/sysctl.ts.
 */
import { EINVAL } from "../errno.js";
import { vmBugOn } from "../mmdebug.js";
import { type Folio, PG_head, pfnToPage } from "../pages/folio.js";
import type { MemorySystem } from "../system.js";
import { prepGiganticFolio } from "./gigantic.js";
import { type BootPool, type Hstate, sizeToHstate } from "./hstate.js";
import {
  allocFreshHugetlbFolio,
  freeHugeFolio,
  initNewHugetlbFolio,
  prepAndAddAllocatedFolios,
  removePoolHugetlbFolio,
  updateAndFreeHugetlbFolio,
} from "./pool.js";

/** Allocates until the pool has `count` pages; whether it got there. */
function grow(sys: MemorySystem, h: Hstate<Folio>, count: number): boolean {
  while (h.surplusHugePages > 0 && count > h.persistentHugePages) h.surplusHugePages--;
  const folios: Folio[] = [];
  let tryHard = true;
  while (count > h.persistentHugePages + folios.length) {
    const folio = allocFreshHugetlbFolio(sys, h, tryHard);
    if (folio === undefined) break;
    tryHard = true;
    folios.push(folio);
  }
  prepAndAddAllocatedFolios(h, folios);
  return count <= h.persistentHugePages;
}

/** Free pages of the pool proper: free surplus ones are not. */
function persistentFreeCount(h: Hstate<Folio>): number {
  if (h.freeHugePages <= h.persistentHugePages) return h.freeHugePages;
  return Math.max(0, h.freeHugePages - h.surplusHugePages);
}

/** Gives free pages back, and makes what is still too much surplus. */
function shrink(sys: MemorySystem, h: Hstate<Folio>, count: number): void {
  const needed = h.resvHugePages + h.persistentHugePages - persistentFreeCount(h);
  const least = Math.max(count, needed);
  const removed: Folio[] = [];
  while (least < h.persistentHugePages) {
    const folio = removePoolHugetlbFolio(h, false);
    if (folio === undefined) break;
    removed.push(folio);
  }
  for (const folio of removed.reverse()) updateAndFreeHugetlbFolio(sys, h, folio);
  while (count < h.persistentHugePages && h.surplusHugePages < h.nrHugePages) h.surplusHugePages++;
}

/**
 * The pool shall have `count` pages; how many it got, maxHugePages says. Linux
 * mm/hugetlb.c:set_max_huge_pages()
 */
export function setMaxHugePages(sys: MemorySystem, h: Hstate<Folio>, count: number): void {
  if (grow(sys, h, count)) shrink(sys, h, count);
  h.maxHugePages = h.persistentHugePages;
}

/**
 * Fills the pools at boot. `gigantic`: first frames of the ranges of 1 GiB that were set aside before there
 * was an allocator. Linux mm/hugetlb.c:hugetlb_init(), gather_bootmem_prealloc()
 */
export function hugetlbInit(
  sys: MemorySystem,
  pools: readonly BootPool[] = [],
  gigantic: readonly number[] = [],
): void {
  sys.freeHugeFolio = (folio) => freeHugeFolio(sys, folio);
  for (const { hugePageSize, nr } of pools) {
    const h = sizeToHstate(sys.hugetlb, hugePageSize);
    vmBugOn(h === undefined, `there are no huge pages of ${hugePageSize} bytes`);
    if (h === sys.hugetlb.defaultHstate) setMaxHugePages(sys, h, nr);
  }
  const h = sys.hugetlb.hstates[1]!;
  const folios = gigantic.map((pfn) => prepGiganticFolio(sys, pfn, h.order));
  for (const folio of folios) initNewHugetlbFolio(folio);
  prepAndAddAllocatedFolios(h, folios);
  h.maxHugePages = h.nrHugePages;
}

/**
 * Makes `count` free pages of 1 GiB pages of 2 MiB, or as many as are free and not promised; 0, or -EINVAL
 * for a pool that cannot. Linux mm/hugetlb.c:demote_store(), demote_pool_huge_page()
 */
export function demoteHugePages(sys: MemorySystem, src: Hstate<Folio>, count: number): number {
  const dst = sys.hugetlb.defaultHstate;
  if (src === dst) return -EINVAL;
  for (let left = count; left > 0 && src.availableHugePages > 0; left--) {
    const folio = removePoolHugetlbFolio(src, false)!;
    src.maxHugePages--;
    dst.maxHugePages += splitFolio(sys, folio, dst);
  }
  return 0;
}

/**
 * The parts of a removed page go into the pool `dst`; how many. Linux
 * mm/hugetlb.c:demote_free_hugetlb_folios()
 */
function splitFolio(sys: MemorySystem, folio: Folio, dst: Hstate<Folio>): number {
  const nr = 2 ** (folio.order - dst.order);
  const size = 2 ** dst.order;
  const parts: Folio[] = [];
  for (let part = 0; part < nr; part++) {
    const head = pfnToPage(sys, folio.pfn + part * size);
    head.head = head;
    head.order = dst.order;
    head.flags = PG_head;
    for (let i = 1; i < size; i++) pfnToPage(sys, head.pfn + i).head = head;
    initNewHugetlbFolio(head);
    parts.push(head);
  }
  prepAndAddAllocatedFolios(dst, parts);
  return nr;
}
