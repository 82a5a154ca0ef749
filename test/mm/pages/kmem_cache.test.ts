import { describe, expect, it } from "vitest";
import { KmemCache } from "../../../lib/mm/pages/kmem_cache.js";

describe("KmemCache", () => {
  it("knows how many objects fit into a slab, and into those of boot", () => {
    const dentries = new KmemCache("dentry", 192, 0, 48);
    expect([dentries.objectsPerSlab, dentries.numObjs, dentries.nrSlabs]).toEqual([21, 1008, 48]);
    const inodes = new KmemCache("ext4_inode_cache", 1192, 3, 0);
    expect([inodes.objectsPerSlab, inodes.objectsIn(0), inodes.numObjs]).toEqual([27, 3, 0]);
  });
});
