/**
 * What is seen of lab 07's processes after each operation, as text to be compared, and what is wrong in it in
 * a sentence.
 *
 *   P, block 1: one entry for 2 MiB: folio A, writable, dirty, young, soft-dirty, exclusive
 *   C0, block 1: pages 0 to 4: folio A from its page 0 on, read-only, ...; page 5: a small page, ...
 *   P, block 1: page 3 = 17
 *   P: 2 tables set aside
 *
 * Folios of 2 MiB are called A, B, C ... in the order in which they are met, so that it does not matter which
 * frames they are.
 *
 * Not in Linux: a helper of the course. Read next: huge.ts.
 */
import { PAGE_SIZE, PMD_SIZE } from "../../hw/address.js";
import type { Process } from "../../kernel/process.js";
import { isHugeZeroPmd } from "../../mm/huge/huge_pmd.js";
import { type Folio, PG_dirty, pageFolio, pfnToPage } from "../../mm/pages/folio.js";
import {
  leafNotTable,
  PTE_NX,
  pteDirty,
  ptePfn,
  ptePresent,
  ptepGet,
  pteSpecial,
  pteWrite,
  pteYoung,
} from "../../mm/pgtable/pgtable.js";
import { pmdOffset } from "../../mm/pgtable/pgtable_alloc.js";
import { pteSoftDirty } from "../../mm/pgtable/soft_dirty.js";
import type { MemorySystem } from "../../mm/system.js";
import { NR_HUGE_BLOCKS } from "./huge_ops.js";

/** Where block 0 begins; the area begins in its middle. */
export const HUGE_BASE = 0x1000_0000_0000;
export const HUGE_START = HUGE_BASE + PMD_SIZE / 2;
export const HUGE_END = HUGE_BASE + (NR_HUGE_BLOCKS - 0.5) * PMD_SIZE;

/** Address of a page of a block; of the two that are cut, one that is there. */
export function hugeAddress(block: number, page: number): number {
  const inside = block === 0 ? 256 + (page % 256) : block === 3 ? page % 256 : page;
  return HUGE_BASE + block * PMD_SIZE + inside * PAGE_SIZE;
}

/** What the page at `addr` is called. Not in Linux: a helper of the course. */
export function hugePageText(addr: number): string {
  const page = Math.floor((addr - HUGE_BASE) / PAGE_SIZE);
  return `block ${Math.floor(page / 512)}, page ${page % 512}`;
}

/** A process, and how it is called. */
export interface HugeMember {
  readonly name: string;
  readonly process: Process;
}

/** What one operation did: told, and compared. */
export interface HugeObservation {
  readonly did: string;
  /** What each call of a part answered. */
  readonly calls: readonly string[];
  /** What a part did at the wrong moment. */
  readonly moments: readonly string[];
  readonly blocks: readonly string[];
  readonly counted: Readonly<Record<string, number>>;
  readonly books: readonly string[];
}

/** An observation as text. Not in Linux: a helper of the course. */
export function hugeText({ did, calls, moments, blocks, counted, books }: HugeObservation): string {
  const counts = Object.entries(counted)
    .filter(([, count]) => count !== 0)
    .map(([name, count]) => `${name} ${count}`);
  return [did, ...calls, ...moments, ...blocks, counts.join(", "), ...books].join("\n  ");
}

/** What is wrong in `got`, in a sentence. Not in Linux: a helper of the course. */
export function hugeMistake(got: HugeObservation, expected: HugeObservation): string | undefined {
  const moment = got.moments.find((line) => !expected.moments.includes(line));
  if (moment !== undefined) return moment;
  const book = got.books.find((line) => !expected.books.includes(line));
  if (book !== undefined) return book;
  for (const which of ["calls", "blocks"] as const) {
    const at = expected[which].findIndex((text, i) => text !== got[which][i]);
    const when = which === "blocks" ? "Afterwards, " : "";
    if (at >= 0) return `${when}${got[which][at] ?? "nothing more"}; it should be: ${expected[which][at]}`;
    const extra = got[which][expected[which].length];
    if (extra !== undefined) return `${when}${extra}; it should not be so`;
  }
  for (const name of new Set([...Object.keys(expected.counted), ...Object.keys(got.counted)])) {
    const [mine, right] = [got.counted[name] ?? 0, expected.counted[name] ?? 0];
    if (mine !== right) return `${name} is ${mine}; it should be ${right}`;
  }
  return got.did === expected.did ? undefined : `${got.did}; it should be: ${expected.did}`;
}

/** Names for folios of 2 MiB, in the order in which they are met. */
class FolioNames {
  private readonly names = new Map<Folio, string>();

  of(folio: Folio): string {
    let name = this.names.get(folio);
    if (name === undefined) {
      name = String.fromCharCode(65 + (this.names.size % 26));
      this.names.set(folio, name);
    }
    return name;
  }
}

