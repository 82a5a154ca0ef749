/**
 * A swap area as it is when it has just been switched on, and the order in which areas are used.
 */
import { describe, expect, it } from "vitest";
import { BlockDevice } from "../../../lib/hw/block_device.js";
import { boot } from "../../../lib/kernel/machine.js";
import { EINVAL, ENOMEM, EPERM } from "../../../lib/mm/errno.js";
import { nrFreePages } from "../../../lib/mm/pages/page_alloc.js";
import { drainAllPages } from "../../../lib/mm/pages/pcp.js";
import { makeSwapHeader, readSwapHeader } from "../../../lib/mm/swap/header.js";
import {
  CLUSTER_FLAG_NONFULL,
  SWAP_MAP_BAD,
  SWP_AREA_DISCARD,
  SWP_PAGE_DISCARD,
  SWP_SOLIDSTATE,
  SWP_WRITEOK,
  type SwapInfoStruct,
} from "../../../lib/mm/swap/swap_types.js";
import {
  enableSwap,
  freeSwapInfo,
  SWAP_FLAG_DISCARD,
  SWAP_FLAG_DISCARD_ONCE,
  SWAP_FLAG_DISCARD_PAGES,
  SWAP_FLAG_PREFER,
  type SwapTarget,
} from "../../../lib/mm/swap/swapon.js";
import type { MemorySystem } from "../../../lib/mm/system.js";

function newSystem(ram = "32 MiB"): MemorySystem {
  return boot({ ram }).kernel.sys;
}

/** What swapon is told of a device of `nrPages`, with discards noted. */
function target(sys: MemorySystem, nrPages: number, more: Partial<SwapTarget> = {}, bad: number[] = []) {
  const discards: [number, number][] = [];
  const bdev = {
    ...{ nrBlocks: nrPages, rotational: false, synchronous: false, stableWrites: false },
    device: new BlockDevice(sys.ram, sys.clock, sys.events),
    discard: (block: number, nr: number) => discards.push([block, nr]),
  };
  const header = readSwapHeader(makeSwapHeader(nrPages, bad));
  const extents = [{ startPage: 0, nrPages, startBlock: 0 }];
  const made = { path: "/dev/x", bdev, isBlkdev: true, nrPages, extents, header, ...more };
  return { target: made as SwapTarget, discards };
}

function on(sys: MemorySystem, nrPages: number, flags = 0): SwapInfoStruct {
  return enableSwap(sys, target(sys, nrPages).target, flags) as SwapInfoStruct;
}

/** Free frames, those that a CPU keeps for itself too. */
function free(sys: MemorySystem): number {
  drainAllPages(sys);
  return nrFreePages(sys);
}

const indexes = (list: Iterable<{ index: number }>): number[] => [...list].map(({ index }) => index);

describe("a new area", () => {
  it("has all slots free but the header and bad ones", () => {
    const sys = newSystem();
    const si = enableSwap(sys, target(sys, 2000, {}, [5, 600]).target) as SwapInfoStruct;
    expect(si.pages).toBe(1997);
    for (let slot = 0; slot < 2000; slot++)
      expect(si.swapMap[slot]).toBe([0, 5, 600].includes(slot) ? SWAP_MAP_BAD : 0);
    expect([sys.totalSwapPages, sys.nrSwapPages]).toEqual([1997, 1997]);
  });

  it("has clusters with bad slots, and a last one that is not whole, on the list that is tried first", () => {
    const sys = newSystem();
    const si = enableSwap(sys, target(sys, 5 * 512 + 100, {}, [1030]).target) as SwapInfoStruct;
    expect(indexes(si.nonfullClusters[0]!)).toEqual([0, 2, 5]);
    expect(indexes(si.freeClusters)).toEqual([1, 3, 4]);
    for (const { index, count, flags, table } of si.clusterInfo) {
      expect(count).toBe(index === 5 ? 412 : index % 2 === 0 && index < 3 ? 1 : 0);
      expect(table !== undefined).toBe(flags === CLUSTER_FLAG_NONFULL);
    }
  });

  it("takes memory for what is kept of each slot, and for tables that are in use; all comes back", () => {
    const sys = newSystem();
    const before = free(sys);
    const si = on(sys, 8192);
    const tables = si.clusterInfo.filter(({ table }) => table !== undefined).length;
    expect(tables).toBe(1);
    expect(before - free(sys)).toBe(si.kernelPages.length + tables);
    expect(si.kernelPages.length).toBeGreaterThanOrEqual(Math.ceil((8192 * (1 + 1 / 8 + 2)) / 4096));
    freeSwapInfo(sys, si);
    expect(free(sys)).toBe(before);
  });

  it("is refused without memory for that, and nothing is lost", () => {
    const sys = newSystem("32 MiB");
    const before = free(sys);
    expect(enableSwap(sys, target(sys, 2 ** 25).target)).toBe(-ENOMEM);
    expect(free(sys)).toBe(before);
    expect([sys.totalSwapPages, sys.swap.swapInfo.length]).toEqual([0, 0]);
  });

  it("is told of by the device whether it turns", () => {
    const sys = newSystem();
    const turning = target(sys, 1000);
    const si = enableSwap(sys, {
      ...turning.target,
      bdev: { ...turning.target.bdev, rotational: true },
    }) as SwapInfoStruct;
    expect(si.flags & SWP_SOLIDSTATE).toBe(0);
    expect([sys.swap.nrRotateSwap, si.globalCluster !== undefined]).toEqual([1, true]);
    expect(on(sys, 1000).globalCluster).toBeUndefined();
    expect(sys.swap.nrRotateSwap).toBe(1);
  });
});

