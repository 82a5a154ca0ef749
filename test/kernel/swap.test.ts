/**
 * swapon and swapoff by path: disks, swap files, everything that is refused, and which area is used first.
 */
import { describe, expect, it } from "vitest";
import { O_RDWR } from "../../lib/fs/file_tree.js";
import { boot, type Machine } from "../../lib/kernel/machine.js";
import type { Process } from "../../lib/kernel/process.js";
import { ProcFs } from "../../lib/procfs/procfs.js";
import { swaps } from "../../lib/procfs/swaps.js";

const PAGE = 4096;

/** Slots in use of each area. */
const used = ({ kernel: { sys } }: Machine) => sys.swap.swapInfo.map((si) => si?.inusePages);

/** Sends pages [from, to) of the mapping to swap. */
function pageOut(alice: Process, base: number, from: number, to: number): void {
  for (let i = from; i < to; i++) alice.store(base + i * PAGE, 1, 5);
  alice.madvise(base + from * PAGE, (to - from) * PAGE, "PAGEOUT");
}

describe("two swap areas", () => {
  const areas = (...priorities: (number | undefined)[]): Machine =>
    boot({
      ram: "128 MiB",
      swap: priorities.map((priority) => ({
        size: "8 MiB",
        ...(priority === undefined ? { off: false } : { priority }),
      })),
    });

  it("without priorities: the first is filled, then the second", () => {
    const machine = areas(undefined, undefined);
    const alice = machine.spawn();
    const base = alice.mmap(4000 * PAGE);
    pageOut(alice, base, 0, 2000);
    expect(used(machine)).toEqual([2000, 0]);
    pageOut(alice, base, 2000, 2600);
    expect(used(machine)).toEqual([2047, 2600 - 2047]);
  });

  it("of equal priority take turns by cluster, not by page", () => {
    const machine = areas(3, 3);
    const alice = machine.spawn();
    const base = alice.mmap(4000 * PAGE);
    pageOut(alice, base, 0, 500);
    expect(used(machine)).toEqual([500, 0]);
    // The first cluster of each has the header in it.
    pageOut(alice, base, 500, 520);
    expect(used(machine)).toEqual([511, 9]);
    pageOut(alice, base, 520, 1100);
    expect(used(machine)).toEqual([511 + 78, 511]);
    pageOut(alice, base, 1100, 1600);
    expect(used(machine)).toEqual([511 + 512, 1600 - 511 - 512]);
  });

  it("and a better one that is added: not before the cluster is full", () => {
    const machine = boot({
      ram: "128 MiB",
      swap: [{ size: "8 MiB" }, { size: "8 MiB", priority: 5, off: true }],
    });
    const alice = machine.spawn();
    const base = alice.mmap(4000 * PAGE);
    pageOut(alice, base, 0, 600);
    machine.swapon("/dev/vdc", { priority: 5 });
    pageOut(alice, base, 600, 700);
    expect(used(machine)).toEqual([700, 0]);
    pageOut(alice, base, 700, 1200);
    expect(used(machine)).toEqual([511 + 512, 1200 - 511 - 512]);
  });
});

describe("swapon refuses", () => {
  const codeOf = (act: () => unknown): string => {
    try {
      act();
    } catch (error) {
      return (error as { code?: string }).code ?? (error as Error).name;
    }
    return "0";
  };
  const machine = boot({ ram: "64 MiB", swap: { size: "1 MiB", off: true } });
  const { files } = machine.kernel;

  it("what is not there, no device or file with pages, or no swap area", () => {
    files.writeFile("/plain", new Uint8Array(20 * PAGE));
    files.writeFile("/dev/shm/s", new Uint8Array(20 * PAGE));
    machine.mkswap("/dev/shm/s");
    for (const call of ["swapon", "swapoff"] as const) {
      expect(codeOf(() => machine[call]("/none"))).toBe("ENOENT");
      expect(codeOf(() => machine[call]("/dev/null"))).toBe("EINVAL");
      expect(codeOf(() => machine[call]("/dev/shm"))).toBe("EISDIR");
      expect(codeOf(() => machine[call]("/plain"))).toBe("EINVAL");
      expect(codeOf(() => machine[call]("/dev/shm/s"))).toBe("EINVAL");
      expect(codeOf(() => machine[call]("/dev/zram0"))).toBe("EINVAL");
    }
    expect(codeOf(() => machine.swapon("/dev/vda"))).toBe("EBUSY");
    expect(codeOf(() => machine.swapoff("/dev/vdb"))).toBe("EINVAL");
  });

  it("flags that it does not know, and whoever is not root", () => {
    const alice = machine.spawn();
    expect(alice.syscall("swapon", "/none", 0x80000)).toBe(-22);
    expect(alice.syscall("swapon", "/none", 0)).toBe(-2);
    alice.setuid(1000);
    expect(alice.syscall("swapon", "/none", 0x80000)).toBe(-22);
    expect(alice.syscall("swapon", "/none", 0)).toBe(-1);
    expect(alice.syscall("swapoff", "/none")).toBe(-1);
  });

  it("one that is on, and mkswap does not write there either", () => {
    machine.swapon("/dev/vdb");
    expect(codeOf(() => machine.swapon("/dev/vdb"))).toBe("EBUSY");
    expect(codeOf(() => machine.mkswap("/dev/vdb"))).toBe("ETXTBSY");
    machine.swapoff("/dev/vdb");
    machine.mkswap("/dev/vdb");
  });

  it("priorities and sizes that there are not, as the caller's mistake", () => {
    expect(() => machine.swapon("/dev/vdb", { priority: 32768 })).toThrow(RangeError);
    expect(() => machine.mkswap("/small", { size: 9 * PAGE })).toThrow(RangeError);
    expect(() => boot({ swap: 4097 })).toThrow(RangeError);
  });
});

