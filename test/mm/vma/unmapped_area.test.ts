import { describe, expect, it } from "vitest";
import { makeElf } from "../../../lib/fs/elf.js";
import type { Kernel } from "../../../lib/kernel/kernel.js";
import { boot } from "../../../lib/kernel/machine.js";
import { sysFtruncate, sysMemfdCreate, sysOpen } from "../../../lib/kernel/syscalls/file.js";
import { sysMmap, sysMremap, sysMunmap } from "../../../lib/kernel/syscalls/mm.js";
import { sysExecve } from "../../../lib/kernel/syscalls/process.js";
import type { Task } from "../../../lib/kernel/task.js";
import { EEXIST, ENOMEM, EPERM } from "../../../lib/mm/errno.js";
import {
  MAP_32BIT,
  MAP_ABOVE4G,
  MAP_ANONYMOUS,
  MAP_FIXED,
  MAP_FIXED_NOREPLACE,
  MAP_GROWSDOWN,
  MAP_NORESERVE,
  MAP_PRIVATE,
  MAP_SHARED,
  MAP_SHARED_VALIDATE,
} from "../../../lib/mm/vma/mman.js";

const PAGE = 4096;
const ANON = MAP_PRIVATE | MAP_ANONYMOUS;
const LOW = ANON | MAP_32BIT;

/** A process that has called exec, so that vdso and stack are where they were when Linux was asked. */
function start(): { kernel: Kernel; task: Task; map: typeof map } {
  const { kernel } = boot({ ram: "64 MiB" });
  const task = kernel.spawn("t");
  kernel.files.writeFile("/bin/t", makeElf());
  expect(sysExecve(kernel, task, "/bin/t", ["t"], [])).toBe(0);
  function map(addr: number, len: number, flags: number, fd = -1, offset = 0, prot = 3): number {
    return sysMmap(kernel, task, addr, len, prot, flags, fd, offset);
  }
  return { kernel, task, map };
}

/** An open file of 6 MiB: on the disk, or a memfd. */
function openFile(kernel: Kernel, task: Task, memfd = false): number {
  const fd = memfd ? sysMemfdCreate(kernel, task, "x") : sysOpen(kernel, task, "/f", 0o102);
  sysFtruncate(kernel, task, fd, 0x60_0000);
  return fd;
}

describe("MAP_32BIT", () => {
  it("searches upwards from 1 GiB, the lowest gap first", () => {
    const { kernel, task, map } = start();
    expect(map(0, PAGE, LOW)).toBe(0x4000_0000);
    expect(map(0, 2 * PAGE, LOW)).toBe(0x4000_1000);
    expect(map(0, PAGE, LOW, -1, 0, 1)).toBe(0x4000_3000);
    sysMunmap(kernel, task, 0x4000_0000, PAGE);
    expect(map(0, 2 * PAGE, LOW)).toBe(0x4000_4000);
    expect(map(0, PAGE, LOW)).toBe(0x4000_0000);
  });

  it("takes a free hint below 2 GiB, also below 1 GiB, and no other", () => {
    const { map } = start();
    const hints: [number, number, number][] = [
      [0x5000_0000, PAGE, 0x5000_0000],
      [0x5000_0000, PAGE, 0x4000_0000],
      [0x5000_0001, PAGE, 0x4000_1000],
      [0x2000_0000, PAGE, 0x2000_0000],
      [0x1000, PAGE, 0x1_0000],
      [0x7fff_f000, PAGE, 0x7fff_f000],
      [0x7fff_f000, 2 * PAGE, 0x4000_2000],
      [0x8000_0000, PAGE, 0x4000_4000],
      [0x2_0000_0000, PAGE, 0x4000_5000],
      [-4096, PAGE, 0x4000_6000],
      [-1, PAGE, 0x4000_7000],
    ];
    for (const [hint, len, addr] of hints) expect([hint, map(hint, len, LOW)]).toEqual([hint, addr]);
  });

  it("does not matter with MAP_FIXED", () => {
    const { map } = start();
    expect(map(0x2_0000_0000, PAGE, LOW | MAP_FIXED)).toBe(0x2_0000_0000);
    expect(map(0x2_0000_0000, PAGE, LOW | MAP_FIXED_NOREPLACE)).toBe(-EEXIST);
    expect(map(0x3_0000_0000, PAGE, LOW | MAP_FIXED_NOREPLACE)).toBe(0x3_0000_0000);
  });

  it("has no room for more than 1 GiB, nor for a second half of it", () => {
    const { map } = start();
    const big = LOW | MAP_NORESERVE;
    expect(map(0, PAGE, LOW)).toBe(0x4000_0000);
    for (const len of [0x4000_0000, 0x7fff_0000, 0x8000_0000, 0x8000_1000])
      expect(map(0, len, big)).toBe(-ENOMEM);
    expect(map(0, 0x2000_0000, big)).toBe(0x4020_0000);
    expect(map(0, 0x2000_0000, big)).toBe(-ENOMEM);
    expect(map(0x1000_0000, 0x1000_0000, big)).toBe(0x1000_0000);
  });

  it("aligns for huge pages as everywhere: private memory and files on the disk, not shared memory", () => {
    const { kernel, task, map } = start();
    const fd = openFile(kernel, task);
    const memfd = openFile(kernel, task, true);
    const shared = MAP_SHARED | MAP_32BIT;
    expect(map(0, PAGE, LOW)).toBe(0x4000_0000);
    expect(map(0, 0x20_0000, LOW)).toBe(0x4020_0000);
    expect(map(0, 0x20_0000, LOW)).toBe(0x4060_0000);
    expect(map(0, 0x20_0000, shared | MAP_ANONYMOUS)).toBe(0x4040_0000);
    expect(map(0, PAGE, shared, fd)).toBe(0x4000_1000);
    expect(map(0, 0x20_0000, shared, fd)).toBe(0x40a0_0000);
    expect(map(0, 0x40_0000, shared, fd, 0x1000)).toBe(0x40c0_1000);
    expect(map(0, 0x40_0000, shared, memfd, 0x1000)).toBe(0x4100_1000);
    expect(map(0, PAGE, MAP_SHARED_VALIDATE | MAP_32BIT, fd)).toBe(0x4000_2000);
    expect(map(0, PAGE, LOW | MAP_GROWSDOWN)).toBe(0x4000_3000);
  });
});

