import { describe, expect, it } from "vitest";
import { boot, type Machine } from "../../../lib/kernel/machine.js";
import { kswapdRun, pgdatBalanced, wakeupKswapd } from "../../../lib/mm/lru/kswapd.js";
import { LRU_INACTIVE_ANON } from "../../../lib/mm/lru/lruvec.js";
import type { ScanControl } from "../../../lib/mm/lru/scan_control.js";
import { folioActivate, lruAddDrainAll } from "../../../lib/mm/lru/swap.js";
import { ZONE_RECLAIM_ACTIVE } from "../../../lib/mm/pages/buddy.js";
import type { Folio } from "../../../lib/mm/pages/folio.js";
import { folioPut } from "../../../lib/mm/pages/free_pages.js";
import { __GFP_MEMALLOC, __GFP_MOVABLE, GFP_ATOMIC, GFP_KERNEL } from "../../../lib/mm/pages/gfp.js";
import { allocPages, nrFreePages } from "../../../lib/mm/pages/page_alloc.js";
import { NO_ZONE } from "../../../lib/mm/pages/pglist_data.js";
import { highWmarkPages, lowWmarkPages } from "../../../lib/mm/pages/wmark.js";
import type { MemorySystem } from "../../../lib/mm/system.js";
import {
  ALLOCSTALL,
  KSWAPD_HIGH_WMARK_HIT_QUICKLY,
  KSWAPD_LOW_WMARK_HIT_QUICKLY,
  NR_INACTIVE_ANON,
  NR_SLAB_RECLAIMABLE,
  PAGEOUTRUN,
  PGSCAN_KSWAPD,
  PGSTEAL_DIRECT,
  PGSTEAL_KSWAPD,
  SLABS_SCANNED,
} from "../../../lib/mm/vmstat.js";
import { noPcp } from "../exact_frames.js";
import "../../../lib/procfs/mount.js";

const MS = 1e6;
const PASS_NS = 50_000;

/** A hoard of pages, of which a pass of kswapd gives back as many as it is told. */
class Hoard {
  readonly pages: Folio[] = [];
  /** Pages that a pass frees, and looks at; what it was told, and which zones were marked. */
  frees = 0;
  scans = 0;
  readonly passes: Partial<ScanControl>[] = [];
  marked = 0;

  constructor(private readonly sys: MemorySystem) {}

  /** Takes pages until only `free` are left. */
  takeUntil(free: number): void {
    const boosts = this.sys.zones.map((zone) => zone.watermarkBoost);
    noPcp(this.sys);
    this.sys.sysctl.watermarkBoostFactor = 0;
    while (nrFreePages(this.sys) > free)
      this.pages.push(allocPages(this.sys, __GFP_MEMALLOC | __GFP_MOVABLE)!);
    for (const [i, zone] of this.sys.zones.entries()) zone.watermarkBoost = boosts[i]!; // changed by claims
  }

  give(nr: number): number {
    const given = this.pages.splice(0, nr);
    for (const page of given) folioPut(this.sys, page);
    return given.length;
  }

  readonly shrinkNode = (sys: MemorySystem, sc: ScanControl): void => {
    this.passes.push({ ...sc, nr: { ...sc.nr } });
    this.marked = sys.zones.filter((zone) => (zone.flags & ZONE_RECLAIM_ACTIVE) !== 0).length;
    sc.nrScanned += this.scans;
    const freed = this.give(this.frees);
    sc.nrReclaimed += freed;
    if (freed > 0) sys.pgdat.kswapdFailures = 0;
    sys.clock.advance(PASS_NS);
  };
}

function hoarding(options: Parameters<typeof boot>[0] = {}) {
  const machine = boot({ ram: "64 MiB", cpus: 2, ...options });
  const { sys } = machine.kernel;
  const hoard = new Hoard(sys);
  kswapdRun(sys, hoard.shrinkNode);
  return { machine, sys, hoard, event: (i: number) => sys.vmStat.events[i]! };
}

/** Free pages at which no zone has more than low: they are taken from one zone after the other. */
function belowLow(sys: MemorySystem): number {
  return lowWmarkPages(sys.zones[0]!) - 5;
}

