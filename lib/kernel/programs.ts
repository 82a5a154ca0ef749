/**
 * Several programs at the same time: who works when, and who waits for what.
 *
 *   machine.runPrograms({
 *     *reader(p) { ...; yield; p.load(a); yield; ... },          each operation up to the next yield is one step
 *     *writer(p) { ... },
 *   })
 *
 *   reader   |run|...waits for the disk.....|run|                       CPU 0
 *   writer   |run|run|run|run|..............                            CPU 1: a time of its own
 *
 * Each CPU has its own time. The program that could go on earliest goes next: when it is ready, and when its
 * CPU is free. Programs that share a CPU take turns; one keeps the CPU until its time slice is over, it
 * waits, or it ends. Before a step, everything happens that devices and kernel threads do up to that moment,
 * so nobody sees the future of another, with one exception: a program that waits for a device goes on, within
 * its step, at the time at which the device answers. What it waited for is marked for the others
 * (mm/filemap/folio_wait.ts).
 *
 * A time slice can only end between two steps, so a step should be short: an access, a system call, one turn
 * of a loop.
 *
 * Differs from Linux: programs stay on their CPU; all have the same weight; the one that waits longest goes
 * next.
 *
 * Not in Linux: there, programs are programs. Read first: sched.ts. Read next: machine.ts.
 */
import { valueText } from "../hw/options.js";
import { outOfSteps, STEP_BUDGET } from "../mm/mmdebug.js";
import { SyscallError } from "./errno.js";
import type { Kernel } from "./kernel.js";
import type { Process } from "./process.js";
import type { Wait } from "./sched.js";
import { SignalError } from "./signal.js";

/** A program: a generator function; it may go on at each yield. */
export type ProgramFunction = (process: Process) => Iterator<unknown, unknown>;

/** Programs by name. */
export type Programs = Readonly<Record<string, ProgramFunction>>;

/** How programs run. */
export interface RunProgramsOptions {
  /** Processes that exist already, by the name of the program that each shall run; it stays on its CPU. */
  readonly processes?: Readonly<Record<string, Process>>;
  /** Steps of all programs together after which the run is given up; a million by default. */
  readonly maxSteps?: number;
}

/** A time in which a program worked, wanted to work, or waited. */
export interface ProgramSpan {
  /** "run", "ready" (its CPU was taken), or what it waited for. */
  readonly what: "run" | "ready" | Wait["reason"];
  readonly fromNs: number;
  readonly toNs: number;
}

/** What became of one program. */
export interface ProgramResult {
  readonly name: string;
  readonly process: Process;
  readonly cpu: number;
  /** What it returned. */
  readonly value: unknown;
  /** The signal or error of a system call that ended it. */
  readonly error: SignalError | SyscallError | undefined;
  readonly steps: number;
  /** When it began and ended, in ns. */
  readonly startNs: number;
  readonly endNs: number;
  /** In order; neighbours of one kind are one. */
  readonly spans: readonly ProgramSpan[];
}

/** What became of all of them. */
export interface ProgramsRun {
  /** By name. */
  readonly programs: Readonly<Record<string, ProgramResult>>;
  /** From the first start to the last end. */
  readonly ns: number;
}

/** What runs programs: a machine. */
interface ProgramMachine {
  readonly kernel: Kernel;
  spawn(name?: string): Process;
}

/** A program on its way. */
class Running {
  value: unknown = undefined;
  error: SignalError | SyscallError | undefined = undefined;
  steps = 0;
  ended = false;
  /** When it can go on; at the end, when it ended. */
  readyNs: number;
  readonly spans: ProgramSpan[] = [];

  constructor(
    readonly name: string,
    readonly process: Process,
    private readonly iterator: Iterator<unknown, unknown>,
    private readonly startNs: number,
  ) {
    this.readyNs = startNs;
  }

  get cpu(): number {
    return this.process.task.cpuId;
  }

  /** Does one step. */
  step(): void {
    this.steps++;
    try {
      const { done, value } = this.iterator.next();
      this.ended = done === true;
      if (this.ended) this.value = value;
    } catch (error) {
      if (!(error instanceof SignalError || error instanceof SyscallError)) throw error;
      this.error = error;
      this.ended = true;
    }
  }

