/**
 * Was that page evicted too early? Refault distance.
 *
 *   the clock   nonresidentAge: + 1 for each page evicted or activated      (how far the inactive list has turned)
 *
 *   evicted     at 1000    the shadow in the page's place says "1000"           workingsetEviction
 *   wanted      at 1300    distance 300: with 300 pages more it would be here   workingsetRefault
 *
 *   300 <= active pages    had the active list been so much shorter, it would have stayed: it is made active
 *                          at once and must fight for its place                      WORKINGSET_ACTIVATE
 *   300 >  active pages    no sharing of this memory could have kept it: starts inactive, as a new page
 *
 * A page that was active before it was deactivated and evicted carries PG_workingset; that goes through the
 * shadow. When it comes back the active list itself is too short for what is in use: the type's cost grows
 * (note_cost.ts), and WORKINGSET_RESTORE counts.
 *
 *   shadow      eviction (36 bits) | memory cgroup (16) | PG_workingset (1)
 *
 * Differs from Linux: no node in the shadow, which has 53 bits here and 63 there.
 *
 * Linux mm/workingset.c. Read first: mm/filemap/shadows.ts. Read next: shrink_folio_list.ts.
 */
import { ROOT_MEM_CGROUP_ID } from "../memcg/memcg_types.js";
import {
  folioLruvec,
  lruvecPageState,
  memCgroupLruvec,
  modLruvecState,
  parentLruvec,
} from "../memcg/stats.js";
import { memCgroupGetNrSwapPages } from "../memcg/swap_charge.js";
import { type Folio, folioNrPages, PG_active, PG_workingset } from "../pages/folio.js";
import type { MemorySystem } from "../system.js";
import {
  NR_ACTIVE_ANON,
  NR_ACTIVE_FILE,
  NR_INACTIVE_ANON,
  NR_INACTIVE_FILE,
  WORKINGSET_ACTIVATE,
  WORKINGSET_REFAULT,
  WORKINGSET_RESTORE,
} from "../vmstat.js";
import { lruGenEviction, lruGenRefault, lruGenTestRecent } from "./gen/tiers.js";
import type { Lruvec, Memcg } from "./lruvec.js";
import { folioIsFileLru } from "./mm_inline.js";
import { lruNoteCostRefault } from "./note_cost.js";

/** Evictions that a shadow can tell apart. Linux mm/workingset.c:EVICTION_MASK + 1 */
const EVICTIONS = 2 ** 36;
/** Linux include/linux/memcontrol.h:MEM_CGROUP_ID_SHIFT */
const MEM_CGROUP_IDS = 2 ** 16;
/** What a shadow says. */
interface Shadow {
  readonly memcgId: number;
  /** The clock when the page was evicted. */
  readonly eviction: number;
  /** Whether it had been active before. */
  readonly workingset: boolean;
}

/** Linux mm/workingset.c:pack_shadow() */
export function packShadow({ memcgId, eviction, workingset }: Shadow): number {
  return ((eviction % EVICTIONS) * MEM_CGROUP_IDS + memcgId) * 2 + (workingset ? 1 : 0);
}

/** Linux mm/workingset.c:unpack_shadow() */
export function unpackShadow(shadow: number): Shadow {
  const rest = Math.floor(shadow / 2);
  const memcgId = rest % MEM_CGROUP_IDS;
  return { memcgId, eviction: Math.floor(rest / MEM_CGROUP_IDS), workingset: shadow % 2 === 1 };
}

/**
 * The lists have turned by `nrPages`, and so have those of all groups above. Linux
 * mm/workingset.c:workingset_age_nonresident()
 */
export function workingsetAgeNonresident(lruvec: Lruvec, nrPages: number): void {
  for (let one: Lruvec | undefined = lruvec; one !== undefined; one = parentLruvec(one))
    one.nonresidentAge += nrPages;
}

/**
 * The folio leaves, since `targetMemcg` must shrink, or the machine is short of memory: the shadow for its
 * place. Whose pressure it was decides with what the page is compared when it comes back: one that the
 * machine has taken competes with all others. Linux mm/workingset.c:workingset_eviction()
 */
