/**
 * The friendly face of a process: what notebooks and exercises hold in their hands.
 *
 *   const alice = machine.spawn("alice");
 *   const a = alice.mmap("64 KiB");                      anonymous, private, "rw" unless told otherwise
 *   const f = alice.mmap("64 KiB", { fd: alice.open("/data/words"), prot: "r" });
 *   alice.store(a, 1, 42);                               one byte; a fault on the way is served by the kernel
 *   alice.getrusage()                                    { minFlt: 1, majFlt: 0 }
 *   const bob = alice.fork("bob");
 *
 * Each method is one system call of the same name. What a program is told by a negative number is an exception here:
 * SyscallError { code: "ENOMEM", syscall: "mmap" }. An access that is not allowed throws a SignalError, and kills the process
 * if it has no handler. The numbers-only calls, as the kernel has them, are in syscalls/.
 *
 * Not in Linux: a C library's wrappers are its nearest relative.
 *
 * Read first: task.ts, errno.ts, signal.ts.
 */
import { pageAlign } from "../hw/address.js";
import { parseSize } from "../hw/size.js";
import type { MmStruct } from "../mm/mm_types.js";
import {
  MADV,
  MAP_ANONYMOUS,
  MAP_FIXED,
  MAP_GROWSDOWN,
  MAP_LOCKED,
  MAP_NORESERVE,
  MAP_POPULATE,
  MAP_PRIVATE,
  MAP_SHARED,
  MCL_CURRENT,
  MCL_FUTURE,
  MCL_ONFAULT,
  MLOCK_ONFAULT,
  MREMAP_FIXED,
  MREMAP_MAYMOVE,
  MS_SYNC,
  PROT_EXEC,
  PROT_READ,
  PROT_WRITE,
} from "../mm/mman.js";
import { checkResult, SyscallError } from "./errno.js";
import { CLONE_FILES, CLONE_THREAD, CLONE_VM } from "./fork.js";
import { O_CREAT, O_RDONLY, O_RDWR } from "./fs.js";
import type { Kernel } from "./kernel.js";
import { RLIMIT_NAMES } from "./rlimit.js";
import type { SignalHandler, SignalName } from "./signal.js";
import * as files from "./syscalls/file.js";
import * as memory from "./syscalls/mm.js";
import * as processes from "./syscalls/process.js";
import type { Task } from "./task.js";

/** Rights by letters, in any order: "r", "rw", "rx", "" for none. */
export type Prot = string;

/** What mmap may be told; all of it optional. man 2 mmap */
export interface MmapOptions {
  /** "rw" by default. */
  readonly prot?: Prot;
  /** Writes are seen by all who map the same; false by default (a private mapping). */
  readonly shared?: boolean;
  /** Map this open file; without it the memory is anonymous. */
  readonly fd?: number;
  /** First byte of the file, a multiple of 4096. */
  readonly offset?: number;
  /** Where it should lie; the kernel looks for a place by default. */
  readonly at?: number;
  /** Exactly at `at`, over what is there. MAP_FIXED */
  readonly fixed?: boolean;
  /** Fault everything in at once. MAP_POPULATE */
  readonly populate?: boolean;
  /** Lock it at once. MAP_LOCKED */
  readonly locked?: boolean;
  /** Do not count it as promised memory. MAP_NORESERVE */
  readonly noreserve?: boolean;
  /** Grow downwards when touched just below, as a stack does. MAP_GROWSDOWN */
  readonly growsdown?: boolean;
}

/** Name of an advice of madvise, without MADV_ in front. */
export type Advice = keyof typeof MADV;

/** Page faults of a process so far. man 2 getrusage */
export interface FaultCounts {
  /** Served without waiting for a device. */
  readonly minFlt: number;
  /** A device had to be waited for. */
  readonly majFlt: number;
}

/** PROT_* bits for letters. RangeError for any other letter. */
export function protBits(prot: Prot): number {
  const bits: Readonly<Record<string, number>> = { r: PROT_READ, w: PROT_WRITE, x: PROT_EXEC, "-": 0 };
  let all = 0;
  for (const letter of prot) {
    const bit = bits[letter];
    if (bit === undefined)
      throw new RangeError(`prot "${prot}" may have the letters r, w and x, not ${letter}`);
    all |= bit;
  }
  return all;
}

