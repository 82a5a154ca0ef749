/**
 * Test bench of lab 06.5: runs of a machine that thrashes, and of machines that only look a little like it, watched
 * as `vmstat 1` would.
 *
 *   programs on one CPU --> a sampler wakes up every so often --> counters of /proc/vmstat
 *                       '-> when they ended: who ran, who waited --> user, system, idle, iowait of /proc/stat
 *
 *   in turns     several programs, each with a working set; they fit together, or they do not
 *   cold         memory is filled once and never used again: pages go out, none comes back
 *   start        a program maps a file and reads it page by page: major faults
 *   stream       a file larger than RAM is read, twice
 *   return       a program that slept while others filled memory comes back to its pages
 *   light        too little memory, but much work with each page
 *
 * Not in Linux: a helper of the course. Read first: kernel/programs.ts, view/thrashing.ts.
 */
import { PAGE_SIZE } from "../../hw/address.js";
import { Random } from "../../hw/random.js";
import { boot, type Machine } from "../../kernel/machine.js";
import type { Process } from "../../kernel/process.js";
import type { ProgramFunction, ProgramSpan } from "../../kernel/programs.js";
import { procfsOf } from "../../procfs/mount.js";
import { vmstatValue } from "../../procfs/vmstat.js";

/** Counters of a machine at one moment, as lab 06.5 has them. */
export interface VmSample {
  ns: number;
  user: number;
  system: number;
  idle: number;
  iowait: number;
  pgmajfault: number;
  pgsteal_anon: number;
  pgsteal_file: number;
  pswpin: number;
  pswpout: number;
  workingset_refault_anon: number;
  workingset_refault_file: number;
  workingset_activate_file: number;
}

const COUNTERS = [
  ...["pgmajfault", "pgsteal_anon", "pgsteal_file", "pswpin", "pswpout"],
  ...["workingset_refault_anon", "workingset_refault_file", "workingset_activate_file"],
] as const;

/** Where memory goes. */
export type ThrashDevice = "ssd" | "hdd" | "zram";

/** What runs. */
export type ThrashScene =
  | "in turns"
  | "fits"
  | "light"
  | "cold"
  | "start"
  | "stream"
  | "return"
  | "sleepy"
  | "ends";

const RAM_PAGES = 2048;
const DATA = "/data/big";

/** Where the programs' time went, and what has been sampled. */
class Watch {
  readonly samples: VmSample[] = [];
  /** Time that programs worked for themselves. */
  userNs = 0;
  ended = 0;

  constructor(
    readonly machine: Machine,
    private readonly everyNs: number,
  ) {}

  compute(ns: number): void {
    this.machine.clock.advance(ns);
    this.userNs += ns;
  }

  look(): void {
    const { sys } = this.machine.kernel;
    const counters = Object.fromEntries(COUNTERS.map((name) => [name, vmstatValue(sys, name)]));
    const times = { ns: this.machine.clock.nowNs, user: this.userNs, system: 0, idle: 0, iowait: 0 };
    this.samples.push({ ...times, ...counters } as unknown as VmSample);
  }

  /** Wakes up again and again until `others` programs have ended. */
  *sampler(process: Process, others: number): Generator<void, void> {
    while (this.ended < others) {
      this.look();
      yield;
      process.nanosleep(this.everyNs);
      yield;
    }
    this.look();
  }

  /** Divides the time up to each sample among what the CPU did. */
  fillTimes(spans: readonly ProgramSpan[]): void {
    const edges = spans.flatMap(({ what, fromNs, toNs }) => [
      { ns: fromNs, what, by: 1 },
      { ns: toNs, what, by: -1 },
    ]);
    edges.sort((a, b) => a.ns - b.ns);
    const now = new Map<string, number>();
    const sums = { run: 0, idle: 0, iowait: 0 };
    let lastNs = this.samples[0]!.ns;
    let at = 0;
    const goOn = (ns: number): void => {
      const has = (what: string): boolean => (now.get(what) ?? 0) > 0;
      const kind = has("run") || has("ready") ? "run" : has("io") || has("writeback") ? "iowait" : "idle";
      sums[kind] += ns - lastNs;
      lastNs = ns;
    };
    for (const sample of this.samples) {
      for (; at < edges.length && edges[at]!.ns <= sample.ns; at++) {
        const { ns, what, by } = edges[at]!;
        if (ns > lastNs) goOn(ns);
        now.set(what, (now.get(what) ?? 0) + by);
      }
      goOn(sample.ns);
      sample.idle = sums.idle;
      sample.iowait = sums.iowait;
      sample.system = Math.max(0, sums.run - sample.user);
    }
  }
}

/** A program's own pages. */
function* fill(process: Process, pages: number): Generator<void, number> {
  const start = process.mmap(pages * PAGE_SIZE);
  for (let page = 0; page < pages; page++) {
    process.store(start + page * PAGE_SIZE, 4, page + 1);
    yield;
  }
  return start;
}

/** Uses pages anywhere in them until `untilNs`, `computeNs` on each. */
function* use(
  watch: Watch,
  process: Process,
  area: { start: number; pages: number },
  options: { untilNs: number; computeNs: number; seed: number },
): Generator<void, void> {
  const random = new Random(options.seed);
  const { clock } = watch.machine;
  while (clock.nowNs < options.untilNs) {
    const va = area.start + random.below(area.pages) * PAGE_SIZE;
    if (random.chance(25)) process.store(va, 4, 7);
    else process.load(va, 4);
    watch.compute(options.computeNs);
    yield;
  }
}

