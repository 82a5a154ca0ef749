/**
 * Bringing memory management up: zones, the zero page, the parts, the watermarks.
 *
 *   new MemorySystem(ram, clock) --> mmInit(sys, cpus, parts) --> ready for the first mm
 *
 *   freeAreaInit     zones; all RAM that is not kept goes to the allocator
 *   initWmarkMin     min_free_kbytes and the watermarks, of what the zones have now
 *   hugetlbInit      the pools of huge pages, filled as far as the command line says
 *   hugepageInit     the same again, with what huge pages need, on a machine of 512 MiB or more
 *   freeInitmem      start-up code and the initial file system are freed: the zones grow, the marks do not
 *   writebackSetRatelimit   how much may be dirty
 *
 * Read first: system.ts. Read next: mm/pages/free_area_init.ts.
 */
import type { Cpu } from "../hw/cpu.js";
import { radixTreeInit } from "./filemap/xa_node.js";
import { hugepageInit } from "./huge/khugepaged.js";
import { hugetlbInit } from "./hugetlb/max_huge_pages.js";
import { linuxMmParts } from "./linux_parts.js";
import { writebackSetRatelimit } from "./lru/dirty_limits.js";
import { tryToFreeMemCgroupPages } from "./lru/memcg_reclaim.js";
import { workingsetInit } from "./lru/shadow_shrinker.js";
import { freeAreaInit, freeInitmem, type MemoryOptions } from "./pages/free_area_init.js";
import { allocReservedPage, setupPerCpuPageset } from "./pages/page_alloc.js";
import { initWmarkMin } from "./pages/wmark.js";
import type { MmParts } from "./parts.js";
import { PAGE_SOFT_DIRTY } from "./pgtable/soft_dirty.js";
import { swapfileInit } from "./swap/swapfile.js";
import type { MemorySystem } from "./system.js";

/** Hands RAM to the zones and installs the parts; once for each machine. Linux mm/mm_init.c:mm_core_init() */
export function mmInit(
  sys: MemorySystem,
  cpus: readonly Cpu[] = [],
  parts: Partial<MmParts> = {},
  memory: MemoryOptions = {},
): void {
  sys.parts = { ...linuxMmParts(), ...parts };
  sys.cpus = cpus;
  if (memory.softDirty === true) sys.pageSoftDirty = PAGE_SOFT_DIRTY;
  const { later, gigantic } = freeAreaInit(sys, memory);
  setupPerCpuPageset(sys);
  sys.zeroPfn = allocReservedPage(sys).pfn;
  initWmarkMin(sys);
  hugetlbInit(sys, memory.hugepages, gigantic);
  hugepageInit(sys);
  radixTreeInit(sys);
  workingsetInit(sys);
  swapfileInit(sys);
  sys.memcg.operations = {
    tryToFreePages: (memcg, nrPages, gfp) => tryToFreeMemCgroupPages(sys, memcg, nrPages, gfp),
  };
  freeInitmem(sys, later);
  writebackSetRatelimit(sys);
}
