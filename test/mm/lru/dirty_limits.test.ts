import { describe, expect, it } from "vitest";
import { boot } from "../../../lib/kernel/machine.js";
import {
  domainUpdateDirtyLimit,
  globalDirtyableMemory,
  globalDirtyLimits,
  newDirtyThrottleControl,
  nodeDirtyOk,
  wbOverBgThresh,
} from "../../../lib/mm/lru/dirty_limits.js";
import { BdiWriteback } from "../../../lib/mm/lru/wb_domain.js";
import { __GFP_WRITE, GFP_KERNEL } from "../../../lib/mm/pages/gfp.js";
import { allocPages } from "../../../lib/mm/pages/page_alloc.js";
import type { MemorySystem } from "../../../lib/mm/system.js";
import { modNodePageState, NR_FILE_DIRTY, NR_WRITEBACK } from "../../../lib/mm/vmstat.js";
import "../../../lib/procfs/mount.js";

class Disk extends BdiWriteback {
  startBackgroundWriteback(): void {
    // nobody writes here
  }
}

function system(): { sys: MemorySystem; machine: ReturnType<typeof boot> } {
  const machine = boot({ ram: "256 MiB", cpus: 2 });
  return { sys: machine.kernel.sys, machine };
}

describe("dirtyable memory", () => {
  it("is what is free without the reserve, and the page cache, which a big program makes smaller", () => {
    const { sys, machine } = system();
    const before = globalDirtyableMemory(sys);
    const free = sys.zones.reduce((sum, zone) => sum + zone.nrFreePages, 0);
    expect(before).toBe(free - sys.totalreservePages + 1);
    const p = machine.spawn();
    const at = p.mmap("64 MiB");
    p.touch(at, "64 MiB", "w");
    expect(globalDirtyableMemory(sys)).toBeLessThan(before - 16384);
    const fd = p.open("/file", { create: true });
    const small = globalDirtyableMemory(sys);
    p.syscall("write", fd, at, 8 * 2 ** 20);
    machine.kernel.sys.sched.waitFor("sleep", machine.clock.nowNs + 1);
    // Pages of the cache count as much as free ones; some are still in a batch before the LRU list.
    expect(small - globalDirtyableMemory(sys)).toBeLessThan(31 * 32 + 8);
  });
});

describe("thresholds", () => {
  it("are 819/4096 and 409/4096 of it for 20 and 10 %, and are in /proc/vmstat", () => {
    const { sys, machine } = system();
    const avail = globalDirtyableMemory(sys);
    const { thresh, bgThresh } = globalDirtyLimits(sys);
    expect(thresh).toBe(Math.floor((819 * avail) / 4096));
    expect(bgThresh).toBe(Math.floor((409 * avail) / 4096));
    const { nr_dirty_threshold, nr_dirty_background_threshold } = machine.procfs.vmstat();
    expect([nr_dirty_threshold, nr_dirty_background_threshold]).toEqual([thresh, bgThresh]);
  });

  it("in bytes are rounded up to pages, and take the place of the ratios", () => {
    const { sys, machine } = system();
    machine.procfs.write("/proc/sys/vm/dirty_bytes", "100001");
    machine.procfs.write("/proc/sys/vm/dirty_background_bytes", "4097");
    expect(globalDirtyLimits(sys)).toMatchObject({ thresh: 25, bgThresh: 2 });
    expect([sys.sysctl.dirtyRatio, sys.sysctl.dirtyBackgroundRatio]).toEqual([0, 0]);
    machine.procfs.write("/proc/sys/vm/dirty_ratio", "40");
    expect(sys.sysctl.dirtyBytes).toBe(0);
    expect(globalDirtyLimits(sys).thresh).toBe(Math.floor((1638 * globalDirtyableMemory(sys)) / 4096));
  });

  it("keep the background below the limit: half of it if it is set as high or higher", () => {
    const { sys, machine } = system();
    machine.procfs.write("/proc/sys/vm/dirty_background_ratio", "20");
    const { thresh, bgThresh } = globalDirtyLimits(sys);
    expect(bgThresh).toBe(Math.floor(thresh / 2));
  });

  it("are a quarter and 1/32 of the limit higher for a task with a real-time policy", () => {
    const { sys } = system();
    const { thresh } = globalDirtyLimits(sys);
    sys.current = { ...sys.current, rtOrDlTask: true } as typeof sys.current;
    expect(globalDirtyLimits(sys).thresh).toBe(
      thresh + Math.floor(thresh / 4) + Math.floor(sys.wbDomain.dirtyLimit / 32),
    );
  });
});

