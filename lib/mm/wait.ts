/**
 * Waiting: a task can do nothing before something else has happened.
 *
 *   sys.sched.waitUntil("io", () => the folio is not locked any more)
 *        what is under way happens, in order of time, on the waiter's own stack, until the condition holds
 *
 * Everything that memory management knows of before a wait may be different after it: look again.
 *
 * Linux kernel/sched/wait.c. Read first: hw/events.ts. Read next: mm/filemap/folio_wait.ts, kernel/sched.ts.
 */
import type { EventQueue, EventRecord } from "../hw/events.js";
import { outOfSteps, VmBug } from "./mmdebug.js";

/**
 * Why a task waits: for a device, for memory to be freed, because it writes faster than the device does, or
 * because it asked to.
 */
export type WaitReason = "io" | "reclaim" | "throttled" | "sleep";

/** Events in one wait after which it has got nowhere. */
export const WAIT_BUDGET = 1_000_000;

/**
 * One bounded batch of a kernel thread's work, as much as Linux does between two cond_resched(). When it
 * wants to go on: a time in ns, now included, or Infinity to sleep until it is woken. Linux kernel/kthread.c:
 * threadfn
 */
export type KthreadWork = (thread: Kthread) => number;

/** A kernel thread. Linux include/linux/kthread.h */
export interface Kthread {
  readonly comm: string;
  readonly work: KthreadWork;
  /** R works (where it has no record in the queue) or wants to, S sleeps. */
  state: "R" | "S";
  /** Since when it wants to go on. */
  dueNs: number;
  /** While it works: when it was told to go on, Infinity unless it was. */
  againNs: number;
  /** CPU time it is owed by programs that used the CPU while it wanted to. Linux sched_entity.vlag */
  lagNs: number;
  /** Until when it keeps a CPU that it has taken from a program. */
  turnEndsNs: number;
  /** Batches so far, and the time they took. Linux sched_info, sum_exec_runtime */
  batches: number;
  cpuNs: number;
  /** Its record in the queue. */
  wakeup: EventRecord | undefined;
}

/** A kernel thread that sleeps. */
export function newKthread(comm: string, work: KthreadWork): Kthread {
  const never = Number.POSITIVE_INFINITY;
  const since = { dueNs: 0, againNs: never, lagNs: 0, turnEndsNs: 0 };
  return { comm, work, state: "S", ...since, batches: 0, cpuNs: 0, wakeup: undefined };
}

/** Who lets time pass for those who wait. Linux kernel/sched/core.c */
export interface SchedOperations {
  /**
   * Returns when `condition` holds; meanwhile others work and the clock goes on.
   * Linux include/linux/wait.h:wait_event()
   */
  waitUntil(reason: WaitReason, condition: () => boolean): void;
  /**
   * Returns when `condition` holds or at `untilNs`; whether it holds. With several programs only devices work
   * meanwhile; the others get their turn afterwards.
   * Linux include/linux/wait.h:wait_event_timeout()
   */
  waitTimeout(reason: WaitReason, condition: () => boolean, untilNs: number): boolean;
  /**
   * Lets time pass until `untilNs` for the one who waits.
   * Linux kernel/time/sleep_timeout.c:io_schedule_timeout()
   */
  waitFor(reason: WaitReason, untilNs: number): void;
  /** Others whose time has come work, if a task is at work. Linux include/linux/sched.h:cond_resched() */
  condResched(): void;
  /**
   * What devices have done by now is known: they interrupt whoever works, in reclaim, too.
   * Linux kernel/softirq.c:irq_exit_rcu()
   */
  interrupts(): void;
  /** A new kernel thread; it sleeps until it is woken. Linux kernel/kthread.c:kthread_create() */
  kthreadCreate(comm: string, work: KthreadWork): Kthread;
  /**
   * `thread` goes on at `atNs` at the latest, now unless given. Linux kernel/sched/core.c:wake_up_process()
   */
  wakeUp(thread: Kthread, atNs?: number): void;
  /**
   * Time of the program that is furthest behind the one that works now; Infinity where there is none.
   * Not in Linux.
   */
  readonly slowestOtherNs: number;
}

/**
 * What a wait throws that has no end: nothing is under way that could make its condition hold. Not in Linux:
 * a hung task.
 */
export function nobodyWillDo(): VmBug {
  return new VmBug("a wait for something that nobody will do");
}

/** Where time passes and events wait. */
interface TimedSystem {
  readonly clock: { nowNs: number };
  readonly events: EventQueue;
}

/**
 * A machine on which only devices work: events happen in order. Not in Linux: for tests of memory management
 * without a kernel.
 */
export class DevicesOnly implements SchedOperations {
  readonly slowestOtherNs = Number.POSITIVE_INFINITY;
  private readonly sys: TimedSystem;

  constructor(sys: TimedSystem) {
    this.sys = sys;
  }

  waitUntil(_reason: WaitReason, condition: () => boolean): void {
    const { clock, events } = this.sys;
    for (let i = 0; !condition(); i++) {
      if (i > WAIT_BUDGET) throw outOfSteps("waiting");
      if (events.happen(clock) === undefined) throw nobodyWillDo();
    }
  }

  waitTimeout(_reason: WaitReason, condition: () => boolean, untilNs: number): boolean {
    const { clock, events } = this.sys;
    while (!condition()) {
      if (events.happen(clock, untilNs) !== undefined) continue;
      clock.nowNs = Math.max(clock.nowNs, untilNs);
      return condition();
    }
    return true;
  }

  condResched(): void {
    // Nobody else is here.
  }

  interrupts(): void {
    const { clock, events } = this.sys;
    while (events.nextNs <= clock.nowNs && events.happen(clock, clock.nowNs) !== undefined);
  }

  kthreadCreate(comm: string, work: KthreadWork): Kthread {
    return newKthread(comm, work);
  }

  wakeUp(): void {
    // No CPU works in the background here.
  }

  waitFor(_reason: WaitReason, untilNs: number): void {
    const { clock, events } = this.sys;
    while (events.happen(clock, untilNs) !== undefined);
    clock.nowNs = Math.max(clock.nowNs, untilNs);
  }
}
