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
 *   boot, on a machine of 512 MiB or more --> hugepageInit -------------+
 *   write to transparent_hugepage/enabled --> startStopKhugepaged <-----+
 *
 * On a smaller machine huge pages start switched off, and nothing is computed before somebody switches them
 * on.
 *
 * Left out: khugepaged itself, the thread that makes huge pages of small ones (lab 07).
 *
 * Linux mm/khugepaged.c, mm/huge_memory.c. Read first: mm/pages/wmark.ts.
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

/** RAM below which transparent huge pages start switched off, in pages. */
export const THP_MIN_PAGES = (512 * 2 ** 20) / PAGE_SIZE;

/** Pages of a block of 2 MiB. Linux pageblock_nr_pages */
const PAGEBLOCK_NR_PAGES = 1 << (MAX_PAGE_ORDER - 1);
/** Unmovable, movable, reclaimable. Linux MIGRATE_PCPTYPES */
const MIGRATE_PCPTYPES = 3;

/** What transparent_hugepage/enabled may say. */
export type ThpWord = "always" | "madvise" | "never";

const ENABLED = "transparent_hugepage/enabled";
const PMD_ENABLED = "transparent_hugepage/hugepages-2048kB/enabled";

/** The word that holds for all sizes: as written, or madvise unless the machine is small. */
export function thpEnabled(sys: MemorySystem): string {
  return sys.kernelMm.get(ENABLED) ?? (sys.totalramPages >= THP_MIN_PAGES ? "madvise" : "never");
}

/**
 * Whether anybody may get a huge page of 2 MiB of anonymous memory.
 * Linux mm/khugepaged.c:hugepage_pmd_enabled()
 */
function hugepagePmdEnabled(sys: MemorySystem): boolean {
  const own = sys.kernelMm.get(PMD_ENABLED) ?? "inherit";
  return (own === "inherit" ? thpEnabled(sys) : own) !== "never";
}

/**
 * Huge pages were switched on or off: min_free_kbytes and the watermarks follow.
 * Linux mm/khugepaged.c:start_stop_khugepaged(), set_recommended_min_free_kbytes()
 */
export function startStopKhugepaged(sys: MemorySystem): void {
  if (hugepagePmdEnabled(sys)) {
    const nrZones = sys.zones.filter((zone, i) => i <= ZONE_NORMAL && zone.presentPages > 0).length;
    const wanted = PAGEBLOCK_NR_PAGES * nrZones * (2 + MIGRATE_PCPTYPES * MIGRATE_PCPTYPES);
    const pages = Math.min(wanted, Math.floor(nrFreeBufferPages(sys) / 20));
    sys.sysctl.minFreeKbytes = Math.max(sys.sysctl.minFreeKbytes, (pages * PAGE_SIZE) / 1024);
  } else calculateMinFreeKbytes(sys);
  setupPerZoneWmarks(sys);
}

/** The same at boot, where there is enough RAM for huge pages. Linux mm/huge_memory.c:hugepage_init() */
export function hugepageInit(sys: MemorySystem): void {
  if (sys.totalramPages < THP_MIN_PAGES) sys.kernelMm.set(ENABLED, "never");
  else startStopKhugepaged(sys);
}
