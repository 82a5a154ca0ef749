import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { boot } from "../../../lib/kernel/machine.js";
import { swpOffset, swpType } from "../../../lib/mm/pgtable/swapops.js";
import { swapEntryPut } from "../../../lib/mm/swap/swap_map.js";
import {
  CLUSTER_FLAG_FULL,
  SWAP_HAS_CACHE,
  SWP_BLKDEV,
  SWP_PAGE_DISCARD,
  type SwapInfoStruct,
} from "../../../lib/mm/swap/swap_types.js";
import { folioAllocSwap, swapAlloc } from "../../../lib/mm/swap/swapfile.js";
import { at, kernel, map, task, useArena } from "../arena.js";
import { swapArea } from "./area.js";
import { folioOf, pageout, touch } from "./paged_out.js";

useArena();

/** Area and slot of the next `nr` single pages. */
function take(nr: number, order = 0): [number, number][] {
  return Array.from({ length: nr }, () => {
    const entry = swapAlloc(kernel.sys, order);
    return [swpType(entry), swpOffset(entry)];
  });
}

const slots = (nr: number, order = 0): number[] => take(nr, order).map(([, slot]) => slot);
const give = (si: SwapInfoStruct, slot: number): number => swapEntryPut(kernel.sys, si, slot, SWAP_HAS_CACHE);

describe("slots of one area", () => {
  it("are given out from 1 on, one after the other; then the last cluster, if it is not whole", () => {
    swapArea(kernel, 2 * 512 + 10);
    expect(slots(511)).toEqual(Array.from({ length: 511 }, (_, i) => i + 1));
    expect(slots(10)).toEqual(Array.from({ length: 10 }, (_, i) => 1024 + i));
    expect(slots(2)).toEqual([512, 513]);
  });

  it("for folios of several pages lie together, aligned, in a cluster of their own", () => {
    swapArea(kernel, 4 * 512);
    expect(slots(3, 2)).toEqual([512, 516, 520]);
    expect(slots(1, 9)).toEqual([1024]);
    expect(slots(1)).toEqual([1]);
    expect(slots(1, 9)).toEqual([1536]);
    expect(slots(1, 9)).toEqual([0]); // no whole cluster is left
  });

  it("of a file are for single pages only", () => {
    const si = swapArea(kernel, 2048);
    si.flags &= ~SWP_BLKDEV;
    expect([slots(1, 2), slots(1)]).toEqual([[0], [1]]);
  });

  it("are gone when all are taken, and one given back is the next", () => {
    const si = swapArea(kernel, 512);
    expect(slots(512).at(-1)).toBe(0);
    expect([kernel.sys.nrSwapPages, kernel.sys.swap.availHead]).toEqual([0, []]);
    expect(si.clusterInfo[0]!.flags).toBe(CLUSTER_FLAG_FULL);
    give(si, 77);
    expect(kernel.sys.swap.availHead).toEqual([si]);
    expect(slots(2)).toEqual([77, 0]);
  });

  it("come from clusters with slots given back before whole ones are broken into", () => {
    const si = swapArea(kernel, 4 * 512);
    slots(511 + 512);
    give(si, 40);
    expect(slots(2)).toEqual([40, 1024]);
  });

  it("come from clusters of larger folios when there is nothing else", () => {
    swapArea(kernel, 2 * 512);
    expect(slots(1, 3)).toEqual([512]);
    slots(511);
    expect(slots(1)).toEqual([520]);
  });

  it("are discarded first on a device that wants to know, at the latest when they are needed", () => {
    const si = swapArea(kernel, 2 * 512);
    si.flags |= SWP_PAGE_DISCARD;
    expect(slots(1)).toEqual([512]); // whole clusters first: writes are spread
    give(si, 512);
    expect([si.discardClusters.size, si.freeClusters.size]).toEqual([1, 0]);
    kernel.sys.events.happen(kernel.sys.clock);
    expect([si.discardClusters.size, si.freeClusters.size]).toEqual([0, 1]);
  });

  it("on a device that turns are given to all CPUs from one cluster", () => {
    const bdev = { nrBlocks: 1024, rotational: true, synchronous: false, stableWrites: false };
    const si = swapArea(kernel, 1024, bdev);
    expect(slots(2)).toEqual([1, 2]);
    kernel.sys.thisCpu = 1;
    expect(slots(1)).toEqual([3]);
    kernel.sys.thisCpu = 0;
    expect([kernel.sys.swap.nrRotateSwap, si.globalCluster![0]]).toEqual([1, 4]);
  });

  it("on one that does not come for each CPU from a cluster of its own", () => {
    const { kernel: two } = boot({ ram: "64 MiB", cpus: 2 });
    swapArea(two, 4 * 512);
    const slotOn = (cpu: number): number => {
      two.sys.thisCpu = cpu;
      return swpOffset(swapAlloc(two.sys, 0));
    };
    expect([0, 0, 1, 1, 0].map(slotOn)).toEqual([1, 2, 512, 513, 3]);
  });

  it("are taken from folios in RAM when swap is full", () => {
    const si = swapArea(kernel, 512);
    map(0, 8);
    touch(0, 8);
    pageout(0, 8);
    for (let page = 0; page < 8; page++) task.load(at(page), 1); // read again: only the swap cache has the slots
    expect(slots(504).at(-1)).toBe(0);
    expect(si.inusePages).toBe(511);
    kernel.sys.events.happen(kernel.sys.clock); // the work that was put off
    expect(si.inusePages).toBe(503);
    expect(slots(8)).toEqual([1, 2, 3, 4, 5, 6, 7, 8]);
    for (let page = 0; page < 8; page++) expect(task.load(at(page), 1)).toBe(page + 1);
  });

  it("are taken from folios in passing when more than half of swap is used", () => {
    swapArea(kernel, 2 * 512);
    map(0, 4);
    touch(0, 4);
    pageout(0, 4);
    for (let page = 0; page < 4; page++) task.load(at(page), 1);
    const si = kernel.sys.swap.swapInfo[0]!;
    slots(507 + 512 - 1); // all but one of the second cluster
    give(si, 300);
    expect(slots(3)).toEqual([1023, 1, 2]);
  });
});

