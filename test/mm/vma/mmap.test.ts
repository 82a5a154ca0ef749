import { describe, expect, it } from "vitest";
import type { Kernel } from "../../../lib/kernel/kernel.js";
import { boot } from "../../../lib/kernel/machine.js";
import { sysFtruncate, sysMemfdCreate, sysOpen } from "../../../lib/kernel/syscalls/file.js";
import * as calls from "../../../lib/kernel/syscalls/mm.js";
import { sysFork } from "../../../lib/kernel/syscalls/process.js";
import type { Task } from "../../../lib/kernel/task.js";
import { checkInvariants } from "../../../lib/mm/debug.js";
import { EACCES, EBADF, EEXIST, EINVAL, ENOMEM, EOPNOTSUPP, EOVERFLOW } from "../../../lib/mm/errno.js";
import { lruAddDrain } from "../../../lib/mm/lru/swap.js";
import type { MmStruct } from "../../../lib/mm/mm_types.js";
import * as mman from "../../../lib/mm/vma/mman.js";
import { showVmFlags } from "../../../lib/procfs/smaps.js";
import { showMapVma } from "../../../lib/procfs/task_mmu.js";

const { MADV, MAP_ANONYMOUS, MAP_DROPPABLE, MAP_FIXED, MAP_PRIVATE, MAP_SHARED, MAP_SHARED_VALIDATE } = mman;
const PAGE = 4096;
const A = 0x1000_0000_0000;
const RW = 3;

interface World {
  kernel: Kernel;
  task: Task;
  /** A file on the disk and a memfd, both of 6 MiB. */
  disk: number;
  memfd: number;
  map(len: number, flags: number, fd?: number, offset?: number, prot?: number, addr?: number): number;
}

/** All address spaces. */
function mmsOf(kernel: Kernel): MmStruct[] {
  return [kernel.initMm, ...[...kernel.tasks.values()].flatMap((task) => task.mm ?? [])];
}

function start(): World {
  const { kernel } = boot({ ram: "64 MiB" });
  const task = kernel.spawn("t");
  const disk = sysOpen(kernel, task, "/f", 0o102);
  const memfd = sysMemfdCreate(kernel, task, "x");
  for (const fd of [disk, memfd]) sysFtruncate(kernel, task, fd, 0x60_0000);
  return {
    kernel,
    task,
    disk,
    memfd,
    map: (len, flags, fd = -1, offset = 0, prot = RW, addr = 0) =>
      calls.sysMmap(kernel, task, addr, len, prot, flags, fd, offset),
  };
}

/** VmFlags of the mapping at `addr`, without the heading. */
function flagsAt(task: Task, addr: number): string {
  return showVmFlags(task.mm!.mmMt.lookup(addr)!.vmFlags).slice("VmFlags: ".length).trim();
}

describe("types of mappings", () => {
  it("has four types: shared, private, validated for files, droppable for anonymous memory", () => {
    const { map, disk } = start();
    for (let type = 0; type < 16; type++) {
      const anon = map(PAGE, MAP_ANONYMOUS | type);
      const file = map(PAGE, type, disk);
      expect([type, anon > 0 || anon]).toEqual([type, [1, 2, 8].includes(type) || -EINVAL]);
      expect([type, file > 0 || file]).toEqual([type, [1, 2, 3].includes(type) || -EINVAL]);
    }
    expect(map(PAGE, MAP_DROPPABLE)).toBe(-EBADF);
  });

  it("refuses unknown flags only with MAP_SHARED_VALIDATE", () => {
    const { map, disk } = start();
    const unknown = [0x200, 0x400, 0x20_0000, 0x40_0000, 0x80_0000, 0x100_0000, 0x200_0000, 0x8000_0000];
    const known = [0x40, 0x80, 0x800, 0x1000, 0x2000, 0x4000, 0x8000, 0x1_0000, 0x2_0000];
    known.push(0x400_0000, 0x800_0000, 0x1000_0000, 0x2000_0000, 0x4000_0000); // size bits of huge pages
    for (const flag of [...unknown, ...known]) {
      expect(map(PAGE, MAP_SHARED | flag, disk)).toBeGreaterThan(0);
      expect(map(PAGE, MAP_PRIVATE | flag, disk)).toBeGreaterThan(0);
      const validated = map(PAGE, MAP_SHARED_VALIDATE | flag, disk);
      expect([flag, validated > 0 || validated]).toEqual([flag, known.includes(flag) || -EOPNOTSUPP]);
      expect(map(PAGE, MAP_SHARED_VALIDATE | MAP_ANONYMOUS | flag)).toBe(-EINVAL);
    }
    const noreplace = mman.MAP_FIXED_NOREPLACE;
    expect(map(PAGE, MAP_SHARED_VALIDATE | noreplace, disk, 0, RW, A)).toBe(-EOPNOTSUPP);
    expect(map(PAGE, MAP_SHARED_VALIDATE | MAP_FIXED, disk, 0, RW, A)).toBe(A);
    expect(map(PAGE, MAP_SHARED | noreplace, disk, 0, RW, A)).toBe(-EEXIST);
    expect(map(PAGE, MAP_SHARED | noreplace, disk, 0, RW, A + PAGE)).toBe(A + PAGE);
    expect(map(PAGE, MAP_SHARED | mman.MAP_GROWSDOWN, disk)).toBe(-EINVAL);
  });

  it("has no durable mappings (MAP_SYNC) of a file on a disk; elsewhere the flag is kept and ignored", () => {
    const { map, disk, memfd, task } = start();
    const sync = mman.MAP_SYNC;
    for (const type of [MAP_SHARED, MAP_PRIVATE, MAP_SHARED_VALIDATE])
      expect(map(PAGE, type | sync, disk)).toBe(-EOPNOTSUPP);
    expect(map(PAGE, MAP_SHARED_VALIDATE | sync, memfd)).toBe(-EOPNOTSUPP);
    expect(flagsAt(task, map(PAGE, MAP_SHARED | sync, memfd))).toBe("rd wr sh mr mw me ms sf");
    expect(flagsAt(task, map(PAGE, MAP_PRIVATE | MAP_ANONYMOUS | sync))).toBe("rd wr mr mw me ac sf");
    expect(flagsAt(task, map(PAGE, MAP_SHARED | MAP_ANONYMOUS | sync))).toBe("rd wr sh mr mw me ms sf");
  });
});

