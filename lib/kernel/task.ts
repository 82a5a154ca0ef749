/**
 * Tasks: what runs. A process is one task, or several that share an address space (threads).
 *
 *   Task pid 3 "writer"            Task pid 4 "writer", a thread: same tgid, same mm
 *     | mm ----> MmStruct <-----------'
 *     | parent, children           the family tree that fork makes
 *     | files                      open files by descriptor
 *     | signal                     limits, handlers, exit state: shared by the threads of a process
 *
 * Life:  fork -> running -> exit -> zombie (only its exit state is left) -> wait by the parent -> gone
 *
 * A task does nothing by itself: a notebook or a replay tells it what to do, with system calls (syscalls/)
 * and with load, store and fetch, which run on a CPU with the task's page tables.
 *
 * Read first: mm/mm_types.ts. Read next: kernel.ts, fork.ts, exit_mmap.ts.
 */

import type { FdTable } from "../fs/fd_table.js";
import type { Vaddr } from "../hw/address.js";
import type { Lruvec, Memcg } from "../mm/lru/lruvec.js";
import { TaskDirty } from "../mm/lru/wb_domain.js";
import type { Cgroup } from "../mm/memcg/cgroup_types.js";
import type { File, MmStruct } from "../mm/mm_types.js";
import { TaskIoAccounting } from "../mm/task_io.js";
import type { WaitReason } from "../mm/wait.js";
import { CAP_FULL_SET, type Cred, capRaised, initCred } from "./cred.js";
import { type FaultingTask, SEGV_ACCERR, SIGBUS } from "./fault.js";
import type { Rlimit } from "./rlimit.js";
import type { SigInfo, SignalHandler, SignalName } from "./signal.js";

/**
 * R running, S asleep, D waiting (for a device, as vfork parent), Z zombie, X gone.
 * Linux fs/proc/array.c:task_state_array
 */
export type TaskState = "R" | "S" | "D" | "Z" | "X";

/**
 * What the threads of a process share besides memory. Linux include/linux/sched/signal.h:struct signal_struct
 */
export interface SignalStruct {
  readonly rlim: Rlimit[];
  /** Handlers by signal. Linux sighand->action */
  readonly handlers: Map<SignalName, SignalHandler>;
  /** SIGCHLD is ignored: children that end leave no zombie. Linux SA_NOCLDWAIT */
  ignoreChildren: boolean;
  /** Threads that are alive. Linux nr_threads */
  nrThreads: number;
  oomScoreAdj: number;
  /** How low a task without CAP_SYS_RESOURCE may set it. Linux oom_score_adj_min */
  oomScoreAdjMin: number;
  /** It asks for more than there may be: the first to be ended. Linux oom_flag_origin */
  oomFlagOrigin: boolean;
  /** Faults of children that were waited for. */
  cminFlt: number;
  cmajFlt: number;
  /** Faults of threads that have ended. */
  minFlt: number;
  majFlt: number;
  /** What threads that have ended read and wrote. */
  readonly ioac: TaskIoAccounting;
  /**
   * The most pages that were resident in address spaces that are gone, and of the largest child. Linux
   * maxrss, cmaxrss
   */
  maxRss: number;
  cmaxRss: number;
}

/** What a task needs of the kernel that runs it. */
export interface TaskRunner {
  load(task: Task, va: Vaddr, sizeBytes: number): number;
  store(task: Task, va: Vaddr, sizeBytes: number, value: number): void;
  fetch(task: Task, va: Vaddr, sizeBytes: number): number;
  /** Delivers a signal that an access caused, and throws. */
  forceSigFault(task: Task, info: SigInfo): never;
  /** A fault of the task found no memory. Throws. */
  pagefaultOutOfMemory(task: Task, address: Vaddr): never;
}

