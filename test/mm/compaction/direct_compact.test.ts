import { describe, expect, it } from "vitest";
import {
  COMPACT_DEFERRED,
  COMPACT_PRIO_ASYNC,
  COMPACT_PRIO_SYNC_FULL,
  COMPACT_PRIO_SYNC_LIGHT,
  COMPACT_SKIPPED,
  COMPACT_SUCCESS,
} from "../../../lib/mm/compaction/compact_control.js";
import { deferCompaction } from "../../../lib/mm/compaction/defer.js";
import { tryToCompactPages } from "../../../lib/mm/compaction/direct_compact.js";
import { folioPut } from "../../../lib/mm/pages/free_pages.js";
import {
  __GFP_NORETRY,
  GFP_HIGHUSER_MOVABLE,
  GFP_NOIO,
  GFP_TRANSHUGE,
  GFP_TRANSHUGE_LIGHT,
} from "../../../lib/mm/pages/gfp.js";
import { allocPages } from "../../../lib/mm/pages/page_alloc.js";
import { COMPACTFAIL, COMPACTSTALL, COMPACTSUCCESS, PGALLOC } from "../../../lib/mm/vmstat.js";
import { fragmented, readsItsBytes } from "./fragmented.js";

const request = { gfp: GFP_HIGHUSER_MOVABLE, allocFlags: 0, highestZoneidx: 2, prio: COMPACT_PRIO_ASYNC };

function counts({ vmStat }: ReturnType<typeof fragmented>["sys"]): number[] {
  return [COMPACTSTALL, COMPACTSUCCESS, COMPACTFAIL].map((item) => vmStat.events[item]!);
}

describe("an allocation that finds no block", () => {
  it("makes one by moving pages, in its own time, and gets it as soon as it is whole", () => {
    const f = fragmented();
    const { nowNs } = f.sys.clock;
    const handedOut = f.sys.vmStat.events[PGALLOC]!;
    const folio = allocPages(f.sys, GFP_HIGHUSER_MOVABLE, 5)!;
    expect([folio.order, folio.refcount, counts(f.sys)]).toEqual([5, 1, [1, 1, 0]]);
    expect(f.sys.clock.nowNs - nowNs).toBeGreaterThan(16 * 900);
    expect(f.sys.vmStat.events[PGALLOC]).toBe(handedOut); // it came from no list
    expect([f.zone.capture, readsItsBytes(f)]).toEqual([undefined, true]);
    folioPut(f.sys, folio);
  });

  it("does without where it may not wait, or may not start I/O", () => {
    const f = fragmented();
    expect(allocPages(f.sys, GFP_TRANSHUGE_LIGHT, 5)).toBeUndefined();
    const answer = tryToCompactPages(f.sys, { ...request, order: 5, gfp: GFP_NOIO });
    expect([answer, counts(f.sys)]).toEqual([{ result: COMPACT_SKIPPED, captured: -1 }, [0, 0, 0]]);
  });

  it("gives up at once with __GFP_NORETRY where compaction was put off", () => {
    const f = fragmented();
    let reclaims = 0;
    f.sys.parts.tryToFreePages = () => {
      reclaims++;
      return 0;
    };
    for (let i = 0; i < 3; i++) deferCompaction(f.sys, f.zone, 5);
    expect(allocPages(f.sys, GFP_TRANSHUGE | __GFP_NORETRY, 5)).toBeUndefined();
    expect([reclaims, f.zone.compact.considered, counts(f.sys)]).toEqual([0, 1, [1, 0, 1]]);
    expect(tryToCompactPages(f.sys, { ...request, order: 5 }).result).toBe(COMPACT_DEFERRED);
    const hard = tryToCompactPages(f.sys, { ...request, order: 5, prio: COMPACT_PRIO_SYNC_FULL });
    expect(hard.result).toBe(COMPACT_SUCCESS); // the last try heeds no deferral
  });

  it("tries harder after reclaim, and puts the zone off when that is in vain", () => {
    const f = fragmented();
    const prios: number[] = [];
    f.sys.parts.tryToFreePages = () => 1;
    f.sys.parts.tryToCompactPages = (_sys, { prio }) => {
      prios.push(prio);
      return { result: 5, captured: -1 };
    };
    expect(allocPages(f.sys, GFP_TRANSHUGE, 5)).toBeUndefined();
    expect(prios).toEqual([COMPACT_PRIO_ASYNC, COMPACT_PRIO_SYNC_LIGHT]);
    expect(counts(f.sys)).toEqual([2, 0, 2]);
    const none = fragmented();
    none.sys.parts.compactZone = () => 5; // COMPACT_COMPLETE
    tryToCompactPages(none.sys, { ...request, order: 5, prio: COMPACT_PRIO_SYNC_LIGHT });
    expect(none.zone.compact.deferShift).toBe(1);
  });
});

describe("a learner's round of compaction", () => {
  it("runs the machine", () => {
    let rounds = 0;
    const f = fragmented();
    const own = f.sys.parts.compactZone;
    f.sys.parts.compactZone = (sys, cc) => {
      rounds++;
      return own(sys, cc);
    };
    expect(allocPages(f.sys, GFP_HIGHUSER_MOVABLE, 5)).toBeDefined();
    expect(rounds).toBeGreaterThan(0);
  });
});
