import { describe, expect, it } from "vitest";
import {
  pteOfLeaf,
  splitHugePmd,
  splitHugePmdAddress,
  vmaAdjustTransHuge,
} from "../../../lib/mm/huge/split_pmd.js";
import { PG_dirty } from "../../../lib/mm/pages/folio.js";
import {
  pmdLeaf,
  pteDirty,
  pteMkold,
  ptepGet,
  pteSpecial,
  pteWrite,
  pteYoung,
  setPte,
} from "../../../lib/mm/pgtable/pgtable.js";
import { pteOffset } from "../../../lib/mm/pgtable/pgtable_alloc.js";
import { PAGE_SOFT_DIRTY, pteSoftDirty } from "../../../lib/mm/pgtable/soft_dirty.js";
import { checkAll, folioAt, HUGE, hugeMachine, isHuge, PAGE, pmdAt, vmaAt, vmstat } from "./huge_machine.js";

/** Alice's leaf is split. */
function split() {
  const h = hugeMachine();
  const { alice, a } = h;
  alice.store(a + 3 * PAGE, 1, 7);
  const leaf = pmdAt(alice, a);
  const folio = folioAt(alice, a);
  splitHugePmd(vmaAt(alice, a), leaf.pmdp, a + 77 * PAGE);
  const mm = alice.task.mm!;
  return { ...h, leaf, folio, mm, pte: (page: number) => ptepGet(h.sys.ram, pteOffset(mm, a + page * PAGE)) };
}

