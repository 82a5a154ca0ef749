import { describe, expect, it } from "vitest";
import { collapsePteMappedThp, retractPageTables } from "../../../lib/mm/huge/collapse_pte_mapped.js";
import { checkAll, folioAt, HUGE, isHuge, PAGE, pmdAt } from "./huge_machine.js";
import { FILE, fill, mappingAt, shmemMachine } from "./shmem_machine.js";

describe("a folio of 2 MiB that small entries map", () => {
  it("is mapped by a leaf, and the table is free; without that wish by nothing", () => {
    const h = shmemMachine("force");
    const { alice } = h;
    fill(alice, FILE, 0, 9);
    for (const map of [true, false]) {
      alice.madvise(FILE, PAGE, "DONTNEED"); // the leaf is gone
      alice.mprotect(FILE, 8 * PAGE, "r");
      alice.touch(FILE + 8 * PAGE, HUGE - 8 * PAGE, "r");
      alice.mprotect(FILE, 8 * PAGE, "rw");
      expect(isHuge(alice, FILE)).toBe(false);
      const tables = alice.mm.pgtablesBytes;
      expect(collapsePteMappedThp(alice.mm, FILE + 5, map)).toBe("succeed");
      expect([isHuge(alice, FILE), alice.mm.rssStat[3], tables - alice.mm.pgtablesBytes]).toEqual([
        map,
        map ? 512 : 0,
        PAGE,
      ]);
      checkAll(h, alice);
    }
    expect(alice.load(FILE + 7 * PAGE)).toBe(8);
  });

  it("says why not: a leaf is there, small folios, a private copy, no file", () => {
    const h = shmemMachine("force");
    const { alice, fd } = h;
    fill(alice, FILE, 0, 1);
    expect(collapsePteMappedThp(alice.mm, FILE, true)).toBe("pmd_mapped");
    expect(collapsePteMappedThp(alice.mm, FILE + HUGE, true)).toBe("page_null");
    expect(collapsePteMappedThp(alice.mm, h.a, true)).toBe("vma_check");
    const p = 0x2005_0000_0000;
    alice.mmap(HUGE, { at: p, fixed: true, fd });
    alice.store(p + 3 * PAGE, 1, 7);
    expect(collapsePteMappedThp(alice.mm, p, true)).toBe("fail");
    expect(folioAt(alice, p + 3 * PAGE)).not.toBe(folioAt(alice, FILE));
    h.machine.procfs.write("/sys/kernel/mm/transparent_hugepage/shmem_enabled", "never");
    alice.store(FILE + HUGE, 1, 1);
    expect(collapsePteMappedThp(alice.mm, FILE + HUGE, true)).toBe("page_compound");
    checkAll(h, alice);
  });
});

describe("retractPageTables", () => {
  it("takes empty tables of all who map the range as a whole, not where private copies may be", () => {
    const h = shmemMachine();
    const { alice, fd } = h;
    fill(alice, FILE, 0, 512);
    const bob = alice.fork("bob");
    bob.touch(FILE, HUGE, "r");
    const p = 0x2005_0000_0000;
    bob.mmap(HUGE, { at: p, fixed: true, fd });
    bob.store(p, 1, 7);
    alice.madvise(FILE, HUGE, "COLLAPSE");
    expect([pmdAt(bob, FILE).pmd, pmdAt(bob, p).pmd === 0, isHuge(alice, FILE)]).toEqual([0, false, true]);
    expect([bob.load(p), bob.load(p + PAGE), bob.load(FILE)]).toEqual([7, 2, 1]);
    checkAll(h, alice, bob);
    retractPageTables(mappingAt(alice, FILE), 0);
    expect(isHuge(bob, FILE)).toBe(true);
  });
});
