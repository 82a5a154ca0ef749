import { readdirSync, readFileSync } from "node:fs";
import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { inRepository } from "../../lib/course/paths.js";
import { ACCESS_USER, ACCESS_WRITE } from "../../lib/hw/fault.js";
import { boot, type Machine } from "../../lib/kernel/machine.js";
import type { Process } from "../../lib/kernel/process.js";
import { checkInvariants } from "../../lib/mm/debug.js";
import "../../lib/procfs/mount.js";

const AREA = 0x1000_0000_0000;
const PAGES = 16;

const operation = fc.record({
  kind: fc.constantFrom(
    ...["store", "store", "store", "load", "load", "anon", "shared", "file", "munmap", "mprotect", "fork"],
    ...[
      "thread",
      "exit",
      "wait",
      "dontneed",
      "mlock",
      "mremap",
      "fileWrite",
      "truncate",
      "fsync",
      "dropCache",
    ],
    ...["exec", "affinity"],
  ),
  who: fc.nat(15),
  page: fc.nat(PAGES - 1),
  pages: fc.integer({ min: 1, max: 6 }),
  value: fc.integer({ min: 1, max: 255 }),
});
type Operation = typeof operation extends fc.Arbitrary<infer T> ? T : never;

/** Does one operation; what a program would have seen of it. */
function act(procs: Process[], { kind, who, page, pages, value }: Operation): unknown {
  const p = procs[who % procs.length]!;
  const addr = AREA + page * 4096;
  const length = pages * 4096;
  const fd = () => p.open("/data", { create: true });
  const withFd = (work: (fd: number) => unknown) => {
    const open = fd();
    try {
      return work(open);
    } finally {
      if (p.alive) p.close(open);
    }
  };
  const place = { at: addr, fixed: true };
  const acts: Record<string, () => unknown> = {
    store: () => p.store(addr + 8 * pages, 1, value),
    load: () => p.load(addr + 8 * pages),
    anon: () => p.mmap(length, place),
    shared: () => p.mmap(length, { ...place, shared: true }),
    file: () => withFd((open) => p.mmap(length, { ...place, fd: open, shared: value % 2 === 0 })),
    munmap: () => p.munmap(addr, length),
    mprotect: () => p.mprotect(addr, length, value % 2 === 0 ? "r" : "rw"),
    fork: () => procs.length < 6 && procs.push(p.fork()),
    thread: () => procs.length < 6 && procs.push(p.thread(value % 2)),
    exit: () => procs.length > 1 && p.exit(value),
    wait: () => JSON.stringify(p.wait() ?? null),
    dontneed: () => p.madvise(addr, length, "DONTNEED"),
    mlock: () => p.mlock(addr, length),
    mremap: () => p.mremap(addr, 4096, length),
    fileWrite: () => withFd((open) => p.write(open, addr, length)),
    truncate: () => withFd((open) => p.ftruncate(open, length)),
    fsync: () => withFd((open) => p.fsync(open)),
    dropCache: () => withFd((open) => p.dropCache(open)),
    exec: () => p.exec("/bin/none"),
    affinity: () => p.setaffinity(value % 2),
  };
  try {
    return acts[kind]!();
  } catch (error) {
    return `${(error as Error).name}: ${(error as Error).message}`;
  }
}

/** Everything that can be seen of the machine from outside. */
function seen(machine: Machine): Record<string, unknown> {
  const { kernel, procfs } = machine;
  const texts = ["meminfo", "vmstat", "zoneinfo", "buddyinfo"].map((name) => procfs.read(`/proc/${name}`));
  for (const task of kernel.tasks.values()) {
    texts.push(procfs.read(`/proc/${task.pid}/stat`));
    if (task.mm !== undefined && task.pid !== 1) texts.push(procfs.read(`/proc/${task.pid}/smaps`));
  }
  const cpus = machine.cpus.map((cpu) => ({
    ...cpu.counters,
    ...cpu.mmu.stats(),
    cr3: cpu.cr3,
    tlb: entries(cpu),
  }));
  return {
    now: machine.clock.nowNs,
    texts,
    cpus,
    ram: sum(machine.ram.sectionOf(0)?.words ?? new Int32Array(0)),
    trace: [...kernel.sys.trace.events],
  };
}

