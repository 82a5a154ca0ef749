/**
 * /proc/meminfo: the memory of the whole machine by use.
 *
 *   MemTotal = MemFree + Cached + Buffers + AnonPages + PageTables + kernel's own ...
 *   Cached holds Shmem too; Active + Inactive are the LRU lists that reclaim walks.
 *
 * Slabs are the kernel's small objects; the reclaimable ones are directory entries and inodes of cached
 * files. What the machine does not have (vmalloc, ...) is 0.
 *
 * Only text is made here: MemAvailable is mm/pages/mmzone.ts, CommitLimit mm/vma/util.ts.
 *
 * Read first: seq_file.ts. Read next: vmstat.ts.
 */
import { hugetlbTotalPages, unsignedLongText } from "../mm/hugetlb/hstate.js";
import { siMemAvailable } from "../mm/pages/mmzone.js";
import { nrFreePages } from "../mm/pages/page_alloc.js";
import { SWP_WRITEOK } from "../mm/swap/swap_types.js";
import { zswapStoredPages, zswapTotalPages } from "../mm/swap/zswap.js";
import type { MemorySystem } from "../mm/system.js";
import { vmCommitLimit } from "../mm/vma/util.js";
import {
  globalNodePageState,
  NR_ACTIVE_ANON,
  NR_ACTIVE_FILE,
  NR_ANON_MAPPED,
  NR_ANON_THPS,
  NR_FILE_DIRTY,
  NR_FILE_MAPPED,
  NR_FILE_PAGES,
  NR_FILE_PMDMAPPED,
  NR_FILE_THPS,
  NR_INACTIVE_ANON,
  NR_INACTIVE_FILE,
  NR_MLOCK,
  NR_PAGETABLE,
  NR_SHMEM,
  NR_SHMEM_PMDMAPPED,
  NR_SHMEM_THPS,
  NR_SLAB_RECLAIMABLE,
  NR_SLAB_UNRECLAIMABLE,
  NR_SWAPCACHE,
  NR_UNEVICTABLE,
  NR_WRITEBACK,
} from "../mm/vmstat.js";
import { kbLine, pagesToKb } from "./seq_file.js";

/** What is still in areas that are being swapped off. Linux mm/swapfile.c:si_swapinfo() */
function pagesOfAreasThatLeave(sys: MemorySystem): number {
  let pages = 0;
  for (const si of sys.swap.swapInfo)
    if (si !== undefined && (si.flags & SWP_WRITEOK) === 0) pages += si.inusePages;
  return pages;
}

/** Names and pages of the lines up to Bounce, in order. */
function mainLines(sys: MemorySystem): [string, number][] {
  const state = (item: number): number => globalNodePageState(sys, item);
  const swapCached = state(NR_SWAPCACHE);
  const leaving = pagesOfAreasThatLeave(sys);
  return [
    ["MemTotal", sys.totalramPages],
    ["MemFree", nrFreePages(sys)],
    ["MemAvailable", siMemAvailable(sys)],
    ["Buffers", 0],
    ["Cached", state(NR_FILE_PAGES) - swapCached],
    ["SwapCached", swapCached],
    ["Active", state(NR_ACTIVE_ANON) + state(NR_ACTIVE_FILE)],
    ["Inactive", state(NR_INACTIVE_ANON) + state(NR_INACTIVE_FILE)],
    ["Active(anon)", state(NR_ACTIVE_ANON)],
    ["Inactive(anon)", state(NR_INACTIVE_ANON)],
    ["Active(file)", state(NR_ACTIVE_FILE)],
    ["Inactive(file)", state(NR_INACTIVE_FILE)],
    ["Unevictable", state(NR_UNEVICTABLE)],
    ["Mlocked", state(NR_MLOCK)],
    ["SwapTotal", sys.totalSwapPages + leaving],
    ["SwapFree", sys.nrSwapPages + leaving],
    ["Zswap", zswapTotalPages(sys)],
    ["Zswapped", zswapStoredPages(sys)],
    ["Dirty", state(NR_FILE_DIRTY)],
    ["Writeback", state(NR_WRITEBACK)],
    ["AnonPages", state(NR_ANON_MAPPED)],
    ["Mapped", state(NR_FILE_MAPPED)],
    ["Shmem", state(NR_SHMEM)],
    ["KReclaimable", state(NR_SLAB_RECLAIMABLE)],
    ["Slab", state(NR_SLAB_RECLAIMABLE) + state(NR_SLAB_UNRECLAIMABLE)],
    ["SReclaimable", state(NR_SLAB_RECLAIMABLE)],
    ["SUnreclaim", state(NR_SLAB_UNRECLAIMABLE)],
    ["KernelStack", 0],
    ["PageTables", state(NR_PAGETABLE)],
    ["SecPageTables", 0],
    ["NFS_Unstable", 0],
    ["Bounce", 0],
    ["WritebackTmp", 0],
    ["CommitLimit", vmCommitLimit(sys)],
    ["Committed_AS", sys.vmCommittedAs],
  ];
}

/**
 * Half of the 128 TiB that the kernel has for vmalloc, in kB.
 * Linux arch/x86/include/asm/pgtable_64_types.h:VMALLOC_TOTAL
 */
const VMALLOC_TOTAL_KB = 34359738367;

/** Transparent huge pages. */
const HUGE_LINES = [
  ["AnonHugePages", NR_ANON_THPS],
  ["ShmemHugePages", NR_SHMEM_THPS],
  ["ShmemPmdMapped", NR_SHMEM_PMDMAPPED],
  ["FileHugePages", NR_FILE_THPS],
  ["FilePmdMapped", NR_FILE_PMDMAPPED],
] as const;

/**
 * The pools of huge pages: counts of the default one, the size of all. Linux
 * mm/hugetlb.c:hugetlb_report_meminfo()
 */
function hugetlbReportMeminfo({ hugetlb }: MemorySystem): string {
  const { nrHugePages, freeHugePages, resvHugePages, surplusHugePages, hugePageSize } = hugetlb.defaultHstate;
  const counts = { Total: nrHugePages, Free: freeHugePages, Rsvd: resvHugePages, Surp: surplusHugePages };
  const lines = Object.entries(counts).map(
    ([name, count]) => `${`HugePages_${name}:`.padEnd(18)} ${unsignedLongText(count).padStart(5)}\n`,
  );
  const sizes = { Hugepagesize: hugePageSize / 1024, Hugetlb: pagesToKb(hugetlbTotalPages(hugetlb)) };
  return (
    lines.join("") +
    Object.entries(sizes)
      .map(([name, kb]) => kbLine(`${name}:`, kb))
      .join("")
  );
}

/** /proc/meminfo. Linux fs/proc/meminfo.c:meminfo_proc_show() */
export function meminfo(sys: MemorySystem): string {
  const main = mainLines(sys).map(([name, pages]) => kbLine(`${name}:`, pagesToKb(pages)));
  const zeros = (names: string[]): string[] => names.map((name) => kbLine(`${name}:`, 0));
  return [
    ...main,
    kbLine("VmallocTotal:", VMALLOC_TOTAL_KB),
    ...zeros(["VmallocUsed", "VmallocChunk", "Percpu"]),
    ...HUGE_LINES.map(([name, item]) => kbLine(`${name}:`, pagesToKb(globalNodePageState(sys, item)))),
    ...zeros(["Balloon"]),
    hugetlbReportMeminfo(sys),
    kbLine("DirectMap4k:", 0),
    kbLine("DirectMap2M:", pagesToKb(sys.ram.nrFrames)),
    kbLine("DirectMap1G:", 0),
  ].join("");
}
