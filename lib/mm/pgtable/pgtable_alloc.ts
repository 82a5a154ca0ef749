/**
 * Page tables: walking down them, making them on the way, and taking them away.
 *
 *   mm.pgd --> PGD page --pgdp--> PUD page --pudp--> PMD page --pmdp--> PTE page --ptep--> frame
 *              (one per mm)       512 GiB each       1 GiB each         2 MiB each
 *                                 `------------- counted in mm.pgtablesBytes: VmPTE -------------'
 *
 * xxxOffset finds the entry for an address and returns 0 where a table is missing; xxxAlloc makes the missing
 * tables and returns 0 only when no frame is left. A leaf (huge page) in level 2 or 3 is not a table, and not
 * "nothing" either: who may meet one looks at the entry first (pmdLeaf), and both throw where they find one
 * in place of a table.
 *
 * Tables go away in two cases: freePgtables() after munmap, for every table whose whole range lies between
 * the neighbouring VMAs (floor and ceiling); and when MADV_DONTNEED has emptied the whole range of a PTE page
 * (CONFIG_PT_RECLAIM, see mm/fault/zap.ts). The table pages are real frames of RAM that the processor reads.
 *
 * Read first: pgtable.ts. Read next: pagewalk.ts.
 */
import type { Pfn, Vaddr } from "../../hw/address.js";
import { PAGE_SIZE, PMD_SIZE } from "../../hw/address.js";
import type { Pte } from "../../hw/entry.js";
import { PAGE_PRESENT, PAGE_PSE } from "../../hw/entry.js";
import type { VmFault } from "../fault/vm_fault.js";
import { currentMemcg, memCgroupCharge } from "../memcg/charge.js";
import type { MmStruct } from "../mm_types.js";
import { vmBugOn } from "../mmdebug.js";
import { PGTY_table, pfnToPage } from "../pages/folio.js";
import { folioPut } from "../pages/free_pages.js";
import { __GFP_ACCOUNT, GFP_PGTABLE_KERNEL, GFP_PGTABLE_USER } from "../pages/gfp.js";
import { allocPages } from "../pages/page_alloc.js";
import { modNodePageState, NR_PAGETABLE } from "../vmstat.js";
import { withGather } from "./mmu_gather.js";
import {
  PAGE_TABLE,
  pgdIndex,
  pmdIndex,
  pmdLeaf,
  pteIndex,
  ptePfn,
  ptepGet,
  pudIndex,
  setPte,
  unknownPte,
} from "./pgtable.js";

const PUD_BYTES = 0x4000_0000;
const PGD_BYTES = 0x80_0000_0000;

/** A zeroed frame for a table: its number, or 0. Linux pte_alloc_one() */
export function pteAllocOne(mm: MmStruct): number {
  const gfp = mm === mm.sys.initMm ? GFP_PGTABLE_KERNEL : GFP_PGTABLE_USER;
  const page = allocPages(mm.sys, gfp, 0);
  if (page === undefined) return 0;
  page.pageType = PGTY_table;
  if ((gfp & __GFP_ACCOUNT) !== 0 && !memCgroupCharge(mm.sys, page, currentMemcg(mm.sys), gfp)) {
    folioPut(mm.sys, page);
    return 0;
  }
  modNodePageState(mm.sys, NR_PAGETABLE, 1);
  return page.pfn;
}

/** A table that nothing points to goes back. Linux pte_free() */
export function pteFree(mm: MmStruct, pfn: Pfn): void {
  modNodePageState(mm.sys, NR_PAGETABLE, -1);
  folioPut(mm.sys, pfnToPage(mm.sys, pfn));
}

/** Gives the mm its top table; 0 or -12 (ENOMEM). Linux arch/x86/mm/pgtable.c:pgd_alloc() */
export function pgdAlloc(mm: MmStruct): number {
  const pfn = pteAllocOne(mm);
  if (pfn === 0) return -12;
  mm.pgd = pfn;
  return 0;
}

