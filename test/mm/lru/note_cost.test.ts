import { describe, expect, it } from "vitest";
import { lruNoteCost, lruNoteCostRefault } from "../../../lib/mm/lru/note_cost.js";
import { NR_ACTIVE_FILE, NR_INACTIVE_ANON, NR_UNEVICTABLE } from "../../../lib/mm/vmstat.js";
import { withFile } from "./isolated.js";

describe("the cost of a type", () => {
  it("is 32 for a page read or written, 1 for one that stayed", () => {
    const { sys } = withFile(1);
    sys.vmStat.nodeStat[NR_ACTIVE_FILE] = 4000;
    lruNoteCost(sys, sys.lruvec, true, 2, 5);
    lruNoteCost(sys, sys.lruvec, false, 0, 3);
    lruNoteCost(sys, sys.lruvec, false, 0, 0);
    expect([sys.lruvec.fileCost, sys.lruvec.anonCost]).toEqual([69, 3]);
  });

  it("is halved, that of both types, when the sum passes a quarter of the lists", () => {
    const { sys } = withFile(1);
    sys.vmStat.nodeStat.fill(0);
    sys.vmStat.nodeStat[NR_INACTIVE_ANON] = 407; // a quarter: 101
    sys.vmStat.nodeStat[NR_UNEVICTABLE] = 4000; // do not count
    lruNoteCost(sys, sys.lruvec, true, 3, 5);
    expect(sys.lruvec.fileCost).toBe(101);
    lruNoteCost(sys, sys.lruvec, false, 0, 1);
    expect([sys.lruvec.fileCost, sys.lruvec.anonCost]).toEqual([50, 0]);
  });

  it("of a folio that had to be read again is that of its pages", () => {
    const { sys, folio } = withFile(4, "16 MiB", 4 * 4096);
    sys.vmStat.nodeStat[NR_ACTIVE_FILE] = 4000;
    lruNoteCostRefault(sys, folio(0));
    expect(sys.lruvec.fileCost).toBe(4 * 32);
  });
});
