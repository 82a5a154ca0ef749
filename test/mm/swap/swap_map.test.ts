import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { EEXIST, EINVAL, ENOENT, ENOMEM } from "../../../lib/mm/errno.js";
import { GFP_KERNEL } from "../../../lib/mm/pages/gfp.js";
import { nrUnusedPages } from "../../../lib/mm/pages/page_alloc.js";
import { swpEntry } from "../../../lib/mm/pgtable/swapops.js";
import {
  addSwapCountContinuation,
  freeSwapCountContinuations,
  getSwapDevice,
  swapBlock,
  swapDuplicate,
  swapEntryCount,
  swapEntryDup,
  swapEntryPut,
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

/** An area, and a slot that only the swap cache has. */
function oneSlot(): { si: SwapInfoStruct; entry: number } {
  const si = swapArea(kernel, 1024);
  return { si, entry: swapAlloc(kernel.sys, 0) };
}

describe("a slot's count", () => {
  it("goes up with each entry and down again, beside the swap cache's mark", () => {
    const { si, entry } = oneSlot();
    expect(si.swapMap[1]).toBe(SWAP_HAS_CACHE);
    for (const count of [1, 2, 3]) {
      expect(swapDuplicate(kernel.sys, entry)).toBe(0);
      expect([si.swapMap[1], swpSwapcount(kernel.sys, entry)]).toEqual([SWAP_HAS_CACHE | count, count]);
    }
    swapFreeNr(kernel.sys, entry, 1);
    expect([swapEntryCount(kernel.sys, entry), swapOnlyHasCache(si, 1, 1)]).toEqual([2, false]);
  });

  it("frees the slot when entries and swap cache are gone, whichever goes last", () => {
    const { si, entry } = oneSlot();
    swapDuplicate(kernel.sys, entry);
    expect(swapEntryPut(kernel.sys, si, 1, SWAP_HAS_CACHE)).toBe(1);
    expect([swapEntryPut(kernel.sys, si, 1, 1), si.swapMap[1], si.inusePages]).toEqual([0, 0, 0]);
    const again = swapAlloc(kernel.sys, 0);
    swapDuplicate(kernel.sys, again);
    swapFreeNr(kernel.sys, again, 1);
    expect(si.inusePages).toBe(1);
    swapEntryPut(kernel.sys, si, again, SWAP_HAS_CACHE);
    expect([si.inusePages, kernel.sys.nrSwapPages]).toEqual([0, 1023]);
  });

  it("is refused for a free and a bad slot, and the swap cache for one that has it", () => {
    const { si } = oneSlot();
    expect(swapEntryDup(kernel.sys, si, 5, 1)).toBe(-ENOENT);
    expect(swapEntryDup(kernel.sys, si, 0, 1)).toBe(-ENOENT);
    expect(swapEntryDup(kernel.sys, si, 1, SWAP_HAS_CACHE)).toBe(-EEXIST);
    expect([si.swapMap[0], si.swapMap[5]]).toEqual([SWAP_MAP_BAD, 0]);
  });

  it("stays one for a file of shared memory, which is never counted up", () => {
    const { si, entry } = oneSlot();
    swapShmemAlloc(kernel.sys, entry);
    expect(si.swapMap[1]).toBe(SWAP_MAP_SHMEM | SWAP_HAS_CACHE);
    expect(swapDuplicate(kernel.sys, entry)).toBe(-EINVAL);
    swapFreeNr(kernel.sys, entry, 1);
    expect(si.swapMap[1]).toBe(SWAP_HAS_CACHE);
  });

  it("throws when given back more often than taken", () => {
    const { si } = oneSlot();
    expect(() => swapEntryPut(kernel.sys, si, 7, 1)).toThrow(/more often than taken/);
  });

  it("forgets zero mark and shadow with the slot", () => {
    const { si } = oneSlot();
    si.zeromap[1] = 1;
    si.clusterInfo[0]!.table![1] = 1234;
    swapEntryPut(kernel.sys, si, 1, SWAP_HAS_CACHE);
    expect([si.zeromap[1], si.clusterInfo[0]!.table![1]]).toEqual([0, undefined]);
  });
});

describe("a count above 62", () => {
  it("needs a continuation before it can run over", () => {
    const { si, entry } = oneSlot();
    for (let i = 0; i < 62; i++) expect(swapDuplicate(kernel.sys, entry)).toBe(0);
    expect(swapDuplicate(kernel.sys, entry)).toBe(-ENOMEM);
    expect(swpSwapcount(kernel.sys, entry)).toBe(62);
    expect(addSwapCountContinuation(kernel.sys, entry, GFP_KERNEL)).toBe(0);
    expect(swapDuplicate(kernel.sys, entry)).toBe(0);
    expect([swpSwapcount(kernel.sys, entry), si.continuations.size]).toEqual([63, 1]);
  });

  it("takes no second page while there is room, and says so when there is no memory", () => {
    const { si, entry } = oneSlot();
    addSwapCountContinuation(kernel.sys, entry, GFP_KERNEL);
    expect(si.continuations.size).toBe(0);
    for (let i = 0; i < 62; i++) swapDuplicate(kernel.sys, entry);
    kernel.sys.shouldFailAllocPage = () => true;
    expect(addSwapCountContinuation(kernel.sys, entry, GFP_KERNEL)).toBe(-ENOMEM);
  });

  it("equals a plain number, up and down, over two continuations; all pages come back", () => {
    const { si, entry } = oneSlot();
    const unused = nrUnusedPages(kernel.sys);
    let count = 0;
    const up = (): void => {
      if (swapDuplicate(kernel.sys, entry) !== 0) {
        expect(addSwapCountContinuation(kernel.sys, entry, GFP_KERNEL)).toBe(0);
        expect(swapDuplicate(kernel.sys, entry)).toBe(0);
      }
      count++;
    };
    while (count < 63 * 128 + 200) up();
    expect(swpSwapcount(kernel.sys, entry)).toBe(count);
    fc.assert(
      fc.property(fc.array(fc.tuple(fc.boolean(), fc.nat(300)), { maxLength: 30 }), (steps) => {
        for (const [more, nr] of steps)
          for (let i = 0; i < nr; i++) {
            if (more) up();
            else if (count > 0) {
              swapFreeNr(kernel.sys, entry, 1);
              count--;
            }
          }
        expect(swpSwapcount(kernel.sys, entry)).toBe(count);
      }),
      { numRuns: 30 },
    );
    while (count-- > 0) swapFreeNr(kernel.sys, entry, 1);
    expect(si.swapMap[1]).toBe(SWAP_HAS_CACHE);
    freeSwapCountContinuations(kernel.sys, si);
    expect(nrUnusedPages(kernel.sys)).toBe(unused);
  });
});

describe("an entry", () => {
  it("of an area that is gone, or behind its end, has none", () => {
    const { si } = oneSlot();
    expect(getSwapDevice(kernel.sys, swpEntry(0, 1023))).toBe(si);
    expect(getSwapDevice(kernel.sys, swpEntry(0, 1024))).toBeUndefined();
    expect(getSwapDevice(kernel.sys, swpEntry(1, 5))).toBeUndefined();
  });

  it("lies where its extent says", () => {
    const extents = [
      { startPage: 0, nrPages: 3, startBlock: 100 },
      { startPage: 3, nrPages: 5, startBlock: 7 },
      { startPage: 8, nrPages: 1, startBlock: 50 },
    ];
    const si = { ...oneSlot().si, extents };
    expect([0, 2, 3, 7, 8].map((slot) => swapBlock(si, slot))).toEqual([100, 102, 7, 11, 50]);
  });
});
