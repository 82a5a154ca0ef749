/**
 * The checker's look at page tables and VMAs: what is mapped where, and whether it belongs there.
 *
 *   mm --> tables, level by level --> entries and leaves --> mapped, refs, rss
 *      --> VMAs                   --> sums, order, reverse map
 *
 * What is found is compared with what is counted in debug.ts.
 *
 * Not in Linux: CONFIG_DEBUG_VM checks piece by piece there. Read next: debug.ts.
 */
import type { Vaddr } from "../hw/address.js";
import { PAGE_SIZE, PMD_SIZE } from "../hw/address.js";
import type { Pte } from "../hw/entry.js";
import type { AddressSpace } from "./filemap/mapping.js";
import { checkDeposits, checkLeaf, type HugeTruth, noteMapped } from "./huge/check.js";
import { isHugetlbAt } from "./hugetlb/check.js";
import { mmCounter } from "./lru/mm_inline.js";
import {
  type AnonVma,
  MM_SWAPENTS,
  type MmStruct,
  VM_LOCKED,
  VM_SHARED,
  type VmAreaStruct,
  vmaPages,
} from "./mm_types.js";
import { type Folio, folioTestAnon, type Page, pfnToPage } from "./pages/folio.js";
import { leafNotTable, ptePfn, ptepGet, pteSpecial, pteWrite } from "./pgtable/pgtable.js";
import {
  classifyPte,
  PTE_KIND_PRESENT,
  PTE_KIND_SWAP,
  pteSwpExclusive,
  pteToSwpEntry,
} from "./pgtable/swapops.js";
import type { SwapTruth } from "./swap/check.js";

/** What the tables say. */
export interface Truth {
  /** Entries that map each page. */
  readonly mapped: Map<Page, number>;
  /** References that can be explained. */
  readonly refs: Map<Folio, number>;
  readonly tables: Set<number>;
  readonly mappings: Set<AddressSpace>;
  readonly swap: SwapTruth;
  readonly huge: HugeTruth;
  readonly problems: string[];
}

/** Adds to a sum. */
export function add<K>(map: Map<K, number>, key: K, value: number): void {
  map.set(key, (map.get(key) ?? 0) + value);
}

/** Counts what one mm maps. */
export function checkMm(truth: Truth, mm: MmStruct): void {
  if (mm.pgd === 0) return;
  const rss = [0, 0, 0, 0];
  const state = { tables: -1, rss, ofLevel2: new Set<number>() };
  walkTable(truth, mm, mm.pgd, 4, 0, state);
  for (const table of checkDeposits(truth.huge, mm, state.ofLevel2)) noteTable(truth, mm, table, state);
  if (state.tables * PAGE_SIZE !== mm.pgtablesBytes)
    truth.problems.push(
      `mm ${mm.id}: pgtablesBytes ${mm.pgtablesBytes}, tables hold ${state.tables * PAGE_SIZE}`,
    );
  for (let i = 0; i < 4; i++)
    if (rss[i] !== mm.rssStat[i])
      truth.problems.push(`mm ${mm.id}: rssStat[${i}] is ${mm.rssStat[i]}, entries say ${rss[i]}`);
  for (const vma of mm.mmMt) {
    if (vma.vmFile === undefined) continue;
    truth.mappings.add(vma.vmFile.fMapping);
    if (!vma.vmFile.fMapping.iMmap.has(vma))
      truth.problems.push(`mm ${mm.id}: a VMA is not in its file's iMmap`);
  }
}

/** VMAs are sorted, apart and whole pages, and the mm's sums are theirs. */
export function checkVmas(truth: Truth, mm: MmStruct): void {
  const sums = { mapCount: 0, totalVm: 0 };
  let locked = 0;
  let end = 0;
  for (const vma of mm.mmMt) {
    const at = `mm ${mm.id}: the VMA at ${vma.vmStart.toString(16)}`;
    if (vma.vmMm !== mm) truth.problems.push(`${at} says it is of mm ${vma.vmMm.id}`);
    if (vma.vmStart < end || vma.vmEnd <= vma.vmStart) truth.problems.push(`${at} overlaps or is empty`);
    if (vma.vmStart % PAGE_SIZE !== 0 || vma.vmEnd % PAGE_SIZE !== 0)
      truth.problems.push(`${at} is not whole pages`);
    end = vma.vmEnd;
    sums.mapCount++;
    sums.totalVm += vmaPages(vma);
    if ((vma.vmFlags & VM_LOCKED) !== 0) locked += vmaPages(vma);
  }
  for (const name of ["mapCount", "totalVm"] as const)
    if (mm[name] !== sums[name])
      truth.problems.push(`mm ${mm.id}: ${name} is ${mm[name]}, the VMAs say ${sums[name]}`);
  // More it may be: MREMAP_DONTUNMAP counts locked pages twice.
  if (mm.lockedVm < locked)
    truth.problems.push(`mm ${mm.id}: lockedVm is ${mm.lockedVm}, the VMAs have ${locked}`);
}

