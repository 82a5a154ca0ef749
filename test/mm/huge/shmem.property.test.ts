/**
 * Random work on huge and small pages of files: shared memory with and without a name, private mappings of it,
 * a file on a disk; forks, collapse, holes, other sizes, partial unmapping, protection, locks, swap, reclaim.
 * The model is a byte for each page of each file, and those that processes have of their own.
 */
import { describe, expect, it } from "vitest";
import { Random } from "../../../lib/hw/random.js";
import { boot } from "../../../lib/index.js";
import type { Machine } from "../../../lib/kernel/machine.js";
import type { Process } from "../../../lib/kernel/process.js";
import { checkInvariants } from "../../../lib/mm/debug.js";
import type { ShmemEnabled } from "../../../lib/mm/huge/thp_state.js";
import { PG_uptodate } from "../../../lib/mm/pages/folio.js";
import { pmdLeaf, ptePfn, ptePresent, ptepGet } from "../../../lib/mm/pgtable/pgtable.js";
import { lookupAddress } from "../../../lib/mm/pgtable/pgtable_alloc.js";
import {
  PSWPOUT,
  THP_COLLAPSE_ALLOC,
  THP_FILE_ALLOC,
  THP_FILE_MAPPED,
  THP_SPLIT_PAGE,
  THP_SWPOUT,
} from "../../../lib/mm/vmstat.js";
import { reclaimAll, reclaimAtRandom } from "../pressure.js";
import { SwapSetup } from "../swap/swap_setup.js";

/** Worlds, and the first seed; more by hand: PAGEWALK_WORLDS=100. */
const WORLDS = Number(process.env.PAGEWALK_WORLDS ?? 5);
const FIRST_SEED = Number(process.env.PAGEWALK_SEED ?? 1);
const STEPS = 90;
const PAGE = 4096;
const PAGES = 2 * 512 + 60;
const BORDERS = [0, 512, 1024];
/** Where each area lies: a multiple of 2 MiB, or a bit above. */
const BASE = 0x2000_0000_0000;

/** A file: a byte for each page; behind `pages` there is nothing. */
interface Backing {
  readonly data: Uint8Array;
  pages: number;
  readonly path: string | undefined;
}

/** A mapping that every process has; `own` pages are private copies, by process. */
interface Area {
  readonly at: number;
  readonly backing: Backing;
  readonly shared: boolean;
}

interface Proc {
  readonly process: Process;
  /** By area and page. */
  readonly own: Map<string, number>;
  readonly fds: Map<Backing, number>;
}

const EVENTS = [THP_FILE_MAPPED, THP_FILE_ALLOC, THP_COLLAPSE_ALLOC, THP_SPLIT_PAGE, PSWPOUT, THP_SWPOUT];
const sums = new Map<number, number>();

/** One machine and its model. */
class World {
  readonly machine: Machine;
  readonly procs: Proc[] = [];
  readonly areas: Area[] = [];
  readonly files: Backing[] = [];
  private nr = 0;

  constructor(
    readonly random: Random,
    seed: number,
  ) {
    this.machine = boot({ ram: "64 MiB" });
    const { sys } = this.machine.kernel;
    const words: readonly ShmemEnabled[] = ["always", "never", "within_size", "advise", "force"];
    this.machine.procfs.write("/sys/kernel/mm/transparent_hugepage/shmem_enabled", words[seed % 5]!);
    sys.thp.tmpfsHuge = (["never", "always", "within_size"] as const)[seed % 3]!;
    if (seed % 2 === 1 && seed % 5 !== 4) sys.thp.shmemOrdersAlways = 0x1fe & (0x54 + 22 * seed);
    Object.assign(sys.thp.khugepaged, { scanSleepMillisecs: 30, allocSleepMillisecs: 40, defrag: true });
    const process = this.machine.spawn("first");
    const first: Proc = { process, own: new Map(), fds: new Map() };
    this.procs.push(first);
    for (const path of ["/dev/shm/f", "/data/f", undefined]) {
      const backing = { data: new Uint8Array(PAGES), pages: PAGES, path };
      this.files.push(backing);
      if (path === undefined) continue;
      const fd = process.open(path, { create: true });
      first.fds.set(backing, fd);
      process.ftruncate(fd, PAGES * PAGE);
    }
    const [shm, disk, anon] = this.files as [Backing, Backing, Backing];
    this.add(shm, true, 0);
    this.add(shm, false, 0);
    this.add(disk, true, 0);
    this.add(anon, true, 0);
    this.add(shm, true, 3 * PAGE);
    for (const area of this.areas) this.map(first, area, 0, PAGES);
  }

