import { beforeEach, describe, expect, it } from "vitest";
import { type Folio, PG_dirty, PG_swapcache, PG_writeback } from "../../../lib/mm/pages/folio.js";
import { folioPut } from "../../../lib/mm/pages/free_pages.js";
import { swpEntry } from "../../../lib/mm/pgtable/swapops.js";
import { swapDuplicate, swapFreeNr } from "../../../lib/mm/swap/swap_map.js";
import {
  folioFreeSwap,
  folioMatchesSwapEntry,
  freeFolioAndSwapCache,
  freeSwapAndCacheNr,
  freeSwapCache,
  swapCacheGetFolio,
  swapCacheGetShadow,
  TTRS_ANYWAY,
  TTRS_FULL,
  TTRS_UNMAPPED,
  tryToReclaimSwap,
} from "../../../lib/mm/swap/swap_state.js";
import { SWAP_HAS_CACHE, type SwapInfoStruct } from "../../../lib/mm/swap/swap_types.js";
import { globalNodePageState, NR_FILE_PAGES, NR_SWAPCACHE } from "../../../lib/mm/vmstat.js";
import { at, kernel, map, task, useArena } from "../arena.js";
import { swapArea } from "./area.js";
import { entryOf, evict, folioOf, pageout, touch } from "./paged_out.js";

useArena();

let si: SwapInfoStruct;
beforeEach(() => {
  si = swapArea(kernel, 1024);
  map(0, 8);
  touch(0, 8);
});

/** The folio of a slot in the swap cache, without a hold. */
function cached(entry: number): Folio | undefined {
  const folio = swapCacheGetFolio(kernel.sys, entry);
  if (folio !== undefined) folioPut(kernel.sys, folio);
  return folio;
}

describe("the swap cache", () => {
  it("has what was swapped out until it is reclaimed; then it has a shadow", () => {
    const files = globalNodePageState(kernel.sys, NR_FILE_PAGES);
    pageout(0, 2);
    expect(cached(entryOf(0))!.refcount).toBe(1);
    expect(folioMatchesSwapEntry(cached(entryOf(1))!, entryOf(1))).toBe(true);
    expect(folioMatchesSwapEntry(cached(entryOf(1))!, entryOf(0))).toBe(false);
    expect(globalNodePageState(kernel.sys, NR_SWAPCACHE)).toBe(2);
    expect(globalNodePageState(kernel.sys, NR_FILE_PAGES)).toBe(files + 2);
    expect(swapCacheGetShadow(kernel.sys, entryOf(0))).toBeUndefined();
    evict(si);
    expect([cached(entryOf(0)), swapCacheGetShadow(kernel.sys, entryOf(0))]).toEqual([
      undefined,
      expect.any(Number),
    ]);
    expect(globalNodePageState(kernel.sys, NR_SWAPCACHE)).toBe(0);
    expect(globalNodePageState(kernel.sys, NR_FILE_PAGES)).toBe(files);
  });

  it("answers nothing for an area that is not there", () => {
    expect(swapCacheGetFolio(kernel.sys, swpEntry(5, 1))).toBeUndefined();
  });

  it("takes the shadow away when the page is read again", () => {
    pageout(0, 1);
    evict(si);
    const entry = entryOf(0);
    task.load(at(0), 1);
    expect(swapCacheGetShadow(kernel.sys, entry)).toBeUndefined();
  });
});

describe("folioFreeSwap", () => {
  it("refuses while a page table says that the page is in swap", () => {
    pageout(0, 1);
    expect(folioFreeSwap(kernel.sys, cached(entryOf(0))!)).toBe(false);
    expect(si.swapMap[1]).toBe(SWAP_HAS_CACHE | 1);
  });

  it("refuses while the folio is being written, or is in no slot", () => {
    pageout(0, 1);
    task.load(at(0), 1);
    const folio = folioOf(0);
    folio.flags |= PG_writeback;
    expect(folioFreeSwap(kernel.sys, folio)).toBe(false);
    folio.flags &= ~PG_writeback;
    expect(folioFreeSwap(kernel.sys, folioOf(1))).toBe(false);
  });

  it("gives the slot up, and the folio is dirty, since nothing else has its bytes", () => {
    pageout(0, 1);
    task.load(at(0), 1);
    const folio = folioOf(0);
    expect(folio.flags & (PG_dirty | PG_swapcache)).toBe(PG_swapcache);
    expect(folioFreeSwap(kernel.sys, folio)).toBe(true);
    expect(folio.flags & (PG_dirty | PG_swapcache)).toBe(PG_dirty);
    expect([si.swapMap[1], si.inusePages, folio.refcount]).toEqual([0, 0, 1]);
  });
});

describe("the last one who lets go", () => {
  it("takes the slot from a folio that nobody maps, and leaves one that is mapped", () => {
    pageout(0, 2);
    task.load(at(0), 1);
    freeSwapCache(kernel.sys, folioOf(0));
    expect(si.inusePages).toBe(2);
    const entry = entryOf(1);
    const folio = swapCacheGetFolio(kernel.sys, entry)!;
    swapFreeNr(kernel.sys, entry, 1); // as if the entry were gone
    freeFolioAndSwapCache(kernel.sys, folio);
    expect([si.inusePages, folio.refcount]).toEqual([1, 0]);
    swapDuplicate(kernel.sys, entryOf(1)); // nothing there any more
  });

  it("frees neighbouring slots with their folios, and keeps those that others need", () => {
    pageout(0, 4);
    const [first, third] = [entryOf(0), entryOf(2)];
    swapDuplicate(kernel.sys, third);
    freeSwapAndCacheNr(kernel.sys, first, 4);
    expect([...si.swapMap.subarray(1, 5)]).toEqual([0, 0, SWAP_HAS_CACHE | 1, 0]);
    expect(si.inusePages).toBe(1);
  });
});

describe("tryToReclaimSwap", () => {
  it("takes a slot that only the swap cache has: always, from folios nobody maps, or when swap is full", () => {
    pageout(0, 3);
    for (const page of [0, 1]) task.load(at(page), 1); // mapped; only the swap cache has slots 1 and 2
    expect(tryToReclaimSwap(kernel.sys, si, 1, TTRS_UNMAPPED | TTRS_FULL)).toBe(-1);
    expect(tryToReclaimSwap(kernel.sys, si, 3, TTRS_ANYWAY)).toBe(-1); // an entry needs it
    expect(tryToReclaimSwap(kernel.sys, si, 9, TTRS_ANYWAY)).toBe(0); // no folio
    expect(tryToReclaimSwap(kernel.sys, si, 1, TTRS_ANYWAY)).toBe(1);
    kernel.sys.nrSwapPages = 100;
    expect(tryToReclaimSwap(kernel.sys, si, 2, TTRS_FULL)).toBe(1);
    expect([...si.swapMap.subarray(1, 4)]).toEqual([0, 0, SWAP_HAS_CACHE | 1]);
    expect(folioOf(0).flags & PG_dirty).toBe(PG_dirty);
  });
});
