import { describe, expect, it } from "vitest";
import type { Kernel } from "../../lib/kernel/kernel.js";
import { boot, type Machine } from "../../lib/kernel/machine.js";
import type { MountOptions } from "../../lib/kernel/mount.js";
import type { Process } from "../../lib/kernel/process.js";
import { sysOpen } from "../../lib/kernel/syscalls/file.js";
import * as calls from "../../lib/kernel/syscalls/mm.js";
import type { Task } from "../../lib/kernel/task.js";
import { checkInvariants } from "../../lib/mm/debug.js";
import { EBADF, EEXIST, EINVAL, ENOMEM, EOVERFLOW } from "../../lib/mm/errno.js";
import type { MmStruct } from "../../lib/mm/mm_types.js";
import {
  MADV,
  MAP_ANONYMOUS,
  MAP_FIXED,
  MAP_FIXED_NOREPLACE,
  MAP_GROWSDOWN,
  MAP_HUGE_1GB,
  MAP_HUGE_2MB,
  MAP_HUGE_SHIFT,
  MAP_HUGETLB,
  MAP_NORESERVE,
  MAP_PRIVATE,
  MAP_SHARED,
  MAP_SHARED_VALIDATE,
} from "../../lib/mm/vma/mman.js";
import { showSmap } from "../../lib/procfs/smaps.js";

const PAGE = 4096;
const HUGE = 0x20_0000;
const A = 0x1000_0000_0000;
const ANON = MAP_PRIVATE | MAP_ANONYMOUS | MAP_HUGETLB;
/** Promised nothing, so the mapping can be made. */
const NONE = ANON | MAP_NORESERVE;

/** All address spaces. */
function mmsOf(kernel: Kernel): MmStruct[] {
  return [kernel.initMm, ...[...kernel.tasks.values()].flatMap((task) => task.mm ?? [])];
}

function start(): {
  kernel: Kernel;
  task: Task;
  map: (len: number, flags: number, ...more: number[]) => number;
} {
  const { kernel } = boot({ ram: "16 MiB" });
  const task = kernel.spawn("t");
  const map = (len: number, flags: number, addr = 0, fd = -1, offset = 0): number =>
    calls.sysMmap(kernel, task, addr, len, 3, flags, fd, offset);
  return { kernel, task, map };
}

/** len, flags, more arguments of map(), and what Linux 6.18 answered with an empty pool. */
const REFUSED: readonly (readonly [number, number, readonly number[], number])[] = [
  [HUGE, ANON, [], -ENOMEM],
  [PAGE, ANON, [], -ENOMEM],
  [0, ANON, [], -EINVAL],
  [-1, ANON, [], -EINVAL],
  [-PAGE, ANON, [], -EINVAL],
  [-HUGE, ANON, [], -ENOMEM],
  [2 ** 46, ANON, [], -ENOMEM],
  [2 ** 62, ANON, [], -ENOMEM],
  [HUGE, MAP_SHARED | MAP_ANONYMOUS | MAP_HUGETLB, [], -ENOMEM],
  [HUGE, MAP_SHARED_VALIDATE | MAP_ANONYMOUS | MAP_HUGETLB, [], -ENOMEM],
  [HUGE, ANON | MAP_HUGE_2MB, [], -ENOMEM],
  [HUGE, ANON | MAP_HUGE_1GB, [], -ENOMEM],
  ...[1, 12, 16, 20, 63].map((log) => [HUGE, ANON | (log << MAP_HUGE_SHIFT), [], -EINVAL] as const),
  [HUGE, ANON | MAP_FIXED, [A + PAGE], -EINVAL],
  [HUGE, ANON | MAP_FIXED, [A], -ENOMEM],
  [HUGE, NONE | MAP_FIXED, [A + PAGE], -EINVAL],
  [HUGE, MAP_ANONYMOUS | MAP_HUGETLB, [], -EINVAL],
  [HUGE, 8 | MAP_ANONYMOUS | MAP_HUGETLB | MAP_NORESERVE, [], -EINVAL],
  [HUGE, 4 | MAP_ANONYMOUS | MAP_HUGETLB | MAP_NORESERVE, [], -EINVAL],
  [HUGE, NONE | MAP_GROWSDOWN, [], -EINVAL],
  [HUGE, ANON, [0, -1, PAGE], -EINVAL],
  [HUGE, ANON | MAP_HUGE_1GB, [0, -1, HUGE], -EINVAL], // not ENOMEM, though RAM is smaller
  [HUGE, NONE, [0, -1, PAGE], -EINVAL],
  [HUGE, NONE, [0, -1, 1], -EINVAL],
  [HUGE, NONE, [0, -1, -PAGE], -EOVERFLOW],
];

