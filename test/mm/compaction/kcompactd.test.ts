import { describe, expect, it } from "vitest";
import { fragmentationScoreNode } from "../../../lib/mm/compaction/fragmentation.js";
import {
  compactNodes,
  kcompactdRun,
  triggerProactiveCompaction,
} from "../../../lib/mm/compaction/kcompactd.js";
import { wakeupKcompactd } from "../../../lib/mm/compaction/wakeup.js";
import {
  KCOMPACTD_FREE_SCANNED,
  KCOMPACTD_MIGRATE_SCANNED,
  KCOMPACTD_WAKE,
  PGMIGRATE_SUCCESS,
} from "../../../lib/mm/vmstat.js";
import { type Fragmented, fragmented, readsItsBytes } from "./fragmented.js";
import "../../../lib/procfs/mount.js";

const MS = 1e6;

function event({ sys }: Fragmented, item: number): number {
  return sys.vmStat.events[item]!;
}

describe("kcompactd", () => {
  it("makes the block that it is woken for, round by round, in its own time", () => {
    const f = fragmented(3000);
    f.sys.sysctl.compactionProactiveness = 0;
    const { kcompactd } = f.sys.pgdat;
    wakeupKcompactd(f.sys, 4, 0);
    f.machine.idle(20 * MS);
    expect([event(f, KCOMPACTD_WAKE), f.sys.pgdat.kcompactdRun.phase, f.sys.pgdat.kcompactdMaxOrder]).toEqual(
      [1, "asleep", 0],
    );
    expect(kcompactd!.batches).toBeGreaterThan(2);
    expect(f.zone.freeArea.slice(4).some(({ nrFree }) => nrFree > 0)).toBe(true);
    expect(event(f, KCOMPACTD_MIGRATE_SCANNED)).toBeGreaterThan(0);
    expect(event(f, KCOMPACTD_FREE_SCANNED)).toBeGreaterThan(0);
    expect(readsItsBytes(f)).toBe(true);
  });

  it("sees after half a second what could not be done when it was asked", () => {
    const f = fragmented();
    wakeupKcompactd(f.sys, 9, 0);
    f.machine.idle(400 * MS);
    expect(event(f, KCOMPACTD_WAKE)).toBe(0);
    f.machine.idle(100 * MS);
    expect([event(f, KCOMPACTD_WAKE), f.sys.pgdat.kcompactdMaxOrder]).toEqual([1, 0]);
  });

  it("works ahead of need when memory is in pieces, and looks again after 32 s when that is in vain", () => {
    const f = fragmented(3000);
    f.sys.sysctl.compactionProactiveness = 80;
    expect(fragmentationScoreNode(f.sys)).toBeGreaterThan(30);
    f.machine.idle(600 * MS);
    expect(event(f, PGMIGRATE_SUCCESS)).toBeGreaterThan(100);
    expect(event(f, KCOMPACTD_WAKE)).toBe(0);
    expect(readsItsBytes(f)).toBe(true);
    const { timeout } = f.sys.pgdat.kcompactdRun;
    const waits = timeout!.atNs - f.sys.clock.nowNs;
    expect([waits <= 500 * MS, waits > 30_000 * MS]).toContain(true);
  });

  it("looks at once when vm.compaction_proactiveness is written, and never by itself while it is 0", () => {
    const f = fragmented(3000);
    f.machine.kernel.sys.sysctl.compactionProactiveness = 0;
    f.machine.idle(700 * MS);
    expect(f.sys.pgdat.kcompactdRun.timeout).toBeUndefined();
    triggerProactiveCompaction(f.sys);
    expect(f.sys.pgdat.proactiveCompactTrigger).toBe(false);
    f.sys.sysctl.compactionProactiveness = 90;
    triggerProactiveCompaction(f.sys);
    expect(f.sys.pgdat.proactiveCompactTrigger).toBe(true);
    f.machine.idle(10 * MS);
    expect(f.sys.pgdat.proactiveCompactTrigger).toBe(false);
    expect(event(f, PGMIGRATE_SUCCESS)).toBeGreaterThan(0);
    kcompactdRun(f.sys);
    expect(f.sys.pgdat.kcompactdRun.timeout).toBeDefined();
  });

  it("can be put back to a moment between two batches", () => {
    const f = fragmented(3000);
    wakeupKcompactd(f.sys, 9, 0);
    f.sys.pgdat.kcompactdMaxOrder = 9;
    f.sys.sched.wakeUp(f.sys.pgdat.kcompactd!);
    for (let i = 0; i < 40 && f.sys.pgdat.kcompactdRun.cc === undefined; i++) f.machine.idle(5000);
    const before = f.machine.snapshot();
    const counted = (): number[] => [event(f, PGMIGRATE_SUCCESS), f.zone.nrFreePages];
    const then = counted();
    f.machine.idle(20 * MS);
    const later = counted();
    f.machine.restore(before);
    expect(counted()).toEqual(then);
    f.machine.idle(20 * MS);
    expect(counted()).toEqual(later);
    expect(readsItsBytes(f)).toBe(true);
  });
});

describe("compaction by hand", () => {
  it("compacts all zones in the time of who asks", () => {
    const f = fragmented(3000);
    const { nowNs } = f.sys.clock;
    const score = fragmentationScoreNode(f.sys);
    compactNodes(f.sys);
    expect(fragmentationScoreNode(f.sys)).toBeLessThan(score);
    expect(f.sys.clock.nowNs - nowNs).toBeGreaterThan(event(f, PGMIGRATE_SUCCESS) * 900);
    expect(readsItsBytes(f)).toBe(true);
  });
});
