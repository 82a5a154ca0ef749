import "../../lib/procfs/mount.js";
import { describe, expect, it } from "vitest";
import { boot, type Machine } from "../../lib/kernel/machine.js";
import { PG_private } from "../../lib/mm/pages/folio.js";
import type { KmemCache } from "../../lib/mm/pages/kmem_cache.js";

const PAGE = 4096;

const cacheOf = ({ kernel }: Machine): KmemCache =>
  kernel.sys.slabCaches.find(({ name }) => name === "buffer_head")!;

/** `sync; echo 3 > /proc/sys/vm/drop_caches` */
function dropCaches(machine: Machine): void {
  machine.kernel.files.sync();
  machine.procfs.write("/proc/sys/vm/drop_caches", "3");
}

/** A file of `pages` pages that is not in the cache. */
function onDisk(machine: Machine, pages: number): void {
  machine.kernel.files.writeFile("/data/f", new Uint8Array(pages * PAGE).fill(7));
  dropCaches(machine);
}

const privatePages = ({ kernel }: Machine): number => {
  const { pages } = kernel.files.lookup("/data/f")!.mapping;
  return [...pages.values()].filter(({ flags }) => (flags & PG_private) !== 0).length;
};

describe("buffer heads", () => {
  it("come with a write, one for each page, and go when the cache is dropped", () => {
    const machine = boot({ ram: "64 MiB" });
    machine.kernel.files.writeFile("/data/f", new Uint8Array(500 * PAGE));
    expect([cacheOf(machine).activeObjs, privatePages(machine)]).toEqual([500, 500]);
    // 39 in a page, and the first page of them is there since boot.
    expect(cacheOf(machine).nrSlabs).toBe(Math.ceil(500 / 39));
    dropCaches(machine);
    expect([cacheOf(machine).activeObjs, cacheOf(machine).nrSlabs]).toEqual([0, 1]);
  });

  it("are not made for what is only read", () => {
    const machine = boot({ ram: "64 MiB" });
    onDisk(machine, 100);
    const p = machine.spawn();
    const fd = p.open("/data/f");
    p.pread(fd, p.mmap(100 * PAGE), 100 * PAGE, 0);
    expect(machine.kernel.files.lookup("/data/f")!.mapping.nrpages).toBe(100);
    expect(cacheOf(machine).activeObjs).toBe(0);
  });

  it("come with the first store through a shared mapping, for the folio's every page", () => {
    const machine = boot({ ram: "64 MiB" });
    onDisk(machine, 64);
    const p = machine.spawn();
    const va = p.mmap(64 * PAGE, { fd: p.open("/data/f"), shared: true });
    p.load(va, 1);
    expect(cacheOf(machine).activeObjs).toBe(0);
    p.store(va, 1, 1);
    const folio = machine.kernel.files.lookup("/data/f")!.mapping.pages.get(0)!;
    expect(cacheOf(machine).activeObjs).toBe(2 ** folio.order);
    p.store(va, 1, 2);
    expect(cacheOf(machine).activeObjs).toBe(2 ** folio.order);
  });

  it("go with the pages that a truncation cuts off, and with the file", () => {
    const machine = boot({ ram: "64 MiB" });
    const { files } = machine.kernel;
    files.writeFile("/data/f", new Uint8Array(100 * PAGE));
    const p = machine.spawn();
    const fd = p.open("/data/f");
    p.ftruncate(fd, 40 * PAGE);
    expect(cacheOf(machine).activeObjs).toBe(40);
    p.close(fd);
    files.unlink("/data/f");
    expect(cacheOf(machine).activeObjs).toBe(0);
  });

  it("are not made for files in memory", () => {
    const machine = boot({ ram: "64 MiB" });
    machine.kernel.files.writeFile("/dev/shm/f", new Uint8Array(100 * PAGE));
    expect(cacheOf(machine).activeObjs).toBe(0);
  });
});
