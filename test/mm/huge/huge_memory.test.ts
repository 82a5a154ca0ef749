import { describe, expect, it } from "vitest";
import { discardAnonFolioPmd, moveHugePmd } from "../../../lib/mm/huge/huge_memory.js";
import { folioGet, PG_swapbacked } from "../../../lib/mm/pages/folio.js";
import { pmdLeaf, pteDirty, pteWrite, pteYoung } from "../../../lib/mm/pgtable/pgtable.js";
import { checkAll, folioAt, HUGE, hugeMachine, isHuge, PAGE, pmdAt, vmaAt, vmstat } from "./huge_machine.js";

describe("fork of a leaf", () => {
  it("copies one entry, with a table of its own set aside, and both lose the right to write", () => {
    const h = hugeMachine();
    const { alice, a } = h;
    alice.store(a, 1, 1);
    alice.load(a + HUGE);
    const bob = alice.fork("bob");
    const folio = folioAt(alice, a);
    expect([folio.entireMapcount, folio.refcount, folio.anonExclusive]).toEqual([2, 2, false]);
    expect([alice, bob].map((who) => pteWrite(pmdAt(who, a).pmd))).toEqual([false, false]);
    expect(pteYoung(pmdAt(bob, a).pmd)).toBe(false);
    expect(folioAt(bob, a + HUGE)).toBe(folioAt(alice, a + HUGE));
    checkAll(h, alice, bob);
  });

  it("costs one step where 512 entries cost 512", () => {
    const price = (enabled: "always" | "never"): number => {
      const { machine, sys, alice, a } = hugeMachine();
      sys.thp.enabled = enabled;
      alice.touch(a, 2 * HUGE);
      return machine.measure(() => alice.fork("bob")).ns;
    };
    const { forkEntryNs } = hugeMachine().sys.costs;
    expect(price("never") - price("always")).toBeGreaterThan(900 * forkEntryNs);
  });
});

describe("munmap", () => {
  it("of a whole leaf frees 2 MiB at once", () => {
    const h = hugeMachine();
    const { machine, alice, a } = h;
    alice.touch(a, 2 * HUGE);
    alice.munmap(a, HUGE);
    expect([vmstat(machine, "thp_split_pmd"), alice.task.mm!.rssStat[1]]).toEqual([0, 512]);
    expect(vmstat(machine, "nr_anon_transparent_hugepages")).toBe(1);
    checkAll(h, alice);
  });

  it("of a part leaves the memory in use until the folio is split", () => {
    const h = hugeMachine();
    const { machine, sys, alice, a } = h;
    alice.store(a, 1, 1);
    const free = vmstat(machine, "nr_free_pages");
    alice.munmap(a + 64 * PAGE, 100 * PAGE);
    expect([isHuge(alice, a), alice.task.mm!.rssStat[1]]).toEqual([false, 412]);
    expect(vmstat(machine, "nr_free_pages")).toBe(free);
    expect([vmstat(machine, "thp_deferred_split_page"), sys.lruvec.deferredSplitQueue.size]).toEqual([1, 1]);
    checkAll(h, alice);
  });
});

describe("mprotect", () => {
  it("of a whole leaf changes one entry, and needs no fault to write again", () => {
    const { machine, alice, a } = hugeMachine();
    alice.on("SIGSEGV", () => {});
    alice.store(a, 1, 1);
    alice.mprotect(a, HUGE, "r");
    expect([pteWrite(pmdAt(alice, a).pmd), pteDirty(pmdAt(alice, a).pmd)]).toEqual([false, true]);
    expect(() => alice.store(a, 1, 2)).toThrow(/SIGSEGV/);
    alice.mprotect(a, HUGE, "rw");
    const before = alice.getrusage().minFlt;
    alice.store(a, 1, 2);
    expect([alice.getrusage().minFlt - before, vmstat(machine, "thp_split_pmd")]).toEqual([0, 0]);
  });

  it("of a part splits the leaf, and leaves the rest writable", () => {
    const h = hugeMachine();
    const { alice, a } = h;
    alice.on("SIGSEGV", () => {});
    alice.store(a, 1, 1);
    alice.mprotect(a + 5 * PAGE, PAGE, "r");
    expect(isHuge(alice, a)).toBe(false);
    alice.store(a + 4 * PAGE, 1, 2);
    expect(() => alice.store(a + 5 * PAGE, 1, 2)).toThrow(/SIGSEGV/);
    checkAll(h, alice);
  });

  it("does not make the huge page of zeros writable", () => {
    const { alice, a } = hugeMachine();
    alice.load(a);
    alice.mprotect(a, HUGE, "r");
    alice.mprotect(a, HUGE, "rw");
    expect(pteWrite(pmdAt(alice, a).pmd)).toBe(false);
  });
});

