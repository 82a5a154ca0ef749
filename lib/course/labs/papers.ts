/**
 * A page's papers: what the kernel must know of every page that is mapped, worked out again from the page
 * tables and compared.
 *
 *   page tables of all owners --> how many entries map each page    == mapcount, refcount
 *                             --> pages of each kind                == MM_ANONPAGES, MM_FILEPAGES, MM_SHMEMPAGES
 *   each page                 --> bytes complete (PG_uptodate), on an LRU list or in a batch, found by the reverse map,
 *                                 exclusive where its entry is writable, and only there where it belongs to one
 *
 * A wrong paper does no harm at first: it is seen when the page is reclaimed, forked or freed, perhaps hours
 * later. Here it is seen at once, and told in the words of the lab. checkInvariants (mm/debug.ts) finds more,
 * in the kernel's words.
 *
 * Not in Linux: a helper of the course.
 */
import { checkInvariants } from "../../mm/debug.js";
import { linearPageIndex, rmapWalk } from "../../mm/fault/rmap.js";
import { mmCounter } from "../../mm/lru/mm_inline.js";
import { MM_SWAPENTS, type MmStruct, VM_SHARED, type VmAreaStruct } from "../../mm/mm_types.js";
import {
  type Folio,
  folioTestAnon,
  type Page,
  PG_lru,
  PG_swapcache,
  PG_uptodate,
  pfnToPage,
} from "../../mm/pages/folio.js";
import {
  __GFP_DIRECT_RECLAIM,
  __GFP_KSWAPD_RECLAIM,
  __GFP_NORETRY,
  __GFP_NOWARN,
  __GFP_WRITE,
  __GFP_ZERO,
  GFP_HIGHUSER_MOVABLE,
  GFP_KERNEL,
  GFP_PGTABLE_USER,
  GFP_TRANSHUGE,
  GFP_TRANSHUGE_LIGHT,
} from "../../mm/pages/gfp.js";
import { walkPageRange } from "../../mm/pgtable/pagewalk.js";
import { ptePfn, ptePresent, pteWrite } from "../../mm/pgtable/pgtable.js";
import { PTE_KIND_SWAP } from "../../mm/pgtable/swapops.js";
import type { MemorySystem } from "../../mm/system.js";

/** A process (or what is left of it), and how to call its pages. */
export interface Owner {
  readonly name: string;
  readonly mm: MmStruct;
  readonly pageText: (addr: number) => string;
}

/** One entry that maps a page with papers. */
interface Mapped {
  readonly owner: Owner;
  readonly vma: VmAreaStruct;
  readonly addr: number;
  readonly pte: number;
}

const COUNTERS = ["MM_FILEPAGES", "MM_ANONPAGES", "MM_SWAPENTS", "MM_SHMEMPAGES"];
const KINDS = ["file page", "anonymous page", "swapped page", "shared-memory page"];

/**
 * Every paper that does not say what the tables of `owners` say; `owners` are all that map anything, `held`
 * are references that the bench took itself.
 */
export function wrongPapers(
  sys: MemorySystem,
  owners: readonly Owner[],
  held: ReadonlyMap<Folio, number> = new Map(),
): string[] {
  const pages = new Map<Page, Mapped[]>();
  const wrong: string[] = [];
  for (const owner of owners) wrong.push(...wrongCounters(sys, owner, pages));
  const batched = foliosInBatches(sys);
  for (const [folio, nr] of held) batched.set(folio, (batched.get(folio) ?? 0) + nr);
  for (const [page, entries] of pages) {
    const problem = wrongCounts(page, entries, batched) ?? wrongPaper(page, entries, batched);
    if (problem !== undefined) wrong.push(problem);
  }
  return [...wrong, ...wrongLargeFolios(pages)];
}

/** The kernel's own checker; empty when all is in order. For what wrongPapers has no words for. */
export function brokenInvariants(
  sys: MemorySystem,
  mms: readonly MmStruct[],
  held: ReadonlyMap<Folio, number> = new Map(),
): string[] {
  try {
    checkInvariants(sys, mms, held);
    return [];
  } catch (error) {
    return (error instanceof Error ? error.message : String(error)).split("\n");
  }
}

