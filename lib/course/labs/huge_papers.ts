/**
 * The papers of huge pages: what the kernel must know of memory that is mapped by 2 MiB at once, worked out
 * again from the page tables, and told in the words of lab 07.
 *
 *   leaves of level 2     == entireMapcount of their folios; a table set aside for each, empty
 *   entries of level 1    == mapcount of each page
 *   both, and who else    == refcount, MM_ANONPAGES, the bytes of page tables
 *   a leaf or an entry that is writable: the page is exclusive, and mapped once
 *   TLBs                  say nothing that the tables do not say
 *
 * As papers.ts does for small pages: that walks the tables with a callback for entries of level 1 alone,
 * which splits every leaf that it meets. This one only looks.
 *
 * Not in Linux: a helper of the course. Read first: papers.ts, mm/huge/huge_pmd.ts.
 */
import { PAGE_SIZE, PMD_SIZE } from "../../hw/address.js";
import { PAGE_RW } from "../../hw/entry.js";
import { linearPageIndex, rmapWalk } from "../../mm/fault/rmap.js";
import { isHugeZeroPmd } from "../../mm/huge/huge_pmd.js";
import { HPAGE_PMD_NR, HPAGE_PMD_ORDER } from "../../mm/huge/thp_state.js";
import { MM_ANONPAGES, MM_SWAPENTS, type MmStruct, type VmAreaStruct } from "../../mm/mm_types.js";
import {
  type Folio,
  folioNrPages,
  folioTestAnon,
  type Page,
  PG_lru,
  PG_swapcache,
  PG_uptodate,
  pfnToPage,
} from "../../mm/pages/folio.js";
import {
  leafNotTable,
  pmdLeaf,
  ptePfn,
  ptePresent,
  ptepGet,
  pteSpecial,
  pteWrite,
} from "../../mm/pgtable/pgtable.js";
import { pmdOffset } from "../../mm/pgtable/pgtable_alloc.js";
import { isSwapPte } from "../../mm/pgtable/swapops.js";
import { cpuTlbState, kernPcid } from "../../mm/pgtable/tlb_switch.js";
import type { MemorySystem } from "../../mm/system.js";
import { foliosInBatches, type Owner } from "./papers.js";

/** What the tables say of each frame: in arrays, because a table has 512 entries. */
class Found {
  /** Entries of level 1 that map the frame; entries of level 2 that map the folio that begins there. */
  readonly single: Uint8Array;
  readonly whole: Uint8Array;
  /** Which owners, a bit each, by entries of level 1 or 2; and whether an entry is writable. */
  readonly who: Uint8Array;
  readonly writable: Uint8Array;
  /** Where it is met first. */
  readonly place: (readonly [owner: number, addr: number])[] = [];
  readonly folios = new Set<Folio>();
  /** Areas that map a folio, and the page number that the reverse map must have for it. */
  readonly areas = new Map<Folio, Map<VmAreaStruct, number>>();
  readonly wrong: string[] = [];

  constructor(nrFrames: number) {
    this.single = new Uint8Array(nrFrames);
    this.whole = new Uint8Array(nrFrames);
    this.who = new Uint8Array(nrFrames);
    this.writable = new Uint8Array(nrFrames);
  }

  /** An entry of `owner`, in `vma`, maps `page`, or as a leaf all from it on. */
  add(owner: number, vma: VmAreaStruct, addr: number, entry: number, page: Page, leaf: boolean): void {
    const { pfn, head: folio } = page;
    (leaf ? this.whole : this.single)[pfn]!++;
    this.who[pfn]! |= 1 << owner;
    if (pteWrite(entry)) this.writable[pfn] = 1;
    this.place[pfn] ??= [owner, addr];
    this.folios.add(folio);
    let areas = this.areas.get(folio);
    if (areas === undefined) {
      areas = new Map();
      this.areas.set(folio, areas);
    }
    const index = linearPageIndex(vma, addr) - (pfn - folio.pfn);
    if (areas.get(vma) !== undefined && areas.get(vma) !== index) areas.set(vma, Number.NaN);
    else areas.set(vma, index);
  }
}

/**
 * Every paper that does not say what the tables of `owners` say; `held` are references that the bench took
 * itself. Looks at [from, to) only, where all private memory of the owners lies. Not in Linux: a helper of
 * the course.
 */
