import { readFileSync } from "node:fs";
import { describe, expect, it } from "vitest";
import { makeElf } from "../../lib/fs/elf.js";
import { boot, type Machine } from "../../lib/kernel/machine.js";
import type { Process } from "../../lib/kernel/process.js";
import { SYSCALL_NUMBERS } from "../../lib/kernel/syscalls/numbers.js";
import { SYSCALLS } from "../../lib/kernel/syscalls/table.js";
import { copyToUser } from "../../lib/kernel/uaccess.js";

const [EPERM, ENOENT, ESRCH, EBADF, ECHILD, ENOMEM, EFAULT, EEXIST, EINVAL, ENOSYS] = [
  1, 2, 3, 9, 10, 12, 14, 17, 22, 38,
];
const MAP = 0x22; // MAP_PRIVATE | MAP_ANONYMOUS

function fresh(): { machine: Machine; alice: Process; a: number } {
  const machine = boot({ ram: "16 MiB", cpus: 2 });
  const alice = machine.spawn("alice");
  return { machine, alice, a: alice.mmap("64 KiB") };
}

/** Lays text out in the memory of a process, as a C program has it. */
function put(process: Process, address: number, text: string): number {
  process.store(address, 1, 0);
  copyToUser(process.task, address, new TextEncoder().encode(`${text}\0`));
  return address;
}

