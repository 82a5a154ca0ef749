/** How the rest of memory management meets the generations: batches, advice, the reverse map, shadows. */
import { beforeEach, describe, expect, it } from "vitest";
import { handleMmFault } from "../../../../lib/mm/fault/memory.js";
import { FAULT_FLAG_WRITE } from "../../../../lib/mm/fault/vm_fault.js";
import { LRU_GEN_FILE, tierIndex } from "../../../../lib/mm/lru/gen/lru_gen.js";
import { setLruGenCaps } from "../../../../lib/mm/lru/gen/switch.js";
import { folioIsolateLru, folioPutbackLru } from "../../../../lib/mm/lru/isolate.js";
import { newScanControl } from "../../../../lib/mm/lru/scan_control.js";
import {
  FOLIOREF_ACTIVATE,
  FOLIOREF_KEEP,
  FOLIOREF_RECLAIM,
  folioCheckReferences,
} from "../../../../lib/mm/lru/shrink_folio_list.js";
import {
  deactivateFileFolio,
  folioActivate,
  folioAddLru,
  folioDeactivate,
  folioMarkAccessed,
  lruAddDrain,
  lruAddDrainAll,
} from "../../../../lib/mm/lru/swap.js";
import {
  workingsetEviction,
  workingsetRefault,
  workingsetTestRecent,
} from "../../../../lib/mm/lru/workingset.js";
import { PG_active, PG_swapbacked, pfnToPage } from "../../../../lib/mm/pages/folio.js";
import { pteMkold, pteMkyoung, ptePfn, ptepGet, setPte } from "../../../../lib/mm/pgtable/pgtable.js";
import { pteOffset } from "../../../../lib/mm/pgtable/pgtable_alloc.js";
import { PGACTIVATE, PGDEACTIVATE, PGROTATED } from "../../../../lib/mm/vmstat.js";
import { at, kernel, map, mm, useArena } from "../../arena.js";
import { folioWith, fromTail, listedFolio, newSystem, problems, standsOn } from "./generations.js";

describe("batches", () => {
  it("count uses through descriptors, and move nothing for them", () => {
    const sys = newSystem();
    const folio = listedFolio(sys, 0);
    for (let use = 0; use < 3; use++) folioMarkAccessed(sys, folio);
    lruAddDrain(sys);
    expect([folio.lruGen, folio.lruRefs, sys.vmStat.events[PGACTIVATE]]).toEqual([0, 2, 0]);
  });

  it("bring what is activated into the second youngest generation", () => {
    const sys = newSystem();
    const folio = listedFolio(sys, 0);
    folioActivate(sys, folio);
    expect(folio.lruGen).toBe(0);
    lruAddDrain(sys);
    expect([folio.lruGen, folio.flags & PG_active, sys.vmStat.events[PGACTIVATE]]).toEqual([2, 0, 1]);
    expect(problems(sys)).toEqual([]);
  });

  it("bring what a fault brought in there, too, and all else to the oldest", () => {
    const sys = newSystem();
    const [faulted, read, byReclaim] = [folioWith(sys, 0), folioWith(sys, 0), folioWith(sys, 0)];
    folioAddLru(sys, read);
    sys.lruGen.inLruFault = true;
    folioAddLru(sys, faulted);
    sys.pfMemalloc = true;
    folioAddLru(sys, byReclaim);
    lruAddDrain(sys);
    expect([faulted, read, byReclaim].map((folio) => folio.lruGen)).toEqual([2, 0, 0]);
  });

  it("bring what is said to be not needed to the oldest, or leave it there", () => {
    const sys = newSystem();
    const [young, old, cold] = [
      listedFolio(sys, PG_active),
      listedFolio(sys, 0),
      listedFolio(sys, PG_active),
    ];
    folioMarkAccessed(sys, old);
    for (const folio of [young, old]) folioDeactivate(sys, folio);
    deactivateFileFolio(sys, cold);
    expect(old.refcount).toBe(1);
    lruAddDrain(sys);
    expect([young.lruGen, old.lruGen, cold.lruGen]).toEqual([0, 0, 0]);
    expect(fromTail(sys, standsOn(old))).toEqual([cold, old, young]); // the cold one is next
    expect([PGDEACTIVATE, PGROTATED].map((item) => sys.vmStat.events[item])).toEqual([2, 1]);
    expect(problems(sys)).toEqual([]);
  });
});

describe("shadows", () => {
  it("hold the generation and the uses of a page, and bring them back", () => {
    const sys = newSystem();
    const { lrugen } = sys.lruvec;
    const folio = folioWith(sys, 0);
    for (let use = 0; use < 4; use++) folioMarkAccessed(sys, folio);
    const shadow = workingsetEviction(sys, folio);
    expect(sys.lruvec.nonresidentAge).toBe(0);
    expect(workingsetTestRecent(sys, shadow, true)).toBe(true);
    const back = folioWith(sys, 0);
    workingsetRefault(sys, back, shadow);
    expect([back.lruRefs, back.flags & PG_active]).toEqual([3, 0]);
    const tier = tierIndex(LRU_GEN_FILE, 2);
    expect([lrugen.evicted[tier], lrugen.refaulted[tier]]).toEqual([1, 1]);
    lrugen.maxSeq += 4;
    expect(workingsetTestRecent(sys, shadow, true)).toBe(false);
  });
});

describe("reclaim that asks whether a page was used", () => {
  useArena();
  beforeEach(() => setLruGenCaps(kernel.sys, 7));

  it("keeps it the first time, activates it the second, and takes it when it was not", () => {
    const vma = map(0, 1);
    handleMmFault(vma, at(0), FAULT_FLAG_WRITE);
    const { sys } = kernel;
    lruAddDrainAll(sys);
    const ptep = pteOffset(mm, at(0));
    const folio = pfnToPage(sys, ptePfn(ptepGet(sys.ram, ptep)));
    expect([folio.lruGen, folio.flags & PG_swapbacked]).toEqual([2, PG_swapbacked]);
    folioIsolateLru(sys, folio);
    const ask = (used: boolean): number => {
      const pte = ptepGet(sys.ram, ptep);
      setPte(sys.ram, ptep, used ? pteMkyoung(pte) : pteMkold(pte));
      return folioCheckReferences(sys, folio, newScanControl({}));
    };
    expect([true, false, true, true].map(ask)).toEqual([
      FOLIOREF_KEEP,
      FOLIOREF_RECLAIM,
      FOLIOREF_ACTIVATE,
      FOLIOREF_ACTIVATE,
    ]);
    folioPutbackLru(sys, folio);
    lruAddDrainAll(sys);
    expect(problems(sys)).toEqual([]);
  });
});
