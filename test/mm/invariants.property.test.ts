import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { Clock } from "../../lib/hw/clock.js";
import { Cpu } from "../../lib/hw/cpu.js";
import { Ram } from "../../lib/hw/ram.js";
import { Kernel } from "../../lib/kernel/kernel.js";
import { sysMadvise, sysMlock2, sysMmap, sysMprotect, sysMunmap } from "../../lib/kernel/syscalls/mm.js";
import { sysExitGroup, sysFork } from "../../lib/kernel/syscalls/process.js";
import type { Task } from "../../lib/kernel/task.js";
import { checkInvariants } from "../../lib/mm/debug.js";
import type { MmStruct } from "../../lib/mm/mm_types.js";
import { nrFreePages } from "../../lib/mm/page_alloc.js";
import { lruAddDrainAll } from "../../lib/mm/swap.js";

const PAGES = 24;
const PRIVATE = 0x1000_0000_0000;
const SHARED = 0x1000_4000_0000;
const PROT_RW = 3;
const MAP_PRIVATE_FIXED = 0x32;
const MAP_SHARED_FIXED = 0x31;
const MADV_DONTNEED = 4;

/** What each process must see: its own private bytes, and the shared ones. */
interface Modelled {
  task: Task;
  bytes: number[];
  shared: number[];
}

const operation = fc.record({
  kind: fc.constantFrom(
    "write",
    "write",
    "write",
    "writeShared",
    "readShared",
    "read",
    "read",
    "fork",
    "fork",
    "exit",
    "dontneed",
    "remap",
    "protect",
    "lock",
    "dontneedShared",
  ),
  who: fc.nat(15),
  page: fc.nat(PAGES - 1),
  length: fc.integer({ min: 1, max: 8 }),
  value: fc.integer({ min: 1, max: 255 }),
});
type Operation = typeof operation extends fc.Arbitrary<infer T> ? T : never;

class World {
  readonly kernel: Kernel;
  readonly procs: Modelled[] = [];
  readonly freeAtStart: number;

  constructor() {
    const ram = new Ram(32 * 2 ** 20);
    const clock = new Clock();
    this.kernel = new Kernel({ ram, clock, cpus: [new Cpu(0, ram, clock)] });
    lruAddDrainAll(this.kernel.sys);
    this.freeAtStart = nrFreePages(this.kernel.sys);
    const task = this.kernel.spawn("first");
    const bytes = PAGES * 4096;
    expect(sysMmap(this.kernel, task, PRIVATE, bytes, PROT_RW, MAP_PRIVATE_FIXED)).toBe(PRIVATE);
    expect(sysMmap(this.kernel, task, SHARED, bytes, PROT_RW, MAP_SHARED_FIXED)).toBe(SHARED);
    this.procs.push({
      task,
      bytes: new Array<number>(PAGES).fill(0),
      shared: new Array<number>(PAGES).fill(0),
    });
  }

  mms(): MmStruct[] {
    const { initMm } = this.kernel as unknown as { initMm: MmStruct };
    return [initMm, ...[...this.kernel.tasks.values()].flatMap((task) => task.mm ?? [])];
  }

  check(): void {
    checkInvariants(this.kernel.sys, this.mms());
  }