/** Links between VMAs and AnonVmas go both ways, and each AnonVma counts the VMAs whose own it is. */
export function checkAnonVmas(truth: Truth, mms: readonly MmStruct[]): void {
  const active = new Map<AnonVma, number>();
  for (const mm of mms)
    for (const vma of mm.mmMt) {
      const at = `mm ${mm.id}: the VMA at ${vma.vmStart.toString(16)}`;
      if (vma.anonVma !== undefined && !vma.anonVmaChain.some((avc) => avc.anonVma === vma.anonVma))
        truth.problems.push(`${at} is not linked to its own anon_vma`);
      for (const avc of vma.anonVmaChain) {
        if (avc.vma !== vma || !avc.anonVma.rbRoot.has(avc))
          truth.problems.push(`${at} has a link that its anon_vma does not know`);
        add(active, avc.anonVma, avc.anonVma === vma.anonVma ? 1 : 0);
      }
    }
  for (const [anonVma, vmas] of active)
    if (anonVma.numActiveVmas !== vmas)
      truth.problems.push(`an anon_vma counts ${anonVma.numActiveVmas} VMAs as its own, they are ${vmas}`);
}

const LEVEL_BYTES = [0, 0x1000, PMD_SIZE, 0x4000_0000, 0x80_0000_0000];

/** What the tables of one mm add up to. */
interface TableSums {
  tables: number;
  readonly rss: number[];
  readonly ofLevel2: Set<number>;
}

function noteTable(truth: Truth, mm: MmStruct, table: number, state: TableSums): void {
  state.tables++;
  if (truth.tables.has(table)) truth.problems.push(`table ${table} is used twice`);
  truth.tables.add(table);
  add(truth.refs, pfnToPage(mm.sys, table), 1);
}

/** A leaf of level 2. */
function checkPmd(truth: Truth, mm: MmStruct, pmd: Pte, addr: Vaddr, table: number, rss: number[]): void {
  const vma = mm.mmMt.lookup(addr);
  if (vma === undefined || vma.vmEnd < addr + PMD_SIZE) {
    truth.problems.push(`mm ${mm.id}: the leaf at ${addr.toString(16)} lies in no VMA as a whole`);
    return;
  }
  const folio = checkLeaf(truth.huge, mm, pmd, table);
  if (folio === undefined) return;
  add(truth.refs, folio, 1);
  rss[mmCounter(folio)]! += PMD_SIZE / PAGE_SIZE;
  checkPlace(truth, vma, folio, pmd, addr);
}

function walkTable(
  truth: Truth,
  mm: MmStruct,
  table: number,
  level: number,
  base: number,
  state: TableSums,
): void {
  const { ram } = mm.sys;
  noteTable(truth, mm, table, state);
  if (level === 2) state.ofLevel2.add(table);
  for (let i = 0; i < (level === 4 ? 256 : 512); i++) {
    const entry = ptepGet(ram, table * 512 + i);
    if (entry === 0) continue;
    const addr = base + i * LEVEL_BYTES[level]!;
    if (level === 1) checkPte(truth, mm, entry, addr, state.rss);
    else if (leafNotTable(entry) && isHugetlbAt(mm, addr)) continue;
    else if (leafNotTable(entry)) checkPmd(truth, mm, entry, addr, table, state.rss);
    else walkTable(truth, mm, ptePfn(entry), level - 1, addr, state);
  }
}

function checkPte(truth: Truth, mm: MmStruct, pte: Pte, addr: Vaddr, rss: number[]): void {
  const vma = mm.mmMt.lookup(addr);
  if (vma === undefined) {
    truth.problems.push(`mm ${mm.id}: an entry at ${addr.toString(16)} lies in no VMA`);
    return;
  }
  const kind = classifyPte(pte);
  if (kind === PTE_KIND_SWAP) {
    const entry = pteToSwpEntry(pte);
    rss[MM_SWAPENTS]!++;
    add(truth.swap.entries, entry, 1);
    if (pteSwpExclusive(pte)) truth.swap.exclusive.add(entry);
  }
  if (kind !== PTE_KIND_PRESENT) return;
  if (pteSpecial(pte)) {
    if (ptePfn(pte) !== mm.sys.zeroPfn || pteWrite(pte))
      truth.problems.push(
        `mm ${mm.id}: the special entry at ${addr.toString(16)} is not the zero page, read-only`,
      );
    return;
  }
  const page = pfnToPage(mm.sys, ptePfn(pte));
  add(truth.mapped, page, 1);
  add(truth.refs, page.head, 1);
  rss[mmCounter(page.head)]!++;
  if (page.head.order > 0) noteMapped(truth.huge, page.head, mm);
  checkPlace(truth, vma, page, pte, addr);
}

/** Whether the page belongs where it is mapped. */
function checkPlace(truth: Truth, vma: VmAreaStruct, page: Page, pte: Pte, addr: Vaddr): void {
  const folio = page.head;
  const pgoff = (addr - vma.vmStart) / PAGE_SIZE + vma.vmPgoff;
  const at = `mm ${vma.vmMm.id} at ${addr.toString(16)}`;
  if (folio.index + page.pfn - folio.pfn !== pgoff)
    truth.problems.push(
      `${at}: page ${folio.index + page.pfn - folio.pfn} is mapped, the VMA has page ${pgoff} there`,
    );
  if (!folioTestAnon(folio)) {
    if (folio.mapping !== vma.vmFile?.fMapping) truth.problems.push(`${at}: a page of another file`);
    if (pteWrite(pte) && (vma.vmFlags & VM_SHARED) === 0)
      truth.problems.push(`${at}: a writable private file page`);
    return;
  }
  if (!vma.anonVmaChain.some((avc) => avc.anonVma === folio.mapping))
    truth.problems.push(`${at}: the VMA is not linked to the page's anon_vma`);
  if (pteWrite(pte) && !page.anonExclusive) truth.problems.push(`${at}: writable, but not exclusive`);
}