/** Contents of all TLBs, arrays as checksums. */
function entries({ mmu }: Machine["cpu"]): string {
  const tlbs = [...mmu.tlbs, ...mmu.walkCaches];
  return JSON.stringify(tlbs, (_, value) => (ArrayBuffer.isView(value) ? sum(value as Int32Array) : value));
}

function sum(words: Int32Array): number {
  let result = 0;
  for (let i = 0; i < words.length; i++) result = (Math.imul(result, 31) + words[i]!) | 0;
  return result;
}

/** What a run of operations told and left behind. */
function play(machine: Machine, procs: Process[], operations: readonly Operation[]): unknown[] {
  const log = operations.map((one) => [act(procs, one), machine.clock.nowNs]);
  return [log, seen(machine)];
}

describe("a snapshot", () => {
  it("brings back a moment from which the same operations lead to the same records", () => {
    const list = fc.array(operation, { minLength: 5, maxLength: 40 });
    fc.assert(
      fc.property(list, list, (before, after) => {
        const machine = boot({ ram: "8 MiB", cpus: 2 });
        const procs = [machine.spawn("a"), machine.spawn("b")];
        for (const p of procs) p.mmap(PAGES * 4096, { at: AREA, fixed: true });
        play(machine, procs, before);
        const procsThen = [...procs];
        const moment = machine.snapshot();
        const then = seen(machine);
        const first = play(machine, procs, after);
        for (let round = 0; round < 2; round++) {
          machine.restore(moment);
          expect(seen(machine)).toEqual(then);
          const { kernel } = machine;
          const mms = new Set([...kernel.tasks.values()].flatMap((task) => task.mm ?? []));
          checkInvariants(kernel.sys, [kernel.initMm, ...mms]);
          expect(play(machine, [...procsThen], after)).toEqual(first);
        }
      }),
      { numRuns: 20, seed: 11, endOnFailure: true },
    );
  });

  it("keeps processes that existed valid, and refuses those that did not", () => {
    const machine = boot({ ram: "8 MiB" });
    const alice = machine.spawn("alice");
    const a = alice.mmap("64 KiB");
    alice.store(a, 1, 1);
    const moment = machine.snapshot();
    const bob = alice.fork("bob");
    alice.store(a, 1, 2);
    alice.exit();
    machine.restore(moment);
    expect(alice.alive).toBe(true);
    expect(alice.load(a)).toBe(1);
    expect(() => bob.load(a)).toThrow(/bob\[3\] does not exist/);
    expect(alice.fork("carol").pid).toBe(3);
  });

  it("brings back a machine without a kernel, and one whose kernel had not started", () => {
    const bare = boot({ ram: "128 MiB" });
    const table = bare.newPageTable();
    table.map(0x1000, 0x5000, { writable: true, user: true });
    bare.switchMm(table).cpl = 3;
    const moment = bare.snapshot();
    bare.cpu.store(0x1000, 4, 7);
    bare.ram.write8(100 * 2 ** 20, 1);
    table.map(0x2000, 0x6000, { writable: true, user: true });
    bare.restore(moment);
    expect(bare.ram.sectionOf(100 * 256)).toBeUndefined();
    expect(bare.cpu.load(0x1000, 4)).toBe(0);
    expect(bare.cpu.translate(0x2000, ACCESS_USER | ACCESS_WRITE)).toMatchObject({ errorCode: 6 });

    const machine = boot({ ram: "8 MiB" });
    const off = machine.snapshot();
    machine.spawn("a").mmap("4 KiB", { populate: true });
    const meminfo = machine.procfs.read("/proc/meminfo");
    machine.restore(off);
    expect(machine.clock.nowNs).toBe(0);
    machine.spawn("b").mmap("4 KiB", { populate: true });
    expect(machine.procfs.read("/proc/meminfo")).toBe(meminfo);
  });

  it("is refused by another machine", () => {
    expect(() => boot().restore(boot().snapshot())).toThrow(RangeError);
  });
});

