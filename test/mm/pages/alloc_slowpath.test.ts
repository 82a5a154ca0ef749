import { describe, expect, it } from "vitest";
import { fadviseDrop } from "../../../lib/fs/file_tree.js";
import type { VfsFile } from "../../../lib/fs/inode.js";
import { boot, type Machine } from "../../../lib/kernel/machine.js";
import { lruAddDrainAll } from "../../../lib/mm/lru/swap.js";
import { folioPut } from "../../../lib/mm/pages/free_pages.js";
import {
  __GFP_DIRECT_RECLAIM,
  __GFP_NORETRY,
  GFP_ATOMIC,
  GFP_HIGHUSER_MOVABLE,
  GFP_KERNEL,
  GFP_NOWAIT,
} from "../../../lib/mm/pages/gfp.js";
import { allocPages, nrUnusedPages } from "../../../lib/mm/pages/page_alloc.js";
import type { MmParts } from "../../../lib/mm/parts.js";
import type { MemorySystem } from "../../../lib/mm/system.js";
import { exactFrames } from "../exact_frames.js";
import { takeAllPages } from "../pressure.js";

/** Nobody frees pages in the background. */
const noKswapd = { wakeupKswapd: () => {} };

/** Takes all frames; from now on even the last one is given out. */
function takeAll(sys: MemorySystem): void {
  lruAddDrainAll(sys); // so that the file's pages are seen to be reclaimable
  exactFrames(sys);
  takeAllPages(sys);
}

/** A machine without a free frame that runs on `reclaim`; a file of 8 clean pages is in its cache. */
function fullMachine(reclaim?: MmParts["tryToFreePages"]): Machine {
  const machine = boot({
    ram: "16 MiB",
    parts: { ...noKswapd, ...(reclaim === undefined ? {} : { tryToFreePages: reclaim }) },
  });
  const { kernel } = machine;
  kernel.files.writeFile("/f", new Uint8Array(8 * 4096).fill(7));
  const file = kernel.files.open("/f") as VfsFile;
  expect(fadviseDrop(file, 0, 0)).toBe(0);
  expect(file.read(0, new Uint8Array(8 * 4096))).toBe(8 * 4096);
  takeAll(kernel.sys);
  return machine;
}

/** Drops the file's clean pages out of the cache. */
function dropCache(machine: Machine): number {
  const { kernel } = machine;
  const before = nrUnusedPages(kernel.sys);
  fadviseDrop(kernel.files.open("/f") as VfsFile, 0, 0);
  return nrUnusedPages(kernel.sys) - before;
}

describe("an allocation that finds nothing free", () => {
  it("takes clean pages of the cache on Linux's own part, and fails when there are none left", () => {
    const { sys } = fullMachine().kernel;
    let got = 0;
    while (allocPages(sys, GFP_KERNEL) !== undefined) got++;
    expect(got).toBeGreaterThanOrEqual(8);
  });

  it("succeeds when reclaim drops clean pages of the cache", () => {
    const calls: [number, number][] = [];
    const machine = fullMachine((_sys, gfp, order) => {
      calls.push([gfp, order]);
      return dropCache(machine);
    });
    const { sys } = machine.kernel;
    for (let i = 0; i < 8; i++) expect(allocPages(sys, GFP_HIGHUSER_MOVABLE)?.refcount).toBe(1);
    expect(calls).toEqual([[GFP_HIGHUSER_MOVABLE, 0]]);
    expect(allocPages(sys, GFP_HIGHUSER_MOVABLE)).toBeUndefined(); // nothing is left to drop
    expect(calls.length).toBe(2);
  });

  it("lets a program go on that touches a new page", () => {
    let freed = 0;
    const machine = boot({
      ram: "16 MiB",
      parts: {
        tryToFreePages: () => {
          const now = dropCache(machine);
          freed += now;
          return now;
        },
      },
    });
    const { kernel } = machine;
    kernel.files.writeFile("/f", new Uint8Array(8 * 4096).fill(7));
    dropCache(machine);
    const p = machine.spawn("p");
    const at = p.mmap(2 * 4096);
    p.store(at, 1, 1);
    (kernel.files.open("/f") as VfsFile).read(0, new Uint8Array(8 * 4096));
    takeAll(kernel.sys);
    p.store(at + 4096, 1, 2);
    expect(p.load(at + 4096, 1)).toBe(2);
    expect(freed).toBe(8);
  });

  it.each([
    ["GFP_ATOMIC", GFP_ATOMIC],
    ["GFP_NOWAIT", GFP_NOWAIT],
    ["GFP_KERNEL without __GFP_DIRECT_RECLAIM", GFP_KERNEL & ~__GFP_DIRECT_RECLAIM],
  ])("never reclaims with %s", (_name, gfp) => {
    let calls = 0;
    const machine = fullMachine(() => ++calls);
    expect(allocPages(machine.kernel.sys, gfp)).toBeUndefined();
    expect(calls).toBe(0);
  });

  it("goes on while reclaim makes progress, though others take what it frees", () => {
    let calls = 0;
    const machine = fullMachine(() => (++calls < 5 ? 1 : dropCache(machine)));
    expect(allocPages(machine.kernel.sys, GFP_KERNEL)).toBeDefined();
    expect(calls).toBe(5);
  });

  it("reclaims once with __GFP_NORETRY, and for an order above 3", () => {
    let calls = 0;
    const { sys } = fullMachine(() => ++calls).kernel;
    expect(allocPages(sys, GFP_KERNEL | __GFP_NORETRY)).toBeUndefined();
    expect(calls).toBe(1);
    expect(allocPages(sys, GFP_KERNEL, 4)).toBeUndefined();
    expect(calls).toBe(2);
  });

  it("stops a part that claims progress for ever", () => {
    const { sys } = fullMachine(() => 1).kernel;
    expect(() => allocPages(sys, GFP_KERNEL)).toThrow(/try_to_free_pages.*repeated 1000 times/);
    expect(sys.pfMemalloc).toBe(false);
  });

  it("does not reclaim from within reclaim, and gives up after 16 rounds without progress", () => {
    let rounds = 0;
    let depth = 0;
    const { sys } = fullMachine((inner, gfp) => {
      rounds++;
      depth++;
      expect(depth).toBe(1);
      expect(allocPages(inner, gfp)).toBeUndefined();
      depth--;
      return 0;
    }).kernel;
    expect(allocPages(sys, GFP_KERNEL)).toBeUndefined();
    expect(rounds).toBe(17);
  });
});

