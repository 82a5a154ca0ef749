import { describe, expect, it } from "vitest";
import type { VfsFile } from "../../lib/fs/inode.js";
import { boot } from "../../lib/kernel/machine.js";
import * as files from "../../lib/kernel/syscalls/file.js";
import { sysFtruncate, sysLseek, sysMemfdCreate } from "../../lib/kernel/syscalls/file.js";
import * as calls from "../../lib/kernel/syscalls/mm.js";
import { sysExecve } from "../../lib/kernel/syscalls/process.js";
import { checkInvariants } from "../../lib/mm/debug.js";

const A = 0x1000_0000;

/** Calls on 16 pages of private memory at A and a memfd of 8 pages, and what Linux 6.18 answered (1 = an address or count). */
const MEASURED: readonly [string, readonly (number | string)[], number][] = [
  ["mmap", [0, 0, 3, 34, -1, 0], -22],
  ["mmap", [0, 1, 3, 34, -1, 0], 1],
  ["mmap", [0, 4096, 3, 34, -1, 0], 1],
  ["mmap", [0, -1, 3, 34, -1, 0], -12],
  ["mmap", [0, -4096, 3, 34, -1, 0], -12],
  ["mmap", [0, 2 ** 47, 3, 34, -1, 0], -12],
  ["mmap", [0, 2 ** 48, 3, 34, -1, 0], -12],
  ["mmap", [0, 2 ** 62, 3, 34, -1, 0], -12],
  ["mmap", [A, 4096, 3, 1048610, -1, 0], -17],
  ["mmap", [A + 1, 4096, 3, 1048610, -1, 0], -22],
  ["mmap", [-4096, 4096, 3, 1048610, -1, 0], -12],
  ["mmap", [-1, 4096, 3, 1048610, -1, 0], -1],
  ["mmap", [140737488351232, 4096, 3, 1048610, -1, 0], -12],
  ["mmap", [2 ** 47, 4096, 3, 1048610, -1, 0], -12],
  ["mmap", [2 ** 62, 4096, 3, 1048610, -1, 0], -12],
  ["mmap", [A + 1, 4096, 3, 50, -1, 0], -22],
  ["mmap", [-4096, 4096, 3, 50, -1, 0], -12],
  ["mmap", [140737488351232, 4096, 3, 50, -1, 0], -12],
  ["mmap", [2 ** 47, 4096, 3, 50, -1, 0], -12],
  ["mmap", [2 ** 62, 4096, 3, 50, -1, 0], -12],
  ["mmap", [0, 4096, 3, 0, "fd", 0], -22],
  ["mmap", [0, 4096, 3, 32, "fd", 0], -22],
  ["mmap", [0, 4096, 3, 35, "fd", 0], -22],
  ["mmap", [0, 4096, 3, 3, "fd", 0], 1],
  ["mmap", [0, 4096, 3, 1, "fd", 1], -22],
  ["mmap", [0, 4096, 3, 1, "fd", 4095], -22],
  ["mmap", [0, 4096, 3, 1, "fd", -4096], -75],
  ["mmap", [0, 4096, 3, 1, "fd", 2 ** 62], 1],
  ["mmap", [0, 4096, 3, 1, "fd", -1], -22],
  ["mmap", [0, 4096, 3, 1, -1, 0], -9],
  ["mmap", [0, 4096, 3, 1, 999, 0], -9],
  ["munmap", [A + 1, 4096], -22],
  ["munmap", [-4096, 4096], -22],
  ["munmap", [-1, 4096], -22],
  ["munmap", [140737488351232, 4096], -22],
  ["munmap", [2 ** 47, 4096], -22],
  ["munmap", [2 ** 62, 4096], -22],
  ["munmap", [A, 0], -22],
  ["munmap", [A, 1], 0],
  ["munmap", [A, 4096], 0],
  ["munmap", [A, -1], -22],
  ["munmap", [A, -4096], -22],
  ["munmap", [A, 2 ** 47], -22],
  ["munmap", [A, 2 ** 48], -22],
  ["munmap", [A, 2 ** 62], -22],
  ["munlock", [A + 1, 4096], 0],
  ["munlock", [-4096, 4096], -22],
  ["munlock", [-1, 4096], -22],
  ["munlock", [140737488351232, 4096], -12],
  ["munlock", [2 ** 47, 4096], -12],
  ["munlock", [2 ** 62, 4096], -12],
  ["munlock", [A, 0], 0],
  ["munlock", [A, 1], 0],
  ["munlock", [A, 4096], 0],
  ["munlock", [A, -1], 0],
  ["munlock", [A, -4096], -22],
  ["munlock", [A, 2 ** 47], -12],
  ["munlock", [A, 2 ** 48], -12],
  ["munlock", [A, 2 ** 62], -12],
  ["mlock", [A + 1, 4096, 0], 0],
  ["mprotect", [A + 1, 4096, 1], -22],
  ["madvise", [A + 1, 4096, 4], -22],
  ["msync", [A + 1, 4096, 4], -22],
  ["mincore", [A + 1, 4096, A], -22],
  ["mremap", [A + 1, 4096, 8192, 1, 0], -22],
  ["mlock", [-4096, 4096, 0], -22],
  ["mprotect", [-4096, 4096, 1], -12],
  ["madvise", [-4096, 4096, 4], -22],
  ["msync", [-4096, 4096, 4], -12],
  ["mincore", [-4096, 4096, A], -12],
  ["mremap", [-4096, 4096, 8192, 1, 0], -14],
  ["mlock", [-1, 4096, 0], -22],
  ["mprotect", [-1, 4096, 1], -22],
  ["madvise", [-1, 4096, 4], -22],
  ["msync", [-1, 4096, 4], -22],
  ["mincore", [-1, 4096, A], -22],
  ["mremap", [-1, 4096, 8192, 1, 0], -22],
  ["mlock", [140737488351232, 4096, 0], -12],
  ["mprotect", [140737488351232, 4096, 1], -12],
  ["madvise", [140737488351232, 4096, 4], -12],
  ["msync", [140737488351232, 4096, 4], -12],
  ["mincore", [140737488351232, 4096, A], -12],
  ["mremap", [140737488351232, 4096, 8192, 1, 0], -14],
  ["mlock", [2 ** 47, 4096, 0], -12],
  ["mprotect", [2 ** 47, 4096, 1], -12],
  ["madvise", [2 ** 47, 4096, 4], -12],
  ["msync", [2 ** 47, 4096, 4], -12],
  ["mincore", [2 ** 47, 4096, A], -12],
  ["mremap", [2 ** 47, 4096, 8192, 1, 0], -14],
  ["mlock", [2 ** 62, 4096, 0], -12],
  ["mprotect", [2 ** 62, 4096, 1], -12],
  ["madvise", [2 ** 62, 4096, 4], -12],
  ["msync", [2 ** 62, 4096, 4], -12],
  ["mincore", [2 ** 62, 4096, A], -12],
  ["mremap", [2 ** 62, 4096, 8192, 1, 0], -14],
  ["mprotect", [A, 0, 1], 0],
  ["madvise", [A, 0, 4], 0],
  ["msync", [A, 0, 4], 0],
  ["mremap", [A, 0, 4096, 1, 0], -22],
  ["mremap", [A, 4096, 0, 1, 0], -22],
  ["mincore", [A, 0, A], 0],
  ["mprotect", [A, 1, 1], 0],
  ["madvise", [A, 1, 4], 0],
  ["msync", [A, 1, 4], 0],
  ["mremap", [A, 1, 4096, 1, 0], 1],
  ["mremap", [A, 4096, 1, 1, 0], 1],
  ["mincore", [A, 1, A], 0],
  ["mprotect", [A, 4096, 1], 0],
  ["madvise", [A, 4096, 4], 0],
  ["msync", [A, 4096, 4], 0],
  ["mremap", [A, 4096, 4096, 1, 0], 1],
  ["mremap", [A, 4096, 4096, 1, 0], 1],
  ["mincore", [A, 4096, A], 0],
  ["mprotect", [A, -1, 1], -12],
  ["madvise", [A, -1, 4], -22],
  ["msync", [A, -1, 4], 0],
  ["mremap", [A, -1, 4096, 1, 0], -22],
  ["mremap", [A, 4096, -1, 1, 0], -22],
  ["mincore", [A, -1, A], -12],
  ["mprotect", [A, -4096, 1], -12],
  ["madvise", [A, -4096, 4], -22],
  ["msync", [A, -4096, 4], -12],
  ["mremap", [A, -4096, 4096, 1, 0], -22],
  ["mremap", [A, 4096, -4096, 1, 0], -22],
  ["mincore", [A, -4096, A], -12],
  ["mprotect", [A, 2 ** 47, 1], -12],
  ["msync", [A, 2 ** 47, 4], -12],
  ["mremap", [A, 2 ** 47, 4096, 1, 0], -22],
  ["mremap", [A, 4096, 2 ** 47, 1, 0], -22],
  ["mprotect", [A, 2 ** 48, 1], -12],
  ["msync", [A, 2 ** 48, 4], -12],
  ["mremap", [A, 2 ** 48, 4096, 1, 0], -22],
  ["mremap", [A, 4096, 2 ** 48, 1, 0], -22],
  ["mincore", [A, 2 ** 48, A], -12],
  ["mprotect", [A, 2 ** 62, 1], -12],
  ["msync", [A, 2 ** 62, 4], -12],
  ["mremap", [A, 2 ** 62, 4096, 1, 0], -22],
  ["mremap", [A, 4096, 2 ** 62, 1, 0], -22],
  ["mincore", [A, 2 ** 62, A], -12],
  ["mlock", [A, 0, 0], 0],
  ["mlock", [A, 1, 0], 0],
  ["mlock", [A, 4096, 0], 0],
  ["mlock", [A, -1, 0], 0],
  ["mlock", [A, -4096, 0], -22],
  ["mlock", [A, 2 ** 47, 0], -12],
  ["mlock", [A, 2 ** 62, 0], -12],
  ["mlock", [A, 4096, 2], -22],
  ["mlock", [A, 4096, -1], -22],
  ["mprotect", [A, 4096, 8], 0],
  ["mprotect", [A, 4096, 16], -22],
  ["mprotect", [A, 4096, -1], -22],
  ["mprotect", [A, 4096, 16777216], -22],
  ["mprotect", [A, 4096, 50331648], -22],
  ["madvise", [A, 4096, -1], -22],
  ["madvise", [A, 4096, 5], -22],
  ["madvise", [A, 4096, 99], -22],
  ["madvise", [A, 4096, 26], -22],
  ["madvise", [A, 4096, 2147483648], -22],
  ["msync", [A, 4096, -1], -22],
  ["msync", [A, 4096, 8], -22],
  ["msync", [A, 4096, 5], -22],
  ["mremap", [A, 4096, 8192, -1, 0], -22],
  ["mremap", [A, 4096, 8192, 2, 0], -22],
  ["mremap", [A, 4096, 8192, 8, 0], -22],
  ["mremap", [A, 4096, 8192, 4, 0], -22],
  ["mremap", [A, 4096, 8192, 6, 0], -22],
  ["mremap", [A, 4096, 4096, 3, A + 1], -22],
  ["mremap", [A, 4096, 4096, 3, A], -22],
  ["mremap", [A, 4096, 4096, 3, -4096], -22],
  ["mremap", [A, 8192, 8192, 3, 268439552], -22],
  ["ftruncate", ["fd", -1], -22],
  ["ftruncate", ["fd", -4096], -22],
  ["ftruncate", [999, 0], -9],
  ["ftruncate", [-1, 0], -9],
  ["lseek", ["fd", -1, 0], -22],
  ["lseek", ["fd", 0, 9], -22],
  ["lseek", ["fd", 0, -1], -22],
  ["mincore", [A, 4096, -4096], -14],
];

