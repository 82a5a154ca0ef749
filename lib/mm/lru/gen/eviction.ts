/**
 * Eviction: the oldest generation of one type, from its tails on.
 *
 *   evictFolios
 *     isolateFolios         the type whose pages come back less often (getTypeToScan), else the other
 *       scanFolios          zone by zone, the highest that helps first
 *         sortFolio         held by mlock                          to the unevictable list
 *                           promoted by aging meanwhile            to its generation's list
 *                           of a protected tier (getTierIdx)       one generation on
 *                           of a zone that does not help           one generation on, to its tail
 *                           dirty file, or on its way to a device  one generation on, marked PG_reclaim
 *         isolateFolio      all others are taken, up to 64 pages
 *     tryToIncMinSeq        the oldest generation may be empty now
 *     shrinkFolioList       frees what it can: the same as in the classic LRU
 *     the rest              those that are clean and unmapped now are tried once more; the others go back,
 *                           not to the oldest generation, so that they are not met again at once
 *
 * What was sorted counts in pgrefill, what was isolated in pgscan.
 *
 * Linux mm/vmscan.c. Read first: tiers.ts, aging.ts, mm/lru/shrink_folio_list.ts. Read next: shrink_node.ts.
 */
import { folioIsWriteback } from "../../filemap/folio_wait.js";
import {
  type Folio,
  folioGet,
  folioMapped,
  folioNrPages,
  folioTestAnon,
  PG_active,
  PG_dirty,
  PG_reclaim,
  PG_referenced,
  PG_swapcache,
  PG_unevictable,
  PG_workingset,
} from "../../pages/folio.js";
import { __GFP_IO } from "../../pages/gfp.js";
import type { MemorySystem } from "../../system.js";
import {
  countVmEvents,
  PGREFILL,
  PGSCAN_ANON,
  PGSCAN_KSWAPD,
  PGSKIP,
  PGSTEAL_ANON,
  PGSTEAL_KSWAPD,
  UNEVICTABLE_PGCULLED,
} from "../../vmstat.js";
import { folioPutbackLru, moveFoliosToLru } from "../isolate.js";
import { folioZonenum } from "../lru_size.js";
import { folioEvictable } from "../mlock_batch.js";
import { lruvecAddFolio } from "../mm_inline.js";
import { countReclaimEvents, reclaimerOffset } from "../reclaimer.js";
import { newReclaimStat, type ScanControl } from "../scan_control.js";
import { LAZILY_PROMOTED, tryToIncMinSeq } from "./aging.js";
import {
  folioLruRefs,
  folioLruType,
  genListAdd,
  genListDel,
  type LruGen,
  lruGenDelFolio,
  lruGenFolioSeq,
  moveToItsGen,
} from "./gen_list.js";
import {
  evictableMinSeq,
  genList,
  getNrGens,
  LRU_GEN_ANON,
  LRU_GEN_FILE,
  lruGenFromSeq,
  lruTierFromRefs,
  MAX_LRU_BATCH,
  MIN_LRU_BATCH,
  MIN_NR_GENS,
  maxType,
  minType,
  NR_GEN_ZONES,
  tierIndex,
} from "./lru_gen.js";
import { folioIncGen } from "./refs.js";
import { getTierIdx, getTypeToScan } from "./tiers.js";

// ---------------------------------------------------------------- one folio

/** Locked by mlock: to the unevictable list. */
function cull(sys: MemorySystem, lrugen: LruGen, folio: Folio): void {
  lruGenDelFolio(sys, lrugen, folio, true);
  folio.flags |= PG_unevictable;
  folio.mlockCount = 0;
  lruvecAddFolio(sys, folio);
  countVmEvents(sys, UNEVICTABLE_PGCULLED, folioNrPages(folio));
}

/** Whether the folio's uses keep it; then it goes one generation on. */
function protect(sys: MemorySystem, lrugen: LruGen, folio: Folio, tierIdx: number): boolean {
  const refs = folioLruRefs(folio);
  const workingset = (folio.flags & PG_workingset) !== 0;
  const tier = lruTierFromRefs(refs, workingset);
  const promoted = refs + Number(workingset) === LAZILY_PROMOTED;
  if (tier <= tierIdx && !promoted) return false;
  folioIncGen(sys, lrugen, folio, false);
  moveToItsGen(sys, lrugen, folio, false);
  if (!promoted) lrugen.protected[tierIndex(folioLruType(folio), tier)]! += folioNrPages(folio);
  return true;
}

