import { describe, expect, it } from "vitest";
import { hugetlbChangeProtection } from "../../../lib/mm/hugetlb/hugetlb_protect.js";
import { HUGE, HugeWorld } from "./huge_world.js";

describe("mprotect of huge pages", () => {
  it("reaches entries and TLBs at once, and a write after it gives rights faults once more", () => {
    const world = new HugeWorld(2);
    const p = world.spawn();
    p.on("SIGSEGV", () => {});
    const a = p.mmap(2 * HUGE, { hugetlb: "2M" });
    p.store(a, 1, 1);
    p.mprotect(a, HUGE, "r");
    expect([world.failing(() => p.store(a, 1, 2)), p.load(a, 1)]).toEqual(["SIGSEGV", 1]);
    p.mprotect(a, HUGE, "");
    expect(world.failing(() => p.load(a, 1))).toBe("SIGSEGV");
    p.mprotect(a, HUGE, "rw");
    const { minFlt } = p.getrusage();
    p.store(a, 1, 3);
    expect(p.getrusage().minFlt - minFlt).toBe(1);
    expect(world.failing(() => p.mprotect(a, 4096, "r"))).toBe("EINVAL");
    world.check();
  });

  it("counts the small pages that it changes", () => {
    const world = new HugeWorld(2);
    const p = world.spawn();
    const a = p.mmap(2 * HUGE, { hugetlb: "2M" });
    const vma = p.mm.mmMt.lookup(a)!;
    expect(hugetlbChangeProtection(vma, a, a + 2 * HUGE)).toBe(0);
    p.store(a, 1, 1);
    expect(hugetlbChangeProtection(vma, a, a + 2 * HUGE)).toBe(512);
    world.check();
  });
});