type Call = (...args: never[]) => number | Uint8Array;
const CALLS: Readonly<Record<string, Call>> = {
  mmap: calls.sysMmap,
  mprotect: calls.sysMprotect,
  munmap: calls.sysMunmap,
  mremap: calls.sysMremap,
  msync: calls.sysMsync,
  mincore: calls.sysMincore,
  madvise: calls.sysMadvise,
  mlock: calls.sysMlock2,
  munlock: calls.sysMunlock,
  ftruncate: sysFtruncate,
  lseek: sysLseek,
};

/** Arguments that are in order; fd is the test's own. */
const GOOD: Readonly<Record<string, number>> = {
  buf: A,
  len: 100,
  pos: 0,
  offset: 0,
  whence: 0,
  length: 0,
  advice: 4,
};

/** The calls on an open file, by the name they have in messages, with the names of their numbers. */
const FILE_CALLS: readonly [string, readonly string[], Call][] = [
  ["read", ["fd", "buf", "len"], files.sysRead],
  ["pread", ["fd", "buf", "len", "pos"], files.sysPread],
  ["write", ["fd", "buf", "len"], files.sysWrite],
  ["pwrite", ["fd", "buf", "len", "pos"], files.sysPwrite],
  ["lseek", ["fd", "offset", "whence"], sysLseek],
  ["ftruncate", ["fd", "length"], sysFtruncate],
  ["fsync", ["fd"], files.sysFsync],
  ["posix_fadvise", ["fd", "offset", "len", "advice"], files.sysFadvise],
  ["close", ["fd"], files.sysClose],
];

