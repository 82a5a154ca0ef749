/**
 * Thrashing, measured: several programs whose memory does not fit together, on one machine, in turns.
 *
 *    each program    loads its data (text, so that it can be compressed), then again and again
 *                      32 times: uses a page of its own, anywhere, and computes on it (2 us); every fourth is
 *                      a write
 *                      waits for somebody else: a request, a user (200 us)
 *
 *    useful work
 *      |        __                one program leaves the CPUs idle while it waits; more of them use the time
 *      |      _/  |               ... until their memory is more than there is
 *      |    _/    |___            then each page that comes in pushes out one that is needed next: all wait
 *      |  _/          '-----      for the swap device, and the more there are the less is done
 *      +--------------------- programs at once
 *
 *    measureThrashing({ programs: 8, swap: "disk" })       one point of that curve
 *    measureThrashing({ programs: 8, atOnce: 4 })          the same work in two batches
 *
 * Each program has the same work, and the time counts until the last has done its part. Who has done it keeps
 * its memory, as a service does, and works no more. What is measured is the work; loading is told apart
 * (`loadNs`). The same options give the same figures.
 *
 * Not in Linux. P. Denning, "Thrashing: its causes and prevention", 1968, has the curve. Read first:
 * ../kernel/programs.ts. Read next: draw_thrashing.ts.
 */
import { PAGE_SIZE } from "../hw/address.js";
import type { BlockModelName } from "../hw/block_device.js";
import { valueText } from "../hw/options.js";
import { Random } from "../hw/random.js";
import { checkArguments } from "../hw/signature.js";
import { parseSize } from "../hw/size.js";
import { boot, type Machine, type MachineParts } from "../kernel/machine.js";
import type { Process } from "../kernel/process.js";
import type { ProgramFunction, ProgramResult } from "../kernel/programs.js";
import { SignalError } from "../kernel/signal.js";
import { procfsOf } from "../procfs/mount.js";
import { vmstatValue } from "../procfs/vmstat.js";
import { type Pressure, samplePressure } from "./pressure.js";

/** Where memory goes that does not fit. zswap lies in front of an SSD. */
export type ThrashingSwap = "ssd" | "disk" | "stick" | "zram" | "zswap";

/** What is to be measured; all has a default. */
export interface ThrashingOptions {
  /** "16 MiB" unless given. */
  readonly ram?: string | number;
  /** 2 unless given. */
  readonly cpus?: number;
  /** How many programs there are; 6 unless given. */
  readonly programs?: number;
  /** How many of them at the same time, the others afterwards; all unless given. */
  readonly atOnce?: number;
  /** What each program works on; "2 MiB" unless given. */
  readonly memoryEach?: string | number;
  /** "ssd" unless given. */
  readonly swap?: ThrashingSwap;
  /** How often each program works and waits; 25 unless given. */
  readonly rounds?: number;
  /** Pages that it uses in each round; 32 unless given. */
  readonly accesses?: number;
  /** How long it computes on each, in ns; 2000 unless given. */
  readonly computeNs?: number;
  /** How long it waits after each round, in ns; 200,000 unless given. */
  readonly waitNs?: number;
  /** Whether `pressure` shall be there: the work over time. It takes longer to run. */
  readonly watch?: boolean;
  /**
   * Done to the machine before it starts, such as `(m) => m.procfs.write("/proc/sys/vm/swappiness", "10")`.
   */
  readonly prepare?: (machine: Machine) => void;
  /** Parts of the kernel that take the place of the lib's own. */
  readonly parts?: Partial<MachineParts>;
}

