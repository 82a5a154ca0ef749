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
import { errnoName } from "../../lib/mm/errno.js";
import "../../lib/procfs/mount.js";

const BUF = 0x10_0000_0000;

function alice() {
  const machine = boot({ ram: "64 MiB", cpus: 2 });
  const process = machine.spawn("alice");
  process.mmap("256 KiB", { at: BUF });
  return { machine, process, kernel: machine.kernel, procfs: machine.procfs };
}

/** A descriptor for `path`, or the name of the error. */
function open(process: Process, path: string, flags = 2): number | string {
  process.kernel.enter(process.task);
  const file = process.kernel.files.open(path, flags);
  return typeof file === "number" ? errnoName(file) : process.task.files.install(file);
}

const named = (result: number): number | string => (result < 0 ? errnoName(result) : result);

function put(process: Process, text: string): void {
  [...text].forEach((letter, i) => {
    process.store(BUF + i, 1, letter.charCodeAt(0));
  });
}

/** What write(2) of `text` to `path` answers. */
function echo(process: Process, path: string, text: string): number | string {
  const fd = open(process, path, 1);
  if (typeof fd === "string") return fd;
  put(process, text);
  const result = named(sysWrite(process.kernel, process.task, fd, BUF, text.length));
  process.close(fd);
  return result;
}

/** All of an open file, in reads of `size` bytes. */
function readAll(process: Process, fd: number, size = 4096): string {
  let text = "";
  for (;;) {
    const nr = process.read(fd, BUF, size);
    if (nr === 0) return text;
    for (let i = 0; i < nr; i++) text += String.fromCharCode(process.load(BUF + i));
  }
}

function cat(process: Process, path: string, size?: number): string {
  const fd = process.open(path, { writable: false });
  const text = readAll(process, fd, size);
  process.close(fd);
  return text;
}

