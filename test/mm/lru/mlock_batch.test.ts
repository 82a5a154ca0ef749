import { describe, expect, it } from "vitest";
import { Clock } from "../../../lib/hw/clock.js";
import { Ram } from "../../../lib/hw/ram.js";
import { FOLIO_BATCH_SIZE, thisCpuFbatches } from "../../../lib/mm/lru/fbatch.js";
import {
  folioEvictable,
  mlockFolio,
  mlockFolioBatch,
  mlockNewFolio,
  munlockFolio,
} from "../../../lib/mm/lru/mlock_batch.js";
import { lruvecAddFolio } from "../../../lib/mm/lru/mm_inline.js";
import { mmInit } from "../../../lib/mm/mm_init.js";
import { type Folio, PG_active, PG_lru, PG_mlocked, PG_unevictable } from "../../../lib/mm/pages/folio.js";
import { GFP_HIGHUSER_MOVABLE } from "../../../lib/mm/pages/gfp.js";
import { allocPages } from "../../../lib/mm/pages/page_alloc.js";
import { MemorySystem } from "../../../lib/mm/system.js";
import { globalNodePageState, NR_INACTIVE_FILE, NR_MLOCK, NR_UNEVICTABLE } from "../../../lib/mm/vmstat.js";

function newSystem(): MemorySystem {
  const sys = new MemorySystem(new Ram(16 * 2 ** 20), new Clock());
  mmInit(sys);
  return sys;
}

function newFolio(sys: MemorySystem, order = 0): Folio {
  return allocPages(sys, GFP_HIGHUSER_MOVABLE, order)!;
}

const drain = (sys: MemorySystem): void => mlockFolioBatch(sys, thisCpuFbatches(sys).mlock);
const states = (sys: MemorySystem): number[] =>
  [NR_MLOCK, NR_UNEVICTABLE, NR_INACTIVE_FILE].map((item) => globalNodePageState(sys, item));

describe("a folio that is locked", () => {
  it("counts at once, and goes to the unevictable list with the batch", () => {
    const sys = newSystem();
    const folio = newFolio(sys);
    folio.flags |= PG_active;
    lruvecAddFolio(sys, folio);
    mlockFolio(sys, folio);
    expect([folioEvictable(folio), folio.refcount, globalNodePageState(sys, NR_UNEVICTABLE)]).toEqual([
      false,
      2,
      0,
    ]);
    drain(sys);
    expect(states(sys)).toEqual([1, 1, 0]);
    expect(folio.flags & (PG_mlocked | PG_unevictable | PG_active)).toBe(PG_mlocked | PG_unevictable);
    expect([folio.mlockCount, folio.refcount]).toEqual([1, 1]);
  });

  it("for the first time, being new, is put on its first list", () => {
    const sys = newSystem();
    const folio = newFolio(sys);
    mlockNewFolio(sys, folio);
    expect(folio.flags & PG_lru).toBe(0);
    drain(sys);
    expect([folio.flags & PG_lru, ...states(sys)]).toEqual([PG_lru, 1, 1, 0]);
  });

  it("by two VMAs stays locked until both have let go", () => {
    const sys = newSystem();
    const folio = newFolio(sys);
    lruvecAddFolio(sys, folio);
    mlockFolio(sys, folio);
    mlockFolio(sys, folio);
    drain(sys);
    expect([folio.mlockCount, globalNodePageState(sys, NR_MLOCK)]).toEqual([2, 1]);
    munlockFolio(sys, folio);
    drain(sys);
    expect([folio.mlockCount, ...states(sys)]).toEqual([1, 1, 1, 0]);
    munlockFolio(sys, folio);
    drain(sys);
    expect([folio.flags & (PG_mlocked | PG_unevictable), ...states(sys)]).toEqual([0, 0, 0, 1]);
  });

  it("on no list is not counted", () => {
    const sys = newSystem();
    const folio = newFolio(sys);
    mlockFolio(sys, folio);
    drain(sys);
    expect([folio.mlockCount, ...states(sys)]).toEqual([0, 1, 0, 0]);
  });
});

describe("the batch", () => {
  it("is worked off when it is full, and at once for a large folio", () => {
    const sys = newSystem();
    const folios = Array.from({ length: FOLIO_BATCH_SIZE }, () => newFolio(sys));
    for (const folio of folios.slice(1)) mlockNewFolio(sys, folio);
    expect(globalNodePageState(sys, NR_UNEVICTABLE)).toBe(0);
    mlockNewFolio(sys, folios[0]!);
    expect(globalNodePageState(sys, NR_UNEVICTABLE)).toBe(FOLIO_BATCH_SIZE);
    mlockNewFolio(sys, newFolio(sys, 2));
    expect(states(sys)).toEqual([FOLIO_BATCH_SIZE + 4, FOLIO_BATCH_SIZE + 4, 0]);
  });
});
