/**
 * The machine: RAM, a clock and CPUs, put together and switched on by `boot`.
 *
 *   boot({ ram: "16 MiB", cpus: 1, levels: 4, parts: { walk: myWalk } })
 *          |
 *          v
 *   Machine --- ram       the bytes
 *      |------- clock     simulated nanoseconds
 *      |------- cpus[]    each with its MMU, which walks with parts.walk
 *      |------- frames    who hands out page frames of a machine without a kernel
 *      |------- newPageTable(), switchMm(), explain(), run()
 *      |------- snapshot(), restore()
 *      |------- measure(f)    what f cost: time, counters of every CPU, faults, /proc/vmstat
 *      |------- kernel    Linux's memory management and tasks; started when it is first asked for
 *      +------- spawn()   a new process on that kernel
 *
 * `parts` is the table of replaceable parts: plain functions with the signature that the lib itself uses. A
 * part that is not given is the lib's own; a name that is not in the table is an error.
 *
 * Read first: hw/cpu.ts, hw/page_table.ts.
 */
import type { Vaddr } from "../hw/address.js";
import { hex, PAGE_SIZE } from "../hw/address.js";
import { type BlockModel, type BlockModelName, blockModel, type DiskSpeed } from "../hw/block_device.js";
import { Clock, type CostTable } from "../hw/clock.js";
import { Cpu } from "../hw/cpu.js";
import { type Explanation, explainWalk } from "../hw/explain.js";
import { ACCESS_USER } from "../hw/fault.js";
import { BareFrames, type FrameAllocator } from "../hw/frames.js";
import { valueText } from "../hw/options.js";
import { type MapPage, mapPage, PageTable, type TableLevels } from "../hw/page_table.js";
import { Ram } from "../hw/ram.js";
import { CR4_PCIDE } from "../hw/registers.js";
import { checkArguments, checkMethods, type Signature } from "../hw/signature.js";
import "../hw/arguments.js";
import { formatSize, parseSize } from "../hw/size.js";
import { runStream, type StreamResult } from "../hw/stream.js";
import { type TlbModel, type TlbModelName, tlbModel } from "../hw/tlb_model.js";
import type { TlbFactory } from "../hw/tlb_part.js";
import type { Walk } from "../hw/translation.js";
import { walk } from "../hw/walk.js";
import type { ThpWord } from "../mm/huge/thp_state.js";
import { linuxMmParts } from "../mm/linux_parts.js";
import { type LruGeneration, lruGenerations } from "../mm/lru/gen/observe.js";
import { INITRD_BYTES } from "../mm/pages/boot_reserve.js";
import type { MemoryOptions } from "../mm/pages/free_area_init.js";
import type { MmParts } from "../mm/parts.js";
import { checkResult } from "./errno.js";
import { Kernel, type KernelHardware } from "./kernel.js";
import { costSince, Measurement, takeStock } from "./measure.js";
import { bootPools, type MountOptions, sysMount } from "./mount.js";
import { Process } from "./process.js";
import { type Programs, type ProgramsRun, type RunProgramsOptions, runPrograms } from "./programs.js";
import { MachineSnapshot } from "./snapshot.js";
import { makeSwapFile, mkswap, type SwaponOptions, swapFlags, sysSwapoff, sysSwapon } from "./swap.js";
import { attachDisks, type SwapDisk, type SwapOptions, swapDisks } from "./swap_disks.js";

/** The parts of a machine that learners replace, each with the lib's own signature. */
export interface MachineParts extends MmParts {
  /** The page walker of every CPU (lab 01). */
  readonly walk: Walk;
  /** Maps one 4 KiB page in a four-level table (lab 01). */
  readonly mapPage: MapPage;
  /** Makes the TLBs of every CPU (lab 02); answering undefined keeps the lib's own. */
  readonly tlb: TlbFactory;
}

/** The lib's own parts. */
export const OWN_PARTS: MachineParts = { walk, mapPage, tlb: () => undefined, ...linuxMmParts() };

