/**
 * The emulated machine as the executor sees it: one machine for each scenario, with a kernel, /proc and files.
 *
 *   Host.spawn --> Kernel.spawn --> Task          Guest's calls are the system calls of kernel/syscalls
 *   Host.files --> FileTree                       as a program outside the scenario's processes would use it
 *
 * A spawned process gets what the recorder's own process has (code, data, stack, a shared channel), so that what the records
 * take off again is there.
 *
 * Read first: host.ts. Read next: executor.ts.
 */
import { PAGE_SIZE } from "../../hw/address.js";
import { O_RDONLY, O_RDWR } from "../../kernel/fs.js";
import type { Kernel } from "../../kernel/kernel.js";
import { boot, type MachineParts } from "../../kernel/machine.js";
import { SignalError } from "../../kernel/signal.js";
import { sysClose, sysLseek, sysOpen, sysRead, sysWrite } from "../../kernel/syscalls/file.js";
import {
  sysBrk,
  sysMadvise,
  sysMincore,
  sysMlock2,
  sysMlockall,
  sysMmap,
  sysMprotect,
  sysMremap,
  sysMsync,
  sysMunlock,
  sysMunlockall,
  sysMunmap,
} from "../../kernel/syscalls/mm.js";
import { sysExitGroup, sysFork, sysPrlimit } from "../../kernel/syscalls/process.js";
import type { Task } from "../../kernel/task.js";
import { MAP_ANONYMOUS, MAP_FIXED, MAP_PRIVATE } from "../../mm/mman.js";
import { lruAddDrainAll } from "../../mm/swap.js";
import { ProcFs } from "../../procfs/procfs.js";
import type { AccessResult, Guest, Host, HostFiles } from "./host.js";
import { KernelFiles } from "./kernel_files.js";

/** RAM of a replayed machine. The recorded one had 24 GiB; no scenario uses more than a part of this. */
const REPLAY_RAM = "2 GiB";

/** A process on the emulated kernel. */
class KernelGuest implements Guest {
  private readonly kernel: Kernel;
  private readonly task: Task;

  constructor(kernel: Kernel, task: Task) {
    this.kernel = kernel;
    this.task = task;
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
  moveBrk(addr: number): void {
    const mm = this.task.mm!;
    mm.startBrk = addr;
    mm.brk = addr;
  }
  msync(addr: number, len: number, flags: number): number {
    return sysMsync(this.kernel, this.task, addr, len, flags);
  }
  mincore(addr: number, len: number): Uint8Array | number {
    return sysMincore(this.kernel, this.task, addr, len);
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
    try {
      if (!write) return { byte: this.task.load(va, 1) };
      this.task.store(va, 1, value);
      return { byte: value };
    } catch (error) {
      if (!(error instanceof SignalError) || error.killed) throw error;
      return { byte: undefined, signal: error.signal as "SIGSEGV" | "SIGBUS", code: error.code };
    }
  }
  fork(comm: string): Guest | number {
    const child = sysFork(this.kernel, this.task, comm);
    return typeof child === "number" ? child : new KernelGuest(this.kernel, child);
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

/** A machine with its kernel. */
class KernelHost implements Host {
  readonly procfs: ProcFs;
  readonly files: HostFiles;
  readonly env = { release: "6.18.44-pagewalk" };
  readonly kernel: Kernel;

  constructor(ram: string, parts: Partial<MachineParts>) {
    this.kernel = boot({ ram, parts }).kernel;
    this.procfs = new ProcFs(this.kernel.sys, () => [...this.kernel.tasks.values()]);
    this.files = new KernelFiles(this.kernel.files);
  }

  spawn(comm: string): Guest {
    const task = this.kernel.spawn(comm);
    for (const signal of ["SIGSEGV", "SIGBUS"] as const) task.signal.handlers.set(signal, () => {});
    task.signal.ignoreChildren = true;
    const guest = new KernelGuest(this.kernel, task);
    guest.moveBrk(0x52_2000);
    Object.assign(task.mm!, { startData: 0x4c_e178, endData: 0x4d_4310 });
    recorderImage(guest);
    return guest;
  }

  sleep(ms: number): void {
    this.kernel.sys.clock.advance(ms * 1e6);
    lruAddDrainAll(this.kernel.sys);
  }
}

/** The mappings of the recorder's own program, touched as far as it does. */
function recorderImage(guest: Guest): void {
  const put = (addr: number, pages: number, prot: number, touched: number): void => {
    guest.mmap(addr, pages * PAGE_SIZE, prot, MAP_PRIVATE | MAP_ANONYMOUS | MAP_FIXED, -1, 0);
    for (let i = 0; i < touched; i++) guest.access(addr + (pages - 1 - i) * PAGE_SIZE, (prot & 2) !== 0, 1);
  };
  put(0x40_0000, 1, 1, 1);
  put(0x40_1000, 161, 5, 161);
  put(0x4c_e000, 50, 3, 50);
  put(0x50_0000, 34, 3, 34);
  put(0x7fff_f7ff_7000, 8, 7, 1);
  put(0x7fff_fffd_e000, 33, 3, 19);
}

/** A machine for one scenario, with `ram` of RAM; `parts` take the place of the lib's own. Not in Linux. */
export function newHost(
  ram = REPLAY_RAM,
  parts: Partial<MachineParts> = {},
): Host & { readonly kernel: Kernel } {
  return new KernelHost(ram, parts);
}
