import { describe, expect, it } from "vitest";
import { VM_FAULT_SIGBUS, VmFault } from "../../../lib/mm/fault/vm_fault.js";
import { hugePteOffset } from "../../../lib/mm/hugetlb/huge_pte.js";
import { hugetlbWp } from "../../../lib/mm/hugetlb/hugetlb_wp.js";
import { HUGE, HugeWorld } from "./huge_world.js";

describe("a write to a huge page that may not be written", () => {
  it("copies all of it while it is shared, and is done in place by the last one", () => {
    const world = new HugeWorld(2);
    const p = world.spawn();
    const a = p.mmap(HUGE, { hugetlb: "2M" });
    p.store(a + HUGE - 1, 1, 1);
    const c = p.fork();
    c.store(a, 1, 2);
    expect([p.load(a, 1), c.load(a, 1), c.load(a + HUGE - 1, 1), world.pool()[1]]).toEqual([0, 2, 1, 0]);
    p.store(a, 1, 3);
    expect([p.load(a, 1), world.pool()[1], p.getrusage().minFlt]).toEqual([3, 0, 2]);
    world.check();
  });

  it("takes the page from all children when the owner finds none; they keep the others", () => {
    const world = new HugeWorld(2);
    const p = world.spawn();
    const a = p.mmap(2 * HUGE, { hugetlb: "2M", populate: true });
    const children = [p.fork(), p.fork()];
    p.store(a, 1, 1);
    for (const child of children) {
      expect(world.failing(() => child.load(a, 1))).toBe("SIGBUS");
      expect(child.load(a + HUGE, 1)).toBe(0);
      expect(world.failing(() => child.store(a + HUGE, 1, 1))).toBe("SIGBUS");
    }
    expect(world.machine.kernel.sys.kernelLog).toHaveLength(2);
    expect(p.getrusage().minFlt).toBe(3);
    world.check();
  });

  it("leaves shared mappings alone, whose pages nobody copies", () => {
    const world = new HugeWorld(1);
    const p = world.spawn();
    const a = p.mmap(HUGE, { hugetlb: "2M", shared: true });
    p.store(a, 1, 1);
    const c = p.fork();
    c.store(a, 1, 2);
    expect([p.load(a, 1), world.pool()]).toEqual([2, [1, 0, 0, 0]]);
    p.mprotect(a, HUGE, "r");
    p.mprotect(a, HUGE, "rw");
    p.store(a, 1, 3);
    const vmf = new VmFault(p.mm.mmMt.lookup(a)!, a, 1);
    vmf.ptep = hugePteOffset(p.mm, a, HUGE);
    expect([hugetlbWp(vmf), VM_FAULT_SIGBUS]).toEqual([0, 2]);
    world.check();
  });
});
