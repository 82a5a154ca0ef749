import { describe, expect, it } from "vitest";
import {
  highestOrder,
  hugeAlignDown,
  hugepagePmdEnabled,
  thpVmaAllowableOrders,
  thpVmaSuitableOrder,
  thpVmaSuitableOrders,
  vmaThpGfpMask,
} from "../../../lib/mm/huge/thp_orders.js";
import { VM_LOCKED } from "../../../lib/mm/mm_types.js";
import { __GFP_DIRECT_RECLAIM, __GFP_KSWAPD_RECLAIM, __GFP_NORETRY } from "../../../lib/mm/pages/gfp.js";
import { HUGE, hugeMachine, PAGE, vmaAt } from "./huge_machine.js";

const ALL = 0x3fc;
const ORDER_9 = 1 << 9;

describe("thpVmaSuitableOrder", () => {
  it("wants the whole aligned block in the VMA: one page too few on either side is too few", () => {
    const { alice, a } = hugeMachine();
    const vma = vmaAt(alice, a);
    expect(a % HUGE).toBe(0);
    expect(thpVmaSuitableOrder(vma, a + 5, 9)).toBe(true);
    expect(thpVmaSuitableOrder(vma, a + 2 * HUGE - 1, 9)).toBe(true);
    alice.munmap(a, PAGE);
    alice.munmap(a + 2 * HUGE - PAGE, PAGE);
    const rest = vmaAt(alice, a + PAGE);
    expect([a + PAGE, a + HUGE - PAGE, a + HUGE].map((va) => thpVmaSuitableOrder(rest, va, 9))).toEqual([
      false,
      false,
      false,
    ]);
    expect(thpVmaSuitableOrder(rest, a + PAGE, 2)).toBe(false);
    expect(thpVmaSuitableOrder(rest, a + 4 * PAGE, 2)).toBe(true);
  });

  it("wants a file to be aligned like the addresses", () => {
    const { alice, a } = hugeMachine();
    const vma = vmaAt(alice, a);
    vma.vmOps = {};
    vma.vmPgoff = 512 * 7;
    expect(thpVmaSuitableOrder(vma, a, 9)).toBe(true);
    vma.vmPgoff = 512 * 7 + 256;
    expect([9, 8].map((order) => thpVmaSuitableOrder(vma, a, order))).toEqual([false, true]);
  });

  it("is asked from the largest order down: what is smaller fits, too", () => {
    const { alice, a } = hugeMachine();
    alice.munmap(a, 16 * PAGE);
    const vma = vmaAt(alice, a + 16 * PAGE);
    expect(thpVmaSuitableOrders(vma, a + 20 * PAGE, ALL).toString(2)).toBe("11100");
    expect(thpVmaSuitableOrders(vma, a + HUGE, ALL)).toBe(ALL);
    expect([1, 512, 0x3fc].map(highestOrder)).toEqual([0, 9, 9]);
    expect(hugeAlignDown(a + HUGE + 5)).toBe(a + HUGE);
  });
});