/** What was measured. */
export interface Thrashing {
  readonly swap: ThrashingSwap;
  readonly ramBytes: number;
  readonly programs: number;
  readonly atOnce: number;
  /** Programs whose memory fits into RAM together. */
  readonly fit: number;
  /** From the start of the work to its end, without loading, in simulated ns; batches added up. */
  readonly ns: number;
  /** When the first program had done its part of the work, counted as `ns` is: the last batch's. */
  readonly firstDoneNs: number;
  /** Loading the data: filling memory, and swapping out what does not fit. */
  readonly loadNs: number;
  /** Pages used. */
  readonly accesses: number;
  readonly accessesPerSecond: number;
  /** Part of all CPUs' time in which programs computed, 0 to 1. */
  readonly usefulCpu: number;
  /** Part of all CPUs' time in which programs ran, the kernel on their behalf included. */
  readonly busyCpu: number;
  /** Part of the programs' time that they waited for the swap device, or for memory. */
  readonly waiting: number;
  readonly majorFaults: number;
  /** Pages by the counters of /proc/vmstat, during the work. */
  readonly pswpin: number;
  readonly pswpout: number;
  readonly zswpin: number;
  readonly zswpout: number;
  readonly refaults: number;
  /** Programs that the OOM killer ended. */
  readonly killed: number;
  /** Where the time of each program went, in the order in which they were loaded. */
  readonly each: readonly ThrashingProgram[];
  /** The work of the first batch over time, if it was watched. */
  readonly pressure?: Pressure;
}

/** Where the time of one program went until its work was done, in ns. */
export interface ThrashingProgram {
  readonly name: string;
  /** It had a CPU, in the kernel or not. */
  readonly runNs: number;
  /** Its CPU was taken. */
  readonly readyNs: number;
  /** It waited for the swap device, or for memory. */
  readonly ioNs: number;
  /** It waited for the next request, as programs do that have nothing to do. */
  readonly idleNs: number;
  /** All of it: when its work was done. */
  readonly doneNs: number;
}

const DISKS: Readonly<Record<ThrashingSwap, BlockModelName | undefined>> = {
  ...{ ssd: "ssd", disk: "hdd", stick: "usb", zram: undefined, zswap: "ssd" },
};
/** Size of the area: never what runs short. */
const SWAP_SIZE = "128 MiB";
/** Pages of text that programs load. */
const TEXT_PAGES = 64;
const TEXT_FILE = "/data/text";
/** One access in so many is a write. */
const WRITE_EVERY = 4;
const WORDS = (
  "the a frame page of process memory is not in swap so kernel must read it again from disk while every " +
  "other program waits for its own and nobody works"
).split(" ");

/** Options with their defaults. */
type Setting = Required<Omit<ThrashingOptions, "parts" | "prepare" | "ram" | "memoryEach">> & {
  readonly ramBytes: number;
  readonly pagesEach: number;
};

/** Runs the programs on a fresh machine. RangeError for a number that cannot be. Not in Linux. */
export function measureThrashing(options: ThrashingOptions = {}): Thrashing {
  const setting = settingOf(options);
  const { swap, cpus, ramBytes, pagesEach, programs, atOnce } = setting;
  const disk = DISKS[swap];
  const machine = boot({
    ...{ ram: ramBytes, cpus, parts: options.parts ?? {} },
    ...(disk !== undefined && { swap: { size: SWAP_SIZE, disk } }),
  });
  prepare(machine, swap);
  options.prepare?.(machine);
  const run = new ThrashingRun(machine, setting);
  const fit = Math.floor(usablePages(machine) / pagesEach);
  for (let first = 0; first < programs; first += atOnce) run.batch(first, Math.min(programs, first + atOnce));
  return { swap, ramBytes, programs, atOnce, fit, ...run.result() };
}