/** Takes the top table away; all others must be gone. Linux arch/x86/mm/pgtable.c:pgd_free() */
export function pgdFree(mm: MmStruct): void {
  if (mm.pgd !== 0) pteFree(mm, mm.pgd);
  mm.pgd = 0;
}

/** The frame of the table that `entryp` points to; 0 when it is empty. */
function tableBelow(mm: MmStruct, entryp: number): number {
  const entry = ptepGet(mm.sys.ram, entryp);
  if ((entry & (PAGE_PRESENT | PAGE_PSE)) === PAGE_PRESENT) return ptePfn(entry);
  return entry === 0 ? 0 : noTable(entry);
}

/** Throws for an entry that should point to a table and does not. */
function noTable(entry: Pte): never {
  vmBugOn(pmdLeaf(entry), "a leaf is where a table is looked for");
  throw unknownPte(entry);
}

/** The same, making the table if the entry is empty. Linux __pte_alloc(), __pmd_alloc(), __pud_alloc() */
function tableBelowAlloc(mm: MmStruct, entryp: number): number {
  const entry = ptepGet(mm.sys.ram, entryp);
  if ((entry & (PAGE_PRESENT | PAGE_PSE)) === PAGE_PRESENT) return ptePfn(entry);
  if (entry !== 0) noTable(entry);
  const pfn = pteAllocOne(mm);
  if (pfn === 0) return 0;
  if (pmdInstall(mm, entryp, pfn)) return pfn;
  pteFree(mm, pfn);
  return tableBelow(mm, entryp);
}

/**
 * Hooks the new table `pfn` in below `entryp`; false, and the table stays the caller's, if one has come there
 * since the caller looked: to have memory for the table it may have waited. Linux mm/memory.c:pmd_install()
 */
export function pmdInstall(mm: MmStruct, entryp: number, pfn: Pfn): boolean {
  const { ram } = mm.sys;
  if (ptepGet(ram, entryp) !== 0) return false;
  mm.pgtablesBytes += PAGE_SIZE;
  setPte(ram, entryp, pfn * PAGE_SIZE + PAGE_TABLE);
  return true;
}

/** Pointer to the level-3 entry for `addr`, 0 where the table is missing. Linux pud_offset() */
export function pudOffset(mm: MmStruct, addr: Vaddr): number {
  const pud = tableBelow(mm, mm.pgd * 512 + pgdIndex(addr));
  return pud === 0 ? 0 : pud * 512 + pudIndex(addr);
}

/**
 * Pointer to the level-2 entry for `addr`, 0 where a table is missing. Linux mm/rmap.c:mm_find_pmd(),
 * pmd_offset()
 */
export function pmdOffset(mm: MmStruct, addr: Vaddr): number {
  const pudp = pudOffset(mm, addr);
  return pudp === 0 ? 0 : pmdOffsetPud(mm, pudp, addr);
}

/** The same below a known level-3 entry. Linux pmd_offset() */
export function pmdOffsetPud(mm: MmStruct, pudp: number, addr: Vaddr): number {
  const pmd = tableBelow(mm, pudp);
  return pmd === 0 ? 0 : pmd * 512 + pmdIndex(addr);
}

/** Pointer to the level-1 entry for `addr`, 0 where a table is missing. Linux pte_offset_map() */
export function pteOffset(mm: MmStruct, addr: Vaddr): number {
  const pmdp = pmdOffset(mm, addr);
  return pmdp === 0 ? 0 : pteOffsetPmd(mm, pmdp, addr);
}

/** Where an address is mapped: the entry, of whatever level, and the page of it that is meant. */
interface MappedAt {
  /** 0 where a table is missing. */
  readonly ptep: number;
  /** Small pages from the entry's frame on; 0 for an entry of level 1. */
  readonly subpage: number;
}

/** No table leads there. Not in Linux: NULL there. */
export const NOWHERE: MappedAt = Object.freeze({ ptep: 0, subpage: 0 });

