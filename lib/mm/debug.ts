/**
 * A checker: recomputes every count of memory management from the page tables and compares.
 *
 *   checkInvariants(sys, mms)
 *     tables of all mms  --> entries for each frame   == mapcount, part of refcount
 *                        --> pages by kind            == mm.rssStat
 *                        --> tables                   == mm.pgtablesBytes
 *     page caches, LRU batches                        == the rest of refcount
 *     LRU lists, dirty folios, free lists             == the counters of vmstat; no frame is lost
 *     pages and slots charged to groups           == what the groups count (memcg/check.ts)
 *     slots of swap                               == what entries, files and swap cache hold (swap/check.ts)
 *     pools of huge pages                             == their counters (hugetlb/check.ts)
 *     nodes of shadows                                == what they and the cache count
 *     VMAs                                            == mm.mapCount, totalVm; their anon_vmas know them
 *     every entry lies in a VMA; a writable private entry is exclusive; an exclusive page is mapped once
 *
 * Tests call it after every few operations. It looks at everything, so it is slow, and it changes nothing.
 *
 * Not in Linux: CONFIG_DEBUG_VM checks piece by piece there.
 *
 * Read first: mm/pages/folio.ts, mm/pgtable/pgtable.ts.
 */
import type { Vaddr } from "../hw/address.js";
import { PAGE_SIZE, PMD_SIZE } from "../hw/address.js";
import { BLK_COMPLETE, type BlockRequest } from "../hw/block_device.js";
import type { Pte } from "../hw/entry.js";
import type { AddressSpace } from "./filemap/mapping.js";
import {
  checkDeferredQueue,
  checkDeposits,
  checkLargeFolio,
  checkLeaf,
  type HugeTruth,
  newHugeTruth,
  noteMapped,
} from "./huge/check.js";
import { checkHugetlb, isHugetlbAt } from "./hugetlb/check.js";
import { checkLists } from "./lru/check.js";
import { mmCounter } from "./lru/mm_inline.js";
import { checkMemcgs } from "./memcg/check.js";
import { memCgroupIter } from "./memcg/iter.js";
import {
  type AnonVma,
  MM_SWAPENTS,
  type MmStruct,
  VM_LOCKED,
  VM_SHARED,
  type VmAreaStruct,
  vmaPages,
} from "./mm_types.js";
import { vmBugOn } from "./mmdebug.js";
import {
  type Folio,
  folioTestAnon,
  folioTestHugetlb,
  type Page,
  PG_dirty,
  PG_locked,
  PG_reserved,
  PG_writeback,
  PGTY_slab,
  PGTY_table,
  PGTY_zsmalloc,
  pfnToPage,
} from "./pages/folio.js";
import { nrPcpPages } from "./pages/pcp.js";
import { checkZone } from "./pages/zone_check.js";
import { leafNotTable, ptePfn, ptepGet, pteSpecial, pteWrite } from "./pgtable/pgtable.js";
import {
  classifyPte,
  PTE_KIND_PRESENT,
  PTE_KIND_SWAP,
  pteSwpExclusive,
  pteToSwpEntry,
} from "./pgtable/swapops.js";
import { checkSwap, collectSwapHolders, newSwapTruth, type SwapTruth } from "./swap/check.js";
import type { MemorySystem } from "./system.js";
import {
  NODE_STAT_NAMES,
  NR_ANON_MAPPED,
  NR_ANON_THPS,
  NR_FILE_DIRTY,
  NR_FILE_MAPPED,
  NR_FILE_PAGES,
  NR_ISOLATED_ANON,
  NR_ISOLATED_FILE,
  NR_PAGETABLE,
  NR_SHMEM,
  NR_SWAPCACHE,
  NR_WRITEBACK,
  WORKINGSET_NODES,
} from "./vmstat.js";

