import { describe, expect, it } from "vitest";
import { deferredSplitFolio, folioUnqueueDeferredSplit } from "../../../lib/mm/huge/deferred_queue.js";
import { mthpStat } from "../../../lib/mm/huge/thp_state.js";
import { PG_partially_mapped } from "../../../lib/mm/pages/folio.js";
import { folioAt, HUGE, hugeMachine, PAGE, vmstat } from "./huge_machine.js";

describe("the queue of folios to split", () => {
  it("gets every new huge page, and counts only those that are mapped partly", () => {
    const { machine, sys, alice, a } = hugeMachine();
    alice.store(a, 1, 1);
    const folio = folioAt(alice, a);
    const queue = sys.lruvec.deferredSplitQueue;
    expect([queue.has(folio), vmstat(machine, "thp_deferred_split_page")]).toEqual([true, 0]);
    alice.madvise(a, PAGE, "DONTNEED");
    alice.madvise(a + 9 * PAGE, PAGE, "DONTNEED");
    expect([queue.size, folio.flags & PG_partially_mapped]).toEqual([1, PG_partially_mapped]);
    expect(vmstat(machine, "thp_deferred_split_page")).toBe(1);
    expect(mthpStat(sys, 9, "nr_anon_partially_mapped")).toBe(1);
    folioUnqueueDeferredSplit(sys, folio);
    expect([queue.size, mthpStat(sys, 9, "nr_anon_partially_mapped")]).toEqual([0, 0]);
  });

  it("loses a folio that is freed", () => {
    const { sys, alice, a } = hugeMachine();
    alice.touch(a, 2 * HUGE);
    alice.madvise(a, PAGE, "DONTNEED");
    expect([sys.lruvec.deferredSplitQueue.size, mthpStat(sys, 9, "nr_anon")]).toEqual([2, 2]);
    alice.munmap(a, 2 * HUGE);
    expect([sys.lruvec.deferredSplitQueue.size, mthpStat(sys, 9, "nr_anon")]).toEqual([0, 0]);
    expect(mthpStat(sys, 9, "nr_anon_partially_mapped")).toBe(0);
  });

  it("takes no whole folio while shrink_underused is off, and never one of two pages", () => {
    const { sys, alice, a } = hugeMachine();
    sys.thp.shrinkUnderused = false;
    alice.store(a, 1, 1);
    const folio = folioAt(alice, a);
    expect(sys.lruvec.deferredSplitQueue.size).toBe(0);
    folio.order = 1;
    deferredSplitFolio(sys, folio, true);
    expect(sys.lruvec.deferredSplitQueue.size).toBe(0);
    folio.order = 9;
  });

  it("is each group's own", () => {
    const { machine, sys, alice, a } = hugeMachine();
    machine.procfs.write("/sys/fs/cgroup/cgroup.subtree_control", "+memory");
    machine.mkdir("/sys/fs/cgroup/web");
    machine.procfs.write("/sys/fs/cgroup/web/cgroup.procs", String(alice.pid));
    alice.store(a, 1, 1);
    const folio = folioAt(alice, a);
    expect([sys.lruvec.deferredSplitQueue.size, folio.memcg!.lruvec.deferredSplitQueue.has(folio)]).toEqual([
      0,
      true,
    ]);
  });
});
