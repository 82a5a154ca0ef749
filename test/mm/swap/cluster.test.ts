import { beforeEach, describe, expect, it } from "vitest";
import { nrUnusedPages } from "../../../lib/mm/pages/page_alloc.js";
import {
  addToAvailList,
  clusterIsUsable,
  delFromAvailList,
  freeCluster,
  isolateCluster,
  moveCluster,
  partialFreeCluster,
  relocateCluster,
  requeueAvail,
  swapClusterAllocTable,
  swapDoScheduledDiscard,
  swapOffsetToCluster,
  swapRangeAlloc,
  swapUsageSub,
  vmSwapFull,
} from "../../../lib/mm/swap/cluster.js";
import {
  CLUSTER_FLAG_DISCARD,
  CLUSTER_FLAG_FRAG,
  CLUSTER_FLAG_FREE,
  CLUSTER_FLAG_FULL,
  CLUSTER_FLAG_NONE,
  CLUSTER_FLAG_NONFULL,
  SWP_PAGE_DISCARD,
  SWP_WRITEOK,
  type SwapInfoStruct,
} from "../../../lib/mm/swap/swap_types.js";
import { kernel, useArena } from "../arena.js";
import { swapArea } from "./area.js";

useArena();

let si: SwapInfoStruct;
beforeEach(() => {
  si = swapArea(kernel, 2048);
});

describe("a cluster", () => {
  it("has 512 slots", () => {
    const index = [0, 511, 512, 2047].map((slot) => swapOffsetToCluster(si, slot).index);
    expect(index).toEqual([0, 0, 1, 3]);
  });

  it("gets a frame for its table when it is taken, and gives it back when it is free", () => {
    const { sys } = kernel;
    const before = nrUnusedPages(sys);
    const ci = isolateCluster(sys, si, si.freeClusters)!;
    expect([ci.index, ci.flags, ci.table!.length]).toEqual([1, CLUSTER_FLAG_NONE, 512]);
    expect([nrUnusedPages(sys), si.freeClusters.has(ci)]).toEqual([before - 1, false]);
    ci.order = 3;
    freeCluster(sys, si, ci);
    expect([ci.flags, ci.order, ci.table, nrUnusedPages(sys)]).toEqual([
      CLUSTER_FLAG_FREE,
      0,
      undefined,
      before,
    ]);
    expect([...si.freeClusters].at(-1)).toBe(ci);
  });

  it("stays on the list of free ones without memory for its table", () => {
    const { sys } = kernel;
    sys.shouldFailAllocPage = () => true;
    expect(isolateCluster(sys, si, si.freeClusters)).toBeUndefined();
    expect(swapClusterAllocTable(sys, si.clusterInfo[2]!)).toBe(false);
    expect([...si.freeClusters].map(({ index }) => index)).toEqual([2, 3, 1]);
  });

  it("goes to the list that its count says", () => {
    const { sys } = kernel;
    const ci = isolateCluster(sys, si, si.freeClusters)!;
    for (const [count, flags] of [
      [512, CLUSTER_FLAG_FULL],
      [100, CLUSTER_FLAG_FRAG],
    ] as const) {
      ci.count = count;
      relocateCluster(sys, si, ci);
      expect(ci.flags).toBe(flags);
    }
    expect(si.fragClusters[0]!.has(ci)).toBe(true);
    partialFreeCluster(si, ci);
    expect([ci.flags, si.nonfullClusters[0]!.has(ci)]).toEqual([CLUSTER_FLAG_NONFULL, true]);
    ci.count = 0;
    relocateCluster(sys, si, ci);
    expect(ci.flags).toBe(CLUSTER_FLAG_FREE);
  });

  it("takes folios of its own order, of any while it is empty, and single pages always", () => {
    const ci = isolateCluster(kernel.sys, si, si.freeClusters)!;
    expect(clusterIsUsable(ci, 4)).toBe(true);
    ci.order = 2;
    ci.count = 4;
    expect([0, 2, 4].map((order) => clusterIsUsable(ci, order))).toEqual([true, true, false]);
    moveCluster(si, ci, CLUSTER_FLAG_FULL);
    expect(clusterIsUsable(ci, 0)).toBe(false);
    expect(clusterIsUsable(si.clusterInfo[3]!, 0)).toBe(false); // no table
  });

  it("waits to be discarded where the device is to be told", () => {
    const { sys } = kernel;
    const told: number[][] = [];
    si.bdev.discard = (block, nr) => void told.push([block, nr]);
    si.flags |= SWP_PAGE_DISCARD;
    const ci = isolateCluster(sys, si, si.freeClusters)!;
    freeCluster(sys, si, ci);
    relocateCluster(sys, si, ci);
    expect([ci.flags, si.freeClusters.has(ci)]).toEqual([CLUSTER_FLAG_DISCARD, false]);
    expect([swapDoScheduledDiscard(sys, si), swapDoScheduledDiscard(sys, si)]).toEqual([true, false]);
    expect([ci.flags, told]).toEqual([CLUSTER_FLAG_FREE, [[512, 512]]]);
  });
});

describe("the list of areas with free slots", () => {
  it("is by priority; the requeued one is the last of its equals", () => {
    const { sys } = kernel;
    const others = [swapArea(kernel, 40), swapArea(kernel, 40)];
    for (const one of [si, ...others]) delFromAvailList(sys, one);
    for (const [i, one] of [si, ...others].entries()) {
      one.prio = i === 1 ? 7 : 2;
      addToAvailList(sys, one);
    }
    expect(sys.swap.availHead).toEqual([others[0], si, others[1]]);
    requeueAvail(sys, si);
    expect(sys.swap.availHead).toEqual([others[0], others[1], si]);
    addToAvailList(sys, si);
    expect(sys.swap.availHead.length).toBe(3);
  });

  it("loses an area with its last slot, and does not get one back that takes no pages", () => {
    const { sys } = kernel;
    swapRangeAlloc(sys, si, si.pages);
    expect([sys.swap.availHead, sys.nrSwapPages, vmSwapFull(sys)]).toEqual([[], 0, true]);
    si.flags &= ~SWP_WRITEOK;
    swapUsageSub(sys, si, 1);
    expect(sys.swap.availHead).toEqual([]);
    si.flags |= SWP_WRITEOK;
    swapUsageSub(sys, si, si.pages - 1);
    expect([sys.swap.availHead, vmSwapFull(sys)]).toEqual([[si], false]);
  });
});