describe("a system call with odd arguments", () => {
  it("answers what Linux 6.18 answered, and after EINVAL, EBADF or EOVERFLOW the memory is as it was", () => {
    const wrong: unknown[] = [];
    const { kernel } = boot({ ram: "16 MiB" });
    for (const [name, args, want] of MEASURED) {
      const task = kernel.spawn("x");
      calls.sysMmap(kernel, task, A, 16 * 4096, 3, 0x32, -1, 0);
      const fd = sysMemfdCreate(kernel, task, "x");
      sysFtruncate(kernel, task, fd, 8 * 4096);
      const mm = task.mm!;
      const state = (): string =>
        JSON.stringify([
          mm.totalVm,
          mm.lockedVm,
          mm.mapCount,
          mm.rssStat,
          mm.pgtablesBytes,
          kernel.sys.vmCommittedAs,
        ]);
      const before = state();
      const call = CALLS[name] as (...all: unknown[]) => number;
      const result = call(kernel, task, ...args.map((arg) => (arg === "fd" ? fd : arg)));
      const got = result > 0 ? 1 : result;
      if (got !== want) wrong.push({ name, args, linux: want, got });
      if ([-22, -9, -75].includes(got) && state() !== before)
        wrong.push({ name, args, changed: state(), before });
      checkInvariants(kernel.sys, [mm, kernel.initMm]);
      kernel.groupExit(task, 0);
    }
    expect(wrong).toEqual([]);
  });

  it("is a RangeError that names the value where no register could hold it", () => {
    const { kernel } = boot({ ram: "16 MiB" });
    const task = kernel.spawn("x");
    for (const value of [Number.NaN, 0.5, Number.POSITIVE_INFINITY, 2 ** 65])
      for (const name of ["mprotect", "munmap", "msync", "madvise", "mlock", "munlock", "mincore"])
        expect(() => (CALLS[name] as (...all: unknown[]) => number)(kernel, task, value, 4096, 0)).toThrow(
          new RangeError(`${name}: addr is ${value}, not a whole number of at most 64 bits`),
        );
  });

  it("of a task that has exited is a RangeError that names the task", () => {
    const { kernel } = boot({ ram: "16 MiB" });
    const task = kernel.spawn("x");
    kernel.groupExit(task, 0);
    expect(() => calls.sysMunmap(kernel, task, A, 4096)).toThrow(/x\[\d+\] has exited/);
  });

  it("on a file is a RangeError that names value and limit, and changes neither file nor memory", () => {
    const { kernel } = boot({ ram: "16 MiB" });
    const task = kernel.spawn("x");
    calls.sysMmap(kernel, task, A, 4 * 4096, 3, 0x32, -1, 0);
    const fd = sysMemfdCreate(kernel, task, "x");
    sysFtruncate(kernel, task, fd, 4 * 4096);
    const file = task.files.get(fd) as VfsFile;
    const state = (): unknown => [
      file.fPos,
      file.inode.iSize,
      task.mm!.rssStat.slice(),
      [...task.files.open()].length,
    ];
    const before = state();
    for (const [name, params, call] of FILE_CALLS)
      for (const [at, param] of params.entries())
        for (const value of [Number.NaN, 0.5, Number.POSITIVE_INFINITY, Number.NEGATIVE_INFINITY, 2 ** 65]) {
          const args = params.map((other, i) => (i === at ? value : (GOOD[other] ?? fd)));
          expect(() => (call as (...all: unknown[]) => unknown)(kernel, task, ...args)).toThrow(
            new RangeError(`${name}: ${param} is ${value}, not a whole number of at most 64 bits`),
          );
        }
    expect(state()).toEqual(before);
  });

  it("with a path or name that is no string is a TypeError that names it", () => {
    const { kernel } = boot({ ram: "16 MiB" });
    const task = kernel.spawn("x");
    for (const value of [undefined, null, 7, {}, ["/data/f"]] as never[]) {
      const says = (what: string): TypeError => new TypeError(`${what} is ${String(value)}, not a string`);
      expect(() => files.sysOpen(kernel, task, value, 0o102)).toThrow(says("open: path"));
      expect(() => files.sysUnlink(kernel, task, value)).toThrow(says("unlink: path"));
      expect(() => sysExecve(kernel, task, value, [], [])).toThrow(says("execve: path"));
      expect(() => sysMemfdCreate(kernel, task, value)).toThrow(says("memfd_create: name"));
    }
    expect([...task.files.open()]).toEqual([]);
    expect(kernel.files.paths()).toEqual([]);
  });

  it("is told of a negative position or length before of a bad descriptor", () => {
    const { kernel } = boot({ ram: "16 MiB" });
    const task = kernel.spawn("x");
    expect(files.sysPread(kernel, task, 999, A, 1, -1)).toBe(-22);
    expect(files.sysPwrite(kernel, task, 999, A, 1, -1)).toBe(-22);
    expect(sysFtruncate(kernel, task, 999, -1)).toBe(-22);
    expect(files.sysPread(kernel, task, 999, A, 1, 0)).toBe(-9);
  });

  it("has EFAULT for a buffer that no process can have, as Linux 6.18 answered, even for no bytes", () => {
    const { kernel } = boot({ ram: "16 MiB" });
    const task = kernel.spawn("x");
    calls.sysMmap(kernel, task, A, 4 * 4096, 3, 0x32, -1, 0);
    const fd = sysMemfdCreate(kernel, task, "x");
    sysFtruncate(kernel, task, fd, 8192);
    const top = 2 ** 47 - 4096;
    for (const call of [files.sysRead, files.sysWrite]) {
      for (const len of [-1, -4096, 2 ** 62, 2 ** 47]) expect(call(kernel, task, fd, A, len)).toBe(-14);
      for (const buf of [-4096, 2 ** 47, 2 ** 62]) expect(call(kernel, task, fd, buf, 0)).toBe(-14);
      for (const buf of [0, top]) {
        expect(call(kernel, task, fd, buf, 0)).toBe(0);
        expect(call(kernel, task, fd, buf, 1)).toBe(-14);
      }
      expect(call(kernel, task, 999, A, -1)).toBe(-9);
    }
  });
});
