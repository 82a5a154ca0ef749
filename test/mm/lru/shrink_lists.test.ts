import { describe, expect, it } from "vitest";
import { HZ, NS_PER_JIFFY } from "../../../lib/mm/jiffies.js";
import { LRU_ACTIVE_FILE, LRU_INACTIVE_ANON, LRU_INACTIVE_FILE } from "../../../lib/mm/lru/lruvec.js";
import { DEACTIVATE_FILE, newScanControl } from "../../../lib/mm/lru/scan_control.js";
import { isFileLru, shrinkActiveList, shrinkList } from "../../../lib/mm/lru/shrink_lists.js";
import { folioActivate, lruAddDrainAll } from "../../../lib/mm/lru/swap.js";
import {
  type Folio,
  PG_active,
  PG_mlocked,
  PG_unevictable,
  PG_workingset,
  PG_writeback,
} from "../../../lib/mm/pages/folio.js";
import { GFP_KERNEL, GFP_NOIO } from "../../../lib/mm/pages/gfp.js";
import {
  NR_ACTIVE_FILE,
  NR_INACTIVE_FILE,
  NR_ISOLATED_FILE,
  PGDEACTIVATE,
  PGREFILL,
  PGSCAN_ANON,
  PGSCAN_DIRECT,
  PGSCAN_FILE,
  PGSCAN_KSWAPD,
  PGSTEAL_DIRECT,
  PGSTEAL_FILE,
} from "../../../lib/mm/vmstat.js";
import { PAGE, withFile } from "./isolated.js";

describe("the inactive list", () => {
  it("loses what is clean and not used, and every page is counted", () => {
    const { sys, folio } = withFile(40);
    folio(1).flags |= PG_writeback;
    const sc = newScanControl({ gfpMask: GFP_KERNEL });
    const before = sys.clock.nowNs;
    expect(shrinkList(sys, LRU_INACTIVE_FILE, 32, sys.lruvec, sc)).toBe(31);
    const { events, nodeStat } = sys.vmStat;
    const counts = [PGSCAN_DIRECT, PGSCAN_FILE, PGSTEAL_DIRECT, PGSTEAL_FILE, PGSCAN_KSWAPD, PGSCAN_ANON];
    expect(counts.map((item) => events[item])).toEqual([32, 32, 31, 31, 0, 0]);
    expect([nodeStat[NR_INACTIVE_FILE], nodeStat[NR_ACTIVE_FILE], nodeStat[NR_ISOLATED_FILE]]).toEqual([
      8, 1, 0,
    ]);
    expect(sc.nr).toMatchObject({ taken: 32, fileTaken: 32, writeback: 1, dirty: 1, unqueuedDirty: 0 });
    expect(sys.lruvec.fileCost).toBe(1); // one page was looked at in vain
    const { reclaimScanNs, reclaimFreeNs } = sys.costs;
    expect(sys.clock.nowNs - before).toBe(32 * reclaimScanNs + 31 * reclaimFreeNs);
  });

  it("calls the flusher when all that was taken is dirty and nobody has sent it", () => {
    const { sys, alice, fd } = withFile(2);
    const a = alice.mmap(2 * PAGE, { fd, shared: true });
    let calls = 0;
    sys.vfs = { ...sys.vfs, shmemFileSetup: sys.vfs.shmemFileSetup, wakeupFlusherThreads: () => calls++ };
    alice.store(a, 1, 1);
    shrinkList(sys, LRU_INACTIVE_FILE, 2, sys.lruvec, newScanControl({ gfpMask: GFP_KERNEL }));
    expect(calls).toBe(0); // the other page was clean
    alice.store(a, 1, 1);
    lruAddDrainAll(sys);
    const sc = newScanControl({ gfpMask: GFP_KERNEL });
    while (sys.vmStat.nodeStat[NR_INACTIVE_FILE]! > 0) shrinkList(sys, LRU_INACTIVE_FILE, 1, sys.lruvec, sc);
    expect(sc.nr.unqueuedDirty).toBe(sc.nr.dirty);
  });

  it("is left alone for a while when too many of its pages are off it; who may do no I/O is let in", () => {
    const { sys, machine, alice } = withFile(64);
    machine.kernel.enter(alice.task);
    sys.vmStat.nodeStat[NR_ISOLATED_FILE] = 9; // of 64: more than an eighth
    const before = sys.clock.nowNs;
    const sc = newScanControl({ gfpMask: GFP_KERNEL });
    expect(shrinkList(sys, LRU_INACTIVE_FILE, 32, sys.lruvec, sc)).toBe(0);
    expect(sys.clock.nowNs - before).toBeGreaterThanOrEqual((HZ / 50) * NS_PER_JIFFY);
    expect(sys.vmStat.events[PGSCAN_DIRECT]).toBe(0);
    expect(
      shrinkList(sys, LRU_INACTIVE_FILE, 32, sys.lruvec, newScanControl({ gfpMask: GFP_NOIO })),
    ).toBeGreaterThan(0);
    sys.vmStat.nodeStat[NR_ISOLATED_FILE] = 0;
  });

  it("may be empty", () => {
    const { sys } = withFile(1);
    const sc = newScanControl({ gfpMask: GFP_KERNEL });
    expect(shrinkList(sys, LRU_INACTIVE_ANON, 32, sys.lruvec, sc)).toBe(0);
    expect(sc.nr.taken).toBe(0);
  });
});