function wake(machine: Machine, gfp = GFP_ATOMIC, order = 0): void {
  const { sys } = machine.kernel;
  wakeupKswapd(sys, sys.zones.at(-1)!, gfp, order, 2);
}

describe("balanced", () => {
  it("means that one zone has more than high and what it keeps for the request", () => {
    const { sys, hoard } = hoarding();
    expect(pgdatBalanced(sys, 0, 2)).toBe(true);
    hoard.takeUntil(10);
    expect(pgdatBalanced(sys, 0, 2)).toBe(false);
    while (!pgdatBalanced(sys, 0, 2)) expect(hoard.give(1)).toBe(1);
    const above = sys.zones.map((zone) => zone.nrFreePages - highWmarkPages(zone) - zone.lowmemReserve[2]!);
    expect(above.filter((pages) => pages > 0)).toEqual([1]);
  });

  it("asks for a block of the order, too", () => {
    const { sys } = hoarding({ ram: "16 MiB" });
    const all: Folio[] = [];
    noPcp(sys);
    const one = (): Folio | undefined => allocPages(sys, __GFP_MEMALLOC);
    for (let page = one(); page !== undefined; page = one()) all.push(page);
    for (const page of all) if (page.pfn % 2 === 0) folioPut(sys, page);
    expect(pgdatBalanced(sys, 0, 2)).toBe(true);
    expect(pgdatBalanced(sys, 1, 2)).toBe(false);
  });
});

