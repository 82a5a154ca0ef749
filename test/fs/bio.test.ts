import { beforeEach, describe, expect, it } from "vitest";
import type { VfsFile } from "../../lib/fs/inode.js";
import { boot, type Machine } from "../../lib/kernel/machine.js";
import type { Process } from "../../lib/kernel/process.js";
import { SignalError } from "../../lib/kernel/signal.js";
import { checkInvariants } from "../../lib/mm/debug.js";
import { filemapGetFolio } from "../../lib/mm/filemap/address_space.js";
import { POSIX_FADV_WILLNEED } from "../../lib/mm/filemap/fadvise.js";
import "../../lib/procfs/mount.js";
import { PG_locked, PG_uptodate, PG_writeback } from "../../lib/mm/pages/folio.js";

let machine: Machine;
let p: Process;
let fd: number;
let file: VfsFile;

/** A file of `pages` pages on disk, page i full of i + 1, and nothing of it in the cache. */
function onDisk(pages: number): void {
  machine = boot({ ram: "64 MiB" });
  const bytes = new Uint8Array(pages * 4096).map((_, i) => Math.floor(i / 4096) + 1);
  machine.kernel.files.writeFile("/data", bytes);
  p = machine.spawn("p");
  fd = p.open("/data");
  file = p.task.files.get(fd) as VfsFile;
  p.dropCache(fd);
}

const folio = (page: number) => filemapGetFolio(file.fMapping, page)!;
const disk = () => machine.kernel.files.disk;
const check = (): void => checkInvariants(machine.kernel.sys, [machine.kernel.initMm, p.mm]);

describe("folios on their way from the disk", () => {
  beforeEach(() => onDisk(16));

  it("are locked and not up to date until the request ends", () => {
    file.fadvise(0, 0, POSIX_FADV_WILLNEED);
    expect(folio(0).flags & (PG_locked | PG_uptodate)).toBe(PG_locked);
    machine.kernel.sys.ram.frame(folio(3).pfn)[0] = 99;
    check();
    machine.idle(80_000 + 16 * 2_000);
    expect(folio(0).flags & (PG_locked | PG_uptodate)).toBe(PG_uptodate);
    expect(machine.kernel.sys.ram.frame(folio(3).pfn)[0]).toBe(4);
    check();
  });

  it("cost the one who asked nothing, the one who needs them what is left", () => {
    const at = machine.clock.nowNs;
    file.fadvise(0, 0, POSIX_FADV_WILLNEED);
    expect(machine.clock.nowNs).toBe(at);
    machine.idle(100_000);
    const buffer = new Uint8Array(1);
    file.read(5 * 4096, buffer);
    expect(buffer[0]).toBe(6);
    expect(machine.clock.nowNs).toBe(at + 80_000 + 16 * 2_000);
  });

  it("go in one request where their blocks are neighbours, and in several where they are not", () => {
    const before = disk().readRequests;
    file.fadvise(0, 0, POSIX_FADV_WILLNEED);
    expect(disk().readRequests - before).toBe(1);
    p.dropCache(fd);
    // The middle is cut out and written anew, behind another file: its blocks are elsewhere now.
    file.punchHole(4 * 4096, 8 * 4096);
    machine.kernel.files.writeFile("/other", new Uint8Array(8 * 4096).fill(9));
    file.write(4 * 4096, new Uint8Array(8 * 4096).fill(8));
    p.dropCache(fd);
    const again = disk().readRequests;
    file.fadvise(0, 0, POSIX_FADV_WILLNEED);
    expect(disk().readRequests - again).toBe(3);
    machine.idle(1_000_000);
    expect([3, 4, 11, 12].map((page) => machine.kernel.sys.ram.frame(folio(page).pfn)[0])).toEqual([
      4, 8, 8, 13,
    ]);
  });

  it("are waited for when the file is cut, and skipped when the cache is dropped", () => {
    file.fadvise(0, 0, POSIX_FADV_WILLNEED);
    const at = machine.clock.nowNs;
    machine.kernel.files.open("/data");
    file.fadvise(0, 0, 4);
    expect(file.fMapping.nrpages).toBe(16);
    p.ftruncate(fd, 2 * 4096);
    expect(file.fMapping.nrpages).toBe(2);
    expect(machine.clock.nowNs).toBe(at + 80_000 + 16 * 2_000);
    check();
  });

  it("that could not be read are EIO for read, SIGBUS for an access, and there at the next try", () => {
    p.on("SIGBUS", () => {});
    const va = p.mmap("64 KiB", { fd, prot: "r" });
    disk().failRequests("read", 0, Number.POSITIVE_INFINITY, 2); // readahead, and the page alone
    expect(file.read(0, new Uint8Array(1))).toBe(-5);
    disk().failRequests("read", 0, Number.POSITIVE_INFINITY, 4);
    // What is read ahead; the page, under the lock of the VMA, under that of the mm, and where no other try is allowed.
    expect(() => p.load(va + 4096)).toThrow(SignalError);
    expect(p.load(va + 4096)).toBe(2);
    check();
  });
});

describe("folios on their way to the disk", () => {
  beforeEach(() => onDisk(16));

  it("are under writeback, and fsync waits for them", () => {
    file.write(0, new Uint8Array(4 * 4096).fill(9));
    file.fadvise(0, 0, 4); // starts writing, waits for nothing
    expect(folio(0).flags & PG_writeback).toBe(PG_writeback);
    expect(machine.procfs.vmstat().nr_writeback).toBe(4);
    check();
    const at = machine.clock.nowNs;
    expect(file.fsync()).toBe(0);
    expect(machine.clock.nowNs).toBe(at + 80_000 + 4 * 2_000);
    expect(machine.procfs.vmstat().nr_writeback).toBe(0);
    check();
  });

  it("keep what is written to them meanwhile dirty, and it arrives, too", () => {
    file.write(0, new Uint8Array(4096).fill(9));
    file.fadvise(0, 0, 4);
    file.write(0, new Uint8Array(4096).fill(10));
    expect(file.fsync()).toBe(0);
    p.dropCache(fd);
    const byte = new Uint8Array(1);
    file.read(0, byte);
    expect(byte[0]).toBe(10);
  });

  it("that could not be written are EIO for fsync, once for each open file", () => {
    const other = p.task.files.get(p.open("/data")) as VfsFile;
    file.write(0, new Uint8Array(4096).fill(9));
    disk().failRequests("write");
    expect([file.fsync(), file.fsync(), other.fsync(), other.fsync()]).toEqual([-5, 0, -5, 0]);
    const late = p.task.files.get(p.open("/data")) as VfsFile;
    expect(late.fsync()).toBe(0);
  });
});
