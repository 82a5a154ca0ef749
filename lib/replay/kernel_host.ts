/**
 * The emulated machine as the executor sees it: one machine for each scenario, with a kernel, /proc and
 * files.
 *
 *   Host.spawn --> Kernel.spawn --> Task          Guest's calls are the system calls of kernel/syscalls
 *   Host.files --> FileTree                       as a program outside the scenario's processes would use it
 *
 * A spawned process is a child of the recorder and has what the recorder has (recorder_image.ts), so that
 * what the records take off again, or count in spite of it, is there.
 *
 * Read first: host.ts. Read next: executor.ts.
 */

import { O_RDONLY, O_RDWR } from "../fs/file_tree.js";
import { pageAlign } from "../hw/address.js";
import { slowed } from "../hw/clock.js";
import type { Kernel } from "../kernel/kernel.js";
import { type BootOptions, boot, type MachineParts } from "../kernel/machine.js";
import { sysMount } from "../kernel/mount.js";
import { SignalError } from "../kernel/signal.js";
import { mkswap, sysSwapoff, sysSwapon } from "../kernel/swap.js";
import { sysClose, sysLseek, sysOpen, sysRead, sysWrite } from "../kernel/syscalls/file.js";
import { sysPrlimit } from "../kernel/syscalls/limits.js";
import {
  mincoreList,
  sysBrk,
  sysMadvise,
  sysMlock2,
  sysMlockall,
  sysMmap,
  sysMprotect,
  sysMremap,
  sysMsync,
  sysMunlock,
  sysMunlockall,
  sysMunmap,
} from "../kernel/syscalls/mm.js";
import { sysExitGroup, sysFork } from "../kernel/syscalls/process.js";
import type { Task } from "../kernel/task.js";
import { ENOMEM } from "../mm/errno.js";
import { lruAddDrainAll } from "../mm/lru/swap.js";
import { OOM_SCORE_ADJ_MIN } from "../mm/oom_kill.js";
import { GFP_KERNEL } from "../mm/pages/gfp.js";
import { allocPages } from "../mm/pages/page_alloc.js";
import { SWAP_FLAG_PREFER } from "../mm/swap/swapon.js";
import { type MemorySystem, OVERCOMMIT_ALWAYS } from "../mm/system.js";
import { OOM_KILL } from "../mm/vmstat.js";
import { mountCgroup2 } from "../procfs/cgroupfs.js";
import { ProcFs } from "../procfs/procfs.js";
import type { AccessResult, Guest, Host, HostFiles, HostSwap } from "./host.js";
import { KernelFiles } from "./kernel_files.js";
import type { GuestBoot, Recording } from "./record.js";
import { Channels, lockImage, lockRecorder, mapImage, warmImage } from "./recorder_image.js";

/** RAM of a replayed machine. The recorded one had 24 GiB; no scenario uses more than a part of this. */
const REPLAY_RAM = "2 GiB";

/** How long khugepaged still sleeps when a script begins. */
const KHUGEPAGED_SLEEPS_NS = 10e9;

/** A process on the emulated kernel. */
class KernelGuest implements Guest {
  private readonly kernel: Kernel;
  private readonly task: Task;
  private readonly channels: Channels;
  private readonly channel: number;

  constructor(kernel: Kernel, task: Task, channels: Channels, isProbe = false) {
    this.kernel = kernel;
    this.task = task;
    this.channels = channels;
    this.channel = channels.take(isProbe);
  }

