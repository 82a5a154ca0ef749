import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { Ram, SECTION_FRAMES_SHIFT } from "../../lib/hw/ram.js";
import { boot } from "../../lib/kernel/machine.js";

const SECTION_BYTES = 4096 * 2 ** SECTION_FRAMES_SHIFT;

/** Sections that were taken from the host. */
function nrTouched(ram: Ram): number {
  let touched = 0;
  for (let pfn = 0; pfn < ram.nrFrames; pfn += 2 ** SECTION_FRAMES_SHIFT)
    if (ram.sectionOf(pfn) !== undefined) touched++;
  return touched;
}

describe("RAM", () => {
  it("holds what was written, little-endian, over section borders, as a map of bytes does", () => {
    const near = [0, SECTION_BYTES, 2 * SECTION_BYTES];
    const write = fc.tuple(
      fc.constantFrom(...near),
      fc.integer({ min: -9, max: 9 }),
      fc.integer({ min: 1, max: 6 }),
      fc.maxSafeInteger(),
    );
    fc.assert(
      fc.property(fc.array(write, { maxLength: 20 }), (writes) => {
        const ram = new Ram(2 * SECTION_BYTES);
        const bytes = new Map<number, number>();
        for (const [base, offset, size, value] of writes) {
          const pa = base + offset;
          if (pa < 0 || pa + size > ram.sizeBytes) {
            expect(() => ram.writeUint(pa, size, value)).toThrow(RangeError);
            continue;
          }
          ram.writeUint(pa, size, value);
          const low = BigInt.asUintN(8 * size, BigInt(value));
          for (let i = 0; i < size; i++) bytes.set(pa + i, Number((low >> BigInt(8 * i)) & 0xffn));
          expect(ram.readUint(pa, size)).toBe(Number(low));
        }
        for (const [pa, byte] of bytes) expect(ram.read8(pa)).toBe(byte);
      }),
      { numRuns: 50 },
    );
  });

  it("of 64 GiB takes nothing from the host until it is written, in a booted machine either", () => {
    const machine = boot({ ram: "64 GiB", cpus: 4 });
    expect(nrTouched(machine.ram)).toBe(0);
    expect(machine.ram.read8(2 ** 36 - 1)).toBe(0);
    expect(nrTouched(machine.ram)).toBe(0);
    machine.ram.write8(2 ** 35, 1);
    expect(nrTouched(machine.ram)).toBe(1);
  });
});
