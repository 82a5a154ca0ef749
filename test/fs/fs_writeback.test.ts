import { describe, expect, it } from "vitest";
import type { VfsFile } from "../../lib/fs/inode.js";
import { boot } from "../../lib/kernel/machine.js";
import { PG_dirty, PG_writeback } from "../../lib/mm/pages/folio.js";
import "../../lib/procfs/mount.js";

const SECOND = 1e9;

function machineWithDirtyFile(pages = 1) {
  const machine = boot({ ram: "64 MiB", cpus: 2 });
  const p = machine.spawn("writes");
  const file = p.task.files.get(p.open("/data", { create: true })) as VfsFile;
  file.write(0, new Uint8Array(pages * 4096).fill(3));
  const dirty = (): number => machine.procfs.vmstat().nr_dirty!;
  return { machine, p, file, dirty, disk: machine.kernel.files.disk };
}

describe("the flusher", () => {
  it("writes what has been dirty for half a minute, and the program does not notice", () => {
    const { machine, p, dirty, disk } = machineWithDirtyFile(4);
    machine.idle(29 * SECOND);
    expect([dirty(), disk.writeBlocks]).toEqual([4, 0]);
    machine.idle(6.5 * SECOND);
    expect([dirty(), disk.writeBlocks, disk.writeRequests]).toEqual([0, 4, 1]);
    expect(p.task.waitNs).toEqual({ io: 0, reclaim: 0, throttled: 0, sleep: 0 });
  });

  it("wakes every five seconds as long as something is dirty, and sleeps when nothing is", () => {
    const { machine } = machineWithDirtyFile();
    const thread = machine.kernel.sched.kthreads.find(({ comm }) => comm.startsWith("kworker"));
    const startNs = machine.clock.nowNs;
    machine.idle(24 * SECOND);
    expect([thread!.comm, thread!.batches]).toEqual(["kworker/u8:0-flush-8:0", 4]);
    machine.idle(100 * SECOND);
    expect(thread!.wakeup).toBeUndefined();
    expect(thread!.batches).toBe(7); // at 30 s the file, and a look for another one
    expect(machine.clock.nowNs - startNs).toBe(124 * SECOND);
  });

  it("leaves young files alone, and pages that are written again for the next time", () => {
    const { machine, file, dirty, p } = machineWithDirtyFile(1);
    machine.idle(20 * SECOND);
    const young = p.task.files.get(p.open("/young", { create: true })) as VfsFile;
    young.write(0, new Uint8Array(2 * 4096));
    machine.idle(11 * SECOND);
    expect(dirty()).toBe(2);
    file.write(0, new Uint8Array(4096).fill(4));
    expect(dirty()).toBe(3);
    machine.idle(20 * SECOND);
    expect(dirty()).toBe(1);
    machine.idle(20 * SECOND);
    expect(dirty()).toBe(0);
  });

  it("does nothing when dirty_writeback_centisecs is 0", () => {
    const machine = boot({ ram: "64 MiB" });
    machine.procfs.write("/proc/sys/vm/dirty_writeback_centisecs", "0");
    const p = machine.spawn();
    const file = p.task.files.get(p.open("/data", { create: true })) as VfsFile;
    file.write(0, new Uint8Array(4096));
    machine.idle(1000 * SECOND);
    expect(machine.procfs.vmstat().nr_dirty).toBe(1);
    const [folio] = file.fMapping.dirtyFolios;
    expect(folio!.flags & (PG_dirty | PG_writeback)).toBe(PG_dirty);
  });

  it("goes on when dirty_writeback_centisecs is set again: all that is dirty is written", () => {
    const machine = boot({ ram: "64 MiB" });
    machine.procfs.write("/proc/sys/vm/dirty_writeback_centisecs", "0");
    const p = machine.spawn();
    const file = p.task.files.get(p.open("/data", { create: true })) as VfsFile;
    file.write(0, new Uint8Array(4096));
    machine.idle(100 * SECOND);
    machine.procfs.write("/proc/sys/vm/dirty_writeback_centisecs", "300");
    machine.idle(SECOND);
    expect(machine.procfs.vmstat().nr_dirty).toBe(0);
    file.write(0, new Uint8Array(4096));
    machine.idle(34 * SECOND);
    expect(machine.procfs.vmstat().nr_dirty).toBe(0);
  });

  it("writes all when reclaim asks for it, young or old", () => {
    const { machine, dirty, disk } = machineWithDirtyFile(4);
    machine.kernel.sys.vfs.wakeupFlusherThreads?.();
    machine.idle(SECOND);
    expect([dirty(), disk.writeBlocks]).toEqual([0, 4]);
  });

  it("forgets a file that is gone", () => {
    const { machine, p, file, disk } = machineWithDirtyFile();
    p.unlink("/data");
    p.exit();
    expect(file.inode.count).toBe(0);
    machine.idle(100 * SECOND);
    expect(disk.writeBlocks).toBe(0);
  });
});