/** Every block of every process: mapped how, and with which bytes. Not in Linux: a helper of the course. */
export function blocksSeen(sys: MemorySystem, members: readonly HugeMember[]): string[] {
  const names = new FolioNames();
  const seen: string[] = [];
  for (const { name, process } of members) {
    for (let block = 0; block < NR_HUGE_BLOCKS; block++) {
      const pmdp = pmdOffset(process.mm, HUGE_BASE + block * PMD_SIZE);
      const pmd = pmdp === 0 ? 0 : ptepGet(sys.ram, pmdp);
      if (pmd === 0) continue;
      const at = `${name}, block ${block}`;
      if (leafNotTable(pmd)) seen.push(`${at}: one entry for 2 MiB: ${leafText(sys, pmd, names)}`);
      else seen.push(...runsOf(sys, ptePfn(pmd), names).map((text) => `${at}: ${text}`));
      seen.push(...valuesOf(sys, pmd).map((text) => `${at}: ${text}`));
    }
    const aside = [...process.mm.thp.pmdHugePte.values()].flat().length;
    seen.push(`${name}: ${aside} ${aside === 1 ? "table is" : "tables are"} set aside`);
  }
  return seen;
}

function leafText(sys: MemorySystem, pmd: number, names: FolioNames): string {
  if (isHugeZeroPmd(sys, pmd)) return `the huge page of zeros, ${marksOf(pmd)}`;
  const page = pfnToPage(sys, ptePfn(pmd));
  const folio = pageFolio(page);
  return `folio ${names.of(folio)}, ${marksOf(pmd)}${page.anonExclusive ? ", exclusive" : ""}${dirtyFolio(folio)}`;
}

function dirtyFolio(folio: Folio): string {
  return (folio.flags & PG_dirty) === 0 ? "" : "; the folio is dirty";
}

/** Runs of entries that are alike: "pages 0 to 4: ...". */
function runsOf(sys: MemorySystem, table: number, names: FolioNames): string[] {
  const runs: string[] = [];
  let first = 0;
  let before = ptepGet(sys.ram, table * 512);
  for (let i = 1; i <= 512; i++) {
    const pte = i === 512 ? -1 : ptepGet(sys.ram, table * 512 + i);
    if (pte >= 0 && areAlike(sys, before, pte, i - first)) continue;
    const pages = i - first === 1 ? `page ${first}` : `pages ${first} to ${i - 1}`;
    if (before !== 0) runs.push(`${pages}: ${entryText(sys, before, first, names)}`);
    [first, before] = [i, pte];
  }
  return runs.length === 0 ? ["a table, in which nothing is"] : runs;
}

/** Whether `pte`, `distance` entries further on, says of its page what `first` says of its own. */
function areAlike(sys: MemorySystem, first: number, pte: number, distance: number): boolean {
  if (first === 0 || pte === 0 || !ptePresent(first) || !ptePresent(pte)) return first === pte;
  const [a, b] = [ptePfn(first), ptePfn(pte)];
  if (first - a * PAGE_SIZE !== pte - b * PAGE_SIZE) return false;
  if (a === sys.zeroPfn || b === sys.zeroPfn) return a === b;
  const [one, two] = [pfnToPage(sys, a), pfnToPage(sys, b)];
  if (one.anonExclusive !== two.anonExclusive) return false;
  if (one.head.order > 0 || two.head.order > 0) return one.head === two.head && b - a === distance;
  return (one.flags & PG_dirty) === (two.flags & PG_dirty);
}

function entryText(sys: MemorySystem, pte: number, i: number, names: FolioNames): string {
  if (!ptePresent(pte)) return "in swap";
  if (ptePfn(pte) === sys.zeroPfn) return `the page of zeros, ${marksOf(pte)}`;
  const page = pfnToPage(sys, ptePfn(pte));
  const folio = pageFolio(page);
  const from = page.pfn - folio.pfn - i;
  const shift = from === 0 ? "" : `, ${from} pages further on in it`;
  const what = folio.order === 0 ? "a small page" : `folio ${names.of(folio)}${shift}`;
  return `${what}, ${marksOf(pte)}${page.anonExclusive ? ", exclusive" : ""}${dirtyFolio(folio)}`;
}

function marksOf(entry: number): string {
  return [
    pteWrite(entry) ? "writable" : "read-only",
    pteDirty(entry) ? "dirty" : "clean",
    pteYoung(entry) ? "young" : "old",
    pteSoftDirty(entry) ? "soft-dirty" : "not soft-dirty",
    ...(pteSpecial(entry) ? ["special"] : []),
    ...(entry >= PTE_NX ? [] : ["executable"]),
  ].join(", ");
}

/** First bytes that are not zero: "page 3 = 17"; and whether the rest of a page is not what it was. */
function valuesOf(sys: MemorySystem, pmd: number): string[] {
  const values: string[] = [];
  for (let i = 0; i < 512; i++) {
    const pte = leafNotTable(pmd) ? 0 : ptepGet(sys.ram, ptePfn(pmd) * 512 + i);
    if (!leafNotTable(pmd) && !ptePresent(pte)) continue;
    const pa = (leafNotTable(pmd) ? ptePfn(pmd) + i : ptePfn(pte)) * PAGE_SIZE;
    const [first, last] = [sys.ram.read8(pa), sys.ram.read8(pa + PAGE_SIZE - 1)];
    if (first !== 0 || last !== 0)
      values.push(`${i} = ${first}${first === last ? "" : `, but its last byte is ${last}`}`);
  }
  return values.length === 0 ? [] : [`bytes of pages ${values.join(", ")}`];
}
