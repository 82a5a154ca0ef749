import { describe, expect, it } from "vitest";
import { Ext4 } from "../../lib/fs/ext4.js";
import { O_CREAT, O_DIRECTORY, O_RDWR, O_TMPFILE } from "../../lib/fs/file_tree.js";
import type { VfsFile } from "../../lib/fs/inode.js";
import { SuperBlock } from "../../lib/fs/super.js";
import { boot } from "../../lib/kernel/machine.js";
import { ENOENT, ENOMEM } from "../../lib/mm/errno.js";
import { shrinkSlab } from "../../lib/mm/lru/shrinker.js";
import { fput } from "../../lib/mm/mm_types.js";
import { GFP_KERNEL, GFP_NOFS } from "../../lib/mm/pages/gfp.js";
import { nrUnusedPages } from "../../lib/mm/pages/page_alloc.js";
import { DROP_SLAB, NR_SLAB_RECLAIMABLE, SLABS_SCANNED } from "../../lib/mm/vmstat.js";
import "../../lib/procfs/mount.js";

function withDisk() {
  const machine = boot({ ram: "128 MiB" });
  const { sys, files } = machine.kernel;
  const sb = sys.shrinkers.find((one) => one instanceof SuperBlock)!;
  const open = (path: string, flags = O_RDWR | O_CREAT): VfsFile => files.open(path, flags) as VfsFile;
  const make = (path: string): void => fput(open(path));
  const { dcache, icache } = sb;
  return { machine, sys, files, sb, dcache, icache, open, make };
}

describe("the dentry cache", () => {
  it("gets an object for each part of a path, which holds the one above it", () => {
    const { dcache, icache, open } = withDisk();
    const file = open("/data/deep/file");
    expect([dcache.size, icache.size]).toEqual([4, 4]); // "/", "/data", "/data/deep", and the file
    expect([dcache.lru.size, icache.lru.size]).toEqual([0, 0]);
    fput(file);
    expect([dcache.lru.size, icache.lru.size]).toEqual([1, 0]); // the file's; it holds the inode
    open("/data/deep/other");
    expect([dcache.size, icache.size]).toEqual([5, 5]);
  });

  it("remembers that there is nothing, and learns when there is something", () => {
    const { dcache, icache, files, make } = withDisk();
    expect(files.open("/data/no")).toBe(-ENOENT);
    make("/data/yes");
    const [dentries, inodes] = [dcache.size, icache.size];
    expect(files.open("/data/no")).toBe(-ENOENT);
    expect([dcache.size, icache.size]).toEqual([dentries + 1, inodes]);
    make("/data/no");
    expect([dcache.size, icache.size]).toEqual([dentries + 1, inodes + 1]);
  });

  it("forgets the oldest first, but what was used again one round later", () => {
    const { dcache, make } = withDisk();
    for (const name of ["a", "b", "c"]) make(`/${name}`);
    make("/a");
    expect(dcache.pruneDcache(2)).toBe(1); // "/a" gets another round, "/b" goes
    expect([...dcache.lru].map(({ path }) => path)).toEqual(["/c", "/a"]);
    expect(dcache.pruneDcache(10)).toBe(2);
    expect(dcache.size).toBe(0); // and "/" with the last of them
  });

  it("takes what is held off its list, and puts it back when it is not held any more", () => {
    const { dcache, make, open } = withDisk();
    make("/a");
    const file = open("/a");
    expect([dcache.lru.size, dcache.pruneDcache(10), dcache.lru.size, dcache.size]).toEqual([1, 1, 0, 2]);
    fput(file);
    expect(dcache.lru.size).toBe(1);
  });

  it("drops the parents of the last file below them", () => {
    const { dcache, icache, make } = withDisk();
    make("/data/deep/file");
    dcache.pruneDcache(1);
    expect([dcache.size, icache.lru.size]).toEqual([0, 4]);
  });

  it("keeps a dentry without a file after unlink, but not for a file that is open", () => {
    const { dcache, icache, files, make, open } = withDisk();
    make("/a");
    files.unlink("/a");
    expect([dcache.size, icache.size]).toEqual([2, 1]);
    const file = open("/b");
    files.unlink("/b");
    expect([dcache.size, icache.size]).toEqual([3, 2]);
    fput(file);
    expect([dcache.size, icache.size]).toEqual([2, 1]);
  });

  it("is held by an open directory, and has nothing for files in memory and for devices", () => {
    const { dcache, make, open } = withDisk();
    const at = dcache.size;
    make("/dev/shm/a");
    open("/dev/zero", O_RDWR);
    expect(dcache.size).toBe(at);
    make("/data/a");
    const directory = open("/data", O_DIRECTORY);
    dcache.pruneDcache(100);
    expect(dcache.size).toBe(2);
    fput(directory);
    expect([...dcache.lru].map(({ path }) => path)).toEqual(["/data"]);
  });
});

