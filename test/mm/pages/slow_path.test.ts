import { describe, expect, it } from "vitest";
import { boot } from "../../../lib/kernel/machine.js";
import {
  __GFP_NOFAIL,
  __GFP_NORETRY,
  __GFP_NOWARN,
  __GFP_RETRY_MAYFAIL,
  GFP_ATOMIC,
  GFP_KERNEL,
  GFP_NOFS,
} from "../../../lib/mm/pages/gfp.js";
import { allocPages } from "../../../lib/mm/pages/page_alloc.js";
import type { MmParts } from "../../../lib/mm/parts.js";
import { takeAllPages } from "../pressure.js";

/** A machine without a free frame, what was asked of reclaim and kswapd, and who was killed. */
function full(reclaim: (round: number) => number = () => 0, kills = false) {
  const woken: number[] = [];
  let rounds = 0;
  const parts: Partial<MmParts> = {
    tryToFreePages: () => reclaim(++rounds),
    wakeupKswapd: (_sys, _zone, _gfp, order) => woken.push(order),
  };
  const { sys } = boot({ ram: "16 MiB", parts }).kernel;
  const asked: number[] = [];
  sys.outOfMemory = (gfp) => {
    asked.push(gfp);
    return kills && asked.length < 3;
  };
  const held = takeAllPages(sys);
  woken.length = 0;
  return { sys, held, woken, asked, rounds: () => rounds };
}

describe("an allocation that fails", () => {
  it("has woken kswapd at each try, and has asked the OOM killer at last", () => {
    const { sys, woken, asked, rounds } = full();
    expect(allocPages(sys, GFP_KERNEL)).toBeUndefined();
    expect([rounds(), asked, woken.length]).toEqual([1, [GFP_KERNEL], 2]);
    expect(sys.nrWarnAlloc).toBe(1);
  });

  it("asks the OOM killer again as long as that gets somewhere", () => {
    const { sys, asked } = full(() => 0, true);
    expect(allocPages(sys, GFP_KERNEL)).toBeUndefined();
    expect(asked.length).toBe(3);
  });

  it.each([
    ["__GFP_NORETRY", GFP_KERNEL | __GFP_NORETRY, 0],
    ["__GFP_RETRY_MAYFAIL", GFP_KERNEL | __GFP_RETRY_MAYFAIL, 0],
    ["an order above 3", GFP_KERNEL, 4],
    ["GFP_ATOMIC", GFP_ATOMIC, 0],
  ])("does not ask it with %s", (_name, gfp, order) => {
    const { sys, asked } = full();
    expect(allocPages(sys, gfp | __GFP_NOWARN, order)).toBeUndefined();
    expect([asked, sys.nrWarnAlloc]).toEqual([[], 0]);
  });

  it("does not even reclaim for a large block that it could do without", () => {
    const { sys, rounds } = full();
    expect(allocPages(sys, GFP_KERNEL | __GFP_NORETRY, 9)).toBeUndefined();
    expect(rounds()).toBe(0);
  });
});

describe("an allocation that may not fail", () => {
  it("goes round until there is a page, which may come out of the reserves", () => {
    const { sys, held, rounds } = full((round) => {
      if (round === 5)
        for (const folio of held.splice(0, 1)) sys.zones[0]!.freeOnePage(folio.pfn, folio.order);
      return 0;
    });
    expect(allocPages(sys, GFP_NOFS | __GFP_NOFAIL)).toBeDefined();
    expect(rounds()).toBe(5);
  });
});

it("within reclaim the last page may be taken", () => {
  const { sys, held } = full();
  sys.zones[0]!.freeOnePage(held[0]!.pfn, held[0]!.order);
  sys.pfMemalloc = true;
  expect(allocPages(sys, GFP_KERNEL)).toBeDefined();
});