  get pid(): number {
    return this.task.pid;
  }
  get alive(): boolean {
    return this.task.alive;
  }
  get minFlt(): number {
    return this.task.minFlt;
  }
  get majFlt(): number {
    return this.task.majFlt;
  }
  mmap(addr: number, len: number, prot: number, flags: number, fd: number, offset: number): number {
    return sysMmap(this.kernel, this.task, addr, len, prot, flags, fd, offset);
  }
  munmap(addr: number, len: number): number {
    return sysMunmap(this.kernel, this.task, addr, len);
  }
  mprotect(addr: number, len: number, prot: number): number {
    return sysMprotect(this.kernel, this.task, addr, len, prot);
  }
  madvise(addr: number, len: number, advice: number): number {
    return sysMadvise(this.kernel, this.task, addr, len, advice);
  }
  mlock(addr: number, len: number): number {
    return sysMlock2(this.kernel, this.task, addr, len);
  }
  mlock2(addr: number, len: number, flags: number): number {
    return sysMlock2(this.kernel, this.task, addr, len, flags);
  }
  munlock(addr: number, len: number): number {
    return sysMunlock(this.kernel, this.task, addr, len);
  }
  mlockall(flags: number): number {
    return sysMlockall(this.kernel, this.task, flags);
  }
  munlockall(): number {
    return sysMunlockall(this.kernel, this.task);
  }
  mremap(addr: number, oldLen: number, newLen: number, flags: number, newAddr: number): number {
    return sysMremap(this.kernel, this.task, addr, oldLen, newLen, flags, newAddr);
  }
  brk(addr: number): number {
    return sysBrk(this.kernel, this.task, addr);
  }
  moveBrk(addr: number): number {
    const mm = this.task.mm!;
    const { sysctl } = this.kernel.sys;
    const { defFlags } = mm;
    const { overcommitMemory } = sysctl;
    // Kernels that can restore a process, which soft-dirty bits are for, let prctl(PR_SET_MM) move the heap.
    if (mm.sys.pageSoftDirty !== 0) {
      mm.brk = addr;
      mm.startBrk = addr;
      return 0;
    }
    const from = pageAlign(this.brk(0));
    // With MCL_FUTURE Linux would fault in what is unmapped at once; and a small machine may not promise so
    // much.
    mm.defFlags = 0;
    sysctl.overcommitMemory = OVERCOMMIT_ALWAYS;
    const moved = this.brk(addr) === addr;
    mm.defFlags = defFlags;
    sysctl.overcommitMemory = overcommitMemory;
    return moved ? this.munmap(from, addr - from) : -ENOMEM;
  }
  msync(addr: number, len: number, flags: number): number {
    return sysMsync(this.kernel, this.task, addr, len, flags);
  }
  mincore(addr: number, len: number): Uint8Array | number {
    return mincoreList(this.kernel, this.task, addr, len);
  }
  open(path: string, writable: boolean): number {
    return sysOpen(this.kernel, this.task, path, writable ? O_RDWR : O_RDONLY);
  }
  close(fd: number): void {
    sysClose(this.kernel, this.task, fd);
  }
  lseek(fd: number, offset: number): void {
    sysLseek(this.kernel, this.task, fd, offset);
  }
  read(fd: number, addr: number, len: number): number {
    return sysRead(this.kernel, this.task, fd, addr, len);
  }
  write(fd: number, addr: number, len: number): number {
    return sysWrite(this.kernel, this.task, fd, addr, len);
  }
  access(va: number, write: boolean, value: number): AccessResult {
    // The recorder reads counters between two accesses, which takes longer than its disk.
    this.kernel.sched.settle();
    try {
      if (!write) return { byte: this.task.load(va, 1) };
      this.task.store(va, 1, value);
      return { byte: value };
    } catch (error) {
      if (!(error instanceof SignalError)) throw error;
      if (error.killed) return { byte: undefined }; // the OOM killer chose it: guest.alive says so
      return { byte: undefined, signal: error.signal as "SIGSEGV" | "SIGBUS", code: error.code };
    }
  }
  fork(comm: string, isProbe = false): Guest | number {
    const task = sysFork(this.kernel, this.task, comm);
    if (typeof task === "number") return task;
    const child = new KernelGuest(this.kernel, task, this.channels, isProbe);
    child.warm();
    this.warm();
    return child;
  }
  /** Makes the recorder's pages present and private. */
  warm(): void {
    warmImage(this, this.channel);
    if (this.channels.lockPages) lockImage(this, this.channel);
  }
  exit(code: number): void {
    sysExitGroup(this.kernel, this.task, code);
  }
  kill(): void {
    if (this.task.alive) this.kernel.kill(this.task, "SIGKILL");
  }
  setRlimit(resource: number, soft: number): number {
    return sysPrlimit(this.task, resource, soft);
  }
}

/** Swap of one machine, as the recorder itself switches it. */
class KernelSwap implements HostSwap {
  constructor(private readonly kernel: Kernel) {}