const MIB = 2 ** 20;
/** A stick that takes 10 MB/s. */
const STICK = { name: "10 MB/s", channels: 1, latencyNs: 0, blockNs: 409_600 };

/** Many files, dirty, the first the oldest. */
function dirtyFiles(nr: number, bytes: number, ram = "256 MiB") {
  const machine = boot({ ram, cpus: 2, disk: STICK });
  const p = machine.spawn("writes");
  const files = Array.from({ length: nr }, (_, i) => {
    const file = p.task.files.get(p.open(`/data${i}`, { create: true })) as VfsFile;
    for (let at = 0; at < bytes; at += MIB) file.write(at, new Uint8Array(MIB));
    machine.idle(0.01 * SECOND);
    return file;
  });
  const counts = (): number[] => {
    const { nr_dirty, nr_writeback } = machine.procfs.vmstat();
    return [nr_dirty!, nr_writeback!];
  };
  return { machine, p, files, counts, dirtyOf: (i: number): number => files[i]!.fMapping.dirtyFolios.size };
}

describe("the flusher in the background", () => {
  it("writes the oldest file first when more than a tenth is dirty, and stops below", () => {
    const { machine, counts, dirtyOf } = dirtyFiles(8, 3 * MIB);
    const { nr_dirty_background_threshold } = machine.procfs.vmstat();
    expect(machine.procfs.vmstat().nr_dirtied).toBeGreaterThan(nr_dirty_background_threshold!);
    machine.idle(4 * SECOND);
    expect(counts()[1]).toBe(0);
    expect(counts()[0]).toBeLessThanOrEqual(nr_dirty_background_threshold!);
    expect(counts()[0]).toBeGreaterThan(0);
    expect(dirtyOf(0)).toBe(0);
    expect(dirtyOf(7)).toBeGreaterThan(0);
  });

  it("takes turns between large files: a chunk of each", () => {
    const { machine, files } = dirtyFiles(2, 9 * MIB);
    const { trace } = machine.kernel.sys;
    trace.enable("writeback:writeback_single_inode");
    machine.kernel.sys.vfs.wakeupFlusherThreads?.("vmscan");
    machine.idle(20 * SECOND);
    const order = trace.events.map(({ fields }) => fields.ino);
    const [first, second] = files.map(({ inode }) => inode.ino);
    expect(order.slice(0, 4)).toEqual([first, second, first, second]);
    for (const { fields } of trace.events.slice(0, 2)) expect(Number(fields.to_write) % 1024).toBe(0);
  });

  it("has no more than a few requests under way, so that a read need not wait long", () => {
    const { machine, p, counts } = dirtyFiles(1, 24 * MIB);
    machine.idle(0.01 * SECOND);
    let most = 0;
    for (let i = 0; i < 10; i++) {
      most = Math.max(most, machine.kernel.files.disk.inFlight);
      machine.idle(0.1 * SECOND);
    }
    expect(most).toBeGreaterThan(0);
    expect(most).toBeLessThanOrEqual(4);
    p.sync();
    expect(counts()).toEqual([0, 0]);
  });

  it("is not woken early in laptop mode; all is written soon after the disk was used", () => {
    const { machine, p, counts } = dirtyFiles(1, 4096);
    p.sync();
    machine.procfs.write("/proc/sys/vm/laptop_mode", "5");
    machine.procfs.write("/proc/sys/vm/dirty_writeback_centisecs", "60000");
    machine.idle(10 * SECOND); // the look that was due already
    const fd = p.open("/laptop", { create: true });
    const buf = p.mmap(MIB);
    for (let i = 0; i < 25; i++) p.syscall("write", fd, buf, MIB);
    machine.idle(100 * SECOND);
    expect(counts()).toEqual([25 * 256, 0]);
    const other = p.open("/used", { create: true });
    p.syscall("write", other, buf, 4096);
    p.fsync(other);
    machine.idle(4 * SECOND);
    expect(counts()).toEqual([25 * 256, 0]);
    machine.idle(10 * SECOND);
    expect(counts()).toEqual([0, 0]);
  });

  it("says when it begins, and what it has written", () => {
    const { machine } = dirtyFiles(3, MIB);
    const { trace } = machine.kernel.sys;
    trace.enable("writeback:writeback_start", "writeback:writeback_written");
    machine.idle(36 * SECOND);
    const reasons = new Set(trace.events.map(({ fields }) => fields.reason));
    expect(reasons).toContain("periodic");
    expect(trace.events.at(-1)!.name).toBe("writeback:writeback_written");
  });
});