function mapBits(options: MmapOptions): number {
  const when = (flag: boolean | undefined, bit: number): number => (flag === true ? bit : 0);
  return (
    (options.shared === true ? MAP_SHARED : MAP_PRIVATE) |
    (options.fd === undefined ? MAP_ANONYMOUS : 0) |
    when(options.fixed, MAP_FIXED) |
    when(options.populate, MAP_POPULATE) |
    when(options.locked, MAP_LOCKED) |
    when(options.noreserve, MAP_NORESERVE) |
    when(options.growsdown, MAP_GROWSDOWN)
  );
}

/** One process, to be told what to do. */
export class Process {
  readonly kernel: Kernel;
  readonly task: Task;

  constructor(kernel: Kernel, task: Task) {
    this.kernel = kernel;
    this.task = task;
  }

  get pid(): number {
    return this.task.pid;
  }

  get name(): string {
    return this.task.comm;
  }

  /** Has not exited. */
  get alive(): boolean {
    return this.task.alive;
  }

  /** Its address space. RangeError once it has exited. */
  get mm(): MmStruct {
    if (this.task.mm === undefined)
      throw new RangeError(`${this} has exited; it has no address space any more`);
    return this.task.mm;
  }

  // -------------------------------------------------------------- memory

  /** Address of a new mapping of `length` bytes (a number, or a text such as "64 KiB"). man 2 mmap */
  mmap(length: number | string, options: MmapOptions = {}): number {
    const { at = 0, fd = -1, offset = 0, prot = "rw" } = options;
    const bytes = sizeOf(length);
    const flags = mapBits(options);
    return checkResult(
      memory.sysMmap(this.kernel, this.task, at, bytes, protBits(prot), flags, fd, offset),
      "mmap",
    );
  }

  /** man 2 munmap */
  munmap(addr: number, length: number | string): void {
    checkResult(memory.sysMunmap(this.kernel, this.task, addr, sizeOf(length)), "munmap");
  }

  /** man 2 mprotect */
  mprotect(addr: number, length: number | string, prot: Prot): void {
    const bits = protBits(prot);
    checkResult(memory.sysMprotect(this.kernel, this.task, addr, sizeOf(length), bits), "mprotect");
  }

  /** The address after the call. It may move unless `newAddr` says where to. man 2 mremap */
  mremap(addr: number, oldLength: number | string, newLength: number | string, newAddr?: number): number {
    const flags = newAddr === undefined ? MREMAP_MAYMOVE : MREMAP_MAYMOVE | MREMAP_FIXED;
    const [from, to] = [sizeOf(oldLength), sizeOf(newLength)];
    return checkResult(memory.sysMremap(this.kernel, this.task, addr, from, to, flags, newAddr), "mremap");
  }

  /** man 2 madvise */
  madvise(addr: number, length: number | string, advice: Advice): void {
    if (!(advice in MADV))
      throw new RangeError(`there is no advice "${advice}"; there are ${Object.keys(MADV).join(", ")}`);
    checkResult(memory.sysMadvise(this.kernel, this.task, addr, sizeOf(length), MADV[advice]), "madvise");
  }

  /** Locks the pages in RAM: now, or (`onfault`) each as it comes in. man 2 mlock, mlock2 */
  mlock(addr: number, length: number | string, { onfault = false } = {}): void {
    const flags = onfault ? MLOCK_ONFAULT : 0;
    checkResult(memory.sysMlock2(this.kernel, this.task, addr, sizeOf(length), flags), "mlock");
  }

  /** man 2 munlock */
  munlock(addr: number, length: number | string): void {
    checkResult(memory.sysMunlock(this.kernel, this.task, addr, sizeOf(length)), "munlock");
  }

