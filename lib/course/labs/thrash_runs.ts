/**
 * Test bench of lab 06.5: runs of a machine that thrashes, and of machines that only look a little like it,
 * watched as `vmstat 1` would.
 *
 *   programs on one CPU --> a sampler wakes up every so often --> counters of /proc/vmstat
 *                       '-> when they ended: who ran, who waited --> user, system, idle, iowait of /proc/stat
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
import { PLAIN_RULE, type ThrashingRule, type VmSample } from "./thrash.js";

const COUNTERS = [
  ...["pgmajfault", "pgsteal_anon", "pgsteal_file", "pswpin", "pswpout"],
  ...["workingset_refault_anon", "workingset_refault_file", "workingset_activate_file"],
] as const;

/** Where memory goes. */
type ThrashDevice = "ssd" | "hdd" | "zram";

/** What runs, in words. */
const SCENES = {
  fits: "two programs whose pages fit into memory together",
  light: "three programs whose pages do not quite fit, with much work on each",
  cold: "a program that fills more than memory and uses none of it again",
  start: "programs that start one after the other",
  stream: "a program that reads a large file again and again",
  return: "a program that comes back to its pages after another one has filled memory",
  sleepy: "a program that sleeps most of the time and uses few pages",
  ends: "five programs in turns whose pages do not fit, four of which end",
};

type ThrashScene = keyof typeof SCENES;