  span(what: ProgramSpan["what"], fromNs: number, toNs: number): void {
    if (toNs <= fromNs) return;
    const last = this.spans.at(-1);
    if (last?.what === what && last.toNs === fromNs) this.spans[this.spans.length - 1] = { ...last, toNs };
    else this.spans.push({ what, fromNs, toNs });
  }

  get result(): ProgramResult {
    const { name, process, cpu, value, error, steps, spans } = this;
    return { name, process, cpu, value, error, steps, startNs: this.startNs, endNs: this.readyNs, spans };
  }
}

/** All programs of one run. */
class ProgramRunner {
  private readonly kernel: Kernel;
  private readonly all: Running[];
  /** The program that had each CPU last, and since when. */
  private readonly lastOn: (Running | undefined)[] = [];
  private readonly sinceNs: number[] = [];
  /** What interrupts had cost each CPU by now. */
  private readonly stolenNs: number[];
  private idleSteps = 0;

  constructor(kernel: Kernel, all: Running[]) {
    this.kernel = kernel;
    this.stolenNs = kernel.cpus.map(({ counters }) => counters.ipiStolenNs);
    this.all = all;
  }

  /** Runs them to their ends. */
  run(maxSteps: number): void {
    const { sched } = this.kernel;
    for (let steps = 0; ; ) {
      const next = this.next();
      if (next === undefined) return;
      const startNs = Math.max(next.readyNs, sched.cpuNs[next.cpu]!);
      if (this.kernel.sys.events.nextNs <= startNs) {
        this.othersWork(startNs);
        continue; // a kernel thread may have taken the CPU
      }
      if (steps++ >= maxSteps) throw new RangeError(`the programs have not ended after ${maxSteps} steps`);
      this.step(next, startNs);
    }
  }

  /** What devices or kernel threads do next, by `untilNs`. */
  private othersWork(untilNs: number): void {
    const { sys } = this.kernel;
    this.sayWhoWants(undefined);
    sys.clock.nowNs = sys.events.nextNs; // another program's time may be later
    sys.events.happen(sys.clock, untilNs);
  }

  /** From when on each CPU is wanted by a program other than `except`. */
  private sayWhoWants(except: Running | undefined): void {
    const { wantedNs } = this.kernel.sched;
    for (const cpu of wantedNs.keys())
      wantedNs[cpu] = earliest(this.all.filter((one) => one !== except && one.cpu === cpu));
  }

  /**
   * Who could go on earliest; of several on one CPU the one that has it and whose slice is not over, else who
   * has waited longest.
   */
  private next(): Running | undefined {
    const { sched } = this.kernel;
    let best: Running | undefined;
    let bestNs = Number.POSITIVE_INFINITY;
    for (const one of this.all) {
      if (one.ended) continue;
      const startNs = Math.max(one.readyNs, sched.cpuNs[one.cpu]!);
      if (best === undefined || startNs < bestNs || (startNs === bestNs && this.before(one, best, startNs))) {
        best = one;
        bestNs = startNs;
      }
    }
    return best;
  }

  private before(one: Running, other: Running, atNs: number): boolean {
    const keeps = (program: Running): boolean =>
      this.lastOn[program.cpu] === program && atNs - this.sinceNs[program.cpu]! < this.kernel.sched.sliceNs;
    if (one.cpu === other.cpu && keeps(one) !== keeps(other)) return keeps(one);
    return one.readyNs < other.readyNs;
  }

  /** One step of `program` in its own time. */
  private step(program: Running, startNs: number): void {
    const { sys, sched } = this.kernel;
    const { cpu } = program;
    program.span("ready", program.readyNs, startNs);
    if (this.lastOn[cpu] !== program || startNs - this.sinceNs[cpu]! >= sched.sliceNs)
      this.sinceNs[cpu] = startNs;
    this.lastOn[cpu] = program;
    sys.clock.nowNs = startNs;
    sched.cpuNs[cpu] = startNs;
    sched.resumedNs = startNs;
    sched.waits = [];
    sched.slowestOtherNs = earliest(this.all.filter((one) => one !== program));
    this.sayWhoWants(program);
    this.forgetMarks(startNs);
    program.step();
    sched.leaveCpu(cpu);
    sched.slowestOtherNs = Number.POSITIVE_INFINITY;
    program.readyNs = sys.clock.nowNs;
    this.noteSpans(program, startNs);
    this.chargeInterrupts();
    this.idleSteps = program.readyNs > startNs ? 0 : this.idleSteps + 1;
    if (this.idleSteps > STEP_BUDGET * this.all.length)
      throw outOfSteps(`a step of "${program.name}" that takes no time`);
  }

