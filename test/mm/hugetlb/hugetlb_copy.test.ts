import { describe, expect, it } from "vitest";
import { copyHugetlbPageRange, moveHugetlbPageTables } from "../../../lib/mm/hugetlb/hugetlb_copy.js";
import { HUGE, HugeWorld } from "./huge_world.js";

describe("fork and mremap of huge pages", () => {
  it("share private pages entry by entry, and leave shared ones to the faults", () => {
    const world = new HugeWorld(4);
    const p = world.spawn();
    const a = p.mmap(2 * HUGE, { hugetlb: "2M", populate: true });
    const b = p.mmap(HUGE, { hugetlb: "2M", shared: true, populate: true });
    const c = p.fork();
    expect(world.procfs.status(c.pid).HugetlbPages).toBe(2 * 2048);
    expect([c.load(b, 1), world.procfs.status(c.pid).HugetlbPages]).toEqual([0, 3 * 2048]);
    expect(world.pool()).toEqual([4, 1, 0, 0]);
    expect(c.load(a, 1)).toBe(0);
    world.check();
  });

  it("say when there is no memory for a table", () => {
    const world = new HugeWorld(1);
    const { sys } = world.machine.kernel;
    const p = world.spawn();
    const a = p.mmap(HUGE, { hugetlb: "2M", populate: true });
    const q = world.spawn();
    const vma = p.mm.mmMt.lookup(a)!;
    sys.shouldFailAllocPage = () => true;
    const other = Object.assign(Object.create(Object.getPrototypeOf(vma)), vma, { vmMm: q.mm });
    expect(copyHugetlbPageRange(other, vma)).toBe(-12);
    expect(moveHugetlbPageTables(vma, a, 0x2000_0000_0000, HUGE)).toBe(0);
    sys.shouldFailAllocPage = undefined;
    expect(p.load(a, 1)).toBe(0);
    world.check();
  });

  it("keep the pages where they are in RAM when the mapping moves", () => {
    const world = new HugeWorld(2);
    const p = world.spawn();
    const a = p.mmap(2 * HUGE, { hugetlb: "2M" });
    p.store(a + HUGE, 1, 7);
    const frame = (at: number): number => world.procfs.pagemap(p.pid, at, 1)[0]!.frame;
    const before = frame(a + HUGE);
    const b = p.mremap(a, 2 * HUGE, 2 * HUGE, { to: 0x2000_0000_0000 });
    expect([frame(b + HUGE), p.load(b + HUGE, 1)]).toEqual([before, 7]);
    expect(world.failing(() => p.load(b, 1))).toBe("");
    world.check();
  });
});