export function wrongHugePapers(
  sys: MemorySystem,
  owners: readonly Owner[],
  [from, to]: readonly [number, number],
  held: ReadonlyMap<Folio, number>,
): string[] {
  const found = new Found(sys.ram.nrFrames);
  for (const i of owners.keys()) lookAt(sys, owners, i, from, to, found);
  const batched = foliosInBatches(sys);
  for (const [folio, nr] of held) batched.set(folio, (batched.get(folio) ?? 0) + nr);
  for (const folio of found.folios)
    found.wrong.push(...wrongFolio(sys, folio, owners, found, batched).slice(0, 1));
  for (const owner of owners) found.wrong.push(...staleEntries(sys, owner, from, to).slice(0, 1));
  return found.wrong;
}

function lookAt(
  sys: MemorySystem,
  owners: readonly Owner[],
  i: number,
  from: number,
  to: number,
  found: Found,
): void {
  const owner = owners[i]!;
  const { mm } = owner;
  let [pages, swapped, leaves] = [0, 0, 0];
  for (let addr = from; addr < to; addr += PMD_SIZE) {
    const pmdp = pmdOffset(mm, addr);
    const pmd = pmdp === 0 ? 0 : ptepGet(sys.ram, pmdp);
    if (pmd === 0) continue;
    if (leafNotTable(pmd)) {
      leaves++;
      pages += addLeaf(sys, owner, i, addr, pmd, found);
      continue;
    }
    const first = ptePfn(pmd) * 512;
    let vma: VmAreaStruct | undefined;
    for (let k = 0; k < 512; k++) {
      const pte = ptepGet(sys.ram, first + k);
      if (pte === 0) continue;
      const at = addr + k * PAGE_SIZE;
      if (isSwapPte(pte)) swapped++;
      if (!ptePresent(pte) || ptePfn(pte) === sys.zeroPfn) continue;
      if (vma === undefined || at >= vma.vmEnd) vma = mm.mmMt.lookup(at);
      if (vma === undefined) {
        found.wrong.push(`${owner.name}, ${owner.pageText(at)}: an entry maps a page where no area is`);
        continue;
      }
      pages++;
      found.add(i, vma, at, pte, pfnToPage(sys, ptePfn(pte)), false);
    }
  }
  found.wrong.push(...wrongCounts(owner, pages, swapped), ...wrongDeposits(sys, owner, leaves));
}

/** Notes a leaf; how many pages it makes resident. */
function addLeaf(
  sys: MemorySystem,
  owner: Owner,
  i: number,
  addr: number,
  pmd: number,
  found: Found,
): number {
  const vma = owner.mm.mmMt.lookup(addr);
  const where = `${owner.name}, ${owner.pageText(addr)}`;
  if (vma === undefined || vma.vmEnd < addr + PMD_SIZE) {
    found.wrong.push(`${where}: the entry of level 2 maps 2 MiB, but not all of them lie in the area`);
    return 0;
  }
  if (isHugeZeroPmd(sys, pmd)) {
    if (pteWrite(pmd))
      found.wrong.push(`${where}: the huge page of zeros is mapped writable: it is everybody's`);
    if (!pteSpecial(pmd))
      found.wrong.push(`${where}: the entry of the huge page of zeros is not special (pteMkspecial)`);
    return 0;
  }
  const page = pfnToPage(sys, ptePfn(pmd));
  if (page.head !== page || page.order !== 9) {
    found.wrong.push(`${where}: the entry of level 2 does not map the first frame of a folio of 512 pages`);
    return 0;
  }
  found.add(i, vma, addr, pmd, page, true);
  return HPAGE_PMD_NR;
}

function wrongCounts({ name, mm }: Owner, pages: number, swapped: number): string[] {
  const wrong: string[] = [];
  if (mm.rssStat[MM_ANONPAGES] !== pages)
    wrong.push(`${name}: MM_ANONPAGES is ${mm.rssStat[MM_ANONPAGES]}, but its tables map ${pages} pages`);
  if (mm.rssStat[MM_SWAPENTS] !== swapped)
    wrong.push(`${name}: MM_SWAPENTS is ${mm.rssStat[MM_SWAPENTS]}, but its tables have ${swapped}`);
  return wrong;
}

