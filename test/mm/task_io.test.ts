import { describe, expect, it } from "vitest";
import { boot } from "../../lib/kernel/machine.js";
import type { Process } from "../../lib/kernel/process.js";
import "../../lib/procfs/mount.js";
import { ProcFs } from "../../lib/procfs/procfs.js";

const KIB = 1024;

/** What /proc/PID/io says, without what is 0. */
function io(of: Process): Record<string, number> {
  const procfs = new ProcFs(of.kernel.sys, () => [...of.kernel.tasks.values()]);
  const lines = [...procfs.read(`/proc/${of.pid}/io`).matchAll(/^(\w+): (\d+)$/gm)];
  expect(lines.map(([, name]) => name)).toEqual([
    ...["rchar", "wchar", "syscr", "syscw", "read_bytes", "write_bytes", "cancelled_write_bytes"],
  ]);
  return Object.fromEntries(lines.map(([, name, n]) => [name!, Number(n)]).filter(([, n]) => n !== 0));
}

/** A process with a file of 256 KiB on the disk, none of it in the cache. */
function reader() {
  const machine = boot({ ram: "32 MiB" });
  const { files } = machine.kernel;
  files.writeFile("/data/f", new Uint8Array(256 * KIB));
  const p = machine.spawn();
  const fd = p.open("/data/f");
  p.dropCache(fd);
  const buf = p.mmap("256 KiB");
  return { machine, p, fd, buf };
}

describe("/proc/PID/io", () => {
  it("counts what calls gave, and what of it had to come from the disk", () => {
    const { p, fd, buf } = reader();
    expect(p.pread(fd, buf, 256 * KIB, 0)).toBe(256 * KIB);
    expect(io(p)).toEqual({ rchar: 256 * KIB, syscr: 1, read_bytes: 256 * KIB });
    expect(p.pread(fd, buf, 100, 0)).toBe(100);
    expect(io(p)).toEqual({ rchar: 256 * KIB + 100, syscr: 2, read_bytes: 256 * KIB });
  });

  it("counts pages that faults bring in as read, but no call", () => {
    const { p, fd } = reader();
    const at = p.mmap("256 KiB", { fd });
    p.touch(at, "256 KiB", "r");
    expect(io(p)).toEqual({ read_bytes: 256 * KIB });
  });

  it("counts what is made dirty as written, once until it is clean again, and what is cut off as cancelled", () => {
    const { p, fd, buf } = reader();
    for (let i = 0; i < 3; i++) p.pwrite(fd, buf, 8 * KIB, 0);
    expect(io(p)).toEqual({ wchar: 24 * KIB, syscw: 3, write_bytes: 8 * KIB });
    p.fsync(fd);
    for (const page of [10, 11, 12]) p.pwrite(fd, buf, 4 * KIB, page * 4 * KIB);
    p.ftruncate(fd, 44 * KIB);
    expect(io(p)).toMatchObject({ write_bytes: 20 * KIB, cancelled_write_bytes: 8 * KIB });
  });

  it("counts a call that fails, unless it has no file to work on", () => {
    const { p, fd, buf } = reader();
    expect(p.syscall("read", 99, buf, 1)).toBe(-9);
    expect(io(p)).toEqual({});
    expect(p.syscall("pread64", fd, buf, 1, 2 ** 40)).toBe(0);
    expect(io(p)).toEqual({ syscr: 1 });
  });

  it("counts a call of several pieces once", () => {
    const { p, fd, buf } = reader();
    for (let i = 0; i < 3; i++) {
      p.store(buf + i * 16, 8, buf + 4096 * (i + 1));
      p.store(buf + i * 16 + 8, 8, 10);
    }
    expect(p.syscall("readv", fd, buf, 3)).toBe(30);
    expect(p.syscall("writev", 99, buf, 3)).toBe(-9);
    expect(io(p)).toMatchObject({ rchar: 30, syscr: 1, syscw: 1 });
  });

  it("is of all threads, those that have ended too, and starts at nothing after a fork", () => {
    const { p, fd, buf } = reader();
    const thread = p.thread();
    thread.pread(fd, buf, 10, 0);
    p.pread(fd, buf, 5, 0);
    expect(io(p)).toMatchObject({ rchar: 15, syscr: 2 });
    thread.syscall("exit", 0);
    expect(io(p)).toMatchObject({ rchar: 15, syscr: 2 });
    expect(io(p.fork())).toEqual({});
  });

  it("may be read by who could trace the process: by others not", () => {
    const { machine, p } = reader();
    const other = machine.spawn();
    other.syscall("setuid", 1000);
    const own = `/proc/${other.pid}/io`;
    const buf = other.mmap("4 KiB");
    expect(other.read(other.open(own, { writable: false }), buf, 4096)).toBeGreaterThan(50);
    expect(other.syscall("open", `/proc/${p.pid}/io`, 0)).toBe(-13);
  });
});