/**
 * The entry that maps `addr`, or would: of level 1, or a leaf above. Linux
 * arch/x86/mm/pat/set_memory.c:lookup_address()
 */
export function lookupAddress(mm: MmStruct, addr: Vaddr): MappedAt {
  const { ram } = mm.sys;
  const pudp = pudOffset(mm, addr);
  if (pudp === 0) return NOWHERE;
  if (pmdLeaf(ptepGet(ram, pudp))) return { ptep: pudp, subpage: Math.floor((addr % PUD_BYTES) / PAGE_SIZE) };
  const pmdp = pmdOffsetPud(mm, pudp, addr);
  if (pmdp === 0) return NOWHERE;
  if (pmdLeaf(ptepGet(ram, pmdp))) return { ptep: pmdp, subpage: Math.floor((addr % PMD_SIZE) / PAGE_SIZE) };
  const ptep = pteOffsetPmd(mm, pmdp, addr);
  return ptep === 0 ? NOWHERE : { ptep, subpage: 0 };
}

/** The same below a known level-2 entry. Linux pte_offset_map() */
export function pteOffsetPmd(mm: MmStruct, pmdp: number, addr: Vaddr): number {
  const table = tableBelow(mm, pmdp);
  return table === 0 ? 0 : table * 512 + pteIndex(addr);
}

/** Pointer to the level-3 entry for `addr`, tables made as needed; 0 without memory. Linux pud_alloc() */
export function pudAlloc(mm: MmStruct, addr: Vaddr): number {
  const pud = tableBelowAlloc(mm, mm.pgd * 512 + pgdIndex(addr));
  return pud === 0 ? 0 : pud * 512 + pudIndex(addr);
}

/** Pointer to the level-2 entry for `addr`, tables made as needed; 0 without memory. Linux pmd_alloc() */
export function pmdAlloc(mm: MmStruct, addr: Vaddr): number {
  const pudp = pudAlloc(mm, addr);
  const pmd = pudp === 0 ? 0 : tableBelowAlloc(mm, pudp);
  return pmd === 0 ? 0 : pmd * 512 + pmdIndex(addr);
}

/** Pointer to the level-1 entry below `pmdp`, table made if needed; 0 without memory. Linux pte_alloc() */
export function pteAllocPmd(mm: MmStruct, pmdp: number, addr: Vaddr): number {
  const table = tableBelowAlloc(mm, pmdp);
  return table === 0 ? 0 : table * 512 + pteIndex(addr);
}

/**
 * Makes the table of a fault's level-1 entry if it is missing, of the one set aside if there is one, and
 * notes where the entry is; false without memory. Linux include/linux/mm.h:pte_alloc()
 */
export function vmfPteAlloc(vmf: VmFault): boolean {
  if (vmf.ptep !== 0) return true;
  const { vmMm } = vmf.vma;
  if (vmf.preallocPte !== 0 && pmdInstall(vmMm, vmf.pmdp, vmf.preallocPte)) vmf.preallocPte = 0;
  vmf.ptep = pteAllocPmd(vmMm, vmf.pmdp, vmf.address);
  return vmf.ptep !== 0;
}

/**
 * Sets a table aside for the fault if it will need one, while it holds no page yet: making room for the table
 * could need that very page. False without memory. Linux mm/memory.c:do_fault_around(), __do_fault()
 */
export function vmfPreallocPte(vmf: VmFault): boolean {
  if (vmf.ptep !== 0 || vmf.preallocPte !== 0) return true;
  vmf.preallocPte = pteAllocOne(vmf.vma.vmMm);
  return vmf.preallocPte !== 0;
}

/** Frees the table that was set aside and not used. Linux mm/memory.c:do_fault() */
export function vmfFreePrealloc(vmf: VmFault): void {
  if (vmf.preallocPte !== 0) pteFree(vmf.vma.vmMm, vmf.preallocPte);
  vmf.preallocPte = 0;
}

/**
 * Pointer to the level-1 entry for `addr`, all tables made as needed; 0 without memory. Linux pte_alloc_map()
 */
