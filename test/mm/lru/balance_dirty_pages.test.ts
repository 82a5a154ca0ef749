import { describe, expect, it } from "vitest";
import type { Flusher } from "../../../lib/fs/fs_writeback.js";
import type { VfsFile } from "../../../lib/fs/inode.js";
import type { BlockModel } from "../../../lib/hw/block_device.js";
import { boot, type Machine } from "../../../lib/kernel/machine.js";
import type { Process } from "../../../lib/kernel/process.js";
import { globalDirtyLimits } from "../../../lib/mm/lru/dirty_limits.js";
import { globalNodePageState, NR_FILE_DIRTY, NR_WRITEBACK } from "../../../lib/mm/vmstat.js";
import "../../../lib/procfs/mount.js";

const SECOND = 1e9;
const MIB = 2 ** 20;
/** A stick that takes 1 MB/s. */
const STICK: BlockModel = { name: "1 MB/s", channels: 1, latencyNs: 0, blockNs: 4_096_000 };

/** Writes to a new file in pieces of `chunk` bytes; calls `look` after each. */
function copyTo(p: Process, path: string, bytes: number, chunk = 128 * 1024, look?: () => void): number {
  const fd = p.open(path, { create: true });
  const buf = p.mmap(chunk);
  p.touch(buf, chunk, "w");
  for (let done = 0; done < bytes; done += chunk) {
    expect(p.syscall("write", fd, buf, Math.min(chunk, bytes - done))).toBe(Math.min(chunk, bytes - done));
    look?.();
  }
  return fd;
}

const dirtyPages = ({ kernel: { sys } }: Machine): number =>
  globalNodePageState(sys, NR_FILE_DIRTY) + globalNodePageState(sys, NR_WRITEBACK);

const flusherOf = (p: Process, fd: number): Flusher => (p.task.files.get(fd) as VfsFile).inode.wb as Flusher;

