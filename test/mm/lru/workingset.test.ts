import { describe, expect, it } from "vitest";
import { folioMarkAccessed, lruAddDrainAll } from "../../../lib/mm/lru/swap.js";
import {
  packShadow,
  unpackShadow,
  workingsetAgeNonresident,
  workingsetEviction,
  workingsetTestRecent,
} from "../../../lib/mm/lru/workingset.js";
import { ROOT_MEM_CGROUP_ID } from "../../../lib/mm/memcg/memcg_types.js";
import { type Folio, PG_active, PG_referenced, PG_workingset } from "../../../lib/mm/pages/folio.js";
import {
  NR_ACTIVE_ANON,
  NR_ACTIVE_FILE,
  NR_INACTIVE_ANON,
  NR_INACTIVE_FILE,
  WORKINGSET_ACTIVATE,
  WORKINGSET_REFAULT,
  WORKINGSET_RESTORE,
} from "../../../lib/mm/vmstat.js";
import { PAGE, shrink, withFile } from "./isolated.js";

describe("a shadow", () => {
  it("holds the clock, the group and whether the page had been active, to the last bit", () => {
    for (const eviction of [0, 1, 2 ** 20, 2 ** 36 - 1])
      for (const memcgId of [1, 65535])
        for (const workingset of [false, true]) {
          const shadow = packShadow({ memcgId, eviction, workingset });
          expect(Number.isSafeInteger(shadow)).toBe(true);
          expect(unpackShadow(shadow)).toEqual({ memcgId, eviction, workingset });
        }
    const wrapped = packShadow({ memcgId: 1, eviction: 2 ** 36 + 5, workingset: false });
    expect(unpackShadow(wrapped).eviction).toBe(5);
  });

  it("takes the clock as it was, which goes on by the pages evicted", () => {
    const { sys, folio } = withFile(16, "16 MiB", 16 * PAGE);
    sys.lruvec.nonresidentAge = 100;
    folio(0).flags |= PG_workingset;
    const shadow = unpackShadow(workingsetEviction(sys, folio(0)));
    expect(shadow).toEqual({ memcgId: ROOT_MEM_CGROUP_ID, eviction: 100, workingset: true });
    expect(sys.lruvec.nonresidentAge).toBe(116);
  });
});

describe("a page that comes back", () => {
  /** Evicts page 0 of a file, lets the lists turn by `turns`, with `active` active file pages, and reads it again. */
  function refault(turns: number, active: number, workingset = false) {
    const all = withFile(4);
    const { sys, file, folio } = all;
    if (workingset) folio(0).flags |= PG_workingset;
    expect(shrink(sys, [folio(0)]).nrReclaimed).toBe(1);
    workingsetAgeNonresident(sys.lruvec, turns - 1); // the eviction itself was one
    sys.vmStat.nodeStat[NR_ACTIVE_FILE] = active;
    const age = sys.lruvec.nonresidentAge;
    file.read(0, new Uint8Array(PAGE));
    const count = (item: number): number => sys.vmStat.nodeStat[item + 1]!;
    const counts = [count(WORKINGSET_REFAULT), count(WORKINGSET_ACTIVATE), count(WORKINGSET_RESTORE)];
    return { ...all, counts, aged: sys.lruvec.nonresidentAge - age, now: folio(0) };
  }
  const active = (folio: Folio): boolean => (folio.flags & PG_active) !== 0;

  it("is active at once if the active pages are as many as were evicted since", () => {
    const { counts, aged, now } = refault(10, 10);
    expect(counts).toEqual([1, 1, 0]);
    expect([aged, active(now), now.flags & PG_workingset]).toEqual([1, true, 0]);
  });

  it("starts like a new page if it would not have fitted anyway", () => {
    const { counts, aged, now } = refault(11, 10);
    expect(counts).toEqual([1, 0, 0]);
    expect([aged, active(now)]).toEqual([0, false]);
  });

  it("that had been active counts as restored, and its type costs more", () => {
    const { counts, now, sys } = refault(5, 1000, true);
    expect(counts).toEqual([1, 1, 1]);
    expect(now.flags & PG_workingset).toBe(PG_workingset);
    expect(sys.lruvec.fileCost).toBe(32);
  });

  it("is nothing special if it is only to be written over", () => {
    const { sys, file, folio, mapping } = withFile(1);
    shrink(sys, [folio(0)]);
    file.write(0, new Uint8Array(PAGE));
    expect(sys.vmStat.nodeStat[WORKINGSET_REFAULT + 1]).toBe(0);
    expect(mapping.nrShadows).toBe(0);
  });
});

describe("the pages that a refault competes with", () => {
  it("are the active ones of files, and anonymous ones only where they can be swapped out", () => {
    const { sys } = withFile(1);
    sys.lruvec.nonresidentAge = 25;
    const { nodeStat } = sys.vmStat;
    nodeStat[NR_ACTIVE_FILE] = 10;
    nodeStat[NR_INACTIVE_FILE] = 10;
    nodeStat[NR_ACTIVE_ANON] = 5;
    nodeStat[NR_INACTIVE_ANON] = 5;
    const recent = (distance: number, file: boolean): boolean =>
      workingsetTestRecent(sys, packShadow({ memcgId: 1, eviction: 25 - distance, workingset: false }), file);
    expect([recent(10, true), recent(11, true)]).toEqual([true, false]);
    expect([recent(20, false), recent(21, false)]).toEqual([true, false]);
    sys.nrSwapPages = 1;
    expect([recent(20, true), recent(21, true)]).toEqual([true, false]);
    expect([recent(25, false)]).toEqual([true]);
  });

  it("are told from an eviction before the clock went round", () => {
    const { sys } = withFile(1);
    sys.lruvec.nonresidentAge = 3;
    sys.vmStat.nodeStat[NR_ACTIVE_FILE] = 5;
    const shadow = packShadow({ memcgId: 1, eviction: 2 ** 36 - 2, workingset: false });
    expect(workingsetTestRecent(sys, shadow, true)).toBe(true);
  });
});

describe("a page that is used a second time", () => {
  it("lets the clock go on", () => {
    const { sys, folio } = withFile(1);
    folio(0).flags |= PG_referenced;
    folioMarkAccessed(sys, folio(0));
    lruAddDrainAll(sys);
    expect([sys.lruvec.nonresidentAge, folio(0).flags & PG_active]).toEqual([1, PG_active]);
  });
});