describe("folioPut", () => {
  it("gives the frame back with the last hold", () => {
    const { sys } = boot({ ram: "16 MiB" }).kernel;
    const free = nrUnusedPages(sys);
    const folio = allocPages(sys, GFP_KERNEL, 2)!;
    expect(nrUnusedPages(sys)).toBe(free - 4);
    folio.refcount++;
    folioPut(sys, folio);
    expect(nrUnusedPages(sys)).toBe(free - 4);
    folioPut(sys, folio);
    expect(nrUnusedPages(sys)).toBe(free);
  });
});

describe("an allocation that waits", () => {
  /** A program touches a page while nothing is free, and reclaim leaves the work to a kernel thread. */
  function waitingProgram(cpus: number) {
    let freed = 0;
    const seen: unknown[] = [];
    const machine: Machine = boot({
      ram: "16 MiB",
      cpus,
      parts: {
        ...noKswapd,
        tryToFreePages: (sys) => {
          sys.sched.wakeUp(cleaner, sys.clock.nowNs + 10_000);
          sys.sched.waitUntil("reclaim", () => freed > 0);
          return freed;
        },
      },
    });
    const { kernel } = machine;
    const cleaner = kernel.sched.kthreadCreate("cleaner", () => {
      seen.push([kernel.sys.thisCpu, kernel.sys.pfMemalloc, p.task.state]);
      kernel.sys.clock.advance(40_000);
      freed = dropCache(machine);
      return Number.POSITIVE_INFINITY;
    });
    kernel.files.writeFile("/f", new Uint8Array(8 * 4096).fill(7));
    const file = kernel.files.open("/f") as VfsFile;
    fadviseDrop(file, 0, 0);
    file.read(0, new Uint8Array(8 * 4096));
    const p = machine.spawn("p");
    const va = p.mmap("64 KiB");
    p.store(va, 1, 1);
    const other = p.fork("other");
    takeAll(kernel.sys);
    return { machine, p, other, va, seen, freed: () => freed };
  }

  it("goes on when a kernel thread has freed something, and the time is charged to the program as reclaim", () => {
    for (const cpus of [1, 2]) {
      const { machine, p, va, seen, freed } = waitingProgram(cpus);
      const before = p.getrusage().minFlt;
      p.store(va + 4096, 1, 7);
      expect(p.load(va + 4096)).toBe(7);
      expect(seen).toEqual([[0, false, "D"]]);
      expect(freed()).toBe(8);
      expect(p.task.waitNs).toMatchObject({ io: 0, reclaim: 50_000 });
      expect(p.getrusage().minFlt - before).toBe(1);
      expect([machine.kernel.sys.current, machine.kernel.sys.pfMemalloc]).toEqual([p.task, false]);
    }
  });

  it("keeps other programs out of its step, and lets them work in the time it waits", () => {
    const { machine, p, other, va } = waitingProgram(2);
    other.setaffinity(1);
    const { programs } = machine.runPrograms(
      {
        *waits(me) {
          me.store(va + 8192, 1, 1);
          yield;
        },
        *works(me) {
          for (let i = 0; i < 30_000; i++) {
            me.load(va);
            yield;
          }
        },
      },
      { processes: { waits: p, works: other } },
    );
    const wait = programs.waits!.spans.find(({ what }) => what === "reclaim")!;
    expect(wait.toNs - wait.fromNs).toBeGreaterThanOrEqual(50_000);
    const beside = programs.works!.spans.filter(({ what, toNs }) => what === "run" && toNs > wait.fromNs);
    expect(beside.length).toBeGreaterThan(0);
  });
});