export function pteAlloc(mm: MmStruct, addr: Vaddr): number {
  const pmdp = pmdAlloc(mm, addr);
  return pmdp === 0 ? 0 : pteAllocPmd(mm, pmdp, addr);
}

/** Whether all 512 entries of the PTE page are empty. Linux mm/pt_reclaim.c:try_to_free_pte() */
export function pteTableEmpty(mm: MmStruct, table: number): boolean {
  const { ram } = mm.sys;
  for (let i = 0; i < 512; i++) if (ram.entryLo(table, i) !== 0 || ram.entryHi(table, i) !== 0) return false;
  return true;
}

/** Unhooks and frees the table below `entryp`. Linux pte_free_tlb(), pmd_free_tlb(), pud_free_tlb() */
export function freeTableBelow(mm: MmStruct, entryp: number): void {
  const table = tableBelow(mm, entryp);
  if (table === 0) return;
  setPte(mm.sys.ram, entryp, 0);
  mm.pgtablesBytes -= PAGE_SIZE;
  if (mm.tlbGather !== undefined) mm.tlbGather.freedTables = true;
  pteFree(mm, table);
}

/**
 * Frees the tables for [start, end) as far as no table is needed outside: `floor` is the end of the mapping
 * below, `ceiling` the start of the one above (0 = none). Linux mm/memory.c:free_pgd_range()
 */
export function freePgdRange(mm: MmStruct, start: number, end: number, floor: number, ceiling: number): void {
  const top = ceiling === 0 ? Number.POSITIVE_INFINITY : Math.floor(ceiling / PMD_SIZE) * PMD_SIZE;
  let first = Math.floor(start / PMD_SIZE) * PMD_SIZE;
  if (first < floor) first += PMD_SIZE;
  const stop = Math.min(Math.ceil(end / PMD_SIZE) * PMD_SIZE, top);
  if (first >= stop) return;
  const limit = ceiling === 0 ? Number.POSITIVE_INFINITY : ceiling;
  withGather(mm, () => {
    for (let addr = first; addr < stop; addr = nextOf(addr, PGD_BYTES, stop))
      freePudRange(mm, addr, nextOf(addr, PGD_BYTES, stop), floor, limit);
  });
}

function nextOf(addr: Vaddr, size: number, end: number): number {
  return Math.min((Math.floor(addr / size) + 1) * size, end);
}

/** Whether the table that covers the `size` bytes around [addr, end) lies between floor and ceiling. */
function tableUnused(addr: Vaddr, size: number, floor: number, ceiling: number): boolean {
  const start = Math.floor(addr / size) * size;
  return start >= floor && start + size <= Math.floor(ceiling / size) * size;
}

/** Linux mm/memory.c:free_pud_range() */
function freePudRange(mm: MmStruct, start: number, end: number, floor: number, ceiling: number): void {
  const pgdp = mm.pgd * 512 + pgdIndex(start);
  const pud = tableBelow(mm, pgdp);
  if (pud === 0) return;
  for (let addr = start; addr < end; addr = nextOf(addr, PUD_BYTES, end))
    freePmdRange(mm, pud * 512 + pudIndex(addr), addr, nextOf(addr, PUD_BYTES, end), floor, ceiling);
  if (tableUnused(start, PGD_BYTES, floor, ceiling)) freeTableBelow(mm, pgdp);
}

/** Linux mm/memory.c:free_pmd_range() */
function freePmdRange(
  mm: MmStruct,
  pudp: number,
  start: number,
  end: number,
  floor: number,
  ceiling: number,
): void {
  const pmd = tableBelow(mm, pudp);
  if (pmd === 0) return;
  for (let addr = start; addr < end; addr = nextOf(addr, PMD_SIZE, end))
    freeTableBelow(mm, pmd * 512 + pmdIndex(addr));
  if (tableUnused(start, PUD_BYTES, floor, ceiling)) freeTableBelow(mm, pudp);
}
