import { beforeEach, describe, expect, it } from "vitest";
import { handleMmFault } from "../../../../lib/mm/fault/memory.js";
import { FAULT_FLAG_WRITE } from "../../../../lib/mm/fault/vm_fault.js";
import { thisCpuFbatches } from "../../../../lib/mm/lru/fbatch.js";
import { lruGenLookAround, window } from "../../../../lib/mm/lru/gen/look_around.js";
import { setLruGenCaps } from "../../../../lib/mm/lru/gen/switch.js";
import { lruAddDrainAll } from "../../../../lib/mm/lru/swap.js";
import type { VmAreaStruct } from "../../../../lib/mm/mm_types.js";
import { PG_referenced, PG_workingset, pfnToPage } from "../../../../lib/mm/pages/folio.js";
import {
  pteMkold,
  pteMkyoung,
  ptePfn,
  ptepGet,
  pteYoung,
  setPte,
} from "../../../../lib/mm/pgtable/pgtable.js";
import { pteOffset } from "../../../../lib/mm/pgtable/pgtable_alloc.js";
import { at, kernel, map, mm, PAGE, useArena } from "../../arena.js";
import { problems } from "./generations.js";

useArena();

let vma: VmAreaStruct;
beforeEach(() => {
  setLruGenCaps(kernel.sys, 7);
  vma = map(0, 200);
  for (let page = 0; page < 200; page++) {
    handleMmFault(vma, at(page), FAULT_FLAG_WRITE);
    setYoung(page, false);
  }
  lruAddDrainAll(kernel.sys);
});

const pteAt = (page: number): number => pteOffset(mm, at(page));
const entry = (page: number): number => ptepGet(kernel.sys.ram, pteAt(page));
const folioAt = (page: number) => pfnToPage(kernel.sys, ptePfn(entry(page)));

function setYoung(page: number, young: boolean): void {
  setPte(kernel.sys.ram, pteAt(page), young ? pteMkyoung(entry(page)) : pteMkold(entry(page)));
}

describe("the window", () => {
  const pages = (start: number, end: number, page: number): number[] => {
    const found = window({ vmStart: at(start), vmEnd: at(end) }, at(page));
    return [(found.start - at(0)) / PAGE, (found.end - at(0)) / PAGE];
  };

  it("is the area, if that has no more than 64 pages in the table", () => {
    expect([pages(3, 4, 3), pages(10, 74, 20)]).toEqual([
      [3, 4],
      [10, 74],
    ]);
    expect(pages(-40, 20, 5)).toEqual([0, 20]); // what is before page 0 is in another table
  });

  it("is 64 pages around the entry, or the first or last 64", () => {
    expect([pages(0, 512, 10), pages(0, 512, 100), pages(0, 512, 500)]).toEqual([
      [0, 64],
      [68, 132],
      [448, 512],
    ]);
  });
});

describe("looking around", () => {
  it("says no for an entry that was not used, and looks no further", () => {
    setYoung(101, true);
    expect(lruGenLookAround(vma, at(100), pteAt(100))).toBe(false);
    expect(pteYoung(entry(101))).toBe(true);
  });

  it("clears the accessed bits of 64 entries, and promotes at the second time, at once while aging may", () => {
    kernel.sys.lruGen.walking = true;
    for (let time = 0; time < 2; time++) {
      for (const page of [60, 90, 100, 131, 132]) setYoung(page, true);
      expect(lruGenLookAround(vma, at(100), pteAt(100))).toBe(true);
      expect([60, 90, 100, 131, 132].map((page) => pteYoung(entry(page)))).toEqual([
        true,
        false,
        false,
        false,
        true,
      ]);
    }
    expect([60, 90, 91, 131, 132].map((page) => folioAt(page).lruGen)).toEqual([2, 3, 2, 3, 2]);
    // The folio itself is left to whoever asked.
    expect([folioAt(100).lruGen, folioAt(100).flags & (PG_referenced | PG_workingset)]).toEqual([2, 0]);
    expect(problems(kernel.sys)).toEqual([]);
  });

  it("puts neighbours in the batch of folios to be activated, when a task reclaims for itself", () => {
    for (let time = 0; time < 2; time++) {
      for (const page of [90, 100]) setYoung(page, true);
      lruGenLookAround(vma, at(100), pteAt(100));
    }
    expect(thisCpuFbatches(kernel.sys).activate).toEqual([folioAt(90)]);
  });
});