/** One task. Linux include/linux/sched.h:struct task_struct */
export class Task implements FaultingTask {
  readonly pid: number;
  /** Number of the process: pid of its first thread. */
  readonly tgid: number;
  comm: string;
  readonly runner: TaskRunner;
  /** undefined once the task has exited. */
  mm: MmStruct | undefined = undefined;
  parent: Task | undefined = undefined;
  readonly children = new Set<Task>();
  readonly signal: SignalStruct;
  files: FdTable;
  state: TaskState = "R";
  /** As wait(2) reports it: exit code * 256, or the signal that killed it. Linux exit_code */
  exitCode = 0;
  minFlt = 0;
  majFlt = 0;
  /** How long it has waited, in ns, by reason. Linux kernel/delayacct.c */
  readonly waitNs: Record<WaitReason, number> = { io: 0, reclaim: 0, throttled: 0, sleep: 0 };
  /** What it has read and written. Linux ioac */
  readonly ioac = new TaskIoAccounting();
  /** What it has dirtied. Linux nr_dirtied, nr_dirtied_pause, dirty_paused_when */
  readonly dirty = new TaskDirty();
  /** Simulated ns since boot. */
  startTimeNs = 0;
  /** The CPU it runs on. */
  cpuId = 0;
  /** Who it is and what it may do. Linux cred */
  readonly cred: Cred = initCred();
  /** FS base: the thread's own block. Linux thread.fsbase */
  fsBase = 0;
  /** Top of its stack when it started. Linux mm->start_stack, or what clone was given */
  stackPointer = 0;
  /** The group of processes that it belongs to; undefined: the root. Linux cgroups */
  cgroup: Cgroup<Lruvec> | undefined = undefined;
  /** Where its program starts. */
  entry = 0;
  /** The vfork parent that waits for this task to exec or exit. Linux vfork_done */
  vforkParent: Task | undefined = undefined;
  /**
   * The OOM killer has chosen it: it may use reserves, and ends as soon as it can. Linux tsk_is_oom_victim()
   */
  oomVictim = false;
  /** The program file. Linux mm->exe_file */
  exeFile: File | undefined = undefined;

  constructor(
    pid: number,
    tgid: number,
    comm: string,
    runner: TaskRunner,
    signal: SignalStruct,
    files: FdTable,
  ) {
    this.pid = pid;
    this.tgid = tgid;
    this.comm = comm.slice(0, 15);
    this.runner = runner;
    this.signal = signal;
    this.files = files;
  }

  /** Has not exited. */
  get alive(): boolean {
    return this.mm !== undefined;
  }

  get memcg(): Memcg | undefined {
    return this.mm?.memcg;
  }

  get ppid(): number {
    return this.parent?.tgid ?? 0;
  }

  get nrThreads(): number {
    return this.signal.nrThreads;
  }

  get cminFlt(): number {
    return this.signal.cminFlt;
  }

  get cmajFlt(): number {
    return this.signal.cmajFlt;
  }

  get oomScoreAdj(): number {
    return this.signal.oomScoreAdj;
  }
  set oomScoreAdj(value: number) {
    this.signal.oomScoreAdj = value;
  }

  get oomScoreAdjMin(): number {
    return this.signal.oomScoreAdjMin;
  }
  set oomScoreAdjMin(value: number) {
    this.signal.oomScoreAdjMin = value;
  }

  rlimit(resource: number): number {
    return this.signal.rlim[resource]?.soft ?? Number.POSITIVE_INFINITY;
  }

  /** Linux kernel/capability.c:capable() */
  capable(cap: number): boolean {
    return capRaised(this.cred.capEffective, cap);
  }

  /**
   * Whether every capability is switched on, as for root; setting it switches all of them on or off.
   * Not in Linux: a shorthand.
   */
  get privileged(): boolean {
    return this.cred.capEffective === CAP_FULL_SET;
  }
  set privileged(value: boolean) {
    this.cred.capEffective = value ? CAP_FULL_SET : 0;
  }

  /** The task reads `sizeBytes` (1 to 8) at `va`; throws SignalError where it must not. */
  load(va: Vaddr, sizeBytes: number): number {
    return this.runner.load(this, va, sizeBytes);
  }

  /** The task writes `value` to `sizeBytes` (1 to 8) at `va`; throws SignalError where it must not. */
  store(va: Vaddr, sizeBytes: number, value: number): void {
    this.runner.store(this, va, sizeBytes, value);
  }

  /** The task executes at `va`; throws SignalError where it must not. */
  fetch(va: Vaddr, sizeBytes = 1): number {
    return this.runner.fetch(this, va, sizeBytes);
  }

  /** Linux kernel/signal.c:force_sig_fault() */
  forceSigFault(signo: number, code: number, address: Vaddr): never {
    const name = signo === SIGBUS ? "BUS_ADRERR" : code === SEGV_ACCERR ? "SEGV_ACCERR" : "SEGV_MAPERR";
    return this.runner.forceSigFault(this, {
      signal: signo === SIGBUS ? "SIGBUS" : "SIGSEGV",
      code: name,
      address,
    });
  }

  /** Linux mm/oom_kill.c:pagefault_out_of_memory() */
  outOfMemory(address: Vaddr): never {
    return this.runner.pagefaultOutOfMemory(this, address);
  }

  toString(): string {
    return `${this.comm}[${this.pid}]`;
  }
}
