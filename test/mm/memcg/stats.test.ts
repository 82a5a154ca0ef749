import { describe, expect, it } from "vitest";
import { MEMCG_HIGH } from "../../../lib/mm/memcg/memcg_types.js";
import {
  countMemcgEvents,
  folioLruvec,
  lruvecPageState,
  lruvecStatModFolio,
  memCgroupLruvec,
  memcgMemoryEvent,
  modLruvecState,
  parentLruvec,
} from "../../../lib/mm/memcg/stats.js";
import { GFP_KERNEL } from "../../../lib/mm/pages/gfp.js";
import { allocPages } from "../../../lib/mm/pages/page_alloc.js";
import { globalNodePageState, NR_FILE_DIRTY, PGREFILL } from "../../../lib/mm/vmstat.js";
import { kernel, useArena } from "../arena.js";
import { group } from "./groups.js";

useArena();

describe("the counters of groups", () => {
  it("count what a group has in the machine, the group and all above it", () => {
    const { sys } = kernel;
    const a = group("/a");
    const b = group("/a/b", a);
    modLruvecState(sys, b.lruvec, NR_FILE_DIRTY, 3);
    modLruvecState(sys, a.lruvec, NR_FILE_DIRTY, 1);
    modLruvecState(sys, sys.lruvec, NR_FILE_DIRTY, 5);
    expect(globalNodePageState(sys, NR_FILE_DIRTY)).toBe(9);
    expect([sys.lruvec, a.lruvec, b.lruvec].map((one) => lruvecPageState(sys, one, NR_FILE_DIRTY))).toEqual([
      9, 4, 3,
    ]);
    countMemcgEvents(b, PGREFILL, 7);
    countMemcgEvents(undefined, PGREFILL, 7);
    expect([a.events[PGREFILL], b.events[PGREFILL], sys.vmStat.events[PGREFILL]]).toEqual([7, 7, 0]);
    memcgMemoryEvent(b, MEMCG_HIGH);
    expect([a, b].map((one) => [one.memoryEvents[MEMCG_HIGH], one.memoryEventsLocal[MEMCG_HIGH]])).toEqual([
      [1, 0],
      [1, 1],
    ]);
  });

  it("know whose lists a folio belongs on, and whose are above them", () => {
    const { sys } = kernel;
    const b = group("/a/b", group("/a"));
    const folio = allocPages(sys, GFP_KERNEL, 0)!;
    expect(folioLruvec(sys, folio)).toBe(sys.lruvec);
    folio.memcg = b;
    expect([folioLruvec(sys, folio), memCgroupLruvec(sys, b)]).toEqual([b.lruvec, b.lruvec]);
    expect([parentLruvec(b.lruvec), parentLruvec(b.parent!.lruvec)]).toEqual([b.parent!.lruvec, sys.lruvec]);
    expect([parentLruvec(sys.lruvec), memCgroupLruvec(sys, undefined)]).toEqual([undefined, sys.lruvec]);
    lruvecStatModFolio(sys, folio, NR_FILE_DIRTY, 2);
    expect(lruvecPageState(sys, b.parent!.lruvec, NR_FILE_DIRTY)).toBe(2);
  });
});
