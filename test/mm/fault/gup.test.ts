import { describe, expect, it } from "vitest";
import { fadviseDrop } from "../../../lib/fs/file_tree.js";
import type { VfsFile } from "../../../lib/fs/inode.js";
import { boot, type Machine } from "../../../lib/kernel/machine.js";
import type { Process } from "../../../lib/kernel/process.js";
import { VM_FAULT_RETRY } from "../../../lib/mm/fault/vm_fault.js";
import { GFP_HIGHUSER_MOVABLE } from "../../../lib/mm/pages/gfp.js";
import { allocPages, nrFreePages } from "../../../lib/mm/pages/page_alloc.js";
import type { MmParts } from "../../../lib/mm/parts.js";

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
  while (nrFreePages(kernel.sys) > free) allocPages(kernel.sys, GFP_HIGHUSER_MOVABLE);
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
