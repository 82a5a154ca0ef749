import { describe, expect, it } from "vitest";
import { PAGE_DIRTY, PAGE_PRESENT, PAGE_RW, PAGE_USER } from "../../lib/hw/entry.js";
import { type BootOptions, boot, type Machine } from "../../lib/kernel/machine.js";
import { sysMmap, sysMprotect, sysMunmap } from "../../lib/kernel/syscalls/mm.js";
import type { Task } from "../../lib/kernel/task.js";
import { PTE_NX } from "../../lib/mm/pgtable.js";
import { catchUp, pteNeedsFlush, shootdownTargets } from "../../lib/mm/tlb.js";
import { chooseNewAsid, cpuTlbState } from "../../lib/mm/tlb_switch.js";
import { NR_TLB_REMOTE_FLUSH } from "../../lib/mm/vmstat.js";

const ANON = 0x22;

function bootWith(options: BootOptions = {}): Machine {
  return boot({ ram: "16 MiB", ...options });
}

/** A process whose threads run on every CPU, with `nrPages` written pages. */
function team(machine: Machine, nrPages: number): { tasks: Task[]; addr: number } {
  const { kernel } = machine;
  const first = kernel.spawn("team");
  const addr = sysMmap(kernel, first, 0, nrPages * 4096, 3, ANON);
  const tasks = [first];
  for (const cpu of machine.cpus.slice(1)) {
    const thread = kernel.clone(first, 0x1_0000 | 0x100) as Task;
    thread.cpuId = cpu.id;
    tasks.push(thread);
  }
  for (const task of tasks) for (let i = 0; i < nrPages; i++) task.store(addr + i * 4096, 1, i);
  return { tasks, addr };
}

const ipis = (machine: Machine) => machine.cpus.map((cpu) => cpu.counters.ipisReceived);

describe("a change of an entry", () => {
  const pte = 0x1000 + PAGE_PRESENT + PAGE_USER;
  it.each([
    ["nothing was cached", 0, pte, false],
    ["the page goes", pte, 0, true],
    ["another frame", pte, pte + 0x1000, true],
    ["R/W goes", pte + PAGE_RW, pte, true],
    ["R/W comes: Linux avoids the fault", pte, pte + PAGE_RW, true],
    ["NX comes", pte, pte + PTE_NX, true],
    ["D goes", pte + PAGE_DIRTY, pte, true],
    ["D comes", pte, pte + PAGE_DIRTY, false],
    ["A goes", pte + 0x20, pte, false],
  ])("is flushed or not: %s", (_why, before, after, wanted) => {
    expect(pteNeedsFlush(before, after)).toBe(wanted);
  });
});

describe("a shootdown", () => {
  it("interrupts the CPUs that run the process, once for a whole munmap", () => {
    const machine = bootWith({ cpus: 4 });
    const { tasks, addr } = team(machine, 20);
    const before = ipis(machine);
    expect(sysMunmap(machine.kernel, tasks[0]!, addr, 10 * 4096)).toBe(0);
    expect(ipis(machine).map((n, i) => n - before[i]!)).toEqual([0, 1, 1, 1]);
    expect(machine.kernel.sys.vmStat.events[NR_TLB_REMOTE_FLUSH]).toBe(1);
    for (const task of tasks.slice(1)) expect(task.load(addr + 10 * 4096, 1)).toBe(10);
    expect(() => tasks[1]!.load(addr, 1)).toThrow(/SIGSEGV/);
  });

  it("leaves lazy CPUs alone, which catch up before they run the process again", () => {
    const machine = bootWith({ cpus: 2 });
    const { tasks, addr } = team(machine, 4);
    machine.kernel.goIdle(tasks[1]!);
    const before = ipis(machine);
    sysMprotect(machine.kernel, tasks[0]!, addr, 4096, 1);
    expect(ipis(machine)).toEqual(before);
    expect(cpuTlbState(machine.kernel.sys, 1).isLazy).toBe(true);
    expect(() => tasks[1]!.store(addr, 1, 1)).toThrow(/SIGSEGV/);
  });

  it("reaches lazy CPUs when page tables are freed", () => {
    const machine = bootWith({ cpus: 2 });
    const { tasks, addr } = team(machine, 4);
    machine.kernel.goIdle(tasks[1]!);
    const before = ipis(machine)[1]!;
    sysMunmap(machine.kernel, tasks[0]!, addr, 4 * 4096);
    expect(ipis(machine)[1]! - before).toBe(1);
    expect(cpuTlbState(machine.kernel.sys, 1).loadedMm).toBe(machine.kernel.sys.initMm);
  });

  it("chooses targets and what they drop", () => {
    const cpu = (id: number, usesMm: boolean, isLazy: boolean, isSelf = false) => ({
      id,
      usesMm,
      isLazy,
      isSelf,
    });
    const mask = [cpu(0, true, false, true), cpu(1, true, false), cpu(2, true, true), cpu(3, false, false)];
    expect(shootdownTargets(mask, false)).toEqual([1]);
    expect(shootdownTargets(mask, true)).toEqual([1, 2, 3]);
    expect([catchUp(4, 4, 4), catchUp(3, 4, 4), catchUp(2, 4, 4), catchUp(2, 4, 3), catchUp(3, 4)]).toEqual([
      "nothing",
      "pages",
      "all",
      "all",
      "all",
    ]);
  });
});

describe("switching", () => {
  it("gives each address space a slot, and the slot of the oldest to a seventh", () => {
    const ctxs = [7, 9, 4].map((ctxId) => ({ ctxId, tlbGen: 3 }));
    expect(chooseNewAsid(ctxs, 1, { ctxId: 4, tlbGen: 3 })).toEqual({
      asid: 2,
      needFlush: false,
      nextAsid: 1,
    });
    expect(chooseNewAsid(ctxs, 1, { ctxId: 4, tlbGen: 4 })).toEqual({
      asid: 2,
      needFlush: true,
      nextAsid: 1,
    });
    expect(chooseNewAsid(ctxs, 2, { ctxId: 5, tlbGen: 0 })).toEqual({
      asid: 2,
      needFlush: true,
      nextAsid: 3,
    });
    expect(chooseNewAsid(ctxs, 3, { ctxId: 5, tlbGen: 0 })).toEqual({
      asid: 0,
      needFlush: true,
      nextAsid: 1,
    });
  });

  it.each([
    [true, 0],
    [false, 2],
  ])("keeps the TLB with PCIDs (%s)", (pcid, walks) => {
    const machine = bootWith({ pcid });
    const { kernel, cpu } = machine;
    const [alice, bob] = ["alice", "bob"].map((name) => kernel.spawn(name)) as [Task, Task];
    const addrs = [alice, bob].map((task) => sysMmap(kernel, task, 0, 4096, 3, ANON));
    alice.store(addrs[0]!, 1, 1);
    bob.store(addrs[1]!, 1, 2);
    const before = cpu.mmu.walks;
    expect([alice.load(addrs[0]!, 1), bob.load(addrs[1]!, 1)]).toEqual([1, 2]);
    expect(cpu.mmu.walks - before).toBe(walks);
  });

  it("flushes when the address space changed while another one ran", () => {
    const machine = bootWith({ cpus: 2 });
    const { tasks, addr } = team(machine, 4);
    const other = machine.kernel.spawn("other");
    other.cpuId = 1;
    machine.kernel.enter(other);
    const before = ipis(machine)[1]!;
    sysMunmap(machine.kernel, tasks[0]!, addr, 4096);
    expect(ipis(machine)[1]).toBe(before);
    expect(() => tasks[1]!.load(addr, 1)).toThrow(/SIGSEGV/);
  });
});
