import fc from "fast-check";
import { describe, expect, it } from "vitest";
import type { Kernel } from "../../../lib/kernel/kernel.js";
import { boot } from "../../../lib/kernel/machine.js";
import * as mem from "../../../lib/kernel/syscalls/mm.js";
import { sysFork } from "../../../lib/kernel/syscalls/process.js";
import type { Task } from "../../../lib/kernel/task.js";
import {
  VM_ACCOUNT,
  VM_LOCKED,
  VM_READ,
  VM_WRITE,
  type VmAreaStruct,
  vmaPages,
} from "../../../lib/mm/mm_types.js";
import { MADV } from "../../../lib/mm/vma/mman.js";

const BASE = 0x1000_0000_0000;
const PAGE = 4096;
const ANON_FIXED = 0x02 | 0x20 | 0x10;
const RW = 3;

function start(): { kernel: Kernel; task: Task } {
  const { kernel } = boot({ ram: "64 MiB" });
  return { kernel, task: kernel.spawn("t") };
}

/** The VMAs of the first pages as a picture: a letter for each page, W = rw, R = r, N = none; | before each VMA; . = a hole. */
function picture(task: Task, nrPages: number): string {
  let line = "";
  for (let i = 0; i < nrPages; i++) {
    const vma = task.mm!.mmMt.lookup(BASE + i * PAGE);
    if (vma === undefined) line += ".";
    else line += (vma.vmStart === BASE + i * PAGE ? "|" : "") + letter(vma);
  }
  return line;
}

function letter(vma: VmAreaStruct): string {
  return (vma.vmFlags & VM_WRITE) !== 0 ? "W" : (vma.vmFlags & VM_READ) !== 0 ? "R" : "N";
}

const at = (page: number): number => BASE + page * PAGE;

describe("mapping into a gap", () => {
  function mapped(
    first: [number, number, number][],
    touch: number[],
    then: [number, number, number],
  ): string {
    const { kernel, task } = start();
    for (const [page, pages, prot] of first)
      mem.sysMmap(kernel, task, at(page), pages * PAGE, prot, ANON_FIXED);
    for (const page of touch) task.store(at(page), 1, 1);
    mem.sysMmap(kernel, task, at(then[0]), then[1] * PAGE, then[2], ANON_FIXED);
    return picture(task, 12);
  }

  it("grows the lower neighbour", () => expect(mapped([[0, 4, RW]], [], [4, 4, RW])).toBe("|WWWWWWWW...."));
  it("grows the upper neighbour downwards", () =>
    expect(mapped([[4, 4, RW]], [], [0, 4, RW])).toBe("|WWWWWWWW...."));
  it("joins both neighbours", () =>
    expect(
      mapped(
        [
          [0, 4, RW],
          [8, 4, RW],
        ],
        [],
        [4, 4, RW],
      ),
    ).toBe("|WWWWWWWWWWWW"));
  it("keeps apart what differs in rights", () =>
    expect(
      mapped(
        [
          [0, 4, RW],
          [8, 4, RW],
        ],
        [],
        [4, 4, 1],
      ),
    ).toBe("|WWWW|RRRR|WWWW"));
  it("joins only the lower one when both have pages of their own", () =>
    expect(
      mapped(
        [
          [0, 4, RW],
          [8, 4, RW],
        ],
        [0, 8],
        [4, 4, RW],
      ),
    ).toBe("|WWWWWWWW|WWWW"));
  it("joins both when only one has pages", () =>
    expect(
      mapped(
        [
          [0, 4, RW],
          [8, 4, RW],
        ],
        [8],
        [4, 4, RW],
      ),
    ).toBe("|WWWWWWWWWWWW"));
});

