import { describe, expect, it } from "vitest";
import { isolateFreepages } from "../../../lib/mm/compaction/fast_isolate.js";
import { control, freeOnly } from "./fragmented.js";

describe("the short search for free frames", () => {
  it("takes one of the last quarter before the free scanner at once, from the end of the list", () => {
    const { sys, zone } = freeOnly(1000, 3400, 3500, 2000);
    const cc = control(zone, 4, { migratePfn: 256, freePfn: 3584 });
    cc.nrMigratepages = 1;
    isolateFreepages(sys, cc);
    expect([cc.freepages[0], cc.nrFreepages]).toEqual([[3400], 1]);
    // the next search begins where this one ended
    expect(zone.freeArea[0]!.tail[1]).toBe(3500);
    expect(cc.totalFreeScanned).toBe(2);
  });

  it("takes the highest of the last half where there is none", () => {
    const { sys, zone } = freeOnly(1000, 2100, 2400, 700);
    const cc = control(zone, 4, { migratePfn: 256, freePfn: 3584 });
    cc.nrMigratepages = 1;
    isolateFreepages(sys, cc);
    expect(cc.freepages[0]).toEqual([2400]);
  });

  it("says where to scan when the scan begins and all is lower", () => {
    const { sys, zone } = freeOnly(300, 992);
    const cc = control(zone, 4, { migratePfn: 256, freePfn: 3584 });
    cc.nrMigratepages = 1;
    isolateFreepages(sys, cc);
    expect([cc.freepages[0], cc.fastSearchFail]).toEqual([[992], 1]);
    expect(cc.freePfn).toBe(993); // the scan of page blocks has found it: every 32nd frame by then
  });

  it("is left out where no block is wanted", () => {
    const { sys, zone } = freeOnly(300, 3400);
    const cc = control(zone, -1, { migratePfn: 256, freePfn: 3584 });
    cc.nrMigratepages = 1;
    isolateFreepages(sys, cc);
    expect([cc.freepages[0], cc.fastSearchFail]).toEqual([[3400], 0]);
  });
});
