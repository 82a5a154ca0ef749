import "../../../lib/procfs/mount.js";
import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { boot, type Machine } from "../../../lib/kernel/machine.js";
import type { AddressSpace } from "../../../lib/mm/filemap/mapping.js";
import { GFP_KERNEL } from "../../../lib/mm/pages/gfp.js";

const PAGE = 4096;

const nodesOf = (machine: Machine): number => machine.kernel.sys.radixTreeNodes!.activeObjs;

/** `sync; echo 3 > /proc/sys/vm/drop_caches` */
function dropCaches(machine: Machine): void {
  machine.kernel.files.sync();
  machine.procfs.write("/proc/sys/vm/drop_caches", "3");
}

function file(machine: Machine, pages: number): AddressSpace {
  machine.kernel.files.writeFile("/data/f", new Uint8Array(pages * PAGE));
  return machine.kernel.files.lookup("/data/f")!.mapping;
}

describe("the nodes of a cache's tree", () => {
  it("are one for each 64 places with a page", () => {
    const machine = boot({ ram: "64 MiB" });
    const mapping = file(machine, 1000);
    expect(mapping.nrpages).toBe(1000);
    const large = [...new Set(mapping.pages.values())].filter(({ order }) => order >= 6);
    expect(nodesOf(machine)).toBe(
      Math.ceil(1000 / 64) - large.reduce((sum, { order }) => sum + 2 ** (order - 6), 0),
    );
    dropCaches(machine);
    expect([nodesOf(machine), mapping.nodes.size]).toEqual([0, 0]);
  });

  it("are not needed for page 0 alone", () => {
    const machine = boot({ ram: "64 MiB" });
    file(machine, 1);
    expect(nodesOf(machine)).toBe(0);
    file(machine, 2);
    expect(nodesOf(machine)).toBe(1);
  });

  it("stay where reclaim has left shadows, two pages for each 14 of them", () => {
    const machine = boot({ ram: "64 MiB" });
    const { files, sys } = machine.kernel;
    files.writeFile("/data/f", new Uint8Array(2048 * PAGE));
    dropCaches(machine);
    const p = machine.spawn();
    const fd = p.open("/data/f");
    p.pread(fd, p.mmap(2048 * PAGE), 2048 * PAGE, 0);
    const mapping = files.lookup("/data/f")!.mapping;
    const before = nodesOf(machine);
    const big = p.mmap("60 MiB");
    for (let i = 0; i < 13_000 && mapping.nrpages > 0; i++) p.store(big + i * PAGE, 1, 1);
    expect(mapping.nrpages).toBe(0);
    expect(mapping.nrShadows).toBeGreaterThan(1500);
    expect(nodesOf(machine)).toBe(before);
    expect(sys.radixTreeNodes!.nrSlabs).toBe(Math.max(1, Math.ceil(before / 14)));
    files.unlink("/data/f");
  });

  it("hold what the cache holds, whatever comes and goes", () => {
    fc.assert(
      fc.property(fc.array(fc.tuple(fc.nat(3), fc.nat(299)), { maxLength: 30 }), (steps) => {
        const machine = boot({ ram: "16 MiB" });
        const { sys } = machine.kernel;
        const mapping = file(machine, 300);
        const p = machine.spawn();
        const fd = p.open("/data/f");
        const buf = p.mmap(PAGE);
        for (const [what, page] of steps) {
          if (what === 0) p.ftruncate(fd, page * PAGE);
          else if (what === 1) p.pwrite(fd, buf, PAGE, page * PAGE);
          else if (what === 2) dropCaches(machine);
          else sys.parts.tryToFreePages(sys, GFP_KERNEL, 0);
          const pages = new Map<number, number>();
          for (const index of mapping.pages.keys())
            pages.set(Math.floor(index / 64), (pages.get(Math.floor(index / 64)) ?? 0) + 1);
          for (const [offset, { nrPages }] of mapping.nodes) expect(nrPages).toBe(pages.get(offset) ?? 0);
          for (const offset of pages.keys()) expect(mapping.nodes.has(offset)).toBe(true);
          const slabs = [...mapping.nodes.values()].filter(({ slab }) => slab !== undefined).length;
          expect(nodesOf(machine)).toBe(slabs);
        }
      }),
      { numRuns: 40 },
    );
  });
});
