import { describe, expect, it } from "vitest";
import { Clock } from "../../lib/hw/clock.js";
import { Ram } from "../../lib/hw/ram.js";
import { boot } from "../../lib/kernel/machine.js";
import { mmInit } from "../../lib/mm/mm_init.js";
import { folioPut } from "../../lib/mm/pages/free_pages.js";
import { __GFP_DMA, __GFP_DMA32, GFP_HIGHUSER_MOVABLE, GFP_KERNEL } from "../../lib/mm/pages/gfp.js";
import { allocPages, nrUnusedPages } from "../../lib/mm/pages/page_alloc.js";
import { MemorySystem } from "../../lib/mm/system.js";
import { ProcFs } from "../../lib/procfs/procfs.js";
import { vmstatValue } from "../../lib/procfs/vmstat.js";

/** A system with all three zones. */
function bigSystem(): MemorySystem {
  const sys = new MemorySystem(new Ram(5 * 2 ** 30), new Clock());
  mmInit(sys);
  return sys;
}

const PGALLOC = ["pgalloc_dma", "pgalloc_dma32", "pgalloc_normal", "pgalloc_movable"];

describe("/proc/vmstat", () => {
  it("counts a page as handed out by the zone it is in", () => {
    const sys = bigSystem();
    const counts = (): number[] => PGALLOC.map((name) => vmstatValue(sys, name));
    for (const [gfp, order, zone] of [
      [GFP_KERNEL | __GFP_DMA, 0, 0],
      [GFP_KERNEL | __GFP_DMA32, 1, 1],
      [GFP_KERNEL, 3, 2],
      [GFP_HIGHUSER_MOVABLE, 0, 2], // no machine here has ZONE_MOVABLE
    ] as const) {
      const before = counts();
      allocPages(sys, gfp, order);
      const expected = before.map((count, i) => count + (i === zone ? 1 << order : 0));
      expect(counts()).toEqual(expected);
    }
  });

  it("counts one numa_hit for a block of any size", () => {
    const sys = bigSystem();
    const before = vmstatValue(sys, "numa_hit");
    allocPages(sys, GFP_KERNEL, 4);
    expect(vmstatValue(sys, "numa_hit")).toBe(before + 1);
    expect(vmstatValue(sys, "numa_local")).toBe(before + 1);
  });

  it("has all pages freed and not handed out again in nr_free_pages, from boot on", () => {
    const sys = bigSystem();
    const inUse = (): number => PGALLOC.reduce((sum, name) => sum + vmstatValue(sys, name), 0);
    const expectEqual = (): void => expect(vmstatValue(sys, "pgfree") - inUse()).toBe(nrUnusedPages(sys));
    expectEqual();
    const folio = allocPages(sys, GFP_KERNEL, 3)!;
    expectEqual();
    folioPut(sys, folio);
    expectEqual();
  });

  it("shows dirty pages as waiting to be written, and the states of the zones add up to it", () => {
    const machine = boot({ ram: "32 MiB" });
    const p = machine.spawn("p");
    const fd = p.open("/data", { create: true });
    p.ftruncate(fd, 20 * 4096);
    const at = p.mmap(20 * 4096, { fd, shared: true });
    p.touch(at, 7 * 4096, "w");
    const anon = p.mmap(5 * 4096);
    p.touch(anon, 5 * 4096, "w");
    p.mlock(anon, 2 * 4096);
    const { sys } = machine.kernel;
    expect(vmstatValue(sys, "nr_dirty")).toBe(7);
    expect(vmstatValue(sys, "nr_zone_write_pending")).toBe(7);
    const procfs = new ProcFs(sys, () => []);
    const zoneinfo = procfs.read("/proc/zoneinfo");
    const vmstat = procfs.read("/proc/vmstat");
    const names = [...vmstat.matchAll(/^(nr_zone_\w+|nr_free_pages\w*|nr_mlock|numa_hit) (\d+)$/gm)];
    expect(names).toHaveLength(10);
    for (const [, name, value] of names) {
      const zones = [...zoneinfo.matchAll(new RegExp(`^ {6}${name} +(\\d+)$`, "gm"))];
      const sum = zones.reduce((pages, match) => pages + Number(match[1]), 0);
      expect(`${name} ${sum}`).toBe(`${name} ${value}`);
    }
    p.fsync(fd);
    expect(vmstatValue(sys, "nr_zone_write_pending")).toBe(0);
  });

  it("counts a process that is killed for want of memory", () => {
    const machine = boot({ ram: "2 MiB" });
    const p = machine.spawn("p");
    const at = p.mmap("1 MiB");
    machine.kernel.sys.shouldFailAllocPage = () => true;
    expect(() => p.store(at, 1, 1)).toThrow(/out of memory/);
    expect(vmstatValue(machine.kernel.sys, "oom_kill")).toBe(1);
  });
});