/** Collects what `owner` maps into `pages`; tells counters that differ. */
function wrongCounters(sys: MemorySystem, owner: Owner, pages: Map<Page, Mapped[]>): string[] {
  const { name, mm } = owner;
  const counts = [0, 0, 0, 0];
  walkPageRange(mm, 0, mm.taskSize, {
    pteEntry(pte, addr, _ptep, kind) {
      const vma = mm.mmMt.lookup(addr);
      if (kind === PTE_KIND_SWAP) counts[MM_SWAPENTS]!++;
      if (!ptePresent(pte) || ptePfn(pte) === sys.zeroPfn || vma === undefined) return;
      const page = pfnToPage(sys, ptePfn(pte));
      counts[mmCounter(page.head)]!++;
      pages.set(page, [...(pages.get(page) ?? []), { owner, vma, addr, pte }]);
    },
  });
  return counts.flatMap((count, kind) =>
    mm.rssStat[kind] === count
      ? []
      : [
          `${name}: ${COUNTERS[kind]} is ${mm.rssStat[kind]}, but its tables have ${count} ${KINDS[kind]}${count === 1 ? "" : "s"}`,
        ],
  );
}

function placeOf({ owner, addr }: Mapped): string {
  return `${owner.name}, ${owner.pageText(addr)}`;
}

/** mapcount and refcount. */
function wrongCounts(page: Page, entries: Mapped[], batched: ReadonlyMap<Folio, number>): string | undefined {
  const where = placeOf(entries[0]!);
  const folio = page.head;
  const many = `${entries.length} ${entries.length === 1 ? "entry maps" : "entries map"} it`;
  if (page.mapcount !== entries.length)
    return `${where}: the page's mapcount is ${page.mapcount}, but ${many}`;
  if (!folioTestAnon(folio) || folio.order > 0) return undefined;
  const cached = (folio.flags & PG_swapcache) !== 0 ? 1 : 0;
  const refs = entries.length + cached + (batched.get(folio) ?? 0);
  if (folio.refcount === refs) return undefined;
  return `${where}: the page's refcount is ${folio.refcount}, but ${refs} hold it`;
}

/** The sums that a folio of several pages keeps. */
function wrongLargeFolios(pages: ReadonlyMap<Page, Mapped[]>): string[] {
  const sums = new Map<Folio, { entries: number; pages: number; where: string }>();
  for (const [page, entries] of pages) {
    if (page.head.order === 0) continue;
    const sum = sums.get(page.head) ?? { entries: 0, pages: 0, where: placeOf(entries[0]!) };
    sums.set(page.head, { ...sum, entries: sum.entries + entries.length, pages: sum.pages + 1 });
  }
  return [...sums].flatMap(([folio, { entries, pages, where }]) =>
    folio.largeMapcount === entries && folio.nrPagesMapped === pages
      ? []
      : [
          `${where}: its folio of ${2 ** folio.order} pages counts ${folio.largeMapcount} entries for ${folio.nrPagesMapped} pages, but ${entries} entries map ${pages} of them`,
        ],
  );
}

/** Everything else that a page must have. */
function wrongPaper(page: Page, entries: Mapped[], batched: ReadonlyMap<Folio, number>): string | undefined {
  const [first] = entries as [Mapped];
  const folio = page.head;
  const where = placeOf(first);
  if ((folio.flags & PG_uptodate) === 0)
    return `${where}: the page is not marked uptodate (PG_uptodate), as if its bytes had not arrived yet`;
  if ((folio.flags & PG_lru) === 0 && !batched.has(folio))
    return `${where}: the page is on no LRU list and on its way to none, so it can never be reclaimed (folioAddLruVma)`;
  if (folio.index + page.pfn - folio.pfn !== linearPageIndex(first.vma, first.addr))
    return `${where}: the reverse map looks for the page at another address (folio.index is ${folio.index})`;
  for (const entry of entries)
    if (!isFound(folio, entry))
      return `${placeOf(entry)}: the reverse map does not find this entry (folio.mapping), so the page can never be unmapped`;
  return folioTestAnon(folio) ? wrongOwner(page, entries) : undefined;
}

