/**
 * Test benches for lab 02: machines on which a learner's TLB, or rules for flushing, run beside the lib's
 * own.
 *
 *   TlbOp      one bare CPU, a few pages: access, invlpg, CR3 write          where was each translation found?
 *   KernelOp   two CPUs, processes with a thread on each: load, store,       what was read, what was refused,
 *              mprotect, munmap, mmap, idle                                  and which flushes did it take?
 *
 * Every store writes a new value, so a stale translation is seen as somebody else's or an old value.
 * Not in Linux: a helper of the course. Read first: course/grading/workload.ts.
 */
import { hex, PAGE_SIZE, PMD_SIZE } from "../../hw/address.js";
import { ACCESS_READ, ACCESS_WRITE } from "../../hw/fault.js";
import type { Random } from "../../hw/random.js";
import type { TlbModel } from "../../hw/tlb_model.js";
import type { TlbFactory } from "../../hw/tlb_part.js";
import { boot, type Machine, type MachineParts } from "../../kernel/machine.js";
import { SignalError } from "../../kernel/signal.js";
import { sysMmap, sysMprotect, sysMunmap } from "../../kernel/syscalls/mm.js";
import type { Task } from "../../kernel/task.js";

/** One operation on a bare CPU. */
export interface TlbOp {
  readonly op: "load" | "store" | "invlpg" | "write CR3";
  /** Page number, counted from the first mapped page; from 64 on pages of 2 MiB. */
  readonly page: number;
}

const BASE = 0x40_0000;
const LARGE = 0x4000_0000;
const NR_SMALL = 64;

function addressOf(page: number): number {
  return page < NR_SMALL ? BASE + page * PAGE_SIZE : LARGE + (page - NR_SMALL) * PMD_SIZE;
}

/** A random operation: pages that compete for sets, now and then a flush. */
export function randomTlbOp(random: Random): TlbOp {
  const op = random.pick(["load", "load", "load", "load", "store", "store", "invlpg", "write CR3"] as const);
  const keep = op === "write CR3" && random.chance(70);
  const page = random.pick([
    random.below(6),
    random.below(24),
    random.below(12) * 2,
    NR_SMALL + random.below(5),
  ]);
  return { op: keep ? "load" : op, page };
}

/** An operation in words. */
export function tlbOpText({ op, page }: TlbOp): string {
  return op === "write CR3" ? "write CR3 (flush everything)" : `${op} at ${hex(addressOf(page))}`;
}

/** Simpler operations. */
export function simplerTlbOps({ op, page }: TlbOp): TlbOp[] {
  return op === "store" ? [{ op: "load", page }] : [];
}

/** A bare machine with a small TLB in one or two levels. */
export function smallModel(sets: number, ways: number, l2 = true): TlbModel {
  const geometry = { sets, ways, levels: [1, 2] };
  return {
    name: "small",
    l1d: [geometry],
    l1i: [],
    l2: l2 ? [{ sets: sets * 2, ways: ways * 2, levels: [1, 2] }] : [],
    walkCaches: {},
  };
}

/** Runs operations with the TLBs that `tlb` makes: where each translation was found, and where it led. */
export function* runTlb(
  tlb: TlbFactory | undefined,
  model: TlbModel,
  operations: readonly TlbOp[],
): Generator<string> {
  const machine = boot({ ram: "16 MiB", tlb: model, ...(tlb ? { parts: { tlb } } : {}) });
  const table = machine.newPageTable("bench");
  table.mapNew(BASE, NR_SMALL, { user: true, writable: true });
  for (let i = 0; i < 5; i++)
    table.map(LARGE + i * PMD_SIZE, 0x800 + (i % 4) * 0x200, { user: true, writable: true }, 2 ** 21);
  const cpu = machine.switchMm(table);
  cpu.cpl = 3;
  let seen = "";
  cpu.mmu.trace = (record) => {
    const where = {
      L1: "hit in the first TLB",
      L2: "hit in the second TLB",
      walk: "miss, a walk",
      fault: "fault",
    };
    seen = `${where[record.source]}, physical address ${hex(record.pa)}`;
  };
  for (const { op, page } of operations) {
    const va = addressOf(page);
    seen = "done";
    if (op === "invlpg") cpu.invlpg(va);
    else if (op === "write CR3") cpu.writeCr3(cpu.cr3);
    else cpu.access(va, op === "store" ? ACCESS_WRITE : ACCESS_READ);
    yield seen;
  }
}

/** One operation of a thread of a process on a CPU. */
export interface KernelOp {
  readonly process: number;
  readonly cpu: 0 | 1;
  readonly op:
    | "load"
    | "store"
    | "make read-only"
    | "make writable"
    | "make unreachable"
    | "unmap"
    | "map"
    | "wait";
  /** Page 0 to 3. */
  readonly page: number;
}

/** What is told of each operation besides what the program saw. */
export type KernelLook = "program" | "flushes" | "interrupts" | "switches";

