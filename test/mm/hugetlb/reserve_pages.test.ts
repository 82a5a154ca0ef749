import { describe, expect, it } from "vitest";
import { EINVAL } from "../../../lib/mm/errno.js";
import { hugetlbReservePages, hugetlbUnreservePages } from "../../../lib/mm/hugetlb/reserve_pages.js";
import { VM_NORESERVE } from "../../../lib/mm/mm_types.js";
import { HUGE, HugeWorld } from "./huge_world.js";

describe("the promise of huge pages", () => {
  it("is made to a file once for each page, and goes with the file", () => {
    const world = new HugeWorld(4);
    const p = world.spawn();
    const fd = p.memfdCreate("f", { hugetlb: "2M" });
    const a = p.mmap(2 * HUGE, { fd, shared: true });
    const b = p.mmap(3 * HUGE, { fd, shared: true });
    expect(world.pool()).toEqual([4, 4, 3, 0]);
    p.munmap(a, 2 * HUGE);
    p.munmap(b, 3 * HUGE);
    expect(world.pool()).toEqual([4, 4, 3, 0]);
    p.close(fd);
    expect(world.pool()).toEqual([4, 4, 0, 0]);
    world.check();
  });

  it("fails as a whole, and takes back what a truncated file does not need", () => {
    const world = new HugeWorld(4);
    const p = world.spawn();
    const a = p.mmap(2 * HUGE, { hugetlb: "2M", shared: true });
    const { fMapping } = p.mm.mmMt.lookup(a)!.vmFile!;
    expect(hugetlbReservePages(fMapping, 2, 7, undefined, VM_NORESERVE)).toBe(0);
    expect([hugetlbReservePages(fMapping, 2, 7, undefined, 0), world.pool()]).toEqual([
      -EINVAL,
      [4, 4, 2, 0],
    ]);
    expect([hugetlbReservePages(fMapping, 1, 4, undefined, 0), world.pool()]).toEqual([2, [4, 4, 4, 0]]);
    hugetlbUnreservePages(fMapping, 1, 4, 0);
    expect(world.pool()).toEqual([4, 4, 1, 0]);
  });
});