/** How a machine is built; every field has a default. */
export interface BootOptions {
  /** Size of RAM, such as "16 MiB" (the default); a whole number of 4 KiB frames. */
  readonly ram?: string | number;
  /** Number of CPUs, 1 to 64; 1 by default. */
  readonly cpus?: number;
  /** Levels of page tables: 4 (the default), 5, or 2 for a 32-bit processor. */
  readonly levels?: TableLevels;
  /** TLBs of every CPU: the name of a processor (skylake by default) or a model of your own. */
  readonly tlb?: TlbModelName | TlbModel;
  /** Its disk: "ssd" (the default), "hdd", "usb", a model of your own, or `{ bytesPerSecond: 1e6 }`. */
  readonly disk?: BlockModelName | BlockModel | DiskSpeed;
  /** Disks for swap, /dev/vdb and so on, switched on: a size, or what `SwapOptions` says. None by default. */
  readonly swap?: string | number | SwapOptions | readonly SwapOptions[];
  /**
   * Process-context identifiers; without them every switch flushes. True by default. Linux: nopcid on the
   * command line
   */
  readonly pcid?: boolean;
  /**
   * What firmware and kernel keep of RAM: a size, or what it depends on. By default as much as a real PC of
   * this size, from 128 MiB on (mm/pages/boot_reserve.ts); a smaller machine keeps its first MiB only.
   */
  readonly reserved?: string | number | BootReserve;
  /** Size of ZONE_MOVABLE, such as "64 MiB"; none by default. Linux: movablecore= on the command line */
  readonly movable?: string | number;
  /**
   * Transparent huge pages; "madvise" by default. Below 512 MiB they start switched off all the same.
   * Linux: transparent_hugepage= on the command line
   */
  readonly thp?: ThpWord;
  /** Pools of huge pages, filled at boot as far as can be: `{ "2M": 8, "1G": 1 }`. Linux: hugepages= */
  readonly hugepages?: Readonly<Record<string, number>>;
  /**
   * Whether /proc/PID/clear_refs and pagemap know which pages were written since they were last asked; false
   * by default. Linux: CONFIG_MEM_SOFT_DIRTY, which Debian's kernels have
   */
  readonly softDirty?: boolean;
  /** Prices in ns that take the place of those in COSTS: a slower processor, a dearer fault. */
  readonly costs?: Partial<CostTable>;
  /** Parts that take the place of the lib's own. */
  readonly parts?: Partial<MachineParts>;
}

/** What the memory that is kept at boot depends on, beside the size of RAM. */
export interface BootReserve {
  /** Disks that the firmware has looked at: 12 KiB each; none by default. */
  readonly disks?: number;
  /** Size of the initial file system, which is freed again; "940 KiB" by default. */
  readonly initrd?: string | number;
}

/** How a stream runs. */
export interface RunOptions {
  /** Address of offset 0, a multiple of 4096; 0 by default. */
  readonly baseVa?: Vaddr;
  /** The first CPU by default. */
  readonly cpu?: Cpu;
  /** Whether the accesses come from a user program; true by default. */
  readonly user?: boolean;
}

const BOOT: Signature = {
  options: {
    ram: "size",
    cpus: "number",
    levels: "number",
    tlb: "any",
    disk: "any",
    swap: "any",
    pcid: "flag",
    reserved: "any",
    movable: "size",
    thp: "text",
    hugepages: "object",
    softDirty: "flag",
    costs: "object",
    parts: "object",
  },
};

const RESERVE: Signature = { options: { disks: "count", initrd: "size" } };

/** One machine. Several can run side by side; nothing is shared between them. */
export class Machine {
  readonly ram: Ram;
  readonly clock: Clock;
  readonly cpus: readonly Cpu[];
  readonly levels: TableLevels;
  readonly parts: MachineParts;
  /** Hands out page frames while there is no kernel. Frame 0 is never handed out. */
  readonly frames: FrameAllocator;
  private readonly tables: PageTable[] = [];
  private started: Kernel | undefined;
  private readonly swapDisks: readonly SwapDisk[];
  private readonly bootedWith: Pick<KernelHardware, "disk" | "memory" | "thp" | "softDirty">;
  /** What the last `measure` cost, also where it ended in an error. */
  lastMeasured: Measurement<undefined> | undefined = undefined;

