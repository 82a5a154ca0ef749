/**
 * Pages of 1 GiB, which are larger than anything that the buddy allocator has in one piece.
 *
 *   at boot    hugepagesz=1G hugepages=2 on the command line: set aside before there is an allocator, while all of RAM
 *              still is one piece (mm/pages/boot_reserve.ts)
 *   later      a range of 1 GiB, on a multiple of 1 GiB and within one zone, of which every frame is free:
 *
 *              |free 4 MiB|free 4 MiB|free 4 MiB| ... 256 of them ... |free 4 MiB|   --> one folio of order 18
 *
 * One page of the kernel's in the middle is enough for it to fail: why such pages are reserved at boot.
 *
 * Left out: moving away what is in the range (alloc_contig_pages() migrates pages that can be moved): here
 * every frame must be free already.
 *
 * Linux mm/page_alloc.c:alloc_contig_pages(). Read first: mm/pages/buddy.ts. Read next: pool.ts.
 */
import type { Pfn } from "../../hw/address.js";
import { MAX_PAGE_ORDER, type Zone } from "../pages/buddy.js";
import { type Folio, PG_head, pfnToPage } from "../pages/folio.js";
import { drainAllPages } from "../pages/pcp.js";
import type { MemorySystem } from "../system.js";

/** Whether all frames of [start, end) are free, by the blocks that begin there. */
function isAllFree(zone: Zone, start: Pfn, end: Pfn): boolean {
  const { orderPlusOne } = zone.links;
  let pfn = start;
  while (pfn < end) {
    const block = orderPlusOne[pfn]!;
    if (block === 0) return false;
    pfn += 2 ** (block - 1);
  }
  return true;
}

/** Takes all free blocks of [start, end) off their lists. */
function takeAll(zone: Zone, start: Pfn, end: Pfn): void {
  const { orderPlusOne } = zone.links;
  for (let pfn = start; pfn < end; ) {
    const order = orderPlusOne[pfn]! - 1;
    const type = zone.pageblockType(pfn);
    zone.delPageFromFreeList(pfn, order, type);
    zone.accountFreepages(-(2 ** order), type);
    pfn += 2 ** order;
  }
}

/**
 * First frame of a free range of 2^order frames; -1 without. Linux mm/page_alloc.c:pfn_range_valid_contig()
 */
function findFreeRange(zone: Zone, order: number): Pfn {
  const size = 2 ** order;
  for (let pfn = Math.ceil(zone.zoneStartPfn / size) * size; pfn + size <= zone.zoneEndPfn; pfn += size)
    if (isAllFree(zone, pfn, pfn + size)) return pfn;
  return -1;
}

/**
 * 2^order frames as one folio, refcount 1; undefined where no such range is free.
 * Linux mm/page_alloc.c:folio_alloc_gigantic(), alloc_contig_pages()
 */
export function allocGiganticFolio(sys: MemorySystem, order: number): Folio | undefined {
  drainAllPages(sys);
  for (let i = sys.zones.length - 1; i >= 0; i--) {
    const zone = sys.zones[i]!;
    const pfn = findFreeRange(zone, order);
    if (pfn < 0) continue;
    takeAll(zone, pfn, pfn + 2 ** order);
    return prepGiganticFolio(sys, pfn, order);
  }
  return undefined;
}

/** Makes 2^order frames that nobody has a folio. Linux mm/page_alloc.c:prep_compound_page() */
export function prepGiganticFolio(sys: MemorySystem, pfn: Pfn, order: number): Folio {
  const folio = pfnToPage(sys, pfn);
  folio.refcount = 1;
  folio.order = order;
  folio.flags = PG_head;
  for (let i = 1; i < 2 ** order; i++) pfnToPage(sys, pfn + i).head = folio;
  return folio;
}

/** Gives the frames back, in the largest blocks that there are. Linux mm/page_alloc.c:free_contig_range() */
export function freeGiganticFolio(sys: MemorySystem, folio: Folio): void {
  const { pfn, order } = folio;
  for (let i = 1; i < 2 ** order; i++) {
    const page = pfnToPage(sys, pfn + i);
    page.head = page;
  }
  folio.refcount = 0;
  folio.order = 0;
  folio.flags = 0;
  const zone = sys.zones.find(({ zoneEndPfn }) => pfn < zoneEndPfn)!;
  for (let at = pfn; at < pfn + 2 ** order; at += 2 ** MAX_PAGE_ORDER) zone.freeOnePage(at, MAX_PAGE_ORDER);
}
