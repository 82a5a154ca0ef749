import { beforeEach, describe, expect, it } from "vitest";
import { boot, type Machine } from "../../lib/kernel/machine.js";
import { sysTable } from "../../lib/kernel/sysfs_devices.js";
import { zswapFiles } from "../../lib/kernel/sysfs_zswap.js";
import { zswapOf } from "../../lib/mm/swap/zswap.js";

let machine: Machine;

beforeEach(() => {
  machine = boot({ ram: "16 MiB" });
});

const shown = (path: string): string => sysTable(machine.kernel.sys).get(path)!.show(machine.kernel.sys);

/** What the parameter shows after `text` was written, or the error. */
function written(name: string, text: string): string | number {
  const file = sysTable(machine.kernel.sys).get(`module/zswap/parameters/${name}`)!;
  const result = file.store(machine.kernel.sys, text);
  return result < 0 ? result : file.show(machine.kernel.sys);
}

describe("/sys/module/zswap/parameters", () => {
  it("has Linux's values at first", () => {
    const values = zswapFiles
      .filter(({ path }) => path.startsWith("module"))
      .map(({ path }) => [path.split("/").pop(), shown(path)]);
    expect(Object.fromEntries(values)).toEqual({
      ...{ enabled: "N", compressor: "lzo", max_pool_percent: "20" },
      ...{ accept_threshold_percent: "90", shrinker_enabled: "N" },
    });
  });

  it("switches zswap on and off by a word", () => {
    expect(written("enabled", "1\n")).toBe("Y");
    const [pool] = zswapOf(machine.kernel.sys).pools;
    expect(pool?.zsPool.name).toBe("zswap1");
    expect(written("enabled", "off")).toBe("N");
    expect(written("enabled", "maybe")).toBe(-22);
    expect(written("enabled", "Y")).toBe("Y");
    expect(zswapOf(machine.kernel.sys).pools[0]).toBe(pool);
    expect(written("shrinker_enabled", "y")).toBe("Y");
  });

  it("takes whole numbers as percentages", () => {
    expect(written("max_pool_percent", "35\n")).toBe("35");
    expect(written("max_pool_percent", "0x10")).toBe("16");
    expect(written("accept_threshold_percent", "50.5")).toBe(-22);
    expect(written("accept_threshold_percent", "-1")).toBe(-22);
    expect(written("accept_threshold_percent", "50")).toBe("50");
  });

  it("knows two compressors, and takes any name before it needs one", () => {
    expect(written("compressor", "zstd")).toBe("zstd");
    written("enabled", "Y");
    expect(shown("module/zswap/parameters/compressor")).toBe("lzo");
    expect(written("compressor", "zstd")).toBe(-2);
    expect(written("compressor", " lz4\n")).toBe("lz4");
  });

  it("is taken back by a restored snapshot", () => {
    const before = machine.snapshot();
    written("enabled", "Y");
    written("max_pool_percent", "1");
    machine.restore(before);
    expect([
      shown("module/zswap/parameters/enabled"),
      shown("module/zswap/parameters/max_pool_percent"),
    ]).toEqual(["N", "20"]);
    expect(machine.kernel.sys.shrinkers.some(({ name }) => name === "mm-zswap")).toBe(false);
  });
});

describe("/sys/kernel/debug/zswap", () => {
  it("shows figures that cannot be written", () => {
    const files = zswapFiles.filter(({ path }) => path.startsWith("kernel/debug/zswap/"));
    expect(files.map(({ path }) => path.split("/").pop()).sort()).toEqual([
      ...[
        "decompress_fail",
        "pool_limit_hit",
        "pool_total_size",
        "reject_alloc_fail",
        "reject_compress_fail",
      ],
      ...["reject_compress_poor", "reject_kmemcache_fail", "reject_reclaim_fail"],
      ...["stored_incompressible_pages", "stored_pages", "written_back_pages"],
    ]);
    for (const { path, mode } of files) expect([shown(path), mode]).toEqual(["0", 0o444]);
  });
});