describe("one who writes more than the disk takes (1 GiB, a stick of 1 MB/s)", () => {
  it("is not slowed down below 15 % of dirtyable memory; then fsync takes as long as the stick needs", () => {
    const machine = boot({ ram: "1 GiB", cpus: 2, disk: { bytesPerSecond: 1e6 } });
    const p = machine.spawn("cp");
    const fd = copyTo(p, "/stick", 100 * MIB, MIB);
    expect(p.task.waitNs.throttled).toBe(0);
    expect(dirtyPages(machine)).toBe(25600);
    const startNs = machine.clock.nowNs;
    p.fsync(fd);
    expect((machine.clock.nowNs - startNs) / SECOND).toBeCloseTo(104.86, 0);
    expect(dirtyPages(machine)).toBe(0);
  });

  it("is slowed down between 15 and 20 %, to the speed of the stick, and stops at 20 %", () => {
    const machine = boot({ ram: "1 GiB", cpus: 2, disk: STICK });
    const p = machine.spawn("cp");
    let over = 0;
    let whenFreerun = -1;
    let written = 0;
    copyTo(p, "/stick", 300 * MIB, 128 * 1024, () => {
      const { thresh, bgThresh } = globalDirtyLimits(machine.kernel.sys);
      const dirty = dirtyPages(machine);
      written += 32;
      if (p.task.waitNs.throttled > 0 && whenFreerun < 0) whenFreerun = written / ((thresh + bgThresh) / 2);
      // The limit that is enforced follows a sinking threshold slowly.
      const limit = Math.max(thresh, machine.kernel.sys.wbDomain.dirtyLimit);
      over = Math.max(over, dirty - limit);
    });
    // Between two looks at it a task can go beyond by what it dirties meanwhile.
    expect(over).toBeLessThan(128);
    expect(whenFreerun).toBeGreaterThan(1);
    expect(whenFreerun).toBeLessThan(1.05);
    // What did not fit under the limit had to wait for the stick.
    const seconds = p.task.waitNs.throttled / SECOND;
    expect(seconds).toBeGreaterThan(300 * 1.0486 - 185);
    expect(seconds).toBeLessThan(300 * 1.0486 - 130);
    expect(p.task.waitNs.io).toBe(0);
  });

  it("starts and stops where vm.dirty_bytes and vm.dirty_background_bytes say", () => {
    const machine = boot({ ram: "1 GiB", cpus: 2, disk: STICK });
    machine.procfs.write("/proc/sys/vm/dirty_bytes", String(48 * MIB));
    machine.procfs.write("/proc/sys/vm/dirty_background_bytes", String(16 * MIB));
    const p = machine.spawn("cp");
    copyTo(p, "/a", 32 * MIB);
    expect(p.task.waitNs.throttled).toBe(0);
    let most = 0;
    copyTo(p, "/b", 32 * MIB, 128 * 1024, () => {
      most = Math.max(most, dirtyPages(machine));
    });
    expect(p.task.waitNs.throttled).toBeGreaterThan(10 * SECOND);
    expect(most).toBeGreaterThan(32 * 256);
    expect(most).toBeLessThanOrEqual(48 * 256);
  });

  it("is state D, and the time counts as waiting for the disk does, not as reclaim", () => {
    const machine = boot({ ram: "128 MiB", cpus: 2, disk: STICK });
    const p = machine.spawn("cp");
    copyTo(p, "/stick", 30 * MIB);
    expect(p.task.waitNs.throttled).toBeGreaterThan(SECOND);
    expect(p.task.waitNs.reclaim).toBe(0);
  });

  it("is slowed down for stores through a shared mapping, too", () => {
    const machine = boot({ ram: "128 MiB", cpus: 2, disk: STICK });
    const p = machine.spawn("db");
    const fd = p.open("/data", { create: true });
    p.ftruncate(fd, 40 * MIB);
    const at = p.mmap(40 * MIB, { fd, shared: true });
    for (let page = 0; page < 40 * 256; page++) p.store(at + page * 4096, 8, page);
    expect(p.task.waitNs.throttled).toBeGreaterThan(5 * SECOND);
    expect(dirtyPages(machine)).toBeLessThanOrEqual(machine.procfs.vmstat().nr_dirty_threshold!);
    p.fsync(fd);
    for (const page of [0, 5000, 40 * 256 - 1]) expect(p.load(at + page * 4096, 8)).toBe(page);
  });

  it("tells a tracepoint how long it pauses and why", () => {
    const machine = boot({ ram: "128 MiB", cpus: 2, disk: STICK });
    const { trace } = machine.kernel.sys;
    trace.enable("writeback:balance_dirty_pages");
    const p = machine.spawn("cp");
    copyTo(p, "/stick", 25 * MIB);
    const pauses = trace.events.filter(({ fields }) => Number(fields.pause) > 0);
    expect(pauses.length).toBeGreaterThan(5);
    const total = pauses.reduce((sum, { fields }) => sum + Number(fields.pause), 0);
    expect(total).toBeCloseTo(p.task.waitNs.throttled / 1e6, 0);
    for (const { fields } of pauses) {
      expect(fields.pause).toBeLessThanOrEqual(200);
      expect(fields.setpoint).toBeLessThan(Number(fields.limit));
    }
  });
});

