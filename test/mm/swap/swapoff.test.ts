/**
 * What swapoff leaves behind: everything in RAM, nothing of the area, and a poisoned entry for what is lost.
 */
import { describe, expect, it } from "vitest";
import { boot, type Machine } from "../../../lib/kernel/machine.js";
import type { Process } from "../../../lib/kernel/process.js";
import { SignalError } from "../../../lib/kernel/signal.js";
import { EINTR, ENOMEM } from "../../../lib/mm/errno.js";
import { folioIsolateLru } from "../../../lib/mm/lru/isolate.js";
import { reclaimPages } from "../../../lib/mm/lru/reclaim_pages.js";
import { lruAddDrainAll } from "../../../lib/mm/lru/swap.js";
import type { Folio } from "../../../lib/mm/pages/folio.js";
import { nrFreePages } from "../../../lib/mm/pages/page_alloc.js";
import { drainAllPages } from "../../../lib/mm/pages/pcp.js";
import { disableSwap } from "../../../lib/mm/swap/swapoff.js";
import { vmstatValue } from "../../../lib/procfs/vmstat.js";

const PAGE = 4096;
const PAGES = 200;

/** A process with PAGES pages, most of them in swap on /dev/vdb. */
function swapped(machine: Machine): { alice: Process; base: number } {
  const alice = machine.spawn("alice");
  const base = alice.mmap(PAGES * PAGE);
  for (let i = 0; i < PAGES; i++) alice.store(base + i * PAGE, 4, i + 1);
  pageOut(machine, alice, base);
  return { alice, base };
}

/** Sends all pages to the device, and drops what is still in RAM of them. */
function pageOut(machine: Machine, alice: Process, base: number): void {
  const { sys } = machine.kernel;
  alice.madvise(base, PAGES * PAGE, "PAGEOUT");
  machine.idle(1e9);
  lruAddDrainAll(sys);
  const cached = sys.swap.swapInfo
    .flatMap((si) => si?.clusterInfo ?? [])
    .flatMap(({ table }) => (table ?? []).filter((place): place is Folio => typeof place === "object"));
  reclaimPages(
    sys,
    cached.filter((folio) => folioIsolateLru(sys, folio)),
  );
}

function expectAll(alice: Process, base: number): void {
  for (let i = 0; i < PAGES; i++) expect(alice.load(base + i * PAGE, 4)).toBe(i + 1);
}

const swapOf = ({ kernel: { sys } }: Machine) => [
  sys.totalSwapPages,
  sys.nrSwapPages,
  sys.swap.availHead.length,
];

