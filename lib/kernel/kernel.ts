/**
 * The kernel: tasks, who runs on which CPU, and what happens when a running task faults.
 *
 *   Kernel --- sys        memory management (lib/mm)
 *      |------ tasks      by pid;  1 is init, the reaper of orphans, which has no memory of its own
 *      |------ enter(t)   t becomes current: the CPU uses its tables; PCIDs keep the TLB
 *      +------ load/store/fetch(t, va)   on t's CPU, in user mode; a fault comes back to onPageFault
 *
 * A CPU without a task has the kernel's own empty page table, so that no freed table stays in CR3.
 *
 * Read first: task.ts, fault.ts. Read next: fork.ts, exit_mmap.ts, machine.ts.
 */

import { FdTable } from "../fs/fd_table.js";
import { FileTree } from "../fs/file_tree.js";
import { shmemFileSetup } from "../fs/tmpfs.js";
import type { Vaddr } from "../hw/address.js";
import { BlockDevice, type BlockModel } from "../hw/block_device.js";
import type { Cpu } from "../hw/cpu.js";
import { PF_USER } from "../hw/fault.js";
import type { Ram } from "../hw/ram.js";
import { ENOMEM } from "../mm/errno.js";
import type { ThpWord } from "../mm/huge/thp_state.js";
import { leakDirtied } from "../mm/lru/balance_dirty_pages.js";
import { lruGenAddMm } from "../mm/lru/gen/walk_mm.js";
import { mmInit } from "../mm/mm_init.js";
import { fput, getFile, MmStruct } from "../mm/mm_types.js";
import { vmBugOn } from "../mm/mmdebug.js";
import type { MemoryOptions } from "../mm/pages/free_area_init.js";
import type { MmParts } from "../mm/parts.js";
import { pgdAlloc } from "../mm/pgtable/pgtable_alloc.js";
import { PAGE_SOFT_DIRTY } from "../mm/pgtable/soft_dirty.js";
import { enterLazyTlb, switchMmIrqsOff } from "../mm/pgtable/tlb_switch.js";
import { MemorySystem, type SystemClock } from "../mm/system.js";
import { TaskIoAccounting } from "../mm/task_io.js";
import { countVmEvent, OOM_KILL } from "../mm/vmstat.js";
import { Disks } from "./disks.js";
import { mmput } from "./exit_mmap.js";
import { excDoubleFault, excPageFault } from "./fault.js";
import { mountAll } from "./filesystems.js";
import { CLONE_FILES, CLONE_THREAD, CLONE_VFORK, CLONE_VM, dupMm } from "./fork.js";
import { startKthreads } from "./kthreads.js";
import { endOomVictim, oomInit, oomKilled } from "./oom.js";
import { initRlimits } from "./rlimit.js";
import { setmaxMmHiwaterRss } from "./rusage.js";
import { Sched } from "./sched.js";
import { SIGNALS, type SigInfo, SignalError, type SignalName } from "./signal.js";
import { type SignalStruct, Task, type TaskRunner } from "./task.js";

/**
 * Top of the area that mmap fills downwards without address randomization.
 * Linux arch/x86/mm/mmap.c:mmap_base()
 */
export const MMAP_BASE = 0x7fff_f7ff_f000;

/**
 * Where the heap of a spawned process starts. Such a process has no program, but its heap is where that of a
 * small one is without address randomization: five pages above 0x555555554000, where Linux loads it.
 * Linux arch/x86/include/asm/elf.h:ELF_ET_DYN_BASE
 */
export const SPAWN_BRK = 0x5555_5555_9000;

/**
 * An access that was begun again so often is made before others work: each time, kswapd has taken the page
 * between the end of the fault and the access. Not in Linux: there it would have to be quicker than one
 * instruction.
 */
const UNLUCKY_RESTARTS = 2;

/** What the kernel runs on. */
export interface KernelHardware {
  readonly ram: Ram;
  readonly clock: SystemClock;
  readonly cpus: readonly Cpu[];
  /** Its disk; an SSD unless given. */
  readonly disk?: BlockModel;
  /** What boot keeps of RAM, and how it divides the rest. */
  readonly memory?: MemoryOptions;
  /** Word for transparent_hugepage/enabled on the kernel's command line. */
  readonly thp?: ThpWord;
  /** The kernel is built with CONFIG_MEM_SOFT_DIRTY. */
  readonly softDirty?: boolean;
}

