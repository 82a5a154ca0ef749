import { describe, expect, it } from "vitest";
import { FAULT_FLAG_WRITE, VM_FAULT_SIGBUS } from "../../../lib/mm/fault/vm_fault.js";
import { folioZeroUser, hugetlbFault } from "../../../lib/mm/hugetlb/hugetlb_fault.js";
import { HUGE, HugeWorld } from "./huge_world.js";

describe("a fault on huge pages", () => {
  it("brings all of the page at once, zeroed, at the price of zeroing it", () => {
    const world = new HugeWorld(2);
    const p = world.spawn();
    const a = p.mmap(2 * HUGE, { hugetlb: "2M" });
    const { clock, costs } = world.machine.kernel.sys;
    const before = clock.nowNs;
    expect(p.load(a + HUGE - 1, 1)).toBe(0);
    expect(clock.nowNs - before).toBeGreaterThan(512 * costs.zeroPageNs);
    for (let at = 0; at < HUGE; at += 4096) p.store(a + at, 1, 3);
    expect(p.getrusage()).toMatchObject({ minFlt: 2, majFlt: 0 }); // a read, the first write
    world.check();
  });

  it("is SIGBUS when there is no page, and beyond the end of the file; nobody is killed for memory", () => {
    const world = new HugeWorld(1);
    const p = world.spawn();
    const a = p.mmap(2 * HUGE, { hugetlb: "2M", noreserve: true });
    const vma = p.mm.mmMt.lookup(a)!;
    expect(hugetlbFault(vma, a, FAULT_FLAG_WRITE)).toBe(0);
    expect(hugetlbFault(vma, a, FAULT_FLAG_WRITE)).toBe(0); // nothing to do
    expect(hugetlbFault(vma, a + HUGE + 5, 0)).toBe(VM_FAULT_SIGBUS);
    const fd = p.memfdCreate("f", { hugetlb: "2M" });
    const b = p.mmap(HUGE, { fd, shared: true, prot: "r", noreserve: true });
    expect(world.failing(() => p.load(b, 1))).toBe("SIGBUS");
    expect(world.procfs.vmstat().oom_kill).toBe(0);
    world.check();
  });

  it("of a private mapping of a file maps the file's page, and copies it when it is written", () => {
    const world = new HugeWorld(3);
    const p = world.spawn();
    const fd = p.memfdCreate("f", { hugetlb: "2M" });
    const shared = p.mmap(HUGE, { fd, shared: true });
    p.store(shared, 1, 5);
    const own = p.mmap(HUGE, { fd });
    expect([p.load(own, 1), world.pool()]).toEqual([5, [3, 2, 1, 0]]);
    p.store(own, 1, 6);
    expect([p.load(shared, 1), p.load(own, 1), world.pool()]).toEqual([5, 6, [3, 1, 0, 0]]);
    world.check();
  });

  it("finds zeros though the page was used before", () => {
    const { sys } = new HugeWorld(1).machine.kernel;
    const folio = sys.hugetlb.defaultHstate.hugepageFreelist[0]!;
    sys.ram.frame(folio.pfn + 511)[7] = 9;
    folioZeroUser(sys, folio);
    expect(sys.ram.frame(folio.pfn + 511)[7]).toBe(0);
  });
});