function isFound(folio: Folio, { vma }: Mapped): boolean {
  const search = { vma, found: false };
  rmapWalk(
    folio,
    (one, _address, arg) => {
      arg.found = one === arg.vma;
      return !arg.found;
    },
    search,
  );
  return search.found;
}

/** Whom an anonymous page belongs to. */
function wrongOwner(page: Page, entries: Mapped[]): string | undefined {
  const [first] = entries as [Mapped];
  const where = placeOf(first);
  if (typeof page.anonExclusive !== "boolean")
    return `${where}: anonExclusive is ${String(page.anonExclusive)}`;
  if (page.anonExclusive && entries.length > 1)
    return `${where}: the page is marked exclusive (anonExclusive), but ${entries.map((one) => one.owner.name).join(" and ")} map it`;
  const isPrivate = (first.vma.vmFlags & VM_SHARED) === 0;
  if (!page.anonExclusive && isPrivate && pteWrite(first.pte))
    return `${where}: the entry is writable, so the page is this process's alone, but it is not marked exclusive (anonExclusive)`;
  if (page.anonExclusive && page.head.mapping !== first.vma.anonVma)
    return `${where}: the page is exclusive, but the reverse map still asks the whole family for it (folioMoveAnonRmap)`;
  return undefined;
}

/**
 * How often each folio is in a batch on its way to a list: a batch holds a reference.
 * Not in Linux: a helper of the course.
 */
export function foliosInBatches(sys: MemorySystem): Map<Folio, number> {
  const found = new Map<Folio, number>();
  const add = (folio: Folio): void => {
    found.set(folio, (found.get(folio) ?? 0) + 1);
  };
  for (const batches of sys.cpuFbatches) {
    if (batches === undefined) continue;
    const { lruAdd, lruMoveTail, lruDeactivateFile, lruDeactivate, lruLazyfree, activate, mlock } = batches;
    for (const batch of [lruAdd, lruMoveTail, lruDeactivateFile, lruDeactivate, lruLazyfree, activate])
      batch.forEach(add);
    for (const { folio } of mlock) add(folio);
  }
  return found;
}

const MASKS: [number, string][] = [
  [GFP_TRANSHUGE, "GFP_TRANSHUGE"],
  [GFP_TRANSHUGE_LIGHT, "GFP_TRANSHUGE_LIGHT"],
  [GFP_PGTABLE_USER, "GFP_PGTABLE_USER"],
  [GFP_HIGHUSER_MOVABLE, "GFP_HIGHUSER_MOVABLE"],
  [GFP_KERNEL, "GFP_KERNEL"],
  [__GFP_ZERO, "__GFP_ZERO"],
  [__GFP_WRITE, "__GFP_WRITE"],
  [__GFP_NORETRY, "__GFP_NORETRY"],
  [__GFP_DIRECT_RECLAIM, "__GFP_DIRECT_RECLAIM"],
  [__GFP_KSWAPD_RECLAIM, "__GFP_KSWAPD_RECLAIM"],
  [__GFP_NOWARN, "__GFP_NOWARN"],
];

/** A mask of allocation flags in Linux's names: "GFP_HIGHUSER_MOVABLE | __GFP_ZERO". */
export function gfpText(gfp: number): string {
  const words: string[] = [];
  let rest = gfp;
  for (const [mask, name] of MASKS)
    if ((rest & mask) === mask) {
      words.push(name);
      rest &= ~mask;
    }
  if (rest !== 0 || words.length === 0) words.push(`0x${(rest >>> 0).toString(16)}`);
  return words.join(" | ");
}

/** An allocation in words. */
export function allocationText(gfp: number, order: number): string {
  return `${2 ** order} page${order === 0 ? "" : "s"} with ${gfpText(gfp)}`;
}