/** Tables set aside: one for each leaf, and nothing in them; all tables are counted. */
function wrongDeposits(sys: MemorySystem, { name, mm }: Owner, count: number): string[] {
  const aside = [...mm.thp.pmdHugePte.values()].flat();
  if (aside.length !== count)
    return [
      `${name}: ${aside.length} ${aside.length === 1 ? "table is" : "tables are"} set aside, but ${count} ${count === 1 ? "entry maps" : "entries map"} 2 MiB (pgtableTransHugeDeposit): ${aside.length < count ? "one of them could not be split when no memory can be had" : "one is set aside for nothing"}`,
    ];
  if (new Set(aside).size !== aside.length) return [`${name}: one table is set aside twice`];
  for (const table of aside)
    for (let i = 0; i < 512; i++)
      if (ptepGet(sys.ram, table * 512 + i) !== 0)
        return [`${name}: a table that is set aside is not empty: its entry ${i} still maps something`];
  const tables = tablesOf(sys, mm) + aside.length;
  if (mm.pgtablesBytes === tables * PAGE_SIZE) return [];
  return [
    `${name}: ${mm.pgtablesBytes / PAGE_SIZE} page tables are counted, but it has ${tables}, those set aside included (mmIncNrPtes)`,
  ];
}

function tablesOf({ ram }: MemorySystem, mm: MmStruct): number {
  const below = (table: number, level: number): number => {
    let count = 1;
    for (let i = 0; level > 1 && i < (level === 4 ? 256 : 512); i++) {
      const entry = ram.entryLo(table, i) === 0 ? 0 : ptepGet(ram, table * 512 + i);
      if (entry !== 0 && !leafNotTable(entry)) count += below(ptePfn(entry), level - 1);
    }
    return count;
  };
  return below(mm.pgd, 4) - 1; // the top one is not counted
}

const plural = (count: number, one: string, more: string): string => `${count} ${count === 1 ? one : more}`;

function wrongFolio(
  sys: MemorySystem,
  folio: Folio,
  owners: readonly Owner[],
  found: Found,
  batched: ReadonlyMap<Folio, number>,
): string[] {
  const nr = folioNrPages(folio);
  const whole = found.whole[folio.pfn]!;
  const wrong: string[] = [];
  let [entries, place] = [whole, found.place[folio.pfn]];
  for (let i = 0; i < nr; i++) {
    const page = pfnToPage(sys, folio.pfn + i);
    const single = found.single[page.pfn]!;
    entries += single;
    place ??= found.place[page.pfn];
    if (wrong.length > 0) continue;
    if (page.mapcount !== single)
      wrong.push(
        `page ${i} of the folio has mapcount ${page.mapcount}, but ${plural(single, "entry maps", "entries map")} it by itself`,
      );
    const owner = i === 0 || single > 0 ? wrongOwner(page, owners, found) : undefined;
    if (owner !== undefined) wrong.push(owner);
  }
  if (folio.order === HPAGE_PMD_ORDER && folio.entireMapcount !== whole)
    wrong.unshift(
      `by its books the folio is mapped as a whole ${folio.entireMapcount} times (entireMapcount), but ${plural(whole, "entry of level 2 maps", "entries of level 2 map")} it`,
    );
  if (folio.order > 0 && folio.largeMapcount !== entries)
    wrong.push(`the folio counts ${folio.largeMapcount} entries (largeMapcount), but has ${entries}`);
  const cached = (folio.flags & PG_swapcache) !== 0 ? nr : 0;
  const refs = entries + cached + (batched.get(folio) ?? 0);
  if (folio.refcount !== refs)
    wrong.push(
      `the folio's refcount is ${folio.refcount}, but ${refs} hold it, one for each entry that maps it or a part of it${folio.refcount > refs ? ": it will never be free" : ": it is free while somebody still uses it"}`,
    );
  const mark = wrongMark(folio, found, batched);
  if (mark !== undefined) wrong.push(mark);
  const [who, addr] = place!;
  return wrong.map((text) => `${owners[who]!.name}, ${owners[who]!.pageText(addr)}: ${text}`);
}

