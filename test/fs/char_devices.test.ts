import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { boot } from "../../lib/kernel/machine.js";
import type { Process } from "../../lib/kernel/process.js";
import {
  sysFtruncate,
  sysLseek,
  sysPread,
  sysPwrite,
  sysRead,
  sysWrite,
} from "../../lib/kernel/syscalls/file.js";
import { checkInvariants } from "../../lib/mm/debug.js";
import { nrUnusedPages } from "../../lib/mm/pages/page_alloc.js";
import "../../lib/procfs/mount.js";

function alice() {
  const machine = boot({ ram: "64 MiB" });
  const process = machine.spawn("alice");
  const { kernel } = machine;
  const { task } = process;
  const buf = process.mmap("64 KiB");
  return { machine, process, kernel, task, buf };
}

/** Header and the lines that are not 0 of the block of smaps at `at`. */
function smapsBlock(process: Process, procfs: { read(path: string): string }, at: number): string[] {
  const lines = procfs.read(`/proc/${process.pid}/smaps`).split("\n");
  const first = lines.findIndex((line) => line.startsWith(`${at.toString(16)}-`));
  const length = lines.slice(first).findIndex((line) => line.startsWith("VmFlags"));
  return lines
    .slice(first, first + length + 1)
    .filter((line) => !/ 0 kB$|PageSize/.test(line))
    .map((line) =>
      line
        .replace(/^[0-9a-f]+-[0-9a-f]+ /, "")
        .replace(/ +/g, " ")
        .trimEnd(),
    );
}

describe("/dev/zero mapped private", () => {
  it("is anonymous memory under the device's name, as on a real kernel", () => {
    const { machine, process } = alice();
    const fd = process.open("/dev/zero");
    const at = process.mmap(3 * 4096, { fd, offset: 0x5000 });
    process.store(at, 1, 7);
    expect(process.load(at + 4096)).toBe(0);
    expect(smapsBlock(process, machine.procfs, at)).toEqual([
      "rw-p 00005000 00:06 4 /dev/zero",
      "Size: 12 kB",
      "Rss: 4 kB",
      "Pss: 4 kB",
      "Pss_Dirty: 4 kB",
      "Private_Dirty: 4 kB",
      "Referenced: 4 kB",
      "Anonymous: 4 kB",
      "THPeligible: 0",
      "VmFlags: rd wr mr mw me ac",
    ]);
    expect(process.mincore(at, 3 * 4096)).toEqual([true, true, false]);
    process.close(fd);
    expect(process.load(at)).toBe(7);
  });

  it("is copied on write after fork, moves, is cut and goes without a trace", () => {
    const { machine, process } = alice();
    const free = (): number => nrUnusedPages(machine.kernel.sys) * 4;
    const before = free();
    const fd = process.open("/dev/zero");
    const at = process.mmap(8 * 4096, { fd, offset: 0x5000 });
    process.touch(at, 4 * 4096);
    const child = process.fork("child");
    child.store(at, 1, 9);
    expect(process.load(at)).toBe(1);
    const moved = process.mremap(at, 8 * 4096, 12 * 4096, 0x10_0000_0000);
    expect(process.load(moved)).toBe(1);
    process.munmap(moved + 4096, 4096);
    expect(machine.procfs.maps(process.pid).filter(({ name }) => name === "/dev/zero")).toMatchObject([
      { pgoff: 5 },
      { pgoff: 7 },
    ]);
    const { sys, initMm } = machine.kernel;
    expect(() => checkInvariants(sys, [initMm, process.mm, child.mm])).not.toThrow();
    child.exit();
    process.exit();
    expect(free()).toBeGreaterThanOrEqual(before - 4);
  });

  it("behaves as anonymous memory does, whatever is done to it", () => {
    const page = fc.nat(15);
    const length = fc.integer({ min: 1, max: 8 });
    const step = fc.oneof(
      fc.tuple(fc.constantFrom("read" as const, "write" as const), page, length),
      fc.tuple(fc.constantFrom("munmap" as const, "dontneed" as const, "lock" as const), page, length),
      fc.tuple(fc.constantFrom("readonly" as const, "writable" as const, "move" as const), page, length),
      fc.tuple(fc.constantFrom("fork" as const, "free" as const), page, length),
    );
    const run = (steps: readonly (readonly [string, number, number])[], device: boolean, shared: boolean) => {
      const { machine, process } = alice();
      const at = 0x20_0000_0000;
      const fd = device ? process.open("/dev/zero") : undefined;
      process.mmap(24 * 4096, { at, fixed: true, shared, fd });
      const all = [process];
      const seen = steps.map(([what, first, pages]) => {
        const [addr, bytes] = [at + first * 4096, pages * 4096];
        try {
          if (what === "read") return process.load(addr);
          if (what === "write") process.store(addr, 1, pages);
          else if (what === "munmap") process.munmap(addr, bytes);
          else if (what === "dontneed") process.madvise(addr, bytes, "DONTNEED");
          else if (what === "free") process.madvise(addr, bytes, "FREE");
          else if (what === "lock") process.mlock(addr, bytes);
          else if (what === "move") process.mremap(addr, bytes, bytes, at + (30 + first) * 4096);
          else if (what === "fork") all.push(process.fork());
          else process.mprotect(addr, bytes, what === "readonly" ? "r" : "rw");
          return "done";
        } catch (error) {
          if (!process.alive) return `${(error as Error).name}, dead`;
          return (error as { code: string }).code;
        }
      });
      const { sys, initMm } = machine.kernel;
      const living = all.filter(({ alive }) => alive);
      checkInvariants(sys, [initMm, ...living.map(({ mm }) => mm)]);
      const rss = living.map(({ pid }) => {
        const { VmRSS, RssAnon, RssShmem, VmData, VmPTE } = machine.procfs.status(pid);
        return { VmRSS, RssAnon, RssShmem, VmData, VmPTE };
      });
      return { seen, rss, faults: all.map((one) => one.getrusage()) };
    };
    fc.assert(
      fc.property(fc.array(step, { maxLength: 20 }), fc.boolean(), (steps, shared) => {
        expect(run(steps, true, shared)).toEqual(run(steps, false, shared));
      }),
      { numRuns: 60 },
    );
  });

  it("merges with what goes on in the device, and not with what does not", () => {
    const { machine, process } = alice();
    const fd = process.open("/dev/zero");
    const base = process.mmap(8 * 4096, { prot: "" });
    const names = (): number[] =>
      machine.procfs
        .maps(process.pid)
        .filter(({ name }) => name === "/dev/zero")
        .map(({ start, end }) => (end - start) / 4096);
    process.mmap(4096, { fd, at: base, fixed: true });
    process.mmap(4096, { fd, at: base + 4096, fixed: true, offset: 4096 });
    expect(names()).toEqual([2]);
    process.mmap(4096, { fd, at: base + 8192, fixed: true });
    expect(names()).toEqual([2, 1]);
  });
});

