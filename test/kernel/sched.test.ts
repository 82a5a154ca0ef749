import { describe, expect, it } from "vitest";
import type { VfsFile } from "../../lib/fs/inode.js";
import { boot, type Machine } from "../../lib/kernel/machine.js";
import type { Process } from "../../lib/kernel/process.js";
import { unmapMappingPages } from "../../lib/mm/fault/zap.js";
import { VmBug } from "../../lib/mm/mmdebug.js";
import type { Kthread } from "../../lib/mm/wait.js";

const MS = 1e6;

/** A thread of so many batches of `batchNs` each; when and where each began. */
function worker(
  machine: Machine,
  batches: number,
  batchNs: number,
): { thread: Kthread; began: [number, number][] } {
  const { sched, sys } = machine.kernel;
  const began: [number, number][] = [];
  const thread = sched.kthreadCreate("worker", () => {
    began.push([sys.thisCpu, sys.clock.nowNs]);
    sys.clock.advance(batchNs);
    return began.length < batches ? sys.clock.nowNs : Number.POSITIVE_INFINITY;
  });
  return { thread, began };
}

/** The program works for `ns`, with a safe point after each 10 us or so. */
function work(machine: Machine, p: Process, ns: number): void {
  const end = machine.clock.nowNs + ns;
  const a = p.mmap("4 KiB");
  p.store(a, 1, 1);
  while (machine.clock.nowNs < end) {
    machine.clock.advance(10_000);
    p.load(a);
  }
  p.munmap(a, "4 KiB");
}

/** A program with a file of `pages` pages mapped, none of which is in the cache: each load waits for the disk. */
function mappedFromDisk(machine: Machine, pages = 1): { p: Process; va: number } {
  machine.kernel.files.writeFile("/data", new Uint8Array(pages * 4096));
  const p = machine.spawn();
  const fd = p.open("/data");
  p.dropCache(fd);
  return { p, va: p.mmap(pages * 4096, { fd, prot: "r" }) };
}

