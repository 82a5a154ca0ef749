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
 * Each method is one system call of the same name. What a program is told by a negative number is an
 * exception here:
 * SyscallError { code: "ENOMEM", syscall: "mmap" }. An access that is not allowed throws a SignalError,
 * and kills the process
 * if it has no handler. `alice.syscall("mmap", 0, 65536, 3, 0x22, -1, 0)` makes any call as a program
 * does, with Linux's numbers and a
 * negative errno; it and the methods share the functions in syscalls/.
 *
 * Not in Linux: a C library's wrappers are its nearest relative.
 *
 * Read first: task.ts, errno.ts, signal.ts.
 */

import { O_CREAT, O_RDONLY, O_RDWR } from "../fs/file_tree.js";
import type { Vaddr } from "../hw/address.js";
import { PAGE_SIZE } from "../hw/address.js";
import { checkOptions } from "../hw/options.js";
import { checkMethods } from "../hw/signature.js";
import type { MmStruct } from "../mm/mm_types.js";
import { MADV, MCL_CURRENT, MCL_FUTURE, MCL_ONFAULT, MLOCK_ONFAULT, MS_SYNC } from "../mm/vma/mman.js";
import { capNames, capSetOf } from "./cred.js";
import { checkResult, SyscallError } from "./errno.js";
import { CLONE_FILES, CLONE_THREAD, CLONE_VM } from "./fork.js";
import type { Kernel } from "./kernel.js";
import {
  type Advice,
  bytesOf,
  type CapabilitySets,
  type MmapOptions,
  type MremapOptions,
  mapBits,
  mremapBits,
  type Prot,
  protBits,
  sizeOf,
} from "./process_options.js";
import { PROCESS_SIGNATURES } from "./process_signatures.js";
import { RLIMIT_NAMES, type Rlimit } from "./rlimit.js";
import { type FaultCounts, getrusage, RUSAGE_NAMES, RUSAGE_SELF, type Rusage } from "./rusage.js";
import type { SignalHandler, SignalName } from "./signal.js";
import { capSet } from "./syscalls/cred.js";
import type { SyscallArg } from "./syscalls/define.js";
import * as files from "./syscalls/file.js";
import { PR_SET_VMA, PR_SET_VMA_ANON_NAME, setCpu } from "./syscalls/life.js";
import { sysPrlimit } from "./syscalls/limits.js";
import { memfdOf } from "./syscalls/memfd.js";
import * as memory from "./syscalls/mm.js";
import * as processes from "./syscalls/process.js";
import { sysTruncate } from "./syscalls/space.js";
import { sysSync } from "./syscalls/sync.js";
import { syscall } from "./syscalls/table.js";
import { sysNanosleep } from "./syscalls/time.js";
import type { Task } from "./task.js";

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
  munmap(addr: Vaddr, length: number | string): void {
    checkResult(memory.sysMunmap(this.kernel, this.task, addr, sizeOf(length)), "munmap");
  }

  /** man 2 mprotect */
  mprotect(addr: Vaddr, length: number | string, prot: Prot): void {
    const bits = protBits(prot);
    checkResult(memory.sysMprotect(this.kernel, this.task, addr, sizeOf(length), bits), "mprotect");
  }

  /** The address after the call. It may move; a number instead of options says where to. man 2 mremap */
  mremap(
    addr: Vaddr,
    oldLength: number | string,
    newLength: number | string,
    options: MremapOptions | number = {},
  ): number {
    const asked = typeof options === "number" ? { to: options } : options;
    const flags = mremapBits(checkOptions("mremap", asked, ["mayMove", "to", "dontunmap"]));
    const [from, to] = [sizeOf(oldLength), sizeOf(newLength)];
    return checkResult(memory.sysMremap(this.kernel, this.task, addr, from, to, flags, asked.to), "mremap");
  }

  /** man 2 madvise */
  madvise(addr: Vaddr, length: number | string, advice: Advice): void {
    if (!(advice in MADV))
      throw new RangeError(`there is no advice "${advice}"; there are ${Object.keys(MADV).join(", ")}`);
    checkResult(memory.sysMadvise(this.kernel, this.task, addr, sizeOf(length), MADV[advice]), "madvise");
  }

  /** Locks the pages in RAM: now, or (`onfault`) each as it comes in. man 2 mlock, mlock2 */
  mlock(addr: Vaddr, length: number | string, { onfault = false } = {}): void {
    const flags = onfault ? MLOCK_ONFAULT : 0;
    checkResult(memory.sysMlock2(this.kernel, this.task, addr, sizeOf(length), flags), "mlock");
  }

  /** man 2 munlock */
  munlock(addr: Vaddr, length: number | string): void {
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
  msync(addr: Vaddr, length: number | string, flags: number = MS_SYNC): void {
    checkResult(memory.sysMsync(this.kernel, this.task, addr, sizeOf(length), flags), "msync");
  }

  /** For each page whether it is in core. man 2 mincore */
  mincore(addr: Vaddr, length: number | string): boolean[] {
    const pages = memory.mincoreList(this.kernel, this.task, addr, sizeOf(length));
    if (typeof pages === "number") throw new SyscallError(pages, "mincore");
    return Array.from(pages, (byte) => (byte & 1) !== 0);
  }

  /** Writes a name on anonymous memory, which maps then shows; undefined takes it off. man 2 PR_SET_VMA */
  setAnonVmaName(addr: Vaddr, length: number | string, name: string | undefined): void {
    const set = [PR_SET_VMA, PR_SET_VMA_ANON_NAME, addr, sizeOf(length), name ?? 0];
    checkResult(this.syscall("prctl", ...set), "prctl");
  }

  /** Moves the program break by `bytes`; where it was before. man 2 sbrk */
  sbrk(bytes: number | string): number {
    const before = this.mm.brk;
    const wanted = before + bytesOf(bytes, "bytes");
    if (memory.sysBrk(this.kernel, this.task, wanted) !== wanted) throw new SyscallError(-12, "brk");
    return before;
  }

  // -------------------------------------------------------------- accesses

  /** Reads `sizeBytes` (1 to 8) at `va`. */
  load(va: Vaddr, sizeBytes = 1): number {
    return this.task.load(va, sizeBytes);
  }

  /** Writes `value` to `sizeBytes` (1 to 8) at `va`. */
  store(va: Vaddr, sizeBytes: number, value: number): void {
    this.task.store(va, sizeBytes, value);
  }

  /** Executes at `va`. */
  fetch(va: Vaddr, sizeBytes = 1): number {
    return this.task.fetch(va, sizeBytes);
  }

  /**
   * Reads ("r") or writes ("w") the first byte of each page of [addr, addr + length); the faults that
   * this took.
   */
  touch(addr: Vaddr, length: number | string, how: "r" | "w" = "w"): FaultCounts {
    const before = this.getrusage();
    const end = addr + sizeOf(length);
    for (let va = addr; va < end; va += PAGE_SIZE)
      if (how === "r") this.load(va);
      else this.store(va, 1, 1);
    const after = this.getrusage();
    return { minFlt: after.minFlt - before.minFlt, majFlt: after.majFlt - before.majFlt };
  }

  /** Page faults of this process; of whom you name also the most that was resident ("self", "thread", "children"). man 2 getrusage */
  getrusage(): FaultCounts;
  getrusage(who: keyof typeof RUSAGE_NAMES): Rusage;
  getrusage(who?: keyof typeof RUSAGE_NAMES): FaultCounts | Rusage {
    if (who !== undefined && !Object.hasOwn(RUSAGE_NAMES, who))
      throw new RangeError(`getrusage is of ${Object.keys(RUSAGE_NAMES).join(", ")}, not of "${who}"`);
    const number = who === undefined ? RUSAGE_SELF : RUSAGE_NAMES[who];
    const usage = getrusage(this.kernel.threadsOf(this.task.tgid), this.task, number);
    return who === undefined ? { minFlt: usage.minFlt, majFlt: usage.majFlt } : usage;
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

  /** A descriptor of nameless memory, of huge pages if asked for. man 2 memfd_create */
  memfdCreate(name: string, options: Pick<MmapOptions, "hugetlb"> = {}): number {
    return checkResult(memfdOf(this.kernel, this.task, name, mapBits(options)), "memfd_create");
  }

  /** Bytes read into the process's own memory at `buf`. man 2 read */
  read(fd: number, buf: number, length: number): number {
    return checkResult(files.sysRead(this.kernel, this.task, fd, buf, length), "read");
  }

  /** Bytes written from the process's own memory at `buf`. man 2 write */
  write(fd: number, buf: number, length: number): number {
    return checkResult(files.sysWrite(this.kernel, this.task, fd, buf, length), "write");
  }

  /** read at byte `position` of the file; the file's own position stays. man 2 pread */
  pread(fd: number, buf: number, length: number, position: number): number {
    return checkResult(files.sysPread(this.kernel, this.task, fd, buf, length, position), "pread64");
  }

  /** write at byte `position` of the file; the file's own position stays. man 2 pwrite */
  pwrite(fd: number, buf: number, length: number, position: number): number {
    return checkResult(files.sysPwrite(this.kernel, this.task, fd, buf, length, position), "pwrite64");
  }

  /** The file's new position: `offset` from its start ("set"), its position ("cur") or its end ("end"). man 2 lseek */
  lseek(fd: number, offset: number, whence: keyof typeof files.SEEK = "set"): number {
    if (!Object.hasOwn(files.SEEK, whence))
      throw new RangeError(`lseek counts from ${Object.keys(files.SEEK).join(", ")}, not from "${whence}"`);
    return checkResult(files.sysLseek(this.kernel, this.task, fd, offset, files.SEEK[whence]), "lseek");
  }

  /** man 2 ftruncate */
  ftruncate(fd: number, length: number | string): void {
    checkResult(files.sysFtruncate(this.kernel, this.task, fd, bytesOf(length, "length")), "ftruncate");
  }

  /** ftruncate of a file that need not be open. man 2 truncate */
  truncate(path: string, length: number | string): void {
    checkResult(sysTruncate(this.kernel, this.task, path, bytesOf(length, "length")), "truncate");
  }

  /** Takes the file's name away; it lives on while it is open or mapped. man 2 unlink */
  unlink(path: string): void {
    checkResult(files.sysUnlink(this.kernel, this.task, path), "unlink");
  }

  /** Writes all that is dirty on the machine and waits for it. man 2 sync */
  sync(): void {
    sysSync(this.kernel, this.task);
  }

  /** man 2 fsync */
  fsync(fd: number): void {
    checkResult(files.sysFsync(this.kernel, this.task, fd), "fsync");
  }

  /**
   * Drops the file's cached pages that nobody maps, after writing the dirty ones and waiting for what is being read.
   * man 2 posix_fadvise, POSIX_FADV_DONTNEED
   */
  dropCache(fd: number): void {
    this.fsync(fd);
    this.kernel.sched.settle();
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
    setCpu(this.kernel, this.task, cpu);
  }

  private checkCpu(cpu: number): void {
    if (this.kernel.cpus[cpu] === undefined)
      throw new RangeError(`cpu ${cpu} is not one of the ${this.kernel.cpus.length} CPUs, numbered from 0`);
  }

  /** Waits for something: its CPU has nothing to do until one of its tasks does something again. man 2 pause */
  pause(): void {
    this.kernel.goIdle(this.task);
  }

  /** Sleeps for `ns` nanoseconds: devices, kernel threads and other programs work. man 2 nanosleep */
  nanosleep(ns: number): void {
    checkResult(sysNanosleep(this.kernel, this.task, ns), "nanosleep");
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

  // -------------------------------------------------------------- limits and rights

  /** Sets the soft limit, and the hard one where it is given; Infinity for none. man 2 setrlimit */
  setrlimit(resource: keyof typeof RLIMIT_NAMES, soft: number | string, hard?: number | string): void {
    const [low, high] = [bytesOf(soft, "limit"), hard === undefined ? undefined : bytesOf(hard, "limit")];
    checkResult(sysPrlimit(this.task, rlimitNumber(resource), low, high), "setrlimit");
  }

  /** The soft limit, which counts, and the hard one, up to which the process may raise it. man 2 getrlimit */
  getrlimit(resource: keyof typeof RLIMIT_NAMES): Rlimit {
    return { ...this.task.signal.rlim[rlimitNumber(resource)]! };
  }

  /** Becomes user `uid`: from root to another user all capabilities go, for good. man 2 setuid */
  setuid(uid: number): void {
    checkResult(this.syscall("setuid", uid), "setuid");
  }

  /** Its capabilities by name. man 2 capget, man 7 capabilities */
  capget(): Required<CapabilitySets> {
    const { capEffective, capPermitted, capInheritable } = this.task.cred;
    return {
      effective: capNames(capEffective),
      permitted: capNames(capPermitted),
      inheritable: capNames(capInheritable),
    };
  }

  /** Switches capabilities off, or on within what is permitted; what is given up in `permitted` is gone. man 2 capset */
  capset(sets: CapabilitySets): void {
    const { effective, permitted, inheritable } = checkOptions("capset", sets, [
      "effective",
      "permitted",
      "inheritable",
    ]);
    const { cred } = this.task;
    const capEffective = effective === undefined ? cred.capEffective : capSetOf(effective);
    const capPermitted = permitted === undefined ? cred.capPermitted : capSetOf(permitted);
    const capInheritable = inheritable === undefined ? cred.capInheritable : capSetOf(inheritable);
    checkResult(capSet(this.task, { capEffective, capPermitted, capInheritable }), "capset");
  }

  // -------------------------------------------------------------- any call

  /**
   * Any system call by Linux's name or number, with its own arguments, as a program makes it: what Linux answers, negative for an
   * errno (-ENOSYS for what this machine does not have). Pointers are addresses in the process's memory; a string stands for a path
   * or name. man 2 syscall
   */
  syscall(call: string | number, ...args: SyscallArg[]): number {
    return syscall(this.kernel, this.task, call, args);
  }

  toString(): string {
    return String(this.task);
  }
}

function rlimitNumber(resource: keyof typeof RLIMIT_NAMES): number {
  if (Object.hasOwn(RLIMIT_NAMES, resource)) return RLIMIT_NAMES[resource];
  throw new RangeError(
    `there is no limit "${resource}" here; there are ${Object.keys(RLIMIT_NAMES).join(", ")}`,
  );
}

checkMethods("process", Process, PROCESS_SIGNATURES);