describe("a process that reads /proc", () => {
  it("sees itself under self, its thread under thread-self, and others by number", () => {
    const { machine, process, procfs } = alice();
    const bob = machine.spawn("bob");
    bob.mmap(4096, { at: BUF });
    expect(cat(process, "/proc/self/comm")).toBe("alice\n");
    expect(cat(bob, "/proc/self/comm")).toBe("bob\n");
    expect(cat(process, `/proc/${bob.pid}/comm`)).toBe("bob\n");
    const thread = process.thread(1);
    expect(cat(thread, "/proc/thread-self/stat").split(" ")[0]).toBe(String(thread.pid));
    expect(cat(thread, "/proc/self/stat").split(" ")[0]).toBe(String(process.pid));
    expect(cat(process, `/proc/self/task/${thread.pid}/comm`)).toBe("alice\n");
    expect(open(process, `/proc/self/task/${bob.pid}/comm`)).toBe("ENOENT");
    expect(() => procfs.read("/proc/self/comm")).toThrow(RangeError); // nobody's: the reader is outside
  });

  it("reads the same text in pieces of any size", () => {
    const { process } = alice();
    for (let i = 0; i < 90; i++) process.mmap(4096, { at: 2 * BUF + i * 0x10000, prot: i % 2 ? "r" : "rw" });
    const whole = process.kernel.sys;
    const files = [
      "self/maps",
      "self/smaps",
      "self/status",
      "vmstat",
      "zoneinfo",
      "sys/vm/lowmem_reserve_ratio",
    ];
    fc.assert(
      fc.property(fc.constantFrom(...files), fc.integer({ min: 1, max: 9000 }), (file, size) => {
        process.touch(BUF, "256 KiB");
        whole.sysctl.swappiness = 60;
        const pieces = file.startsWith("sys/") ? Math.max(size, 100) : size;
        expect(cat(process, `/proc/${file}`, pieces)).toBe(cat(process, `/proc/${file}`, 200_000));
      }),
      { numRuns: 40 },
    );
  });

  it("gets whole lines, one buffer of 4096 bytes at most", () => {
    const { process } = alice();
    for (let i = 0; i < 200; i++) process.mmap(4096, { at: 2 * BUF + i * 0x10000 });
    const fd = process.open("/proc/self/maps", { writable: false });
    const nr = process.read(fd, BUF, 65536);
    expect(nr).toBeLessThan(4096);
    expect(nr).toBeGreaterThan(4000);
    expect(process.load(BUF + nr - 1)).toBe(10);
  });

  it("goes on in the text that it began, and makes it anew from the start", () => {
    const { process } = alice();
    const fd = process.open("/proc/self/statm", { writable: false });
    process.touch(BUF, 4096);
    const before = cat(process, "/proc/self/statm");
    process.read(fd, BUF, 2);
    process.mmap("1 MiB", { populate: true });
    expect(readAll(process, fd)).toBe(before.slice(2));
    sysLseek(process.kernel, process.task, fd, 0);
    expect(readAll(process, fd)).toBe(cat(process, "/proc/self/statm"));
    expect(cat(process, "/proc/self/statm")).not.toBe(before);
  });

  it("finds the words of pagemap and kpagecount at their places", () => {
    const { process, kernel, procfs } = alice();
    const { task } = process;
    const at = process.mmap(4 * 4096);
    process.touch(at, 2 * 4096);
    const fd = process.open("/proc/self/pagemap", { writable: false });
    expect(sysLseek(kernel, task, fd, (at / 4096) * 8)).toBe((at / 4096) * 8);
    expect(process.read(fd, BUF, 24)).toBe(24);
    const words = procfs.pagemap(process.pid, at, 3);
    const frame = process.load(BUF, 4);
    expect([frame, process.load(BUF + 4, 4), process.load(BUF + 20, 4)]).toEqual([
      words[0]!.frame,
      words[0]!.flags,
      0,
    ]);
    const counts = process.open("/proc/kpagecount", { writable: false });
    expect(sysPread(kernel, task, counts, BUF, 8, frame * 8)).toBe(8);
    expect(process.load(BUF, 4)).toBe(1);
    const end = (0x7fff_ffff_f000 / 4096) * 8;
    expect([sysPread(kernel, task, fd, BUF, 64, end - 16), sysPread(kernel, task, fd, BUF, 64, end)]).toEqual(
      [16, 0],
    );
    expect(named(sysPread(kernel, task, fd, BUF, 12, 0))).toBe("EINVAL");
    expect(named(sysPread(kernel, task, fd, BUF, 8, 4))).toBe("EINVAL");
    task.privileged = false;
    const hidden = process.open("/proc/self/pagemap", { writable: false });
    sysPread(kernel, task, hidden, BUF, 8, (at / 4096) * 8);
    expect([process.load(BUF, 4), process.load(BUF + 4, 4)]).toEqual([0, words[0]!.flags]);
  });
});

