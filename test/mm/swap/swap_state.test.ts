import { beforeEach, describe, expect, it } from "vitest";
import {
  type Folio,
  PG_dirty,
  PG_locked,
  PG_swapcache,
  PG_uptodate,
  PG_writeback,
} from "../../../lib/mm/pages/folio.js";
import { folioPut } from "../../../lib/mm/pages/free_pages.js";
import { GFP_KERNEL } from "../../../lib/mm/pages/gfp.js";
import { allocPages } from "../../../lib/mm/pages/page_alloc.js";
import { swpEntry, swpOffset } from "../../../lib/mm/pgtable/swapops.js";
import { swapDuplicate, swapFreeNr } from "../../../lib/mm/swap/swap_map.js";
import {
  folioFreeSwap,
  folioMatchesSwapEntry,
  folioSwap,
  freeFolioAndSwapCache,
  freeSwapAndCacheNr,
  freeSwapCache,
  swapCacheAddFolio,
  swapCacheDelFolio,
  swapCacheGetFolio,
  swapCacheGetShadow,
  TTRS_ANYWAY,
  TTRS_FULL,
  TTRS_UNMAPPED,
  tryToReclaimSwap,
} from "../../../lib/mm/swap/swap_state.js";
import type { SwapInfoStruct } from "../../../lib/mm/swap/swap_types.js";
import { folioAllocSwap } from "../../../lib/mm/swap/swapfile.js";
import { globalNodePageState, NR_FILE_PAGES, NR_SWAPCACHE } from "../../../lib/mm/vmstat.js";
import { kernel, useArena } from "../arena.js";
import { swapArea } from "./area.js";

useArena();

let si: SwapInfoStruct;
let folio: Folio;
let entry: number;

/** A folio in the swap cache; nobody else has its slots. */
function cached(order = 0): Folio {
  const one = allocPages(kernel.sys, GFP_KERNEL, order)!;
  one.flags |= PG_uptodate;
  expect(folioAllocSwap(kernel.sys, one)).toBe(true);
  return one;
}

beforeEach(() => {
  si = swapArea(kernel, 2048);
  folio = cached();
  entry = folioSwap(folio);
});

describe("the swap cache", () => {
  it("holds its folio, and counts it", () => {
    const { sys } = kernel;
    expect([folio.refcount, (folio.flags & PG_swapcache) !== 0, swpOffset(entry)]).toEqual([2, true, 1]);
    const counts = [globalNodePageState(sys, NR_SWAPCACHE), globalNodePageState(sys, NR_FILE_PAGES)];
    expect(swapCacheGetFolio(sys, entry)).toBe(folio);
    expect(folio.refcount).toBe(3);
    folioPut(sys, folio);
    swapCacheDelFolio(sys, folio);
    expect([globalNodePageState(sys, NR_SWAPCACHE), globalNodePageState(sys, NR_FILE_PAGES)]).toEqual(
      counts.map((count) => count - 1),
    );
    expect([folio.refcount, si.inusePages, swapCacheGetFolio(sys, entry)]).toEqual([1, 0, undefined]);
  });

  it("refuses a folio that it has", () => {
    expect(() => swapCacheAddFolio(kernel.sys, folio, entry)).toThrow(/twice/);
  });

  it("keeps a shadow while an entry has the slot, and no longer", () => {
    const { sys } = kernel;
    swapDuplicate(sys, entry);
    swapCacheDelFolio(sys, folio, 77);
    expect([swapCacheGetShadow(sys, entry), swapCacheGetFolio(sys, entry)]).toEqual([77, undefined]);
    swapFreeNr(sys, entry, 1);
    expect(swapCacheGetShadow(sys, entry)).toBeUndefined();
  });

  it("has a large folio at each of its slots", () => {
    const large = cached(2);
    const first = folioSwap(large);
    expect([0, 3].map((i) => swapCacheGetFolio(kernel.sys, first + i))).toEqual([large, large]);
    expect([-1, 0, 3, 4].map((i) => folioMatchesSwapEntry(large, first + i))).toEqual([
      false,
      true,
      true,
      false,
    ]);
    expect(large.refcount).toBe(1 + 4 + 2);
  });
});

describe("folioFreeSwap", () => {
  it("gives the slot up; the folio is dirty then", () => {
    expect(folioFreeSwap(kernel.sys, folio)).toBe(true);
    expect([si.inusePages, (folio.flags & PG_dirty) !== 0, folio.refcount]).toEqual([0, true, 1]);
    expect(folioFreeSwap(kernel.sys, folio)).toBe(false);
  });

  it("does not while the folio is written, or while an entry has the slot", () => {
    folio.flags |= PG_writeback;
    expect(folioFreeSwap(kernel.sys, folio)).toBe(false);
    folio.flags &= ~PG_writeback;
    swapDuplicate(kernel.sys, entry);
    expect(folioFreeSwap(kernel.sys, folio)).toBe(false);
    swapFreeNr(kernel.sys, entry, 1);
    expect(folioFreeSwap(kernel.sys, folio)).toBe(true);
  });

  it("is tried by the last who mapped it, unless it is locked or still mapped", () => {
    folio.flags |= PG_locked;
    freeSwapCache(kernel.sys, folio);
    expect(si.inusePages).toBe(1);
    folio.flags &= ~PG_locked;
    freeFolioAndSwapCache(kernel.sys, folio);
    expect([si.inusePages, folio.refcount]).toEqual([0, 0]);
  });
});

describe("tryToReclaimSwap", () => {
  it("says how many pages, negative if they stay, 0 without a folio", () => {
    const { sys } = kernel;
    expect(tryToReclaimSwap(sys, si, 2, TTRS_ANYWAY)).toBe(0);
    expect(tryToReclaimSwap(sys, si, 1, TTRS_FULL)).toBe(-1);
    folio.flags |= PG_locked;
    expect(tryToReclaimSwap(sys, si, 1, TTRS_ANYWAY)).toBe(-1);
    folio.flags &= ~PG_locked;
    expect([folio.refcount, tryToReclaimSwap(sys, si, 1, TTRS_UNMAPPED), folio.refcount]).toEqual([2, 1, 1]);
    const large = cached(2);
    expect(tryToReclaimSwap(sys, si, swpOffset(folioSwap(large)) + 3, TTRS_ANYWAY)).toBe(4);
  });
});

describe("freeSwapAndCacheNr", () => {
  it("frees neighbouring slots, those with a folio and those without, and leaves what others have", () => {
    const { sys } = kernel;
    const others = [cached(), cached(), cached()];
    for (let i = 0; i < 4; i++) swapDuplicate(sys, entry + i);
    swapCacheDelFolio(sys, others[0]!); // slot 2: an entry alone
    swapDuplicate(sys, entry + 2); // slot 3: two entries
    others[2]!.flags |= PG_writeback; // slot 4: on its way
    freeSwapAndCacheNr(sys, entry, 4);
    expect([1, 2, 3, 4].map((slot) => si.swapMap[slot])).toEqual([0, 0, 0x41, 0x40]);
    expect(swapCacheGetFolio(sys, swpEntry(0, 1))).toBeUndefined();
  });
});