/** One running kernel. Not in Linux: there it is the whole program. */
export class Kernel implements TaskRunner {
  readonly sys: MemorySystem;
  readonly cpus: readonly Cpu[];
  /** Files by path. */
  readonly files: FileTree;
  /** Its disks, and the files that swap lies in. */
  readonly disks: Disks;
  /** Time, kernel threads, and who waits. */
  readonly sched: Sched;
  /** All tasks that are not gone, by pid. */
  readonly tasks = new Map<number, Task>();
  /** Reaper of orphans. Linux init_task's child, pid 1 */
  readonly init: Task;
  /** The address space of a CPU without a task. Linux mm/init-mm.c:init_mm */
  readonly initMm: MmStruct;
  /** The task on each CPU. */
  private readonly running: (Task | undefined)[] = [];
  private nextPid = 1;
  /** The OOM killer's victim that was in a fault or system call of its own, and ends when it returns. */
  dying: Task | undefined = undefined;

  constructor(hardware: KernelHardware, parts: Partial<MmParts> = {}) {
    this.sys = new MemorySystem(hardware.ram, hardware.clock);
    this.cpus = hardware.cpus;
    if (hardware.thp !== undefined) this.sys.thp.enabled = hardware.thp;
    if (hardware.softDirty === true) this.sys.pageSoftDirty = PAGE_SOFT_DIRTY;
    mmInit(this.sys, hardware.cpus, parts, hardware.memory);
    this.sys.vfs = { shmemFileSetup, wakeupFlusherThreads: (why) => this.files.wakeupFlusherThreads(why) };
    oomInit(this);
    this.sched = new Sched(this.sys, hardware.cpus.length);
    this.sys.sched = this.sched;
    startKthreads(this.sys);
    const { ram, clock, disk } = hardware;
    this.files = new FileTree(this.sys, new BlockDevice(ram, clock, this.sys.events, disk));
    this.disks = new Disks(this.sys, this.files);
    mountAll(this);
    this.initMm = new MmStruct(this.sys);
    this.sys.initMm = this.initMm;
    vmBugOn(pgdAlloc(this.initMm) !== 0, "no memory for the kernel's page table");
    this.init = this.newTask("init", undefined, 0);
    for (const cpu of this.cpus) this.bringUp(cpu);
  }

  private bringUp(cpu: Cpu): void {
    switchMmIrqsOff(this.sys, cpu, this.initMm);
    cpu.cpl = 3;
    cpu.hasIdt = true;
    cpu.onDoubleFault = (_, fault) => excDoubleFault(fault);
    cpu.onPageFault = (on, fault) => {
      const task = this.running[on.id];
      excPageFault(task, fault);
      if (task?.oomVictim === true && (fault.errorCode & PF_USER) !== 0) endOomVictim(this, task, fault.va);
      if (on.restarts < UNLUCKY_RESTARTS) this.safePoint(on.id);
    };
    cpu.onAddressFault = (on, fault) =>
      this.forceSigFault(this.runningOn(on), { signal: "SIGSEGV", code: "SI_KERNEL", address: fault.va });
  }

  /** The task whose system call or fault is being served. */
  get current(): Task | undefined {
    return this.running[this.sys.thisCpu];
  }

  /** Tasks that are threads of process `tgid`. */
  threadsOf(tgid: number): Task[] {
    return [...this.tasks.values()].filter((task) => task.tgid === tgid);
  }

  // -------------------------------------------------------------- running

  /**
   * Others may work now: one test while nothing is due. Linux kernel/entry/common.c:exit_to_user_mode_loop()
   */
  private safePoint(cpu: number): void {
    if (this.sys.events.nextNs <= this.sys.clock.nowNs) this.sched.runDue(cpu);
  }

  /**
   * Makes `task` current on its CPU. RangeError for a task that has exited.
   * Linux kernel/sched/core.c:context_switch()
   */
  enter(task: Task): Cpu {
    const cpu = this.cpus[task.cpuId]!;
    if (this.dying !== undefined) endOomVictim(this, task, 0);
    this.safePoint(cpu.id);
    if (this.running[cpu.id] === task) {
      if (this.sys.current !== task) this.setCurrent(task, cpu);
      return cpu;
    }
    const { mm } = task;
    if (mm === undefined && task.oomVictim) oomKilled(this, task, 0);
    if (mm === undefined) throw new RangeError(`${task} has exited; it cannot do anything any more`);
    if (task.state === "D") throw new RangeError(`${task} waits for its vfork child to call exec or exit`);
    if (this.tasks.get(task.pid) !== task)
      throw new RangeError(`${task} does not exist: the machine went back to a moment before it was made`);
    this.running[cpu.id] = task;
    switchMmIrqsOff(this.sys, cpu, mm);
    this.setCurrent(task, cpu);
    return cpu;
  }

  private setCurrent(task: Task, cpu: Cpu): void {
    this.sys.thisCpu = cpu.id;
    this.sched.enterCpu(cpu.id);
    this.sys.current = task;
  }

