import { describe, expect, it } from "vitest";
import {
  DEF_PRIORITY,
  newReclaimStat,
  newScanControl,
  SWAP_CLUSTER_MAX,
} from "../../../lib/mm/lru/scan_control.js";

describe("newScanControl", () => {
  it("begins at priority 12 for 32 pages, may unmap, swap and write, and has seen nothing", () => {
    const sc = newScanControl({});
    expect([sc.priority, sc.nrToReclaim]).toEqual([DEF_PRIORITY, SWAP_CLUSTER_MAX]);
    expect([DEF_PRIORITY, SWAP_CLUSTER_MAX]).toEqual([12, 32]);
    expect([sc.mayUnmap, sc.maySwap, sc.mayWritepage]).toEqual([true, true, true]);
    expect([sc.nrScanned, sc.nrReclaimed]).toEqual([0, 0]);
    expect(Object.values(sc.nr).every((seen) => seen === 0)).toBe(true);
  });

  it("takes what it is given, and shares nothing with the next one", () => {
    const first = newScanControl({ order: 2, reclaimIdx: 1 });
    first.nr.taken += 5;
    const second = newScanControl({});
    expect([first.order, first.reclaimIdx]).toEqual([2, 1]);
    expect([second.order, second.nr.taken]).toEqual([0, 0]);
  });
});

describe("newReclaimStat", () => {
  it("is zero in every field, with a count of its own for each type of page", () => {
    const stat = newReclaimStat();
    stat.nrActivate[1]++;
    expect(newReclaimStat().nrActivate).toEqual([0, 0]);
    expect(
      Object.values(newReclaimStat())
        .flat()
        .every((seen) => seen === 0),
    ).toBe(true);
  });
});
