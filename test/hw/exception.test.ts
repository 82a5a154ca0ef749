import { describe, expect, it } from "vitest";
import { MAX_NESTED_EXCEPTIONS, TripleFault } from "../../lib/hw/exception.js";
import { FaultError } from "../../lib/hw/fault.js";
import { boot } from "../../lib/kernel/machine.js";

const UNMAPPED = -0x1000;

function cpuWithTable() {
  const machine = boot();
  const cpu = machine.switchMm(machine.newPageTable());
  return { machine, cpu };
}

describe("a fault that cannot be delivered", () => {
  it("is thrown at the caller while there is no kernel", () => {
    const { cpu } = cpuWithTable();
    expect(() => cpu.load(0x1000, 1)).toThrow(FaultError);
    expect(cpu.shutDownBy).toBeUndefined();
  });

  it("shuts the CPU down when the kernel has no handlers at all, until the machine goes back", () => {
    const { machine, cpu } = cpuWithTable();
    cpu.hasIdt = true;
    const before = machine.snapshot();
    expect(() => cpu.load(0x1000, 1)).toThrow(/CPU 0 has shut down after a triple fault.*#PF at 0x1000/);
    expect(() => cpu.store(0x2000, 8, 1)).toThrow(TripleFault);
    expect(() => machine.run(new Uint32Array(1))).toThrow(TripleFault);
    machine.restore(before);
    expect(cpu.shutDownBy).toBeUndefined();
  });

  it("goes to the double fault handler when only that is there, and the access does not start again", () => {
    const { cpu } = cpuWithTable();
    cpu.hasIdt = true;
    cpu.cpl = 3;
    const seen: unknown[] = [];
    cpu.onDoubleFault = (on, fault) => seen.push([on.cpl, fault.va, on.cr2]);
    expect(() => cpu.load(0x1000, 1)).toThrow(FaultError);
    expect(seen).toEqual([[0, 0x1000, 0x1000]]);
    expect(cpu).toMatchObject({ cpl: 3, inDoubleFault: false, shutDownBy: undefined });
  });

  it("goes there when the page fault handler faults until the kernel's stack is full", () => {
    const { cpu } = cpuWithTable();
    cpu.hasIdt = true;
    let calls = 0;
    cpu.onPageFault = (on) => {
      calls++;
      on.load(UNMAPPED, 8);
    };
    cpu.onDoubleFault = (_, fault) => {
      throw new Error(`panic: ${fault.va}`);
    };
    expect(() => cpu.load(0x1000, 1)).toThrow(`panic: ${UNMAPPED}`);
    expect(calls).toBe(MAX_NESTED_EXCEPTIONS);
    expect(cpu.nestedExceptions).toBe(0);
  });

  it("shuts the CPU down when the double fault handler faults, too", () => {
    const { cpu } = cpuWithTable();
    cpu.hasIdt = true;
    cpu.onPageFault = (on) => void on.load(UNMAPPED, 8);
    cpu.onDoubleFault = (on) => void on.load(UNMAPPED, 8);
    expect(() => cpu.load(0x1000, 1)).toThrow(TripleFault);
    expect(() => cpu.fetch(0x1000, 1)).toThrow(TripleFault);
  });
});

describe("Linux", () => {
  it("serves a fault within a fault, and refuses a snapshot in the middle of one", () => {
    const machine = boot();
    const p = machine.spawn("p");
    const a = p.mmap("4 KiB", { prot: "r" });
    p.on("SIGSEGV", () => machine.snapshot());
    expect(() => p.store(a, 1, 1)).toThrow(/CPU 0 is serving a fault/);
  });
});
