import { BLK_COMPLETE, type BlockRequest } from "../hw/block_device.js";
import { add, checkAnonVmas, checkMm, checkVmas, type Truth } from "./debug_tables.js";
import { checkDeferredQueue, checkLargeFolio, newHugeTruth } from "./huge/check.js";
import { checkHugetlb } from "./hugetlb/check.js";
import { checkLists } from "./lru/check.js";
import { checkMemcgs } from "./memcg/check.js";
import { memCgroupIter } from "./memcg/iter.js";
import type { MmStruct } from "./mm_types.js";
import { vmBugOn } from "./mmdebug.js";
import {
  type Folio,
  folioTestAnon,
  folioTestHugetlb,
  PG_dirty,
  PG_locked,
  PG_reserved,
  PG_writeback,
  PGTY_slab,
  PGTY_table,
  PGTY_zsmalloc,
} from "./pages/folio.js";
import { nrPcpPages } from "./pages/pcp.js";
import { checkZone } from "./pages/zone_check.js";
import { checkSwap, collectSwapHolders, newSwapTruth } from "./swap/check.js";
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