const AREA = 0x1_0000_0000;
const NR_PAGES = 4;
const ANON_FIXED = 0x32;
const THREAD = 0x1_0100;

/** A maker of random operations of `nrProcesses` processes. */
export function randomKernelOp(nrProcesses: number): (random: Random) => KernelOp {
  return (random) => ({
    process: random.below(nrProcesses),
    cpu: random.chance(50) ? 0 : 1,
    op: random.pick([
      "load",
      "load",
      "load",
      "store",
      "store",
      "store",
      "make read-only",
      "make writable",
      "make unreachable",
      "unmap",
      "map",
      "wait",
    ] as const),
    page: random.below(NR_PAGES - 1),
  });
}

const NAMES = ["alice", "bob", "carol", "dave", "erin", "frank", "grace", "heidi", "ivan"];

/** An operation in words. */
export function kernelOpText({ process, cpu, op, page }: KernelOp): string {
  const who = `${NAMES[process]} on CPU ${cpu}`;
  return op === "wait" ? `${who}: waits, the CPU goes lazy` : `${who}: ${op} page ${page}`;
}

/**
 * A machine with two CPUs and processes that have a thread on each; all of their pages are mapped and none is
 * written.
 */
function bench(parts: Partial<MachineParts>, nrProcesses: number): { machine: Machine; tasks: Task[][] } {
  const machine = boot({ ram: "8 MiB", cpus: 2, tlb: smallModel(2, 8, false), parts });
  const { kernel } = machine;
  const tasks = NAMES.slice(0, nrProcesses).map((name) => {
    const first = kernel.spawn(name);
    sysMmap(kernel, first, AREA, NR_PAGES * PAGE_SIZE, 3, ANON_FIXED);
    const thread = kernel.clone(first, THREAD) as Task;
    thread.cpuId = 1;
    first.store(AREA + (NR_PAGES - 1) * PAGE_SIZE, 1, 1); // keeps the tables: they are never freed
    return [first, thread];
  });
  return { machine, tasks };
}

/** Runs operations on a kernel with `parts`. A process that a signal kills starts no more. */
export function* runKernel(
  parts: Partial<MachineParts>,
  operations: readonly KernelOp[],
  { nrProcesses = 2, look = "program" }: { nrProcesses?: number; look?: KernelLook } = {},
): Generator<string> {
  const { machine, tasks } = bench(parts, nrProcesses);
  let value = 10;
  for (const operation of operations) {
    const task = tasks[operation.process]![operation.cpu]!;
    const before = countersOf(machine);
    const outcome = perform(machine, task, operation, value++);
    const now = countersOf(machine);
    const count = (name: keyof typeof now) => now[name] - before[name];
    if (look === "program") yield outcome;
    else if (look === "flushes") yield `${outcome}; pages flushed: ${count("invlpgs")}`;
    else if (look === "interrupts")
      yield `${outcome}; CPUs interrupted: ${count("ipis")}, pages flushed: ${count("invlpgs")}, whole flushes: ${count("flushes")}`;
    else yield `${outcome}; CR3 written: ${count("writes")}, of these with a flush: ${count("flushes")}`;
  }
}

function countersOf({ cpus }: Machine): { invlpgs: number; ipis: number; writes: number; flushes: number } {
  const sum = (of: (cpu: Machine["cpus"][number]) => number) => cpus.reduce((all, cpu) => all + of(cpu), 0);
  return {
    invlpgs: sum((cpu) => cpu.counters.invlpgs),
    ipis: sum((cpu) => cpu.counters.ipisReceived),
    writes: sum((cpu) => cpu.counters.cr3Writes),
    flushes: sum((cpu) => cpu.counters.cr3Writes - cpu.counters.cr3NoFlush),
  };
}

function perform({ kernel }: Machine, task: Task, { op, page }: KernelOp, value: number): string {
  const va = AREA + page * PAGE_SIZE;
  // A handler, so that a bad access does not end the process.
  task.signal.handlers.set("SIGSEGV", () => {});
  const protect = (prot: number) => `mprotect: ${sysMprotect(kernel, task, va, PAGE_SIZE, prot)}`;
  try {
    if (op === "load") return `read ${task.load(va, 1)}`;
    if (op === "store") {
      task.store(va, 1, value % 256);
      return "stored";
    }
    if (op === "make read-only") return protect(1);
    if (op === "make writable") return protect(3);
    if (op === "make unreachable") return protect(0);
    if (op === "unmap") return `munmap: ${sysMunmap(kernel, task, va, PAGE_SIZE)}`;
    if (op === "map") return `mmap: ${hex(sysMmap(kernel, task, va, PAGE_SIZE, 3, ANON_FIXED))}`;
    kernel.goIdle(task);
    return "waits";
  } catch (error) {
    if (error instanceof SignalError) return `${error.signal} (${error.code})`;
    throw error;
  }
}
