import { describe, expect, it } from "vitest";
import { ENOSPC } from "../../../lib/mm/errno.js";
import { allocHugetlbFolio } from "../../../lib/mm/hugetlb/alloc_hugetlb_folio.js";
import { HPG_RESTORE_RESERVE } from "../../../lib/mm/hugetlb/vma_resv.js";
import type { Folio } from "../../../lib/mm/pages/folio.js";
import { folioPut } from "../../../lib/mm/pages/free_pages.js";
import { HUGE, HugeWorld } from "./huge_world.js";

describe("a huge page for a fault", () => {
  it("is taken on the promise, and the promise comes back if it is freed unused", () => {
    const world = new HugeWorld(2);
    const p = world.spawn();
    const a = p.mmap(HUGE, { hugetlb: "2M" });
    const folio = allocHugetlbFolio(p.mm.mmMt.lookup(a)!, a, false) as Folio;
    expect([folio.refcount, folio.private, world.pool()]).toEqual([1, HPG_RESTORE_RESERVE, [2, 1, 0, 0]]);
    folioPut(world.machine.kernel.sys, folio);
    expect(world.pool()).toEqual([2, 2, 1, 0]);
  });

  it("is found beyond all promises, or among surplus pages, or not at all", () => {
    const world = new HugeWorld(2);
    const p = world.spawn();
    p.mmap(HUGE, { hugetlb: "2M" });
    const b = p.mmap(3 * HUGE, { hugetlb: "2M", noreserve: true });
    const vma = p.mm.mmMt.lookup(b)!;
    expect(allocHugetlbFolio(vma, b, false)).toMatchObject({ private: 0 });
    expect(allocHugetlbFolio(vma, b + HUGE, false)).toBe(-ENOSPC);
    world.resize(1, "nr_overcommit_hugepages");
    expect(allocHugetlbFolio(vma, b + HUGE, true)).toMatchObject({ refcount: 1 });
    expect([world.pool(), allocHugetlbFolio(vma, b, true)]).toEqual([[3, 1, 1, 1], -ENOSPC]);
  });

  it("may come from what its mount was promised", () => {
    const world = new HugeWorld(2);
    world.machine.mkdir("/huge");
    world.machine.mount("hugetlbfs", "/huge", { size: "2 MiB", minSize: "2 MiB" });
    expect(world.pool()).toEqual([2, 2, 1, 0]);
    const p = world.spawn();
    const a = p.mmap(2 * HUGE, { fd: p.open("/huge/f", { create: true }), shared: true, noreserve: true });
    p.store(a, 1, 1);
    expect(world.pool()).toEqual([2, 1, 0, 0]);
    expect(world.failing(() => p.store(a + HUGE, 1, 1))).toBe("SIGBUS"); // the mount has no more
    world.check();
    p.exit(0);
    expect(world.machine.kernel.files.unlink("/huge/f")).toBe(0);
    expect(world.pool()).toEqual([2, 2, 1, 0]);
    world.check();
  });
});
