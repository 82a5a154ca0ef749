import fc from "fast-check";
import { beforeEach, describe, expect, it } from "vitest";
import { EEXIST, EINVAL, ENOENT, ENOMEM } from "../../../lib/mm/errno.js";
import { GFP_KERNEL } from "../../../lib/mm/pages/gfp.js";
import { allocPages, nrUnusedPages } from "../../../lib/mm/pages/page_alloc.js";
import { swpEntry, swpOffset } from "../../../lib/mm/pgtable/swapops.js";
import { delFromAvailList } from "../../../lib/mm/swap/cluster.js";
import {
  addSwapCountContinuation,
  freeSwapCountContinuations,
  getSwapDevice,
  putSwapFolio,
  swapBlock,
  swapcacheClear,
  swapcachePrepare,
  swapDuplicate,
  swapEntryCount,
  swapEntrySwapped,
  swapFreeNr,
  swapOnlyHasCache,
  swapShmemAlloc,
  swpSwapcount,
} from "../../../lib/mm/swap/swap_map.js";
import {
  SWAP_HAS_CACHE,
  SWAP_MAP_BAD,
  SWAP_MAP_SHMEM,
  type SwapInfoStruct,
} from "../../../lib/mm/swap/swap_types.js";
import { swapAlloc } from "../../../lib/mm/swap/swapfile.js";
import { kernel, useArena } from "../arena.js";
import { swapArea } from "./area.js";

useArena();

let si: SwapInfoStruct;
beforeEach(() => {
  si = swapArea(kernel, 1000);
});

/** A slot that one entry has, and no folio. */
function oneEntry(): number {
  const { sys } = kernel;
  const entry = swapAlloc(sys, 0);
  expect(swapDuplicate(sys, entry)).toBe(0);
  swapcacheClear(sys, si, entry);
  return entry;
}

/** One entry more, with a page for the count if it needs one; whether it did. */
function up(entry: number): boolean {
  if (swapDuplicate(kernel.sys, entry) === 0) return false;
  expect(addSwapCountContinuation(kernel.sys, entry, GFP_KERNEL)).toBe(0);
  expect(swapDuplicate(kernel.sys, entry)).toBe(0);
  return true;
}

