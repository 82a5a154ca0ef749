import { describe, expect, it } from "vitest";
import { boot } from "../../../lib/kernel/machine.js";
import type { Process } from "../../../lib/kernel/process.js";
import { lruAddDrainAll } from "../../../lib/mm/lru/swap.js";
import { checkAll, HUGE, type HugeMachine, hugeMachine, isHuge, PAGE, vmstat } from "./huge_machine.js";

const DIR = "/sys/kernel/mm/transparent_hugepage/khugepaged";

/** Small pages everywhere, and khugepaged that looks every 20 ms. */
function grown(ranges = 2, options = {}): HugeMachine {
  const h = hugeMachine(options, ranges * HUGE);
  h.sys.thp.enabled = "never";
  h.alice.touch(h.a, ranges * HUGE);
  lruAddDrainAll(h.sys);
  h.machine.procfs.write(`${DIR}/scan_sleep_millisecs`, "20");
  h.machine.procfs.write("/sys/kernel/mm/transparent_hugepage/enabled", "always");
  return h;
}

/** khugepaged learns of Alice. */
function enter({ alice, a }: HugeMachine, ranges = 2): void {
  alice.madvise(a, ranges * HUGE, "HUGEPAGE");
}

describe("khugepaged", () => {
  it("makes huge pages of what a program has, while it sleeps; no fault is counted", () => {
    const h = grown();
    const { machine, alice, a } = h;
    const faults = alice.getrusage().minFlt;
    enter(h);
    machine.idle(100e6);
    expect([isHuge(alice, a), isHuge(alice, a + HUGE)]).toEqual([true, true]);
    expect(machine.procfs.read(`${DIR}/pages_collapsed`)).toBe("2\n");
    expect(Number(machine.procfs.read(`${DIR}/full_scans`))).toBeGreaterThan(0);
    expect([alice.getrusage().minFlt - faults, vmstat(machine, "thp_collapse_alloc")]).toEqual([0, 2]);
    checkAll(h, alice);
  });

  it("looks at pages_to_scan pages in one go, then sleeps", () => {
    const h = grown(6);
    const { machine, alice, a } = h;
    machine.procfs.write(`${DIR}/pages_to_scan`, String(2 * 512));
    const huge = (): number =>
      Array.from({ length: 6 }, (_, i) => isHuge(alice, a + i * HUGE)).filter(Boolean).length;
    enter(h, 6);
    machine.idle(5e6);
    const first = huge();
    expect(first).toBeGreaterThan(0);
    expect(first).toBeLessThanOrEqual(2);
    machine.idle(200e6);
    expect(huge()).toBe(6);
  });

  it("sleeps on when the program that it knew has ended and another one comes", () => {
    const machine = boot({ ram: "64 MiB" });
    machine.procfs.write("/sys/kernel/mm/transparent_hugepage/enabled", "madvise");
    const start = (name: string): [Process, number] => {
      const process = machine.spawn(name);
      const a = Math.ceil(process.mmap(2 * HUGE) / HUGE) * HUGE;
      process.touch(a, HUGE);
      process.madvise(a, HUGE, "HUGEPAGE");
      return [process, a];
    };
    const [first, a] = start("first");
    machine.idle(50e6);
    expect(isHuge(first, a)).toBe(true); // it was awake at once, and sleeps for 10 s now
    first.exit(0);
    const [second, b] = start("second");
    machine.idle(1000e6);
    expect(isHuge(second, b)).toBe(false);
    machine.procfs.write(`${DIR}/scan_sleep_millisecs`, "9000"); // that wakes it
    machine.idle(50e6);
    expect(isHuge(second, b)).toBe(true);
  });

  it("leaves a range with more than max_ptes_none pages missing, until that is allowed", () => {
    const h = grown();
    const { machine, alice, a } = h;
    machine.procfs.write(`${DIR}/max_ptes_none`, "100");
    alice.madvise(a, 101 * PAGE, "DONTNEED");
    enter(h);
    machine.idle(200e6);
    expect([isHuge(alice, a), isHuge(alice, a + HUGE)]).toEqual([false, true]);
    expect(vmstat(machine, "thp_scan_exceed_none_pte")).toBeGreaterThan(0);
    machine.procfs.write(`${DIR}/max_ptes_none`, "101");
    machine.idle(200e6);
    expect([isHuge(alice, a), alice.task.mm!.rssStat[1]]).toEqual([true, 1024]);
  });

  it("sleeps alloc_sleep_millisecs where no huge page is to be had", () => {
    const h = grown();
    const { machine, sys } = h;
    machine.procfs.write(`${DIR}/alloc_sleep_millisecs`, "1000");
    sys.shouldFailAllocPage = (_gfp, order) => order === 9;
    enter(h);
    machine.idle(500e6);
    const failed = vmstat(machine, "thp_collapse_alloc_failed");
    expect(failed).toBe(1);
    machine.idle(1000e6);
    expect(vmstat(machine, "thp_collapse_alloc_failed")).toBe(3); // the second ends the go, the next begins
  });

  it("does nothing while huge pages are off, and goes on when they are on again", () => {
    const h = grown();
    const { machine, sys, alice, a } = h;
    enter(h);
    machine.procfs.write("/sys/kernel/mm/transparent_hugepage/enabled", "never");
    machine.idle(200e6);
    expect([isHuge(alice, a), sys.thp.pagesCollapsed]).toEqual([false, 0]);
    machine.procfs.write("/sys/kernel/mm/transparent_hugepage/enabled", "madvise");
    machine.idle(200e6);
    expect(isHuge(alice, a)).toBe(true);
  });

  it("is no trouble for a process that ends meanwhile, or a machine that goes back in time", () => {
    const h = grown(4);
    const { machine, sys, alice, a } = h;
    enter(h, 4);
    const before = machine.snapshot();
    machine.idle(100e6);
    expect(isHuge(alice, a)).toBe(true);
    machine.restore(before);
    expect([isHuge(alice, a), sys.thp.pagesCollapsed]).toEqual([false, 0]);
    machine.idle(1e6);
    alice.exit();
    machine.idle(100e6);
    expect(sys.khugepagedScan.mms.size).toBe(0);
  });
});