const RAM_PAGES = 1024;
const DATA = "/data/big";
const DATA_BYTES = 1.5 * RAM_PAGES * PAGE_SIZE;

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

  /** Takes a sample if it is time; nobody's step has begun later than this one. */
  look(always = false): void {
    const { kernel, clock } = this.machine;
    const last = this.samples[this.samples.length - 1];
    if (!always && last !== undefined && clock.nowNs < last.ns + this.everyNs) return;
    const { sys } = kernel;
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
    this.look(true);
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
    let system = 0;
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
      sample.system = Math.max(system, sums.run - sample.user);
      system = sample.system; // a step in which a program works is counted when it ends
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

/** Reads a file that is larger than RAM from end to end, again and again. */
function* stream(watch: Watch, process: Process, endNs: number): Generator<void, void> {
  const buffer = process.mmap(16 * PAGE_SIZE);
  const fd = process.open(DATA, { writable: false });
  for (let at = 0; watch.machine.clock.nowNs < endNs; at = (at + 16 * PAGE_SIZE) % DATA_BYTES) {
    process.pread(fd, buffer, 16 * PAGE_SIZE, at);
    watch.compute(1000);
    yield;
  }
}

/** Programs start one after the other: each maps a file that is not in memory, and reads a part of it. */
function* starts(watch: Watch, process: Process, endNs: number): Generator<void, void> {
  const fd = process.open(DATA, { writable: false });
  while (watch.machine.clock.nowNs < endNs) {
    const start = process.mmap(400 * PAGE_SIZE, { fd });
    for (let page = 0; page < 400; page += 16) {
      process.load(start + page * PAGE_SIZE, 4);
      watch.compute(2000);
      yield;
    }
    process.munmap(start, 400 * PAGE_SIZE);
    process.dropCache(fd);
  }
}

/** A program that comes back to its pages after another one has filled memory. */
function returning(watch: Watch, ns: number): Acts {
  const { clock } = watch.machine;
  const startNs = clock.nowNs;
  return {
    *sleeper(process) {
      const start = yield* fill(process, 200);
      process.nanosleep(ns / 2);
      yield;
      for (let page = 0; page < 200; page++) {
        process.load(start + page * PAGE_SIZE, 4);
        watch.compute(2000);
        yield;
      }
      yield* use(watch, process, { start, pages: 200 }, { untilNs: startNs + ns, computeNs: 2000, seed: 1 });
    },
    *filler(process) {
      yield* fill(process, RAM_PAGES);
      process.nanosleep(Math.round(0.9 * ns)); // its pages stay
      yield;
    },
  };
}

function actsOf(watch: Watch, scene: ThrashScene, ns: number): Acts {
  const { clock } = watch.machine;
  const endNs = clock.nowNs + ns;
  switch (scene) {
    case "fits":
      return inTurns(watch, 2, 200, ns);
    case "light":
      return inTurns(watch, 3, 300, ns, 200_000);
    case "cold":
      return {
        *cold(process) {
          const pages = 2 * RAM_PAGES;
          const start = yield* fill(process, pages);
          yield* use(
            watch,
            process,
            { start: start + (pages - 50) * PAGE_SIZE, pages: 50 },
            { untilNs: endNs, computeNs: 2000, seed: 1 },
          );
        },
      };
    case "start":
      return {
        *starter(process) {
          yield* starts(watch, process, endNs);
        },
      };
    case "stream":
      return {
        *reader(process) {
          yield* stream(watch, process, endNs);
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
          while (clock.nowNs < endNs) {
            process.load(start + random.below(RAM_PAGES) * PAGE_SIZE, 4);
            watch.compute(2000);
            process.nanosleep(ns / 100);
            yield;
          }
        },
      };
    case "ends": {
      const all = inTurns(watch, 4, 600, 0.6 * ns);
      const some = inTurns(watch, 1, 450, ns);
      return { ...all, long: some.p1! };
    }
  }
}

/** A run to be judged. */
interface ThrashRun {
  readonly scene: ThrashScene;
  readonly device: ThrashDevice;
  /** Whether the machine thrashes for a while. */
  readonly thrashes: boolean;
}

const RUNS: readonly (readonly [ThrashScene, ThrashDevice])[] = [
  ...([
    ["ends", "ssd"],
    ["ends", "hdd"],
    ["ends", "zram"],
  ] as const),
  ...([
    ["fits", "zram"],
    ["light", "ssd"],
    ["cold", "zram"],
    ["start", "ssd"],
    ["stream", "zram"],
  ] as const),
  ...([
    ["return", "ssd"],
    ["return", "zram"],
    ["sleepy", "hdd"],
  ] as const),
];

/** The runs of lab 06.5. */
export const THRASH_RUNS: readonly ThrashRun[] = RUNS.map(([scene, device]) => {
  return { scene, device, thrashes: scene === "ends" };
});

/** How long the runs on each device are, how many samples are taken, and how far back to look, in ns. */
const TIMES: Readonly<Record<ThrashDevice, { ns: number; nr: number; windowNs: number }>> = {
  ssd: { ns: 40e6, nr: 40, windowNs: 10e6 },
  zram: { ns: 60e6, nr: 60, windowNs: 12e6 },
  hdd: { ns: 2e9, nr: 60, windowNs: 0.4e9 },
};

/** The rule for a device's runs. */
export function ruleFor(device: ThrashDevice): ThrashingRule {
  return { ...PLAIN_RULE, windowNs: TIMES[device].windowNs };
}

/** A run in words. */
export function runText({ scene, device }: ThrashRun): string {
  return `${SCENES[scene]}, swap on ${device === "ssd" ? "an SSD" : device === "hdd" ? "a disk" : "zram"}`;
}

/** Runs the scene on a new machine; its samples. */
export function watchRun({ scene, device }: ThrashRun): VmSample[] {
  const { ns, nr } = TIMES[device];
  const disk = device === "zram" ? "ssd" : device;
  const swap = device === "zram" ? {} : { swap: { size: "32 MiB", disk: device } };
  const machine = boot({ ram: RAM_PAGES * PAGE_SIZE, cpus: 1, disk, ...swap });
  if (device === "zram") {
    procfsOf(machine).write("/sys/block/zram0/disksize", "32M");
    machine.mkswap("/dev/zram0");
    machine.swapon("/dev/zram0");
  }
  const { sys } = machine.kernel;
  sys.readAheadPages = 32;
  machine.kernel.files.writeFile(DATA, new Uint8Array(DATA_BYTES).fill(7));
  const setup = machine.spawn("setup");
  const fd = setup.open(DATA);
  setup.fsync(fd);
  setup.dropCache(fd);
  setup.exit();
  const watch = new Watch(machine, Math.round(ns / nr));
  const acts = actsOf(watch, scene, ns);
  const programs: Record<string, ProgramFunction> = {};
  for (const [name, act] of Object.entries(acts))
    programs[name] = function* (process) {
      for (const steps = act(process); ; ) {
        watch.look();
        if (steps.next().done === true) break;
        yield;
      }
      watch.ended++;
      process.exit();
    };
  const nrActs = Object.keys(acts).length;
  const ran = machine.runPrograms(
    { ...programs, sampler: (process) => watch.sampler(process, nrActs) },
    { maxSteps: 1e7 },
  );
  watch.fillTimes(Object.values(ran.programs).flatMap(({ spans }) => spans));
  return watch.samples;
}