  private add(backing: Backing, shared: boolean, shift: number): void {
    this.areas.push({ at: BASE + this.areas.length * 2 ** 30 + shift, backing, shared });
  }

  /** Maps a part of the area, anew if it is there already; anonymous memory only at the beginning. */
  private map({ process, own, fds }: Proc, area: Area, page: number, nr: number): void {
    const { at, backing, shared } = area;
    const fd = fds.get(backing);
    const file = fd === undefined ? {} : { fd, offset: page * PAGE };
    process.mmap(nr * PAGE, { at: at + page * PAGE, fixed: true, shared, ...file });
    for (let i = page; i < page + nr; i++) own.delete(key(this.areas.indexOf(area), i));
  }

  /** What the page holds for the process; undefined: SIGBUS. */
  private expected({ own }: Proc, area: Area, page: number): number | undefined {
    const { data, pages } = area.backing;
    if (page >= pages) return undefined;
    return own.get(key(this.areas.indexOf(area), page)) ?? data[page]!;
  }

  private page(): number {
    const { random } = this;
    if (random.chance(60)) return random.below(PAGES);
    return Math.min(PAGES - 1, Math.max(0, random.pick(BORDERS) + random.pick([0, 0, -1, 1, 40])));
  }

  check(): void {
    const { sys, tasks } = this.machine.kernel;
    const mms = [...new Set([...tasks.values()].flatMap(({ mm }) => mm ?? []))];
    checkInvariants(sys, [sys.initMm!, ...mms]);
    this.checkCache();
    this.checkOwn();
  }

  /** Private copies, as far as they are in RAM, without touching them; none is lost. */
  private checkOwn(): void {
    for (const { process, own } of this.procs)
      for (const [name, value] of own) {
        const [area, page] = name.split(" ").map(Number) as [number, number];
        const { ptep } = lookupAddress(process.mm, this.areas[area]!.at + page * PAGE);
        const pte = ptep === 0 ? 0 : ptepGet(process.mm.sys.ram, ptep);
        if (pte === 0 || pmdLeaf(pte)) throw new Error(`private page ${page} is lost`);
        if (ptePresent(pte))
          expect(process.mm.sys.ram.frame(ptePfn(pte))[5], `private page ${page}`).toBe(value);
      }
  }

  /** What is in the cache of files in memory, without touching it; what is neither there nor in swap is 0. */
  private checkCache(): void {
    const { sys } = this.machine.kernel;
    const mm = this.procs[0]!.process.mm;
    for (const { at, backing } of this.areas.slice(0, 4)) {
      const mapping = mm.mmMt.find(at)?.vmFile?.fMapping;
      if (backing === this.files[1] || mapping === undefined) continue;
      for (let page = 0; page < backing.pages; page++) {
        const folio = mapping.pages.get(page);
        if (folio === undefined && mapping.swapEntries.has(page)) continue;
        const found = folio === undefined ? 0 : sys.ram.frame(folio.pfn + page - folio.index)[5]!;
        if ((folio === undefined || (folio.flags & PG_uptodate) !== 0) && found !== backing.data[page])
          throw new Error(`page ${page} of ${backing.path} is ${found}, not ${backing.data[page]}`);
      }
    }
  }