describe("kswapd", () => {
  it("is not woken while some zone has enough", () => {
    const { machine, sys, event } = hoarding();
    wake(machine);
    machine.idle(1000 * MS);
    expect([sys.pgdat.kswapd!.batches, event(PAGEOUTRUN)]).toEqual([0, 0]);
  });

  it("works from below low until one zone is above high, naps for HZ/10, and then sleeps", () => {
    const { machine, sys, hoard, event } = hoarding();
    hoard.takeUntil(belowLow(sys));
    Object.assign(hoard, { frees: 60, scans: 32 });
    wake(machine);
    machine.idle(50 * MS);
    expect(pgdatBalanced(sys, 0, 2)).toBe(true);
    expect(hoard.passes.length).toBeGreaterThan(1);
    expect([event(PAGEOUTRUN), sys.pgdat.kswapdRun.phase, hoard.marked]).toEqual([
      1,
      "nap",
      sys.zones.length,
    ]);
    expect(sys.zones.every((zone) => (zone.flags & ZONE_RECLAIM_ACTIVE) === 0)).toBe(true);
    const { batches } = sys.pgdat.kswapd!;
    machine.idle(60 * MS);
    expect([sys.pgdat.kswapdRun.phase, sys.pgdat.kswapd!.batches]).toEqual(["asleep", batches + 1]);
    expect(event(KSWAPD_LOW_WMARK_HIT_QUICKLY) + event(KSWAPD_HIGH_WMARK_HIT_QUICKLY)).toBe(0);
    machine.idle(10_000 * MS);
    expect(sys.pgdat.kswapd!.batches).toBe(batches + 1);
  });

  it("wants as many pages as the high marks of all zones, 32 for each at least", () => {
    const { machine, sys, hoard } = hoarding();
    hoard.takeUntil(10);
    hoard.frees = 500;
    wake(machine);
    machine.idle(MS);
    const want = sys.zones.reduce((sum, zone) => sum + Math.max(highWmarkPages(zone), 32), 0);
    expect(hoard.passes[0]).toMatchObject({ nrToReclaim: want, priority: 12, reclaimIdx: 2 });
    expect(hoard.passes[0]).toMatchObject({ mayWritepage: true, maySwap: true, gfpMask: GFP_KERNEL });
  });

  it("looks harder while it looks at too few pages, and as hard while it looks at enough", () => {
    const { machine, hoard, sys } = hoarding();
    hoard.takeUntil(10);
    Object.assign(hoard, { frees: 1, scans: 10 });
    wake(machine);
    machine.idle(20 * PASS_NS);
    expect(hoard.passes.slice(0, 3).map((sc) => sc.priority)).toEqual([12, 11, 10]);
    const after = hoard.passes.length;
    hoard.scans = 1e6;
    sys.pgdat.kswapdFailures = 0;
    machine.idle(4 * PASS_NS);
    const later = hoard.passes.slice(after + 1).map((sc) => sc.priority);
    expect(later.length).toBeGreaterThan(1);
    expect(new Set(later).size).toBe(1);
  });

  it("gives up after 16 runs that freed nothing, never at priority 0, and is not woken then", () => {
    const { machine, sys, hoard, event } = hoarding();
    hoard.takeUntil(10);
    wake(machine);
    machine.idle(1000 * MS);
    expect(sys.pgdat.kswapdFailures).toBe(16);
    expect(event(PAGEOUTRUN)).toBe(16);
    expect(hoard.passes.map((sc) => sc.priority)).toEqual(
      Array.from({ length: 16 * 12 }, (_, i) => 12 - (i % 12)),
    );
    expect(event(KSWAPD_HIGH_WMARK_HIT_QUICKLY)).toBe(15);
    expect(sys.pgdat.kswapdRun.phase).toBe("asleep");
    wake(machine);
    machine.idle(1000 * MS);
    expect(event(PAGEOUTRUN)).toBe(16);
    sys.pgdat.kswapdFailures = 0; // as somebody's reclaim sets it that has freed a page
    wake(machine);
    machine.idle(PASS_NS);
    expect(event(PAGEOUTRUN)).toBe(17);
  });

  it("tries once more without sparing the active lists, where that was why it freed nothing", () => {
    const { machine, sys, hoard } = hoarding();
    hoard.takeUntil(10);
    sys.pgdat.kswapdFailures = 15;
    const plain = hoard.shrinkNode;
    kswapdRun(sys, (of, sc) => {
      sc.cacheTrimModeFailed = true;
      plain(of, sc);
    });
    wake(machine);
    machine.idle(100 * MS);
    expect(hoard.passes.map((sc) => sc.noCacheTrimMode)).toEqual([
      ...Array(12).fill(false),
      ...Array(12).fill(true),
    ]);
    expect(sys.pgdat.kswapdFailures).toBe(16);
  });

  it("is content with single pages once it has freed twice the block that was asked for", () => {
    const { machine, sys, hoard } = hoarding();
    hoard.takeUntil(10);
    Object.assign(hoard, { frees: 5, scans: 1e6 });
    wake(machine, GFP_ATOMIC, 3);
    expect(sys.pgdat.kswapdOrder).toBe(3);
    machine.idle(10 * PASS_NS);
    expect(hoard.passes.slice(0, 6).map((sc) => sc.order)).toEqual([3, 3, 3, 3, 0, 0]);
  });

  it("that is woken from its nap counts a low mark that was hit quickly", () => {
    const { machine, sys, hoard, event } = hoarding();
    hoard.takeUntil(belowLow(sys));
    Object.assign(hoard, { frees: 200, scans: 1e6 });
    wake(machine);
    machine.idle(10 * MS);
    expect(sys.pgdat.kswapdRun.phase).toBe("nap");
    hoard.takeUntil(belowLow(sys));
    wake(machine);
    machine.idle(10 * MS);
    expect([event(PAGEOUTRUN), event(KSWAPD_LOW_WMARK_HIT_QUICKLY)]).toEqual([2, 1]);
  });

  it("that finds memory short after its nap counts a high mark that was hit quickly", () => {
    const { machine, sys, hoard, event } = hoarding();
    hoard.takeUntil(belowLow(sys));
    Object.assign(hoard, { frees: 200, scans: 1e6 });
    wake(machine);
    machine.idle(10 * MS);
    hoard.takeUntil(belowLow(sys));
    machine.idle(100 * MS);
    expect([event(PAGEOUTRUN), event(KSWAPD_HIGH_WMARK_HIT_QUICKLY)]).toEqual([2, 1]);
  });

  it("remembers the largest order and the highest zone that it is asked for while it works", () => {
    const { machine, sys, hoard } = hoarding();
    hoard.takeUntil(10);
    hoard.frees = 1;
    wake(machine);
    machine.idle(PASS_NS);
    expect([sys.pgdat.kswapdOrder, sys.pgdat.kswapdHighestZoneidx]).toEqual([0, NO_ZONE]);
    wakeupKswapd(sys, sys.zones[0]!, GFP_ATOMIC, 2, 0);
    wakeupKswapd(sys, sys.zones[0]!, GFP_ATOMIC, 1, 1);
    expect([sys.pgdat.kswapdOrder, sys.pgdat.kswapdHighestZoneidx]).toEqual([2, 1]);
  });

  it("may use the reserves, and nobody else may because of it", () => {
    const { machine, sys, hoard } = hoarding();
    hoard.takeUntil(10);
    const seen: boolean[] = [];
    kswapdRun(sys, (of) => {
      seen.push(of.pfMemalloc);
    });
    wake(machine);
    machine.idle(PASS_NS);
    expect([seen[0], sys.pfMemalloc]).toEqual([true, false]);
  });
});