describe("offsets of mappings", () => {
  const TOP = 2 ** 63;
  /** Length, offset, and what Linux 6.18 answered for a file: 1 = an address. */
  const MEASURED: readonly (readonly [number, number, number])[] = [
    [PAGE, TOP - PAGE, -EOVERFLOW],
    [PAGE, TOP - 2 * PAGE, 1],
    [2 * PAGE, TOP - 2 * PAGE, -EOVERFLOW],
    [2 * PAGE, TOP - 3 * PAGE, 1],
    [1, TOP - PAGE, -EOVERFLOW],
    [1, TOP - 2 * PAGE, 1],
    [PAGE + 1, TOP - 2 * PAGE, -EOVERFLOW],
    [0x20_0000, TOP - 0x20_0000, -EOVERFLOW],
    [0x20_0000, TOP - 0x20_1000, 1],
    [PAGE, TOP, -EOVERFLOW],
    [PAGE, -TOP, -EOVERFLOW],
    [PAGE, -PAGE, -EOVERFLOW],
    [2 * PAGE, -PAGE, -EOVERFLOW],
    [2 * PAGE, -2 * PAGE, -EOVERFLOW],
    [PAGE, 2 ** 44, 1],
    [PAGE, 2 ** 62, 1],
    [PAGE, 123, -EINVAL],
    [PAGE, -1, -EINVAL],
    [0, TOP - PAGE, -EINVAL],
    [-1, TOP - PAGE, -ENOMEM],
    [-PAGE, PAGE, -ENOMEM],
    [2 ** 46, TOP - PAGE, -EOVERFLOW],
    [2 ** 46, TOP - 2 ** 46 - PAGE, 1],
    [2 ** 46, TOP - 2 ** 46, -EOVERFLOW],
    [2 ** 47, TOP - PAGE, -ENOMEM],
  ];

  it.each(["disk", "memfd"] as const)("ends a file (%s) at 2^63 - 1 bytes", (which) => {
    const world = start();
    const { kernel, task, map } = world;
    for (const [len, offset, want] of MEASURED)
      for (const type of [MAP_SHARED, MAP_PRIVATE]) {
        const got = map(len, type, world[which], offset, 1);
        expect([len, offset, got > 0 ? 1 : got]).toEqual([len, offset, want]);
        if (got > 0) calls.sysMunmap(kernel, task, got, len);
      }
  });

  it("ignores the offset of anonymous memory, as long as it is a whole page", () => {
    const { map } = start();
    for (const offset of [TOP - PAGE, TOP, -PAGE, 2 ** 44])
      for (const type of [MAP_SHARED, MAP_PRIVATE])
        expect(map(PAGE, type | MAP_ANONYMOUS, -1, offset)).toBeGreaterThan(0);
    expect(map(PAGE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 123)).toBe(-EINVAL);
  });

  it("shows a huge offset to the last digit, and a touch there is a SIGBUS", () => {
    const { task, map, disk } = start();
    task.signal.handlers.set("SIGBUS", () => {});
    const a = map(PAGE, MAP_SHARED | MAP_FIXED, disk, TOP - 2 * PAGE, RW, A);
    expect(showMapVma(task.mm!.mmMt.lookup(a)!)).toContain(" rw-s 7fffffffffffe000 ");
    expect(() => task.load(a, 1)).toThrow(/SIGBUS/);
  });

  it("places a mapping whose offset rounds up to 2^63 with room for a huge page, as Linux does", () => {
    const { map, disk } = start();
    expect(map(PAGE, MAP_SHARED, disk, TOP - 2 * PAGE, 1) % 0x20_0000).toBe(0x1f_e000);
  });
});

