import { describe, expect, it } from "vitest";
import { unmapHugepageRange } from "../../../lib/mm/hugetlb/hugetlb_unmap.js";
import { vmaResv } from "../../../lib/mm/hugetlb/vma_resv.js";
import { pageFolio, pfnToPage } from "../../../lib/mm/pages/folio.js";
import { HUGE, HugeWorld } from "./huge_world.js";

describe("unmapping huge pages", () => {
  it("makes the owner's promise again, so that dropped memory can be touched again", () => {
    const world = new HugeWorld(2);
    const p = world.spawn();
    const a = p.mmap(HUGE, { hugetlb: "2M" });
    p.store(a, 1, 1);
    p.madvise(a, HUGE, "DONTNEED");
    expect([world.pool(), world.procfs.status(p.pid).HugetlbPages]).toEqual([[2, 2, 1, 0], 0]);
    const q = world.spawn();
    expect(world.failing(() => q.mmap(2 * HUGE, { hugetlb: "2M" }))).toBe("ENOMEM");
    expect(p.load(a, 1)).toBe(0);
    world.check();
  });

  it("rounds the length of DONTNEED down, and refuses a start inside a page", () => {
    const world = new HugeWorld(2);
    const p = world.spawn();
    const a = p.mmap(2 * HUGE, { hugetlb: "2M", populate: true });
    expect(world.failing(() => p.madvise(a + 4096, HUGE, "DONTNEED"))).toBe("EINVAL");
    p.madvise(a, HUGE - 4096, "DONTNEED");
    expect(world.pool()[1]).toBe(0);
    p.madvise(a, HUGE + 4096, "DONTNEED");
    expect(world.pool()[1]).toBe(1);
  });

  it("does not make it again while there are surplus pages: the page leaves the pool", () => {
    const world = new HugeWorld(2);
    const p = world.spawn();
    const a = p.mmap(2 * HUGE, { hugetlb: "2M", populate: true });
    world.resize(1);
    p.madvise(a, HUGE, "DONTNEED");
    expect(world.pool()).toEqual([1, 0, 0, 0]);
    expect(world.failing(() => p.load(a, 1))).toBe("SIGBUS");
    world.check();
  });

  it("counts the owner's promise back twice while a child has the page, as Linux 6.18 does", () => {
    const world = new HugeWorld(2);
    const p = world.spawn();
    const a = p.mmap(HUGE, { hugetlb: "2M", populate: true });
    const c = p.fork();
    p.munmap(a, HUGE);
    expect(world.procfs.read("/proc/meminfo")).toMatch(/^HugePages_Rsvd: {4}18446744073709551615$/m);
    world.check();
    c.exit(0);
    expect(world.pool()).toEqual([2, 2, 0, 0]);
  });

  it("of one page marks the VMA, and takes whole pages only", () => {
    const world = new HugeWorld(2);
    const { sys } = world.machine.kernel;
    const p = world.spawn();
    const a = p.mmap(2 * HUGE, { hugetlb: "2M", populate: true, noreserve: true });
    const vma = p.mm.mmMt.lookup(a)!;
    const folio = pageFolio(pfnToPage(sys, world.procfs.pagemap(p.pid, a + HUGE, 1)[0]!.frame));
    unmapHugepageRange(vma, a, a + HUGE, folio);
    expect([vmaResv(vma).unmapped, world.pool()[1]]).toEqual([false, 0]);
    unmapHugepageRange(vma, a, a + 2 * HUGE, folio);
    expect([vmaResv(vma).unmapped, world.pool()[1]]).toEqual([true, 1]);
    expect(() => unmapHugepageRange(vma, a, a + 4096)).toThrow(/part of a huge page/);
    world.check();
  });
});
