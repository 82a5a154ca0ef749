/**
 * Walking the page tables of a range of addresses, entry by entry, without faulting anything in.
 *
 *   walkPageRange(mm, start, end, ops)
 *        between VMAs ------> pteHole(start, end, -1)
 *        VMA: testWalk() says whether it is walked; then
 *        PGD -> PUD -> PMD -- table --> pteEntry(pte, addr, ptep, kind) for every entry that is not empty
 *         |      |      |                 pteHole for every one that is
 *         |      |      +--- leaf ----> pmdEntry(pmd, addr, pmdp, next) once for the 2 MiB it maps
 *         +------+------+--- empty ---> pteHole(addr, next, depth) for the part as a whole
 *
 * mprotect, mlock, madvise, mincore, smaps and pagemap go over a range this way. What an entry is, is found
 * out here, once (classifyPte): an entry of no known kind throws before a callback could take it for
 * something else.
 *
 * A leaf of level 2 that is met by a walk with pteEntry but without pmdEntry is split, and so is one to which
 * pmdEntry answers "split": then its 512 entries are visited. Nothing maps a leaf of level 3, so every walk
 * throws there.
 *
 * `forEachPmd` is the loop below it, which the functions that empty or copy many entries (zap, fork) use
 * directly.
 *
 * A VMA of huge pages from a pool (mm/hugetlb/huge_pte.ts) is walked with hugetlbEntry, and by walks without
 * it not at all.
 *
 * Left out: install_pte, and ACTION_AGAIN, which needs another CPU that changes the tables
 * meanwhile.
 *
 * Read first: pgtable_alloc.ts. Read next: mm/fault/zap.ts.
 */
import type { Vaddr } from "../../hw/address.js";
import { PAGE_SIZE, PMD_SIZE } from "../../hw/address.js";
import type { Pte } from "../../hw/entry.js";
import type { Ram } from "../../hw/ram.js";
import { type HugetlbEntry, walkHugetlbRange } from "../hugetlb/huge_pte.js";
import { type MmStruct, VM_HUGETLB, VM_PFNMAP, type VmAreaStruct } from "../mm_types.js";
import { vmBugOn } from "../mmdebug.js";
import { leafNotTable, pgdIndex, pmdIndex, pteIndex, ptePfn, ptepGet, pudIndex } from "./pgtable.js";
import { classifyPte } from "./swapops.js";

/** Bytes below one level-3 entry. Linux PUD_SIZE */
export const PUD_BYTES = 0x4000_0000;
/** Bytes below one entry of the top table. Linux PGDIR_SIZE */
export const PGD_BYTES = 0x80_0000_0000;

/**
 * What a callback answers: true ends the walk, nothing or false goes on; of a leaf, "split": take it apart
 * and go on below. Linux: ACTION_SUBTREE Differs from Linux: an int there, so that a number returned by
 * chance would end the walk too.
 */
// biome-ignore lint/suspicious/noConfusingVoidType: a callback that never ends the walk returns nothing
type WalkAnswer = boolean | void;
/** The same of a leaf. */
type LeafAnswer = WalkAnswer | "split" | undefined;

/** What to call for what is found; all are optional. Linux include/linux/pagewalk.h:struct mm_walk_ops */
export interface MmWalkOps {
  /**
   * Whether the part [start, end) of `vma` is to be walked. Without it, VMAs whose frames have no page
   * structs (VM_PFNMAP) count as holes. Not called by walkPageRangeVma(). Differs from Linux: it cannot end
   * the walk.
   */
  testWalk?(vma: VmAreaStruct, start: Vaddr, end: Vaddr): boolean;
  /**
   * A leaf of level 2: its value, the first address of the walk under it, its pointer, where the walk under
   * it ends.
   * Differs from Linux: not called for tables.
   */
  pmdEntry?(pmd: Pte, addr: Vaddr, pmdp: number, next: Vaddr): LeafAnswer;
  /**
   * A level-1 entry: its value, address, pointer, and which of the PTE_KIND_ constants it is.
   * Differs from Linux: not called for empty ones, which are holes here.
   */
  pteEntry?(pte: Pte, addr: Vaddr, ptep: number, kind: number): WalkAnswer;
  /** A huge page of a pool, mapped or not, in a VMA of such. */
  hugetlbEntry?: HugetlbEntry;
  /**
   * Nothing maps [addr, next). `depth` says how high: 0 the top table's entry is empty, 2 that of level 3, 3
   * that of level 2, 4 that of level 1; -1 there is no VMA.
   */
  pteHole?(addr: Vaddr, next: Vaddr, depth: number): WalkAnswer;
}

/** Called with a level-2 entry that is not empty and the part [addr, next) of the range that it covers. */
type PmdVisitor = (pmdp: number, addr: Vaddr, next: Vaddr) => WalkAnswer;

/** Called for [addr, next) when the entry at `depth` above it is empty. */
type HoleVisitor = (addr: Vaddr, next: Vaddr, depth: number) => WalkAnswer;

/**
 * Calls `visit` for each level-2 entry of [start, end) that is not empty: a table or a leaf, nothing else may
 * stand there. Returns whether a visitor ended it. Linux walk_pgd_range(), walk_pud_range(), walk_pmd_range()
 */