  /** Two huge pages at least come to be in memory without a name, and all that can go to swap goes there. */
  allOut(): void {
    const { process } = this.procs[0]!;
    this.machine.kernel.enter(process.task);
    attempt(() => process.madvise(this.areas[3]!.at, 2 ** 22, "COLLAPSE"));
    reclaimAll(this.machine.kernel.sys);
    this.check();
  }

  /** Every byte of every process. */
  finish(): void {
    for (const proc of this.procs)
      for (const [i, area] of this.areas.entries())
        for (let page = 0; page < area.backing.pages; page++)
          expect(proc.process.load(area.at + page * PAGE + 5), `area ${i}, page ${page}`).toBe(
            this.expected(proc, area, page),
          );
  }

  /** One step; what it was, for the report. */
  step(setup: SwapSetup): string {
    const { random } = this;
    const proc = random.pick(this.procs);
    const nrArea = random.below(this.areas.length);
    const area = this.areas[nrArea]!;
    const page = this.page();
    const nr = Math.min(PAGES - page, random.pick([1, 3, 64, 512, 512, 600]));
    const kind = random.pick(KINDS);
    const what = `${kind} by ${this.procs.indexOf(proc)}, area ${nrArea}, pages ${page}+${nr}`;
    this.machine.kernel.enter(proc.process.task);
    this.run(kind, proc, area, page, nr, setup);
    return what;
  }

  private run(kind: string, proc: Proc, area: Area, page: number, nr: number, setup: SwapSetup): void {
    const { random } = this;
    const { process, own, fds } = proc;
    const at = area.at + page * PAGE;
    const { backing } = area;
    const { data } = backing;
    const { sys } = this.machine.kernel;
    switch (kind) {
      case "load":
        for (let i = page; i < page + Math.min(nr, 40); i++) this.load(proc, area, i);
        break;
      case "store":
        for (let i = page; i < Math.min(page + Math.min(nr, 40), backing.pages); i++) {
          const value = random.between(1, 255);
          process.store(area.at + i * PAGE + 5, 1, value);
          if (area.shared) data[i] = value;
          else own.set(key(this.areas.indexOf(area), i), value);
        }
        break;
      case "fork":
        if (this.procs.length < 4) {
          const child = process.fork(`child ${this.nr++}`);
          this.procs.push({ process: child, own: new Map(own), fds: new Map(fds) });
        }
        break;
      case "exit":
        if (this.procs.length > 1) {
          process.exit();
          this.procs.splice(this.procs.indexOf(proc), 1);
        }
        break;
      case "collapse":
        attempt(() => process.madvise(at, nr * PAGE, "COLLAPSE"));
        break;
      case "hugepage":
      case "nohugepage":
        process.madvise(at, nr * PAGE, kind === "hugepage" ? "HUGEPAGE" : "NOHUGEPAGE");
        break;
      case "dontneed":
        process.madvise(at, nr * PAGE, "DONTNEED");
        if (!area.shared) for (let i = page; i < page + nr; i++) own.delete(key(this.areas.indexOf(area), i));
        break;
      case "pageout":
      case "cold":
        process.madvise(at, nr * PAGE, kind === "cold" ? "COLD" : "PAGEOUT");
        break;
      case "remove":
        if (area.shared) {
          process.madvise(at, nr * PAGE, "REMOVE");
          data.fill(0, page, Math.min(page + nr, PAGES));
        }
        break;
      case "resize":
        if (backing.path !== undefined) this.resize(proc, backing, page);
        break;
      case "remap":
        if (backing.path !== undefined) {
          if (random.chance(50)) process.munmap(at, nr * PAGE);
          this.map(proc, area, page, nr);
        }
        break;
      case "protect":
        process.mprotect(at, nr * PAGE, "r");
        for (let i = page; i < page + Math.min(nr, 8); i++) this.load(proc, area, i);
        process.mprotect(at, nr * PAGE, "rw");
        break;
      case "lock":
        if (!area.shared) break; // it would make private copies of all pages
        attempt(() => process.mlock(at, Math.min(nr, 512) * PAGE));
        if (random.chance(50)) attempt(() => process.madvise(area.at, PAGES * PAGE, "COLLAPSE"));
        process.munlock(at, Math.min(nr, 512) * PAGE);
        break;
      case "write":
        if (backing.path !== undefined) this.write(proc, backing, page);
        break;
      case "sync":
        if (backing.path !== undefined) process.msync(at, nr * PAGE);
        break;
      case "sleep":
        process.nanosleep(5e7);
        break;
      case "swap":
        setup.toggle(this.machine.kernel);
        break;
      case "reclaim":
        if (random.chance(30)) reclaimAll(sys);
        else reclaimAtRandom(sys, random);
        break;
    }
  }

