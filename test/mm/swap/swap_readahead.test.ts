import { beforeEach, describe, expect, it } from "vitest";
import { PG_locked, PG_readahead } from "../../../lib/mm/pages/folio.js";
import { folioPut } from "../../../lib/mm/pages/free_pages.js";
import { GFP_HIGHUSER_MOVABLE } from "../../../lib/mm/pages/gfp.js";
import { swpEntry } from "../../../lib/mm/pgtable/swapops.js";
import {
  folioOfSlot,
  readSwapCacheAsync,
  swapClusterReadahead,
  swapinNrPages,
} from "../../../lib/mm/swap/swap_readahead.js";
import { swapCacheGetFolio } from "../../../lib/mm/swap/swap_state.js";
import type { SwapInfoStruct } from "../../../lib/mm/swap/swap_types.js";
import { PGMAJFAULT, PSWPIN, SWAP_RA, SWAP_RA_HIT } from "../../../lib/mm/vmstat.js";
import { at, kernel, map, mm, task, useArena } from "../arena.js";
import { swapArea } from "./area.js";
import { counted, entryOf, evict, pageout, touch } from "./paged_out.js";

useArena();

let si: SwapInfoStruct;

/** 64 pages in swap only. */
beforeEach(() => {
  si = swapArea(kernel, 1024);
  map(0, 64);
  touch(0, 64);
  pageout(0, 64);
  evict(si);
});

/** Pages that the swap cache has, as first and last of each run. */
function cachedPages(): string {
  const pages = Array.from({ length: 64 }, (_, page) => page).filter((page) => {
    const folio = swapCacheGetFolio(kernel.sys, swpEntry(0, page + 1)); // page n is in slot n + 1
    if (folio !== undefined) folioPut(kernel.sys, folio);
    return folio !== undefined;
  });
  return pages.join(" ");
}

const read = (page: number): void => {
  kernel.sched.settle();
  expect(task.load(at(page), 1)).toBe(page + 1);
};

describe("how many pages", () => {
  it("are as many as were used, and 2, rounded up to 4, 8, ...; at most as page-cluster says", () => {
    const windows = [1, 2, 3, 6, 7].map((hits) => swapinNrPages(0, 100, hits, 64, 0));
    expect(windows).toEqual([4, 4, 8, 8, 16]);
    expect(swapinNrPages(0, 100, 60, 8, 0)).toBe(8);
  });

  it("are one when none was used, or two next to the last one; never less than half of the last time", () => {
    expect(swapinNrPages(50, 100, 0, 8, 0)).toBe(1);
    expect([99, 101].map((prev) => swapinNrPages(prev, 100, 0, 8, 0))).toEqual([2, 2]);
    expect(swapinNrPages(50, 100, 0, 8, 8)).toBe(4);
    expect(swapinNrPages(50, 100, 0, 8, 3)).toBe(1);
  });
});

describe("by VMA", () => {
  it("reads around the first fault, then forwards, in windows of 8", () => {
    read(20);
    expect(cachedPages()).toBe("17 18 19 20 21 22 23 24");
    for (let page = 21; page < 26; page++) read(page);
    expect(counted(PGMAJFAULT)).toBe(2);
    expect(cachedPages()).toBe("17 18 19 20 21 22 23 24 25 26 27 28 29 30 31 32");
    expect([counted(SWAP_RA), counted(SWAP_RA_HIT)]).toEqual([14, 4]);
  });

  it("reads backwards when the fault is right before the last", () => {
    kernel.sys.sysctl.pageCluster = 2;
    mm.mmMt.lookup(at(0))!.swapReadahead = { addr: at(31), win: 4, hits: 2 };
    read(30);
    expect(cachedPages()).toBe("27 28 29 30");
  });

  it("stays inside the VMA, and passes over what is not in swap", () => {
    task.load(at(3), 1);
    kernel.sched.settle();
    const before = cachedPages();
    expect(before).toBe("0 1 2 3 4 5 6 7");
    expect(counted(PSWPIN)).toBe(8);
    mm.mmMt.lookup(at(0))!.swapReadahead = undefined;
    read(8); // 5 to 12, of which 5, 6 and 7 are here
    expect(counted(PSWPIN)).toBe(8 + 5);
  });

  it("reads one page when page-cluster is 0", () => {
    kernel.sys.sysctl.pageCluster = 0;
    read(20);
    expect([cachedPages(), counted(SWAP_RA)]).toEqual(["20", 0]);
  });
});

describe("by cluster", () => {
  it("reads an aligned block of slots, whoever has them, without the header", () => {
    kernel.sys.swap.vmaRaEnabled = false;
    read(2); // slot 3: slots 1 to 3, as hits are 4 at first: window 8
    expect(cachedPages()).toBe("0 1 2 3 4 5 6");
    expect(kernel.sys.swap.readaheadHits).toBe(0);
    read(3);
    expect(kernel.sys.swap.readaheadHits).toBe(1);
  });

  it("is used as long as any area turns", () => {
    const bdev = { nrBlocks: 512, rotational: true, synchronous: false, stableWrites: false };
    swapArea(kernel, 512, bdev);
    read(20); // slot 21: 16 to 23
    expect(cachedPages()).toBe("15 16 17 18 19 20 21 22");
  });

  it("ends with the area", () => {
    const folio = swapClusterReadahead(kernel.sys, swpEntry(0, 64), GFP_HIGHUSER_MOVABLE)!;
    folioPut(kernel.sys, folio);
    expect(cachedPages()).toBe("63");
  });
});

describe("folioOfSlot", () => {
  it("makes a locked folio once, and finds it afterwards", () => {
    const entry = entryOf(5);
    const first = folioOfSlot(kernel.sys, entry, GFP_HIGHUSER_MOVABLE)!;
    expect([first.isNew, first.folio.flags & PG_locked]).toEqual([true, PG_locked]);
    expect(folioOfSlot(kernel.sys, entry, GFP_HIGHUSER_MOVABLE)).toEqual({
      folio: first.folio,
      isNew: false,
    });
  });

  it("answers nothing for a slot that nobody needs, or without memory", () => {
    expect(folioOfSlot(kernel.sys, swpEntry(0, 900), GFP_HIGHUSER_MOVABLE)).toBeUndefined();
    kernel.sys.shouldFailAllocPage = () => true;
    expect(folioOfSlot(kernel.sys, entryOf(5), GFP_HIGHUSER_MOVABLE)).toBeUndefined();
    expect(si.swapMap[6]).toBe(1);
  });

  it("does not mark a page that was asked for as read ahead", () => {
    const folio = readSwapCacheAsync(kernel.sys, entryOf(5), GFP_HIGHUSER_MOVABLE)!;
    expect(folio.flags & PG_readahead).toBe(0);
    folioPut(kernel.sys, folio);
  });
});
