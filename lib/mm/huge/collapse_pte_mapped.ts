/**
 * A folio of 2 MiB is in the cache of a file, and a process maps it by entries of level 1, or not at all:
 * from those to a leaf of level 2.
 *
 *   retractPageTables(mapping, start)      after a collapse, for every VMA that maps the range as a whole: its
 *                                          entries are empty by now, so the table is taken away. Not where a
 *                                          private mapping has ever had copies: the table may hold some
 *   collapsePteMappedThp(mm, addr, map)    for one process: all entries must be of this folio, or empty; they
 *                                          go, with their table; then a leaf, if it was asked for (`map`)
 *
 *      before   pmdp --> PTE page --> 512 entries ==> the folio        VmPTE 12 kB
 *      after    pmdp --> [ leaf ] ==================> the folio        VmPTE  8 kB
 *
 * Without a leaf nothing is lost: the next touch is a fault, which makes one.
 *
 * Linux mm/khugepaged.c. Read first: collapse_file.ts, file_pmd.ts. Read next: khugepaged.ts.
 */
import type { Vaddr } from "../../hw/address.js";
import { PAGE_SIZE, PMD_SIZE } from "../../hw/address.js";
import { folioPteBatch } from "../fault/pte_batch.js";
import { folioRemoveRmapPtes, linearPageIndex } from "../fault/rmap.js";
import { VmFault } from "../fault/vm_fault.js";
import { folioIsLocked } from "../filemap/folio_wait.js";
import type { AddressSpace } from "../filemap/mapping.js";
import { mmCounterFile } from "../lru/mm_inline.js";
import { folioMarkDirty } from "../lru/page_writeback.js";
import { addMmCounter, type MmStruct, type VmAreaStruct } from "../mm_types.js";
import { type Folio, folioGet, folioPage } from "../pages/folio.js";
import { folioPutRefs } from "../pages/free_pages.js";
import { pteDirty, ptePfn, ptePresent, ptepGet, pteSpecial, setPte } from "../pgtable/pgtable.js";
import { pmdAlloc, pteFree } from "../pgtable/pgtable_alloc.js";
import { flushTlbRange } from "../pgtable/tlb.js";
import { findPmdOrThpOrNone } from "./collapse_scan.js";
import { doSetPmd } from "./file_pmd.js";
import { hugeAlignDown, thpVmaAllowableOrder } from "./thp_orders.js";
import { HPAGE_PMD_NR, HPAGE_PMD_ORDER } from "./thp_state.js";
import type { ScanResult } from "./thp_types.js";

/** Takes the table at `pmdp` away, whose entries are empty. Linux pmdp_collapse_flush(), pte_free_defer() */
function removeTable(mm: MmStruct, addr: Vaddr, pmdp: number): void {
  const { ram } = mm.sys;
  const table = ptePfn(ptepGet(ram, pmdp));
  setPte(ram, pmdp, 0);
  flushTlbRange(mm, addr, addr + PMD_SIZE);
  mm.pgtablesBytes -= PAGE_SIZE;
  pteFree(mm, table);
}

/**
 * The pages [start, start + 512) of the file are one folio now, mapped by nobody: tables for them go, so that
 * faults can make leaves. Linux mm/khugepaged.c:retract_page_tables()
 */
export function retractPageTables(mapping: AddressSpace, start: number): void {
  for (const vma of mapping.iMmap) {
    const { vmMm: mm } = vma;
    if (vma.anonVma !== undefined || start < vma.vmPgoff) continue;
    const addr = vma.vmStart + (start - vma.vmPgoff) * PAGE_SIZE;
    if (addr % PMD_SIZE !== 0 || vma.vmEnd < addr + PMD_SIZE) continue;
    const { result, pmdp } = findPmdOrThpOrNone(mm, addr);
    if (result === "succeed") removeTable(mm, addr, pmdp);
  }
}

/** Every entry of the table is empty or of the page of the folio that belongs there; else why not. */
function checkEntries(vma: VmAreaStruct, first: number, folio: Folio): ScanResult {
  const { ram } = vma.vmMm.sys;
  for (let i = 0; i < HPAGE_PMD_NR; i++) {
    const pte = ptepGet(ram, first + i);
    if (pte === 0) continue;
    if (!ptePresent(pte)) return "pte_non_present";
    if (pteSpecial(pte) || ptePfn(pte) !== folio.pfn + i) return "fail";
  }
  return "succeed";
}

/**
 * Empties the entries. Differs from Linux: what they know of writes goes to the folio; Linux takes it for
 * dirty already.
 */
function clearEntries(vma: VmAreaStruct, first: number, folio: Folio): void {
  const { vmMm: mm } = vma;
  const { sys } = mm;
  let mapped = 0;
  for (let i = 0, nr = 1; i < HPAGE_PMD_NR; i += nr) {
    nr = 1;
    const pte = ptepGet(sys.ram, first + i);
    if (pte === 0) continue;
    const page = folioPage(sys, folio, i);
    nr = folioPteBatch(sys, folio, page, first + i, pte, HPAGE_PMD_NR - i);
    for (let k = 0; k < nr; k++) {
      if (pteDirty(ptepGet(sys.ram, first + i + k))) folioMarkDirty(folio);
      setPte(sys.ram, first + i + k, 0);
    }
    folioRemoveRmapPtes(folio, page, nr, vma);
    mapped += nr;
  }
  folioPutRefs(sys, folio, mapped);
  addMmCounter(mm, mmCounterFile(folio), -mapped);
}

/** Maps the folio by a leaf. Linux mm/khugepaged.c:set_huge_pmd() */
function setHugePmd(vma: VmAreaStruct, haddr: Vaddr, folio: Folio): ScanResult {
  const vmf = new VmFault(vma, haddr, 0);
  vmf.pmdp = pmdAlloc(vma.vmMm, haddr);
  if (vmf.pmdp === 0 || doSetPmd(vmf, folio) !== 0) return "fail";
  folioGet(folio);
  return "succeed";
}

/**
 * The process `mm` maps the folio of 2 MiB behind `addr`, if there is one, by nothing smaller than a leaf
 * afterwards; with `installPmd` by a leaf. Linux mm/khugepaged.c:collapse_pte_mapped_thp()
 */
export function collapsePteMappedThp(mm: MmStruct, addr: Vaddr, installPmd: boolean): ScanResult {
  const { sys } = mm;
  const haddr = hugeAlignDown(addr);
  const vma = mm.mmMt.find(haddr);
  if (vma?.vmFile === undefined || vma.vmStart > haddr || vma.vmEnd < haddr + PMD_SIZE) return "vma_check";
  const { result, pmdp } = findPmdOrThpOrNone(mm, haddr);
  if (result === "pmd_mapped") return result;
  if (!thpVmaAllowableOrder(vma, "forced_collapse")) return "vma_check";
  const folio = vma.vmFile.fMapping.pages.get(linearPageIndex(vma, haddr));
  if (folio === undefined) return "page_null";
  if (folioIsLocked(sys, folio)) return "page_lock";
  if (folio.order !== HPAGE_PMD_ORDER) return "page_compound";
  if (result === "succeed") {
    const first = ptePfn(ptepGet(sys.ram, pmdp)) * HPAGE_PMD_NR;
    const fit = checkEntries(vma, first, folio);
    if (fit !== "succeed") return fit;
    clearEntries(vma, first, folio);
    removeTable(mm, haddr, pmdp);
  }
  return installPmd ? setHugePmd(vma, haddr, folio) : "succeed";
}