describe("the limit", () => {
  it("goes up with the threshold at once and down by 1/32 of the way every 200 ms", () => {
    const { sys } = system();
    const dtc = { ...newDirtyThrottleControl(), thresh: 10_000 };
    sys.wbDomain.dirtyLimit = 1;
    domainUpdateDirtyLimit(sys, dtc, 1000);
    expect(sys.wbDomain.dirtyLimit).toBe(10_000);
    dtc.thresh = 6800;
    domainUpdateDirtyLimit(sys, dtc, 1049);
    expect(sys.wbDomain.dirtyLimit).toBe(10_000);
    domainUpdateDirtyLimit(sys, dtc, 1050);
    expect(sys.wbDomain.dirtyLimit).toBe(9900);
    dtc.dirty = 9900; // not below what is dirty already
    domainUpdateDirtyLimit(sys, dtc, 1100);
    expect(sys.wbDomain.dirtyLimit).toBe(9900);
  });

  it("and how often a CPU is looked at follow a setting as soon as it is written", () => {
    const { sys, machine } = system();
    machine.procfs.write("/proc/sys/vm/dirty_bytes", String(4096 * 6400));
    expect([sys.wbDomain.dirtyLimit, sys.wbDomain.ratelimitPages]).toEqual([6400, 100]);
    machine.procfs.write("/proc/sys/vm/dirty_bytes", "8192");
    expect([sys.wbDomain.dirtyLimit, sys.wbDomain.ratelimitPages]).toEqual([2, 16]);
  });
});

describe("the node", () => {
  it("takes pages to be written until 20 % of what it could hold are dirty or on their way", () => {
    const { sys } = system();
    const limit = Math.floor((20 * (globalDirtyableMemory(sys) - 1)) / 100);
    modNodePageState(sys, NR_FILE_DIRTY, limit - 10);
    modNodePageState(sys, NR_WRITEBACK, 10);
    expect(nodeDirtyOk(sys)).toBe(true);
    modNodePageState(sys, NR_WRITEBACK, 1);
    expect(nodeDirtyOk(sys)).toBe(false);
  });
});

describe("a page to be written", () => {
  it("comes out of a node with its part of dirty pages only after kswapd has been woken", () => {
    const { sys, machine } = system();
    machine.kernel.enter(machine.spawn().task);
    let woken = 0;
    sys.parts.wakeupKswapd = () => {
      woken++;
    };
    const wakesFor = (gfp: number): number => {
      const before = woken;
      expect(allocPages(sys, gfp)).toBeDefined();
      return woken - before;
    };
    expect(wakesFor(GFP_KERNEL | __GFP_WRITE)).toBe(0);
    modNodePageState(sys, NR_FILE_DIRTY, Math.ceil(globalDirtyableMemory(sys) / 5));
    expect(nodeDirtyOk(sys)).toBe(false);
    expect(wakesFor(GFP_KERNEL | __GFP_WRITE)).toBe(1);
    expect(wakesFor(GFP_KERNEL)).toBe(0);
    machine.idle(1);
    expect(wakesFor(GFP_KERNEL | __GFP_WRITE)).toBe(0);
  });
});

describe("the flusher has to write", () => {
  it("above the background threshold, where pages on their way do not count", () => {
    const { sys } = system();
    const { bgThresh } = globalDirtyLimits(sys);
    const disk = new Disk();
    modNodePageState(sys, NR_FILE_DIRTY, bgThresh);
    modNodePageState(sys, NR_WRITEBACK, 100);
    expect(wbOverBgThresh(sys, disk)).toBe(false);
    modNodePageState(sys, NR_FILE_DIRTY, 1);
    expect(wbOverBgThresh(sys, disk)).toBe(true);
  });

  it("when a disk that has written nothing lately has more than an eighth of the rest", () => {
    const { sys } = system();
    const { bgThresh } = globalDirtyLimits(sys);
    const disk = new Disk();
    const dirty = Math.floor(bgThresh / 9) + 1;
    modNodePageState(sys, NR_FILE_DIRTY, dirty);
    disk.reclaimable = dirty;
    expect(wbOverBgThresh(sys, disk)).toBe(true);
    disk.reclaimable = dirty - 2;
    expect(wbOverBgThresh(sys, disk)).toBe(false);
  });
});
