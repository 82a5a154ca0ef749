import { describe, expect, it } from "vitest";
import { BlockStore } from "../../lib/hw/block_store.js";
import { Ram } from "../../lib/hw/ram.js";
import { Random } from "../../lib/hw/random.js";

const PAGE = 4096;

describe("the blocks of a device", () => {
  it("read as zeros until they are written, and again once they are discarded", () => {
    const store = new BlockStore();
    const bytes = new Uint8Array(PAGE).fill(7);
    store.read(2 ** 27, bytes);
    expect(bytes.every((byte) => byte === 0)).toBe(true);
    store.write(2 ** 27, bytes.fill(9));
    store.discard(5);
    store.read(2 ** 27, bytes.fill(1));
    expect(bytes.every((byte) => byte === 9)).toBe(true);
    store.discard(2 ** 27);
    store.read(2 ** 27, bytes);
    expect(bytes.every((byte) => byte === 0)).toBe(true);
  });

  it("hold what frames had, however much of them was written, and give it to any frame", () => {
    const random = new Random(1);
    const ram = new Ram(64 * PAGE);
    const store = new BlockStore();
    const model = new Map<number, Uint8Array>();
    const frame = (pfn: number): Uint8Array =>
      Uint8Array.from({ length: PAGE }, (_, i) => ram.read8(pfn * PAGE + i));
    for (let i = 0; i < 400; i++) {
      const pfn = random.below(64);
      const nr = random.pick([0, 1, 255, 256, 1000]);
      if (random.chance(60)) {
        const length = random.pick([1, 8, 100, PAGE]);
        if (random.chance(10)) ram.frame(pfn).fill(i % 256);
        else if (random.chance(30)) ram.zeroFrame(pfn);
        for (let at = 0; at < length; at++) ram.write8(pfn * PAGE + at, random.below(256));
        store.writeFrame(nr, ram, pfn);
        model.set(nr, frame(pfn));
      } else {
        store.readFrame(nr, ram, pfn);
        expect(Buffer.compare(frame(pfn), model.get(nr) ?? new Uint8Array(PAGE))).toBe(0);
        expect(ram.isFrameZero(pfn)).toBe(frame(pfn).every((byte) => byte === 0));
      }
    }
  });
});