  run(op: Operation): void {
    const proc = this.procs[op.who % this.procs.length]!;
    const { task } = proc;
    const at = PRIVATE + op.page * 4096;
    const end = Math.min(PAGES, op.page + op.length);
    const size = (end - op.page) * 4096;
    const { kernel } = this;
    switch (op.kind) {
      case "write":
        kernel.store(task, at + op.value, 1, op.value);
        kernel.store(task, at, 1, op.value);
        proc.bytes[op.page] = op.value;
        break;
      case "read":
        expect(kernel.load(task, at, 1)).toBe(proc.bytes[op.page]);
        break;
      case "writeShared":
        kernel.store(task, SHARED + op.page * 4096, 1, op.value);
        proc.shared[op.page] = op.value;
        break;
      case "readShared":
        expect(kernel.load(task, SHARED + op.page * 4096, 1)).toBe(proc.shared[op.page]);
        break;
      case "dontneedShared":
        expect(sysMadvise(kernel, task, SHARED + op.page * 4096, size, MADV_DONTNEED)).toBe(0);
        break;
      case "protect":
        expect(sysMprotect(kernel, task, at, size, 1)).toBe(0);
        expect(sysMprotect(kernel, task, at, size, PROT_RW)).toBe(0);
        break;
      case "lock":
        expect(sysMlock2(kernel, task, at, size)).toBe(0);
        break;
      case "dontneed":
        if (sysMadvise(kernel, task, at, size, MADV_DONTNEED) === 0) proc.bytes.fill(0, op.page, end);
        else proc.bytes = this.readAll(proc);
        break;
      case "remap":
        expect(sysMunmap(kernel, task, at, size)).toBe(0);
        expect(sysMmap(kernel, task, at, size, PROT_RW, MAP_PRIVATE_FIXED)).toBe(at);
        proc.bytes.fill(0, op.page, end);
        break;
      case "fork": {
        if (this.procs.length >= 16) break;
        const child = sysFork(kernel, task) as Task;
        this.procs.push({ task: child, bytes: proc.bytes.slice(), shared: proc.shared });
        break;
      }
      case "exit":
        if (this.procs.length > 1) this.exit(proc);
        break;
    }
  }

  /** A locked part refuses MADV_DONTNEED, after what came before it has gone: what is left is read back. */
  private readAll(proc: Modelled): number[] {
    return proc.bytes.map((byte, page) => {
      const found = this.kernel.load(proc.task, PRIVATE + page * 4096, 1);
      expect([0, byte]).toContain(found);
      return found;
    });
  }

  exit(proc: Modelled): void {
    sysExitGroup(this.kernel, proc.task, 0);
    this.procs.splice(this.procs.indexOf(proc), 1);
  }

  finish(): void {
    for (const proc of [...this.procs]) {
      proc.bytes.forEach((byte, page) => {
        expect(this.kernel.load(proc.task, PRIVATE + page * 4096, 1)).toBe(byte);
        expect(this.kernel.load(proc.task, SHARED + page * 4096, 1)).toBe(proc.shared[page]);
      });
    }
    this.check();
    for (const proc of [...this.procs]) this.exit(proc);
    lruAddDrainAll(this.kernel.sys);
    this.check();
    expect(nrFreePages(this.kernel.sys)).toBe(this.freeAtStart);
  }
}

describe("random operations of up to 16 processes", () => {
  it("keep every count right, show every process its own bytes, and lose no page", () => {
    fc.assert(
      fc.property(fc.array(operation, { minLength: 20, maxLength: 120 }), (operations) => {
        const world = new World();
        operations.forEach((op, i) => {
          world.run(op);
          if (i % 10 === 9) world.check();
        });
        world.finish();
      }),
      { numRuns: 60, seed: 618 },
    );
  });

  it("are caught when doWpPage lets two processes write the same page", () => {
    const world = new World();
    const page = world.procs[0]!;
    world.run({ kind: "write", who: 0, page: 1, length: 1, value: 7 });
    world.run({ kind: "fork", who: 0, page: 0, length: 1, value: 1 });
    const { sys } = world.kernel;
    const right = sys.parts.doWpPage;
    sys.parts.doWpPage = (vmf) => {
      vmf.vma.vmMm.sys.ram.setEntry(
        Math.floor(vmf.ptep / 512),
        vmf.ptep % 512,
        sys.ram.entryLo(Math.floor(vmf.ptep / 512), vmf.ptep % 512) | 2,
        sys.ram.entryHi(Math.floor(vmf.ptep / 512), vmf.ptep % 512),
      );
      return 0;
    };
    world.kernel.store(page.task, PRIVATE + 4096, 1, 9);
    sys.parts.doWpPage = right;
    expect(() => world.check()).toThrow(/writable, but not exclusive/);
  });
});