describe("a kernel thread", () => {
  it("works beside the program where a CPU is free, and costs it nothing", () => {
    const machine = boot({ cpus: 2 });
    const p = machine.spawn();
    const { thread, began } = worker(machine, 3, 50_000);
    work(machine, p, MS);
    const startNs = machine.clock.nowNs;
    machine.kernel.sched.wakeUp(thread);
    work(machine, p, MS);
    expect(machine.clock.nowNs - startNs).toBeLessThan(MS + 20_000);
    expect(began).toEqual([0, 1, 2].map((i) => [1, startNs + i * 50_000]));
    expect([thread.batches, thread.cpuNs, thread.state]).toEqual([3, 150_000, "S"]);
  });

  it("waits for the next tick where there is one CPU, and the program loses what it takes", () => {
    const machine = boot({ cpus: 1 });
    const p = machine.spawn();
    const { thread, began } = worker(machine, 1, 50_000);
    work(machine, p, MS);
    machine.kernel.sched.wakeUp(thread);
    work(machine, p, 2.9 * MS);
    expect([began.length, thread.state]).toEqual([0, "R"]);
    work(machine, p, 0.2 * MS);
    expect(began[0]![0]).toBe(0);
    expect(began[0]![1]).toBeGreaterThanOrEqual(4 * MS);
    expect(began[0]![1]).toBeLessThan(4 * MS + 20_000);
    // The clock was not behind the batch's end when the program went on.
    expect(machine.clock.nowNs).toBeGreaterThanOrEqual(began[0]![1] + 50_000);
  });

  it("takes the CPU at once while it is owed time, unless its program has just got it", () => {
    const machine = boot({ cpus: 1 });
    const { sched } = machine.kernel;
    const p = machine.spawn();
    const { thread, began } = worker(machine, 1, 50_000);
    work(machine, p, MS);
    sched.wakeUp(thread);
    work(machine, p, 3.2 * MS);
    const [[, firstNs]] = began as [[number, number]];
    // It has waited for 3 ms beside the program: 1.5 ms are owed, 25 us of them were used.
    expect(thread.lagNs).toBe((firstNs - thread.dueNs) / 2 - 25_000);
    const wakeAgain = (): number => {
      const startNs = machine.clock.nowNs;
      sched.wakeUp(thread);
      work(machine, p, 0.3 * MS);
      return began.length - 1 === 0 ? Number.POSITIVE_INFINITY : began.at(-1)![1] - startNs;
    };
    work(machine, p, sched.sliceNs);
    expect(wakeAgain()).toBeLessThan(20_000);
    began.length = 1;
    expect(wakeAgain()).toBe(Number.POSITIVE_INFINITY);
  });

  it("shares the CPU with the program, half and half and a tick at a time, when it never sleeps", () => {
    const machine = boot({ cpus: 1 });
    const p = machine.spawn();
    const { thread, began } = worker(machine, 1_000_000, 50_000);
    work(machine, p, MS);
    const startNs = machine.clock.nowNs;
    machine.kernel.sched.wakeUp(thread);
    work(machine, p, 200 * MS);
    const share = thread.cpuNs / (machine.clock.nowNs - startNs);
    expect(share).toBeGreaterThan(0.4);
    expect(share).toBeLessThan(0.6);
    const turns = began.filter(([, ns], i) => i > 0 && ns - began[i - 1]![1] > 100_000);
    expect(turns.length).toBeGreaterThan(15);
    expect(turns.length).toBeLessThan(30);
  });

  it("works on the only CPU while its program waits for the disk", () => {
    const machine = boot({ cpus: 1 });
    const { p, va } = mappedFromDisk(machine);
    const { thread, began } = worker(machine, 2, 10_000);
    const startNs = machine.clock.nowNs;
    machine.kernel.sched.wakeUp(thread, startNs + 5_000);
    p.load(va);
    expect(began.map(([, ns]) => ns - startNs)).toEqual([5_000, 15_000]);
    expect(machine.clock.nowNs - startNs).toBeLessThan(85_000); // the disk alone takes 82 us
    expect(p.task.waitNs.io).toBe(82_000);
  });

  it("that waits for its tick need not when the program waits for the disk", () => {
    const machine = boot({ cpus: 1 });
    const { p, va } = mappedFromDisk(machine);
    const { thread, began } = worker(machine, 1, 10_000);
    work(machine, p, MS);
    machine.kernel.sched.wakeUp(thread);
    work(machine, p, 0.1 * MS);
    expect([began.length, thread.state]).toEqual([0, "R"]);
    const startNs = machine.clock.nowNs;
    p.load(va);
    expect(began.length).toBe(1);
    expect(began[0]![1] - startNs).toBeLessThan(2_000);
  });

  it("keeps the program waiting if its batch lasts longer than the disk", () => {
    const machine = boot({ cpus: 1 });
    const { p, va } = mappedFromDisk(machine);
    const { thread } = worker(machine, 1, 200_000);
    const startNs = machine.clock.nowNs;
    machine.kernel.sched.wakeUp(thread, startNs + 5_000);
    p.load(va);
    expect(machine.clock.nowNs - startNs).toBeGreaterThanOrEqual(205_000);
  });

  it("goes on when it said, earlier if it is woken, and not at all if it sleeps", () => {
    const machine = boot({ cpus: 2 });
    const { sched } = machine.kernel;
    const { thread, began } = worker(machine, 1, 1_000);
    machine.idle(MS - machine.clock.nowNs);
    expect(began).toEqual([]);
    sched.wakeUp(thread, 5 * MS);
    sched.wakeUp(thread, 3 * MS);
    sched.wakeUp(thread, 4 * MS);
    machine.idle(10 * MS);
    expect(began).toEqual([[0, 3 * MS]]);
    expect(machine.clock.nowNs).toBe(11 * MS);
  });

  it("may be woken by what it does itself", () => {
    const machine = boot({ cpus: 2 });
    const { sched, sys } = machine.kernel;
    let left = 3;
    const thread: Kthread = sched.kthreadCreate("again", () => {
      sys.clock.advance(1_000);
      if (--left > 0) sched.wakeUp(thread);
      return Number.POSITIVE_INFINITY;
    });
    sched.wakeUp(thread);
    machine.idle(MS);
    expect([left, thread.batches, thread.state]).toEqual([0, 3, "S"]);
  });

  it("is not begun again while a batch of it waits; who woke it meanwhile is heard afterwards", () => {
    const machine = boot({ cpus: 2 });
    const { files, sched, sys } = machine.kernel;
    let inside = 0;
    const depths: number[] = [];
    const thread = sched.kthreadCreate("writer", () => {
      depths.push(++inside);
      if (depths.length === 1) files.writeFile("/out", new Uint8Array(4096)); // waits for the disk
      sys.clock.advance(1_000);
      inside--;
      return Number.POSITIVE_INFINITY;
    });
    const waker = sched.kthreadCreate("waker", () => {
      sched.wakeUp(thread);
      sys.clock.advance(1);
      return Number.POSITIVE_INFINITY;
    });
    const startNs = machine.clock.nowNs;
    sched.wakeUp(thread);
    sched.wakeUp(waker, startNs + 10_000);
    machine.idle(MS);
    expect([depths, thread.state, thread.batches]).toEqual([[1, 1], "S", 2]);
  });

  it("that has begun while nobody did anything is done before its CPU's program goes on", () => {
    const machine = boot();
    const p = machine.spawn();
    const va = p.mmap("4 KiB");
    p.store(va, 1, 1);
    const { thread } = worker(machine, 1, 200_000);
    const startNs = machine.clock.nowNs;
    machine.kernel.sched.wakeUp(thread, startNs + 990_000);
    machine.idle(MS);
    expect(machine.clock.nowNs).toBe(startNs + MS);
    p.load(va);
    expect(machine.clock.nowNs).toBeGreaterThanOrEqual(startNs + 990_000 + 200_000);
  });

  it("leaves the program current, on its CPU, at its privilege of allocation", () => {
    const machine = boot({ cpus: 2 });
    const { sched, sys } = machine.kernel;
    const p = machine.spawn();
    p.mmap("4 KiB");
    const seen: unknown[] = [];
    const thread = sched.kthreadCreate("looks", () => {
      seen.push(sys.current, sys.thisCpu, sys.pfMemalloc);
      sys.clock.advance(1);
      return Number.POSITIVE_INFINITY;
    });
    sys.pfMemalloc = true;
    sched.wakeUp(thread);
    sched.runDue(0);
    expect(seen).toEqual([undefined, 1, false]);
    expect([sys.current, sys.thisCpu, sys.pfMemalloc]).toEqual([p.task, 0, true]);
  });
});

