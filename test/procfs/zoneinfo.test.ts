import { describe, expect, it } from "vitest";
import { type BootOptions, boot } from "../../lib/kernel/machine.js";
import { buddyinfo, pagetypeinfo } from "../../lib/procfs/buddyinfo.js";
import { parseBuddyinfo, parseZoneinfo } from "../../lib/procfs/parse.js";
import { zoneinfo } from "../../lib/procfs/zoneinfo.js";

/** A machine on which a process has touched 4 MiB. */
function machineWith(options: BootOptions) {
  const machine = boot(options);
  const process = machine.spawn();
  process.touch(process.mmap("4 MiB"), "4 MiB");
  return machine.kernel.sys;
}

describe("/proc/zoneinfo", () => {
  it("shows every zone that a machine could have, of those without pages only sizes", () => {
    const sys = machineWith({ ram: "256 MiB", cpus: 2 });
    const blocks = zoneinfo(sys);
    expect(blocks.map((block) => /zone +(\w+)/.exec(block)![1])).toEqual([
      "DMA",
      "DMA32",
      "Normal",
      "Movable",
      "Device",
    ]);
    expect(blocks[2]).not.toContain("nr_free_pages");
    expect(blocks[3]).toContain("min      32\n        low      32\n        high     32\n"); // the least of Movable
    expect(parseZoneinfo(blocks.join("")).map(({ zone }) => zone)).toEqual(["DMA", "DMA32"]);
  });

  it("shows what each CPU keeps for itself, and the node's states once", () => {
    const sys = machineWith({ ram: "256 MiB", cpus: 2 });
    const [dma, dma32] = zoneinfo(sys);
    const { count, high, batch, highMin, highMax } = sys.zones[1]!.pcps[1]!;
    expect(dma32).toContain(
      `    cpu: 1
              count:    ${count}
              high:     ${high}
              batch:    ${batch}
              high_min: ${highMin}
              high_max: ${highMax}
  vm stats threshold: 8
`,
    );
    expect([dma!.includes("per-node stats"), dma32!.includes("per-node stats")]).toEqual([true, false]);
    expect(dma32).toContain("  node_unreclaimable:  0\n  start_pfn:           4096\n");
  });

  it("adds the boost to every mark", () => {
    const sys = machineWith({ ram: "16 MiB" });
    const zone = sys.zones[0]!;
    zone.watermarkBoost = 512;
    const { boost, min, promo } = parseZoneinfo(zoneinfo(sys).join(""))[0]!.pages;
    expect([boost, min, promo]).toEqual([512, zone.watermark.min + 512, zone.watermark.promo + 512]);
  });
});

describe("/proc/buddyinfo and /proc/pagetypeinfo", () => {
  it("show the zones with pages only", () => {
    const sys = machineWith({ ram: "64 MiB", movable: "16 MiB" });
    expect(parseBuddyinfo(buddyinfo(sys).join("")).map(({ zone }) => zone)).toEqual([
      "DMA",
      "DMA32",
      "Movable",
    ]);
  });

  it("count the same free blocks, by migrate type and together", () => {
    const sys = machineWith({ ram: "64 MiB" });
    const sums = new Map<string, number[]>();
    for (const [, zone, counts] of pagetypeinfo(sys).matchAll(/zone +(\w+), type +\w+ (.*)/g)) {
      const free = counts!.trim().split(/ +/).map(Number);
      sums.set(
        zone!,
        free.map((blocks, order) => blocks + (sums.get(zone!)?.[order] ?? 0)),
      );
    }
    const shown = parseBuddyinfo(buddyinfo(sys).join("")).map(({ zone, free }) => [zone, free]);
    expect([...sums]).toEqual(shown);
  });

  it("count the page blocks of each type: all of a zone together", () => {
    const sys = machineWith({ ram: "64 MiB" });
    const blocks = [...pagetypeinfo(sys).matchAll(/^Node 0, zone +\w+ (.*)$/gm)].map(([, counts]) =>
      counts!.trim().split(/ +/).map(Number),
    );
    expect(blocks.map((counts) => counts.reduce((sum, count) => sum + count, 0))).toEqual([8, 24]);
    expect(blocks[1]![0]).toBeGreaterThan(0); // page tables cannot be moved
  });
});