describe("mremap", () => {
  it("moves a leaf as a whole, with its table", () => {
    const h = hugeMachine({}, 4 * HUGE);
    const { machine, alice, a } = h;
    alice.store(a + 9, 1, 42);
    alice.munmap(a + 2 * HUGE, HUGE);
    const to = alice.syscall("mremap", a, HUGE, HUGE, 3, a + 2 * HUGE);
    expect([to, isHuge(alice, a + 2 * HUGE), alice.load(a + 2 * HUGE + 9)]).toEqual([a + 2 * HUGE, true, 42]);
    expect(vmstat(machine, "thp_split_pmd")).toBe(0);
    checkAll(h, alice);
  });

  it("to an address that is not aligned splits it, and every byte is there", () => {
    const h = hugeMachine({}, 4 * HUGE);
    const { machine, alice, a } = h;
    for (const page of [0, 1, 300, 511]) alice.store(a + page * PAGE, 1, page & 255);
    const to = a + 2 * HUGE + 8 * PAGE;
    alice.munmap(to, HUGE);
    expect(alice.syscall("mremap", a, HUGE, HUGE, 3, to)).toBe(to);
    expect([0, 1, 300, 511].map((page) => alice.load(to + page * PAGE))).toEqual([0, 1, 44, 255]);
    expect(vmstat(machine, "thp_split_pmd")).toBe(1);
    checkAll(h, alice);
  });

  it("finds no room where an entry is", () => {
    const { alice, a } = hugeMachine();
    alice.touch(a, 2 * HUGE);
    const [from, to] = [pmdAt(alice, a), pmdAt(alice, a + HUGE)];
    expect(moveHugePmd(vmaAt(alice, a), a, from.pmdp, to.pmdp)).toBe(false);
    expect([pmdAt(alice, a), pmdAt(alice, a + HUGE)]).toEqual([from, to]);
  });
});

describe("MADV_FREE", () => {
  it("of a whole leaf keeps it, clean, and reclaim drops it without a split", () => {
    const h = hugeMachine();
    const { machine, sys, alice, a } = h;
    alice.store(a, 1, 1);
    const folio = folioAt(alice, a);
    alice.madvise(a, HUGE, "FREE");
    expect([folio.flags & PG_swapbacked, pteDirty(pmdAt(alice, a).pmd)]).toEqual([0, false]);
    folioGet(folio);
    const { pmdp } = pmdAt(alice, a);
    expect(discardAnonFolioPmd(vmaAt(alice, a), a, pmdp, folio)).toBe(true);
    expect([pmdLeaf(pmdAt(alice, a).pmd), alice.load(a)]).toEqual([false, 0]);
    expect([folio.refcount, vmstat(machine, "thp_split_pmd"), sys.thp.hugeZeroRefcount]).toEqual([1, 0, 2]);
  });

  it("keeps what was written since", () => {
    const { alice, a } = hugeMachine();
    alice.store(a, 1, 1);
    alice.madvise(a, HUGE, "FREE");
    alice.store(a + PAGE, 1, 2);
    const folio = folioAt(alice, a);
    expect(discardAnonFolioPmd(vmaAt(alice, a), a, pmdAt(alice, a).pmdp, folio)).toBe(false);
    expect([folio.flags & PG_swapbacked, alice.load(a), alice.load(a + PAGE)]).toEqual([PG_swapbacked, 1, 2]);
  });

  it("of a part splits the folio: pages of zeros become the zero page, the others are kept", () => {
    const h = hugeMachine();
    const { machine, alice, a } = h;
    for (let page = 0; page < 512; page += 2) alice.store(a + page * PAGE, 1, 1);
    alice.madvise(a, 10 * PAGE, "FREE");
    expect([vmstat(machine, "thp_split_page"), alice.task.mm!.rssStat[1]]).toEqual([1, 256]);
    checkAll(h, alice);
  });
});
