import { existsSync, readdirSync, statSync } from "node:fs";
import { describe, expect, it } from "vitest";
import { boot } from "../../lib/kernel/machine.js";
import { vmTable } from "../../lib/kernel/sysctl.js";
import { kernelMmTable } from "../../lib/kernel/sysfs_mm.js";
import "../../lib/procfs/mount.js";

function machineWith(ram = "64 MiB") {
  const machine = boot({ ram });
  const { procfs } = machine;
  const vm = (name: string): string => procfs.read(`/proc/sys/vm/${name}`).trim();
  const set = (name: string, text: string | number): number =>
    procfs.tryWrite(`/proc/sys/vm/${name}`, String(text));
  return { machine, procfs, vm, set };
}

const EINVAL = -22;

describe("/proc/sys/vm", () => {
  it("has the files and modes of Linux 6.18, where this computer has them", () => {
    if (!existsSync("/proc/sys/vm/swappiness")) return expect(process.platform).not.toBe("linux");
    const here = new Set(readdirSync("/proc/sys/vm"));
    const different = [...vmTable.values()]
      .filter(({ procname }) => here.has(procname))
      .filter(({ procname, mode }) => (statSync(`/proc/sys/vm/${procname}`).mode & 0o777) !== mode);
    expect(different.map(({ procname }) => procname)).toEqual([]);
    expect(vmTable.size).toBeGreaterThan(45);
  });

  it("takes the whole range of each setting and refuses the numbers beside it", () => {
    // Name, smallest and largest value; from kernel/sysctl.c and the ctl_tables of mm/.
    const INT_MAX = 2 ** 31 - 1;
    const ranges: [string, number, number][] = [
      ["overcommit_memory", 0, 2],
      ["overcommit_ratio", -(2 ** 31), INT_MAX],
      ["max_map_count", 0, INT_MAX],
      ["min_free_kbytes", 0, INT_MAX],
      ["watermark_scale_factor", 1, 3000],
      ["watermark_boost_factor", 0, INT_MAX],
      ["swappiness", 0, 200],
      ["page-cluster", 0, 31],
      ["dirty_ratio", 0, 100],
      ["dirty_background_ratio", 0, 100],
      ["panic_on_oom", 0, 2],
      ["oom_kill_allocating_task", -(2 ** 31), INT_MAX],
      ["vfs_cache_pressure_denom", 100, INT_MAX],
      ["compaction_proactiveness", 0, 100],
      ["extfrag_threshold", 0, 1000],
      ["defrag_mode", 0, 1],
      ["mmap_rnd_bits", 28, 32],
      ["min_slab_ratio", 0, 100],
      ["stat_interval", -8589934, 8589934],
      ["laptop_mode", -8589934, 8589934],
      ["memfd_noexec", 0, 2],
      ["zone_reclaim_mode", 0, INT_MAX],
    ];
    const { vm, set } = machineWith();
    for (const [name, min, max] of ranges) {
      for (const value of [min, max]) {
        expect([name, set(name, `${value}\n`)]).toEqual([name, 0]);
        expect([name, vm(name)]).toEqual([name, String(value)]);
      }
      expect([name, set(name, min - 1), set(name, max + 1)]).toEqual([name, EINVAL, EINVAL]);
      expect([name, vm(name)]).toEqual([name, String(max)]);
    }
    expect(set("dirty_bytes", 8191)).toBe(EINVAL);
    expect(set("dirty_bytes", 2 ** 45)).toBe(-34);
    expect(set("dirty_background_bytes", 0)).toBe(EINVAL);
    expect([set("percpu_pagelist_high_fraction", 7), vm("percpu_pagelist_high_fraction")]).toEqual([
      EINVAL,
      "0",
    ]);
    expect([set("percpu_pagelist_high_fraction", 8), vm("percpu_pagelist_high_fraction")]).toEqual([0, "8"]);
  });

  it("sets one of a pair to 0 when the other is set", () => {
    const { vm, set } = machineWith();
    const pairs: [string, number, string][] = [
      ["overcommit_kbytes", 4096, "overcommit_ratio"],
      ["overcommit_ratio", 60, "overcommit_kbytes"],
      ["dirty_bytes", 65536, "dirty_ratio"],
      ["dirty_ratio", 10, "dirty_bytes"],
      ["dirty_background_bytes", 1, "dirty_background_ratio"],
      ["dirty_background_ratio", 5, "dirty_background_bytes"],
    ];
    for (const [name, value, other] of pairs) {
      set(name, value);
      expect([name, vm(name), vm(other)]).toEqual([name, String(value), "0"]);
    }
  });

  it("reads a part of lowmem_reserve_ratio, and all of it into protection", () => {
    const { procfs, vm, set } = machineWith();
    expect(vm("lowmem_reserve_ratio")).toBe("256\t256\t32\t0\t0");
    expect(set("lowmem_reserve_ratio", "128 64")).toBe(0);
    expect(vm("lowmem_reserve_ratio")).toBe("128\t64\t32\t0\t0");
    const [dma, dma32] = procfs.read("/proc/zoneinfo").split("Node 0").slice(1);
    const managed = Number(/managed +(\d+)/.exec(dma32!)![1]);
    expect(dma).toContain(`protection: (0, ${Math.floor(managed / 128)}, `);
    set("lowmem_reserve_ratio", "0 -5 x");
    expect(vm("lowmem_reserve_ratio")).toBe("0\t0\t32\t0\t0");
    expect(set("lowmem_reserve_ratio", "garbage")).toBe(0); // as in Linux
  });

  it("moves the watermarks with min_free_kbytes and watermark_scale_factor", () => {
    const { procfs, set } = machineWith();
    const marks = (): number[][] =>
      [
        ...procfs
          .read("/proc/zoneinfo")
          .matchAll(/min +(\d+)\n +low +(\d+)\n +high +(\d+)(?:.|\n)*?managed +(\d+)/g),
      ]
        .map((match) => match.slice(1).map(Number))
        .filter(([, , , managed]) => managed! > 0);
    const before = procfs.meminfo().MemAvailable!;
    set("min_free_kbytes", 8192);
    const total = marks().reduce((sum, [, , , managed]) => sum + managed!, 0);
    for (const [min, low, high, managed] of marks()) {
      expect(min).toBe(Math.floor((2048 * managed!) / total));
      const gap = Math.max(Math.floor(min! / 4), Math.floor((managed! * 10) / 10000));
      expect([low, high]).toEqual([min! + gap, min! + 2 * gap]);
    }
    expect(procfs.meminfo().MemAvailable).toBeLessThan(before);
    set("watermark_scale_factor", 3000);
    for (const [min, low, , managed] of marks())
      expect(low! - min!).toBe(Math.floor((managed! * 3000) / 10000));
  });

  it("lets overcommit_memory, overcommit_kbytes and max_map_count govern mmap", () => {
    const { machine, procfs, set } = machineWith();
    const alice = machine.spawn("alice");
    expect(() => alice.mmap("128 MiB")).toThrow("ENOMEM");
    set("overcommit_memory", 1);
    alice.munmap(alice.mmap("128 MiB"), "128 MiB");
    set("overcommit_memory", 2);
    set("overcommit_kbytes", 1024);
    expect(procfs.meminfo().CommitLimit).toBe(1024);
    expect(() => alice.mmap("2 MiB")).toThrow("ENOMEM");
    alice.mmap("512 KiB");
    set("overcommit_memory", 0);
    set("max_map_count", 3);
    const spread = (i: number): number => alice.mmap(4096, { at: 0x10_0000_0000 + i * 0x10_0000 });
    for (let i = 0; i < 3; i++) spread(i);
    expect(() => spread(3)).toThrow("ENOMEM");
  });

  it("keeps mmap_min_addr for those who may use raw memory", () => {
    const { machine, procfs, vm } = machineWith();
    procfs.write("/proc/sys/vm/mmap_min_addr", "0");
    const alice = machine.spawn("alice");
    const low = alice.mmap(4096, { at: 0x1000, fixed: true });
    expect(low).toBe(0x1000);
    alice.task.privileged = false;
    expect(alice.kernel.files.open("/proc/sys/vm/mmap_min_addr", 1)).toBe(-13);
    expect(vm("mmap_min_addr")).toBe("0");
  });

  it("drops clean cache pages, and neither dirty nor mapped ones", () => {
    const { machine, procfs } = machineWith();
    const { files } = machine.kernel;
    files.writeFile("/data/clean", new Uint8Array(8 * 4096));
    files.writeFile("/data/mapped", new Uint8Array(4 * 4096));
    const alice = machine.spawn("alice");
    const buf = alice.mmap(4096, { populate: true });
    const at = alice.mmap(4 * 4096, { fd: alice.open("/data/mapped"), prot: "r", populate: true });
    alice.load(at);
    const unlinked = alice.open("/data/gone", { create: true });
    alice.write(unlinked, buf, 4096);
    alice.fsync(unlinked);
    files.unlink("/data/gone");
    alice.write(alice.open("/data/dirty", { create: true }), buf, 4096);
    const cached = (): number => procfs.meminfo().Cached!;
    expect(cached()).toBe(4 * (8 + 4 + 1 + 1));
    procfs.write("/proc/sys/vm/drop_caches", "2");
    expect(cached()).toBe(4 * 14);
    procfs.write("/proc/sys/vm/drop_caches", "1\n");
    expect(procfs.meminfo()).toMatchObject({ Cached: 4 * (4 + 1), Dirty: 4 });
    expect(procfs.vmstat()).toMatchObject({ drop_pagecache: 1, drop_slab: 1 });
    expect(alice.load(at)).toBe(0);
    for (const text of ["0", "5", "", "x"])
      expect(procfs.tryWrite("/proc/sys/vm/drop_caches", text)).toBe(text === "" ? 0 : EINVAL);
    expect(procfs.tryRead("/proc/sys/vm/drop_caches")).toBe(-13);
  });

  it("says what it cannot do yet instead of doing nothing", () => {
    const { set } = machineWith();
    expect([set("compact_memory", 1), set("compact_memory", 2)]).toEqual([0, EINVAL]);
    for (const { procname, effect } of vmTable.values())
      expect([procname, effect]).toEqual([
        procname,
        expect.stringMatching(/in effect|no effect|refused|always|taken/),
      ]);
  });
});

