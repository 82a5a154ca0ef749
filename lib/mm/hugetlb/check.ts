/**
 * A checker for pools of huge pages: recomputes their counters from page structs, entries, files and VMAs.
 * mm/debug.ts calls it.
 *
 *   page structs of type hugetlb      == nrHugePages; those without a holder are on the free list, == freeHugePages
 *   entries of VMAs of huge pages     == mapcounts, HugetlbPages of the mm
 *   promises: pages of a file's map that are not there, pages of an owner's VMA that are not in its map, what
 *             mounts were promised and have not used      == resvHugePages, and pages in use whose promise comes back
 *
 * Not in Linux: hugetlb_lock and reviews keep them right there. Read first: hstate.ts, resv_map.ts.
 */

import { type MmStruct, VM_HUGETLB, VM_SHARED, type VmAreaStruct } from "../mm_types.js";
import {
  type Folio,
  folioNrPages,
  folioTestAnon,
  folioTestHugetlb,
  pageFolio,
  pfnToPage,
} from "../pages/folio.js";
import { ptePfn, ptepGet, pteWrite } from "../pgtable/pgtable.js";
import type { MemorySystem } from "../system.js";
import { NR_HUGETLB } from "../vmstat.js";
import type { Hstate } from "./hstate.js";
import { forEachHugePte } from "./huge_pte.js";
import { regionCount } from "./resv_map.js";
import { HPG_RESTORE_RESERVE, hstateVma, vmaHugecacheOffset, vmaResv } from "./vma_resv.js";

/**
 * Whether the VMA at `addr` is of huge pages, so that a leaf there is looked at here and not in mm/debug.ts.
 */
export function isHugetlbAt(mm: MmStruct, addr: number): boolean {
  return ((mm.mmMt.lookup(addr)?.vmFlags ?? 0) & VM_HUGETLB) !== 0;
}

/** How often each page is mapped. */
type Entries = Map<Folio, number>;

/** One entry, and whether its page belongs there. */
function checkEntry(
  vma: VmAreaStruct,
  pte: number,
  addr: number,
  entries: Entries,
  problems: string[],
): void {
  const folio = pageFolio(pfnToPage(vma.vmMm.sys, ptePfn(pte)));
  const at = `mm ${vma.vmMm.id}: the huge page at ${addr.toString(16)}`;
  entries.set(folio, (entries.get(folio) ?? 0) + 1);
  if (!folioTestHugetlb(folio) || folio.pfn !== ptePfn(pte) || folio.refcount === 0)
    problems.push(`${at} is not a page of a pool that is in use`);
  if (folio.order !== hstateVma(vma).order) problems.push(`${at} is of another pool`);
  if (folio.index !== vmaHugecacheOffset(vma, addr) * folioNrPages(folio))
    problems.push(`${at} has the index ${folio.index}`);
  const own = folioTestAnon(folio);
  if (!own && folio.mapping !== vma.vmFile?.fMapping) problems.push(`${at} is of another file`);
  if (pteWrite(pte) && (own ? !folio.anonExclusive : (vma.vmFlags & VM_SHARED) === 0))
    problems.push(`${at} may be written, but is not its own`);
}

/** The entries of one mm, and what it counts. */
function checkMm(mm: MmStruct, entries: Entries, problems: string[]): void {
  let pages = 0;
  for (const vma of mm.mmMt) {
    if ((vma.vmFlags & VM_HUGETLB) === 0) continue;
    forEachHugePte(vma, vma.vmStart, vma.vmEnd, (ptep, addr) => {
      const pte = ptepGet(mm.sys.ram, ptep);
      if (pte === 0) return;
      checkEntry(vma, pte, addr, entries, problems);
      pages += hstateVma(vma).pagesPerHugePage;
    });
  }
  if (pages !== mm.hugetlbUsage)
    problems.push(`mm ${mm.id}: hugetlbUsage is ${mm.hugetlbUsage}, entries say ${pages}`);
}

/** All pages of pools that there are. */
function poolPages(sys: MemorySystem): Folio[] {
  const found: Folio[] = [];
  for (const section of sys.memMap)
    for (const page of section ?? [])
      if (page !== undefined && page.head === page && folioTestHugetlb(page)) found.push(page);
  return found;
}