describe("the active list", () => {
  function active(pages: number) {
    const all = withFile(pages);
    const folios = Array.from({ length: pages }, (_, i) => all.folio(i));
    for (const folio of folios) folioActivate(all.sys, folio);
    lruAddDrainAll(all.sys);
    return { ...all, folios };
  }
  const isActive = (folio: Folio): boolean => (folio.flags & PG_active) !== 0;

  it("gives its oldest pages to the inactive list, used or not, and forgets their use", () => {
    const { sys, alice, fd, folios } = active(40);
    const a = alice.mmap(PAGE, { fd, prot: "r" });
    alice.touch(a, PAGE, "r");
    const sc = newScanControl({});
    shrinkActiveList(sys, 32, sys.lruvec, sc, LRU_ACTIVE_FILE);
    expect(folios.map(isActive)).toEqual(folios.map((_, i) => i >= 32));
    expect(folios.every((folio, i) => ((folio.flags & PG_workingset) !== 0) === i < 32)).toBe(true);
    expect([sys.vmStat.events[PGREFILL], sys.vmStat.events[PGDEACTIVATE]]).toEqual([32, 32]);
    expect([sys.lruvec.fileCost, sys.vmStat.nodeStat[NR_ISOLATED_FILE]]).toEqual([0, 0]);
  });

  it("keeps code that was run", () => {
    const { sys, alice, fd, folios } = active(8);
    const code = alice.mmap(PAGE, { fd, prot: "rx" });
    alice.touch(code, PAGE, "r");
    const age = sys.lruvec.nonresidentAge;
    shrinkActiveList(sys, 8, sys.lruvec, newScanControl({}), LRU_ACTIVE_FILE);
    expect(folios.map(isActive)).toEqual(folios.map((_, i) => i === 0));
    expect([sys.lruvec.fileCost, sys.lruvec.nonresidentAge - age]).toEqual([1, 1]);
  });

  it("loses locked pages to the unevictable list", () => {
    const { sys, folios } = active(2);
    folios[0]!.flags |= PG_mlocked;
    shrinkActiveList(sys, 2, sys.lruvec, newScanControl({}), LRU_ACTIVE_FILE);
    lruAddDrainAll(sys);
    expect(folios[0]!.flags & (PG_active | PG_unevictable)).toBe(PG_unevictable);
    expect(sys.vmStat.events[PGDEACTIVATE]).toBe(1);
  });

  it("is left alone unless it may be shortened, which is noted", () => {
    const { sys, folios } = active(4);
    const sc = newScanControl({});
    expect(shrinkList(sys, LRU_ACTIVE_FILE, 4, sys.lruvec, sc)).toBe(0);
    expect([sc.skippedDeactivate, folios.every(isActive)]).toEqual([true, true]);
    sc.mayDeactivate = DEACTIVATE_FILE;
    shrinkList(sys, LRU_ACTIVE_FILE, 4, sys.lruvec, sc);
    expect(folios.some(isActive)).toBe(false);
  });
});

describe("what a batch has seen", () => {
  it("is traced as in Linux", () => {
    const { sys } = withFile(4);
    sys.trace.enable("vmscan:*");
    shrinkList(sys, LRU_INACTIVE_FILE, 4, sys.lruvec, newScanControl({ gfpMask: GFP_KERNEL }));
    shrinkActiveList(sys, 4, sys.lruvec, newScanControl({ priority: 3 }), LRU_ACTIVE_FILE);
    const [inactive, active] = sys.trace.events;
    expect(inactive).toMatchObject({
      name: "vmscan:mm_vmscan_lru_shrink_inactive",
      fields: {
        nr_scanned: 4,
        nr_reclaimed: 4,
        nr_dirty: 0,
        priority: 12,
        flags: "RECLAIM_WB_FILE|RECLAIM_WB_ASYNC",
      },
    });
    expect(active).toMatchObject({
      name: "vmscan:mm_vmscan_lru_shrink_active",
      fields: { nr_taken: 0, nr_active: 0, nr_deactivated: 0, nr_referenced: 0, priority: 3 },
    });
    expect([isFileLru(1), isFileLru(2), isFileLru(3), isFileLru(4)]).toEqual([false, true, true, false]);
  });
});