describe("aging in the background", () => {
  it("makes 32 active anonymous pages inactive before each pass, while those are fewer, if there is swap", () => {
    const inactiveAfter = (swapPages: number): number[] => {
      const { machine, sys, hoard } = hoarding();
      const p = machine.spawn();
      p.store(p.mmap("4 KiB"), 1, 1);
      p.touch(p.mmap("400 KiB"), "400 KiB", "w");
      lruAddDrainAll(sys);
      const listed: Folio[] = [];
      for (let folio = sys.lruvec.head[LRU_INACTIVE_ANON]; folio !== undefined; folio = folio.next)
        listed.push(folio);
      for (const folio of listed) folioActivate(sys, folio);
      lruAddDrainAll(sys);
      const inactive = (): number => sys.vmStat.nodeStat[NR_INACTIVE_ANON]!;
      expect(inactive()).toBe(0);
      sys.totalSwapPages = swapPages;
      hoard.takeUntil(10);
      const seen: number[] = [];
      const plain = hoard.shrinkNode;
      kswapdRun(sys, (of, sc) => {
        seen.push(inactive());
        plain(of, sc);
      });
      wake(machine);
      machine.idle(3.5 * PASS_NS);
      return seen.slice(0, 4);
    };
    expect(inactiveAfter(1000)).toEqual([32, 64, 64, 64]);
    expect(inactiveAfter(0)).toEqual([0, 0, 0, 0]);
  });
});

describe("boosted watermarks", () => {
  it("are worked off without writing and swapping, down to priority 10, and taken off exactly", () => {
    const { machine, sys, hoard } = hoarding();
    const dma32 = sys.zones[1]!;
    dma32.watermarkBoost = 100;
    Object.assign(hoard, { frees: 20, scans: 1 });
    hoard.takeUntil(nrFreePages(sys) - 500);
    const plain = hoard.shrinkNode;
    kswapdRun(sys, (of, sc) => {
      if (hoard.passes.length === 2) dma32.watermarkBoost += 7; // while it works
      plain(of, sc);
    });
    wake(machine);
    machine.idle(50 * MS);
    expect(
      hoard.passes.map(({ priority, mayWritepage, maySwap }) => [priority, mayWritepage, maySwap]),
    ).toEqual([12, 11, 10, 10, 10].map((priority) => [priority, false, false]));
    expect(dma32.watermarkBoost).toBe(7);
  });

  it("are given up at the first pass that frees nothing, and taken off all the same", () => {
    const { machine, sys, hoard } = hoarding();
    sys.zones[1]!.watermarkBoost = 100;
    wake(machine);
    machine.idle(50 * MS);
    expect([hoard.passes.length, sys.zones[1]!.watermarkBoost, sys.pgdat.kswapdFailures]).toEqual([1, 0, 1]);
  });

  it("do not count while memory is short: kswapd begins anew at priority 12, and may write", () => {
    const { machine, sys, hoard } = hoarding();
    hoard.takeUntil(10);
    sys.zones[1]!.watermarkBoost = 100;
    Object.assign(hoard, { frees: 500, scans: 1 });
    wake(machine);
    machine.idle(50 * MS);
    expect(hoard.passes[0]).toMatchObject({ priority: 12, mayWritepage: true, maySwap: true });
    expect(sys.zones[1]!.watermarkBoost).toBe(0);
  });
});

