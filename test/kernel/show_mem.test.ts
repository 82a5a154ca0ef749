import { describe, expect, it } from "vitest";
import { boot } from "../../lib/kernel/machine.js";
import { showMem } from "../../lib/kernel/show_mem.js";

describe("the state of memory in the kernel's log", () => {
  it("has the machine, each zone with its watermarks in kB, and swap", () => {
    const machine = boot({ ram: "64 MiB", swap: "8 MiB" });
    const { sys } = machine.kernel;
    const p = machine.spawn("p");
    p.touch(p.mmap(400 * 4096), 400 * 4096);
    const text = showMem(sys).join("\n");
    const zone = sys.zones.find(({ name }) => name === "DMA32")!;
    expect(text).toMatch(/^Mem-Info:\nactive_anon:\d+ inactive_anon:\d+ isolated_anon:0\n active_file:/);
    expect(text).toContain(
      `Node 0 DMA32 free:${zone.nrFreePages * 4}kB boost:0kB min:${zone.watermark.min * 4}kB`,
    );
    expect(text).toMatch(/^Free swap {2}= 8188kB\nTotal swap = 8188kB$/m);
    expect(text).not.toMatch(/undefined|NaN/);
  });
});