describe("MAP_HUGETLB with an empty pool", () => {
  it.each(REFUSED)("refuses %d bytes with flags %d at %o: %d", (len, flags, more, want) => {
    const { kernel, map } = start();
    expect(map(len, flags, ...more)).toBe(want);
    checkInvariants(kernel.sys, mmsOf(kernel));
  });

  it("is EINVAL for a file that does not consist of huge pages", () => {
    const { kernel, task, map } = start();
    const fd = sysOpen(kernel, task, "/f", 0o102);
    for (const type of [MAP_SHARED, MAP_PRIVATE, MAP_SHARED_VALIDATE])
      expect(map(HUGE, type | MAP_HUGETLB, 0, fd)).toBe(-EINVAL);
    expect(map(HUGE, MAP_SHARED | MAP_HUGETLB)).toBe(-EBADF);
  });

  it("ignores the size without MAP_HUGETLB", () => {
    const { map } = start();
    for (const log of [16, 21, 63])
      expect(map(HUGE, MAP_PRIVATE | MAP_ANONYMOUS | (log << MAP_HUGE_SHIFT))).toBeGreaterThan(0);
  });

  it("maps whole huge pages on a multiple of their size when nothing is promised", () => {
    const { task, map } = start();
    const a = map(PAGE, NONE);
    const b = map(HUGE, NONE | MAP_HUGE_1GB);
    expect([a % HUGE, b % 2 ** 30]).toEqual([0, 0]);
    const sizes = [a, b].map((addr) => {
      const vma = task.mm!.mmMt.lookup(addr)!;
      return vma.vmEnd - vma.vmStart;
    });
    expect(sizes).toEqual([HUGE, 2 ** 30]);
    expect(map(HUGE, NONE | MAP_FIXED_NOREPLACE, a)).toBe(-EEXIST);
  });

  it("shows such a mapping as Linux does", () => {
    const { task, map } = start();
    const lines = showSmap(task.mm!.mmMt.lookup(map(HUGE, NONE | MAP_FIXED, A))!).split("\n");
    expect(lines[0]).toMatch(/^100000000000-100000200000 rw-p 00000000 .* \/anon_hugepage \(deleted\)$/);
    expect(lines.slice(1, 4)).toEqual([
      "Size:               2048 kB",
      "KernelPageSize:     2048 kB",
      "MMUPageSize:        2048 kB",
    ]);
    expect(lines.at(-2)).toBe("VmFlags: rd wr mr mw me de nr ht ");
  });

  it("is a SIGBUS to touch, and cannot be cut inside a huge page", () => {
    const { kernel, task, map } = start();
    task.signal.handlers.set("SIGBUS", () => {});
    const a = map(2 * HUGE, NONE);
    expect(() => task.store(a, 1, 1)).toThrow(/SIGBUS/);
    expect(calls.sysMunmap(kernel, task, a, PAGE)).toBe(-EINVAL);
    expect(calls.sysMunmap(kernel, task, a + PAGE, HUGE)).toBe(-EINVAL);
    expect(calls.sysMprotect(kernel, task, a, PAGE, 1)).toBe(-EINVAL);
    expect(calls.sysMlock2(kernel, task, a, HUGE)).toBe(-ENOMEM);
    expect(calls.sysMadvise(kernel, task, a, HUGE, MADV.DONTNEED)).toBe(0);
    expect(calls.sysMadvise(kernel, task, a, HUGE, MADV.FREE)).toBe(-EINVAL);
    expect(calls.sysMadvise(kernel, task, a, HUGE, MADV.DODUMP)).toBe(0);
    const remap = (len: number, newLen: number, flags = 1, to = 0): number =>
      calls.sysMremap(kernel, task, a, len, newLen, flags, to);
    expect([remap(PAGE, 2 * PAGE), remap(HUGE, HUGE + PAGE)]).toEqual([a, -EINVAL]);
    expect(remap(HUGE, HUGE, 1, PAGE)).toBe(-EINVAL);
    expect(calls.sysMunmap(kernel, task, a, HUGE)).toBe(0);
    expect(calls.sysMunmap(kernel, task, a + HUGE, HUGE)).toBe(0);
    checkInvariants(kernel.sys, mmsOf(kernel));
  });
});

