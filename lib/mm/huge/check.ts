/**
 * A checker for huge folios: what leaves, tables and lists say, against what is counted.
 *
 *   leaf             512 frames from a multiple of 512 on, of one folio; or the huge page of zeros, read-only
 *   table set aside  one for each leaf of anonymous memory in a table of level 2; empty
 *   folio            entireMapcount, largeMapcount, nrPagesMapped; whose it is, if it says that it is one's alone
 *   queue            what waits to be split is in use, and knows it
 *
 * Part of checkInvariants() (mm/debug.ts). Not in Linux: CONFIG_DEBUG_VM checks piece by piece there.
 *
 * Read first: huge_pmd.ts, mm/fault/large_mapcount.ts.
 */
import type { Pte } from "../../hw/entry.js";
import type { Lruvec } from "../lru/lruvec.js";
import type { MmStruct } from "../mm_types.js";
import {
  type Folio,
  folioNrPages,
  folioTestAnon,
  type Page,
  PG_partially_mapped,
  pfnToPage,
} from "../pages/folio.js";
import { ptePfn, pteSpecial, pteWrite } from "../pgtable/pgtable.js";
import { pteTableEmpty } from "../pgtable/pgtable_alloc.js";
import type { MemorySystem } from "../system.js";
import { isHugeZeroPmd } from "./huge_pmd.js";
import { HPAGE_PMD_NR } from "./thp_state.js";

/** What the tables say about huge folios. */
export interface HugeTruth {
  /** Leaves that map each folio. */
  readonly entire: Map<Folio, number>;
  /** Address spaces that map some of each large folio. */
  readonly mms: Map<Folio, Set<MmStruct>>;
  /** Leaves of anonymous memory by the table they are in. */
  readonly leaves: Map<number, number>;
  readonly problems: string[];
}

/** Nothing seen yet. */
export function newHugeTruth(problems: string[]): HugeTruth {
  return { entire: new Map(), mms: new Map(), leaves: new Map(), problems };
}

/** Some page of the folio is mapped by `mm`. */
export function noteMapped(truth: HugeTruth, folio: Folio, mm: MmStruct): void {
  const mms = truth.mms.get(folio);
  if (mms === undefined) truth.mms.set(folio, new Set([mm]));
  else mms.add(mm);
}

/**
 * Counts a leaf of level 2 in `table`; the folio that it maps, undefined for the huge page of zeros.
 */
export function checkLeaf(truth: HugeTruth, mm: MmStruct, pmd: Pte, table: number): Folio | undefined {
  const { sys } = mm;
  const { problems } = truth;
  truth.leaves.set(table, (truth.leaves.get(table) ?? 0) + 1);
  if (isHugeZeroPmd(sys, pmd)) {
    if (!pteSpecial(pmd) || pteWrite(pmd) || !mm.thp.hasHugeZero)
      problems.push(`mm ${mm.id}: the huge page of zeros is writable, not special, or not got`);
    return undefined;
  }
  const page = pfnToPage(sys, ptePfn(pmd));
  const folio = page.head;
  if (page !== folio || folioNrPages(folio) !== HPAGE_PMD_NR || page.pfn % HPAGE_PMD_NR !== 0)
    problems.push(`mm ${mm.id}: a leaf maps frame ${page.pfn}, which begins no huge folio`);
  if (!folioTestAnon(folio)) truth.leaves.set(table, truth.leaves.get(table)! - 1);
  truth.entire.set(folio, (truth.entire.get(folio) ?? 0) + 1);
  noteMapped(truth, folio, mm);
  return folio;
}

/** Each leaf has an empty table set aside; all of them. */
export function checkDeposits(truth: HugeTruth, mm: MmStruct, tables: ReadonlySet<number>): number[] {
  const deposited: number[] = [];
  for (const table of tables) {
    const aside = mm.thp.pmdHugePte.get(table) ?? [];
    const leaves = truth.leaves.get(table) ?? 0;
    if (aside.length !== leaves)
      truth.problems.push(`table ${table} has ${leaves} leaves and ${aside.length} tables set aside`);
    deposited.push(...aside);
  }
  for (const table of mm.thp.pmdHugePte.keys())
    if (!tables.has(table)) truth.problems.push(`mm ${mm.id}: tables set aside for ${table}, which is gone`);
  for (const pfn of deposited)
    if (!pteTableEmpty(mm, pfn)) truth.problems.push(`table ${pfn}, set aside, is not empty`);
  return deposited;
}

/** The counts of one large folio in use, of which `mapped` entries map each page. */
export function checkLargeFolio(
  truth: HugeTruth,
  sys: MemorySystem,
  folio: Folio,
  mapped: ReadonlyMap<Page, number>,
): void {
  const { problems } = truth;
  const entire = truth.entire.get(folio) ?? 0;
  let entries = entire;
  let pages = 0;
  for (let i = 0; i < folioNrPages(folio); i++) {
    const nr = mapped.get(pfnToPage(sys, folio.pfn + i)) ?? 0;
    entries += nr;
    if (nr > 0) pages++;
  }
  const at = `the folio at ${folio.pfn}`;
  if (folio.entireMapcount !== entire)
    problems.push(`${at}: entireMapcount ${folio.entireMapcount}, ${entire} leaves`);
  if (folio.largeMapcount !== entries)
    problems.push(`${at}: largeMapcount ${folio.largeMapcount}, ${entries} entries and leaves`);
  if (folio.nrPagesMapped !== pages)
    problems.push(`${at}: nrPagesMapped ${folio.nrPagesMapped}, ${pages} pages have entries`);
  const mms = truth.mms.get(folio)?.size ?? 0;
  if (mms > 1 && folio.large?.maybeMappedShared !== true)
    problems.push(`${at}: is mapped by ${mms} address spaces, and says it is one's alone`);
  if ((folio.flags & PG_partially_mapped) !== 0 && folio.large?.onDeferredList !== true)
    problems.push(`${at}: is mapped partly, and does not wait to be split`);
}

/** What waits to be split. */
export function checkDeferredQueue({ deferredSplitQueue }: Lruvec, problems: string[]): void {
  for (const folio of deferredSplitQueue)
    if (folio.refcount === 0 || folio.order <= 1 || folio.large?.onDeferredList !== true)
      problems.push(`the folio at ${folio.pfn} waits to be split, and is free, small or does not know it`);
}