describe("the inode cache", () => {
  it("keeps inodes with pages, and puts them on its list when the last page is gone", () => {
    const { machine, dcache, icache, files } = withDisk();
    files.writeFile("/data/a", new Uint8Array(8192));
    dcache.pruneDcache(100);
    expect(icache.lru.size).toBe(2); // the directories'
    icache.pruneIcache(100);
    expect([icache.lru.size, icache.size]).toEqual([0, 1]);
    machine.procfs.write("/proc/sys/vm/drop_caches", "1");
    expect([icache.lru.size, icache.size]).toEqual([1, 1]);
    expect(icache.pruneIcache(100)).toBe(1);
    expect(icache.size).toBe(0);
    expect(files.lookup("/data/a")!.iSize).toBe(8192); // the file is still there
  });

  it("gives what is referenced another round", () => {
    const { dcache, icache, make } = withDisk();
    make("/a");
    dcache.pruneDcache(10);
    make("/a");
    dcache.pruneDcache(10);
    expect(icache.lru.size).toBe(2);
    expect([icache.pruneIcache(2), icache.pruneIcache(2)]).toEqual([0, 2]);
  });

  it("has an object for a file without a name as long as it is open", () => {
    const { icache, files } = withDisk();
    const file = files.open("/tmp", O_TMPFILE | O_RDWR) as VfsFile;
    expect(icache.size).toBe(1);
    fput(file);
    expect(icache.size).toBe(0);
  });
});

