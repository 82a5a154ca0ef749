import { describe, expect, it } from "vitest";
import { EINVAL } from "../../../lib/mm/errno.js";
import { demoteHugePages, hugetlbInit, setMaxHugePages } from "../../../lib/mm/hugetlb/max_huge_pages.js";
import { HUGE, HugeWorld } from "./huge_world.js";

describe("the size of a pool", () => {
  it("grows to what can be had, and the write succeeds", () => {
    const world = new HugeWorld(0);
    world.resize(10_000);
    const [total] = world.pool();
    expect(total).toBeGreaterThan(10);
    expect(total).toBeLessThan(32);
    expect(Number(world.procfs.read("/proc/sys/vm/nr_hugepages"))).toBe(total);
    world.resize(2);
    expect(world.pool()).toEqual([2, 2, 0, 0]);
    world.check();
  });

  it("shrinks by free pages only; what is in use or promised becomes surplus", () => {
    const world = new HugeWorld(8);
    const p = world.spawn();
    const a = p.mmap(4 * HUGE, { hugetlb: "2M" });
    p.store(a, 1, 1);
    world.resize(1);
    expect(world.pool()).toEqual([4, 3, 3, 3]);
    expect(world.procfs.read("/proc/sys/vm/nr_hugepages")).toBe("1\n");
    world.resize(3);
    expect(world.pool()).toEqual([4, 3, 3, 1]);
    p.munmap(a, 4 * HUGE);
    expect(world.pool()).toEqual([3, 3, 0, 0]);
    world.check();
  });

  it("of 1 GiB pages can be given to the pool of 2 MiB pages", () => {
    const world = new HugeWorld(0, { ram: "3 GiB", reserved: "2 MiB", hugepages: { "2M": 1, "1G": 1 } });
    const { sys } = world.machine.kernel;
    expect(demoteHugePages(sys, sys.hugetlb.defaultHstate, 1)).toBe(-EINVAL);
    world.procfs.write("/sys/kernel/mm/hugepages/hugepages-1048576kB/demote", "5");
    expect(world.pool()).toEqual([513, 513, 0, 0]);
    expect(world.procfs.meminfo()).toMatchObject({ Hugetlb: 513 * 2048 });
    setMaxHugePages(sys, sys.hugetlb.defaultHstate, 0);
    expect(world.pool()).toEqual([0, 0, 0, 0]);
    world.check();
  });

  it("is 0 unless boot is told otherwise, which refuses sizes that there are not", () => {
    expect(new HugeWorld(0).pool()).toEqual([0, 0, 0, 0]);
    expect(() => new HugeWorld(0, { hugepages: { "4M": 1 } })).toThrow(/"2M" and of "1G", not of "4M"/);
    expect(() => new HugeWorld(0, { hugepages: { "2M": -1 } })).toThrow(/not a number of pages/);
    const { sys } = new HugeWorld(1).machine.kernel;
    expect(() => hugetlbInit(sys, [{ hugePageSize: 4096, nr: 1 }])).toThrow(/no huge pages of 4096/);
  });
});
