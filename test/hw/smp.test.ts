import { describe, expect, it } from "vitest";
import { Clock, COSTS } from "../../lib/hw/clock.js";
import { Cpu } from "../../lib/hw/cpu.js";
import { FaultError } from "../../lib/hw/fault.js";
import { Ram } from "../../lib/hw/ram.js";
import { sendIpi } from "../../lib/hw/smp.js";
import { Tables } from "./tables.js";

const VA = 0x5555_5555_4000;

function boot(nrCpus: number): { cpus: Cpu[]; tables: Tables; clock: Clock } {
  const ram = new Ram(64 * 2 ** 20);
  const clock = new Clock();
  const cpus = Array.from({ length: nrCpus }, (_, id) => new Cpu(id, ram, clock));
  for (const cpu of cpus) {
    cpu.writeCr3(0x1000);
    cpu.cpl = 3;
  }
  return { cpus, tables: new Tables(ram), clock };
}

describe("several CPUs", () => {
  it("have TLBs of their own, which only a shootdown clears", () => {
    const { cpus, tables } = boot(3);
    tables.map(VA, 0x101);
    for (const cpu of cpus) cpu.load(VA, 1);
    tables.unmap(VA);
    cpus[0]!.invlpg(VA);
    expect(() => cpus[0]!.load(VA, 1)).toThrow(FaultError);
    expect(cpus[1]!.load(VA, 1)).toBe(0);
    sendIpi(cpus[0]!, cpus, (cpu) => cpu.invlpg(VA));
    for (const cpu of cpus) expect(() => cpu.load(VA, 1)).toThrow(FaultError);
  });

  it("count interrupts and pay for the slowest target only", () => {
    const { cpus, clock } = boot(4);
    const before = clock.nowNs;
    const sent = sendIpi(cpus[0]!, cpus, (cpu) => cpu.flushRange(VA, VA + cpu.id * 4096));
    expect(sent).toBe(3);
    expect(clock.nowNs - before).toBe(3 * COSTS.ipiSendNs + COSTS.ipiWaitNs + 3 * COSTS.invlpgNs);
    expect(cpus[0]!.counters).toMatchObject({ ipisSent: 3, ipisReceived: 0, invlpgs: 0 });
    expect(cpus[2]!.counters).toMatchObject({
      ipisReceived: 1,
      invlpgs: 2,
      ipiStolenNs: COSTS.ipiReceiveNs + 2 * COSTS.invlpgNs,
    });
  });

  it("cost nothing when nobody is interrupted", () => {
    const { cpus, clock } = boot(2);
    const before = clock.nowNs;
    expect(sendIpi(cpus[0]!, [cpus[0]!], () => {})).toBe(0);
    expect(clock.nowNs).toBe(before);
  });
});
