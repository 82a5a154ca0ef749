import { describe, expect, it } from "vitest";
import { PAGE_DIRTY, PAGE_PRESENT, PAGE_RW, PAGE_USER } from "../../../lib/hw/entry.js";
import type { TlbModelName } from "../../../lib/hw/tlb_model.js";
import { type BootOptions, boot, type Machine } from "../../../lib/kernel/machine.js";
import type { Process } from "../../../lib/kernel/process.js";
import { sysMmap, sysMprotect, sysMunmap } from "../../../lib/kernel/syscalls/mm.js";
import type { Task } from "../../../lib/kernel/task.js";
import { PTE_NX } from "../../../lib/mm/pgtable/pgtable.js";
import { catchUp, pteNeedsFlush, shootdownTargets } from "../../../lib/mm/pgtable/tlb.js";
import { chooseNewAsid, cpuTlbState } from "../../../lib/mm/pgtable/tlb_switch.js";
import { NR_TLB_REMOTE_FLUSH } from "../../../lib/mm/vmstat.js";

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

describe("rights that are given without a flush", () => {
  const NR_PAGES = 16;
  /** A process whose child came and went; all its entries are read-only, and in the TLB. */
  function lastOwner(tlb: TlbModelName) {
    const machine = bootWith({ tlb, cpus: 2 });
    const process = machine.spawn("owner");
    const addr = process.mmap(NR_PAGES * 4096);
    process.touch(addr, NR_PAGES * 4096);
    process.fork("child").exit();
    expect(process.touch(addr, NR_PAGES * 4096, "r")).toEqual({ minFlt: 0, majFlt: 0 });
    return { machine, process, addr };
  }
  const write = ({ process, addr }: ReturnType<typeof lastOwner>) =>
    process.touch(addr, NR_PAGES * 4096).minFlt;

  // Linux 6.18.44 on an AMD EPYC (family 25): the call 16 faults, the first writes 0, the second 0; without a call 16 and 0.
  const calls = {
    mlock: (p: Process, addr: number) => p.mlock(addr, NR_PAGES * 4096),
    POPULATE_WRITE: (p: Process, addr: number) => p.madvise(addr, NR_PAGES * 4096, "POPULATE_WRITE"),
  };
  it.each(Object.keys(calls) as (keyof typeof calls)[])(
    "by %s: no write faults on an AMD processor, as Linux counts there; each faults once on an Intel one",
    (name) => {
      for (const [tlb, spurious] of [
        ["zen2", 0],
        ["haswell", NR_PAGES],
        ["skylake", NR_PAGES],
      ] as const) {
        const owner = lastOwner(tlb);
        const { machine, process, addr } = owner;
        const before = process.getrusage().minFlt;
        calls[name](process, addr);
        expect(process.getrusage().minFlt - before).toBe(NR_PAGES);
        const { faults, walks } = machine.cpus[0]!.mmu.stats();
        expect([tlb, write(owner), write(owner)]).toEqual([tlb, spurious, 0]);
        const after = machine.cpus[0]!.mmu.stats();
        expect([tlb, after.faults - faults, after.walks - walks]).toEqual([tlb, spurious, NR_PAGES]);
      }
    },
  );

  it("by a write: every page faults once, whatever the processor", () => {
    for (const tlb of ["zen2", "skylake"] as const) {
      const owner = lastOwner(tlb);
      expect([tlb, write(owner), write(owner)]).toEqual([tlb, NR_PAGES, 0]);
    }
  });

  // Linux on the same machine: the first thread 16 faults, the one on the other CPU 0.
  it("by a write on another CPU: a thread here faults on Intel only", () => {
    for (const [tlb, spurious] of [
      ["zen2", 0],
      ["skylake", NR_PAGES],
    ] as const) {
      const owner = lastOwner(tlb);
      const thread = owner.machine.kernel.clone(owner.process.task, 0x1_0000 | 0x100) as Task;
      thread.cpuId = 1;
      for (let i = 0; i < NR_PAGES; i++) thread.load(owner.addr + i * 4096, 1);
      expect(write(owner)).toBe(NR_PAGES);
      for (let i = 0; i < NR_PAGES; i++) thread.store(owner.addr + i * 4096, 1, 3);
      expect([tlb, thread.minFlt]).toEqual([tlb, spurious]);
    }
  });
});