/** What the tables say. */
interface Truth {
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

function add<K>(map: Map<K, number>, key: K, value: number): void {
  map.set(key, (map.get(key) ?? 0) + value);
}

/**
 * Throws VmBug that lists every count that is not what the tables of `mms` (all that exist) say. `extraRefs`
 * are references held by a test itself.
 */
export function checkInvariants(
  sys: MemorySystem,
  mms: readonly MmStruct[],
  extraRefs: ReadonlyMap<Folio, number> = new Map(),
): void {
  const problems: string[] = [];
  const truth: Truth = {
    mapped: new Map(),
    refs: new Map(extraRefs),
    tables: new Set(),
    mappings: new Set(),
    swap: newSwapTruth(),
    huge: newHugeTruth(problems),
    problems,
  };
  for (const mm of mms) {
    checkMm(truth, mm);
    checkVmas(truth, mm);
  }
  checkAnonVmas(truth, mms);
  collectHolders(sys, truth);
  collectSwapHolders(sys, truth.swap, (page) => add(truth.refs, page, 1));
  checkHugetlb(sys, mms, truth.problems, (folio, times) => add(truth.refs, folio, times));
  checkPages(sys, truth);
  checkLru(sys, truth);
  checkShadows(sys, truth);
  checkCounters(sys, truth);
  checkSwap(sys, truth.swap, truth.mappings, truth.problems);
  vmBugOn(truth.problems.length > 0, truth.problems.slice(0, 20).join("\n"));
}

/** Counts what one mm maps. */
function checkMm(truth: Truth, mm: MmStruct): void {
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
function checkVmas(truth: Truth, mm: MmStruct): void {
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
function checkAnonVmas(truth: Truth, mms: readonly MmStruct[]): void {
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

/** References that are not entries: page caches, LRU batches, reserved pages. */
function collectHolders(sys: MemorySystem, truth: Truth): void {
  for (const section of sys.memMap)
    for (const page of section ?? []) {
      if (page === undefined || page.head !== page || page.refcount === 0) continue;
      if (page.mapping !== undefined && !page.mapping.isAnon) truth.mappings.add(page.mapping);
      const kernels = page.pageType === PGTY_slab || page.pageType === PGTY_zsmalloc;
      if ((page.flags & PG_reserved) !== 0 || kernels || page === sys.thp.hugeZeroFolio)
        add(truth.refs, page, 1);
    }
  for (const mapping of truth.mappings)
    for (const [index, folio] of mapping.pages) {
      add(truth.refs, folio, 1);
      if (folio.mapping !== mapping || index < folio.index || index >= folio.index + 2 ** folio.order)
        truth.problems.push(
          `page ${index} of a cache holds folio ${folio.pfn}, which is page ${folio.index}`,
        );
    }
  for (const batches of sys.cpuFbatches) {
    if (batches === undefined) continue;
    const { lruAdd, lruMoveTail, lruDeactivateFile, lruDeactivate, lruLazyfree, activate, mlock } = batches;
    for (const batch of [lruAdd, lruMoveTail, lruDeactivateFile, lruDeactivate, lruLazyfree, activate])
      for (const folio of batch) add(truth.refs, folio, 1);
    for (const { folio } of mlock) add(truth.refs, folio, 1);
  }
}

/** mapcount and refcount of every page, and that no frame is lost. */
function checkPages(sys: MemorySystem, truth: Truth): void {
  let inUse = 0;
  for (const section of sys.memMap)
    for (const page of section ?? []) {
      if (page === undefined) continue;
      const mapped = truth.mapped.get(page) ?? 0;
      if (page.mapcount !== mapped)
        truth.problems.push(`frame ${page.pfn}: mapcount ${page.mapcount}, mapped by ${mapped} entries`);
      const times = mapped + (truth.huge.entire.get(page.head) ?? 0);
      if (page.anonExclusive && times > 1)
        truth.problems.push(`frame ${page.pfn}: exclusive, but mapped ${times} times`);
      if (page.head !== page) continue;
      if (page.order > 0 && page.refcount > 0 && !folioTestHugetlb(page))
        checkLargeFolio(truth.huge, sys, page, truth.mapped);
      const refs = truth.refs.get(page) ?? 0;
      if (page.refcount !== refs)
        truth.problems.push(`frame ${page.pfn}: refcount ${page.refcount}, ${refs} holders are known`);
      if (page.refcount > 0 || folioTestHugetlb(page)) inUse += 2 ** page.order;
      if (truth.tables.has(page.pfn) !== (page.pageType === PGTY_table && page.refcount > 0))
        truth.problems.push(`frame ${page.pfn}: is a table in only one of page struct and tables`);
    }
  const managed = sys.zones.reduce((sum, zone) => sum + zone.managedPages, 0);
  const free = sys.zones.reduce((sum, zone) => sum + zone.nrFreePages, 0);
  const kept = nrPcpPages(sys);
  const { cc } = sys.pgdat.kcompactdRun;
  let moving = 0; // what kcompactd holds between two batches
  for (const [order, blocks] of cc?.freepages.entries() ?? []) moving += blocks.length * 2 ** order;
  if (managed !== free + kept + moving + inUse)
    truth.problems.push(
      `${managed} frames managed, ${free} free, ${kept} kept by CPUs, ${moving} by kcompactd, ${inUse} in use`,
    );
  for (const zone of sys.zones) checkZone(zone, truth.problems);
}

/** Pages on the LRU lists are as many as counted; nothing is isolated. */
function checkLru(sys: MemorySystem, truth: Truth): void {
  for (const [list, pages] of checkLists(sys, truth.problems).entries()) expectStat(sys, truth, list, pages);
  expectStat(sys, truth, NR_ISOLATED_ANON, 0);
  expectStat(sys, truth, NR_ISOLATED_FILE, 0);
  checkMemcgs(sys, truth.problems);
  for (const memcg of memCgroupIter(sys.memcg.root)) checkDeferredQueue(memcg.lruvec, truth.problems);
}

/** Nodes with shadows hold what they count, none of it where a page is; those without pages are queued. */
function checkShadows(sys: MemorySystem, truth: Truth): void {
  let queued = 0;
  for (const { pages, swapEntries, nodes, nrShadows } of truth.mappings) {
    let sum = 0;
    let sumPages = 0;
    for (const node of nodes.values()) {
      const places = Array.from({ length: 64 }, (_, i) => ({
        shadow: node.slots?.[i] ?? -1,
        there: pages.has(node.offset * 64 + i) || swapEntries.has(node.offset * 64 + i),
      }));
      const shadows = places.filter(({ shadow }) => shadow >= 0).length;
      const there = places.filter((place) => place.there).length;
      sum += shadows;
      sumPages += there;
      if (shadows !== node.nrShadows || there !== node.nrPages || shadows + there === 0)
        truth.problems.push(
          `a node counts ${node.nrPages} pages and ${node.nrShadows} shadows: ${there}, ${shadows}`,
        );
      if (places.some((place) => place.there && place.shadow >= 0))
        truth.problems.push(`a page and a shadow are in one place of node ${node.offset}`);
      const alone = node.offset === 0 && nrShadows === 1 && pages.size === 0 && places[0]!.shadow >= 0;
      const wanted = there === 0 && !alone;
      if (wanted) queued++;
      if (sys.shadowNodes.has(node) !== wanted)
        truth.problems.push(`node ${node.offset} is queued in spite of its pages, or the reverse`);
    }
    if (sum !== nrShadows) truth.problems.push(`a cache counts ${nrShadows} shadows, it has ${sum}`);
    if (sumPages !== pages.size + swapEntries.size)
      truth.problems.push(`nodes have ${sumPages} of ${pages.size} pages`);
  }
  if (queued > sys.shadowNodes.size) truth.problems.push(`${queued} nodes hold shadows only`);
  expectStat(sys, truth, WORKINGSET_NODES, sys.shadowNodes.size);
}

function expectStat(sys: MemorySystem, truth: Truth, item: number, value: number): void {
  const counted = sys.vmStat.nodeStat[item]!;
  if (counted !== value) truth.problems.push(`${NODE_STAT_NAMES[item]} is ${counted}, should be ${value}`);
}

function checkCounters(sys: MemorySystem, truth: Truth): void {
  let anon = 0;
  let file = 0;
  let anonThps = 0;
  for (const folio of truth.huge.entire.keys()) {
    const nrPages = 2 ** folio.order;
    if (folioTestAnon(folio)) anon += nrPages;
    else file += nrPages;
    if (folioTestAnon(folio)) anonThps += nrPages;
  }
  for (const page of truth.mapped.keys()) {
    if (truth.huge.entire.has(page.head)) continue;
    if (folioTestAnon(page.head)) anon++;
    else file++;
  }
  let cached = 0;
  let shmem = 0;
  let dirty = 0;
  for (const mapping of truth.mappings) {
    cached += mapping.pages.size;
    if (mapping.aOps.swapBacked) shmem += mapping.pages.size;
    for (const folio of mapping.dirtyFolios) {
      dirty += 2 ** folio.order;
      if ((folio.flags & PG_dirty) === 0)
        truth.problems.push(`frame ${folio.pfn} is listed as dirty, but clean`);
    }
  }
  expectStat(sys, truth, NR_ANON_MAPPED, anon);
  expectStat(sys, truth, NR_ANON_THPS, anonThps);
  expectStat(sys, truth, NR_FILE_MAPPED, file);
  let swapCached = 0;
  for (const folio of truth.swap.folios) swapCached += 2 ** folio.order;
  expectStat(sys, truth, NR_FILE_PAGES, cached + swapCached);
  expectStat(sys, truth, NR_SWAPCACHE, swapCached);
  expectStat(sys, truth, NR_SHMEM, shmem);
  expectStat(sys, truth, NR_FILE_DIRTY, dirty);
  expectStat(sys, truth, NR_WRITEBACK, checkInFlight(sys, truth));
  expectStat(sys, truth, NR_PAGETABLE, truth.tables.size);
}

/** The folios that a request moves: of a file, or of swap. */
function foliosOf(about: object): Folio[] {
  return Array.isArray(about) ? about : [...((about as { folios?: Iterable<Folio> }).folios ?? [])];
}

/**
 * A cached folio is locked as long as a request that reads it is under way, and under writeback as long as
 * one that writes it is; pages under writeback.
 */
function checkInFlight(sys: MemorySystem, truth: Truth): number {
  const requests = sys.events.toArray().filter(({ kind }) => kind === BLK_COMPLETE) as {
    object: BlockRequest;
  }[];
  const moved = (op: string): Set<unknown> =>
    new Set(requests.flatMap(({ object }) => (object.op === op ? foliosOf(object.about) : [])));
  const [reads, writes] = [moved("read"), moved("write")];
  let writeback = 0;
  for (const folios of [truth.swap.folios, ...[...truth.mappings].map(({ pages }) => pages.values())])
    for (const folio of new Set(folios)) {
      if ((folio.flags & PG_writeback) !== 0) writeback += 2 ** folio.order;
      if (((folio.flags & PG_locked) !== 0) !== reads.has(folio))
        truth.problems.push(`frame ${folio.pfn}: locked without a request that reads it, or the reverse`);
      if (((folio.flags & PG_writeback) !== 0) !== writes.has(folio))
        truth.problems.push(`frame ${folio.pfn}: writeback without a request that writes it, or the reverse`);
    }
  return writeback;
}