describe("the state of a machine", () => {
  it("can be found by walking: no changing # field, no WeakMap, no module variable", () => {
    const hidden = /^ {2}(?!readonly )#\w+(: [^=(]+)?( =|;)|new Weak(Map|Set)|^(export )?(let|var) /m;
    const wrong = ["hw", "mm", "fs", "kernel", "procfs"].flatMap((folder) =>
      readdirSync(inRepository("lib", folder), { recursive: true, encoding: "utf8" })
        .filter((name) => name.endsWith(".ts"))
        .filter((name) => hidden.test(readFileSync(inRepository("lib", folder, name), "utf8")))
        .map((name) => `${folder}/${name}`),
    );
    // Derived from the TLBs and from the kernel.
    expect(wrong).toEqual(["hw/stream.ts", "procfs/mount.ts"]);
  });
});

describe("a snapshot while something is under way", () => {
  /** A machine with a file on disk that nobody has read, and a thread that will write a page of it now and then. */
  function busy(): { machine: Machine; p: Process; fd: number } {
    const machine = boot({ ram: "64 MiB", cpus: 2 });
    const { files, sched, sys } = machine.kernel;
    files.writeFile("/data", new Uint8Array(64 * 4096).fill(5));
    const p = machine.spawn("p");
    const fd = p.open("/data");
    p.dropCache(fd);
    const state = { page: 0 };
    Object.assign(machine.kernel, { state }); // a thread keeps what it remembers where a snapshot finds it
    const thread = sched.kthreadCreate("writer", () => {
      files.writeFile(`/out${state.page}`, new Uint8Array(4096).fill(state.page));
      sys.clock.advance(5_000);
      return ++state.page < 4 ? sys.clock.nowNs + 30_000 : Number.POSITIVE_INFINITY;
    });
    sched.wakeUp(thread, machine.clock.nowNs + 20_000);
    p.syscall("fadvise64", fd, 0, 0, 3); // POSIX_FADV_WILLNEED: 64 pages are on their way
    return { machine, p, fd };
  }

  /** Everything that can be seen after the rest has happened. */
  function rest({ machine, p, fd }: ReturnType<typeof busy>): unknown {
    const va = p.mmap("256 KiB", { fd, prot: "r" });
    const bytes = [0, 9, 63].map((page) => p.load(va + page * 4096));
    machine.idle(1_000_000);
    const { files, sched, sys, initMm } = machine.kernel;
    checkInvariants(sys, [initMm, p.mm]);
    const { batches, cpuNs, state } = sched.kthreads.at(-1)!;
    const { readRequests, writeRequests, inFlight } = files.disk;
    p.munmap(va, "256 KiB");
    return {
      bytes,
      faults: p.getrusage(),
      ns: machine.clock.nowNs,
      thread: [batches, cpuNs, state],
      disk: [readRequests, writeRequests, inFlight],
      paths: files.paths(),
      vmstat: machine.procfs.read("/proc/vmstat"),
    };
  }

  it("brings back requests and wake-ups that were still to come, as often as wanted", () => {
    const run = busy();
    const before = run.machine.snapshot();
    const first = rest(run) as { bytes: number[]; disk: number[]; thread: unknown[] };
    expect([first.bytes, first.disk[2], first.thread]).toEqual([[5, 5, 5], 0, [4, expect.any(Number), "S"]]);
    for (let i = 0; i < 2; i++) {
      run.machine.restore(before);
      expect(run.machine.kernel.files.disk.inFlight).toBe(1);
      expect(rest(run)).toEqual(first);
    }
  });

  it("changes nothing: a run without it ends the same", () => {
    const run = busy();
    run.machine.snapshot();
    expect(rest(run)).toEqual(rest(busy()));
  });
});