  mkswap(device: string, pages: number | undefined): number {
    return mkswap(this.kernel, device, pages);
  }
  swapon(device: string, priority: number | undefined): number {
    return sysSwapon(
      this.kernel,
      undefined,
      device,
      priority === undefined ? 0 : SWAP_FLAG_PREFER | priority,
    );
  }
  swapoff(device: string): number {
    return sysSwapoff(this.kernel, undefined, device);
  }
}

/** A machine with its kernel. */
class KernelHost implements Host {
  readonly procfs: ProcFs;
  readonly files: HostFiles;
  readonly swap: HostSwap;
  readonly env = { release: "6.18.44-pagewalk" };
  readonly kernel: Kernel;
  private readonly channels = new Channels();
  /** The recorder itself, whose children the spawned processes are. */
  private recorder: Task | undefined;

  constructor(options: BootOptions) {
    // The recordings were made on an AMD processor, which walks again where the default one faults on a stale
    // TLB entry.
    this.kernel = boot({ tlb: "zen2", ...options }).kernel;
    const { sys, tasks, files } = this.kernel;
    this.procfs = new ProcFs(
      sys,
      () => [...tasks.values()],
      () => files.allInodes(),
    );
    this.files = new KernelFiles(this.kernel.files);
    this.swap = new KernelSwap(this.kernel);
  }

  get oomKills(): number {
    return this.kernel.sys.vmStat.events[OOM_KILL]!;
  }

  kernelLog(): readonly string[] {
    return this.kernel.sys.kernelLog;
  }

  mkdir(path: string): number {
    return this.kernel.files.mkdir(path);
  }

  mount(fs: string, dir: string): number {
    return fs === "cgroup2"
      ? mountCgroup2(this.kernel.files, this.procfs, dir)
      : sysMount(this.kernel, fs, dir);
  }

  spawn(comm: string): Guest {
    this.recorder ??= this.startRecorder();
    const task = sysFork(this.kernel, this.recorder, comm);
    if (typeof task === "number") throw new RangeError("no memory for the page tables of a new process");
    task.oomScoreAdj = 0;
    const guest = new KernelGuest(this.kernel, task, this.channels);
    guest.warm();
    return guest;
  }

  lockSelf(): void {
    this.channels.lockPages = true;
    this.recorder ??= this.startRecorder();
    lockRecorder(this.kernel, this.recorder);
  }

  private startRecorder(): Task {
    const task = this.kernel.spawn("init"); // it is the first program of a recorded virtual machine
    task.oomScoreAdj = OOM_SCORE_ADJ_MIN;
    for (const signal of ["SIGSEGV", "SIGBUS"] as const) task.signal.handlers.set(signal, () => {});
    task.signal.ignoreChildren = true;
    mapImage(this.kernel, task);
    return task;
  }

  settle(): void {
    this.kernel.sched.settle();
  }

  sleep(ms: number): void {
    this.kernel.sched.idle(ms * 1e6);
    lruAddDrainAll(this.kernel.sys);
  }
}

/** What the recorder's own boot writes when huge pages are not off, and what a large machine begins with. */
const THP_SETTINGS = { defrag: "madvise", use_zero_page: "1" };

function write(host: Host, path: string, text: string): void {
  if (host.procfs.tryWrite(path, text) < 0) throw new RangeError(`${path} does not take ${text}`);
}

function useHugePages(host: Host, enabled: string): void {
  const dir = "/sys/kernel/mm/transparent_hugepage";
  for (const [name, word] of Object.entries({ enabled, ...THP_SETTINGS }))
    write(host, `${dir}/${name}`, word);
}

/** A machine for one scenario, with `ram` of RAM; `parts` take the place of the lib's own. Not in Linux. */
export function newHost(
  ram = REPLAY_RAM,
  parts: Partial<MachineParts> = {},
): Host & { readonly kernel: Kernel } {
  const host = new KernelHost({ ram, cpus: 2, parts });
  // The recorded machine has 24 GiB of RAM, where huge pages start as madvise; a smaller one starts without.
  useHugePages(host, "madvise");
  // Scripts ran there one after the other, each in less than a second; khugepaged works every ten seconds.
  host.kernel.sys.khugepagedScan.sleepExpireNs = KHUGEPAGED_SLEEPS_NS;
  return host;
}