export function forEachPmd(
  mm: MmStruct,
  start: Vaddr,
  end: Vaddr,
  visit: PmdVisitor,
  hole?: HoleVisitor,
): boolean {
  const { ram } = mm.sys;
  let addr = start;
  while (addr < end) {
    const pgd = ptepGet(ram, mm.pgd * 512 + pgdIndex(addr));
    let next = nextBoundary(addr, PGD_BYTES, end);
    let answer: WalkAnswer;
    if (pgd === 0) answer = hole?.(addr, next, 0);
    else {
      const pud = ptepGet(ram, tableFrame(pgd) * 512 + pudIndex(addr));
      next = nextBoundary(addr, PUD_BYTES, end);
      answer = pud === 0 ? hole?.(addr, next, 2) : visitPmds(ram, tableFrame(pud), addr, next, visit, hole);
    }
    if (answer) return true;
    addr = next;
  }
  return false;
}

/** Frame of the table that `entry`, of a level above 2, points to. */
function tableFrame(entry: Pte): number {
  vmBugOn(leafNotTable(entry), "a leaf above level 2 is to be walked, which nothing maps");
  return ptePfn(entry);
}

function visitPmds(
  ram: Ram,
  table: number,
  start: Vaddr,
  end: Vaddr,
  visit: PmdVisitor,
  hole?: HoleVisitor,
): boolean {
  for (let addr = start; addr < end; ) {
    const next = nextBoundary(addr, PMD_SIZE, end);
    const index = pmdIndex(addr);
    const empty = ram.entryLo(table, index) === 0 && ram.entryHi(table, index) === 0;
    const answer = empty ? hole?.(addr, next, 3) : visit(table * 512 + index, addr, next);
    if (answer) return true;
    addr = next;
  }
  return false;
}

/** The next multiple of `size` after `addr`, at most `end`. Linux pmd_addr_end() */
export function nextBoundary(addr: Vaddr, size: number, end: number): number {
  return Math.min((Math.floor(addr / size) + 1) * size, end);
}

/**
 * Walks [start, end) of `mm`, VMA by VMA. Returns whether a callback ended it.
 * Linux mm/pagewalk.c:walk_page_range()
 */
export function walkPageRange(mm: MmStruct, start: Vaddr, end: Vaddr, ops: MmWalkOps): boolean {
  for (let addr = start; addr < end; ) {
    const vma = mm.mmMt.find(addr);
    const inside = vma !== undefined && vma.vmStart <= addr;
    const next = Math.min(end, (inside ? vma.vmEnd : vma?.vmStart) ?? end);
    const answer = inside ? walkTested(vma, addr, next, ops) : ops.pteHole?.(addr, next, -1);
    if (answer) return true;
    addr = next;
  }
  return false;
}

/**
 * Walks the part of one VMA, if it is to be walked at all. Linux mm/pagewalk.c:walk_page_test(),
 * __walk_page_range()
 */
function walkTested(vma: VmAreaStruct, start: Vaddr, end: Vaddr, ops: MmWalkOps): WalkAnswer {
  if (ops.testWalk !== undefined) {
    if (!ops.testWalk(vma, start, end)) return false;
  } else if ((vma.vmFlags & VM_PFNMAP) !== 0) return ops.pteHole?.(start, end, -1);
  return walkPageRangeVma(vma, start, end, ops);
}

/**
 * Walks [start, end), a part of `vma`; testWalk is not asked. Returns whether a callback ended it.
 * Linux mm/pagewalk.c:walk_page_range_vma()
 */
export function walkPageRangeVma(vma: VmAreaStruct, start: Vaddr, end: Vaddr, ops: MmWalkOps): boolean {
  const { ram } = vma.vmMm.sys;
  if ((vma.vmFlags & VM_HUGETLB) !== 0)
    return (
      ops.hugetlbEntry !== undefined &&
      walkHugetlbRange(vma, start, end, ops.hugetlbEntry, (addr, next) => ops.pteHole?.(addr, next, -1))
    );
  const visit: PmdVisitor = (pmdp, addr, next) => {
    const pmd = ptepGet(ram, pmdp);
    if (!leafNotTable(pmd)) return ops.pteEntry && walkPteRange(ram, pmd, addr, next, ops);
    const answer = ops.pmdEntry === undefined ? "split" : ops.pmdEntry(pmd, addr, pmdp, next);
    if (answer !== "split") return answer;
    if (ops.pteEntry === undefined) return false;
    vma.vmMm.sys.parts.splitHugePmd(vma, pmdp, addr);
    const table = ptepGet(ram, pmdp);
    return table === 0 ? ops.pteHole?.(addr, next, 3) : walkPteRange(ram, table, addr, next, ops);
  };
  return forEachPmd(
    vma.vmMm,
    start,
    end,
    visit,
    ops.pteHole && ((addr, next, d) => ops.pteHole!(addr, next, d)),
  );
}

/** Linux mm/pagewalk.c:walk_pte_range() */
function walkPteRange(ram: Ram, pmd: Pte, start: Vaddr, end: Vaddr, ops: MmWalkOps): WalkAnswer {
  let ptep = ptePfn(pmd) * 512 + pteIndex(start);
  for (let addr = start; addr < end; addr += PAGE_SIZE, ptep++) {
    const pte = ptepGet(ram, ptep);
    const answer =
      pte !== 0 ? ops.pteEntry!(pte, addr, ptep, classifyPte(pte)) : ops.pteHole?.(addr, addr + PAGE_SIZE, 4);
    if (answer) return true;
  }
  return false;
}