describe("/dev/zero mapped shared", () => {
  it("is shared memory of its own, which parent and child see", () => {
    const { machine, process } = alice();
    const fd = process.open("/dev/zero");
    const at = process.mmap(3 * 4096, { fd, shared: true, offset: 0x2000 });
    process.store(at, 1, 5);
    const child = process.fork();
    child.store(at, 1, 6);
    expect(process.load(at)).toBe(6);
    const other = process.mmap(3 * 4096, { fd, shared: true });
    expect(process.load(other)).toBe(0);
    expect(machine.procfs.smaps(process.pid).find(({ start }) => start === at)).toMatchObject({
      perms: "rw-s",
      pgoff: 2,
      name: "/dev/zero (deleted)",
      fields: { Rss: 4, Anonymous: 0 },
    });
    expect(machine.procfs.status(process.pid).RssShmem).toBe(8);
    // Its memory is as long as the mapping, whatever the offset: so the second page lies beyond its end.
    expect(() => process.load(at + 4096)).toThrow("SIGBUS");
  });

  it("of a device open for reading is no shared memory at all", () => {
    const { machine, process } = alice();
    const fd = process.open("/dev/zero", { writable: false });
    expect(() => process.mmap(4096, { fd, shared: true })).toThrow("EACCES");
    const at = process.mmap(4096, { fd, shared: true, prot: "r" });
    expect(process.load(at)).toBe(0);
    const area = machine.procfs.smaps(process.pid).find(({ start }) => start === at)!;
    expect([area.perms, area.name, area.VmFlags.join(" ")]).toEqual(["r--s", "/dev/zero", "rd mr me ms"]);
    expect(() => process.mprotect(at, 4096, "rw")).toThrow("EACCES");
  });
});

