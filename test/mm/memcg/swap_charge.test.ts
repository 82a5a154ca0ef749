import { beforeEach, describe, expect, it } from "vitest";
import type { Memcg } from "../../../lib/mm/lru/lruvec.js";
import { MEMCG_SWAP_FAIL, MEMCG_SWAP_MAX } from "../../../lib/mm/memcg/memcg_types.js";
import { memCgroupCssOffline } from "../../../lib/mm/memcg/memcontrol.js";
import { memCgroupGetNrSwapPages } from "../../../lib/mm/memcg/swap_charge.js";
import type { SwapInfoStruct } from "../../../lib/mm/swap/swap_types.js";
import { kernel, map, useArena } from "../arena.js";
import { swapArea } from "../swap/area.js";
import { evict, folioOf, pageout, slotOf, touch } from "../swap/paged_out.js";
import { group, join, problems } from "./groups.js";

useArena();

let si: SwapInfoStruct;
let a: Memcg;
beforeEach(() => {
  si = swapArea(kernel, 1024);
  kernel.sys.sysctl.pageCluster = 0; // one page at a time
  a = group("/a");
  join(a);
  map(0, 8);
  touch(0, 8);
});

describe("swap of groups", () => {
  it("is charged to the group of the page, which its slot remembers until it is free", () => {
    pageout(0, 8);
    evict(si);
    expect([a.swap.usage, a.parent!.swap.usage, si.swapCgroup[slotOf(3)]]).toEqual([8, 8, a.id]);
    const slot = slotOf(0);
    touch(0, 8);
    expect([a.swap.usage, si.swapCgroup[slot], problems()]).toEqual([0, 0, []]);
  });

  it("comes back to the group that it was taken from, not to who needs it", () => {
    pageout(0, 2);
    evict(si);
    join(group("/b"));
    touch(0, 1);
    expect(folioOf(0).memcg).toBe(a);
    memCgroupCssOffline(kernel.sys, a);
    touch(1, 1);
    expect([folioOf(1).memcg!.path, problems()]).toEqual(["/b", []]);
  });

  it("of the root's pages is nobody's when it comes back", () => {
    join(undefined);
    map(8, 2);
    touch(8, 2);
    pageout(8, 2);
    evict(si);
    join(a);
    touch(8, 2);
    expect(folioOf(8).memcg).toBeUndefined();
  });

  it("may be limited: then pages stay in memory", () => {
    a.swap.max = 3;
    expect(memCgroupGetNrSwapPages(kernel.sys, a)).toBe(3);
    pageout(0, 8);
    evict(si);
    expect([a.swap.usage, memCgroupGetNrSwapPages(kernel.sys, a)]).toEqual([3, 0]);
    expect([a.memoryEvents[MEMCG_SWAP_MAX], a.memoryEvents[MEMCG_SWAP_FAIL]]).toEqual([5, 5]);
    expect(Array.from({ length: 8 }, (_, page) => slotOf(page) >= 0)).toEqual(
      Array.from({ length: 8 }, (_, page) => page < 3),
    );
    expect(memCgroupGetNrSwapPages(kernel.sys, undefined)).toBe(kernel.sys.nrSwapPages);
  });

  it("counts as failed where there is no slot at all", () => {
    kernel.sys.parts.swapAlloc = () => 0;
    pageout(0, 2);
    expect([a.memoryEvents[MEMCG_SWAP_MAX], a.memoryEvents[MEMCG_SWAP_FAIL]]).toEqual([0, 2]);
  });
});