describe("one who writes less", () => {
  it("pays nothing, and is looked at less often the farther the limit is", () => {
    const machine = boot({ ram: "1 GiB", cpus: 2 });
    const p = machine.spawn();
    copyTo(p, "/small", MIB, 4096);
    expect(p.task.waitNs.throttled).toBe(0);
    expect(p.task.dirty.nrDirtiedPause).toBe(128);
  });

  it("hardly waits where the disk is fast", () => {
    const machine = boot({ ram: "256 MiB", cpus: 2, disk: "ssd" });
    const p = machine.spawn();
    copyTo(p, "/big", 200 * MIB);
    expect(p.task.waitNs.throttled).toBeLessThan(SECOND / 2);
  });

  it("is left alone beside one who writes much", () => {
    const machine = boot({ ram: "256 MiB", cpus: 4, disk: { ...STICK, blockNs: 409_600 } });
    const heavy: Process[] = [];
    const run = machine.runPrograms({
      *heavy(p) {
        heavy.push(p);
        const fd = p.open("/heavy", { create: true });
        const buf = p.mmap(128 * 1024);
        for (let i = 0; i < 800; i++) {
          p.syscall("write", fd, buf, 128 * 1024);
          yield;
        }
      },
      *light(p) {
        const fd = p.open("/light", { create: true });
        const buf = p.mmap(4096);
        for (let i = 0; i < 200; i++) {
          p.syscall("write", fd, buf, 4096);
          p.nanosleep(20e6);
          yield;
        }
      },
    });
    const { light, heavy: much } = run.programs;
    const throttled = (spans: typeof much.spans): number =>
      spans.reduce((sum, { what, fromNs, toNs }) => sum + (what === "throttled" ? toNs - fromNs : 0), 0);
    expect(throttled(much!.spans)).toBeGreaterThan(3 * SECOND);
    expect(throttled(light!.spans)).toBeLessThan(throttled(much!.spans) / 10);
  });

  it("has as much as its like: two who write the same are done at the same time", () => {
    const machine = boot({ ram: "256 MiB", cpus: 4, disk: { ...STICK, blockNs: 409_600 } });
    copyTo(machine.spawn(), "/before", 40 * MIB);
    const writer = (name: string) =>
      function* (p: Process) {
        const fd = p.open(`/${name}`, { create: true });
        const buf = p.mmap(64 * 1024);
        for (let i = 0; i < 800; i++) {
          p.syscall("write", fd, buf, 64 * 1024);
          yield;
        }
      };
    const { one, two } = machine.runPrograms({ one: writer("one"), two: writer("two") }).programs;
    expect(one!.endNs / two!.endNs).toBeGreaterThan(0.85);
    expect(one!.endNs / two!.endNs).toBeLessThan(1.15);
  });
});

describe("the counters behind it", () => {
  it("add up: what is dirty and on its way for the disk is what is so for the machine", () => {
    const machine = boot({ ram: "64 MiB", cpus: 2, disk: STICK });
    const p = machine.spawn();
    const fd = copyTo(p, "/a", 12 * MIB);
    const wb = flusherOf(p, fd);
    for (let i = 0; i < 20; i++) {
      machine.idle(SECOND / 2);
      const { nr_dirty, nr_writeback, nr_dirtied, nr_written } = machine.procfs.vmstat();
      expect([wb.reclaimable, wb.writeback, wb.dirtied, wb.written]).toEqual([
        nr_dirty,
        nr_writeback,
        nr_dirtied,
        nr_written,
      ]);
    }
    p.ftruncate(fd, 0);
    expect([wb.reclaimable, wb.writeback]).toEqual([0, 0]);
  });

  it("charge what a task dirtied and did not answer for to the next one on its CPU", () => {
    const machine = boot({ ram: "64 MiB", cpus: 1 });
    const p = machine.spawn();
    copyTo(p, "/a", 20 * 4096, 4096);
    const { nrDirtied } = p.task.dirty;
    expect(nrDirtied).toBeGreaterThan(0);
    p.exit();
    expect(machine.kernel.sys.wbDomain.dirtyThrottleLeaks[0]).toBe(nrDirtied);
    copyTo(machine.spawn(), "/b", 4096, 4096);
    expect(machine.kernel.sys.wbDomain.dirtyThrottleLeaks[0]).toBe(0);
  });

  it("are found by a snapshot: the same goes on from it twice", () => {
    const machine = boot({ ram: "128 MiB", cpus: 2, disk: STICK });
    const p = machine.spawn();
    copyTo(p, "/a", 22 * MIB);
    const before = machine.snapshot();
    const again = (): number[] => {
      copyTo(p, "/b", 4 * MIB);
      return [machine.clock.nowNs, p.task.waitNs.throttled, dirtyPages(machine)];
    };
    const first = again();
    machine.restore(before);
    expect(again()).toEqual(first);
  });
});