describe("reading and writing devices", () => {
  const EFAULT = -14;
  const ENOSPC = -28;

  it("answers as a real kernel does", () => {
    const { process, kernel, task, buf } = alice();
    const results = ["null", "zero", "full", "random", "urandom"].map((name) => {
      const fd = process.open(`/dev/${name}`);
      return [
        sysRead(kernel, task, fd, buf, 8),
        sysPread(kernel, task, fd, buf, 8, 2 ** 30),
        sysPread(kernel, task, fd, 8, 8, 0),
        sysWrite(kernel, task, fd, buf, 100),
        sysWrite(kernel, task, fd, 8, 100),
        sysPwrite(kernel, task, fd, buf, 0, 0),
        sysLseek(kernel, task, fd, 0, 1),
        sysLseek(kernel, task, fd, -1, 0),
        sysLseek(kernel, task, fd, 5, 2),
        sysFtruncate(kernel, task, fd, 0),
      ];
    });
    expect(results).toEqual([
      [0, 0, 0, 100, 100, 0, 0, 0, 0, -22],
      [8, 8, EFAULT, 100, 100, 0, 0, 0, 0, -22],
      [8, 8, EFAULT, ENOSPC, ENOSPC, ENOSPC, 0, 0, 0, -22],
      [8, 8, EFAULT, 100, EFAULT, 0, 0, 0, 0, -22],
      [8, 8, EFAULT, 100, EFAULT, 0, 0, 0, 0, -22],
    ]);
  });

  it("fills a buffer as far as it is mapped", () => {
    const { process, kernel, task, buf } = alice();
    process.munmap(buf + 4096, 4096);
    process.store(buf + 100, 1, 9);
    expect(sysRead(kernel, task, process.open("/dev/zero"), buf, 8192)).toBe(4096);
    expect(process.load(buf + 100)).toBe(0);
  });

  it("maps none but /dev/zero, and keeps what lay where it was to be", () => {
    const { process, buf } = alice();
    process.store(buf, 1, 3);
    for (const name of ["null", "full", "random", "urandom"]) {
      const fd = process.open(`/dev/${name}`);
      for (const shared of [false, true])
        expect(() => process.mmap(4096, { fd, shared, at: buf, fixed: true })).toThrow("ENODEV");
    }
    expect(process.load(buf)).toBe(3);
    expect(() => process.fsync(process.open("/dev/null"))).toThrow("EINVAL");
  });

  it("are no programs", () => {
    const { process } = alice();
    for (const path of ["/dev/null", "/dev/zero", "/proc/self/maps", "/proc/meminfo", "/sys/kernel/mm"])
      expect(() => process.exec(path)).toThrow("EACCES");
    expect(process.alive).toBe(true);
  });

  it("cannot be made, only opened", () => {
    const { kernel } = alice();
    expect(kernel.files.open("/dev/null", 0o300)).toBe(-17);
    expect(typeof kernel.files.open("/dev/null", 0o1102)).toBe("object");
    const unlinked = ["/dev/null", "/proc/meminfo", "/proc/nonsense", "/dev/nonsense"].map((path) =>
      kernel.files.unlink(path),
    );
    expect(unlinked).toEqual([-1, -1, -2, -2]);
  });
});

describe("/dev/random", () => {
  const bytes = (write: string | undefined, from = "random"): number[] => {
    const { process, buf } = alice();
    const fd = process.open(`/dev/${from}`);
    if (write !== undefined) {
      [...write].forEach((letter, i) => {
        process.store(buf + i, 1, letter.charCodeAt(0));
      });
      process.write(fd, buf, write.length);
    }
    expect(process.read(fd, buf, 16)).toBe(16);
    return Array.from({ length: 16 }, (_, i) => process.load(buf + i));
  };

  it("gives the same bytes on every computer, and others after something was written", () => {
    expect(bytes(undefined)).toEqual([86, 192, 206, 141, 86, 22, 80, 239, 90, 41, 92, 231, 64, 86, 180, 223]);
    expect(bytes(undefined, "urandom")).toEqual(bytes(undefined));
    expect(bytes("stir")).toEqual(bytes("stir"));
    expect(bytes("stir")).not.toEqual(bytes(undefined));
  });

  it("goes on after a snapshot was brought back as it did before", () => {
    const { machine, process, buf } = alice();
    const fd = process.open("/dev/urandom");
    const next = (): number => {
      process.read(fd, buf, 4);
      return process.load(buf, 4);
    };
    const moment = machine.snapshot();
    const first = [next(), next(), next()];
    machine.restore(moment);
    expect([next(), next(), next()]).toEqual(first);
    expect(new Set(first).size).toBe(3);
  });
});