describe("the shrinker of a file system", () => {
  it("counts by vfs_cache_pressure, and does nothing for who may be in the file system", () => {
    const { sys, sb, make } = withDisk();
    for (let i = 0; i < 1000; i++) make(`/d/${i}`);
    expect(sb.countObjects()).toBe(1000);
    sys.sysctl.vfsCachePressure = 50;
    expect(sb.countObjects()).toBe(500);
    sys.sysctl.vfsCachePressureDenom = 200;
    expect(sb.countObjects()).toBe(250);
    sys.sysctl.vfsCachePressure = 0;
    expect(sb.countObjects()).toBe(0);
    expect(sb.scanObjects({ gfpMask: GFP_NOFS, nrToScan: 10, nrScanned: 10 })).toBe(-1);
  });

  it("divides its work between the lists as they are long, one of each at least", () => {
    const { dcache, icache, sb, make } = withDisk();
    for (let i = 0; i < 100; i++) make(`/d/${i}`);
    dcache.pruneDcache(25);
    expect([dcache.lru.size, icache.lru.size]).toEqual([75, 25]);
    expect(sb.scanObjects({ gfpMask: GFP_KERNEL, nrToScan: 40, nrScanned: 40 })).toBe(31 + 11);
    expect([dcache.lru.size, icache.lru.size]).toEqual([44, 25 + 31 - 11]);
  });

  it("needs pages for more files than the kernel has met at boot, and drop_caches gives them back", () => {
    const { machine, sys, make } = withDisk();
    const free = nrUnusedPages(sys);
    const slab = (): number => sys.vmStat.nodeStat[NR_SLAB_RECLAIMABLE]!;
    for (let i = 0; i < 900; i++) make(`/d/${i}`);
    expect([slab(), nrUnusedPages(sys)]).toEqual([0, free]);
    for (let i = 900; i < 3000; i++) make(`/d/${i}`);
    // 3002 dentries and inodes: 1994 / 21 and 2003 / 27 slabs
    expect(slab()).toBe(95 + 75 * 8);
    expect(nrUnusedPages(sys)).toBe(free - slab());
    machine.procfs.write("/proc/sys/vm/drop_caches", "1");
    expect(slab()).toBe(95 + 75 * 8);
    machine.procfs.write("/proc/sys/vm/drop_caches", "2");
    expect([slab(), nrUnusedPages(sys)]).toEqual([0, free]);
    expect([sys.vmStat.events[DROP_SLAB], sys.vmStat.events[SLABS_SCANNED]! > 3000]).toEqual([1, true]);
  });

  it("gives back few pages where one file in each slab is still open", () => {
    const { sys, open, make } = withDisk();
    for (let i = 0; i < 1000; i++) make(`/d/${i}`);
    for (let i = 0; i < 2700; i++)
      if (i % 21 === 0) open(`/e/${i}`);
      else make(`/e/${i}`);
    const before = sys.vmStat.nodeStat[NR_SLAB_RECLAIMABLE]!;
    for (let i = 0; i < 4; i++) shrinkSlab(sys, GFP_KERNEL, 0);
    expect(sys.vmStat.nodeStat[NR_SLAB_RECLAIMABLE]!).toBeGreaterThan(0.9 * before);
  });

  it("has no file where there is no memory for its dentry or inode", () => {
    const { sys, files, make, dcache, icache } = withDisk();
    for (let i = 0; i < 1100; i++) make(`/d/${i}`);
    const size = [dcache.size, icache.size];
    sys.shouldFailAllocPage = () => true;
    const made: (VfsFile | number)[] = [];
    for (let i = 0; i < 60; i++) made.push(files.open(`/e/${i}`, O_RDWR | O_CREAT));
    const at = made.indexOf(-ENOMEM);
    expect(at).toBeGreaterThan(0);
    expect(files.lookup(`/e/${at}`)).toBeUndefined();
    expect(files.open("/tmp", O_TMPFILE | O_RDWR)).toBe(-ENOMEM);
    sys.shouldFailAllocPage = undefined;
    for (const file of made) if (typeof file !== "number") fput(file);
    expect(dcache.size - size[0]!).toBe(icache.size - size[1]!);
    expect((files.open(`/e/${at}`, O_RDWR | O_CREAT) as VfsFile).path).toBe(`/e/${at}`);
  });

  it("is found by a snapshot", () => {
    const { machine, dcache, icache, make } = withDisk();
    make("/a");
    const before = machine.snapshot();
    for (let i = 0; i < 2000; i++) make(`/d/${i}`);
    machine.restore(before);
    expect([dcache.size, icache.size, machine.procfs.vmstat().nr_slab_reclaimable]).toEqual([2, 2, 0]);
    make("/b");
    expect([...dcache.lru].map(({ path }) => path)).toEqual(["/a", "/b"]);
  });
});

describe("/proc/slabinfo", () => {
  it("has a line for each cache, the newest first, for root only", () => {
    const { machine, make, sys } = withDisk();
    for (let i = 0; i < 1500; i++) make(`/d/${i}`);
    const lines = machine.procfs.read("/proc/slabinfo").split("\n");
    expect(lines[0]).toBe("slabinfo - version: 2.1");
    expect(lines.slice(2)).toEqual([
      "buffer_head            0     39    104   39    1 : tunables    0    0    0 : slabdata      1      1      0",
      "dentry              1502   1512    192   21    1 : tunables    0    0    0 : slabdata     72     72      0",
      "ext4_inode_cache    1502   1512   1192   27    8 : tunables    0    0    0 : slabdata     56     56      0",
      "radix_tree_node        0     14    584   14    2 : tunables    0    0    0 : slabdata      1      1      0",
      "",
    ]);
    expect(sys.slabCaches.map(({ name }) => name)).toEqual([
      "radix_tree_node",
      "ext4_inode_cache",
      "dentry",
      "buffer_head",
    ]);
  });

  it("is one machine's: two file systems are two shrinkers", () => {
    const { sys, files } = withDisk();
    expect(new Ext4(sys, files.disk).sb).toBe(sys.shrinkers.at(-1));
  });
});
