/**
 * Random life with a pool of huge pages, beside a plain model of every byte: after each step all counters are
 * recomputed (checkHugetlb), and what processes see is what they wrote.
 *
 * A step may fail where the pool is short, but never where it must not: a mapping that was promised its pages gets
 * them, and so does its owner's copy.
 */
import fc from "fast-check";
import { describe, expect, it } from "vitest";
import type { Process } from "../../../lib/kernel/process.js";
import { HUGE, HugeWorld } from "./huge_world.js";

/** One huge page as its process sees it: bytes by offset, all others 0. Shared pages are one object for all. */
interface ModelPage {
  bytes: Map<number, number>;
}

/** One mapping of one process. */
interface Area {
  addr: number;
  readonly shared: boolean;
  /** Its pages are sure to be had. */
  promised: boolean;
  writable: boolean;
  /** undefined: unmapped. */
  pages: (ModelPage | undefined)[];
}

interface ModelProcess {
  readonly process: Process;
  areas: Area[];
}

const OFFSETS = [0, 4095, 0x10_0000, HUGE - 1];
const MOST_PROCESSES = 4;
const MOST_AREAS = 4;

type Step = readonly [kind: string, a: number, b: number, c: number];

class Model {
  readonly world: HugeWorld;
  procs: ModelProcess[];

  constructor(pages: number, overcommit: number) {
    this.world = new HugeWorld(pages);
    this.world.resize(overcommit, "nr_overcommit_hugepages");
    this.procs = [{ process: this.world.spawn(), areas: [] }];
  }

  run([kind, a, b, c]: Step): void {
    const proc = this.procs[a % Math.max(1, this.procs.length)];
    if (kind === "resize") this.world.resize(b % 9);
    else if (kind === "overcommit") this.world.resize(b % 4, "nr_overcommit_hugepages");
    else if (kind === "spawn" || proc === undefined) this.spawn();
    else if (kind === "map") this.map(proc, b, c);
    else if (kind === "fork") this.fork(proc);
    else if (kind === "exit") this.exit(proc);
    else this.onArea(kind, proc, b, c);
    this.world.check();
  }

  private spawn(): void {
    if (this.procs.length < MOST_PROCESSES) this.procs.push({ process: this.world.spawn(), areas: [] });
  }

  private map(proc: ModelProcess, b: number, c: number): void {
    if (proc.areas.length >= MOST_AREAS) return;
    const nr = 1 + (b % 3);
    const [shared, noreserve, populate] = [(c & 1) !== 0, (c & 6) === 6, (c & 24) === 24];
    const [, free, promised, surplus] = this.world.pool();
    try {
      const addr = proc.process.mmap(nr * HUGE, { hugetlb: "2M", shared, noreserve, populate });
      const pages = Array.from({ length: nr }, () => ({ bytes: new Map<number, number>() }));
      proc.areas.push({ addr, shared, promised: !noreserve, writable: true, pages });
    } catch (error) {
      expect((error as { code: string }).code).toBe("ENOMEM");
      // What is free and promised to nobody must be enough.
      expect(free! - promised!).toBeLessThan(nr + surplus!);
    }
  }

  private fork(proc: ModelProcess): void {
    if (this.procs.length >= MOST_PROCESSES) return;
    const process = proc.process.fork();
    const areas = proc.areas.map((area) => ({
      ...area,
      promised: area.promised && area.shared,
      pages: area.pages.map((page) =>
        page === undefined || area.shared ? page : { bytes: new Map(page.bytes) },
      ),
    }));
    this.procs.push({ process, areas });
  }

  private exit(proc: ModelProcess): void {
    proc.process.exit(0);
    this.procs = this.procs.filter((one) => one !== proc);
  }

  private onArea(kind: string, proc: ModelProcess, b: number, c: number): void {
    const area = proc.areas[b % Math.max(1, proc.areas.length)];
    if (area === undefined) return;
    const index = Math.floor(b / 8) % area.pages.length;
    if (kind === "load" || kind === "store") this.touch(proc, area, index, c, kind === "store");
    else if (kind === "munmap") this.munmap(proc, area, index);
    else if (kind === "dontneed") this.dontneed(proc, area, index);
    else if (kind === "protect") this.protect(proc, area);
    else if (kind === "move") this.move(proc, area);
  }

  private touch(proc: ModelProcess, area: Area, index: number, c: number, store: boolean): void {
    const page = area.pages[index];
    if (page === undefined || (store && !area.writable)) return;
    const offset = OFFSETS[c % OFFSETS.length]!;
    const va = area.addr + index * HUGE + offset;
    const value = c % 251;
    const failed = this.world.failing(() => {
      if (store) proc.process.store(va, 1, value);
      else expect(proc.process.load(va, 1)).toBe(page.bytes.get(offset) ?? 0);
    });
    if (failed !== "") {
      expect([failed, area.promised]).toEqual(["SIGBUS", false]);
      return;
    }
    if (store) page.bytes.set(offset, value);
    for (const at of OFFSETS) expect(proc.process.load(va - offset + at, 1)).toBe(page.bytes.get(at) ?? 0);
  }

  private munmap(proc: ModelProcess, area: Area, index: number): void {
    if (area.pages[index] === undefined) return;
    proc.process.munmap(area.addr + index * HUGE, HUGE);
    area.pages[index] = undefined;
    if (area.pages.every((page) => page === undefined)) proc.areas = proc.areas.filter((one) => one !== area);
  }

  private dontneed(proc: ModelProcess, area: Area, index: number): void {
    if (area.pages[index] === undefined) return;
    proc.process.madvise(area.addr + index * HUGE, HUGE, "DONTNEED");
    if (area.shared) return;
    area.pages[index] = { bytes: new Map() };
    area.promised = false; // with surplus pages about it is not promised again
  }

  private protect(proc: ModelProcess, area: Area): void {
    area.writable = !area.writable;
    for (const [i, page] of area.pages.entries())
      if (page !== undefined) proc.process.mprotect(area.addr + i * HUGE, HUGE, area.writable ? "rw" : "r");
  }

  private move(proc: ModelProcess, area: Area): void {
    if (area.pages.includes(undefined)) return;
    const length = area.pages.length * HUGE;
    const to = proc.process.mmap(length, { prot: "", noreserve: true, at: 0x2000_0000_0000 });
    area.addr = proc.process.mremap(area.addr, length, length, { to: Math.ceil(to / HUGE) * HUGE });
  }
}

const KINDS = [
  ...["resize", "overcommit", "spawn", "map", "map", "fork", "fork", "exit"],
  ...["load", "load", "store", "store", "store", "store", "munmap", "dontneed", "protect", "move"],
];
const steps = fc.array(fc.tuple(fc.constantFrom(...KINDS), fc.nat(1000), fc.nat(1000), fc.nat(1000)), {
  minLength: 5,
  maxLength: 40,
});

describe("random work on a pool of huge pages", () => {
  it("loses no page, no promise and no byte", () => {
    fc.assert(
      fc.property(fc.integer({ min: 1, max: 8 }), fc.nat(2), steps, (pages, overcommit, list) => {
        const model = new Model(pages, overcommit);
        for (const step of list) model.run(step);
        for (const { process } of model.procs) process.exit(0);
        model.world.check();
        const [total, free, promised] = model.world.pool();
        expect([free, promised]).toEqual([total, 0]);
      }),
      { numRuns: 80 },
    );
  }, 120_000);
});
