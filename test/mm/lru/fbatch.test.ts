import { describe, expect, it } from "vitest";
import { Clock } from "../../../lib/hw/clock.js";
import { Ram } from "../../../lib/hw/ram.js";
import { FOLIO_BATCH_SIZE, thisCpuFbatches } from "../../../lib/mm/lru/fbatch.js";
import { folioAddLru } from "../../../lib/mm/lru/swap.js";
import { mmInit } from "../../../lib/mm/mm_init.js";
import { GFP_KERNEL } from "../../../lib/mm/pages/gfp.js";
import { allocPages } from "../../../lib/mm/pages/page_alloc.js";
import { MemorySystem } from "../../../lib/mm/system.js";
import { globalNodePageState, NR_INACTIVE_FILE } from "../../../lib/mm/vmstat.js";

function newSystem(): MemorySystem {
  const sys = new MemorySystem(new Ram(4 * 2 ** 20), new Clock());
  mmInit(sys);
  return sys;
}

describe("thisCpuFbatches", () => {
  it("gives each CPU batches of its own, made when first needed, then always the same", () => {
    const sys = newSystem();
    expect(sys.cpuFbatches).toEqual([]);
    const cpu0 = thisCpuFbatches(sys);
    sys.thisCpu = 2;
    const cpu2 = thisCpuFbatches(sys);
    expect(cpu2).not.toBe(cpu0);
    expect(thisCpuFbatches(sys)).toBe(cpu2);
    sys.thisCpu = 0;
    expect(thisCpuFbatches(sys)).toBe(cpu0);
    expect(sys.cpuFbatches[1]).toBeUndefined();
  });
});

describe("a batch", () => {
  it("holds 31 folios: the 31st sends them all to the list", () => {
    const sys = newSystem();
    const add = (): void => folioAddLru(sys, allocPages(sys, GFP_KERNEL)!);
    for (let i = 1; i < FOLIO_BATCH_SIZE; i++) add();
    expect([thisCpuFbatches(sys).lruAdd.length, globalNodePageState(sys, NR_INACTIVE_FILE)]).toEqual([30, 0]);
    add();
    expect([thisCpuFbatches(sys).lruAdd.length, globalNodePageState(sys, NR_INACTIVE_FILE)]).toEqual([0, 31]);
  });
});