describe("swapon refuses", () => {
  const header = (words: Partial<Record<"version" | "lastPage" | "nrBadpages", number>>) => {
    const page = makeSwapHeader(1000);
    const view = new DataView(page.buffer);
    if (words.version !== undefined) view.setUint32(1024, words.version, true);
    if (words.lastPage !== undefined) view.setUint32(1028, words.lastPage, true);
    if (words.nrBadpages !== undefined) view.setUint32(1032, words.nrBadpages, true);
    return readSwapHeader(page);
  };
  it.each([
    ["a page that is no header", undefined],
    ["another version", header({ version: 2 })],
    ["an area without pages", header({ lastPage: 0 })],
    ["more pages than the device has", header({ lastPage: 1000 })],
    ["more bad pages than fit", header({ nrBadpages: 638 })],
    ["bad page 0", header({ nrBadpages: 1 })],
  ])("%s", (_name, head) => {
    const sys = newSystem();
    const before = free(sys);
    expect(enableSwap(sys, target(sys, 1000, { header: head }).target)).toBe(-EINVAL);
    expect([free(sys), sys.totalSwapPages]).toEqual([before, 0]);
  });

  it("an area whose pages are all bad", () => {
    const sys = newSystem();
    expect(enableSwap(sys, target(sys, 4, {}, [1, 2, 3]).target)).toBe(-EINVAL);
  });

  it("bad pages in a file", () => {
    const sys = newSystem();
    expect(enableSwap(sys, target(sys, 1000, { isBlkdev: false }, [7]).target)).toBe(-EINVAL);
  });

  it("more areas than there are numbers", () => {
    const sys = newSystem();
    for (let type = 0; type < 24; type++) expect(on(sys, 10).type).toBe(type);
    expect(enableSwap(sys, target(sys, 10).target)).toBe(-EPERM);
  });
});

describe("priority", () => {
  const order = (sys: MemorySystem) => sys.swap.availHead.map(({ type }) => type);

  it("of an area without its own is below that of all before it", () => {
    const sys = newSystem();
    expect([on(sys, 10), on(sys, 10), on(sys, 10)].map(({ prio }) => prio)).toEqual([-2, -3, -4]);
    expect(order(sys)).toEqual([0, 1, 2]);
  });

  it("asked for comes before; equal ones in order of arrival", () => {
    const sys = newSystem();
    const prios = [undefined, 5, 0, 5, 32767];
    for (const prio of prios) on(sys, 10, prio === undefined ? 0 : SWAP_FLAG_PREFER | prio);
    expect(sys.swap.swapInfo.map((si) => si?.prio)).toEqual([-2, 5, 0, 5, 32767]);
    expect(order(sys)).toEqual([4, 1, 3, 2, 0]);
  });
});

describe("discard", () => {
  it.each([
    ["not at all", 0, 0, false],
    ["once and by cluster", SWAP_FLAG_DISCARD, SWP_AREA_DISCARD | SWP_PAGE_DISCARD, true],
    ["once", SWAP_FLAG_DISCARD | SWAP_FLAG_DISCARD_ONCE, SWP_AREA_DISCARD, true],
    ["by cluster", SWAP_FLAG_DISCARD | SWAP_FLAG_DISCARD_PAGES, SWP_PAGE_DISCARD, false],
  ])("%s", (_name, flags, expected, whole) => {
    const sys = newSystem();
    const made = target(sys, 1000);
    const si = enableSwap(sys, made.target, flags) as SwapInfoStruct;
    expect(si.flags & (SWP_AREA_DISCARD | SWP_PAGE_DISCARD)).toBe(expected);
    expect(si.flags & SWP_WRITEOK).toBe(SWP_WRITEOK);
    // The header stays.
    expect(made.discards).toEqual(whole ? [[1, 999]] : []);
  });
});