/** Whether the folio must be written first; then it goes one generation on. */
function waitForWriteback(sys: MemorySystem, lrugen: LruGen, folio: Folio, sc: ScanControl): boolean {
  const dirty = folioLruType(folio) === LRU_GEN_FILE && (folio.flags & PG_dirty) !== 0;
  const writeback = folioIsWriteback(sys, folio);
  if (dirty) {
    sc.nr.fileTaken += folioNrPages(folio);
    if (!writeback) sc.nr.unqueuedDirty += folioNrPages(folio);
  }
  if (!writeback && !dirty) return false;
  folioIncGen(sys, lrugen, folio, true);
  moveToItsGen(sys, lrugen, folio, false);
  return true;
}

/**
 * Whether the folio, on a list of the oldest generation, is not to be evicted; then it has been moved.
 * Linux mm/vmscan.c:sort_folio()
 */
function sortFolio(
  sys: MemorySystem,
  lrugen: LruGen,
  folio: Folio,
  sc: ScanControl,
  tierIdx: number,
): boolean {
  if (!folioEvictable(folio)) {
    cull(sys, lrugen, folio);
    return true;
  }
  if (folio.lruGen !== lruGenFromSeq(lrugen.minSeq[folioLruType(folio)]!)) {
    moveToItsGen(sys, lrugen, folio, false);
    return true;
  }
  if (protect(sys, lrugen, folio, tierIdx)) return true;
  if (folioZonenum(sys, folio) > sc.reclaimIdx) {
    folioIncGen(sys, lrugen, folio, false);
    moveToItsGen(sys, lrugen, folio, true);
    return true;
  }
  return waitForWriteback(sys, lrugen, folio, sc);
}

/**
 * Takes the folio off its generation with a hold; false if it cannot be reclaimed without I/O, which is not
 * allowed. Linux mm/vmscan.c:isolate_folio()
 */
function isolateFolio(sys: MemorySystem, lrugen: LruGen, folio: Folio, sc: ScanControl): boolean {
  const needsIo =
    (folio.flags & PG_dirty) !== 0 || (folioTestAnon(folio) && (folio.flags & PG_swapcache) === 0);
  if ((sc.gfpMask & __GFP_IO) === 0 && needsIo) return false;
  folioGet(folio);
  if ((folio.flags & PG_referenced) === 0) folio.lruRefs = 0;
  folio.flags &= ~PG_reclaim;
  lruGenDelFolio(sys, lrugen, folio, true);
  return true;
}

// ---------------------------------------------------------------- one type

/** A scan of the oldest generation. Linux: variables of scan_folios() */
interface Scan {
  readonly type: number;
  readonly tierIdx: number;
  /** The folios taken, in order. */
  readonly folios: Folio[];
  /** Folios that may still be looked at. */
  remaining: number;
  /** Pages. */
  scanned: number;
  sorted: number;
  isolated: number;
}

/** Looks at one zone's list of the oldest generation. Linux mm/vmscan.c:scan_folios(), its inner loop */
function scanZone(sys: MemorySystem, lrugen: LruGen, sc: ScanControl, scan: Scan, zone: number): void {
  const list = genList(lruGenFromSeq(lrugen.minSeq[scan.type]!), scan.type, zone);
  const moved: Folio[] = [];
  let skipped = 0;
  for (let folio = lrugen.tail[list]; folio !== undefined; folio = lrugen.tail[list]) {
    const delta = folioNrPages(folio);
    scan.scanned += delta;
    if (sortFolio(sys, lrugen, folio, sc, scan.tierIdx)) scan.sorted += delta;
    else if (isolateFolio(sys, lrugen, folio, sc)) {
      scan.folios.push(folio);
      scan.isolated += delta;
    } else {
      genListDel(lrugen, folio);
      moved.push(folio);
      skipped += delta;
    }
    if (--scan.remaining === 0 || Math.max(scan.isolated, skipped) >= MIN_LRU_BATCH) break;
  }
  for (let i = 0; i < moved.length; i++) genListAdd(lrugen, moved[i]!, list, false);
  if (skipped > 0) countVmEvents(sys, PGSKIP + zone, skipped);
}

/**
 * Takes folios of one type from its oldest generation, if that may end; pages looked at, 0 if that is in
 * vain. Linux mm/vmscan.c:scan_folios()
 */
function scanFolios(
  sys: MemorySystem,
  lrugen: LruGen,
  sc: ScanControl,
  type: number,
  nrToScan: number,
  folios: Folio[],
): number {
  if (getNrGens(lrugen, type) === MIN_NR_GENS) return 0;
  const tierIdx = getTierIdx(lrugen, type);
  const remaining = Math.min(nrToScan, MAX_LRU_BATCH);
  const scan: Scan = { type, tierIdx, folios, remaining, scanned: 0, sorted: 0, isolated: 0 };
  const highest = Math.min(sc.reclaimIdx, NR_GEN_ZONES - 1);
  for (let i = NR_GEN_ZONES; i > 0 && scan.remaining > 0 && scan.isolated < MIN_LRU_BATCH; i--)
    scanZone(sys, lrugen, sc, scan, (highest + i) % NR_GEN_ZONES);
  const { memcg } = lrugen.lruvec;
  countReclaimEvents(sys, memcg, sc, PGSCAN_KSWAPD + reclaimerOffset(sys, sc), scan.isolated);
  countReclaimEvents(sys, memcg, sc, PGREFILL, scan.sorted);
  countVmEvents(sys, PGSCAN_ANON + type, scan.isolated);
  sys.clock.advance(sys.costs.reclaimScanNs * (remaining - scan.remaining));
  if (type === LRU_GEN_FILE) sc.nr.fileTaken += scan.isolated;
  return scan.isolated > 0 || scan.remaining === 0 ? scan.scanned : 0;
}

