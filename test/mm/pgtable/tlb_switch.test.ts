import { describe, expect, it } from "vitest";
import { boot, type Machine } from "../../../lib/kernel/machine.js";
import type { Task } from "../../../lib/kernel/task.js";
import {
  chooseNewAsid,
  cpuTlbState,
  enterLazyTlb,
  kernPcid,
  leaveMm,
  switchMmIrqsOff,
} from "../../../lib/mm/pgtable/tlb_switch.js";

function machineWith(nrTasks: number): { machine: Machine; tasks: Task[] } {
  const machine = boot({ ram: "32 MiB" });
  return { machine, tasks: Array.from({ length: nrTasks }, (_, i) => machine.kernel.spawn(`t${i}`)) };
}

const ctx = (ctxId: number, tlbGen: number) => ({ ctxId, tlbGen });

describe("chooseNewAsid", () => {
  const ctxs = [ctx(7, 3), ctx(9, 1), ctx(4, 5)];

  it("keeps the slot of an mm that has one, and flushes it if its generation went on", () => {
    expect(chooseNewAsid(ctxs, 2, ctx(9, 1))).toEqual({ asid: 1, needFlush: false, nextAsid: 2 });
    expect(chooseNewAsid(ctxs, 2, ctx(9, 2))).toEqual({ asid: 1, needFlush: true, nextAsid: 2 });
  });

  it("gives any other mm the next slot, and goes around", () => {
    expect(chooseNewAsid(ctxs, 2, ctx(8, 1))).toEqual({ asid: 2, needFlush: true, nextAsid: 3 });
    expect(chooseNewAsid(ctxs, 3, ctx(8, 1))).toEqual({ asid: 0, needFlush: true, nextAsid: 1 });
  });
});

describe("switchMmIrqsOff", () => {
  it("loads the tables, with the slot's PCID if the processor has any", () => {
    const { machine, tasks } = machineWith(1);
    const { sys } = machine.kernel;
    const cpu = machine.cpus[0]!;
    const mm = tasks[0]!.mm!;
    switchMmIrqsOff(sys, cpu, mm);
    const state = cpuTlbState(sys, 0);
    expect([state.loadedMm, Math.floor(cpu.cr3 / 4096)]).toEqual([mm, mm.pgd]);
    expect(mm.mmCpumask.has(0)).toBe(true);
    expect([0, 5].map(kernPcid)).toEqual([1, 6]);
  });

  it("stays in the mask of the mm that it leaves", () => {
    const { machine, tasks } = machineWith(2);
    const { sys } = machine.kernel;
    for (const task of tasks) switchMmIrqsOff(sys, machine.cpus[0]!, task.mm!);
    expect(tasks.map((task) => task.mm!.mmCpumask.has(0))).toEqual([true, true]);
  });
});

describe("a lazy CPU", () => {
  it("keeps its tables, and is not lazy any more when it switches", () => {
    const { machine, tasks } = machineWith(1);
    const { sys } = machine.kernel;
    const cpu = machine.cpus[0]!;
    const state = cpuTlbState(sys, 0);
    switchMmIrqsOff(sys, cpu, tasks[0]!.mm!);
    const { cr3 } = cpu;
    enterLazyTlb(sys, cpu);
    expect([state.isLazy, cpu.cr3, state.loadedMm]).toEqual([true, cr3, tasks[0]!.mm]);
    switchMmIrqsOff(sys, cpu, tasks[0]!.mm!);
    expect([state.isLazy, state.loadedMm]).toEqual([false, tasks[0]!.mm]);
  });

  it("is none on the kernel's own tables", () => {
    const { machine, tasks } = machineWith(1);
    const { sys } = machine.kernel;
    const cpu = machine.cpus[0]!;
    switchMmIrqsOff(sys, cpu, tasks[0]!.mm!);
    leaveMm(sys, cpu);
    expect(cpuTlbState(sys, 0).loadedMm).toBe(sys.initMm);
    enterLazyTlb(sys, cpu);
    expect(cpuTlbState(sys, 0).isLazy).toBe(false);
  });
});