  constructor(options: BootOptions = {}) {
    checkArguments("boot()", BOOT, [options]);
    const sizeBytes = parseSize(options.ram ?? "16 MiB", "ram");
    this.ram = new Ram(sizeBytes);
    this.levels = checkLevels(options.levels ?? 4);
    this.parts = { ...OWN_PARTS, ...checkParts(options.parts ?? {}) };
    this.clock = new Clock(options.costs);
    const disk = blockModel(options.disk);
    this.swapDisks = swapDisks(options.swap, disk);
    this.bootedWith = {
      disk,
      memory: memoryOptions(options),
      softDirty: options.softDirty ?? false,
      ...(options.thp === undefined ? {} : { thp: checkThp(options.thp) }),
    };
    const { levels } = this;
    const { walk, tlb: tlbPart } = this.parts;
    const tlb = tlbModel(options.tlb);
    this.cpus = Array.from(
      { length: checkCpus(options.cpus ?? 1) },
      (_, id) => new Cpu(id, this.ram, this.clock, { levels, walk, tlb, tlbPart }),
    );
    if (options.pcid === false) for (const cpu of this.cpus) cpu.cr4 &= ~CR4_PCIDE;
    this.frames = new BareFrames(this.ram);
  }

  /** The first CPU. */
  get cpu(): Cpu {
    return this.cpus[0]!;
  }

  /**
   * The kernel. It takes all RAM and all CPUs, so it cannot start on a machine whose frames were handed out
   * without it.
   * Linux init/main.c:start_kernel()
   */
  get kernel(): Kernel {
    if (this.started === undefined) {
      if (this.tables.length > 0)
        throw new RangeError("this machine has page tables of its own; boot another one for the kernel");
      if (this.levels !== 4)
        throw new RangeError(`the kernel uses 4 levels of page tables, not ${this.levels}`);
      const { ram, clock, cpus } = this;
      this.started = new Kernel({ ram, clock, cpus, ...this.bootedWith }, this.parts);
      attachDisks(this.started, this.swapDisks);
      this.started.sys.cgroups.mounts.push("/sys/fs/cgroup"); // as systemd does
    }
    return this.started;
  }

  /** A new process on the machine's kernel, with an empty address space. */
  spawn(name = "task"): Process {
    const { kernel } = this;
    return new Process(kernel, kernel.spawn(name));
  }

  /** The process with this pid, such as `process.syscall("fork")` answers. RangeError when there is none. */
  process(pid: number): Process {
    const task = this.started?.tasks.get(pid);
    if (task === undefined) throw new RangeError(`there is no process ${valueText(pid)} on this machine`);
    return new Process(this.kernel, task);
  }

  /**
   * Makes a swap area of the device or file at `path`: writes its first page. A file that is not there is
   * made, of `size`. SyscallError as open(2) and write(2) fail, RangeError for fewer than 10 pages.
   * man 8 mkswap
   */
  mkswap(path: string, options: { size?: string | number; badPages?: readonly number[] } = {}): void {
    const { kernel } = this;
    const pages = options.size === undefined ? undefined : parseSize(options.size, "size") / PAGE_SIZE;
    const isNew = kernel.disks.files.at(path) === undefined && kernel.files.lookup(path) === undefined;
    if (pages !== undefined && pages < 10)
      throw new RangeError(`a swap area has at least 10 pages, not ${pages}`);
    if (isNew && pages !== undefined) makeSwapFile(kernel, path, pages);
    checkResult(mkswap(kernel, path, pages, options.badPages), "mkswap");
  }

  /** Swaps on the device or file at `path`. SyscallError as swapon(2) fails. man 8 swapon */
  swapon(path: string, options: SwaponOptions = {}): void {
    checkResult(sysSwapon(this.kernel, undefined, path, swapFlags(options)), "swapon");
  }

  /** Brings back what is in swap at `path`, and swaps it off. SyscallError as swapoff(2) fails. */
  swapoff(path: string): void {
    checkResult(sysSwapoff(this.kernel, undefined, path), "swapoff");
  }

