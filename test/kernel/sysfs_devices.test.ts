import { describe, expect, it } from "vitest";
import { boot } from "../../lib/kernel/machine.js";
import { sysTable } from "../../lib/kernel/sysfs_devices.js";
import { EINVAL } from "../../lib/mm/errno.js";

const { sys } = boot({ ram: "1 MiB" }).kernel;

/** What reading shows after `text` was written, or the error. */
function written(path: string, text: string): string | number {
  const file = sysTable(sys).get(path)!;
  const result = file.store(sys, text);
  return result < 0 ? result : file.show(sys);
}

describe("readahead of the disk", () => {
  it("is kept in whole pages", () => {
    expect(written("block/vda/queue/read_ahead_kb", "130\n")).toBe("128");
    expect(sys.readAheadPages).toBe(32);
    expect(written("block/vda/queue/read_ahead_kb", "0")).toBe("0");
    expect(written("block/vda/queue/read_ahead_kb", "much")).toBe(-22);
  });
});

describe("what one fault maps around it", () => {
  it("is a power of two of pages, at least one and at most a table", () => {
    expect(written("kernel/debug/fault_around_bytes", "20000")).toBe("16384");
    expect(sys.faultAroundPages).toBe(4);
    expect(written("kernel/debug/fault_around_bytes", "0x1000")).toBe("4096");
    expect(written("kernel/debug/fault_around_bytes", "1")).toBe("4096");
    expect(written("kernel/debug/fault_around_bytes", String(2 ** 21))).toBe(String(2 ** 21));
    expect(written("kernel/debug/fault_around_bytes", String(2 ** 21 + 4096))).toBe(-22);
  });
});

describe("/sys/block", () => {
  it("shows of each disk its size in sectors, and whether it turns, which swap believes", () => {
    const machine = boot({
      ram: "64 MiB",
      swap: [
        { size: "1 MiB", disk: "hdd" },
        { size: "2 MiB", off: true },
      ],
    });
    const { sys } = machine.kernel;
    const shown = (path: string) => sysTable(sys).get(`block/${path}`)?.show(sys);
    expect(["vdb", "vdc", "zram0"].map((name) => shown(`${name}/size`))).toEqual(["2048", "4096", "0"]);
    expect(["vda", "vdb", "vdc"].map((name) => shown(`${name}/queue/rotational`))).toEqual(["0", "1", "0"]);
    expect(shown("vdd/size")).toBeUndefined();
    expect(sys.swap.nrRotateSwap).toBe(1);
    const rotational = sysTable(sys).get("block/vdc/queue/rotational")!;
    expect(rotational.store(sys, "x")).toBe(-EINVAL);
    expect(rotational.store(sys, "1\n")).toBe(0);
    machine.swapon("/dev/vdc");
    expect([rotational.show(sys), sys.swap.nrRotateSwap]).toEqual(["1", 2]);
  });
});