  /**
   * Takes `task` off its CPU; the CPU then uses the kernel's own table. Linux kernel/sched/core.c:switch to
   * idle
   */
  private leave(task: Task): void {
    for (const cpu of this.cpus) {
      if (this.running[cpu.id] !== task) continue;
      this.running[cpu.id] = undefined;
      switchMmIrqsOff(this.sys, cpu, this.initMm);
    }
    if (this.sys.current === task) this.sys.current = undefined;
  }

  /**
   * `task` waits for something, and its CPU has nothing else to do: the CPU goes lazy, its tables stay.
   * Linux kernel/sched/core.c:context_switch() to the idle task
   */
  goIdle(task: Task): void {
    const cpu = this.cpus[task.cpuId]!;
    if (this.running[cpu.id] !== task) return;
    this.running[cpu.id] = undefined;
    enterLazyTlb(this.sys, cpu);
    if (this.sys.current === task) this.sys.current = undefined;
  }

  private runningOn(cpu: Cpu): Task {
    const task = this.running[cpu.id];
    if (task === undefined) throw new RangeError(`CPU ${cpu.id} faulted, but no task runs on it`);
    return task;
  }

  load(task: Task, va: Vaddr, sizeBytes: number): number {
    return this.enter(task).load(va, sizeBytes);
  }

  store(task: Task, va: Vaddr, sizeBytes: number, value: number): void {
    this.enter(task).store(va, sizeBytes, value);
  }

  fetch(task: Task, va: Vaddr, sizeBytes: number): number {
    return this.enter(task).fetch(va, sizeBytes);
  }

  /**
   * Differs from Linux: the task that faulted is killed; choosing a victim comes with lab 08.
   * Linux mm/oom_kill.c:pagefault_out_of_memory()
   */
  pagefaultOutOfMemory(task: Task, address: Vaddr): never {
    if (!task.oomVictim) countVmEvent(this.sys, OOM_KILL);
    return oomKilled(this, task, address);
  }

  /**
   * Delivers a signal that the task cannot ignore, and abandons the access.
   * Linux kernel/signal.c:force_sig_fault()
   */
  forceSigFault(task: Task, info: SigInfo): never {
    const handler = task.signal.handlers.get(info.signal);
    if (handler === undefined) this.kill(task, info.signal);
    else handler(info);
    throw new SignalError(info, String(task), handler === undefined);
  }

  // -------------------------------------------------------------- birth and death

  private newTask(comm: string, shareWith: Task | undefined, flags: number): Task {
    const pid = this.nextPid++;
    const thread = (flags & CLONE_THREAD) !== 0;
    const signal = thread ? shareWith!.signal : this.copySignal(shareWith);
    const files = this.copyFiles(shareWith, flags);
    const task = new Task(pid, thread ? shareWith!.tgid : pid, comm, this, signal, files);
    if (thread) signal.nrThreads++;
    task.startTimeNs = this.sys.clock.nowNs;
    this.tasks.set(pid, task);
    return task;
  }

  private copySignal(from: Task | undefined): SignalStruct {
    const rlim = from === undefined ? initRlimits() : from.signal.rlim.map((limit) => ({ ...limit }));
    return {
      rlim,
      handlers: new Map(from?.signal.handlers),
      ignoreChildren: from?.signal.ignoreChildren ?? false,
      nrThreads: 1,
      oomScoreAdj: from?.oomScoreAdj ?? 0,
      oomScoreAdjMin: from?.oomScoreAdjMin ?? 0,
      oomFlagOrigin: false,
      cminFlt: 0,
      cmajFlt: 0,
      minFlt: 0,
      majFlt: 0,
      ioac: new TaskIoAccounting(),
      maxRss: 0,
      cmaxRss: 0,
    };
  }

  private copyFiles(from: Task | undefined, flags: number): FdTable {
    if (from === undefined) return new FdTable();
    if ((flags & CLONE_FILES) === 0) return from.files.dup();
    from.files.users++;
    return from.files;
  }

  private adopt(child: Task, parent: Task): void {
    child.parent?.children.delete(child);
    child.parent = parent;
    parent.children.add(child);
  }

  /**
   * A fresh process with an empty address space, child of init. Not in Linux: a program is started by fork
   * and exec.
   */
  spawn(comm = "task"): Task {
    const mm = this.newMm();
    if (typeof mm === "number") throw new RangeError(`no memory for the page table of a new process`);
    mm.startBrk = SPAWN_BRK;
    mm.brk = SPAWN_BRK;
    const task = this.newTask(comm, undefined, 0);
    task.mm = mm;
    this.adopt(task, this.init);
    return task;
  }

  /** An empty address space; or -ENOMEM. Linux kernel/fork.c:mm_alloc() */
  newMm(): MmStruct | number {
    const mm = new MmStruct(this.sys);
    if (pgdAlloc(mm) !== 0) return -ENOMEM;
    mm.mmapBase = MMAP_BASE;
    lruGenAddMm(mm);
    return mm;
  }

