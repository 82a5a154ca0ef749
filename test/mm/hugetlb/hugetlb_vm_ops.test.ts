import { describe, expect, it } from "vitest";
import { EINVAL } from "../../../lib/mm/errno.js";
import { hugetlbfsFileMmap, hugetlbVmOps } from "../../../lib/mm/hugetlb/hugetlb_vm_ops.js";
import { vmaResv } from "../../../lib/mm/hugetlb/vma_resv.js";
import { HUGE, HugeWorld } from "./huge_world.js";

describe("mappings of huge pages", () => {
  it("give back what they were promised and have not taken, also half by half", () => {
    const world = new HugeWorld(6);
    const p = world.spawn();
    const a = p.mmap(4 * HUGE, { hugetlb: "2M" });
    p.store(a, 1, 1);
    expect(world.pool()).toEqual([6, 5, 3, 0]);
    p.munmap(a + 2 * HUGE, 2 * HUGE);
    expect(world.pool()).toEqual([6, 5, 1, 0]);
    expect(vmaResv(p.mm.mmMt.lookup(a)!).map!.refs).toBe(1);
    p.munmap(a, HUGE);
    expect(world.pool()).toEqual([6, 6, 1, 0]);
    p.munmap(a + HUGE, HUGE);
    expect(world.pool()).toEqual([6, 6, 0, 0]);
    world.check();
  });

  it("cannot be cut inside a page, and take their promise along when they move", () => {
    const world = new HugeWorld(4);
    const p = world.spawn();
    const a = p.mmap(2 * HUGE, { hugetlb: "2M" });
    const vma = p.mm.mmMt.lookup(a)!;
    expect([hugetlbVmOps.maySplit!(vma, a + 4096), hugetlbVmOps.maySplit!(vma, a + HUGE)]).toEqual([
      -EINVAL,
      0,
    ]);
    expect(hugetlbVmOps.pagesize!(vma)).toBe(HUGE);
    expect(() => hugetlbVmOps.fault!(undefined as never)).toThrow(/the way of small ones/);
    p.store(a, 1, 8);
    const b = p.mremap(a, 2 * HUGE, 2 * HUGE, { to: 0x2000_0000_0000 });
    expect([world.pool(), p.load(b, 1)]).toEqual([[4, 3, 1, 0], 8]);
    p.store(b + HUGE, 1, 9);
    expect(world.pool()).toEqual([4, 2, 0, 0]);
    world.check();
  });

  it("start with a whole page of the file", () => {
    const world = new HugeWorld(1);
    const p = world.spawn();
    const vma = p.mm.mmMt.lookup(p.mmap(HUGE, { hugetlb: "2M", noreserve: true }))!;
    vma.vmPgoff = 1;
    expect(hugetlbfsFileMmap(vma)).toBe(-EINVAL);
  });
});