/** Sizes of the initial file system: the recorder, and the modules for disks and for ext4 where needed. */
const INITRD = { none: "940 KiB", swap: "1048 KiB", disk: "4388 KiB" };

/**
 * The recorded virtual machines had no processor of their own: each instruction was translated, and a minor
 * fault, measured there, took 18 to 25 us instead of 0.7. Who runs when depends on it: a tick of the timer
 * is 160 to 220 faults long there.
 */
const GUEST_SLOWNESS = 32;

/**
 * Pages that a recorded kernel, and the recorder itself, never give back, by RAM in MiB: what was still in
 * use after a program had taken all the rest and was killed for it (slabs, stacks, hash tables, modules,
 * buffers of drivers; without the pages that CPUs keep, which are free). Asked of Debian's 6.18.15 in a
 * virtual machine (at 192 MiB the mean of two boots, 6440 and 6461). The emulated kernel has next to none of
 * them, and with so much more memory it would be under pressure later.
 */
const KERNELS_OWN: readonly (readonly [ramMiB: number, pages: number])[] = [
  [128, 6422],
  [192, 6450],
  [256, 6448],
  [512, 6501],
  [1024, 6569],
  [2048, 6832],
  [4096, 7306],
];

/** As many of them the emulated recorder has itself. */
const RECORDERS_OWN = 263;

/**
 * Of them a machine without disks has so many fewer, and one with a disk for swap alone: no modules for ext4
 * (or for disks at all) are loaded, and none lie in the initial file system, which stays in memory. Asked in
 * the same way, with 192 and 256 MiB: 5318 to 5345 pages without, 6080 to 6110 with swap, 6400 to 6425.
 */
const FEWER_WITHOUT_DISK = { none: 1090, swap: 330, disk: 0 };

/** Between two sizes that were asked for, in proportion; beyond them, as steep as there. */
function kernelsOwnPages(ramMiB: number): number {
  const above = KERNELS_OWN.findIndex(
    ([size], i) => i > 0 && (size >= ramMiB || i === KERNELS_OWN.length - 1),
  );
  const [size0, pages0] = KERNELS_OWN[above - 1]!;
  const [size1, pages1] = KERNELS_OWN[above]!;
  return Math.round(pages0 + ((ramMiB - size0) * (pages1 - pages0)) / (size1 - size0)) - RECORDERS_OWN;
}

/** Takes those pages, for good. */
function occupy(sys: MemorySystem, pages: number): void {
  for (let i = 0; i < pages; i++) allocPages(sys, GFP_KERNEL);
}

/**
 * The machine that a recording in a virtual machine was made on: as much RAM, the same disks and settings.
 * Not in Linux.
 */
export function newGuestHost(
  guest: GuestBoot,
  parts: Partial<MachineParts> = {},
): Host & { readonly kernel: Kernel } {
  const { mem_MB, swap_MB, disk_MB, thp, rotational, cpus } = guest;
  const kind = disk_MB > 0 ? "disk" : swap_MB > 0 ? "swap" : "none";
  const host = new KernelHost({
    ram: `${mem_MB} MiB`,
    cpus: cpus ?? 1,
    disk: rotational === "1" ? "hdd" : "ssd",
    ...(swap_MB > 0 ? { swap: { size: `${swap_MB} MiB`, off: true } } : {}),
    // A disk for swap comes second: where it is alone, an unused one is before it.
    reserved: { disks: swap_MB > 0 ? 2 : disk_MB > 0 ? 1 : 0, initrd: INITRD[kind] },
    thp,
    softDirty: true,
    costs: slowed(GUEST_SLOWNESS),
    parts,
  });
  write(host, "/sys/block/vda/queue/read_ahead_kb", "128");
  host.kernel.disks.files.at("/dev/vdb")?.discard?.(0, 1); // no swap area yet
  occupy(host.kernel.sys, kernelsOwnPages(mem_MB) - FEWER_WITHOUT_DISK[kind]);
  if (thp === "never") return host;
  useHugePages(host, thp);
  return host;
}

/** The machine for a recording. Not in Linux. */
export function hostFor(
  { boot: guest }: Recording,
  parts: Partial<MachineParts> = {},
): Host & { readonly kernel: Kernel } {
  return guest === undefined ? newHost(REPLAY_RAM, parts) : newGuestHost(guest, parts);
}
