import { beforeEach, describe, expect, it } from "vitest";
import { EAGAIN } from "../../../lib/mm/errno.js";
import type { Memcg } from "../../../lib/mm/lru/lruvec.js";
import { tryToFreeMemCgroupPages, userProactiveReclaim } from "../../../lib/mm/lru/memcg_reclaim.js";
import { lruAddDrainAll } from "../../../lib/mm/lru/swap.js";
import { GFP_KERNEL } from "../../../lib/mm/pages/gfp.js";
import {
  ALLOCSTALL,
  PGSCAN_ANON,
  PGSCAN_DIRECT,
  PGSCAN_PROACTIVE,
  PGSTEAL_PROACTIVE,
} from "../../../lib/mm/vmstat.js";
import { kernel, map, mm, useArena } from "../arena.js";
import { group, join, problems } from "../memcg/groups.js";
import { swapArea } from "../swap/area.js";
import { slotOf, touch } from "../swap/paged_out.js";

useArena();

/** A device that takes no time, and whose pages nobody reads here. */
const instant = { nrBlocks: 1024, rotational: false, synchronous: true, stableWrites: false };
const quickSwap = (): void => {
  swapArea(kernel, 1024, { ...instant, readNow: () => 0, writeNow: () => 0 });
};

let a: Memcg;
beforeEach(() => {
  map(0, 256);
  touch(0, 100);
  a = group("/a");
  join(a);
  touch(100, 100);
  lruAddDrainAll(kernel.sys);
});

/** How many of pages [first, first + nr) are in swap. */
const inSwap = (first: number, nr: number): number =>
  Array.from({ length: nr }, (_, i) => slotOf(first + i)).filter((slot) => slot >= 0).length;

describe("reclaim from a group", () => {
  it("takes its pages only, and counts them in its own counters", () => {
    quickSwap();
    expect(userProactiveReclaim(kernel.sys, a, 64, undefined)).toBe(0);
    expect(inSwap(0, 100)).toBe(0);
    expect(inSwap(100, 100)).toBeGreaterThanOrEqual(64);
    expect(a.events[PGSTEAL_PROACTIVE]).toBe(inSwap(100, 100));
    const { events } = kernel.sys.vmStat;
    expect([events[PGSCAN_PROACTIVE], events[ALLOCSTALL + 1], events[ALLOCSTALL + 2]]).toEqual([0, 0, 0]);
    expect([events[PGSCAN_ANON], problems()]).toEqual([a.events[PGSCAN_PROACTIVE], []]);
    expect(mm.memcg).toBe(a);
  });

  it("says so when there is not enough to be had", () => {
    expect(userProactiveReclaim(kernel.sys, a, 1, undefined)).toBe(-EAGAIN);
    quickSwap();
    expect(userProactiveReclaim(kernel.sys, a, 1000, undefined)).toBe(-EAGAIN);
    expect(inSwap(100, 100)).toBe(100);
    expect(userProactiveReclaim(kernel.sys, a, 0, undefined)).toBe(0);
  });

  it("with swappiness 0 leaves anonymous memory alone", () => {
    quickSwap();
    expect(userProactiveReclaim(kernel.sys, a, 1, 0)).toBe(-EAGAIN);
    expect(inSwap(0, 200)).toBe(0);
  });

  it("for its limit counts as direct reclaim of the group, and waits for the device as others do", () => {
    swapArea(kernel, 1024);
    tryToFreeMemCgroupPages(kernel.sys, a, 1, GFP_KERNEL);
    expect(a.events[PGSCAN_DIRECT]).toBeGreaterThanOrEqual(32);
    expect([kernel.sys.vmStat.events[PGSCAN_DIRECT], kernel.sys.pfMemalloc]).toEqual([0, false]);
  });

  it("does not count the use of a page by processes of other groups", () => {
    quickSwap();
    for (let round = 0; round < 2; round++) touch(100, 100);
    join(undefined); // the pages are still the group's
    expect(tryToFreeMemCgroupPages(kernel.sys, a, 32, GFP_KERNEL)).toBeGreaterThanOrEqual(32);
  });
});