describe("several areas", () => {
  it("are used one after the other when nothing was said", () => {
    swapArea(kernel, 512);
    swapArea(kernel, 512);
    const types = take(1022).map(([type]) => type);
    expect(types).toEqual([...Array(511).fill(0), ...Array(511).fill(1)]);
  });

  it("of the same priority take turns, a cluster each, not a page each", () => {
    const areas = [swapArea(kernel, 2048), swapArea(kernel, 2048)];
    for (const si of areas) si.prio = 5;
    const types = take(511 + 511 + 512 + 512).map(([type]) => type);
    const runs = types.flatMap((type, i) => (type === types[i - 1] ? [] : [[type, i]]));
    expect(runs).toEqual([
      [0, 0],
      [1, 511],
      [0, 1022],
      [1, 1534],
    ]);
  });

  it("leave the CPU in its cluster when a better one is added", () => {
    swapArea(kernel, 2048);
    take(100);
    const better = swapArea(kernel, 2048);
    better.prio = 10;
    kernel.sys.swap.availHead.sort((a, b) => b.prio - a.prio);
    const types = take(600).map(([type]) => type);
    expect(types.indexOf(1)).toBe(411);
    expect(types.slice(411).every((type) => type === 1)).toBe(true);
  });
});

describe("folioAllocSwap", () => {
  it("puts the folio into the swap cache, or says that there is no room", () => {
    map(0, 2);
    touch(0, 2);
    expect(folioAllocSwap(kernel.sys, folioOf(0))).toBe(false);
    const si = swapArea(kernel, 512);
    expect(folioAllocSwap(kernel.sys, folioOf(0))).toBe(true);
    expect([si.swapMap[1], si.clusterInfo[0]!.table![1]]).toEqual([SWAP_HAS_CACHE, folioOf(0)]);
  });
});

it("never gives a slot twice, and counts every cluster right, whatever is taken and given back", () => {
  const si = swapArea(kernel, 3 * 512 + 77);
  const taken = new Map<number, number>();
  const steps = fc.array(fc.tuple(fc.constantFrom(0, 0, 0, 0, 1, 2, 4, 9), fc.nat(200), fc.nat()), {
    maxLength: 25,
  });
  fc.assert(
    fc.property(steps, (list) => {
      for (const [order, nr, pick] of list) {
        for (let i = 0; i < nr; i++) {
          const slot = swpOffset(swapAlloc(kernel.sys, order));
          if (slot === 0) break;
          expect(slot % 2 ** order).toBe(0);
          for (let s = slot; s < slot + 2 ** order; s++) {
            expect(taken.has(s), `slot ${s} twice`).toBe(false);
            taken.set(s, order);
          }
        }
        const all = [...taken.keys()];
        for (let i = 0; i < nr && all.length > 0; i++) {
          const slot = all[(pick + i * 7) % all.length]!;
          if (taken.delete(slot)) give(si, slot);
        }
        for (const ci of si.clusterInfo) {
          const own = si.swapMap.subarray(ci.index * 512, ci.index * 512 + 512);
          const used = own.reduce((sum, value) => sum + (value !== 0 ? 1 : 0), 512 - own.length);
          expect(ci.count).toBe(used);
          expect(ci.flags === CLUSTER_FLAG_FULL).toBe(used === 512);
        }
        expect(si.inusePages).toBe(taken.size);
        expect(kernel.sys.nrSwapPages).toBe(si.pages - taken.size);
      }
    }),
    { numRuns: 40 },
  );
});
