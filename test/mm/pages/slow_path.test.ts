import { describe, expect, it } from "vitest";
import { boot } from "../../../lib/kernel/machine.js";
import { updateLruSize } from "../../../lib/mm/lru/lru_size.js";
import { LRU_INACTIVE_FILE } from "../../../lib/mm/lru/lruvec.js";
import {
  __GFP_DMA,
  __GFP_FS,
  __GFP_NOFAIL,
  __GFP_NORETRY,
  __GFP_NOWARN,
  __GFP_RETRY_MAYFAIL,
  GFP_ATOMIC,
  GFP_KERNEL,
  GFP_NOFS,
  GFP_NOIO,
} from "../../../lib/mm/pages/gfp.js";
import { allocPages } from "../../../lib/mm/pages/page_alloc.js";
import type { MmParts } from "../../../lib/mm/parts.js";
import { countVmEvent, OOM_KILL } from "../../../lib/mm/vmstat.js";
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

describe("an allocation that reclaim does not help", () => {
  it("tries 16 times more as long as all that a zone could free would be enough for it", () => {
    for (const [nr, wanted] of [
      [0, 1],
      [1000, 17],
    ] as const) {
      const { sys, rounds } = full();
      updateLruSize(sys, sys.lruvec, 0, LRU_INACTIVE_FILE, nr);
      expect(allocPages(sys, GFP_KERNEL)).toBeUndefined();
      expect(rounds()).toBe(wanted);
    }
  });

  it("counts what could be freed in the zones that it may have pages of", () => {
    const { sys, rounds } = full();
    updateLruSize(sys, sys.lruvec, 2, LRU_INACTIVE_FILE, 1000);
    expect(allocPages(sys, GFP_KERNEL | __GFP_DMA)).toBeUndefined();
    expect(rounds()).toBe(1);
  });

  it("may not call the file system: nobody is killed for it before 16 rounds, then as for others", () => {
    const { sys, held, asked } = full();
    sys.outOfMemory = (gfp) => {
      asked.push(gfp);
      if ((gfp & __GFP_FS) === 0) return true; // pretends
      countVmEvent(sys, OOM_KILL);
      for (const folio of held.splice(0, 200)) sys.zones[0]!.freeOnePage(folio.pfn, folio.order);
      return true;
    };
    expect(allocPages(sys, GFP_NOFS)).toBeDefined();
    expect(asked).toEqual([...Array(16).fill(GFP_NOFS), GFP_NOFS | __GFP_FS]);
  });

  it("ends where nobody can be killed, whatever it may call", () => {
    for (const gfp of [GFP_NOFS, GFP_NOIO, GFP_KERNEL]) {
      const { sys } = full();
      sys.outOfMemory = (asked) => (asked & __GFP_FS) === 0;
      expect(allocPages(sys, gfp)).toBeUndefined();
      sys.outOfMemory = () => true;
      expect(allocPages(sys, gfp)).toBeUndefined();
    }
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