describe("changing a part of a mapping", () => {
  function changed(steps: [number, number, number][], touch = true): string {
    const { kernel, task } = start();
    mem.sysMmap(kernel, task, at(0), 12 * PAGE, RW, ANON_FIXED);
    if (touch) for (let page = 0; page < 12; page++) task.store(at(page), 1, 1);
    for (const [page, end, prot] of steps) mem.sysMprotect(kernel, task, at(page), (end - page) * PAGE, prot);
    return picture(task, 12);
  }

  it("splits the middle off", () => expect(changed([[4, 8, 1]])).toBe("|WWWW|RRRR|WWWW"));
  it("splits the start off", () => expect(changed([[0, 4, 1]])).toBe("|RRRR|WWWWWWWW"));
  it("lets the neighbour below take the left part", () =>
    expect(
      changed([
        [0, 4, 1],
        [4, 6, 1],
      ]),
    ).toBe("|RRRRRR|WWWWWW"));
  it("lets the neighbour above take the right part", () =>
    expect(
      changed([
        [8, 12, 1],
        [6, 8, 1],
      ]),
    ).toBe("|WWWWWW|RRRRRR"));
  it("joins three when the middle becomes like both sides", () =>
    expect(
      changed([
        [4, 8, 1],
        [4, 8, RW],
      ]),
    ).toBe("|WWWWWWWWWWWW"));
  it("goes over several mappings", () =>
    expect(
      changed([
        [2, 4, 1],
        [6, 8, 0],
        [1, 9, RW],
      ]),
    ).toBe("|WWWWWWWWWWWW"));
});

describe("pages inherited by fork", () => {
  it("keep a child's mapping from merging with a new one until it has but one reverse map", () => {
    const { kernel, task } = start();
    mem.sysMmap(kernel, task, at(0), 4 * PAGE, RW, ANON_FIXED);
    task.store(at(0), 1, 1);
    const child = sysFork(kernel, task) as Task;
    mem.sysMmap(kernel, child, at(4), 4 * PAGE, RW, ANON_FIXED);
    mem.sysMmap(kernel, task, at(4), 4 * PAGE, RW, ANON_FIXED);
    expect(picture(child, 8)).toBe("|WWWW|WWWW");
    expect(picture(task, 8)).toBe("|WWWWWWWW");
  });
});

/** What one page of the address space is: the plain model that the VMAs are compared with. */
interface ModelPage {
  prot: number;
  locked: boolean;
  dontfork: boolean;
}

type Step =
  | { op: "mmap"; page: number; pages: number; prot: number }
  | { op: "munmap"; page: number; pages: number }
  | { op: "mprotect"; page: number; pages: number; prot: number }
  | { op: "lock"; page: number; pages: number; on: boolean }
  | { op: "advise"; page: number; pages: number; on: boolean }
  | { op: "mremap"; page: number; pages: number; to: number }
  | { op: "touch"; page: number };

const NR = 48;
const page = fc.integer({ min: 0, max: NR - 9 });
const pages = fc.integer({ min: 1, max: 8 });
const prot = fc.constantFrom(0, 1, 3, 3, 5);
const step: fc.Arbitrary<Step> = fc.oneof(
  fc.record({ op: fc.constant("mmap" as const), page, pages, prot }),
  fc.record({ op: fc.constant("munmap" as const), page, pages }),
  fc.record({ op: fc.constant("mprotect" as const), page, pages, prot }),
  fc.record({ op: fc.constant("lock" as const), page, pages, on: fc.boolean() }),
  fc.record({ op: fc.constant("advise" as const), page, pages, on: fc.boolean() }),
  fc.record({ op: fc.constant("mremap" as const), page, pages, to: page }),
  fc.record({ op: fc.constant("touch" as const), page }),
);

