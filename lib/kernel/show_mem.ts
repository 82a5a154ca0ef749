/**
 * What the kernel's log says about all of memory when there is none left.
 *
 *   Mem-Info:
 *   active_anon:14 inactive_anon:45751 isolated_anon:0       pages, of the whole machine
 *    ... free:462 free_pcp:1033 free_cma:0
 *   Node 0 DMA32 free:1076kB boost:0kB min:1656kB ...        each zone: what is free, and what must stay so
 *   Node 0 hugepages_total=8 hugepages_free=8 ...            pools: memory that nobody else can have
 *   45 total pagecache pages
 *   Free swap  = 0kB
 *
 * A zone may still have much that is free: below `min` nobody gets it but the kernel itself, and what lies
 * with a CPU (free_pcp) counts as given away.
 *
 * Left out: the lines of nodes and of free blocks by order, which /proc/zoneinfo and /proc/buddyinfo show.
 *
 * Linux mm/show_mem.c. Read first: mm/pages/buddy.ts, mm/pages/wmark.ts. Read next: oom_report.ts.
 */
import { PAGE_SIZE } from "../hw/address.js";
import type { Hstate } from "../mm/hugetlb/hstate.js";
import { zoneLruPages } from "../mm/lru/lru_size.js";
import {
  LRU_ACTIVE_ANON,
  LRU_ACTIVE_FILE,
  LRU_INACTIVE_ANON,
  LRU_INACTIVE_FILE,
  LRU_UNEVICTABLE,
} from "../mm/lru/lruvec.js";
import type { Zone } from "../mm/pages/buddy.js";
import type { Folio } from "../mm/pages/folio.js";
import { nrFreePages } from "../mm/pages/page_alloc.js";
import { highWmarkPages, lowWmarkPages, minWmarkPages } from "../mm/pages/wmark.js";
import type { MemorySystem } from "../mm/system.js";
import {
  globalNodePageState,
  NR_ACTIVE_ANON,
  NR_ACTIVE_FILE,
  NR_FILE_DIRTY,
  NR_FILE_MAPPED,
  NR_FILE_PAGES,
  NR_INACTIVE_ANON,
  NR_INACTIVE_FILE,
  NR_PAGETABLE,
  NR_SHMEM,
  NR_SLAB_RECLAIMABLE,
  NR_SLAB_UNRECLAIMABLE,
  NR_SWAPCACHE,
  NR_UNEVICTABLE,
  NR_WRITEBACK,
} from "../mm/vmstat.js";

const KB_OF_PAGE = PAGE_SIZE / 1024;

/** Pages of the zone that lie with CPUs. */
function freePcp({ pcps }: Zone): number {
  return pcps.reduce((sum, { count }) => sum + count, 0);
}

/** The whole machine, in pages. Linux mm/show_mem.c:show_free_areas() */
function nodeLines(sys: MemorySystem, zones: readonly Zone[]): string[] {
  const of = (item: number): number => globalNodePageState(sys, item);
  const pcp = zones.reduce((sum, zone) => sum + freePcp(zone), 0);
  return [
    `active_anon:${of(NR_ACTIVE_ANON)} inactive_anon:${of(NR_INACTIVE_ANON)} isolated_anon:0`,
    ` active_file:${of(NR_ACTIVE_FILE)} inactive_file:${of(NR_INACTIVE_FILE)} isolated_file:0`,
    ` unevictable:${of(NR_UNEVICTABLE)} dirty:${of(NR_FILE_DIRTY)} writeback:${of(NR_WRITEBACK)}`,
    ` slab_reclaimable:${of(NR_SLAB_RECLAIMABLE)} slab_unreclaimable:${of(NR_SLAB_UNRECLAIMABLE)}`,
    ` mapped:${of(NR_FILE_MAPPED)} shmem:${of(NR_SHMEM)} pagetables:${of(NR_PAGETABLE)}`,
    " sec_pagetables:0 bounce:0",
    " kernel_misc_reclaimable:0",
    ` free:${nrFreePages(sys)} free_pcp:${pcp} free_cma:0`,
  ];
}

/** One zone, in kB. */
function zoneLine(sys: MemorySystem, zone: Zone): string {
  const kB = (pages: number): string => `${pages * KB_OF_PAGE}kB`;
  const list = (lru: number): string => kB(zoneLruPages(sys, sys.zones.indexOf(zone), lru));
  const marks = `boost:${kB(zone.watermarkBoost)} min:${kB(minWmarkPages(zone))} low:${kB(lowWmarkPages(zone))}`;
  return (
    `Node 0 ${zone.name} free:${kB(zone.nrFreePages)} ${marks} high:${kB(highWmarkPages(zone))}` +
    ` active_anon:${list(LRU_ACTIVE_ANON)} inactive_anon:${list(LRU_INACTIVE_ANON)}` +
    ` active_file:${list(LRU_ACTIVE_FILE)} inactive_file:${list(LRU_INACTIVE_FILE)}` +
    ` unevictable:${list(LRU_UNEVICTABLE)} present:${kB(zone.presentPages)} managed:${kB(zone.managedPages)}` +
    ` free_pcp:${kB(freePcp(zone))}`
  );
}

/** A pool of huge pages, which nobody can take from. Linux mm/hugetlb.c:hugetlb_show_meminfo_node() */
function poolLine(h: Hstate<Folio>): string {
  const { nrHugePages, freeHugePages, surplusHugePages, hugePageSize } = h;
  const counts = `hugepages_total=${nrHugePages} hugepages_free=${freeHugePages} hugepages_surp=${surplusHugePages}`;
  return `Node 0 ${counts} hugepages_size=${hugePageSize / 1024}kB`;
}

/**
 * The state of memory, line by line. Linux mm/show_mem.c:__show_mem()
 * Differs from Linux: a zone's line is shorter by what the machine does not have.
 */
export function showMem(sys: MemorySystem): string[] {
  const zones = sys.zones.filter(({ presentPages }) => presentPages > 0);
  const kB = (pages: number): string => `${pages * KB_OF_PAGE}kB`;
  return [
    "Mem-Info:",
    ...nodeLines(sys, zones),
    ...zones.map((zone) => zoneLine(sys, zone)),
    // The larger pages are the first pool of a kernel that can put them together.
    ...[...sys.hugetlb.hstates].reverse().map(poolLine),
    `${globalNodePageState(sys, NR_FILE_PAGES)} total pagecache pages`,
    `${globalNodePageState(sys, NR_SWAPCACHE)} pages in swap cache`,
    `Free swap  = ${kB(sys.nrSwapPages)}`,
    `Total swap = ${kB(sys.totalSwapPages)}`,
    `${zones.reduce((sum, { presentPages }) => sum + presentPages, 0)} pages RAM`,
    `${zones.reduce((sum, { presentPages, managedPages }) => sum + presentPages - managedPages, 0)} pages reserved`,
  ];
}