describe("a snapshot in the middle of a run", () => {
  it("goes on from there, twice, to the same end", () => {
    const { machine, sys, hoard, event } = hoarding();
    hoard.takeUntil(10);
    const shrink = (of: MemorySystem, sc: ScanControl): void => {
      // A pass whose pages are no state of the test: it only claims to free.
      sc.nrReclaimed += sc.priority > 3 ? 1 : 0;
      sc.nrScanned += 1;
      of.clock.advance(PASS_NS);
      of.vmStat.events[0]! += sc.priority;
    };
    kswapdRun(sys, shrink);
    wake(machine, GFP_ATOMIC, 1);
    machine.idle(4.5 * PASS_NS);
    expect(sys.pgdat.kswapdRun.phase).toBe("balance");
    const before = machine.snapshot();
    const end = (): unknown[] => {
      machine.idle(300 * MS);
      const { phase, reclaimOrder, allocOrder } = sys.pgdat.kswapdRun;
      return [phase, reclaimOrder, allocOrder, event(0), event(PAGEOUTRUN), sys.pgdat.kswapd!.batches];
    };
    const first = end();
    machine.restore(before);
    expect(end()).toEqual(first);
    machine.restore(before);
    expect(end()).toEqual(first);
  });
});

describe("tracepoints of kswapd", () => {
  it("say who woke it, when it began and when it went to sleep", () => {
    const { machine, sys, hoard } = hoarding();
    hoard.takeUntil(10);
    hoard.frees = 1000;
    sys.trace.enable("vmscan:*");
    wake(machine, GFP_ATOMIC, 1);
    machine.idle(200 * MS);
    expect(sys.trace.events.map(({ name, fields }) => [name, fields])).toEqual([
      ["vmscan:mm_vmscan_wakeup_kswapd", { nid: 0, zid: 2, order: 1, gfp_flags: GFP_ATOMIC }],
      ["vmscan:mm_vmscan_kswapd_wake", { nid: 0, zid: 2, order: 1 }],
      ["vmscan:mm_vmscan_kswapd_sleep", { nid: 0 }],
    ]);
  });
});

