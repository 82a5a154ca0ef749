/** Why postgres dies of a bus error with huge pages (kubernetes#71233, lxc/incus#769, libhugetlbfs#61), played out. */
import { describe, expect, it } from "vitest";
import { HUGE, HugeWorld } from "./huge_world.js";

describe("a database on a pool of 10 huge pages without overcommit", () => {
  it("is told at once that 12 pages cannot be promised", () => {
    const world = new HugeWorld(10);
    const postgres = world.spawn("postgres");
    expect(world.failing(() => postgres.mmap(12 * HUGE, { hugetlb: "2M" }))).toBe("ENOMEM");
    expect(world.pool()).toEqual([10, 10, 0, 0]);
  });

  it("maps 12 pages with MAP_NORESERVE, and dies of the eleventh touch", () => {
    const world = new HugeWorld(10);
    const postgres = world.spawn("postgres");
    const a = postgres.mmap(12 * HUGE, { hugetlb: "2M", noreserve: true });
    expect(world.pool()).toEqual([10, 10, 0, 0]);
    const touched = Array.from({ length: 12 }, (_, i) =>
      world.failing(() => postgres.store(a + i * HUGE, 1, 1)),
    );
    expect(touched).toEqual([...new Array<string>(10).fill(""), "SIGBUS", "SIGBUS"]);
    expect(world.pool()).toEqual([10, 0, 0, 0]);
    world.check();
  });

  it("holds promises until it touches, and leaves 2 pages for others", () => {
    const world = new HugeWorld(10);
    const p = world.spawn("p");
    const a = p.mmap(8 * HUGE, { hugetlb: "2M" });
    expect(world.pool()).toEqual([10, 10, 8, 0]);
    for (let i = 0; i < 8; i++) p.store(a + i * HUGE, 1, i);
    expect(world.pool()).toEqual([10, 2, 0, 0]);
    const q = world.spawn("q");
    expect(world.failing(() => q.mmap(3 * HUGE, { hugetlb: "2M" }))).toBe("ENOMEM");
    expect(world.failing(() => q.mmap(2 * HUGE, { hugetlb: "2M" }))).toBe("");
    expect(world.pool()).toEqual([10, 2, 2, 0]);
    world.check();
  });

  it("forks with no page left: the child may not write, the parent takes the page from the child", () => {
    const world = new HugeWorld(10);
    const p = world.spawn("p");
    const a = p.mmap(8 * HUGE, { hugetlb: "2M" });
    for (let i = 0; i < 8; i++) p.store(a + i * HUGE, 1, 10 + i);
    const q = world.spawn("q");
    q.mmap(2 * HUGE, { hugetlb: "2M", populate: true });
    expect(world.pool()).toEqual([10, 0, 0, 0]);
    const c = p.fork("c");
    expect(world.failing(() => c.store(a, 1, 99))).toBe("SIGBUS");
    expect(c.load(a, 1)).toBe(10); // it still has the page
    expect(world.failing(() => p.store(a, 1, 20))).toBe("");
    expect(world.pool()).toEqual([10, 0, 0, 0]);
    world.check();
    expect(world.machine.kernel.sys.kernelLog).toEqual([]);
    expect(world.failing(() => c.load(a, 1))).toBe("SIGBUS");
    expect(world.machine.kernel.sys.kernelLog).toEqual([
      `PID ${c.pid} killed due to inadequate hugepage pool`,
    ]);
    expect([p.load(a, 1), c.load(a + HUGE, 1)]).toEqual([20, 11]); // the other pages are still shared
    c.exit(0);
    world.check();
    expect(world.pool()).toEqual([10, 0, 0, 0]);
  });
});
