import { describe, expect, it } from "vitest";
import { Clock } from "../../lib/hw/clock.js";
import { Cpu } from "../../lib/hw/cpu.js";
import { FaultError, type PageFault } from "../../lib/hw/fault.js";
import { Ram } from "../../lib/hw/ram.js";
import { Tables } from "./tables.js";

const VA = 0x5555_5555_4000;

function boot(): { cpu: Cpu; tables: Tables; ram: Ram } {
  const ram = new Ram(64 * 2 ** 20);
  const cpu = new Cpu(0, ram, new Clock());
  const tables = new Tables(ram);
  cpu.writeCr3(0x1000);
  cpu.cpl = 3;
  return { cpu, tables, ram };
}

describe("loads and stores", () => {
  it.each([1, 2, 3, 4, 5, 6, 7, 8])("reads back %i bytes, inside a page and over a border", (size) => {
    const { cpu, tables } = boot();
    tables.map(VA, 0x100);
    tables.map(VA + 0x1000, 0x200);
    const value = Number(0x11_2233_4455_6677n & ((1n << BigInt(8 * size)) - 1n));
    for (const va of [VA + 8, VA + 13, VA + 0x1000 - 1, VA + 0x1000 - size + 1]) {
      cpu.store(va, size, value);
      expect(cpu.load(va, size)).toBe(value);
      expect(cpu.fetch(va, size)).toBe(value);
      expect(cpu.loadBig(va, size)).toBe(BigInt(value));
    }
  });

  it("puts the bytes of a crossing store on both frames, little-endian", () => {
    const { cpu, tables, ram } = boot();
    tables.map(VA, 0x100);
    tables.map(VA + 0x1000, 0x200);
    cpu.store64(VA + 0xffd, 0x8877_6655_4433_2211n);
    expect([...ram.frame(0x100).subarray(0xffd)]).toEqual([0x11, 0x22, 0x33]);
    expect([...ram.frame(0x200).subarray(0, 5)]).toEqual([0x44, 0x55, 0x66, 0x77, 0x88]);
    expect(cpu.load64(VA + 0xffd)).toBe(0x8877_6655_4433_2211n);
    expect(() => cpu.load(VA + 0xffd, 8)).toThrow(/not exact/);
  });

  it("writes negative numbers as two's complement", () => {
    const { cpu, tables } = boot();
    tables.map(VA, 0x100);
    cpu.store(VA, 2, -1);
    expect(cpu.load(VA, 2)).toBe(0xffff);
    cpu.store(VA, 8, -2);
    expect(cpu.load64(VA)).toBe(0xffff_ffff_ffff_fffen);
  });

  it("leaves nothing half-written when the second page faults", () => {
    const { cpu, tables, ram } = boot();
    tables.map(VA, 0x100);
    expect(() => cpu.store(VA + 0xffe, 4, 0x12345678)).toThrow(FaultError);
    expect([...ram.frame(0x100).subarray(0xffe)]).toEqual([0, 0]);
    expect(cpu.cr2).toBe(VA + 0x1000);
  });

  it("refuses sizes and values that do not fit", () => {
    const { cpu } = boot();
    expect(() => cpu.load(VA, 9)).toThrow(/access size 9/);
    expect(() => cpu.store(VA, 1, 256)).toThrow(/value 256/);
    expect(() => cpu.store(VA, 4, 1.5)).toThrow(/value 1.5/);
  });
});

describe("faults", () => {
  it("throws the fault when no handler is installed", () => {
    const { cpu } = boot();
    expect(() => cpu.store(VA + 4, 4, 1)).toThrow(
      expect.objectContaining({ name: "PageFault", va: VA + 4, errorCode: 6 }),
    );
    expect(() => cpu.load(2 ** 47, 1)).toThrow(expect.objectContaining({ name: "AddressFault" }));
    expect(cpu.cr2).toBe(VA + 4);
  });

  it("calls the handler in supervisor mode and starts the access again", () => {
    const { cpu, tables } = boot();
    const seen: PageFault[] = [];
    cpu.onPageFault = (c, fault) => {
      expect(c.cpl).toBe(0);
      seen.push(fault);
      tables.map(fault.va - (fault.va % 4096), 0x100 + seen.length);
    };
    cpu.store(VA + 0xffe, 4, 0x12345678);
    expect(seen.map((f) => [f.va, f.errorCode])).toEqual([
      [VA + 0xffe, 6],
      [VA + 0x1000, 6],
    ]);
    expect(cpu.cpl).toBe(3);
    expect(cpu.load(VA + 0xffe, 4)).toBe(0x12345678);
  });

  it("abandons the access when the handler throws, and restores the mode", () => {
    const { cpu } = boot();
    cpu.onPageFault = () => {
      throw new Error("killed");
    };
    expect(() => cpu.load(VA, 1)).toThrow("killed");
    expect(cpu.cpl).toBe(3);
  });

  it("gives up on a handler that mends nothing", () => {
    const { cpu } = boot();
    cpu.onPageFault = () => {};
    expect(() => cpu.load(VA, 1)).toThrow(/faulted 1000 times/);
  });
});