describe("open, read, write, lseek and mmap of files under /proc and /sys", () => {
  // Recorded with a C program on Linux 6.18: read of 8 bytes, lseek +5 from the end, lseek to -1, mmap, write of "x",
  // ftruncate to 0, fsync.
  const recorded: Record<string, (number | string)[]> = {
    "/proc/self/maps": [8, "EINVAL", "EINVAL", "ENODEV", "EINVAL", 0, "EINVAL"],
    "/proc/self/smaps_rollup": [8, "EINVAL", "EINVAL", "ENODEV", "EINVAL", 0, "EINVAL"],
    "/proc/self/status": [8, "EINVAL", "EINVAL", "ENODEV", "EINVAL", 0, "EINVAL"],
    "/proc/self/oom_score_adj": [2, 5, "EINVAL", "ENODEV", "EINVAL", 0, "EINVAL"],
    "/proc/self/oom_adj": [2, 5, "EINVAL", "ENODEV", "EINVAL", 0, "EINVAL"],
    "/proc/self/clear_refs": ["EINVAL", 0, 0, "ENODEV", "EINVAL", 0, "EINVAL"],
    "/proc/self/pagemap": [8, "EINVAL", "EPERM", "ENODEV", "EINVAL", 0, "EINVAL"],
    "/proc/self/comm": [6, "EINVAL", "EINVAL", "ENODEV", 1, 0, "EINVAL"],
    "/proc/self/cmdline": [6, 5, "EINVAL", "ENODEV", "EINVAL", 0, "EINVAL"],
    "/proc/meminfo": [8, "EINVAL", "EINVAL", "EIO", "EIO", 0, "EINVAL"],
    "/proc/pagetypeinfo": [8, "EINVAL", "EINVAL", "EIO", "EIO", 0, "EINVAL"],
    "/proc/kpageflags": [8, "EINVAL", "EPERM", "EIO", "EIO", 0, "EINVAL"],
    "/proc/sys/vm/swappiness": [3, 5, "EINVAL", "ENODEV", "EINVAL", 0, "EINVAL"],
    "/proc/sys/vm/stat_refresh": [0, 5, "EINVAL", "ENODEV", 1, 0, "EINVAL"],
    "/sys/kernel/mm/ksm/run": [2, 4101, "EINVAL", "ENODEV", "EINVAL", 0, 0],
  };

  it.each(Object.keys(recorded))("%s answers as a real kernel does", (path) => {
    const { process, kernel } = alice();
    const { task } = process;
    const fd = open(process, path) as number;
    const read = named(sysPread(kernel, task, fd, BUF, 8, 0));
    const end = named(sysLseek(kernel, task, fd, 5, 2));
    const negative = named(sysLseek(kernel, task, fd, -1, 0));
    let mapped = "mapped";
    try {
      process.mmap(4096, { fd, prot: "r" });
    } catch (error) {
      mapped = (error as { code: string }).code;
    }
    put(process, "x");
    const written = named(sysPwrite(kernel, task, fd, BUF, 1, 0));
    const cut = named(sysFtruncate(kernel, task, fd, 0));
    const synced = named(task.files.get(fd)!.fsync!(0, 0));
    expect([read, end, negative, mapped, written, cut, synced]).toEqual(recorded[path]);
    expect(named(sysPread(kernel, task, fd, 8, 8, 0))).toBe(
      read === 0 ? 0 : typeof read === "string" ? read : "EFAULT",
    );
  });

  it("opens what root may open, and settings only by their mode", () => {
    const { process } = alice();
    const answers = [
      "/proc/self/maps",
      "/proc/meminfo",
      "/proc/nonsense",
      "/proc/self/nonsense",
      "/proc/sys/vm/nonsense",
      "/proc/99/maps",
      "/proc",
      "/proc/self",
      "/proc/sys/vm",
      "/sys/kernel/mm/ksm",
      "/proc/sys/vm/drop_caches",
      "/sys/kernel/mm/nonsense",
      "/sys/kernel/mm/ksm/pages_shared",
      "/proc/1/pagemap",
      "/proc/1/smaps_rollup",
    ].map((path) =>
      [0, 1, 0o100, 0o300]
        .map((flags) => {
          const fd = open(process, path, flags);
          return typeof fd === "number" ? "ok" : fd;
        })
        .join(" "),
    );
    expect(answers).toEqual([
      "ok ok ok EEXIST",
      "ok ok ok EEXIST",
      "ENOENT ENOENT ENOENT ENOENT",
      "ENOENT ENOENT ENOENT ENOENT",
      "ENOENT ENOENT ENOENT ENOENT",
      "ENOENT ENOENT ENOENT ENOENT",
      "ok EISDIR EISDIR EEXIST",
      "EISDIR EISDIR EISDIR EEXIST",
      "EISDIR EISDIR EISDIR EEXIST",
      "EISDIR EISDIR EISDIR EEXIST",
      "EACCES ok EACCES EEXIST",
      "ENOENT ENOENT EACCES EACCES",
      "ok EACCES ok EEXIST",
      "ESRCH ESRCH ESRCH EEXIST", // init has no memory of its own, like a kernel thread
      "ESRCH ESRCH ESRCH EEXIST",
    ]);
  });

  it("keeps the files of others, and all settings, from a process without rights", () => {
    const { machine, process } = alice();
    const bob = machine.spawn("bob");
    process.setuid(1000);
    const tries: [string, number, string][] = [
      ["/proc/self/maps", 0, "ok"],
      ["/proc/self/pagemap", 0, "ok"],
      ["/proc/self/oom_score_adj", 2, "ok"],
      ["/proc/self/maps", 1, "EACCES"],
      [`/proc/${bob.pid}/maps`, 0, "EACCES"],
      [`/proc/${bob.pid}/pagemap`, 0, "EACCES"],
      [`/proc/${bob.pid}/status`, 0, "ok"],
      [`/proc/${bob.pid}/oom_score_adj`, 1, "EACCES"],
      [`/proc/${bob.pid}/clear_refs`, 1, "EACCES"],
      ["/proc/kpagecount", 0, "EACCES"],
      ["/proc/meminfo", 0, "ok"],
      ["/proc/sys/vm/swappiness", 0, "ok"],
      ["/proc/sys/vm/swappiness", 1, "EACCES"],
      ["/proc/sys/vm/mmap_rnd_bits", 0, "EACCES"],
      ["/sys/kernel/mm/transparent_hugepage/enabled", 1, "EACCES"],
    ];
    const answers = tries.map(([path, flags]) => {
      const fd = open(process, path, flags);
      return [path, flags, typeof fd === "number" ? "ok" : fd];
    });
    expect(answers).toEqual(tries);
  });
});

