/**
 * What huge pages ask of the allocator: more free memory, so that whole blocks of 2 MiB are to be had.
 *
 *   transparent_hugepage/enabled   always or madvise --> min_free_kbytes at least
 *                                      zones x (2 + 3 x 3) blocks of 2 MiB, but no more than a 20th of RAM
 *                                  never             --> min_free_kbytes by the size of RAM alone
 *
 * Pages that cannot be moved, pages of caches and pages that can be moved each want blocks of their own; when
 * one kind has none free it takes one of another's, and the two get mixed. Two blocks for each zone, and one
 * for each pair of kinds in each, make that seldom.
 *
 * Linux mm/khugepaged.c. Read first: mm/pages/wmark.ts. Read next: khugepaged.ts.
 */
import { PAGE_SIZE } from "../../hw/address.js";
import { MAX_PAGE_ORDER } from "../pages/buddy.js";
import {
  calculateMinFreeKbytes,
  nrFreeBufferPages,
  setupPerZoneWmarks,
  ZONE_NORMAL,
} from "../pages/wmark.js";
import type { MemorySystem } from "../system.js";
import { hugepagePmdEnabled } from "./thp_orders.js";

/** Pages of a block of 2 MiB. Linux pageblock_nr_pages */
const PAGEBLOCK_NR_PAGES = 1 << (MAX_PAGE_ORDER - 1);
/** Unmovable, movable, reclaimable. Linux MIGRATE_PCPTYPES */
const MIGRATE_PCPTYPES = 3;

/**
 * Huge pages were switched on or off: min_free_kbytes and the watermarks follow.
 * Linux mm/khugepaged.c:set_recommended_min_free_kbytes()
 */
export function setRecommendedMinFreeKbytes(sys: MemorySystem): void {
  if (hugepagePmdEnabled(sys)) {
    const nrZones = sys.zones.filter((zone, i) => i <= ZONE_NORMAL && zone.presentPages > 0).length;
    const wanted = PAGEBLOCK_NR_PAGES * nrZones * (2 + MIGRATE_PCPTYPES * MIGRATE_PCPTYPES);
    const pages = Math.min(wanted, Math.floor(nrFreeBufferPages(sys) / 20));
    sys.sysctl.minFreeKbytes = Math.max(sys.sysctl.minFreeKbytes, (pages * PAGE_SIZE) / 1024);
  } else calculateMinFreeKbytes(sys);
  setupPerZoneWmarks(sys);
}