export function workingsetEviction(sys: MemorySystem, folio: Folio, targetMemcg?: Memcg): number {
  const workingset = (folio.flags & PG_workingset) !== 0;
  if (sys.lruGen.enabled) {
    const { lrugen, memcg } = folioLruvec(sys, folio);
    const memcgId = memcg?.id ?? ROOT_MEM_CGROUP_ID;
    return packShadow({ memcgId, eviction: lruGenEviction(lrugen, folio), workingset });
  }
  const lruvec = memCgroupLruvec(sys, targetMemcg);
  const eviction = lruvec.nonresidentAge;
  workingsetAgeNonresident(lruvec, folioNrPages(folio));
  return packShadow({ memcgId: targetMemcg?.id ?? ROOT_MEM_CGROUP_ID, eviction, workingset });
}

/** The lists that the page of a shadow was taken from; undefined if their group is gone. */
function evictionLruvec(sys: MemorySystem, memcgId: number): Lruvec | undefined {
  return sys.memcg.byId[memcgId]?.lruvec;
}

/** Pages between the eviction and now. */
function refaultDistance(lruvec: Lruvec, eviction: number): number {
  return (lruvec.nonresidentAge - eviction + EVICTIONS) % EVICTIONS;
}

/** Pages that the page competes with: anonymous ones only where there is swap to push them to. */
function workingsetSize(sys: MemorySystem, lruvec: Lruvec, file: boolean): number {
  let size = lruvecPageState(sys, lruvec, NR_ACTIVE_FILE);
  if (!file) size += lruvecPageState(sys, lruvec, NR_INACTIVE_FILE);
  if (memCgroupGetNrSwapPages(sys, lruvec.memcg) > 0) {
    size += lruvecPageState(sys, lruvec, NR_ACTIVE_ANON);
    if (file) size += lruvecPageState(sys, lruvec, NR_INACTIVE_ANON);
  }
  return size;
}

/**
 * Whether the shadow is of a page that the memory at hand could have kept.
 * Linux mm/workingset.c:workingset_test_recent()
 */
export function workingsetTestRecent(sys: MemorySystem, shadow: number, file: boolean): boolean {
  const { memcgId, eviction } = unpackShadow(shadow);
  const lruvec = evictionLruvec(sys, memcgId);
  if (sys.lruGen.enabled) return lruGenTestRecent((lruvec ?? sys.lruvec).lrugen, eviction);
  return lruvec !== undefined && refaultDistance(lruvec, eviction) <= workingsetSize(sys, lruvec, file);
}

/** A page is back in the place where `shadow` was. Linux mm/workingset.c:workingset_refault() */
export function workingsetRefault(sys: MemorySystem, folio: Folio, shadow: number): void {
  const { memcgId, eviction, workingset } = unpackShadow(shadow);
  const lruvec = folioLruvec(sys, folio);
  if (sys.lruGen.enabled) {
    // What another group has lost says nothing about this one's generations.
    if ((evictionLruvec(sys, memcgId) ?? sys.lruvec) === lruvec)
      lruGenRefault(sys, lruvec.lrugen, folio, eviction, workingset);
    return;
  }
  const file = folioIsFileLru(folio);
  const type = file ? 1 : 0;
  const nrPages = folioNrPages(folio);
  modLruvecState(sys, lruvec, WORKINGSET_REFAULT + type, nrPages);
  const recent = workingsetTestRecent(sys, shadow, file);
  if (sys.trace.on) {
    const distance = refaultDistance(evictionLruvec(sys, memcgId) ?? lruvec, eviction);
    const { pfn, index } = folio;
    sys.trace.emit("pagewalk:workingset_refault", { pfn, index, distance, activate: recent ? 1 : 0 });
  }
  if (!recent) return;
  folio.flags |= PG_active;
  workingsetAgeNonresident(lruvec, nrPages);
  modLruvecState(sys, lruvec, WORKINGSET_ACTIVATE + type, nrPages);
  if (!workingset) return;
  folio.flags |= PG_workingset;
  lruNoteCostRefault(sys, folio);
  modLruvecState(sys, lruvec, WORKINGSET_RESTORE + type, nrPages);
}

/** The folio was made active because it was used again. Linux mm/workingset.c:workingset_activation() */
export function workingsetActivation(sys: MemorySystem, folio: Folio): void {
  workingsetAgeNonresident(folioLruvec(sys, folio), folioNrPages(folio));
}