describe("the table of system calls", () => {
  it("has Linux's names and numbers", () => {
    const known = {
      read: 0,
      mmap: 9,
      brk: 12,
      mremap: 25,
      getpid: 39,
      fork: 57,
      prlimit64: 302,
      mlock2: 325,
    };
    for (const [name, nr] of Object.entries(known)) expect(SYSCALL_NUMBERS.get(name)).toBe(nr);
    expect(SYSCALL_NUMBERS.get("rseq")).toBe(334);
    expect(SYSCALL_NUMBERS.get("cachestat")).toBe(451);
    for (const name of SYSCALLS.keys()) expect(SYSCALL_NUMBERS.has(name), name).toBe(true);
  });

  it("has the numbers of this computer's own headers, where they are", (context) => {
    let header: string;
    try {
      header = readFileSync("/usr/include/x86_64-linux-gnu/asm/unistd_64.h", "utf8");
    } catch {
      return context.skip("needs the kernel's headers");
    }
    for (const [, name, nr] of header.matchAll(/#define __NR_(\w+) (\d+)/g))
      expect(SYSCALL_NUMBERS.get(name!), name).toBe(Number(nr));
  });

  it("makes the same call by name and by number", () => {
    const { alice } = fresh();
    const byName = alice.syscall("mmap", 0, 8192, 3, MAP, -1, 0);
    const byNumber = alice.syscall(9, 0, 8192, 3, MAP, -1, 0);
    expect(byName).toBe(byNumber + 8192);
    expect(alice.syscall("munmap", byNumber, 16384)).toBe(0);
    expect(() => alice.load(byName)).toThrow("SEGV_MAPERR");
  });

  it("answers the negative errno that the friendly method throws", () => {
    const { alice } = fresh();
    expect(alice.syscall("mprotect", 0x1000, 4096, 1)).toBe(-ENOMEM);
    expect(() => alice.mprotect(0x1000, 4096, "r")).toThrow("ENOMEM: mprotect");
  });

  it("answers ENOSYS for what the machine does not have, and for numbers that nobody has", () => {
    const { alice } = fresh();
    expect(alice.syscall("set_mempolicy", 0, 0, 0)).toBe(-ENOSYS);
    expect(alice.syscall(9999)).toBe(-ENOSYS);
    expect(alice.syscall(-1)).toBe(-ENOSYS);
  });

  it("refuses a name that Linux does not have, with the nearest one", () => {
    const { alice } = fresh();
    expect(() => alice.syscall("mremep", 0)).toThrow(
      new RangeError('Linux has no system call "mremep"; did you mean "mremap"?'),
    );
    expect(() => alice.syscall("frobnicate_the_pages")).toThrow("man 2 syscalls lists them");
    expect(() => alice.syscall(1.5)).toThrow(RangeError);
    expect(() => alice.syscall({} as never)).toThrow(TypeError);
  });

  it("refuses what no register can hold, by name of the argument", () => {
    const { alice } = fresh();
    expect(() => alice.syscall("munmap", Number.NaN, 1)).toThrow("munmap: addr is NaN, not a whole number");
    expect(() => alice.syscall("munmap", 0, 2 ** 65)).toThrow("munmap: len is");
    expect(() => alice.syscall("munmap", "here" as never, 1)).toThrow(TypeError);
    expect(() => alice.syscall("getpid", 1, 2, 3, 4, 5, 6, 7)).toThrow("at most 6");
    expect(() => alice.syscall("getpid", 0.5)).toThrow("getpid: argument 1 is 0.5");
  });

  it("takes numbers as registers do: 2^64 - 4096 is -4096, and an int has 32 bits", () => {
    const { alice } = fresh();
    expect(alice.syscall("close", 2 ** 32 - 1)).toBe(alice.syscall("close", -1));
    expect(alice.syscall("munmap", 2 ** 64 - 4096, 4096)).toBe(-EINVAL);
    const fd = alice.memfdCreate("x");
    expect(alice.syscall("fsync", fd + 2 ** 32)).toBe(0);
  });
});

describe("pointers", () => {
  it("are addresses; a string may stand for a path", () => {
    const { alice, a } = fresh();
    const fd = alice.syscall("open", "/data/words", 0o102, 0o644);
    expect(fd).toBe(3);
    put(alice, a, "/data/words");
    expect(alice.syscall("open", a, 0)).toBe(4);
    expect(alice.syscall("unlink", a)).toBe(0);
    expect(alice.syscall("unlink", a)).toBe(-ENOENT);
    expect(alice.syscall("open", 0, 0)).toBe(-EFAULT);
  });

  it("to structures are written and read in the process's memory", () => {
    const { alice, a } = fresh();
    expect(alice.syscall("getrlimit", 8, a)).toBe(0);
    expect([alice.load(a, 8), alice.load(a + 8, 8)]).toEqual([8 * 2 ** 20, 8 * 2 ** 20]);
    alice.store(a, 8, 4096);
    expect(alice.syscall("setrlimit", 8, a)).toBe(0);
    expect(alice.getrlimit("memlock")).toEqual({ soft: 4096, hard: 8 * 2 ** 20 });
    expect(alice.syscall("prlimit64", 0, 9, 0, a)).toBe(0);
    expect(alice.load(a, 4)).toBe(0xffff_ffff);
    expect(alice.syscall("getrusage", 0, 8)).toBe(-EFAULT);
  });

  it("of mincore, readv and writev work as in Linux", () => {
    const { alice, a } = fresh();
    alice.store(a, 1, 7);
    expect(alice.syscall("mincore", a, 8192, a + 100)).toBe(0);
    expect([alice.load(a + 100), alice.load(a + 101)]).toEqual([1, 0]);
    const fd = alice.memfdCreate("x");
    const vec = a + 4096;
    for (const [i, word] of [a, 1, a + 100, 2].entries()) alice.store(vec + 8 * i, 8, word);
    expect(alice.syscall("writev", fd, vec, 2)).toBe(3);
    expect(alice.syscall("pread64", fd, a + 200, 10, 0)).toBe(3);
    expect([200, 201, 202].map((at) => alice.load(a + at))).toEqual([7, 1, 0]);
    expect(alice.syscall("readv", fd, vec, 1025)).toBe(-EINVAL);
  });
});

describe("the life of a process in numbers", () => {
  it("fork answers a pid, wait4 takes the child and writes its status", () => {
    const { machine, alice, a } = fresh();
    expect(alice.syscall("wait4", -1, 0, 0, 0)).toBe(-ECHILD);
    const pid = alice.syscall("fork");
    expect(alice.syscall("wait4", -1, 0, 1, 0)).toBe(0);
    const child = machine.process(pid);
    child.store(a, 1, 1);
    expect([child.syscall("getpid"), child.syscall("getppid")]).toEqual([pid, alice.pid]);
    child.syscall("exit_group", 3);
    expect(alice.syscall("wait4", pid, a, 0, a + 8)).toBe(pid);
    expect(alice.load(a, 4)).toBe(3 * 256);
    expect(alice.load(a + 8 + 64, 8)).toBe(1); // ru_minflt
    expect(() => machine.process(pid)).toThrow(`there is no process ${pid}`);
  });

  it("clone makes threads, and does not pretend to make namespaces", () => {
    const { machine, alice } = fresh();
    const tid = alice.syscall("clone", 0x100 | 0x400 | 0x800 | 0x1_0000, 0, 0, 0, 0);
    const thread = machine.process(tid);
    expect([thread.syscall("gettid"), thread.syscall("getpid")]).toEqual([tid, alice.pid]);
    expect(alice.syscall("clone", 0x1_0000, 0, 0, 0, 0)).toBe(-EINVAL);
    expect(alice.syscall("clone", 0x2000_0000, 0, 0, 0, 0)).toBe(-ENOSYS);
  });

  it("execve takes lists of strings, or argv as it lies in memory", () => {
    const { machine, alice, a } = fresh();
    machine.kernel.files.writeFile("/bin/true", makeElf({ code: new Uint8Array(100) }));
    put(alice, a, "/bin/true");
    put(alice, a + 100, "one");
    for (const [i, word] of [a, a + 100, 0].entries()) alice.store(a + 200 + 8 * i, 8, word);
    expect(alice.syscall("execve", a, a + 200, 8)).toBe(-EFAULT);
    expect(alice.syscall("execve", a, a + 200, 0)).toBe(0);
    expect(alice.load(alice.task.stackPointer, 8)).toBe(2); // argc
    expect(alice.syscall("execve", "/bin/none", ["none"], [])).toBe(-ENOENT);
  });

  it("kill knows numbers of signals and who may send them", () => {
    const { alice, machine } = fresh();
    const bob = machine.spawn("bob");
    expect(alice.syscall("kill", bob.pid, 65)).toBe(-EINVAL);
    expect(alice.syscall("kill", 4194303, 9)).toBe(-ESRCH);
    expect(alice.syscall("kill", bob.pid, 0)).toBe(0);
    alice.setuid(1000);
    expect(alice.syscall("kill", bob.pid, 9)).toBe(-EPERM);
    expect(machine.spawn("carol").syscall("kill", bob.pid, 9)).toBe(0);
    expect(bob.alive).toBe(false);
  });

  it("sched_setaffinity takes a mask", () => {
    const { alice, a } = fresh();
    alice.store(a, 8, 0b10);
    expect(alice.syscall("sched_setaffinity", 0, 8, a)).toBe(0);
    expect(alice.task.cpuId).toBe(1);
    alice.store(a, 8, 0b100);
    expect(alice.syscall("sched_setaffinity", 0, 8, a)).toBe(-EINVAL);
  });
});

describe("the friendly methods for what only numbers could do", () => {
  it("pread, pwrite, lseek, truncate and unlink", () => {
    const { alice, a } = fresh();
    const fd = alice.open("/data/f", { create: true });
    alice.store(a, 4, 0x04030201);
    expect(alice.pwrite(fd, a, 4, 10)).toBe(4);
    expect(alice.lseek(fd, 0, "end")).toBe(14);
    expect(alice.lseek(fd, -2, "cur")).toBe(12);
    expect(alice.pread(fd, a + 100, 100, 12)).toBe(2);
    expect(alice.load(a + 100, 2)).toBe(0x0403);
    alice.truncate("/data/f", "4 KiB");
    expect(alice.lseek(fd, 0, "end")).toBe(4096);
    alice.unlink("/data/f");
    expect(() => alice.unlink("/data/f")).toThrow("ENOENT: unlink");
    expect(() => alice.truncate("/data/f", 0)).toThrow("ENOENT: truncate");
    expect(() => alice.lseek(fd, 0, "start" as never)).toThrow("set, cur, end");
  });

  it("mremap with its flags, and mmap that replaces nothing", () => {
    const { alice, a } = fresh();
    alice.store(a, 1, 5);
    const b = alice.mremap(a, 4096, 4096, { dontunmap: true });
    expect([alice.load(b), alice.load(a)]).toEqual([5, 0]);
    const c = alice.mmap("64 KiB");
    expect(c + 65536).toBe(b);
    expect(() => alice.mremap(c, "64 KiB", "1 MiB", { mayMove: false })).toThrow("ENOMEM: mremap");
    expect(alice.mremap(b, 4096, 4096, { to: 0x1000_0000 })).toBe(0x1000_0000);
    expect(alice.mremap(0x1000_0000, 4096, 4096, 0x2000_0000)).toBe(0x2000_0000);
    expect(() => alice.mremap(a, 4096, 4096, { maymove: true } as never)).toThrow('did you mean "mayMove"?');
    expect(() => alice.mmap(4096, { at: 0x2000_0000, fixedNoreplace: true })).toThrow("EEXIST: mmap");
    expect(alice.syscall("mmap", 0x2000_0000, 4096, 3, 0x10_0022, -1, 0)).toBe(-EEXIST);
    expect(alice.mmap(4096, { at: 0x2000_1000, fixedNoreplace: true })).toBe(0x2000_1000);
  });

  it("dup and fcntl share one position", () => {
    const { alice, a } = fresh();
    const fd = alice.memfdCreate("x");
    alice.write(fd, a, 10);
    expect(alice.syscall("dup", fd)).toBe(4);
    expect(alice.lseek(4, 0, "cur")).toBe(10);
    expect(alice.syscall("dup2", fd, 20)).toBe(20);
    expect(alice.syscall("fcntl", fd, 0, 15)).toBe(15);
    alice.close(fd);
    expect(alice.lseek(20, 0, "end")).toBe(10);
    expect(alice.syscall("dup2", fd, 21)).toBe(-EBADF);
  });

  it("gives EMFILE without leaking the file when all numbers are taken", () => {
    const { alice } = fresh();
    const fd = alice.memfdCreate("x");
    const file = alice.task.files.get(fd)!;
    while (alice.syscall("dup", fd) > 0);
    expect(file.refcount).toBe(1021);
  });
});

/** What Linux 6.18 answered a process without children; "a" is a word with bit 40 set, "me" its own pid. */
const MEASURED: readonly [string, readonly (number | string)[], number][] = [
  ["kill", [4194303, 65], -ESRCH],
  ["kill", ["me", 65], -EINVAL],
  ["kill", ["me", -1], -EINVAL],
  ["kill", ["me", 0], 0],
  ["wait4", [-1, 0, 0, 0], -ECHILD],
  ["wait4", [-1, 0, 0x100, 0], -EINVAL],
  ["wait4", [-(2 ** 31), 0, 0, 0], -ESRCH],
  ["sched_setaffinity", [0, 8, "a"], -EINVAL],
  ["sched_setaffinity", [0, 8, 8], -EFAULT],
  ["sched_setaffinity", [4194303, 8, "a"], -ESRCH],
  ["sched_setaffinity", [4194303, 8, 8], -EFAULT],
  ["clone", [0x1_0000, 0, 0, 0, 0], -EINVAL],
  ["clone", [0x800, 0, 0, 0, 0], -EINVAL],
  ["getcpu", [8, 0, 0], -EFAULT],
  ["prctl", [8, 2], -EINVAL],
  ["prctl", [15, 8], -EFAULT],
  ["execve", [0, 0, 0], -EFAULT],
  ["execve", ["/none", 8, 0], -ENOENT],
  ["execve", ["", 0, 0], -ENOENT],
  ["unlinkat", [-100, "/tmp", 0x201], -EINVAL],
  ["unlinkat", [-100, 0, 1], -EINVAL],
  ["unlinkat", [-100, 0, 0], -EFAULT],
  ["unlinkat", [-100, "/none/x", 0x200], -ENOENT],
  ["unlinkat", [999, "x", 0], -EBADF],
  ["openat", [999, "x", 0], -EBADF],
  ["openat", [999, "", 0], -ENOENT],
  ["open", [0, 0x1_0040], -EINVAL],
  ["open", [0, 0x40], -EFAULT],
  ["openat", [-100, "x".repeat(5000), 0], -36],
  ["prlimit64", [4194303, 17, 0, 0], -ESRCH],
  ["prlimit64", [0, 17, 0, 0], -EINVAL],
  ["prlimit64", [1, 9, 0, 0], 0],
  ["capget", [8, 0], -EFAULT],
];

describe("a call with several things wrong at once", () => {
  it.each(MEASURED)("%s %j: %i, as Linux 6.18 answers", (name, args, linux) => {
    const { alice, a } = fresh();
    alice.store(a, 8, 2 ** 40);
    const ready = args.map((arg) => (arg === "me" ? alice.pid : arg === "a" ? a : arg));
    expect(alice.syscall(name, ...ready)).toBe(linux);
  });
});
