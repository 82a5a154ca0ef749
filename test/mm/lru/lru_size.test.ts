import { describe, expect, it } from "vitest";
import { folioZonenum, updateLruSize, zoneReclaimablePages } from "../../../lib/mm/lru/lru_size.js";
import { LRU_ACTIVE_FILE, NR_LRU_LISTS } from "../../../lib/mm/lru/lruvec.js";
import { pfnToPage } from "../../../lib/mm/pages/folio.js";
import { globalNodePageState, NR_ACTIVE_FILE } from "../../../lib/mm/vmstat.js";
import { newSystem } from "./gen/generations.js";

describe("sizes of lists", () => {
  it("are kept for the node and for each zone", () => {
    const sys = newSystem(0);
    updateLruSize(sys, sys.lruvec, 1, LRU_ACTIVE_FILE, 5);
    updateLruSize(sys, sys.lruvec, 0, LRU_ACTIVE_FILE, 2);
    updateLruSize(sys, sys.lruvec, 1, LRU_ACTIVE_FILE, -1);
    expect(globalNodePageState(sys, NR_ACTIVE_FILE)).toBe(6);
    expect([0, 1].map((zid) => sys.lruvec.lruZoneSize[zid * NR_LRU_LISTS + LRU_ACTIVE_FILE])).toEqual([2, 4]);
  });

  it("tell what reclaim could take from a zone: without swap, pages of files", () => {
    const sys = newSystem(0);
    const { lruvec } = sys;
    for (const [list, pages] of [1, 2, 4, 8, 16].entries()) updateLruSize(sys, lruvec, 1, list, pages);
    updateLruSize(sys, lruvec, 0, LRU_ACTIVE_FILE, 32);
    expect([0, 1].map((zid) => zoneReclaimablePages(sys, zid))).toEqual([32, 4 + 8]);
    sys.nrSwapPages = 1;
    expect([0, 1].map((zid) => zoneReclaimablePages(sys, zid))).toEqual([32, 1 + 2 + 4 + 8]);
  });

  it("count a folio in the zone that its frame lies in", () => {
    const sys = newSystem(0);
    for (const [zid, zone] of sys.zones.entries())
      expect(
        [zone.zoneStartPfn, zone.zoneEndPfn - 1].map((pfn) => folioZonenum(sys, pfnToPage(sys, pfn))),
      ).toEqual([zid, zid]);
  });
});