describe("a process that writes to /proc", () => {
  it("changes a setting, and only with a write at its start", () => {
    const { process, kernel, procfs } = alice();
    const fd = open(process, "/proc/sys/vm/swappiness", 1) as number;
    put(process, "10 20\n");
    expect(sysWrite(kernel, process.task, fd, BUF, 6)).toBe(3); // one number and what white space follows
    expect(sysWrite(kernel, process.task, fd, BUF, 6)).toBe(6); // not at the start: taken, without effect
    expect(procfs.read("/proc/sys/vm/swappiness")).toBe("10\n");
    expect(echo(process, "/proc/sys/vm/swappiness", "201")).toBe("EINVAL");
    expect(echo(process, "/sys/kernel/mm/transparent_hugepage/enabled", "always\n")).toBe(7);
    expect(
      named(sysWrite(kernel, process.task, open(process, "/proc/sys/vm/swappiness", 1) as number, 8, 2)),
    ).toBe("EFAULT");
  });

  it("may make itself a likelier victim, but not back, as on a real kernel", () => {
    const { process } = alice();
    process.task.privileged = false;
    // Text, what write(2) answered on Linux 6.18 without CAP_SYS_RESOURCE, and the value after it.
    const recorded: [string, number | string, number][] = [
      ["5", 1, 5],
      [" 7 ", 3, 7],
      ["0x10", 4, 16],
      ["+6", 2, 6],
      ["-5", "EACCES", 6],
      ["1001", "EINVAL", 6],
      ["-1001", "EINVAL", 6],
      ["1000\n", 5, 1000],
      ["0", 1, 0],
      ["", "EINVAL", 0],
      ["99999999999999", "ERANGE", 0],
      ["               25", "EINVAL", 0],
    ];
    const answers = recorded.map(([text]) => {
      const answer = echo(process, "/proc/self/oom_score_adj", text);
      return [text, answer, Number(cat(process, "/proc/self/oom_score_adj"))];
    });
    expect(answers).toEqual(recorded);
  });

  it("knows the old scale too", () => {
    const { machine, process, procfs } = alice();
    const path = `/proc/${process.pid}/oom_adj`;
    const both = (text: string): string => {
      expect(procfs.tryWrite(path, text)).toBe(0);
      return `${procfs.read(path).trim()} ${procfs.read(`/proc/${process.pid}/oom_score_adj`).trim()}`;
    };
    expect([both("15"), both("-17"), both("5\n"), both("-16"), both("0")]).toEqual([
      "15 1000",
      "-17 -1000",
      "4 294",
      "-15 -941",
      "0 0",
    ]);
    for (const text of ["16", "-18", "x", ""]) expect(procfs.tryWrite(path, text)).toBe(-22);
    process.task.privileged = false;
    expect(echo(process, "/proc/self/oom_adj", "3")).toBe(1);
    expect(echo(process, "/proc/self/oom_adj", "2")).toBe("EACCES");
    const child = process.vfork();
    procfs.write(`/proc/${child.pid}/oom_score_adj`, "77");
    expect(machine.procfs.read(`/proc/${process.pid}/oom_score_adj`)).toBe("77\n");
  });

  it("remembers the lowest value that a privileged writer allowed", () => {
    const { process, procfs } = alice();
    procfs.write(`/proc/${process.pid}/oom_score_adj`, "-200");
    process.task.privileged = false;
    expect(echo(process, "/proc/self/oom_score_adj", "100")).toBe(3);
    const child = process.fork();
    expect(echo(child, "/proc/self/oom_score_adj", "-201")).toBe("EACCES");
    expect(echo(child, "/proc/self/oom_score_adj", "-200")).toBe(4);
  });

  it("restarts Referenced and VmHWM through clear_refs", () => {
    const { process, procfs } = alice();
    process.touch(BUF, "64 KiB");
    for (const [text, answer] of [
      ["1", 1],
      [" 1 ", 3],
      ["01", 2],
      ["+4", 2],
      ["0", "EINVAL"],
      ["6", "EINVAL"],
      ["0x1", "EINVAL"],
      ["1 2", "EINVAL"],
    ] as const)
      expect([text, echo(process, "/proc/self/clear_refs", text)]).toEqual([text, answer]);
    const smaps = (): number =>
      procfs.smaps(process.pid).find(({ start }) => start === BUF)!.fields.Referenced;
    procfs.write(`/proc/${process.pid}/clear_refs`, "1");
    expect(smaps()).toBe(0);
    const at = process.mmap("128 KiB", { populate: true });
    process.munmap(at, "128 KiB");
    expect(procfs.status(process.pid).VmHWM).toBeGreaterThan(procfs.status(process.pid).VmRSS!);
    procfs.write(`/proc/${process.pid}/clear_refs`, "5");
    expect(procfs.status(process.pid).VmHWM).toBe(procfs.status(process.pid).VmRSS);
  });

  it("may rename itself, and nobody else", () => {
    const { machine, process, procfs } = alice();
    const bob = machine.spawn("bob");
    expect(echo(process, "/proc/self/comm", "0123456789abcdefghij")).toBe(20);
    expect(cat(process, "/proc/self/comm")).toBe("0123456789abcde\n");
    expect(echo(process, "/proc/self/comm", "a\\b\n")).toBe(4);
    expect(cat(process, "/proc/self/status")).toMatch(/^Name:\ta\\\\b\\n\n/);
    expect(echo(process, `/proc/${bob.pid}/comm`, "x")).toBe("EINVAL");
    expect(procfs.tryWrite(`/proc/${bob.pid}/comm`, "x")).toBe(-22);
  });
});