  private load(proc: Proc, area: Area, page: number): void {
    const value = this.expected(proc, area, page);
    if (value === undefined) return;
    expect(proc.process.load(area.at + page * PAGE + 5), `page ${page}`).toBe(value);
  }

  /** The file ends at `page`, and then is as long as before. */
  private resize({ process, fds }: Proc, backing: Backing, page: number): void {
    const fd = fds.get(backing)!;
    process.ftruncate(fd, page * PAGE);
    backing.data.fill(0, page);
    for (const { own } of this.procs)
      for (const [i, area] of this.areas.entries())
        if (area.backing === backing)
          for (let index = page; index < PAGES; index++) own.delete(key(i, index));
    if (this.random.chance(70)) process.ftruncate(fd, PAGES * PAGE);
    else backing.pages = page;
    if (backing.pages !== page) return;
    this.check();
    process.ftruncate(fd, PAGES * PAGE);
    backing.pages = PAGES;
  }

  private write({ process, fds }: Proc, backing: Backing, page: number): void {
    const value = this.random.between(1, 255);
    const buf = process.mmap(PAGE);
    process.store(buf, 1, value);
    process.pwrite(fds.get(backing)!, buf, 1, page * PAGE + 5);
    backing.data[page] = value;
    process.munmap(buf, PAGE);
  }
}

const KINDS = [
  ...["load", "load", "load", "store", "store", "store", "fork", "exit", "collapse", "collapse", "collapse"],
  ...["hugepage", "hugepage", "nohugepage", "dontneed", "pageout", "pageout", "cold", "remove", "remove"],
  ...["resize", "remap", "protect", "lock", "write", "sync", "sleep", "swap", "reclaim", "reclaim"],
];

const key = (area: number, page: number): string => `${area} ${page}`;

/** It may be refused, as a collapse without free memory is. */
function attempt(call: () => void): void {
  try {
    call();
  } catch (error) {
    if (!(error instanceof Error) || !("syscall" in error)) throw error;
  }
}

function run(seed: number): void {
  const random = new Random(5000 + seed);
  const setup = new SwapSetup(3 * seed); // devices of every kind, that do not fail
  const world = new World(random, seed);
  const { kernel } = world.machine;
  if (seed % 4 !== 0) setup.toggle(kernel);
  const done: string[] = [];
  for (let i = 0; i < STEPS; i++) {
    try {
      done.push(world.step(setup));
      world.check();
    } catch (error) {
      const last = done.slice(-5).join("\n");
      throw new Error(`seed ${seed}, step ${i}: ${(error as Error).message}\nafter\n${last}`, {
        cause: error,
      });
    }
  }
  try {
    if (kernel.sys.totalSwapPages === 0) setup.toggle(kernel);
    world.allOut();
    world.finish();
    world.check();
  } catch (error) {
    throw new Error(`seed ${seed}, at the end: ${(error as Error).message}`, { cause: error });
  }
  for (const event of EVENTS) sums.set(event, (sums.get(event) ?? 0) + kernel.sys.vmStat.events[event]!);
}

describe("with huge pages of files", () => {
  it("every process sees its own bytes, every count and every reverse map is right, no frame is lost", () => {
    for (let seed = FIRST_SEED; seed < FIRST_SEED + WORLDS; seed++) run(seed);
    for (const event of EVENTS) expect(sums.get(event), String(event)).toBeGreaterThan(0);
  }, 300_000);
});
