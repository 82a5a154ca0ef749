import { describe, expect, it } from "vitest";
import { boot, type Machine } from "../../lib/kernel/machine.js";
import type { Process } from "../../lib/kernel/process.js";
import { SignalError } from "../../lib/kernel/signal.js";
import { checkInvariants } from "../../lib/mm/debug.js";
import { VmBug } from "../../lib/mm/mmdebug.js";

/** Two files of 16 pages on disk that nobody has read yet. */
function cold(cpus: number): Machine {
  const machine = boot({ ram: "64 MiB", cpus });
  for (const path of ["/a", "/b"]) {
    machine.kernel.files.writeFile(path, new Uint8Array(16 * 4096).fill(7));
    const p = machine.spawn();
    p.dropCache(p.open(path));
    p.exit();
  }
  return machine;
}

/** What a request for 16 pages takes. */
const DISK_NS = 80_000 + 16 * 2_000;

/** Maps the file and reads its first byte. */
const reader = (path: string) =>
  function* (p: Process): Generator<void, number> {
    const va = p.mmap("64 KiB", { fd: p.open(path), prot: "r" });
    yield;
    return p.load(va);
  };

/** Writes to `pages` fresh pages. */
const writer = (pages: number) =>
  function* (p: Process): Generator<void, void> {
    const va = p.mmap(pages * 4096);
    yield;
    for (let page = 0; page < pages; page++) {
      p.store(va + page * 4096, 1, 1);
      yield;
    }
  };

const kinds = (spans: readonly { what: string }[]): string[] => spans.map(({ what }) => what);

describe("programs that run at the same time", () => {
  it("wait for the disk together: two files take one latency, not two", () => {
    const alone = cold(2).runPrograms({ a: reader("/a") }).ns;
    const both = cold(2).runPrograms({ a: reader("/a"), b: reader("/b") });
    expect(both.ns - alone).toBeLessThan(16 * 2_000 + 1);
    expect([both.programs.a!.value, both.programs.b!.value]).toEqual([7, 7]);
    expect(kinds(both.programs.a!.spans)).toEqual(["run", "io", "run"]);
  });

  it("share what one of them has asked for: the second waits for the rest, with a minor fault", () => {
    const machine = cold(2);
    const { programs } = machine.runPrograms({ first: reader("/a"), second: reader("/a") });
    const faults = ["first", "second"].map((name) => programs[name]!.process.getrusage());
    expect(faults.map(({ minFlt, majFlt }) => [minFlt, majFlt])).toEqual([
      [0, 1],
      [1, 0],
    ]);
    const waited = ["first", "second"].map((name) => programs[name]!.process.task.waitNs.io);
    expect(waited[0]).toBe(DISK_NS);
    expect(waited[1]).toBeLessThanOrEqual(DISK_NS);
    expect(waited[1]).toBeGreaterThan(DISK_NS - 5_000);
  });

  it("use the CPU while another waits", () => {
    const run = cold(1).runPrograms({ reads: reader("/a"), writes: writer(100) });
    const { reads, writes } = run.programs;
    const io = reads!.spans.find(({ what }) => what === "io")!;
    const busy = writes!.spans.filter(({ what }) => what === "run");
    const beside = busy.reduce(
      (ns, { fromNs, toNs }) => ns + Math.max(0, Math.min(toNs, io.toNs) - Math.max(fromNs, io.fromNs)),
      0,
    );
    // 100 faults are 60 us: nearly all of it while the disk worked.
    expect(beside).toBeGreaterThan(50_000);
    expect(run.ns).toBeLessThan(DISK_NS + 10_000);
  });

  it("keep one CPU for a time slice each, and get as much of it", () => {
    const machine = boot({ ram: "64 MiB" });
    const { programs, ns } = machine.runPrograms({ a: writer(4000), b: writer(4000) });
    const runs = (name: string): number[] =>
      programs[name]!.spans.filter(({ what }) => what === "run").map(({ fromNs, toNs }) => toNs - fromNs);
    for (const name of ["a", "b"]) {
      const slices = runs(name).slice(0, -1);
      expect(slices.length).toBeGreaterThan(1);
      for (const slice of slices) {
        expect(slice).toBeGreaterThanOrEqual(700_000);
        expect(slice).toBeLessThan(702_000);
      }
    }
    const total = [...runs("a"), ...runs("b")].reduce((sum, n) => sum + n, 0);
    expect(total).toBeCloseTo(ns, 0); // the CPU was never idle, and did one thing at a time
  });

  it("take half the time on two CPUs", () => {
    const one = boot({ ram: "64 MiB", cpus: 1 }).runPrograms({ a: writer(1000), b: writer(1000) }).ns;
    const two = boot({ ram: "64 MiB", cpus: 2 }).runPrograms({ a: writer(1000), b: writer(1000) }).ns;
    expect(one / two).toBeGreaterThan(1.95);
    expect(one / two).toBeLessThan(2.05);
  });

  it("sleep as long as they ask, and let others work", () => {
    const machine = boot({ ram: "64 MiB" });
    const { programs } = machine.runPrograms({
      *sleeper(p) {
        p.nanosleep(1_000_000);
        yield;
        p.nanosleep(1_000_000);
      },
      works: writer(500),
    });
    const { sleeper, works } = programs;
    expect(sleeper!.endNs - sleeper!.startNs).toBeGreaterThanOrEqual(2_000_000);
    expect(sleeper!.process.task.waitNs.sleep).toBe(2_000_000);
    expect(works!.endNs).toBeLessThan(sleeper!.endNs);
  });

  it("give the same result every time", () => {
    const run = (): unknown => {
      const machine = cold(2);
      const { programs, ns } = machine.runPrograms({ a: reader("/a"), b: writer(300), c: reader("/b") });
      const all = Object.values(programs).map(({ process, ...rest }) => ({
        ...rest,
        ...process.getrusage(),
      }));
      const { sys, initMm } = machine.kernel;
      checkInvariants(sys, [initMm, ...Object.values(programs).map(({ process }) => process.mm)]);
      return { all, ns, vmstat: [...sys.vmStat.events] };
    };
    expect(run()).toEqual(run());
  });

  it("are interrupted by one another's TLB flushes, which costs them time", () => {
    const machine = boot({ ram: "64 MiB", cpus: 2 });
    const p = machine.spawn("p");
    const q = p.thread(1);
    const va = p.mmap("4 KiB");
    const spin = (flush: boolean) =>
      machine.runPrograms(
        {
          *a(me) {
            for (let i = 0; i < 50; i++) {
              me.store(va, 1, 1);
              if (flush) me.madvise(va, 4096, "DONTNEED");
              yield;
            }
          },
          *b(me) {
            for (let i = 0; i < 5000; i++) {
              me.load(va);
              yield;
            }
          },
        },
        { processes: { a: p, b: q } },
      );
    const ready = spin(true).programs.b!.spans.filter(({ what }) => what === "ready");
    expect(ready.length).toBeGreaterThan(0);
    expect(spin(false).programs.b!.spans.some(({ what }) => what === "ready")).toBe(false);
  });
});

