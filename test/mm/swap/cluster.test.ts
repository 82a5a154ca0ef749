import { describe, expect, it } from "vitest";
import { nrFreePages } from "../../../lib/mm/pages/page_alloc.js";
import {
  addToAvailList,
  clusterIsUsable,
  delFromAvailList,
  isolateCluster,
  relocateCluster,
  requeueAvail,
  swapOffsetToCluster,
  vmSwapFull,
} from "../../../lib/mm/swap/cluster.js";
import {
  CLUSTER_FLAG_FRAG,
  CLUSTER_FLAG_FREE,
  CLUSTER_FLAG_FULL,
  CLUSTER_FLAG_NONE,
  CLUSTER_FLAG_NONFULL,
  type SwapInfoStruct,
} from "../../../lib/mm/swap/swap_types.js";
import { kernel, useArena } from "../arena.js";
import { swapArea } from "./area.js";

useArena();

const flagsOf = (si: SwapInfoStruct): number[] => si.clusterInfo.map(({ flags }) => flags);

describe("the lists of clusters", () => {
  it("begin with what holds a bad slot, or is not whole, as nonfull, and all others as free", () => {
    const si = swapArea(kernel, 3 * 512 + 100);
    expect(flagsOf(si)).toEqual([
      CLUSTER_FLAG_NONFULL,
      CLUSTER_FLAG_FREE,
      CLUSTER_FLAG_FREE,
      CLUSTER_FLAG_NONFULL,
    ]);
    expect(si.clusterInfo.map(({ count }) => count)).toEqual([1, 0, 0, 412]);
    expect(si.clusterInfo.map(({ table }) => table !== undefined)).toEqual([true, false, false, true]);
    expect([...si.nonfullClusters[0]!].map(({ index }) => index)).toEqual([0, 3]);
  });

  it("give the first cluster out, with a table of its own, which takes a frame", () => {
    const si = swapArea(kernel, 1024);
    const before = nrFreePages(kernel.sys);
    const ci = isolateCluster(kernel.sys, si, si.freeClusters)!;
    expect([ci.index, ci.flags, ci.table!.length]).toEqual([1, CLUSTER_FLAG_NONE, 512]);
    expect(si.freeClusters.size).toBe(0);
    relocateCluster(kernel.sys, si, ci);
    expect([ci.flags, ci.table, ci.tablePage]).toEqual([CLUSTER_FLAG_FREE, undefined, undefined]);
    expect(before - nrFreePages(kernel.sys)).toBeLessThanOrEqual(1); // the frame may be on the CPU's list
  });

  it("keep the cluster where it was when there is no memory for its table", () => {
    const si = swapArea(kernel, 1024);
    kernel.sys.shouldFailAllocPage = () => true;
    expect(isolateCluster(kernel.sys, si, si.freeClusters)).toBeUndefined();
    expect([...si.freeClusters].map(({ index }) => index)).toEqual([1]);
  });

  it("sort a cluster by how full it is", () => {
    const si = swapArea(kernel, 1024);
    const ci = isolateCluster(kernel.sys, si, si.freeClusters)!;
    ci.count = 512;
    relocateCluster(kernel.sys, si, ci);
    expect([ci.flags, si.fullClusters.has(ci)]).toEqual([CLUSTER_FLAG_FULL, true]);
    ci.count = 511;
    relocateCluster(kernel.sys, si, ci);
    expect([ci.flags, si.fullClusters.size, si.fragClusters[0]!.has(ci)]).toEqual([
      CLUSTER_FLAG_FRAG,
      0,
      true,
    ]);
  });

  it("let a cluster be used for another order only while it is empty, and a full one for none", () => {
    const si = swapArea(kernel, 1024);
    const ci = isolateCluster(kernel.sys, si, si.freeClusters)!;
    expect([clusterIsUsable(ci, 0), clusterIsUsable(ci, 4)]).toEqual([true, true]);
    ci.count = 16;
    ci.order = 4;
    expect([0, 3, 4].map((order) => clusterIsUsable(ci, order))).toEqual([true, false, true]);
    ci.flags = CLUSTER_FLAG_FULL;
    expect(clusterIsUsable(ci, 0)).toBe(false);
    expect(swapOffsetToCluster(si, 512)).toBe(ci);
  });
});

describe("the areas that have slots", () => {
  it("stand by priority, among equals in order of arrival, and go behind their equals when used", () => {
    const [a, b] = [swapArea(kernel, 512), swapArea(kernel, 512)];
    const { availHead } = kernel.sys.swap;
    expect([a.prio, b.prio]).toEqual([-2, -3]);
    expect(availHead).toEqual([a, b]);
    requeueAvail(kernel.sys, a);
    expect(availHead).toEqual([a, b]); // nobody is its equal
    b.prio = -2;
    requeueAvail(kernel.sys, a);
    expect(availHead).toEqual([b, a]);
    a.prio = 7;
    requeueAvail(kernel.sys, a);
    expect(availHead).toEqual([a, b]);
  });

  it("leave the list when full, and are not added twice or while they are full", () => {
    const si = swapArea(kernel, 512);
    const { availHead } = kernel.sys.swap;
    delFromAvailList(kernel.sys, si);
    si.inusePages = si.pages;
    addToAvailList(kernel.sys, si);
    expect(availHead).toEqual([]);
    si.inusePages--;
    addToAvailList(kernel.sys, si);
    addToAvailList(kernel.sys, si);
    expect(availHead).toEqual([si]);
  });

  it("are more than half used when less than half is free", () => {
    const { sys } = kernel;
    sys.totalSwapPages = 100;
    sys.nrSwapPages = 50;
    expect(vmSwapFull(sys)).toBe(false);
    sys.nrSwapPages = 49;
    expect(vmSwapFull(sys)).toBe(true);
  });
});