function settingOf(options: ThrashingOptions): Setting {
  const count = "count";
  checkArguments(
    "measureThrashing()",
    {
      options: {
        ...{ ram: "size", cpus: count, programs: count, atOnce: count, memoryEach: "size", swap: "text" },
        ...{ rounds: count, accesses: count, computeNs: count, waitNs: count },
        ...{ watch: "flag", prepare: "function", parts: "object" },
      },
    },
    [options],
  );
  const { cpus = 2, programs = 6, swap = "ssd", rounds = 25, accesses = 32 } = options;
  const { atOnce = programs, computeNs = 2000, waitNs = 200_000, watch = false } = options;
  if (!Object.hasOwn(DISKS, swap))
    throw new RangeError(
      `measureThrashing(): swap is one of ${Object.keys(DISKS).join(", ")}; got ${valueText(swap)}`,
    );
  for (const [name, value] of Object.entries({ programs, atOnce, rounds, accesses }))
    if (value < 1) throw new RangeError(`measureThrashing(): ${name} is at least 1; got ${value}`);
  if (programs > 64) throw new RangeError(`measureThrashing(): programs is at most 64; got ${programs}`);
  const pagesEach = parseSize(options.memoryEach ?? "2 MiB", "memoryEach") / PAGE_SIZE;
  if (!(pagesEach >= 1 && Number.isInteger(pagesEach)))
    throw new RangeError(
      `measureThrashing(): memoryEach is a whole number of pages, not ${valueText(options.memoryEach)}`,
    );
  const ramBytes = parseSize(options.ram ?? "16 MiB", "ram");
  return { cpus, programs, atOnce, swap, rounds, accesses, computeNs, waitNs, watch, pagesEach, ramBytes };
}

/** The text to load, and swap that is no disk. */
function prepare(machine: Machine, swap: ThrashingSwap): void {
  const random = new Random(1);
  let text = "";
  while (text.length < TEXT_PAGES * PAGE_SIZE) text += `${WORDS[random.below(WORDS.length)]} `;
  machine.kernel.files.writeFile(TEXT_FILE, new TextEncoder().encode(text.slice(0, TEXT_PAGES * PAGE_SIZE)));
  const proc = procfsOf(machine);
  if (swap === "zswap") proc.write("/sys/module/zswap/parameters/enabled", "Y");
  if (swap !== "zram") return;
  proc.write("/sys/block/zram0/disksize", SWAP_SIZE.replace(" MiB", "M"));
  machine.mkswap("/dev/zram0");
  machine.swapon("/dev/zram0");
}

/** Pages that programs can have before somebody must reclaim. */
function usablePages({ kernel }: Machine): number {
  return kernel.sys.zones.reduce((sum, { nrFreePages, watermark }) => sum + nrFreePages - watermark.low, 0);
}

const COUNTERS = ["pgmajfault", "pswpin", "pswpout", "zswpin", "zswpout", "workingset_refault_anon"] as const;

/** The batches of one machine, and their sums. */
class ThrashingRun {
  private readonly machine: Machine;
  private readonly setting: Setting;
  private readonly counted: Record<(typeof COUNTERS)[number], number>;
  private readonly sums = {
    ns: 0,
    loadNs: 0,
    accesses: 0,
    runNs: 0,
    ioNs: 0,
    programNs: 0,
    killed: 0,
    firstDoneNs: 0,
  };
  private readonly each: ThrashingProgram[] = [];
  private pressure: Pressure | undefined;

  constructor(machine: Machine, setting: Setting) {
    this.machine = machine;
    this.setting = setting;
    this.counted = Object.fromEntries(COUNTERS.map((name) => [name, 0])) as typeof this.counted;
  }

  /** Programs `first` to `end` load, work at the same time, and end. */
  batch(first: number, end: number): void {
    const { machine, sums } = this;
    const { sys } = machine.kernel;
    const loadingNs = machine.clock.nowNs;
    const processes: Record<string, Process> = {};
    const programs: Record<string, ProgramFunction> = {};
    const areas: number[] = [];
    for (let nr = first; nr < end; nr++) {
      const process = machine.spawn(`p${nr + 1}`);
      process.setaffinity(nr % this.setting.cpus);
      processes[process.name] = process;
      const at = process.mmap(this.setting.pagesEach * PAGE_SIZE);
      areas.push(at);
      programs[process.name] = () => this.work(process, at, nr);
    }
    this.load(Object.values(processes), areas);
    for (const [name, { alive }] of Object.entries(processes)) {
      if (alive) continue;
      sums.killed++;
      delete programs[name];
      delete processes[name];
    }
    sums.loadNs += machine.clock.nowNs - loadingNs;
    const before = COUNTERS.map((name) => vmstatValue(sys, name));
    const act = (): void => this.run(programs, processes);
    if (this.setting.watch && first === 0) this.pressure = samplePressure(machine, act);
    else act();
    COUNTERS.forEach((name, i) => {
      this.counted[name] += vmstatValue(sys, name) - before[i]!;
    });
    for (const process of Object.values(processes)) if (process.alive) process.exit();
  }

