/**
 * Leaves of level 2: entries that map 2 MiB at once, and the tables set aside for them.
 *
 *   63 NX | 51 ... 21 frame (a multiple of 512) | 12 PAT | .. |7 PSE = 1|6 D|5 A|..|2 U|1 W|0 P
 *
 *   pmdp --> [ leaf ] ==============================> 512 frames side by side
 *   pmdp --> [ table ] --> PTE page: 512 entries --> any 512 frames
 *
 * Taking a leaf apart needs a PTE page, in moments when no memory may be had: a process gives memory back, or
 * reclaim works. So each leaf of anonymous memory comes with an empty PTE page, "deposited", that is counted
 * as the process's (VmPTE) and stays unused until the leaf is split or goes.
 *
 * Linux mm/pgtable-generic.c, mm/huge_memory.c. Read first: mm/pgtable/pgtable.ts. Read next: split_pmd.ts.
 */
import type { Pfn } from "../../hw/address.js";
import { PAGE_SIZE } from "../../hw/address.js";
import { PAGE_PSE, type Pte } from "../../hw/entry.js";
import type { MmStruct } from "../mm_types.js";
import { vmBugOn } from "../mmdebug.js";
import { pfnPte, ptePfn, ptePresent } from "../pgtable/pgtable.js";
import { pteFree } from "../pgtable/pgtable_alloc.js";
import type { MemorySystem } from "../system.js";

/** The leaf for the 512 frames from `pfn` on. Linux include/linux/mm.h:folio_mk_pmd() */
export function mkHugePmd(pfn: Pfn, prot: number): Pte {
  return pfnPte(pfn, prot) + PAGE_PSE;
}

/** The leaf maps the huge page of zeros. Linux include/linux/huge_mm.h:is_huge_zero_pmd() */
export function isHugeZeroPmd(sys: MemorySystem, pmd: Pte): boolean {
  const zero = sys.thp.hugeZeroFolio;
  return zero !== undefined && ptePresent(pmd) && ptePfn(pmd) === zero.pfn;
}

/** Sets the empty PTE page `pgtable` aside. Linux mm/pgtable-generic.c:pgtable_trans_huge_deposit() */
export function pgtableTransHugeDeposit(mm: MmStruct, pmdp: number, pgtable: Pfn): void {
  const { pmdHugePte } = mm.thp;
  const table = Math.floor(pmdp / 512);
  const deposited = pmdHugePte.get(table);
  if (deposited === undefined) pmdHugePte.set(table, [pgtable]);
  else deposited.push(pgtable);
}

/** Takes one back. Linux mm/pgtable-generic.c:pgtable_trans_huge_withdraw() */
export function pgtableTransHugeWithdraw(mm: MmStruct, pmdp: number): Pfn {
  const { pmdHugePte } = mm.thp;
  const table = Math.floor(pmdp / 512);
  const deposited = pmdHugePte.get(table);
  vmBugOn(deposited === undefined, "a leaf of level 2 has no table set aside");
  const pgtable = deposited!.pop()!;
  if (deposited!.length === 0) pmdHugePte.delete(table);
  return pgtable;
}

/** A leaf that had a table set aside is there now: it counts. Linux include/linux/mm.h:mm_inc_nr_ptes() */
export function mmIncNrPtes(mm: MmStruct): void {
  mm.pgtablesBytes += PAGE_SIZE;
}

/** The leaf goes, and the table set aside for it. Linux mm/huge_memory.c:zap_deposited_table() */
export function zapDepositedTable(mm: MmStruct, pmdp: number): void {
  pteFree(mm, pgtableTransHugeWithdraw(mm, pmdp));
  mm.pgtablesBytes -= PAGE_SIZE;
}
