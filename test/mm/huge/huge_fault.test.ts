import { describe, expect, it } from "vitest";
import { pteDirty, pteWrite, pteYoung } from "../../../lib/mm/pgtable/pgtable.js";
import { checkAll, folioAt, HUGE, hugeMachine, isHuge, PAGE, pmdAt, vmstat } from "./huge_machine.js";

describe("a huge fault", () => {
  it("maps 2 MiB of zeros with one minor fault, exclusive, dirty and used", () => {
    const h = hugeMachine();
    const { machine, sys, alice, a } = h;
    const before = alice.getrusage().minFlt;
    alice.store(a + 12345, 1, 7);
    expect(alice.getrusage().minFlt - before).toBe(1);
    for (let page = 0; page < 512; page++) alice.load(a + page * PAGE);
    expect(alice.getrusage().minFlt - before).toBe(1);
    const { pmd } = pmdAt(alice, a);
    expect([pteWrite(pmd), pteDirty(pmd), pteYoung(pmd)]).toEqual([true, true, true]);
    const folio = folioAt(alice, a);
    expect([folio.refcount, folio.entireMapcount, folio.largeMapcount, folio.anonExclusive]).toEqual([
      1,
      1,
      1,
      true,
    ]);
    expect([alice.load(a + 12345), alice.load(a), alice.task.mm!.rssStat[1]]).toEqual([7, 0, 512]);
    expect([vmstat(machine, "thp_fault_alloc"), vmstat(machine, "nr_anon_transparent_hugepages")]).toEqual([
      1, 1,
    ]);
    expect(sys.lruvec.deferredSplitQueue.has(folio)).toBe(true);
    checkAll(h, alice);
  });

  it("takes the time of one fault and 512 pages of zeros", () => {
    const small = hugeMachine();
    small.sys.thp.enabled = "never";
    const one = small.machine.measure(() => small.alice.touch(small.a, HUGE)).ns;
    const huge = hugeMachine();
    const other = huge.machine.measure(() => huge.alice.touch(huge.a, HUGE)).ns;
    const { faultNs, zeroPageNs } = huge.sys.costs;
    expect(other).toBeGreaterThan(512 * zeroPageNs + faultNs);
    expect(one - other).toBeGreaterThan(500 * faultNs);
  });

  it("falls back to a small page where the block does not fit the VMA, without counting that", () => {
    const { machine, alice, a } = hugeMachine();
    alice.munmap(a, PAGE);
    alice.store(a + PAGE, 1, 1);
    expect([isHuge(alice, a + PAGE), vmstat(machine, "thp_fault_fallback")]).toEqual([false, 0]);
    alice.store(a + HUGE, 1, 1);
    expect(isHuge(alice, a + HUGE)).toBe(true);
  });

  it("falls back, and counts it, where there is no block of 2 MiB", () => {
    const h = hugeMachine();
    const { machine, sys, alice, a } = h;
    sys.shouldFailAllocPage = (_gfp, order) => order === 9;
    alice.store(a, 1, 1);
    expect([isHuge(alice, a), vmstat(machine, "thp_fault_fallback")]).toEqual([false, 1]);
    const stats = "/sys/kernel/mm/transparent_hugepage/hugepages-2048kB/stats/anon_fault_fallback";
    expect(machine.procfs.read(stats)).toBe("1\n");
    checkAll(h, alice);
  });

  it("gives the huge page back where no table can be had", () => {
    const { sys, alice, a } = hugeMachine();
    alice.store(a + HUGE, 1, 1);
    const free = sys.zones.reduce((sum, zone) => sum + zone.nrFreePages, 0);
    const mm = alice.task.mm!;
    let fail = false;
    sys.shouldFailAllocPage = (_gfp, order) => {
      if (order === 9) fail = true; // what comes behind it
      return order !== 9 && fail;
    };
    expect(() => alice.store(a, 1, 1)).toThrow();
    expect(mm.thp.pmdHugePte.size).toBeLessThanOrEqual(1);
    expect(sys.zones.reduce((sum, zone) => sum + zone.nrFreePages, 0)).toBeGreaterThanOrEqual(free);
  });
});

describe("a write to a read-only leaf", () => {
  it("makes it writable where the page is ours alone", () => {
    const { machine, alice, a } = hugeMachine();
    alice.store(a, 1, 1);
    alice.mprotect(a, HUGE, "r");
    alice.mprotect(a, HUGE, "rw");
    const before = alice.getrusage().minFlt;
    alice.store(a, 1, 2);
    expect([alice.getrusage().minFlt - before, isHuge(alice, a)]).toEqual([0, true]);
    const bob = alice.fork("bob");
    bob.exit();
    alice.store(a + PAGE, 1, 3);
    expect([isHuge(alice, a), vmstat(machine, "thp_split_pmd")]).toEqual([true, 0]);
    expect(alice.getrusage().minFlt - before).toBe(1);
  });

  it("splits it and copies 4 KiB where a fork shares it: the other keeps his huge page", () => {
    const h = hugeMachine();
    const { machine, sys, alice, a } = h;
    alice.store(a, 1, 1);
    const bob = alice.fork("bob");
    const copied = sys.ram.framesCopied;
    alice.store(a + 7 * PAGE, 1, 9);
    expect([isHuge(alice, a), isHuge(bob, a), sys.ram.framesCopied - copied]).toEqual([false, true, 1]);
    expect([bob.load(a + 7 * PAGE), alice.load(a + 7 * PAGE), alice.load(a)]).toEqual([0, 9, 1]);
    expect([vmstat(machine, "thp_split_pmd"), vmstat(machine, "thp_split_page")]).toEqual([1, 0]);
    checkAll(h, alice, bob);
  });

  it("never lets a processor see the old page: the other CPU's entry of 2 MiB is gone", () => {
    const machine = hugeMachine({ cpus: 2 });
    const { alice, a } = machine;
    alice.store(a, 1, 1);
    const thread = alice.thread(1);
    expect(thread.load(a + 3 * PAGE)).toBe(0);
    const bob = alice.fork("bob");
    alice.store(a + 3 * PAGE, 1, 5);
    expect([thread.load(a + 3 * PAGE), bob.load(a + 3 * PAGE)]).toEqual([5, 0]);
  });
});