describe("MAP_DROPPABLE", () => {
  const DROP = MAP_DROPPABLE | MAP_ANONYMOUS;

  it("is private memory that is not promised, not inherited, not dumped", () => {
    const { kernel, task, map } = start();
    const before = kernel.sys.vmCommittedAs;
    const a = map(16 * PAGE, DROP);
    expect(flagsAt(task, a)).toBe("rd wr mr mw me nr wf dd dp");
    expect(kernel.sys.vmCommittedAs).toBe(before);
    task.store(a, 1, 5);
    const child = sysFork(kernel, task) as Task;
    expect([child.load(a, 1), task.load(a, 1)]).toEqual([0, 5]);
    expect(flagsAt(child, a)).toBe("rd wr mr mw me nr wf dd dp");
    checkInvariants(kernel.sys, mmsOf(kernel));
  });

  it("loses written pages to reclaim, others keep them", () => {
    const { kernel, task, map } = start();
    const a = map(16 * PAGE, DROP);
    const b = map(16 * PAGE, MAP_PRIVATE | MAP_ANONYMOUS);
    for (let i = 0; i < 8; i++) for (const base of [a, b]) task.store(base + i * PAGE, 1, 5);
    lruAddDrain(kernel.sys);
    for (const base of [a, b]) expect(calls.sysMadvise(kernel, task, base, 4 * PAGE, MADV.PAGEOUT)).toBe(0);
    expect([0, 3, 4].map((i) => task.load(a + i * PAGE, 1))).toEqual([0, 0, 5]);
    expect([0, 3, 4].map((i) => task.load(b + i * PAGE, 1))).toEqual([5, 5, 5]);
    checkInvariants(kernel.sys, mmsOf(kernel));
  });

  it("is not locked: not by mlock, not by mlockall, and MAP_LOCKED is an error", () => {
    const { kernel, task, map } = start();
    const a = map(4 * PAGE, DROP);
    expect(calls.sysMlock2(kernel, task, a, PAGE)).toBe(0);
    expect(calls.sysMlock2(kernel, task, a, PAGE, 1)).toBe(0);
    expect(calls.sysMlockall(kernel, task, 3)).toBe(0);
    const b = map(4 * PAGE, DROP | MAP_FIXED, -1, 0, RW, A);
    expect(flagsAt(task, a)).toBe("rd wr mr mw me nr wf dd dp");
    expect(flagsAt(task, b)).toBe("rd wr mr mw me nr wf dd dp");
    expect(task.mm!.lockedVm).toBe(0);
    expect(task.mm!.rssStat[1]).toBe(8); // present all the same
    const { MAP_LOCKED, MAP_GROWSDOWN, MAP_HUGETLB } = mman;
    for (const flag of [MAP_LOCKED, MAP_GROWSDOWN, MAP_HUGETLB]) expect(map(PAGE, DROP | flag)).toBe(-EINVAL);
  });

  it("takes all advice but KEEPONFORK and DODUMP, and none of KSM", () => {
    const { kernel, task, map } = start();
    const a = map(4 * PAGE, DROP);
    const advise = (what: keyof typeof MADV): number => calls.sysMadvise(kernel, task, a, PAGE, MADV[what]);
    expect([advise("KEEPONFORK"), advise("DODUMP")]).toEqual([-EINVAL, -EINVAL]);
    for (const what of ["MERGEABLE", "UNMERGEABLE", "WIPEONFORK", "DONTDUMP", "FREE", "COLD"] as const)
      expect([what, advise(what)]).toEqual([what, 0]);
    expect(flagsAt(task, a)).toBe("rd wr mr mw me nr wf dd dp");
  });

  it("merges with its like only", () => {
    const { task, map } = start();
    const put = (page: number, type: number): number =>
      map(PAGE, type | MAP_ANONYMOUS | MAP_FIXED, -1, 0, RW, A + page * PAGE);
    put(0, MAP_DROPPABLE);
    put(1, MAP_DROPPABLE);
    put(2, MAP_PRIVATE);
    expect([...task.mm!.mmMt].map((vma) => (vma.vmEnd - vma.vmStart) / PAGE)).toEqual([2, 1]);
  });
});

describe("mmap of open files", () => {
  it("needs the right to read, and for a shared writable mapping the right to write", () => {
    const { kernel, task, map } = start();
    const [ro, wo, none] = [0, 1, 3].map((mode) => sysOpen(kernel, task, "/f", mode));
    expect(map(PAGE, MAP_SHARED, ro)).toBe(-EACCES);
    expect(map(PAGE, MAP_SHARED_VALIDATE | mman.MAP_SYNC, ro)).toBe(-EACCES);
    expect(map(PAGE, MAP_PRIVATE, ro)).toBeGreaterThan(0);
    for (const fd of [wo, none])
      for (const type of [MAP_SHARED, MAP_PRIVATE]) expect(map(PAGE, type, fd, 0, 0)).toBe(-EACCES);
  });
});