describe("a file that is written to all the time", () => {
  it("is written when its first page is old, with all its pages, and its age begins anew", () => {
    const { machine, files, counts } = dirtyFiles(1, MIB);
    for (let second = 1; second <= 29; second++) {
      machine.idle(SECOND);
      files[0]!.write(second * 8192, new Uint8Array(4096));
    }
    expect(counts()[1]).toBe(0);
    machine.idle(6 * SECOND);
    expect(counts()).toEqual([0, 0]);
    files[0]!.write(0, new Uint8Array(4096));
    machine.idle(24 * SECOND);
    expect(counts()[0]).toBe(256);
  });
});

describe("asking for it", () => {
  it("sync writes every file and waits", () => {
    const { machine, p, counts } = dirtyFiles(3, 2 * MIB);
    const startNs = machine.clock.nowNs;
    p.sync();
    expect(counts()).toEqual([0, 0]);
    expect((machine.clock.nowNs - startNs) / SECOND).toBeCloseTo(0.629, 2);
    expect(p.task.waitNs.io).toBeGreaterThan(0.5 * SECOND);
  });

  it("syncfs does the same for the disk of a file, and nothing for a file in memory", () => {
    const { p, counts } = dirtyFiles(1, MIB);
    const memfd = p.memfdCreate("x");
    expect(p.syscall("syncfs", memfd)).toBe(0);
    expect(counts()[0]).toBe(256);
    expect(p.syscall("syncfs", 3)).toBe(0);
    expect(counts()).toEqual([0, 0]);
    expect(p.syscall("syncfs", 99)).toBe(-9);
  });

  it("sync_file_range sends a part, and waits for it only if told to", () => {
    const { p, counts } = dirtyFiles(1, MIB);
    const fd = 3;
    const parts = counts()[0]!;
    expect(p.syscall("sync_file_range", fd, 0, 4096, 8)).toBe(-22);
    expect(p.syscall("sync_file_range", fd, -1, 4096, 2)).toBe(-22);
    expect(p.syscall("sync_file_range", 99, 0, 4096, 2)).toBe(-9);
    expect(p.syscall("sync_file_range", fd, 0, 4096, 2)).toBe(0);
    expect(counts()[1]).toBeGreaterThan(0);
    expect(p.task.waitNs.io).toBe(0);
    expect(p.syscall("sync_file_range", fd, 0, 0, 7)).toBe(0);
    expect(counts()).toEqual([0, 0]);
    expect(parts).toBe(256);
  });
});
