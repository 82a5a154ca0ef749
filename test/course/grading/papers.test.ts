import { describe, expect, it } from "vitest";
import { familyMistake, familyObservationText, runFamily } from "../../../lib/course/labs/fork.js";
import { type FamilyOp, randomFamilyOp } from "../../../lib/course/labs/fork_ops.js";
import { gfpText, wrongPapers } from "../../../lib/course/labs/papers.js";
import { faultText } from "../../../lib/course/labs/read_fault.js";
import { Random } from "../../../lib/hw/random.js";
import { boot } from "../../../lib/kernel/machine.js";
import { VM_FAULT_MAJOR, VM_FAULT_RETRY } from "../../../lib/mm/fault/vm_fault.js";
import { lruAddDrainAll } from "../../../lib/mm/lru/swap.js";
import type { MmStruct } from "../../../lib/mm/mm_types.js";
import { type Folio, PG_lru, PG_uptodate, pfnToPage } from "../../../lib/mm/pages/folio.js";
import { __GFP_ZERO, GFP_HIGHUSER_MOVABLE, GFP_KERNEL } from "../../../lib/mm/pages/gfp.js";
import { walkPageRange } from "../../../lib/mm/pgtable/pagewalk.js";
import { ptePfn } from "../../../lib/mm/pgtable/pgtable.js";

const AT = 0x10_0000;

/** What is found after `damage` was done to the books of a page that one process has written. */
function afterDamage(damage: (folio: Folio, mm: MmStruct) => void): string[] {
  const process = boot({ ram: "1 MiB" }).spawn("P");
  const { sys } = process.kernel;
  process.mmap(4096, { at: AT, fixed: true });
  process.store(AT, 1, 1);
  lruAddDrainAll(sys);
  let pfn = 0;
  walkPageRange(process.mm, AT, AT + 4096, {
    pteEntry(pte) {
      pfn = ptePfn(pte);
    },
  });
  damage(pfnToPage(sys, pfn), process.mm);
  return wrongPapers(sys, [{ name: "P", mm: process.mm, pageText: () => "page 0" }]);
}

describe("a page's papers", () => {
  it("are in order after every operation of random families", () => {
    const random = new Random(7);
    for (let nr = 0; nr < 12; nr++) {
      const operations = Array.from({ length: 16 }, () => randomFamilyOp(random));
      for (const { books } of runFamily({}, operations)) expect(books).toEqual([]);
    }
  });

  it.each<[string, (folio: Folio, mm: MmStruct) => void, string]>([
    ["nothing", () => {}, ""],
    [
      "a mapping too many",
      (folio) => folio.mapcount++,
      "P, page 0: the page's mapcount is 2, but 1 entry maps it",
    ],
    [
      "a reference too many",
      (folio) => folio.refcount++,
      "P, page 0: the page's refcount is 2, but 1 hold it",
    ],
    [
      "a counter",
      (_folio, mm) => mm.rssStat[1]++,
      "P: MM_ANONPAGES is 2, but its tables have 1 anonymous page",
    ],
    [
      "PG_uptodate",
      (folio) => {
        folio.flags &= ~PG_uptodate;
      },
      "not marked uptodate (PG_uptodate)",
    ],
    [
      "the LRU list",
      (folio) => {
        folio.flags &= ~PG_lru;
      },
      "on no LRU list",
    ],
    ["the index", (folio) => folio.index++, "looks for the page at another address"],
    [
      "the mapping",
      (folio) => {
        folio.mapping = undefined;
      },
      "does not find this entry (folio.mapping)",
    ],
    [
      "anonExclusive",
      (folio) => {
        folio.anonExclusive = false;
      },
      "not marked exclusive (anonExclusive)",
    ],
  ])("tell what was damaged: %s", (_what, damage, says) => {
    const wrong = afterDamage(damage);
    if (says === "") expect(wrong).toEqual([]);
    else expect(wrong.join("\n")).toContain(says);
  });
});

describe("the bench of families", () => {
  const run = (...ops: [FamilyOp["op"], number, number][]) =>
    [
      ...runFamily(
        {},
        ops.map(([op, who, page]) => ({ op, who, page })),
      ),
    ].at(-1)!;

  it("takes down with which flags a page is allocated, and the entry while TLBs are flushed", () => {
    expect(run(["write", 0, 0], ["fork", 0, 0], ["write", 0, 0]).onTheWay).toEqual([
      "allocates 1 page with GFP_HIGHUSER_MOVABLE",
      "when the TLBs are flushed, the entry is empty",
    ]);
  });

  it("has pages of large folios, which keep their bytes and books", () => {
    const seen = run(["read", 0, 11], ["write", 0, 10], ["fork", 0, 0], ["write", 1, 11]);
    expect(familyObservationText(seen)).toContain("in a copy");
    expect(seen.books).toEqual([]);
  });

  it("uses an exclusive page in place although a driver holds it", () => {
    expect(run(["write", 0, 0], ["hold", 0, 0], ["protect", 0, 0], ["write", 0, 0]).did).toContain(
      "in place",
    );
  });

  it("tells the mistake: a wrong paper first, then what was allocated, then the entry that differs", () => {
    const good = {
      did: "P: forks C1",
      onTheWay: ["allocates 1 page with GFP_KERNEL"],
      pages: ["P page 0 = 1, clean"],
      books: [],
    };
    expect(familyMistake(good, good)).toBeUndefined();
    expect(familyMistake({ ...good, books: ["lost"], onTheWay: [] }, good)).toBe("lost");
    expect(familyMistake({ ...good, onTheWay: [] }, good)).toBe(
      "On the way no page is allocated; it should be: allocates 1 page with GFP_KERNEL",
    );
    expect(familyMistake({ ...good, pages: ["P page 0 = 1, dirty"] }, good)).toBe(
      "Afterwards, P page 0 = 1, dirty; it should be: P page 0 = 1, clean",
    );
  });
});

describe("flags in words", () => {
  it("are Linux's names, and numbers for what has none", () => {
    expect(gfpText(GFP_HIGHUSER_MOVABLE | __GFP_ZERO)).toBe("GFP_HIGHUSER_MOVABLE | __GFP_ZERO");
    expect(gfpText(GFP_KERNEL)).toBe("GFP_KERNEL");
    expect(gfpText(0)).toBe("0x0");
    expect(gfpText(GFP_KERNEL | 1)).toBe("GFP_KERNEL | 0x1");
    expect(faultText(VM_FAULT_MAJOR | VM_FAULT_RETRY)).toBe("VM_FAULT_MAJOR | VM_FAULT_RETRY");
    expect(faultText(0)).toBe("0");
    expect(faultText(undefined)).toBe("undefined");
  });
});
