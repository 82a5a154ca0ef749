import { describe, expect, it } from "vitest";
import {
  hugetlbAddFileRmap,
  hugetlbAddNewAnonRmap,
  hugetlbRemoveRmap,
  hugetlbTryDupAnonRmap,
} from "../../../lib/mm/hugetlb/hugetlb_rmap.js";
import { folioMapcount, folioTestAnon } from "../../../lib/mm/pages/folio.js";
import { HUGE, HugeWorld } from "./huge_world.js";

describe("who maps a huge page", () => {
  it("is one count for the whole page, and no counter of mapped pages knows it", () => {
    const world = new HugeWorld(2);
    const p = world.spawn();
    const a = p.mmap(HUGE, { hugetlb: "2M" });
    p.store(a, 1, 1);
    const vma = p.mm.mmMt.lookup(a)!;
    const folio = world.machine.kernel.sys.hugetlb.defaultHstate.hugepageFreelist[0]!;
    const before = world.procfs.meminfo();
    hugetlbAddNewAnonRmap(folio, vma, a);
    expect([folioMapcount(folio), folio.anonExclusive, folioTestAnon(folio), folio.index]).toEqual([
      1,
      true,
      true,
      0,
    ]);
    hugetlbTryDupAnonRmap(folio);
    hugetlbAddFileRmap(folio);
    expect([folio.entireMapcount, folio.largeMapcount, folio.anonExclusive]).toEqual([3, 3, false]);
    for (let i = 0; i < 3; i++) hugetlbRemoveRmap(folio);
    expect(() => hugetlbRemoveRmap(folio)).toThrow(/unmapped more often than mapped/);
    expect(world.procfs.meminfo()).toEqual(before);
    expect(world.procfs.status(p.pid)).toMatchObject({ HugetlbPages: 2048, VmRSS: 0 });
  });

  it("shows in kpagecount and smaps: shared from two on", () => {
    const world = new HugeWorld(2);
    const p = world.spawn();
    const a = p.mmap(HUGE, { hugetlb: "2M", populate: true });
    const of = (pid: number): unknown => {
      const area = world.procfs.smaps(pid).find(({ start }) => start === a)!;
      return [area.fields.Shared_Hugetlb, area.fields.Private_Hugetlb, area.fields.Rss];
    };
    expect(of(p.pid)).toEqual([0, 2048, 0]);
    const c = p.fork();
    expect([of(p.pid), of(c.pid)]).toEqual([
      [2048, 0, 0],
      [2048, 0, 0],
    ]);
    const { frame } = world.procfs.pagemap(p.pid, a + 4096 * 5, 1)[0]!;
    expect(world.procfs.kpagecount(frame)).toBe(2);
  });
});
