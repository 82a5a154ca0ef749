import { describe, expect, it } from "vitest";
import { Ram } from "../../../lib/hw/ram.js";
import { kmapLocalRead, kmapLocalWrite } from "../../../lib/mm/swap/highmem.js";

const SECTION_FRAMES = 2 ** 14;

describe("the bytes of a frame", () => {
  it("are those of RAM, in any section", () => {
    const ram = new Ram((SECTION_FRAMES + 8) * 4096);
    for (const pfn of [0, 5, SECTION_FRAMES + 3]) {
      expect(kmapLocalRead(ram, pfn).length).toBe(4096);
      kmapLocalWrite(ram, pfn)[4095] = pfn & 0xff;
      expect(ram.read8(pfn * 4096 + 4095)).toBe(pfn & 0xff);
      expect(kmapLocalRead(ram, pfn)[4095]).toBe(pfn & 0xff);
    }
  });

  it("are zeros where the machine never wrote", () => {
    expect(kmapLocalRead(new Ram(2 ** 20), 7).every((byte) => byte === 0)).toBe(true);
  });

  it("are all zeroed with the frame, once somebody was given them to write", () => {
    const ram = new Ram(2 ** 20);
    kmapLocalWrite(ram, 3).fill(7);
    ram.zeroFrame(3);
    expect(kmapLocalRead(ram, 3).every((byte) => byte === 0)).toBe(true);
  });
});
