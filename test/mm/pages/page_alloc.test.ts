import { describe, expect, it } from "vitest";
import { Clock } from "../../../lib/hw/clock.js";
import { Ram } from "../../../lib/hw/ram.js";
import { folioAddLru, lruAddDrain } from "../../../lib/mm/lru/swap.js";
import { mmInit } from "../../../lib/mm/mm_init.js";
import { PG_head, PG_lru, PG_reserved, pfnToPage } from "../../../lib/mm/pages/folio.js";
import { folioPut, folioPutRefs } from "../../../lib/mm/pages/free_pages.js";
import { __GFP_DMA, __GFP_ZERO, GFP_HIGHUSER_MOVABLE, GFP_KERNEL } from "../../../lib/mm/pages/gfp.js";
import {
  allocPages,
  allocReservedPage,
  nrFreePages,
  nrUnusedPages,
} from "../../../lib/mm/pages/page_alloc.js";
import { minWmarkPages } from "../../../lib/mm/pages/wmark.js";
import { MemorySystem } from "../../../lib/mm/system.js";
import { globalNodePageState, NR_INACTIVE_FILE, PGFREE } from "../../../lib/mm/vmstat.js";
import { exactFrames } from "../exact_frames.js";
import { takeAllPages } from "../pressure.js";

function newSystem(mib = 32): MemorySystem {
  const sys = new MemorySystem(new Ram(mib * 2 ** 20), new Clock());
  mmInit(sys);
  return sys;
}

describe("the zones", () => {
  it("divide RAM at 16 MiB, without the first MiB", () => {
    const zones = newSystem().zones.map(({ name, zoneStartPfn, zoneEndPfn }) => [
      name,
      zoneStartPfn,
      zoneEndPfn,
    ]);
    expect(zones).toEqual([
      ["DMA", 0x100, 0x1000],
      ["DMA32", 0x1000, 0x2000],
    ]);
  });

  it("hold all frames that may be used", () => {
    const sys = newSystem();
    expect(sys.totalramPages).toBe(0x2000 - 0x100);
    expect(sys.zones.map((zone) => zone.managedPages)).toEqual([0xf00, 0x1000]);
  });
});

describe("allocPages", () => {
  it("takes from the highest zone, and from a lower one when that is empty or DMA is asked for", () => {
    const sys = newSystem();
    exactFrames(sys);
    expect(allocPages(sys, GFP_KERNEL)!.pfn).toBeGreaterThanOrEqual(0x1000);
    expect(allocPages(sys, GFP_KERNEL | __GFP_DMA)!.pfn).toBeLessThan(0x1000);
    while (sys.zones[1]!.nrFreePages > 0) allocPages(sys, GFP_KERNEL);
    expect(allocPages(sys, GFP_HIGHUSER_MOVABLE)!.pfn).toBeLessThan(0x1000);
  });

  it("makes one folio of an aligned block", () => {
    const sys = newSystem();
    const free = nrUnusedPages(sys);
    const folio = allocPages(sys, GFP_KERNEL, 3)!;
    expect(folio).toMatchObject({ order: 3, refcount: 1, flags: PG_head });
    expect(folio.pfn % 8).toBe(0);
    expect(pfnToPage(sys, folio.pfn + 7).head).toBe(folio);
    expect(nrUnusedPages(sys)).toBe(free - 8);
  });

  it("zeroes every frame only if it is asked to, and that takes time", () => {
    const sys = newSystem();
    const dirty = allocPages(sys, GFP_KERNEL, 1)!;
    for (const pfn of [dirty.pfn, dirty.pfn + 1]) sys.ram.frame(pfn).fill(7);
    const { pfn } = dirty;
    folioPut(sys, dirty);
    const before = sys.clock.nowNs;
    const same = allocPages(sys, GFP_KERNEL, 1)!;
    expect([same.pfn, sys.ram.frame(pfn + 1)[4095], sys.clock.nowNs - before]).toEqual([pfn, 7, 0]);
    folioPut(sys, same);
    expect(allocPages(sys, GFP_KERNEL | __GFP_ZERO, 1)!.pfn).toBe(pfn);
    expect([sys.ram.frame(pfn)[0], sys.ram.frame(pfn + 1)[4095]]).toEqual([0, 0]);
    expect(sys.clock.nowNs - before).toBe(2 * sys.costs.zeroPageNs);
  });

  it("is undefined when nothing is left, or when it is told to fail", () => {
    const sys = newSystem();
    sys.shouldFailAllocPage = (_gfp, order) => order === 1;
    expect(allocPages(sys, GFP_KERNEL, 1)).toBeUndefined();
    while (allocPages(sys, GFP_KERNEL) !== undefined);
    expect(nrFreePages(sys)).toBeLessThanOrEqual(
      sys.zones.reduce((sum, zone) => sum + minWmarkPages(zone), 0),
    );
    takeAllPages(sys);
    expect([nrUnusedPages(sys), allocPages(sys, GFP_KERNEL)]).toEqual([0, undefined]);
  });
});

describe("folioPut", () => {
  it("frees the frames when the last hold goes, and the pages know nothing of it any more", () => {
    const sys = newSystem();
    const free = nrUnusedPages(sys);
    const freed = sys.vmStat.events[PGFREE]!;
    const folio = allocPages(sys, GFP_KERNEL, 2)!;
    const tail = pfnToPage(sys, folio.pfn + 3);
    folio.refcount = 3;
    folio.index = 9;
    folioPut(sys, folio);
    expect(nrUnusedPages(sys)).toBe(free - 4);
    folioPutRefs(sys, folio, 2);
    expect(nrUnusedPages(sys)).toBe(free);
    expect(folio).toMatchObject({ refcount: 0, order: 0, flags: 0, index: 0 });
    expect(tail.head).toBe(tail);
    expect(sys.vmStat.events[PGFREE]).toBe(freed + 4);
  });

  it("takes the folio off its LRU list", () => {
    const sys = newSystem();
    const folio = allocPages(sys, GFP_HIGHUSER_MOVABLE)!;
    folioAddLru(sys, folio);
    lruAddDrain(sys);
    expect([folio.flags & PG_lru, globalNodePageState(sys, NR_INACTIVE_FILE)]).toEqual([PG_lru, 1]);
    folioPut(sys, folio);
    expect(globalNodePageState(sys, NR_INACTIVE_FILE)).toBe(0);
    expect([folio.lruList, folio.flags]).toEqual([-1, 0]);
  });

  it("is an error of the kernel while an entry maps the page", () => {
    const sys = newSystem();
    const folio = allocPages(sys, GFP_KERNEL)!;
    folio.mapcount = 1;
    expect(() => folioPut(sys, folio)).toThrow(`frame ${folio.pfn} is freed while mapped`);
  });
});

describe("allocReservedPage", () => {
  it("gives a frame of zeros for good", () => {
    const sys = newSystem();
    const page = allocReservedPage(sys);
    expect(page.flags & PG_reserved).toBe(PG_reserved);
    sys.shouldFailAllocPage = () => true;
    expect(() => allocReservedPage(sys)).toThrow(RangeError);
  });
});
