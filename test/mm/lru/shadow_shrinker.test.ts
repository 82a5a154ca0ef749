import { describe, expect, it } from "vitest";
import { boot } from "../../../lib/kernel/machine.js";
import type { AddressSpace } from "../../../lib/mm/filemap/mapping.js";
import { shadowOf, storeShadow, updateNodes } from "../../../lib/mm/filemap/shadows.js";
import { shrinkSlab } from "../../../lib/mm/lru/shrinker.js";
import { GFP_KERNEL } from "../../../lib/mm/pages/gfp.js";
import {
  modNodePageState,
  NR_INACTIVE_FILE,
  SLABS_SCANNED,
  WORKINGSET_NODES,
} from "../../../lib/mm/vmstat.js";

/** As if page `index` had been there, and reclaim had taken it. */
function evictAt(mapping: AddressSpace, index: number): void {
  storeShadow(mapping, index, 1, 7);
  updateNodes(mapping, index, 1);
}

describe("the shrinker of shadows", () => {
  it("takes half of the nodes that are too many for the pages in RAM at each look", () => {
    const { sys, files } = boot({ ram: "64 MiB" }).kernel;
    files.writeFile("/data/f", new Uint8Array(0));
    const { mapping } = files.lookup("/data/f")!;
    for (let node = 1; node <= 1000; node++) evictAt(mapping, node * 64);
    expect(sys.shadowNodes.size).toBe(1000);
    const pages = [0, 1, 2, 3, 4].reduce((sum, item) => sum + sys.vmStat.nodeStat[item]!, 0);
    modNodePageState(sys, NR_INACTIVE_FILE, 8 * 200 - pages);
    // 1000 nodes, 200 may be: half of 800 in batches of 128
    shrinkSlab(sys, GFP_KERNEL, 12);
    expect(sys.shadowNodes.size).toBe(1000 - 384);
    expect(sys.vmStat.nodeStat[WORKINGSET_NODES]).toBe(616);
    expect(sys.vmStat.events[SLABS_SCANNED]).toBe(384);
    expect(shadowOf(mapping, 64)).toBeUndefined(); // the oldest first
    expect(shadowOf(mapping, 64_000)).toBe(7);
    for (let i = 0; i < 30; i++) shrinkSlab(sys, GFP_KERNEL, 0);
    // and what was put off is done, too, though less than that would do
    expect(sys.shadowNodes.size).toBeLessThanOrEqual(200);
    expect(sys.shadowNodes.size).toBeGreaterThan(200 - 128);
  });

  it("lets the inode go whose last shadows it has taken", () => {
    const { sys, files } = boot({ ram: "64 MiB" }).kernel;
    files.writeFile("/data/f", new Uint8Array(0));
    evictAt(files.lookup("/data/f")!.mapping, 640);
    const drop = (): void => {
      for (let i = 0; i < 4; i++) shrinkSlab(sys, GFP_KERNEL, 0);
    };
    drop();
    const inodes = sys.slabCaches.find(({ name }) => name === "ext4_inode_cache");
    expect(inodes!.activeObjs).toBe(1); // its shadows keep it
    modNodePageState(sys, NR_INACTIVE_FILE, -1e6);
    drop();
    drop();
    expect([sys.shadowNodes.size, inodes!.activeObjs]).toEqual([0, 0]);
  });
});