describe("thpVmaAllowableOrders", () => {
  const allowed = (enabled: "always" | "madvise" | "never", advice?: "HUGEPAGE" | "NOHUGEPAGE"): number => {
    const { sys, alice, a } = hugeMachine();
    sys.thp.enabled = enabled;
    if (advice !== undefined) alice.madvise(a, 2 * HUGE, advice);
    return thpVmaAllowableOrders(vmaAt(alice, a), "pagefault", ALL);
  };

  it("follows `enabled` and what the process has asked for", () => {
    expect((["always", "madvise", "never"] as const).map((word) => allowed(word))).toEqual([ORDER_9, 0, 0]);
    expect((["always", "madvise", "never"] as const).map((word) => allowed(word, "HUGEPAGE"))).toEqual([
      ORDER_9,
      ORDER_9,
      0,
    ]);
    expect(allowed("always", "NOHUGEPAGE")).toBe(0);
  });

  it("follows each size's own word, and never gives a folio of two pages", () => {
    const { machine, sys, alice, a } = hugeMachine();
    const write = (kb: number, word: string): void =>
      machine.procfs.write(`/sys/kernel/mm/transparent_hugepage/hugepages-${kb}kB/enabled`, word);
    write(64, "always");
    write(16, "madvise");
    write(2048, "never");
    const vma = vmaAt(alice, a);
    expect(thpVmaAllowableOrders(vma, "pagefault", 0x3ff)).toBe(1 << 4);
    alice.madvise(a, 2 * HUGE, "HUGEPAGE");
    expect(thpVmaAllowableOrders(vmaAt(alice, a), "pagefault", 0x3ff)).toBe((1 << 4) | (1 << 2));
    expect(hugepagePmdEnabled(sys)).toBe(false);
  });

  it("gives MADV_COLLAPSE what every setting denies, but not what the area does not want", () => {
    const { sys, alice, a } = hugeMachine();
    sys.thp.enabled = "never";
    alice.touch(a, PAGE);
    const forced = (): number => thpVmaAllowableOrders(vmaAt(alice, a), "forced_collapse", ORDER_9);
    expect(forced()).toBe(ORDER_9);
    alice.madvise(a, 2 * HUGE, "NOHUGEPAGE");
    expect(forced()).toBe(0);
  });

  it("tells smaps of an area that nobody touched, khugepaged only of one that somebody did", () => {
    const { alice, a } = hugeMachine();
    const of = (type: "smaps" | "khugepaged"): number =>
      thpVmaAllowableOrders(vmaAt(alice, a), type, ORDER_9);
    expect([of("smaps"), of("khugepaged")]).toEqual([ORDER_9, 0]);
    alice.store(a, 1, 1);
    expect(of("khugepaged")).toBe(ORDER_9);
    vmaAt(alice, a).vmFlags |= VM_LOCKED; // no reason against it
    expect(of("khugepaged")).toBe(ORDER_9);
  });

  it("obeys prctl: nowhere, or only where the process asks", () => {
    const { alice, a } = hugeMachine();
    const now = (): number => thpVmaAllowableOrders(vmaAt(alice, a), "pagefault", ORDER_9);
    alice.syscall("prctl", 41, 1, 0, 0, 0);
    expect([now(), alice.syscall("prctl", 42, 0, 0, 0, 0)]).toEqual([0, 1]);
    alice.syscall("prctl", 41, 1, 2, 0, 0);
    expect([now(), alice.syscall("prctl", 42, 0, 0, 0, 0)]).toEqual([0, 3]);
    alice.madvise(a, 2 * HUGE, "HUGEPAGE");
    expect(now()).toBe(ORDER_9);
    alice.syscall("prctl", 41, 0, 0, 0, 0);
    expect([now(), alice.syscall("prctl", 42, 0, 0, 0, 0)]).toEqual([ORDER_9, 0]);
    expect(alice.syscall("prctl", 41, 0, 2, 0, 0)).toBe(-22);
    expect(alice.syscall("prctl", 41, 1, 4, 0, 0)).toBe(-22);
    expect(alice.syscall("prctl", 42, 1, 0, 0, 0)).toBe(-22);
  });

  it("is inherited over fork as prctl has set it", () => {
    const { alice, a } = hugeMachine();
    alice.syscall("prctl", 41, 1, 0, 0, 0);
    const bob = alice.fork("bob");
    expect(thpVmaAllowableOrders(vmaAt(bob, a), "pagefault", ORDER_9)).toBe(0);
  });
});

describe("vmaThpGfpMask", () => {
  it("is what the table of transparent_hugepage/defrag says", () => {
    const { sys, alice, a } = hugeMachine();
    const bits = __GFP_DIRECT_RECLAIM | __GFP_KSWAPD_RECLAIM | __GFP_NORETRY;
    const masks = (): number[] =>
      (["always", "defer", "defer+madvise", "madvise", "never"] as const).map((word) => {
        sys.thp.defrag = word;
        return vmaThpGfpMask(vmaAt(alice, a)) & bits;
      });
    const [direct, kswapd] = [__GFP_DIRECT_RECLAIM, __GFP_KSWAPD_RECLAIM];
    expect(masks()).toEqual([direct | __GFP_NORETRY, kswapd, kswapd, 0, 0]);
    alice.madvise(a, 2 * HUGE, "HUGEPAGE");
    expect(masks()).toEqual([direct, kswapd, direct, direct, 0]);
  });
});