  /** Makes a folder; below /sys/fs/cgroup a group of processes. SyscallError as mkdir(2) fails. */
  mkdir(path: string): void {
    checkResult(this.kernel.files.mkdir(path), "mkdir");
  }

  /** Removes an empty folder, or a group without processes. SyscallError as rmdir(2) fails. */
  rmdir(path: string): void {
    checkResult(this.kernel.files.rmdir(path), "rmdir");
  }

  /** Mounts files of huge pages on folder `dir`. SyscallError as mount(2) fails. */
  mount(type: "hugetlbfs", dir: string, options: MountOptions = {}): void {
    checkResult(sysMount(this.kernel, type, dir, options), "mount");
  }

  /** The generations of the LRU, the oldest first: what /sys/kernel/debug/lru_gen shows, as data. */
  lruGenerations(): LruGeneration[] {
    return lruGenerations(this.kernel.sys);
  }

  /**
   * Does `act` and says what that cost: simulated time, what every CPU counted, faults of every process, and
   * the counters of /proc/vmstat that changed. What `act` returns is the result's `value`. An error of `act`
   * passes on; `lastMeasured` then has what it cost up to there. Not in Linux: perf stat is its nearest
   * relative.
   */
  measure<T>(act: () => T): Measurement<T> {
    if (typeof act !== "function") throw new TypeError(`measure takes a function, not ${valueText(act)}`);
    const before = takeStock(this, this.started);
    const stop = (): Measurement<undefined> =>
      new Measurement(undefined, costSince(before, this, this.started));
    try {
      const value = act();
      this.lastMeasured = stop();
      return new Measurement(value, this.lastMeasured);
    } catch (error) {
      this.lastMeasured = stop();
      throw error;
    }
  }

  /** An empty page table for a process called `name`. */
  newPageTable(name = `table ${this.tables.length + 1}`): PageTable {
    const { ram, frames, levels, parts } = this;
    const table = new PageTable(ram, frames, { levels, name, mapPage: parts.mapPage });
    this.tables.push(table);
    return table;
  }

  /**
   * Does every access of `stream` (see hw/stream.ts) at `baseVa` plus the element's offset, as a user program
   * on `cpu` unless `user` is false.
   */
  run(stream: Uint32Array, { baseVa = 0, cpu = this.cpu, user = true }: RunOptions = {}): StreamResult {
    const { cpl } = cpu;
    cpu.cpl = user ? 3 : 0;
    try {
      return runStream(cpu, stream, baseVa);
    } finally {
      cpu.cpl = cpl;
    }
  }

  /** The tables made so far. */
  get pageTables(): readonly PageTable[] {
    return this.tables;
  }

  /** Lets `cpu` see memory through `table`: writes CR3. Linux arch/x86/mm/tlb.c:switch_mm_irqs_off() */
  switchMm(table: PageTable, cpu: Cpu = this.cpu): Cpu {
    cpu.writeCr3(table.cr3);
    return cpu;
  }

  /**
   * Every step of the walk that `cpu` would make for `va`, as data and as text. `access` is made of ACCESS_
   * bits, a user read by default. Nothing changes.
   */
  explain(va: Vaddr, access = ACCESS_USER, cpu: Cpu = this.cpu): Explanation {
    return explainWalk(this.ram, cpu.paging, va, access);
  }

  /** This moment of the whole machine, to come back to with `restore`. */
  snapshot(): MachineSnapshot {
    this.checkQuiet();
    return new MachineSnapshot(this, this.clock.nowNs);
  }

  /**
   * Brings back the moment of `snapshot`, as often as you like. Processes that existed then are as they were;
   * those made later do not exist any more. RangeError for a snapshot of another machine.
   */
  restore(snapshot: MachineSnapshot): void {
    if (!snapshot.isOf(this)) throw new RangeError("this snapshot was taken of another machine");
    this.checkQuiet();
    snapshot.putBack();
    this.ram.forgetWritten();
  }

  /**
   * Lets `ns` nanoseconds pass in which no program does anything; devices and kernel threads work. RangeError
   * for a negative time.
   * Not in Linux: sleep(1) in a shell.
   */
  idle(ns: number): void {
    if (!(ns >= 0)) throw new RangeError(`nothing can be done for ${ns} ns; from 0 up`);
    this.kernel.sched.idle(ns);
  }