  /** The work of one batch. */
  private run(programs: Record<string, ProgramFunction>, processes: Record<string, Process>): void {
    const { programs: ended, ns } = this.machine.runPrograms(programs, { processes, maxSteps: 1e8 });
    const all = Object.values(ended).map(programTimes);
    this.each.push(...all);
    this.sums.ns += ns;
    this.sums.firstDoneNs = Math.min(...all.map(({ doneNs }) => doneNs));
    this.sums.killed += Object.values(ended).filter(({ error }) => error !== undefined).length;
  }

  /** Each reads its data, all side by side; each page of each is different. The OOM killer may come. */
  private load(processes: readonly Process[], areas: readonly number[]): void {
    const fds = processes.map((process) => process.open(TEXT_FILE, { writable: false }));
    for (let page = 0; page < this.setting.pagesEach; page++)
      for (const [i, process] of processes.entries()) {
        if (!process.alive) continue;
        const va = areas[i]! + page * PAGE_SIZE;
        unlessKilled(() => {
          process.pread(fds[i]!, va, PAGE_SIZE, ((i * 7 + page) % TEXT_PAGES) * PAGE_SIZE);
          process.store(va, 4, page * processes.length + i);
        });
      }
    for (const [i, process] of processes.entries()) if (process.alive) process.close(fds[i]!);
  }

  private *work(process: Process, at: number, nr: number): Generator<void, void> {
    const { rounds, accesses, pagesEach, computeNs, waitNs } = this.setting;
    const { clock } = this.machine;
    const random = new Random(nr + 1);
    for (let round = 0; round < rounds; round++) {
      for (let i = 0; i < accesses; i++) {
        const va = at + random.below(pagesEach) * PAGE_SIZE;
        if (i % WRITE_EVERY === 0) process.store(va, 4, round);
        else process.load(va, 4);
        clock.advance(computeNs);
        this.sums.accesses++;
        yield;
      }
      process.nanosleep(waitNs);
      yield;
    }
  }

  result(): Omit<Thrashing, "swap" | "ramBytes" | "programs" | "atOnce" | "fit"> {
    const { ns, loadNs, firstDoneNs, accesses, killed } = this.sums;
    const { each } = this;
    const sum = (of: keyof Omit<ThrashingProgram, "name">): number =>
      each.reduce((all, program) => all + program[of], 0);
    const { pgmajfault, workingset_refault_anon: refaults, ...counters } = this.counted;
    const cpuNs = ns * this.setting.cpus;
    return {
      ...{ ns, firstDoneNs, loadNs, accesses, accessesPerSecond: (accesses / ns) * 1e9 },
      usefulCpu: (accesses * this.setting.computeNs) / cpuNs,
      ...{ busyCpu: sum("runNs") / cpuNs, waiting: sum("ioNs") / sum("doneNs") },
      ...{ majorFaults: pgmajfault, ...counters, refaults, killed },
      each,
      ...(this.pressure !== undefined && { pressure: this.pressure }),
    };
  }
}

/** Where the time of a program went. */
function programTimes({ name, spans, startNs, endNs }: ProgramResult): ThrashingProgram {
  const spent = (...kinds: readonly string[]): number =>
    spans.reduce((sum, { what, fromNs, toNs }) => sum + (kinds.includes(what) ? toNs - fromNs : 0), 0);
  return {
    ...{ name, runNs: spent("run"), readyNs: spent("ready"), ioNs: spent("io", "reclaim", "throttled") },
    ...{ idleNs: spent("sleep"), doneNs: endNs - startNs },
  };
}

/** Goes on where the process that acts was killed. */
function unlessKilled(act: () => void): void {
  try {
    act();
  } catch (error) {
    if (!(error instanceof SignalError)) throw error;
  }
}
