import { describe, expect, it } from "vitest";
import { Clock } from "../../../lib/hw/clock.js";
import { Ram } from "../../../lib/hw/ram.js";
import { FOLIO_BATCH_SIZE } from "../../../lib/mm/lru/fbatch.js";
import { mlockFolio, munlockFolio } from "../../../lib/mm/lru/mlock_batch.js";
import { folioActivate, folioAddLru, folioMarkAccessed, lruAddDrain } from "../../../lib/mm/lru/swap.js";
import { mmInit } from "../../../lib/mm/mm_init.js";
import {
  type Folio,
  PG_active,
  PG_lru,
  PG_mlocked,
  PG_referenced,
  PG_unevictable,
} from "../../../lib/mm/pages/folio.js";
import { folioPut } from "../../../lib/mm/pages/free_pages.js";
import { GFP_HIGHUSER_MOVABLE } from "../../../lib/mm/pages/gfp.js";
import { allocPages, nrUnusedPages } from "../../../lib/mm/pages/page_alloc.js";
import { MemorySystem } from "../../../lib/mm/system.js";
import { NR_MLOCK, UNEVICTABLE_PGSTRANDED } from "../../../lib/mm/vmstat.js";

function newSystem(): MemorySystem {
  const sys = new MemorySystem(new Ram(16 * 2 ** 20), new Clock());
  mmInit(sys);
  return sys;
}

function newFolio(sys: MemorySystem): Folio {
  return allocPages(sys, GFP_HIGHUSER_MOVABLE)!;
}

function onLru(folio: Folio): boolean {
  return (folio.flags & PG_lru) !== 0;
}

describe("LRU batches", () => {
  it("hold a folio until the 31st comes", () => {
    const sys = newSystem();
    const folios = Array.from({ length: FOLIO_BATCH_SIZE }, () => newFolio(sys));
    for (const folio of folios.slice(0, 30)) folioAddLru(sys, folio);
    expect(folios.some(onLru)).toBe(false);
    expect(folios[0]!.refcount).toBe(2); // ours and the batch's
    folioAddLru(sys, folios[30]!);
    expect(folios.every(onLru)).toBe(true);
    expect(folios[0]!.refcount).toBe(1);
  });

  it("free a folio only when they are drained, if everybody else has let go", () => {
    const sys = newSystem();
    const free = nrUnusedPages(sys);
    const folio = newFolio(sys);
    folioAddLru(sys, folio);
    folioPut(sys, folio);
    expect(nrUnusedPages(sys)).toBe(free - 1);
    lruAddDrain(sys);
    expect(nrUnusedPages(sys)).toBe(free);
  });

  it("move a folio to the active list when they are drained", () => {
    const sys = newSystem();
    const folio = newFolio(sys);
    folioAddLru(sys, folio);
    lruAddDrain(sys);
    folioActivate(sys, folio);
    expect(folio.flags & PG_active).toBe(0);
    lruAddDrain(sys);
    expect(folio.flags & PG_active).toBe(PG_active);
  });
});

describe("folioMarkAccessed", () => {
  it("marks at the first use and activates at the second", () => {
    const sys = newSystem();
    const folio = newFolio(sys);
    folioAddLru(sys, folio);
    lruAddDrain(sys);
    folioMarkAccessed(sys, folio);
    expect(folio.flags & (PG_referenced | PG_active)).toBe(PG_referenced);
    folioMarkAccessed(sys, folio);
    lruAddDrain(sys);
    expect(folio.flags & (PG_referenced | PG_active)).toBe(PG_active);
  });

  it("activates at once while the folio waits in the batch", () => {
    const sys = newSystem();
    const folio = newFolio(sys);
    folioAddLru(sys, folio);
    folioMarkAccessed(sys, folio);
    folioMarkAccessed(sys, folio);
    expect(folio.flags & (PG_lru | PG_active)).toBe(PG_active);
  });
});

describe("locked folios", () => {
  it("stay on the unevictable list until the last of their lockers lets go", () => {
    const sys = newSystem();
    const folio = newFolio(sys);
    folioAddLru(sys, folio);
    lruAddDrain(sys);
    const state = () => {
      lruAddDrain(sys);
      const locked = folio.flags & (PG_mlocked | PG_unevictable | PG_lru);
      return [locked === PG_lru ? "free" : "locked", folio.mlockCount, sys.vmStat.nodeStat[NR_MLOCK]];
    };
    mlockFolio(sys, folio);
    expect(state()).toEqual(["locked", 1, 1]);
    mlockFolio(sys, folio);
    expect(state()).toEqual(["locked", 2, 1]);
    munlockFolio(sys, folio);
    expect(state()).toEqual(["locked", 1, 1]);
    munlockFolio(sys, folio);
    expect(state()).toEqual(["free", 0, 0]);
  });

  it("are taken for unlocked by the first who lets go when they were locked before they came onto a list", () => {
    const sys = newSystem();
    const folio = newFolio(sys);
    mlockFolio(sys, folio);
    mlockFolio(sys, folio);
    lruAddDrain(sys); // off the lists nobody counts
    folioAddLru(sys, folio);
    lruAddDrain(sys);
    expect([folio.flags & PG_unevictable, folio.mlockCount]).toEqual([PG_unevictable, 0]);
    munlockFolio(sys, folio);
    lruAddDrain(sys);
    expect(folio.flags & (PG_mlocked | PG_unevictable)).toBe(0);
    expect(sys.vmStat.events[UNEVICTABLE_PGSTRANDED]).toBe(0);
  });
});