describe("a run of programs", () => {
  it("goes on without the one that is killed, and says what it died of", () => {
    const machine = boot({ ram: "64 MiB" });
    const { programs } = machine.runPrograms({
      *bad(p) {
        yield;
        p.load(0x1234);
      },
      good: writer(10),
    });
    expect(programs.bad!.error).toBeInstanceOf(SignalError);
    expect([programs.bad!.process.alive, programs.good!.error, programs.good!.steps]).toEqual([
      false,
      undefined,
      12,
    ]);
  });

  it("passes a mistake of the notebook on, and the machine is one again", () => {
    const machine = boot({ ram: "64 MiB", cpus: 2 });
    const wrong = {
      *bad(): Generator<void> {
        yield;
        throw new TypeError("no such thing");
      },
      good: writer(10),
    };
    expect(() => machine.runPrograms(wrong)).toThrow("no such thing");
    expect(machine.kernel.sched.several).toBe(false);
    expect(machine.snapshot().takenAtNs).toBe(machine.clock.nowNs);
  });

  it("ends after a while, though a program does not", () => {
    const machine = boot({ ram: "64 MiB" });
    function* forever(): Generator<void> {
      for (;;) yield;
    }
    expect(() => machine.runPrograms({ forever })).toThrow(VmBug);
    const busy = function* (p: Process): Generator<void> {
      const va = p.mmap("4 KiB");
      for (;;) yield void p.store(va, 1, 1);
    };
    expect(() => machine.runPrograms({ busy }, { maxSteps: 100 })).toThrow("have not ended after 100 steps");
  });

  it("refuses what is no program, and snapshots in the middle", () => {
    const machine = boot({ ram: "64 MiB" });
    expect(() => machine.runPrograms({ a: 7 as never })).toThrow(
      'program "a" is 7, not a generator function',
    );
    expect(() => machine.runPrograms({ a: (() => 1) as never })).toThrow("write function* and yield");
    const options = { processes: { wirter: machine.spawn("w") } };
    expect(() => machine.runPrograms({ writer: writer(1) }, options)).toThrow('no program "wirter"');
    const { programs } = machine.runPrograms({
      *a() {
        expect(() => machine.snapshot()).toThrow("programs are running");
        expect(() => machine.runPrograms({ b: writer(1) })).toThrow("a program cannot run others");
      },
    });
    expect(programs.a!.steps).toBe(1);
  });

  it("lets kernel threads work in their time, on the CPU that is free", () => {
    const machine = boot({ ram: "64 MiB", cpus: 2 });
    const { sched, sys } = machine.kernel;
    const began: number[] = [];
    const thread = sched.kthreadCreate("worker", () => {
      began.push(sys.clock.nowNs);
      expect(sys.thisCpu).toBe(1);
      sys.clock.advance(10_000);
      return began.length < 5 ? sys.clock.nowNs + 20_000 : Number.POSITIVE_INFINITY;
    });
    const startNs = machine.clock.nowNs;
    sched.wakeUp(thread, startNs + 5_000);
    machine.runPrograms({ a: writer(1000) });
    expect(began.map((ns) => ns - startNs)).toEqual([5_000, 35_000, 65_000, 95_000, 125_000]);
  });
});
