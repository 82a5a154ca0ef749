/**
 * Test bench of lab 05.5: one page that comes back, on a machine whose lists are as long as the scene says.
 *
 *   scene --> shadow, clock, lists --> workingsetRefault(sys, folio, shadow) --> flags, clock, counters, costs
 *
 * The lists are only numbers here: nothing else runs on such a machine. Not in Linux: a helper of the course.
 * Read first: reclaim.ts, where pages really go and come back.
 */
import type { Random } from "../../hw/random.js";
import { boot, type MachineParts } from "../../kernel/machine.js";
import { Page, PG_active, PG_swapbacked, PG_workingset } from "../../mm/pages/folio.js";
import {
  NR_ACTIVE_ANON,
  NR_ACTIVE_FILE,
  NR_INACTIVE_ANON,
  NR_INACTIVE_FILE,
  WORKINGSET_ACTIVATE,
  WORKINGSET_REFAULT,
  WORKINGSET_RESTORE,
} from "../../mm/vmstat.js";

/** A page that comes back. */
export interface RefaultScene {
  /** What the clock said when it went, and what it says now. */
  readonly eviction: number;
  readonly clock: number;
  readonly cgroup: number;
  readonly wasActive: boolean;
  readonly anon: boolean;
  /** log2 of the pages of its folio. */
  readonly order: number;
  readonly activeFile: number;
  readonly inactiveFile: number;
  readonly activeAnon: number;
  readonly inactiveAnon: number;
  /** Free pages of swap. */
  readonly swap: number;
}

/** A page of a file that comes back soon, changed as `options` say. */
export function refaultScene(options: Partial<RefaultScene> = {}): RefaultScene {
  const lists = { activeFile: 100, inactiveFile: 0, activeAnon: 0, inactiveAnon: 0, swap: 0 };
  const page = { cgroup: 1, wasActive: false, anon: false, order: 0 };
  return { eviction: 1000, clock: 1050, ...page, ...lists, ...options };
}

/** A random page that comes back, about where it is decided. */
export function randomRefault(random: Random): RefaultScene {
  const eviction = random.below(100_000);
  return refaultScene({
    ...{ eviction, clock: eviction + random.below(400), cgroup: random.below(65536) },
    ...{ wasActive: random.chance(50), anon: random.chance(30), order: random.pick([0, 0, 1, 3]) },
    ...{ activeFile: random.below(200), inactiveFile: random.below(100), activeAnon: random.below(100) },
    ...{ inactiveAnon: random.below(100), swap: random.pick([0, 10]) },
  });
}

/** A scene in words. */
export function refaultText(scene: RefaultScene): string {
  const { eviction, clock, wasActive, anon, order, swap } = scene;
  const what = `${anon ? "an anonymous folio" : "a file's folio"} of ${2 ** order} page${order === 0 ? "" : "s"}`;
  return `workingsetRefault for ${what} evicted at ${eviction}${wasActive ? ", which had been active" : ""}, now that the clock says ${clock} (active file ${scene.activeFile}, inactive file ${scene.inactiveFile}, active anon ${scene.activeAnon}, inactive anon ${scene.inactiveAnon}, free swap ${swap})`;
}

/** What the part does about it. */
export function runRefault(parts: Partial<MachineParts>, scene: RefaultScene): Record<string, unknown> {
  const { sys } = boot({ ram: "4 MiB", parts }).kernel;
  const { lruvec, vmStat, memcg } = sys;
  // Whatever group the shadow names: here it is the only one.
  memcg.byId[scene.cgroup] = memcg.root;
  const { nodeStat } = vmStat;
  nodeStat[NR_ACTIVE_FILE] = scene.activeFile;
  nodeStat[NR_INACTIVE_FILE] = scene.inactiveFile;
  nodeStat[NR_ACTIVE_ANON] = scene.activeAnon;
  nodeStat[NR_INACTIVE_ANON] = scene.inactiveAnon;
  sys.nrSwapPages = scene.swap;
  lruvec.nonresidentAge = scene.clock;
  const folio = new Page(1000);
  folio.order = scene.order;
  if (scene.anon) folio.flags |= PG_swapbacked;
  const shadow = (scene.eviction * 2 ** 16 + scene.cgroup) * 2 + (scene.wasActive ? 1 : 0);
  sys.parts.workingsetRefault(sys, folio, shadow);
  const both = (item: number): string => `${nodeStat[item]} anonymous, ${nodeStat[item + 1]} file`;
  return {
    PG_active: (folio.flags & PG_active) !== 0,
    PG_workingset: (folio.flags & PG_workingset) !== 0,
    nonresidentAge: lruvec.nonresidentAge,
    WORKINGSET_REFAULT: both(WORKINGSET_REFAULT),
    WORKINGSET_ACTIVATE: both(WORKINGSET_ACTIVATE),
    WORKINGSET_RESTORE: both(WORKINGSET_RESTORE),
    costs: `${lruvec.anonCost} anonymous, ${lruvec.fileCost} file`,
  };
}
