import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { BlockDevice } from "../../../lib/hw/block_device.js";
import { type Folio, PG_uptodate } from "../../../lib/mm/pages/folio.js";
import { folioPut } from "../../../lib/mm/pages/free_pages.js";
import { GFP_KERNEL } from "../../../lib/mm/pages/gfp.js";
import { allocPages } from "../../../lib/mm/pages/page_alloc.js";
import { swpEntry, swpOffset, swpType } from "../../../lib/mm/pgtable/swapops.js";
import { addToAvailList, delFromAvailList } from "../../../lib/mm/swap/cluster.js";
import { swapcacheClear, swapDuplicate, swapFreeNr } from "../../../lib/mm/swap/swap_map.js";
import { swapCacheGetFolio } from "../../../lib/mm/swap/swap_state.js";
import {
  CLUSTER_FLAG_FREE,
  CLUSTER_FLAG_FULL,
  SWAP_MAP_BAD,
  SWP_BLKDEV,
  SWP_PAGE_DISCARD,
  type SwapDevice,
  type SwapInfoStruct,
} from "../../../lib/mm/swap/swap_types.js";
import { folioAllocSwap, swapAlloc, swapReclaimFullClusters } from "../../../lib/mm/swap/swapfile.js";
import { kernel, useArena } from "../arena.js";
import { swapArea } from "./area.js";

useArena();

/** The next slot of a single page, or of 2^order. */
const slot = (order = 0): number => swpOffset(swapAlloc(kernel.sys, order));
const slots = (nr: number): number[] => Array.from({ length: nr }, () => slot());
const give = (si: SwapInfoStruct, offset: number): void =>
  swapcacheClear(kernel.sys, si, swpEntry(si.type, offset));

function setPrio(si: SwapInfoStruct, prio: number): void {
  delFromAvailList(kernel.sys, si);
  si.prio = prio;
  addToAvailList(kernel.sys, si);
}

/** A folio of one page with its bytes. */
function page(): Folio {
  const folio = allocPages(kernel.sys, GFP_KERNEL)!;
  folio.flags |= PG_uptodate;
  return folio;
}

describe("a new area", () => {
  it("gives slot 1 first, then the last cluster that is not whole, then the second", () => {
    swapArea(kernel, 1600);
    const given = slots(600);
    expect(given.slice(0, 3)).toEqual([1, 2, 3]);
    expect(given[510]).toBe(511);
    expect(given.slice(511)).toEqual([
      ...Array.from({ length: 64 }, (_, i) => 1536 + i),
      ...Array.from({ length: 25 }, (_, i) => 512 + i),
    ]);
  });

  it("begins with slot 512 for large folios, each at a multiple of its size", () => {
    swapArea(kernel, 2048);
    expect([slot(2), slot(2), slot(9), slot(4), slot(0)]).toEqual([512, 516, 1024, 1536, 1]);
  });

  it("has none for a large folio if it is a file, or if no gap is left", () => {
    const si = swapArea(kernel, 1024);
    si.flags &= ~SWP_BLKDEV;
    expect(slot(1)).toBe(0);
    si.flags |= SWP_BLKDEV;
    expect(slot(9)).toBe(512);
    expect(slot(9)).toBe(0);
  });

  it("is off the list when it is full and comes back with the first slot given back", () => {
    const si = swapArea(kernel, 40);
    expect(slots(39)).toEqual(Array.from({ length: 39 }, (_, i) => i + 1));
    expect(kernel.sys.swap.availHead).toEqual([]);
    expect([si.clusterInfo[0]!.flags, kernel.sys.nrSwapPages, slot()]).toEqual([CLUSTER_FLAG_FULL, 0, 0]);
    give(si, 17);
    expect(kernel.sys.swap.availHead).toEqual([si]);
    expect(slot()).toBe(17);
  });

  it("takes single pages from a cluster of large folios when nothing else is left", () => {
    const si = swapArea(kernel, 1024);
    const first = slot(2);
    slots(511);
    expect(slot()).toBe(first + 4);
    expect(si.clusterInfo[1]!.order).toBe(2);
  });
});

describe("several areas", () => {
  it("are used by priority", () => {
    const [low, high] = [swapArea(kernel, 40), swapArea(kernel, 40)];
    setPrio(low, 1);
    setPrio(high, 5);
    const types = Array.from({ length: 78 }, () => swpType(swapAlloc(kernel.sys, 0)));
    expect(types).toEqual([...new Array(39).fill(high.type), ...new Array(39).fill(low.type)]);
  });

  it("take turns by cluster, not by page, if they are equal", () => {
    for (const si of [swapArea(kernel, 2048), swapArea(kernel, 2048)]) setPrio(si, 3);
    const types = Array.from({ length: 2046 }, () => swpType(swapAlloc(kernel.sys, 0)));
    const runs = types.filter((type, i) => type !== types[i - 1]);
    expect(runs).toEqual([0, 1, 0, 1]);
    expect(types.lastIndexOf(0) - types.indexOf(0)).toBeGreaterThan(1000);
  });

  it("leave a CPU in its cluster when a better area comes", () => {
    swapArea(kernel, 2048);
    slots(3);
    setPrio(swapArea(kernel, 2048), 9);
    const types = Array.from({ length: 509 }, () => swpType(swapAlloc(kernel.sys, 0)));
    expect(types).toEqual([...new Array(508).fill(0), 1]);
  });
});

