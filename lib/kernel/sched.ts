/**
 * Time: whose it is, who works in it, and how a task waits.
 *
 *   program     ----run----[ waits for the disk ]--run--|safe point|--run-->      CPU 0
 *   flusher                    ---batch---      --batch--                         CPU 1, or CPU 0 while nobody else wants it
 *   disk        ==request======================>| ended                            needs no CPU
 *                                               time -->
 *
 * What will happen are records in one queue (hw/events.ts). They happen
 *
 *   runDue       at a safe point: a system call or a fault begins or ends (kernel.ts)
 *   waitUntil    while a task waits, in order of time, on the waiter's own stack, until what it waits for is true
 *   idle         while the one who sits at the machine lets time pass
 *
 * and never while the clock is merely advanced. A request that ends is an interrupt: it takes nobody's time.
 * A kernel thread is a function that does one bounded batch and says when it wants to go on; it works on a
 * CPU that nobody uses, in that CPU's own time, beside the program. Without such a CPU it takes one from a
 * program, which loses that time:
 *
 *   at once         if it is owed time (lag): it has had less than its half while it wanted the CPU
 *   at the tick     else, with the next interrupt of the timer; then the program has its half until a later one
 *
 * So a thread that has little to do at a time hardly ever waits, and one that always has something to do gets
 * half of the CPU, in pieces of a tick.
 *
 * A notebook looks at the machine from outside, after each step of it: for it time never goes back. Where
 * several programs run at the same time (programs.ts), each has its own, and a wait for a device moves the
 * waiter's time only.
 *
 * Differs from Linux: a kernel thread has no pid and no line in /proc; between safe points nobody is
 * interrupted; who runs next is decided between two, the program on a CPU and one thread.
 *
 * Linux kernel/sched/core.c, kernel/kthread.c. Read first: hw/events.ts, mm/wait.ts. Read next: programs.ts.
 */
import { BLK_COMPLETE } from "../hw/block_device.js";
import { NS_PER_JIFFY } from "../mm/jiffies.js";
import { outOfSteps } from "../mm/mmdebug.js";
import { blkFlushPlug } from "../mm/swap/page_io.js";
import type { MemorySystem } from "../mm/system.js";
import {
  type Kthread,
  type KthreadWork,
  newKthread,
  nobodyWillDo,
  type SchedOperations,
  WAIT_BUDGET,
  type WaitReason,
} from "../mm/wait.js";
import type { Task } from "./task.js";

/** Kind of the event by which a kernel thread goes on. Linux kernel/sched/core.c:wake_up_process() */
const WAKE = "wake_up_process";

/** Time slice of a machine with one CPU, in ns. Linux kernel/sched/fair.c:sysctl_sched_base_slice */
const BASE_SLICE_NS = 700_000;

/** The first tick of the timer behind `ns`. Linux kernel/time/timer.c:update_process_times() */
function tickAfter(ns: number): number {
  return (Math.floor(ns / NS_PER_JIFFY) + 1) * NS_PER_JIFFY;
}

/** One wait of a task that has ended. */
export interface Wait {
  readonly reason: WaitReason;
  readonly fromNs: number;
  readonly toNs: number;
}

/** Who lets time pass on one machine. Linux kernel/sched/core.c */
export class Sched implements SchedOperations {
  /**
   * Until when each CPU is taken.
   * Invariant: outside of runPrograms a CPU whose time is past is free.
   */
  readonly cpuNs: number[];
  /** From when on a program wants each CPU; Infinity where none does. */
  readonly wantedNs: number[];
  /** Since when the program on each CPU has had it. */
  readonly programSinceNs: number[];
  readonly kthreads: Kthread[] = [];
  slowestOtherNs = Number.POSITIVE_INFINITY;
  /** Programs run at the same time (programs.ts), each in its CPU's time. */
  several = false;
  /** With several: waits of the operation that runs now, and when it last went on. */
  waits: Wait[] = [];
  resumedNs = 0;
  private readonly sys: MemorySystem;

  constructor(sys: MemorySystem, nrCpus: number) {
    this.sys = sys;
    this.cpuNs = new Array<number>(nrCpus).fill(0);
    this.wantedNs = new Array<number>(nrCpus).fill(Number.POSITIVE_INFINITY);
    this.programSinceNs = new Array<number>(nrCpus).fill(0);
    sys.events.on(WAKE, (thread, { atNs }) => {
      this.runKthread(thread as Kthread, atNs);
    });
  }