/** What was taken. */
interface IsolatedFolios {
  readonly folios: Folio[];
  readonly type: number;
  readonly scanned: number;
}

/** Takes folios of the better type, or else of the other. Linux mm/vmscan.c:isolate_folios() */
function isolateFolios(
  sys: MemorySystem,
  lrugen: LruGen,
  sc: ScanControl,
  swappiness: number,
  nrToScan: number,
): IsolatedFolios {
  const folios: Folio[] = [];
  const first = getTypeToScan(lrugen, swappiness);
  const types = [first, first === LRU_GEN_FILE ? LRU_GEN_ANON : LRU_GEN_FILE];
  const nrTypes = maxType(swappiness) - minType(swappiness) + 1;
  for (const type of types.slice(0, nrTypes)) {
    const scanned = scanFolios(sys, lrugen, sc, type, nrToScan, folios);
    if (scanned > 0) return { folios, type, scanned };
  }
  return { folios, type: types[nrTypes - 1]!, scanned: 0 };
}

// ---------------------------------------------------------------- taking and putting back

/**
 * Looks over what shrinkFolioList left: returns what is to be tried again, and leaves the rest in `folios`,
 * not to go to the oldest generation. Linux mm/vmscan.c:evict_folios(), its loop over the list
 */
function sortKept(sys: MemorySystem, lrugen: LruGen, folios: Folio[], type: number, retry: boolean): Folio[] {
  const clean: Folio[] = [];
  let nrKept = 0;
  for (let i = 0; i < folios.length; i++) {
    const folio = folios[i]!;
    if (!folioEvictable(folio)) {
      folioPutbackLru(sys, folio);
      continue;
    }
    const busy = (folio.flags & (PG_active | PG_dirty)) !== 0 || folioIsWriteback(sys, folio);
    if (retry && !busy && !folioMapped(folio)) {
      clean.push(folio);
      continue;
    }
    if (lruGenFolioSeq(lrugen, folio, false) === lrugen.minSeq[type]) {
      folio.lruRefs = 0;
      folio.flags = (folio.flags & ~PG_referenced) | PG_active;
    }
    folios[nrKept++] = folio;
  }
  folios.length = nrKept;
  return clean;
}

/** Reclaims isolated folios, those that became clean meanwhile a second time. */
function reclaimFolios(sys: MemorySystem, lrugen: LruGen, sc: ScanControl, isolated: IsolatedFolios): void {
  const { type } = isolated;
  let { folios } = isolated;
  for (let retry = true; folios.length > 0; retry = false) {
    const stat = newReclaimStat();
    const nrFolios = folios.length;
    const reclaimed = sys.parts.shrinkFolioList(sys, folios, sc, stat, false);
    sys.clock.advance(sys.costs.reclaimFreeNs * (nrFolios - folios.length));
    sc.nr.unqueuedDirty += stat.nrUnqueuedDirty;
    sc.nrReclaimed += reclaimed;
    const clean = sortKept(sys, lrugen, folios, type, retry);
    moveFoliosToLru(sys, lrugen.lruvec, folios);
    countReclaimEvents(sys, lrugen.lruvec.memcg, sc, PGSTEAL_KSWAPD + reclaimerOffset(sys, sc), reclaimed);
    countVmEvents(sys, PGSTEAL_ANON + type, reclaimed);
    folios = clean;
  }
}

/**
 * Evicts from the oldest generation, about 64 pages; pages looked at, 0 if there is nothing to be had before
 * aging. Linux mm/vmscan.c:evict_folios()
 */
export function evictFolios(
  sys: MemorySystem,
  lrugen: LruGen,
  sc: ScanControl,
  swappiness: number,
  nrToScan: number,
): number {
  sys.sched.interrupts();
  const isolated = isolateFolios(sys, lrugen, sc, swappiness, nrToScan);
  let { scanned } = isolated;
  if (tryToIncMinSeq(lrugen, swappiness)) scanned++;
  if (evictableMinSeq(lrugen.minSeq, swappiness) + MIN_NR_GENS > lrugen.maxSeq) scanned = 0;
  reclaimFolios(sys, lrugen, sc, isolated);
  return scanned;
}