describe("an open file of a process that has ended", () => {
  it("is empty while the process is a zombie and ESRCH when it is gone, as on a real kernel", () => {
    const { machine, process, kernel } = alice();
    const child = process.fork("child");
    const names = ["maps", "smaps", "pagemap", "smaps_rollup", "status", "statm", "cmdline", "oom_score"];
    const fds = names.map((name) => process.open(`/proc/${child.pid}/${name}`, { writable: false }));
    const adj = open(process, `/proc/${child.pid}/oom_score_adj`) as number;
    child.exit();
    const read = (fd: number): number | string => named(sysPread(kernel, process.task, fd, BUF, 8000, 0));
    const zombie = fds.map(read);
    expect(zombie.slice(0, 4)).toEqual([0, 0, 0, "ESRCH"]);
    expect(zombie[4]).toBeGreaterThan(500);
    expect(zombie.slice(5)).toEqual([14, 0, 2]);
    process.wait();
    expect(fds.map(read)).toEqual(names.map((name) => (name === "pagemap" ? 0 : "ESRCH")));
    put(process, "5");
    expect(named(sysWrite(kernel, process.task, adj, BUF, 1))).toBe("ESRCH");
    expect(machine.procfs.tryRead(`/proc/${child.pid}/maps`)).toBe(-2);
  });

  it("goes back with a snapshot in the middle of a read", () => {
    const { machine, process } = alice();
    const fd = process.open("/proc/self/smaps", { writable: false });
    process.read(fd, BUF, 100);
    const moment = machine.snapshot();
    const rest = readAll(process, fd);
    machine.restore(moment);
    expect(readAll(process, fd)).toBe(rest);
    expect(sysRead(machine.kernel, process.task, fd, BUF, 1)).toBe(0);
  });
});