describe("a program that reads a file of twice the RAM", () => {
  /** A page each `gapNs`; the free pages seen from when memory was full, and the counters at the end. */
  function readTwice(cpus: number, gapNs: number) {
    const machine = boot({ ram: "32 MiB", cpus });
    const { sys } = machine.kernel;
    sys.readAheadPages = 8;
    // Else nodes of the cache's tree, which take page blocks over, raise the marks.
    sys.sysctl.watermarkBoostFactor = 0;
    const p = machine.spawn("reader");
    const fd = p.open("/data/big", { create: true });
    p.ftruncate(fd, "64 MiB");
    const buf = p.mmap("4 KiB");
    const free: number[] = [];
    for (let page = 0; page < 16_384; page++) {
      p.pread(fd, buf, 4096, page * 4096);
      machine.clock.advance(gapNs);
      if (page > 10_000) free.push(nrFreePages(sys));
    }
    const { zones, vmStat } = sys;
    const stalls = [0, 1, 2, 3].reduce((sum, zone) => sum + vmStat.events[ALLOCSTALL + zone]!, 0);
    const marks = (of: (zone: (typeof zones)[number]) => number): number =>
      zones.reduce((sum, zone) => sum + of(zone), 0);
    return { machine, free, stalls, events: vmStat.events, marks };
  }

  it("slowly never has to reclaim itself: kswapd keeps free pages about its two marks, on another CPU", () => {
    const { free, stalls, events, marks, machine } = readTwice(2, 20_000);
    expect([stalls, events[PGSTEAL_DIRECT]]).toEqual([0, 0]);
    expect(events[PGSCAN_KSWAPD]).toBeGreaterThan(5000);
    expect(events[PAGEOUTRUN]).toBeGreaterThan(10);
    expect(Math.min(...free)).toBeGreaterThan(marks(({ watermark }) => watermark.min));
    expect(Math.min(...free)).toBeLessThan(marks(lowWmarkPages) + 32);
    expect(Math.max(...free)).toBeLessThan(2 * marks(highWmarkPages));
    machine.idle(1000 * MS);
    expect(machine.kernel.sys.pgdat.kswapdRun.phase).toBe("asleep");
  });

  it("fast overtakes kswapd, and frees pages itself", () => {
    const { stalls, events } = readTwice(2, 0);
    expect(stalls).toBeGreaterThan(0);
    expect(events[PGSTEAL_DIRECT]).toBeGreaterThan(0);
    expect(events[PGSTEAL_KSWAPD]).toBeGreaterThan(0);
  });

  it("on the only CPU reclaims more of it itself, since kswapd has to wait for its turn", () => {
    const [one, two] = [readTwice(1, 20_000), readTwice(2, 20_000)];
    expect(one.stalls).toBeGreaterThan(two.stalls);
    expect(one.events[PGSTEAL_KSWAPD]).toBeGreaterThan(0);
  });

  it("does the same again after a snapshot in the middle of it", () => {
    const machine = boot({ ram: "32 MiB", cpus: 2 });
    const p = machine.spawn("reader");
    machine.kernel.sys.readAheadPages = 8;
    const fd = p.open("/data/big", { create: true });
    p.ftruncate(fd, "64 MiB");
    const buf = p.mmap("4 KiB");
    const read = (from: number, to: number): void => {
      for (let page = from; page < to; page++) p.pread(fd, buf, 4096, page * 4096);
    };
    for (let page = 0; machine.kernel.sys.pgdat.kswapdRun.phase !== "balance"; page++) read(page, page + 1);
    const before = machine.snapshot();
    const end = (): unknown => {
      read(8000, 12_000);
      machine.idle(500 * MS);
      return [
        [...machine.kernel.sys.vmStat.events],
        machine.clock.nowNs,
        machine.procfs.read("/proc/buddyinfo"),
      ];
    };
    const first = end();
    machine.restore(before);
    expect(end()).toEqual(first);
    machine.restore(before);
    expect(end()).toEqual(first);
  });

  it("hardly looks at slabs of files at so low a pressure, unless vfs_cache_pressure says otherwise", () => {
    const slabs = (pressure: number): { before: number; after: number; scanned: number } => {
      const machine = boot({ ram: "32 MiB", cpus: 2 });
      const { sys } = machine.kernel;
      const p = machine.spawn("find");
      for (let i = 0; i < 3000; i++) p.close(p.open(`/d/${i}`, { create: true }));
      const before = sys.vmStat.nodeStat[NR_SLAB_RECLAIMABLE]!;
      const kb = String(4 * before).padStart(8);
      expect(machine.procfs.read("/proc/meminfo")).toContain(
        `Slab:           ${kb} kB\nSReclaimable:   ${kb} kB`,
      );
      machine.procfs.write("/proc/sys/vm/vfs_cache_pressure", String(pressure));
      const fd = p.open("/data/big", { create: true });
      p.ftruncate(fd, "64 MiB");
      const buf = p.mmap("4 KiB");
      for (let page = 0; page < 16_384; page++) p.pread(fd, buf, 4096, page * 4096);
      const { events, nodeStat } = sys.vmStat;
      return { before, after: nodeStat[NR_SLAB_RECLAIMABLE]!, scanned: events[SLABS_SCANNED]! };
    };
    const usual = slabs(100);
    expect(usual.before).toBeGreaterThan(600);
    expect(usual.scanned).toBeLessThan(usual.before * 3); // 3000 >> 12 is nothing, 3000 >> 8 hardly anything
    const eager = slabs(10_000);
    expect(eager.scanned).toBeGreaterThan(2 * usual.scanned);
    expect(eager.after).toBeLessThan(usual.after);
    expect(eager.after).toBeLessThan(eager.before / 2);
  });
});
