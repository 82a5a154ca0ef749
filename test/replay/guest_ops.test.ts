import { describe, expect, it } from "vitest";
import { runScenario } from "../../lib/replay/executor.js";
import { hostFor, newGuestHost } from "../../lib/replay/kernel_host.js";
import { parseScenario } from "../../lib/replay/parse.js";
import type { GuestBoot, StepRecord } from "../../lib/replay/record.js";

const guest: GuestBoot = { mem_MB: 128, swap_MB: 0, disk_MB: 0, thp: "never", rotational: "0" };
const run = (text: string, boot = guest): StepRecord[] =>
  runScenario(parseScenario(text), newGuestHost(boot)).steps;

describe("operations of a virtual machine", () => {
  it("write a setting, or say why the kernel does not take it", () => {
    const steps = run(
      "write /proc/sys/vm/swappiness 70\nwrite /proc/sys/vm/swappiness 201\nwrite /proc/none 1\ncat /proc/sys/vm/swappiness",
    );
    expect(steps.map(({ ok, err, text }) => [ok, err, text])).toEqual([
      [true, undefined, undefined],
      [false, "EINVAL", undefined],
      [false, "ENOENT", undefined],
      [undefined, undefined, "70"],
    ]);
  });

  it("show the zones that have pages, with what settings make of them", () => {
    const [before, , after] = run("zoneinfo\nwrite /proc/sys/vm/min_free_kbytes 16384\nzoneinfo");
    expect(before!.zones).toMatchObject({
      DMA: { min: 56, low: 70, high: 84, promo: 98, spanned: 4095, present: 3998, managed: 3840 },
      DMA32: { min: 213, managed: 16756, protection: [0, 0, 0, 0, 0] },
    });
    expect(after!.zones).toMatchObject({ DMA: { min: 763, high: 1143 }, DMA32: { min: 3332 } });
  });

  it("show by how much counters grew, from the second time on", () => {
    const [, , , first, , second] = run(
      "spawn P\nP map A anon private 64\nP touch A 0:8 w\nvmstat\nP touch A 8:40 w\nvmstat",
    );
    expect(first!.vmstat).toBeUndefined();
    expect(second!.vmstat).toMatchObject({ pgfault: 32, nr_anon_pages: 32 });
  });

  it("drop caches after writing what is dirty", () => {
    const steps = run("file F create 16 nosync\ndropcaches\nfile F preadpage 3");
    expect(steps[1]).toMatchObject({ ok: true });
    expect(steps[2]).toMatchObject({ ok: true, byte: 22 }); // page 3 is full of 3 * 7 + 1
  });

  it("make groups, and refuse a file system that is not there", () => {
    const steps = run("mkdir /cg\nmount none /cg cgroup2\nmkdir /cg/a\nmount none /cg nothing");
    expect(steps.map(({ ok }) => ok)).toEqual([true, true, true, false]);
  });

  it("lock the recorder's own pages on demand", () => {
    const locked = (text: string): number => {
      const host = newGuestHost(guest);
      runScenario(parseScenario(text), host);
      return Number(/^nr_mlock (\d+)$/m.exec(host.procfs.read("/proc/vmstat"))![1]);
    };
    expect(locked("spawn P")).toBe(0);
    expect(locked("lockself\nspawn P")).toBeGreaterThan(100);
  });
});

describe("the machine of a recording", () => {
  const show = (boot: GuestBoot, path: string): string => newGuestHost(boot).procfs.read(path).trim();

  it("has the disks, the readahead and the huge pages of the recorded one", () => {
    expect(show({ ...guest, mem_MB: 192, swap_MB: 256 }, "/proc/meminfo")).toMatch(/MemTotal: +145652 kB/);
    expect(show({ ...guest, mem_MB: 192, disk_MB: 256 }, "/proc/meminfo")).toMatch(/MemTotal: +145664 kB/);
    expect(show(guest, "/sys/block/vda/queue/read_ahead_kb")).toBe("128");
    expect(show(guest, "/sys/kernel/mm/transparent_hugepage/enabled")).toBe("always madvise [never]");
    expect(show({ ...guest, thp: "always" }, "/proc/sys/vm/min_free_kbytes")).toMatch(/^\d{4}$/);
  });

  it("is a large one where the kernel ran without another around it", () => {
    const host = hostFor({ scenario: "x", script_fnv: "0", env: {}, steps: [] });
    expect(host.kernel.sys.ram.sizeBytes).toBe(2 ** 31);
  });
});
