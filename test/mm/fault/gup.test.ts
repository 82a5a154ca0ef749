import { describe, expect, it } from "vitest";
import { fadviseDrop } from "../../../lib/fs/file_tree.js";
import type { VfsFile } from "../../../lib/fs/inode.js";
import { boot, type Machine } from "../../../lib/kernel/machine.js";
import type { Process } from "../../../lib/kernel/process.js";
import {
  FOLL_FORCE,
  FOLL_MADV_POPULATE,
  FOLL_TOUCH,
  FOLL_WRITE,
  faultinPageRange,
  getUserPages,
  mmPopulate,
  populateVmaPageRange,
} from "../../../lib/mm/fault/gup.js";
import { VM_FAULT_RETRY } from "../../../lib/mm/fault/vm_fault.js";
import { GFP_HIGHUSER_MOVABLE } from "../../../lib/mm/pages/gfp.js";
import { allocPages, nrUnusedPages } from "../../../lib/mm/pages/page_alloc.js";
import type { MmParts } from "../../../lib/mm/parts.js";
import { kernel, map, mm, PAGE, at as pageAt, useArena } from "../arena.js";
import { exactFrames } from "../exact_frames.js";

useArena();

describe("getUserPages", () => {
  it("faults in what is missing: written pages for a write, the zero page for a read", () => {
    map(0, 4);
    expect(getUserPages(mm, pageAt(0), 2, FOLL_WRITE | FOLL_TOUCH)).toBe(2);
    expect(mm.rssStat[1]).toBe(2);
    expect(getUserPages(mm, pageAt(0), 4, FOLL_TOUCH)).toBe(4);
    expect(mm.rssStat[1]).toBe(2);
    expect(getUserPages(mm, pageAt(0), 4, FOLL_WRITE)).toBe(4);
    expect(mm.rssStat[1]).toBe(4);
  });

  it("does what it can before a hole, and is an error only if that is nothing", () => {
    map(0, 2);
    expect(getUserPages(mm, pageAt(0), 4, FOLL_WRITE)).toBe(2);
    expect(getUserPages(mm, pageAt(2), 1, FOLL_WRITE)).toBe(-14);
    expect(getUserPages(mm, pageAt(2), 1, FOLL_MADV_POPULATE)).toBe(-12);
  });

  it("keeps to the rights of the mapping, unless it is told that mprotect could give them", () => {
    map(0, 1, 1);
    map(2, 1, 0);
    expect(getUserPages(mm, pageAt(0), 1, FOLL_WRITE)).toBe(-14);
    expect(getUserPages(mm, pageAt(0), 1, FOLL_WRITE | FOLL_MADV_POPULATE)).toBe(-22);
    expect(getUserPages(mm, pageAt(2), 1, 0)).toBe(-14);
    expect(getUserPages(mm, pageAt(2), 1, FOLL_FORCE)).toBe(1);
  });
});

describe("populating", () => {
  it("writes to a private mapping, reads elsewhere", () => {
    const shared = map(4, 2, 3, 0x31);
    expect(populateVmaPageRange(map(0, 2), pageAt(0), pageAt(2))).toBe(2);
    expect(populateVmaPageRange(shared, pageAt(4), pageAt(6))).toBe(2);
    expect([mm.rssStat[1], mm.rssStat[3]]).toEqual([2, 2]);
    expect(faultinPageRange(mm, pageAt(0), pageAt(2), true)).toBe(2);
  });

  it("goes over holes, and over mappings that give no memory if errors are to be ignored", () => {
    map(0, 2);
    map(3, 2, 0); // nobody may touch it
    map(6, 2);
    expect(mmPopulate(mm, pageAt(0), 8 * PAGE)).toBe(0);
    expect(mm.rssStat[1]).toBe(4);
    expect(mmPopulate(mm, pageAt(3), 2 * PAGE, false)).toBe(-14);
    kernel.sys.shouldFailAllocPage = () => true;
    map(8, 1);
    expect(mmPopulate(mm, pageAt(8), PAGE, false)).toBe(-12);
  });
});

/** A shared mapping of a cold file of 32 pages, whose first page is mapped; `free` frames are left. */
function coldMapping(
  free: number,
  parts: Partial<MmParts> = {},
): { machine: Machine; p: Process; at: number } {
  const machine = boot({ ram: "16 MiB", parts });
  const { kernel } = machine;
  kernel.files.writeFile("/f", new Uint8Array(32 * 4096).fill(7));
  expect(fadviseDrop(kernel.files.open("/f") as VfsFile, 0, 0)).toBe(0);
  const p = machine.spawn("p");
  const at = p.mmap(32 * 4096, { fd: p.open("/f"), shared: true });
  exactFrames(kernel.sys);
  p.task.oomScoreAdj = -1000; // nobody can be killed
  while (nrUnusedPages(kernel.sys) > free) allocPages(kernel.sys, GFP_HIGHUSER_MOVABLE);
  return { machine, p, at };
}

function codeOf(act: () => unknown): unknown {
  try {
    act();
  } catch (error) {
    return (error as { code: string }).code;
  }
  return "done";
}

describe("faulting in a file without a frame for it", () => {
  it.each(["NORMAL", "SEQUENTIAL", "RANDOM"] as const)("ends in an error, advised %s", (advice) => {
    for (let free = 0; free <= 6; free++) {
      const calls: [(p: Process, at: number) => unknown, string][] = [
        [(p, at) => p.mlock(at, 32 * 4096), "EAGAIN"],
        [(p, at) => p.madvise(at, 32 * 4096, "POPULATE_READ"), "ENOMEM"],
        [(p, at) => p.madvise(at, 32 * 4096, "POPULATE_WRITE"), "ENOMEM"],
        [(p, at) => p.touch(at, 32 * 4096, "r"), "SI_KERNEL"],
      ];
      for (const [call, code] of calls) {
        const { p, at } = coldMapping(free);
        p.madvise(at, 32 * 4096, advice);
        expect(codeOf(() => call(p, at))).toBe(code);
      }
    }
  });

  it("MAP_POPULATE and read(2) take what there is", () => {
    const { p, machine } = coldMapping(4);
    const fd = p.open("/f");
    expect(p.mmap(32 * 4096, { fd, shared: true, populate: true })).toBeGreaterThan(0);
    const file = machine.kernel.files.open("/f") as VfsFile;
    expect(file.read(31 * 4096, new Uint8Array(4096))).toBe(-12);
  });
});

describe("a fault handler that never gets on", () => {
  const PARTS: [string, MmParts["doReadFault"]][] = [
    ["asks for another try for ever", () => VM_FAULT_RETRY],
    ["maps nothing and says nothing", () => 0],
  ];
  it.each(PARTS)("%s: the call ends, and says where", (_, doReadFault) => {
    const { p, at } = coldMapping(1000, { doReadFault });
    const message = /repeated 1000 times|faulted \d+ times/;
    expect(() => p.mlock(at, 4096)).toThrow(message);
    expect(() => p.touch(at, 4096, "r")).toThrow(message);
  });
});