  /**
   * How long a program keeps its CPU when a kernel thread wants it, in ns.
   * Linux kernel/sched/fair.c:get_update_sysctl_factor()
   */
  get sliceNs(): number {
    return BASE_SLICE_NS * (1 + Math.floor(Math.log2(Math.min(8, this.cpuNs.length))));
  }

  // -------------------------------------------------------------- kernel threads

  kthreadCreate(comm: string, work: KthreadWork): Kthread {
    const thread = newKthread(comm, work);
    this.kthreads.push(thread);
    return thread;
  }

  wakeUp(thread: Kthread, atNs = this.sys.clock.nowNs): void {
    if (thread.state === "R" && thread.wakeup === undefined) {
      // It works; a batch that waits must not begin again meanwhile.
      thread.againNs = Math.min(thread.againNs, atNs);
      return;
    }
    if (thread.wakeup !== undefined) {
      if (thread.wakeup.atNs <= atNs || thread.state === "R") return;
      this.sys.events.cancel(thread.wakeup);
    }
    thread.dueNs = atNs;
    if (atNs <= this.sys.clock.nowNs) thread.state = "R";
    thread.wakeup = this.sys.events.post(atNs, WAKE, thread);
  }

  /** A thread's time has come: a batch, if there is a CPU for it. */
  private runKthread(thread: Kthread, atNs: number): void {
    thread.state = "R";
    const cpu = this.cpuFor(thread, atNs);
    if (cpu === undefined) {
      const soonest = Math.min(...this.cpuNs.filter((ns, i) => ns > atNs && this.wantedNs[i]! > ns));
      thread.wakeup = this.sys.events.post(Math.min(soonest, tickAfter(atNs)), WAKE, thread);
      return;
    }
    const doneNs = this.workOn(thread, cpu, Math.max(atNs, this.cpuNs[cpu]!));
    const nextNs = Math.min(doneNs, thread.againNs);
    if (nextNs < Number.POSITIVE_INFINITY) this.wakeUp(thread, Math.max(nextNs, this.cpuNs[cpu]!));
  }

  /** A CPU has nothing to do now: threads that want one need not wait for a tick. Linux pick_next_task() */
  private nobodyWants(): void {
    const { clock, events } = this.sys;
    for (const thread of this.kthreads) {
      const { wakeup, state } = thread;
      if (state !== "R" || wakeup === undefined || wakeup.atNs <= clock.nowNs) continue;
      events.cancel(wakeup);
      thread.wakeup = events.post(clock.nowNs, WAKE, thread);
    }
  }

  /** A CPU that nobody uses at `atNs`, or the one that is free first if its program has to give it up. */
  private cpuFor(thread: Kthread, atNs: number): number | undefined {
    const free = this.cpuNs.findIndex((ns, i) => ns <= atNs && this.wantedNs[i]! > atNs);
    if (free >= 0) return free;
    const first = this.cpuNs.indexOf(Math.min(...this.cpuNs));
    return this.preempts(thread, first, atNs) ? first : undefined;
  }

  /**
   * Whether `thread` takes the CPU from its program: in the middle of its turn; at a tick; or at once when it
   * is owed time and the program has had a slice. Linux kernel/sched/fair.c:check_preempt_wakeup_fair(),
   * entity_tick()
   */
  private preempts(thread: Kthread, cpu: number, atNs: number): boolean {
    if (atNs < thread.turnEndsNs || atNs >= tickAfter(thread.dueNs)) return true;
    return thread.lagNs > 0 && atNs - this.programSinceNs[cpu]! >= this.sliceNs;
  }

  /** What a thread is owed after it has waited for a CPU. Linux kernel/sched/fair.c:update_entity_lag() */
  private waited(thread: Kthread, startNs: number): void {
    thread.lagNs = Math.min(NS_PER_JIFFY, thread.lagNs + (startNs - thread.dueNs) / 2);
    // At the tick at which it has had its share, it is the program's turn.
    if (startNs >= thread.turnEndsNs) thread.turnEndsNs = tickAfter(startNs);
  }

  /** What it is owed after a batch of `ranNs` on a CPU that a program wants, until `doneNs`. */
  private charge(thread: Kthread, cpu: number, ranNs: number, doneNs: number): void {
    thread.lagNs = Math.max(-NS_PER_JIFFY, thread.lagNs - ranNs / 2);
    while (doneNs >= thread.turnEndsNs && thread.lagNs > 0) thread.turnEndsNs += NS_PER_JIFFY;
    this.programSinceNs[cpu] = doneNs;
  }

