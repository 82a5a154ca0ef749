import { describe, expect, it } from "vitest";
import { BareMachine, type Memory, type Program, takeTurns } from "../../lib/hw/bare.js";

/** Counts at 0x2000 from `start`, three times. */
function counter(start: number): Program {
  return function* (memory: Memory) {
    memory.store(0x2000, 4, start);
    for (let i = 0; i < 3; i++) {
      yield;
      memory.store(0x2000, 4, memory.load(0x2000, 4) + 1);
    }
  };
}

describe("a machine without an MMU", () => {
  it("uses a program's address as the physical address, little-endian", () => {
    const machine = new BareMachine("64 KiB");
    machine.store(0x2000, 4, 0x01020304);
    expect(machine.ram.read8(0x2000)).toBe(4);
    expect(machine.ram.read8(0x2003)).toBe(1);
    expect(machine.load(0x2000, 4)).toBe(0x01020304);
    expect(machine.load(0x2000, 2)).toBe(0x0304);
  });

  it("refuses odd access sizes and addresses outside RAM", () => {
    const machine = new BareMachine("64 KiB");
    expect(() => machine.load(0, 3)).toThrow(/cannot access 3 bytes/);
    expect(() => machine.load(0x10000, 1)).toThrow(/outside RAM/);
  });
});

describe("takeTurns", () => {
  it("finds nothing wrong with one program alone", () => {
    const machine = new BareMachine("64 KiB");
    const report = takeTurns({ alice: counter(100) }, () => machine);
    expect(report.collisions).toEqual([]);
    expect(machine.load(0x2000, 4)).toBe(103);
  });

  it("shows two programs collide on bare RAM", () => {
    const machine = new BareMachine("64 KiB");
    const report = takeTurns({ alice: counter(100), bob: counter(7) }, () => machine);
    expect(report.collisions[0]).toEqual({
      program: "alice",
      op: "load",
      address: 0x2000,
      value: 7,
      expected: 100,
    });
    expect(String(report)).toContain("alice    load  0x2000 -> 7   not 100: somebody else wrote here");
  });

  it("shows the same programs at peace when each has a segment of its own", () => {
    const machine = new BareMachine("64 KiB");
    const segments = {
      alice: machine.throughSegment({ name: "alice", base: 0, limitBytes: 0x4000 }),
      bob: machine.throughSegment({ name: "bob", base: 0x4000, limitBytes: 0x4000 }),
    };
    const report = takeTurns(
      { alice: counter(100), bob: counter(7) },
      (name) => segments[name as "alice" | "bob"],
    );
    expect(report.collisions).toEqual([]);
    expect(machine.load(0x2000, 4)).toBe(103);
    expect(machine.load(0x6000, 4)).toBe(10);
  });

  it("checks the whole access against the limit, not only its first byte", () => {
    const machine = new BareMachine("64 KiB");
    const memory = machine.throughSegment({ name: "alice", base: 0, limitBytes: 0x1002 });
    expect(() => memory.store(0x1000, 4, 1)).toThrow(/offset 0x1003 is not below the limit/);
    expect(memory.load(0x1000, 2)).toBe(0);
  });

  it("ends a program that never ends, and says which", () => {
    const machine = new BareMachine("64 KiB");
    const endless: Program = function* (memory) {
      for (;;) {
        memory.load(0, 1);
        yield;
      }
    };
    expect(() => takeTurns({ spin: endless }, () => machine, 100)).toThrow(/stopped in spin/);
  });
});
