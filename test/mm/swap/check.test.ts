import { beforeEach, describe, expect, it } from "vitest";
import { sysMadvise } from "../../../lib/kernel/syscalls/mm.js";
import { checkInvariants } from "../../../lib/mm/debug.js";
import { lruAddDrainAll } from "../../../lib/mm/lru/swap.js";
import { ptepGet, setPte } from "../../../lib/mm/pgtable/pgtable.js";
import { pteOffset } from "../../../lib/mm/pgtable/pgtable_alloc.js";
import { pteSwpMkexclusive, pteToSwpEntry, swpEntry, swpOffset } from "../../../lib/mm/pgtable/swapops.js";
import { SWAP_HAS_CACHE, type SwapInfoStruct } from "../../../lib/mm/swap/swap_types.js";
import { MADV } from "../../../lib/mm/vma/mman.js";
import { at, kernel, map, mm, PAGE, task, useArena } from "../arena.js";
import { dropSwapCache, swapArea } from "./area.js";

useArena();

let si: SwapInfoStruct;
const check = (): void => checkInvariants(kernel.sys, [mm, kernel.initMm]);
const ptep = (page: number): number => pteOffset(mm, at(page));
const slotOf = (page: number): number => swpOffset(pteToSwpEntry(ptepGet(mm.sys.ram, ptep(page))));

/** Pages 0 to 3 are in swap, 0 and 1 without a folio; pages 8 and 9 are a file's, 8 in swap. */
beforeEach(() => {
  si = swapArea(kernel, 1000);
  map(0, 4);
  map(8, 2, 3, 0x31);
  for (const page of [0, 1, 2, 3, 8, 9]) task.store(at(page), 1, page + 1);
  lruAddDrainAll(kernel.sys);
  for (const [page, nr] of [
    [0, 2],
    [8, 1],
  ] as const)
    expect(sysMadvise(kernel, task, at(page), nr * PAGE, MADV.PAGEOUT)).toBe(0);
  kernel.sys.sched.waitUntil("io", () => si.bdev.device!.inFlight === 0);
  dropSwapCache(kernel, si);
  expect(sysMadvise(kernel, task, at(2), 2 * PAGE, MADV.PAGEOUT)).toBe(0);
});

const filesOwn = (): Map<number, number> => mm.mmMt.lookup(at(8))!.vmFile!.fMapping.swapEntries;

const DAMAGE: Record<string, [() => void, RegExp]> = {
  "a count too high": [() => si.swapMap[slotOf(0)]!++, /counts 2, 1 entries name it/],
  "a slot that nobody needs": [() => si.swapMap.fill(1, 100, 101), /slot 100 of area 0 counts 1, 0 entries/],
  "an entry that was lost": [() => setPte(mm.sys.ram, ptep(0), 0), /counts 1, 0 entries name it/],
  "two entries that are exclusive": [
    () => setPte(mm.sys.ram, ptep(0), pteSwpMkexclusive(ptepGet(mm.sys.ram, ptep(1)))),
    /one entry's alone, and 2 name it/,
  ],
  "a slot in the swap cache in name only": [
    () => si.swapMap.fill(1 | SWAP_HAS_CACHE, slotOf(0), slotOf(0) + 1),
    /in the swap cache in only one of map and table/,
  ],
  "a folio that says another slot": [
    () => Object.assign(si.clusterInfo[0]!.table![slotOf(2)]!, { private: swpEntry(0, 1) }),
    /in the swap cache, which says entry 1/,
  ],
  "a file's page in RAM and in swap": [
    () => filesOwn().set(1, swpEntry(0, 1)),
    /page 1 of a file is in RAM and in swap/,
  ],
  "a file's place in an area that is gone": [() => filesOwn().set(0, swpEntry(3, 7)), /is of no area/],
  "slots of a cluster": [() => si.clusterInfo[0]!.count++, /cluster 0 counts \d+ slots/],
  "slots of an area": [() => si.inusePages--, /area 0 counts 4 slots, not 5/],
  "slots that are free": [() => kernel.sys.nrSwapPages++, /nrSwapPages is \d+, the areas have/],
  "a free slot that is all zeros": [() => si.zeromap.fill(1, 50, 51), /slot 50 of area 0 is free/],
};

describe("checkSwap", () => {
  it("finds nothing in a machine that is whole", () => {
    expect(check).not.toThrow();
  });

  it.each(Object.keys(DAMAGE))("finds %s", (name) => {
    const [damage, problem] = DAMAGE[name]!;
    damage();
    expect(check).toThrow(problem);
  });
});
