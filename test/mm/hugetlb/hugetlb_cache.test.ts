import { describe, expect, it } from "vitest";
import type { Process } from "../../../lib/kernel/process.js";
import {
  hugetlbAddToPageCache,
  hugetlbPunchHole,
  hugetlbVmtruncate,
  removeInodeHugepages,
} from "../../../lib/mm/hugetlb/hugetlb_cache.js";
import { HUGE, HugeWorld } from "./huge_world.js";

function fileOf(pages: number): { world: HugeWorld; p: Process; fd: number; a: number } {
  const world = new HugeWorld(6);
  const p = world.spawn();
  const fd = p.memfdCreate("f", { hugetlb: "2M" });
  const a = p.mmap(pages * HUGE, { fd, shared: true });
  for (let i = 0; i < pages; i++) p.store(a + i * HUGE + 4096, 1, i + 1);
  return { world, p, fd, a };
}

describe("the pages of a file of huge pages", () => {
  it("go when it is cut, from all who map them, with what was promised behind the end", () => {
    const { world, p, fd, a } = fileOf(3);
    p.mmap(4 * HUGE, { fd, shared: true });
    expect(world.pool()).toEqual([6, 3, 1, 0]);
    p.ftruncate(fd, HUGE);
    expect(world.pool()).toEqual([6, 5, 0, 0]);
    expect([p.load(a + 4096, 1), world.failing(() => p.load(a + HUGE, 1))]).toEqual([1, "SIGBUS"]);
    expect(world.failing(() => p.ftruncate(fd, HUGE + 4096))).toBe("EINVAL");
    world.check();
  });

  it("are zeroed in part or taken out whole where a hole is made", () => {
    const { world, p, a } = fileOf(3);
    const { fMapping } = p.mm.mmMt.lookup(a)!.vmFile!;
    hugetlbPunchHole(fMapping, 4096, 100);
    expect(p.load(a + 4096, 1)).toBe(0);
    p.store(a + 4095, 1, 8);
    hugetlbPunchHole(fMapping, 4096, 2 * HUGE);
    expect(world.pool()[1]).toBe(4);
    expect([0, 1, 2].map((i) => p.load(a + i * HUGE + 4096, 1))).toEqual([0, 0, 3]);
    expect([p.load(a + 4095, 1), p.load(a + 2 * HUGE + 4095, 1)]).toEqual([8, 0]);
    p.madvise(a, HUGE, "REMOVE");
    expect(p.load(a + 4095, 1)).toBe(0);
    world.check();
  });

  it("come in by a fault or by hand, and all go at the end", () => {
    const { world, p, a } = fileOf(2);
    const { fMapping } = p.mm.mmMt.lookup(a)!.vmFile!;
    const { folios } = fMapping.host.hugetlb!;
    expect([...folios.keys()]).toEqual([0, 1]);
    expect(folios.get(1)).toMatchObject({ index: 512, refcount: 513 });
    p.munmap(a, 2 * HUGE);
    removeInodeHugepages(fMapping, 0, 1);
    expect([[...folios.keys()], world.pool()]).toEqual([[1], [6, 5, 0, 0]]);
    hugetlbVmtruncate(fMapping, 0);
    expect([folios.size, world.pool()]).toEqual([0, [6, 6, 0, 0]]);
    const folio = world.machine.kernel.sys.hugetlb.defaultHstate.hugepageFreelist[0]!;
    hugetlbAddToPageCache(folio, fMapping, 3);
    expect([folio.index, folio.mapping === fMapping, folios.get(3) === folio]).toEqual([3 * 512, true, true]);
  });
});