  /**
   * One batch of `thread` on `cpu` from `startNs` on; the clock and the CPU are the caller's again
   * afterwards.
   */
  private workOn(thread: Kthread, cpu: number, startNs: number): number {
    const { sys } = this;
    const { thisCpu, current, currentKthread, pfMemalloc } = sys;
    const { nowNs } = sys.clock;
    const { resumedNs } = this;
    const contested = this.wantedNs[cpu]! <= startNs;
    let nextNs = Number.POSITIVE_INFINITY;
    if (contested) this.waited(thread, startNs);
    thread.wakeup = undefined;
    thread.againNs = Number.POSITIVE_INFINITY;
    this.cpuNs[cpu] = startNs;
    this.resumedNs = startNs;
    sys.clock.nowNs = startNs;
    sys.thisCpu = cpu;
    sys.current = undefined;
    sys.currentKthread = thread;
    sys.pfMemalloc = false;
    try {
      nextNs = thread.work(thread);
      return nextNs;
    } finally {
      const doneNs = sys.clock.nowNs;
      this.cpuNs[cpu] = doneNs;
      if (contested) this.charge(thread, cpu, doneNs - startNs, doneNs);
      if (nextNs > doneNs) {
        // Who sleeps owes nothing any more.
        thread.lagNs = Math.max(0, thread.lagNs);
        thread.turnEndsNs = 0;
      }
      this.resumedNs = resumedNs;
      thread.state = "S";
      thread.batches++;
      thread.cpuNs += sys.clock.nowNs - startNs;
      sys.clock.nowNs = nowNs;
      sys.thisCpu = thisCpu;
      sys.current = current;
      sys.currentKthread = currentKthread;
      sys.pfMemalloc = pfMemalloc;
    }
  }

  /**
   * What is due happens in the middle of a system call or fault, where Linux would let others work.
   * Linux include/linux/sched.h:cond_resched(); kernel/sched/core.c:__cond_resched()
   */
  condResched(): void {
    const { sys } = this;
    if (sys.current !== undefined && sys.events.nextNs <= sys.clock.nowNs) this.runDue(sys.thisCpu);
  }

  interrupts(): void {
    const { clock, events } = this.sys;
    if (events.nextNs <= clock.nowNs) this.runDevices(clock.nowNs);
  }

  // -------------------------------------------------------------- time passes

  /**
   * A safe point of the program on `cpu`: what is due happens.
   * Linux kernel/entry/common.c:exit_to_user_mode_loop()
   */
  runDue(cpu: number): void {
    const { clock, events } = this.sys;
    if (this.several) {
      // Threads get their turn in order of all programs' times; devices have answered.
      this.runDevices(clock.nowNs);
      return;
    }
    this.cpuNs[cpu] = Math.max(this.cpuNs[cpu]!, clock.nowNs);
    this.wantedNs[cpu] = 0;
    try {
      for (let i = 0; events.nextNs <= clock.nowNs; i++) {
        if (i > WAIT_BUDGET) throw outOfSteps("what is due");
        events.happen(clock);
        clock.nowNs = Math.max(clock.nowNs, this.cpuNs[cpu]!);
      }
    } finally {
      this.wantedNs[cpu] = Number.POSITIVE_INFINITY;
    }
  }

  /** What happens by `untilNs`, in order; the clock is there then. */
  advanceTo(untilNs: number): void {
    const { clock, events } = this.sys;
    for (let i = 0; events.nextNs <= untilNs; i++) {
      if (i > WAIT_BUDGET) throw outOfSteps(`what is due by ${untilNs} ns`);
      events.happen(clock);
    }
    clock.nowNs = Math.max(clock.nowNs, untilNs);
  }

  /**
   * Nobody does anything for `ns` nanoseconds, but devices and kernel threads work. Who goes on afterwards
   * gets his CPU when it is free.
   * Not in Linux: sleep(1) in a shell.
   */
  idle(ns: number): void {
    this.nobodyWants();
    this.advanceTo(this.sys.clock.nowNs + ns);
    this.sys.current = undefined;
  }

  /** Until no device has anything to do. Not in Linux: `sync; sleep 1`. */
  settle(): void {
    this.runDevices(Number.POSITIVE_INFINITY);
  }