describe("MAP_ABOVE4G", () => {
  it("searches top-down as usual, takes low hints, and gives way to MAP_32BIT", () => {
    const { kernel, task, map } = start();
    const fd = openFile(kernel, task);
    expect(map(0, PAGE, ANON | MAP_ABOVE4G)).toBe(0x7fff_f7ff_6000);
    expect(map(0x5000_1000, PAGE, ANON | MAP_ABOVE4G)).toBe(0x5000_1000);
    expect(map(0, PAGE, LOW | MAP_ABOVE4G)).toBe(0x4000_0000);
    for (const type of [MAP_SHARED, MAP_PRIVATE, MAP_SHARED_VALIDATE])
      expect(map(0, PAGE, type | MAP_ABOVE4G, fd)).toBeGreaterThan(0x7fff_0000_0000);
  });

  it("refuses what only fits below 4 GiB", () => {
    const { map } = start();
    const none = ANON | MAP_NORESERVE;
    expect(map(2 ** 32, 0x7fff_f7ff_6000 - 2 ** 32, none | MAP_FIXED, -1, 0, 0)).toBe(2 ** 32);
    expect(map(0, 2 ** 30, none | MAP_ABOVE4G, -1, 0, 0)).toBe(-ENOMEM);
    expect(map(0, 2 ** 30, none, -1, 0, 0)).toBe(0xc000_0000);
  });
});

describe("where mmap puts files in memory", () => {
  it("does not align a memfd, as it does a file on the disk", () => {
    const { kernel, task, map } = start();
    expect(map(0, 0x40_0000, MAP_SHARED, openFile(kernel, task, true), 0x1000)).toBe(0x7fff_f7bf_7000);
    expect(map(0, 0x40_0000, MAP_SHARED, openFile(kernel, task), 0x1000) % 0x20_0000).toBe(0x1000);
  });
});

describe("low addresses", () => {
  it("gives page 0 to nobody but root, and then only with MAP_FIXED", () => {
    const { kernel, task, map } = start();
    task.privileged = false;
    expect(map(0, PAGE, ANON | MAP_FIXED)).toBe(-EPERM);
    expect(map(0, PAGE, ANON | MAP_FIXED_NOREPLACE)).toBe(-EPERM);
    expect(map(0xf000, PAGE, ANON | MAP_FIXED)).toBe(-EPERM);
    expect(map(0x1_0000, PAGE, ANON | MAP_FIXED)).toBe(0x1_0000);
    const a = map(0x5000_0000, PAGE, ANON);
    expect(sysMremap(kernel, task, a, PAGE, PAGE, 3, 0)).toBe(-EPERM);
    task.privileged = true;
    expect(map(0, PAGE, ANON | MAP_FIXED)).toBe(0);
    expect(map(0x1000, PAGE, ANON | MAP_FIXED)).toBe(0x1000);
  });

  it("raises a low hint to vm.mmap_min_addr, and never takes 0 for a hint", () => {
    const { map } = start();
    expect(map(0x1000, PAGE, ANON)).toBe(0x1_0000);
    expect(map(0x2000, PAGE, ANON)).toBe(0x7fff_f7ff_6000); // 0x10000 is in use
    for (const hint of [0, 1, 0xfff]) expect(map(hint, PAGE, ANON)).toBeGreaterThan(0x7fff_0000_0000);
  });

  it("keeps 64 KiB free of hints even when vm.mmap_min_addr is lower, but lets MAP_FIXED in", () => {
    const { kernel, task, map } = start();
    kernel.sys.sysctl.mmapMinAddr = PAGE;
    task.privileged = false;
    expect(map(0x2000, PAGE, ANON)).toBe(0x1_0000);
    expect(map(0x1000, PAGE, ANON | MAP_FIXED)).toBe(0x1000);
    expect(map(0, PAGE, ANON | MAP_FIXED)).toBe(-EPERM);
  });
});
