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

  it("forgets a file that is gone", () => {
    const { machine, p, file, disk } = machineWithDirtyFile();
    p.unlink("/data");
    p.exit();
    expect(file.inode.count).toBe(0);
    machine.idle(100 * SECOND);
    expect(disk.writeBlocks).toBe(0);
  });
});
