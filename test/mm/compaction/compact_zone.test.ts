import { describe, expect, it } from "vitest";
import {
  COMPACT_COMPLETE,
  COMPACT_CONTINUE,
  COMPACT_PARTIAL_SKIPPED,
  COMPACT_SUCCESS,
} from "../../../lib/mm/compaction/compact_control.js";
import {
  compactFinished,
  compactZone,
  compactZoneBegin,
  compactZoneEnd,
  compactZoneRounds,
} from "../../../lib/mm/compaction/compact_zone.js";
import { unusableFreeIndex } from "../../../lib/mm/compaction/fragmentation.js";
import { checkZone } from "../../../lib/mm/pages/zone_check.js";
import { COMPACTFREE_SCANNED, COMPACTMIGRATE_SCANNED, PGMIGRATE_SUCCESS } from "../../../lib/mm/vmstat.js";
import { control, fragmented, frameOf, freeOnly, readsItsBytes } from "./fragmented.js";

const whole = { wholeZone: true, ignoreSkipHint: true, gfpMask: 0 };

describe("compaction of a zone", () => {
  it("moves pages up until the scanners meet: free frames are together then", () => {
    const f = fragmented(3000);
    const before = unusableFreeIndex(f.zone, 3);
    const cc = control(f.zone, -1, { ...whole, mode: 2 });
    expect(compactZoneRounds(f.sys, cc)).toBe(COMPACT_COMPLETE);
    expect([before, unusableFreeIndex(f.zone, 3)]).toEqual([1000, expect.any(Number)]);
    expect(unusableFreeIndex(f.zone, 3)).toBeLessThan(600);
    expect(readsItsBytes(f)).toBe(true);
    const problems: string[] = [];
    checkZone(f.zone, problems);
    expect(problems).toEqual([]);
    const { events } = f.sys.vmStat;
    expect(events[PGMIGRATE_SUCCESS]).toBeGreaterThan(100);
    expect([events[COMPACTMIGRATE_SCANNED], events[COMPACTFREE_SCANNED]]).toEqual([
      cc.totalMigrateScanned,
      cc.totalFreeScanned,
    ]);
  });

  it("ends when a block of the wanted size is free, at a page block's end", () => {
    const f = fragmented();
    const cc = control(f.zone, 5, { directCompaction: true });
    expect(compactZoneRounds(f.sys, cc)).toBe(COMPACT_SUCCESS);
    expect(cc.migratePfn % 512).toBe(0);
    expect(f.zone.freeArea.slice(5).some(({ nrFree }) => nrFree > 0)).toBe(true);
    expect(readsItsBytes(f)).toBe(true);
  });

  it("begins where the last one stopped, and each mode has a place of its own", () => {
    const { sys, zone } = fragmented();
    Object.assign(zone.compact, { cachedFreePfn: 3072, initMigratePfn: 512 });
    zone.compact.cachedMigratePfn[0] = 1024;
    zone.compact.cachedMigratePfn[1] = 512;
    const async = control(zone, 3, { mode: 0 });
    const sync = control(zone, 3, { mode: 1 });
    expect([compactZoneBegin(sys, async), compactZoneBegin(sys, sync)]).toEqual([
      COMPACT_CONTINUE,
      COMPACT_CONTINUE,
    ]);
    expect([async.migratePfn, async.freePfn, async.wholeZone]).toEqual([1024, 3072, false]);
    expect([sync.migratePfn, sync.wholeZone]).toEqual([512, true]);
    zone.compact.cachedFreePfn = 5000;
    const lost = control(zone, 3, { mode: 1 });
    compactZoneBegin(sys, lost);
    expect(lost.freePfn).toBe(3584);
  });

  it("is over when the scanners are in one page block; an allocation has marks cleared later", () => {
    const { sys, zone } = freeOnly();
    const cc = control(zone, 9, { migratePfn: 1100, freePfn: 1500 });
    expect(compactFinished(sys, cc)).toBe(COMPACT_PARTIAL_SKIPPED);
    expect([zone.compact.blockskipFlush, zone.compact.cachedFreePfn]).toEqual([false, 3584]);
    const direct = control(zone, 9, {
      migratePfn: 1100,
      freePfn: 1500,
      wholeZone: true,
      directCompaction: true,
    });
    expect([compactFinished(sys, direct), zone.compact.blockskipFlush]).toEqual([COMPACT_COMPLETE, true]);
    const middle = control(zone, 0, { migratePfn: 1100, freePfn: 3584 });
    zone.freeOnePage(700, 0);
    expect(compactFinished(sys, middle)).toBe(COMPACT_CONTINUE); // the page block is finished first
    middle.migratePfn = 1024;
    expect(compactFinished(sys, middle)).toBe(COMPACT_SUCCESS);
  });

  it("goes round by round, and gives back what is left over at the end", () => {
    const f = fragmented(3000);
    const free = f.zone.nrFreePages;
    const cc = control(f.zone, -1, { ...whole, mode: 2 });
    compactZoneBegin(f.sys, cc);
    const places: number[] = [];
    for (let round = 0; round < 3; round++) {
      expect(compactZone(f.sys, cc)).toBe(COMPACT_CONTINUE);
      places.push(cc.migratePfn);
    }
    expect(places).toEqual([...places].sort((a, b) => a - b));
    compactZoneEnd(f.sys, cc, COMPACT_CONTINUE);
    expect(cc.freepages.flat()).toEqual([]);
    expect(f.zone.nrFreePages + f.zone.pcps[0]!.count).toBe(free);
    expect(frameOf(f, 1)).toBeGreaterThan(0);
  });
});