  /**
   * Runs several programs at the same time, each on its CPU and in its own time, until all have ended: what
   * each did, and when it worked and waited (programs.ts). Each gets a process of its own with its name, or
   * the one in `processes`.
   */
  runPrograms(programs: Programs, options: RunProgramsOptions = {}): ProgramsRun {
    return runPrograms(this, programs, options);
  }

  private checkQuiet(): void {
    if (this.started?.sched.several === true)
      throw new RangeError("programs are running; snapshots are for quiet moments");
    const busy = this.cpus.find((cpu) => cpu.nestedExceptions > 0);
    if (busy !== undefined)
      throw new RangeError(`CPU ${busy.id} is serving a fault; snapshots are for quiet moments`);
  }

  toString(): string {
    const cpus = this.cpus.length === 1 ? "1 CPU" : `${this.cpus.length} CPUs`;
    return `${formatSize(this.ram.sizeBytes)} of RAM (frames 0 to ${hex(this.ram.nrFrames - 1)}), ${cpus}, ${this.levels} levels of page tables`;
  }
}

/** Builds a machine and switches it on. RangeError names an option that cannot be. */
export function boot(options: BootOptions = {}): Machine {
  return new Machine(options);
}

function checkLevels(levels: number): TableLevels {
  if (levels !== 2 && levels !== 4 && levels !== 5)
    throw new RangeError(`levels ${levels} is not possible; this processor has 2, 4 or 5`);
  return levels;
}

function checkCpus(cpus: number): number {
  if (!(Number.isInteger(cpus) && cpus >= 1 && cpus <= 64))
    throw new RangeError(`cpus ${cpus} is not 1 to 64`);
  return cpus;
}

const THP_WORDS = ["always", "madvise", "never"];

function checkThp(thp: ThpWord): ThpWord {
  if (THP_WORDS.includes(thp)) return thp;
  throw new RangeError(`thp ${valueText(thp)} is not one of ${THP_WORDS.join(", ")}`);
}

/** The options about memory in bytes. */
function memoryOptions({ reserved, movable, hugepages = {} }: BootOptions): MemoryOptions {
  const movableBytes = movable === undefined ? 0 : parseSize(movable, "movable");
  const common = { movableBytes, hugepages: bootPools(hugepages) };
  if (reserved === undefined) return common;
  if (typeof reserved !== "object") return { ...common, reservedBytes: parseSize(reserved, "reserved") };
  checkArguments("boot({ reserved })", RESERVE, [reserved]);
  const initrdBytes = reserved.initrd === undefined ? INITRD_BYTES : parseSize(reserved.initrd, "initrd");
  return { ...common, nrDisks: reserved.disks ?? 0, initrdBytes };
}

function checkParts(parts: Partial<MachineParts>): Partial<MachineParts> {
  for (const [name, part] of Object.entries(parts)) {
    if (!(name in OWN_PARTS))
      throw new RangeError(`there is no part "${name}"; the parts are ${Object.keys(OWN_PARTS).join(", ")}`);
    if (typeof part !== "function") throw new TypeError(`part "${name}" is ${typeof part}, not a function`);
  }
  return parts;
}

checkMethods("machine", Machine, {
  spawn: { name: "text?" },
  newPageTable: { name: "text?" },
  run: { stream: Uint32Array, options: { baseVa: "integer", cpu: Cpu, user: "flag" } },
  switchMm: { table: PageTable, cpu: [Cpu] },
  mkswap: { path: "text", options: { size: "size", badPages: "any" } },
  swapon: { path: "text", options: { priority: "count", discard: "any" } },
  swapoff: { path: "text" },
  mkdir: { path: "text" },
  rmdir: { path: "text" },
  mount: { type: "text", dir: "text", options: { pagesize: "text", size: "size", minSize: "size" } },
  idle: { ns: "number" },
  runPrograms: { programs: "object", options: { processes: "object", maxSteps: "count" } },
  explain: { va: "integer", access: "count?", cpu: [Cpu] },
  restore: { snapshot: MachineSnapshot },
});
