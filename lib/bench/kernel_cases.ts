/**
 * The kernel's bench cases: what a page fault and a fork cost the host, through everything from the access to
 * the counters.
 *
 *   minor-64M, minor-1G, minor-16G    first writes to anonymous memory; the same speed whatever the size of RAM
 *   touch-small-1G, touch-huge-1G     first writes to every page of 1 GiB, with small and with huge pages
 *   cow                               writes to pages that a child maps, too: each is copied
 *   fork-1G                           fork of a process with 1 GiB resident, counted in pages, so that
 *                                     262144 / speed is the time of one fork
 *   reclaim-file                      touches of a file of twice the RAM, again and again from end to end: what comes in
 *                                     puts something else out
 *   swap-ssd                          writes to anonymous memory of twice the RAM, the same way: each page is read from
 *                                     swap on an SSD, and another one is written there
 *
 * The plain loop fills (or copies) 4096 bytes for each page. The machine does less: of a page it fills and
 * copies only what was ever written (hw/ram.ts), here one byte. For fork, which moves no bytes, the loop
 * copies one entry of 8 bytes.
 *
 * A run with a shorter `length` than the full one forks, or touches, 32 MiB.
 *
 * Read first: cases.ts.
 */
import { PAGE_SIZE } from "../hw/address.js";
import { type BootOptions, boot, type Machine } from "../kernel/machine.js";
import type { Process } from "../kernel/process.js";
import { PSWPIN } from "../mm/vmstat.js";
import type { BenchCase, BenchGroup } from "./cases.js";
import { FULL_LENGTH } from "./streams.js";

/** Pages of one run of the fault cases, 32 MiB. */
const FAULT_PAGES = 8192;
const FORK_PAGES = 2 ** 18;
/** Pages of the file of the reclaim case: RAM is half of it, 64 MiB. */
const FILE_PAGES = 2 ** 15;
/** Touches of one run of it. */
const RECLAIM_TOUCHES = 1_000_000;
/** Rounds before the first measured one, for the host's JIT compiler. */
const WARM_UP = 4;

/** Faults and forks. */
export const kernelCases: BenchGroup = {
  names: [
    ...["minor-64M", "minor-1G", "minor-16G", "touch-small-1G", "touch-huge-1G"],
    ...["cow", "fork-1G", "reclaim-file", "swap-ssd"],
  ],
  make(name, { length }) {
    if (name === "cow") return warm(new CowCase());
    if (name === "reclaim-file")
      return warm(new ReclaimCase(length < FULL_LENGTH ? FAULT_PAGES : RECLAIM_TOUCHES));
    if (name === "swap-ssd") return warm(new SwapCase(length < FULL_LENGTH ? FAULT_PAGES : RECLAIM_TOUCHES));
    if (name === "fork-1G") return warm(new ForkCase(length < FULL_LENGTH ? FAULT_PAGES : FORK_PAGES));
    const touched = length < FULL_LENGTH ? FAULT_PAGES : FORK_PAGES;
    if (name === "touch-small-1G") return warm(new TouchCase(name, touched, false));
    if (name === "touch-huge-1G") return warm(new TouchCase(name, touched, true));
    const size = { "minor-64M": "64 MiB", "minor-1G": "1 GiB", "minor-16G": "16 GiB" }[name];
    if (size === undefined) throw new RangeError(`there is no bench case "${name}"`);
    return warm(new MinorCase(name, size));
  },
};

/** What the cases share: a machine, one process and its faults. */
abstract class KernelCase implements BenchCase {
  abstract readonly unit: string;
  readonly name: string;
  protected readonly machine: Machine;
  protected readonly process: Process;
  protected faults = 0;
  protected wrong: string | undefined;

  constructor(name: string, ram: string, options: BootOptions = {}) {
    this.name = name;
    this.machine = boot({ ram, ...options });
    this.process = this.machine.spawn("bench");
  }

  abstract prepare(): void;
  abstract run(): number;
  abstract baseline(): number;

  counters(): Record<string, number> {
    return { faults: this.faults, nowNs: this.machine.clock.nowNs };
  }

  problem(): string | undefined {
    return this.wrong;
  }

  /** Writes one byte to each page and checks that each took one minor fault, or as many together as `each`. */
  protected touchAll(addr: number, pages: number, each = 1): number {
    const { minFlt, majFlt } = this.process.touch(addr, pages * PAGE_SIZE, "w");
    this.faults = minFlt;
    if (minFlt !== pages / each || majFlt !== 0)
      this.wrong = `${minFlt} minor and ${majFlt} major faults, must be ${pages / each} and 0`;
    return pages;
  }
}

function warm(bench: BenchCase): BenchCase {
  for (let i = 0; i < WARM_UP; i++) {
    bench.prepare();
    bench.run();
  }
  return bench;
}

const bytes = new Uint8Array(2 * FAULT_PAGES * PAGE_SIZE);
const entries = new Float64Array(2 * FORK_PAGES);

class MinorCase extends KernelCase {
  readonly unit = "minor faults";
  private addr = 0;

