import { describe, expect, it } from "vitest";
import { madviseCollapse } from "../../../lib/mm/huge/madvise_collapse.js";
import { checkAll, folioAt, HUGE, hugeMachine, isHuge, PAGE, vmaAt } from "./huge_machine.js";

const COLLAPSE = 25;

describe("MADV_COLLAPSE", () => {
  it("makes every whole range of 2 MiB huge, with every setting off", () => {
    const h = hugeMachine();
    const { sys, alice, a } = h;
    sys.thp.enabled = "never";
    alice.touch(a, HUGE);
    alice.store(a + HUGE + 9, 1, 7);
    expect(alice.syscall("madvise", a, 2 * HUGE, COLLAPSE)).toBe(0);
    expect([isHuge(alice, a), isHuge(alice, a + HUGE), alice.load(a + HUGE + 9)]).toEqual([true, true, 7]);
    expect(alice.syscall("madvise", a, 2 * HUGE, COLLAPSE)).toBe(0); // they are
    checkAll(h, alice);
  });

  it("rounds the range inward: a part of a range is nothing to do", () => {
    const { sys, alice, a } = hugeMachine();
    sys.thp.enabled = "never";
    alice.touch(a, 2 * HUGE);
    expect(alice.syscall("madvise", a + PAGE, HUGE, COLLAPSE)).toBe(0);
    expect([isHuge(alice, a), isHuge(alice, a + HUGE)]).toEqual([false, false]);
    expect(alice.syscall("madvise", a + PAGE, 2 * HUGE - PAGE, COLLAPSE)).toBe(0);
    expect([isHuge(alice, a), isHuge(alice, a + HUGE)]).toEqual([false, true]);
  });

  it("says why it cannot: never, no memory, or not now", () => {
    const { sys, alice, a } = hugeMachine();
    sys.thp.enabled = "never";
    expect(alice.syscall("madvise", a, HUGE, COLLAPSE)).toBe(-22); // nobody was ever here
    alice.touch(a, HUGE);
    expect(alice.syscall("madvise", a, 2 * HUGE, COLLAPSE)).toBe(-22); // the second range is empty
    expect(isHuge(alice, a)).toBe(true);
    alice.touch(a + HUGE, HUGE);
    const folio = folioAt(alice, a + HUGE);
    folio.refcount++;
    expect(madviseCollapse(vmaAt(alice, a), a, a + 2 * HUGE)).toBe(-11);
    folio.refcount--;
    sys.shouldFailAllocPage = (_gfp, order) => order === 9;
    expect(alice.syscall("madvise", a, 2 * HUGE, COLLAPSE)).toBe(-12);
    alice.madvise(a, 2 * HUGE, "NOHUGEPAGE");
    expect(alice.syscall("madvise", a, 2 * HUGE, COLLAPSE)).toBe(-22);
  });
});
