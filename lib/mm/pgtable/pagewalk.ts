/**
 * Walking the page tables of a range of addresses, entry by entry, without faulting anything in.
 *
 *   walkPageRange(mm, start, end, { pmdEntry, pteEntry })
 *        PGD -> PUD -> PMD -- table --> pteEntry(pte, addr, ptep) for every entry that is not empty
 *                          -- leaf ---> pmdEntry(pmd, addr, pmdp) once for the 2 MiB (or 1 GiB) it maps
 *                          -- empty --> skipped as a whole: sparse areas cost next to nothing
 *
 * smaps, pagemap, mincore and madvise look at a range this way. `forEachPteTable` is the loop below it, which the
 * functions that change many entries (zap, fork, mprotect) use directly.
 *
 * Read first: pgtable_alloc.ts. Read next: mm/fault/zap.ts.
 */
import type { Vaddr } from "../../hw/address.js";
import { PAGE_SIZE, PMD_SIZE } from "../../hw/address.js";
import type { Pte } from "../../hw/entry.js";
import type { MmStruct } from "../mm_types.js";
import { pgdIndex, pmdIndex, pmdLeaf, ptePfn, ptepGet, pudIndex } from "./pgtable.js";

/** Bytes below one level-3 entry. Linux PUD_SIZE */
export const PUD_BYTES = 0x4000_0000;
/** Bytes below one entry of the top table. Linux PGDIR_SIZE */
export const PGD_BYTES = 0x80_0000_0000;

/** What to call for what is found. Linux include/linux/pagewalk.h:struct mm_walk_ops */
export interface MmWalkOps {
  /** A level-1 entry that is not empty: its value, address and pointer. */
  pteEntry?(pte: Pte, addr: Vaddr, ptep: number): void;
  /** A leaf of level 2 or 3: its value, the first address of the walk under it, its pointer, and where the walk under it ends. */
  pmdEntry?(pmd: number, addr: Vaddr, pmdp: number, next: number): void;
}

/** Called with a level-2 entry that is not empty and the part [addr, next) of the range that it covers. */
type PmdVisitor = (pmdp: number, addr: Vaddr, next: number) => void;

/** Calls `visit` for each level-2 entry of [start, end) that is not empty. Linux walk_pgd_range(), walk_pmd_range() */
export function forEachPmd(mm: MmStruct, start: number, end: number, visit: PmdVisitor): void {
  const { ram } = mm.sys;
  let addr = start;
  while (addr < end) {
    const pgd = ptepGet(ram, mm.pgd * 512 + pgdIndex(addr));
    if (pgd === 0) {
      addr = nextBoundary(addr, PGD_BYTES, end);
      continue;
    }
    const pudp = ptePfn(pgd) * 512 + pudIndex(addr);
    const pud = ptepGet(ram, pudp);
    const pudEnd = nextBoundary(addr, PUD_BYTES, end);
    if (pud !== 0 && pmdLeaf(pud)) visit(pudp, addr, pudEnd);
    else if (pud !== 0) visitPmds(mm, ptePfn(pud), addr, pudEnd, visit);
    addr = pudEnd;
  }
}

function visitPmds(mm: MmStruct, table: number, start: number, end: number, visit: PmdVisitor): void {
  const { ram } = mm.sys;
  for (let addr = start; addr < end; ) {
    const next = nextBoundary(addr, PMD_SIZE, end);
    const index = pmdIndex(addr);
    if (ram.entryLo(table, index) !== 0 || ram.entryHi(table, index) !== 0)
      visit(table * 512 + index, addr, next);
    addr = next;
  }
}

/** The next multiple of `size` after `addr`, at most `end`. Linux pmd_addr_end() */
export function nextBoundary(addr: Vaddr, size: number, end: number): number {
  return Math.min((Math.floor(addr / size) + 1) * size, end);
}

/** Walks what is mapped or noted in [start, end) of `mm`. Linux mm/pagewalk.c:walk_page_range() */
export function walkPageRange(mm: MmStruct, start: number, end: number, ops: MmWalkOps): void {
  const { ram } = mm.sys;
  forEachPmd(mm, start, end, (pmdp, from, to) => {
    const pmd = ptepGet(ram, pmdp);
    if (pmdLeaf(pmd)) {
      ops.pmdEntry?.(pmd, from, pmdp, to);
      return;
    }
    if (ops.pteEntry === undefined) return;
    let ptep = ptePfn(pmd) * 512 + (Math.floor(from / PAGE_SIZE) & 511);
    for (let addr = from; addr < to; addr += PAGE_SIZE, ptep++) {
      const pte = ptepGet(ram, ptep);
      if (pte !== 0) ops.pteEntry(pte, addr, ptep);
    }
  });
}
