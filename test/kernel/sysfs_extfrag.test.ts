import { describe, expect, it } from "vitest";
import { boot } from "../../lib/kernel/machine.js";
import { extfragFiles } from "../../lib/kernel/sysfs_extfrag.js";
import { PGMIGRATE_SUCCESS } from "../../lib/mm/vmstat.js";
import { fragmented } from "../mm/compaction/fragmented.js";
import "../../lib/procfs/mount.js";

describe("/sys/kernel/debug/extfrag", () => {
  it("shows both indices for each zone and order, in thousandths", () => {
    const { machine } = fragmented();
    // 513 single pages: 1000 - floor((1000 + floor(513000 / 2^order)) / 513)
    expect(machine.procfs.read("/sys/kernel/debug/extfrag/extfrag_index")).toBe(
      "Node 0, zone      DMA -1.000  0.499  0.749  0.874  0.936  0.967  0.983  0.991  0.995  0.997  0.998 \n",
    );
    const unusable = `0.000 ${"1.000 ".repeat(10)}`;
    expect(machine.procfs.read("/sys/kernel/debug/extfrag/unusable_index")).toBe(
      `Node 0, zone      DMA ${unusable}\n`,
    );
    expect(extfragFiles.map(({ mode }) => mode)).toEqual([0o444, 0o444, 0o200]);
  });

  it("has a line for each zone", () => {
    const machine = boot({ ram: "32 MiB" });
    expect(machine.procfs.read("/sys/kernel/debug/extfrag/extfrag_index").split("\n").length).toBe(3);
  });
});

describe("/sys/devices/system/node/node0/compact", () => {
  it("compacts all zones when it is written", () => {
    const f = fragmented(3000);
    f.machine.procfs.write("/sys/devices/system/node/node0/compact", "1");
    expect(f.sys.vmStat.events[PGMIGRATE_SUCCESS]).toBeGreaterThan(100);
  });
});
