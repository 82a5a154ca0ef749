import { beforeEach, describe, expect, it } from "vitest";
import { boot, type Machine } from "../../lib/kernel/machine.js";
import { sysTable } from "../../lib/kernel/sysfs_devices.js";
import { zramFiles } from "../../lib/kernel/sysfs_zram.js";

let machine: Machine;

beforeEach(() => {
  machine = boot({ ram: "16 MiB" });
});

/** What reading shows after `text` was written, or the error. */
function written(name: string, text: string): string | number {
  const file = sysTable(machine.kernel.sys).get(`block/zram0/${name}`)!;
  const result = file.store(machine.kernel.sys, text);
  return result < 0 ? result : file.show(machine.kernel.sys);
}

const shown = (name: string): string =>
  sysTable(machine.kernel.sys).get(`block/zram0/${name}`)!.show(machine.kernel.sys);

describe("/sys/block/zram0", () => {
  it("sets the device up by a size with a unit, once, until reset", () => {
    expect([shown("disksize"), shown("initstate")]).toEqual(["0", "0"]);
    expect(written("disksize", "nothing\n")).toBe(-22);
    expect(written("disksize", "8M\n")).toBe(String(8 * 2 ** 20));
    expect(shown("initstate")).toBe("1");
    expect(written("disksize", "4M")).toBe(-16);
    expect(written("reset", "0")).toBe(-22);
    expect(written("reset", "all")).toBe(-22);
    expect(written("reset", "1\n")).toBe("");
    expect(shown("disksize")).toBe("0");
    expect(written("disksize", "12345")).toBe("16384");
  });

  it("limits the pool in whole pages", () => {
    written("disksize", "8M");
    expect(written("mem_limit", "none")).toBe(-22);
    expect(written("mem_limit", "5000")).toBe("");
    expect(shown("mm_stat").trim().split(/ +/)[3]).toBe("8192");
    expect(written("mem_used_max", "1")).toBe(-22);
    expect(written("mem_used_max", "0")).toBe("");
  });

  it("shows nine figures, each at least eight wide", () => {
    expect(shown("mm_stat")).toBe(Array.from({ length: 9 }, () => "       0").join(" "));
    expect(shown("io_stat")).toBe("       0        0 0        0");
  });

  it("has one algorithm, which cannot be changed once it is set up", () => {
    expect(shown("comp_algorithm")).toBe("[lz4] ");
    expect(written("comp_algorithm", "lz4\n")).toBe("[lz4] ");
    expect(written("comp_algorithm", "best")).toBe(-22);
    expect(written("comp_algorithm", "x".repeat(64))).toBe(-7);
    written("disksize", "8M");
    expect(written("comp_algorithm", "lz4")).toBe(-16);
  });

  it("compacts only what is set up", () => {
    expect(written("compact", "1")).toBe(-22);
    written("disksize", "8M");
    expect(written("compact", "1")).toBe("");
  });

  it("can be read or written as in Linux", () => {
    const modes = Object.fromEntries(
      zramFiles(0).map(({ path, mode }) => [path.split("/")[2], mode.toString(8)]),
    );
    expect(modes).toEqual({
      ...{ disksize: "644", initstate: "444", reset: "200", compact: "200", mem_limit: "200" },
      ...{ mem_used_max: "200", comp_algorithm: "644", io_stat: "444", mm_stat: "444" },
    });
  });

  it("is taken back by a restored snapshot", () => {
    const before = machine.snapshot();
    written("disksize", "8M");
    machine.restore(before);
    expect([shown("disksize"), shown("initstate")]).toEqual(["0", "0"]);
  });
});