describe("splitting a leaf", () => {
  it("makes 512 entries of the same frames and rights; the folio stays one", () => {
    const h = split();
    const { machine, alice, a, folio, pte } = h;
    expect(isHuge(alice, a)).toBe(false);
    expect([0, 1, 511].map((page) => folioAt(alice, a + page * PAGE))).toEqual([folio, folio, folio]);
    for (const page of [0, 511])
      expect([pteWrite(pte(page)), pteDirty(pte(page)), pteYoung(pte(page))]).toEqual([true, true, true]);
    expect(pte(511) - pte(0)).toBe(511 * PAGE);
    expect([folio.entireMapcount, folio.largeMapcount, folio.nrPagesMapped, folio.refcount]).toEqual([
      0, 512, 512, 512,
    ]);
    expect([folio.order, folio.flags & PG_dirty]).toEqual([9, PG_dirty]);
    expect([vmstat(machine, "thp_split_pmd"), vmstat(machine, "nr_anon_transparent_hugepages")]).toEqual([
      1, 0,
    ]);
    expect([alice.load(a + 3 * PAGE), alice.load(a)]).toEqual([7, 0]);
    checkAll(h, alice);
  });

  it("uses the table that was set aside: no memory is needed, and VmPTE stays", () => {
    const h = hugeMachine();
    const { sys, alice, a } = h;
    alice.store(a, 1, 1);
    const before = alice.task.mm!.pgtablesBytes;
    sys.shouldFailAllocPage = () => true;
    splitHugePmdAddress(vmaAt(alice, a), a);
    expect([isHuge(alice, a), alice.task.mm!.pgtablesBytes, alice.task.mm!.thp.pmdHugePte.size]).toEqual([
      false,
      before,
      0,
    ]);
  });

  it("leaves every page exclusive if the whole was, none if it was shared", () => {
    const { alice, a, folio, sys } = split();
    const pages = [0, 1, 511].map((i) => sys.memMap[0]![folio.pfn + i]!.anonExclusive);
    expect(pages).toEqual([true, true, true]);
    const other = hugeMachine();
    other.alice.store(other.a, 1, 1);
    const bob = other.alice.fork("bob");
    splitHugePmdAddress(vmaAt(bob, other.a), other.a);
    const shared = folioAt(bob, other.a);
    expect([0, 511].map((i) => other.sys.memMap[0]![shared.pfn + i]!.anonExclusive)).toEqual([false, false]);
    expect([shared.entireMapcount, shared.largeMapcount]).toEqual([1, 513]);
    checkAll(other, other.alice, bob);
    void [alice, a];
  });

  it("carries over what was not used, and the mark of soft-dirty", () => {
    const { sys, alice, a } = hugeMachine();
    alice.store(a, 1, 1);
    const { pmd } = pmdAt(alice, a);
    expect(pteYoung(pteOfLeaf(vmaAt(alice, a), pteMkold(pmd)))).toBe(false);
    expect(pteSoftDirty(pteOfLeaf(vmaAt(alice, a), pmd + PAGE_SOFT_DIRTY))).toBe(true);
    expect([pteSoftDirty(pteOfLeaf(vmaAt(alice, a), pmd)), sys.pageSoftDirty]).toEqual([false, 0]);
  });

  it("of the huge page of zeros makes 512 entries of the zero page, that count nowhere", () => {
    const h = hugeMachine();
    const { sys, alice, a } = h;
    alice.load(a);
    const { mm } = alice.task;
    const rss = mm!.rssStat[1];
    splitHugePmdAddress(vmaAt(alice, a), a);
    const ptes = [0, 1, 511].map((page) => ptepGet(sys.ram, pteOffset(mm!, a + page * PAGE)));
    expect(ptes.map((pte) => [pteSpecial(pte), pteWrite(pte)])).toEqual(Array(3).fill([true, false]));
    expect(new Set(ptes).size).toBe(1);
    expect(mm!.rssStat[1]).toBe(rss);
    checkAll(h, alice);
  });

  it("does nothing where there is no leaf", () => {
    const { machine, alice, a, leaf } = split();
    const { pmd } = pmdAt(alice, a);
    splitHugePmd(vmaAt(alice, a), leaf.pmdp, a);
    splitHugePmdAddress(vmaAt(alice, a), a + HUGE);
    expect([pmdAt(alice, a).pmd, vmstat(machine, "thp_split_pmd")]).toEqual([pmd, 1]);
  });

  it("drops the entry of 2 MiB from the TLBs before the table is in its place", () => {
    const { sys, alice, a } = hugeMachine();
    alice.store(a, 1, 1);
    const { pmdp, pmd } = pmdAt(alice, a);
    splitHugePmd(vmaAt(alice, a), pmdp, a);
    setPte(sys.ram, pteOffset(alice.task.mm!, a + PAGE), 0); // a processor that still had the leaf would read on
    expect(pmdLeaf(pmd)).toBe(true);
    alice.on("SIGSEGV", () => {});
    expect(alice.getrusage().minFlt).toBeGreaterThan(0);
    const before = alice.getrusage().minFlt;
    alice.load(a + PAGE);
    expect(alice.getrusage().minFlt).toBe(before + 1);
  });
});

describe("new borders of a VMA", () => {
  it("split the leaves that lie across them, no others", () => {
    const { alice, a } = hugeMachine();
    alice.touch(a, 2 * HUGE);
    vmaAdjustTransHuge(vmaAt(alice, a), a, a + HUGE);
    expect([isHuge(alice, a), isHuge(alice, a + HUGE)]).toEqual([true, true]);
    vmaAdjustTransHuge(vmaAt(alice, a), a, a + HUGE + PAGE);
    expect([isHuge(alice, a), isHuge(alice, a + HUGE)]).toEqual([true, false]);
  });

  it("come with mlock, advice and names of a part", () => {
    for (const act of ["mlock", "advice"]) {
      const h = hugeMachine();
      const { alice, a } = h;
      alice.touch(a, 2 * HUGE);
      if (act === "mlock") alice.mlock(a + PAGE, PAGE);
      else alice.madvise(a + HUGE - PAGE, PAGE, "DONTFORK");
      expect([isHuge(alice, a), isHuge(alice, a + HUGE)]).toEqual([false, true]);
      checkAll(h, alice);
    }
  });
});