describe("a wait", () => {
  it("is in state D while it lasts, and is charged by reason", () => {
    const machine = boot({ cpus: 2 });
    const { sched, sys } = machine.kernel;
    const p = machine.spawn();
    p.mmap("4 KiB");
    let ready = false;
    let state = "";
    const thread = sched.kthreadCreate("helper", () => {
      state = p.task.state;
      sys.clock.advance(7_000);
      ready = true;
      return Number.POSITIVE_INFINITY;
    });
    const startNs = machine.clock.nowNs;
    sched.wakeUp(thread, startNs + 1_000);
    sched.waitUntil("reclaim", () => ready);
    expect([state, p.task.state]).toEqual(["D", "R"]);
    // What the thread did is there at the end of its batch, not at its beginning.
    expect(machine.clock.nowNs - startNs).toBe(8_000);
    expect(p.task.waitNs).toEqual({ io: 0, reclaim: 8_000, throttled: 0, sleep: 0 });
  });

  it("takes no time if the condition holds, and says so if nobody could make it hold", () => {
    const machine = boot();
    const { sched } = machine.kernel;
    const startNs = machine.clock.nowNs;
    sched.waitUntil("io", () => true);
    expect(machine.clock.nowNs).toBe(startNs);
    expect(() => sched.waitUntil("io", () => false)).toThrow(VmBug);
  });

  it("is a whole number of events: time never goes back", () => {
    const machine = boot({ cpus: 2, ram: "64 MiB" });
    const { p, va } = mappedFromDisk(machine, 256);
    let last = 0;
    for (let page = 0; page < 256; page += 7) {
      p.load(va + page * 4096);
      expect(machine.clock.nowNs).toBeGreaterThanOrEqual(last);
      last = machine.clock.nowNs;
    }
  });
});

