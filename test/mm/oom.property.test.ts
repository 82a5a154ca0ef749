/**
 * Random processes that together want more than there is, so that some are killed: each step ends, in memory, in an error or in a
 * kill; who is killed had the most badness; every book is right afterwards; and when all are gone, so is all they held.
 */
import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { SyscallError } from "../../lib/kernel/errno.js";
import { boot, type Machine } from "../../lib/kernel/machine.js";
import type { Process } from "../../lib/kernel/process.js";
import { SignalError } from "../../lib/kernel/signal.js";
import type { Task } from "../../lib/kernel/task.js";
import { checkInvariants } from "../../lib/mm/debug.js";
import { lruGenChangeState } from "../../lib/mm/lru/gen/switch.js";
import { lruAddDrainAll } from "../../lib/mm/lru/swap.js";
import { nrUnusedPages } from "../../lib/mm/pages/page_alloc.js";
import { OOM_KILL } from "../../lib/mm/vmstat.js";

const PAGE = 4096;
/** Machines, and which ones; more by hand: PAGEWALK_WORLDS=500. */
const RUNS = Number(process.env.PAGEWALK_WORLDS ?? 15);
const SEED = Number(process.env.PAGEWALK_SEED ?? 1);
const MAX_PROCS = 6;
/** Direct reclaims of one allocation: 16 without progress, as often again after each kill. */
const MAX_ROUNDS = 17 * (MAX_PROCS + 2);
/** No step takes longer, however little memory there is. */
const MAX_STEP_NS = 120e9;

/** What a step does; numbers are taken modulo what there is. */
interface Step {
  readonly kind: (typeof KINDS)[number];
  readonly who: number;
  readonly pages: number;
  readonly value: number;
}
const KINDS = [
  ...([
    "grow",
    "grow",
    "grow",
    "grow",
    "spawn",
    "tmpfs",
    "memfd",
    "fileWrite",
    "fileMap",
    "fork",
    "lock",
    "adj",
  ] as const),
  ...(["shrink", "exit", "unlink", "idle", "look", "look"] as const),
];
const ADJS = [-1000, -1000, -500, -100, 0, 0, 200, 700, 1000];
const step = fc.record({
  kind: fc.constantFrom(...KINDS),
  who: fc.nat(MAX_PROCS - 1),
  pages: fc.integer({ min: 1, max: 900 }),
  value: fc.nat(255),
});

/** How a step ended. */
type Ending = "done" | "ENOMEM" | "killed";

interface Area {
  readonly addr: number;
  readonly pages: number;
}

/** A machine, its processes, and what is asked of each kill and each allocation. */
class Crowd {
  readonly machine: Machine;
  readonly procs: Process[] = [];
  private readonly areas = new Map<Process, Area[]>();
  private readonly named: string[] = [];
  private readonly unusedAtStart: number;
  /** Direct reclaims of the allocation that is under way. */
  private rounds = 0;
  private names = 0;

  constructor(ramMib: number, generations: boolean) {
    this.machine = boot({ ram: `${ramMib} MiB`, cpus: 2 });
    const { sys } = this.machine.kernel;
    sys.sysctl.overcommitMemory = 1;
    lruGenChangeState(sys, generations);
    this.unusedAtStart = this.unused();
    this.countRounds();
    this.checkVictims();
  }

  get kills(): number {
    return this.machine.kernel.sys.vmStat.events[OOM_KILL]!;
  }

  /** Frames in use by nobody, once all that only waits for somebody to come by has been done. */
  private unused(): number {
    const { sys } = this.machine.kernel;
    lruAddDrainAll(sys);
    return nrUnusedPages(sys);
  }

  /** An allocation that goes round for ever is found by its reclaims. */
  private countRounds(): void {
    const { sys } = this.machine.kernel;
    const { tryToFreePages } = sys.parts;
    sys.shouldFailAllocPage = () => {
      if (!sys.pfMemalloc) this.rounds = 0;
      return false;
    };
    sys.parts.tryToFreePages = (...args) => {
      if (++this.rounds > MAX_ROUNDS) throw new Error(`one allocation has reclaimed ${this.rounds} times`);
      return tryToFreePages(...args);
    };
  }

  /** Who is killed had the most badness of all that may be killed. */
  private checkVictims(): void {
    const { kernel } = this.machine;
    const { sys } = kernel;
    const { outOfMemory } = sys;
    sys.outOfMemory = (gfp, order) => {
      const points = new Map(
        [...kernel.tasks.values()].map((task) => [task, badness(task, sys.totalramPages)]),
      );
      const most = Math.max(...points.values());
      const { kills } = this;
      const helps = outOfMemory!(gfp, order);
      if (this.kills > kills) {
        const victims = [...points].filter(([task]) => task.oomVictim);
        expect(victims.some(([, its]) => its === most && most > Number.NEGATIVE_INFINITY)).toBe(true);
      } else if (helps === false) expect(most).toBe(Number.NEGATIVE_INFINITY);
      return helps;
    };
  }

  run({ kind, who, pages, value }: Step): Ending {
    const { machine, procs } = this;
    if (kind === "spawn" || procs.length === 0) return this.spawn(value);
    const proc = procs[who % procs.length]!;
    const { nowNs } = machine.clock;
    try {
      this.act(proc, kind, pages, value);
      return "done";
    } catch (error) {
      // mlock says so in another way. Linux mm/mlock.c:__mlock_posix_error_return()
      if (error instanceof SyscallError && /^ENOMEM|^EAGAIN: mlock/.test(error.message)) return "ENOMEM";
      if (error instanceof SignalError && error.signal === "SIGKILL" && !proc.alive) return "killed";
      throw error;
    } finally {
      if (kind !== "idle") expect(machine.clock.nowNs - nowNs).toBeLessThan(MAX_STEP_NS);
      for (const dead of procs.filter(({ alive }) => !alive)) this.forget(dead);
    }
  }