function wrongMark(folio: Folio, found: Found, batched: ReadonlyMap<Folio, number>): string | undefined {
  if (!folioTestAnon(folio)) return "the folio has no reverse map (folioAddNewAnonRmap)";
  if ((folio.flags & PG_uptodate) === 0)
    return "the folio is not marked uptodate (PG_uptodate), as if its bytes had not arrived yet";
  if ((folio.flags & PG_lru) === 0 && !batched.has(folio))
    return "the folio is on no LRU list and on its way to none, so it can never be reclaimed (folioAddLruVma)";
  for (const [vma, index] of found.areas.get(folio)!) {
    if (folio.index !== index)
      return Number.isNaN(index)
        ? "its pages are not mapped in the order in which they lie in the folio"
        : `the reverse map looks for the folio ${Math.abs(folio.index - index)} pages away from where it is mapped`;
    const search = { vma, found: false };
    rmapWalk(
      folio,
      (one, _address, arg) => {
        arg.found ||= one === arg.vma;
        return !arg.found;
      },
      search,
    );
    if (!search.found) return "the reverse map does not find all entries, so the page can never be unmapped";
  }
  return undefined;
}

/** Whom a page belongs to. */
function wrongOwner(
  page: Page,
  owners: readonly Owner[],
  { whole, single, who, writable }: Found,
): string | undefined {
  const { pfn, head } = page;
  const entries = whole[head.pfn]! + single[pfn]!;
  if (entries === 0) return undefined;
  const mask = who[pfn]! | (whole[head.pfn]! > 0 ? who[head.pfn]! : 0);
  const names = owners.flatMap(({ name }, i) => ((mask & (1 << i)) === 0 ? [] : [name])).join(" and ");
  const what = head.order === 0 ? "the page" : `page ${pfn - head.pfn} of the folio`;
  if (page.anonExclusive && entries > 1)
    return `${what} is marked exclusive (anonExclusive), but ${names} map it`;
  if (page.anonExclusive || writable[pfn] === 0) return undefined;
  const others = entries > 1 ? `, and ${names} map it` : "";
  return `an entry is writable, but ${what} is not marked exclusive (anonExclusive)${others}`;
}

/** Entries of TLBs that the tables of `owner` do not say any more, where nobody will flush them. */
function staleEntries(sys: MemorySystem, { name, mm, pageText }: Owner, from: number, to: number): string[] {
  const wrong: string[] = [];
  for (const cpu of sys.cpus) {
    const { ctxs } = cpuTlbState(sys, cpu.id);
    for (const [asid, ctx] of ctxs.entries()) {
      if (ctx === undefined || ctx.ctxId !== mm.context.ctxId || ctx.tlbGen !== mm.context.tlbGen) continue;
      for (const tlb of cpu.mmu.tlbs)
        for (let slot = 0; slot < tlb.sets * tlb.ways; slot++) {
          const entry = tlb.entryAt(slot);
          if (entry === undefined) continue;
          const { vpn, level, pcid, pfn, rights } = entry;
          const va = vpn * (level === 1 ? PAGE_SIZE : PMD_SIZE);
          if (pcid !== kernPcid(asid) || level > 2 || va < from || va >= to) continue;
          const said = translation(sys, mm, va);
          const stale = said === undefined || said.pfn !== pfn || (!said.write && (rights & PAGE_RW) !== 0);
          if (stale || (level === 2 && !said.leaf))
            wrong.push(
              `${name}, ${pageText(va)}: a TLB still has an entry for ${level === 2 ? "2 MiB" : "4 KiB"} that the tables do not say any more; after an entry is taken away, all it mapped must be flushed (flushTlbMmRange)`,
            );
        }
    }
  }
  return wrong;
}

function translation(
  { ram }: MemorySystem,
  mm: MmStruct,
  va: number,
): { pfn: number; write: boolean; leaf: boolean } | undefined {
  const pmdp = pmdOffset(mm, va);
  const pmd = pmdp === 0 ? 0 : ptepGet(ram, pmdp);
  if (pmd === 0) return undefined;
  const index = Math.floor(va / PAGE_SIZE) % 512;
  if (pmdLeaf(pmd)) return { pfn: ptePfn(pmd) + index, write: pteWrite(pmd), leaf: true };
  const pte = ptepGet(ram, ptePfn(pmd) * 512 + index);
  return ptePresent(pte) ? { pfn: ptePfn(pte), write: pteWrite(pte), leaf: false } : undefined;
}
