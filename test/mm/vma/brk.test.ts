import { beforeEach, describe, expect, it } from "vitest";
import { makeElf } from "../../../lib/fs/elf.js";
import type { Kernel } from "../../../lib/kernel/kernel.js";
import { boot } from "../../../lib/kernel/machine.js";
import { sysPrlimit } from "../../../lib/kernel/syscalls/limits.js";
import { sysBrk, sysMlockall, sysMmap, sysMprotect, sysMunmap } from "../../../lib/kernel/syscalls/mm.js";
import { sysExecve } from "../../../lib/kernel/syscalls/process.js";
import type { Task } from "../../../lib/kernel/task.js";
import { RLIMIT_AS, RLIMIT_DATA, RLIMIT_MEMLOCK } from "../../../lib/mm/system.js";
import { MAP_ANONYMOUS, MAP_FIXED, MAP_GROWSDOWN, MAP_PRIVATE } from "../../../lib/mm/vma/mman.js";
import { pidMaps } from "../../../lib/procfs/task_mmu.js";

const PAGE = 4096;
const FIXED = MAP_PRIVATE | MAP_ANONYMOUS | MAP_FIXED;

let kernel: Kernel;
let task: Task;

/** brk, as an offset from where the heap starts. */
function brk(offset: number): number {
  return sysBrk(kernel, task, task.mm!.startBrk + offset) - task.mm!.startBrk;
}

/** Lines of maps that are called [heap]: first and end page from the start of the heap, rights. */
function heap(): string[] {
  const { startBrk } = task.mm!;
  const lines = pidMaps(task.mm!)
    .split("\n")
    .filter((line) => line.endsWith("[heap]"));
  return lines.map((line) => {
    const [range, perm] = line.split(" ") as [string, string];
    const pages = range.split("-").map((at) => (Number.parseInt(at, 16) - startBrk) / PAGE);
    return `${pages.join("-")} ${perm}`;
  });
}

beforeEach(() => {
  kernel = boot({ ram: "64 MiB" }).kernel;
  task = kernel.spawn("t");
});

describe("a process that was spawned", () => {
  it("has its heap where Linux has that of a small program, and page 0 is not there", () => {
    expect(sysBrk(kernel, task, 0)).toBe(0x5555_5555_9000);
    expect(brk(PAGE)).toBe(PAGE);
    expect(heap()).toEqual(["0-1 rw-p"]);
    task.store(task.mm!.startBrk, 1, 7);
    task.signal.handlers.set("SIGSEGV", () => {});
    for (const addr of [0, 1, 0xfff]) expect(() => task.load(addr, 1)).toThrow(/SIGSEGV.*SEGV_MAPERR/);
  });

  it("does not call a mapping at 0 its stack", () => {
    sysMmap(kernel, task, 0, PAGE, 3, FIXED, -1, 0);
    expect(pidMaps(task.mm!).split("\n")[0]).toBe("00000000-00001000 rw-p 00000000 00:00 0 ");
  });
});

describe("brk", () => {
  it("answers with the old break when it cannot be moved there", () => {
    expect(brk(0x3000)).toBe(0x3000);
    for (const to of [0, -1, 1, 2 ** 46, 2 ** 47, -PAGE, 0x7fff_ffff_ffff])
      expect(sysBrk(kernel, task, to)).toBe(task.mm!.startBrk + 0x3000);
    expect(brk(-1)).toBe(0x3000); // below the start of the heap
  });

  it("moves byte by byte and maps whole pages", () => {
    for (const [to, pages] of [
      [1, 1],
      [PAGE, 1],
      [PAGE + 1, 2],
      [PAGE - 1, 1],
      [0x3000, 3],
    ] as const) {
      expect(brk(to)).toBe(to);
      expect(heap()).toEqual([`0-${pages} rw-p`]);
    }
    expect(brk(0)).toBe(0);
    expect(heap()).toEqual([]);
  });

  it("keeps a page free below the next mapping, and the guard gap below a stack", () => {
    const { startBrk } = task.mm!;
    sysMmap(kernel, task, startBrk + 0x2_0000, PAGE, 3, FIXED, -1, 0);
    expect([0x1_e000, 0x1_f000, 0x1_f001, 0x2_0000, 0x2_0001].map(brk)).toEqual([
      0x1_e000, 0x1_f000, 0x1_f000, 0x1_f000, 0x1_f000,
    ]);
    brk(0);
    sysMunmap(kernel, task, startBrk + 0x2_0000, PAGE);
    sysMmap(kernel, task, startBrk + 0x20_0000, PAGE, 3, FIXED | MAP_GROWSDOWN, -1, 0);
    expect([0xff000, 0x10_0000].map(brk)).toEqual([0xff000, 0xff000]);
  });

  it("leaves alone what was done to the heap meanwhile, as Linux does", () => {
    const { startBrk } = task.mm!;
    brk(0x5000);
    sysMprotect(kernel, task, startBrk + PAGE, PAGE, 1);
    expect(heap()).toEqual(["0-1 rw-p", "1-2 r--p", "2-5 rw-p"]);
    brk(0x8000);
    expect(heap()).toEqual(["0-1 rw-p", "1-2 r--p", "2-8 rw-p"]);
    sysMunmap(kernel, task, startBrk, 0x1_0000);
    expect(brk(0x9000)).toBe(0x9000);
    expect(heap()).toEqual(["8-9 rw-p"]);
    expect(brk(0x1000)).toBe(0x1000);
    expect(brk(0)).toBe(0x1000); // nothing is mapped there that could go
    expect(brk(0x2000)).toBe(0x2000);
    expect(heap()).toEqual(["1-2 rw-p"]);
  });

  it("counts the program's data against RLIMIT_DATA, byte by byte", () => {
    kernel.files.writeFile("/bin/t", makeElf({ data: new Uint8Array(1000) }));
    expect(sysExecve(kernel, task, "/bin/t", ["t"], [])).toBe(0);
    sysPrlimit(task, RLIMIT_DATA, 2 * PAGE);
    expect(brk(PAGE)).toBe(PAGE);
    expect(brk(2 * PAGE - 1000)).toBe(PAGE); // two pages of data and heap would be three with the program's
    expect(brk(2 * PAGE)).toBe(PAGE);
    sysPrlimit(task, RLIMIT_DATA, PAGE + 1000);
    expect([brk(PAGE + 1), brk(PAGE)]).toEqual([PAGE, PAGE]);
  });

  it("obeys RLIMIT_AS and, with mlockall(MCL_FUTURE), RLIMIT_MEMLOCK", () => {
    sysPrlimit(task, RLIMIT_AS, 4 * PAGE);
    expect([5 * PAGE, 4 * PAGE, 0].map(brk)).toEqual([0, 4 * PAGE, 0]);
    sysPrlimit(task, RLIMIT_AS, Number.POSITIVE_INFINITY);
    task.privileged = false;
    sysPrlimit(task, RLIMIT_MEMLOCK, 16 * PAGE);
    expect(sysMlockall(kernel, task, 2)).toBe(0);
    expect([16 * PAGE, 17 * PAGE].map(brk)).toEqual([16 * PAGE, 16 * PAGE]);
    expect(task.mm!.lockedVm).toBe(16);
  });
});