describe("/sys/kernel/mm", () => {
  const enabled = "/sys/kernel/mm/transparent_hugepage/enabled";

  it("brackets the word that holds, and takes no other words", () => {
    const { procfs } = machineWith();
    expect(procfs.read(enabled)).toBe("always madvise [never]\n"); // as Linux below 512 MiB of RAM
    procfs.write(enabled, "madvise\n");
    expect(procfs.read(enabled)).toBe("always [madvise] never\n");
    for (const text of ["sometimes", "madvise ", "[always]", "ALWAYS", "1"])
      expect(procfs.tryWrite(enabled, text)).toBe(EINVAL);
    expect(procfs.read(enabled)).toBe("always [madvise] never\n");
    expect(boot({ ram: "1 GiB" }).procfs.read(enabled)).toBe("always [madvise] never\n");
  });

  it("decides which areas smaps calls eligible for huge pages", () => {
    const { machine, procfs } = machineWith();
    const alice = machine.spawn("alice");
    const big = alice.mmap("4 MiB");
    const small = alice.mmap("1 MiB");
    alice.madvise(small, "1 MiB", "HUGEPAGE");
    const eligible = (at: number): number =>
      procfs.smaps(alice.pid).find(({ start, end }) => start <= at && at < end)!.fields.THPeligible;
    expect([eligible(big), eligible(small)]).toEqual([0, 0]);
    procfs.write(enabled, "always");
    expect([eligible(big), eligible(small)]).toEqual([1, 0]);
    procfs.write("/sys/kernel/mm/transparent_hugepage/hugepages-64kB/enabled", "madvise");
    expect([eligible(big), eligible(small)]).toEqual([1, 1]);
    procfs.write(enabled, "madvise");
    expect([eligible(big), eligible(small)]).toEqual([0, 1]);
  });

  it("checks numbers and flags", () => {
    const { procfs } = machineWith();
    const dir = "/sys/kernel/mm/transparent_hugepage";
    const tries: [string, string, number][] = [
      [`${dir}/khugepaged/pages_to_scan`, "0", EINVAL],
      [`${dir}/khugepaged/pages_to_scan`, "512\n", 0],
      [`${dir}/khugepaged/max_ptes_none`, "511", 0],
      [`${dir}/khugepaged/max_ptes_none`, "512", EINVAL],
      [`${dir}/use_zero_page`, "2", EINVAL],
      [`${dir}/shrink_underused`, "no", 0],
      [`${dir}/hpage_pmd_size`, "4096", -13],
      ["/sys/kernel/mm/ksm/run", "3", EINVAL],
      ["/sys/kernel/mm/ksm/pages_shared", "1", -13],
      ["/sys/kernel/mm/ksm/nonsense", "1", -2],
      ["/sys/kernel/mm/ksm", "1", -21],
    ];
    expect(tries.map(([path, text]) => [path, text, procfs.tryWrite(path, text)])).toEqual(tries);
    expect(procfs.read(`${dir}/khugepaged/pages_to_scan`)).toBe("512\n");
    expect(procfs.read(`${dir}/shrink_underused`)).toBe("0\n");
  });

  it("has the files and modes of Linux 6.18, where this computer has them", () => {
    if (!existsSync("/sys/kernel/mm/transparent_hugepage"))
      return expect(kernelMmTable.size).toBeGreaterThan(50);
    const here = [...kernelMmTable.values()].filter(({ path }) => existsSync(`/sys/kernel/mm/${path}`));
    const different = here.filter(
      ({ path, mode }) => (statSync(`/sys/kernel/mm/${path}`).mode & 0o777) !== mode,
    );
    expect(different.map(({ path }) => path)).toEqual([]);
    expect(here.length).toBeGreaterThan(5);
  });

  it("comes back with a snapshot", () => {
    const { machine, procfs } = machineWith();
    const moment = machine.snapshot();
    procfs.write(enabled, "always");
    procfs.write("/proc/sys/vm/swappiness", "1");
    machine.restore(moment);
    expect(procfs.read(enabled)).toBe("always madvise [never]\n");
    expect(procfs.read("/proc/sys/vm/swappiness")).toBe("60\n");
  });
});