type Acts = Record<string, (process: Process) => Generator<void, unknown>>;

/** Several programs with `pages` each, for `ns`. */
function inTurns(watch: Watch, programs: number, pages: number, ns: number, computeNs = 2000): Acts {
  const acts: Acts = {};
  const untilNs = watch.machine.clock.nowNs + ns;
  for (let seed = 1; seed <= programs; seed++)
    acts[`p${seed}`] = function* (process) {
      const start = yield* fill(process, pages);
      yield* use(watch, process, { start, pages }, { untilNs, computeNs, seed });
    };
  return acts;
}

function* stream(watch: Watch, process: Process): Generator<void, void> {
  const buffer = process.mmap(16 * PAGE_SIZE);
  const fd = process.open(DATA, { writable: false });
  for (let round = 0; round < 2; round++)
    for (let at = 0; at < 1.5 * RAM_PAGES * PAGE_SIZE; at += 16 * PAGE_SIZE) {
      process.pread(fd, buffer, 16 * PAGE_SIZE, at);
      watch.compute(8000);
      yield;
    }
}

function* mapped(watch: Watch, process: Process, pages: number, order: Random): Generator<void, void> {
  const start = process.mmap(pages * PAGE_SIZE, { fd: process.open(DATA, { writable: false }) });
  for (let i = 0; i < pages; i++) {
    process.load(start + order.below(pages) * PAGE_SIZE, 4);
    watch.compute(2000);
    yield;
  }
}

/** A program that comes back to its pages after another one has filled memory. */
function returning(watch: Watch, ns: number): Acts {
  const { clock } = watch.machine;
  const startNs = clock.nowNs;
  return {
    *sleeper(process) {
      const start = yield* fill(process, 400);
      process.nanosleep(ns / 2);
      yield;
      for (let page = 0; page < 400; page++) {
        process.load(start + page * PAGE_SIZE, 4);
        watch.compute(2000);
        yield;
      }
      yield* use(watch, process, { start, pages: 400 }, { untilNs: startNs + ns, computeNs: 2000, seed: 1 });
    },
    *filler(process) {
      yield* fill(process, RAM_PAGES);
      watch.compute(ns / 4);
      yield;
    },
  };
}

function actsOf(watch: Watch, scene: ThrashScene, ns: number): Acts {
  const { clock } = watch.machine;
  switch (scene) {
    case "in turns":
      return inTurns(watch, 6, 512, ns);
    case "fits":
      return inTurns(watch, 3, 400, ns);
    case "light":
      return inTurns(watch, 4, 440, ns, 400_000);
    case "cold":
      return {
        *cold(process) {
          yield* fill(process, 2 * RAM_PAGES);
          watch.compute(ns / 2);
          yield;
        },
      };
    case "start":
      return {
        ...inTurns(watch, 1, 200, ns),
        *start(process) {
          yield* mapped(watch, process, 600, new Random(3));
        },
      };
    case "stream":
      return {
        ...inTurns(watch, 1, 200, ns),
        *reader(process) {
          yield* stream(watch, process);
        },
      };
    case "return":
      return returning(watch, ns);
    case "sleepy":
      return {
        ...inTurns(watch, 0, 0, ns),
        *sleepy(process) {
          const start = yield* fill(process, RAM_PAGES);
          const random = new Random(5);
          while (clock.nowNs < ns) {
            process.load(start + random.below(RAM_PAGES) * PAGE_SIZE, 4);
            watch.compute(2000);
            process.nanosleep(ns / 100);
            yield;
          }
        },
      };
    case "ends": {
      const all = inTurns(watch, 6, 512, ns / 2);
      const some = inTurns(watch, 1, 512, ns);
      return { ...all, long: some.p1! };
    }
  }
}

/** Runs the scene for about `ns`, sampled about `nr` times. */
export function watchScene(scene: ThrashScene, device: ThrashDevice, ns: number, nr: number): VmSample[] {
  const disk = device === "zram" ? "ssd" : device;
  const swap = device === "zram" ? {} : { swap: { size: "32 MiB", disk: device } };
  const machine = boot({ ram: RAM_PAGES * PAGE_SIZE, cpus: 1, disk, ...swap });
  if (device === "zram") {
    procfsOf(machine).write("/sys/block/zram0/disksize", "32M");
    machine.mkswap("/dev/zram0");
    machine.swapon("/dev/zram0");
  }
  machine.kernel.files.writeFile(DATA, new Uint8Array(1.5 * RAM_PAGES * PAGE_SIZE).fill(7));
  const watch = new Watch(machine, ns / nr);
  const acts = actsOf(watch, scene, ns);
  const programs: Record<string, ProgramFunction> = {};
  for (const [name, act] of Object.entries(acts))
    programs[name] = function* (process) {
      try {
        yield* act(process);
      } finally {
        watch.ended++;
      }
    };
  const nrActs = Object.keys(acts).length;
  const ran = machine.runPrograms(
    { ...programs, sampler: (process) => watch.sampler(process, nrActs) },
    { maxSteps: 1e7 },
  );
  watch.fillTimes(Object.values(ran.programs).flatMap(({ spans }) => spans));
  return watch.samples;
}
