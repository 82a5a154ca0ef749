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

  it("fills and copies frames as if it did not know what was written of them, whoever wrote", () => {
    const frames = [0, 1, 2, 2 ** SECTION_FRAMES_SHIFT];
    const places = fc.tuple(fc.nat(3), fc.nat(3), fc.nat(4095));
    const what = fc.constantFrom("byte", "uint", "word", "entry", "section", "lend", "view", "zero", "copy");
    fc.assert(
      fc.property(fc.array(fc.tuple(what, places), { maxLength: 60, size: "max" }), (steps) => {
        const ram = new Ram(2 * SECTION_BYTES);
        const model = new Uint8Array(frames.length * 4096);
        const views: Uint8Array[] = [];
        for (const [name, [to, from, offset]] of steps) {
          const pfn = frames[to]!;
          const put = (start: number, bytes: number) =>
            model.fill(0x11, to * 4096 + start, to * 4096 + start + bytes);
          const steps: Record<typeof name, () => void> = {
            byte: () => [ram.write8(pfn * 4096 + offset, 0x11), put(offset, 1)],
            uint: () => {
              const start = to < 2 ? offset : offset & 0xff0; // from frames 0 and 1 also across the border
              ram.writeUint(pfn * 4096 + start, 6, 0x1111_1111_1111);
              put(start, 6);
            },
            word: () => [ram.setWord(pfn, offset >> 2, 0x1111_1111), put(offset & ~3, 4)],
            entry: () => [ram.setEntry(pfn, offset >> 3, 0x1111_1111, 0x1111_1111), put(offset & ~7, 8)],
            section: () => {
              ram.touchSection(pfn).bytes[(pfn & 0x3fff) * 4096 + offset] = 0x11;
              put(offset, 1);
            },
            lend: () => {
              views[to] = ram.frame(pfn);
            },
            view: () => {
              if (views[to] === undefined) return;
              views[to][offset] = 0x11;
              put(offset, 1);
            },
            zero: () => [ram.zeroFrame(pfn), model.fill(0, to * 4096, to * 4096 + 4096)],
            copy: () => {
              ram.copyFrame(pfn, frames[from]!);
              model.copyWithin(to * 4096, from * 4096, from * 4096 + 4096);
            },
          };
          steps[name]();
        }
        for (const [i, pfn] of frames.entries())
          expect(Buffer.compare(ram.frame(pfn), model.subarray(i * 4096, (i + 1) * 4096))).toBe(0);
      }),
      { numRuns: 60 },
    );
  });

  it("zeroes what a view writes that was taken before a machine went back", () => {
    const machine = boot();
    const { ram } = machine;
    const before = machine.snapshot();
    const view = ram.frame(9);
    machine.restore(before);
    view[4000] = 1;
    ram.zeroFrame(9);
    expect(ram.read8(9 * 4096 + 4000)).toBe(0);
  });
});