  /** man 2 mlockall */
  mlockall({ current = true, future = false, onfault = false } = {}): void {
    const flags = (current ? MCL_CURRENT : 0) | (future ? MCL_FUTURE : 0) | (onfault ? MCL_ONFAULT : 0);
    checkResult(memory.sysMlockall(this.kernel, this.task, flags), "mlockall");
  }

  /** man 2 munlockall */
  munlockall(): void {
    checkResult(memory.sysMunlockall(this.kernel, this.task), "munlockall");
  }

  /** man 2 msync */
  msync(addr: number, length: number | string, flags: number = MS_SYNC): void {
    checkResult(memory.sysMsync(this.kernel, this.task, addr, sizeOf(length), flags), "msync");
  }

  /** For each page whether it is in core. man 2 mincore */
  mincore(addr: number, length: number | string): boolean[] {
    const pages = memory.sysMincore(this.kernel, this.task, addr, sizeOf(length));
    if (typeof pages === "number") throw new SyscallError(pages, "mincore");
    return Array.from(pages, (byte) => (byte & 1) !== 0);
  }

  /** Moves the program break by `bytes`; where it was before. man 2 sbrk */
  sbrk(bytes: number | string): number {
    const before = this.mm.brk;
    const wanted = before + (typeof bytes === "string" ? parseSize(bytes, "bytes") : bytes);
    if (memory.sysBrk(this.kernel, this.task, wanted) !== wanted) throw new SyscallError(-12, "brk");
    return before;
  }

  // -------------------------------------------------------------- accesses

  /** Reads `sizeBytes` (1 to 8) at `va`. */
  load(va: number, sizeBytes = 1): number {
    return this.task.load(va, sizeBytes);
  }

  /** Writes `value` to `sizeBytes` (1 to 8) at `va`. */
  store(va: number, sizeBytes: number, value: number): void {
    this.task.store(va, sizeBytes, value);
  }

  /** Executes at `va`. */
  fetch(va: number, sizeBytes = 1): number {
    return this.task.fetch(va, sizeBytes);
  }

  /** Reads ("r") or writes ("w") the first byte of each page of [addr, addr + length); the faults that this took. */
  touch(addr: number, length: number | string, how: "r" | "w" = "w"): FaultCounts {
    const before = this.getrusage();
    const end = addr + sizeOf(length);
    for (let va = addr; va < end; va += 4096)
      if (how === "r") this.load(va);
      else this.store(va, 1, 1);
    const after = this.getrusage();
    return { minFlt: after.minFlt - before.minFlt, majFlt: after.majFlt - before.majFlt };
  }

  /** man 2 getrusage, RUSAGE_SELF */
  getrusage(): FaultCounts {
    const { minFlt, majFlt, signal } = this.task;
    return { minFlt: minFlt + signal.minFlt, majFlt: majFlt + signal.majFlt };
  }

  /** Installs a handler: the process survives the signal. man 2 sigaction */
  on(signal: SignalName, handler: SignalHandler): void {
    this.task.signal.handlers.set(signal, handler);
  }

  // -------------------------------------------------------------- files

  /** The new descriptor; `create` makes a file that is missing. man 2 open */
  open(path: string, { writable = true, create = false } = {}): number {
    const flags = (writable ? O_RDWR : O_RDONLY) | (create ? O_CREAT : 0);
    return checkResult(files.sysOpen(this.kernel, this.task, path, flags), "open");
  }

  /** man 2 close */
  close(fd: number): void {
    checkResult(files.sysClose(this.kernel, this.task, fd), "close");
  }

  /** A descriptor of nameless memory. man 2 memfd_create */
  memfdCreate(name: string): number {
    return checkResult(files.sysMemfdCreate(this.kernel, this.task, name), "memfd_create");
  }

  /** Bytes read into the process's own memory at `buf`. man 2 read */
  read(fd: number, buf: number, length: number): number {
    return checkResult(files.sysRead(this.kernel, this.task, fd, buf, length), "read");
  }

  /** Bytes written from the process's own memory at `buf`. man 2 write */
  write(fd: number, buf: number, length: number): number {
    return checkResult(files.sysWrite(this.kernel, this.task, fd, buf, length), "write");
  }