describe("swapoff", () => {
  it("brings everything back; nothing needs a major fault afterwards", () => {
    const machine = boot({ ram: "64 MiB", swap: "4 MiB" });
    const { alice, base } = swapped(machine);
    const si = machine.kernel.sys.swap.swapInfo[0]!;
    expect(si.inusePages).toBe(PAGES);
    machine.swapoff("/dev/vdb");
    expect(si.inusePages).toBe(0);
    expect(swapOf(machine)).toEqual([0, 0, 0]);
    const before = vmstatValue(machine.kernel.sys, "pgmajfault");
    expectAll(alice, base);
    expect(vmstatValue(machine.kernel.sys, "pgmajfault")).toBe(before);
    expect(alice.task.mm!.rssStat[2]).toBe(0);
  });

  it("brings back what parent and child share, once", () => {
    const machine = boot({ ram: "64 MiB", swap: "4 MiB" });
    const { alice, base } = swapped(machine);
    const bob = machine.process(alice.syscall("fork"));
    alice.store(base, 4, 99);
    const reads = vmstatValue(machine.kernel.sys, "pswpin");
    machine.swapoff("/dev/vdb");
    // The first came with the write, and perhaps some around it.
    const more = vmstatValue(machine.kernel.sys, "pswpin") - reads;
    expect([more > PAGES - 16, more < PAGES]).toEqual([true, true]);
    expectAll(bob, base);
    expect(alice.load(base, 4)).toBe(99);
    bob.store(base + PAGE, 4, 7);
    expect(alice.load(base + PAGE, 4)).toBe(2);
  });

  it("gives all memory of the area back", () => {
    const machine = boot({ ram: "64 MiB", swap: { size: "32 MiB", off: true } });
    const free = () => {
      drainAllPages(machine.kernel.sys);
      return nrFreePages(machine.kernel.sys);
    };
    const before = free();
    machine.swapon("/dev/vdb");
    expect(free()).toBeLessThan(before);
    machine.swapoff("/dev/vdb");
    expect(free()).toBe(before);
  });

  it("leaves a poisoned entry where a page cannot be read: SIGBUS, and the area is gone all the same", () => {
    const machine = boot({ ram: "64 MiB", swap: "4 MiB" });
    const { alice, base } = swapped(machine);
    const si = machine.kernel.sys.swap.swapInfo[0]!;
    machine.kernel.sys.sysctl.pageCluster = 0;
    si.bdev.device!.failRequests("read", 0, Number.POSITIVE_INFINITY, 1);
    machine.swapoff("/dev/vdb");
    expect(swapOf(machine)).toEqual([0, 0, 0]);
    let lost = 0;
    for (let i = 0; i < PAGES; i++) {
      const bob = machine.process(alice.syscall("fork"));
      try {
        expect(bob.load(base + i * PAGE, 4)).toBe(i + 1);
      } catch (error) {
        expect(error).toBeInstanceOf(SignalError);
        expect((error as SignalError).signal).toBe("SIGBUS");
        lost++;
      }
    }
    expect(lost).toBe(1);
  });

  it("is not begun where memory is only promised as far as there is some", () => {
    const machine = boot({ ram: "64 MiB", swap: "32 MiB" });
    const { alice, base } = swapped(machine);
    const { sys } = machine.kernel;
    sys.sysctl.overcommitMemory = 2;
    sys.sysctl.overcommitRatio = 0;
    const before = swapOf(machine);
    const si = sys.swap.swapInfo[0]!;
    const users = { mms: () => [alice.task.mm!], interrupted: () => false };
    alice.mmap(20 * 2 ** 20);
    expect(disableSwap(sys, si, users, alice.task.mm)).toBe(-ENOMEM);
    expect([swapOf(machine), si.prio, si.inusePages]).toEqual([before, -2, PAGES]);
    sys.sysctl.overcommitMemory = 0;
    expectAll(alice, base);
  });

  it("that is interrupted leaves the area on, behind all others without a priority of their own", () => {
    const machine = boot({ ram: "64 MiB", swap: [{ size: "4 MiB" }, { size: "4 MiB" }] });
    const { alice, base } = swapped(machine);
    const { sys } = machine.kernel;
    const [first, second] = sys.swap.swapInfo;
    const users = { mms: () => [alice.task.mm!], interrupted: () => true };
    const before = swapOf(machine);
    expect(disableSwap(sys, first!, users, alice.task.mm)).toBe(-EINTR);
    expect(swapOf(machine)).toEqual(before);
    expect([first!.prio, second!.prio, sys.swap.leastPriority]).toEqual([-3, -2, -3]);
    expect(sys.swap.availHead).toEqual([second, first]);
    expectAll(alice, base);
  });

  it("lets the areas that came later move up", () => {
    const machine = boot({
      ram: "64 MiB",
      swap: [{ size: "1 MiB" }, { size: "1 MiB", priority: 9 }, { size: "1 MiB" }, { size: "1 MiB" }],
    });
    const prios = () => machine.kernel.sys.swap.swapInfo.map((si) => si?.prio);
    expect(prios()).toEqual([-2, 9, -3, -4]);
    machine.swapoff("/dev/vdd");
    expect(prios()).toEqual([-2, 9, undefined, -3]);
    machine.swapoff("/dev/vdc");
    expect(prios()).toEqual([-2, undefined, undefined, -3]);
    machine.swapon("/dev/vdd");
    expect(prios()).toEqual([-2, -4, undefined, -3]);
  });
});
