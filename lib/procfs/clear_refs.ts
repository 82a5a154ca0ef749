/**
 * Writing /proc/PID/clear_refs: starting a new round of watching which pages a process uses.
 *
 *   1 all pages   2 anonymous   3 of files     clears the accessed bits and PG_referenced: "Referenced" in smaps restarts
 *   4             soft-dirty bits, so that pagemap tells which pages are written from now on
 *   5             VmHWM restarts from what is resident now
 *
 * The TLBs are not flushed for 1 to 3: a processor that still holds the entry does not set the accessed bit
 * again, so "Referenced" may miss pages. Linux accepts that for speed, and so it is here. For 4 they are: the
 * next write must fault, since only the fault sets the bit.
 *
 * Read first: mm/pgtable/pagewalk.ts, mm/pgtable/soft_dirty.ts, smaps.ts.
 */
import type { Pte } from "../hw/entry.js";
import { kstrtoint, strstrip } from "../kernel/kstrtox.js";
import { PROC_NUM_LENGTH } from "../kernel/oom_adj.js";
import { EINVAL } from "../mm/errno.js";
import { getMmRss, type MmStruct, VM_PFNMAP, VM_SOFTDIRTY, type VmAreaStruct } from "../mm/mm_types.js";
import { PG_referenced, pageFolio, pfnToPage } from "../mm/pages/folio.js";
import { type MmWalkOps, walkPageRange } from "../mm/pgtable/pagewalk.js";
import { pteMkold, ptePfn, pteSpecial, pteWrprotect, pteYoung, setPte } from "../mm/pgtable/pgtable.js";
import { pteClearSoftDirty, pteSwpClearSoftDirty } from "../mm/pgtable/soft_dirty.js";
import { PTE_KIND_PRESENT } from "../mm/pgtable/swapops.js";
import { tlbFlushMm } from "../mm/pgtable/tlb.js";

const CLEAR_REFS_ALL = 1;
const CLEAR_REFS_ANON = 2;
const CLEAR_REFS_MAPPED = 3;
const CLEAR_REFS_SOFT_DIRTY = 4;
const CLEAR_REFS_MM_HIWATER_RSS = 5;

/** Carries out a write of `text`; 0 or a negative errno. Linux fs/proc/task_mmu.c:clear_refs_write() */
export function clearRefsWrite(mm: MmStruct | undefined, text: string): number {
  const { value: type, error } = kstrtoint(strstrip(text.slice(0, PROC_NUM_LENGTH)), 10);
  if (error !== 0) return error;
  if (type < CLEAR_REFS_ALL || type > CLEAR_REFS_MM_HIWATER_RSS) return -EINVAL;
  if (mm === undefined) return 0;
  if (type === CLEAR_REFS_MM_HIWATER_RSS) {
    mm.hiwaterRss = getMmRss(mm);
    return 0;
  }
  if (type === CLEAR_REFS_SOFT_DIRTY) clearSoftDirty(mm);
  else walkPageRange(mm, 0, mm.taskSize, clearRefsWalkOps(mm, type));
  return 0;
}

/**
 * Nothing of the address space counts as written any more. Linux fs/proc/task_mmu.c:clear_refs_write()
 * Differs from Linux: a kernel without soft-dirty bits looks at no entry.
 */
function clearSoftDirty(mm: MmStruct): void {
  if (mm.sys.pageSoftDirty !== 0) {
    for (const vma of mm.mmMt) vma.vmFlags &= ~VM_SOFTDIRTY;
    walkPageRange(mm, 0, mm.taskSize, {
      testWalk: (vma) => isMeant(vma, CLEAR_REFS_SOFT_DIRTY),
      pteEntry: (pte, _addr, ptep, kind) => setPte(mm.sys.ram, ptep, withoutSoftDirty(pte, kind)),
      pmdEntry: (pmd, _addr, pmdp) => setPte(mm.sys.ram, pmdp, withoutSoftDirty(pmd, PTE_KIND_PRESENT)),
    });
  }
  tlbFlushMm(mm);
}

/**
 * The entry as it waits for its next write. Linux fs/proc/task_mmu.c:clear_soft_dirty()
 * Differs from Linux: pages pinned for a device, which keep their mark there, do not exist.
 */
function withoutSoftDirty(pte: Pte, kind: number): Pte {
  return kind === PTE_KIND_PRESENT ? pteClearSoftDirty(pteWrprotect(pte)) : pteSwpClearSoftDirty(pte);
}

/** Linux fs/proc/task_mmu.c:clear_refs_walk_ops */
function clearRefsWalkOps(mm: MmStruct, type: number): MmWalkOps {
  return {
    testWalk: (vma) => isMeant(vma, type),
    pteEntry(pte, _addr, ptep, kind) {
      if (kind === PTE_KIND_PRESENT) clearRefs(mm, pte, ptep);
    },
    pmdEntry: (pmd, _addr, pmdp) => clearRefs(mm, pmd, pmdp),
  };
}

/** Linux fs/proc/task_mmu.c:clear_refs_test_walk() */
function isMeant(vma: VmAreaStruct, type: number): boolean {
  if ((vma.vmFlags & VM_PFNMAP) !== 0) return false;
  if (type === CLEAR_REFS_ANON) return vma.vmFile === undefined;
  return type !== CLEAR_REFS_MAPPED || vma.vmFile !== undefined;
}

/** One entry, of a page or of a leaf. Linux fs/proc/task_mmu.c:clear_refs_pte_range() */
function clearRefs(mm: MmStruct, entry: Pte, entryp: number): void {
  if (pteSpecial(entry)) return;
  if (pteYoung(entry)) setPte(mm.sys.ram, entryp, pteMkold(entry));
  pageFolio(pfnToPage(mm.sys, ptePfn(entry))).flags &= ~PG_referenced;
}
