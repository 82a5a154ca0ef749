import { beforeEach, describe, expect, it } from "vitest";
import { sysMadvise } from "../../../lib/kernel/syscalls/mm.js";
import { lruAddDrainAll } from "../../../lib/mm/lru/swap.js";
import { PG_readahead } from "../../../lib/mm/pages/folio.js";
import { folioPut } from "../../../lib/mm/pages/free_pages.js";
import { GFP_HIGHUSER_MOVABLE } from "../../../lib/mm/pages/gfp.js";
import { swpEntry } from "../../../lib/mm/pgtable/swapops.js";
import {
  folioOfSlot,
  readSwapCacheAsync,
  swapClusterReadahead,
  swapinNrPages,
  swapUpdateReadahead,
} from "../../../lib/mm/swap/swap_readahead.js";
import type { SwapInfoStruct } from "../../../lib/mm/swap/swap_types.js";
import { MADV } from "../../../lib/mm/vma/mman.js";
import { SWAP_RA, SWAP_RA_HIT } from "../../../lib/mm/vmstat.js";
import { at, kernel, map, PAGE, task, useArena } from "../arena.js";
import { dropSwapCache, swapArea } from "./area.js";

useArena();

let si: SwapInfoStruct;
const event = (item: number): number => kernel.sys.vmStat.events[item]!;
const finish = (): void => kernel.sys.sched.waitUntil("io", () => si.bdev.device!.inFlight === 0);
/** Slots that have a folio. */
const inCache = (): number[] =>
  [...si.swapMap.keys()].filter((slot) => slot > 0 && (si.swapMap[slot]! & 0x40) !== 0);

/** 32 pages are in swap, page i in slot i + 1, and no folio has their bytes. */
beforeEach(() => {
  si = swapArea(kernel, 1000);
  map(0, 32);
  for (let page = 0; page < 32; page++) task.store(at(page), 1, page + 1);
  lruAddDrainAll(kernel.sys);
  expect(sysMadvise(kernel, task, at(0), 32 * PAGE, MADV.PAGEOUT)).toBe(0);
  finish();
  dropSwapCache(kernel, si);
  expect(inCache()).toEqual([]);
});

describe("the size of a window", () => {
  it("is 4, 8, 16 by hits, at most what page-cluster says, at least half of the last", () => {
    const sizes = [1, 2, 3, 6, 7, 14].map((hits) => swapinNrPages(0, 100, hits, 64, 0));
    expect(sizes).toEqual([4, 4, 8, 8, 16, 16]);
    expect(swapinNrPages(0, 100, 40, 8, 0)).toBe(8);
    expect([swapinNrPages(0, 100, 0, 8, 0), swapinNrPages(99, 100, 0, 8, 0)]).toEqual([1, 2]);
    expect([swapinNrPages(101, 100, 0, 8, 0), swapinNrPages(0, 100, 0, 8, 8)]).toEqual([2, 4]);
  });
});

describe("readahead by VMA", () => {
  it("is around the first fault, then forwards, and counts what was of use", () => {
    task.load(at(16), 1);
    expect(inCache().map((slot) => slot - 1)).toEqual([13, 14, 15, 16, 17, 18, 19, 20]);
    expect(event(SWAP_RA)).toBe(7);
    for (const page of [17, 18, 19, 20]) task.load(at(page), 1);
    expect(event(SWAP_RA_HIT)).toBe(4);
    task.load(at(21), 1);
    expect(Math.max(...inCache()) - 1).toBe(28);
  });

  it("goes backwards after a fault on the page before", () => {
    task.load(at(31), 1);
    const before = inCache().length;
    expect(inCache().map((slot) => slot - 1)).toEqual([28, 29, 30, 31]);
    for (const page of [30, 29, 28]) task.load(at(page), 1);
    task.load(at(27), 1);
    expect(Math.min(...inCache()) - 1).toBe(20);
    expect(inCache().length - before).toBe(8);
  });

  it("is off with page-cluster 0", () => {
    kernel.sys.sysctl.pageCluster = 0;
    task.load(at(10), 1);
    expect(inCache()).toEqual([11]);
  });
});

describe("readahead by cluster", () => {
  it("is an aligned block of slots without slot 0", () => {
    const folio = swapClusterReadahead(kernel.sys, swpEntry(0, 3), GFP_HIGHUSER_MOVABLE)!;
    finish();
    expect(inCache()).toEqual([1, 2, 3, 4, 5, 6, 7]);
    expect(folio.flags & PG_readahead).toBe(0);
    expect(event(SWAP_RA)).toBe(6);
    folioPut(kernel.sys, folio);
  });

  it("is taken as soon as one area turns", () => {
    kernel.sys.swap.nrRotateSwap = 1;
    task.load(at(12), 1);
    expect(inCache()).toEqual([8, 9, 10, 11, 12, 13, 14, 15]);
  });
});

describe("a slot's folio", () => {
  it("is found a second time, and is none where nobody needs the slot", () => {
    const { sys } = kernel;
    const first = folioOfSlot(sys, swpEntry(0, 5), GFP_HIGHUSER_MOVABLE)!;
    expect(first.isNew).toBe(true);
    const again = folioOfSlot(sys, swpEntry(0, 5), GFP_HIGHUSER_MOVABLE)!;
    expect([again.folio, again.isNew]).toEqual([first.folio, false]);
    expect(readSwapCacheAsync(sys, swpEntry(0, 500), GFP_HIGHUSER_MOVABLE)).toBeUndefined();
  });

  it("is a hit once", () => {
    const { sys } = kernel;
    const folio = readSwapCacheAsync(sys, swpEntry(0, 5), GFP_HIGHUSER_MOVABLE)!;
    folio.flags |= PG_readahead;
    for (let i = 0; i < 2; i++) swapUpdateReadahead(sys, folio, undefined, 0);
    expect([event(SWAP_RA_HIT), sys.swap.readaheadHits]).toEqual([1, 5]);
  });
});
