/**
 * The end of an address space: every page, every table, every promise goes back.
 *
 *   mmput(mm)  the last user of the mm is gone -->  exitMmap: unmapVmas, freePgtables, files, promises; then the top table
 *
 * Read first: mm/vma/munmap.ts. Read next: kernel.ts.
 */

import { freePgtables, unmapVmas } from "../mm/fault/zap.js";
import { mmPutHugeZeroFolio } from "../mm/huge/huge_zero.js";
import { khugepagedExit } from "../mm/huge/khugepaged_mm.js";
import { lruGenDelMm } from "../mm/lru/gen/walk_mm.js";
import { type MmStruct, VM_ACCOUNT, vmaPages } from "../mm/mm_types.js";
import { vmBugOn } from "../mm/mmdebug.js";
import { withGather } from "../mm/pgtable/mmu_gather.js";
import { pgdFree } from "../mm/pgtable/pgtable_alloc.js";
import { removeVma } from "../mm/vma/munmap.js";
import { vmUnacctMemory } from "../mm/vma/util.js";

/** Takes everything out of `mm` and frees its tables. Linux mm/mmap.c:exit_mmap() */
export function exitMmap(mm: MmStruct): void {
  const vmas = [...mm.mmMt];
  withGather(mm, () => {
    unmapVmas(mm, vmas, 0, mm.taskSize);
    freePgtables(mm, vmas, 0, 0);
  });
  for (const vma of vmas) {
    mm.mmMt.erase(vma);
    mm.mapCount--;
    if ((vma.vmFlags & VM_ACCOUNT) !== 0) vmUnacctMemory(mm.sys, vmaPages(vma));
    removeVma(vma);
  }
  pgdFree(mm);
  checkMm(mm);
}

/** What is counted must have gone to zero. Linux kernel/fork.c:check_mm() */
function checkMm(mm: MmStruct): void {
  for (const [member, pages] of mm.rssStat.entries())
    vmBugOn(pages !== 0, `Bad rss-counter state mm:${mm.id} type:${member} val:${pages}`);
  vmBugOn(mm.hugetlbUsage !== 0, `Bad hugetlb usage of mm:${mm.id} val:${mm.hugetlbUsage}`);
  vmBugOn(mm.pgtablesBytes !== 0, `non-zero pgtables_bytes on freeing mm: ${mm.pgtablesBytes}`);
}

/** One user of the mm less; the last one ends it. Linux kernel/fork.c:mmput() */
export function mmput(mm: MmStruct): void {
  if (--mm.mmUsers > 0) return;
  khugepagedExit(mm);
  exitMmap(mm);
  mmPutHugeZeroFolio(mm);
  lruGenDelMm(mm);
}