  /**
   * A new task like `parent`; the task or a negative errno. Linux kernel/fork.c:copy_process(),
   * kernel_clone()
   */
  clone(parent: Task, flags: number, comm = parent.comm): Task | number {
    this.enter(parent);
    const oldmm = parent.mm!;
    const mm = (flags & CLONE_VM) !== 0 ? oldmm : dupMm(oldmm);
    if (typeof mm === "number") return mm;
    if (mm === oldmm) mm.mmUsers++;
    this.sys.clock.advance(this.sys.costs.forkNs);
    const task = this.newTask(comm, parent, flags);
    task.mm = mm;
    Object.assign(task.cred, parent.cred);
    task.cpuId = parent.cpuId;
    task.cgroup = parent.cgroup;
    if (parent.exeFile !== undefined) task.exeFile = getFile(parent.exeFile);
    task.stackPointer = parent.stackPointer;
    task.fsBase = parent.fsBase;
    this.adopt(task, (flags & CLONE_THREAD) !== 0 ? parent.parent! : parent);
    if ((flags & CLONE_VFORK) !== 0) {
      task.vforkParent = parent;
      parent.state = "D";
      this.leave(parent);
    }
    return task;
  }

  /**
   * Gives `task` another address space, as exec does; the old one ends if nobody else uses it.
   * Linux fs/exec.c:exec_mmap()
   */
  switchMm(task: Task, mm: MmStruct): void {
    const old = task.mm;
    this.leave(task);
    task.mm = mm;
    this.releaseVfork(task);
    if (old === undefined) return;
    setmaxMmHiwaterRss(task.signal, old);
    mmput(old);
  }

  /** The vfork parent goes on. Linux kernel/fork.c:mm_release(), complete_vfork_done() */
  private releaseVfork(task: Task): void {
    if (task.vforkParent === undefined) return;
    if (task.vforkParent.state === "D") task.vforkParent.state = "R";
    task.vforkParent = undefined;
  }

  /** Ends one task. `exitCode` is as wait(2) reports it. Linux kernel/exit.c:do_exit() */
  doExit(task: Task, exitCode: number): void {
    const { mm } = task;
    if (mm === undefined) return;
    this.leave(task);
    this.sys.current = task; // its promises and counters are settled in its name
    if (task.nrThreads === 1) setmaxMmHiwaterRss(task.signal, mm);
    task.mm = undefined;
    task.exitCode = exitCode;
    leakDirtied(this.sys, task.dirty);
    this.releaseVfork(task);
    mmput(mm);
    task.files.put();
    if (task.exeFile !== undefined) fput(task.exeFile);
    task.exeFile = undefined;
    this.sys.current = undefined;
    this.exitNotify(task);
  }

  /**
   * Children go to another thread of the process, or to init. A thread that is not the first vanishes; the
   * first stays as a zombie until all are gone, and the last one's exit code is the process's.
   * Linux kernel/exit.c:exit_notify()
   */
  private exitNotify(task: Task): void {
    const reaper = this.threadsOf(task.tgid).find((thread) => thread.alive) ?? this.init;
    for (const child of [...task.children]) {
      this.adopt(child, reaper);
      if (child.nrThreads === 0) this.autoreap(child);
    }
    task.signal.nrThreads--;
    task.state = "Z";
    const leader = this.tasks.get(task.tgid);
    if (task !== leader) {
      task.signal.minFlt += task.minFlt;
      task.signal.majFlt += task.majFlt;
      task.signal.ioac.add(task.ioac);
      this.releaseTask(task);
    }
    if (task.nrThreads > 0 || leader === undefined) return;
    leader.exitCode = task.exitCode;
    this.autoreap(leader);
  }

  /**
   * A process that has ended leaves no zombie if its parent does not want one.
   * Linux kernel/signal.c:do_notify_parent()
   */
  private autoreap(leader: Task): void {
    if (leader.parent === this.init || leader.parent?.signal.ignoreChildren === true)
      this.releaseTask(leader);
  }

  /** The last trace of a task goes. Linux kernel/exit.c:release_task() */
  releaseTask(task: Task): void {
    task.state = "X";
    task.parent?.children.delete(task);
    this.tasks.delete(task.pid);
  }

  /** Ends the whole process of `task`. Linux kernel/exit.c:do_group_exit() */
  groupExit(task: Task, exitCode: number): void {
    for (const thread of this.threadsOf(task.tgid)) if (thread !== task) this.doExit(thread, exitCode);
    this.doExit(task, exitCode);
  }

  /** Kills the process of `task` with a signal it does not handle. Linux kernel/signal.c:get_signal() */
  kill(task: Task, signal: SignalName): void {
    this.groupExit(task, SIGNALS[signal]);
  }
}
