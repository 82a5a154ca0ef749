import { describe, expect, it } from "vitest";
import {
  khugepagedEnter,
  khugepagedEnterVma,
  khugepagedExit,
  nextMm,
} from "../../../lib/mm/huge/khugepaged_mm.js";
import { HUGE, hugeMachine, vmaAt } from "./huge_machine.js";

describe("the list of khugepaged", () => {
  it("has who has met a huge page or asked for some, and their children, until they end", () => {
    const { machine, sys, alice, a } = hugeMachine();
    const { mms } = sys.khugepagedScan;
    expect(mms.size).toBe(0);
    alice.store(a, 1, 1);
    expect([...mms]).toEqual([alice.task.mm]);
    const bob = alice.fork("bob");
    expect([...mms]).toEqual([alice.task.mm, bob.task.mm]);
    const carol = machine.spawn("carol");
    const c = carol.mmap(2 * HUGE);
    carol.madvise(c, 2 * HUGE, "HUGEPAGE");
    expect(mms.size).toBe(2); // nothing was touched: no page could be collapsed yet
    carol.store(c, 1, 1);
    expect(mms.size).toBe(3);
    alice.exit();
    bob.exit();
    expect([...mms]).toEqual([carol.task.mm]);
  });

  it("takes nobody while huge pages are off, or where none fits", () => {
    const { sys, alice, a } = hugeMachine();
    sys.thp.enabled = "never";
    alice.store(a, 1, 1);
    khugepagedEnterVma(vmaAt(alice, a));
    expect(sys.khugepagedScan.mms.size).toBe(0);
    sys.thp.enabled = "always";
    khugepagedEnterVma(vmaAt(alice, a));
    expect(sys.khugepagedScan.mms.size).toBe(1);
  });

  it("moves the cursor on when the mm that it stands on ends, and ends behind the last", () => {
    const { sys, alice, machine } = hugeMachine();
    const scan = sys.khugepagedScan;
    const mms = [alice, machine.spawn("bob"), machine.spawn("carol")].map(({ task }) => task.mm!);
    for (const mm of mms) khugepagedEnter(mm);
    scan.mm = mms[0];
    scan.address = 99;
    khugepagedExit(mms[0]!);
    expect([scan.mm, scan.address]).toEqual([mms[1], 0]);
    khugepagedExit(mms[2]!);
    expect(scan.mm).toBe(mms[1]);
    nextMm(scan);
    expect(scan.mm).toBeUndefined();
    khugepagedExit(mms[2]!); // is not on the list any more
    expect([...scan.mms]).toEqual([mms[1]]);
  });
});
