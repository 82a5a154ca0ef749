import { describe, expect, it } from "vitest";
import { BareFrames } from "../../lib/hw/frames.js";
import { Ram } from "../../lib/hw/ram.js";

const RAM_8_FRAMES = 8 * 4096;

describe("BareFrames", () => {
  it("hands out each frame once, never frame 0, and then undefined", () => {
    const frames = new BareFrames(new Ram(RAM_8_FRAMES));
    const got = Array.from({ length: 8 }, () => frames.allocFrame());
    expect(got).toEqual([1, 2, 3, 4, 5, 6, 7, undefined]);
    expect(frames.nrFree).toBe(0);
    expect(frames.nrInUse).toBe(7);
  });

  it("hands out the frame that came back last, with its old bytes in it", () => {
    const ram = new Ram(RAM_8_FRAMES);
    const frames = new BareFrames(ram);
    const pfn = frames.allocFrame()!;
    frames.allocFrame();
    ram.frame(pfn).fill(0xff);
    frames.freeFrame(pfn);
    expect(frames.allocFrame()).toBe(pfn);
    expect(ram.read8(pfn * 4096)).toBe(0xff);
  });

  it("refuses a frame that is not in use", () => {
    const frames = new BareFrames(new Ram(RAM_8_FRAMES));
    frames.freeFrame(frames.allocFrame()!);
    expect(() => frames.freeFrame(1)).toThrow(/frame 1 is not in use/);
  });

  it("hands out aligned runs and keeps what it skipped for later", () => {
    const frames = new BareFrames(new Ram(RAM_8_FRAMES));
    expect(frames.allocRun(4)).toBe(4);
    expect(frames.allocRun(4)).toBeUndefined();
    expect([frames.allocFrame(), frames.allocFrame(), frames.allocFrame(), frames.allocFrame()]).toEqual([
      3,
      2,
      1,
      undefined,
    ]);
  });
});
