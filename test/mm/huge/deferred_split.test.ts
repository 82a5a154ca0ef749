import { describe, expect, it } from "vitest";
import { DeferredSplitShrinker, thpUnderused } from "../../../lib/mm/huge/deferred_split.js";
import { shrinkSlab } from "../../../lib/mm/lru/shrinker.js";
import { GFP_KERNEL } from "../../../lib/mm/pages/gfp.js";
import { nrUnusedPages } from "../../../lib/mm/pages/page_alloc.js";
import { checkAll, folioAt, type HugeMachine, hugeMachine, isHuge, PAGE, vmstat } from "./huge_machine.js";

const SC = { gfpMask: GFP_KERNEL, nrToScan: 128, nrScanned: 0 };

function shrinkerOf({ sys }: HugeMachine): DeferredSplitShrinker {
  return sys.shrinkers.find((one) => one instanceof DeferredSplitShrinker)!;
}

describe("the shrinker of huge pages", () => {
  it("splits what is mapped partly: the unmapped part is free", () => {
    const h = hugeMachine();
    const { sys, alice, a } = h;
    for (let page = 0; page < 512; page++) alice.store(a + page * PAGE, 1, 1);
    alice.madvise(a, 200 * PAGE, "DONTNEED");
    const free = nrUnusedPages(sys);
    expect(shrinkerOf(h).scanObjects(SC)).toBe(1);
    expect(nrUnusedPages(sys) - free).toBe(200);
    expect([alice.task.mm!.rssStat[1], alice.load(a + 300 * PAGE), shrinkerOf(h).countObjects(SC)]).toEqual([
      312, 1, 0,
    ]);
    checkAll(h, alice);
  });

  it("finds nothing underused with max_ptes_none at 511, and takes used folios off the queue", () => {
    const h = hugeMachine();
    const { alice, a } = h;
    alice.store(a, 1, 1);
    expect([thpUnderused(h.sys, folioAt(alice, a)), shrinkerOf(h).countObjects(SC)]).toEqual([false, 1]);
    expect([shrinkerOf(h).scanObjects(SC), shrinkerOf(h).countObjects(SC), isHuge(alice, a)]).toEqual([
      0,
      0,
      true,
    ]);
  });

  it("splits a huge page of more zeros than max_ptes_none, and gives the zeros back", () => {
    const h = hugeMachine();
    const { machine, alice, a } = h;
    h.sys.thp.khugepaged.maxPtesNone = 409;
    for (let page = 0; page < 102; page++) alice.store(a + page * PAGE, 1, 1);
    expect(thpUnderused(h.sys, folioAt(alice, a))).toBe(true);
    expect([shrinkerOf(h).scanObjects(SC), alice.task.mm!.rssStat[1]]).toEqual([1, 102]);
    expect(vmstat(machine, "thp_underused_split_page")).toBe(1);
    checkAll(h, alice);
  });

  it("leaves one with a page more in use", () => {
    const h = hugeMachine();
    const { alice, a } = h;
    h.sys.thp.khugepaged.maxPtesNone = 409;
    for (let page = 0; page < 103; page++) alice.store(a + page * PAGE, 1, 1);
    expect([thpUnderused(h.sys, folioAt(alice, a)), shrinkerOf(h).scanObjects(SC)]).toEqual([false, 0]);
  });

  it("keeps a partly mapped folio that cannot be split now for later", () => {
    const h = hugeMachine();
    const { sys, alice, a } = h;
    alice.store(a, 1, 1);
    const folio = folioAt(alice, a);
    alice.madvise(a, PAGE, "DONTNEED");
    folio.refcount++; // somebody reads it
    expect([shrinkerOf(h).scanObjects(SC), sys.lruvec.deferredSplitQueue.has(folio)]).toEqual([0, true]);
    folio.refcount--;
    expect([shrinkerOf(h).scanObjects(SC), sys.lruvec.deferredSplitQueue.size]).toEqual([1, 0]);
  });

  it("is called for a group about its own folios only", () => {
    const { machine, sys, alice, a } = hugeMachine();
    machine.procfs.write("/sys/fs/cgroup/cgroup.subtree_control", "+memory");
    machine.mkdir("/sys/fs/cgroup/web");
    machine.procfs.write("/sys/fs/cgroup/web/cgroup.procs", String(alice.pid));
    alice.store(a, 1, 1);
    alice.madvise(a, PAGE, "DONTNEED");
    const { memcg } = folioAt(alice, a + PAGE);
    expect(shrinkSlab(sys, GFP_KERNEL, 0, memcg)).toBe(1);
    expect([memcg!.lruvec.deferredSplitQueue.size, isHuge(alice, a)]).toEqual([0, false]);
    expect(alice.task.mm!.rssStat[1]).toBe(0); // nothing but zeros was there, and the page written is gone
  });
});