describe("a device that turns", () => {
  it("goes on in one cluster for all CPUs", () => {
    const { sys } = kernel;
    const device = new BlockDevice(sys.ram, sys.clock, sys.events);
    const bdev: SwapDevice = {
      nrBlocks: 2048,
      rotational: true,
      synchronous: false,
      stableWrites: false,
      device,
    };
    const si = swapArea(kernel, 2048, bdev);
    expect(slots(3)).toEqual([1, 2, 3]);
    expect(si.globalCluster![0]).toBe(4);
    expect(sys.swap.percpuSwapCluster[sys.thisCpu]!.offset[0]).toBe(0);
  });
});

describe("discarding", () => {
  it("is done for a cluster that becomes free, before it is used again", () => {
    const { sys } = kernel;
    const told: number[][] = [];
    const device = new BlockDevice(sys.ram, sys.clock, sys.events);
    const discard = (block: number, nr: number): void => void told.push([block, nr]);
    const common = { rotational: false, synchronous: false, stableWrites: false };
    const si = swapArea(kernel, 1024, { nrBlocks: 1024, ...common, device, discard });
    si.flags |= SWP_PAGE_DISCARD;
    expect(slots(2)).toEqual([512, 513]);
    give(si, 512);
    give(si, 513);
    expect([si.discardClusters.size, told.length]).toEqual([1, 0]);
    const folio = page();
    slots(511);
    expect(folioAllocSwap(sys, folio)).toBe(true);
    expect(told).toEqual([[512, 512]]);
    expect(si.discardClusters.size).toBe(0);
  });
});

describe("folioAllocSwap", () => {
  it("puts the folio into the swap cache, or answers false", () => {
    const { sys } = kernel;
    swapArea(kernel, 3);
    const folios = [page(), page(), page()];
    expect(folios.map((folio) => folioAllocSwap(sys, folio))).toEqual([true, true, false]);
    expect(swapCacheGetFolio(sys, swpEntry(0, 2))).toBe(folios[1]);
    expect(folios.map(({ refcount }) => refcount)).toEqual([2, 3, 1]);
  });

  it("takes slots from folios that alone have them when more than half is used", () => {
    const { sys } = kernel;
    const si = swapArea(kernel, 512);
    const folios = Array.from({ length: 511 }, page);
    for (const folio of folios) expect(folioAllocSwap(sys, folio)).toBe(true);
    for (let i = 2; i < 512; i++) expect(swapDuplicate(sys, swpEntry(0, i))).toBe(0);
    swapReclaimFullClusters(sys, si, false);
    expect([si.inusePages, si.swapMap[1], folios[0]!.private]).toEqual([510, 0, 0]);
    folioPut(sys, folios[0]!);
  });
});

describe("random slots taken and given back", () => {
  it("never overlap, and each cluster counts and lists what the map says", () => {
    fc.assert(
      fc.property(
        fc.array(fc.tuple(fc.nat(3), fc.nat(5), fc.nat(10_000)), { minLength: 50, maxLength: 250 }),
        (steps) => {
          const si = swapArea(kernel, 1800);
          const held: [number, number][] = [];
          for (const [kind, order, which] of steps) {
            if (kind > 0) {
              const got = swapAlloc(kernel.sys, kind === 1 ? order : 0);
              if (got !== 0 && swpType(got) === si.type)
                held.push([swpOffset(got), kind === 1 ? 1 << order : 1]);
            } else if (held.length > 0) {
              const [[offset, nr]] = held.splice(which % held.length, 1) as [[number, number]];
              for (let i = 0; i < nr; i++) {
                expect(swapDuplicate(kernel.sys, swpEntry(si.type, offset + i))).toBe(0);
                give(si, offset + i);
              }
              swapFreeNr(kernel.sys, swpEntry(si.type, offset), nr);
            }
            checkClusters(si, held);
          }
          for (const [offset, nr] of held) for (let i = 0; i < nr; i++) give(si, offset + i);
          expect(si.inusePages).toBe(0);
          delFromAvailList(kernel.sys, si);
        },
      ),
      { numRuns: 10 },
    );
  });
});

/** The map is what is held; each cluster has its count and is on the one list that its flag says. */
function checkClusters(si: SwapInfoStruct, held: readonly [number, number][]): void {
  const used = new Set<number>();
  for (const [offset, nr] of held) for (let i = 0; i < nr; i++) used.add(offset + i);
  expect(used.size).toBe(held.reduce((sum, [, nr]) => sum + nr, 0));
  expect(si.inusePages).toBe(used.size);
  const lists = [si.freeClusters, si.fullClusters, ...si.nonfullClusters, ...si.fragClusters];
  for (const ci of si.clusterInfo) {
    let count = 0;
    for (let i = ci.index * 512; i < ci.index * 512 + 512; i++) {
      if (i >= si.max || si.swapMap[i] !== 0) count++;
      if (i < si.max && si.swapMap[i] !== SWAP_MAP_BAD && (si.swapMap[i] !== 0) !== used.has(i))
        expect.fail(`slot ${i}`);
    }
    expect(ci.count).toBe(count);
    expect(lists.filter((list) => list.has(ci)).length).toBe(1);
    expect(ci.flags === CLUSTER_FLAG_FREE).toBe(count === 0);
    expect(ci.table === undefined).toBe(count === 0);
    if (ci.flags === CLUSTER_FLAG_FULL) expect(count).toBe(512);
  }
}
