import { describe, expect, it } from "vitest";
import { HugeZeroShrinker } from "../../../lib/mm/huge/huge_zero.js";
import { checkAll, folioAt, HUGE, hugeMachine, isHuge, vmstat } from "./huge_machine.js";

describe("the huge page of zeros", () => {
  it("is one for the machine, is got once by each process, and counts in nobody's resident set", () => {
    const h = hugeMachine();
    const { machine, sys, alice, a } = h;
    const rss = alice.task.mm!.rssStat[1];
    expect([alice.load(a + 5), alice.load(a + HUGE), alice.load(a + 2 * HUGE - 1)]).toEqual([0, 0, 0]);
    const bob = machine.spawn("bob");
    const b = bob.mmap(2 * HUGE);
    bob.load(b);
    expect(folioAt(bob, b)).toBe(folioAt(alice, a));
    expect([sys.thp.hugeZeroRefcount, alice.task.mm!.rssStat[1]]).toEqual([3, rss]);
    expect([vmstat(machine, "thp_zero_page_alloc"), vmstat(machine, "thp_fault_alloc")]).toEqual([1, 0]);
    checkAll(h, alice, bob);
  });

  it("is exchanged for a huge page of one's own by the first write", () => {
    const h = hugeMachine();
    const { machine, alice, a } = h;
    alice.load(a);
    alice.store(a + 9, 1, 77);
    expect([isHuge(alice, a), alice.load(a + 9), alice.load(a + 8)]).toEqual([true, 77, 0]);
    expect([vmstat(machine, "thp_fault_alloc"), vmstat(machine, "thp_split_pmd")]).toEqual([1, 0]);
    checkAll(h, alice);
  });

  it("is split into the zero page where no huge page can be had for the write", () => {
    const h = hugeMachine();
    const { machine, sys, alice, a } = h;
    alice.load(a);
    sys.shouldFailAllocPage = (_gfp, order) => order === 9;
    alice.store(a + 9, 1, 77);
    expect([isHuge(alice, a), alice.load(a + 9), alice.load(a + 4096)]).toEqual([false, 77, 0]);
    expect([vmstat(machine, "thp_split_pmd"), vmstat(machine, "thp_fault_fallback")]).toEqual([1, 1]);
    expect(alice.task.mm!.rssStat[1]).toBeGreaterThan(0);
    checkAll(h, alice);
  });

  it("goes when nobody has it and memory is wanted, not before", () => {
    const { machine, sys, alice, a } = hugeMachine();
    const shrinker = sys.shrinkers.find((one) => one instanceof HugeZeroShrinker)!;
    const sc = { gfpMask: 0, nrToScan: 512, nrScanned: 0 };
    alice.load(a);
    expect([shrinker.countObjects(), shrinker.scanObjects(sc)]).toEqual([0, 0]);
    alice.exit();
    expect([shrinker.countObjects(), sys.thp.hugeZeroRefcount]).toEqual([512, 1]);
    machine.procfs.write("/proc/sys/vm/drop_caches", "2");
    expect([sys.thp.hugeZeroFolio, sys.thp.hugeZeroRefcount]).toEqual([undefined, 0]);
  });

  it("is counted where it cannot be had, and small pages are mapped", () => {
    const { machine, sys, alice, a } = hugeMachine();
    sys.shouldFailAllocPage = (_gfp, order) => order === 9;
    const failed = vmstat(machine, "thp_zero_page_alloc_failed");
    expect(() => alice.load(a)).not.toThrow();
    expect(vmstat(machine, "thp_zero_page_alloc_failed") - failed).toBe(1);
    expect(isHuge(alice, a)).toBe(false);
  });
});