describe("the count of a slot", () => {
  it("is the swap cache's alone at first, and free when that lets go", () => {
    const { sys } = kernel;
    const entry = swapAlloc(sys, 0);
    expect(swapOnlyHasCache(si, swpOffset(entry), 1)).toBe(true);
    expect(swapEntrySwapped(si, swpOffset(entry))).toBe(false);
    expect(si.inusePages).toBe(1);
    swapcacheClear(sys, si, entry);
    expect([si.inusePages, si.swapMap[swpOffset(entry)]]).toEqual([0, 0]);
  });

  it("cannot be raised for a slot that is free or bad, nor the cache be there twice", () => {
    const { sys } = kernel;
    si.swapMap[7] = SWAP_MAP_BAD;
    expect(swapDuplicate(sys, swpEntry(0, 7))).toBe(-ENOENT);
    expect(swapDuplicate(sys, swpEntry(0, 5))).toBe(-ENOENT);
    const entry = oneEntry();
    expect(swapcachePrepare(sys, entry)).toBe(0);
    expect(swapcachePrepare(sys, entry)).toBe(-EEXIST);
    expect(swapEntryCount(sys, entry)).toBe(1);
  });

  it("stays while either the cache or an entry has the slot", () => {
    const { sys } = kernel;
    const entry = oneEntry();
    expect(swapcachePrepare(sys, entry)).toBe(0);
    swapFreeNr(sys, entry, 1);
    expect(si.swapMap[swpOffset(entry)]).toBe(SWAP_HAS_CACHE);
    expect(si.inusePages).toBe(1);
  });

  it("is not counted for a file of shared memory", () => {
    const { sys } = kernel;
    const entry = swapAlloc(sys, 0);
    swapShmemAlloc(sys, entry);
    swapcacheClear(sys, si, entry);
    expect(si.swapMap[swpOffset(entry)]).toBe(SWAP_MAP_SHMEM);
    expect(swapDuplicate(sys, entry)).toBe(-EINVAL);
    swapFreeNr(sys, entry, 1);
    expect(si.inusePages).toBe(0);
  });

  it("fits its byte up to 62; the next needs a page", () => {
    const { sys } = kernel;
    const entry = oneEntry();
    for (let count = 2; count <= 62; count++) expect(swapDuplicate(sys, entry)).toBe(0);
    expect(swpSwapcount(sys, entry)).toBe(62);
    expect(swapDuplicate(sys, entry)).toBe(-ENOMEM);
    expect(swpSwapcount(sys, entry)).toBe(62);
    expect(addSwapCountContinuation(sys, entry, GFP_KERNEL)).toBe(0);
    expect(swapDuplicate(sys, entry)).toBe(0);
    expect(swpSwapcount(sys, entry)).toBe(63);
  });

  it("goes over two pages of continuations and down again, equal to a plain number", () => {
    const { sys } = kernel;
    const entry = oneEntry();
    const needed: number[] = [];
    const top = 63 * 128 + 70;
    for (let count = 2; count <= top; count++) {
      if (up(entry)) needed.push(count);
      if (swpSwapcount(sys, entry) !== count) expect(swpSwapcount(sys, entry)).toBe(count);
    }
    expect(needed).toEqual([63, 63 * 128]);
    for (let count = top - 1; count >= 0; count--) {
      swapFreeNr(sys, entry, 1);
      if (swpSwapcount(sys, entry) !== count) expect(swpSwapcount(sys, entry)).toBe(count);
    }
    expect(si.inusePages).toBe(0);
  });

  it("gives its pages back at swapoff", () => {
    const { sys } = kernel;
    const entry = oneEntry();
    const before = nrUnusedPages(sys);
    for (let count = 2; count <= 63; count++) up(entry);
    expect(nrUnusedPages(sys)).toBe(before - 1);
    freeSwapCountContinuations(sys, si);
    expect(nrUnusedPages(sys)).toBe(before);
  });

  it("is a plain number for any steps up and down of neighbouring slots", () => {
    fc.assert(
      fc.property(
        fc.array(fc.tuple(fc.nat(1), fc.boolean(), fc.integer({ min: 1, max: 90 })), { maxLength: 40 }),
        (steps) => {
          const entries = [oneEntry(), oneEntry()];
          const counts = [1, 1];
          for (const [which, more, times] of steps)
            for (let i = 0; i < times; i++) {
              if (!more && counts[which]! === 1) break;
              if (more) up(entries[which]!);
              else swapFreeNr(kernel.sys, entries[which]!, 1);
              counts[which]! += more ? 1 : -1;
              expect(entries.map((entry) => swpSwapcount(kernel.sys, entry))).toEqual(counts);
            }
          for (const [i, entry] of entries.entries())
            while (counts[i]!-- > 0) swapFreeNr(kernel.sys, entry, 1);
          expect(si.inusePages).toBe(0);
        },
      ),
      { numRuns: 20 },
    );
  });
});

describe("an entry", () => {
  it("is of no area when its number or its slot is not there", () => {
    expect(getSwapDevice(kernel.sys, swpEntry(0, 999))).toBe(si);
    expect(getSwapDevice(kernel.sys, swpEntry(0, 1000))).toBeUndefined();
    expect(getSwapDevice(kernel.sys, swpEntry(3, 1))).toBeUndefined();
  });

  it("lies where the extents of a file say", () => {
    const extents = [
      { startPage: 0, nrPages: 10, startBlock: 100 },
      { startPage: 10, nrPages: 5, startBlock: 7 },
      { startPage: 15, nrPages: 985, startBlock: 300 },
    ];
    const file = { ...si, extents };
    expect([0, 9, 10, 14, 15, 999].map((slot) => swapBlock(file, slot))).toEqual([
      100, 109, 7, 11, 300, 1284,
    ]);
  });

  it("is put with its folio's other slots", () => {
    const { sys } = kernel;
    const large = swapArea(kernel, 2048);
    const entry = swpEntry(large.type, 512);
    expect(swapAlloc(sys, 2)).toBe(0); // no cluster of the first area is free, and the next is not asked
    delFromAvailList(sys, si);
    expect(swapAlloc(sys, 2)).toBe(entry);
    putSwapFolio(sys, allocPages(sys, GFP_KERNEL, 2)!, entry);
    expect(large.inusePages).toBe(0);
  });
});