/** Runs one step on the kernel and on the model, and compares the answers. */
function runStep(kernel: Kernel, task: Task, model: (ModelPage | undefined)[], s: Step): void {
  const range = (from: number, nr: number): number[] => Array.from({ length: nr }, (_, i) => from + i);
  if (s.op === "touch") {
    if ((model[s.page]?.prot ?? 0) & 2) task.store(at(s.page), 1, s.page);
    return;
  }
  const len = s.pages * PAGE;
  const all = range(s.page, s.pages);
  const hole = all.findIndex((i) => model[i] === undefined);
  const upToHole = hole < 0 ? all : all.slice(0, hole);
  switch (s.op) {
    case "mmap":
      expect(mem.sysMmap(kernel, task, at(s.page), len, s.prot, ANON_FIXED)).toBe(at(s.page));
      for (const i of all) model[i] = { prot: s.prot, locked: false, dontfork: false };
      break;
    case "munmap":
      expect(mem.sysMunmap(kernel, task, at(s.page), len)).toBe(0);
      for (const i of all) model[i] = undefined;
      break;
    case "mprotect":
      expect(mem.sysMprotect(kernel, task, at(s.page), len, s.prot)).toBe(hole < 0 ? 0 : -12);
      for (const i of upToHole) model[i]!.prot = s.prot;
      break;
    case "lock": {
      const result = s.on
        ? mem.sysMlock2(kernel, task, at(s.page), len, 1)
        : mem.sysMunlock(kernel, task, at(s.page), len);
      expect(result).toBe(hole < 0 ? 0 : -12);
      for (const i of upToHole) model[i]!.locked = s.on;
      break;
    }
    case "advise":
      mem.sysMadvise(kernel, task, at(s.page), len, s.on ? MADV.DONTFORK : MADV.DOFORK);
      for (const i of all) if (model[i] !== undefined) model[i]!.dontfork = s.on;
      break;
    case "mremap": {
      if (Math.abs(s.page - s.to) < s.pages || hole === 0 || hole > 0) return; // overlaps and holes have their own tests
      expect(mem.sysMremap(kernel, task, at(s.page), len, len, 3, at(s.to))).toBe(at(s.to));
      for (let i = 0; i < s.pages; i++) {
        model[s.to + i] = model[s.page + i];
        model[s.page + i] = undefined;
      }
    }
  }
}

/** The VMAs say the same as the model, and their own books are right. */
function checkMm(task: Task, model: (ModelPage | undefined)[]): void {
  const mm = task.mm!;
  const vmas = [...mm.mmMt];
  expect(mm.mapCount).toBe(vmas.length);
  expect(mm.totalVm).toBe(vmas.reduce((sum, vma) => sum + vmaPages(vma), 0));
  const locked = vmas.filter((vma) => (vma.vmFlags & VM_LOCKED) !== 0);
  expect(mm.lockedVm).toBe(locked.reduce((sum, vma) => sum + vmaPages(vma), 0));
  const accounted = vmas.filter((vma) => (vma.vmFlags & VM_ACCOUNT) !== 0);
  expect(mm.sys.vmCommittedAs).toBe(accounted.reduce((sum, vma) => sum + vmaPages(vma), 0));
  for (const [i, vma] of vmas.entries()) {
    expect(vma.vmStart).toBeLessThan(vma.vmEnd);
    if (i > 0) expect(vmas[i - 1]!.vmEnd).toBeLessThanOrEqual(vma.vmStart);
    for (const avc of vma.anonVmaChain) expect(avc.anonVma.rbRoot.has(avc)).toBe(true);
    if (vma.anonVma !== undefined)
      expect(vma.anonVmaChain.some((avc) => avc.anonVma === vma.anonVma)).toBe(true);
  }
  for (let i = 0; i < NR; i++) {
    const flags = mm.mmMt.lookup(at(i))?.vmFlags;
    const seen =
      flags === undefined
        ? undefined
        : { prot: flags & 7, locked: (flags & VM_LOCKED) !== 0, dontfork: (flags & 0x2_0000) !== 0 };
    expect(seen).toEqual(model[i]);
  }
}

describe("random system calls", () => {
  it("leave the address space as a page-by-page model says, with all totals right", () => {
    fc.assert(
      fc.property(fc.array(step, { minLength: 1, maxLength: 40 }), (steps) => {
        const { kernel, task } = start();
        const model: (ModelPage | undefined)[] = new Array(NR).fill(undefined);
        for (const s of steps) runStep(kernel, task, model, s);
        checkMm(task, model);
        kernel.groupExit(task, 0);
        expect(kernel.sys.vmCommittedAs).toBe(0);
      }),
      { numRuns: 300, seed: 5 },
    );
  });

  it("move a range of several mappings without moving what lies behind it", () => {
    const { kernel, task } = start();
    mem.sysMmap(kernel, task, at(0), 8 * PAGE, RW, ANON_FIXED);
    task.store(at(1), 1, 7);
    expect(mem.sysMremap(kernel, task, at(0), 4 * PAGE, 4 * PAGE, 7, at(16))).toBe(at(16));
    expect(picture(task, 24)).toBe("|WWWWWWWW........|WWWW....");
    expect(task.load(at(17), 1)).toBe(7);
  });
});
