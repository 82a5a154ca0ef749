import { describe, expect, it } from "vitest";
import { ENOMEM } from "../../../lib/mm/errno.js";
import { folioHstate, hugetlbAcctMemory } from "../../../lib/mm/hugetlb/pool.js";
import { pfnToPage } from "../../../lib/mm/pages/folio.js";
import { nrFreePages } from "../../../lib/mm/pages/page_alloc.js";
import { hasKpf, KPF_HUGE, KPF_LRU, KPF_THP } from "../../../lib/procfs/page.js";
import { HUGE, HugeWorld } from "./huge_world.js";

describe("a pool of huge pages", () => {
  it("takes its pages out of free memory, and they are huge pages though nobody uses them", () => {
    const { machine, procfs } = new HugeWorld(3);
    const { sys } = machine.kernel;
    const bare = new HugeWorld(0).machine.kernel.sys;
    expect(nrFreePages(bare) - nrFreePages(sys)).toBeGreaterThanOrEqual(3 * 512);
    const folio = sys.hugetlb.defaultHstate.hugepageFreelist[0]!;
    expect([folio.refcount, folioHstate(sys, folio).order]).toEqual([0, 9]);
    for (const pfn of [folio.pfn, folio.pfn + 511]) {
      const flags = procfs.kpageflags(pfn);
      expect([KPF_HUGE, KPF_THP, KPF_LRU].map((flag) => hasKpf(flags, flag))).toEqual([true, false, false]);
    }
  });

  it("promises what is free, then surplus pages as far as they are allowed, or nothing", () => {
    const world = new HugeWorld(2);
    const { sys } = world.machine.kernel;
    const h = sys.hugetlb.defaultHstate;
    expect([hugetlbAcctMemory(sys, h, 3), world.pool()]).toEqual([-ENOMEM, [2, 2, 0, 0]]);
    h.nrOvercommitHugePages = 2;
    expect([hugetlbAcctMemory(sys, h, 5), world.pool()]).toEqual([-ENOMEM, [2, 2, 0, 0]]);
    expect([hugetlbAcctMemory(sys, h, 4), world.pool()]).toEqual([0, [4, 4, 4, 2]]);
    expect([hugetlbAcctMemory(sys, h, -3), world.pool()]).toEqual([0, [2, 2, 1, 0]]);
  });

  it("gets a page back when its last user is gone, for the next one zeroed", () => {
    const world = new HugeWorld(1);
    const p = world.spawn();
    const a = p.mmap(HUGE, { hugetlb: "2M" });
    p.store(a + 5000, 1, 7);
    const { pfn } = pfnToPage(world.machine.kernel.sys, world.procfs.pagemap(p.pid, a, 1)[0]!.frame);
    p.exit(0);
    expect(world.pool()).toEqual([1, 1, 0, 0]);
    const q = world.spawn();
    const b = q.mmap(HUGE, { hugetlb: "2M", populate: true });
    expect([world.procfs.pagemap(q.pid, b, 1)[0]!.frame, q.load(b + 5000, 1)]).toEqual([pfn, 0]);
  });

  it("counts pages that the buddy allocator had for it, and had not", () => {
    const world = new HugeWorld(0);
    world.resize(1000);
    const { htlb_buddy_alloc_success: had, htlb_buddy_alloc_fail: hadNot } = world.procfs.vmstat();
    expect([had, hadNot]).toEqual([world.pool()[0], 1]);
    world.check();
  });
});
