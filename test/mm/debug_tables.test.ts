import { beforeEach, describe, expect, it } from "vitest";
import { add, checkAnonVmas, checkMm, checkVmas, type Truth } from "../../lib/mm/debug_tables.js";
import { newHugeTruth } from "../../lib/mm/huge/check.js";
import { MM_ANONPAGES } from "../../lib/mm/mm_types.js";
import { setPte } from "../../lib/mm/pgtable/pgtable.js";
import { pteOffset } from "../../lib/mm/pgtable/pgtable_alloc.js";
import { newSwapTruth } from "../../lib/mm/swap/check.js";
import { at, map, mm, task, useArena } from "./arena.js";

useArena();

function newTruth(): Truth {
  const problems: string[] = [];
  return {
    ...{ mapped: new Map(), refs: new Map(), tables: new Set(), mappings: new Set() },
    ...{ swap: newSwapTruth(), huge: newHugeTruth(problems), problems },
  };
}

beforeEach(() => {
  map(8, 4);
  for (const page of [8, 9]) task.store(at(page), 1, page);
});

describe("the look at tables", () => {
  it("finds what is mapped, who refers to it, and the tables", () => {
    const truth = newTruth();
    checkMm(truth, mm);
    expect([truth.problems, truth.mapped.size]).toEqual([[], mm.rssStat[MM_ANONPAGES]]);
    expect((truth.tables.size - 1) * 4096).toBe(mm.pgtablesBytes); // the top one is not counted
  });

  it("says which sum is wrong, and where an entry has no business", () => {
    mm.rssStat[MM_ANONPAGES]!++;
    const truth = newTruth();
    checkMm(truth, mm);
    expect(truth.problems.join()).toMatch(/rssStat\[1\] is \d+, entries say \d+/);
    mm.rssStat[MM_ANONPAGES]!--;
    const ptep = pteOffset(mm, at(8));
    setPte(mm.sys.ram, ptep + 100, 0x1227);
    checkMm(truth, mm);
    expect(truth.problems.join()).toMatch(/lies in no VMA/);
    setPte(mm.sys.ram, ptep + 100, 0);
  });
});

describe("the look at VMAs", () => {
  it("finds sums that are not theirs, and links that go one way only", () => {
    const truth = newTruth();
    checkVmas(truth, mm);
    checkAnonVmas(truth, [mm]);
    expect(truth.problems).toEqual([]);
    mm.totalVm++;
    const vma = mm.mmMt.lookup(at(8))!;
    vma.anonVma!.numActiveVmas++;
    checkVmas(truth, mm);
    checkAnonVmas(truth, [mm]);
    expect(truth.problems).toHaveLength(2);
    mm.totalVm--;
    vma.anonVma!.numActiveVmas--;
  });
});

describe("a sum", () => {
  it("begins at 0", () => {
    const sums = new Map<string, number>();
    add(sums, "a", 2);
    add(sums, "a", 3);
    expect(sums.get("a")).toBe(5);
  });
});
