import { describe, expect, it } from "vitest";
import { doTryToFreePages, snapshotRefaults, tryToFreePages } from "../../../lib/mm/lru/direct_reclaim.js";
import { newScanControl } from "../../../lib/mm/lru/scan_control.js";
import { folioActivate, lruAddDrainAll } from "../../../lib/mm/lru/swap.js";
import { PG_writeback } from "../../../lib/mm/pages/folio.js";
import { __GFP_DMA32, GFP_HIGHUSER_MOVABLE, GFP_KERNEL } from "../../../lib/mm/pages/gfp.js";
import { ALLOCSTALL, PGREFILL, PGSCAN_DIRECT, WORKINGSET_ACTIVATE } from "../../../lib/mm/vmstat.js";
import { withFile } from "./isolated.js";

describe("tryToFreePages", () => {
  it("tries harder and harder until 32 pages are free, and says when it began and ended", () => {
    const { sys } = withFile(500);
    sys.trace.enable("vmscan:mm_vmscan_direct_reclaim_*", "vmscan:mm_vmscan_lru_shrink_inactive");
    const freed = tryToFreePages(sys, GFP_KERNEL, 0);
    // 500 >> 8 is 1, 499 >> 7 is 3, 496 >> 6 is 7, 489 >> 5 is 15: together 26; 474 >> 4 are 29 more.
    expect(freed).toBe(55);
    const names = sys.trace.events.map(({ name, fields }) => [
      name.slice(10),
      fields.priority ?? fields.nr_reclaimed,
    ]);
    expect(names[0]).toEqual(["vmscan_direct_reclaim_begin", undefined]);
    expect(names.at(-1)).toEqual(["vmscan_direct_reclaim_end", 55]);
    expect(names.slice(1, -1).map(([, priority]) => priority)).toEqual([8, 7, 6, 5, 4]);
    expect(sys.vmStat.events[PGSCAN_DIRECT]).toBe(55);
  });

  it("counts a stall by the highest zone that would help", () => {
    const { sys } = withFile(500);
    tryToFreePages(sys, GFP_KERNEL, 0);
    tryToFreePages(sys, GFP_HIGHUSER_MOVABLE, 0);
    tryToFreePages(sys, __GFP_DMA32, 0);
    expect([0, 1, 2, 3].map((zone) => sys.vmStat.events[ALLOCSTALL + zone])).toEqual([0, 1, 1, 1]);
  });

  it("answers 0 when nothing can be freed, after a second round", () => {
    const { sys, folio } = withFile(8);
    for (let i = 0; i < 8; i++) folio(i).flags |= PG_writeback;
    expect(tryToFreePages(sys, GFP_KERNEL, 0)).toBe(0);
    expect(sys.vmStat.events[ALLOCSTALL + 2]).toBeGreaterThanOrEqual(2);
  });

  it("takes from the active list when the inactive one has nothing that could be freed", () => {
    const { sys, folio } = withFile(8);
    for (let i = 0; i < 4; i++) folioActivate(sys, folio(i));
    lruAddDrainAll(sys);
    for (let i = 4; i < 8; i++) folio(i).flags |= PG_writeback;
    expect(tryToFreePages(sys, GFP_KERNEL, 0)).toBeGreaterThan(0);
    expect(sys.vmStat.events[PGREFILL]).toBeGreaterThan(0);
  });

  it("does not free single pages for a large block that is there already", () => {
    const { sys } = withFile(100);
    const sc = newScanControl({ gfpMask: GFP_KERNEL, order: 4, reclaimIdx: 2 });
    expect(doTryToFreePages(sys, sc)).toBe(1);
    expect([sc.compactionReady, sys.vmStat.events[PGSCAN_DIRECT]]).toEqual([true, 0]);
  });
});

describe("snapshotRefaults", () => {
  it("remembers how many pages had come back", () => {
    const { sys } = withFile(1);
    sys.vmStat.nodeStat[WORKINGSET_ACTIVATE] = 3;
    sys.vmStat.nodeStat[WORKINGSET_ACTIVATE + 1] = 4;
    snapshotRefaults(sys);
    expect(sys.lruvec.refaults).toEqual([3, 4]);
  });
});
