import { describe, expect, it } from "vitest";
import { MTHP_STAT_NAMES, modMthpStat, mthpStat, ThpState } from "../../../lib/mm/huge/thp_state.js";

describe("the counts of each size", () => {
  it("begin at 0 and are kept apart", () => {
    const sys = { thp: new ThpState<object>() };
    expect(mthpStat(sys, 4, "split")).toBe(0);
    modMthpStat(sys, 4, "split");
    modMthpStat(sys, 4, "split");
    modMthpStat(sys, 4, "nr_anon", 3);
    modMthpStat(sys, 4, "nr_anon", -1);
    expect(MTHP_STAT_NAMES.map((name) => mthpStat(sys, 4, name)).filter((count) => count > 0)).toEqual([
      2, 2,
    ]);
    expect(mthpStat(sys, 5, "split")).toBe(0);
  });
});

describe("the settings", () => {
  it("are Linux's where nobody has changed them: one size, as `enabled` says", () => {
    const { ordersAlways, ordersMadvise, ordersInherit, khugepaged } = new ThpState<object>();
    expect([ordersAlways, ordersMadvise, ordersInherit]).toEqual([0, 0, 512]);
    expect(khugepaged).toEqual({
      ...{ defrag: true, maxPtesNone: 511, maxPtesSwap: 64, maxPtesShared: 256, pagesToScan: 4096 },
      ...{ scanSleepMillisecs: 10_000, allocSleepMillisecs: 60_000 },
    });
  });
});