describe("files of huge pages", () => {
  const mounted = (options: MountOptions = {}): { machine: Machine; p: Process; pool: () => number[] } => {
    const machine = boot({ ram: "64 MiB", hugepages: { "2M": 4 } });
    machine.mkdir("/huge");
    machine.mount("hugetlbfs", "/huge", options);
    const h = machine.kernel.sys.hugetlb.defaultHstate;
    const pool = (): number[] => [h.nrHugePages, h.freeHugePages, h.resvHugePages];
    return { machine, p: machine.spawn("p"), pool };
  };

  it("live on a mount until they are unlinked, with their pages and bytes", () => {
    const { machine, p, pool } = mounted();
    const fd = p.open("/huge/f", { create: true });
    const a = p.mmap(PAGE, { fd, shared: true });
    p.store(a + HUGE - 1, 1, 9);
    p.exit(0);
    expect(pool()).toEqual([4, 3, 0]);
    const q = machine.spawn("q");
    const fd2 = q.open("/huge/f");
    expect(q.load(q.mmap(HUGE, { fd: fd2 }) + HUGE - 1, 1)).toBe(9);
    const buf = q.mmap("4 KiB");
    q.lseek(fd2, HUGE - 2);
    expect([q.read(fd2, buf, 100), q.load(buf + 1, 1), q.read(fd2, buf, 1)]).toEqual([2, 9, 0]);
    expect(() => q.write(fd2, buf, 1)).toThrow(/EINVAL/);
    expect(() => q.open("/huge/none")).toThrow(/ENOENT/);
    q.unlink("/huge/f");
    expect(pool()[1]).toBe(3);
    checkInvariants(machine.kernel.sys, mmsOf(machine.kernel));
    q.exit(0);
    expect(pool()).toEqual([4, 4, 0]);
    checkInvariants(machine.kernel.sys, mmsOf(machine.kernel));
  });

  it("are cut and preallocated in whole pages", () => {
    const { machine, p, pool } = mounted();
    const fd = p.open("/huge/f", { create: true });
    expect(p.syscall("fallocate", fd, 0, 0, HUGE + 1)).toBe(0);
    expect([pool(), p.syscall("fallocate", fd, 0, 0, 5 * HUGE)]).toEqual([[4, 2, 0], -28]);
    expect(pool()).toEqual([4, 0, 0]);
    expect(() => p.ftruncate(fd, PAGE)).toThrow(/EINVAL/);
    p.truncate("/huge/f", HUGE);
    expect(pool()).toEqual([4, 3, 0]);
    expect([p.syscall("fallocate", fd, 3, 0, HUGE), pool()]).toEqual([0, [4, 4, 0]]);
    checkInvariants(machine.kernel.sys, mmsOf(machine.kernel));
  });

  it("have no more than their mount may have, and what it was promised", () => {
    const { machine, p, pool } = mounted({ size: 3 * HUGE, minSize: 2 * HUGE });
    expect(pool()).toEqual([4, 4, 2]);
    const fd = p.open("/huge/f", { create: true });
    expect(() => p.mmap(4 * HUGE, { fd, shared: true })).toThrow(/ENOMEM/);
    const a = p.mmap(3 * HUGE, { fd, shared: true });
    expect(pool()).toEqual([4, 4, 3]);
    for (let i = 0; i < 3; i++) p.store(a + i * HUGE, 1, 1);
    expect(pool()).toEqual([4, 1, 0]);
    p.ftruncate(fd, HUGE);
    expect(pool()).toEqual([4, 3, 1]);
    checkInvariants(machine.kernel.sys, mmsOf(machine.kernel));
  });

  it("are mounted on a folder that there is, with sizes that there are", () => {
    const machine = boot({ ram: "16 MiB" });
    const mount =
      (type: string, dir: string, options: object = {}) =>
      (): void =>
        machine.mount(type as "hugetlbfs", dir, options);
    expect(mount("hugetlbfs", "/none")).toThrow(/ENOENT/);
    expect(mount("xfs", "/tmp")).toThrow(/ENODEV/);
    expect(mount("hugetlbfs", "/tmp", { minSize: "2 MiB" })).toThrow(/ENOMEM/);
    expect(mount("hugetlbfs", "/tmp", { size: "2 MiB", minSize: "4 MiB" })).toThrow(/EINVAL/);
    expect(mount("hugetlbfs", "/tmp", { pagesize: "4M" })).toThrow(/"2M" and of "1G"/);
  });

  it("come from memfd_create, too, by name or by number", () => {
    const { machine, p, pool } = mounted();
    const fd = p.memfdCreate("x", { hugetlb: "2M" });
    const a = p.mmap(HUGE, { fd, shared: true });
    expect(showSmap(p.mm.mmMt.lookup(a)!)).toMatch(/\/memfd:x \(deleted\)\n/);
    expect(p.syscall("memfd_create", "y", 4)).toBe(fd + 1);
    expect(p.syscall("memfd_create", "y", 4 | (16 << 26))).toBe(-19);
    expect(pool()).toEqual([4, 4, 1]);
    checkInvariants(machine.kernel.sys, mmsOf(machine.kernel));
  });

  it("come back when a snapshot does", () => {
    const { machine, p, pool } = mounted();
    const a = p.mmap(2 * HUGE, { hugetlb: "2M" });
    p.store(a, 1, 1);
    const before = machine.snapshot();
    p.store(a, 1, 2);
    p.store(a + HUGE, 1, 2);
    machine.restore(before);
    expect([p.load(a, 1), pool()]).toEqual([1, [4, 3, 1]]);
    checkInvariants(machine.kernel.sys, mmsOf(machine.kernel));
  });
});