  /** man 2 ftruncate */
  ftruncate(fd: number, length: number | string): void {
    const bytes = typeof length === "string" ? parseSize(length, "length") : length;
    checkResult(files.sysFtruncate(this.kernel, this.task, fd, bytes), "ftruncate");
  }

  /** man 2 fsync */
  fsync(fd: number): void {
    checkResult(files.sysFsync(this.kernel, this.task, fd), "fsync");
  }

  /** Drops the file's cached pages that nobody maps, after writing the dirty ones. man 2 posix_fadvise, POSIX_FADV_DONTNEED */
  dropCache(fd: number): void {
    this.fsync(fd);
    const { POSIX_FADV_DONTNEED } = files;
    checkResult(files.sysFadvise(this.kernel, this.task, fd, 0, 0, POSIX_FADV_DONTNEED), "posix_fadvise");
  }

  // -------------------------------------------------------------- life

  /** Runs the program at `path` (a file made with makeElf) in this process. man 2 execve */
  exec(path: string, argv: readonly string[] = [path], envp: readonly string[] = []): void {
    checkResult(processes.sysExecve(this.kernel, this.task, path, argv, envp), "execve");
  }

  /** A child with a copy of everything. man 2 fork */
  fork(name?: string): Process {
    return this.child(processes.sysFork(this.kernel, this.task, name), "fork");
  }

  /** A child that borrows the memory until it calls exec or exits. man 2 vfork */
  vfork(name?: string): Process {
    return this.child(processes.sysVfork(this.kernel, this.task, name), "vfork");
  }

  /** A thread of this process, on CPU `cpu`: it shares memory and open files. man 3 pthread_create, man 2 clone */
  thread(cpu = this.task.cpuId): Process {
    this.checkCpu(cpu);
    const task = this.kernel.clone(this.task, CLONE_VM | CLONE_FILES | CLONE_THREAD);
    const thread = this.child(task, "clone");
    thread.setaffinity(cpu);
    return thread;
  }

  /** Runs on CPU `cpu` from now on. man 2 sched_setaffinity */
  setaffinity(cpu: number): void {
    this.checkCpu(cpu);
    this.kernel.goIdle(this.task);
    this.task.cpuId = cpu;
  }

  private checkCpu(cpu: number): void {
    if (this.kernel.cpus[cpu] === undefined)
      throw new RangeError(`cpu ${cpu} is not one of the ${this.kernel.cpus.length} CPUs, numbered from 0`);
  }

  /** Waits for something: its CPU has nothing to do until one of its tasks does something again. man 2 pause */
  pause(): void {
    this.kernel.goIdle(this.task);
  }

  private child(task: Task | number, syscall: string): Process {
    if (typeof task === "number") throw new SyscallError(task, syscall);
    return new Process(this.kernel, task);
  }

  /** man 2 exit_group */
  exit(code = 0): void {
    processes.sysExitGroup(this.kernel, this.task, code);
  }

  /** Takes a child that has ended; undefined when none has yet. man 2 wait4 */
  wait(pid = -1): processes.WaitResult | undefined {
    const result = processes.sysWait4(this.kernel, this.task, pid);
    if (typeof result === "number") throw new SyscallError(result, "wait4");
    return result;
  }

  /** Sends the process a signal. man 2 kill */
  kill(signal: SignalName = "SIGKILL"): void {
    checkResult(processes.sysKill(this.kernel, this.pid, signal), "kill");
  }

  /** Sets a limit; Infinity for none. man 2 setrlimit */
  setrlimit(resource: keyof typeof RLIMIT_NAMES, soft: number | string): void {
    const limit = typeof soft === "string" ? parseSize(soft, "limit") : soft;
    checkResult(processes.sysPrlimit(this.task, RLIMIT_NAMES[resource], limit), "setrlimit");
  }

  toString(): string {
    return String(this.task);
  }
}

/** Bytes of a length, a whole number of pages where it is a text. */
function sizeOf(length: number | string): number {
  return typeof length === "string" ? pageAlign(parseSize(length, "length")) : length;
}
