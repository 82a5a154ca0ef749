import { expect, it } from "vitest";
import { boot } from "../../lib/kernel/machine.js";
import { ProcFs } from "../../lib/procfs/procfs.js";

it("/proc/pagetypeinfo counts free blocks and page blocks by type, as buddyinfo does together", () => {
  const machine = boot({ ram: "64 MiB" });
  const p = machine.spawn("p");
  p.touch(p.mmap("1 MiB"), "1 MiB");
  const procfs = new ProcFs(machine.kernel.sys, () => []);
  const text = procfs.read("/proc/pagetypeinfo");
  const row = (pattern: RegExp): number[] => pattern.exec(text)![1]!.trim().split(/ +/).map(Number);
  const types = ["Unmovable", "Movable", "Reclaimable", "HighAtomic", "Isolate"];
  const byType = types.map((type) => row(new RegExp(`zone +DMA32, type +${type} (.*)`)));
  const together = byType[0]!.map((_, order) => byType.reduce((sum, counts) => sum + counts[order]!, 0));
  expect(together).toEqual(procfs.buddyinfo().find(({ zone }) => zone === "DMA32")!.free);
  const blocks = row(/^Node 0, zone +DMA32 (.*)/m);
  expect(blocks[0]).toBeGreaterThan(0); // page tables have claimed some
  expect(blocks.reduce((sum, nr) => sum + nr)).toBe(24);
});
