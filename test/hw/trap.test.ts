import { describe, expect, it } from "vitest";
import {
  deliverException,
  type TrapRegisters,
  trapText,
  writeGate,
  X86_TRAP_DF,
  X86_TRAP_PF,
} from "../../lib/hw/trap.js";
import { boot, type Machine } from "../../lib/kernel/machine.js";

const IDT = -0x8000_0000;
const STACK = IDT + 0x1_0000;
const OWN_STACK = IDT + 0x2_0000;

/** A machine with a table of gates at IDT, and a stack page below STACK and below OWN_STACK. */
function machineWithGates(): { machine: Machine; idtPa: number; registers: TrapRegisters } {
  const machine = boot({ ram: "1 MiB" });
  const table = machine.newPageTable("kernel");
  for (const va of [STACK - 4096, OWN_STACK - 4096]) table.mapNew(va, 1, { writable: true });
  const idtPfn = machine.frames.allocFrame()!;
  table.map(IDT, idtPfn, { writable: true });
  machine.ram.zeroFrame(idtPfn);
  machine.switchMm(table);
  const idtPa = idtPfn * 4096;
  writeGate(machine.ram, idtPa, X86_TRAP_PF, -0x7fff_0000);
  const registers = { idtBase: IDT, idtBytes: 4096, stackTop: STACK, istTops: [OWN_STACK] };
  return { machine, idtPa, registers };
}

describe("deliverException", () => {
  it("runs the handler when gate and stack are there", () => {
    const { machine, registers } = machineWithGates();
    expect(deliverException(machine.cpu, registers, X86_TRAP_PF)).toMatchObject({
      vector: X86_TRAP_PF,
      handler: -0x7fff_0000,
    });
  });

  it("makes a double fault of a page fault whose frame cannot be pushed", () => {
    const { machine, idtPa, registers } = machineWithGates();
    writeGate(machine.ram, idtPa, X86_TRAP_DF, -0x7fff_1000, 1);
    const broken = { ...registers, stackTop: STACK - 4096 };
    const outcome = deliverException(machine.cpu, broken, X86_TRAP_PF);
    expect(outcome).toMatchObject({ vector: X86_TRAP_DF, handler: -0x7fff_1000 });
    expect(outcome.steps.map(({ doing }) => doing)).toEqual([
      "read the gate",
      "push the frame",
      "read the gate",
      "push the frame",
      "run the handler",
    ]);
  });

  it("shuts down when the double fault has no stack either", () => {
    const { machine, idtPa, registers } = machineWithGates();
    writeGate(machine.ram, idtPa, X86_TRAP_DF, -0x7fff_1000);
    const outcome = deliverException(machine.cpu, { ...registers, stackTop: STACK - 4096 }, X86_TRAP_PF);
    expect(outcome.vector).toBeUndefined();
    expect(trapText(outcome)).toMatch(
      /vector 14: read.*\n.*14: push.*#PF.*\n.*8: read.*\n.*8: push.*#PF.*\n.*shut down.*triple fault/,
    );
  });

  it("shuts down when there is no table of gates, or it is too short", () => {
    const { machine, registers } = machineWithGates();
    for (const broken of [
      { ...registers, idtBase: IDT - 0x1000 },
      { ...registers, idtBytes: 64 },
    ])
      expect(deliverException(machine.cpu, broken, X86_TRAP_PF).vector).toBeUndefined();
  });
});
