import { describe, expect, it } from "vitest";
import { blockStart, pteRangeNone } from "../../../lib/mm/huge/alloc_anon_folio.js";
import { mthpStat } from "../../../lib/mm/huge/thp_state.js";
import { pteOffset } from "../../../lib/mm/pgtable/pgtable_alloc.js";
import { checkAll, folioAt, HUGE, type HugeMachine, hugeMachine, PAGE } from "./huge_machine.js";

/** Folios of these sizes, in kB, for everybody, and none of 2 MiB. */
function withSizes(...sizes: number[]): HugeMachine {
  const h = hugeMachine();
  const dir = "/sys/kernel/mm/transparent_hugepage";
  h.machine.procfs.write(`${dir}/hugepages-2048kB/enabled`, "never");
  for (const kb of sizes) h.machine.procfs.write(`${dir}/hugepages-${kb}kB/enabled`, "always");
  return h;
}

describe("a folio of several pages for a fault", () => {
  it("is as large as is allowed, aligned, mapped by entries, and zeroed", () => {
    const h = withSizes(16, 64);
    const { sys, alice, a } = h;
    const before = alice.getrusage().minFlt;
    alice.store(a + 21 * PAGE, 1, 7);
    const folio = folioAt(alice, a + 16 * PAGE);
    expect([folio.order, folio.index * PAGE, folio.largeMapcount]).toEqual([4, a + 16 * PAGE, 16]);
    for (let page = 16; page < 32; page++) alice.load(a + page * PAGE);
    expect([alice.getrusage().minFlt - before, alice.task.mm!.rssStat[1]]).toEqual([1, 16]);
    expect([alice.load(a + 21 * PAGE), alice.load(a + 22 * PAGE)]).toEqual([7, 0]);
    expect([mthpStat(sys, 4, "anon_fault_alloc"), mthpStat(sys, 4, "nr_anon")]).toEqual([1, 1]);
    checkAll(h, alice);
  });

  it("is smaller where a page of the block is mapped already, or the block leaves the VMA", () => {
    const { sys, alice, a } = withSizes(16, 64);
    sys.thp.ordersAlways = 0;
    alice.store(a + 2 * PAGE, 1, 1);
    sys.thp.ordersAlways = (1 << 2) | (1 << 4);
    alice.store(a + 5 * PAGE, 1, 1);
    expect([folioAt(alice, a + 5 * PAGE).order, folioAt(alice, a + 7 * PAGE).order]).toEqual([2, 2]);
    alice.store(a + PAGE, 1, 1);
    expect(folioAt(alice, a + PAGE).order).toBe(0);
    alice.munmap(a + 40 * PAGE, PAGE);
    alice.store(a + 36 * PAGE, 1, 1);
    expect(folioAt(alice, a + 36 * PAGE).order).toBe(2);
  });

  it("is smaller where no block is free, and that is counted", () => {
    const h = withSizes(16, 32, 64);
    const { machine, sys, alice, a } = h;
    sys.shouldFailAllocPage = (_gfp, order) => order > 2;
    alice.store(a, 1, 1);
    expect(folioAt(alice, a).order).toBe(2);
    const stat = (kb: number): string =>
      machine.procfs.read(`/sys/kernel/mm/transparent_hugepage/hugepages-${kb}kB/stats/anon_fault_fallback`);
    expect([16, 32, 64].map(stat)).toEqual(["0\n", "1\n", "1\n"]);
    checkAll(h, alice);
  });

  it("is one page for a read, which maps the zero page", () => {
    const { alice, a } = withSizes(64);
    alice.load(a);
    expect(alice.task.mm!.rssStat[1]).toBe(0);
  });

  it("is reused by a write after a fork only if all of it is one's own", () => {
    const h = withSizes(16);
    const { sys, alice, a } = h;
    for (let page = 0; page < 4; page++) alice.store(a + page * PAGE, 1, 1);
    const folio = folioAt(alice, a);
    const bob = alice.fork("bob");
    bob.store(a, 1, 2);
    bob.exit();
    const copied = sys.ram.framesCopied;
    alice.store(a + PAGE, 1, 3);
    expect([folioAt(alice, a + PAGE), sys.ram.framesCopied - copied]).toEqual([folio, 0]);
    checkAll(h, alice);
  });
});

describe("a block of entries", () => {
  it("begins at a multiple of its size, and is empty only as a whole", () => {
    const { sys, alice, a } = hugeMachine();
    sys.thp.enabled = "never";
    expect([blockStart(a + 21 * PAGE + 5, 4), blockStart(a + HUGE - 1, 9)]).toEqual([a + 16 * PAGE, a]);
    alice.store(a + 9 * PAGE, 1, 1);
    const ptep = pteOffset(alice.task.mm!, a);
    expect([pteRangeNone(sys, ptep, 9), pteRangeNone(sys, ptep, 10)]).toEqual([true, false]);
  });
});