  private spawn(value: number): Ending {
    if (this.procs.length >= MAX_PROCS) return "done";
    let proc: Process;
    try {
      proc = this.machine.spawn(`p${this.names++}`);
    } catch (error) {
      if (error instanceof RangeError && /no memory/.test(error.message)) return "ENOMEM";
      throw error;
    }
    proc.task.oomScoreAdj = ADJS[value % ADJS.length]!;
    this.procs.push(proc);
    this.areas.set(proc, []);
    return "done";
  }

  private forget(proc: Process): void {
    this.procs.splice(this.procs.indexOf(proc), 1);
    this.areas.delete(proc);
  }

  private act(proc: Process, kind: Step["kind"], pages: number, value: number): void {
    const areas = this.areas.get(proc)!;
    const area = areas[value % Math.max(1, areas.length)];
    if (kind === "grow") this.use(proc, pages, "w", proc.mmap(pages * PAGE));
    else if (kind === "tmpfs" || kind === "memfd" || kind === "fileMap") this.useFile(proc, kind, pages);
    else if (kind === "fileWrite") this.writeFile(proc, pages, value);
    else if (kind === "fork") this.fork(proc);
    else if (kind === "adj") proc.task.oomScoreAdj = ADJS[value % ADJS.length]!;
    else if (kind === "exit") proc.exit();
    else if (kind === "unlink") {
      const path = this.named.pop();
      if (path !== undefined) proc.unlink(path);
    } else if (kind === "idle") this.machine.idle(value * 1e8);
    else if (area === undefined) return;
    else if (kind === "look") proc.touch(area.addr, area.pages * PAGE, "r");
    else if (kind === "lock") proc.mlock(area.addr, area.pages * PAGE);
    else {
      areas.splice(value % areas.length, 1);
      proc.munmap(area.addr, area.pages * PAGE);
    }
  }

  private use(proc: Process, pages: number, how: "r" | "w", addr: number): void {
    this.areas.get(proc)!.push({ addr, pages });
    proc.touch(addr, pages * PAGE, how);
  }

  /** Memory of a file: in tmpfs with a name or without, which nothing can free, or on the disk. */
  private useFile(proc: Process, kind: "tmpfs" | "memfd" | "fileMap", pages: number): void {
    const path = `${kind === "tmpfs" ? "/dev/shm" : "/data"}/f${this.names++}`;
    const fd = kind === "memfd" ? proc.memfdCreate("m") : this.create(proc, path);
    proc.ftruncate(fd, pages * PAGE);
    const addr = proc.mmap(pages * PAGE, { fd, shared: true });
    proc.close(fd);
    this.use(proc, pages, pages % 3 === 0 ? "r" : "w", addr);
  }

  private create(proc: Process, path: string): number {
    const fd = proc.open(path, { create: true });
    this.named.push(path);
    return fd;
  }

  private writeFile(proc: Process, pages: number, value: number): void {
    const path = `/data/f${this.names++}`;
    const buf = proc.mmap(16 * PAGE);
    const fd = this.create(proc, path);
    for (let i = 0; i < pages; i += 16) proc.write(fd, buf, 16 * PAGE);
    if (value % 4 === 0) proc.fsync(fd);
    proc.close(fd);
    proc.munmap(buf, 16 * PAGE);
  }

  private fork(proc: Process): void {
    if (this.procs.length >= MAX_PROCS) return;
    const child = proc.fork();
    this.procs.push(child);
    this.areas.set(child, [...this.areas.get(proc)!]);
  }

  /** Every count from scratch. */
  check(): void {
    const { kernel } = this.machine;
    const mms = new Set([...kernel.tasks.values()].flatMap(({ mm }) => mm ?? []));
    checkInvariants(kernel.sys, [...mms, kernel.initMm]);
  }

  /** All end, and nothing is left. */
  finish(): void {
    for (const proc of [...this.procs])
      if (proc.alive) this.run({ kind: "exit", who: this.procs.indexOf(proc), pages: 0, value: 0 });
    for (const path of this.named) expect(this.machine.kernel.files.unlink(path)).toBe(0);
    this.check();
    expect(this.unused()).toBe(this.unusedAtStart);
  }
}

/** By the rule that the manual gives: what it holds, and a thousandth of the machine for each step of its adj. */
function badness({ mm, oomScoreAdj }: Task, ramPages: number): number {
  if (mm === undefined || oomScoreAdj === -1000) return Number.NEGATIVE_INFINITY;
  const resident = mm.rssStat.reduce((sum, pages) => sum + pages, 0);
  return resident + mm.pgtablesBytes / PAGE + oomScoreAdj * Math.floor(ramPages / 1000);
}

describe("random processes that want more than there is", () => {
  it("end every step in memory, in an error or in the right kill, with every book right", () => {
    let kills = 0;
    fc.assert(
      fc.property(
        fc.array(step, { minLength: 10, maxLength: 60 }),
        fc.integer({ min: 6, max: 14 }),
        fc.boolean(),
        (steps, ramMib, generations) => {
          const crowd = new Crowd(ramMib, generations);
          for (const one of steps) {
            crowd.run(one);
            crowd.check();
          }
          kills += crowd.kills;
          crowd.finish();
        },
      ),
      { numRuns: RUNS, seed: SEED, endOnFailure: true },
    );
    expect(kills).toBeGreaterThan(RUNS / 2);
  }, 600_000);
});