describe("a swap file", () => {
  it("is used like a disk, in the pieces in which it lies there", () => {
    const machine = boot({ ram: "64 MiB" });
    machine.mkswap("/swapfile", { size: "2 MiB" });
    machine.swapon("/swapfile", { priority: 1 });
    const alice = machine.spawn();
    const base = alice.mmap(300 * PAGE);
    pageOut(alice, base, 0, 300);
    expect(used(machine)).toEqual([300]);
    machine.idle(1e9);
    for (let i = 0; i < 300; i++) expect(alice.load(base + i * PAGE)).toBe(5);
    expect(swaps(machine.kernel.sys).join("")).toContain(
      "/swapfile                               file\t\t2044\t\t",
    );
    machine.swapoff("/swapfile");
    for (let i = 0; i < 300; i++) expect(alice.load(base + i * PAGE)).toBe(5);
  });

  it("must not have holes", () => {
    const machine = boot({ ram: "64 MiB" });
    machine.mkswap("/swapfile", { size: "1 MiB" });
    const alice = machine.spawn();
    const fd = alice.open("/swapfile");
    expect(alice.syscall("fallocate", fd, 3, 5 * PAGE, PAGE)).toBe(0);
    expect(() => machine.swapon("/swapfile")).toThrow(expect.objectContaining({ code: "EINVAL" }));
  });

  it("cannot be written, cut, mapped for writing or taken away as long as it is on", () => {
    const machine = boot({ ram: "64 MiB" });
    machine.mkswap("/swapfile", { size: "1 MiB" });
    machine.swapon("/swapfile");
    const alice = machine.spawn();
    const fd = alice.open("/swapfile");
    const buf = alice.mmap(PAGE);
    const calls = () => [
      alice.syscall("write", fd, buf, 10),
      alice.syscall("ftruncate", fd, 2 ** 20),
      alice.syscall("ftruncate", fd, 100),
      alice.syscall("fallocate", fd, 3, 0, PAGE),
      alice.syscall("unlink", "/swapfile"),
    ];
    expect(calls()).toEqual([-26, -26, -26, -26, -1]);
    expect(alice.syscall("mmap", 0, PAGE, 3, 1, fd, 0)).toBe(-26);
    expect(alice.syscall("mmap", 0, PAGE, 1, 1, fd, 0)).toBeGreaterThan(0);
    expect(alice.syscall("mmap", 0, PAGE, 3, 2, fd, 0)).toBeGreaterThan(0);
    expect(machine.kernel.files.open("/swapfile", O_RDWR | 0o1000)).toBe(-26);
    machine.swapoff("/swapfile");
    expect(calls()).toEqual([10, 0, 0, 0, 0]);
  });
});

describe("swapoff for which there is not enough memory", () => {
  it("costs the life of whoever asked for it; the area stays on, and nothing is lost", () => {
    const machine = boot({ ram: "24 MiB", swap: "32 MiB" });
    const nrPages = 6000;
    const alice = machine.spawn("alice");
    const base = alice.mmap(nrPages * PAGE);
    for (let i = 0; i < nrPages; i++) alice.store(base + i * PAGE, 4, i + 1);
    const bob = machine.spawn("bob");
    bob.store(bob.mmap(PAGE), 1, 1);
    expect(() => bob.syscall("swapoff", "/dev/vdb")).toThrow(expect.objectContaining({ signal: "SIGKILL" }));
    expect([bob.task.alive, alice.task.alive]).toEqual([false, true]);
    expect(machine.kernel.sys.swap.availHead).toHaveLength(1);
    for (let i = 0; i < nrPages; i++) expect(alice.load(base + i * PAGE, 4)).toBe(i + 1);
  });
});

describe("what the machine says of its swap", () => {
  it("agrees in /proc/swaps and /proc/meminfo, before and after a snapshot is taken back", () => {
    const machine = boot({ ram: "64 MiB", swap: [{ size: "4 MiB" }, { size: "8 MiB", priority: 4 }] });
    const alice = machine.spawn();
    const base = alice.mmap(100 * PAGE);
    const says = () => {
      const procfs = new ProcFs(machine.kernel.sys, () => []);
      return [procfs.read("/proc/swaps"), procfs.read("/proc/meminfo").match(/Swap.*/g)];
    };
    pageOut(alice, base, 0, 100);
    machine.idle(1e9);
    const snapshot = machine.snapshot();
    const before = says();
    expect(before[0]).toBe(
      "Filename\t\t\t\tType\t\tSize\t\tUsed\t\tPriority\n" +
        `${"/dev/vdb".padEnd(40)}partition\t4092\t\t0\t\t-2\n` +
        `${"/dev/vdc".padEnd(40)}partition\t8188\t\t400\t\t4\n`,
    );
    machine.swapoff("/dev/vdc");
    expect(says()).not.toEqual(before);
    machine.restore(snapshot);
    expect(says()).toEqual(before);
    machine.swapoff("/dev/vdc");
    for (let i = 0; i < 100; i++) expect(alice.load(base + i * PAGE)).toBe(5);
  });
});