describe("idle time", () => {
  it("lets devices work until they have nothing to do, and refuses to go back", () => {
    const machine = boot({ cpus: 1 });
    machine.kernel.files.writeFile("/data", new Uint8Array(4096));
    const p = machine.spawn();
    const fd = p.open("/data");
    p.dropCache(fd);
    p.syscall("fadvise64", fd, 0, 0, 3); // POSIX_FADV_WILLNEED
    const { disk } = machine.kernel.files;
    machine.idle(81_000);
    expect(disk.inFlight).toBe(1);
    machine.idle(1_000);
    expect(disk.inFlight).toBe(0);
    expect(() => machine.idle(-1)).toThrow("nothing can be done for -1 ns");
    expect(() => machine.idle(Number.NaN)).toThrow(/NaN/);
  });
});

describe("a wait with an end to it", () => {
  it("ends when its condition holds, at the end of the batch that made it so", () => {
    const machine = boot({ cpus: 2 });
    const p = machine.spawn();
    const { sched, clock } = { sched: machine.kernel.sched, clock: machine.clock };
    const { thread, began } = worker(machine, 4, 50_000);
    machine.kernel.enter(p.task);
    const startNs = clock.nowNs;
    sched.wakeUp(thread, startNs + 10_000);
    expect(sched.waitTimeout("throttled", () => began.length === 2, startNs + MS)).toBe(true);
    expect(clock.nowNs - startNs).toBe(110_000);
    expect(sched.waitTimeout("throttled", () => false, startNs + MS)).toBe(false);
    expect([clock.nowNs - startNs, began.length]).toEqual([MS, 4]);
    expect(p.task.waitNs.throttled).toBe(MS);
    expect(sched.waitTimeout("throttled", () => true, startNs + 2 * MS)).toBe(true);
    expect(clock.nowNs - startNs).toBe(MS);
  });
});

describe("condResched", () => {
  it("lets a thread whose time has come work in the middle of a call, beside the program", () => {
    const machine = boot({ cpus: 2 });
    const p = machine.spawn();
    const { thread, began } = worker(machine, 2, 50_000);
    machine.kernel.enter(p.task);
    const startNs = machine.clock.nowNs;
    machine.kernel.sched.wakeUp(thread);
    machine.kernel.sched.condResched();
    expect([began.length, machine.clock.nowNs]).toEqual([1, startNs]);
    machine.clock.advance(50_000);
    machine.kernel.sched.condResched();
    expect([began.length, machine.clock.nowNs]).toEqual([2, startNs + 50_000]);
  });

  it("does nothing while no task is at work", () => {
    const machine = boot({ cpus: 2 });
    const { thread, began } = worker(machine, 1, 50_000);
    machine.kernel.sched.wakeUp(thread);
    machine.kernel.sched.condResched();
    expect(began).toEqual([]);
  });
});

describe("a thread that takes a page whenever a fault has brought it", () => {
  it("cannot keep a program from its access for ever", () => {
    const machine = boot({ cpus: 2 });
    const { files, sched, sys } = machine.kernel;
    files.writeFile("/f", Uint8Array.of(42));
    const p = machine.spawn();
    const fd = p.open("/f", { writable: false });
    const at = p.mmap("4 KiB", { fd, prot: "r" });
    const { fMapping } = p.task.files.get(fd) as VfsFile;
    let taken = 0;
    const thief = sched.kthreadCreate("thief", () => {
      unmapMappingPages(fMapping, 0, 1, false);
      taken++;
      return sys.clock.nowNs + 1;
    });
    sched.wakeUp(thief);
    expect(p.load(at)).toBe(42);
    expect(taken).toBeGreaterThan(2);
  });
});