/** Promises that the pool has made, by who has them. */
function promises(sys: MemorySystem, mms: readonly MmStruct[], h: Hstate<Folio>): number {
  let sum = 0;
  for (const [spool, of] of sys.hugetlb.subpools)
    if (of === h && spool.minHpages !== -1) sum += spool.rsvHpages;
  for (const inode of sys.hugetlb.inodes)
    if (inode.h === h) sum += regionCount(inode.resvMap, 0, Number.MAX_SAFE_INTEGER) - inode.folios.size;
  for (const mm of mms)
    for (const vma of mm.mmMt) {
      if ((vma.vmFlags & VM_HUGETLB) === 0 || hstateVma(vma) !== h) continue;
      const { map, owner } = vmaResv(vma);
      if (map === undefined || !owner) continue;
      const from = vmaHugecacheOffset(vma, vma.vmStart);
      const to = vmaHugecacheOffset(vma, vma.vmEnd);
      sum += to - from - regionCount(map, from, to);
    }
  return sum;
}

/** One pool; `all` are the pages of all pools. */
function checkPool(
  sys: MemorySystem,
  mms: readonly MmStruct[],
  all: readonly Folio[],
  h: Hstate<Folio>,
  problems: string[],
): void {
  const pages = all.filter(({ order }) => order === h.order);
  const free = pages.filter(({ refcount }) => refcount === 0);
  const listed = new Set(h.hugepageFreelist);
  const expect = (what: string, is: number, should: number): void => {
    if (is !== should) problems.push(`${h.name}: ${what} is ${is}, should be ${should}`);
  };
  expect("nrHugePages", h.nrHugePages, pages.length);
  expect("freeHugePages", h.freeHugePages, free.length);
  expect("the free list", listed.size, h.hugepageFreelist.length);
  const stray = pages.filter(
    ({ private: flags, refcount }) => refcount > 0 && (flags & HPG_RESTORE_RESERVE) !== 0,
  );
  expect("resvHugePages", h.resvHugePages + stray.length, promises(sys, mms, h));
  for (const folio of free) if (!listed.has(folio)) problems.push(`${h.name}: frame ${folio.pfn} is lost`);
  if (h.resvHugePages > h.freeHugePages + stray.length || h.surplusHugePages > h.nrHugePages)
    problems.push(
      `${h.name}: ${h.resvHugePages} promised of ${h.freeHugePages}, ${h.surplusHugePages} surplus`,
    );
}

/**
 * Adds to `problems` what does not fit together in the pools; tells `holds` how often each page is held, as
 * far as entries of `mms` (all that exist) and files hold it.
 */
export function checkHugetlb(
  sys: MemorySystem,
  mms: readonly MmStruct[],
  problems: string[],
  holds: (folio: Folio, times: number) => void,
): void {
  const entries: Entries = new Map();
  for (const mm of mms) if (mm.pgd !== 0) checkMm(mm, entries, problems);
  for (const [folio, times] of entries) {
    holds(folio, times);
    if (folio.anonExclusive && times !== 1)
      problems.push(`frame ${folio.pfn}: exclusive, mapped ${times} times`);
  }
  for (const { folios } of sys.hugetlb.inodes)
    for (const folio of folios.values()) holds(folio, folioNrPages(folio));
  const all = poolPages(sys);
  let used = 0;
  for (const folio of all) {
    const times = entries.get(folio) ?? 0;
    if (folio.entireMapcount !== times || folio.largeMapcount !== times)
      problems.push(`frame ${folio.pfn}: mapped ${times} times, counts ${folio.entireMapcount}`);
    if (folio.refcount > 0) used += folioNrPages(folio);
  }
  if (sys.vmStat.nodeStat[NR_HUGETLB] !== used)
    problems.push(`nr_hugetlb is ${sys.vmStat.nodeStat[NR_HUGETLB]}, should be ${used}`);
  for (const h of sys.hugetlb.hstates) checkPool(sys, mms, all, h, problems);
}