  prepare(): void {
    if (this.addr !== 0) this.process.munmap(this.addr, FAULT_PAGES * PAGE_SIZE);
    this.addr = this.process.mmap(FAULT_PAGES * PAGE_SIZE);
  }

  run(): number {
    return this.touchAll(this.addr, FAULT_PAGES);
  }

  baseline(): number {
    for (let page = 0; page < FAULT_PAGES; page++) bytes.fill(0, page * PAGE_SIZE, (page + 1) * PAGE_SIZE);
    return FAULT_PAGES;
  }
}

/** All of a gigabyte, by faults of 4 KiB or of 2 MiB. */
class TouchCase extends KernelCase {
  readonly unit = "pages";
  private addr = 0;

  constructor(
    name: string,
    private readonly pages: number,
    private readonly huge: boolean,
  ) {
    super(name, "2 GiB", { thp: huge ? "always" : "never" });
  }

  prepare(): void {
    if (this.addr !== 0) this.process.munmap(this.addr, this.pages * PAGE_SIZE);
    this.addr = this.process.mmap(this.pages * PAGE_SIZE);
  }

  run(): number {
    return this.touchAll(this.addr, this.pages, this.huge ? 512 : 1);
  }

  baseline(): number {
    for (let page = 0; page < FAULT_PAGES; page++) bytes.fill(0, page * PAGE_SIZE, (page + 1) * PAGE_SIZE);
    return FAULT_PAGES;
  }
}

class CowCase extends KernelCase {
  readonly unit = "CoW faults";
  private readonly addr: number;
  private child: Process | undefined;

  constructor() {
    super("cow", "1 GiB");
    this.addr = this.process.mmap(FAULT_PAGES * PAGE_SIZE, { populate: true });
  }

  prepare(): void {
    this.child?.exit();
    this.child = this.process.fork();
  }

  run(): number {
    return this.touchAll(this.addr, FAULT_PAGES);
  }

  baseline(): number {
    for (let page = 0; page < FAULT_PAGES; page++)
      bytes.set(bytes.subarray(page * PAGE_SIZE, (page + 1) * PAGE_SIZE), (FAULT_PAGES + page) * PAGE_SIZE);
    return FAULT_PAGES;
  }
}

class ForkCase extends KernelCase {
  readonly unit = "pages forked";
  private child: Process | undefined;
  private readonly pages: number;

  constructor(pages: number) {
    super("fork-1G", "2 GiB");
    this.pages = pages;
    this.process.mmap(pages * PAGE_SIZE, { populate: true });
  }

  prepare(): void {
    this.child?.exit();
  }

  run(): number {
    this.child = this.process.fork();
    const { rssStat } = this.child.mm;
    if (rssStat[1] !== this.pages) this.wrong = `the child has ${rssStat[1]} pages, must have ${this.pages}`;
    return this.pages;
  }

  baseline(): number {
    for (let i = 0; i < this.pages; i++) entries[FORK_PAGES + i] = entries[i]!;
    return this.pages;
  }
}

/** Touches of memory of twice the RAM, from end to end. */
abstract class LoopCase extends KernelCase {
  readonly unit = "pages touched";
  protected abstract readonly addr: number;
  protected abstract readonly access: "r" | "w";
  protected readonly touches: number;
  private next = 0;

  constructor(name: string, touches: number, swap?: string) {
    super(name, "64 MiB", swap === undefined ? {} : { swap });
    this.touches = touches;
  }

  prepare(): void {}

  run(): number {
    for (let done = 0; done < this.touches; ) {
      const nr = Math.min(this.touches - done, FILE_PAGES - this.next);
      this.process.touch(this.addr + this.next * PAGE_SIZE, nr * PAGE_SIZE, this.access);
      this.next = (this.next + nr) % FILE_PAGES;
      done += nr;
    }
    const { tasks } = this.machine.kernel;
    if (!tasks.has(this.process.pid)) this.wrong = "the process was killed";
    return this.touches;
  }

  baseline(): number {
    for (let page = 0; page < FAULT_PAGES; page++) bytes.fill(0, page * PAGE_SIZE, (page + 1) * PAGE_SIZE);
    return FAULT_PAGES;
  }
}

class ReclaimCase extends LoopCase {
  protected readonly addr: number;
  protected readonly access = "r";

  constructor(touches: number) {
    super("reclaim-file", touches);
    const fd = this.process.open("/data/bench", { create: true, writable: true });
    this.process.ftruncate(fd, FILE_PAGES * PAGE_SIZE);
    this.addr = this.process.mmap(FILE_PAGES * PAGE_SIZE, { fd, prot: "r", shared: true });
  }
}

class SwapCase extends LoopCase {
  protected readonly addr: number;
  protected readonly access = "w";

  constructor(touches: number) {
    super("swap-ssd", touches, "256 MiB");
    this.addr = this.process.mmap(FILE_PAGES * PAGE_SIZE);
    for (let page = 0; page < FILE_PAGES; page++)
      this.process.store(this.addr + page * PAGE_SIZE, 8, page + 1);
  }

  override run(): number {
    const done = super.run();
    if (this.machine.kernel.sys.vmStat.events[PSWPIN] === 0) this.wrong = "nothing was read from swap";
    return done;
  }
}