  /** What devices have done by `untilNs`. */
  private runDevices(untilNs: number): void {
    const { clock, events } = this.sys;
    while (events.happen(clock, untilNs, BLK_COMPLETE) !== undefined);
  }

  // -------------------------------------------------------------- waiting

  waitUntil(reason: WaitReason, condition: () => boolean): void {
    if (condition()) return;
    const { clock, events } = this.sys;
    const alone = this.slowestOtherNs === Number.POSITIVE_INFINITY;
    const kind = reason === "io" && !alone ? BLK_COMPLETE : undefined;
    this.waiting(reason, () => {
      for (let i = 0; !condition(); i++) {
        if (i > WAIT_BUDGET) throw outOfSteps("waiting");
        const record = events.happen(clock, undefined, kind);
        if (record === undefined) throw nobodyWillDo();
        // What a kernel thread has done is done at the end of its batch.
        if (record.kind === WAKE && condition()) clock.nowNs = Math.max(clock.nowNs, ...this.cpuNs);
      }
    });
  }

  waitTimeout(reason: WaitReason, condition: () => boolean, untilNs: number): boolean {
    if (condition()) return true;
    const { clock, events } = this.sys;
    const kind = this.several ? BLK_COMPLETE : undefined;
    let held = false;
    this.waiting(reason, () => {
      for (let i = 0; !held; i++) {
        if (i > WAIT_BUDGET) throw outOfSteps(`waiting until ${untilNs} ns`);
        const record = events.happen(clock, untilNs, kind);
        if (record === undefined) clock.nowNs = Math.max(clock.nowNs, untilNs);
        held = condition();
        if (record === undefined) break;
        if (record.kind === WAKE && held) clock.nowNs = Math.max(clock.nowNs, ...this.cpuNs);
      }
    });
    return held;
  }

  waitFor(reason: WaitReason, untilNs: number): void {
    const { clock } = this.sys;
    this.waiting(reason, () => {
      if (!this.several) this.advanceTo(untilNs);
      else if (reason === "io") this.runDevices(untilNs);
      // Who dirties without an end in one step must see what the flusher has done by now.
      else if (reason === "throttled") this.advanceTo(clock.nowNs);
      clock.nowNs = Math.max(clock.nowNs, untilNs);
    });
  }

  /**
   * The task leaves its CPU while `act` lets time pass, and gets it back afterwards.
   * Linux kernel/sched/core.c:io_schedule()
   */
  private waiting(reason: WaitReason, act: () => void): void {
    const { sys } = this;
    const { clock, thisCpu } = sys;
    const { plug } = sys.swap;
    const task = sys.current as Task | undefined;
    const fromNs = clock.nowNs;
    const wantedNs = this.wantedNs[thisCpu]!;
    this.leaveCpu(thisCpu);
    if (!this.several) {
      this.wantedNs[thisCpu] = Number.POSITIVE_INFINITY;
      this.nobodyWants();
    }
    if (task !== undefined) task.state = reason === "sleep" ? "S" : "D";
    blkFlushPlug(sys);
    sys.swap.plug = undefined;
    try {
      act();
    } finally {
      sys.swap.plug = plug;
      clock.nowNs = Math.max(clock.nowNs, this.cpuNs[thisCpu]!);
      this.wantedNs[thisCpu] = wantedNs;
      this.programSinceNs[thisCpu] = clock.nowNs;
      this.resumedNs = clock.nowNs;
      if (task?.state === "D" || task?.state === "S") task.state = "R";
      if (task !== undefined) {
        task.waitNs[reason] += clock.nowNs - fromNs;
        if (this.several) this.waits.push({ reason, fromNs, toNs: clock.nowNs });
      }
    }
  }

  /** The one who looks from outside turns to `cpu`, and waits until it is free. */
  enterCpu(cpu: number): void {
    const { clock } = this.sys;
    if (!this.several && this.cpuNs[cpu]! > clock.nowNs) clock.nowNs = this.cpuNs[cpu]!;
  }

  /** What the program on `cpu` has used of it since it went on is over. */
  leaveCpu(cpu: number): void {
    const { nowNs } = this.sys.clock;
    if (this.several) this.cpuNs[cpu]! += nowNs - this.resumedNs;
    else this.cpuNs[cpu] = Math.max(this.cpuNs[cpu]!, nowNs);
    this.resumedNs = nowNs;
  }
}