  /** Where the step's time went. */
  private noteSpans(program: Running, startNs: number): void {
    let atNs = startNs;
    for (const { reason, fromNs, toNs } of this.kernel.sched.waits) {
      program.span("run", atNs, fromNs);
      program.span(reason, fromNs, toNs);
      atNs = toNs;
    }
    program.span("run", atNs, program.readyNs);
  }

  /** CPUs that were interrupted lost the time that this took. */
  private chargeInterrupts(): void {
    for (const { id, counters } of this.kernel.cpus) {
      this.kernel.sched.cpuNs[id]! += counters.ipiStolenNs - this.stolenNs[id]!;
      this.stolenNs[id] = counters.ipiStolenNs;
    }
  }

  /** Marks for programs that were earlier: none is before `nowNs` any more. */
  private forgetMarks(nowNs: number): void {
    const { lockedUntilNs, writebackUntilNs } = this.kernel.sys;
    for (const marks of [lockedUntilNs, writebackUntilNs])
      for (const [folio, untilNs] of marks) if (untilNs <= nowNs) marks.delete(folio);
  }
}

/** When the first of them can go on; Infinity if all have ended. */
function earliest(programs: readonly Running[]): number {
  return Math.min(...programs.map((one) => (one.ended ? Number.POSITIVE_INFINITY : one.readyNs)));
}

/** Runs `programs` on `machine` until all have ended. TypeError for what is no program. Not in Linux. */
export function runPrograms(
  machine: ProgramMachine,
  programs: Programs,
  options: RunProgramsOptions = {},
): ProgramsRun {
  const { kernel } = machine;
  const { sys, sched } = kernel;
  if (sched.several) throw new RangeError("programs are running already; a program cannot run others");
  const unknown = Object.keys(options.processes ?? {}).find((name) => !Object.hasOwn(programs, name));
  if (unknown !== undefined)
    throw new RangeError(
      `processes: there is no program "${unknown}" to be run by ${options.processes![unknown]}`,
    );
  const startNs = sys.clock.nowNs;
  const all = Object.entries(programs).map(([name, program], i) => {
    if (typeof program !== "function")
      throw new TypeError(`program "${name}" is ${valueText(program)}, not a generator function`);
    const process = options.processes?.[name] ?? newProcess(machine, name, i);
    const steps = program(process);
    if (typeof (steps as Partial<typeof steps> | undefined)?.next !== "function")
      throw new TypeError(`program "${name}" is not a generator function: write function* and yield`);
    return new Running(name, process, steps, startNs);
  });
  sched.several = true;
  try {
    new ProgramRunner(kernel, all).run(options.maxSteps ?? 1_000_000);
  } finally {
    endRun(kernel, all, startNs);
  }
  return {
    programs: Object.fromEntries(all.map((one) => [one.name, one.result])),
    ns: sys.clock.nowNs - startNs,
  };
}

/** A process for a program, on the next CPU. */
function newProcess(machine: ProgramMachine, name: string, nr: number): Process {
  const process = machine.spawn(name);
  process.setaffinity(nr % machine.kernel.cpus.length);
  return process;
}

/** One time for all again: that of the last. */
function endRun(kernel: Kernel, all: readonly Running[], startNs: number): void {
  const { sys, sched } = kernel;
  sched.several = false;
  sched.slowestOtherNs = Number.POSITIVE_INFINITY;
  sched.wantedNs.fill(Number.POSITIVE_INFINITY);
  sched.waits = [];
  sys.lockedUntilNs.clear();
  sys.writebackUntilNs.clear();
  sys.clock.nowNs = Math.max(startNs, sys.clock.nowNs, ...all.map(({ readyNs }) => readyNs));
}
