import { describe, expect, it } from "vitest";
import { boot } from "../../../lib/kernel/machine.js";
import { newScanControl } from "../../../lib/mm/lru/scan_control.js";
import { SHRINK_STOP, type ShrinkControl, type Shrinker } from "../../../lib/mm/lru/shrink_control.js";
import { dropSlab, flushReclaimState, shrinkerRegister, shrinkSlab } from "../../../lib/mm/lru/shrinker.js";
import { GFP_KERNEL, GFP_NOFS } from "../../../lib/mm/pages/gfp.js";
import { SLABS_SCANNED } from "../../../lib/mm/vmstat.js";

/** A cache of objects of which every second one that is looked at goes. */
class Objects implements Shrinker {
  readonly name = "objects";
  nrDeferred = 0;
  readonly calls: number[] = [];
  readonly gfps = new Set<number>();
  stop = false;

  constructor(
    public freeable: number,
    readonly seeks = 2,
    readonly batch = 0,
  ) {}

  countObjects(): number {
    return this.freeable;
  }

  scanObjects(sc: ShrinkControl): number {
    this.gfps.add(sc.gfpMask);
    if (this.stop) return SHRINK_STOP;
    this.calls.push(sc.nrToScan);
    const freed = Math.min(this.freeable, Math.floor(sc.nrToScan / 2));
    this.freeable -= freed;
    return freed;
  }
}

function withObjects(...all: Objects[]) {
  const { sys } = boot({ ram: "16 MiB" }).kernel;
  sys.shrinkers.length = 0;
  for (const one of all) shrinkerRegister(sys, one);
  return { sys, scanned: () => sys.vmStat.events[SLABS_SCANNED]! };
}

describe("shrinkSlab", () => {
  it("looks at objects >> priority, times 4 / seeks, in batches of 128, and keeps the rest for later", () => {
    const objects = new Objects(10_000);
    const { sys, scanned } = withObjects(objects);
    // 10000 >> 5 = 312; times 4 / 2 = 624 = 4 x 128 + 112
    expect(shrinkSlab(sys, GFP_KERNEL, 5)).toBe(4 * 64);
    expect([objects.calls, objects.nrDeferred, scanned()]).toEqual([[128, 128, 128, 128], 112, 512]);
    // 9744 >> 4 = 609, times 2 = 1218; deferred 112 >> 4 = 7: 1225 = 9 x 128 + 73; deferred 112 + 1218 - 1152
    shrinkSlab(sys, GFP_KERNEL, 4);
    expect([objects.calls.length, objects.nrDeferred]).toEqual([4 + 9, 178]);
  });

  it("does nothing at a low pressure but remember, until it is enough for a batch", () => {
    const objects = new Objects(4096 * 30);
    const { sys } = withObjects(objects);
    shrinkSlab(sys, GFP_KERNEL, 12);
    expect([objects.calls, objects.nrDeferred]).toEqual([[], 60]);
    shrinkSlab(sys, GFP_KERNEL, 12);
    expect([objects.calls, objects.nrDeferred]).toEqual([[], 120]);
  });

  it("looks at half of what costs no I/O to make again, at any priority", () => {
    const objects = new Objects(1000, 0);
    const { sys } = withObjects(objects);
    shrinkSlab(sys, GFP_KERNEL, 12);
    expect([objects.calls, objects.nrDeferred]).toEqual([[128, 128, 128], 500 - 384]);
  });

  it("takes a small cache whole when memory is tight, and never looks twice as often as there are objects", () => {
    const objects = new Objects(50);
    const { sys } = withObjects(objects);
    objects.nrDeferred = 1_000_000;
    shrinkSlab(sys, GFP_KERNEL, 0);
    // 1000000 + 100, but 100 at most: one call for all of it
    expect(objects.calls).toEqual([100]);
    expect(objects.nrDeferred).toBe(100);
  });

  it("keeps all the work where the shrinker cannot do anything for this caller", () => {
    const objects = new Objects(1000, 2, 16);
    const { sys, scanned } = withObjects(objects);
    objects.stop = true;
    expect(shrinkSlab(sys, GFP_NOFS, 3)).toBe(0);
    expect([objects.nrDeferred, scanned(), [...objects.gfps]]).toEqual([250, 0, [GFP_NOFS]]);
  });

  it("asks all, and leaves those alone that have nothing", () => {
    const empty = new Objects(0);
    const full = new Objects(1000);
    const { sys } = withObjects(empty, full);
    expect(shrinkSlab(sys, GFP_KERNEL, 0)).toBe(15 * 64);
    expect([empty.calls.length, empty.nrDeferred]).toEqual([0, 0]);
  });
});

describe("dropSlab", () => {
  it("goes on as long as more is given up than the times it has tried call for", () => {
    const objects = new Objects(100_000);
    dropSlab(withObjects(objects).sys);
    expect(objects.freeable).toBeLessThan(2);
  });
});

describe("flushReclaimState", () => {
  it("gives the one who reclaims the pages of slabs that were freed, once", () => {
    const { sys } = withObjects();
    const sc = newScanControl({ nrReclaimed: 3 });
    sys.pgdat.reclaimedSlab = 8;
    flushReclaimState(sys, sc);
    flushReclaimState(sys, sc);
    expect(sc.nrReclaimed).toBe(11);
  });
});
