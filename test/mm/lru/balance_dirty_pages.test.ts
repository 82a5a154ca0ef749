import { describe, expect, it } from "vitest";
import { boot } from "../../../lib/kernel/machine.js";
import type { Process } from "../../../lib/kernel/process.js";
import "../../../lib/procfs/mount.js";

const SECOND = 1e9;
const MIB = 2 ** 20;
/** A stick that takes 1 MB/s. */
const STICK = { name: "1 MB/s", channels: 1, latencyNs: 100_000, blockNs: 4_096_000 };

function writer(p: Process, path: string): (bytes: number, chunk?: number) => void {
  const fd = p.open(path, { create: true });
  const buf = p.mmap(MIB);
  return (bytes, chunk = MIB) => {
    for (let done = 0; done < bytes; done += chunk) p.syscall("write", fd, buf, Math.min(chunk, bytes - done));
  };
}

describe("x", () => {
  it("d13", () => {
    const machine = boot({ ram: "1 GiB", cpus: 2, disk: STICK });
    const p = machine.spawn("cp");
    const write = writer(p, "/stick");
    const show = (what: string): void => {
      const v = machine.procfs.vmstat();
      console.log(what, (machine.clock.nowNs / 1e9).toFixed(2), "dirty", v.nr_dirty! / 256, "wb", v.nr_writeback! / 256,
        "thresh", v.nr_dirty_threshold! / 256, v.nr_dirty_background_threshold! / 256, "thr", p.task.waitNs.throttled / 1e9,
        "limit", machine.kernel.sys.wbDomain.dirtyLimit / 256, "bw", machine.kernel.files["ext4"].wb.avgWriteBandwidth,  machine.kernel.files["ext4"].wb.dirtyRatelimit);
    };
    show("boot");
    for (let i = 1; i <= 6; i++) { const t = Date.now(); write(50 * MIB); show(`${i * 50} MiB ${Date.now() - t} ms`); }
    const t = machine.clock.nowNs;
    p.sync();
    show("sync " + (machine.clock.nowNs - t) / 1e9);
  });
});
